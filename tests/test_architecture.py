"""The rules of the source tree: who may import whom, sizes, the front door, what is committed."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import framework

PROJECT = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    path
    for folder in ("framework", "plugins", "strategies")
    for path in (PROJECT / folder).rglob("*.py")
)
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 50

FRONT_DOOR = [
    "Duration",
    "EntrySignal",
    "ExitSignal",
    "Fill",
    "Market",
    "MarketStatus",
    "Money",
    "Order",
    "Plugin",
    "PortfolioView",
    "Position",
    "Price",
    "Purpose",
    "Quantity",
    "Ratio",
    "Rejection",
    "Secret",
    "Side",
    "Snapshot",
    "Ticker",
    "TimeInForce",
    "Urgency",
    "hookimpl",
]

OPEN_TO_STRATEGIES = {"framework", "framework.model", "framework.fees"}
OPEN_TO_PLUGINS = OPEN_TO_STRATEGIES | {
    "framework.clock",  # for verbs, which have no run to ask for the time
    "framework.data",
    "framework.errors",
    "framework.checks",
    "framework.exchange",
    "framework.journal",
    "framework.matching",
    "framework.metrics",
    "framework.plugin",
    "framework.report",
    "framework.run",
    "framework.streams",
    "framework.testing",
}

_SIGNATURES = "signatures without behaviour"
_ENGINE = "a part of the engine: tests/framework/test_engine.py drives it event by event"
_WIRE = "bodies of replies: tests/plugins/sandbox and the adapter's codec read them back"
_CASES = "a part of the conformance suite: tests/conformance plays it, and shows that it can fail"
TESTED_ELSEWHERE: dict[str, str] = {
    "framework/decisions.py": _ENGINE,
    "framework/exchange.py": _SIGNATURES,
    "framework/hookspecs.py": _SIGNATURES,
    "framework/testing/conformance/bench.py": _CASES,
    "framework/testing/conformance/changes.py": _CASES,
    "framework/testing/conformance/counterpart.py": _CASES,
    "framework/testing/conformance/data.py": _CASES,
    "framework/testing/conformance/errors.py": _CASES,
    "framework/testing/conformance/markets.py": _CASES,
    "framework/testing/conformance/orders.py": _CASES,
    "framework/testing/conformance/outcomes.py": _CASES,
    "framework/testing/conformance/recovery.py": _CASES,
    "framework/testing/conformance/unmoved.py": _CASES,
    "framework/run.py": _SIGNATURES,
    "framework/state.py": _ENGINE,
    "framework/testing/playbook.py": "a test's own tool: tests/framework/test_engine.py is played on it",
    "plugins/sandbox/cents/counter.py": "what routes are asked at: tests/plugins/sandbox/cents/test_door.py",
    "plugins/sandbox/cents/wire_account.py": _WIRE,
    "plugins/sandbox/cents/wire_market.py": _WIRE,
    "plugins/sandbox/cents/wire_orders.py": _WIRE,
    "plugins/sandbox/cents/wire_stream.py": _WIRE,
    "plugins/sandbox/dialect.py": _SIGNATURES,
    "plugins/sandbox/selecting.py": "filters and pages of reads: tests/plugins/sandbox/test_routes_*.py",
    "plugins/sandbox/fixed_point/wire_account.py": _WIRE,
    "plugins/sandbox/fixed_point/wire_candles.py": _WIRE,
    "plugins/sandbox/fixed_point/wire_market.py": _WIRE,
    "plugins/sandbox/fixed_point/wire_money.py": _WIRE,
    "plugins/sandbox/fixed_point/wire_orders.py": _WIRE,
    "plugins/sandbox/fixed_point/wire_private.py": _WIRE,
    "plugins/sandbox/fixed_point/wire_stream.py": _WIRE,
}
"""Source files without a test file of their path, each with the reason."""


def relative(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def tracked() -> list[Path]:
    """Return the files git would give to somebody who clones."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=PROJECT,
        capture_output=True,
        check=True,
        text=True,
    )
    return [
        path for name in listing.stdout.split("\0") if name and (path := PROJECT / name).is_file()
    ]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def imported_modules(path: Path) -> Iterator[str]:
    """Yield every module a file imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}:{node.lineno}: imports are absolute"

            if node.module == "framework":
                for alias in node.names:
                    yield "framework" if alias.name in FRONT_DOOR else f"framework.{alias.name}"
            else:
                yield node.module or ""


def closed_imports(folder: str, open_modules: set[str]) -> list[str]:
    """Return imports of framework modules that a folder may not use."""
    return [
        f"{relative(path)} imports {module}"
        for path in SOURCES
        if relative(path).startswith(f"{folder}/")
        for module in imported_modules(path)
        if module.split(".")[0] == "framework"
        and module not in open_modules
        and not any(module.startswith(f"{allowed}.") for allowed in open_modules - {"framework"})
    ]


def test_import_contracts_hold():
    result = lint_imports(PROJECT)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
def test_import_contracts_catch_one_offence_each(tmp_path):
    """A contract that nothing can break protects nothing."""
    for folder in ("framework", "plugins", "strategies"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    offences = {
        "framework/model/offence_a.py": "import framework.engine",
        "framework/offence_b.py": "import httpx",
        "framework/model/offence_c.py": "import asyncio",
        "strategies/offence_d.py": "import framework.engine",
        "plugins/offence_e.py": "import framework.ledger",
        "plugins/offence_f.py": "import plugins.kalshi",
        "plugins/kalshi/codec/offence_g.py": "import plugins.kalshi.transport",
        "plugins/sandbox/core/offence_h.py": "import plugins.sandbox.worlds",
    }
    for name, line in offences.items():
        (tmp_path / name).write_text(f"{line}\n")

    report = lint_imports(tmp_path).stdout

    assert re.findall(r"(?m)^(.+) (?:KEPT|BROKEN)$", report)
    assert re.findall(r"(?m)^(.+) KEPT$", report) == []
    for name in offences:
        assert name.removesuffix(".py").replace("/", ".") in report


def test_strategies_import_only_what_is_open_to_them():
    assert closed_imports("strategies", OPEN_TO_STRATEGIES) == []


def test_plugins_import_only_what_is_open_to_them():
    assert closed_imports("plugins", OPEN_TO_PLUGINS) == []


@pytest.mark.parametrize("heavy", ["polars", "sqlalchemy", "httpx", "click", "anyio"])
def test_the_front_door_does_not_import(heavy):
    code = f"import sys, framework; sys.exit({heavy!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0


def test_the_front_door_is_pinned():
    values = {
        name
        for name, value in vars(framework).items()
        if not name.startswith("_") and type(value).__name__ != "module"
    }

    assert framework.__all__ == FRONT_DOOR
    assert values == set(FRONT_DOOR)


@pytest.mark.parametrize("folder", ["plugins", "strategies", "tests"])
def test_a_namespace_has_no_init_file(folder):
    """It would hide a user's own folder of the same name; tests are packages not at all."""
    assert not (PROJECT / folder / "__init__.py").exists()
    assert folder != "tests" or not list((PROJECT / folder).rglob("__init__.py"))


def test_no_file_is_longer_than_400_lines():
    lengths = {relative(path): len(path.read_text().splitlines()) for path in SOURCES}

    assert {name: n for name, n in lengths.items() if n > MOST_LINES_OF_A_FILE} == {}


def test_no_function_is_longer_than_50_lines():
    lengths = {
        f"{relative(path)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {name: n for name, n in lengths.items() if n > MOST_LINES_OF_A_FUNCTION} == {}


def has_code(path: Path) -> bool:
    """Return whether a file defines something, beyond its docstring, imports and names."""
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for node in ast.parse(path.read_text()).body
    )


def is_tested(path: Path) -> bool:
    """Return whether a test file stands where the source file's path says."""
    tests = PROJECT / "tests" / path.relative_to(PROJECT).parent
    if path.name == "__init__.py":
        name = f"test_{path.parent.name}.py"
        return (tests / name).exists() or (tests.parent / name).exists()
    return (tests / f"test_{path.name}").exists()


def test_each_source_file_has_a_test_file_of_its_path():
    untested = {relative(path) for path in SOURCES if has_code(path) and not is_tested(path)}

    assert sorted(untested - TESTED_ELSEWHERE.keys()) == []
    assert sorted(TESTED_ELSEWHERE.keys() - untested) == [], "listed, but tested or gone"


def forbidden_text() -> re.Pattern[str]:
    """Match folders of one machine and package registries, without holding what is forbidden."""
    folders = "home|root|Users|work|mnt"
    hosts = "pypi|pythonhosted|npmjs"
    return re.compile(rf"(?<![\w.])/(?:{folders})/\w|\b(?:{hosts})\.(?:org|com)\b")


@pytest.mark.parametrize(
    "text",
    ["in /" + "home/me/project", "https://py" + "pi.org/simple", "files.python" + "hosted.org"],
)
def test_forbidden_text_is_recognised(text):
    assert forbidden_text().search(text)


def test_tracked_files_name_no_machine_and_no_package_registry():
    forbidden = forbidden_text()
    found = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in tracked()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if forbidden.search(line)
    ]

    assert found == []


def test_no_recording_is_committed():
    """Some sets of recordings state no licence; fixtures are written by hand after their shapes."""
    recorded = {".parquet", ".gz", ".zst", ".arrow", ".feather", ".db", ".sqlite"}
    large = 400_000

    offenders = [
        relative(path)
        for path in tracked()
        if recorded.intersection(path.suffixes) or path.stat().st_size > large
    ]

    assert offenders == []
