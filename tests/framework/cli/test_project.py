import pytest

from framework.cli.project import load, plugin_verb, plugin_verbs, survey
from framework.errors import ConfigError
from framework.run import Mode

VERB = """
    from framework import Plugin, hookimpl

    class Mine(Plugin):
        commands = ("mine",)

        @hookimpl
        def register_commands(self):
            raise ValueError("no verbs today")
"""


def test_loads_what_a_run_needs(make_project):
    make_project("[plugins.test_exchange]\n[plugins.liquidity]\n")

    settings, loaded = load(None, ["tradable"], ["liquidity"], {"framework.mode": "demo"})

    assert settings.framework.mode is Mode.DEMO
    assert {"tradable", "test_exchange"} <= set(loaded.instances)
    assert "liquidity" not in loaded.instances


def test_loads_nothing_that_is_wrong(make_project):
    make_project("[plugins.test_exchange]\n[plugins.liquidty]\n[framework]\nmode = 3")

    with pytest.raises(ConfigError) as caught:
        load(None)

    assert len(caught.value.problems) == 2


def test_surveys_whatever_is_wrong(make_project):
    make_project("[plugins.test_exchange]\n[plugins.liquidty]\n")

    _, loaded = survey(None)

    assert len(loaded.problems) == 1


def test_a_settings_file_elsewhere_brings_its_own_project(make_project, tmp_path):
    root = make_project("[plugins.test_exchange]\n[plugins.mine]\n", plugins__mine=VERB)
    (tmp_path / "away").mkdir()

    settings, loaded = survey(root / "kalshi.toml")

    assert settings.root == root
    assert "mine" in loaded.instances


def test_the_verbs_of_an_installed_package_need_its_table(make_project, monkeypatch):
    root = make_project("[plugins.test_exchange]")
    info = root / "site" / "stranger-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[kalshi_framework.plugins]\nfar = stranger:Far\n[kalshi_framework.commands]\nfly = far\n"
    )
    monkeypatch.syspath_prepend(root / "site")

    assert "fly" not in plugin_verbs()

    (root / "kalshi.toml").write_text("[plugins.far]\n")

    assert plugin_verbs()["fly"] == "far"


def test_a_verb_that_fails_to_appear_names_plugin_and_cause(make_project):
    make_project(plugins__mine=VERB)

    with pytest.raises(ConfigError, match=r"mine: plugin mine does not offer it: ValueError: no v"):
        plugin_verb("mine", "mine")
