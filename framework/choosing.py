"""Which plugins are on, and by whose word: the command line, the table, the mode, a default."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from framework.discovery import Catalog, Found
from framework.errors import ConfigError
from framework.settings import PLUGINS, PluginTable, Settings
from framework.validation import near_miss


@dataclass(frozen=True)
class PluginRow:
    """One plugin as `plugins list` shows it."""

    name: str
    kind: str
    """`plugins` or `strategies`."""
    origin: str
    """`built in`, `project`, the distribution, or empty when nobody knows the name."""
    where: str
    """Its file, or the module it is imported from."""
    enabled: bool
    why: str
    """Why it is on or off."""
    for_: tuple[str, ...] = ()
    fault: str | None = None
    """Why it does not work; only a run minds, and only when it is on."""


@dataclass(frozen=True)
class Choice:
    """A plugin that is on or off, and by whose word."""

    table: PluginTable
    found: Found | None
    enabled: bool
    why: str


def choices_of(
    settings: Settings, catalog: Catalog, enable: Collection[str], disable: Collection[str]
) -> Iterator[Choice]:
    """Yield the tables in their order, then what is on without one."""
    reasons = settings.on_without_table()
    for table in settings.tables:
        enabled, why = table.enabled, "table" if table.enabled else "enabled = false"
        yield _told(Choice(table, catalog.found.get(table.name), enabled, why), enable, disable)
    named = dict.fromkeys([*reasons, *(name for name in enable if name in catalog.found)])
    for name in named:
        if settings.table(name) is None:
            found = catalog.found.get(name)
            table = PluginTable((found.kind if found else "") or PLUGINS, name)
            choice = Choice(table, found, name in reasons, reasons.get(name, ""))
            yield _told(choice, enable, disable)


def _told(choice: Choice, enable: Collection[str], disable: Collection[str]) -> Choice:
    """Let the command line have the last word."""
    if choice.table.name in disable:
        return replace(choice, enabled=False, why="--disable")
    if choice.table.name in enable and not choice.enabled:
        return replace(choice, enabled=True, why="--enable")
    return choice


def unknown_names(
    settings: Settings, catalog: Catalog, enable: Collection[str], disable: Collection[str]
) -> list[ConfigError]:
    """Return a problem for each name on the command line that nobody knows."""
    known = {*catalog.found, *(table.name for table in settings.tables)}
    known |= settings.on_without_table().keys()
    return [
        ConfigError(f"{option} {name}: unknown plugin{near_miss(name, known)}")
        for option, names in (("--enable", enable), ("--disable", disable))
        for name in names
        if name not in known
    ]


def rows_of(
    choices: Collection[Choice], catalog: Catalog, faults: Mapping[str, str]
) -> Iterator[PluginRow]:
    """Yield a row for every table and every plugin that has none."""
    for choice in choices:
        table, found = choice.table, choice.found
        origin = found.origin if found else ("" if table.use is None else "use")
        where = table.use or (found.where if found else "")
        fault = faults.get(table.name)
        yield PluginRow(
            table.name, table.kind, origin, where, choice.enabled, choice.why, table.for_, fault
        )
    taken = {choice.table.name for choice in choices}
    for found in catalog.found.values():
        if found.name not in taken:
            kind = found.kind or PLUGINS
            yield PluginRow(
                found.name, kind, found.origin, found.where, enabled=False, why="no table"
            )
