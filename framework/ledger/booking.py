"""What events change in the ledger, inside one transaction.

Fills are money: kept once per trade id, whether their order is known, open, closed or somebody
else's. An order's filled quantity is always the sum of its fills, never a count, so a fill that
overtakes its acceptance is found again when the acceptance names the order.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from framework.ledger import schema
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
from framework.model.units import E2, Micros, Side, Ticker

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

_intents, _orders, _fills = schema.intents.c, schema.orders.c, schema.fills.c


class Booking:
    """One batch of events being written down."""

    def __init__(self, connection: sa.Connection, account: str) -> None:
        self._connection = connection
        self._account = account
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
        order = self._order(event.client_order_id)
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
        for column, name in (
            (_orders.client_order_id, client_order_id),
            (_orders.order_id, order_id),
        ):
            if name:
                found = self._connection.execute(
                    sa.select(schema.orders, _intents.quantity_e2, _intents.committed_us)
                    .join(schema.intents)
                    .where(column == name, _orders.account == self._account)
                )
                row = found.mappings().first()
                if row is not None:
                    return row
        return None

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
            sa.update(schema.orders)
            .where(_orders.client_order_id == order["client_order_id"])
            .values(
                state=state.value,
                order_id=order["order_id"] or order_id,
                reported_e2=max(order["reported_e2"], reported_e2 or 0),
                reason=reason or order["reason"],
                updated_us=at_us,
            )
        )

    def _adopt(self, order_id: str | None, client_order_id: str) -> bool:
        """Give an order the fills that came before the exchange's id of it was known."""
        adopted = self._connection.execute(
            sa.update(schema.fills)
            .where(
                _fills.account == self._account,
                _fills.order_id == order_id,
                _fills.client_order_id.is_(None),
            )
            .values(client_order_id=client_order_id)
        )
        return adopted.rowcount > 0

    def _filled(self, order: sa.RowMapping) -> OrderFact:
        """Return which fact the fills of an order add up to."""
        filled_e2 = self._connection.execute(
            sa.select(sa.func.sum(_fills.quantity_e2)).where(
                _fills.client_order_id == order["client_order_id"]
            )
        ).scalar()
        whole = int(filled_e2 or 0) >= order["quantity_e2"]
        return OrderFact.FULLY_FILLED if whole else OrderFact.PARTLY_FILLED

    # ----------------------------------------------------------------------------- money

    def fill(self, fill: Fill, at_us: Micros) -> None:
        """Keep an execution once; another one under its id is a conflict."""
        row = row_of(fill)
        kept = self._connection.execute(
            sa.select(schema.fills).where(
                _fills.account == self._account, _fills.trade_id == fill.trade_id
            )
        ).mappings()
        known = kept.one_or_none()
        if known is not None:
            self._compare(f"trade {fill.trade_id}", known, row, _FILL_TERMS)
            return
        order = self._order(fill.client_order_id, fill.order_id)
        row["client_order_id"] = None if order is None else order["client_order_id"]
        self._connection.execute(
            sa.insert(schema.fills).values(account=self._account, seq=self._next_seq(), **row)
        )
        self._move(order, None, at_us, order_id=fill.order_id)

    def settle(self, settlement: Settlement) -> None:
        """Keep a payment once, and only of a market in which something is held."""
        row = row_of(settlement)
        kept = self._connection.execute(
            sa.select(schema.settlements).where(
                schema.settlements.c.account == self._account,
                schema.settlements.c.ticker == settlement.ticker,
            )
        ).mappings()
        known = kept.one_or_none()
        if known is not None:
            self._compare(f"settlement of {settlement.ticker}", known, row, _SETTLEMENT_TERMS)
        elif self._held_e2(settlement.ticker):
            self._connection.execute(
                sa.insert(schema.settlements).values(
                    account=self._account, seq=self._next_seq(), **row
                )
            )

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
        marks = schema.watermarks
        mine = marks.c.account == self._account
        known = self._connection.execute(sa.select(marks.c.as_of_us).where(mine)).scalar()
        if known is None:
            self._connection.execute(
                sa.insert(marks).values(account=self._account, as_of_us=as_of_us)
            )
        elif as_of_us > known:
            self._connection.execute(sa.update(marks).where(mine).values(as_of_us=as_of_us))

    def _held_e2(self, ticker: Ticker) -> E2:
        signed = sa.case(
            (_fills.side == Side.YES.value, _fills.quantity_e2), else_=-_fills.quantity_e2
        )
        total = self._connection.execute(
            sa.select(sa.func.sum(signed)).where(
                _fills.account == self._account, _fills.ticker == ticker
            )
        ).scalar()
        return int(total or 0)

    def _next_seq(self) -> int:
        return next_seq(self._connection, self._account)

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


def next_seq(connection: sa.Connection, account: str) -> int:
    """Return the next place in the order in which an account's money was booked."""
    tables = (schema.fills, schema.settlements, schema.cash)
    last = [
        connection.execute(
            sa.select(sa.func.max(table.c.seq)).where(table.c.account == account)
        ).scalar()
        for table in tables
    ]
    return max((seq for seq in last if seq is not None), default=0) + 1
