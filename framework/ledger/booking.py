"""What events change in the ledger, inside one transaction.

Fills are money: kept once per trade id, whether their order is known, open, closed or somebody
else's. An order's filled quantity is always the sum of its fills, never a count, so a fill that
overtakes its acceptance is found again when the acceptance names the order.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from framework.ledger import statements
from framework.ledger.rows import row_of
from framework.model.account import GRACE_US, RemoteOrder, RemoteStatus
from framework.model.events import (
    AccountReported,
    AnyEvent,
    IntentRefused,
    MarketSettled,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from framework.model.market import Settlement
from framework.model.orders import Fill, OrderFact, OrderState, next_state
from framework.model.units import E2, Micros

FACTS: Final = (
    AccountReported,
    IntentRefused,
    MarketSettled,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
"""The events that change the ledger; the others pass it by."""

_REMOTE: Final = {
    RemoteStatus.OPEN: OrderFact.ACCEPTED,
    RemoteStatus.FILLED: OrderFact.FULLY_FILLED,
    RemoteStatus.CANCELLED: OrderFact.CANCELLED,
}


class Booking:
    """One batch of events being written down."""

    def __init__(self, connection: sa.Connection, account: str) -> None:
        self._connection = connection
        self._account = account
        self._seq: int | None = None
        self.conflicts: list[str] = []
        """What contradicts an earlier row; the earlier row stands."""

    def take(self, events: Sequence[AnyEvent]) -> None:
        """Write down what these events change, in their order."""
        for event in events:
            book = _BOOKS.get(type(event))
            if book is not None:
                book(self, event)

    # ---------------------------------------------------------------------------- orders

    def accept(self, event: OrderAccepted) -> None:
        """The exchange took an order, or reported its state."""
        order = self._order(event.client_order_id, event.order_id)
        if order is None:
            return
        fact = OrderFact.ACCEPTED
        if event.remaining_e2 == 0:
            filled = event.filled_e2 >= order["quantity_e2"]
            fact = OrderFact.FULLY_FILLED if filled else OrderFact.CANCELLED
        self._move(order, fact, event.at_us, order_id=event.order_id, reported_e2=event.filled_e2)

    def reject(self, event: OrderRejected) -> None:
        """The exchange refused an order."""
        reason = f"{event.code}: {event.message}"
        order = self._order(event.client_order_id)
        self._move(order, OrderFact.REJECTED, event.at_us, reason=reason)

    def refuse(self, event: IntentRefused) -> None:
        """We did not send an intent; one that had been sent is left to the exchange's word."""
        order = self._order(event.client_order_id)
        if order is not None and order["state"] == OrderState.PENDING:
            self._move(order, OrderFact.REJECTED, event.at_us, reason=event.reason)

    def cancel(self, event: OrderCancelled) -> None:
        """An order left the book."""
        self._move(
            self._order(event.client_order_id, event.order_id),
            OrderFact.CANCELLED,
            event.at_us,
            order_id=event.order_id,
            reported_e2=event.filled_e2,
            reason=event.reason,
        )

    def lose(self, event: OrderUnknown) -> None:
        """A write got no readable answer."""
        order = self._order(event.client_order_id)
        self._move(order, OrderFact.LOST, event.at_us, reason=event.reason)

    def miss(self, event: OrderAbsent) -> None:
        """A read does not know an order: proof only when newer than the send."""
        order = self._order(event.client_order_id)
        if order is not None and event.as_of_us > order["committed_us"] + GRACE_US:
            self._move(order, OrderFact.ABSENT, event.at_us, reason="absent")

    def _order(
        self, client_order_id: str | None, order_id: str | None = None
    ) -> sa.RowMapping | None:
        """Return an order of ours by our id, else by the exchange's."""
        ours = self._row(statements.ORDER_BY_OUR_ID, client_order_id) if client_order_id else None
        if ours is not None:
            return ours
        return self._row(statements.ORDER_BY_THEIR_ID, order_id) if order_id else None

    def _move(
        self,
        order: sa.RowMapping | None,
        fact: OrderFact | None,
        at_us: Micros,
        *,
        order_id: str | None = None,
        reported_e2: E2 | None = None,
        reason: str = "",
    ) -> None:
        """Move an order along the table of states; a fact of None is a fill just kept."""
        if order is None:
            return
        state = OrderState(order["state"])
        if fact is not None:
            state = next_state(state, fact)
        named = order_id is not None and order["order_id"] is None
        if fact is None or (named and self._adopt(order_id, order["client_order_id"])):
            state = next_state(state, self._filled(order))
        self._connection.execute(
            statements.MOVE_ORDER,
            {
                "the_name": order["client_order_id"],
                "state": state.value,
                "order_id": order["order_id"] or order_id,
                "reported_e2": max(order["reported_e2"], reported_e2 or 0),
                "reason": reason or order["reason"],
                "updated_us": at_us,
            },
        )

    def _adopt(self, order_id: str | None, client_order_id: str) -> bool:
        """Give an order the fills that came before the exchange's id of it was known."""
        adopted = self._connection.execute(
            statements.ADOPT_FILLS,
            {
                "the_account": self._account,
                "the_name": order_id,
                "client_order_id": client_order_id,
            },
        )
        return adopted.rowcount > 0

    def _filled(self, order: sa.RowMapping) -> OrderFact:
        """Return which fact the fills of an order add up to."""
        filled_e2 = self._sum(statements.FILLED_E2, order["client_order_id"])
        whole = filled_e2 >= order["quantity_e2"]
        return OrderFact.FULLY_FILLED if whole else OrderFact.PARTLY_FILLED

    # ----------------------------------------------------------------------------- money

    def fill(self, fill: Fill, at_us: Micros) -> None:
        """Keep an execution once; another one under its id is a conflict."""
        row = row_of(fill)
        known = self._row(statements.FILL, fill.trade_id)
        if known is not None:
            self._compare(f"trade {fill.trade_id}", known, row, _FILL_TERMS)
            return
        order = self._order(fill.client_order_id, fill.order_id)
        row["client_order_id"] = None if order is None else order["client_order_id"]
        self._add(statements.ADD_FILL, row)
        self._move(order, None, at_us, order_id=fill.order_id)

    def settle(self, settlement: Settlement) -> None:
        """Keep a payment once, and only of a market in which something is held."""
        row = row_of(settlement)
        del row["shard"]  # cash by shard is the exchange's to say, at every start
        known = self._row(statements.SETTLEMENT, settlement.ticker)
        if known is not None:
            self._compare(f"settlement of {settlement.ticker}", known, row, _SETTLEMENT_TERMS)
        elif self._sum(statements.HELD_E2, settlement.ticker):
            self._add(statements.ADD_SETTLEMENT, row)

    def report(self, event: AccountReported) -> None:
        """Keep what the exchange's lists say; only a start's report moves the watermark."""
        account = event.account
        for fill in account.fills.rows:
            self.fill(fill, event.at_us)
        for settlement in account.settlements.rows:
            self.settle(settlement)
        for order in account.orders.rows:
            self._report_order(order, event.at_us)
        if event.recovery and account.fills.complete and account.settlements.complete:
            self._advance(min(account.fills.as_of_us, account.settlements.as_of_us))

    def _report_order(self, told: RemoteOrder, at_us: Micros) -> None:
        fact = _REMOTE.get(told.status)
        if fact is not None:
            order = self._order(told.client_order_id, told.order_id)
            self._move(order, fact, at_us, order_id=told.order_id, reported_e2=told.filled_e2)

    def _advance(self, as_of_us: Micros) -> None:
        mine = {"the_account": self._account}
        known = self._connection.execute(statements.WATERMARK, mine).scalar()
        if known is None:
            self._connection.execute(
                statements.ADD_WATERMARK, {"account": self._account, "as_of_us": as_of_us}
            )
        elif as_of_us > known:
            self._connection.execute(statements.MOVE_WATERMARK, {**mine, "as_of_us": as_of_us})

    # ------------------------------------------------------------------------------ rows

    def _row(self, statement: sa.Select[Any], name: str) -> sa.RowMapping | None:
        found = self._connection.execute(
            statement, {"the_account": self._account, "the_name": name}
        )
        return found.mappings().first()

    def _sum(self, statement: sa.Select[Any], name: str) -> E2:
        total = self._connection.execute(
            statement, {"the_account": self._account, "the_name": name}
        ).scalar()
        return int(total or 0)

    def _add(self, statement: sa.Insert, row: dict[str, Any]) -> None:
        """Add a row of money behind all that is booked."""
        if self._seq is None:
            self._seq = statements.next_seq(self._connection, self._account)
        self._connection.execute(statement, {"account": self._account, "seq": self._seq, **row})
        self._seq += 1

    def _compare(
        self, what: str, known: sa.RowMapping, told: dict[str, Any], terms: Sequence[str]
    ) -> None:
        differing = [term for term in terms if known[term] != told[term]]
        if differing:
            kept = ", ".join(f"{term} {known[term]}" for term in differing)
            new = ", ".join(f"{term} {told[term]}" for term in differing)
            self.conflicts.append(f"{what}: the ledger holds {kept}; the exchange now says {new}")


# Times and client ids are told differently by stream and list; these may not be.
_FILL_TERMS: Final = ("ticker", "order_id", "side", "price_e4", "quantity_e2", "fee_e6")
_SETTLEMENT_TERMS: Final = ("yes_pays_e4", "fee_e6")

_BOOKS: Final[dict[type[Any], Callable[[Booking, Any], None]]] = {
    AccountReported: Booking.report,
    IntentRefused: Booking.refuse,
    MarketSettled: lambda booking, event: booking.settle(event.settlement),
    OrderAbsent: Booking.miss,
    OrderAccepted: Booking.accept,
    OrderCancelled: Booking.cancel,
    OrderFilled: lambda booking, event: booking.fill(event.fill, event.at_us),
    OrderRejected: Booking.reject,
    OrderUnknown: Booking.lose,
}
