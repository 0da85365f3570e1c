"""Bodies of orders, fills, positions, balances and settlements.

Shapes are those of Kalshi's portfolio reads. The exchange writes every price as a YES
price and tells the direction by `outcome_side` and `book_side`; the core's rows hold prices of
the row's own side, so they are turned here.
"""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import UNSET, UnsetType

from framework.model.units import E4, E6, Side, Ticker, complement
from plugins.sandbox.core.rows import FillRow, OrderRow, PositionRow, SettlementRow
from plugins.sandbox.fixed_point.wire_market import book_side
from plugins.sandbox.wire import (
    USER_ID,
    balance_text,
    cents,
    count_text,
    iso,
    money_text,
    price_text,
    unix_seconds,
)


def yes_price(side: Side, price_e4: E4) -> E4:
    """Return the YES price of a price of `side`; it is its own inverse."""
    return price_e4 if side is Side.YES else complement(price_e4)


def remaining_e2(row: OrderRow) -> int:
    """Return what still rests: nothing once the order has left the book."""
    return row.remaining_e2 if row.status == "resting" else 0


class OrderBody(msgspec.Struct, kw_only=True):
    """An order as REST shows it."""

    order_id: str
    user_id: str
    client_order_id: str
    ticker: str
    outcome_side: str
    book_side: str
    side: str
    action: str
    type: str
    status: str
    yes_price_dollars: str
    no_price_dollars: str
    initial_count_fp: str
    fill_count_fp: str
    remaining_count_fp: str
    taker_fill_cost_dollars: str
    maker_fill_cost_dollars: str
    taker_fees_dollars: str
    maker_fees_dollars: str
    created_time: str
    last_update_time: str
    expiration_time: str | None
    self_trade_prevention_type: str
    order_group_id: str | None
    cancel_order_on_pause: bool
    last_update_reason: str | None
    exchange_index: int
    subaccount_number: int


def order_body(row: OrderRow) -> OrderBody:
    """Return an order."""
    yes_e4 = yes_price(row.side, row.limit_e4)
    return OrderBody(
        order_id=row.order_id,
        user_id=USER_ID,
        client_order_id=row.client_order_id or "",
        ticker=row.ticker,
        outcome_side=row.side.value,
        book_side=book_side(row.side),
        side=row.side.value,
        action="buy",
        type="limit",
        status=row.status,
        yes_price_dollars=price_text(yes_e4),
        no_price_dollars=price_text(complement(yes_e4)),
        initial_count_fp=count_text(row.initial_e2),
        fill_count_fp=count_text(row.filled_e2),
        remaining_count_fp=count_text(remaining_e2(row)),
        taker_fill_cost_dollars=money_text(row.taker_cost_e6),
        maker_fill_cost_dollars=money_text(row.maker_cost_e6),
        taker_fees_dollars=money_text(row.taker_fees_e6),
        maker_fees_dollars=money_text(row.maker_fees_e6),
        created_time=iso(row.created_us),
        last_update_time=iso(row.updated_us),
        expiration_time=None if row.expires_us is None else iso(row.expires_us),
        self_trade_prevention_type=row.self_trade_prevention,
        order_group_id=row.order_group_id,
        cancel_order_on_pause=row.cancel_on_pause,
        last_update_reason=row.reason,
        exchange_index=row.shard,
        subaccount_number=row.subaccount,
    )


class FillBody(msgspec.Struct, kw_only=True):
    """An execution as REST shows it; the client's own id is not in it."""

    fill_id: str
    trade_id: str
    order_id: str
    ticker: str
    market_ticker: str
    outcome_side: str
    book_side: str
    side: str
    action: str
    count_fp: str
    yes_price_dollars: str
    no_price_dollars: str
    is_taker: bool
    fee_cost: str
    created_time: str
    ts: int
    exchange_index: int
    subaccount_number: int


def fill_body(row: FillRow) -> FillBody:
    """Return an execution."""
    yes_e4 = yes_price(row.side, row.price_e4)
    return FillBody(
        fill_id=row.trade_id,
        trade_id=row.trade_id,
        order_id=row.order_id,
        ticker=row.ticker,
        market_ticker=row.ticker,
        outcome_side=row.side.value,
        book_side=book_side(row.side),
        side=row.side.value,
        action="buy",
        count_fp=count_text(row.quantity_e2),
        yes_price_dollars=price_text(yes_e4),
        no_price_dollars=price_text(complement(yes_e4)),
        is_taker=row.is_taker,
        fee_cost=money_text(row.fee_e6),
        created_time=iso(row.at_us),
        ts=unix_seconds(row.at_us),
        exchange_index=row.shard,
        subaccount_number=row.subaccount,
    )


class PositionBody(msgspec.Struct, kw_only=True):
    """A net position in one market: positive is YES."""

    ticker: str
    position_fp: str
    market_exposure_dollars: str
    total_traded_dollars: str
    realized_pnl_dollars: str
    fees_paid_dollars: str
    last_updated_ts: str
    exchange_index: int


def position_body(row: PositionRow) -> PositionBody:
    """Return a position."""
    return PositionBody(
        ticker=row.ticker,
        position_fp=count_text(row.signed_e2),
        market_exposure_dollars=money_text(row.exposure_e6),
        total_traded_dollars=money_text(row.traded_e6),
        realized_pnl_dollars=money_text(row.realized_e6),
        fees_paid_dollars=money_text(row.fees_e6),
        last_updated_ts=iso(row.at_us),
        exchange_index=row.shard,
    )


class EventPositionBody(msgspec.Struct, kw_only=True):
    """What an account has in all markets of one event."""

    event_ticker: str
    total_cost_dollars: str
    total_cost_shares_fp: str
    event_exposure_dollars: str
    realized_pnl_dollars: str
    fees_paid_dollars: str


def event_position_body(event_ticker: Ticker, rows: Iterable[PositionRow]) -> EventPositionBody:
    """Return the sum of positions."""
    held = list(rows)
    return EventPositionBody(
        event_ticker=event_ticker,
        total_cost_dollars=money_text(sum(row.traded_e6 for row in held)),
        total_cost_shares_fp=count_text(sum(abs(row.signed_e2) for row in held)),
        event_exposure_dollars=money_text(sum(row.exposure_e6 for row in held)),
        realized_pnl_dollars=money_text(sum(row.realized_e6 for row in held)),
        fees_paid_dollars=money_text(sum(row.fees_e6 for row in held)),
    )


class ShardBalanceBody(msgspec.Struct):
    """Cash on one shard, in dollars."""

    exchange_index: int
    balance: str


class BalanceBody(msgspec.Struct, kw_only=True):
    """Cash: `balance` in truncated cents, the rest in dollars."""

    balance: int
    balance_dollars: str
    portfolio_value: int
    updated_ts: int
    balance_breakdown: list[ShardBalanceBody]


def balance_body(
    cash_e6: E6, by_shard: Mapping[int, E6], portfolio_e6: E6, at_us: int
) -> BalanceBody:
    """Return the account's money."""
    return BalanceBody(
        balance=cents(cash_e6),
        balance_dollars=balance_text(cash_e6),
        portfolio_value=cents(portfolio_e6),
        updated_ts=unix_seconds(at_us),
        balance_breakdown=[
            ShardBalanceBody(shard, balance_text(cash)) for shard, cash in sorted(by_shard.items())
        ],
    )


class SettlementBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What one finalized market paid; `revenue` and `value` are cents."""

    ticker: str
    event_ticker: str
    market_result: str
    yes_count_fp: str
    yes_total_cost_dollars: str
    no_count_fp: str
    no_total_cost_dollars: str
    revenue: int
    value: int | UnsetType = UNSET
    fee_cost: str
    settled_time: str
    exchange_index: int


_VALUES = {"yes": 100, "no": 0}


def settlement_body(row: SettlementRow) -> SettlementBody:
    """Return a settlement."""
    return SettlementBody(
        ticker=row.ticker,
        event_ticker=row.event_ticker,
        market_result=row.result,
        yes_count_fp=count_text(row.yes_e2),
        yes_total_cost_dollars=money_text(row.yes_cost_e6),
        no_count_fp=count_text(row.no_e2),
        no_total_cost_dollars=money_text(row.no_cost_e6),
        revenue=cents(row.revenue_e6),
        value=_VALUES.get(row.result, UNSET),
        fee_cost=money_text(row.fee_e6),
        settled_time=iso(row.at_us),
        exchange_index=row.shard,
    )
