import json
import subprocess
import sys
from importlib import import_module

import click
import pytest

from framework.cli import exits, main
from framework.errors import ConfigError, ExchangeError, PluginError

GREETER = """
    import click
    from framework import Plugin, hookimpl

    class Greeter(Plugin):
        commands = ("greet", "promise")
        name: str = "world"

        @hookimpl
        def register_commands(self):
            return [click.Command("greet", callback=lambda: click.echo(f"hello {self.name}"))]
"""


def call(*arguments):
    return main.main(list(arguments))


@pytest.fixture
def verb(monkeypatch):
    """Put a verb of the test's own into the table."""

    def put(action):
        module = type(sys)("verb_under_test")
        module.verb = click.Command("verb", callback=action)
        monkeypatch.setitem(sys.modules, "verb_under_test", module)
        monkeypatch.setitem(main.VERBS, "verb", ("verb_under_test:verb", "Under test."))

    return put


def raising(error):
    def action():
        raise error

    return action


def test_help_lists_every_verb(make_project, capsys):
    make_project()

    assert call("--help") == exits.OK
    out = capsys.readouterr().out
    for name in main.VERBS:
        assert f"\n  {name} " in out
    assert "From the plugin sandbox." in out


def test_without_arguments_help_is_shown(make_project, capsys):
    make_project()

    assert call() == exits.WRONG_SETTINGS
    assert "Verbs:" in capsys.readouterr().err


def test_help_works_beside_broken_plugins_and_settings(make_project, capsys):
    make_project("[[[", plugins__broken="raise SystemExit", strategies__worse="def (")

    assert call("--help") == exits.OK
    assert "plugins" in capsys.readouterr().out


def test_help_imports_no_verb_and_no_plugin(make_project):
    root = make_project(plugins__loud="raise SystemExit")
    code = (
        "import sys; from framework.cli.main import main; code = main(['--help']);"
        "heavy = {'framework.runtime', 'framework.session', 'sqlalchemy', 'plugins.sandbox',"
        " 'plugins.loud', 'rich', 'httpx'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )

    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, result.stderr) == (0, "[]\n")


@pytest.mark.parametrize("name", main.VERBS)
def test_every_verb_of_the_table_can_be_called(name):
    module, _, attribute = main.VERBS[name][0].partition(":")

    assert isinstance(getattr(import_module(module), attribute), click.Command)


@pytest.mark.parametrize(
    "verb", [("check",), ("doctor",), ("plugins", "list"), ("plugins", "info", "liquidity")]
)
def test_json_for_programs_is_one_line(make_project, capsys, verb):
    make_project("[plugins.test_exchange]\n")

    assert call(*verb, "--json") == exits.OK

    out = capsys.readouterr().out
    assert isinstance(json.loads(out), dict | list)
    assert out.count("\n") == 1


def test_an_unknown_verb_is_wrong_use(make_project, capsys):
    make_project()

    assert call("zzz") == exits.WRONG_SETTINGS
    assert "no verb 'zzz'; --help lists them" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        (["rnu"], "run"),
        (["sandbx"], "sandbox"),
        (["plugins", "lst"], "list"),
        (["journal", "verfy"], "verify"),
    ],
)
def test_a_mistyped_verb_is_answered_with_the_near_miss(make_project, capsys, wrong, meant):
    make_project()

    assert call(*wrong) == exits.WRONG_SETTINGS
    assert f"no verb '{wrong[-1]}'; did you mean \"{meant}\"?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("kalshi.toml: a", "kalshi.toml: b"), 2, "kalshi.toml: a\nkalshi.toml: b\n"),
        (PluginError("mine", "observe", "x"), 2, "plugin mine.observe: x\n"),
        (ExchangeError("down", status=503), 4, "down (status 503)\n"),
        (click.Abort(), 130, "interrupted\n"),
        (KeyboardInterrupt(), 130, "\ninterrupted\n"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_words_and_an_exit_code(make_project, verb, capsys, error, code, said):
    make_project()
    verb(raising(error))

    assert call("verb") == code
    assert capsys.readouterr().err == said


def test_our_bug_shows_where_it_is(make_project, verb, capsys):
    make_project()
    verb(raising(RuntimeError("odd")))

    assert call("verb") == exits.INTERNAL
    err = capsys.readouterr().err
    assert "RuntimeError: odd" in err
    assert "internal error" in err


def test_a_verb_may_choose_its_code(make_project, verb):
    make_project()
    verb(raising(SystemExit(3)))

    assert call("verb") == 3


def test_a_reader_that_stops_reading_is_no_error(make_project):
    root = make_project()
    command = f"{sys.executable} -m framework.cli.main plugins list --json | head -c 1"

    result = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", command],
        cwd=root,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.stderr == ""


def test_a_plugin_adds_verbs(make_project, capsys):
    make_project('[plugins.greeter]\nname = "you"', plugins__greeter=GREETER)

    assert call("greet") == exits.OK
    assert capsys.readouterr().out == "hello you\n"


@pytest.mark.parametrize("table", ["", "[plugins.greeter]\nenabled = false"])
def test_a_plugin_that_is_off_adds_no_verb(make_project, table):
    make_project(table, plugins__greeter=GREETER)

    assert call("greet") == exits.WRONG_SETTINGS


def test_a_verb_that_is_promised_and_not_returned_names_its_plugin(make_project, capsys):
    make_project("[plugins.greeter]", plugins__greeter=GREETER)

    assert call("promise") == exits.WRONG_SETTINGS
    assert "plugin greeter names it" in capsys.readouterr().err


def test_a_verb_of_a_broken_plugin_says_why(make_project, capsys):
    make_project(
        "[plugins.greeter]", plugins__greeter=GREETER + "    import nothing_of_this_name\n"
    )

    assert call("greet") == exits.WRONG_SETTINGS
    assert "No module named 'nothing_of_this_name'" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_prints_a_completion_script(shell, capsys):
    assert call("completion", shell) == exits.OK
    assert "_FRAMEWORK_COMPLETE" in capsys.readouterr().out


def test_completes_verbs_without_importing_them(make_project, monkeypatch, capsys):
    make_project()
    monkeypatch.setenv("_FRAMEWORK_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "framework plu")
    monkeypatch.setenv("COMP_CWORD", "1")

    assert call() == exits.OK
    assert capsys.readouterr().out == "plain,plugins\n"


def test_shows_its_version(capsys):
    assert call("--version") == exits.OK
    assert capsys.readouterr().out.strip()
