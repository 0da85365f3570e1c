"""The project a verb works on: its kalshi.toml, its plugins, and the options that choose them."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from framework.discovery import BUILT_IN, discover, verbs
from framework.errors import ConfigError, FrameworkError
from framework.faults import Fence, described
from framework.loader import LoadedPlugins, load_plugins, plugin_of
from framework.settings import Settings, read_settings

_Verb = TypeVar("_Verb", bound=Callable[..., Any])

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The settings file; default: kalshi.toml here, else the packaged default.",
)


def complete_plugin(
    _ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the plugins there are; none is imported."""
    names = sorted(discover(Path.cwd()).found)
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def project_options(function: _Verb) -> _Verb:
    """Give a verb `--config`, `--enable` and `--disable`, for `load` or `survey`."""

    def switch(option: str, told: str) -> Callable[[_Verb], _Verb]:
        return click.option(
            option, metavar="NAME", multiple=True, help=told, shell_complete=complete_plugin
        )

    disable = switch("--disable", "Turn a plugin off for this run.")
    enable = switch("--enable", "Turn a plugin on for this run.")
    return config_option(enable(disable(function)))


def survey(
    config: Path | None,
    enable: Collection[str] = (),
    disable: Collection[str] = (),
    overrides: Mapping[str, object] | None = None,
) -> tuple[Settings, LoadedPlugins]:
    """Read the settings and load the plugins, whatever is wrong with them.

    Raises:
        ConfigError: the settings file can't be read or is not TOML.
    """
    settings = read_settings(config, overrides=overrides)
    return settings, load_plugins(settings, enable, disable)


def load(
    config: Path | None,
    enable: Collection[str] = (),
    disable: Collection[str] = (),
    overrides: Mapping[str, object] | None = None,
) -> tuple[Settings, LoadedPlugins]:
    """Read the settings and load the plugins, ready for a run.

    Args:
        config: The settings file, or None for kalshi.toml here or the packaged default.
        enable: Plugins to turn on for this run.
        disable: Plugins to turn off for this run.
        overrides: Values of the command line by dotted key, such as `framework.mode`.

    Raises:
        ConfigError: everything that is wrong, a line each.
        PluginError: one plugin broke its contract, and nothing else is wrong.
    """
    settings, loaded = survey(config, enable, disable, overrides)
    loaded.check()
    return settings, loaded


def plugin_verbs() -> dict[str, str]:
    """Return the verbs that plugins add, each with its plugin's name; nothing is imported.

    A built-in plugin's verbs need no table, because they work without a run; a stranger's
    count only when its table is in kalshi.toml.
    """
    with Fence() as fence:
        settings = read_settings()
        tables = {table.name for table in settings.tables if table.enabled}
    if fence.error is not None:
        tables = set()  # --help works beside a broken kalshi.toml too
    catalog = discover(Path.cwd())
    return {
        verb: name
        for verb, name in verbs(catalog).items()
        if name in catalog.found and (catalog.found[name].origin == BUILT_IN or name in tables)
    }


def plugin_verb(verb: str, plugin: str) -> click.Command:
    """Import a plugin and return one of its verbs.

    Raises:
        FrameworkError: the plugin does not work, and why.
    """
    made = plugin_of(read_settings(), plugin)
    with Fence() as fence:
        added: Collection[object] = getattr(made, "register_commands", tuple)()
        found = [one for one in added if isinstance(one, click.Command) and one.name == verb]
    if isinstance(fence.error, FrameworkError):
        raise fence.error
    if fence.error is not None:
        raise ConfigError(f"{verb}: plugin {plugin} does not offer it: {described(fence.error)}")
    if not found:
        raise ConfigError(f"{verb}: plugin {plugin} names it in `commands` but does not return it")
    return found[0]
