"""What a ledger holds, as a run needs it at its start."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec
import sqlalchemy as sa

from framework.ledger import schema
from framework.ledger.rows import value_of
from framework.model.account import LedgerOrder, OwnedFill
from framework.model.events import LedgerRead
from framework.model.market import Settlement
from framework.model.orders import TERMINAL, Fill, Order, OrderState
from framework.model.portfolio import Portfolio
from framework.model.units import E6, Micros

_COUNTER: Final = re.compile(r"\d+\Z")
_intents, _orders, _fills = schema.intents.c, schema.orders.c, schema.fills.c


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What earlier runs left, and where this one goes on."""

    read: LedgerRead
    """The first event of the run: cash, fills, settlements, open orders, halt latch."""
    opened: bool
    """Whether an opening balance is on record; without one, ask the exchange and record it."""
    since_us: Micros | None
    """Fills and settlements the exchange had before this moment are all here; None: nothing is."""
    counter: int
    """The highest number a client order id of this run carries; the next order takes one more."""

    @property
    def orders(self) -> tuple[LedgerOrder, ...]:
        """The orders whose end, or whose fills, the ledger does not know."""
        return self.read.orders

    def portfolio(self) -> Portfolio:
        """Return the portfolio these rows add up to."""
        portfolio = Portfolio(self.read.opening_cash_e6)
        for owned in self.read.fills:
            portfolio.apply(owned.fill, owned.strategy)
        for settlement in self.read.settlements:
            portfolio.settle(settlement)
        return portfolio


def recovered(connection: sa.Connection, account: str, run_id: str, at_us: Micros) -> Recovered:
    """Read everything an account's next run must know."""
    cash = _cash_e6(connection, account)
    read = LedgerRead(
        at_us=at_us,
        opening_cash_e6=cash or 0,
        fills=_owned_fills(connection, account),
        settlements=_settlements(connection, account),
        orders=_open_orders(connection, account),
        halted=halted(connection, account),
    )
    marks = schema.watermarks.c
    return Recovered(
        read=read,
        opened=cash is not None,
        since_us=connection.execute(
            sa.select(marks.as_of_us).where(marks.account == account)
        ).scalar(),
        counter=_counter(connection, run_id),
    )


def halted(connection: sa.Connection, account: str) -> str | None:
    """Return why an account is halted: the oldest reason not yet released."""
    halts = schema.halts.c
    return connection.execute(
        sa.select(halts.reason)
        .where(halts.account == account, halts.released_us.is_(None))
        .order_by(halts.number)
        .limit(1)
    ).scalar()


def _cash_e6(connection: sa.Connection, account: str) -> E6 | None:
    """Return the opening cash and all that came or went outside trading; None before any."""
    cash = schema.cash.c
    total = connection.execute(
        sa.select(sa.func.sum(cash.change_e6)).where(cash.account == account)
    ).scalar()
    return None if total is None else int(total)


def _owned_fills(connection: sa.Connection, account: str) -> tuple[OwnedFill, ...]:
    """Return every fill in the order of booking, with the strategy whose order it was."""
    rows = connection.execute(
        sa.select(schema.fills, _intents.strategy)
        .join(schema.intents, _fills.client_order_id == _intents.client_order_id, isouter=True)
        .where(_fills.account == account)
        .order_by(_fills.seq)
    ).mappings()
    return tuple(OwnedFill(fill=value_of(row, Fill), strategy=row["strategy"]) for row in rows)


def _settlements(connection: sa.Connection, account: str) -> tuple[Settlement, ...]:
    settlements = schema.settlements
    rows = connection.execute(
        sa.select(settlements).where(settlements.c.account == account).order_by(settlements.c.seq)
    ).mappings()
    return tuple(value_of(row, Settlement) for row in rows)


def _open_orders(connection: sa.Connection, account: str) -> tuple[LedgerOrder, ...]:
    """Return orders without a known end, and ended ones of which a fill is still missing."""
    filled = (
        sa.select(_fills.client_order_id, sa.func.sum(_fills.quantity_e2).label("filled_e2"))
        .where(_fills.account == account)
        .group_by(_fills.client_order_id)
        .subquery()
    )
    filled_e2 = sa.func.coalesce(filled.c.filled_e2, 0)
    open_states: Sequence[str] = [state.value for state in OrderState if state not in TERMINAL]
    rows = connection.execute(
        sa.select(schema.intents, _orders.state, _orders.order_id, filled_e2.label("filled_e2"))
        .join(schema.orders, _orders.client_order_id == _intents.client_order_id)
        .join(filled, filled.c.client_order_id == _intents.client_order_id, isouter=True)
        .where(
            _orders.account == account,
            sa.or_(_orders.state.in_(open_states), _orders.reported_e2 > filled_e2),
        )
        .order_by(_intents.committed_us, _intents.client_order_id)
    ).mappings()
    return tuple(
        LedgerOrder(
            order=value_of(row, Order),
            state=OrderState(row["state"]),
            order_id=row["order_id"],
            filled_e2=int(row["filled_e2"]),
            sent_us=row["committed_us"],
        )
        for row in rows
    )


def _counter(connection: sa.Connection, run_id: str) -> int:
    ids = connection.execute(
        sa.select(_intents.client_order_id).where(_intents.run_id == run_id)
    ).scalars()
    numbers = (_COUNTER.search(client_order_id) for client_order_id in ids)
    return max((int(number.group()) for number in numbers if number), default=0)
