"""What the exchange refuses to accept, each with its own status and code.

Every check looks and raises; none changes anything (Kalshi's order pages).
"""

from typing import Final

from msgspec import UNSET

from framework.matching import SelfTrade
from framework.model.market import Market, MarketStatus
from framework.model.orders import TimeInForce
from framework.model.units import E2, E4, Micros, Side
from plugins.sandbox.core.listings import Listing
from plugins.sandbox.core.rows import Amendment, NewOrder, OrderRow, Pause, Refusal

_IMMEDIATE: Final = TimeInForce.IMMEDIATE_OR_CANCEL
_GTC: Final = TimeInForce.GOOD_TILL_CANCELLED
_CANCELLABLE: Final = frozenset({MarketStatus.ACTIVE, MarketStatus.INACTIVE})


def check_new(order: NewOrder, market: Market, now_us: Micros) -> None:
    """Refuse an order that no state of the market could make right."""
    if order.shard not in (None, -1, market.shard):
        raise Refusal(404, "not_found", f"market {order.ticker} is not on this exchange index")
    check_size(order.quantity_e2)
    check_price(market, order.limit_e4, order.side)
    wrong = None
    if order.self_trade_prevention not in list(SelfTrade):
        wrong = "self_trade_prevention_type must be taker_at_cross or maker"
    elif order.reduce_only and order.time_in_force is not _IMMEDIATE:
        wrong = "reduce_only needs immediate_or_cancel"
    elif order.post_only and order.time_in_force is not _GTC:
        wrong = "post_only needs good_till_canceled"
    elif order.expires_us is not None and order.time_in_force is not _GTC:
        wrong = "expiration_time needs good_till_canceled"
    elif order.expires_us is not None and order.expires_us <= now_us:
        wrong = "expiration_time is past"
    if wrong is not None:
        raise Refusal(400, "invalid_parameters", wrong)


def check_amendment(
    change: Amendment, row: OrderRow, market: Market, used: set[str], now_us: Micros
) -> None:
    """Refuse an amendment that names another order, or nothing an order could become."""
    if change.shard not in (None, -1, row.shard):
        raise Refusal(404, "not_found", "order not found")
    if change.ticker != row.ticker:
        raise Refusal(400, "order_ticker_mismatch", f"the order is not in {change.ticker}")
    if change.side is not row.side:
        raise Refusal(400, "order_side_mismatch", f"the order is not on {change.side}")
    if change.client_order_id not in (None, row.client_order_id):
        raise Refusal(400, "order_id_and_client_order_id_mismatch", "the ids name different orders")
    renamed = change.new_client_order_id not in (None, row.client_order_id)
    if renamed and change.new_client_order_id in used:
        raise Refusal(409, "order_already_exists", "client_order_id has been used before")
    check_size(change.total_e2 - row.filled_e2)
    if change.limit_e4 != row.limit_e4:
        # A resting order keeps a price that a changed grid no longer has.
        check_price(market, change.limit_e4, change.side)
    expires = change.expires_us
    if expires is not UNSET and expires is not None and expires <= now_us:
        raise Refusal(400, "invalid_parameters", "expiration_time is past")


def decreased_e2(row: OrderRow, reduce_by_e2: E2 | None, reduce_to_e2: E2 | None) -> E2:
    """Return what a decrease leaves, or refuse it: exactly one of the two must be given."""
    if (reduce_by_e2 is None) == (reduce_to_e2 is None):
        raise Refusal(400, "invalid_parameters", "give either reduce_by or reduce_to")
    if reduce_to_e2 is None:
        reduce_by_e2 = reduce_by_e2 or 0
        if not 0 < reduce_by_e2 <= row.remaining_e2:
            raise Refusal(400, "invalid_order_size", "reduce_by must be 0.01 to what remains")
        return row.remaining_e2 - reduce_by_e2
    if not 0 <= reduce_to_e2 <= row.remaining_e2:
        raise Refusal(400, "invalid_order_size", "reduce_to must be 0 to what remains")
    return reduce_to_e2


def check_size(quantity_e2: E2) -> None:
    """Refuse an empty order."""
    if quantity_e2 <= 0:
        raise Refusal(400, "invalid_order_size", "count must be at least 0.01")


def check_price(market: Market, limit_e4: E4, side: Side) -> None:
    """Refuse a price off the market's grid."""
    if not market.grid.contains(limit_e4, side):
        raise Refusal(400, "invalid_price", "price is not on the market's price grid")


def check_trading(listing: Listing, pause: Pause, now_us: Micros) -> None:
    """Refuse what needs trading: the exchange or the market pauses, or the market is over."""
    check_open(pause)
    ticker, status = listing.record.ticker, listing.status(now_us)
    if pause is Pause.TRADING or status is MarketStatus.INACTIVE:
        raise Refusal(409, "trading_is_paused", f"trading in {ticker} is paused")
    if status is not MarketStatus.ACTIVE:
        raise Refusal(409, "MARKET_INACTIVE", f"market {ticker} is not active")


def check_cancelling(listing: Listing, pause: Pause, now_us: Micros) -> None:
    """Refuse a cancel or a decrease: the whole exchange rests, or the market is over."""
    check_open(pause)
    if not may_cancel(listing, now_us):
        raise Refusal(409, "MARKET_INACTIVE", f"market {listing.record.ticker} is not active")


def may_cancel(listing: Listing, now_us: Micros) -> bool:
    """Return whether a market's orders may be cancelled one by one."""
    return listing.status(now_us) in _CANCELLABLE


def check_open(pause: Pause) -> None:
    """Refuse every write while the whole exchange rests."""
    if pause is Pause.EVERYTHING:
        raise Refusal(409, "exchange_is_paused", "the exchange is paused")
