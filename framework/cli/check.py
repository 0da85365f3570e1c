"""`framework check`: everything that is wrong with the settings and plugins, at once."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from framework.cli.exits import WRONG_SETTINGS
from framework.cli.project import project_options, survey
from framework.describe import toml_of
from framework.loader import LoadedPlugins, built_in_with, live_problems, looked_at
from framework.quarantine import read_quarantine
from framework.run import Mode
from framework.settings import Settings


@click.command()
@project_options
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON line.")
def check(
    config: Path | None,
    enable: tuple[str, ...],
    disable: tuple[str, ...],
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> None:
    """Say everything that is wrong with the settings and plugins, and the limits in force.

    Exit code 0 when a run could start, 2 when it could not.
    """
    settings, loaded = survey(config, enable, disable)
    problems = [line for problem in loaded.problems for line in str(problem).splitlines()]
    if settings.framework.mode is Mode.LIVE:
        problems += live_problems(settings, loaded)
    warnings = _warnings(settings, loaded)
    if as_json:
        click.echo(json.dumps(_report(settings, loaded, problems, warnings)))
    else:
        _show(settings, loaded, problems, warnings)
    if problems:
        sys.exit(WRONG_SETTINGS)


def limits_of(loaded: LoadedPlugins) -> dict[str, dict[str, str]]:
    """Return the settings of every plugin that may refuse an order, by table."""
    return {
        loaded.key_of(name): {
            key: toml_of(value) for key, value in loaded.instances[name] if value is not None
        }
        for name in loaded.implementing("check_risk")
    }


def _warnings(settings: Settings, loaded: LoadedPlugins) -> list[str]:
    """Return what does not stop a run: what keeps it from buying, and plugins that are out."""
    idle = [] if loaded.problems else list(_idle(loaded))
    broken = [
        f"{row.name} is off, and broken: {row.fault}"
        for row in looked_at(loaded)
        if row.fault is not None and not row.enabled
    ]
    quarantined = read_quarantine(settings.runs_dir)
    return [
        *idle,
        *broken,
        *(
            f"{name} is quarantined: {why}; `framework plugins enable {name}` brings it back"
            for name, why in quarantined.items()
        ),
    ]


def _idle(loaded: LoadedPlugins) -> Iterator[str]:
    """Yield what is allowed and buys nothing."""
    if not loaded.strategies:
        yield "no strategy is enabled, so a run buys nothing"
    unsized = [name for name in loaded.strategies if not loaded.hooks("size_entry", name)]
    if unsized:
        able = ", ".join(built_in_with("size_entry", loaded))
        for name in unsized:
            yield (
                f"{loaded.key_of(name)}: no enabled plugin sizes its entries, so it buys nothing: "
                f"enable one ({able})"
            )


def _report(
    settings: Settings, loaded: LoadedPlugins, problems: list[str], warnings: list[str]
) -> dict[str, object]:
    return {
        "source": settings.source,
        "mode": settings.framework.mode,
        "strategies": list(loaded.strategies),
        "plugins": list(loaded.instances),
        "problems": problems,
        "warnings": warnings,
        "limits": limits_of(loaded),
    }


def _show(
    settings: Settings, loaded: LoadedPlugins, problems: list[str], warnings: list[str]
) -> None:
    for line in problems:
        click.echo(line, err=True)
    for line in warnings:
        click.echo(f"warning: {line}", err=True)
    console = Console()
    console.print(f"settings: {settings.source}, mode {settings.framework.mode}", markup=False)
    console.print(f"strategies: {', '.join(loaded.strategies) or 'none'}")
    console.print(f"plugins: {', '.join(loaded.instances) or 'none'}")
    table = Table(title="Limits in force")
    for name in ("plugin", "limit", "value"):
        table.add_column(name)
    for key, limits in limits_of(loaded).items():
        for limit, value in limits.items():
            table.add_row(key, limit, escape(value))
    console.print(table)
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    console.print(f"[red]{count}: no run can start[/]" if problems else "[green]all is well[/]")
