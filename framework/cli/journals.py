"""The journal that a verb reads: found, read to its last seal, with a bar when it is long."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem
from rich.console import Console
from rich.progress import Progress

from framework.cli.runs import complete_run, newest_run, run_folder, runs_folder, runs_option
from framework.errors import FrameworkError
from framework.journal import FILE_NAME, JournalReader
from framework.model.events import MarketListed
from framework.model.records import Record

_LONG_BYTES: Final = 16_000_000
"""From here on a progress bar is worth its lines."""
_LOOKED_AT: Final = 5_000
"""Records in which a completion looks for tickers: markets are listed early."""
_Verb = TypeVar("_Verb", bound=Callable[..., Any])


def run_option(function: _Verb) -> _Verb:
    """Give a verb `--run` and `--runs`, for `open_journal`."""
    option = click.option(
        "--run",
        metavar="RUN",
        shell_complete=complete_run,
        help="A run's id, folder or journal; default: the newest.",
    )
    return option(runs_option(function))


def journal_path(run_or_path: str | None, runs: Path | None) -> Path:
    """Return the journal of a run: by its path, by the run's name, or of the newest run.

    Raises:
        ConfigError: there is no such run.
    """
    if run_or_path is None:
        return newest_run(runs_folder(runs)) / FILE_NAME
    path = Path(run_or_path)
    return path if path.is_file() else run_folder(runs_folder(runs), run_or_path) / FILE_NAME


def each_record(reader: JournalReader) -> Iterator[Record]:
    """Yield the records with a bar, and say at the end when the journal was cut.

    Raises:
        JournalError: the journal was altered.
    """
    with reading(reader.path, "reading") as progress:
        yield from reader.read(progress)
    if reader.fault is not None:
        click.echo(f"{reader.path}: cut at {reader.fault}", err=True)


@contextmanager
def reading(path: Path, verb: str) -> Iterator[Callable[[int, int], None] | None]:
    """Show how far the reading of a long journal is, on a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal or not path.exists() or path.stat().st_size < _LONG_BYTES:
        yield None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(f"{verb} {path.name}", total=None)
        yield lambda done, size: progress.update(task, completed=done, total=size)


def complete_ticker(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the markets of the run that `--run` names, else of the newest."""
    try:
        reader = JournalReader(journal_path(ctx.params.get("run"), ctx.params.get("runs")))
        events = [record.event for record in islice(reader, _LOOKED_AT)]
    except FrameworkError:
        return []  # a shell that waits for a completion has no place for words
    listed = {event.market.ticker for event in events if isinstance(event, MarketListed)}
    return [CompletionItem(name) for name in sorted(listed) if name.startswith(incomplete)]
