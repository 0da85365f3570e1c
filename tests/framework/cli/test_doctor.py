import json

import pytest

from framework.cli.main import main

NURSE = """
    from framework import Plugin, hookimpl
    from framework.checks import Check, Finding, Level
    from framework.errors import ConfigError

    class Nurse(Plugin):
        level: str = "ok"

        def look(self):
            if self.level == "raises":
                raise RuntimeError("no pulse")
            yield Finding(level=Level(self.level), what="pulse", cure="rest")

        @hookimpl
        def register_checks(self, mode, wire):
            if wire is not None and not wire.read_text():
                raise ConfigError(f"{wire}: is empty")
            return [Check(name=f"heart in {mode}", findings=self.look)]
"""
BROKEN = """
    from framework import Plugin, hookimpl

    class Broken(Plugin):
        @hookimpl
        def register_checks(self):
            raise RuntimeError("gone home")
"""


def report(capsys, *options):
    code = main(["doctor", "--json", *options])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("level", "code"), [("ok", 0), ("note", 0), ("warning", 0), ("problem", 1)]
)
def test_only_a_problem_makes_the_exit_code_1(make_project, capsys, level, code):
    make_project(
        f"[plugins.kalshi]\nenabled = false\n[plugins.nurse]\nlevel = '{level}'",
        plugins__nurse=NURSE,
    )

    assert report(capsys) == (
        code,
        [
            {
                "plugin": "nurse",
                "check": "heart in sandbox",
                "level": level,
                "what": "pulse",
                "cure": "rest",
            }
        ],
    )


def test_shows_findings_and_their_number_to_people(make_project, capsys):
    make_project("[plugins.nurse]\nlevel = 'warning'", plugins__nurse=NURSE)

    assert main(["doctor"]) == 0

    shown = capsys.readouterr().out
    assert "pulse" in shown
    assert "rest" in shown
    assert "1 warning" in shown


def test_a_check_that_raises_is_a_problem_that_names_its_plugin(make_project, capsys):
    make_project(
        "[plugins.kalshi]\nenabled = false\n[plugins.nurse]\nlevel = 'raises'\n[plugins.broken]",
        plugins__nurse=NURSE,
        plugins__broken=BROKEN,
    )

    code, rows = report(capsys)

    assert code == 1
    assert [(row["plugin"], row["level"], row["what"].split(" (")[0]) for row in rows] == [
        ("nurse", "problem", "RuntimeError: no pulse"),
        ("broken", "problem", "RuntimeError: gone home"),
    ]


def test_a_missing_key_is_found_before_a_run(make_project, capsys):
    make_project("[framework]\nmode = 'demo'\n[plugins.kalshi]")

    code, [row] = report(capsys)

    assert (code, row["plugin"], row["level"]) == (1, "kalshi", "problem")
    assert "plugins.kalshi.key_id: is missing" in row["what"]


def test_compares_with_a_description_of_the_wire(make_project, capsys, tmp_path):
    make_project("[plugins.kalshi]")
    wire = tmp_path / "wire.yaml"
    wire.write_text("openapi: 3.0.0\ninfo: {title: API, version: 9.9.9}\npaths: {/a: {get: {}}}")

    code, rows = report(capsys, "--drift", str(wire))

    assert code == 1
    assert {row["check"] for row in rows} == {"drift from API 9.9.9"}
    assert "GET /markets: is gone" in {row["what"] for row in rows}


@pytest.mark.parametrize(
    ("settings", "content", "what"),
    [
        ("[plugins.nurse]", "", "is empty"),
        ("[plugins.nurse]", None, "there is no such file"),
        ("[plugins.liquidity]", "x", "no plugin that is on knows the wire"),
        ("[plugins.kalshi]", "x: 1", "neither an OpenAPI 3 nor an AsyncAPI document"),
    ],
)
def test_a_description_that_is_of_no_use_is_named(
    make_project, capsys, tmp_path, settings, content, what
):
    off = "[plugins.kalshi]\nenabled = false\n" if "kalshi" not in settings else ""
    make_project(off + settings, plugins__nurse=NURSE)
    wire = tmp_path / "wire.yaml"
    if content is not None:
        wire.write_text(content)

    assert main(["doctor", "--drift", str(wire)]) == 2
    assert what in capsys.readouterr().err


def test_settings_that_keep_the_plugin_from_looking_are_said(make_project, capsys):
    make_project("[plugins.kalshi]\nprivate_key = 'abc'")

    assert main(["doctor"]) == 2
    assert "plugins.kalshi.private_key: is a secret" in capsys.readouterr().err
