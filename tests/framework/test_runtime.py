"""Whole runs of the shell over a scripted exchange, on virtual time.

Each test writes what happens at the exchange; journal, ledger, engine, pipeline and control are
the real ones, put together as a session does.
"""

import os
import signal
import tempfile
from contextlib import asynccontextmanager, closing
from decimal import Decimal
from pathlib import Path

import anyio
import msgspec
import pytest
from pydantic import Field

from framework import EntrySignal, ExitSignal, Plugin, Side, Urgency, hookimpl
from framework.cli.exits import code_of
from framework.clock import run_virtual
from framework.control import call_control, write_halt_file
from framework.errors import AuthError, ConfigError, ExchangeError, LedgerError, PluginError
from framework.exchange import Rejected, Surprises, Unknown
from framework.journal import FILE_NAME, JournalReader, verify
from framework.ledger import open_ledger, read_ledger
from framework.model.account import RemoteStatus
from framework.model.commands import SubmitOrder
from framework.model.events import (
    AccountReported,
    ClockTicked,
    ExchangeStatusChanged,
    LedgerRead,
    ObservationArrived,
    OrderRejected,
    OrderUnknown,
    Pause,
    PluginQuarantined,
    RunStopping,
    TradingHalted,
)
from framework.model.observation import Observation
from framework.model.orders import OrderState, Purpose
from framework.quarantine import read_quarantine
from framework.run import Mode, RunOptions
from framework.running import CurrentRun
from framework.session import _recorded, _unwrapped
from framework.settings import read_settings
from framework.testing.builders import NOW_US, SECOND_US, TICKER, market
from framework.testing.playbook import EVERYTHING, PluginSet
from framework.testing.scripted import Late, ScriptedExchange, ScriptedVenue

BID, ASK = "0.92", "0.93"


class Buyer(Plugin):
    """Buys ten contracts at the ask wherever it holds none."""

    size: Decimal = Decimal(10)

    @hookimpl
    def signal_entry(self, snapshot):
        return EntrySignal(Side.YES, limit=Decimal(ASK), reason="cheap")

    @hookimpl
    def size_entry(self):
        return self.size


class Plugins(PluginSet):
    """What a session asks of its loaded plugins."""

    rows = ()


class Stage:
    """A project's folder, where one run follows the other."""

    def __init__(self, folder):
        self.folder = folder
        self.exchange = ScriptedExchange(market(fee_multiplier=0))
        self.runs = 0
        self.now_us = NOW_US
        self.run = None
        self.shown = []

    @property
    def ledger(self):
        return self.folder / "runs" / "ledger-demo.sqlite"

    def play(self, script, strategy=None, /, settings=None, **shared):
        """Run until the script is over; return the result."""
        self.runs += 1
        overrides = {f"framework.{key}": value for key, value in (settings or {}).items()}
        known = read_settings(root=self.folder, overrides=overrides)
        assert not known.problems
        folder = known.runs_dir / f"run{self.runs}"
        folder.mkdir(parents=True)
        plugins = Plugins(
            {} if strategy is None else {"buyer": strategy},
            {"venue": ScriptedVenue(exchange=self.exchange, script=script), **shared},
        )

        async def main(clock):
            clock.start_at(self.now_us)
            self.run = CurrentRun(
                run_id=f"run{self.runs}",
                mode=Mode.DEMO,
                options=RunOptions(),
                folder=folder,
                clock=clock,
                connections=plugins.hooks("open_connection"),
                progress=lambda _, text: self.shown.append(text),
            )
            try:
                return await _recorded(self.run, known, plugins)
            finally:
                self.now_us = clock.now_us() + SECOND_US

        return _unwrapped(lambda: run_virtual(main))

    @property
    def journal(self):
        return self.folder / "runs" / f"run{self.runs}" / FILE_NAME

    def records(self):
        return list(JournalReader(self.journal))

    def events(self, kind):
        return [record.event for record in self.records() if isinstance(record.event, kind)]

    def books(self):
        """Read the ledger as another process does."""
        with closing(read_ledger(self.ledger)) as reader:
            return reader.read("demo:scripted", "nobody", self.now_us)


@pytest.fixture
def stage():
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="runs-") as path:
        yield Stage(Path(path))


def lasting(seconds, *, quoting=None):
    """A script that quotes once, if there is somebody to quote, and lets time pass."""

    async def script(run):
        await run.clock.sleep(1)
        if quoting is not None:
            quoting.quote(BID, ASK)
        await run.clock.sleep(seconds)

    return script


# ----------------------------------------------------------------------------------- the start


def test_a_start_shows_that_it_is_reading_the_account(stage):
    stage.play(lasting(1))

    assert stage.shown == ["reading the account"]


def test_nothing_is_decided_before_the_account_was_read(stage):
    async def script(run):
        stage.exchange.quote(BID, ASK)
        await run.clock.sleep(5)

    stage.play(script, Buyer())

    records = stage.records()
    assert [type(record.event) for record in records[:2]] == [LedgerRead, AccountReported]
    assert records[1].event.recovery
    first = next(at for at, record in enumerate(records) if record.commands)
    assert first > 1


def test_an_account_that_cannot_be_read_ends_the_start_and_nothing_is_sent(stage):
    stage.exchange.fail("account", ExchangeError("down", status=503))

    with pytest.raises(ExchangeError, match="status 503"):
        stage.play(lasting(60, quoting=stage.exchange), Buyer())

    assert stage.exchange.submitted == []
    assert verify(stage.journal).complete


def test_markets_that_cannot_be_listed_at_the_start_are_listed_later(stage):
    stage.exchange.fail("markets", ExchangeError("down", status=503))

    result = stage.play(lasting(300), Buyer())

    assert result.totals.markets == 1
    assert result.troubles == ("can't list markets: down (status 503)",)


def test_markets_that_cannot_be_listed_are_a_trouble_and_not_the_end(stage):
    async def script(run):
        await run.clock.sleep(1)
        stage.exchange.fail("markets", ExchangeError("down"))
        await run.clock.sleep(200)
        stage.exchange.quote(BID, ASK)
        await run.clock.sleep(1)

    result = stage.play(script, Buyer())

    assert result.reason == "the script is over"
    assert result.troubles == ("can't list markets: down",)
    assert len(stage.exchange.submitted) == 1


def test_without_an_exchange_the_run_says_what_to_look_at(stage):
    nothing = CurrentRun(
        run_id="r", mode=Mode.DEMO, options=RunOptions(), folder=stage.folder, clock=None
    )

    with pytest.raises(ConfigError, match="plugins list"):
        anyio.run(_recorded, nothing, read_settings(root=stage.folder), Plugins({}))


# ---------------------------------------------------------------------------- orders and money


def test_an_intent_is_in_the_ledger_before_the_order_is_sent(stage):
    seen = []

    def look(order):
        seen.extend(known.order for known in stage.books().orders)
        return stage.exchange.rest(order)

    stage.exchange.answer("submit", look)
    stage.play(lasting(5, quoting=stage.exchange), Buyer())

    assert seen == stage.exchange.submitted
    assert len(seen) == 1


def test_the_cause_of_an_order_is_in_the_journal_before_the_order_is_sent(stage):
    seen = []

    def look(order):
        seen.extend(stage.records())
        return stage.exchange.rest(order)

    stage.exchange.answer("submit", look)
    stage.play(lasting(5, quoting=stage.exchange), Buyer())

    assert isinstance(seen[-1].commands[-1], SubmitOrder)


def test_an_order_nobody_answered_for_is_sent_once_and_asked_about(stage):
    exchange = stage.exchange
    exchange.answer("submit", Unknown(reason="time-out"))
    exchange.answer("find", Unknown(reason="down"), times=100)

    async def script(run):
        for _ in range(50):
            await run.clock.sleep(1)
            exchange.quote(BID, ASK)
            exchange.quote("0.91", "0.92")

    stage.play(script, Buyer())

    assert len(exchange.submitted) == 1
    assert len(exchange.queries) > 1
    assert len(stage.events(OrderUnknown)) > 1


def test_an_order_nobody_answered_for_is_replaced_once_a_whole_read_proves_it_absent(stage):
    exchange = stage.exchange
    exchange.answer("submit", Unknown(reason="time-out"))
    exchange.answer("find", Unknown(reason="down"), times=100)

    stage.play(lasting(65, quoting=exchange), Buyer())

    first, second = exchange.submitted
    assert first.client_order_id != second.client_order_id
    assert [row.client_order_id for row in exchange.held.orders.values()] == ["run1-2"]


def test_an_order_that_arrived_though_nobody_answered_is_found_and_filled_once(stage):
    exchange = stage.exchange

    def lose(order):
        exchange.rest(order)
        return Unknown(reason="time-out")

    exchange.answer("submit", lose)

    async def script(run):
        await run.clock.sleep(1)
        exchange.quote(BID, ASK)
        await run.clock.sleep(3)
        exchange.fill(exchange.submitted[0])
        await run.clock.sleep(200)

    result = stage.play(script, Buyer())

    assert len(exchange.submitted) == 1
    assert (result.totals.bought, result.totals.open_positions) == (10, 1)


def test_an_adapter_that_raises_for_an_order_leaves_it_unknown(stage):
    """The contract asks for outcomes; a stranger's adapter may still break it."""
    stage.exchange.fail("submit", ExchangeError("reset"))

    stage.play(lasting(60, quoting=stage.exchange), Buyer())

    assert stage.events(OrderUnknown)[0].reason == "reset"
    assert len(stage.exchange.queries) > 0


def test_a_refused_order_is_counted_and_its_market_is_left_alone_for_a_while(stage):
    stage.exchange.answer("submit", Rejected(code="insufficient_balance", message="no"))

    async def script(run):
        await run.clock.sleep(1)
        for bid, ask in [(BID, ASK), ("0.91", "0.92"), (BID, ASK)]:
            stage.exchange.quote(bid, ask)
            await run.clock.sleep(0.5)

    result = stage.play(script, Buyer())

    assert result.totals.refused_by_exchange == 1
    assert len(stage.exchange.submitted) == 1


def test_a_fill_the_stream_lost_arrives_by_the_audit(stage):
    exchange = stage.exchange

    async def script(run):
        await run.clock.sleep(1)
        exchange.quote(BID, ASK)
        await run.clock.sleep(1)
        exchange.fill(exchange.submitted[0], fee="0.05", told=False)
        await run.clock.sleep(70)

    result = stage.play(script, Buyer())

    totals = result.totals
    assert (totals.fills, totals.bought, totals.fees) == (1, 10, Decimal("0.05"))
    assert totals.cash == Decimal(1_000) - Decimal("9.35")
    assert [owned.strategy for owned in stage.books().read.fills] == ["buyer"]


def test_a_fill_lost_before_a_long_outage_still_arrives(stage):
    """However long no account could be read, the next read reaches back to the last one."""
    exchange = stage.exchange

    async def script(run):
        await run.clock.sleep(1)
        exchange.quote(BID, ASK)
        await run.clock.sleep(1)
        exchange.fail("account", ExchangeError("down"), times=150)
        exchange.fill(exchange.submitted[0], told=False)
        await run.clock.sleep(3 * 3600)

    result = stage.play(script, Buyer(), settings={"tick_every": "1m"})

    assert (result.totals.bought, result.totals.open_positions) == (10, 1)


def test_an_answer_that_comes_late_is_not_waited_for(stage):
    exchange = stage.exchange
    exchange.answer("submit", Late(30, exchange.rest))

    async def script(run):
        await run.clock.sleep(1)
        exchange.quote(BID, ASK)
        await run.clock.sleep(1)
        exchange.fill(exchange.submitted[0])
        await run.clock.sleep(1)
        assert stage.books().read.fills

    assert stage.play(script, Buyer()).totals.bought == 10


def test_a_position_that_settles_brings_its_result(stage):
    exchange = stage.exchange
    exchange.answer("submit", exchange.take)

    async def script(run):
        await run.clock.sleep(1)
        exchange.quote(BID, ASK)
        await run.clock.sleep(1)
        exchange.settle(Side.YES)
        await run.clock.sleep(1)

    totals = stage.play(script, Buyer()).totals

    assert (totals.settled, totals.gained, totals.open_positions) == (1, Decimal("0.70"), 0)
    assert totals.cash == Decimal("1000.70")


@pytest.mark.slow
def test_a_position_in_a_market_that_closed_without_a_result_is_named(stage):
    exchange = stage.exchange
    exchange.answer("submit", exchange.take)

    async def script(run):
        await run.clock.sleep(1)
        exchange.quote(BID, ASK)
        await run.clock.sleep(7 * 3_600)

    result = stage.play(script, Buyer())

    assert [trip.ended for trip in result.trips] == ["open"]
    assert result.troubles[-1].endswith(" closed without a result: its position stays open")


def test_cash_that_nothing_explains_is_written_down(stage):
    async def script(run):
        await run.clock.sleep(1)
        stage.exchange.held.deposit(25)
        await run.clock.sleep(700)

    stage.play(script)

    assert stage.books().read.opening_cash_e6 == 1_025_000_000


def test_cash_that_cannot_be_written_down_stops_entries_and_not_the_run(stage, monkeypatch):
    def refuse(ledger, change_e6, at_us):
        raise LedgerError("disk full")

    monkeypatch.setattr("framework.ledger.Ledger.record_external", refuse)

    async def script(run):
        await run.clock.sleep(1)
        stage.exchange.held.deposit(25)
        await run.clock.sleep(700)
        stage.exchange.quote(BID, ASK)
        await run.clock.sleep(1)

    result = stage.play(script, Buyer())

    assert result.reason == "the script is over"
    assert [event.reason for event in stage.events(TradingHalted)] == ["disk full"]
    assert stage.exchange.submitted == []


# -------------------------------------------------------------------------------- the restart


def test_a_restart_knows_the_position_and_does_not_enter_again(stage):
    exchange = stage.exchange
    exchange.answer("submit", exchange.take)
    stage.play(lasting(5, quoting=exchange), Buyer())
    assert len(exchange.submitted) == 1

    result = stage.play(lasting(30, quoting=exchange), Buyer())

    assert len(exchange.submitted) == 1
    assert result.totals.open_positions == 1
    assert result.totals.cash == Decimal("990.70")


def test_a_restart_after_a_crash_takes_up_the_order_and_the_fill_it_missed(stage):
    exchange = stage.exchange

    async def crash(run):
        await run.clock.sleep(1)
        exchange.quote(BID, ASK)
        await run.clock.sleep(1)
        raise RuntimeError("power cut")

    with pytest.raises(Exception, match="power cut"):
        stage.play(crash, Buyer())
    (sent,) = exchange.submitted
    exchange.fill(sent, quantity=4, told=False)

    async def script(run):
        await run.clock.sleep(1)
        exchange.quote(BID, ASK)
        await run.clock.sleep(1)
        exchange.fill(sent, quantity=6)
        await run.clock.sleep(10)

    result = stage.play(script, Buyer())

    assert exchange.submitted == [sent]
    (fills,) = {owned.strategy for owned in stage.books().read.fills}
    assert fills == "buyer"
    assert (result.totals.fills, result.totals.bought) == (2, 10)


def test_a_restart_after_an_answer_that_never_came_asks_and_does_not_send_again(stage):
    exchange = stage.exchange

    def crash(order):
        exchange.rest(order)
        raise RuntimeError("power cut")

    exchange.answer("submit", crash)
    with pytest.raises(Exception, match="power cut"):
        stage.play(lasting(5, quoting=exchange), Buyer())
    assert [known.state for known in stage.books().orders] == [OrderState.PENDING]

    stage.play(lasting(60, quoting=exchange), Buyer())

    assert len(exchange.submitted) == 1
    assert {order.status for order in exchange.held.orders.values()} == {RemoteStatus.CANCELLED}


def test_a_restart_cancels_an_order_whose_market_is_not_listed_any_more(stage):
    exchange = stage.exchange

    async def crash(run):
        await run.clock.sleep(1)
        exchange.quote(BID, ASK)
        await run.clock.sleep(1)
        raise RuntimeError("power cut")

    with pytest.raises(Exception, match="power cut"):
        stage.play(crash, Buyer())
    exchange.list_market(market(status="inactive", fee_multiplier=0))

    stage.play(lasting(5), Buyer())

    assert {order.status for order in exchange.held.orders.values()} == {RemoteStatus.CANCELLED}


def test_two_runs_do_not_share_a_ledger(stage):
    async def script(run):
        await run.clock.sleep(1)
        with pytest.raises(ConfigError, match="in use by run run1"):
            open_ledger(stage.ledger, durability="process", account="demo:scripted", run_id="x")

    stage.play(script)


# ------------------------------------------------------------------------------------ the end


def test_refused_credentials_on_the_stream_end_the_run(stage):
    async def script(run):
        await run.clock.sleep(1)
        stage.exchange.end_stream(AuthError("key revoked", status=401))
        await run.clock.sleep(60)

    with pytest.raises(AuthError, match="key revoked") as raised:
        stage.play(script, Buyer())

    assert code_of(raised.value) == 4
    assert verify(stage.journal).complete


def test_a_stream_that_closes_ends_the_run_in_order(stage):
    async def script(run):
        await run.clock.sleep(1)
        stage.exchange.end_stream()
        await run.clock.sleep(60)

    assert stage.play(script).reason == "the exchange closed its stream"


def test_stopping_cancels_entries_and_waits_for_the_answers(stage):
    exchange = stage.exchange

    async def script(run):
        await run.clock.sleep(1)
        exchange.quote(BID, ASK)
        await run.clock.sleep(1)

    stage.play(script, Buyer())

    assert [cancel.client_order_id for cancel in exchange.cancels] == ["run1-1"]
    assert not stage.books().orders
    assert isinstance(stage.events(RunStopping)[0], RunStopping)


def test_an_entry_still_under_way_when_the_run_stops_is_cancelled_once_it_is_known(stage):
    exchange = stage.exchange
    exchange.answer("submit", Late(2, exchange.rest))

    async def script(run):
        await run.clock.sleep(1)
        exchange.quote(BID, ASK)
        await run.clock.sleep(1)

    stage.play(script, Buyer())

    assert {order.status for order in exchange.held.orders.values()} == {RemoteStatus.CANCELLED}


def test_stopping_does_not_wait_for_ever(stage):
    exchange = stage.exchange
    exchange.answer("submit", Late(3_600, exchange.rest))

    stage.play(lasting(2, quoting=exchange), Buyer())

    assert stage.now_us - NOW_US < 30 * SECOND_US
    assert [known.state for known in stage.books().orders] == [OrderState.PENDING]


def test_exits_keep_working_when_the_run_stops(stage):
    class Keeper(Buyer):
        @hookimpl
        def signal_exit(self, position, snapshot):
            return ExitSignal(limit=Decimal("0.99"), urgency=Urgency.TAKE_PROFIT, reason="target")

    exchange = stage.exchange
    exchange.answer("submit", exchange.take)

    stage.play(lasting(10, quoting=exchange), Keeper())

    entry, leave = exchange.submitted
    assert (entry.purpose, leave.purpose) == (Purpose.ENTRY, Purpose.EXIT)
    assert exchange.cancels == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_in_order(stage, number):
    async def script(run):
        await run.clock.sleep(1)
        stage.exchange.quote(BID, ASK)
        await run.clock.sleep(1)
        os.kill(os.getpid(), number)
        await run.clock.sleep(3_600)

    result = stage.play(script, Buyer())

    assert result.interrupted
    assert result.reason == f"interrupted by {number.name}"
    assert len(stage.exchange.cancels) == 1
    assert verify(stage.journal).complete


# --------------------------------------------------------------------------------- the control


def talking(stage, *requests):
    """A script that asks over the socket, one second apart, and the answers."""
    answers = []

    async def script(run):
        await run.clock.sleep(1)
        for verb, arguments in requests:
            answers.append(await call_control(run.folder, verb, **arguments))
            stage.exchange.quote(BID, ASK if len(answers) % 2 else "0.94")
            await run.clock.sleep(1)

    return script, answers


def test_status_tells_what_the_run_does(stage):
    script, answers = talking(stage, ("status", {}), ("status", {}))

    stage.play(script, Buyer())

    before, after = answers
    assert (before["mode"], before["run"]) == ("demo", "run1")
    assert (before["open_orders"], after["open_orders"]) == (0, 1)
    assert (after["markets"], after["followed"], after["halted"]) == (1, 1, None)


def test_a_halt_over_the_socket_stops_entries_until_it_is_resumed(stage):
    script, answers = talking(stage, ("halt", {"reason": "news"}), ("status", {}), ("resume", {}))

    stage.play(script, Buyer())

    assert [answer["halted"] for answer in answers] == ["news", "news", None]
    assert answers[1]["open_orders"] == 0
    assert len(stage.exchange.submitted) == 1


def test_a_halt_holds_for_the_next_start(stage):
    script, _ = talking(stage, ("halt", {"reason": "news"}))
    stage.play(script, Buyer())

    stage.play(lasting(5, quoting=stage.exchange), Buyer())

    assert stage.events(LedgerRead)[0].halted == "news"
    assert stage.exchange.submitted == []


def test_resume_decides_on_orders_that_only_a_person_can_speak_for(stage):
    stage.exchange.capabilities = msgspec.structs.replace(EVERYTHING, client_order_ids=False)
    stage.exchange.answer("submit", Unknown(reason="time-out"))
    script, answers = talking(stage, ("status", {}), ("status", {}), ("resume", {}))

    result = stage.play(script, Buyer())

    waiting = f"buy 10 YES {TICKER} at {ASK}"
    assert [answer["undecided"] for answer in answers] == [[], [waiting], []]
    decided = stage.events(OrderRejected)
    assert [(event.client_order_id, event.code) for event in decided] == [("run1-1", "decided")]
    assert not any("framework resume" in trouble for trouble in result.troubles)


def test_an_order_nobody_decided_on_is_named_at_the_end(stage):
    stage.exchange.capabilities = msgspec.structs.replace(EVERYTHING, client_order_ids=False)
    stage.exchange.answer("submit", Unknown(reason="time-out"))

    result = stage.play(lasting(5, quoting=stage.exchange), Buyer())

    assert any(f"{TICKER} at {ASK}: look whether it is at" in line for line in result.troubles)


def test_stop_over_the_socket_is_answered_and_ends_the_run(stage):
    script, answers = talking(stage, ("stop", {}), ("status", {}))

    result = stage.play(script, Buyer())

    assert len(answers) == 1
    assert result.reason == "stopped by hand"
    assert not result.interrupted


def test_the_halt_file_stops_entries_at_the_next_start(stage):
    write_halt_file(stage.folder / "runs", "the weekend", NOW_US)

    result = stage.play(lasting(5, quoting=stage.exchange), Buyer())

    assert stage.events(LedgerRead)[0].halted == "the weekend"
    assert stage.exchange.submitted == []
    assert result.totals.orders == 0
    assert result.halted == "the weekend"


# -------------------------------------------------------------------------------- the plugins


class Forecast(Plugin):
    """Yields one value, then whatever a test adds."""

    @hookimpl
    async def open_feed(self, run):
        yield Observation(source="weather", key="high", value=Decimal(57), at_us=run.clock.now_us())


def test_what_a_feed_observes_reaches_the_strategy(stage):
    seen = []

    class Reader(Buyer):
        @hookimpl
        def signal_entry(self, snapshot):
            seen.append(dict(snapshot.observations))

    stage.play(lasting(2, quoting=stage.exchange), Reader(), forecast=Forecast())

    assert seen[-1] == {"weather.high": Decimal(57)}


def test_a_feed_that_raises_is_marked_down_and_trading_goes_on(stage):
    class Broken(Forecast):
        @hookimpl
        async def open_feed(self, run):
            yield Observation(source="a", key="b", value=Decimal(1), at_us=run.clock.now_us())
            raise RuntimeError("no more weather")

    result = stage.play(lasting(2, quoting=stage.exchange), Buyer(), broken=Broken())

    (trouble,) = result.troubles
    assert trouble.startswith("feed of broken is down: plugin broken.open_feed: RuntimeError")
    assert len(stage.exchange.submitted) == 1
    assert len(stage.events(ObservationArrived)) == 1


@pytest.mark.parametrize(
    "value",
    [
        "57 degrees",
        Observation(source="a", key="b", value=0.5, at_us=0),
        Observation(source="a", key="b", value=Decimal("nan"), at_us=0),
        Observation(source="a", key=7, value=Decimal(1), at_us=0),
    ],
    ids=["text", "float", "nan", "key"],
)
def test_a_feed_that_yields_something_else_is_marked_down(stage, value):
    class Odd(Plugin):
        @hookimpl
        async def open_feed(self, run):
            yield value

    result = stage.play(lasting(2, quoting=stage.exchange), Buyer(), odd=Odd())

    (trouble,) = result.troubles
    assert trouble.startswith("feed of odd is down: plugin odd.open_feed: ")
    assert stage.events(ObservationArrived) == []
    assert len(stage.exchange.submitted) == 1


def test_a_feed_that_is_no_stream_is_marked_down(stage):
    class Plain(Plugin):
        @hookimpl
        def open_feed(self, run):
            return [1]

    result = stage.play(lasting(1), plain=Plain())

    assert "plain.open_feed" in result.troubles[0]


def test_a_fault_of_ours_is_not_blamed_on_the_feed(stage, monkeypatch):
    def broken(state, event):
        raise LookupError("our bug")

    monkeypatch.setattr("framework.state.State.observe", broken)
    monkeypatch.setitem(
        __import__("framework.facts", fromlist=["_PLACES"])._PLACES, ObservationArrived, broken
    )

    with pytest.raises(Exception, match="our bug") as raised:
        stage.play(lasting(2), forecast=Forecast())

    assert code_of(raised.value) == 70


class Service(Plugin):
    """Notes when it is open; a test makes it fail."""

    breaks: str = ""
    steps: list = Field(default_factory=list)

    @hookimpl
    @asynccontextmanager
    async def open_service(self, run):
        self.steps.append("open")
        if self.breaks == "opening":
            raise RuntimeError("no room")
        yield
        self.steps.append("closed")
        if self.breaks == "closing":
            raise RuntimeError("no room")


def test_a_service_is_open_for_the_whole_run(stage):
    service = Service()

    stage.play(lasting(1), service=service)

    assert service.steps == ["open", "closed"]


@pytest.mark.parametrize("when", ["opening", "closing"])
def test_a_service_that_raises_names_plugin_and_hook(stage, when):
    with pytest.raises(PluginError, match=r"plugin service.open_service: RuntimeError: no room"):
        stage.play(lasting(1), service=Service(breaks=when))

    assert verify(stage.journal).complete


def test_credentials_refused_while_the_exchange_opens_stay_what_they_are(stage):
    class Venue(Plugin):
        """Opens as adapters do: with tasks of its own around it."""

        @hookimpl
        @asynccontextmanager
        async def open_exchange(self, run):
            async with anyio.create_task_group():
                raise AuthError("bad key", status=401)
            yield

    with pytest.raises(AuthError, match="bad key"):
        stage.play(None, venue=Venue())


def test_a_connection_plugin_that_raises_is_named(stage):
    class Proxy(Plugin):
        @hookimpl
        def open_connection(self, host, port):
            raise RuntimeError("no route")

    async def script(run):
        await run.connect("exchange.invalid", 443)

    with pytest.raises(PluginError, match=r"plugin proxy.open_connection: RuntimeError: no route"):
        stage.play(script, proxy=Proxy())


def test_a_risk_check_that_faults_refuses_and_is_quarantined(stage):
    class Broken(Plugin):
        @hookimpl
        def check_risk(self, order):
            raise RuntimeError("odd")

    async def script(run):
        await run.clock.sleep(1)
        for _ in range(4):
            stage.exchange.quote(BID, ASK)
            stage.exchange.quote("0.91", "0.92")
            await run.clock.sleep(1)

    result = stage.play(script, Buyer(), settings={"plugin_faults_limit": 3}, broken=Broken())

    assert stage.exchange.submitted == []
    (event,) = stage.events(PluginQuarantined)
    assert event.plugin == "broken"
    assert event.reason.startswith("3 faults")
    assert result.totals.rejections["risk.plugin_fault"] >= 1
    assert result.totals.rejections["risk.plugin_quarantined"] == 1
    assert read_quarantine(stage.folder / "runs") == {"broken": event.reason}
    assert result.troubles == (f"broken is not asked any more: {event.reason}",)


def test_a_watcher_that_raises_does_not_stop_trading(stage):
    class Nosy(Plugin):
        @hookimpl
        def observe(self, records):
            raise RuntimeError("odd")

    stage.play(
        lasting(20, quoting=stage.exchange),
        Buyer(),
        settings={"plugin_faults_limit": 2},
        nosy=Nosy(),
    )

    assert [event.plugin for event in stage.events(PluginQuarantined)] == ["nosy"]
    assert len(stage.exchange.submitted) == 1


def test_a_watcher_sees_every_record_even_of_a_run_that_broke_off(stage):
    seen = []

    class Watcher(Plugin):
        @hookimpl
        def observe(self, records):
            seen.extend(records)

    async def script(run):
        await run.clock.sleep(1)
        stage.exchange.quote(BID, ASK)
        stage.exchange.end_stream(AuthError("bad key"))
        await run.clock.sleep(1)

    with pytest.raises(AuthError):
        stage.play(script, Buyer(), watcher=Watcher())

    assert len(seen) == len(stage.records())


# ---------------------------------------------------------------------------------- the pace


def test_an_idle_run_ticks_scans_and_audits_more_rarely(stage):
    """With nothing followed, held or working there is nothing to be quick for."""
    busy, idle = Stage(stage.folder / "busy"), Stage(stage.folder / "idle")
    for one in (busy, idle):
        one.folder.mkdir()
    idle.exchange = ScriptedExchange()

    for one in (busy, idle):
        one.play(lasting(2_400, quoting=busy.exchange if one is busy else None), Buyer())

    ticks = [len(one.events(ClockTicked)) for one in (busy, idle)]
    calls = [one.exchange.calls for one in (busy, idle)]
    assert ticks == [pytest.approx(2_400, rel=0.01), pytest.approx(240, rel=0.01)]
    assert [one["markets"] for one in calls] == [41, 11]
    assert [one["account"] for one in calls] == [41, 5]


def test_what_the_exchange_said_and_nobody_understood_is_shown_at_the_end_and_on_the_way(stage):
    unknown = {"market: unknown field legs": 3}
    stage.exchange.surprises = Surprises(counts=unknown, unreadable=("market M: no status",))
    seen = []

    async def script(run):
        await run.clock.sleep(1)
        seen.append(await call_control(run.folder, "status"))

    result = stage.play(script)

    assert result.surprises == unknown
    assert result.troubles == ("not understood: market M: no status",)
    (status,) = seen
    assert status["surprises"]["counts"] == unknown


def test_a_run_shows_that_the_exchange_pauses(stage):
    seen = []

    async def script(run):
        pause = Pause(shard=None, reason="maintenance")
        stage.exchange.push(ExchangeStatusChanged(at_us=run.clock.now_us(), pauses=(pause,)))
        await run.clock.sleep(1)
        seen.append(await call_control(run.folder, "status"))

    stage.play(script)

    assert seen[0]["paused"] == ["maintenance"]


def test_fees_are_checked_by_the_rounding_the_exchange_names(stage):
    stage.exchange.capabilities = msgspec.structs.replace(
        stage.exchange.capabilities, balance_step_e6=10_000
    )

    async def script(run):
        await run.clock.sleep(1)
        stage.exchange.quote(BID, ASK)
        await run.clock.sleep(1)
        stage.exchange.fill(stage.exchange.submitted[0], fee="0.01")

    assert stage.play(script, Buyer()).troubles == ()
