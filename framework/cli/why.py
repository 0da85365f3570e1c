"""`framework why`: what was decided on a market in a run, step by step, and with which numbers."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.text import Text

from framework.cli.journals import complete_ticker, each_record, journal_path, run_option
from framework.errors import ConfigError
from framework.journal import JournalReader
from framework.model.market import moment
from framework.model.records import Stage
from framework.model.units import Ticker
from framework.story import Outcome, Step, Story
from framework.validation import near_miss

_SHOWN: Final = 3
"""Of a long row of verdicts, so many are shown at its beginning and as many at its end."""
_MARKS: Final = {True: ("+", "green"), False: ("-", "red"), None: (" ", "")}


@click.command()
@click.argument("ticker", shell_complete=complete_ticker)
@run_option
@click.option("--all", "everything", is_flag=True, help="Show every verdict of a long row.")
@click.option("--json", "as_json", is_flag=True, help="Print the steps as one JSON line.")
def why(
    ticker: str,
    run: str | None,
    runs: Path | None,
    everything: bool,  # noqa: FBT001 - click hands options over by name
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> None:
    """Say why a market was traded in a run, or why not.

    Shows, in order, each verdict on TICKER when it changed, with its numbers; its orders, what
    the exchange answered, fills, exits and settlement; and where it got to in the end.
    """
    reader = JournalReader(journal_path(run, runs))
    story = Story(ticker, reader.header)
    for record in each_record(reader):
        story.update(record)
    if not story.is_known:
        raise ConfigError(
            f"{reader.path}: no market {ticker!r} in this run{_near(ticker, story.listed)}"
        )
    if as_json:
        click.echo(msgspec.json.encode(_report(story, reader)))
        return
    console = Console(soft_wrap=True, highlight=False)
    for line in _lines(story.steps, everything=everything):
        console.print(line)
    console.print()
    for line in _ending(story):
        console.print(line)


def _near(ticker: Ticker, listed: set[Ticker]) -> str:
    if ticker.upper() in listed:
        return f'; did you mean "{ticker.upper()}"?'
    return near_miss(ticker, sorted(listed))


def _report(story: Story, reader: JournalReader) -> dict[str, object]:
    return {
        "ticker": story.ticker,
        "run": reader.header.get("run_id"),
        "journal": str(reader.path),
        "complete": reader.footer is not None,
        "steps": story.steps,
        "outcomes": story.outcomes(),
        "trip": story.trip(),
    }


# --------------------------------------------------------------------------------- the steps


def _lines(steps: list[Step], *, everything: bool) -> Iterator[Text]:
    """Yield the steps; a long row of nothing but verdicts is shortened to its ends."""
    day = None
    for is_verdict, group in groupby(steps, key=_is_verdict):
        row = list(group)
        shortened = is_verdict and not everything and len(row) > 2 * _SHOWN + 2
        head, tail = (row[:_SHOWN], row[-_SHOWN:]) if shortened else (row, [])
        for step in (*head, *tail):
            if shortened and step is tail[0]:
                yield Text(f"    ... {_counted(row[_SHOWN:-_SHOWN])} (--all shows them)", "dim")
            at = moment(step.at_us)
            if at.date() != day:
                day = at.date()
                yield Text(f"{day:%Y-%m-%d} UTC", "bold")
            yield _line(step)


def _is_verdict(step: Step) -> bool:
    return step.kind in set(Stage)


def _counted(steps: list[Step]) -> str:
    codes = Counter(
        f"{step.kind} {'passed' if step.passed else step.code or 'passed'}" for step in steps
    )
    most = ", ".join(f"{code} {count}" for code, count in codes.most_common(4))
    return f"{len(steps)} more verdicts: {most}"


def _line(step: Step) -> Text:
    mark, colour = _MARKS[step.passed]
    who = " ".join(filter(None, (step.strategy, step.plugin and f"by {step.plugin}")))
    line = Text(f"  {moment(step.at_us):%H:%M:%S.%f}"[:-3], "dim")
    line.append(f" {mark} {step.kind:<10} ", colour or "bold")
    line.append(step.text)
    numbers = ", ".join(f"{name} {_plain(number)}" for name, number in step.numbers.items())
    if numbers:
        line.append(f" [{numbers}]", "cyan")
    if who:
        line.append(f" ({who})", "dim")
    return line


def _plain(number: Decimal) -> str:
    return f"{number:f}"


# ------------------------------------------------------------------------------- the ending


def _ending(story: Story) -> Iterator[Text]:
    trip = story.trip()
    if trip is not None:
        line = Text(f"{story.ticker} was traded: ", "bold")
        line.append(
            f"bought {_plain(trip.bought)} {trip.side.upper()} at {trip.entry_price}, "
            f"sold {_plain(trip.sold)}, {trip.ended}, fees {trip.fees}, "
        )
        gained = "result so far" if trip.ended == "open" else "result"
        yield line.append(f"{gained} {trip.pnl}", "red" if trip.pnl < 0 else "green")
    for outcome in story.outcomes():
        if not outcome.bought:
            yield _not_bought(story.ticker, outcome)


def _not_bought(ticker: Ticker, outcome: Outcome) -> Text:
    refusal = outcome.refusal
    line = Text(f"{ticker} was not bought by {outcome.strategy}: ", "bold")
    line.append(f"it got as far as {outcome.place}")
    if refusal is not None:
        line.append(f", {refusal}", "red")
        line.append(f": {refusal.message}" if refusal.message else "")
    return line
