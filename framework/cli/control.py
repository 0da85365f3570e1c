"""`framework status`, `halt`, `resume`, `stop`: talk to a running bot, or to the next one.

Without RUN they mean the newest run that listens. They need no plugin and no sound settings,
so that a bot can be halted whatever is broken.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from framework.cli.runs import complete_run, run_folder, runs_folder, runs_option
from framework.clock import wall_clock_us
from framework.control import (
    NotRunningError,
    ask,
    clear_halt_file,
    live_runs,
    write_halt_file,
)
from framework.errors import ConfigError
from framework.model.market import moment

_run_argument = click.argument("run", required=False, shell_complete=complete_run)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON line.")


@click.command()
@_run_argument
@runs_option
@_json_option
def status(
    run: str | None,
    runs: Path | None,
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> None:
    """Show what a running bot does."""
    folder = _running(run, runs_folder(runs))
    answer = ask(folder, "status")
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        _show(folder, answer)


@click.command()
@_run_argument
@runs_option
@click.option("--reason", default="halted by hand", show_default=True, help="Why, in words.")
@_json_option
def halt(
    run: str | None,
    runs: Path | None,
    reason: str,
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> None:
    """Stop new risk: no entries; exits and cancels go on.

    With no bot running, the next start refuses entries until `resume`. A bot that does not
    answer is halted from its next start on.
    """
    folder = runs_folder(runs)
    try:
        running = _running(run, folder)
        answer = ask(running, "halt", reason=reason)
    except ConfigError as error:
        if run is not None and isinstance(error, NotRunningError):
            raise
        write_halt_file(folder, reason, wall_clock_us())
        if not isinstance(error, NotRunningError):
            raise ConfigError(*error.problems, "the next start refuses entries") from None
        _tell({"halted": reason}, "no bot runs: the next start refuses entries", as_json=as_json)
    else:
        words = f"{running.name} is halted: it enters nothing, exits and cancels go on"
        _tell(answer, words, as_json=as_json)


@click.command()
@_run_argument
@runs_option
@_json_option
def resume(
    run: str | None,
    runs: Path | None,
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> None:
    """Release a halt, of a running bot and of the next start."""
    folder = runs_folder(runs)
    cleared = clear_halt_file(folder)
    if run is None and not live_runs(folder):
        words = "the next start may enter again" if cleared else "nothing was halted"
        _tell({"halted": None}, f"no bot runs: {words}", as_json=as_json)
        return
    running = _running(run, folder)
    answer = ask(running, "resume")
    _tell(answer, f"{running.name} may enter again", as_json=as_json)


@click.command()
@_run_argument
@runs_option
@_json_option
def stop(
    run: str | None,
    runs: Path | None,
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> None:
    """End a running bot in order: entries cancelled, journal sealed, result shown."""
    folder = _running(run, runs_folder(runs))
    words = f"{folder.name} is stopping: it cancels its entries and shows its result"
    _tell(ask(folder, "stop"), words, as_json=as_json)


def _running(run: str | None, runs: Path) -> Path:
    """Return the folder of the run that is meant, and name the others that listen.

    Raises:
        ConfigError: no bot runs there.
    """
    if run is not None:
        return run_folder(runs, run)
    live = live_runs(runs)
    if not live:
        raise NotRunningError(f"{runs}: no bot runs here")
    for other in live[1:]:
        click.echo(f"{other.name} runs too; name it to reach it", err=True)
    return live[0]


def _tell(answer: object, words: str, *, as_json: bool) -> None:
    click.echo(msgspec.json.encode(answer) if as_json else words)


def _show(folder: Path, answer: object) -> None:
    table = Table(title=escape(folder.name), title_justify="left", show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _rows(answer):
        table.add_row(escape(name), escape(value))
    Console().print(table)


def _rows(answer: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield an answer as name and value, one row each however deep it is; nothing for no words."""
    name = prefix.strip()
    if isinstance(answer, dict) and answer.keys() == {"value", "unit", "limit"}:
        yield name, _measured(answer)
    elif isinstance(answer, dict):
        for key, value in answer.items():
            yield from _rows(value, f"{prefix} {key}")
    elif isinstance(answer, list):
        yield from ((name, str(each)) for each in answer)
    elif isinstance(answer, int) and name.endswith("_us"):
        yield name.removesuffix("_us"), f"{moment(answer):%Y-%m-%d %H:%M:%S} UTC"
    elif answer is None:
        yield name, "-"
    else:
        yield name, answer if isinstance(answer, str) else msgspec.json.encode(answer).decode()


def _measured(metric: Mapping[str, str | None]) -> str:
    """Return a metric in a few words, such as `0.012 s (limit 0.05)`."""
    if metric["value"] is None:
        return "-"
    limit = "" if metric["limit"] is None else f" (limit {metric['limit']})"
    return f"{metric['value']} {metric['unit']}{limit}"
