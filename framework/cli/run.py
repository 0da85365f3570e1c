"""`framework run`: trade until the session ends, and say what came of it."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Final

import click
import msgspec
import structlog
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from framework.cli.exits import INTERRUPTED
from framework.cli.project import load, project_options
from framework.errors import ConfigError
from framework.model.units import to_duration, to_us
from framework.model.until import Until
from framework.run import Mode, RunOptions
from framework.runtime import RunResult
from framework.session import RunRequest, run_session


@click.command()
@project_options
@click.option(
    "--mode", type=click.Choice([mode.value for mode in Mode]), help="Overrides kalshi.toml."
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Which seeded session to play."
)
@click.option(
    "--recording",
    type=click.Path(path_type=Path),
    help="Play a recording of the real exchange instead of a seeded session.",
)
@click.option("--duration", metavar="SPAN", help='Length of the session, such as "30m".')
@click.option(
    "--until",
    metavar="MOMENT",
    help='End of the session in UTC: "15:20", or "2026-11-02T15:20:00Z".',
)
@click.option(
    "--pace", type=float, help="Virtual seconds per real second; default: as fast as possible."
)
@click.option("--live", is_flag=True, help="Confirm that real orders may be sent.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON line.")
def run(  # noqa: PLR0913, PLR0917 - one parameter per option
    config: Path | None,
    enable: tuple[str, ...],
    disable: tuple[str, ...],
    mode: str | None,
    seed: int,
    recording: Path | None,
    duration: str | None,
    until: str | None,
    pace: float | None,
    live: bool,  # noqa: FBT001 - click hands options over by name
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> None:
    """Trade until the session ends or Ctrl-C.

    In sandbox mode (the default) a session of the embedded exchange is played through the real
    adapter, without network or keys.
    """
    # Standard output is the result's alone.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    overrides: dict[str, object] = {} if mode is None else {"framework.mode": mode}
    settings, plugins = load(config, enable, disable, overrides)
    request = RunRequest(
        options=RunOptions(
            seed=seed, recording=recording, duration_us=_span(duration), until=_until(until)
        ),
        pace=pace,
        live=live,
    )
    with ExitStack() as shown:
        progress = None if as_json else _bar(shown)
        if settings.path is None and not as_json:
            click.echo("no kalshi.toml here: running the packaged default", err=True)
        result = run_session(settings, plugins, request, progress)
    if as_json:
        click.echo(msgspec.json.encode(result).decode())
    else:
        show(result)
    if result.interrupted:
        sys.exit(INTERRUPTED)


def _span(duration: str | None) -> int | None:
    if duration is None:
        return None
    try:
        span = to_us(to_duration(duration))
    except ValueError as error:
        raise ConfigError(f"--duration: {error}") from None
    if span <= 0:
        raise ConfigError(f"--duration: must be above 0 (was {duration!r})")
    return span


def _until(text: str | None) -> Until | None:
    try:
        return None if text is None else Until.read(text)
    except ValueError as error:
        raise ConfigError(f"--until: {error}") from None


_PIPED_WIDTH: Final = 160
"""Columns of a result that goes to a file or another program."""


class _Bar:
    """A progress bar fed by the session itself, so that it needs no thread."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("session", total=None)

    def __call__(self, done: float | None, text: str) -> None:
        total = None if done is None else 1.0  # to rich None is no news
        self._progress.update(self._task, total=total, completed=done, description=text)
        self._progress.refresh()


def _bar(shown: ExitStack) -> _Bar | None:
    console = Console(stderr=True)
    if not console.is_terminal:
        return None
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=console,
        auto_refresh=False,
        transient=True,
    )
    return _Bar(shown.enter_context(progress))


def show(result: RunResult) -> None:
    """Print what was considered, bought, sold, settled, paid in fees, gained and lost."""
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, _PIPED_WIDTH)  # nobody can widen a file
    if result.trips:
        console.print(_trips(result))
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    if result.halted is not None:
        table.add_row("halted", f"[yellow]no entries: {escape(result.halted)}[/]")
    for name, told in _rows(result):
        table.add_row(name, escape(told))
    console.print(table)
    for trouble in result.troubles:
        console.print(f"[yellow]trouble[/]: {escape(trouble)}")
    for what, times in result.surprises.items():
        console.print(f"[yellow]not known[/]: {escape(what)} ({times} times)")


def _rows(result: RunResult) -> Iterator[tuple[str, str]]:
    totals = result.totals
    still_open = f"{totals.open_positions} still open"
    if totals.open_positions:
        still_open += f" (bought for {_dollars(totals.open_cost)})"
    yield "considered", f"{totals.markets} markets, {totals.admitted} passed the filters"
    yield "decided", f"{totals.signals} signals, {totals.orders} orders, {totals.fills} fills"
    yield "bought", f"{totals.bought} contracts"
    yield "sold", f"{totals.sold} contracts"
    yield "settled", f"{totals.settled} positions, {still_open}"
    yield "fees", _dollars(totals.fees)
    yield "gained", f"{_dollars(totals.gained)} after fees"
    yield "lost", f"{_dollars(totals.lost)} after fees"
    yield "result", f"{_dollars(totals.realized)} after fees; cash {_dollars(totals.cash)}"
    ended = f"{result.reason}; {result.events} events, {result.seconds:.1f} s"
    yield "run", f"{result.run_id}: {ended}"
    yield "digest", result.digest
    yield "journal", result.journal


def _dollars(money: Decimal) -> str:
    return f"-${-money}" if money < 0 else f"${money}"


def _trips(result: RunResult) -> Table:
    table = Table(title="What was traded")
    table.add_column("market", overflow="fold")
    for name in ("strategy", "side"):
        table.add_column(name)
    for name in ("bought", "at", "sold"):
        table.add_column(name, justify="right")
    table.add_column("ended")
    for name in ("fees", "result"):
        table.add_column(name, justify="right")
    for trip in result.trips:
        table.add_row(
            trip.ticker,
            trip.strategy or "(none)",
            trip.side.upper(),
            str(trip.bought),
            str(trip.entry_price),
            str(trip.sold),
            trip.ended,
            str(trip.fees),
            f"[{'red' if trip.pnl < 0 else 'green'}]{trip.pnl}[/]",
        )
    return table
