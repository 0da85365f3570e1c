"""Bodies of what changes orders: creates, amends, decreases, cancels, batches and order groups.

Shapes are those of Kalshi's order and order-group pages. Prices and counts are strings, never
numbers; replies are flat and name no status.
"""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Raw, UnsetType

from plugins.sandbox.core.rows import FillRow, OrderGroup, OrderRow, Refusal
from plugins.sandbox.fixed_point.wire_account import remaining_e2, yes_price
from plugins.sandbox.wire import Fault, count_text, milliseconds, per_contract_text

# --------------------------------------------------------------------------------- requests


class CreateOrder(msgspec.Struct, kw_only=True):
    """The body of a create."""

    ticker: str
    side: str
    count: str
    price: str
    time_in_force: str
    self_trade_prevention_type: str
    client_order_id: str | None = None
    expiration_time: int | None = None
    """Unix seconds."""
    post_only: bool = False
    reduce_only: bool = False
    cancel_order_on_pause: bool = False
    order_group_id: str | None = None
    subaccount: int | None = None
    exchange_index: int | None = None


class AmendOrder(msgspec.Struct, kw_only=True):
    """The body of an amend; `count` is what was filled and what is to rest, together."""

    ticker: str
    side: str
    price: str
    count: str
    client_order_id: str | None = None
    updated_client_order_id: str | None = None
    expiration_time: int | UnsetType | None = UNSET
    """Unix seconds; unset keeps it, 0 clears it."""
    exchange_index: int | None = None


class DecreaseOrder(msgspec.Struct, kw_only=True):
    """The body of a decrease: exactly one of the two sizes."""

    reduce_by: str | None = None
    reduce_to: str | None = None
    market_ticker: str | None = None
    exchange_index: int | None = None


class CancelOrder(msgspec.Struct, kw_only=True):
    """One order of a batched cancel."""

    order_id: str
    market_ticker: str | None = None
    subaccount: int | None = None
    exchange_index: int | None = None


class Batch(msgspec.Struct):
    """The body of a batch; each order is read by itself, because each fails by itself."""

    orders: list[Raw]


class CreateGroup(msgspec.Struct, kw_only=True):
    """The body that opens an order group, or changes its limit; of two limits both must agree."""

    contracts_limit: int | None = None
    contracts_limit_fp: str | None = None
    subaccount: int | None = None
    exchange_index: int | None = None


class Routed(msgspec.Struct):
    """What of a write's body decides which rate limit pays, and how much."""

    exchange_index: int | None = None
    orders: list[Raw] = []


# ---------------------------------------------------------------------------------- replies


class PlacedBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The flat reply to a create or an amend; it names no status."""

    order_id: str
    client_order_id: str | None = None
    fill_count: str
    remaining_count: str
    average_fill_price: str | UnsetType = UNSET
    average_fee_paid: str | UnsetType = UNSET
    ts_ms: int


def placed_body(row: OrderRow, fills: Sequence[FillRow], at_us: int) -> PlacedBody:
    """Return the reply to a create or an amend that traded `fills` at once."""
    filled = sum(fill.quantity_e2 for fill in fills)
    spent = sum(yes_price(fill.side, fill.price_e4) * fill.quantity_e2 for fill in fills)
    fees = sum(fill.fee_e6 for fill in fills)
    return PlacedBody(
        order_id=row.order_id,
        client_order_id=row.client_order_id,
        fill_count=count_text(filled),
        remaining_count=count_text(remaining_e2(row)),
        average_fill_price=per_contract_text(spent, filled) if filled else UNSET,
        average_fee_paid=per_contract_text(fees, filled) if filled else UNSET,
        ts_ms=milliseconds(at_us),
    )


class DecreasedBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The reply to a decrease."""

    order_id: str
    client_order_id: str | None = None
    remaining_count: str
    ts_ms: int


def decreased_body(row: OrderRow, at_us: int) -> DecreasedBody:
    """Return the reply to a decrease."""
    return DecreasedBody(
        order_id=row.order_id,
        client_order_id=row.client_order_id,
        remaining_count=count_text(remaining_e2(row)),
        ts_ms=milliseconds(at_us),
    )


class CancelledBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The reply to a cancel."""

    order_id: str
    client_order_id: str | None = None
    reduced_by: str
    ts_ms: int


def cancelled_body(row: OrderRow, reduced_e2: int, at_us: int) -> CancelledBody:
    """Return the reply to a cancel that took `reduced_e2` out of the book."""
    return CancelledBody(
        order_id=row.order_id,
        client_order_id=row.client_order_id,
        reduced_by=count_text(reduced_e2),
        ts_ms=milliseconds(at_us),
    )


class RefusedItem(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What a batch says of an order that was refused."""

    order_id: str | UnsetType = UNSET
    client_order_id: str | UnsetType = UNSET
    reduced_by: str | UnsetType = UNSET
    error: Fault


def fault_of(refusal: Refusal) -> Fault:
    """Return a refusal as an error object."""
    return Fault(refusal.code, refusal.message, refusal.details)


class QueuePositionBody(msgspec.Struct):
    """How many contracts stand ahead of one order."""

    order_id: str
    market_ticker: str
    queue_position_fp: str


class GroupCreatedBody(msgspec.Struct):
    """The reply to a new order group."""

    order_group_id: str
    subaccount: int
    exchange_index: int


class GroupBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An order group; its id is known already where its orders are shown."""

    id: str | UnsetType = UNSET
    contracts_limit_fp: str
    is_auto_cancel_enabled: bool
    """False once it is triggered."""
    exchange_index: int
    orders: list[str] | UnsetType = UNSET


def group_body(group: OrderGroup, members: Sequence[OrderRow] | None = None) -> GroupBody:
    """Return an order group: one of a list, or with its orders when they are given."""
    return GroupBody(
        id=group.order_group_id if members is None else UNSET,
        contracts_limit_fp=count_text(group.limit_e2),
        is_auto_cancel_enabled=not group.triggered,
        exchange_index=group.shard,
        orders=UNSET if members is None else [row.order_id for row in members],
    )
