"""Orders in: created, amended, decreased and cancelled, one by one, in batches, or all."""

import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from framework.model.orders import TimeInForce
from framework.model.units import E2, E4, Micros, Side, complement
from plugins.sandbox.core.rows import Amendment, NewOrder, Refusal
from plugins.sandbox.fixed_point.wire_orders import (
    AmendOrder,
    Batch,
    CancelledBody,
    CancelOrder,
    CreateOrder,
    DecreaseOrder,
    PlacedBody,
    RefusedItem,
    cancelled_body,
    decreased_body,
    fault_of,
    placed_body,
)
from plugins.sandbox.request import Reply, Request, reply
from plugins.sandbox.selecting import named_shard
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import count_text, read_count, read_price

_Body = TypeVar("_Body")

_SIDES: Final = {"bid": Side.YES, "ask": Side.NO}
_TIMES_IN_FORCE: Final = {
    "good_till_canceled": TimeInForce.GOOD_TILL_CANCELLED,
    "immediate_or_cancel": TimeInForce.IMMEDIATE_OR_CANCEL,
    "fill_or_kill": TimeInForce.FILL_OR_KILL,
}
_SELF_TRADES: Final = frozenset({"taker_at_cross", "maker"})
_LAST_SECOND: Final = 253_402_300_799
"""Of the year 9999: there are no later moments to write."""
_CLIENT_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")


# --------------------------------------------------------------------------------- one order


def create_order(venue: Venue, request: Request) -> Reply:
    """Answer `POST /portfolio/events/orders`: 201 and a flat body without a status."""
    return reply(_create(venue, request.decode(CreateOrder)), 201)


def _create(venue: Venue, body: CreateOrder) -> PlacedBody:
    order = _order_of(body)
    first = venue.repeated(order.client_order_id)
    if first is not None:
        done = [one for one in venue.exchange.fills if one.order_id == first.order_id]
        return placed_body(first, done, first.created_us)
    row, fills, notices = venue.exchange.place(order)
    venue.publish(notices)
    return placed_body(row, fills, venue.exchange.now_us)


def amend_order(venue: Venue, request: Request, order_id: str) -> Reply:
    """Answer `POST /portfolio/events/orders/{id}/amend`; what it trades at once is in the reply."""
    change = _change_of(request.decode(AmendOrder), owner_of(request))
    row, fills, notices = venue.exchange.amend(order_id, change)
    venue.publish(notices)
    return reply(placed_body(row, fills, venue.exchange.now_us))


def decrease_order(venue: Venue, request: Request, order_id: str) -> Reply:
    """Answer `POST /portfolio/events/orders/{id}/decrease`."""
    body = request.decode(DecreaseOrder)
    row, notices = venue.exchange.decrease(
        order_id,
        reduce_by_e2=_size(body.reduce_by),
        reduce_to_e2=_size(body.reduce_to),
        market_ticker=body.market_ticker or None,
        shard=named_shard(body.exchange_index),
        subaccount=owner_of(request),
    )
    venue.publish(notices)
    return reply(decreased_body(row, venue.exchange.now_us))


def cancel_order(venue: Venue, request: Request, order_id: str) -> Reply:
    """Answer `DELETE /portfolio/events/orders/{id}`.

    The market's ticker routes it to the right shard; by its id alone it goes to shard 0.
    """
    query = request.query
    asked = CancelOrder(
        order_id=order_id,
        market_ticker=query.text("market_ticker"),
        subaccount=owner_of(request),
        exchange_index=query.number("exchange_index", -1, least=-1),
    )
    return reply(_cancel(venue, asked))


def _cancel(venue: Venue, asked: CancelOrder) -> CancelledBody:
    row, reduced_e2, notices = venue.exchange.cancel(
        asked.order_id,
        asked.market_ticker or None,
        named_shard(asked.exchange_index),
        asked.subaccount or 0,
    )
    venue.publish(notices)
    return cancelled_body(row, reduced_e2, venue.exchange.now_us)


def cancel_all(venue: Venue, request: Request) -> Reply:
    """Answer `DELETE /portfolio/events/orders`, of one subaccount or of all."""
    owner = request.query.number("subaccount", -1, least=0)
    venue.publish(venue.exchange.cancel_all(None if owner < 0 else owner))
    return reply({})


# ----------------------------------------------------------------------------------- batches


def create_batch(venue: Venue, request: Request) -> Reply:
    """Answer `POST /portfolio/events/orders/batched`; one that is refused stops no other."""
    return _each(request, lambda raw: _created_item(venue, raw), 201)


def _created_item(venue: Venue, raw: Raw) -> object:
    body: CreateOrder | None = None
    try:
        body = _decoded(raw, CreateOrder)
        return _create(venue, body)
    except Refusal as refusal:
        client_id = body.client_order_id if body is not None else None
        return RefusedItem(client_order_id=client_id or UNSET, error=fault_of(refusal))


def cancel_batch(venue: Venue, request: Request) -> Reply:
    """Answer `DELETE /portfolio/events/orders/batched`, which has a body."""
    return _each(request, lambda raw: _cancelled_item(venue, raw), 200)


def _cancelled_item(venue: Venue, raw: Raw) -> object:
    asked: CancelOrder | None = None
    try:
        asked = _decoded(raw, CancelOrder)
        return _cancel(venue, asked)
    except Refusal as refusal:
        return RefusedItem(
            order_id=asked.order_id if asked is not None else "",
            reduced_by=count_text(0),
            error=fault_of(refusal),
        )


def _each(request: Request, answer: Callable[[Raw], object], status: int) -> Reply:
    batch = request.decode(Batch)
    if not batch.orders:
        raise bad("invalid_parameters", "orders must not be empty")
    return reply({"orders": [answer(raw) for raw in batch.orders]}, status)


def _decoded(raw: Raw, shape: type[_Body]) -> _Body:
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad("bad_request", str(error)) from None


# ------------------------------------------------------------------------------- the retired


def retired(_venue: Venue, _request: Request, *_ids: str) -> Reply:
    """Refuse the order paths of the first version, which went in June 2026."""
    raise Refusal(
        410,
        "deprecated_v1_order_endpoint",
        "this endpoint is retired: use /portfolio/events/orders",
    )


# ------------------------------------------------------------------------- reading the bodies


def bad(code: str, details: str | None = None) -> Refusal:
    """Return the refusal of a request that can't be meant."""
    return Refusal(400, code, code.replace("_", " "), details)


def owner_of(request: Request) -> int:
    """Return the subaccount that a write's query names, or the primary one."""
    return request.query.number("subaccount", 0)


def _order_of(body: CreateOrder) -> NewOrder:
    side, limit_e4, quantity_e2 = _terms(body)
    time_in_force = _TIMES_IN_FORCE.get(body.time_in_force)
    if time_in_force is None:
        raise _invalid("time_in_force")
    if body.self_trade_prevention_type not in _SELF_TRADES:
        raise _invalid("self_trade_prevention_type")
    return NewOrder(
        ticker=body.ticker,
        side=side,
        limit_e4=limit_e4,
        quantity_e2=quantity_e2,
        client_order_id=_client_id(body.client_order_id),
        time_in_force=time_in_force,
        post_only=body.post_only,
        reduce_only=body.reduce_only,
        expires_us=_moment(body.expiration_time),
        shard=named_shard(body.exchange_index),
        self_trade_prevention=body.self_trade_prevention_type,
        cancel_on_pause=body.cancel_order_on_pause,
        order_group_id=body.order_group_id or None,
        subaccount=body.subaccount or 0,
    )


def _change_of(body: AmendOrder, subaccount: int) -> Amendment:
    side, limit_e4, total_e2 = _terms(body)
    expires: Micros | UnsetType | None = UNSET
    if body.expiration_time is not UNSET:
        expires = _moment(body.expiration_time or None)
    return Amendment(
        ticker=body.ticker,
        side=side,
        limit_e4=limit_e4,
        total_e2=total_e2,
        client_order_id=body.client_order_id or None,
        new_client_order_id=_client_id(body.updated_client_order_id),
        expires_us=expires,
        shard=named_shard(body.exchange_index),
        subaccount=subaccount,
    )


def _terms(body: CreateOrder | AmendOrder) -> tuple[Side, E4, E2]:
    """Return the side, its limit in its own price, and the size."""
    side, price_e4 = _SIDES.get(body.side), read_price(body.price)
    quantity_e2 = read_count(body.count)
    if side is None:
        raise _invalid("side")
    if price_e4 is None:
        raise bad("invalid_price")
    if not quantity_e2:
        raise bad("invalid_order_size")
    return side, price_e4 if side is Side.YES else complement(price_e4), quantity_e2


def _size(text: str | None) -> E2 | None:
    if text is None:
        return None
    size_e2 = read_count(text)
    if size_e2 is None:
        raise bad("invalid_order_size")
    return size_e2


def _client_id(text: str | None) -> str | None:
    if text and not _CLIENT_ID.fullmatch(text):
        raise _invalid("client_order_id")
    return text or None


def _moment(seconds: int | None) -> Micros | None:
    if seconds is None:
        return None
    if not 0 <= seconds <= _LAST_SECOND:
        raise _invalid("expiration_time")
    return seconds * 1_000_000


def _invalid(field: str) -> Refusal:
    return bad("invalid_parameters", f"invalid {field}")
