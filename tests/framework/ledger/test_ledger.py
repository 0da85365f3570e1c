import os
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from framework.errors import ConfigError, InvariantError, LedgerError
from framework.ledger import read_ledger
from framework.model.events import OrderFilled
from framework.model.orders import OrderState, Purpose, Urgency
from framework.model.units import Side
from framework.testing.builders import NOW_US, fill, order


def entry(number=1, **terms):
    return order(client_order_id=f"run-{number}", **terms)


def leaving(number=2):
    return order(
        client_order_id=f"run-{number}",
        side=Side.NO,
        limit="0.10",
        purpose=Purpose.EXIT,
        urgency=Urgency.STOP,
    )


def committed(ledger):
    return [known.order for known in ledger.recover(NOW_US).orders]


def _killed_after(path, what):
    """Run `what` on a ledger in another process, then kill that process."""
    code = f"""
    import os, signal
    from framework.ledger import open_ledger
    from framework.model.events import OrderFilled
    from framework.testing.builders import NOW_US, fill, order
    ledger = open_ledger({str(path)!r}, durability="process", account="main", run_id="run")
    ledger.acquire_lock(NOW_US)
    {what}
    os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == -9, done.stderr.decode()


class TestCommit:
    def test_a_committed_intent_survives_a_kill(self, path, opened):
        _killed_after(path, "assert ledger.commit_intents([order()], NOW_US) == []")
        (known,) = opened().recover(NOW_US + 1).orders

        assert known.order == order()
        assert known.state is OrderState.UNKNOWN
        assert known.sent_us == NOW_US

    def test_recorded_facts_survive_a_kill(self, path, opened):
        _killed_after(path, "ledger.record_events([OrderFilled(at_us=NOW_US, fill=fill())])")
        (owned,) = opened().recover(NOW_US + 1).read.fills

        assert owned.fill == fill(client_order_id=None)

    def test_a_halt_survives_a_kill(self, path, opened):
        _killed_after(path, "ledger.halt('enough', NOW_US)")

        assert opened().halted == "enough"

    def test_a_batch_is_committed_whole(self, ledger):
        assert ledger.commit_intents([entry(1), leaving(2), entry(3)], NOW_US) == []
        assert committed(ledger) == [entry(1), leaving(2), entry(3)]

    def test_an_intent_writes_two_pages(self, ledger, path):
        """Its order waits for them: the intent's, and that of what is known of it."""
        log = path.with_name(f"{path.name}-wal")
        page = 4096 + 24  # with its header in the log
        before = log.stat().st_size

        assert ledger.commit_intents([entry()], NOW_US) == []
        assert (log.stat().st_size - before) / page == 2

    def test_nothing_to_commit_is_nothing(self, ledger):
        assert ledger.commit_intents([], NOW_US) == []

    def test_a_client_order_id_is_used_once(self, ledger):
        ledger.commit_intents([entry(1)], NOW_US)
        with pytest.raises(InvariantError, match="client_order_id"):
            ledger.commit_intents([entry(2), entry(1)], NOW_US)

        assert committed(ledger) == [entry(1)]

    @pytest.mark.parametrize(
        "terms", [{"quantity": 0}, {"quantity": -1}, {"limit": 0}, {"limit": 1}]
    )
    def test_an_impossible_order_is_not_committed(self, ledger, terms):
        with pytest.raises(InvariantError):
            ledger.commit_intents([entry(**terms)], NOW_US)

        assert committed(ledger) == []


class TestHalt:
    def test_no_entry_passes_a_halt(self, ledger):
        ledger.halt("drawdown 12%", NOW_US)
        (refused,) = ledger.commit_intents([entry()], NOW_US + 1)

        assert refused.client_order_id == "run-1"
        assert refused.reason == "halted: drawdown 12%"
        assert refused.at_us == NOW_US + 1
        assert committed(ledger) == []

    def test_an_exit_passes_a_halt_beside_a_refused_entry(self, ledger):
        ledger.halt("enough", NOW_US)
        refused = ledger.commit_intents([entry(1), leaving(2)], NOW_US)

        assert [refusal.client_order_id for refusal in refused] == ["run-1"]
        assert committed(ledger) == [leaving(2)]

    def test_it_objects_to_changes_of_entries_and_not_of_exits(self, ledger):
        orders = [entry(1), leaving(2)]
        before = ledger.objections(orders)
        ledger.halt("enough", NOW_US)

        assert before == [None, None]
        assert ledger.objections(orders) == ["halted: enough", None]
        assert committed(ledger) == []

    def test_it_survives_a_restart(self, ledger, opened):
        ledger.halt("enough", NOW_US)
        ledger.close()
        after = opened(run_id="next")

        assert after.halted == "enough"
        assert after.recover(NOW_US).read.halted == "enough"
        assert len(after.commit_intents([entry()], NOW_US)) == 1

    def test_the_first_reason_stands_until_a_release(self, ledger, opened):
        ledger.halt("first", NOW_US)
        ledger.halt("second", NOW_US)
        during = ledger.halted
        ledger.close()
        after = opened()

        assert (during, after.halted) == ("first", "first")

    def test_a_release_lets_entries_pass_again_for_good(self, ledger, opened):
        ledger.halt("first", NOW_US)
        ledger.halt("second", NOW_US)
        ledger.release(NOW_US)
        passed = ledger.commit_intents([entry()], NOW_US)
        ledger.close()

        assert passed == []
        assert opened().halted is None

    def test_it_is_one_accounts_own(self, ledger, opened):
        ledger.halt("enough", NOW_US)
        ledger.close()

        assert opened(account="other", run_id="other").halted is None

    def test_it_holds_even_when_it_can_not_be_written(self, ledger, path):
        stranger = sqlite3.connect(path, isolation_level=None)
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError):
            ledger.halt("enough", NOW_US)
        stranger.close()

        assert ledger.halted == "enough"
        assert len(ledger.commit_intents([entry()], NOW_US)) == 1


class TestLock:
    def test_nothing_passes_before_the_account_is_claimed(self, opened):
        ledger = opened(lock=False)
        refused = ledger.commit_intents([entry(1), leaving(2)], NOW_US)

        assert [refusal.reason for refusal in refused] == [
            "this run does not hold the lock of account main"
        ] * 2

    def test_nothing_passes_when_the_lock_is_lost(self, ledger, path):
        with sqlite3.connect(path) as other:
            other.execute("UPDATE account_lock SET run_id = 'usurper'")
        other.close()
        refused = ledger.commit_intents([entry(1), leaving(2)], NOW_US)

        assert len(refused) == 2

    def test_losing_the_lock_does_not_give_it_away_on_close(self, ledger, path):
        with sqlite3.connect(path) as other:
            other.execute("UPDATE account_lock SET run_id = 'usurper'")
        other.close()
        ledger.close()

        assert _holder(path).run_id == "usurper"

    def test_its_label_names_run_process_and_since_when(self, ledger, path):
        holder = _holder(path)

        assert (holder.run_id, holder.pid) == ("run", os.getpid())
        assert holder.since_us == NOW_US

    def test_it_is_released_at_close(self, ledger, path):
        with ledger:
            pass

        assert _holder(path) is None

    def test_a_run_belongs_to_one_account(self, ledger, opened):
        ledger.close()

        with pytest.raises(ConfigError, match="run run belongs to account main, not to other"):
            opened(account="other")


class TestCash:
    def test_an_account_opens_once(self, ledger):
        ledger.record_opening(5, NOW_US)

        with pytest.raises(InvariantError, match="opening balance already"):
            ledger.record_opening(5, NOW_US)

    def test_cash_from_outside_adds_to_the_opening(self, ledger):
        before = ledger.recover(NOW_US)
        ledger.record_opening(100_000_000, NOW_US)
        ledger.record_external(-2_500_000, NOW_US)
        after = ledger.recover(NOW_US)

        assert (before.opened, before.read.opening_cash_e6) == (False, 0)
        assert (after.opened, after.read.opening_cash_e6) == (True, 97_500_000)


class TestFailure:
    """Each is caused by a stranger's write lock: every failure of the database looks alike."""

    @pytest.fixture
    def stranger(self, ledger, path):
        ledger._store._connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        ledger._store._connection.rollback()
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.close()

    def test_an_intent_that_can_not_be_written_is_refused(self, ledger, stranger):
        refused = ledger.commit_intents([entry(1), leaving(2)], NOW_US)

        assert [refusal.client_order_id for refusal in refused] == ["run-1", "run-2"]
        assert all("database is locked" in refusal.reason for refusal in refused)

    def test_nothing_is_changed_at_the_exchange_meanwhile(self, ledger, stranger):
        objections = ledger.objections([entry(1), leaving(2)])

        assert all("database is locked" in why for why in objections)

    def test_facts_that_could_not_be_written_are_written_later(self, ledger, stranger):
        with pytest.raises(LedgerError, match="database is locked"):
            ledger.record_events([OrderFilled(at_us=NOW_US, fill=fill("a"))])
        stranger.rollback()
        ledger.record_events([OrderFilled(at_us=NOW_US, fill=fill("b"))])

        assert [o.fill.trade_id for o in ledger.recover(NOW_US).read.fills] == ["a", "b"]

    def test_no_new_risk_passes_while_facts_wait(self, ledger, stranger):
        with pytest.raises(LedgerError):
            ledger.record_events([OrderFilled(at_us=NOW_US, fill=fill())])
        stranger.rollback()
        waiting = ledger.commit_intents([entry(1), leaving(2)], NOW_US)
        ledger.record_events([])
        written = ledger.commit_intents([entry(1)], NOW_US)

        assert [refusal.reason for refusal in waiting] == [
            "facts wait to be written to the ledger: 1"
        ]
        assert written == []

    def test_closing_tries_once_more_and_says_so(self, ledger, stranger):
        with pytest.raises(LedgerError):
            ledger.record_events([OrderFilled(at_us=NOW_US, fill=fill())])

        with pytest.raises(LedgerError):
            ledger.close()


def _holder(path):
    reader = read_ledger(path)
    holder = reader.holder("main")
    reader.close()
    return holder
