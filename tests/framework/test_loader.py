from dataclasses import replace

import pytest

from framework.errors import ConfigError, PluginError
from framework.loader import class_of, live_problems, load_plugins, looked_at, plugin_of
from framework.settings import PluginTable, read_settings

QUIET = """
    [plugins.test_exchange]
    [plugins.sandbox]
    enabled = false
    [plugins.console]
    enabled = false
"""
SIMPLE = """
    from framework import Plugin, hookimpl

    class Simple(Plugin):
        number: int = 1

        @hookimpl
        def check_risk(self, order):
            return None

        @hookimpl
        def observe(self, records):
            return None
"""
STRATEGY = """
    from framework import Plugin, Price, hookimpl

    class Mine(Plugin):
        price: Price = "0.5"

        @hookimpl
        def signal_entry(self, snapshot):
            return None

        @hookimpl
        def check_risk(self):
            return None
"""


@pytest.fixture
def load(make_project):
    """Load a project whose only other plugin is its exchange."""

    def load(toml="", enable=(), disable=(), **files):
        root = make_project(QUIET + toml, **files)
        return load_plugins(read_settings(root=root), enable, disable)

    return load


def lines(loaded):
    return [str(problem) for problem in loaded.problems]


def asked(loaded, hook, strategy=None):
    return [made.plugin for made in loaded.hooks(hook, strategy)]


def row(loaded, name):
    return next(row for row in loaded.rows if row.name == name)


# -------------------------------------------------------------------------------- who is on


def test_a_table_enables(load):
    loaded = load("[plugins.simple]\nnumber = 3", plugins__simple=SIMPLE)

    assert lines(loaded) == []
    assert loaded.instances["simple"].number == 3
    assert (row(loaded, "simple").enabled, row(loaded, "simple").why) == (True, "table")


def test_without_a_table_a_plugin_is_off_and_not_imported(load):
    loaded = load(plugins__simple="raise SystemExit")

    assert lines(loaded) == []
    assert (row(loaded, "simple").enabled, row(loaded, "simple").why) == (False, "no table")


def test_enabled_false_keeps_the_settings_and_leaves_the_plugin_out(load):
    loaded = load("[plugins.simple]\nenabled = false\nwhatever = 1", plugins__simple=SIMPLE)

    assert lines(loaded) == []
    assert "simple" not in loaded.instances
    assert row(loaded, "simple").why == "enabled = false"


def test_the_command_line_has_the_last_word(load):
    toml = "[plugins.simple]\nenabled = false\nnumber = 4\n[plugins.liquidity]\n"
    loaded = load(toml, ["simple", "tradable"], ["liquidity"], plugins__simple=SIMPLE)

    assert lines(loaded) == []
    assert loaded.instances["simple"].number == 4
    assert row(loaded, "tradable").why == "--enable"
    assert (row(loaded, "liquidity").enabled, row(loaded, "liquidity").why) == (
        False,
        "--disable",
    )


def test_an_unknown_name_on_the_command_line_is_named_with_the_near_miss(load):
    loaded = load("", ["liquidty"], ["nobody"])

    assert lines(loaded) == [
        '--enable liquidty: unknown plugin; did you mean "liquidity"?',
        "--disable nobody: unknown plugin",
    ]


def test_a_mode_and_the_defaults_add_plugins(make_project):
    root = make_project("[plugins.test_exchange]")
    loaded = load_plugins(read_settings(root=root))

    assert lines(loaded) == []
    assert row(loaded, "sandbox").why == "mode sandbox"
    assert row(loaded, "console").why == "default"


def test_a_plugin_that_only_the_mode_wants_is_named_with_who_wants_it(make_project):
    root = make_project('[framework]\nmode = "demo"\n[plugins.test_exchange]')
    settings = read_settings(root=root)
    wanted = replace(settings, packaged={"modes": {"demo": ["absent"]}, "defaults": []})

    assert lines(load_plugins(wanted)) == [
        (
            "kalshi.toml: framework.mode: demo needs the plugin absent, which is not there yet: "
            "choose another mode"
        )
    ]


def test_paper_says_that_its_plugin_is_not_there_yet(make_project):
    root = make_project('[framework]\nmode = "paper"\n[plugins.test_exchange]')

    assert lines(load_plugins(read_settings(root=root))) == [
        (
            "kalshi.toml: framework.mode: paper needs the plugin paper, which is not there yet: "
            "choose another mode"
        )
    ]


@pytest.mark.parametrize(
    ("table", "use", "right"),
    [
        ("plugins.again", "strategies.mine:Mine", "strategies.again"),
        ("strategies.again", "plugins.simple:Simple", "plugins.again"),
    ],
)
def test_a_table_of_the_other_kind_is_refused(load, table, use, right):
    loaded = load(f'[{table}]\nuse = "{use}"', strategies__mine=STRATEGY, plugins__simple=SIMPLE)

    assert lines(loaded) == [f"kalshi.toml: {table}.use: {use} belongs in [{right}]"]
    assert "again" not in loaded.instances


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_told_once(load, value):
    loaded = load(f"[plugins.liquidity]\nmin_volume = {value}\nmax_spread_ratio = {value}")

    assert [line.partition(": must be finite")[0] for line in lines(loaded)] == [
        "kalshi.toml: plugins.liquidity.min_volume",
        "kalshi.toml: plugins.liquidity.max_spread_ratio",
    ]
    assert row(loaded, "liquidity").fault is not None


def test_several_instances_of_one_class_are_several_plugins(load):
    loaded = load(
        """
        [strategies.mine]
        [strategies.second]
        use = "strategies.mine:Mine"
        price = 0.9
        """,
        strategies__mine=STRATEGY,
    )

    assert lines(loaded) == []
    assert loaded.strategies == ("mine", "second")
    assert loaded.instances["mine"] is not loaded.instances["second"]
    assert str(loaded.instances["second"].price) == "0.90"


# -------------------------------------------------------------------------- who is asked


def test_shared_plugins_come_first_in_the_order_of_tables_then_the_strategys_own(load):
    loaded = load(
        """
        [strategies.mine]
        [strategies.other]
        use = "strategies.mine:Mine"
        [plugins.b]
        use = "plugins.simple:Simple"
        [plugins.a]
        use = "plugins.simple:Simple"
        """,
        strategies__mine=STRATEGY,
        plugins__simple=SIMPLE,
    )

    assert asked(loaded, "check_risk", "mine") == ["b", "a", "mine"]
    assert asked(loaded, "check_risk", "other") == ["b", "a", "other"]
    assert asked(loaded, "signal_entry", "mine") == ["mine"]
    assert asked(loaded, "check_risk") == ["b", "a"]


def test_for_restricts_a_shared_plugin_to_the_strategies_it_names(load):
    loaded = load(
        """
        [plugins.simple]
        for = ["mine"]
        [strategies.mine]
        [strategies.other]
        use = "strategies.mine:Mine"
        """,
        strategies__mine=STRATEGY,
        plugins__simple=SIMPLE,
    )

    assert asked(loaded, "check_risk", "mine") == ["simple", "mine"]
    assert asked(loaded, "check_risk", "other") == ["other"]
    assert asked(loaded, "check_risk") == []
    assert asked(loaded, "observe") == ["simple"], "what is no decision is asked of everybody"


def test_for_an_unknown_strategy_is_named_with_the_near_miss(load):
    loaded = load(
        "[plugins.simple]\nfor = ['mime']\n[strategies.mine]",
        plugins__simple=SIMPLE,
        strategies__mine=STRATEGY,
    )

    assert lines(loaded) == [
        'kalshi.toml: plugins.simple.for: no strategy "mime"; did you mean "mine"?'
    ]


# --------------------------------------------------------------------------- what is wrong


def test_every_problem_is_listed_at_once(load):
    loaded = load(
        """
        [framework]
        mode = "sandbx"
        [plugins.liquidty]
        [plugins.simple]
        number = "x"
        [plugins.broken]
        """,
        plugins__simple=SIMPLE,
        plugins__broken="import nothing_of_this_name",
    )

    assert lines(loaded)[0].startswith("kalshi.toml: framework.mode: must be one of")
    assert lines(loaded)[1:3] == [
        'kalshi.toml: plugins.liquidty: unknown plugin; did you mean "liquidity"?',
        'kalshi.toml: plugins.simple.number: must be a whole number (was "x")',
    ]
    assert "No module named 'nothing_of_this_name' (broken.py:1)" in lines(loaded)[3]
    with pytest.raises(ConfigError) as caught:
        loaded.check()
    assert len(caught.value.problems) == 4


BROKEN = {
    "import nothing_of_this_name": "ModuleNotFoundError",
    "def f(:": "SyntaxError",
    "raise SystemExit(3)": "SystemExit",
    "x = 1": "defines no Plugin class",
}


@pytest.mark.parametrize(("source", "cause"), BROKEN.items())
def test_a_module_that_does_not_import_is_a_row_with_file_and_cause(load, source, cause):
    loaded = load("[plugins.broken]", plugins__broken=source)

    assert cause in row(loaded, "broken").fault
    assert "broken" in row(loaded, "broken").fault
    with pytest.raises(PluginError):
        loaded.check()


def test_a_plugin_that_breaks_the_contract_is_named(load):
    bad = SIMPLE.replace("check_risk", "chek_risk")
    loaded = load("[plugins.bad]", plugins__bad=bad)

    with pytest.raises(PluginError, match=r'bad\.chek_risk: is no hook; did you mean "check_risk"'):
        loaded.check()


def test_a_plugin_that_fails_to_start_is_named(load):
    source = SIMPLE + "        def model_post_init(self, _):\n            1 / 0\n"
    loaded = load("[plugins.bad]", plugins__bad=source)

    assert "does not start: ZeroDivisionError" in lines(loaded)[0]


def test_settings_may_not_take_the_frameworks_keys(load):
    loaded = load("[plugins.bad]", plugins__bad=SIMPLE.replace("number", "enabled"))

    assert 'has a setting "enabled"' in lines(loaded)[0]


def test_several_classes_ask_for_use(load):
    two = SIMPLE + SIMPLE.replace("Simple", "Other")
    loaded = load("[plugins.two]", plugins__two=two)

    assert 'use = "plugins.two:Other"' in lines(loaded)[0]


def test_use_names_the_near_miss(load):
    loaded = load('[plugins.mine]\nuse = "plugins.simple:Simpel"', plugins__simple=SIMPLE)

    assert lines(loaded) == [
        'plugin mine: plugins.simple has no plugin Simpel; did you mean "Simple"?'
    ]


def test_a_strategy_in_the_wrong_table_is_told_its_own(load):
    loaded = load("[plugins.mine]", strategies__mine=STRATEGY)

    assert lines(loaded) == [
        "kalshi.toml: plugins.mine: its table is [strategies.mine]",
    ]


def test_a_package_spread_over_files_exports_its_plugin(load):
    loaded = load(
        "[plugins.deep]",
        plugins__deep____init__="from plugins.deep.inner import Simple",
        plugins__deep__inner=SIMPLE,
    )

    assert lines(loaded) == []
    assert "deep" in loaded.instances


def test_no_exchange_is_a_problem_that_names_one(make_project):
    root = make_project("")
    loaded = load_plugins(read_settings(root=root))

    assert "no enabled plugin opens an exchange: enable one (kalshi)" in lines(loaded)[0]


def test_two_exchanges_are_a_problem_that_names_both(load):
    loaded = load('[plugins.again]\nuse = "plugins.test_exchange:Exchange"')

    assert lines(loaded) == [
        "kalshi.toml: test_exchange and again open an exchange: disable all but one"
    ]


def test_a_wrapped_exchange_is_one_exchange(load):
    source = """
        import pluggy
        from framework import Plugin

        class Outer(Plugin):
            @pluggy.HookimplMarker("kalshi_framework")(wrapper=True)
            def open_exchange(self, run):
                try:
                    yield
                except NotImplementedError:
                    return ["wrapped"]
    """
    loaded = load("[plugins.outer]", plugins__outer=source)

    assert lines(loaded) == []
    [made] = loaded.hooks("open_exchange")
    assert (made.plugin, made.call("run")) == ("outer", "wrapped")


def test_nothing_is_imported_when_a_regular_package_hides_the_built_ins(load):
    loaded = load("[plugins.simple]", plugins__simple="raise SystemExit", plugins____init__="")

    assert len(lines(loaded)) == 1
    assert "__init__.py: hides the built-in plugins" in lines(loaded)[0]
    assert loaded.instances == {}


# ------------------------------------------------------------------------------ beside a run


def test_a_broken_plugin_that_is_off_is_found_by_looking(load):
    loaded = load(plugins__broken="import nothing_of_this_name")

    assert lines(loaded) == []
    [broken] = [row for row in looked_at(loaded) if row.fault]
    assert (broken.name, broken.enabled) == ("broken", False)


def test_one_plugin_can_be_made_by_itself(make_project):
    root = make_project("[plugins.simple]\nenabled = false\nnumber = 9", plugins__simple=SIMPLE)
    settings = read_settings(root=root)

    assert plugin_of(settings, "simple").number == 9
    with pytest.raises(ConfigError, match="unknown plugin"):
        plugin_of(settings, "nobody")


def test_the_class_of_a_name_can_be_looked_up(load):
    loaded = load(plugins__simple=SIMPLE)
    found = loaded.catalog.found["simple"]

    kind = class_of(PluginTable("plugins", "simple"), found, loaded.catalog)

    assert kind.__name__ == "Simple"


def test_live_needs_every_limit_written_out(load):
    none = load()
    assert "live needs limits" in live_problems(read_settings(), none)[0]

    default = load("[plugins.simple]", plugins__simple=SIMPLE)
    assert live_problems(read_settings(), default) == [
        "kalshi.toml: plugins.simple.number: live needs this limit written out"
    ]

    written = load("[plugins.simple]\nnumber = 1", plugins__simple=SIMPLE)
    assert live_problems(read_settings(), written) == []
