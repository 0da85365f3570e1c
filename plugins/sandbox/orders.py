"""The order desk of the embedded exchange: what it accepts, fills and cancels.

Every refusal carries the exchange's own status and code. An accepted order gets its row, its fee
accumulator and its fills; the account books each fill before anybody hears of it.
"""

from collections.abc import Sequence
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from msgspec.structs import replace

from framework.fees import OrderFees
from framework.matching import CancelReason, Execution, Incoming, Placement, SelfTrade
from framework.model.events import TradePrinted
from framework.model.market import MarketStatus
from framework.model.orders import TimeInForce
from framework.model.units import E2, E6, Micros, Side, Ticker, complement, money_of
from plugins.sandbox.accounts import Accounts, reserved_e6
from plugins.sandbox.listings import Listing
from plugins.sandbox.rows import (
    FillNotice,
    FillRow,
    NewOrder,
    Notice,
    OrderNotice,
    OrderRow,
    Refusal,
)

_REASONS: Final[dict[CancelReason | None, str | None]] = {
    None: None,
    CancelReason.UNFILLED: None,
    CancelReason.POST_ONLY_CROSS: "PostOnlyCrossCancel",
    CancelReason.REDUCE_ONLY: "ReduceOnlyCancel",
    CancelReason.SELF_TRADE: "SelfTradeCancel",
}
"""The exchange's words for what ends an order at once (kalshi-api.md section 8.4)."""
_IMMEDIATE: Final = TimeInForce.IMMEDIATE_OR_CANCEL
_GTC: Final = TimeInForce.GOOD_TILL_CANCELLED


class OrderDesk:
    """Every order of the account, from acceptance to its end."""

    def __init__(self, accounts: Accounts, seed: str) -> None:
        """Open an empty desk.

        Args:
            accounts: Where fills are booked.
            seed: What ids are made from, so that a repeated session has the same.
        """
        self.orders: dict[str, OrderRow] = {}
        self.fills: list[FillRow] = []
        self._accounts = accounts
        self._seed = seed
        self._issued = 0
        self._client_ids: set[str] = set()
        self._fees: dict[str, OrderFees] = {}
        self._resting: dict[Ticker, dict[str, Listing]] = {}

    # ------------------------------------------------------------------------------ requests

    def place(
        self, listing: Listing, order: NewOrder, now_us: Micros
    ) -> tuple[OrderRow, list[FillRow], list[Notice]]:
        """Accept an order and match it.

        Raises:
            Refusal: the exchange does not accept it; nothing changed.
        """
        incoming = self._accepted(listing, order, now_us)
        row = self._new_row(listing, order, incoming.order_id, now_us)
        market = listing.record
        placement = listing.matching.place(incoming, self._accounts.signed_e2(market))
        if placement.reason is CancelReason.POST_ONLY_CROSS:
            raise Refusal(400, "invalid_order", "invalid order", "post only cross")
        self._issued += 1
        if order.client_order_id is not None:
            self._client_ids.add(order.client_order_id)
        self.orders[row.order_id] = row
        self._fees[row.order_id] = OrderFees(market.fee_type, market.fee_multiplier)
        notices: list[Notice] = [
            self.end(order_id, "SelfTradeCancel", now_us) for order_id in placement.displaced
        ]
        before = len(self.fills)
        for execution in placement.executions:
            notices += self._trade(listing, execution, now_us, public=True)
        row = self._settle_placement(listing, row.order_id, placement)
        notices.append(OrderNotice(row))
        notices += self._keep_margin(listing, now_us)
        return row, self.fills[before:], notices

    def cancel(
        self, order_id: str, listing: Listing, now_us: Micros
    ) -> tuple[OrderRow, E2, list[Notice]]:
        """Cancel a resting order and return its row and what was taken out.

        Raises:
            Refusal: it does not rest any more, or its market is closed.
        """
        row = self.orders[order_id]
        if row.status != "resting":
            raise Refusal(404, "not_found", "order not found")
        if listing.status(now_us) not in {MarketStatus.ACTIVE, MarketStatus.INACTIVE}:
            raise Refusal(409, "MARKET_INACTIVE", f"market {row.ticker} is not active")
        self._leave_book(listing, order_id)
        notice = self.end(order_id, None, now_us)
        return notice.order, row.remaining_e2, [notice]

    def cancel_all(self, now_us: Micros) -> list[Notice]:
        """Cancel whatever may still be cancelled."""
        notices: list[Notice] = []
        for row in self.resting():
            listing = self._resting[row.ticker][row.order_id]
            if listing.status(now_us) in {MarketStatus.ACTIVE, MarketStatus.INACTIVE}:
                notices += self.cancel(row.order_id, listing, now_us)[2]
        return notices

    # -------------------------------------------------------------------------- what happens

    def execute(
        self, listing: Listing, executions: Sequence[Execution], now_us: Micros, *, public: bool
    ) -> list[Notice]:
        """Book executions of resting orders.

        Args:
            listing: Their market.
            executions: What matching found.
            now_us: The moment.
            public: Whether the trades are told to everybody; False where the feed has told them.
        """
        notices: list[Notice] = []
        for execution in executions:
            notices += self._trade(listing, execution, now_us, public=public)
            notices.append(OrderNotice(self._close_if_filled(execution.order_id)))
        if executions:
            notices += self._keep_margin(listing, now_us)
        return notices

    def end(self, order_id: str, reason: str | None, now_us: Micros) -> OrderNotice:
        """Mark a resting order canceled; its place in the book is gone already."""
        row = replace(self.orders[order_id], status="canceled", reason=reason, updated_us=now_us)
        self.orders[order_id] = row
        self._forget(row)
        return OrderNotice(row)

    def expire(self, order_id: str, now_us: Micros) -> list[Notice]:
        """End an order whose time is over, if it still rests."""
        row = self.orders[order_id]
        if row.status != "resting":
            return []
        listing = self._resting[row.ticker][order_id]
        self._leave_book(listing, order_id)
        return [self.end(order_id, "ExpiryCancel", now_us)]

    def sweep(self, listing: Listing, reason: str, now_us: Micros) -> list[Notice]:
        """Take every order of a market out of its book."""
        listing.matching.sweep()
        resting = list(self._resting.get(listing.record.ticker, ()))
        return [self.end(order_id, reason, now_us) for order_id in resting]

    def resting(self) -> list[OrderRow]:
        """Return the orders that rest, by market and then the oldest first."""
        return [self.orders[order_id] for ids in self._resting.values() for order_id in ids]

    def available_e6(self, shard: int) -> E6:
        """Return a shard's cash that no resting order holds."""
        return self._accounts.shard(shard).cash_e6 - sum(
            self._reserved_e6(ticker) for ticker in self._resting if self._shard(ticker) == shard
        )

    # ----------------------------------------------------------------------------- the checks

    def _accepted(self, listing: Listing, order: NewOrder, now_us: Micros) -> Incoming:
        """Return the order as matching takes it, or refuse it."""
        # First: an order that exists stays a duplicate whatever has become of its market.
        if order.client_order_id in self._client_ids:
            raise Refusal(409, "order_already_exists", "client_order_id has been used before")
        market = listing.record
        if order.shard not in (None, -1, market.shard):
            raise Refusal(404, "not_found", f"market {order.ticker} is not on this exchange index")
        if order.quantity_e2 <= 0:
            raise Refusal(400, "invalid_order_size", "count must be at least 0.01")
        if not market.grid.contains(order.limit_e4, order.side):
            raise Refusal(400, "invalid_price", "price is not on the market's price grid")
        self._check_terms(order, now_us)
        status = listing.status(now_us)
        if status is MarketStatus.INACTIVE:
            raise Refusal(409, "trading_is_paused", f"trading in {order.ticker} is paused")
        if status is not MarketStatus.ACTIVE:
            raise Refusal(409, "MARKET_INACTIVE", f"market {order.ticker} is not active")
        self._check_balance(listing, order, now_us)
        return Incoming(
            order_id=self._id("order", self._issued),
            side=order.side,
            limit_e4=order.limit_e4,
            quantity_e2=order.quantity_e2,
            time_in_force=order.time_in_force,
            post_only=order.post_only,
            reduce_only=order.reduce_only,
            self_trade=SelfTrade(order.self_trade_prevention),
        )

    @staticmethod
    def _check_terms(order: NewOrder, now_us: Micros) -> None:
        """Refuse terms that exclude each other."""
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

    def _check_balance(self, listing: Listing, order: NewOrder, now_us: Micros) -> None:
        """Refuse what the shard's cash can't carry; closing a position needs none."""
        if order.reduce_only:
            return
        candidate = self._new_row(listing, order, "", now_us)
        others = self._reserved_e6(order.ticker)
        needed = self._reserved_e6(order.ticker, listing, candidate) - others
        free = self.available_e6(listing.record.shard)
        if needed > free:
            raise Refusal(
                400,
                "insufficient_balance",
                f"order needs {money_of(needed)}, available is {money_of(free)}",
            )

    # --------------------------------------------------------------------------------- inside

    def _id(self, kind: str, number: int) -> str:
        return str(uuid5(NAMESPACE_OID, f"{self._seed} {kind} {number}"))

    @staticmethod
    def _new_row(listing: Listing, order: NewOrder, order_id: str, now_us: Micros) -> OrderRow:
        return OrderRow(
            order_id=order_id,
            client_order_id=order.client_order_id,
            ticker=order.ticker,
            side=order.side,
            limit_e4=order.limit_e4,
            status="resting",
            initial_e2=order.quantity_e2,
            filled_e2=0,
            remaining_e2=order.quantity_e2,
            taker_cost_e6=0,
            maker_cost_e6=0,
            taker_fees_e6=0,
            maker_fees_e6=0,
            created_us=now_us,
            updated_us=now_us,
            expires_us=order.expires_us,
            reason=None,
            shard=listing.record.shard,
        )

    def _trade(
        self, listing: Listing, execution: Execution, now_us: Micros, *, public: bool
    ) -> list[Notice]:
        """Book one execution: fee, account, order row, and the public trade where it is news."""
        row, market = self.orders[execution.order_id], listing.record
        charge = self._fees[row.order_id].charge(
            execution.price_e4, execution.quantity_e2, is_taker=execution.is_taker
        )
        fill = self._accounts.book(
            FillRow(
                trade_id=self._id("trade", len(self.fills)),
                order_id=row.order_id,
                client_order_id=row.client_order_id,
                ticker=row.ticker,
                side=row.side,
                price_e4=execution.price_e4,
                quantity_e2=execution.quantity_e2,
                fee_e6=charge.net_e6,
                is_taker=execution.is_taker,
                at_us=now_us,
                post_position_e2=0,
                shard=row.shard,
            ),
            market,
        )
        self.fills.append(fill)
        self.orders[row.order_id] = _after(row, fill)
        return [*(self._publish(listing, fill) if public else ()), FillNotice(fill)]

    @staticmethod
    def _publish(listing: Listing, fill: FillRow) -> list[Notice]:
        """Tell everybody of a trade of ours; it shares its id with the fill."""
        yes_e4 = fill.price_e4 if fill.side is Side.YES else complement(fill.price_e4)
        listing.traded(yes_e4, fill.quantity_e2)
        return [
            TradePrinted(
                at_us=fill.at_us,
                ticker=fill.ticker,
                trade_id=fill.trade_id,
                yes_price_e4=yes_e4,
                quantity_e2=fill.quantity_e2,
                taker_side=fill.side if fill.is_taker else fill.side.opposite,
                exchange_us=fill.at_us,
            )
        ]

    def _settle_placement(self, listing: Listing, order_id: str, placement: Placement) -> OrderRow:
        """Give the row of a matched order its status."""
        row = self._close_if_filled(order_id)
        if placement.resting_e2:
            self._resting.setdefault(row.ticker, {})[order_id] = listing
        elif placement.cancelled_e2:
            reason = _REASONS[placement.reason] or row.reason
            row = replace(row, status="canceled", reason=reason)
            self.orders[order_id] = row
            self._forget(row)
        return row

    def _close_if_filled(self, order_id: str) -> OrderRow:
        row = self.orders[order_id]
        if not row.remaining_e2:
            row = replace(row, status="executed")
            self.orders[order_id] = row
            self._forget(row)
        return row

    def _forget(self, row: OrderRow) -> None:
        ids = self._resting.get(row.ticker, {})
        ids.pop(row.order_id, None)
        if not ids:
            self._resting.pop(row.ticker, None)
        self._fees.pop(row.order_id, None)

    @staticmethod
    def _leave_book(listing: Listing, order_id: str) -> None:
        # Between the close and the sweep an order is out of the book but still shown as resting.
        if order_id in listing.matching.resting:
            listing.matching.cancel(order_id)

    def _shard(self, ticker: Ticker) -> int:
        return next(iter(self._resting[ticker].values())).record.shard

    def _reserved_e6(
        self, ticker: Ticker, listing: Listing | None = None, more: OrderRow | None = None
    ) -> E6:
        """Return what a market's orders hold, and would with one more."""
        ids = self._resting.get(ticker, {})
        listing = listing or next(iter(ids.values()), None)
        if listing is None:
            return 0
        rows = [self.orders[order_id] for order_id in ids]
        if more is not None:
            rows.append(more)
        return reserved_e6(listing.record, self._accounts.signed_e2(listing.record), rows)

    def _keep_margin(self, listing: Listing, now_us: Micros) -> list[Notice]:
        """Cancel the newest orders of a market whose position no longer covers them."""
        notices: list[Notice] = []
        ticker = listing.record.ticker
        while ticker in self._resting and self.available_e6(listing.record.shard) < 0:
            order_id = next(reversed(self._resting[ticker]))
            self._leave_book(listing, order_id)
            notices.append(self.end(order_id, "MarginCancel", now_us))
        return notices


def _after(row: OrderRow, fill: FillRow) -> OrderRow:
    """Return an order's row after a fill."""
    cost, taker = fill.price_e4 * fill.quantity_e2, fill.is_taker
    return replace(
        row,
        filled_e2=row.filled_e2 + fill.quantity_e2,
        remaining_e2=row.remaining_e2 - fill.quantity_e2,
        taker_cost_e6=row.taker_cost_e6 + (cost if taker else 0),
        maker_cost_e6=row.maker_cost_e6 + (0 if taker else cost),
        taker_fees_e6=row.taker_fees_e6 + (fill.fee_e6 if taker else 0),
        maker_fees_e6=row.maker_fees_e6 + (0 if taker else fill.fee_e6),
        updated_us=fill.at_us,
        reason="Trade",
    )
