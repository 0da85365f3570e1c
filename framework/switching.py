"""Turns plugins on and off in kalshi.toml, keeping its comments and layout."""

import os
import shutil
import tomllib
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import tomlkit

from framework.errors import ConfigError
from framework.settings import CONFIG_NAME, Settings, packaged_default


def switch(settings: Settings, kind: str, name: str, *, on: bool) -> Path:
    """Turn a plugin on or off in the settings file, and return the file.

    Without one it is made from the packaged default first.

    Raises:
        ConfigError: the file can't be written.
    """
    file = (settings.path or settings.root / CONFIG_NAME).resolve()
    text = packaged_default() if settings.path is None else file.read_text("utf-8")
    fresh = switched(text, kind, name, on=on)
    try:
        _replace(file, fresh)
    except OSError as error:
        raise ConfigError(f"{file}: can't write this file: {error.strerror}") from None
    return file


def switched(text: str, kind: str, name: str, *, on: bool) -> str:
    """Return a kalshi.toml in which a plugin is on or off.

    A new table goes to the end, as text: nothing that stands before it can change.

    Raises:
        ConfigError: the file is written in a way that takes no new table.
    """
    document: MutableMapping[str, Any] = tomlkit.parse(text)
    table = document.get(kind, {}).get(name)
    if table is None:
        line = "" if on else "enabled = false\n"
        fresh = f"{text.rstrip()}\n\n[{kind}.{name}]\n{line}".lstrip("\n")
    else:
        if "enabled" in table or not on:
            table["enabled"] = on
        fresh = tomlkit.dumps(document)
    try:
        tomllib.loads(fresh)
    except tomllib.TOMLDecodeError:
        wanted = "true" if on else "false"
        raise ConfigError(
            f"{kind}.{name}: can't add this table here: write `enabled = {wanted}` by hand"
        ) from None
    return fresh


def _replace(file: Path, text: str) -> None:
    """Write beside, then rename: a kill leaves the old file or the new one."""
    fresh = file.with_name(f".{file.name}.new")
    with fresh.open("w", encoding="utf-8", newline="") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    if file.exists():
        shutil.copymode(file, fresh)
    fresh.replace(file)
