"""The most that positions and orders can lose, at their worst.

Open, in-flight and unknown orders count as if they filled whole at their limit and paid the
highest fee; nothing counts on an order that would reduce a position. Within an event whose
markets exclude each other, losses are counted per outcome, because at most one market pays YES.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from framework.fees import DIRECT_E6, worst_outlay_e6
from framework.model.market import Market
from framework.model.portfolio import Portfolio
from framework.model.units import (
    E4,
    E6,
    ONE_DOLLAR_E4,
    Micros,
    Side,
    Ticker,
)
from framework.working import LiveOrder, WorkingOrders

_DAY_US: Final = 86_400_000_000
_YES: Final = Side.YES


def same_day(at_us: Micros, now_us: Micros) -> bool:
    """Return whether two moments fall on one UTC day."""
    return at_us // _DAY_US == now_us // _DAY_US


class WorstCase:
    """Worst-case sums over the portfolio and the working orders, computed when asked."""

    def __init__(
        self,
        portfolio: Portfolio,
        orders: WorkingOrders,
        market: Callable[[Ticker], Market | None],
        mark_e4: Callable[[Ticker, Side], E4 | None],
        balance_step_e6: E6 = DIRECT_E6,
    ) -> None:
        """Look at live state.

        Args:
            portfolio: Positions and cash.
            orders: Every order that may still trade.
            market: A market's record, for its event and fees.
            mark_e4: The last good bid of one side of a market; 0 when nobody bids, None before
                any book was seen.
            balance_step_e6: What cash is rounded to at each fill, and the fee with it.
        """
        self.balance_step_e6 = balance_step_e6
        self._portfolio = portfolio
        self._orders = orders
        self._market = market
        self._mark_e4 = mark_e4
        self._sent: deque[Micros] = deque(maxlen=100_000)
        self._cash: dict[int, E6] = {}
        self.day_from_us: Micros = 0
        """When the UTC day that P&L is counted over began."""
        self.day_to_us: Micros = 0
        """When it is over."""
        self._day_start_e6: E6 = 0

    # ------------------------------------------------------------------------------- cash

    def set_cash(self, shard: int, cash_e6: E6) -> None:
        """Take a shard's cash from the exchange."""
        self._cash[shard] = cash_e6

    def move_cash(self, shard: int, change_e6: E6) -> None:
        """Follow a fill or a settlement."""
        self._cash[shard] = self._cash.get(shard, 0) + change_e6

    def cash_e6(self, shard: int) -> E6:
        """Return the cash of a shard."""
        return self._cash.get(shard, 0)

    # ----------------------------------------------------------------------------- orders

    def note_sent(self, at_us: Micros) -> None:
        """Count an order against the rate limit; one told late counts as sent with the last."""
        sent = self._sent
        sent.append(max(at_us, sent[-1]) if sent else at_us)

    def orders_since(self, at_us: Micros) -> int:
        """Return how many orders were sent since a moment."""
        return len(self._sent) - bisect_right(self._sent, at_us)

    def open_orders(self) -> int:
        """Return how many orders are pending, open or unknown."""
        return sum(1 for _ in self._orders.live())

    def order_cost_e6(self, live: LiveOrder) -> E6:
        """Return what the rest of an entry may still cost, with the worst fee."""
        limit, rest, step = live.worst_e4, live.remaining_e2, self.balance_step_e6
        market = self._market(live.order.ticker)
        if market is None:
            return worst_outlay_e6(limit, rest, step_e6=step)
        terms = market.worst_fee_terms(live.sent_us)
        return worst_outlay_e6(limit, rest, terms.fee_type, terms.multiplier, step)

    def reserved_e6(self, shard: int) -> E6:
        """Return the cash that entries not yet filled may still take on a shard."""
        return sum(
            self.order_cost_e6(live)
            for live in self._orders.live()
            if live.is_entry and live.order.shard == shard
        )

    # --------------------------------------------------------------------------- exposure

    def _losses_e6(self, ticker: Ticker) -> tuple[E6, E6]:
        """Return what a market loses when it pays YES, and when it pays NO; a gain is negative.

        Holdings pay, orders can only hurt: one that would gain may not fill.
        """
        yes = no = 0
        held = self._portfolio.position(ticker)
        if held is not None:
            yes = no = held.cost_e6
            paid = held.quantity_e2 * ONE_DOLLAR_E4
            yes, no = (yes - paid, no) if held.side is _YES else (yes, no - paid)
        for live in self._orders.in_market(ticker):
            if live.is_entry:
                spent = self.order_cost_e6(live)
                hurts = max(spent - live.remaining_e2 * ONE_DOLLAR_E4, 0)
                bought_yes = live.order.side is _YES
                yes += hurts if bought_yes else spent
                no += spent if bought_yes else hurts
        return yes, no

    def in_market_e6(self, ticker: Ticker) -> E6:
        """Return the most this market can lose."""
        return max(*self._losses_e6(ticker), 0)

    def _event_of(self, ticker: Ticker) -> tuple[str, bool]:
        market = self._market(ticker)
        if market is None:
            return ticker, False
        return market.event_ticker, market.mutually_exclusive is True

    def in_event_e6(self, event_ticker: Ticker) -> E6:
        """Return the most an event's markets can lose together."""
        tickers = [t for t in self._at_risk() if self._event_of(t)[0] == event_ticker]
        return self._together_e6(tickers)

    def _together_e6(self, tickers: Sequence[Ticker]) -> E6:
        if len(tickers) == 1:
            return self.in_market_e6(tickers[0])
        losses = [self._losses_e6(ticker) for ticker in tickers]
        if not all(self._event_of(ticker)[1] for ticker in tickers):
            return sum(max(yes, no, 0) for yes, no in losses)
        none_pays = sum(no for _, no in losses)
        return max(none_pays, 0, *(none_pays - no + yes for yes, no in losses))

    def _at_risk(self) -> list[Ticker]:
        held = self._portfolio.positions
        return [*held, *(ticker for ticker in self._orders.tickers() if ticker not in held)]

    def total_e6(self) -> E6:
        """Return the most everything can lose: the sum over events."""
        events: dict[str, list[Ticker]] = {}
        for ticker in self._at_risk():
            events.setdefault(self._event_of(ticker)[0], []).append(ticker)
        return sum(self._together_e6(tickers) for tickers in events.values())

    # -------------------------------------------------------------------------------- day

    def bankroll_e6(self) -> E6:
        """Return all cash, plus positions at their last good bid, else at cost."""
        total = self._portfolio.cash_e6
        for position in self._portfolio:
            mark = self._mark_e4(position.ticker, position.side)
            total += position.cost_e6 if mark is None else mark * position.quantity_e2
        return total

    def equity_e6(self) -> E6:
        """Return the bankroll less what came from outside: what trading has made of it."""
        return self.bankroll_e6() - self._portfolio.external_e6

    def start_day(self, now_us: Micros) -> None:
        """Note the equity at the first event of a UTC day."""
        if not self.day_from_us <= now_us < self.day_to_us:
            self.restart_day(now_us, 0)

    def restart_day(self, now_us: Micros, realized_e6: E6) -> None:
        """Go on with a day after recovery: what earlier runs realized today still counts."""
        self.day_from_us = now_us // _DAY_US * _DAY_US
        self.day_to_us = self.day_from_us + _DAY_US
        self._day_start_e6 = self.equity_e6() - realized_e6

    def pnl_of_day_e6(self) -> E6:
        """Return realized plus unrealized P&L since midnight UTC, or since the start."""
        return self.equity_e6() - self._day_start_e6
