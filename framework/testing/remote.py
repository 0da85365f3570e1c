"""One account as an exchange keeps it: orders that were taken, fills, payments, cash.

It matches nothing by itself: a test says what fills. Kept apart from the wire or script that
shows it, so that it outlives runs and can be met again after a restart.
"""

from collections.abc import Callable

import msgspec

from framework.exchange import Accepted, Outcome, Rejected
from framework.model.account import (
    Account,
    Balances,
    Fills,
    Orders,
    Positions,
    RemoteOrder,
    RemotePosition,
    RemoteStatus,
    Settlements,
)
from framework.model.market import Settlement
from framework.model.orders import Fill, Order
from framework.model.portfolio import Portfolio
from framework.model.units import (
    E2,
    E4,
    E6,
    ONE_DOLLAR_E4,
    Micros,
    Side,
    Ticker,
    to_e2,
    to_e4,
    to_e6,
)
from framework.testing.builders import NOW_US, Number


class RemoteAccount:
    """Orders, fills, payments and cash, as told by a test.

    Attributes:
        now_us: Returns the present moment; the builders' until a run brings its own.
        books: Money and positions.
        orders: Every order ever taken, by the exchange's id.
        fills: Every execution, oldest first.
        settlements: Every payment, oldest first.
    """

    def __init__(self, cash_e6: E6) -> None:
        """Open an account with this much cash."""
        self.now_us: Callable[[], Micros] = lambda: NOW_US
        self.books = Portfolio(cash_e6)
        self.orders: dict[str, RemoteOrder] = {}
        self.fills: list[Fill] = []
        self.settlements: list[Settlement] = []

    def rest(self, order: Order) -> Accepted:
        """Take an order into the book."""
        return self.keep(order, self.accepted(order.quantity_e2))

    def drop(self, order: Order) -> Accepted:
        """Take an order that does not wait, and end it unfilled."""
        return self.keep(order, self.accepted(0))

    def accepted(self, remaining_e2: int) -> Accepted:
        """Return what the next order to be taken is told."""
        name = f"order-{len(self.orders) + 1}"
        return Accepted(order_id=name, filled_e2=0, remaining_e2=remaining_e2)

    def keep(self, order: Order, accepted: Accepted) -> Accepted:
        """Write down an order that was told this."""
        filled = accepted.filled_e2 or 0
        left = accepted.remaining_e2
        row = RemoteOrder(
            order_id=accepted.order_id,
            client_order_id=order.client_order_id,
            ticker=order.ticker,
            side=order.side,
            limit_e4=order.limit_e4,
            status=RemoteStatus.OPEN,
            quantity_e2=order.quantity_e2,
            filled_e2=filled,
            remaining_e2=order.quantity_e2 - filled if left is None else left,
            shard=order.shard,
        )
        self._write(row, row.filled_e2, row.remaining_e2)
        return accepted

    def find(self, client_order_id: str, order_id: str | None = None) -> RemoteOrder | None:
        """Return an order by either id, or None when it was never taken."""
        for row in self.orders.values():
            if client_order_id == row.client_order_id or order_id == row.order_id:
                return row
        return None

    def fill(
        self,
        order: Order,
        *,
        quantity: Number | None = None,
        price: Number | None = None,
        fee: Number = 0,
    ) -> Fill:
        """Fill an order that was taken, by default whole and at its limit.

        Raises:
            LookupError: the order was never taken.
        """
        row = self.find(order.client_order_id)
        if row is None:
            raise LookupError(f"{order.client_order_id} was never taken")
        done = Fill(
            trade_id=f"trade-{len(self.fills) + 1}",
            order_id=row.order_id,
            client_order_id=order.client_order_id,
            ticker=order.ticker,
            side=order.side,
            price_e4=order.limit_e4 if price is None else to_e4(price),
            quantity_e2=order.quantity_e2 if quantity is None else to_e2(quantity),
            fee_e6=to_e6(fee),
            is_taker=True,
            at_us=self.now_us(),
        )
        self.fills.append(done)
        self.books.apply(done)
        filled = sum(one.quantity_e2 for one in self.fills if one.order_id == row.order_id)
        left = min(row.remaining_e2, max(row.quantity_e2 - filled, 0))
        self._write(row, filled, left)
        return done

    def cancel(self, order_id: str) -> Outcome:
        """Take an order out of the book, if it rests there."""
        row = self.orders.get(order_id)
        if row is None or row.status is not RemoteStatus.OPEN:
            return Rejected(code="not_found", message="no such order rests here")
        self._write(row, row.filled_e2, 0)
        return Accepted(order_id=order_id, filled_e2=row.filled_e2, remaining_e2=0)

    def amend(self, order_id: str, limit_e4: E4, quantity_e2: E2) -> Outcome:
        """Give an order that rests another limit and total."""
        row = self.orders.get(order_id)
        if row is None or row.status is not RemoteStatus.OPEN:
            return Rejected(code="not_found", message="no such order rests here")
        left = quantity_e2 - row.filled_e2
        if left <= 0:
            return Rejected(code="invalid_order_size", message="it has traded more than that")
        changed = msgspec.structs.replace(row, limit_e4=limit_e4, quantity_e2=quantity_e2)
        self._write(changed, row.filled_e2, left)
        return Accepted(order_id=order_id, filled_e2=None, remaining_e2=left)

    def _write(self, row: RemoteOrder, filled_e2: int, remaining_e2: int) -> None:
        status = row.status
        if remaining_e2 == 0:
            whole = filled_e2 >= row.quantity_e2
            status = RemoteStatus.FILLED if whole else RemoteStatus.CANCELLED
        self.orders[row.order_id] = msgspec.structs.replace(
            row,
            status=status,
            filled_e2=filled_e2,
            remaining_e2=remaining_e2,
            at_us=self.now_us(),
        )

    def settle(self, ticker: Ticker, result: Side) -> Settlement:
        """Pay for what is held in a market."""
        settlement = Settlement(
            ticker=ticker,
            result=result,
            yes_pays_e4=ONE_DOLLAR_E4 if result is Side.YES else 0,
            at_us=self.now_us(),
        )
        self.settlements.append(settlement)
        self.books.settle(settlement)
        return settlement

    def deposit(self, money: Number) -> None:
        """Add cash that no trade explains."""
        self.books.cash_e6 += to_e6(money)

    def report(self, since_us: Micros | None) -> Account:
        """Return the account as it is now; fills and payments from `since_us` on."""
        now, since = self.now_us(), since_us or 0
        held = [
            RemotePosition(
                ticker=one.ticker,
                signed_e2=one.quantity_e2 if one.side is Side.YES else -one.quantity_e2,
            )
            for one in self.books
        ]
        fills = [fill for fill in self.fills if fill.at_us >= since]
        paid = [one for one in self.settlements if one.at_us >= since]
        return Account(
            orders=Orders(as_of_us=now, complete=True, rows=tuple(self.orders.values())),
            fills=Fills(as_of_us=now, complete=True, rows=tuple(fills)),
            positions=Positions(as_of_us=now, complete=True, rows=tuple(held)),
            settlements=Settlements(as_of_us=now, complete=True, rows=tuple(paid)),
            balances=Balances(as_of_us=now, complete=True, rows=((0, self.books.cash_e6),)),
        )
