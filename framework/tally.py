"""What a run did, counted from its records: considered, bought, sold, settled, won and lost."""

from collections import Counter
from decimal import Decimal

import msgspec

from framework.model.commands import SubmitOrder
from framework.model.events import (
    AccountReported,
    AnyEvent,
    LedgerRead,
    MarketListed,
    MarketSettled,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
)
from framework.model.market import Settlement
from framework.model.orders import Fill, Purpose
from framework.model.portfolio import Portfolio
from framework.model.records import NO_SIGNAL, STAY, Record, Stage, Verdict
from framework.model.units import E2, E6, Ticker, money_of, quantity_of
from framework.working import ENDED_KEPT


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """What one market brought: contracts bought and sold, fees, and net P&L if it is over."""

    ticker: Ticker
    strategy: str | None
    side: str
    bought: Decimal
    sold: Decimal
    entry_price: Decimal
    ended: str
    """`settled yes`, `settled no`, `sold`, or `open`."""
    fees: Decimal
    pnl: Decimal


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """A run in numbers; money in dollars, quantities in contracts."""

    markets: int
    admitted: int
    signals: int
    orders: int
    rejections: dict[str, int]
    refused_by_exchange: int
    fills: int
    bought: Decimal
    sold: Decimal
    settled: int
    fees: Decimal
    gained: Decimal
    lost: Decimal
    """Gained and lost are those of markets that are over, after fees."""
    realized: Decimal
    cash: Decimal
    open_positions: int
    open_cost: Decimal
    """What these were bought for: opening cash + realized = cash + open_cost."""


class _Market:
    __slots__ = (
        "bought_e2",
        "cost_e6",
        "ended",
        "fees_e6",
        "pnl_e6",
        "side",
        "sold_e2",
        "strategy",
    )

    def __init__(self, side: str, strategy: str | None) -> None:
        self.side = side
        self.strategy = strategy
        self.bought_e2: E2 = 0
        self.sold_e2: E2 = 0
        self.cost_e6: E6 = 0
        self.fees_e6: E6 = 0
        self.pnl_e6: E6 = 0
        self.ended = "open"


class Tally:
    """Counts a run while it goes; its own books check the engine's."""

    def __init__(self) -> None:
        self._books = Portfolio()
        self._markets: dict[Ticker, _Market] = {}
        self._owners: dict[str, tuple[str, Purpose]] = {}
        self._nameless: dict[str, Ticker] = {}
        """Fills told before the reply that says whose order it was, by the exchange's id."""
        self._listed = 0
        self._admitted: set[Ticker] = set()
        self._counts: Counter[str] = Counter()
        self._rejections: Counter[str] = Counter()
        self._sold_e2: E2 = 0
        self._bought_e2: E2 = 0

    def update(self, record: Record) -> None:
        """Count one record."""
        self._take(record.event)
        for verdict in record.verdicts:
            self._judge(verdict)
        for command in record.commands:
            if isinstance(command, SubmitOrder):
                order = command.order
                self._counts["orders"] += 1
                self._owners[order.client_order_id] = (order.strategy, order.purpose)
                if len(self._owners) > ENDED_KEPT:
                    del self._owners[next(iter(self._owners))]

    def _take(self, event: AnyEvent) -> None:
        match event:
            case MarketListed():  # by far the most of those that count, so it is asked for first
                self._listed += 1
            case OrderFilled(fill=fill):
                self._fill(fill)
            case OrderAccepted(client_order_id=name, order_id=order_id):
                self._name(name, order_id)
            case MarketSettled(settlement=settlement):
                self._settle(settlement)
            case AccountReported():
                self._report(event)
            case LedgerRead():
                self._restore(event)
            case OrderRejected():
                self._counts["refused"] += 1
            case _:
                pass

    def _judge(self, verdict: Verdict) -> None:
        if verdict.code is None:
            self._counts[verdict.stage] += 1
            if verdict.stage is Stage.FILTER:
                self._admitted.add(verdict.ticker)
        elif verdict.code not in {NO_SIGNAL, STAY}:
            self._rejections[f"{verdict.stage}.{verdict.code}"] += 1

    def _report(self, event: AccountReported) -> None:
        for fill in event.account.fills.rows:
            self._fill(fill)
        for settlement in event.account.settlements.rows:
            self._settle(settlement)
        if event.told_us is not None:
            self._books.all_told(event.told_us)
        if event.account.balances.complete and event.recovery:
            self._books.cash_e6 = event.account.balances.total_e6

    def _restore(self, event: LedgerRead) -> None:
        for owned in event.fills:
            self._books.apply(owned.fill, owned.strategy)
        for settlement in event.settlements:
            self._books.settle(settlement)

    def _settle(self, settlement: Settlement) -> None:
        realized = self._books.settle(settlement)
        market = self._markets.get(settlement.ticker)
        if realized is None or market is None:
            return
        self._counts["settled"] += 1
        market.ended = f"settled {settlement.result}"
        market.pnl_e6 += realized

    def _fill(self, fill: Fill) -> None:
        strategy, purpose = self._owners.get(fill.client_order_id or "", (None, None))
        held = self._books.position(fill.ticker)
        realized = self._books.apply(fill, strategy)
        if realized is None:
            return
        self._counts["fills"] += 1
        market = self._markets.setdefault(fill.ticker, _Market(fill.side, strategy))
        if strategy is None:
            self._nameless[fill.order_id] = fill.ticker
        market.fees_e6 += fill.fee_e6
        market.pnl_e6 += realized
        closes = held is not None and held.side is not fill.side
        if closes or purpose is Purpose.EXIT:
            market.sold_e2 += fill.quantity_e2
            self._sold_e2 += fill.quantity_e2
        else:
            market.bought_e2 += fill.quantity_e2
            market.cost_e6 += fill.price_e4 * fill.quantity_e2
            self._bought_e2 += fill.quantity_e2
        market.ended = "open" if self._books.position(fill.ticker) else "sold"

    def _name(self, client_order_id: str, order_id: str) -> None:
        """Give a market whose first fill overtook the reply to its order its strategy."""
        ticker = self._nameless.pop(order_id, None)
        owner = self._owners.get(client_order_id)
        if ticker is not None and owner is not None and self._markets[ticker].strategy is None:
            self._markets[ticker].strategy = owner[0]

    def trips(self) -> tuple[Trip, ...]:
        """Return what each market brought, in the order they were first traded."""
        return tuple(
            Trip(
                ticker=ticker,
                strategy=market.strategy,
                side=market.side,
                bought=quantity_of(market.bought_e2),
                sold=quantity_of(market.sold_e2),
                entry_price=(
                    money_of(market.cost_e6 // market.bought_e2 * 100)
                    if market.bought_e2
                    else Decimal(0)
                ),
                ended=market.ended,
                fees=money_of(market.fees_e6),
                pnl=money_of(market.pnl_e6),
            )
            for ticker, market in self._markets.items()
        )

    def totals(self) -> Totals:
        """Return the run in numbers."""
        over = [market.pnl_e6 for market in self._markets.values() if market.ended != "open"]
        return Totals(
            markets=self._listed,
            admitted=len(self._admitted),
            signals=self._counts[Stage.SIGNAL],
            orders=self._counts["orders"],
            rejections=dict(sorted(self._rejections.items())),
            refused_by_exchange=self._counts["refused"],
            fills=self._counts["fills"],
            bought=quantity_of(self._bought_e2),
            sold=quantity_of(self._sold_e2),
            settled=self._counts["settled"],
            fees=money_of(self._books.fees_e6),
            gained=money_of(sum(pnl for pnl in over if pnl > 0)),
            lost=money_of(-sum(pnl for pnl in over if pnl < 0)),
            realized=money_of(self._books.realized_e6),
            cash=money_of(self._books.cash_e6),
            open_positions=len(self._books.positions),
            open_cost=money_of(self._books.cost_e6),
        )
