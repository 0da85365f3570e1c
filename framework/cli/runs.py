"""Which run a verb means: a folder under the runs folder, or a path."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from framework.errors import ConfigError
from framework.journal import FILE_NAME
from framework.validation import near_miss

_Verb = TypeVar("_Verb", bound=Callable[..., Any])


def runs_option(function: _Verb) -> _Verb:
    """Give a verb `--runs`, for `runs_folder`."""
    return click.option(
        "--runs",
        type=click.Path(path_type=Path, file_okay=False),
        help="The folder of the runs; default: that of kalshi.toml here.",
    )(function)


def complete_run(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the runs that have a journal, the newest first."""
    journals = runs_folder(ctx.params.get("runs")).glob(f"*/{FILE_NAME}")
    names = sorted((file.parent.name for file in journals), reverse=True)
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def runs_folder(runs: Path | None) -> Path:
    """Return the folder of the runs.

    A broken kalshi.toml does not keep anybody from halting a bot: then it is `runs` here.
    """
    if runs is not None:
        return runs
    from framework.settings import read_settings  # noqa: PLC0415 - heavy, and often not needed

    try:
        folder = read_settings().runs_dir
    except ConfigError as error:
        click.echo(f"{error}\nusing the folder runs; --runs names another", err=True)
        return Path("runs")
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def run_folder(runs: Path, name: str) -> Path:
    """Return the folder of a run: its name, its run id (the newest of that id), or its path.

    Raises:
        ConfigError: there is no such run.
    """
    for folder in (runs / name, Path(name)):
        if folder.is_dir():
            return folder
    known = sorted(folder.name for folder in runs.glob("*/"))
    matching = [each for each in known if each.endswith(f"-{name}")]
    if matching:
        return runs / matching[-1]
    raise ConfigError(f"{runs}: no run {name!r}{near_miss(name, known)}")


def newest_run(runs: Path) -> Path:
    """Return the folder of the newest run: the names begin with the time.

    Raises:
        ConfigError: there is no run yet.
    """
    folders = [file.parent for file in runs.glob(f"*/{FILE_NAME}")]
    if not folders:
        raise ConfigError(f"{runs}: no run here yet; `framework run` makes one")
    return max(folders, key=lambda folder: folder.name)
