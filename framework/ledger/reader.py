"""The ledger as other processes see it: read-only, beside the bot that writes it."""

from contextlib import closing, suppress
from pathlib import Path

import msgspec
import sqlalchemy as sa

from framework.errors import FrameworkError
from framework.ledger import schema
from framework.ledger.recovery import Recovered, recovered
from framework.ledger.rows import value_of
from framework.ledger.store import Store, open_reading
from framework.model.market import moment
from framework.model.units import Micros


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes for an account; times are the run's own."""

    account: str
    run_id: str
    host: str
    pid: int
    since_us: Micros

    def __str__(self) -> str:
        since = moment(self.since_us).isoformat(timespec="seconds")
        return f"run {self.run_id}, process {self.pid} on {self.host}, since {since}"


class LedgerReader:
    """The books of a ledger, read beside the run that writes them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def accounts(self) -> list[str]:
        """Return every account with a run here."""
        runs = schema.runs.c
        with self._store.transaction() as connection:
            found = connection.execute(sa.select(runs.account).distinct().order_by(runs.account))
            return list(found.scalars())

    def holder(self, account: str) -> Holder | None:
        """Return who writes for an account, or wrote when it died without closing."""
        lock = schema.account_lock
        with self._store.transaction() as connection:
            row = (
                connection.execute(sa.select(lock).where(lock.c.account == account))
                .mappings()
                .first()
            )
        return None if row is None else value_of(row, Holder)

    def read(self, account: str, run_id: str, at_us: Micros) -> Recovered:
        """Return what the ledger holds now, changing nothing."""
        with self._store.transaction() as connection:
            return recovered(connection, account, run_id, at_us)

    def close(self) -> None:
        """Close the connection."""
        self._store.close()


def read_ledger(path: Path) -> LedgerReader:
    """Open a ledger for reading beside the bot that writes it.

    Raises:
        ConfigError: there is none, or this version can't read it.
    """
    return LedgerReader(open_reading(path))


def holders(path: Path) -> str:
    """Return who writes a ledger, in words; it never raises, for it serves a message."""
    found: list[Holder | None] = []
    with suppress(FrameworkError), closing(read_ledger(path)) as reader:
        found = [reader.holder(account) for account in reader.accounts()]
    named = [str(holder) for holder in found if holder is not None]
    return ", ".join(named) or "a process that has not said who it is"
