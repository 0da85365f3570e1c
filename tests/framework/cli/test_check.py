import json
from functools import partial

import pytest

from framework.cli.main import main
from framework.quarantine import put_into_quarantine

GOOD = """
[plugins.test_exchange]
[plugins.limit]
most = 7
[plugins.fixed_dollars]
[strategies.buyer]
"""
LIMIT = """
    from framework import Money, Plugin, hookimpl

    class Limit(Plugin):
        most: Money = "5"
        off: Money | None = None

        @hookimpl
        def check_risk(self, order):
            return None
"""


BUYER = """
    from framework import Plugin, hookimpl

    class Buyer(Plugin):
        @hookimpl
        def signal_entry(self, snapshot):
            return None
"""


@pytest.fixture
def make_project(make_project):
    """Write a project that has a strategy."""
    return partial(make_project, strategies__buyer=BUYER)


def report(capsys, *options):
    code = main(["check", "--json", *options])
    return code, json.loads(capsys.readouterr().out)


def test_all_is_well(make_project, capsys):
    make_project(GOOD, plugins__limit=LIMIT)

    code, found = report(capsys)

    assert code == 0
    assert found["problems"] == []
    assert found["limits"] == {"plugins.limit": {"most": "7.00"}}
    assert found["warnings"] == []
    assert main(["check"]) == 0
    assert "all is well" in capsys.readouterr().out


def test_everything_that_is_wrong_is_said_at_once(make_project, capsys):
    make_project(
        GOOD.replace("7", "'x'") + "[plugins.liquidty]\n[framework]\nmode = 'sandbx'",
        plugins__limit=LIMIT,
    )

    assert main(["check"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("kalshi.toml: ") for line in lines)


def test_works_beside_a_plugin_that_does_not_import_and_names_it(make_project, capsys):
    make_project(GOOD, plugins__limit=LIMIT, plugins__broken="import nothing_of_this_name")

    code, found = report(capsys)
    assert (code, found["problems"]) == (0, [])
    assert "broken is off, and broken: plugin broken:" in found["warnings"][0]

    code, found = report(capsys, "--enable", "broken")
    assert code == 2
    assert "No module named 'nothing_of_this_name'" in found["problems"][0]


def test_quarantined_plugins_are_warned_of(make_project, capsys):
    root = make_project(GOOD, plugins__limit=LIMIT)
    put_into_quarantine(root / "runs", "limit", "did not return")

    code, found = report(capsys)

    assert code == 0
    assert "limit is quarantined: did not return" in found["warnings"][0]


def test_a_strategy_whose_entries_nobody_sizes_is_warned_of(make_project, capsys):
    make_project(
        GOOD.replace("[plugins.fixed_dollars]", '[plugins.fixed_dollars]\nfor = ["buyer"]')
        + '[strategies.other]\nuse = "strategies.buyer:Buyer"',
        plugins__limit=LIMIT,
    )

    code, found = report(capsys)

    assert code == 0
    assert found["warnings"] == [
        (
            "strategies.other: no enabled plugin sizes its entries, so it buys nothing: "
            "enable one (fixed_dollars, fixed_fraction)"
        )
    ]
    assert main(["check"]) == 0
    assert "warning: strategies.other: no enabled" in capsys.readouterr().err


def test_settings_without_an_enabled_strategy_are_warned_of(make_project, capsys):
    make_project(
        GOOD.replace("[strategies.buyer]", "[strategies.buyer]\nenabled = false"),
        plugins__limit=LIMIT,
    )

    code, found = report(capsys)

    assert code == 0
    assert found["warnings"] == ["no strategy is enabled, so a run buys nothing"]


def test_live_wants_every_limit_written_out(make_project, capsys):
    toml = GOOD.replace("most = 7", "") + "[framework]\nmode = 'live'"
    make_project(toml, plugins__limit=LIMIT)

    code, found = report(capsys)

    assert code == 2
    assert found["problems"] == [
        "kalshi.toml: plugins.limit.most: live needs this limit written out"
    ]


def test_a_file_that_is_not_toml_is_named_by_its_line(make_project, capsys):
    make_project("[framework\n")

    assert main(["check"]) == 2
    assert capsys.readouterr().err == (
        "kalshi.toml: line 1, column 11: expected ']' at the end of a table declaration\n"
    )
