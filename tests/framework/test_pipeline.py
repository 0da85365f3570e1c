"""The fault table: every fault of a plugin at every hook, and how answers are put together."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

import pytest

from framework import EntrySignal, ExitSignal, Plugin, Rejection, Side, Urgency, hookimpl
from framework.implementations import implementations, new_registry
from framework.model.book import OrderBook
from framework.model.events import ClockTicked, PluginOverran, PluginQuarantined
from framework.model.records import Record
from framework.model.view import Touch
from framework.pipeline import Pipeline
from framework.testing.builders import market, order, portfolio_view, position, snapshot

HOOKS = ["filter_market", "signal_exit", "signal_entry", "size_entry", "check_risk", "observe"]
REFUSING = ["filter_market", "size_entry", "check_risk"]
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
SIGNAL = EntrySignal(Side.YES, Decimal("0.93"), "a favourite")
RECORD = Record(event=ClockTicked(at_us=1))
SHAPES = {
    "filter_market": lambda body: lambda _self, market, now: body(market, now),
    "signal_exit": lambda body: lambda _self, position, snapshot: body(position, snapshot),
    "signal_entry": lambda body: lambda _self, snapshot, portfolio: body(snapshot, portfolio),
    "size_entry": lambda body: (
        lambda _self, signal, snapshot, portfolio: body(signal, snapshot, portfolio)
    ),
    "check_risk": lambda body: (
        lambda _self, order, snapshot, portfolio: body(order, snapshot, portfolio)
    ),
    "observe": lambda body: lambda _self, records: body(records),
}


class Loaded:
    """Plugins as a loader hands them over, all of them shared."""

    strategies = ("favourites",)

    def __init__(self, **plugins):
        self.registry = new_registry()
        self.plugins = plugins
        for name, plugin in plugins.items():
            self.registry.register(plugin, name)

    def hooks(self, hook, strategy=None):
        return tuple(
            made
            for name, plugin in self.plugins.items()
            for made in implementations(self.registry, name, plugin)
            if made.hook == hook
        )


def plugin(hook, body):
    """Return a plugin whose implementation of one hook runs `body(all its arguments)`."""
    return type("UnderTest", (Plugin,), {hook: hookimpl(SHAPES[hook](body))})()


def returning(hook, answer):
    return plugin(hook, lambda *_: answer)


def raising(hook):
    return plugin(hook, lambda *_: 1 / 0)


def ask(pipeline, hook):
    """Ask one hook the way the engine does."""
    if hook == "filter_market":
        return pipeline.filter_market("favourites", market(), NOW)
    if hook == "signal_exit":
        return pipeline.signal_exit("favourites", position(), snapshot())
    if hook == "signal_entry":
        return pipeline.signal_entry("favourites", snapshot(), portfolio_view())
    if hook == "size_entry":
        return pipeline.size_entry("favourites", SIGNAL, snapshot(), portfolio_view())
    if hook == "check_risk":
        return pipeline.check_risk("favourites", order(), snapshot(), portfolio_view())
    return pipeline.observe([RECORD])


def codes(answer):
    """Return the codes of whatever refusals an answer holds."""
    if isinstance(answer, Rejection):
        return [answer.code]
    if isinstance(answer, tuple):
        return [answer[0].code] if isinstance(answer[0], Rejection) else []
    return [refusal.code for refusal, _ in answer or [] if isinstance(refusal, Rejection)]


def faults(pipeline, name="culprit"):
    return sum(tally.faults for tally in pipeline.tallies if tally.plugin == name)


def consequence(hook):
    """Return what a fault leads to: a refusal where silence would be consent, else nothing."""
    return ["plugin_fault"] if hook in REFUSING else []


# ------------------------------------------------------------------------------- the table


@pytest.mark.parametrize("hook", HOOKS)
def test_raises(hook):
    pipeline = Pipeline(Loaded(culprit=raising(hook)))

    answer = ask(pipeline, hook)

    assert codes(answer) == consequence(hook)
    assert not answer or hook in REFUSING
    assert faults(pipeline) == 1


@pytest.mark.parametrize("hook", HOOKS)
def test_returns_the_wrong_type(hook):
    pipeline = Pipeline(Loaded(culprit=returning(hook, True)))

    answer = ask(pipeline, hook)

    assert codes(answer) == consequence(hook)
    assert not answer or hook in REFUSING
    assert faults(pipeline) == 1


MUTATIONS = {
    "filter_market": lambda market, _now: setattr(market, "volume_e2", 0),
    "signal_exit": lambda position, _snapshot: setattr(position, "quantity_e2", 0),
    "signal_entry": lambda snapshot, _portfolio: snapshot.siblings.clear(),
    "size_entry": lambda signal, _snapshot, _portfolio: setattr(signal, "limit", Decimal("0.01")),
    "check_risk": lambda order, _snapshot, _portfolio: setattr(order, "quantity_e2", 1),
    "observe": lambda records: records.clear(),
}


@pytest.mark.parametrize("hook", HOOKS)
def test_mutates_its_input(hook):
    pipeline = Pipeline(Loaded(culprit=plugin(hook, MUTATIONS[hook])))

    answer = ask(pipeline, hook)

    assert codes(answer) == consequence(hook)
    assert faults(pipeline) == 1


@pytest.mark.parametrize("hook", HOOKS)
def test_overruns(hook):
    ticks = iter(range(0, 10_000_000, 60_000))
    pipeline = Pipeline(
        Loaded(culprit=returning(hook, None)),
        stopwatch=lambda: next(ticks),
        sample_every=1,
        overruns_limit=2,
    )
    ask(pipeline, hook)
    first = pipeline.pending_events(7)
    ask(pipeline, hook)
    second = pipeline.pending_events(8)

    overrun = PluginOverran(at_us=7, plugin="culprit", hook=hook, took_us=60_000, limit_us=50_000)
    assert first == [overrun]
    assert [type(event) for event in second] == [PluginOverran, PluginQuarantined]
    assert pipeline.quarantined == {}, "a quarantine takes effect as an event"

    for event in second:
        pipeline.apply(event)

    assert codes(ask(pipeline, hook)) == (["plugin_quarantined"] if hook in REFUSING else [])
    assert pipeline.tallies[0].calls == 2


# The fifth column, never returns, is tests/framework/test_watchdog.py: it ends a process.


# ------------------------------------------------------------------------ more wrong answers


WRONG_SIZES = [
    True,
    Decimal("NaN"),
    Decimal("Infinity"),
    Decimal(-1),
    Decimal("0.001"),
    Decimal("1E+999999"),
    1.0,
    "10",
    Rejection("x", "y"),
]


@pytest.mark.parametrize("answer", WRONG_SIZES, ids=str)
def test_refuses_a_size_that_is_no_quantity(answer):
    pipeline = Pipeline(Loaded(culprit=returning("size_entry", answer)))

    assert codes(ask(pipeline, "size_entry")) == ["plugin_fault"]


BAD = object.__new__(EntrySignal)
for name, value in {
    "side": Side.YES,
    "limit": "0.93",
    "reason": "text as a price",
    "good_for": None,
    "make": False,
    "break_even": None,
}.items():
    object.__setattr__(BAD, name, value)


@pytest.mark.parametrize(
    "answer", [[SIGNAL, None], [SIGNAL, BAD], (SIGNAL,), [SIGNAL] * 17, False, iter([SIGNAL])]
)
def test_one_bad_signal_spoils_the_list(answer):
    pipeline = Pipeline(Loaded(culprit=returning("signal_entry", answer)))

    assert ask(pipeline, "signal_entry") == []
    assert faults(pipeline) == 1


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit, RecursionError])
def test_nothing_a_plugin_raises_gets_past_the_pipeline(error):
    def body(*_):
        raise error

    pipeline = Pipeline(Loaded(culprit=plugin("check_risk", body)))

    assert codes(ask(pipeline, "check_risk")) == ["plugin_fault"]


def test_lets_an_interruption_through():
    def body(*_):
        raise KeyboardInterrupt

    pipeline = Pipeline(Loaded(culprit=plugin("check_risk", body)))

    with pytest.raises(KeyboardInterrupt):
        ask(pipeline, "check_risk")


def test_an_error_that_cannot_be_printed_is_a_fault_too():
    class Mute(Exception):  # noqa: N818 - as mute as its name
        def __str__(self):
            raise ValueError

    def body(*_):
        raise Mute

    pipeline = Pipeline(Loaded(culprit=plugin("filter_market", body)))

    assert codes(ask(pipeline, "filter_market")) == ["plugin_fault"]


def test_a_fault_names_plugin_cause_and_line():
    pipeline = Pipeline(Loaded(culprit=raising("check_risk")))

    [(refusal, name)] = ask(pipeline, "check_risk")

    assert name == "culprit"
    assert refusal.message.startswith("culprit: ZeroDivisionError: division by zero (test_pipe")


# -------------------------------------------------------------------------- what is not shown


def test_the_views_leak_nothing_that_can_be_changed():
    shown = snapshot(
        siblings={"A": Touch(None, None)},
        observations={"weather.high": Decimal(71)},
    )
    portfolio = portfolio_view()

    assert type(shown.siblings) is MappingProxyType
    assert type(shown.observations) is MappingProxyType
    for name in ("market", "at_us", "siblings", "anything"):
        with pytest.raises(AttributeError):
            setattr(shown, name, None)
    with pytest.raises(AttributeError):
        shown.yes.bid_e4 = 1
    with pytest.raises(AttributeError):
        portfolio.cash = 1
    assert isinstance(portfolio.positions, tuple)
    assert isinstance(shown.yes.bids(), tuple)


def test_a_ladder_kept_past_its_hook_shows_nothing_newer():
    held = OrderBook()
    held.replace({9_200: 100}, {700: 100})
    side = snapshot(held=held).yes
    held.replace({9_300: 100}, {600: 100})

    assert side.bid == Decimal("0.92")
    with pytest.raises(RuntimeError):
        side.bids()


# ----------------------------------------------------------------------- putting answers together


def test_the_first_refusal_of_a_market_counts_and_the_rest_are_not_asked():
    pipeline = Pipeline(
        Loaded(
            silent=returning("filter_market", None),
            first=returning("filter_market", Rejection("spread", "wide")),
            second=returning("filter_market", Rejection("volume", "low")),
        )
    )

    assert ask(pipeline, "filter_market") == (Rejection("spread", "wide"), "first")
    assert {tally.plugin: tally.calls for tally in pipeline.tallies} == {
        "silent": 1,
        "first": 1,
        "second": 0,
    }


def test_the_most_urgent_exit_wins_then_the_lower_limit():
    def wish(limit, urgency):
        return returning("signal_exit", ExitSignal(Decimal(limit), "why", urgency))

    pipeline = Pipeline(
        Loaded(
            profit=wish("0.10", Urgency.TAKE_PROFIT),
            stop=wish("0.60", Urgency.STOP),
            lower=wish("0.50", Urgency.STOP),
        )
    )

    found = ask(pipeline, "signal_exit")

    assert found is not None
    assert found[1] == "lower"


def test_an_exit_that_faults_is_skipped_and_the_rest_are_asked():
    good = ExitSignal(Decimal("0.50"), "why", Urgency.STOP)
    pipeline = Pipeline(Loaded(culprit=raising("signal_exit"), good=returning("signal_exit", good)))

    assert ask(pipeline, "signal_exit") == (good, "good")


def test_every_wish_to_buy_is_kept_with_its_plugin():
    other = EntrySignal(Side.NO, Decimal("0.08"), "cheap", good_for=timedelta(minutes=1))
    pipeline = Pipeline(
        Loaded(
            one=returning("signal_entry", [SIGNAL, other]),
            culprit=raising("signal_entry"),
            two=returning("signal_entry", SIGNAL),
        )
    )

    assert ask(pipeline, "signal_entry") == [(SIGNAL, "one"), (other, "one"), (SIGNAL, "two")]


def test_the_smallest_size_wins():
    pipeline = Pipeline(
        Loaded(
            large=returning("size_entry", Decimal(50)),
            silent=returning("size_entry", None),
            small=returning("size_entry", Decimal("12.5")),
        )
    )

    assert ask(pipeline, "size_entry") == (1_250, "small")


@pytest.mark.parametrize("answer", [None, Decimal(0)])
def test_no_size_at_all_is_a_refusal(answer):
    pipeline = Pipeline(Loaded(only=returning("size_entry", answer)))

    assert codes(ask(pipeline, "size_entry")) == ["no_size"]


def test_a_size_that_faults_refuses_although_another_has_one():
    pipeline = Pipeline(
        Loaded(good=returning("size_entry", Decimal(50)), culprit=raising("size_entry"))
    )

    assert codes(ask(pipeline, "size_entry")) == ["plugin_fault"]


def test_all_risk_checks_are_asked_and_every_objection_kept():
    pipeline = Pipeline(
        Loaded(
            one=returning("check_risk", Rejection("cost", "90 above 50")),
            culprit=raising("check_risk"),
            two=returning("check_risk", Rejection("age", "9 s above 5 s")),
        )
    )

    answer = ask(pipeline, "check_risk")

    assert [(refusal.code, name) for refusal, name in answer] == [
        ("cost", "one"),
        ("plugin_fault", "culprit"),
        ("age", "two"),
    ]


def test_a_watcher_that_fails_does_not_keep_the_others_from_watching():
    seen = []
    pipeline = Pipeline(Loaded(culprit=raising("observe"), good=plugin("observe", seen.append)))

    ask(pipeline, "observe")

    assert seen == [(RECORD,)]


# ------------------------------------------------------------------------------- quarantine


@pytest.mark.parametrize("hook", HOOKS)
def test_after_n_faults_a_plugin_is_not_asked_any_more(hook):
    calls = []

    def body(*_):
        calls.append(1)
        raise ValueError("again")

    pipeline = Pipeline(Loaded(culprit=plugin(hook, body)), faults_limit=3)
    for _ in range(5):
        answer = ask(pipeline, hook)

    assert len(calls) == 3
    assert codes(answer) == (["plugin_quarantined"] if hook in REFUSING else [])
    [event] = pipeline.pending_events(42)
    assert isinstance(event, PluginQuarantined)
    assert (event.at_us, event.plugin) == (42, "culprit")
    assert event.reason.startswith("3 faults, the last: ValueError: again")
    assert pipeline.pending_events(43) == []
    assert pipeline.tallies[0].calls == 3


def test_faults_at_different_hooks_add_up():
    class Culprit(Plugin):
        @hookimpl
        def signal_exit(self):
            raise ValueError

        @hookimpl
        def check_risk(self):
            raise ValueError

    pipeline = Pipeline(Loaded(culprit=Culprit()), faults_limit=2)
    ask(pipeline, "signal_exit")
    ask(pipeline, "check_risk")

    assert list(pipeline.quarantined) == ["culprit"]


def test_a_plugin_quarantined_by_an_earlier_run_is_told_first_and_never_asked():
    pipeline = Pipeline(
        Loaded(culprit=returning("check_risk", None)), quarantined={"culprit": "did not return"}
    )

    assert pipeline.pending_events(1) == [
        PluginQuarantined(at_us=1, plugin="culprit", reason="did not return")
    ]
    assert codes(ask(pipeline, "check_risk")) == ["plugin_quarantined"]


def test_a_quarantine_event_of_a_replay_silences_the_plugin():
    pipeline = Pipeline(Loaded(culprit=returning("signal_entry", SIGNAL)))
    pipeline.apply(PluginQuarantined(at_us=1, plugin="culprit", reason="overran"))

    assert ask(pipeline, "signal_entry") == []


# ---------------------------------------------------------------------------------- counters


def test_one_asking_in_n_is_timed():
    looks = []
    pipeline = Pipeline(
        Loaded(good=returning("signal_entry", None)),
        stopwatch=lambda: looks.append(1) or 0,
        sample_every=4,
    )
    for _ in range(12):
        ask(pipeline, "signal_entry")

    assert len(looks) == 2 * 3
    assert pipeline.tallies[0].calls == 12


def test_overruns_count_only_in_a_row():
    took = iter([60_000, 10, 60_000, 10])
    now = [0]

    def stopwatch():
        now.append(now[-1] + (next(took) if len(now) % 2 == 0 else 0))
        return now[-1]

    pipeline = Pipeline(
        Loaded(good=returning("signal_entry", None)),
        stopwatch=stopwatch,
        sample_every=1,
        overruns_limit=2,
    )
    for _ in range(4):
        ask(pipeline, "signal_entry")

    assert [type(event) for event in pipeline.pending_events(1)] == [PluginOverran] * 2


def test_counters_survive_a_quarantine():
    pipeline = Pipeline(
        Loaded(culprit=raising("signal_entry"), good=returning("signal_entry", None)),
        faults_limit=1,
    )
    for _ in range(3):
        ask(pipeline, "signal_entry")

    assert [(tally.plugin, tally.calls, tally.faults) for tally in pipeline.tallies] == [
        ("culprit", 1, 1),
        ("good", 3, 0),
    ]
