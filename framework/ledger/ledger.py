"""Durable money: what was wanted, sent, filled, paid and forbidden.

An intent is committed here before it is sent, so no order can exist at the exchange that a later
run does not know of. The commit is also the last gate: under a halt, without the lock, or while
facts wait to be written, no new risk passes.

When the database fails (disk full, foreign lock, I/O error), `commit_intents` refuses and nothing
is sent; every other method raises LedgerError, and the caller must stop taking risk and go on
cancelling. Facts that could not be written are kept and written before any later ones, and the
exchange can tell them again at the next start.
"""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import sqlalchemy as sa
from msgspec.structs import astuple

from framework.errors import ConfigError, InvariantError, LedgerError
from framework.ledger import schema, statements
from framework.ledger.booking import FACTS, Booking
from framework.ledger.direct import Direct
from framework.ledger.reader import Holder, holders
from framework.ledger.recovery import Recovered, halted, recovered
from framework.ledger.rows import row_of
from framework.ledger.store import Durability, FileInUseError, Store, open_store
from framework.model.events import AnyEvent, IntentRefused
from framework.model.orders import Order, OrderState, Purpose
from framework.model.units import E6, Micros

_INTENT: Final = [*Order.__struct_fields__, "account", "run_id", "committed_us"]
_NEW_ORDER: Final = [
    "client_order_id",
    "account",
    "state",
    "reported_e2",
    "reason",
    "updated_us",
]
_CLAIM: Final = ["the_account", "the_run", "the_host", "the_pid"]


class Ledger:
    """The books of one account, written by one run."""

    def __init__(self, store: Store, account: str, run_id: str, durability: Durability) -> None:
        self._store = store
        self._account = account
        self._run_id = run_id
        self._durability = durability
        self._unwritten: list[AnyEvent] = []
        with store.transaction() as connection:
            self._halted = halted(connection, account)
        self._claim: tuple[str | int, ...] = (account, "", os.uname().nodename, os.getpid())
        """What the lock's label must say; before it is ours it can't."""
        self._lock_is_ours = Direct(statements.LOCK_IS_OURS, store.dialect, _CLAIM)
        self._add_intent = Direct(statements.ADD_INTENT, store.dialect, _INTENT)
        self._add_order = Direct(statements.ADD_ORDER, store.dialect, _NEW_ORDER)

    # ------------------------------------------------------------------------------ lock

    def acquire_lock(self, at_us: Micros) -> None:
        """Claim the account for this run.

        No living process can hold it: the file belongs to this one since it was opened, and any
        label that stands in it was left by a dead one.
        """
        holder = Holder(
            account=self._account,
            run_id=self._run_id,
            host=os.uname().nodename,
            pid=os.getpid(),
            since_us=at_us,
        )
        with self._store.transaction() as connection:
            self._enter_run(connection, at_us)
            lock = schema.account_lock
            connection.execute(sa.delete(lock))
            connection.execute(sa.insert(lock).values(**row_of(holder), beat_us=at_us))
        self._claim = (holder.account, holder.run_id, holder.host, holder.pid)

    def _enter_run(self, connection: sa.Connection, at_us: Micros) -> None:
        runs = schema.runs
        known = connection.execute(
            sa.select(runs.c.account).where(runs.c.run_id == self._run_id)
        ).scalar()
        if known is None:
            connection.execute(
                sa.insert(runs).values(
                    run_id=self._run_id,
                    account=self._account,
                    durability=self._durability,
                    started_us=at_us,
                )
            )
        elif known != self._account:
            raise ConfigError(
                f"{self._store.where}: run {self._run_id} belongs to account {known}, not to"
                f" {self._account}; start a new run"
            )

    # ----------------------------------------------------------------------------- gates

    def commit_intents(self, orders: Sequence[Order], at_us: Micros) -> list[IntentRefused]:
        """Write down what is about to be sent, in one transaction; only then may it be sent.

        Returns:
            One refusal for each order that must not be sent, in their order; exits pass a halt.

        Raises:
            InvariantError: an order is impossible, or its client order id was used before.
        """
        if not orders:
            return []

        def commit(cursor: sqlite3.Cursor) -> list[str | None]:
            whys = self._gate(cursor, orders)
            for order, why in zip(orders, whys, strict=True):
                if why is None:
                    self._insert(cursor, order, at_us)
            return whys

        try:
            whys = self._store.directly(commit)
        except LedgerError as error:
            whys = [f"the ledger can't be written: {error}"] * len(orders)
        return [
            IntentRefused(at_us=at_us, client_order_id=order.client_order_id, reason=why)
            for order, why in zip(orders, whys, strict=True)
            if why is not None
        ]

    def objections(self, orders: Sequence[Order]) -> list[str | None]:
        """Return why each committed order must not be changed at the exchange, or None.

        What was committed stands: an amendment may ask for less of it, or another price.
        """
        try:
            return self._store.directly(lambda cursor: self._gate(cursor, orders))
        except LedgerError as error:
            return [f"the ledger can't be written: {error}"] * len(orders)

    def _gate(self, cursor: sqlite3.Cursor, orders: Sequence[Order]) -> list[str | None]:
        """Return why each order must not pass, or None."""
        lock = self._lock_is_ours
        cursor.execute(lock.text, lock.values(self._claim))
        if cursor.fetchone() is None:
            return [f"this run does not hold the lock of account {self._account}"] * len(orders)
        forbidden = self._forbidden()
        return [None if order.purpose is Purpose.EXIT else forbidden for order in orders]

    def _forbidden(self) -> str | None:
        """Return why no new risk may be taken, or None."""
        if self._halted is not None:
            return f"halted: {self._halted}"
        if self._unwritten:
            return f"facts wait to be written to the ledger: {len(self._unwritten)}"
        return None

    def _insert(self, cursor: sqlite3.Cursor, order: Order, at_us: Micros) -> None:
        # The driver writes our enums as words and numbers, and no and yes as 0 and 1.
        intent = (*astuple(order), self._account, self._run_id, at_us)
        cursor.execute(self._add_intent.text, self._add_intent.values(intent))
        pending = (order.client_order_id, self._account, OrderState.PENDING, 0, "", at_us)
        cursor.execute(self._add_order.text, self._add_order.values(pending))

    @property
    def halted(self) -> str | None:
        """Why no new risk may be taken, or None; it survives a restart."""
        return self._halted

    def halt(self, reason: str, at_us: Micros) -> None:
        """Latch: no entry passes until a person releases it.

        Raises:
            LedgerError: it holds for this run, but could not be written for the next.
        """
        self._halted = self._halted or reason
        halts = schema.halts
        with self._store.transaction() as connection:
            last = connection.execute(
                sa.select(sa.func.max(halts.c.number)).where(halts.c.account == self._account)
            ).scalar()
            connection.execute(
                sa.insert(halts).values(
                    account=self._account, number=(last or 0) + 1, reason=reason, halted_us=at_us
                )
            )

    def release(self, at_us: Micros) -> None:
        """Let new risk pass again; a person's decision."""
        halts = schema.halts
        with self._store.transaction() as connection:
            connection.execute(
                sa.update(halts)
                .where(halts.c.account == self._account, halts.c.released_us.is_(None))
                .values(released_us=at_us)
            )
        self._halted = None

    # ----------------------------------------------------------------------------- facts

    def record_events(self, events: Sequence[AnyEvent]) -> None:
        """Write down what these events change, in one transaction; repeats change nothing.

        Raises:
            LedgerError: they could not be written; they are kept, and tried first next time.
            InvariantError: a fill or settlement contradicts an earlier one, which stands; the
                rest was written.
        """
        self._unwritten += (event for event in events if isinstance(event, FACTS))
        if not self._unwritten:
            return
        with self._store.transaction() as connection:
            booking = Booking(connection, self._account)
            booking.take(self._unwritten)
        self._unwritten.clear()
        if booking.conflicts:
            raise InvariantError("; ".join(booking.conflicts))

    def record_opening(self, cash_e6: E6, at_us: Micros) -> None:
        """Write down the cash an account starts with, once in its life.

        Raises:
            InvariantError: it has been written before.
        """
        cash = schema.cash.c
        with self._store.transaction() as connection:
            if connection.execute(
                sa.select(cash.seq).where(cash.account == self._account, cash.kind == "opening")
            ).first():
                raise InvariantError(f"account {self._account} has an opening balance already")
            self._book_cash(connection, "opening", cash_e6, at_us)

    def record_external(self, change_e6: E6, at_us: Micros) -> None:
        """Write down cash that no fill or settlement explains, such as a deposit."""
        with self._store.transaction() as connection:
            self._book_cash(connection, "external", change_e6, at_us)

    def _book_cash(
        self, connection: sa.Connection, kind: str, change_e6: E6, at_us: Micros
    ) -> None:
        connection.execute(
            statements.ADD_CASH,
            {
                "account": self._account,
                "seq": statements.next_seq(connection, self._account),
                "kind": kind,
                "change_e6": change_e6,
                "at_us": at_us,
            },
        )

    # ------------------------------------------------------------------------ start, end

    def recover(self, at_us: Micros) -> Recovered:
        """Return what earlier runs left; start is recovery, there is no other.

        An intent that was never answered is UNKNOWN from here on: it may have been sent.
        """
        orders = schema.orders
        with self._store.transaction() as connection:
            connection.execute(
                sa.update(orders)
                .where(
                    orders.c.account == self._account,
                    orders.c.state == OrderState.PENDING.value,
                )
                .values(state=OrderState.UNKNOWN.value, updated_us=at_us)
            )
            return recovered(connection, self._account, self._run_id, at_us)

    def close(self) -> None:
        """Release the lock and close the file.

        Raises:
            LedgerError: facts are still unwritten; the next start asks the exchange for them.
        """
        try:
            self.record_events(())
            with self._store.transaction() as connection:
                label = dict(zip(_CLAIM, self._claim, strict=True))
                connection.execute(statements.RELEASE_LOCK, label)
        finally:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_ledger(
    url_or_path: str | Path, *, durability: Durability, account: str, run_id: str
) -> Ledger:
    """Open the books of an account for writing, and make them when there are none.

    Args:
        url_or_path: A file, or a `sqlite://` address; `sqlite://` alone is kept in memory.
        durability: What a commit survives: a kill (`process`) or a power cut (`full`).
        account: The account, with its subaccount if it has one.
        run_id: The run that writes.

    Raises:
        ConfigError: another process writes it (named, with since when), or it can't be used.
    """
    try:
        store = open_store(url_or_path, durability)
    except FileInUseError as error:
        who = holders(error.path)
        raise ConfigError(f"{error.path}: in use by {who}; stop that one first") from None
    return Ledger(store, account, run_id, durability)
