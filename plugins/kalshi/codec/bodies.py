"""What Kalshi tells beyond the framework's own values, as typed values of its own.

One struct per object of the exchange's REST pages, read by its wire names: exact text becomes
interned `Decimal` dollars and contracts, an empty price becomes None, times are aware datetimes.
A field that is missing fails its record by name; one that is new is counted in `surprises`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import ClassVar, TypeVar

import msgspec

from framework.model.events import TradePrinted
from framework.model.fees import FeeChange
from framework.model.market import micros
from framework.model.units import (
    Micros,
    Side,
    Ticker,
    money_of,
    price_of,
    quantity_of,
    to_e2,
    to_e4,
    to_e6,
)
from plugins.kalshi.codec import Drift, Json


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """One object of the exchange's."""

    also: ClassVar[frozenset[str]] = frozenset()
    """Documented fields that nobody here reads."""


_Body = TypeVar("_Body", bound=Body)


def read(record: object, into: type[_Body], name: str, drift: Drift) -> _Body | None:
    """Read one object; one that can't be read fails alone, counted and named."""
    kind = into.__name__
    if isinstance(record, dict):
        for field in sorted(record.keys() - set(into.__struct_encode_fields__) - into.also):
            drift.count(f"{kind}: unknown field {field}")
    try:
        return msgspec.convert(record, into)
    except msgspec.ValidationError as fault:
        drift.fail(kind, name, fault)
        return None


def exact(body: Body, unit: Callable[[Decimal], Decimal | None], *names: str) -> None:
    """Replace fields of a new body by their exact, interned values; None stays None.

    Raises:
        ValueError: a value is finer than its unit, or none at all; msgspec names the field's body.
    """
    for name in names:
        value = getattr(body, name)
        if value is not None:
            msgspec.structs.force_setattr(body, name, unit(value))


def price(value: Decimal) -> Decimal:
    """Return a price of 0 to 1 dollar."""
    price_e4 = to_e4(value)
    if not 0 <= price_e4 <= 10_000:
        raise ValueError(f"not a price between 0 and 1 dollar: {value}")
    return price_of(price_e4)


def quote(value: Decimal) -> Decimal | None:
    """Return a quoted price; 0 and 1 dollar stand for an empty side."""
    found = price(value)
    return found if 0 < found < 1 else None


def contracts(value: Decimal) -> Decimal:
    """Return a number of contracts."""
    return quantity_of(to_e2(value))


def money(value: Decimal) -> Decimal:
    """Return an amount in dollars."""
    return money_of(to_e6(value))


def in_utc(at: datetime) -> datetime:
    """Return a moment with its zone; the exchange's times without one are in UTC."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)


# ---------------------------------------------------------------------------------- exchange


class ShardStatus(Body, frozen=True, kw_only=True):
    """Whether one matching engine runs."""

    exchange_index: int
    exchange_active: bool
    trading_active: bool
    intra_exchange_transfers_active: bool | None = None
    description: str = ""


class ExchangeStatus(Body, frozen=True, kw_only=True):
    """`GET /exchange/status`: the flags here are shard 0's, where shards are told too."""

    exchange_active: bool
    """False: nothing works, not even a cancel."""
    trading_active: bool
    """False: no order is taken or changed; cancels are."""
    intra_exchange_transfers_active: bool | None = None
    exchange_estimated_resume_time: datetime | None = None
    exchange_index_statuses: tuple[ShardStatus, ...] | None = None


class SeriesFeeChange(Body, frozen=True, kw_only=True):
    """One row of `GET /series/fee_changes`."""

    id: str
    series_ticker: Ticker
    fee_type: str
    fee_multiplier: Decimal
    scheduled_ts: datetime

    @property
    def change(self) -> FeeChange:
        """The same as the framework's value."""
        return _change(self.scheduled_ts, self.fee_type, self.fee_multiplier)


class EventFeeChange(Body, frozen=True, kw_only=True):
    """One row of `GET /events/fee_changes`; two None clear the event's override."""

    id: str
    event_ticker: Ticker
    series_ticker: Ticker | None = None
    fee_type_override: str | None = None
    fee_multiplier_override: Decimal | None = None
    scheduled_ts: datetime

    @property
    def change(self) -> FeeChange:
        """The same as the framework's value."""
        return _change(self.scheduled_ts, self.fee_type_override, self.fee_multiplier_override)


def _change(at: datetime, fee_type: str | None, multiplier: Decimal | None) -> FeeChange:
    return FeeChange(at_us=micros(in_utc(at)), fee_type=fee_type, multiplier=multiplier)


class Cutoff(Body, frozen=True, kw_only=True):
    """`GET /historical/cutoff`: what is older is only told under `/historical`."""

    market_settled_ts: datetime
    trades_created_ts: datetime
    orders_updated_ts: datetime
    market_positions_last_updated_ts: datetime | None = None

    @property
    def trades_us(self) -> Micros:
        """The cutoff of trades and fills."""
        return micros(in_utc(self.trades_created_ts))

    @property
    def orders_us(self) -> Micros:
        """The cutoff of finished orders."""
        return micros(in_utc(self.orders_updated_ts))


# ------------------------------------------------------------------------------ market data


class PublicTrade(Body, frozen=True, kw_only=True, rename={"quantity": "count_fp"}):
    """One row of `GET /markets/trades`."""

    also = frozenset({"taker_side", "no_price_dollars"})

    trade_id: str
    ticker: Ticker
    quantity: Decimal
    yes_price_dollars: Decimal
    created_time: datetime
    taker_outcome_side: Side | None = None
    taker_book_side: str | None = None
    is_block_trade: bool = False

    def __post_init__(self) -> None:
        exact(self, contracts, "quantity")
        exact(self, price, "yes_price_dollars")

    @property
    def event(self) -> TradePrinted:
        """The same as the event that the stream would have told, at the moment of the trade."""
        at_us = micros(in_utc(self.created_time))
        return TradePrinted(
            at_us=at_us,
            ticker=self.ticker,
            trade_id=self.trade_id,
            yes_price_e4=to_e4(self.yes_price_dollars),
            quantity_e2=to_e2(self.quantity),
            taker_side=self.taker_outcome_side,
            exchange_us=at_us,
        )


def rows(page: Json, key: str) -> list[object]:
    """Return a list of a body that may be absent or null."""
    found = page.get(key)
    return found if isinstance(found, list) else []
