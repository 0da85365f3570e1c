"""The documents say what the code does: hooks, settings, examples, exit codes."""

import ast
import importlib.util
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from framework import EntrySignal, Plugin, Side, discovery
from framework.cli import exits, main
from framework.implementations import HOOKS
from framework.settings import read_settings
from framework.testing.builders import HOUR_US, NOW_US, market, snapshot

PROJECT = Path(__file__).resolve().parents[1]
README = (PROJECT / "README.md").read_text()
HOOKS_PAGE = (PROJECT / "docs" / "hooks.md").read_text()
DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *(PROJECT / "docs").rglob("*.md")]


def generator() -> ModuleType:
    """Import docs/generate.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("generate", PROJECT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", text)


def section_of(hook: str) -> str:
    """Return a hook's part of docs/hooks.md."""
    return re.split(r"(?m)^##", HOOKS_PAGE.partition(f"### `{hook}(")[2])[0]


def test_there_are_hooks():
    assert len(HOOKS) >= 12


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_documented_with_its_exact_parameters(hook):
    assert f"### `{hook}({', '.join(HOOKS[hook])})`" in HOOKS_PAGE


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_a_test_of_its_name(hook):
    tree = ast.parse((PROJECT / "tests" / "framework" / "test_hooks.py").read_text())
    tests = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}

    assert f"test_hook_{hook}" in tests


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_of_a_hook_is_a_whole_plugin(hook):
    namespace: dict[str, object] = {"__name__": "example"}
    for block in code_blocks(section_of(hook), "python"):
        exec(block, namespace)
    plugins = [
        value
        for value in namespace.values()
        if isinstance(value, type) and issubclass(value, Plugin) and value is not Plugin
    ]

    assert [hook in vars(plugin) for plugin in plugins] == [True]


@pytest.mark.parametrize("page", ["architecture.md", "conformance.md", "hooks.md", "settings.md"])
def test_a_generated_page_is_not_stale(page):
    write = {path.name: page for path, page in generator().PAGES.items()}[page]

    assert (PROJECT / "docs" / page).read_text() == write(), "stale: run `make docs`"


@pytest.fixture
def readme_project(tmp_path):
    """A project made of the README's own files: its kalshi.toml and its strategy."""
    (tmp_path / "strategies").mkdir()
    (strategy,) = code_blocks(README, "python")
    (tmp_path / "strategies" / "fade_longshots.py").write_text(strategy)
    (tmp_path / "kalshi.toml").write_text(code_blocks(README, "toml")[0])
    return tmp_path


def test_the_readmes_settings_load_with_its_strategy(readme_project):
    settings = read_settings(readme_project / "kalshi.toml")

    assert settings.problems == ()


def test_the_readmes_strategy_buys_what_it_says():
    namespace: dict[str, object] = {"__name__": "example"}
    (code,) = code_blocks(README, "python")
    exec(code, namespace)
    fade = namespace["FadeLongshots"]()
    late = market(close_us=NOW_US + HOUR_US)
    longshot = snapshot(late, yes=[("0.06", 100)], no=[("0.93", 100)])
    early = snapshot(market(close_us=NOW_US + 7 * HOUR_US), yes=[("0.06", 100)], no=[("0.93", 100)])
    favourite = snapshot(late, yes=[("0.92", 100)], no=[("0.07", 100)])

    assert fade.signal_entry(longshot) == EntrySignal(
        Side.NO, limit=Decimal("0.94"), reason="YES asks 0.07"
    )
    assert fade.signal_entry(early) is None
    assert fade.signal_entry(favourite) is None


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_toml_example_parses(path):
    for block in code_blocks(path.read_text(), "toml"):
        assert tomllib.loads(block, parse_float=Decimal)


def named_tests() -> list[tuple[str, str]]:
    """Return (file, test) of each test that the page of rules names."""
    page = (PROJECT / "docs" / "exchange-rules.md").read_text()
    return re.findall(r"`([\w/]+\.py)::(test_\w+)`", page)


@pytest.mark.parametrize("file", sorted({file for file, _ in named_tests()}))
def test_every_rule_of_the_exchange_has_the_test_it_names(file):
    tree = ast.parse((PROJECT / "tests" / file).read_text())
    tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

    assert [name for found, name in named_tests() if found == file and name not in tests] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_inside_the_project_leads_somewhere(path):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text())

    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_readme_lists_the_exit_codes_of_the_command_line():
    listed = {int(code): words for code, words in re.findall(r"(?m)^\| (\d+) \| (.+?) \|$", README)}
    held = {value for name, value in vars(exits).items() if name.isupper() and type(value) is int}

    assert listed.keys() == held


def test_the_readme_lists_every_verb():
    commands = README.partition("## Commands")[2].partition("| exit code |")[0]
    cells = re.findall(r"(?m)^\| (`.+?) \|", commands)
    listed = {
        words.removeprefix("framework ").split()[0]
        for cell in cells
        for words in re.findall(r"`([^`]+)`", cell)
    }
    verbs = {*main.VERBS, *discovery.verbs(discovery.discover(PROJECT))}

    assert verbs <= listed


def test_the_quick_start_is_two_commands():
    start = README.partition("## Quick start")[2]

    assert code_blocks(start, "")[0].split("\n") == ["make run", "make test", ""]


def test_a_decision_record_fits_on_a_page():
    records = sorted((PROJECT / "docs" / "decisions").glob("*.md"))

    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    assert [path.name for path in records if len(path.read_text().splitlines()) > 60] == []
