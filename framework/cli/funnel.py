"""`framework funnel`: how many markets each filter, signal, size and check of a run removed."""

from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from framework.cli.journals import each_record, journal_path, run_option
from framework.funnel import Row, StrategyFunnel, funnel_of
from framework.journal import JournalReader

_BAR: Final = 20
"""Characters of the bar of all markets."""
_REASONS: Final = 4
"""The most frequent reasons are shown; `--json` has them all."""


@click.command()
@run_option
@click.option("--json", "as_json", is_flag=True, help="Print the counts as one JSON line.")
def funnel(
    run: str | None,
    runs: Path | None,
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> None:
    """Count what each step of a run's line removed, per strategy.

    A market is counted once, where it got furthest, with the newest refusal it met there.
    Refusals and passes are counted as often as they were recorded: when a verdict changed.
    """
    reader = JournalReader(journal_path(run, runs))
    counted = funnel_of(reader.header)
    for record in each_record(reader):
        counted.update(record)
    strategies = counted.report()
    if as_json:
        report = {
            "run": reader.header.get("run_id"),
            "journal": str(reader.path),
            "complete": reader.footer is not None,
            "strategies": strategies,
        }
        click.echo(msgspec.json.encode(report))
        return
    console = Console()
    for one in strategies:
        console.print(_table(one))
        console.print(_ends(one), highlight=False)
    if not strategies:
        console.print("no strategy traded in this run")


def _table(one: StrategyFunnel) -> Table:
    title = f"{escape(one.strategy)}: {one.markets} markets seen"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("step", no_wrap=True)
    for name in ("removed", "left"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("passes", justify="right", no_wrap=True)
    table.add_column("removed by", overflow="fold")
    for row in one.rows:
        table.add_row(
            escape(row.plugin or row.stage),
            str(row.removed),
            str(row.left),
            _bar(row, one.markets),
            str(row.passes),
            escape(_reasons(row)),
        )
    return table


def _bar(row: Row, all_markets: int) -> str:
    """Return what is left in full blocks and what was removed here in light ones."""
    left = _blocks(row.left, all_markets)
    return "█" * left + "░" * (_blocks(row.markets, all_markets) - left)


def _blocks(markets: int, all_markets: int) -> int:
    """Return the length of a bar; one market is never nothing."""
    return -(-markets * _BAR // all_markets) if all_markets else 0


def _reasons(row: Row) -> str:
    shown = [f"{reason} {count}" for reason, count in row.reasons.items()]
    more = len(shown) - _REASONS
    return ", ".join(shown[:_REASONS]) + (f", {more} more" if more > 0 else "")


def _ends(one: StrategyFunnel) -> str:
    if not one.ends:
        return "nothing was bought\n"
    ends = (f"{ended.markets} {how} ({ended.pnl} dollars)" for how, ended in one.ends.items())
    return f"of those bought: {', '.join(ends)}\n"
