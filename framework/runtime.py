"""The shell around the engine: one run from opening the exchange to sealing the journal.

Start is recovery: the ledger is read and the exchange asked for orders, fills, positions and
balances before anything is decided. There is no other start.
"""

import signal
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import structlog

from framework.answers import observation_of
from framework.audits import Audits
from framework.clock import stopwatch
from framework.collector import Collector, rare_collections
from framework.compiled import Implementation
from framework.control import serve_control
from framework.decisions import EngineSettings
from framework.engine import Engine
from framework.errors import AuthError, ConfigError, ExchangeError, FrameworkError
from framework.exchange import Exchange
from framework.faults import Naming
from framework.journal import FILE_NAME, JournalWriter
from framework.line import Line
from framework.listening import listen
from framework.listing import FIRST_PART, Listing
from framework.loader import LoadedPlugins
from framework.metrics import Metrics
from framework.model.events import (
    ClockTicked,
    ObservationArrived,
    RunStopping,
    TradingHalted,
    TradingResumed,
)
from framework.model.units import to_us
from framework.outbox import TROUBLES_KEPT, Outbox
from framework.pipeline import Pipeline
from framework.quarantine import put_into_quarantine
from framework.run import Mode
from framework.running import CurrentRun
from framework.settings import FrameworkSettings
from framework.tally import Totals, Trip
from framework.watchdog import Watchdog

if TYPE_CHECKING:
    from framework.ledger import Ledger, Recovered

_LAST_ANSWERS = 5.0
"""Seconds that a stopping run waits for its entries to be cancelled."""
_OVER = object()
"""What the end of a feed is read as."""
_IDLE_SCANS = 4
"""With no market open the list of markets is read this much more rarely."""

log = structlog.get_logger()


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended and what it did."""

    run_id: str
    mode: str
    reason: str
    interrupted: bool
    halted: str | None
    """Why no entry may be sent at the end; it holds for the next start too."""
    digest: str
    events: int
    seconds: float
    """Real time the run took."""
    totals: Totals
    trips: tuple[Trip, ...]
    journal: str
    troubles: tuple[str, ...] = ()
    surprises: dict[str, int] = {}
    """What the exchange said that its adapter does not know, and how often."""


class Runtime:
    """Holds the parts of one run together."""

    def __init__(
        self,
        run: CurrentRun,
        settings: FrameworkSettings,
        plugins: LoadedPlugins,
        pipeline: Pipeline,
        watchdog: Watchdog,
    ) -> None:
        """Prepare a run; nothing is opened yet."""
        self.run = run
        self._settings = settings
        self._plugins = plugins
        self._pipeline = pipeline
        self._watchdog = watchdog
        self._elapsed = stopwatch()
        self._kept: set[str] = set()
        """Quarantined plugins that are on the list between runs; only looked up."""
        self._interrupted = False
        self.troubles: deque[str] = deque(maxlen=TROUBLES_KEPT)
        self.line: Line
        self._audits: Audits
        self._collector: Collector
        self._listing: Listing
        self.engine: Engine
        self._exchange: Exchange
        self._metrics: Metrics
        self._outbox: Outbox

    async def trade(self, journal: JournalWriter, books: Callable[[str], "Ledger"]) -> RunResult:
        """Trade until the run is asked to stop.

        Args:
            journal: Open and empty.
            books: Opens and locks the ledger of an account, once the exchange has named it.

        Raises:
            FrameworkError: the run could not start, or had to end.
        """
        async with AsyncExitStack() as opened:
            self._collector = opened.enter_context(rare_collections())
            for service in self._plugins.hooks("open_service", None):
                await opened.enter_async_context(_held_open(service, self.run))
            opener = _held_open(self._opener(), self.run)
            self._exchange = await opened.enter_async_context(opener)
            self._metrics = Metrics(self._plugins.hooks("register_metrics"))
            self.troubles.extend(self._metrics.problems)
            ledger = books(self._exchange.account_id)
            recovered = ledger.recover(self.run.clock.now_us())
            self.engine = Engine(
                self._pipeline,
                run_id=self.run.run_id,
                capabilities=self._exchange.capabilities,
                settings=engine_settings(self._settings),
                last_number=recovered.counter,
            )
            self.line = Line(self.engine, self._pipeline, journal, ledger, self._watchdog)
            self._audits = Audits(
                self._exchange, self.engine, self.line, ledger, self.run.clock, self._trouble
            )
            self._listing = Listing(self._exchange, self.engine, self.line, self.run.clock)
            opened.callback(self.line.show)  # also what a run saw that broke off
            async with anyio.create_task_group() as tasks:
                self._outbox = Outbox(self._exchange, tasks, self.run.clock, self.line.process)
                self.line.send = self._outbox.send
                await self._recover(recovered)
                self._collector.freeze()
                for task in (self._listen, self._tick, self._scan, self._audit, self._signals):
                    tasks.start_soon(task)
                tasks.start_soon(serve_control, self.run.folder / "control.sock", self._verbs())
                for feed in self._plugins.hooks("open_feed", None):
                    tasks.start_soon(self._follow, feed)
                reason = await self.run.stopped()
                await self._wind_down(reason)
                tasks.cancel_scope.cancel()
        return self._result(reason)

    def _opener(self) -> Implementation:
        openers = self._plugins.hooks("open_exchange", None)
        if len(openers) != 1:
            raise ConfigError("exactly one enabled plugin must open an exchange; see plugins list")
        return openers[0]

    # --------------------------------------------------------------------------------- start

    async def _recover(self, recovered: "Recovered") -> None:
        """Take the ledger and the account, then the markets; only then is anything decided."""
        self.run.progress(None, "reading the account")
        await self._audits.recover(recovered)
        await self._read_markets(self._read_first)

    async def _read_first(self) -> None:
        """List markets for the first time, and show a person how far it is: it can take long."""

        def show(markets: int) -> None:
            self.run.progress(None, f"{markets:,} markets listed")

        await self._listing.read(part=FIRST_PART, show=show, then=self._collector.set_aside)

    # ----------------------------------------------------------------------------- the tasks

    async def _listen(self) -> None:
        await listen(self._exchange, self.line.process)
        self.run.stop("the exchange closed its stream")

    async def _tick(self) -> None:
        quick = self._settings.tick_every.total_seconds()
        idle = max(quick, self._settings.refilter_every.total_seconds())
        while True:
            await self.run.clock.sleep(
                idle if next(self._listing.engaged(), None) is None else quick
            )
            self.line.process([ClockTicked(at_us=self.run.clock.now_us())])
            await self._audits.tick()
            self._keep_quarantines()
            self.line.show()
            self.line.flush()

    def _keep_quarantines(self) -> None:
        """Write down who is not asked any more; a sandbox forgets it with its exchange."""
        if self.run.mode is Mode.SANDBOX:
            return
        for plugin, reason in self._pipeline.quarantined.items():
            if plugin not in self._kept:
                self._kept.add(plugin)
                put_into_quarantine(self.run.folder.parent, plugin, reason)

    async def _scan(self) -> None:
        every = self._settings.scan_every.total_seconds()
        while True:
            await self.run.clock.sleep(every * _IDLE_SCANS if self._listing.none_open else every)
            await self._read_markets(self._listing.read)

    async def _read_markets(self, read: Callable[[], Awaitable[None]]) -> None:
        """List markets, or leave it to the next scan."""
        try:
            await read()
        except AuthError:
            raise
        except ExchangeError as error:
            self._trouble("can't list markets", error)

    async def _audit(self) -> None:
        await self._audits.repeat(self._settings.audit_every.total_seconds())

    async def _follow(self, feed: Implementation) -> None:
        """Pass on what a feed tells; whatever is wrong with it marks it down."""
        told: AsyncIterator[object] | None = None
        while True:
            try:
                with Naming(feed.plugin, feed.hook):
                    told = feed.call(self.run) if told is None else told
                    value = await anext(told, _OVER)
                    observation = None if value is _OVER else observation_of(value)
            except FrameworkError as error:
                self._trouble(f"feed of {feed.plugin} is down", error)
                return
            if observation is None:
                return
            now = self.run.clock.now_us()
            self.line.process([ObservationArrived(at_us=now, observation=observation)])

    async def _signals(self) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            async for number in received:
                self._interrupted = True
                self.run.stop(f"interrupted by {signal.Signals(number).name}")

    def _trouble(self, what: str, error: Exception) -> None:
        self.troubles.append(f"{what}: {error}")
        log.warning(what, error=str(error))

    # ------------------------------------------------------------------------------- control

    def _verbs(self) -> dict[str, Any]:
        def halt(arguments: dict[str, Any]) -> dict[str, Any]:
            reason = str(arguments.get("reason") or "halted by hand")
            self.line.process([TradingHalted(at_us=self.run.clock.now_us(), reason=reason)])
            return self.status()

        def resume(_: dict[str, Any]) -> dict[str, Any]:
            now = self.run.clock.now_us()
            self.line.process([*self.engine.decided(now), TradingResumed(at_us=now)])
            return self.status()

        def stop(_: dict[str, Any]) -> dict[str, Any]:
            self.run.stop("stopped by hand")
            return self.status()

        return {"status": lambda _: self.status(), "halt": halt, "resume": resume, "stop": stop}

    def status(self) -> dict[str, Any]:
        """Return what `framework status` shows."""
        state = self.engine.state
        return {
            "run": self.run.run_id,
            "mode": self.run.mode,
            "now_us": self.run.clock.now_us(),
            "halted": state.halted,
            "undecided": [str(live.order) for live in state.undecidable()],
            "connected": state.connected,
            "paused": [pause.reason for pause in state.pauses.values()],
            "events": self.line.count,
            "markets": len(state.markets),
            "followed": sum(watched.subscribed for watched in state.markets.values()),
            "positions": len(state.portfolio.positions),
            "open_orders": state.worst.open_orders(),
            "metrics": self._metrics.read(),
            "totals": msgspec.to_builtins(self.line.tally.totals(), str_keys=True),
            "surprises": msgspec.to_builtins(self._exchange.surprises),
        }

    # ----------------------------------------------------------------------------------- end

    async def _wind_down(self, reason: str) -> None:
        """Cancel entries, wait a little for the answers, and leave exits where they are."""
        self.line.process([RunStopping(at_us=self.run.clock.now_us(), reason=reason)])
        with anyio.move_on_after(_LAST_ANSWERS):
            while self._outbox.waiting or any(
                live.is_entry for live in self.engine.state.orders.live()
            ):
                await self.run.clock.sleep(0.1)

    def _left_open(self) -> Iterator[str]:
        """Yield a line per position in a market that has closed without a result."""
        state = self.engine.state
        for ticker in state.portfolio.positions:
            watched = state.markets.get(ticker)
            close_us = None if watched is None else watched.market.close_us
            if close_us is not None and close_us <= self.run.clock.now_us():
                yield f"{ticker} closed without a result: its position stays open"
        for live in state.undecidable():
            yield f"{live.order}: look whether it is at the exchange, then framework resume"

    def _result(self, reason: str) -> RunResult:
        surprises = self._exchange.surprises
        return RunResult(
            run_id=self.run.run_id,
            mode=self.run.mode,
            reason=reason,
            interrupted=self._interrupted,
            halted=self.engine.state.halted,
            digest=self.line.digest.hexdigest(),
            events=self.line.count,
            seconds=round(self._elapsed(), 3),
            totals=self.line.tally.totals(),
            trips=self.line.tally.trips(),
            journal=str(self.run.folder / FILE_NAME),
            troubles=(
                *self.troubles,
                *self._outbox.troubles,
                *self._left_open(),
                *(
                    f"{name} is not asked any more: {why}"
                    for name, why in self._pipeline.quarantined.items()
                ),
                *(f"fees: {alarm}" for alarm in self.line.fees.alarms),
                *(f"not understood: {what}" for what in surprises.unreadable),
            ),
            surprises=surprises.counts,
        )


@asynccontextmanager
async def _held_open(opener: Implementation, run: CurrentRun) -> AsyncIterator[Any]:
    """Hold open what a plugin opens; what opening or closing it raises names the plugin."""
    with Naming(opener.plugin, opener.hook) as naming:
        async with opener.call(run) as opened:
            naming.paused = True
            yield opened
            naming.paused = False


def engine_settings(settings: FrameworkSettings) -> EngineSettings:
    """Return what the engine needs of `[framework]`."""
    return EngineSettings(
        good_for_us=to_us(settings.good_for),
        reprice_after_us=to_us(settings.reprice_after),
        keep_remainder=settings.keep_remainder,
        refilter_every_us=to_us(settings.refilter_every),
    )
