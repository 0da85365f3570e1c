"""`framework journal`: is a run's journal whole, and what does it say."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, get_args

import click
import msgspec

from framework.cli.exits import BROKEN_DATA
from framework.cli.journals import journal_path, reading
from framework.cli.runs import complete_run, runs_option
from framework.cli.suggesting import Suggesting
from framework.errors import ConfigError
from framework.journal import JournalReader, JournalReport, verify
from framework.model.events import AnyEvent
from framework.model.market import moment
from framework.model.records import Record, Verdict
from framework.validation import near_miss

EVENTS: Final = tuple(sorted(kind.__name__ for kind in get_args(AnyEvent)))
_WIDTH: Final = 160
"""Characters of an event's terms."""


@click.group(cls=Suggesting)
def journal() -> None:
    """Verify and read the journal of a run."""


@journal.command("verify")
@click.argument("run_or_path", shell_complete=complete_run)
@runs_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON line.")
def verify_(
    run_or_path: str,
    runs: Path | None,
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> None:
    """Check that a journal is as it was written, to the last byte.

    A journal without its end (the run goes on, or was killed) is whole as far as it goes.
    """
    path = journal_path(run_or_path, runs)
    with reading(path, "verifying") as progress:
        report = verify(path, progress)
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        click.echo(_told(report))
    if report.broken:
        click.get_current_context().exit(BROKEN_DATA)


def _told(report: JournalReport) -> str:
    good = f"{report.records} records in {report.lines} sealed lines"
    if report.complete:
        return f"{report.path}: whole: {good}; last seal {report.seal}"
    if report.broken:
        return f"{report.path}: broken at {report.fault}; good before it: {good}"
    return f"{report.path}: cut, not altered: {good}; then, at {report.fault}"


@journal.command()
@click.argument("run_or_path", shell_complete=complete_run)
@runs_option
@click.option("--limit", type=click.IntRange(min=0), help="Show only the first records.")
@click.option("--type", "event", metavar="EVENT", help="Only these events, such as OrderFilled.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per record.")
def show(
    run_or_path: str,
    runs: Path | None,
    limit: int | None,
    event: str | None,
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> None:
    """Print what happened and what was decided, as far as the journal's seals hold."""
    if event not in {None, *EVENTS}:
        near = near_miss(str(event), EVENTS) or f"; there are {', '.join(EVENTS)}"
        raise ConfigError(f"--type {event}: no such event{near}")
    reader = JournalReader(journal_path(run_or_path, runs))
    wanted = (record for record in reader if event in {None, type(record.event).__name__})
    lines = _json_lines(wanted) if as_json else _lines(wanted)
    for line in islice(lines, limit):
        click.echo(line)
    if reader.fault is not None:
        click.echo(f"{reader.path}: cut at {reader.fault}", err=True)


def _json_lines(records: Iterable[Record]) -> Iterator[str]:
    encoder = msgspec.json.Encoder()
    for record in records:
        yield encoder.encode(record).decode()


def _lines(records: Iterable[Record]) -> Iterator[str]:
    for record in records:
        terms = msgspec.to_builtins(record.event)
        kind, at_us = terms.pop("type"), terms.pop("at_us")
        lines = [f"{moment(at_us):%Y-%m-%d %H:%M:%S.%f} {kind} {_short(terms)}".rstrip()]
        lines += [f"    {_verdict(verdict)}" for verdict in record.verdicts]
        for command in record.commands:
            wish = msgspec.to_builtins(command)
            lines.append(f"    > {wish.pop('type')} {_short(wish)}")
        yield "\n".join(lines)


def _verdict(verdict: Verdict) -> str:
    what = "passed" if verdict.code is None else f"{verdict.code}: {verdict.message}"
    by = f" by {verdict.plugin}" if verdict.plugin else ""
    return f"{verdict.strategy} {verdict.ticker} {verdict.stage}{by}: {what}"


def _short(terms: dict[str, object]) -> str:
    """Return the terms in a row; those that are absent say nothing."""
    row = " ".join(
        f"{key}={value if isinstance(value, str) else msgspec.json.encode(value).decode()}"
        for key, value in terms.items()
        if value is not None
    )
    return row if len(row) <= _WIDTH else f"{row[: _WIDTH - 3]}..."
