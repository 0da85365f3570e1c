import sqlite3

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from framework.errors import ConfigError, InvariantError
from framework.ledger import open_ledger, read_ledger, schema
from framework.ledger.store import open_store


@pytest.fixture
def store(path):
    store = open_store(path, "process")
    yield store
    store.close()


def _run_row(**changes):
    return {"run_id": "r", "account": "main", "durability": "full", "started_us": 1, **changes}


def _intent_row(**changes):
    row = {
        "client_order_id": "r-1",
        "run_id": "r",
        "account": "main",
        "ticker": "T",
        "side": "yes",
        "limit_e4": 5000,
        "quantity_e2": 100,
        "purpose": "entry",
        "strategy": "s",
        "time_in_force": "good_till_cancelled",
        "post_only": 0,
        "reduce_only": 0,
        "expires_us": None,
        "reason": "",
        "urgency": None,
        "shard": 0,
        "committed_us": 1,
    }
    return row | changes


def _fill_row(**changes):
    row = {
        "account": "main",
        "trade_id": "t",
        "seq": 1,
        "order_id": "o",
        "client_order_id": None,
        "ticker": "T",
        "side": "yes",
        "price_e4": 5000,
        "quantity_e2": 100,
        "fee_e6": 0,
        "is_taker": 1,
        "at_us": 1,
        "shard": 0,
    }
    return row | changes


def test_a_new_ledger_carries_this_version(store):
    with store.transaction() as connection:
        found = connection.execute(sa.select(schema.schema_version.c.version)).scalars().all()

    assert found == [schema.VERSION]


def test_an_intact_row_is_taken(store):
    with store.transaction() as connection:
        connection.execute(sa.insert(schema.runs).values(**_run_row()))
        connection.execute(sa.insert(schema.intents).values(**_intent_row()))
        connection.execute(sa.insert(schema.fills).values(**_fill_row(client_order_id="r-1")))
        kept = connection.execute(sa.select(schema.fills.c.trade_id)).scalars().all()

    assert kept == ["t"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit_e4": 0},
        {"limit_e4": 10_000},
        {"limit_e4": -1},
        {"limit_e4": None},
        {"limit_e4": "cheap"},
        {"quantity_e2": 0},
        {"quantity_e2": -100},
        {"quantity_e2": 10**15 + 1},
        {"quantity_e2": 2**63},
        {"quantity_e2": None},
        {"side": "maybe"},
        {"purpose": "fun"},
        {"time_in_force": "forever"},
        {"post_only": 2},
        {"reduce_only": -1},
        {"run_id": "nobody"},
    ],
    ids=str,
)
def test_refuses_an_impossible_intent(store, wrong):
    with store.transaction() as connection:
        connection.execute(sa.insert(schema.runs).values(**_run_row()))

    with pytest.raises(InvariantError), store.transaction() as connection:
        connection.execute(sa.insert(schema.intents).values(**_intent_row(**wrong)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"price_e4": -1},
        {"price_e4": 10_001},
        {"quantity_e2": 0},
        {"quantity_e2": float("nan")},
        {"quantity_e2": 1.5},
        {"fee_e6": None},
        {"side": "both"},
        {"client_order_id": "never-committed"},
    ],
    ids=str,
)
def test_refuses_an_impossible_fill(store, wrong):
    with pytest.raises(InvariantError), store.transaction() as connection:
        connection.execute(sa.insert(schema.fills).values(**_fill_row(**wrong)))


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 37), reason="needs SQLite 3.37")
def test_every_table_is_strict(store):
    with store.transaction() as connection:
        listed = connection.exec_driver_sql("PRAGMA table_list").mappings().all()

    ours = {row["name"]: row["strict"] for row in listed if row["name"] in schema.METADATA.tables}

    assert ours == dict.fromkeys(schema.METADATA.tables, 1)


def test_no_column_can_hold_a_float():
    kinds = {type(column.type) for table in schema.METADATA.tables.values() for column in table.c}

    assert kinds == {sa.BigInteger, sa.Text}


@pytest.mark.parametrize("table", schema.METADATA.sorted_tables, ids=lambda table: table.name)
def test_the_tables_are_portable(table):
    made = str(CreateTable(table).compile(dialect=postgresql.dialect()))

    assert "STRICT" not in made
    assert " INTEGER" not in made


def test_refuses_a_ledger_of_a_newer_version(path):
    open_ledger(path, durability="process", account="main", run_id="r").close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE schema_version SET version = ?", (schema.VERSION + 1,))
    connection.close()

    for use in (
        lambda: open_ledger(path, durability="process", account="main", run_id="r"),
        lambda: read_ledger(path),
    ):
        with pytest.raises(ConfigError, match=rf"ledger\.db: ledger version {schema.VERSION + 1}"):
            use()


def test_refuses_the_database_of_another_program(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()

    with pytest.raises(ConfigError, match="is not a ledger"):
        open_ledger(path, durability="process", account="main", run_id="r")
