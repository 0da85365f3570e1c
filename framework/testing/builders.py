"""Values for tests of plugins, with sensible terms where a test does not care.

Prices, money and quantities are given as a user writes them (`"0.92"`, `100`) and are exact; a
float is refused here as everywhere. Every builder is a plain function of its arguments: no
clock, no counter, so two equal calls build equal values.
"""

# ruff: noqa: PLR0913 - builders take what they build

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from framework.fees import DIRECT_E6
from framework.model.book import OrderBook
from framework.model.market import WHOLE_CENT, Market, MarketStatus, PriceGrid, Settlement
from framework.model.orders import Fill, Order, Purpose, TimeInForce, Urgency
from framework.model.portfolio import Portfolio, Position
from framework.model.units import E6, Micros, Side, Ticker, to_e2, to_e4, to_e6
from framework.model.view import PortfolioView, Snapshot, Touch, Trade

Number: TypeAlias = str | int | Decimal
"""An exact number as a test writes it."""
Levels: TypeAlias = Iterable[tuple[Number, Number]]
"""(price, contracts) of bids, each in its own side's prices."""

SECOND_US: Final[Micros] = 1_000_000
MINUTE_US: Final[Micros] = 60 * SECOND_US
HOUR_US: Final[Micros] = 60 * MINUTE_US
NOW_US: Final[Micros] = 1_768_478_400 * SECOND_US
"""The moment tests happen at unless they say otherwise: 2026-01-15 12:00 UTC."""
TICKER: Final[Ticker] = "KXHIGHNY-26JAN15-B56.5"
EVENT: Final[Ticker] = "KXHIGHNY-26JAN15"
OWNER: Final = "under_test"
"""The strategy that owns what the builders order and hold."""


def _e4(price: Number | None) -> int | None:
    return None if price is None else to_e4(price)


def market(
    ticker: Ticker = TICKER,
    *,
    event_ticker: Ticker = EVENT,
    series_ticker: Ticker | None = "",
    category: str | None = None,
    status: MarketStatus = MarketStatus.ACTIVE,
    grid: PriceGrid = WHOLE_CENT,
    open_us: Micros | None = NOW_US - 24 * HOUR_US,
    close_us: Micros | None = NOW_US + 6 * HOUR_US,
    yes_bid: Number | None = "0.92",
    yes_ask: Number | None = "0.93",
    volume: Number | None = 20_000,
    fee_type: str = "quadratic",
    fee_multiplier: Number = 1,
    shard: int = 0,
) -> Market:
    """Return an open, liquid market on a favourite; None is an empty side or unknown."""
    return Market(
        ticker=ticker,
        event_ticker=event_ticker,
        series_ticker=event_ticker.partition("-")[0] if series_ticker == "" else series_ticker,
        category=category,
        status=status,
        grid=grid,
        open_us=open_us,
        close_us=close_us,
        yes_bid_e4=_e4(yes_bid),
        yes_ask_e4=_e4(yes_ask),
        volume_e2=None if volume is None else to_e2(volume),
        fee_type=fee_type,
        fee_multiplier=Decimal(fee_multiplier),
        shard=shard,
    )


def book(yes: Levels = (), no: Levels = ()) -> OrderBook:
    """Return a book with these bids; YES is offered at a dollar less each NO bid."""
    built = OrderBook()
    built.replace(
        {to_e4(price): to_e2(size) for price, size in yes},
        {to_e4(price): to_e2(size) for price, size in no},
    )
    return built


def snapshot(
    listed: Market | None = None,
    *,
    yes: Levels = (("0.92", 500),),
    no: Levels = (("0.07", 500),),
    held: OrderBook | None = None,
    at_us: Micros = NOW_US,
    lag_us: Micros | None = 20_000,
    trades: Iterable[Trade] = (),
    siblings: Mapping[Ticker, Touch] | None = None,
    observations: Mapping[str, Decimal] | None = None,
) -> Snapshot:
    """Return a market at a moment.

    Args:
        listed: The market record; `market()` by default.
        yes: YES bids.
        no: NO bids.
        held: A book of the test's own, instead of `yes` and `no`.
        at_us: The present moment.
        lag_us: The age of the newest book message when it arrived.
        trades: The last public trades, newest first.
        siblings: The touch of the event's other markets.
        observations: Outside data by key.
    """
    return Snapshot.of(
        market() if listed is None else listed,
        book(yes, no) if held is None else held,
        at_us,
        lag_us=lag_us,
        trades=tuple(trades),
        siblings=siblings,
        observations=observations,
    )


def order(
    *,
    ticker: Ticker = TICKER,
    side: Side = Side.YES,
    limit: Number = "0.93",
    quantity: Number = 10,
    purpose: Purpose = Purpose.ENTRY,
    strategy: str = OWNER,
    client_order_id: str = "run-1",
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELLED,
    post_only: bool = False,
    reduce_only: bool = False,
    urgency: Urgency | None = None,
    shard: int = 0,
) -> Order:
    """Return an entry order that takes the default snapshot's ask."""
    return Order(
        client_order_id=client_order_id,
        ticker=ticker,
        side=side,
        limit_e4=to_e4(limit),
        quantity_e2=to_e2(quantity),
        purpose=purpose,
        strategy=strategy,
        time_in_force=time_in_force,
        post_only=post_only,
        reduce_only=reduce_only,
        urgency=urgency,
        shard=shard,
    )


def fill(
    trade_id: str = "trade-1",
    *,
    ticker: Ticker = TICKER,
    side: Side = Side.YES,
    price: Number = "0.93",
    quantity: Number = 10,
    fee: Number = 0,
    is_taker: bool = True,
    at_us: Micros = NOW_US,
    order_id: str = "order-1",
    client_order_id: str | None = "run-1",
    shard: int = 0,
) -> Fill:
    """Return an execution of ours; selling YES at p is buying NO at a dollar less p."""
    return Fill(
        trade_id=trade_id,
        order_id=order_id,
        client_order_id=client_order_id,
        ticker=ticker,
        side=side,
        price_e4=to_e4(price),
        quantity_e2=to_e2(quantity),
        fee_e6=to_e6(fee),
        is_taker=is_taker,
        at_us=at_us,
        shard=shard,
    )


def position(
    *,
    ticker: Ticker = TICKER,
    side: Side = Side.YES,
    entry: Number = "0.93",
    quantity: Number = 10,
    strategy: str | None = OWNER,
    opened_us: Micros = NOW_US - HOUR_US,
) -> Position:
    """Return a holding of `quantity` contracts bought at `entry` dollars each."""
    return Position(
        ticker=ticker,
        side=side,
        quantity_e2=to_e2(quantity),
        cost_e6=to_e4(entry) * to_e2(quantity),
        strategy=strategy,
        opened_us=opened_us,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedExposure:
    """Exposure as a test states it, in the units of `framework.model.view.Exposure`.

    What is not stated is zero; cash is the same on every shard unless `by_shard` says more.
    """

    cash: E6 = 0
    by_shard: Mapping[int, E6] | None = None
    reserved: E6 = 0
    market: E6 = 0
    event: E6 = 0
    total: E6 = 0
    orders_open: int = 0
    sent_us: tuple[Micros, ...] = ()
    pnl_of_day: E6 = 0
    bankroll: E6 | None = None
    """None is the cash: nothing is held."""
    balance_step_e6: E6 = DIRECT_E6

    def in_market_e6(self, ticker: Ticker) -> E6:  # noqa: ARG002 - the protocol's name
        """Return the stated exposure of any market."""
        return self.market

    def in_event_e6(self, event_ticker: Ticker) -> E6:  # noqa: ARG002 - the protocol's name
        """Return the stated exposure of any event."""
        return self.event

    def total_e6(self) -> E6:
        """Return the stated exposure of everything."""
        return self.total

    def reserved_e6(self, shard: int) -> E6:  # noqa: ARG002 - the protocol's name
        """Return the stated reserve of any shard."""
        return self.reserved

    def open_orders(self) -> int:
        """Return the stated number of open orders."""
        return self.orders_open

    def orders_since(self, at_us: Micros) -> int:
        """Return how many of the stated sends are not before a moment."""
        return sum(sent >= at_us for sent in self.sent_us)

    def pnl_of_day_e6(self) -> E6:
        """Return the stated P&L since midnight UTC."""
        return self.pnl_of_day

    def cash_e6(self, shard: int) -> E6:
        """Return a shard's cash."""
        return self.cash if self.by_shard is None else self.by_shard.get(shard, 0)

    def bankroll_e6(self) -> E6:
        """Return the stated bankroll."""
        return self.cash if self.bankroll is None else self.bankroll


def _by_shard(cash: Mapping[int, Number] | None) -> dict[int, E6] | None:
    return None if cash is None else {shard: to_e6(held) for shard, held in cash.items()}


def _booked(cash: Number, fills: Iterable[Fill], settlements: Iterable[Settlement]) -> Portfolio:
    money = Portfolio(to_e6(cash))
    for done in fills:
        money.apply(done, OWNER)
    for paid in settlements:
        money.settle(paid)
    return money


def portfolio_view(
    *fills: Fill,
    cash: Number = 10_000,
    cash_by_shard: Mapping[int, Number] | None = None,
    reserved: Number = 0,
    market_exposure: Number = 0,
    event_exposure: Number = 0,
    total_exposure: Number = 0,
    open_orders: int = 0,
    sent_us: Iterable[Micros] = (),
    pnl_of_day: Number = 0,
    bankroll: Number | None = None,
    settlements: Iterable[Settlement] = (),
    balance_step_e6: E6 = DIRECT_E6,
    at_us: Micros = NOW_US,
) -> PortfolioView:
    """Return a portfolio after `fills`, beside exposure in dollars as stated.

    Args:
        fills: Executions, booked in this order; they make positions and activity.
        cash: Cash before the fills; also the buying power of every shard unless stated.
        cash_by_shard: Cash of single shards; the others have none.
        reserved: What unfilled orders may still take.
        market_exposure: The most any market can lose.
        event_exposure: The most any event can lose.
        total_exposure: The most everything can lose.
        open_orders: Orders pending, open or unknown.
        sent_us: When orders were sent.
        pnl_of_day: Realized plus unrealized P&L since midnight UTC.
        bankroll: Cash and positions together; the cash unless stated.
        settlements: Payments, booked after the fills.
        balance_step_e6: What cash is rounded to at each fill, and the fee with it.
        at_us: The present moment.
    """
    money = _booked(cash, fills, settlements)
    stated = StatedExposure(
        cash=money.cash_e6,
        by_shard=_by_shard(cash_by_shard),
        reserved=to_e6(reserved),
        market=to_e6(market_exposure),
        event=to_e6(event_exposure),
        total=to_e6(total_exposure),
        orders_open=open_orders,
        sent_us=tuple(sent_us),
        pnl_of_day=to_e6(pnl_of_day),
        bankroll=None if bankroll is None else to_e6(bankroll),
        balance_step_e6=balance_step_e6,
    )
    return PortfolioView(money, stated, at_us)
