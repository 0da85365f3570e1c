import json

import pytest

from framework.cli.main import main
from framework.quarantine import put_into_quarantine, read_quarantine

QUIET = "[plugins.test_exchange]\n"
MINE = '''
    from framework import Plugin, Price, Secret, hookimpl
    from pydantic import Field

    class Mine(Plugin):
        """Does things."""

        price: Price = Field(default="0.5", description="Where it begins.")
        key: Secret | None = None

        @hookimpl
        def check_risk(self, order):
            return None
'''


def call(*arguments):
    return main(["plugins", *arguments])


def listed(capsys):
    assert call("list", "--json") == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def test_list_says_why_each_is_on(make_project, capsys):
    make_project(
        QUIET + "[plugins.mine]\nfor = ['s']\n[strategies.s]\nenabled = false\nuse='a:B'",
        plugins__mine=MINE,
    )
    rows = listed(capsys)

    assert (rows["mine"]["enabled"], rows["mine"]["why"], rows["mine"]["for"]) == (
        True,
        "table",
        ["s"],
    )
    assert (rows["sandbox"]["enabled"], rows["sandbox"]["why"]) == (True, "mode sandbox")
    assert (rows["console"]["enabled"], rows["console"]["why"]) == (True, "default")
    assert (rows["s"]["enabled"], rows["s"]["why"]) == (False, "enabled = false")
    assert (rows["liquidity"]["enabled"], rows["liquidity"]["why"]) == (False, "no table")
    assert rows["liquidity"]["origin"] == "built in"
    assert rows["mine"]["origin"] == "project"


@pytest.mark.parametrize("table", ["", "[plugins.broken]"])
def test_list_works_beside_a_plugin_that_does_not_import_and_names_it(make_project, capsys, table):
    make_project(QUIET + table, plugins__broken="import nothing_of_this_name")

    assert call("list") == 0
    out = capsys.readouterr().out
    assert "broken.py does not import: ModuleNotFoundError: No module named 'nothing_of" in out


def test_list_names_a_package_that_hides_the_built_ins(make_project, capsys):
    make_project(QUIET, plugins____init__="")

    assert call("list") == 0
    assert "hides the built-in plugins" in capsys.readouterr().err


def test_list_shows_who_is_quarantined(make_project, capsys):
    root = make_project(QUIET)
    put_into_quarantine(root / "runs", "test_exchange", "did not return")

    assert listed(capsys)["test_exchange"]["quarantined"] == "did not return"
    assert call("list") == 0
    assert "test_exchange is quarantined: did not return" in capsys.readouterr().out


def test_info_shows_settings_hooks_and_file(make_project, capsys):
    root = make_project(
        QUIET + "[plugins.mine]\nprice = 0.7\nkey = {env = 'K'}", plugins__mine=MINE
    )

    assert call("info", "mine", "--json") == 0
    about = json.loads(capsys.readouterr().out)
    assert about["doc"] == "Does things."
    assert about["hooks"] == ["check_risk"]
    assert about["class"] == "plugins.mine:Mine"
    assert about["where"] == str(root / "plugins" / "mine.py")
    assert about["settings"] == [
        {
            "name": "price",
            "takes": "dollars, 0 to 1",
            "default": '"0.5"',
            "now": "0.70",
            "doc": "Where it begins.",
        },
        {"name": "key", "takes": "secret", "default": "", "now": "Secret(...)", "doc": ""},
    ]


def test_info_reads_well_for_a_person(make_project, capsys):
    make_project(QUIET, plugins__mine=MINE)

    assert call("info", "mine") == 0
    out = capsys.readouterr().out
    assert "plugins.mine: off (no table)" in out
    assert "Does things." in out
    assert "Where it begins." in out


def test_info_breaks_no_name_of_a_setting_on_a_narrow_screen(make_project, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    make_project(QUIET)

    assert call("info", "kalshi") == 0
    out = capsys.readouterr().out
    assert "private_key_passphrase" in out
    assert "takes secret" in out
    assert max(map(len, out.splitlines())) <= 80


def test_info_on_a_broken_plugin_says_why(make_project, capsys):
    make_project(QUIET, plugins__broken="import nothing_of_this_name")

    assert call("info", "broken") == 2
    assert "does not import" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["info", "enable", "disable"])
def test_an_unknown_name_is_answered_with_the_near_miss(make_project, capsys, verb):
    make_project(QUIET)

    assert call(verb, "liquidty") == 2
    assert capsys.readouterr().err == 'liquidty: unknown plugin; did you mean "liquidity"?\n'


def test_disable_and_enable_edit_the_file_and_keep_comments(make_project, capsys):
    text = f"# mine\n{QUIET}\n[plugins.mine]  # why\nprice = 0.7\n"
    root = make_project(text, plugins__mine=MINE)

    assert call("disable", "mine") == 0
    assert not listed_state(capsys, "mine")
    assert call("enable", "mine") == 0
    assert listed_state(capsys, "mine")
    assert (root / "kalshi.toml").read_text().startswith(text.rstrip())


def listed_state(capsys, name):
    capsys.readouterr()
    return listed(capsys)[name]["enabled"]


def test_a_default_is_disabled_by_a_table_of_its_own(make_project, capsys):
    make_project(QUIET)

    assert call("disable", "console") == 0
    assert not listed_state(capsys, "console")


def test_what_is_so_already_changes_nothing(make_project, capsys):
    root = make_project(QUIET)
    before = (root / "kalshi.toml").read_text()

    assert call("enable", "test_exchange") == 0
    assert call("disable", "liquidity") == 0
    assert capsys.readouterr().out == (
        "test_exchange is on already (table)\nliquidity is off already (no table)\n"
    )
    assert (root / "kalshi.toml").read_text() == before


def test_without_a_file_one_is_made(make_project, capsys):
    root = make_project()

    assert call("disable", "liquidity") == 0
    assert "made kalshi.toml from the packaged default" in capsys.readouterr().out
    assert "enabled = false" in (root / "kalshi.toml").read_text()


def test_enable_says_at_once_what_is_wrong_with_it(make_project, capsys):
    make_project(QUIET, plugins__broken="import nothing_of_this_name")

    assert call("enable", "broken") == 0
    assert "does not import" in capsys.readouterr().err


def test_enable_brings_one_back_from_quarantine(make_project, capsys):
    root = make_project(QUIET)
    put_into_quarantine(root / "runs", "test_exchange", "did not return")

    assert call("enable", "test_exchange") == 0
    assert read_quarantine(root / "runs") == {}
    assert "out of quarantine" in capsys.readouterr().out
