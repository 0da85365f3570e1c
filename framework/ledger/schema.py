"""The tables of the ledger.

Everything is an exact integer in the units of `framework.model.units`; text is for names.
`intents` and the money tables are only ever added to; `orders` is what is known of an intent now.
Money rows (fills, settlements, cash) share one counter, `seq`, so that they can be replayed in the
order in which they were booked.

The tables must not know who fills them, nor which database they stand in: what only SQLite can do
(STRICT) is an option it alone reads.
"""

import sqlite3
from collections.abc import Iterable
from enum import Enum
from typing import Final

import sqlalchemy as sa

from framework.errors import ConfigError
from framework.model.orders import OrderState, Purpose, TimeInForce
from framework.model.units import ONE_DOLLAR_E4, Side

VERSION: Final = 1
"""Raised with every change of what the tables hold, not of how they are stored; a ledger of
another version is refused."""

LARGEST: Final = 10**15
"""Bounds every quantity and sum, far from the 2**63 at which an integer would wrap or refuse."""

METADATA: Final = sa.MetaData(
    naming_convention={
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

# STRICT tables know INTEGER and TEXT only, and SQLite's INTEGER holds 64 bits anyway.
_Integer = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# SQLite before 3.37 has no STRICT tables; the CHECK constraints stand either way.
_STRICT: Final = sqlite3.sqlite_version_info >= (3, 37)


def _table(name: str, *parts: sa.schema.SchemaItem, by_key: bool = False) -> sa.Table:
    """Return a table; one that SQLite keeps `by_key` has no hidden row number beside its key."""
    return sa.Table(name, METADATA, *parts, sqlite_strict=_STRICT, sqlite_with_rowid=not by_key)


def _text(name: str, *, null: bool = False, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null, primary_key=key)


def _integer(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, _Integer, nullable=null)


def _within(column: str, low: int, high: int) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} BETWEEN {low} AND {high}", name=column)


def _one_of(column: str, words: Iterable[Enum]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{word.value}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


schema_version: Final = _table(
    "schema_version", sa.Column("version", _Integer, primary_key=True, autoincrement=False)
)

runs: Final = _table(
    "runs",
    _text("run_id", key=True),
    _text("account"),
    _text("durability"),
    _integer("started_us"),
)

intents: Final = _table(
    "intents",
    _text("client_order_id", key=True),
    sa.Column("run_id", sa.Text(), sa.ForeignKey("runs.run_id"), nullable=False),
    _text("account"),
    _text("ticker"),
    _text("side"),
    _integer("limit_e4"),
    _integer("quantity_e2"),
    _text("purpose"),
    _text("strategy"),
    _text("time_in_force"),
    _integer("post_only"),
    _integer("reduce_only"),
    _integer("expires_us", null=True),
    _text("reason"),
    _integer("urgency", null=True),
    _integer("shard"),
    _integer("committed_us"),
    _one_of("side", Side),
    _one_of("purpose", Purpose),
    _one_of("time_in_force", TimeInForce),
    _within("limit_e4", 1, ONE_DOLLAR_E4 - 1),
    _within("quantity_e2", 1, LARGEST),
    _within("post_only", 0, 1),
    _within("reduce_only", 0, 1),
    by_key=True,
)
"""What is sent waits for this row and its row of `orders`, so each is one page of the file: kept by
its key, and without an index that only a start would read."""

orders: Final = _table(
    "orders",
    sa.Column(
        "client_order_id", sa.Text(), sa.ForeignKey("intents.client_order_id"), primary_key=True
    ),
    _text("account"),
    _text("order_id", null=True),
    _text("state"),
    _integer("reported_e2"),
    _text("reason"),
    _integer("updated_us"),
    _one_of("state", OrderState),
    _within("reported_e2", 0, LARGEST),
    sa.Index("ix_orders_order_id", "order_id", sqlite_where=sa.text("order_id IS NOT NULL")),
    by_key=True,
)
"""`reported_e2` is what the exchange says was filled; what we hold is the sum of `fills`."""

fills: Final = _table(
    "fills",
    _text("account", key=True),
    _text("trade_id", key=True),
    _integer("seq"),
    sa.Column("order_id", sa.Text(), nullable=False, index=True),
    sa.Column(
        "client_order_id",
        sa.Text(),
        sa.ForeignKey("intents.client_order_id"),
        nullable=True,
        index=True,
    ),
    sa.Column("ticker", sa.Text(), nullable=False, index=True),
    _text("side"),
    _integer("price_e4"),
    _integer("quantity_e2"),
    _integer("fee_e6"),
    _integer("is_taker"),
    _integer("at_us"),
    _integer("shard"),
    _one_of("side", Side),
    _within("price_e4", 0, ONE_DOLLAR_E4),
    _within("quantity_e2", 1, LARGEST),
    _within("fee_e6", -LARGEST, LARGEST),
    _within("is_taker", 0, 1),
    sa.UniqueConstraint("account", "seq"),
)

settlements: Final = _table(
    "settlements",
    _text("account", key=True),
    _text("ticker", key=True),
    _integer("seq"),
    _text("result"),
    _integer("yes_pays_e4"),
    _integer("fee_e6"),
    _integer("at_us"),
    _within("yes_pays_e4", 0, ONE_DOLLAR_E4),
    _within("fee_e6", -LARGEST, LARGEST),
    sa.UniqueConstraint("account", "seq"),
)

cash: Final = _table(
    "cash",
    _text("account", key=True),
    sa.Column("seq", _Integer, primary_key=True, autoincrement=False),
    _text("kind"),
    _integer("change_e6"),
    _integer("at_us"),
    sa.CheckConstraint("kind IN ('opening', 'external')", name="kind"),
    _within("change_e6", -LARGEST, LARGEST),
)

watermarks: Final = _table("watermarks", _text("account", key=True), _integer("as_of_us"))

halts: Final = _table(
    "halts",
    _text("account", key=True),
    sa.Column("number", _Integer, primary_key=True, autoincrement=False),
    _text("reason"),
    _integer("halted_us"),
    _integer("released_us", null=True),
)

account_lock: Final = _table(
    "account_lock",
    _text("account", key=True),
    _text("run_id"),
    _text("host"),
    _integer("pid"),
    _integer("since_us"),
    _integer("beat_us"),
)
"""Who writes for an account: the label on the lock the operating system holds.

That lock ends with its process, so nobody asks for signs of life: `beat_us` says what `since_us`
says, and stays until the tables have another version.
"""


def prepare(connection: sa.Connection, where: str) -> None:
    """Create the tables of a new ledger, or check that this version can use an old one.

    Raises:
        ConfigError: the ledger was written by a newer version, or the file is another
            program's database.
    """
    names = set(sa.inspect(connection).get_table_names())
    if not names:
        METADATA.create_all(connection)
        connection.execute(sa.insert(schema_version).values(version=VERSION))
        return
    check(connection, where, names)


def check(connection: sa.Connection, where: str, names: set[str] | None = None) -> None:
    """Refuse a database this version can't read.

    Raises:
        ConfigError: it has no tables of ours, or those of a newer version.
    """
    names = set(sa.inspect(connection).get_table_names()) if names is None else names
    if schema_version.name not in names:
        raise ConfigError(f"{where}: is not a ledger; name another file")
    found = connection.execute(sa.select(sa.func.max(schema_version.c.version))).scalar()
    if found != VERSION:
        raise ConfigError(
            f"{where}: ledger version {found} is not version {VERSION}, the one this program"
            " knows; use the program that wrote it, or another ledger"
        )
