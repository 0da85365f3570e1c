import os
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing

import pytest

from framework.errors import ConfigError, InvariantError, LedgerError
from framework.ledger import open_ledger
from framework.ledger.store import FileInUseError, open_reading, open_store
from framework.testing.builders import order


def _pragma(store, name):
    with store.transaction() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def _write(store, *accounts, fail=None):
    with store.transaction() as connection:
        for account in accounts:
            connection.exec_driver_sql("INSERT INTO watermarks VALUES (?, 1)", (account,))
        if fail is not None:
            raise fail


@pytest.mark.parametrize(("durability", "synchronous"), [("process", 1), ("full", 2)])
def test_durability_sets_what_a_commit_waits_for(path, durability, synchronous):
    store = open_store(path, durability)
    found = _pragma(store, "synchronous")
    store.close()

    assert found == synchronous


def test_the_file_is_written_ahead_with_foreign_keys_and_patience(path):
    store = open_store(path, "process")
    found = [_pragma(store, name) for name in ("journal_mode", "foreign_keys", "busy_timeout")]
    store.close()

    assert found == ["wal", 1, 1000]


def test_all_its_files_are_ours_alone(path):
    before = os.umask(0)
    try:
        store = open_store(path, "process")
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        store.close()
    finally:
        os.umask(before)

    assert set(modes) >= {"ledger.db", "ledger.db.lock", "ledger.db-wal"}
    assert set(modes.values()) == {0o600}


def test_a_file_left_readable_by_others_is_closed_to_them(path):
    path.touch(mode=0o644)
    path.chmod(0o644)
    open_store(path, "process").close()

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_has_one_writer(path):
    store = open_store(path, "process")

    with pytest.raises(FileInUseError, match=r"ledger\.db: another process writes this ledger"):
        open_store(path, "process")
    store.close()


def test_a_refused_second_writer_leaves_the_first_ones_locks_alone(path):
    """A process that closes the file drops SQLite's own locks on it; the refused one must not."""
    store = open_store(path, "process")
    with store.transaction():
        with pytest.raises(FileInUseError):
            open_store(path, "process")
        stranger = _in_another_process(
            f"""
            import sqlite3
            connection = sqlite3.connect({str(path)!r}, timeout=0, isolation_level=None)
            connection.execute("BEGIN IMMEDIATE")
            """
        )
    store.close()

    assert "database is locked" in stranger


def test_the_file_is_free_after_close(path):
    open_store(path, "process").close()
    open_store(path, "process").close()


def test_a_file_that_could_not_be_used_is_free_again(path):
    path.write_bytes(b"this is not a database, it is a letter to somebody" * 100)

    for _ in range(2):
        with pytest.raises(ConfigError, match=r"can't be used as a ledger.*not a database"):
            open_store(path, "process")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere/ledger\.db: can't open.*No such file"):
        open_store(tmp_path / "nowhere" / "ledger.db", "process")


def test_another_kind_of_database_is_refused_without_its_password():
    with pytest.raises(ConfigError, match="stores ledgers in SQLite") as caught:
        open_store("postgresql://bot:hunter2@db/ledger", "full")

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("form", [str, lambda path: path, lambda path: f"sqlite:///{path}"])
def test_a_ledger_is_named_by_path_or_address(path, form):
    open_store(form(path), "process").close()

    assert path.is_file()


def test_a_ledger_in_memory_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open_store("sqlite://", "process").close()

    assert list(tmp_path.iterdir()) == []


def test_a_failed_transaction_leaves_nothing(path):
    store = open_store(path, "process")
    with pytest.raises(KeyError):
        _write(store, "main", fail=KeyError)
    with store.transaction() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM watermarks").scalar()
    store.close()

    assert kept == 0


def test_a_foreign_lock_is_a_ledger_error(path):
    store = open_store(path, "process")
    stranger = sqlite3.connect(path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")

    with pytest.raises(LedgerError, match="database is locked"), store.transaction():
        pass
    stranger.close()
    store.close()


def test_a_full_disk_is_a_ledger_error(path):
    store = open_store(path, "process")
    pages = _pragma(store, "page_count")
    _pragma(store, f"max_page_count = {pages}")

    with pytest.raises(LedgerError, match="full"):
        _write(store, *map(str, range(10_000)))
    store.close()


def test_a_broken_rule_is_our_bug(path):
    store = open_store(path, "process")

    with pytest.raises(InvariantError, match="UNIQUE"):
        _write(store, "main", "main")
    store.close()


ADD_MARK = "INSERT INTO watermarks (account, as_of_us) VALUES (?, ?)"


def _write_directly(store, *accounts, fail=None):
    def write(cursor):
        for account in accounts:
            cursor.execute(ADD_MARK, (account, 1))
        if fail:
            raise fail

    store.directly(write)


def test_what_was_written_directly_is_committed(path):
    store = open_store(path, "process")
    _write_directly(store, "main")
    store.close()

    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT account FROM watermarks").fetchall() == [("main",)]


def test_a_direct_transaction_that_failed_leaves_nothing_and_ends(path):
    store = open_store(path, "process")
    with pytest.raises(KeyError):
        _write_directly(store, "main", fail=KeyError)
    _write_directly(store, "other")
    with store.transaction() as connection:
        kept = connection.exec_driver_sql("SELECT account FROM watermarks").scalars().all()
    store.close()

    assert kept == ["other"]


def test_a_foreign_lock_stops_a_direct_transaction_too(path):
    store = open_store(path, "process")
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="database is locked"):
            _write_directly(store, "main")
    _write_directly(store, "main")
    store.close()


def test_a_full_disk_stops_a_direct_transaction_too(path):
    store = open_store(path, "process")
    _pragma(store, f"max_page_count = {_pragma(store, 'page_count')}")

    with pytest.raises(LedgerError, match="full"):
        _write_directly(store, *map(str, range(10_000)))
    store.close()


@pytest.mark.parametrize("accounts", [("main", "main"), (None,)])
def test_a_rule_broken_directly_is_our_bug(path, accounts):
    store = open_store(path, "process")

    with pytest.raises(InvariantError, match="refused by the ledger"):
        _write_directly(store, *accounts)
    store.close()


def test_a_number_beyond_64_bits_is_our_bug_directly_too(path):
    store = open_store(path, "process")

    with pytest.raises(InvariantError, match="64 bits"):
        store.directly(lambda cursor: cursor.execute(ADD_MARK, ("main", 2**64)))
    store.close()


def test_a_closed_store_takes_nothing_directly(path):
    store = open_store(path, "process")
    store.close()

    with pytest.raises(LedgerError):
        _write_directly(store, "main")


def test_a_reader_can_not_write(path):
    store = open_store(path, "process")
    reading = open_reading(path)

    with pytest.raises(LedgerError, match="readonly"):
        _write(reading, "main")
    reading.close()
    store.close()


def test_reading_does_not_make_a_file(path):
    with pytest.raises(ConfigError, match="there is no ledger here"):
        open_reading(path)

    assert not path.exists()


def test_a_second_process_is_told_who_writes_and_since_when(path, ledger):
    said = _in_another_process(
        f"""
        from framework.ledger import open_ledger
        open_ledger({str(path)!r}, durability="process", account="main", run_id="second")
        """
    )

    assert "ConfigError" in said
    assert f"in use by run run, process {os.getpid()} on " in said
    assert "since 2026-01-15T12:00:00+00:00; stop that one first" in said


def test_a_dead_holders_lock_is_taken_over(path):
    _in_another_process(
        f"""
        import os, signal
        from framework.ledger import open_ledger
        ledger = open_ledger({str(path)!r}, durability="process", account="main", run_id="dead")
        ledger.acquire_lock(1)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    ledger = open_ledger(path, durability="process", account="main", run_id="next")
    ledger.acquire_lock(2)
    refused = ledger.commit_intents([order()], 3)
    ledger.close()

    assert refused == []


def _in_another_process(code):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stderr
