"""What of the wire the fixed-point dialect relies on, taken from the code that speaks it.

Records and frames are the structs that decode; requests and commands are written by the codec
itself from the fullest samples, so this list cannot say something else than what is sent.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args

import msgspec

from framework.exchange import MarketQuery
from framework.model.commands import AmendOrder, CancelOrder
from framework.model.market import MarketStatus
from framework.model.orders import Order, Purpose, TimeInForce
from framework.model.units import Side
from plugins.kalshi.account import portfolio
from plugins.kalshi.codec import Open, Request, bodies, frames, records
from plugins.kalshi.codec.documented import FEE_TYPES, MESSAGES, OBJECTS
from plugins.kalshi.codec.fixed_point import FixedPoint
from plugins.kalshi.codec.fixed_point_groups import GroupRecord, QueueRecord
from plugins.kalshi.codec.fixed_point_orders import Terms
from plugins.kalshi.markets.candles import Candle
from plugins.kalshi.markets.schedule import Schedule
from plugins.kalshi.stream.subscriptions import BOOK
from plugins.kalshi.transport.limits import AccountLimits, EndpointCosts

Values = Mapping[str, frozenset[str]]
_SIDES: Final = frozenset(Side)
_ORDER_STATUSES: Final = frozenset({"resting", "canceled", "executed"})
_PAGED: Final = frozenset({"limit", "cursor"})
_OF_ACCOUNT: Final = _PAGED | {"subaccount"}


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


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One body or command that we write, with its fields and the values we may give them."""

    where: str
    body: Mapping[str, frozenset[str] | None]
    """Values are None where they are free."""
    query: frozenset[str] = frozenset()


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """Everything we rely on."""

    replies: tuple[Object, ...]
    requests: tuple[Sent, ...]
    messages: tuple[Object, ...]
    commands: tuple[Sent, ...]


def contract() -> Contract:
    """Return what this version reads and writes in today's dialect."""
    return Contract(
        replies=(*_REPLIES, *_READS),
        requests=tuple(_requests()),
        messages=tuple(_messages()),
        commands=tuple(_commands()),
    )


# ------------------------------------------------------------------------------------ replies

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
    "values": {"status": _ORDER_STATUSES, "outcome_side": _SIDES},
}


class _AsOf(msgspec.Struct):
    as_of_time: str


_REPLIES: Final = (
    Object(
        where="GET /markets",
        place="markets[]",
        query=frozenset(
            FixedPoint().list_markets(
                MarketQuery(series="S", event="E", open_only=True), exclude_combos=True
            )
        )
        | {"tickers", "cursor"},
        **_MARKET,
    ),
    Object(where="GET /markets/{ticker}", place="market", **_MARKET),
    Object(where="GET /events", place="events[]", query=_PAGED | {"tickers", "status"}, **_EVENT),
    Object(where="GET /events/{event_ticker}", place="event", **_EVENT),
    Object(where="GET /series", place="series[]", **_SERIES),
    Object(where="GET /series/{series_ticker}", place="series", **_SERIES),
    Object(
        where="GET /portfolio/orders",
        place="orders[]",
        query=_OF_ACCOUNT | {"ticker", "status", "min_ts"},
        **_ORDER,
    ),
    Object(
        where="GET /portfolio/orders/{order_id}",
        place="order",
        **_ORDER,
    ),
    Object(
        where="GET /portfolio/fills",
        place="fills[]",
        record=records.FillRecord,
        known=OBJECTS["fill"],
        values={"outcome_side": _SIDES},
        query=_OF_ACCOUNT | {"min_ts"},
    ),
    Object(
        where="GET /portfolio/positions",
        place="market_positions[]",
        record=records.PositionRecord,
        known=OBJECTS["position"],
        query=_OF_ACCOUNT | {"count_filter"},
    ),
    Object(
        where="GET /portfolio/settlements",
        place="settlements[]",
        record=records.SettlementRecord,
        known=OBJECTS["settlement"],
        values={"market_result": frozenset({"yes", "no", "scalar"})},
        query=_OF_ACCOUNT | {"min_ts", "ticker"},
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
    Object(where="GET /markets/{ticker}/orderbook", record=records.OrderbookRecord),
    Object(
        where="GET /historical/markets",
        place="markets[]",
        query=_PAGED | {"tickers"},
        **_MARKET,
    ),
    Object(where="GET /historical/markets/{ticker}", place="market", **_MARKET),
    Object(
        where="GET /historical/orders",
        place="orders[]",
        query=_OF_ACCOUNT | {"ticker", "min_ts", "max_ts"},
        **_ORDER,
    ),
    Object(
        where="GET /historical/fills",
        place="fills[]",
        record=records.FillRecord,
        known=OBJECTS["fill"],
        values={"outcome_side": _SIDES},
        query=_OF_ACCOUNT | {"ticker", "min_ts", "max_ts"},
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


_SPAN: Final = "start_ts end_ts period_interval"
_SERIES_PATH: Final = "/series/{series_ticker}"
_READS: Final = (
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
    _page("/historical/cutoff", "", bodies.Cutoff),
    _page(
        "/historical/trades",
        "trades[]",
        bodies.PublicTrade,
        "ticker min_ts max_ts limit cursor",
    ),
    _page("/portfolio/subaccounts/balances", "subaccount_balances[]", portfolio.SubaccountBalance),
    _page(
        "/portfolio/subaccounts/transfers",
        "transfers[]",
        portfolio.SubaccountTransfer,
        "limit cursor",
    ),
    _page("/portfolio/subaccounts/netting", "netting_configs[]", portfolio.Netting),
)

# ----------------------------------------------------------------------------------- requests


def _sample(time_in_force: TimeInForce, **terms: Any) -> Order:
    return Order(
        client_order_id="sample-1",
        strategy="sample",
        ticker="T",
        side=Side.YES,
        limit_e4=9_000,
        quantity_e2=100,
        purpose=Purpose.ENTRY,
        time_in_force=time_in_force,
        **terms,
    )


def _requests() -> Iterator[Sent]:
    codec = FixedPoint(subaccount=1, terms=Terms(cancel_on_pause=True))
    yielding = FixedPoint(terms=Terms(self_trade_prevention="maker"))
    orders = [
        _sample(TimeInForce.GOOD_TILL_CANCELLED, post_only=True, expires_us=1_000_000),
        _sample(TimeInForce.IMMEDIATE_OR_CANCEL, reduce_only=True),
        _sample(TimeInForce.FILL_OR_KILL),
    ]
    yield _sent([codec.create_in(order, "g") for order in orders] + [yielding.create(orders[0])])
    cancel = CancelOrder(client_order_id="c", order_id="o", ticker="T", shard=0, reason="sample")
    yield _sent([codec.cancel(cancel)])
    yield _sent([codec.cancel_all()])
    amended = AmendOrder(
        client_order_id="c", order_id="o", order=orders[0], limit_e4=9_000, quantity_e2=100
    )
    no = msgspec.structs.replace(orders[0], side=Side.NO)
    yield _sent([codec.amend(amended), codec.amend(msgspec.structs.replace(amended, order=no))])
    yield _sent([codec.decrease(cancel, by_e2=1), codec.decrease(cancel, to_e2=1)])
    yield _sent([codec.create_batch(orders, {})])
    yield _sent([codec.cancel_batch([cancel])])
    yield _sent([codec.create_group(1, 0)])
    yield _sent([codec.limit_group("g", 1, 0)])
    for verb in ("reset", "trigger", "delete"):
        yield _sent([codec.change_group("g", verb, 0)])


def _sent(requests: Sequence[Request]) -> Sent:
    """Return what several samples of one request hold together."""
    bodies = [msgspec.json.decode(request.body) if request.body else {} for request in requests]
    return Sent(
        where=f"{requests[0].method} {requests[0].template}",
        body=_fields(bodies),
        query=frozenset(name for request in requests for name in request.query),
    )


_ENUMERATED: Final = frozenset(
    {"side", "time_in_force", "self_trade_prevention_type", "action", "cmd", "channels"}
)


def _fields(bodies: Sequence[Mapping[str, Any]]) -> dict[str, frozenset[str] | None]:
    found: dict[str, frozenset[str] | None] = {}
    for body in bodies:
        for name, value in body.items():
            said = value if isinstance(value, list) else [value]
            before = found.get(name) or frozenset()
            found[name] = before | set(map(str, said)) if name in _ENUMERATED else None
    return found


# ------------------------------------------------------------------------------------- stream


def _messages() -> Iterator[Object]:
    values: dict[str, Values] = {
        "orderbook_delta": {"side": _SIDES},
        "fill": {"outcome_side": _SIDES},
        "user_order": {"status": _ORDER_STATUSES | {"unknown"}},
    }
    for frame in get_args(frames.AnyFrame):
        kind = str(frame.__struct_config__.tag)
        yield Object(
            where=kind,
            record=frame,
            known=MESSAGES.get(kind, frozenset()),
            values=values.get(kind, {}),
        )


def _commands() -> Iterator[Sent]:
    codec, channel = FixedPoint(), Open(BOOK, 1)
    written = [
        codec.subscribe(1, [BOOK], ["T"]),
        codec.subscribe(1, ["ticker", "trade", "fill", "user_orders", "market_lifecycle_v2"], []),
        *(
            codec.update(1, channel, act, ["T"])
            for act in ("add_markets", "delete_markets", "get_snapshot")
        ),
        codec.unsubscribe(1, channel),
    ]
    commands: dict[str, list[Mapping[str, Any]]] = {}
    for text in written:
        command = msgspec.json.decode(text)
        commands.setdefault(command["cmd"], []).append(command["params"])
    for name, params in commands.items():
        yield Sent(where=name, body=_fields(params))
