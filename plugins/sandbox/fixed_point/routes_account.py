"""The reads of the portfolio, which need a key."""

from plugins.sandbox import selecting
from plugins.sandbox.core.rows import PositionRow
from plugins.sandbox.fixed_point.wire_account import (
    event_position_body,
    fill_body,
    order_body,
    position_body,
    settlement_body,
)
from plugins.sandbox.request import Reply, Request, reply
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import refused

# ------------------------------------------------------------------------ orders and fills


def orders_list(venue: Venue, request: Request) -> Reply:
    """Answer `GET /portfolio/orders`, newest first."""
    found, cursor = selecting.orders(venue, request.query)
    return reply({"orders": [order_body(row) for row in found], "cursor": cursor})


def orders_one(venue: Venue, _request: Request, order_id: str) -> Reply:
    """Answer `GET /portfolio/orders/{id}`."""
    row = venue.account.orders.get(order_id)
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
    return positions_reply(venue, *selecting.positions(venue, request.query))


def positions_reply(venue: Venue, rows: list[PositionRow], cursor: str) -> Reply:
    """Return positions by market, and summed by event."""
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
