import pytest

from framework.cli import exits
from framework.errors import (
    AuthError,
    ConfigError,
    ExchangeError,
    FrameworkError,
    InvariantError,
    LedgerError,
    PluginError,
)
from framework.journal import JournalError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (PluginError("a", None, "x"), 2),
        (JournalError("x", "y"), 3),
        (ExchangeError("x"), 4),
        (AuthError("x"), 4),
        (LedgerError("x"), 1),
        (FrameworkError("x"), 1),
        (InvariantError("x"), 70),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_its_code(error, code):
    assert exits.code_of(error) == code


def test_the_codes_are_those_of_the_readme():
    assert (exits.OK, exits.RUN_FAILED, exits.WRONG_SETTINGS, exits.BROKEN_DATA) == (0, 1, 2, 3)
    assert (exits.EXCHANGE_FAILED, exits.INTERNAL, exits.INTERRUPTED) == (4, 70, 130)
