"""The orders of today's dialect: one by one, changed, or several in a batch (V2 endpoints).

An order buys an outcome: buying YES at p is a bid at p, buying NO at q is an ask at 1 - q, and
an exit is a purchase of the other outcome, so it needs no third case.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from framework.exchange import Accepted, Outcome, Unknown
from framework.model.commands import AmendOrder, CancelOrder
from framework.model.orders import Order, Purpose, TimeInForce
from framework.model.units import E2, Side, complement
from plugins.kalshi.codec import Query, Request
from plugins.kalshi.codec.fixed_point_stream import FixedPointStream
from plugins.kalshi.codec.numbers import count_e2, count_text, ms_us, price_text
from plugins.kalshi.codec.refusals import (
    SUCCESS,
    batch_outcome,
    decoded,
    item_outcome,
    no_proof,
)

ORDERS: Final = "/portfolio/events/orders"
ONE: Final = f"{ORDERS}/{{order_id}}"
BATCH: Final = f"{ORDERS}/batched"
UNSCOPED: Final = 0
"""Which shard's budget pays for a batch, whatever its orders name."""
_SECOND_US: Final = 1_000_000
_SIDES: Final = {Side.YES: "bid", Side.NO: "ask"}
_TIMES_IN_FORCE: Final = {
    TimeInForce.GOOD_TILL_CANCELLED: "good_till_canceled",
    TimeInForce.IMMEDIATE_OR_CANCEL: "immediate_or_cancel",
    TimeInForce.FILL_OR_KILL: "fill_or_kill",
}
_Body = dict[str, Any]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What every order of an account says besides its own terms."""

    self_trade_prevention: str = "taker_at_cross"
    """Which of two orders of ours yields when they would trade with each other."""
    cancel_on_pause: bool = False
    """Whether resting orders are cancelled when trading pauses."""


class FixedPointOrders(FixedPointStream):
    """Writes of orders and what the replies to them prove."""

    def __init__(self, *, subaccount: int | None = None, terms: Terms | None = None) -> None:
        super().__init__(subaccount=subaccount)
        self.terms = terms or Terms()

    # ----------------------------------------------------------------------------- orders

    def create(self, order: Order) -> Request:
        """Write an order for the shard that its market is on."""
        return self.create_in(order, None)

    def create_in(self, order: Order, group_id: str | None) -> Request:
        """Write an order that joins a group."""
        return self._write("POST", ORDERS, body=self._order(order, group_id), shard=order.shard)

    def created(self, order: Order, body: bytes) -> Outcome:  # noqa: ARG002 - the reply tells all
        """Read the reply to an order: without an order id nobody can say what it did."""
        reply = self._reply(body)
        return self._placed(reply) or no_proof(reply, "order")

    def cancel(self, cancel: CancelOrder) -> Request:
        """Write a cancel; without market or shard it would only look on shard 0."""
        where: dict[str, str | int] = {
            "market_ticker": cancel.ticker,
            "exchange_index": cancel.shard,
        }
        query = {**where, **self._account()}
        return self._write("DELETE", ONE, order_id=cancel.order_id, query=query, shard=cancel.shard)

    def cancelled(self, cancel: CancelOrder, body: bytes) -> Outcome:  # noqa: ARG002 - as above
        """Read the reply to a cancel: it tells what was taken out, not what had traded."""
        reply = self._reply(body)
        return self._taken_out(reply) or no_proof(reply, "cancel")

    def cancel_all(self) -> Request:
        """Write a cancel of every order on every shard; the sweep goes on after the answer."""
        return self._write("DELETE", ORDERS, query=self._account())

    # ---------------------------------------------------------------------------- changes

    def amend(self, amendment: AmendOrder) -> Request:
        """Write a new limit and total of an open order.

        Its client id stays, so that fills on both sides of the change name the same intent, and
        its expiry too, which an amendment keeps where it names none.
        A smaller total alone is written as a decrease: only of that is it told that the rest
        keeps its place. By the difference, so that a fill under way does not change the total.
        """
        order, limit_e4 = amendment.order, amendment.limit_e4
        less_e2 = order.quantity_e2 - amendment.quantity_e2
        if limit_e4 == order.limit_e4 and less_e2 > 0:
            shrunk = CancelOrder(
                client_order_id=amendment.client_order_id,
                order_id=amendment.order_id,
                ticker=order.ticker,
                shard=order.shard,
                reason="shrinks",
            )
            return self.decrease(shrunk, by_e2=less_e2)
        yes_e4 = limit_e4 if order.side is Side.YES else complement(limit_e4)
        body = {
            "ticker": order.ticker,
            "side": _SIDES[order.side],
            "price": price_text(yes_e4),
            "count": count_text(amendment.quantity_e2),
            "client_order_id": amendment.client_order_id,
            "exchange_index": order.shard,
        }
        return self._write(
            "POST",
            f"{ONE}/amend",
            order_id=amendment.order_id,
            body=body,
            query=self._account(),
            shard=order.shard,
        )

    def amended(self, body: bytes) -> Outcome:
        """Read the reply to an amendment: its fills are those that it caused, not all."""
        return self._changed(body, "amendment")

    def decrease(
        self, cancel: CancelOrder, *, by_e2: E2 | None = None, to_e2: E2 | None = None
    ) -> Request:
        """Write that a part of an order is taken out; the rest keeps its place.

        Raises:
            ValueError: not exactly one of the two sizes is given, or it is no size.
        """
        if (by_e2 is None) == (to_e2 is None):
            raise ValueError("a decrease needs exactly one of by_e2 and to_e2")
        name, size_e2 = ("reduce_by", by_e2) if by_e2 is not None else ("reduce_to", to_e2)
        if size_e2 is None or size_e2 < (name == "reduce_by"):
            raise ValueError(f"{name} must not be {size_e2}")
        body = {
            name: count_text(size_e2),
            "market_ticker": cancel.ticker,
            "exchange_index": cancel.shard,
        }
        return self._write(
            "POST",
            f"{ONE}/decrease",
            order_id=cancel.order_id,
            body=body,
            query=self._account(),
            shard=cancel.shard,
        )

    def decreased(self, body: bytes) -> Outcome:
        """Read the reply to a decrease."""
        return self._changed(body, "decrease")

    # ---------------------------------------------------------------------------- batches

    def create_batch(self, orders: Sequence[Order], groups: Mapping[int, str]) -> Request:
        """Write several orders as one request; entries join the group of their shard."""
        rows = [
            self._order(order, groups.get(order.shard) if order.purpose is Purpose.ENTRY else None)
            for order in orders
        ]
        return self._batch("POST", rows)

    def created_batch(self, orders: Sequence[Order], status: int, body: bytes) -> Sequence[Outcome]:
        """Read what became of each order of a batch: it is not atomic."""
        names = [order.client_order_id for order in orders]
        return _each(names, status, body, "client_order_id", self._placed_item)

    def cancel_batch(self, cancels: Sequence[CancelOrder]) -> Request:
        """Write several cancels as one request."""
        rows = [
            {
                "order_id": cancel.order_id,
                "market_ticker": cancel.ticker,
                "exchange_index": cancel.shard,
                **self._account(),
            }
            for cancel in cancels
        ]
        return self._batch("DELETE", rows)

    def cancelled_batch(
        self, cancels: Sequence[CancelOrder], status: int, body: bytes
    ) -> Sequence[Outcome]:
        """Read what became of each cancel of a batch: it is not atomic."""
        names = [cancel.order_id for cancel in cancels]
        return _each(names, status, body, "order_id", self._taken_out_item)

    # ---------------------------------------------------------------------------- writing

    def _order(self, order: Order, group_id: str | None) -> _Body:
        rests = order.time_in_force is TimeInForce.GOOD_TILL_CANCELLED
        body: _Body = {
            "ticker": order.ticker,
            "side": _SIDES[order.side],
            "count": count_text(order.quantity_e2),
            "price": price_text(order.yes_limit_e4),
            "time_in_force": _TIMES_IN_FORCE[order.time_in_force],
            "self_trade_prevention_type": self.terms.self_trade_prevention,
            "client_order_id": order.client_order_id,
            "exchange_index": order.shard,
        }
        if order.post_only:
            body["post_only"] = True
        if order.reduce_only:
            body["reduce_only"] = True
        if rests and self.terms.cancel_on_pause:
            body["cancel_order_on_pause"] = True
        if rests and order.expires_us is not None:
            # Whole seconds, and a past one is refused: so round up, by less than a second.
            body["expiration_time"] = -(-order.expires_us // _SECOND_US)
        if group_id is not None:
            body["order_group_id"] = group_id
        return body | self._account()

    def _batch(self, method: str, rows: Sequence[_Body]) -> Request:
        body = {"orders": rows}
        return self._write(method, BATCH, body=body, shard=UNSCOPED, items=len(rows))

    def _write(
        self,
        method: str,
        template: str,
        *,
        body: _Body | None = None,
        query: Query | None = None,
        shard: int | None = None,
        items: int = 1,
        **names: str,
    ) -> Request:
        """Write a request; `names` stand in its path."""
        return Request(
            method=method,
            path=template.format(**names),
            template=template,
            query=query or {},
            body=msgspec.json.encode(body) if body else b"",
            shard=shard,
            items=items,
        )

    def _account(self) -> dict[str, int]:
        return {} if self.subaccount is None else {"subaccount": self.subaccount}

    # ---------------------------------------------------------------------------- reading

    def _reply(self, body: bytes) -> _Body:
        reply = decoded(body)
        if not reply:
            self.drift.count("order reply: unreadable")
        return reply

    def _accepted(
        self,
        reply: _Body,
        *,
        filled_e2: E2 | None = None,
        remaining_e2: E2 | None = None,
        cancelled_e2: E2 | None = None,
    ) -> Accepted | None:
        """Read a reply: only the id must be there, the rest is told again elsewhere."""
        order_id, at_ms = reply.get("order_id"), reply.get("ts_ms")
        if reply.get("error") or not isinstance(order_id, str) or not order_id:
            return None
        return Accepted(
            order_id=order_id,
            filled_e2=filled_e2,
            remaining_e2=remaining_e2,
            cancelled_e2=cancelled_e2,
            at_us=ms_us(at_ms) if isinstance(at_ms, int) else None,
        )

    def _placed(self, reply: _Body) -> Accepted | None:
        filled, left = self._count(reply, "fill_count"), self._count(reply, "remaining_count")
        return self._accepted(reply, filled_e2=filled, remaining_e2=left)

    def _placed_item(self, item: _Body) -> Outcome:
        """Read an order of a batch: one that is refused has neither an id nor fills."""
        is_there = item.get("order_id") or self._count(item, "fill_count")
        refused = no_proof(item, "order") if is_there else item_outcome(item)
        return self._placed(item) or refused

    def _changed(self, body: bytes, what: str) -> Outcome:
        reply = self._reply(body)
        left = self._count(reply, "remaining_count")
        return self._accepted(reply, remaining_e2=left) or no_proof(reply, what)

    def _taken_out(self, reply: _Body) -> Accepted | None:
        taken = self._count(reply, "reduced_by")
        return self._accepted(reply, remaining_e2=0, cancelled_e2=taken)

    def _taken_out_item(self, item: _Body) -> Outcome:
        """Read a cancel of a batch: its id is the one that was asked for, and proves nothing."""
        is_done = self._count(item, "reduced_by")
        refused = no_proof(item, "cancel") if is_done else item_outcome(item)
        return self._taken_out(item) or refused

    def _count(self, reply: _Body, name: str) -> E2 | None:
        text = reply.get(name)
        try:
            return count_e2(text) if isinstance(text, str) else None
        except ValueError:
            self.drift.count("order reply: unreadable count")
            return None


def _each(
    asked: Sequence[str],
    status: int,
    body: bytes,
    key: str,
    read: Callable[[_Body], Outcome],
) -> Sequence[Outcome]:
    """Read each item of a batch, by its name or, without one, by its place.

    Of a name that is told twice neither is believed.
    """
    reply = decoded(body)
    rows = reply.get("orders")
    if status not in SUCCESS or not isinstance(rows, list):
        whole = no_proof(reply, "batch") if status in SUCCESS else batch_outcome(status, body)
        return [whole] * len(asked)
    items = [row if isinstance(row, dict) else {} for row in rows]
    named: dict[str, _Body] = {}
    for item in items:
        if isinstance(name := item.get(key), str) and name:
            named[name] = {} if name in named else item
    if len(items) == len(asked):
        named |= {
            name: item
            for name, item in zip(asked, items, strict=True)
            if name not in named and item.get(key) in (None, "")
        }
    lost = Unknown(reason="the reply to the batch leaves it out")
    return [read(named[name]) if name in named else lost for name in asked]
