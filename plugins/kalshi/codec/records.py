"""The objects of REST lists as the exchange writes them today, one struct per object.

A record that lacks a required field or holds an inexact number fails by itself; its page does
not. Unknown fields and enum values are counted, because they announce a change of the wire.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, TypeVar

import msgspec

from framework.model.units import Micros, Side, Ticker
from plugins.kalshi.codec import Drift, Json
from plugins.kalshi.codec.documented import OBJECTS, VALUES
from plugins.kalshi.codec.numbers import time_us


class RangeRecord(msgspec.Struct, frozen=True, gc=False):
    """A part of a price grid."""

    start: str
    end: str
    step: str


class MarketRecord(msgspec.Struct, gc=False):
    """`GET /markets`, `GET /markets/{ticker}`."""

    ticker: Ticker
    event_ticker: Ticker
    status: str
    price_ranges: tuple[RangeRecord, ...]
    title: str = ""
    yes_sub_title: str = ""
    open_time: str | None = None
    close_time: str | None = None
    expected_expiration_time: str | None = None
    can_close_early: bool = False
    yes_bid_dollars: str | None = None
    yes_ask_dollars: str | None = None
    last_price_dollars: str | None = None
    volume_fp: str | None = None
    open_interest_fp: str | None = None
    result: str | None = None
    settlement_value_dollars: str | None = None
    settlement_ts: str | None = None
    fee_waiver_expiration_time: str | None = None
    exchange_index: int | None = None


class EventRecord(msgspec.Struct):
    """`GET /events`, `GET /events/{event_ticker}`."""

    event_ticker: Ticker
    series_ticker: Ticker
    title: str = ""
    mutually_exclusive: bool = False
    collateral_return_type: str | None = None
    fee_type_override: str | None = None
    fee_multiplier_override: Decimal | None = None
    exchange_index: int | None = None


class SeriesRecord(msgspec.Struct):
    """`GET /series`, `GET /series/{series_ticker}`."""

    ticker: Ticker
    fee_type: str
    fee_multiplier: Decimal
    title: str = ""
    category: str = ""
    tags: list[str] | None = None
    exchange_index: int | None = None


class OrderRecord(msgspec.Struct):
    """`GET /portfolio/orders`, `GET /portfolio/orders/{order_id}`."""

    order_id: str
    ticker: Ticker
    outcome_side: Side
    status: str
    yes_price_dollars: str
    initial_count_fp: str
    fill_count_fp: str
    remaining_count_fp: str
    client_order_id: str | None = None
    created_time: str | None = None
    last_update_time: str | None = None
    exchange_index: int = 0


class FillRecord(msgspec.Struct):
    """`GET /portfolio/fills`; REST gives no client order id."""

    order_id: str
    ticker: Ticker
    outcome_side: Side
    yes_price_dollars: str
    count_fp: str
    fee_cost: str
    is_taker: bool
    created_time: str
    trade_id: str | None = None
    fill_id: str | None = None
    exchange_index: int = 0


class Ladders(msgspec.Struct):
    """The bids of both sides, each in its own prices."""

    yes_dollars: list[tuple[str, str]] | None = None
    no_dollars: list[tuple[str, str]] | None = None


class OrderbookRecord(msgspec.Struct):
    """`GET /markets/{ticker}/orderbook`."""

    orderbook_fp: Ladders


class PositionRecord(msgspec.Struct):
    """`GET /portfolio/positions`: YES positive, NO negative."""

    ticker: Ticker
    position_fp: str
    exchange_index: int = 0


class SettlementRecord(msgspec.Struct):
    """`GET /portfolio/settlements`; `value` is cents per YES."""

    ticker: Ticker
    market_result: str
    settled_time: str
    fee_cost: str
    value: int | None = None
    exchange_index: int | None = None


class ShardRecord(msgspec.Struct):
    """One shard's cash."""

    exchange_index: int
    balance: str


class BalanceRecord(msgspec.Struct):
    """`GET /portfolio/balance`; `balance` is cents, truncated."""

    balance: int
    balance_dollars: str | None = None
    balance_breakdown: list[ShardRecord] | None = None


_NONE: Final[dict[str, frozenset[str]]] = {}
_NAMES: Final = ("ticker", "event_ticker", "order_id", "fill_id")
_Record = TypeVar("_Record", bound=msgspec.Struct)


_Value = TypeVar("_Value")


def read_value(
    record: Json,
    kind: str,
    into: type[_Record],
    value: Callable[[_Record], _Value],
    drift: Drift,
    documented: Mapping[str, frozenset[str]] = OBJECTS,
) -> _Value | None:
    """Read a record into a value; one that can't be read fails alone, counted and named."""
    wire = read(record, kind, into, drift, documented)
    if wire is None:
        return None
    try:
        return value(wire)
    except ValueError as fault:
        drift.fail(kind, name_of(record), fault)
        return None


def read(
    record: Json,
    kind: str,
    into: type[_Record],
    drift: Drift,
    documented: Mapping[str, frozenset[str]] = OBJECTS,
) -> _Record | None:
    """Read one record, or count and name why it can't be read."""
    if not record.keys() <= documented[kind]:
        for name in sorted(record.keys() - documented[kind]):
            drift.count(f"{kind}: unknown field {name}")
    for name, known in VALUES.get(kind, _NONE).items():
        said = record.get(name)
        if said and str(said) not in known:
            drift.count(f"{kind}: unknown {name} {str(said)[:40]}")
    try:
        return msgspec.convert(record, into)
    except msgspec.ValidationError as fault:
        drift.fail(kind, name_of(record), fault)
        return None


def name_of(record: Json) -> str:
    """Return what to call a record in a message, whatever it lacks."""
    names = [str(record[key]) for key in _NAMES if record.get(key)]
    return " ".join(names[:2]) or "without a name"


def as_of(record: Json, drift: Drift) -> Micros | None:
    """Return the moment that the account's lists show; None when it can't be read."""
    try:
        return time_us(str(record.get("as_of_time") or ""))
    except ValueError as fault:
        drift.fail("user_data_timestamp", "as_of_time", fault)
        return None
