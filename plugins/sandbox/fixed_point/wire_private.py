"""Messages of the private channels: fills, orders and positions of the one account.

Shapes are those of Kalshi's WebSocket channels; the stream names some fields differently from REST
(`position_cost_dollars`, `market_ticker` on fills), which is why they are written twice.
"""

import msgspec
from msgspec import UNSET, UnsetType

from framework.model.units import E2, Side
from plugins.sandbox.core.rows import FillRow, GroupNotice, OrderRow, PositionRow
from plugins.sandbox.fixed_point.wire_account import remaining_e2, yes_price
from plugins.sandbox.fixed_point.wire_market import book_side
from plugins.sandbox.wire import (
    USER_ID,
    count_text,
    milliseconds,
    money_text,
    price_text,
    unix_seconds,
)


class FillMessage(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An execution of the account's."""

    trade_id: str
    order_id: str
    client_order_id: str | None = None
    market_ticker: str
    exchange_index: int
    is_taker: bool
    outcome_side: str
    book_side: str
    side: str
    action: str
    purchased_side: str
    yes_price_dollars: str
    count_fp: str
    fee_cost: str
    post_position_fp: str
    subaccount: int
    ts: int
    ts_ms: int


def fill_of(row: FillRow) -> FillMessage:
    """Return an execution."""
    return FillMessage(
        trade_id=row.trade_id,
        order_id=row.order_id,
        client_order_id=row.client_order_id,
        market_ticker=row.ticker,
        exchange_index=row.shard,
        is_taker=row.is_taker,
        outcome_side=row.side.value,
        book_side=book_side(row.side),
        side=row.side.value,
        action="buy",
        purchased_side=row.side.value,
        yes_price_dollars=price_text(yes_price(row.side, row.price_e4)),
        count_fp=count_text(row.quantity_e2),
        fee_cost=money_text(row.fee_e6),
        post_position_fp=count_text(row.post_position_e2),
        subaccount=row.subaccount,
        ts=unix_seconds(row.at_us),
        ts_ms=milliseconds(row.at_us),
    )


class OrderMessage(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An order's state after a change."""

    order_id: str
    user_id: str
    client_order_id: str
    ticker: str
    exchange_index: int
    status: str
    outcome_side: str
    book_side: str
    side: str
    is_yes: bool
    yes_price_dollars: str
    initial_count_fp: str
    fill_count_fp: str
    remaining_count_fp: str
    taker_fill_cost_dollars: str
    maker_fill_cost_dollars: str
    taker_fees_dollars: str
    maker_fees_dollars: str
    order_group_id: str | UnsetType = UNSET
    self_trade_prevention_type: str
    created_ts_ms: int
    last_updated_ts_ms: int
    expiration_ts_ms: int | UnsetType = UNSET
    last_update_reason: str | UnsetType = UNSET
    subaccount_number: int


def order_of(row: OrderRow) -> OrderMessage:
    """Return an order's state."""
    return OrderMessage(
        order_id=row.order_id,
        user_id=USER_ID,
        client_order_id=row.client_order_id or "",
        ticker=row.ticker,
        exchange_index=row.shard,
        status=row.status,
        outcome_side=row.side.value,
        book_side=book_side(row.side),
        side=row.side.value,
        is_yes=row.side is Side.YES,
        yes_price_dollars=price_text(yes_price(row.side, row.limit_e4)),
        initial_count_fp=count_text(row.initial_e2),
        fill_count_fp=count_text(row.filled_e2),
        remaining_count_fp=count_text(remaining_e2(row)),
        taker_fill_cost_dollars=money_text(row.taker_cost_e6),
        maker_fill_cost_dollars=money_text(row.maker_cost_e6),
        taker_fees_dollars=money_text(row.taker_fees_e6),
        maker_fees_dollars=money_text(row.maker_fees_e6),
        order_group_id=row.order_group_id or UNSET,
        self_trade_prevention_type=row.self_trade_prevention,
        created_ts_ms=milliseconds(row.created_us),
        last_updated_ts_ms=milliseconds(row.updated_us),
        expiration_ts_ms=UNSET if row.expires_us is None else milliseconds(row.expires_us),
        last_update_reason=row.reason or UNSET,
        subaccount_number=row.subaccount,
    )


class PositionMessage(msgspec.Struct, kw_only=True):
    """A net position after a fill or a settlement."""

    user_id: str
    market_ticker: str
    position_fp: str
    position_cost_dollars: str
    realized_pnl_dollars: str
    fees_paid_dollars: str
    position_fee_cost_dollars: str
    volume_fp: str
    subaccount: int


def position_of(row: PositionRow, traded_e2: E2) -> PositionMessage:
    """Return a position; `traded_e2` is how many contracts the account traded there."""
    return PositionMessage(
        user_id=USER_ID,
        market_ticker=row.ticker,
        position_fp=count_text(row.signed_e2),
        position_cost_dollars=money_text(row.exposure_e6),
        realized_pnl_dollars=money_text(row.realized_e6),
        fees_paid_dollars=money_text(row.fees_e6),
        position_fee_cost_dollars=money_text(row.fees_e6 if row.signed_e2 else 0),
        volume_fp=count_text(traded_e2),
        subaccount=row.subaccount,
    )


class GroupMessage(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A step of an order group; its limit is told when it is set."""

    event_type: str
    order_group_id: str
    contracts_limit_fp: str | UnsetType = UNSET
    ts_ms: int


def group_of(notice: GroupNotice) -> GroupMessage:
    """Return a step of an order group."""
    limited = notice.kind in {"created", "limit_updated"}
    return GroupMessage(
        event_type=notice.kind,
        order_group_id=notice.group.order_group_id,
        contracts_limit_fp=count_text(notice.group.limit_e2) if limited else UNSET,
        ts_ms=milliseconds(notice.at_us),
    )
