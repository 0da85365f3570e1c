"""Opening the ledger's database: who may write, how durably, and what its failures mean.

A SQLite file has exactly one writing connection. The operating system holds that rule, by a lock
on a file beside it that ends with the process however it dies, so no stale lock is ever left and
none is stolen from a living bot. (Two writing connections also meet the WAL-reset race of SQLite
before 3.51.3.) Other processes read with `mode=ro`.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final, Literal, TypeAlias, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.pool import StaticPool

from framework.errors import ConfigError, InvariantError, LedgerError
from framework.ledger import schema

_Result = TypeVar("_Result")

Durability: TypeAlias = Literal["process", "full"]
"""What a commit survives: the death of the process, or a power cut as well."""

_SYNCHRONOUS: Final = {"process": "NORMAL", "full": "FULL"}
_BUSY_MS: Final = 1000
"""How long a write waits for a foreign lock: the bot stands still meanwhile."""


class FileInUseError(ConfigError):
    """Another process writes the ledger at `path`."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: another process writes this ledger")
        self.path = path


class Store:
    """One connection to one ledger; every failure leaves it as one of our errors."""

    def __init__(self, engine: sa.Engine, where: str, owned: IO[bytes] | None = None) -> None:
        self.where = where
        self._engine = engine
        self._owned = owned
        self._connection = engine.connect()
        driver = self._connection.connection.driver_connection
        self._cursor = cast("sqlite3.Connection", driver).cursor()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Give a transaction that is committed at the end, and rolled back by any error.

        Raises:
            LedgerError: the database did not take it; nothing of it was kept.
            InvariantError: a rule of the tables was broken.
        """
        try:
            with self._connection.begin():
                yield self._connection
        except exc.IntegrityError as error:
            raise InvariantError(f"{self.where}: refused by the ledger: {error.orig}") from error
        except OverflowError as error:
            raise InvariantError(f"{self.where}: a number beyond 64 bits") from error
        except (exc.DBAPIError, exc.ResourceClosedError, OSError) as error:
            cause = error.orig if isinstance(error, exc.DBAPIError) else error
            raise LedgerError(f"{self.where}: {cause}") from error

    @property
    def dialect(self) -> sa.Dialect:
        """How this database writes its statements."""
        return self._engine.dialect

    def directly(self, write: Callable[[sqlite3.Cursor], _Result]) -> _Result:
        """Run a transaction on the driver itself, for the one path that can't wait.

        Raises:
            LedgerError: the database did not take it; nothing of it was kept.
            InvariantError: a rule of the tables was broken.
        """
        cursor = self._cursor
        try:
            cursor.execute("BEGIN IMMEDIATE")
            result = write(cursor)
            cursor.execute("COMMIT")
        except sqlite3.IntegrityError as error:
            raise InvariantError(f"{self.where}: refused by the ledger: {error}") from error
        except OverflowError as error:
            raise InvariantError(f"{self.where}: a number beyond 64 bits") from error
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(f"{self.where}: {error}") from error
        else:
            return result
        finally:
            with suppress(sqlite3.Error):
                if cursor.connection.in_transaction:
                    cursor.connection.rollback()

    def close(self) -> None:
        """Close the connection, then let go of the file."""
        self._connection.close()
        self._engine.dispose()
        if self._owned is not None:
            self._owned.close()


def open_store(url_or_path: str | Path, durability: Durability) -> Store:
    """Open a ledger for writing, and make it when there is none.

    Raises:
        FileInUseError: another process writes it.
        ConfigError: it can't be opened, or is not a ledger this version knows.
    """
    path = _path_of(url_or_path)
    if path is None:
        return _opened(_engine("sqlite://", durability), "the ledger in memory", None)
    try:
        owned = _own(path)
    except BlockingIOError:
        raise FileInUseError(path) from None
    except OSError as error:
        raise ConfigError(f"{path}: can't open the ledger: {error.strerror}") from None
    return _opened(_engine(f"sqlite:///{path}", durability), str(path), owned)


def open_reading(path: Path) -> Store:
    """Open a ledger for reading beside the bot that writes it.

    Raises:
        ConfigError: there is none, or it is not a ledger this version knows.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: there is no ledger here")
    quoted = path.absolute().as_uri()
    engine = _engine(f"sqlite:///{quoted}?mode=ro&uri=true", None)
    return _opened(engine, str(path), None, writing=False)


def _path_of(url_or_path: str | Path) -> Path | None:
    """Return the file, or None for a ledger in memory."""
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return Path(url_or_path).absolute()
    url = sa.make_url(url_or_path)
    if url.get_backend_name() != "sqlite":
        raise ConfigError(
            f"ledger: {url.render_as_string(hide_password=True)}: this version stores ledgers in"
            " SQLite; give a path or a sqlite:/// address"
        )
    return Path(url.database).absolute() if url.database not in {None, "", ":memory:"} else None


def _own(path: Path) -> IO[bytes]:
    """Take the operating system's lock beside the file, then make the file ours alone to read.

    The database file itself is never opened here: closing it would drop SQLite's own locks.
    """
    with ExitStack() as undo:
        beside = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        lock = undo.enter_context(os.fdopen(beside, "r+b"))
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.touch(mode=0o600)
        path.chmod(0o600)
        undo.pop_all()
    return lock


def _opened(
    engine: sa.Engine, where: str, owned: IO[bytes] | None, *, writing: bool = True
) -> Store:
    with ExitStack() as undo:
        if owned is not None:
            undo.callback(owned.close)
        try:
            store = Store(engine, where, owned)
            undo.callback(store.close)
            with store.transaction() as connection:
                if writing:
                    schema.prepare(connection, where)
                else:
                    schema.check(connection, where)
        except (LedgerError, sqlite3.Error, exc.DBAPIError) as error:
            raise ConfigError(f"{where}: can't be used as a ledger: {error}") from error
        undo.pop_all()
    return store


def _engine(url: str, durability: Durability | None) -> sa.Engine:
    """Return an engine of one connection; a durability of None only reads."""
    engine = sa.create_engine(url, poolclass=StaticPool)

    def connected(connection: Any, _: object) -> None:
        # The driver must not start transactions by itself: it would start them deferred.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute("PRAGMA foreign_keys = ON")
        if durability is not None:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")

    def begun(connection: sa.Connection) -> None:
        # Immediate: a transaction that is going to write must not find that out half way.
        connection.exec_driver_sql("BEGIN" if durability is None else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine
