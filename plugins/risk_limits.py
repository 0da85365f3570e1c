"""Refuses entries that could lose more than is allowed."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Final, Self

from pydantic import Field, model_validator

from framework import (
    Duration,
    Money,
    Order,
    Plugin,
    PortfolioView,
    Price,
    Rejection,
    Snapshot,
    hookimpl,
)
from framework.fees import worst_outlay_e6
from framework.model.units import money_of

_MINUTE: Final = timedelta(minutes=1)


class RiskLimits(Plugin):
    """Refuses an entry order that breaks a limit; exits are never asked.

    Money is counted at its worst. An exposure holds positions and every order that may still
    trade, and the order in hand comes on top. Cash must cover the order's cost and the highest
    fee it can meet, after what other orders on the market's shard have reserved.

    Limits are inclusive: an order that ends exactly at one passes. Only a loss is different:
    once the day has lost `max_daily_loss`, nothing more is risked.

    One answer holds every objection. Its code is that of the first limit broken, in the order
    below, so that counts by code add up to the orders refused; its message gives that one's
    numbers, then code and numbers of each other:

    `price_band`, `order_cost`, `market_exposure`, `event_exposure`, `total_exposure`,
    `open_orders`, `orders_per_minute`, `daily_loss`, `data_age`, `buying_power`

    Data age is what the newest book message had aged on its way. A clock that is off makes it
    negative, which is as wrong as late. Some messages carry no time, on Kalshi every full book,
    and their age is unknown; a book that lost its stream is marked invalid long before it would
    look fresh here, so they pass unless `require_timestamps` is set.
    """

    min_price: Price = Field(
        default=Decimal("0.01"),
        description="Lowest price an entry may pay for its side, in dollars.",
    )
    max_price: Price = Field(
        default=Decimal("0.99"),
        description="Highest price an entry may pay for its side, in dollars.",
    )
    max_order_cost: Money = Field(
        default=Decimal("50.00"),
        gt=0,
        description="Most that one order may cost at its limit, in dollars, without fees.",
    )
    max_market_exposure: Money = Field(
        default=Decimal("100.00"),
        gt=0,
        description="Most that one market may lose, in dollars.",
    )
    max_event_exposure: Money = Field(
        default=Decimal("200.00"),
        gt=0,
        description="Most that the markets of one event may lose together, in dollars.",
    )
    max_total_exposure: Money = Field(
        default=Decimal("1000.00"),
        gt=0,
        description="Most that all markets may lose together, in dollars.",
    )
    max_open_orders: int = Field(
        default=50,
        ge=1,
        description="Most orders that may be pending, open or unknown at once.",
    )
    max_orders_per_minute: int = Field(
        default=60,
        ge=1,
        description="Most orders that may be sent within any minute.",
    )
    max_daily_loss: Money = Field(
        default=Decimal("100.00"),
        gt=0,
        description="Loss since midnight UTC, realized and not, that stops entries, in dollars.",
    )
    max_data_age: Duration = Field(
        default=timedelta(seconds=5),
        gt=timedelta(0),
        description="Most that the newest book message may have aged on its way, a duration.",
    )
    require_timestamps: bool = Field(
        default=False,
        description="Whether to refuse entries on a book whose newest message has no time.",
    )

    @model_validator(mode="after")
    def _is_a_band(self) -> Self:
        if self.min_price > self.max_price:
            raise ValueError(f"min_price ({self.min_price}) is above max_price ({self.max_price})")
        return self

    @hookimpl
    def check_risk(
        self, order: Order, snapshot: Snapshot, portfolio: PortfolioView
    ) -> Rejection | None:
        """Refuse an order with every limit it breaks."""
        broken = [
            *self._price(order),
            *self._exposure(order, snapshot, portfolio),
            *self._pace(portfolio),
            *self._loss(portfolio),
            *self._data_age(snapshot),
            *_buying_power(order, snapshot, portfolio),
        ]
        if not broken:
            return None
        first, *others = broken
        return Rejection(
            first.code, "; ".join([first.message, *(f"{o.code}: {o.message}" for o in others)])
        )

    def _price(self, order: Order) -> Iterator[Rejection]:
        if not self.min_price <= order.limit <= self.max_price:
            band = f"{self.min_price} to {self.max_price}"
            yield Rejection("price_band", f"price {order.limit} is outside {band}")

    def _exposure(
        self, order: Order, snapshot: Snapshot, portfolio: PortfolioView
    ) -> Iterator[Rejection]:
        cost, event = order.cost, snapshot.market.event_ticker
        in_market = portfolio.exposure(order.ticker) + cost
        in_event = portfolio.event_exposure(event) + cost
        in_all = portfolio.exposure() + cost
        yield from _above("order_cost", "dollars", cost, self.max_order_cost)
        yield from _above("market_exposure", "dollars", in_market, self.max_market_exposure)
        yield from _above("event_exposure", "dollars", in_event, self.max_event_exposure)
        yield from _above("total_exposure", "dollars", in_all, self.max_total_exposure)

    def _pace(self, portfolio: PortfolioView) -> Iterator[Rejection]:
        sent = portfolio.orders_within(_MINUTE) + 1
        yield from _above("open_orders", "orders", portfolio.open_orders + 1, self.max_open_orders)
        yield from _above("orders_per_minute", "orders", sent, self.max_orders_per_minute)

    def _loss(self, portfolio: PortfolioView) -> Iterator[Rejection]:
        lost = -portfolio.pnl_of_day
        if not lost < self.max_daily_loss:
            message = f"{lost} dollars lost today, entries stop at {self.max_daily_loss}"
            yield Rejection("daily_loss", message)

    def _data_age(self, snapshot: Snapshot) -> Iterator[Rejection]:
        if snapshot.lag_us is None:
            if self.require_timestamps:
                yield Rejection("data_age", "the newest book message carries no time")
            return
        age = timedelta(microseconds=snapshot.lag_us)
        if not -self.max_data_age <= age <= self.max_data_age:
            seconds, most = age.total_seconds(), self.max_data_age.total_seconds()
            message = f"the newest book message is {seconds} s old, {most} s are allowed"
            yield Rejection("data_age", message)


def _buying_power(
    order: Order, snapshot: Snapshot, portfolio: PortfolioView
) -> Iterator[Rejection]:
    terms = snapshot.market.worst_fee_terms(snapshot.at_us)
    outlay = worst_outlay_e6(
        order.limit_e4,
        order.quantity_e2,
        terms.fee_type,
        terms.multiplier,
        portfolio.balance_step_e6,
    )
    cash = portfolio.buying_power(order.shard)
    yield from _above("buying_power", "dollars with fees", money_of(outlay), cash)


def _above(
    code: str, unit: str, amount: Decimal | int, limit: Decimal | int
) -> Iterator[Rejection]:
    if not amount <= limit:
        yield Rejection(code, f"{amount} {unit}, {limit} are allowed")
