"""The order desk of the embedded exchange: what it accepts, changes, fills and cancels.

Every refusal carries the exchange's own status and code, and leaves everything as it was. The
account books each fill before anybody hears of it.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from framework.matching import CancelReason, Execution, Incoming, Placement, SelfTrade
from framework.model.orders import TimeInForce
from framework.model.units import E2, Micros, money_of
from plugins.sandbox.core.acceptance import (
    check_amendment,
    check_cancelling,
    check_new,
    check_open,
    check_trading,
    decreased_e2,
    may_cancel,
)
from plugins.sandbox.core.accounts import Accounts
from plugins.sandbox.core.blotter import Blotter
from plugins.sandbox.core.groups import OrderGroups
from plugins.sandbox.core.listings import Listing
from plugins.sandbox.core.rows import (
    Amendment,
    FillRow,
    GroupNotice,
    NewOrder,
    Notice,
    OrderNotice,
    OrderRow,
    Pause,
    Refusal,
)

_REASONS: Final[dict[CancelReason | None, str | None]] = {
    None: None,
    CancelReason.UNFILLED: None,
    CancelReason.POST_ONLY_CROSS: "PostOnlyCrossCancel",
    CancelReason.REDUCE_ONLY: "ReduceOnlyCancel",
    CancelReason.SELF_TRADE: "SelfTradeCancel",
}
"""The exchange's words (`last_update_reason`) for what ends an order at once."""

Placed = tuple[OrderRow, list[FillRow], list[Notice]]


class OrderDesk:
    """Takes requests for orders, and what the market does to them."""

    def __init__(self, accounts: Accounts, seed: str) -> None:
        """Open an empty desk.

        Args:
            accounts: Where fills are booked.
            seed: What ids are made from, so that a repeated session has the same.
        """
        self.blotter = Blotter(accounts, seed)
        self.groups = OrderGroups()
        self.pause = Pause.NOTHING
        self._triggered: list[str] = []

    # ------------------------------------------------------------------------------ requests

    def place(self, listing: Listing, order: NewOrder, now_us: Micros) -> Placed:
        """Accept an order and match it.

        Raises:
            Refusal: the exchange does not accept it; nothing changed.
        """
        blotter, market = self.blotter, listing.record
        # First: an order that exists stays a duplicate whatever has become of its market.
        if order.client_order_id in blotter.client_ids:
            raise Refusal(409, "order_already_exists", "client_order_id has been used before")
        check_new(order, market, now_us)
        check_trading(listing, self.pause, now_us)
        if order.order_group_id is not None:
            self.groups.admit(order.order_group_id, market.shard, order.subaccount)
        row = _new_row(listing, order, blotter.next_id(), now_us)
        if not order.reduce_only:
            self._check_balance(listing, row)
        incoming = _incoming(row, order.time_in_force, reduce_only=order.reduce_only)
        held_e2 = blotter.signed_e2(listing, order.subaccount)
        placement = listing.matching.place(incoming, held_e2)
        _refuse_cross(placement)
        blotter.add(row)
        return self._take(listing, row, placement, now_us)

    def amend(self, row: OrderRow, listing: Listing, change: Amendment, now_us: Micros) -> Placed:
        """Change a resting order; what loses its place is matched like a new one.

        Raises:
            Refusal: it does not rest any more, or the change is not accepted.
        """
        check_amendment(change, row, listing.record, self.blotter.client_ids, now_us)
        self._check_rests(row, listing)
        check_trading(listing, self.pause, now_us)
        changed = replace(
            row,
            limit_e4=change.limit_e4,
            client_order_id=change.new_client_order_id or row.client_order_id,
            initial_e2=change.total_e2,
            remaining_e2=change.total_e2 - row.filled_e2,
            expires_us=row.expires_us if change.expires_us is UNSET else change.expires_us,
            updated_us=now_us,
            reason="Amend",
        )
        self._check_balance(listing, changed)
        placement = listing.matching.amend(_incoming(changed))
        _refuse_cross(placement)
        self.blotter.change(changed)
        loses = changed.limit_e4 != row.limit_e4 or changed.remaining_e2 > row.remaining_e2
        if loses:
            return self._take(listing, changed, placement, now_us)
        return changed, [], [OrderNotice(changed)]

    def decrease(
        self,
        row: OrderRow,
        listing: Listing,
        reduce_by_e2: E2 | None,
        reduce_to_e2: E2 | None,
        now_us: Micros,
    ) -> tuple[OrderRow, list[Notice]]:
        """Take a part out of a resting order, which keeps its place.

        Raises:
            Refusal: it does not rest any more, or the size makes no sense.
        """
        self._check_rests(row, listing)
        check_cancelling(listing, self.pause, now_us)
        left = decreased_e2(row, reduce_by_e2, reduce_to_e2)
        if not left:
            notice = self.blotter.end(row.order_id, "Decrease", now_us)
            return notice.order, [notice]
        changed = replace(row, remaining_e2=left, updated_us=now_us, reason="Decrease")
        listing.matching.amend(_incoming(changed))
        self.blotter.change(changed)
        return changed, [OrderNotice(changed)]

    def cancel(
        self, row: OrderRow, listing: Listing, now_us: Micros
    ) -> tuple[OrderRow, E2, list[Notice]]:
        """Cancel a resting order and return its row and what was taken out.

        Raises:
            Refusal: it does not rest any more, or its market is closed.
        """
        if row.status != "resting":
            raise Refusal(404, "not_found", "order not found")
        check_cancelling(listing, self.pause, now_us)
        notice = self.blotter.end(row.order_id, None, now_us)
        return notice.order, row.remaining_e2, [notice]

    def cancel_all(self, now_us: Micros, subaccount: int | None = None) -> list[Notice]:
        """Cancel whatever may still be cancelled, of one subaccount or of all."""
        check_open(self.pause)
        rows = self.blotter.resting()
        asked = [row for row in rows if subaccount in (None, row.subaccount)]
        return self._cancel(asked, None, now_us)

    # -------------------------------------------------------------------------- order groups

    def members(self, group_id: str) -> list[OrderRow]:
        """Return a group's resting orders."""
        return [row for row in self.blotter.resting() if row.order_group_id == group_id]

    def cancel_members(self, group_id: str, now_us: Micros) -> list[Notice]:
        """Cancel a group's orders."""
        return self._cancel(self.members(group_id), None, now_us)

    def cancel_group(self, group_id: str, now_us: Micros) -> list[Notice]:
        """Cancel the orders of a group that has just been triggered, and tell of both."""
        told = GroupNotice("triggered", self.groups.find(group_id), now_us)
        return [told, *self.cancel_members(group_id, now_us)]

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
            row = self.blotter.orders[execution.order_id]
            if row.status == "resting":
                notices.append(OrderNotice(self.blotter.close_if_filled(execution.order_id)))
        if executions:
            notices += self._limit_groups(now_us)
            notices += self.blotter.keep_margin(listing, now_us)
        return notices

    def expire(self, order_id: str, due_us: Micros, now_us: Micros) -> list[Notice]:
        """End an order whose time is over, if it still rests and was not given more time."""
        row = self.blotter.orders[order_id]
        if row.status != "resting" or row.expires_us != due_us:
            return []
        return [self.blotter.end(order_id, "ExpiryCancel", now_us)]

    def sweep(
        self, listing: Listing, reason: str, now_us: Micros, *, but: Iterable[str] = ()
    ) -> list[Notice]:
        """End every order of a market, except those named."""
        kept = set(but)
        return [
            self.blotter.end(order_id, reason, now_us)
            for order_id in self.blotter.resting_in(listing.record.ticker)
            if order_id not in kept
        ]

    def halt(self, pause: Pause, now_us: Micros) -> list[Notice]:
        """Let trading rest, everything, or nothing; orders stay unless they asked to leave."""
        self.pause = pause
        if pause is Pause.NOTHING:
            return []
        leaving = [row for row in self.blotter.resting() if row.cancel_on_pause]
        return [self.blotter.end(row.order_id, "HaltCancel", now_us) for row in leaving]

    # --------------------------------------------------------------------------------- inside

    def _check_balance(self, listing: Listing, candidate: OrderRow) -> None:
        """Refuse what the shard's cash can't carry; closing a position needs none."""
        blotter, owner = self.blotter, candidate.subaccount
        needed = blotter.held_with_e6(listing, candidate) - blotter.held_e6(listing, owner)
        free = blotter.available_e6(listing.record.shard, owner)
        if needed > max(free, 0):
            raise Refusal(
                400,
                "insufficient_balance",
                f"order needs {money_of(needed)}, available is {money_of(free)}",
            )

    @staticmethod
    def _check_rests(row: OrderRow, listing: Listing) -> None:
        if row.status != "resting" or row.order_id not in listing.matching.resting:
            raise Refusal(404, "not_found", "order not found")

    def _take(
        self, listing: Listing, row: OrderRow, placement: Placement, now_us: Micros
    ) -> Placed:
        """Book what matching made of a new or moved order."""
        blotter, before = self.blotter, len(self.blotter.fills)
        notices: list[Notice] = [
            blotter.end(order_id, "SelfTradeCancel", now_us) for order_id in placement.displaced
        ]
        for execution in placement.executions:
            notices += self._trade(listing, execution, now_us, public=True)
        row = blotter.close_if_filled(row.order_id)
        if placement.resting_e2:
            blotter.rest(listing, row.order_id)
        elif placement.cancelled_e2:
            reason = _REASONS[placement.reason] or row.reason
            row = blotter.end(row.order_id, reason, now_us).order
        notices.append(OrderNotice(row))
        notices += self._limit_groups(now_us)
        notices += blotter.keep_margin(listing, now_us)
        return blotter.orders[row.order_id], blotter.fills[before:], notices

    def _trade(
        self, listing: Listing, execution: Execution, now_us: Micros, *, public: bool
    ) -> list[Notice]:
        row = self.blotter.orders[execution.order_id]
        group_id = row.order_group_id
        if self.groups.count(group_id, execution.quantity_e2, now_us) and group_id is not None:
            self._triggered.append(group_id)
        return self.blotter.trade(listing, execution, now_us, public=public)

    def _limit_groups(self, now_us: Micros) -> list[Notice]:
        """Cancel what rests in the groups that the last fills have triggered."""
        notices: list[Notice] = []
        while self._triggered:
            notices += self.cancel_group(self._triggered.pop(), now_us)
        return notices

    def _cancel(self, rows: Iterable[OrderRow], reason: str | None, now_us: Micros) -> list[Notice]:
        return [
            self.blotter.end(row.order_id, reason, now_us)
            for row in rows
            if may_cancel(self.blotter.listing_of(row), now_us)
        ]


def _incoming(
    row: OrderRow,
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELLED,
    *,
    reduce_only: bool = False,
) -> Incoming:
    """Return an order as matching takes it; what rests has the default terms."""
    return Incoming(
        order_id=row.order_id,
        side=row.side,
        limit_e4=row.limit_e4,
        quantity_e2=row.remaining_e2,
        time_in_force=time_in_force,
        post_only=row.post_only,
        reduce_only=reduce_only,
        self_trade=SelfTrade(row.self_trade_prevention),
        lot_e2=row.lot_e2,
    )


def _refuse_cross(placement: Placement) -> None:
    if placement.reason is CancelReason.POST_ONLY_CROSS:
        raise Refusal(400, "invalid_order", "invalid order", "post only cross")


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
        post_only=order.post_only,
        self_trade_prevention=order.self_trade_prevention,
        cancel_on_pause=order.cancel_on_pause,
        order_group_id=order.order_group_id,
        subaccount=order.subaccount,
        lot_e2=order.lot_e2,
    )
