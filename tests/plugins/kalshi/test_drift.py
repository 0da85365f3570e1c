import pytest

from framework.checks import Level
from framework.errors import ConfigError
from plugins.kalshi.drift import drift_checks


def test_is_one_check_named_after_the_document(tmp_path):
    wire = tmp_path / "wire.yaml"
    wire.write_text("openapi: 3.1.0\ninfo: {title: Trade, version: '4'}\npaths: {/x: {get: {}}}")

    [check] = drift_checks(wire)

    assert check.name == "drift from Trade 4"
    assert {finding.level for finding in check.findings()} == {Level.PROBLEM}


def test_a_file_of_something_else_is_refused_before_any_check(tmp_path):
    wire = tmp_path / "wire.yaml"
    wire.write_text("hello")

    with pytest.raises(ConfigError, match="neither an OpenAPI 3 nor an AsyncAPI"):
        drift_checks(wire)
