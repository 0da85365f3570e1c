"""What of the wire the fixed-point dialect relies on, taken from the code that speaks it.

Records and frames are the structs that decode; requests and commands are written by the codec
itself from the fullest samples, so this list cannot say something else than what is sent.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, get_args
from uuid import UUID

import msgspec

from framework.model.commands import AmendOrder, CancelOrder
from framework.model.orders import Order, Purpose, TimeInForce
from framework.model.units import Side
from plugins.kalshi.account.portfolio import opening, transferring
from plugins.kalshi.codec import Open, Request, frames
from plugins.kalshi.codec.documented import MESSAGES
from plugins.kalshi.codec.fixed_point import FixedPoint
from plugins.kalshi.codec.fixed_point_orders import Terms
from plugins.kalshi.drift.replies import ORDER_STATUSES, REPLIES, SIDES, Object, Values
from plugins.kalshi.stream.subscriptions import BOOK


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
        replies=REPLIES,
        requests=tuple(_requests()),
        messages=tuple(_messages()),
        commands=tuple(_commands()),
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
    yield _sent([opening()])
    yield _sent([transferring(UUID(int=0), source=0, destination=1, amount=Decimal(1))])


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
        "orderbook_delta": {"side": SIDES},
        "fill": {"outcome_side": SIDES},
        "user_order": {"status": ORDER_STATUSES | {"unknown"}},
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
