"""Bodies of writes in cents: what a client may ask of an order, and how it is read.

Prices and counts are whole numbers; anything else is no JSON of this shape and refused as such.
"""

import re
from typing import Final

import msgspec
from msgspec import UNSET

from framework.model.orders import TimeInForce
from framework.model.units import E4, ONE_CONTRACT_E2, Side, complement
from plugins.sandbox.cents.numbers import CENT_E4
from plugins.sandbox.core.rows import Amendment, NewOrder, OrderRow
from plugins.sandbox.wire import Problem, refused

_SIDES: Final = {"yes": Side.YES, "no": Side.NO}
_ACTIONS: Final = frozenset({"buy", "sell"})
_TIMES_IN_FORCE: Final = {
    "good_till_canceled": TimeInForce.GOOD_TILL_CANCELLED,
    "immediate_or_cancel": TimeInForce.IMMEDIATE_OR_CANCEL,
    "fill_or_kill": TimeInForce.FILL_OR_KILL,
}
_SELF_TRADES: Final = frozenset({"taker_at_cross", "maker"})
_CLIENT_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_LAST_SECOND: Final = 253_402_300_799
"""Of the year 9999: there are no later moments to write."""
_MOST: Final = 1_000_000_000
"""Contracts of one order."""


class CreateOrder(msgspec.Struct, kw_only=True):
    """The body of a create; the founding document sends the first five fields."""

    ticker: str
    side: str
    count: int
    type: str = "limit"
    yes_price: int | None = None
    no_price: int | None = None
    action: str = "buy"
    client_order_id: str | None = None
    time_in_force: str = "good_till_canceled"
    expiration_ts: int | None = None
    """Unix seconds."""
    post_only: bool = False
    reduce_only: bool = False
    cancel_order_on_pause: bool = False
    self_trade_prevention_type: str = "taker_at_cross"


class CreateOrders(msgspec.Struct):
    """The body of a batch of creates."""

    orders: list[CreateOrder]


class CancelOrders(msgspec.Struct):
    """The body of a batch of cancels."""

    ids: list[str]


class AmendOrder(msgspec.Struct, kw_only=True):
    """The body of an amendment; `count` is what was filled and what is to rest, together."""

    ticker: str
    side: str
    action: str = "buy"
    count: int | None = None
    yes_price: int | None = None
    no_price: int | None = None
    client_order_id: str | None = None
    updated_client_order_id: str | None = None


class DecreaseOrder(msgspec.Struct, kw_only=True):
    """The body of a decrease: one of the two."""

    reduce_by: int | None = None
    reduce_to: int | None = None


class Asked(msgspec.Struct, frozen=True):
    """What a client words as `side` and `action`: the outcome bought, and how it was said."""

    buys: Side
    sold: bool


def asked(side: str, action: str) -> Asked:
    """Read the words; selling an outcome buys the other one."""
    outcome = _SIDES.get(side)
    if outcome is None:
        raise invalid("side")
    if action not in _ACTIONS:
        raise invalid("action")
    sold = action == "sell"
    return Asked(outcome.opposite if sold else outcome, sold)


def order_of(body: CreateOrder) -> NewOrder:
    """Return the order that a create asks for.

    Raises:
        Problem: a field is none that could be meant.
    """
    words = asked(body.side, body.action)
    if body.type != "limit":
        raise invalid("type", "orders are limit orders")
    time_in_force = _TIMES_IN_FORCE.get(body.time_in_force)
    if time_in_force is None:
        raise invalid("time_in_force")
    if body.self_trade_prevention_type not in _SELF_TRADES:
        raise invalid("self_trade_prevention_type")
    limit_e4 = _limit_e4(words.buys, body.yes_price, body.no_price)
    if limit_e4 is None:
        raise invalid("yes_price", "a limit order needs one price")
    client_id = _client_id(body.client_order_id)
    expires = body.expiration_ts
    if expires is not None and not 0 <= expires <= _LAST_SECOND:
        raise invalid("expiration_ts")
    return NewOrder(
        ticker=body.ticker,
        side=words.buys,
        limit_e4=limit_e4,
        quantity_e2=_quantity_e2(body.count),
        client_order_id=client_id,
        time_in_force=time_in_force,
        post_only=body.post_only,
        reduce_only=body.reduce_only,
        expires_us=None if expires is None else expires * 1_000_000,
        self_trade_prevention=body.self_trade_prevention_type,
        cancel_on_pause=body.cancel_order_on_pause,
        lot_e2=ONE_CONTRACT_E2,
    )


def amendment_of(body: AmendOrder, row: OrderRow) -> Amendment:
    """Return the change that an amendment asks for; what it leaves out stays.

    Raises:
        Problem: a field is none that could be meant.
    """
    words = asked(body.side, body.action)
    limit_e4 = _limit_e4(words.buys, body.yes_price, body.no_price)
    return Amendment(
        ticker=body.ticker,
        side=words.buys,
        limit_e4=row.limit_e4 if limit_e4 is None else limit_e4,
        total_e2=row.filled_e2 + row.remaining_e2 if body.count is None else _e2(body.count),
        client_order_id=body.client_order_id or None,
        new_client_order_id=_client_id(body.updated_client_order_id),
        expires_us=UNSET,
    )


def decrease_e2(body: DecreaseOrder) -> tuple[int | None, int | None]:
    """Return by how much, and to how much, a decrease goes; None is absent."""
    by, to = body.reduce_by, body.reduce_to
    return None if by is None else _e2(by), None if to is None else _e2(to)


def invalid(field: str, why: str | None = None) -> Problem:
    """Return the refusal of a field."""
    return refused(400, "invalid_parameters", details=why or f"invalid {field}")


def _limit_e4(buys: Side, yes_price: int | None, no_price: int | None) -> E4 | None:
    """Return the limit in the price of the outcome bought; None when no price was given."""
    if yes_price is not None and no_price is not None:
        raise invalid("no_price", "give one price")
    price = yes_price if no_price is None else no_price
    if price is None:
        return None
    if not 1 <= price <= 99:
        raise refused(400, "invalid_price", details="prices are 1 to 99 cents")
    named = Side.YES if no_price is None else Side.NO
    return price * CENT_E4 if named is buys else complement(price * CENT_E4)


def _quantity_e2(count: int) -> int:
    if not 1 <= count <= _MOST:
        raise refused(400, "invalid_order_size", details="count must be at least 1")
    return count * ONE_CONTRACT_E2


def _e2(count: int) -> int:
    if not 0 <= count <= _MOST:
        raise refused(400, "invalid_order_size", details="count is out of range")
    return count * ONE_CONTRACT_E2


def _client_id(text: str | None) -> str | None:
    if text and not _CLIENT_ID.fullmatch(text):
        raise invalid("client_order_id")
    return text or None
