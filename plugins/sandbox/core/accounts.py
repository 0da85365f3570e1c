"""The account's money: one portfolio per shard, reservations, and what the lists show of it.

Cash never moves between shards by itself, as on the exchange: an order on a shard needs cash
there.
"""

from collections.abc import Iterable, Mapping

import msgspec

from framework.fees import DIRECT_E6, worst_outlay_e6
from framework.model.market import Market, Settlement
from framework.model.orders import Fill
from framework.model.portfolio import Portfolio, Position
from framework.model.units import E2, E6, Micros, Side, Ticker
from plugins.sandbox.core.rows import FillRow, OrderRow, PositionRow, SettlementRow


class _Tally:
    """What a market's position has traded, realized and paid so far."""

    __slots__ = ("at_us", "fees_e6", "realized_e6", "shard", "traded_e6")

    def __init__(self, shard: int) -> None:
        self.shard = shard
        self.traded_e6: E6 = 0
        self.realized_e6: E6 = 0
        self.fees_e6: E6 = 0
        self.at_us: Micros = 0


class Accounts:
    """Cash and positions by subaccount and shard, booked from fills and settlements only."""

    def __init__(self, cash: Mapping[int, E6], balance_step_e6: E6 = DIRECT_E6) -> None:
        """Open the account.

        Args:
            cash: What it has on each shard.
            balance_step_e6: What its cash is rounded to at each fill, and the fee with it.
        """
        self.balance_step_e6 = balance_step_e6
        self._portfolios = {(0, shard): Portfolio(cash_e6) for shard, cash_e6 in cash.items()}
        self._tallies: dict[Ticker, dict[int, _Tally]] = {}
        self.settled: list[PositionRow] = []
        """What became of positions in markets that were paid, the oldest first."""

    @property
    def cash_e6(self) -> E6:
        """Cash over all subaccounts and shards."""
        return sum(portfolio.cash_e6 for portfolio in self._portfolios.values())

    def cash_by_shard(self, subaccount: int = 0) -> dict[int, E6]:
        """Return a subaccount's cash on every shard."""
        return {
            shard: portfolio.cash_e6
            for (owner, shard), portfolio in self._portfolios.items()
            if owner == subaccount
        }

    def shard(self, shard: int, subaccount: int = 0) -> Portfolio:
        """Return the portfolio of a shard; one without cash is opened at need."""
        return self._portfolios.setdefault((subaccount, shard), Portfolio())

    def cash_of(self, shard: int, subaccount: int = 0) -> E6:
        """Return the cash of a shard; looking opens none."""
        portfolio = self._portfolios.get((subaccount, shard))
        return 0 if portfolio is None else portfolio.cash_e6

    def position(self, market: Market, subaccount: int = 0) -> Position | None:
        """Return the open position in a market, or None when flat."""
        portfolio = self._portfolios.get((subaccount, market.shard))
        return None if portfolio is None else portfolio.position(market.ticker)

    def signed_e2(self, market: Market, subaccount: int = 0) -> E2:
        """Return the net position of a market: positive is YES."""
        return _signed_e2(self.position(market, subaccount))

    def open_positions(self, subaccount: int = 0) -> Iterable[tuple[int, Position]]:
        """Return every position of a subaccount that is not flat, each with its shard."""
        return (
            (shard, position)
            for (owner, shard), portfolio in self._portfolios.items()
            if owner == subaccount
            for position in portfolio
        )

    def book(self, fill: FillRow, market: Market) -> FillRow:
        """Book an execution and return it with the position it leaves."""
        portfolio = self.shard(fill.shard, fill.subaccount)
        realized = portfolio.apply(
            Fill(
                trade_id=fill.trade_id,
                order_id=fill.order_id,
                client_order_id=fill.client_order_id,
                ticker=fill.ticker,
                side=fill.side,
                price_e4=fill.price_e4,
                quantity_e2=fill.quantity_e2,
                fee_e6=fill.fee_e6,
                is_taker=fill.is_taker,
                at_us=fill.at_us,
                shard=fill.shard,
            )
        )
        tallies = self._tallies.setdefault(fill.ticker, {})
        tally = tallies.setdefault(fill.subaccount, _Tally(fill.shard))
        tally.traded_e6 += fill.price_e4 * fill.quantity_e2
        tally.realized_e6 += (realized or 0) + fill.fee_e6
        tally.fees_e6 += fill.fee_e6
        tally.at_us = fill.at_us
        signed_e2 = self.signed_e2(market, fill.subaccount)
        return msgspec.structs.replace(fill, post_position_e2=signed_e2)

    def settle(self, market: Market, settlement: Settlement) -> list[SettlementRow]:
        """Pay a finalized market and return a row for each subaccount that held something."""
        rows: list[SettlementRow] = []
        for subaccount, tally in self._tallies.pop(market.ticker, {}).items():
            held = self.position(market, subaccount)
            won_e6 = 0
            if held is not None:
                self.shard(market.shard, subaccount).settle(settlement)
                row = _paid(market, settlement, held, subaccount)
                rows.append(row)
                won_e6 = row.revenue_e6 - held.cost_e6
            self.settled.append(
                PositionRow(
                    ticker=market.ticker,
                    signed_e2=0,
                    exposure_e6=0,
                    traded_e6=tally.traded_e6,
                    realized_e6=tally.realized_e6 + won_e6,
                    fees_e6=tally.fees_e6,
                    at_us=settlement.at_us,
                    shard=tally.shard,
                    subaccount=subaccount,
                    settled=True,
                )
            )
        return rows

    def positions(self) -> list[PositionRow]:
        """Return every market traded and not settled yet, in the order of first trades."""
        return [
            self._row(ticker, subaccount, tally)
            for ticker, tallies in self._tallies.items()
            for subaccount, tally in tallies.items()
        ]

    def positions_in(self, ticker: Ticker) -> list[PositionRow]:
        """Return one market's positions, one for each subaccount that traded there."""
        tallies = self._tallies.get(ticker, {})
        return [self._row(ticker, subaccount, tally) for subaccount, tally in tallies.items()]

    def _row(self, ticker: Ticker, subaccount: int, tally: _Tally) -> PositionRow:
        held = self.shard(tally.shard, subaccount).position(ticker)
        return PositionRow(
            ticker=ticker,
            signed_e2=_signed_e2(held),
            exposure_e6=0 if held is None else held.cost_e6,
            traded_e6=tally.traded_e6,
            realized_e6=tally.realized_e6,
            fees_e6=tally.fees_e6,
            at_us=tally.at_us,
            shard=tally.shard,
            subaccount=subaccount,
        )


def _paid(market: Market, settlement: Settlement, held: Position, subaccount: int) -> SettlementRow:
    yes = held.side is Side.YES
    pays = settlement.yes_pays_e4 if yes else 10_000 - settlement.yes_pays_e4
    return SettlementRow(
        ticker=market.ticker,
        event_ticker=market.event_ticker,
        result=settlement.result,
        yes_e2=held.quantity_e2 if yes else 0,
        no_e2=0 if yes else held.quantity_e2,
        yes_cost_e6=held.cost_e6 if yes else 0,
        no_cost_e6=0 if yes else held.cost_e6,
        revenue_e6=pays * held.quantity_e2,
        fee_e6=settlement.fee_e6,
        at_us=settlement.at_us,
        shard=market.shard,
        subaccount=subaccount,
    )


def reserved_e6(
    market: Market,
    position_e2: E2,
    orders: Iterable[OrderRow],
    balance_step_e6: E6 = DIRECT_E6,
) -> E6:
    """Return the cash that a market's resting orders hold, worst fees included.

    What an order closes of the position needs none, because each pair frees a dollar; earlier
    orders close first.

    Args:
        market: Whose fees apply.
        position_e2: The signed net position.
        orders: The market's resting orders, the oldest first.
        balance_step_e6: What the account's cash is rounded to at each fill.
    """
    closable = {Side.YES: max(0, -position_e2), Side.NO: max(0, position_e2)}
    total = 0
    for order in orders:
        free = min(order.remaining_e2, closable[order.side])
        closable[order.side] -= free
        terms = market.worst_fee_terms(order.created_us)
        total += worst_outlay_e6(
            order.limit_e4,
            order.remaining_e2 - free,
            terms.fee_type,
            terms.multiplier,
            balance_step_e6,
        )
    return total


def _signed_e2(position: Position | None) -> E2:
    if position is None:
        return 0
    return position.quantity_e2 if position.side is Side.YES else -position.quantity_e2
