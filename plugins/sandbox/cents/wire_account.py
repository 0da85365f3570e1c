"""Bodies of orders, fills, positions, balances and settlements in cents.

The core only buys: an order that sells YES buys NO there. Here it keeps the words in which it was
sent, `side` and `action`; prices are told for both outcomes, so they need no turning.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from framework.model.units import E6, Side, Ticker, price_of
from plugins.sandbox.cents.numbers import CENT_E4, contracts, fee_cents, price_cents
from plugins.sandbox.core.rows import FillRow, OrderRow, PositionRow, SettlementRow
from plugins.sandbox.wire import (
    USER_ID,
    balance_text,
    cents,
    iso,
    money_text,
    plain_number,
    price_text,
    unix_seconds,
)


class Wording(msgspec.Struct, frozen=True):
    """The side and the action by which a client named what it wanted."""

    side: str
    action: str


def worded(side: Side, *, sold: bool) -> Wording:
    """Return the words for buying `side`; who sold one outcome has bought the other."""
    return Wording(side.opposite.value, "sell") if sold else Wording(side.value, "buy")


def yes_cents(side: Side, price_e4: int) -> int:
    """Return the YES price in cents of a price of `side`."""
    own = price_cents(price_e4)
    return own if side is Side.YES else 100 - own


def _dollars(price: int) -> str:
    return price_text(price * CENT_E4)


class OrderBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An order."""

    order_id: str
    user_id: str
    client_order_id: str
    ticker: str
    side: str
    action: str
    type: str
    status: str
    yes_price: int
    yes_price_dollars: str
    no_price: int
    no_price_dollars: str
    initial_count: int
    fill_count: int
    remaining_count: int
    queue_position: int
    taker_fill_cost: int
    taker_fill_cost_dollars: str
    taker_fees: int
    taker_fees_dollars: str | UnsetType = UNSET
    maker_fill_cost: int
    maker_fill_cost_dollars: str
    maker_fees: int
    maker_fees_dollars: str | UnsetType = UNSET
    created_time: str
    last_update_time: str
    expiration_time: str | None
    order_group_id: str | None


def remaining(row: OrderRow) -> int:
    """Return what still rests: nothing once the order has left the book."""
    return contracts(row.remaining_e2) if row.status == "resting" else 0


def order_body(row: OrderRow, *, sold: bool) -> OrderBody:
    """Return an order; its place in the queue is 0 here and told by its own read."""
    yes, words = yes_cents(row.side, row.limit_e4), worded(row.side, sold=sold)
    return OrderBody(
        order_id=row.order_id,
        user_id=USER_ID,
        client_order_id=row.client_order_id or "",
        ticker=row.ticker,
        side=words.side,
        action=words.action,
        type="limit",
        status=row.status,
        yes_price=yes,
        yes_price_dollars=_dollars(yes),
        no_price=100 - yes,
        no_price_dollars=_dollars(100 - yes),
        initial_count=contracts(row.initial_e2),
        fill_count=contracts(row.filled_e2),
        remaining_count=remaining(row),
        queue_position=0,
        taker_fill_cost=cents(row.taker_cost_e6),
        taker_fill_cost_dollars=balance_text(row.taker_cost_e6),
        taker_fees=fee_cents(row.taker_fees_e6),
        taker_fees_dollars=_fee_dollars(row.taker_fees_e6),
        maker_fill_cost=cents(row.maker_cost_e6),
        maker_fill_cost_dollars=balance_text(row.maker_cost_e6),
        maker_fees=fee_cents(row.maker_fees_e6),
        maker_fees_dollars=_fee_dollars(row.maker_fees_e6),
        created_time=iso(row.created_us),
        last_update_time=iso(row.updated_us),
        expiration_time=None if row.expires_us is None else iso(row.expires_us),
        order_group_id=row.order_group_id,
    )


def _fee_dollars(fee_e6: E6) -> str | UnsetType:
    """Return a fee in dollars; the key is absent where there is none, as recorded."""
    return balance_text(fee_e6) if fee_e6 else UNSET


class FillBody(msgspec.Struct, kw_only=True):
    """An execution."""

    fill_id: str
    trade_id: str
    order_id: str
    ticker: str
    market_ticker: str
    side: str
    action: str
    count: int
    yes_price: int
    yes_price_fixed: str
    no_price: int
    no_price_fixed: str
    price: Decimal
    is_taker: bool
    fee_cost: str
    created_time: str
    ts: int


def fill_body(row: FillRow, *, sold: bool) -> FillBody:
    """Return an execution."""
    yes, words = yes_cents(row.side, row.price_e4), worded(row.side, sold=sold)
    return FillBody(
        fill_id=row.trade_id,
        trade_id=row.trade_id,
        order_id=row.order_id,
        ticker=row.ticker,
        market_ticker=row.ticker,
        side=words.side,
        action=words.action,
        count=contracts(row.quantity_e2),
        yes_price=yes,
        yes_price_fixed=_dollars(yes),
        no_price=100 - yes,
        no_price_fixed=_dollars(100 - yes),
        price=plain_number(price_of(yes * CENT_E4)),
        is_taker=row.is_taker,
        fee_cost=money_text(row.fee_e6),
        created_time=iso(row.at_us),
        ts=unix_seconds(row.at_us),
    )


class PositionBody(msgspec.Struct, kw_only=True):
    """A net position in one market: positive is YES."""

    ticker: str
    position: int
    market_exposure: int
    market_exposure_dollars: str
    total_traded: int
    total_traded_dollars: str
    realized_pnl: int
    realized_pnl_dollars: str
    fees_paid: int
    fees_paid_dollars: str
    resting_orders_count: int
    last_updated_ts: str


def position_body(row: PositionRow, resting_orders: int) -> PositionBody:
    """Return a position with how many orders rest in its market."""
    return PositionBody(
        ticker=row.ticker,
        position=contracts(row.signed_e2),
        market_exposure=cents(row.exposure_e6),
        market_exposure_dollars=balance_text(row.exposure_e6),
        total_traded=cents(row.traded_e6),
        total_traded_dollars=balance_text(row.traded_e6),
        realized_pnl=cents(row.realized_e6),
        realized_pnl_dollars=balance_text(row.realized_e6),
        fees_paid=fee_cents(row.fees_e6),
        fees_paid_dollars=balance_text(row.fees_e6),
        resting_orders_count=resting_orders,
        last_updated_ts=iso(row.at_us),
    )


class EventPositionBody(msgspec.Struct, kw_only=True):
    """What an account has in all markets of one event."""

    event_ticker: str
    event_exposure: int
    event_exposure_dollars: str
    total_cost: int
    total_cost_dollars: str
    total_cost_shares: int
    realized_pnl: int
    realized_pnl_dollars: str
    fees_paid: int
    fees_paid_dollars: str


def event_position_body(event_ticker: Ticker, rows: Iterable[PositionRow]) -> EventPositionBody:
    """Return the sum of positions."""
    held = list(rows)
    exposure = sum(row.exposure_e6 for row in held)
    traded = sum(row.traded_e6 for row in held)
    realized = sum(row.realized_e6 for row in held)
    fees = sum(row.fees_e6 for row in held)
    return EventPositionBody(
        event_ticker=event_ticker,
        event_exposure=cents(exposure),
        event_exposure_dollars=balance_text(exposure),
        total_cost=cents(traded),
        total_cost_dollars=balance_text(traded),
        total_cost_shares=contracts(sum(abs(row.signed_e2) for row in held)),
        realized_pnl=cents(realized),
        realized_pnl_dollars=balance_text(realized),
        fees_paid=fee_cents(fees),
        fees_paid_dollars=balance_text(fees),
    )


class BalanceBody(msgspec.Struct, kw_only=True):
    """Cash and positions in truncated cents."""

    balance: int
    portfolio_value: int
    updated_ts: int


def balance_body(cash_e6: E6, portfolio_e6: E6, at_us: int) -> BalanceBody:
    """Return the account's money."""
    return BalanceBody(
        balance=cents(cash_e6), portfolio_value=cents(portfolio_e6), updated_ts=unix_seconds(at_us)
    )


class SettlementBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What one finalized market paid."""

    ticker: str
    event_ticker: str
    market_result: str
    yes_count: int
    yes_total_cost: int
    no_count: int
    no_total_cost: int
    revenue: int
    value: int | UnsetType = UNSET
    fee_cost: str
    settled_time: str


def settlement_body(row: SettlementRow, value_e4: int | None) -> SettlementBody:
    """Return a settlement; `value_e4` is what a YES contract paid."""
    return SettlementBody(
        ticker=row.ticker,
        event_ticker=row.event_ticker,
        market_result=row.result,
        yes_count=contracts(row.yes_e2),
        yes_total_cost=cents(row.yes_cost_e6),
        no_count=contracts(row.no_e2),
        no_total_cost=cents(row.no_cost_e6),
        revenue=cents(row.revenue_e6),
        value=UNSET if value_e4 is None else price_cents(value_e4),
        fee_cost=balance_text(row.fee_e6),
        settled_time=iso(row.at_us),
    )
