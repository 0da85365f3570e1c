"""What a dialect offers beyond sending and cancelling one order: its own part of the seam.

Today's dialect has all of it; an older one has none, and then its codec's `extras` is None.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from framework.exchange import Outcome, Rejected, Unknown
from framework.model.commands import AmendOrder, CancelOrder
from framework.model.orders import Order
from framework.model.units import E2, Ticker
from plugins.kalshi.codec import Json, Query, Request


class OrderGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that the exchange cancels together once they have traded too much.

    What its orders trade in any 15 seconds counts; above `limit_e2` all of them are cancelled and
    new ones refused, until a reset.
    """

    group_id: str
    shard: int | None = None
    limit_e2: E2 | None = None
    triggers: bool | None = None
    """Whether the limit is in force (`is_auto_cancel_enabled`)."""
    order_ids: tuple[str, ...] | None = None
    """Its resting orders, where the reply lists them."""


GroupOutcome: TypeAlias = OrderGroup | Rejected | Unknown
"""What became of a write to a group; never an exception."""


class QueuePosition(msgspec.Struct, frozen=True, kw_only=True):
    """Contracts that trade at an order's price before it does."""

    order_id: str
    ticker: Ticker | None
    ahead_e2: E2


class Extras(Protocol):
    """Changes of orders, batches, order groups and queue positions."""

    # --------------------------------------------------------------------------- changes

    def amend(self, amendment: AmendOrder) -> Request:
        """Write a new limit and total of an open order; its client id and expiry stay.

        Where only the total shrinks, the order keeps its place in the queue.
        """

    def amended(self, body: bytes) -> Outcome:
        """Read the reply to an amendment that the exchange took."""

    def decrease(
        self, cancel: CancelOrder, *, by_e2: E2 | None = None, to_e2: E2 | None = None
    ) -> Request:
        """Write that a part of an order is taken out; the rest keeps its place.

        Raises:
            ValueError: not exactly one of the two sizes is given, or it is no size.
        """

    def decreased(self, body: bytes) -> Outcome:
        """Read the reply to a decrease that the exchange took."""

    # --------------------------------------------------------------------------- batches

    def create_in(self, order: Order, group_id: str | None) -> Request:
        """Write an order that joins a group."""

    def create_batch(self, orders: Sequence[Order], groups: Mapping[int, str]) -> Request:
        """Write several orders as one request; entries join the group of their shard."""

    def created_batch(self, orders: Sequence[Order], status: int, body: bytes) -> Sequence[Outcome]:
        """Read what became of each order of a batch: it is not atomic."""

    def cancel_batch(self, cancels: Sequence[CancelOrder]) -> Request:
        """Write several cancels as one request."""

    def cancelled_batch(
        self, cancels: Sequence[CancelOrder], status: int, body: bytes
    ) -> Sequence[Outcome]:
        """Read what became of each cancel of a batch: it is not atomic."""

    # ---------------------------------------------------------------------------- groups

    def create_group(self, limit: int, shard: int) -> Request:
        """Write a new group that may trade `limit` whole contracts in any 15 seconds."""

    def change_group(self, group_id: str, verb: str, shard: int) -> Request:
        """Write `reset`, `trigger` or `delete`."""

    def limit_group(self, group_id: str, limit: int, shard: int) -> Request:
        """Write a group's new limit."""

    def created_group(self, body: bytes, limit: int, shard: int) -> GroupOutcome:
        """Read the reply to a new group."""

    def changed_group(self, body: bytes, group_id: str, shard: int) -> GroupOutcome:
        """Read the reply to a change of a group."""

    def groups_query(self, shard: int | None) -> Query:
        """Write which groups to list."""

    def group_of(self, record: Json, group_id: str | None = None) -> OrderGroup | None:
        """Read a group; None when it can't be read, which is counted."""

    # ----------------------------------------------------------------------------- queue

    def queue_query(self, tickers: Sequence[Ticker], event_ticker: Ticker | None) -> Query:
        """Write whose queue positions to list.

        Raises:
            ValueError: neither markets nor an event are named.
        """

    def queue_position(self, record: Json, order_id: str | None = None) -> QueuePosition | None:
        """Read a queue position; None when it can't be read, which is counted."""
