"""What needs a key: orders in and out, and the reads of the portfolio."""

import re
from collections.abc import Callable
from typing import Final

from framework.model.orders import TimeInForce
from framework.model.units import Side, complement
from plugins.sandbox.request import Query, Reply, Request, page_of, reply
from plugins.sandbox.rows import FillRow, NewOrder, OrderRow, PositionRow, SettlementRow
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import bad_parameter, read_count, read_price, refused
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
_STATUSES: Final = frozenset({"resting", "canceled", "executed"})
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
        shard=_shard(body.exchange_index),
        self_trade_prevention=body.self_trade_prevention_type,
        cancel_on_pause=body.cancel_order_on_pause,
        order_group_id=body.order_group_id or None,
    )


def _invalid(field: str) -> Exception:
    return refused(400, "invalid_parameters", details=f"invalid {field}")


def _shard(index: int | None) -> int | None:
    """Return the shard that was named; -1 leaves it to the exchange, like nothing at all."""
    return None if index is None or index < 0 else index


def cancel_order(venue: Venue, request: Request, order_id: str) -> Reply:
    """Answer `DELETE /portfolio/events/orders/{id}`.

    The market's ticker routes it to the right shard; by its id alone it goes to shard 0.
    """
    ticker = request.query.text("market_ticker")
    shard = _shard(request.query.number("exchange_index", -1, least=-1))
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
    query = request.query
    status = query.text("status")
    if status is not None and status not in _STATUSES:
        raise refused(400, "bad_request", details="invalid status filter")
    of_market = _in_market(venue, query)
    in_time, on_shard = _in_time(query), _on_shard(query)

    def keep(row: OrderRow) -> bool:
        return (
            (status is None or row.status == status)
            and of_market(row.ticker)
            and in_time(row.created_us)
            and on_shard(row.shard)
        )

    rows = tuple(venue.exchange.orders.values())
    found, cursor = page_of(query).newest_first(rows, keep)
    return reply({"orders": [order_body(row) for row in found], "cursor": cursor})


def orders_one(venue: Venue, _request: Request, order_id: str) -> Reply:
    """Answer `GET /portfolio/orders/{id}`."""
    row = venue.exchange.orders.get(order_id)
    if row is None:
        raise refused(404, "not_found")
    return reply({"order": order_body(row)})


def fills(venue: Venue, request: Request) -> Reply:
    """Answer `GET /portfolio/fills`, newest first."""
    query = request.query
    order_id = query.text("order_id")
    of_market = _in_market(venue, query)
    in_time, on_shard = _in_time(query), _on_shard(query)

    def keep(row: FillRow) -> bool:
        return (
            (order_id is None or row.order_id == order_id)
            and of_market(row.ticker)
            and in_time(row.at_us)
            and on_shard(row.shard)
        )

    found, cursor = page_of(query).newest_first(venue.exchange.fills, keep)
    return reply({"fills": [fill_body(row) for row in found], "cursor": cursor})


def _in_market(venue: Venue, query: Query) -> Callable[[str], bool]:
    tickers, events = query.listed("ticker"), query.listed("event_ticker")
    if events is not None and len(events) > 10:
        raise bad_parameter("Invalid value for parameter event_ticker: at most 10")
    if tickers is not None and len(tickers) > 100:
        raise bad_parameter("Invalid value for parameter ticker: at most 100")

    def keep(ticker: str) -> bool:
        return (tickers is None or ticker in tickers) and (
            events is None or venue.exchange.markets[ticker].event_ticker in events
        )

    return keep


def _in_time(query: Query) -> Callable[[int], bool]:
    earliest, latest = query.seconds("min_ts"), query.seconds("max_ts")
    return lambda at_us: (
        (earliest is None or at_us >= earliest) and (latest is None or at_us <= latest)
    )


def _on_shard(query: Query) -> Callable[[int], bool]:
    shard = _shard(query.number("exchange_index", -1, least=-1))
    return lambda index: shard is None or index == shard


# ------------------------------------------------------------------ positions and money


def positions(venue: Venue, request: Request) -> Reply:
    """Answer `GET /portfolio/positions`: by market, and summed by event."""
    query = request.query
    counted = query.listed("count_filter") or frozenset()
    if not counted <= {"position", "total_traded"}:
        raise refused(400, "bad_request", details="invalid count filter")
    of_market, on_shard = _in_market(venue, query), _on_shard(query)

    def keep(row: PositionRow) -> bool:
        return (
            of_market(row.ticker)
            and on_shard(row.shard)
            and ("position" not in counted or row.signed_e2 != 0)
            and ("total_traded" not in counted or row.traded_e6 != 0)
        )

    rows, cursor = page_of(query).oldest_first(venue.exchange.positions(), keep)
    by_event: dict[str, list[PositionRow]] = {}
    for row in rows:
        by_event.setdefault(venue.exchange.markets[row.ticker].event_ticker, []).append(row)
    return reply(
        {
            "market_positions": [position_body(row) for row in rows],
            "event_positions": [event_position_body(*event) for event in by_event.items()],
            "cursor": cursor,
        }
    )


def settlements(venue: Venue, request: Request) -> Reply:
    """Answer `GET /portfolio/settlements`, newest first."""
    query = request.query
    of_market, in_time = _in_market(venue, query), _in_time(query)

    def keep(row: SettlementRow) -> bool:
        return of_market(row.ticker) and in_time(row.at_us)

    found, cursor = page_of(query).newest_first(venue.exchange.settlements, keep)
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
