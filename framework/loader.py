"""Names to classes to instances to compiled hooks.

A plugin is imported only when it is on. What a third-party module does wrong (it does not
import, its settings do not fit, it breaks the contract) is kept as an error that names it, so
that `plugins`, `check` and `halt` work; only a run refuses.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

import pluggy

from framework.choosing import Choice, PluginRow, choices_of, rows_of, unknown_names
from framework.compiled import DECISIONS, Implementation
from framework.discovery import BUILT_IN, Catalog, Found, discover
from framework.errors import ConfigError, FrameworkError, PluginError
from framework.faults import Fence, described
from framework.implementations import (
    broken_promises,
    hooks_of,
    implementations,
    new_registry,
    wrappers,
)
from framework.plugin import Plugin
from framework.settings import PLUGINS, RESERVED, STRATEGIES, PluginTable, Settings
from framework.validation import near_miss, unsaid, validated

_EXCHANGE: Final = "open_exchange"


class LoadedPlugins:
    """The plugins of one run, by name, by hook and by strategy."""

    def __init__(
        self,
        registry: pluggy.PluginManager,
        instances: Mapping[str, Plugin],
        choices: Collection[Choice],
        rows: tuple[PluginRow, ...],
        catalog: Catalog,
    ) -> None:
        """Take what `load_plugins` made."""
        self.instances = instances
        self.rows = rows
        self.catalog = catalog
        self.problems: tuple[FrameworkError, ...] = ()
        """What is wrong with the settings and the plugins that are on."""
        self._registry = registry
        self._tables = {choice.table.name: choice.table for choice in choices}
        self._made = {
            name: tuple(implementations(registry, name, plugin))
            for name, plugin in instances.items()
        }
        self.strategies = tuple(name for name in instances if self._tables[name].kind == STRATEGIES)

    def hooks(self, hook: str, strategy: str | None = None) -> tuple[Implementation, ...]:
        """Return who implements a hook: shared plugins in the order of tables, then the strategy.

        Args:
            hook: Its name.
            strategy: For a decision hook, whom the answers are for: its own, the shared ones,
                and those with a `for` that names it. None asks those shared by all. Other hooks
                are asked of every plugin.
        """
        if hook == _EXCHANGE and wrappers(self._registry, hook):
            return self._wrapped_exchange()
        names = [name for name in self.instances if name not in self.strategies]
        names += self.strategies
        return tuple(
            made
            for name in names
            if hook not in DECISIONS or self._speaks_for(name, strategy)
            for made in self._made[name]
            if made.hook == hook
        )

    def key_of(self, name: str) -> str:
        """Return the dotted name of a plugin's table."""
        return self._tables[name].key

    def implementing(self, hook: str) -> tuple[str, ...]:
        """Return the plugins that implement a hook, those that wrap it left out."""
        return tuple(
            name for name, made in self._made.items() if any(one.hook == hook for one in made)
        )

    def check(self) -> None:
        """Refuse to go on with anything wrong.

        Raises:
            PluginError: one plugin broke its contract, and nothing else is wrong.
            ConfigError: every problem, a line each.
        """
        if len(self.problems) == 1:
            raise self.problems[0]
        if self.problems:
            raise ConfigError(*(str(problem) for problem in self.problems))

    def _speaks_for(self, name: str, strategy: str | None) -> bool:
        table = self._tables[name]
        if table.kind == STRATEGIES:
            return name == strategy
        return not table.for_ or strategy in table.for_

    def _wrapped_exchange(self) -> tuple[Implementation, ...]:
        """Let pluggy call the exchange through its wrappers; it is asked once a run."""
        relay = self._registry.hook.open_exchange
        around = "+".join(wrappers(self._registry, _EXCHANGE))
        return (Implementation(around, _EXCHANGE, lambda run: relay(run=run)[0]),)


def load_plugins(
    settings: Settings,
    enable: Collection[str] = (),
    disable: Collection[str] = (),
    *,
    built_in: Path | None = None,
) -> LoadedPlugins:
    """Import, instantiate and compile every plugin that is on.

    Args:
        settings: kalshi.toml.
        enable: Plugins to turn on for this run.
        disable: Plugins to turn off for this run.
        built_in: The folder of the framework's own plugins, for tests.

    Returns:
        The plugins, with every problem listed, those of the settings included.
    """
    catalog = discover(settings.root, built_in=built_in)
    problems: list[FrameworkError] = [ConfigError(line) for line in settings.problems]
    problems += [ConfigError(line) for line in catalog.problems]
    problems += unknown_names(settings, catalog, enable, disable)
    choices = list(choices_of(settings, catalog, enable, disable))
    registry, instances, faults = new_registry(), {}, {}
    for choice in choices:
        if choice.enabled:
            plugin, errors = _instance(settings.source, choice, catalog)
            problems += _unsaid(errors, settings) if catalog.importable else []
            if errors:
                faults[choice.table.name] = "; ".join(str(error) for error in errors)
            if plugin is not None:
                registry.register(plugin, choice.table.name)
                instances[choice.table.name] = plugin
    registry.check_pending()
    rows = tuple(rows_of(choices, catalog, faults))
    loaded = LoadedPlugins(registry, instances, choices, rows, catalog)
    problems += _wrong_owners(settings, loaded)
    if not faults:
        problems += _exchange_problems(settings.source, loaded)
    loaded.problems = tuple(problems)
    return loaded


def _unsaid(errors: list[FrameworkError], settings: Settings) -> list[FrameworkError]:
    """Return the errors about keys that the settings have not found fault with already."""
    file = f"{settings.source}: "
    said = [line.removeprefix(file) for line in settings.problems]
    return [error for error in errors if unsaid([str(error).removeprefix(file)], said)]


# --------------------------------------------------------------------------- name to class


def looked_at(loaded: LoadedPlugins) -> list[PluginRow]:
    """Return the rows with the project's own plugins tried even if they are off.

    Nothing of an installed package is imported for merely being installed.
    """
    rows = []
    for row in loaded.rows:
        found = loaded.catalog.found.get(row.name)
        if row.enabled or found is None or found.kind == "" or not loaded.catalog.importable:
            rows.append(row)
            continue
        with Fence() as fence:
            class_of(PluginTable(found.kind, row.name), found, loaded.catalog)
        fault = None if fence.error is None else str(fence.error)
        rows.append(replace(row, fault=row.fault or fault))
    return rows


def class_of(table: PluginTable, found: Found | None, catalog: Catalog) -> type[Plugin]:
    """Import the class of a table.

    Raises:
        PluginError: the module does not import, or holds no such class.
        ConfigError: nobody knows the name.
    """
    if table.use is None and found is None:
        known = [one.name for one in catalog.found.values() if one.kind in {table.kind, ""}]
        raise ConfigError(f"{table.key}: unknown plugin{near_miss(table.name, known)}")
    if table.use is None and found is not None and found.kind not in {table.kind, ""}:
        raise ConfigError(f"{table.key}: its table is [{found.kind}.{table.name}]")
    if not catalog.importable:
        raise PluginError(table.name, None, f"can't be imported: {catalog.problems[0]}")
    target = table.use or (found.target if found else "")
    name, _, wanted = target.partition(":")
    kind = name.partition(".")[0]
    if kind in {PLUGINS, STRATEGIES} and kind != table.kind:
        raise ConfigError(f"{table.key}.use: {target} belongs in [{kind}.{table.name}]")
    module = _imported(table.name, name, found.where if found and not table.use else target)
    file = getattr(module, "__file__", None)
    if found and found.file and not table.use and file and not found.file.samefile(file):
        raise PluginError(table.name, None, f"{found.file} is hidden by {file}: rename one")
    return _class_in(table, module, wanted)


def _imported(plugin: str, module: str, where: str) -> ModuleType:
    with Fence() as fence:
        return import_module(module)
    raise PluginError(plugin, None, f"{where} does not import: {described(fence.raised)}")


def _class_in(table: PluginTable, module: ModuleType, wanted: str) -> type[Plugin]:
    own = {
        name: kind
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, Plugin) and not name.startswith("_")
    }
    if wanted:
        if wanted not in own:
            near = near_miss(wanted, own)
            raise PluginError(table.name, None, f"{module.__name__} has no plugin {wanted}{near}")
        return own[wanted]
    prefix = f"{module.__name__}."
    own = {name: kind for name, kind in own.items() if f"{kind.__module__}.".startswith(prefix)}
    if len(set(own.values())) == 1:
        return next(iter(own.values()))
    if own:
        cause = f"{module.__name__} has several plugins: name one in its table, such as"
        raise PluginError(table.name, None, f'{cause} use = "{module.__name__}:{min(own)}"')
    raise PluginError(table.name, None, f"{module.__name__} defines no Plugin class")


# ----------------------------------------------------------------------- class to instance


def _instance(
    source: str, choice: Choice, catalog: Catalog
) -> tuple[Plugin | None, list[FrameworkError]]:
    table = choice.table
    try:
        kind = class_of(table, choice.found, catalog)
    except ConfigError as error:
        return None, [ConfigError(f"{source}: {_wanted(choice, error)}")]
    except PluginError as error:
        return None, [error]
    broken: list[FrameworkError] = list(broken_promises(table.name, kind))
    broken += [
        PluginError(table.name, None, f'has a setting "{key}", which belongs to the framework')
        for key in sorted(kind.model_fields.keys() & set(RESERVED))
    ]
    with Fence() as fence:
        plugin, faults = validated(kind, table.values, table.key)
    if fence.error is not None:
        broken.append(PluginError(table.name, None, f"does not start: {described(fence.error)}"))
        return None, broken
    broken += [ConfigError(f"{source}: {line}") for line in faults]
    return (None if broken else plugin), broken


def _wanted(choice: Choice, error: ConfigError) -> str:
    """Return why a plugin is none, in the words of who wants it: a table, a mode, a default."""
    by, _, mode = choice.why.partition(" ")
    if by == "mode" and choice.found is None and choice.table.use is None:
        absent = f"needs the plugin {choice.table.name}, which is not there yet"
        return f"framework.mode: {mode} {absent}: choose another mode"
    return str(error) if choice.why == "table" else f"{error} (wanted by {choice.why})"


def plugin_of(settings: Settings, name: str) -> Plugin:
    """Make one plugin by itself, on or off, as its table says.

    Raises:
        FrameworkError: it does not import, or its settings do not fit.
    """
    catalog = discover(settings.root)
    found = catalog.found.get(name)
    table = settings.table(name) or PluginTable((found.kind if found else "") or PLUGINS, name)
    plugin, errors = _instance(settings.source, Choice(table, found, enabled=True, why=""), catalog)
    if plugin is None:
        raise ConfigError(*(str(error) for error in errors))
    return plugin


# ------------------------------------------------------------------------ the whole of them


def _wrong_owners(settings: Settings, loaded: LoadedPlugins) -> Iterator[ConfigError]:
    known = {table.name for table in settings.tables if table.kind == STRATEGIES}
    known.update(loaded.strategies)
    for table in settings.tables:
        for name in table.for_:
            if name not in known:
                near = near_miss(name, known)
                yield ConfigError(f'{settings.source}: {table.key}.for: no strategy "{name}"{near}')


def _exchange_problems(source: str, loaded: LoadedPlugins) -> Iterator[ConfigError]:
    """Yield a problem unless exactly one plugin opens the exchange."""
    names = loaded.implementing(_EXCHANGE)
    if len(names) > 1:
        yield ConfigError(f"{source}: {' and '.join(names)} open an exchange: disable all but one")
    elif not names:
        able = ", ".join(built_in_with(_EXCHANGE, loaded)) or "none is built in"
        yield ConfigError(f"{source}: no enabled plugin opens an exchange: enable one ({able})")


def built_in_with(hook: str, loaded: LoadedPlugins) -> Iterator[str]:
    """Yield the built-in plugins that answer a hook, on or off."""
    for found in loaded.catalog.found.values():
        if found.origin == BUILT_IN:
            with Fence():
                kind = class_of(PluginTable(found.kind, found.name), found, loaded.catalog)
                if hook in hooks_of(kind):
                    yield found.name


def live_problems(settings: Settings, loaded: LoadedPlugins) -> list[str]:
    """Return what is missing before real orders may be sent: limits, every one written out.

    A plugin that checks risk is a limit; a default nobody read is no limit. Limits that are off
    unless set may stay so.
    """
    names = loaded.implementing("check_risk")
    if not names:
        return [f"{settings.source}: live needs limits: enable a plugin that checks risk"]
    return [
        f"{settings.source}: {loaded.key_of(name)}.{field}: live needs this limit written out"
        for name in names
        for field, info in type(loaded.instances[name]).model_fields.items()
        if info.default is not None and field not in loaded.instances[name].model_fields_set
    ]
