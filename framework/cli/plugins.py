"""`framework plugins`: which there are, what they do, which are on."""

import inspect
import json
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from framework.choosing import PluginRow
from framework.cli.project import complete_plugin, config_option, project_options, survey
from framework.cli.suggesting import Suggesting
from framework.describe import describe, toml_of
from framework.errors import ConfigError
from framework.implementations import hooks_of
from framework.loader import LoadedPlugins, class_of, looked_at
from framework.quarantine import read_quarantine, release
from framework.settings import PluginTable, Settings, read_settings
from framework.switching import switch
from framework.validation import near_miss


@click.group(cls=Suggesting)
def plugins() -> None:
    """List, explain, enable and disable plugins."""


@plugins.command("list")
@project_options
@click.option("--json", "as_json", is_flag=True, help="Print a list as one JSON line.")
def list_(
    config: Path | None,
    enable: tuple[str, ...],
    disable: tuple[str, ...],
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> None:
    """Show every plugin, whether it is on, and by whose word.

    Plugins of the project that are off are imported too, to say whether they would work; those
    of installed packages are not.
    """
    settings, loaded = survey(config, enable, disable)
    quarantined = read_quarantine(settings.runs_dir)
    rows = looked_at(loaded)
    if as_json:
        click.echo(json.dumps([_row(row, quarantined) for row in rows]))
    else:
        _show(settings, rows, quarantined)
    for line in loaded.catalog.problems:
        click.echo(line, err=True)


def _row(row: PluginRow, quarantined: dict[str, str]) -> dict[str, object]:
    return {
        "name": row.name,
        "kind": row.kind,
        "origin": row.origin,
        "where": row.where,
        "enabled": row.enabled,
        "why": row.why,
        "for": list(row.for_),
        "fault": row.fault,
        "quarantined": quarantined.get(row.name),
    }


def _show(settings: Settings, rows: list[PluginRow], quarantined: dict[str, str]) -> None:
    console = Console()
    table = Table(title=f"Plugins by {settings.source}, mode {settings.framework.mode}")
    for name in ("plugin", "kind", "from", "state", "why", "for"):
        table.add_column(name, no_wrap=name in {"plugin", "state"})
    for row in sorted(rows, key=lambda row: (not row.enabled, row.kind)):
        state = "[green]on[/]" if row.enabled else "off"
        if row.name in quarantined:
            state = "[yellow]quarantined[/]"
        if row.fault is not None:
            state = "[red]broken[/]"
        cells = (row.kind, row.origin or "unknown", state, row.why, ", ".join(row.for_))
        table.add_row(row.name, *cells)
    console.print(table)
    for row in rows:
        if row.fault is not None:
            click.echo(row.fault)
        if row.name in quarantined:
            click.echo(f"{row.name} is quarantined: {quarantined[row.name]}")


@plugins.command()
@click.argument("name", shell_complete=complete_plugin)
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print all of it as one JSON line.")
def info(name: str, config: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click hands options over by name
    """Show what a plugin does, its hooks and its settings."""
    settings, loaded = survey(config)
    row = _find(loaded, name)
    table = settings.table(name) or PluginTable(row.kind, name)
    kind = class_of(table, loaded.catalog.found.get(name), loaded.catalog)
    present = loaded.instances.get(name)
    fields = [
        {
            "name": setting.name,
            "takes": setting.takes,
            "default": setting.default,
            "now": None if present is None else toml_of(getattr(present, key)),
            "doc": setting.doc,
        }
        for key, setting in zip(kind.model_fields, describe(kind), strict=True)
    ]
    about = _row(row, read_quarantine(settings.runs_dir)) | {
        "class": f"{kind.__module__}:{kind.__qualname__}",
        "doc": inspect.getdoc(kind) or "",
        "hooks": list(hooks_of(kind)),
        "commands": list(kind.commands),
        "settings": fields,
    }
    if as_json:
        click.echo(json.dumps(about))
    else:
        _explain(about, fields)


def _explain(about: dict[str, object], fields: list[dict[str, str | None]]) -> None:
    console = Console()
    state = "on" if about["enabled"] else "off"
    console.print(f"[bold]{about['kind']}.{about['name']}[/]: {state} ({about['why']})")
    click.echo(click.wrap_text(f"{about['doc']}\n", width=console.width, preserve_paragraphs=True))
    for key in ("class", "where", "hooks", "commands", "for", "fault", "quarantined"):
        value = about[key]
        if value:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            console.print(f"[bold]{key}[/]: {escape(text)}", highlight=False)
    table = Table(show_lines=True)
    table.add_column("setting", no_wrap=True)
    table.add_column("now", overflow="fold")
    table.add_column("meaning", overflow="fold")
    for field in fields:
        table.add_row(field["name"], escape(field["now"] or ""), _meaning(field))
    if fields:
        console.print(table)


def _meaning(field: dict[str, str | None]) -> str:
    default = field["default"]
    otherwise = "required" if default is None else f"default {default}" if default else ""
    takes = "; ".join(filter(None, (f"takes {field['takes']}", otherwise)))
    return "\n".join(filter(None, (escape(field["doc"] or ""), f"[dim]{escape(takes)}[/]")))


@plugins.command()
@click.argument("name", shell_complete=complete_plugin)
@config_option
def enable(name: str, config: Path | None) -> None:
    """Turn a plugin on in kalshi.toml, and let one out of quarantine."""
    settings, loaded = survey(config)
    row = _find(loaded, name)
    if release(settings.runs_dir, name):
        click.echo(f"{name} is out of quarantine")
    _switch(settings, row, on=True)
    _, after = survey(config or settings.path)
    for fresh in after.rows:
        if fresh.name == name and fresh.fault is not None:
            click.echo(fresh.fault, err=True)


@plugins.command()
@click.argument("name", shell_complete=complete_plugin)
@config_option
def disable(name: str, config: Path | None) -> None:
    """Turn a plugin off in kalshi.toml; its settings stay."""
    settings, loaded = survey(config)
    _switch(settings, _find(loaded, name), on=False)


def _find(loaded: LoadedPlugins, name: str) -> PluginRow:
    for row in loaded.rows:
        if row.name == name:
            return row
    near = near_miss(name, [row.name for row in loaded.rows])
    raise ConfigError(f"{name}: unknown plugin{near}")


def _switch(settings: Settings, row: PluginRow, *, on: bool) -> None:
    state = "on" if on else "off"
    if row.enabled is on:
        click.echo(f"{row.name} is {state} already ({row.why})")
        return
    file = switch(settings, row.kind, row.name, on=on)
    if settings.path is None:
        click.echo(f"made {file.name} from the packaged default")
    read_settings(file)
    click.echo(f"{row.name} is {state} in {file.name}")
