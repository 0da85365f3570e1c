"""The most that positions and orders can lose, at their worst.

Open, in-flight and unknown orders count as if they filled whole at their limit and paid the
highest fee; nothing counts on an order that would reduce a position. Within an event whose
markets exclude each other, losses are counted per outcome, because at most one market pays YES.
"""

from collections import deque
from collections.abc import Callable, Iterable

from framework.fees import worst_fee_e6
from framework.model.market import Market
from framework.model.portfolio import Portfolio
from framework.model.units import (
    E2,
    E4,
    E6,
    ONE_DOLLAR_E4,
    Micros,
    Side,
    Ticker,
    cost_e6,
)
from framework.working import LiveOrder, WorkingOrders

_DAY_US = 86_400_000_000


def same_day(at_us: Micros, now_us: Micros) -> bool:
    """Return whether two moments fall on one UTC day."""
    return at_us // _DAY_US == now_us // _DAY_US


def _day_of(at_us: Micros) -> range:
    start = at_us // _DAY_US * _DAY_US
    return range(start, start + _DAY_US)


class _Leg:
    """What one market adds to its event: holdings pay, orders can only hurt."""

    __slots__ = ("cost_e6", "held_e2", "orders")

    def __init__(self) -> None:
        self.cost_e6: E6 = 0
        self.held_e2 = {Side.YES: 0, Side.NO: 0}
        self.orders: list[tuple[Side, E4, E2, E6]] = []

    def loss_e6(self, outcome: Side) -> E6:
        """Return what this market loses when it pays `outcome`; a gain is negative."""
        loss = self.cost_e6 - self.held_e2[outcome] * ONE_DOLLAR_E4
        for side, limit, quantity, fee in self.orders:
            change = cost_e6(limit, quantity) + fee
            if side is outcome:
                change -= quantity * ONE_DOLLAR_E4
            loss += max(change, 0)  # an order that would gain may not fill
        return loss

    def worst_e6(self) -> E6:
        """Return the larger loss of the two outcomes, never below zero."""
        return max(self.loss_e6(Side.YES), self.loss_e6(Side.NO), 0)


class WorstCase:
    """Worst-case sums over the portfolio and the working orders, computed when asked."""

    def __init__(
        self,
        portfolio: Portfolio,
        orders: WorkingOrders,
        market: Callable[[Ticker], Market | None],
        mark_e4: Callable[[Ticker, Side], E4 | None],
    ) -> None:
        """Look at live state.

        Args:
            portfolio: Positions and cash.
            orders: Every order that may still trade.
            market: A market's record, for its event and fees.
            mark_e4: The last good bid of one side of a market; 0 when nobody bids, None before
                any book was seen.
        """
        self._portfolio = portfolio
        self._orders = orders
        self._market = market
        self._mark_e4 = mark_e4
        self._sent: deque[Micros] = deque(maxlen=100_000)
        self._cash: dict[int, E6] = {}
        self.today = range(0)
        """The moments of the UTC day that P&L is counted over."""
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
        """Count an order against the rate limit."""
        self._sent.append(at_us)

    def orders_since(self, at_us: Micros) -> int:
        """Return how many orders were sent since a moment."""
        count = 0
        for sent in reversed(self._sent):
            if sent <= at_us:
                break
            count += 1
        return count

    def open_orders(self) -> int:
        """Return how many orders are pending, open or unknown."""
        return sum(1 for _ in self._orders.live())

    def order_cost_e6(self, live: LiveOrder) -> E6:
        """Return what the rest of an entry may still cost, with the worst fee."""
        return cost_e6(live.worst_e4, live.remaining_e2) + self._fee_e6(live)

    def _fee_e6(self, live: LiveOrder) -> E6:
        market = self._market(live.order.ticker)
        if market is None:
            return worst_fee_e6(live.worst_e4, live.remaining_e2)
        terms = market.worst_fee_terms(live.sent_us)
        return worst_fee_e6(live.worst_e4, live.remaining_e2, terms.fee_type, terms.multiplier)

    def reserved_e6(self, shard: int) -> E6:
        """Return the cash that entries not yet filled may still take on a shard."""
        return sum(
            self.order_cost_e6(live)
            for live in self._orders.live()
            if live.is_entry and live.order.shard == shard
        )

    # --------------------------------------------------------------------------- exposure

    def _leg(self, ticker: Ticker) -> _Leg:
        leg = _Leg()
        held = self._portfolio.position(ticker)
        if held is not None:
            leg.cost_e6 = held.cost_e6
            leg.held_e2[held.side] = held.quantity_e2
        for live in self._orders.in_market(ticker):
            if live.is_entry:
                order = live.order
                leg.orders.append(
                    (order.side, live.worst_e4, live.remaining_e2, self._fee_e6(live))
                )
        return leg

    def in_market_e6(self, ticker: Ticker) -> E6:
        """Return the most this market can lose."""
        return self._leg(ticker).worst_e6()

    def _event_of(self, ticker: Ticker) -> tuple[str, bool]:
        market = self._market(ticker)
        if market is None:
            return ticker, False
        return market.event_ticker, market.mutually_exclusive is True

    def in_event_e6(self, event_ticker: Ticker) -> E6:
        """Return the most an event's markets can lose together."""
        tickers = [t for t in self._at_risk() if self._event_of(t)[0] == event_ticker]
        return self._together_e6(tickers)

    def _together_e6(self, tickers: Iterable[Ticker]) -> E6:
        tickers = list(tickers)
        legs = [self._leg(ticker) for ticker in tickers]
        if not all(self._event_of(ticker)[1] for ticker in tickers):
            return sum(leg.worst_e6() for leg in legs)
        none_pays = sum(leg.loss_e6(Side.NO) for leg in legs)
        outcomes = [none_pays - leg.loss_e6(Side.NO) + leg.loss_e6(Side.YES) for leg in legs]
        return max(none_pays, *outcomes, 0) if legs else 0

    def _at_risk(self) -> list[Ticker]:
        held = list(self._portfolio.positions)
        return held + [t for t in self._orders.tickers() if t not in self._portfolio.positions]

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
        if now_us not in self.today:
            self.today, self._day_start_e6 = _day_of(now_us), self.equity_e6()

    def restart_day(self, now_us: Micros, realized_e6: E6) -> None:
        """Go on with a day after recovery: what earlier runs realized today still counts."""
        self.today = _day_of(now_us)
        self._day_start_e6 = self.equity_e6() - realized_e6

    def pnl_of_day_e6(self) -> E6:
        """Return realized plus unrealized P&L since midnight UTC, or since the start."""
        return self.equity_e6() - self._day_start_e6
