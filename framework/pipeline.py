"""The only module that calls decision hooks: typed answers, the fault policy, the counters.

Plugins are strangers to the line. Whatever one does (raises, answers with the wrong type, tries
to change what it was shown, takes too long) becomes a fault of that plugin, and where silence
would be consent the fault is a refusal. A plugin with too many faults is quarantined: its
filters, sizes and risk checks go on refusing, its signals fall silent.

Knows no clock: time is measured with the stopwatch it is given, one asking in N, and what the
stopwatch finds takes effect only through an event, so that a replay decides the same.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import FrameType
from typing import Any, Final, NamedTuple

from framework import answers
from framework.compiled import Hooks, Implementation
from framework.faults import described
from framework.model.events import PluginOverran, PluginQuarantined
from framework.model.market import Market
from framework.model.orders import Order
from framework.model.portfolio import Position
from framework.model.records import Record
from framework.model.signals import EntrySignal, ExitSignal, Rejection
from framework.model.units import E2, Micros
from framework.model.view import PortfolioView, Snapshot

Stopwatch = Callable[[], Micros]
Refused = tuple[Rejection, str]
"""A refusal and the plugin it came from."""
_Read = Callable[[Any], Any]

_REFUSING: Final = frozenset({"filter_market", "size_entry", "check_risk"})


class Tally(NamedTuple):
    """How often one plugin was asked one hook, and how that went."""

    plugin: str
    hook: str
    calls: int
    faults: int
    last_error: str | None


class _Asked:
    """One plugin at one hook, with its counters."""

    __slots__ = ("call", "calls", "faults", "hook", "last_error", "overruns", "plugin")

    def __init__(self, implementation: Implementation) -> None:
        self.plugin, self.hook, self.call = implementation
        self.calls = 0
        self.faults = 0
        self.overruns = 0
        """In a row."""
        self.last_error: str | None = None


class _Line:
    """Those asked one hook for one strategy; `calls[i]` belongs to `asked[i]`."""

    __slots__ = ("asked", "calls", "due", "rounds", "spared")

    def __init__(
        self, asked: tuple[_Asked, ...], calls: tuple[Callable[..., Any], ...], due: int
    ) -> None:
        self.asked = asked
        self.calls = calls
        self.rounds = 0
        self.due = due
        """The next round that is timed; 0 is never."""
        self.spared = [0] * len(asked)
        """Rounds in which each was not asked, because one before it had refused."""


class _Standing(Exception):  # noqa: N818 - a control-flow exception named after what stands
    """A quarantined plugin's refusal."""


class Pipeline:
    """Asks the plugins, in order, and makes sense of what they answer."""

    def __init__(
        self,
        loaded: Hooks,
        *,
        faults_limit: int = 10,
        budget_us: Micros = 50_000,
        overruns_limit: int = 3,
        sample_every: int = 16,
        stopwatch: Stopwatch | None = None,
        quarantined: Mapping[str, str] | None = None,
    ) -> None:
        """Compile nothing yet: a line is compiled when it is first asked.

        Args:
            loaded: Who implements what.
            faults_limit: Faults after which a plugin is quarantined.
            budget_us: The most one hook of one plugin may take.
            overruns_limit: Overruns in a row after which a plugin is quarantined.
            sample_every: One asking in this many is timed.
            stopwatch: Microseconds of real time; None never times.
            quarantined: Plugins that an earlier run quarantined, with the reason.
        """
        self.strategies = loaded.strategies
        self._loaded = loaded
        self._faults_limit = faults_limit
        self._budget_us = budget_us
        self._overruns_limit = overruns_limit
        self._sample_every = sample_every
        self._stopwatch = stopwatch
        self._asked: dict[tuple[str, str], _Asked] = {}
        self._lines: dict[tuple[str, str | None], _Line] = {}
        self._quarantined: dict[str, str] = {}
        self._pending: list[tuple[type[PluginOverran | PluginQuarantined], dict[str, Any]]] = []
        for plugin, reason in (quarantined or {}).items():
            self._quarantine(plugin, reason)

    # --------------------------------------------------------------------------------- asking

    def filter_market(self, strategy: str, market: Market, now: datetime) -> Refused | None:
        """Return the first refusal of a market, or None when every filter lets it pass."""
        line = self._line("filter_market", strategy)
        found = self._ask2(line, answers.rejection_of, market, now, only_first=True)
        return found[0] if found else None

    def signal_exit(
        self, strategy: str | None, position: Position, snapshot: Snapshot
    ) -> tuple[ExitSignal, str] | None:
        """Return the most urgent exit, then the one that would sell lowest, or None to stay.

        Args:
            strategy: Whose position it is; None asks the plugins shared by all.
            position: What is held.
            snapshot: Its market.
        """
        line = self._line("signal_exit", strategy)
        wishes = [
            (wish, plugin)
            for wish, plugin in self._ask2(line, answers.exit_of, position, snapshot)
            if isinstance(wish, ExitSignal)
        ]
        return min(wishes, key=_pressing, default=None)

    def signal_entry(
        self, strategy: str, snapshot: Snapshot, portfolio: PortfolioView
    ) -> list[tuple[EntrySignal, str]]:
        """Return every wish to buy; a plugin that faults has none."""
        line = self._line("signal_entry", strategy)
        found = self._ask2(line, answers.entries_of, snapshot, portfolio)
        if not found:
            return []
        return [
            (signal, plugin)
            for signals, plugin in found
            if not isinstance(signals, Rejection)
            for signal in signals
        ]

    def size_entry(
        self, strategy: str, signal: EntrySignal, snapshot: Snapshot, portfolio: PortfolioView
    ) -> tuple[E2, str] | Rejection:
        """Return the smallest quantity and whose it is, or why there is none.

        One that faults may have been the one that limits, so a fault is a refusal.
        """
        line = self._line("size_entry", strategy)
        sizes = self._ask3(line, answers.size_of, signal, snapshot, portfolio)
        if not sizes:
            return Rejection("no_size", "no plugin says how many contracts to buy")
        for size, _ in sizes:
            if isinstance(size, Rejection):
                return size
        smallest: tuple[E2, str] = min(sizes, key=_size)
        if smallest[0] == 0:
            return Rejection("no_size", f"{smallest[1]} allows no contract")
        return smallest

    def check_risk(
        self, strategy: str, order: Order, snapshot: Snapshot, portfolio: PortfolioView
    ) -> list[Refused]:
        """Return every objection to an entry order; a check that faults objects."""
        line = self._line("check_risk", strategy)
        return self._ask3(line, answers.rejection_of, order, snapshot, portfolio)

    def observe(self, records: Sequence[Record]) -> None:
        """Show what happened to every plugin that watches."""
        line, shown = self._line("observe", None), tuple(records)
        line.rounds += 1
        calls = line.calls if line.rounds != line.due else self._timed_calls(line)
        for call in calls:
            try:
                answer = call(shown)
                if answer is not None:
                    raise TypeError(f"must return None, not {type(answer).__name__}")  # noqa: TRY301 - judged as any other fault
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - a watcher never stops trading
                self._failed(_whose(line, calls, call), error)

    # ----------------------------------------------------------------------------- quarantine

    @property
    def quarantined(self) -> Mapping[str, str]:
        """Plugins that are not asked any more, with the reason."""
        return self._quarantined

    @property
    def tallies(self) -> tuple[Tally, ...]:
        """The counters of every plugin asked so far."""
        calls = self._counted()
        return tuple(
            Tally(one.plugin, one.hook, calls[key], one.faults, one.last_error)
            for key, one in self._asked.items()
        )

    def pending_events(self, at_us: Micros) -> list[PluginOverran | PluginQuarantined]:
        """Return, once, what was found out since the last call, for the engine to handle.

        Ask before the first batch too: plugins quarantined by an earlier run are told here.
        """
        pending, self._pending = self._pending, []
        return [kind(at_us=at_us, **fields) for kind, fields in pending]

    def apply(self, event: PluginOverran | PluginQuarantined) -> None:
        """Stop asking a plugin, if that is what the event says; repeats do nothing."""
        if isinstance(event, PluginQuarantined) and event.plugin not in self._quarantined:
            self._silence(event.plugin, event.reason)

    def in_hand(self, frame: FrameType | None) -> str | None:
        """Return the plugin that a thread is inside of, given the thread's innermost frame.

        Read from the stack by the watchdog, so that the line pays nothing for it.
        """
        while frame is not None:
            if frame.f_code in _ASKING:
                inside = frame.f_locals
                if "call" in inside:
                    return _whose(inside["line"], inside["calls"], inside["call"]).plugin
            frame = frame.f_back
        return None

    # -------------------------------------------------------------------------------- the line

    def _line(self, hook: str, strategy: str | None) -> _Line:
        return self._lines.get((hook, strategy)) or self._compile(hook, strategy)

    def _compile(self, hook: str, strategy: str | None) -> _Line:
        asked = tuple(
            self._asked.setdefault((found.plugin, found.hook), _Asked(found))
            for found in self._loaded.hooks(hook, strategy)
            if hook in _REFUSING or found.plugin not in self._quarantined
        )
        due = self._sample_every if self._stopwatch is not None else 0
        line = _Line(asked, tuple(map(self._call_of, asked)), due)
        self._lines[hook, strategy] = line
        return line

    def _call_of(self, asked: _Asked) -> Callable[..., Any]:
        """Return what to call: the hook, or what refuses in a quarantined plugin's place."""
        if asked.plugin not in self._quarantined:
            return asked.call
        text = f"{asked.plugin} is quarantined: {self._quarantined[asked.plugin]}"

        def refuse(*_: object) -> None:
            raise _Standing(text)

        return refuse

    def _counted(self) -> dict[tuple[str, str], int]:
        """Return how often each was asked: what is booked, and the rounds of the present lines."""
        calls = {key: asked.calls for key, asked in self._asked.items()}
        for line in self._lines.values():
            for asked, spared in zip(line.asked, line.spared, strict=True):
                if asked.plugin not in self._quarantined:
                    calls[asked.plugin, asked.hook] += line.rounds - spared
        return calls

    def _timed_calls(self, line: _Line) -> tuple[Callable[..., Any], ...]:
        """Return a round's calls when it is their turn to be timed."""
        line.due += self._sample_every
        return tuple(map(self._timed, line.asked, line.calls))

    def _ask2(
        self, line: _Line, read: _Read, first: object, second: object, *, only_first: bool = False
    ) -> list[tuple[Any, str]]:
        """Return each answer, or the refusal a fault stands for, and whose it is."""
        line.rounds += 1
        calls = line.calls if line.rounds != line.due else self._timed_calls(line)
        found: list[tuple[Any, str]] = []
        for call in calls:
            try:
                answer = call(first, second)
                if answer is None:
                    continue
                found.append((read(answer), _whose(line, calls, call).plugin))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a stranger raises is his fault
                found.append(self._failed(_whose(line, calls, call), error))
            if only_first:
                for later in range(calls.index(call) + 1, len(calls)):
                    line.spared[later] += 1
                break
        return found

    def _ask3(
        self, line: _Line, read: _Read, first: object, second: object, third: object
    ) -> list[tuple[Any, str]]:
        """Do the same for a hook of three; a variable number would double the cost of a call."""
        line.rounds += 1
        calls = line.calls if line.rounds != line.due else self._timed_calls(line)
        found: list[tuple[Any, str]] = []
        for call in calls:
            try:
                answer = call(first, second, third)
                if answer is not None:
                    found.append((read(answer), _whose(line, calls, call).plugin))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a stranger raises is his fault
                found.append(self._failed(_whose(line, calls, call), error))
        return found

    # ---------------------------------------------------------------------------------- faults

    def _failed(self, asked: _Asked, error: BaseException) -> Refused:
        """Count a fault and return the refusal it stands for where silence would be consent."""
        if isinstance(error, _Standing):
            return Rejection("plugin_quarantined", str(error)), asked.plugin
        asked.faults += 1
        asked.last_error = described(error)
        faults = sum(one.faults for one in self._asked.values() if one.plugin == asked.plugin)
        if faults >= self._faults_limit:
            self._quarantine(asked.plugin, f"{faults} faults, the last: {asked.last_error}")
        return Rejection("plugin_fault", f"{asked.plugin}: {asked.last_error}"), asked.plugin

    def _quarantine(self, plugin: str, reason: str) -> None:
        """Stop asking a plugin from the next line on, and tell the engine."""
        if plugin not in self._quarantined:
            self._silence(plugin, reason)
            self._pending.append((PluginQuarantined, {"plugin": plugin, "reason": reason}))

    def _silence(self, plugin: str, reason: str) -> None:
        for key, calls in self._counted().items():
            self._asked[key].calls = calls
        self._quarantined[plugin] = reason
        self._lines.clear()

    def _timed(self, asked: _Asked, call: Callable[..., Any]) -> Callable[..., Any]:
        watch = self._stopwatch
        if watch is None:
            return call

        def timed(*arguments: object) -> Any:
            started = watch()
            try:
                return call(*arguments)
            finally:
                self._took(asked, watch() - started)

        return timed

    def _took(self, asked: _Asked, took_us: Micros) -> None:
        """Note an overrun; it takes effect as an event, because a replay has no stopwatch."""
        if took_us <= self._budget_us:
            asked.overruns = 0
            return
        asked.overruns += 1
        where: dict[str, Any] = {"plugin": asked.plugin, "hook": asked.hook}
        times: dict[str, Any] = {"took_us": took_us, "limit_us": self._budget_us}
        self._pending.append((PluginOverran, where | times))
        if asked.overruns == self._overruns_limit:
            reason = (
                f"{asked.hook} overran its {self._budget_us} us {asked.overruns} times in a row"
            )
            fields = {"plugin": asked.plugin, "reason": reason}
            self._pending.append((PluginQuarantined, fields))


_ASKING: Final = frozenset(
    asking.__code__
    for asking in (Pipeline._ask2, Pipeline._ask3, Pipeline.observe)  # noqa: SLF001 - its own
)


def _whose(line: _Line, calls: tuple[Callable[..., Any], ...], call: Callable[..., Any]) -> _Asked:
    """Return who a call belongs to; found only when needed, so that a round stays cheap."""
    return line.asked[calls.index(call)]


def _pressing(wish: tuple[ExitSignal, str]) -> tuple[int, Decimal]:
    return -wish[0].urgency, wish[0].limit


def _size(answer: tuple[E2, str]) -> E2:
    return answer[0]
