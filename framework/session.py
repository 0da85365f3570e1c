"""One run from settings to result: folder, journal, ledger, clock, and the outermost frame."""

import hashlib
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from framework.clock import run_real, run_virtual, stopwatch, wall_clock_us
from framework.compiled import DECISIONS
from framework.control import read_halt_file
from framework.errors import ConfigError, FrameworkError, InvariantError, LedgerError
from framework.faults import causes
from framework.journal import FILE_NAME, JournalWriter
from framework.loader import LoadedPlugins, live_problems
from framework.model.market import moment
from framework.model.units import to_us
from framework.pipeline import Pipeline
from framework.quarantine import read_quarantine
from framework.run import Clock, Mode, RunOptions
from framework.running import CurrentRun, Progress
from framework.runtime import RunResult, Runtime
from framework.settings import Settings
from framework.watchdog import Watchdog

if TYPE_CHECKING:
    from framework.ledger import Ledger


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asked for beyond kalshi.toml."""

    options: RunOptions
    pace: float | None = None
    """Virtual seconds per real one; None is as fast as possible."""
    live: bool = False
    """Whether `--live` was given."""


def run_session(
    settings: Settings,
    plugins: LoadedPlugins,
    request: RunRequest,
    progress: Progress | None = None,
) -> RunResult:
    """Run until the session ends or is interrupted.

    Raises:
        ConfigError: the settings do not allow this run.
        FrameworkError: the run had to end; the journal in its folder tells how far it got.
    """
    plugins.check()
    mode = settings.framework.mode
    _may_go_live(settings, plugins, live=request.live)
    _fits_the_mode(mode, request)
    run_id = f"s{request.options.seed}" if mode is Mode.SANDBOX else secrets.token_hex(4)
    folder = new_run_folder(settings.runs_dir, mode, run_id)

    async def main(clock: Clock) -> RunResult:
        run = CurrentRun(
            run_id=run_id,
            mode=mode,
            options=request.options,
            folder=folder,
            clock=clock,
            connections=plugins.hooks("open_connection", None),
            suppliers=plugins.hooks("supply_credentials", None),
            progress=progress,
        )
        return await _recorded(run, settings, plugins)

    if mode is Mode.SANDBOX:
        return _unwrapped(lambda: run_virtual(main, pace=request.pace))
    return _unwrapped(lambda: run_real(main))


def new_run_folder(runs_dir: Path, mode: Mode, run_id: str) -> Path:
    """Make the folder of a run, readable by its owner only.

    Raises:
        ConfigError: it can't be made.
    """
    stamp = moment(wall_clock_us()).strftime("%Y%m%d-%H%M%S-%f")[:-3]
    folder = runs_dir / f"{stamp}-{mode}-{run_id}"
    try:
        runs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise ConfigError(
            f"{folder}: can't make the run's folder: {error.strerror}; set framework.runs_dir"
        ) from None
    return folder


def _may_go_live(settings: Settings, plugins: LoadedPlugins, *, live: bool) -> None:
    """Refuse real orders unless everything that allows them is there; name all that is not."""
    mode = settings.framework.mode
    if live and mode is not Mode.LIVE:
        raise ConfigError(f'--live needs framework.mode = "live" (was "{mode}")')
    if mode is not Mode.LIVE:
        return
    missing = [] if live else ['framework.mode is "live": add --live to send real orders']
    missing += live_problems(settings, plugins)
    if missing:
        raise ConfigError(*missing)


def _fits_the_mode(mode: Mode, request: RunRequest) -> None:
    """Refuse what only a sandbox can do: ignored in silence it would promise something."""
    pace = request.pace
    if pace is not None and not 0 < pace < inf:
        raise ConfigError(f"--pace: must be above 0 (was {pace})")
    if mode is Mode.SANDBOX:
        return
    options = request.options
    asked = {
        "--pace": pace,
        "--recording": options.recording,
        "--duration": options.duration_us,
    }
    for option, value in asked.items():
        if value is not None:
            raise ConfigError(f'{option}: only a sandbox has it (framework.mode is "{mode}")')


async def _recorded(run: CurrentRun, settings: Settings, plugins: LoadedPlugins) -> RunResult:
    """Trade with a journal and a ledger, and close both however it ends."""
    journal = JournalWriter(run.folder / FILE_NAME, _header(run, settings, plugins))
    elapsed = stopwatch()
    pipeline = Pipeline(
        plugins,
        stopwatch=lambda: round(elapsed() * 1_000_000),
        faults_limit=settings.framework.plugin_faults_limit,
        overruns_limit=_overruns_limit(run.mode, settings),
        budget_us=to_us(settings.framework.hook_budget),
        quarantined=read_quarantine(settings.runs_dir),
    )
    watchdog = Watchdog(
        run.folder,
        settings.framework.plugin_stuck_after.total_seconds(),
        in_hand=pipeline.in_hand,
    )
    runtime = Runtime(run, settings.framework, plugins, pipeline, watchdog)
    ended = "broken off"
    with ExitStack() as books:
        try:
            watchdog.start()
            result = await runtime.trade(
                journal, lambda account: books.enter_context(_ledger(run, settings, account))
            )
            ended = result.reason
            return result
        finally:
            watchdog.stop()
            with suppress(OSError):  # a full disk is named already, by what ended the run
                journal.close({"reason": ended})


def _overruns_limit(mode: Mode, settings: Settings) -> int:
    """Return after how many overruns a plugin is quarantined.

    A sandbox's time is not the machine's, and a busy machine must not change what a seed
    decides: there overruns are journalled and no more.
    """
    return sys.maxsize if mode is Mode.SANDBOX else settings.framework.plugin_overruns_limit


def _header(run: CurrentRun, settings: Settings, plugins: LoadedPlugins) -> dict[str, object]:
    text = b"" if settings.path is None else settings.path.read_bytes()
    return {
        "run_id": run.run_id,
        "mode": run.mode,
        "seed": run.options.seed,
        "recording": None if run.options.recording is None else run.options.recording.name,
        "settings": hashlib.sha256(text).hexdigest(),
        "plugins": [row.name for row in plugins.rows if row.enabled],
        "strategies": list(plugins.strategies),
        "asked": {
            hook: {
                strategy: [one.plugin for one in plugins.hooks(hook, strategy)]
                for strategy in plugins.strategies
            }
            for hook in sorted(DECISIONS)
        },
    }


@contextmanager
def _ledger(run: CurrentRun, settings: Settings, account: str) -> Iterator["Ledger"]:
    """Open and lock an account's books: a sandbox's die with its exchange, others outlive runs."""
    # By now the exchange has been asked, and answers meanwhile.
    from framework.ledger import open_ledger  # noqa: PLC0415 - it takes longest of all to import

    place = run.folder if run.mode is Mode.SANDBOX else settings.runs_dir
    ledger = open_ledger(
        settings.framework.ledger or place / f"ledger-{run.mode}.sqlite",
        durability=settings.framework.durability,
        account=f"{run.mode}:{account}",
        run_id=run.run_id,
    )
    try:
        now = run.clock.now_us()
        ledger.acquire_lock(now)
        halted = read_halt_file(settings.runs_dir)
        if halted:
            ledger.halt(halted, now)
        yield ledger
    finally:
        with suppress(LedgerError):  # the next start asks the exchange for what is missing
            ledger.close()


def _unwrapped(start: Callable[[], RunResult]) -> RunResult:
    """Run, and raise what ended a task group as the one error it was."""
    try:
        return start()
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    flat = causes(group)
    known = [error for error in flat if isinstance(error, FrameworkError)]
    if known:
        return known[0]
    return InvariantError(f"{type(flat[0]).__name__}: {flat[0]}")
