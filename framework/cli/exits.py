"""The exit codes of every verb, as the README's table lists them."""

from typing import Final

from framework.errors import (
    ConfigError,
    DataError,
    ExchangeError,
    FrameworkError,
    InvariantError,
    PluginError,
)

OK: Final = 0
RUN_FAILED: Final = 1
"""The run, or whatever the verb does, had to end."""
WRONG_SETTINGS: Final = 2
"""Settings, arguments or a plugin: the user or the plugin's author fixes it."""
BROKEN_DATA: Final = 3
"""A journal or a recording that can't be trusted."""
EXCHANGE_FAILED: Final = 4
"""The exchange or the credentials."""
INTERNAL: Final = 70
"""Our bug, or a plugin that never returned."""
INTERRUPTED: Final = 130
"""Ctrl-C."""


def code_of(error: FrameworkError) -> int:
    """Return the exit code of an error."""
    if isinstance(error, DataError):
        return BROKEN_DATA
    if isinstance(error, ConfigError | PluginError):
        return WRONG_SETTINGS
    if isinstance(error, ExchangeError):
        return EXCHANGE_FAILED
    return INTERNAL if isinstance(error, InvariantError) else RUN_FAILED
