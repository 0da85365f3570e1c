"""What needs a key: orders in and out, and the reads of the portfolio."""

import re
from typing import Final

from framework.model.orders import TimeInForce
from framework.model.units import Side, complement
from plugins.sandbox import selecting
from plugins.sandbox.request import Reply, Request, reply
from plugins.sandbox.rows import NewOrder
from plugins.sandbox.selecting import named_shard
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import read_count, read_price, refused
from plugins.sandbox.wire_account import (
    CreateOrder,
    balance_body,
    cancelled_body,
    created_body,
    event_position_body,
    fill_body,
    order_body,
    position_body,
    settlement_body,
)

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


# --------------------------------------------------------------------------------- writes


def create_order(venue: Venue, request: Request) -> Reply:
    """Answer `POST /portfolio/events/orders`: 201 and a flat body without a status."""
    order = _order_of(request.decode(CreateOrder))
    row, fills, notices = venue.exchange.place(order)
    venue.publish(notices)
    return reply(created_body(row, fills, venue.exchange.now_us), 201)


def _order_of(body: CreateOrder) -> NewOrder:
    side, price_e4 = _SIDES.get(body.side), read_price(body.price)
    time_in_force = _TIMES_IN_FORCE.get(body.time_in_force)
    quantity_e2 = read_count(body.count)
    if side is None:
        raise _invalid("side")
    if time_in_force is None:
        raise _invalid("time_in_force")
    if body.self_trade_prevention_type not in _SELF_TRADES:
        raise _invalid("self_trade_prevention_type")
    if price_e4 is None:
        raise refused(400, "invalid_price")
    if not quantity_e2:
        raise refused(400, "invalid_order_size")
    client_id = body.client_order_id or None
    if client_id is not None and not _CLIENT_ID.fullmatch(client_id):
        raise _invalid("client_order_id")
    expires = body.expiration_time
    if expires is not None and not 0 <= expires <= _LAST_SECOND:
        raise _invalid("expiration_time")
    return NewOrder(
        ticker=body.ticker,
        side=side,
        limit_e4=price_e4 if side is Side.YES else complement(price_e4),
        quantity_e2=quantity_e2,
        client_order_id=client_id,
        time_in_force=time_in_force,
        post_only=body.post_only,
        reduce_only=body.reduce_only,
        expires_us=None if expires is None else expires * 1_000_000,
        shard=named_shard(body.exchange_index),
        self_trade_prevention=body.self_trade_prevention_type,
        cancel_on_pause=body.cancel_order_on_pause,
        order_group_id=body.order_group_id or None,
    )


def _invalid(field: str) -> Exception:
    return refused(400, "invalid_parameters", details=f"invalid {field}")


def cancel_order(venue: Venue, request: Request, order_id: str) -> Reply:
    """Answer `DELETE /portfolio/events/orders/{id}`.

    The market's ticker routes it to the right shard; by its id alone it goes to shard 0.
    """
    ticker = request.query.text("market_ticker")
    shard = named_shard(request.query.number("exchange_index", -1, least=-1))
    row, reduced_e2, notices = venue.exchange.cancel(order_id, ticker, shard)
    venue.publish(notices)
    return reply(cancelled_body(row, reduced_e2, venue.exchange.now_us))


def cancel_all(venue: Venue, _request: Request) -> Reply:
    """Answer `DELETE /portfolio/events/orders`."""
    venue.publish(venue.exchange.cancel_all())
    return reply({})


def retired(_venue: Venue, _request: Request, *_ids: str) -> Reply:
    """Refuse the order paths of the first version, which went in June 2026."""
    raise refused(
        410,
        "deprecated_v1_order_endpoint",
        "this endpoint is retired: use /portfolio/events/orders",
    )


# ------------------------------------------------------------------------ orders and fills


def orders_list(venue: Venue, request: Request) -> Reply:
    """Answer `GET /portfolio/orders`, newest first."""
    found, cursor = selecting.orders(venue, request.query)
    return reply({"orders": [order_body(row) for row in found], "cursor": cursor})


def orders_one(venue: Venue, _request: Request, order_id: str) -> Reply:
    """Answer `GET /portfolio/orders/{id}`."""
    row = venue.exchange.orders.get(order_id)
    if row is None:
        raise refused(404, "not_found")
    return reply({"order": order_body(row)})


def fills(venue: Venue, request: Request) -> Reply:
    """Answer `GET /portfolio/fills`, newest first."""
    found, cursor = selecting.fills(venue, request.query)
    return reply({"fills": [fill_body(row) for row in found], "cursor": cursor})


# ------------------------------------------------------------------ positions and money


def positions(venue: Venue, request: Request) -> Reply:
    """Answer `GET /portfolio/positions`: by market, and summed by event."""
    rows, cursor = selecting.positions(venue, request.query)
    events = selecting.by_event(venue, rows)
    return reply(
        {
            "market_positions": [position_body(row) for row in rows],
            "event_positions": [event_position_body(*event) for event in events.items()],
            "cursor": cursor,
        }
    )


def settlements(venue: Venue, request: Request) -> Reply:
    """Answer `GET /portfolio/settlements`, newest first."""
    found, cursor = selecting.settlements(venue, request.query)
    return reply({"settlements": [settlement_body(row) for row in found], "cursor": cursor})


def balance(venue: Venue, _request: Request) -> Reply:
    """Answer `GET /portfolio/balance`."""
    exchange = venue.exchange
    return reply(
        balance_body(
            exchange.cash_e6,
            exchange.cash_by_shard(),
            exchange.portfolio_value_e6(),
            exchange.now_us,
        )
    )


def limits(venue: Venue, _request: Request) -> Reply:
    """Answer `GET /account/limits`; without limits, the tier they would have."""
    tier = venue.tier
    return reply(
        {
            "usage_tier": tier.name,
            "read": {"refill_rate": tier.read_rate, "bucket_capacity": tier.read_capacity},
            "write": {"refill_rate": tier.write_rate, "bucket_capacity": tier.write_capacity},
            "grants": [],
        }
    )
