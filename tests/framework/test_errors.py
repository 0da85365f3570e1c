"""An error names what is wrong, where, and by its class who can fix it."""

import pytest

from framework.errors import (
    AuthError,
    ConfigError,
    ExchangeError,
    FrameworkError,
    InvariantError,
    LedgerError,
    PluginError,
)


@pytest.mark.parametrize(
    "kind", [ConfigError, PluginError, ExchangeError, InvariantError, LedgerError]
)
def test_every_error_is_a_framework_error(kind):
    assert issubclass(kind, FrameworkError)


def test_a_refused_key_is_an_exchange_error():
    assert issubclass(AuthError, ExchangeError)


def test_a_config_error_holds_every_problem_on_its_line():
    error = ConfigError("kalshi.toml: a: is required", "kalshi.toml: b: unknown key")

    assert error.problems == ("kalshi.toml: a: is required", "kalshi.toml: b: unknown key")
    assert str(error).splitlines() == list(error.problems)


def test_a_plugin_error_names_plugin_hook_and_cause():
    error = PluginError("greedy", "size_entry", "ZeroDivisionError")

    assert str(error) == "plugin greedy.size_entry: ZeroDivisionError"
    assert (error.plugin, error.hook, error.cause) == ("greedy", "size_entry", "ZeroDivisionError")


def test_a_plugin_error_outside_a_hook_names_the_plugin():
    assert str(PluginError("greedy", None, "does not import")) == "plugin greedy: does not import"


def test_an_exchange_error_shows_what_the_exchange_told():
    error = ExchangeError("can't list markets", status=503, code="unavailable", request_id="r-1")

    assert str(error) == "can't list markets (status 503, unavailable, r-1)"
    assert (error.status, error.code, error.request_id) == (503, "unavailable", "r-1")


def test_an_exchange_error_without_details_is_its_message():
    assert str(ExchangeError("nobody listens")) == "nobody listens"
