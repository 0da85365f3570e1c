"""The list of plugins that are not asked any more, kept between runs beside them.

Written when a plugin never returned and the process had to end, or faulted too often; read at
the next start; cleared by `framework plugins enable NAME`.
"""

import json
import os
from pathlib import Path
from typing import Final

from framework.errors import ConfigError

FILE_NAME: Final = "quarantine.json"


def read_quarantine(runs_dir: Path) -> dict[str, str]:
    """Return the quarantined plugins, each with the reason.

    Raises:
        ConfigError: the file is not ours to read; guessing could let a bad plugin trade.
    """
    file = runs_dir / FILE_NAME
    try:
        content = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: can't read this list: {error}; repair or delete it") from None
    if not isinstance(content, dict) or not all(isinstance(why, str) for why in content.values()):
        raise ConfigError(f"{file}: is no list of plugins with reasons; repair or delete it")
    return content


def put_into_quarantine(runs_dir: Path, plugin: str, reason: str) -> None:
    """Add a plugin; the last reason stays.

    Raises:
        OSError: the list can't be written.
    """
    try:
        listed = read_quarantine(runs_dir)
    except ConfigError:
        listed = {}  # an unreadable list must not keep a new entry out
    _write(runs_dir, listed | {plugin: reason})


def release(runs_dir: Path, plugin: str) -> bool:
    """Take a plugin off the list, and return whether it was on it."""
    listed = read_quarantine(runs_dir)
    if listed.pop(plugin, None) is None:
        return False
    _write(runs_dir, listed)
    return True


def _write(runs_dir: Path, listed: dict[str, str]) -> None:
    """Replace the list in one step, so that a kill leaves the old or the new one."""
    runs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = runs_dir / f"{FILE_NAME}.new"
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(listed, file, indent=2, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(runs_dir / FILE_NAME)
