"""`framework doctor`: what the plugins find when they look around, each with its cure.

`framework check` judges the settings alone; doctor looks at what they point to: keys, files,
and, with `--drift`, at whether the exchange's wire is still the one that is spoken here.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from framework.checks import Check, Finding, Level
from framework.cli.exits import OK, RUN_FAILED
from framework.cli.project import project_options, survey
from framework.compiled import Implementation
from framework.errors import ConfigError, FrameworkError
from framework.faults import Fence, described
from framework.loader import LoadedPlugins
from framework.run import Mode

_HOOK: Final = "register_checks"
_COLOURS: Final = {
    Level.OK: "green",
    Level.NOTE: "cyan",
    Level.WARNING: "yellow",
    Level.PROBLEM: "red",
}


class Row(msgspec.Struct, frozen=True):
    """A finding, with the plugin and the check that found it."""

    plugin: str
    check: str
    finding: Finding


@click.command()
@project_options
@click.option(
    "--drift",
    "wire",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Compare the fields that are read and written with an OpenAPI or AsyncAPI document.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON line.")
def doctor(
    config: Path | None,
    enable: tuple[str, ...],
    disable: tuple[str, ...],
    wire: Path | None,
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> None:
    """Look for what would go wrong outside the settings.

    Exit code 0 when nothing is a problem, 1 when something is, 2 when the settings are wrong or
    a file can't be read.
    """
    settings, loaded = survey(config, enable, disable)
    if wire is not None and not wire.is_file():
        raise ConfigError(f"--drift {wire}: there is no such file")
    rows = list(_rows(loaded, settings.framework.mode, wire))
    if wire is not None and not rows:
        raise ConfigError(
            f"--drift {wire}: no plugin that is on knows the wire of an exchange; "
            "turn its adapter on, such as with --enable kalshi",
            *map(str, loaded.problems),
        )
    if not rows:
        loaded.check()  # what could not be loaded has looked at nothing
    if as_json:
        click.echo(json.dumps([_plain(row) for row in rows]))
    else:
        _show(rows)
    sys.exit(RUN_FAILED if any(row.finding.level is Level.PROBLEM for row in rows) else OK)


def _rows(loaded: LoadedPlugins, mode: Mode, wire: Path | None) -> Iterator[Row]:
    """Ask every plugin for its checks, and do them."""
    for made in loaded.hooks(_HOOK):
        checks: list[Check] = []
        with Fence() as fence:
            checks = [one for one in made.call(mode, wire) if isinstance(one, Check)]
        if isinstance(fence.error, ConfigError) and wire is not None:
            raise fence.error  # the file that the user named
        if fence.error is not None:
            yield _failed(made, _HOOK, fence.error)
        for check in checks:
            yield from _looked(made, check)


def _looked(made: Implementation, check: Check) -> Iterator[Row]:
    found: list[Finding] = []
    with Fence() as fence:
        found = list(check.findings())
    if fence.error is not None:
        yield _failed(made, check.name, fence.error)
    for finding in found:
        yield Row(made.plugin, check.name, finding)


def _failed(made: Implementation, check: str, error: BaseException) -> Row:
    what = str(error) if isinstance(error, FrameworkError) else described(error)
    return Row(made.plugin, check, Finding(level=Level.PROBLEM, what=what))


def _plain(row: Row) -> dict[str, str | None]:
    return {
        "plugin": row.plugin,
        "check": row.check,
        "level": row.finding.level.value,
        "what": row.finding.what,
        "cure": row.finding.cure,
    }


def _show(rows: list[Row]) -> None:
    console = Console()
    if not rows:
        console.print("nothing to look at: no plugin that is on has a check")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("", "plugin", "check", "finding"):
        table.add_column(name, overflow="fold")
    for row in rows:
        level, cure = row.finding.level, row.finding.cure
        said = escape(row.finding.what) + (f"\n[dim]{escape(cure)}[/]" if cure else "")
        table.add_row(f"[{_COLOURS[level]}]{level}[/]", row.plugin, row.check, said)
    console.print(table)
    counts = [
        f"[{_COLOURS[level]}]{count} {level}[/]"
        for level in reversed(Level)
        if (count := sum(row.finding.level is level for row in rows))
    ]
    console.print(", ".join(counts))
