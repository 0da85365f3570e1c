"""Events through the engine, decisions into journal and ledger, commands out."""

from decimal import Decimal

import pytest

from framework import EntrySignal, Plugin, Side, hookimpl
from framework.engine import Engine
from framework.errors import InvariantError, LedgerError
from framework.journal import JournalReader, JournalWriter
from framework.line import Line
from framework.model.commands import AmendOrder, SubmitOrder, Subscribe
from framework.model.events import (
    BookReplaced,
    ClockTicked,
    IntentRefused,
    MarketListed,
    OrderAccepted,
    OrderFilled,
    TradingHalted,
    TradingResumed,
)
from framework.pipeline import Pipeline
from framework.testing.builders import NOW_US, TICKER, fill, market
from framework.testing.playbook import EVERYTHING, PluginSet, account_report


class Eager(Plugin):
    def model_post_init(self, context):
        self.__dict__["limit"] = Decimal("0.93")

    @hookimpl
    def signal_entry(self):
        return EntrySignal(Side.YES, limit=self.__dict__["limit"], reason="eager")

    @hookimpl
    def size_entry(self):
        return Decimal(10)


class Shown(Eager):
    """Notes which snapshot each step was shown."""

    @hookimpl
    def signal_entry(self, snapshot):
        self.__dict__["shown"] = [snapshot]
        return EntrySignal(Side.YES, limit=self.__dict__["limit"], reason="eager")

    @hookimpl
    def size_entry(self, snapshot):
        self.__dict__["shown"].append(snapshot)
        return Decimal(10)

    @hookimpl
    def check_risk(self, snapshot):
        self.__dict__["shown"].append(snapshot)


class Watcher(Plugin):
    def model_post_init(self, context):
        self.__dict__["seen"] = []

    @hookimpl
    def observe(self, records):
        self.__dict__["seen"].extend(records)


class Books:
    """A ledger that notes what it is told, and refuses or fails when told to."""

    def __init__(self):
        self.steps = []
        self.refuses = False
        self.fails = False

    def commit_intents(self, orders, at_us):
        self.steps.append(("commit", [order.client_order_id for order in orders]))
        if self.refuses:
            return [
                IntentRefused(at_us=at_us, client_order_id=o.client_order_id, reason="latch")
                for o in orders
            ]
        return []

    def objections(self, orders):
        self.steps.append(("ask", [order.client_order_id for order in orders]))
        return ["latch" if self.refuses else None for _ in orders]

    def record_events(self, events):
        if self.fails:
            raise LedgerError("disk full")
        self.steps.append(("record", [type(event).__name__ for event in events]))

    def halt(self, reason, at_us):
        self.steps.append(("halt", reason))

    def release(self, at_us):
        if self.fails:
            raise LedgerError("disk full")
        self.steps.append(("release", None))


class Idle:
    def enter(self):
        pass

    def leave(self):
        pass


class Rig:
    def __init__(self, folder, eager=None):
        self.watcher = Watcher()
        self.eager = eager or Eager()
        self.pipeline = Pipeline(PluginSet({"eager": self.eager}, {"watcher": self.watcher}))
        self.engine = Engine(self.pipeline, run_id="run", capabilities=EVERYTHING)
        self.path = folder / "journal.jsonl"
        self.journal = JournalWriter(self.path, {"run_id": "run"})
        self.books = Books()
        self.line = Line(self.engine, self.pipeline, self.journal, self.books, Idle())
        self.sent = []
        self.line.send = self.note

    def note(self, commands):
        self.books.steps.append(("send", [type(command).__name__ for command in commands]))
        self.sent += commands

    def open_market(self):
        self.line.process(
            [account_report(recovery=True), MarketListed(at_us=NOW_US, market=market())]
        )

    def quote(self):
        self.line.process(
            [BookReplaced(at_us=NOW_US, ticker=TICKER, yes=((9_200, 100),), no=((700, 100),))]
        )

    def journalled(self):
        return list(JournalReader(self.path))


@pytest.fixture
def rig(tmp_path):
    made = Rig(tmp_path)
    made.open_market()
    made.books.steps.clear()
    return made


def test_an_intent_is_committed_before_it_is_sent_and_its_cause_is_on_record_before_that(rig):
    seen_at_commit = []
    commit = rig.books.commit_intents
    rig.books.commit_intents = lambda orders, at: (
        seen_at_commit.extend(rig.journalled()),
        commit(orders, at),
    )[1]

    rig.quote()

    assert rig.books.steps == [("commit", ["run-1"]), ("send", ["SubmitOrder"])]
    assert isinstance(seen_at_commit[-1].event, BookReplaced)
    assert isinstance(seen_at_commit[-1].commands[0], SubmitOrder)


def test_a_refused_intent_is_not_sent_and_the_engine_hears_of_it(rig):
    rig.books.refuses = True

    rig.quote()

    assert not any(isinstance(command, SubmitOrder) for command in rig.sent)
    assert rig.engine.state.worst.open_orders() == 0


@pytest.fixture
def repricing(rig):
    """An entry that rests, and a strategy that wants it elsewhere."""
    rig.eager.__dict__["limit"] = Decimal("0.93")
    rig.quote()
    taken = OrderAccepted(
        at_us=NOW_US, client_order_id="run-1", order_id="x", filled_e2=0, remaining_e2=10_00
    )
    rig.line.process([taken])
    rig.eager.__dict__["limit"] = Decimal("0.94")
    rig.books.steps.clear()
    return lambda: rig.line.process([ClockTicked(at_us=NOW_US + 60_000_000)])


def test_an_amendment_passes_the_ledgers_gate_with_its_cause_on_record(rig, repricing):
    repricing()

    assert rig.books.steps == [("ask", ["run-1"]), ("send", ["AmendOrder"])]
    assert isinstance(rig.journalled()[-1].commands[0], AmendOrder)


def test_a_refused_amendment_is_not_sent_and_the_order_keeps_its_terms(rig, repricing):
    rig.books.refuses = True

    repricing()

    live = rig.engine.state.orders.find("run-1")
    assert not any(isinstance(command, AmendOrder) for command in rig.sent)
    assert (live.amendment, live.order.limit_e4) == (None, 9_300)


def test_an_entry_is_not_amended_while_the_journal_cannot_be_written(rig, repricing, monkeypatch):
    def refuse():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rig.journal, "flush", refuse)

    repricing()

    assert not any(isinstance(command, AmendOrder) for command in rig.sent)


def test_nothing_new_is_risked_while_the_journal_cannot_be_written(rig, monkeypatch):
    def refuse():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rig.journal, "flush", refuse)

    rig.quote()

    assert ("commit", []) in rig.books.steps
    assert not any(isinstance(command, SubmitOrder) for command in rig.sent)


def test_a_ledger_that_cannot_write_a_fill_halts_trading(rig):
    rig.books.fails = True

    rig.line.process([OrderFilled(at_us=NOW_US, fill=fill(client_order_id=None))])

    assert rig.engine.state.halted == "disk full"
    assert ("halt", "disk full") in rig.books.steps


def test_an_account_report_is_made_durable_with_what_it_tells_first(rig):
    rig.line.process([account_report(fills=(fill(client_order_id=None),))])

    assert ("record", ["AccountReported"]) in rig.books.steps


def test_a_halt_by_hand_reaches_the_latch(rig):
    rig.line.process([TradingHalted(at_us=NOW_US, reason="by hand")])

    assert ("halt", "by hand") in rig.books.steps


def test_a_latch_that_cannot_be_released_goes_on_halting(rig):
    rig.line.process([TradingHalted(at_us=NOW_US, reason="by hand")])
    rig.books.fails = True

    rig.line.process([TradingResumed(at_us=NOW_US)])

    assert rig.engine.state.halted == "disk full"


def test_every_event_is_journalled_and_shown_once_in_order(rig):
    rig.quote()
    rig.line.process([ClockTicked(at_us=NOW_US + 1)])

    rig.line.flush()
    rig.line.show()

    kinds = ["AccountReported", "MarketListed", "BookReplaced", "ClockTicked"]
    assert [type(record.event).__name__ for record in rig.journalled()] == kinds
    assert [type(record.event).__name__ for record in rig.watcher.seen] == kinds


def test_a_delivery_from_inside_the_line_waits_its_turn(rig):
    handled = []
    handle = rig.engine.handle
    rig.engine.handle = lambda event: (handled.append(type(event).__name__), handle(event))[1]
    rig.line.send = lambda commands: rig.line.process([ClockTicked(at_us=NOW_US)])

    rig.quote()

    assert handled == ["BookReplaced", "ClockTicked"]


def test_subscriptions_go_out_without_any_commit(tmp_path):
    made = Rig(tmp_path)
    made.open_market()

    assert made.sent == [Subscribe(tickers=(TICKER,))]
    assert not any(step == "commit" for step, _ in made.books.steps)


def test_an_order_is_sent_before_it_is_counted(tmp_path):
    rig = Rig(tmp_path)
    rig.open_market()
    seen = []
    rig.line.send = lambda _: seen.append(rig.line.digest.hexdigest())

    rig.quote()

    assert seen
    assert seen != [rig.line.digest.hexdigest()]


def test_what_was_decided_is_counted_though_its_order_breaks_the_run(tmp_path):
    rig = Rig(tmp_path)
    rig.open_market()
    before = rig.line.digest.hexdigest()

    def break_off(commands):
        raise InvariantError("used before")

    rig.line.send = break_off

    with pytest.raises(InvariantError):
        rig.quote()
    assert rig.line.digest.hexdigest() != before


def test_one_decision_shows_one_snapshot_from_the_signal_to_risk(tmp_path):
    rig = Rig(tmp_path, Shown())
    rig.open_market()

    rig.quote()

    first, sized, checked = rig.eager.__dict__["shown"]
    assert first is sized is checked
    assert first.yes.bid == Decimal("0.92")
