"""Every object of a REST reply that we read, with the parameters that we may ask for it with.

What a run needs and what `exchange.reads` tells besides; several records may be read of one reply.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from framework.exchange import MarketQuery
from framework.model.market import MarketStatus
from framework.model.units import Side
from plugins.kalshi.account import portfolio
from plugins.kalshi.codec import bodies, records
from plugins.kalshi.codec.documented import FEE_TYPES, OBJECTS
from plugins.kalshi.codec.fixed_point import FixedPoint
from plugins.kalshi.codec.fixed_point_groups import GroupRecord, QueueRecord
from plugins.kalshi.markets.candles import Candle, Prices, Quotes
from plugins.kalshi.markets.market_filter import MarketFilter
from plugins.kalshi.markets.schedule import Schedule
from plugins.kalshi.transport.limits import AccountLimits, EndpointCosts

Values = Mapping[str, frozenset[str]]
SIDES: Final = frozenset(Side)
ORDER_STATUSES: Final = frozenset({"resting", "canceled", "executed"})
_PAGED: Final = frozenset({"limit", "cursor"})
_OF_ACCOUNT: Final = _PAGED | {"subaccount"}
_SPAN_OF_TIME: Final = frozenset({"min_ts", "max_ts"})


class Object(msgspec.Struct, frozen=True, kw_only=True):
    """One object that we read: of a reply (`place` in it) or of a message."""

    where: str
    """An operation, such as `GET /markets`, or a message's `type`."""
    record: type[msgspec.Struct]
    place: str = ""
    """The way to it through the body, such as `markets[]`; empty is the body itself."""
    known: frozenset[str] = frozenset()
    """Documented fields, used or not; none when any new field is welcome."""
    values: Values = {}
    """Enumerations of which we know every value."""
    query: frozenset[str] = frozenset()
    """The parameters we may send with it."""


_MARKET: Final[dict[str, Any]] = {
    "record": records.MarketRecord,
    "known": OBJECTS["market"],
    "values": {
        "status": frozenset(MarketStatus) - {MarketStatus.UNKNOWN},
        "result": frozenset({"yes", "no", "scalar", ""}),
    },
}
_EVENT: Final[dict[str, Any]] = {
    "record": records.EventRecord,
    "known": OBJECTS["event"],
    "values": {"fee_type_override": FEE_TYPES},
}
_SERIES: Final[dict[str, Any]] = {
    "record": records.SeriesRecord,
    "known": OBJECTS["series"],
    "values": {"fee_type": FEE_TYPES},
}
_ORDER: Final[dict[str, Any]] = {
    "record": records.OrderRecord,
    "known": OBJECTS["order"],
    "values": {"status": ORDER_STATUSES, "outcome_side": SIDES},
}


class _AsOf(msgspec.Struct):
    as_of_time: str


class _BookRow(records.OrderbookRecord):
    """One of `GET /markets/orderbooks`."""

    ticker: str


class _CandlesRow(msgspec.Struct):
    """The candles of one market among many."""

    market_ticker: str
    candlesticks: list[Candle]


class _EventCandles(msgspec.Struct):
    """`market_candlesticks` holds a list of candles for each of `market_tickers`."""

    market_tickers: list[str]
    adjusted_end_ts: int | None = None


def _short(record: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return prices of a candle with the names of the archive, which are without suffixes."""
    return msgspec.defstruct(
        record.__name__, [(name, Decimal | None, None) for name in record.__struct_fields__]
    )


_ARCHIVED_CANDLE: Final = msgspec.defstruct(
    "ArchivedCandle",
    [
        ("end_period_ts", int),
        ("yes_bid", _short(Quotes) | None, None),
        ("yes_ask", _short(Quotes) | None, None),
        ("price", _short(Prices) | None, None),
        ("volume", Decimal | None, None),
        ("open_interest", Decimal | None, None),
    ],
)

_OF_A_RUN: Final = (
    Object(
        where="GET /markets",
        place="markets[]",
        query=frozenset(
            FixedPoint().list_markets(
                MarketQuery(series="S", event="E", open_only=True), exclude_combos=True
            )
        )
        | (frozenset(MarketFilter.__struct_fields__) - {"event", "series", "combos"})
        | {"cursor"},
        **_MARKET,
    ),
    Object(where="GET /markets/{ticker}", place="market", **_MARKET),
    Object(
        where="GET /events",
        place="events[]",
        query=_PAGED
        | {
            "tickers",
            "status",
            "series_ticker",
            "with_nested_markets",
            "min_close_ts",
            "min_updated_ts",
        },
        **_EVENT,
    ),
    Object(
        where="GET /events/{event_ticker}",
        place="event",
        query=frozenset({"with_nested_markets"}),
        **_EVENT,
    ),
    Object(
        where="GET /series",
        place="series[]",
        query=frozenset({"category", "tags", "min_updated_ts"}),
        **_SERIES,
    ),
    Object(where="GET /series/{series_ticker}", place="series", **_SERIES),
    Object(
        where="GET /portfolio/orders",
        place="orders[]",
        query=_OF_ACCOUNT | _SPAN_OF_TIME | {"ticker", "status"},
        **_ORDER,
    ),
    Object(
        where="GET /portfolio/orders/{order_id}",
        place="order",
        query=frozenset({"subaccount"}),
        **_ORDER,
    ),
    Object(
        where="GET /portfolio/fills",
        place="fills[]",
        record=records.FillRecord,
        known=OBJECTS["fill"],
        values={"outcome_side": SIDES},
        query=_OF_ACCOUNT | _SPAN_OF_TIME | {"ticker", "order_id"},
    ),
    Object(
        where="GET /portfolio/positions",
        place="market_positions[]",
        record=records.PositionRecord,
        known=OBJECTS["position"],
        query=_OF_ACCOUNT | {"count_filter", "settlement_status", "ticker", "event_ticker"},
    ),
    Object(
        where="GET /portfolio/settlements",
        place="settlements[]",
        record=records.SettlementRecord,
        known=OBJECTS["settlement"],
        values={"market_result": frozenset({"yes", "no", "scalar"})},
        query=_OF_ACCOUNT | _SPAN_OF_TIME | {"ticker", "event_ticker"},
    ),
    Object(
        where="GET /portfolio/balance",
        record=records.BalanceRecord,
        known=OBJECTS["balance"],
        query=frozenset({"subaccount"}),
    ),
    Object(
        where="GET /portfolio/order_groups",
        place="order_groups[]",
        record=GroupRecord,
        query=frozenset({"subaccount", "exchange_index"}),
    ),
    Object(
        where="GET /portfolio/order_groups/{order_group_id}",
        record=GroupRecord,
        query=frozenset({"subaccount", "exchange_index"}),
    ),
    Object(
        where="GET /portfolio/orders/queue_positions",
        place="queue_positions[]",
        record=QueueRecord,
        query=frozenset({"subaccount", "market_tickers", "event_ticker"}),
    ),
    Object(where="GET /portfolio/orders/{order_id}/queue_position", record=QueueRecord),
    Object(
        where="GET /markets/{ticker}/orderbook",
        record=records.OrderbookRecord,
        query=frozenset({"depth"}),
    ),
    Object(
        where="GET /historical/markets",
        place="markets[]",
        query=_PAGED | {"tickers", "event_ticker", "series_ticker"},
        **_MARKET,
    ),
    Object(where="GET /historical/markets/{ticker}", place="market", **_MARKET),
    Object(
        where="GET /historical/orders",
        place="orders[]",
        query=_OF_ACCOUNT | _SPAN_OF_TIME | {"ticker"},
        **_ORDER,
    ),
    Object(
        where="GET /historical/fills",
        place="fills[]",
        record=records.FillRecord,
        known=OBJECTS["fill"],
        values={"outcome_side": SIDES},
        query=_OF_ACCOUNT | _SPAN_OF_TIME | {"ticker"},
    ),
    Object(where="GET /exchange/user_data_timestamp", record=_AsOf),
    Object(where="GET /account/limits", record=AccountLimits),
    Object(where="GET /account/endpoint_costs", record=EndpointCosts),
)


def _page(where: str, place: str, record: type[bodies.Body], query: str = "") -> Object:
    """Return one of the typed reads; a new field there is worth a note."""
    known = frozenset(record.__struct_encode_fields__) | record.also
    return Object(
        where=f"GET {where}",
        place=place,
        record=record,
        known=known,
        query=frozenset(query.split()),
    )


def _also(where: str, place: str, record: type[msgspec.Struct]) -> Object:
    """Return what is read of a reply besides; its parameters stand there already."""
    return Object(where=f"GET {where}", place=place, record=record)


_SPAN: Final = "start_ts end_ts period_interval"
_SERIES_PATH: Final = "/series/{series_ticker}"
_EVENT_CANDLES: Final = f"{_SERIES_PATH}/events/{{event_ticker}}/candlesticks"
_BESIDES: Final = (
    _page("/exchange/status", "", bodies.ExchangeStatus),
    _page("/exchange/schedule", "schedule", Schedule),
    _page(
        "/series/fee_changes",
        "series_fee_change_arr[]",
        bodies.SeriesFeeChange,
        "series_ticker show_historical",
    ),
    _page(
        "/events/fee_changes",
        "event_fee_changes[]",
        bodies.EventFeeChange,
        "event_ticker limit cursor",
    ),
    _page(
        "/markets/trades",
        "trades[]",
        bodies.PublicTrade,
        "ticker min_ts max_ts is_block_trade limit cursor",
    ),
    _page(
        f"{_SERIES_PATH}/markets/{{ticker}}/candlesticks",
        "candlesticks[]",
        Candle,
        f"{_SPAN} include_latest_before_start",
    ),
    _page("/markets/candlesticks", "markets[].candlesticks[]", Candle, f"market_tickers {_SPAN}"),
    _also("/markets/candlesticks", "markets[]", _CandlesRow),
    _page(_EVENT_CANDLES, "market_candlesticks[][]", Candle, _SPAN),
    _also(_EVENT_CANDLES, "", _EventCandles),
    Object(
        where="GET /historical/markets/{ticker}/candlesticks",
        place="candlesticks[]",
        record=_ARCHIVED_CANDLE,
        query=frozenset(_SPAN.split()),
    ),
    _also("/events", "events[].markets[]", records.MarketRecord),
    _also("/events/{event_ticker}", "event.markets[]", records.MarketRecord),
    Object(
        where="GET /markets/orderbooks",
        place="orderbooks[]",
        record=_BookRow,
        query=frozenset({"tickers"}),
    ),
    _page("/historical/cutoff", "", bodies.Cutoff),
    _page(
        "/historical/trades",
        "trades[]",
        bodies.PublicTrade,
        "ticker min_ts max_ts limit cursor",
    ),
    _page(
        "/historical/positions",
        "market_positions[]",
        portfolio.MarketPosition,
        "ticker event_ticker limit cursor subaccount",
    ),
    _also("/portfolio/balance", "", portfolio.Balance),
    _also("/portfolio/positions", "market_positions[]", portfolio.MarketPosition),
    _also("/portfolio/positions", "event_positions[]", portfolio.EventPosition),
    _also("/account/limits", "", portfolio.Tier),
    _page("/portfolio/subaccounts/balances", "subaccount_balances[]", portfolio.SubaccountBalance),
    _page(
        "/portfolio/subaccounts/transfers",
        "transfers[]",
        portfolio.SubaccountTransfer,
        "limit cursor",
    ),
    _page("/portfolio/subaccounts/netting", "netting_configs[]", portfolio.Netting),
)
REPLIES: Final = (*_OF_A_RUN, *_BESIDES)
"""All of it."""
