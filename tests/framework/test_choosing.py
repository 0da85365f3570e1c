from pathlib import Path

import pytest

from framework.choosing import choices_of, rows_of, unknown_names
from framework.discovery import BUILT_IN, Catalog, Found
from framework.settings import FrameworkSettings, PluginTable, Settings

CATALOG = Catalog(
    {
        name: Found(name, "plugins", BUILT_IN, f"plugins.{name}", Path(f"plugins/{name}.py"))
        for name in ("alpha", "beta", "world", "screen")
    },
    (),
    importable=True,
)


def settings(*tables):
    return Settings(
        framework=FrameworkSettings(),
        tables=tables,
        root=Path(),
        path=None,
        packaged={"defaults": ["screen"], "modes": {"sandbox": ["world"]}},
    )


def reasons(chosen, enable=(), disable=()):
    return {
        choice.table.name: (choice.enabled, choice.why)
        for choice in choices_of(chosen, CATALOG, enable, disable)
    }


def test_tables_come_first_then_the_mode_then_the_defaults_then_the_command_line():
    chosen = reasons(settings(PluginTable("plugins", "beta")), enable=["alpha"])

    assert list(chosen.items()) == [
        ("beta", (True, "table")),
        ("world", (True, "mode sandbox")),
        ("screen", (True, "default")),
        ("alpha", (True, "--enable")),
    ]


@pytest.mark.parametrize(
    ("table", "enable", "disable", "expected"),
    [
        (True, (), (), (True, "table")),
        (False, (), (), (False, "enabled = false")),
        (False, ("beta",), (), (True, "--enable")),
        (True, ("beta",), (), (True, "table")),
        (True, (), ("beta",), (False, "--disable")),
        (True, ("beta",), ("beta",), (False, "--disable")),
    ],
)
def test_the_command_line_beats_the_table(table, enable, disable, expected):
    chosen = settings(PluginTable("plugins", "beta", enabled=table))

    assert reasons(chosen, enable, disable)["beta"] == expected


def test_a_table_turns_a_default_off():
    chosen = settings(PluginTable("plugins", "screen", enabled=False))

    assert reasons(chosen)["screen"] == (False, "enabled = false")


def test_what_has_no_table_is_a_row_all_the_same():
    rows = rows_of(list(choices_of(settings(), CATALOG, (), ())), CATALOG, {"world": "broken"})

    assert [(row.name, row.enabled, row.fault) for row in rows] == [
        ("world", True, "broken"),
        ("screen", True, None),
        ("alpha", False, None),
        ("beta", False, None),
    ]


def test_names_nobody_knows_are_problems():
    problems = unknown_names(settings(), CATALOG, ["alpa"], ["screen"])

    assert [str(problem) for problem in problems] == [
        '--enable alpa: unknown plugin; did you mean "alpha"?'
    ]
