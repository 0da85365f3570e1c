"""Orders in cents: in, out, changed and read.

Paths and bodies are the founding document's; what it does not have (amend, decrease, batches,
places in the queue) is as recorded in January 2026.
"""

from typing import Final

import msgspec

from plugins.sandbox import selecting
from plugins.sandbox.cents.counter import CentsCounter
from plugins.sandbox.cents.numbers import contracts, is_served
from plugins.sandbox.cents.wire_account import OrderBody, order_body
from plugins.sandbox.cents.wire_orders import (
    AmendOrder,
    CancelOrders,
    CreateOrder,
    CreateOrders,
    DecreaseOrder,
    amendment_of,
    asked,
    decrease_e2,
    invalid,
    order_of,
)
from plugins.sandbox.core.rows import OrderRow, Refusal
from plugins.sandbox.request import Reply, Request, reply
from plugins.sandbox.wire import Problem, refused

MOST_IN_A_BATCH: Final = 10
"""A second's worth of writes: more could never be paid for."""
_NOT_FOUND: Final = (404, "not_found", "order not found")


class CreatedBody(msgspec.Struct):
    """One order of a batch of creates: what became of it, or why nothing did."""

    order: OrderBody | None
    error: msgspec.Raw | None
    client_order_id: str | None = None


class CancelledBody(msgspec.Struct):
    """One order of a batch of cancels."""

    order_id: str
    order: OrderBody | None
    reduced_by: int
    error: msgspec.Raw | None


# -------------------------------------------------------------------------------------- reads


def listed(counter: CentsCounter, request: Request) -> Reply:
    """Answer `GET /portfolio/orders`, newest first."""
    found, cursor = selecting.orders(counter.venue, request.query)
    return reply({"orders": [_body(counter, row) for row in found], "cursor": cursor})


def one(counter: CentsCounter, _request: Request, order_id: str) -> Reply:
    """Answer `GET /portfolio/orders/{id}`."""
    row = counter.venue.account.orders.get(order_id)
    if row is None:
        raise refused(*_NOT_FOUND)
    return reply({"order": _body(counter, row)})


def queue_position(counter: CentsCounter, _request: Request, order_id: str) -> Reply:
    """Answer `GET /portfolio/orders/{id}/queue_position`."""
    return reply({"queue_position": contracts(counter.exchange.queue_position_e2(order_id))})


def queue_positions(counter: CentsCounter, request: Request) -> Reply:
    """Answer `GET /portfolio/orders/queue_positions`, of some markets or of all."""
    tickers = request.query.listed("market_tickers")
    found = [
        {
            "order_id": row.order_id,
            "market_ticker": row.ticker,
            "queue_position": contracts(ahead_e2),
        }
        for row, ahead_e2 in counter.exchange.queue_positions()
        if tickers is None or row.ticker in tickers
    ]
    return reply({"queue_positions": found})


def _body(counter: CentsCounter, row: OrderRow) -> OrderBody:
    return order_body(row, sold=row.order_id in counter.sold)


# ------------------------------------------------------------------------------------- writes


def _row(counter: CentsCounter, order_id: str) -> OrderRow:
    """Return an order as it is; what is read may lag behind, what is written does not."""
    row = counter.exchange.orders.get(order_id)
    if row is None:
        raise refused(*_NOT_FOUND)
    return row


def create(counter: CentsCounter, request: Request) -> Reply:
    """Answer `POST /portfolio/orders`: 201 and the order."""
    row = _create(counter, request.decode(CreateOrder))
    return reply({"order": _body(counter, row)}, 201)


def _create(counter: CentsCounter, body: CreateOrder) -> OrderRow:
    order = order_of(body)
    market = counter.exchange.markets.get(order.ticker)
    if market is not None and not is_served(market):
        raise refused(404, "not_found", f"market {order.ticker} not found")
    first = counter.venue.repeated(order.client_order_id)
    if first is not None:
        return first
    row, _, notices = counter.exchange.place(order)
    if asked(body.side, body.action).sold:
        counter.sold.add(row.order_id)
    counter.venue.publish(notices)
    return row


def cancel(counter: CentsCounter, _request: Request, order_id: str) -> Reply:
    """Answer `DELETE /portfolio/orders/{id}`: 204 and nothing more."""
    _cancel(counter, order_id)
    return Reply(204, b"")


def _cancel(counter: CentsCounter, order_id: str) -> tuple[OrderRow, int]:
    """Cancel an order wherever it rests; this dialect knows no shards."""
    ticker = _row(counter, order_id).ticker
    row, reduced_e2, notices = counter.exchange.cancel(order_id, ticker)
    counter.venue.publish(notices)
    return row, reduced_e2


def amend(counter: CentsCounter, request: Request, order_id: str) -> Reply:
    """Answer `POST /portfolio/orders/{id}/amend`: the order before and after."""
    old = _row(counter, order_id)
    change = amendment_of(request.decode(AmendOrder), old)
    row, _, notices = counter.exchange.amend(order_id, change)
    counter.venue.publish(notices)
    return reply({"old_order": _body(counter, old), "order": _body(counter, row)})


def decrease(counter: CentsCounter, request: Request, order_id: str) -> Reply:
    """Answer `POST /portfolio/orders/{id}/decrease`."""
    by_e2, to_e2 = decrease_e2(request.decode(DecreaseOrder))
    ticker = _row(counter, order_id).ticker
    row, notices = counter.exchange.decrease(
        order_id, reduce_by_e2=by_e2, reduce_to_e2=to_e2, market_ticker=ticker
    )
    counter.venue.publish(notices)
    return reply({"order": _body(counter, row)})


# ------------------------------------------------------------------------------------ batches


def create_batch(counter: CentsCounter, request: Request) -> Reply:
    """Answer `POST /portfolio/orders/batched`: each order by itself, in the same order."""
    orders = request.decode(CreateOrders).orders
    _check_length(len(orders))
    bodies = [_created(counter, body) for body in orders]
    return reply({"orders": bodies}, 201)


def _check_length(count: int) -> None:
    if count > MOST_IN_A_BATCH:
        raise invalid("orders", f"at most {MOST_IN_A_BATCH} orders in a batch")


def _created(counter: CentsCounter, body: CreateOrder) -> CreatedBody:
    try:
        row = _create(counter, body)
    except (Refusal, Problem) as error:
        return CreatedBody(None, _error(error), body.client_order_id)
    return CreatedBody(_body(counter, row), None)


def cancel_batch(counter: CentsCounter, request: Request) -> Reply:
    """Answer `DELETE /portfolio/orders/batched`: each order by itself, in the same order."""
    ids = request.decode(CancelOrders).ids
    _check_length(len(ids))
    return reply({"orders": [_cancelled(counter, order_id) for order_id in ids]})


def _cancelled(counter: CentsCounter, order_id: str) -> CancelledBody:
    try:
        row, reduced_e2 = _cancel(counter, order_id)
    except (Refusal, Problem) as error:
        return CancelledBody(order_id, None, 0, _error(error))
    return CancelledBody("", _body(counter, row), contracts(reduced_e2), None)


class _Fault(msgspec.Struct):
    """An error body, of which a batch's row takes the inside."""

    error: msgspec.Raw


def _error(error: Refusal | Problem) -> msgspec.Raw:
    """Return a refusal as the object that a single request would get under `error`."""
    if isinstance(error, Refusal):
        error = refused(error.status, error.code, error.message, error.details)
    return msgspec.json.decode(error.body, type=_Fault).error
