"""The installed package beside a user's project: what a wheel holds, and how folders merge.

No network: the wheel is built by the installed setuptools, and the clean environments take their
dependencies from the one that runs the tests. A `.pth` file gives them that folder, and the
`.pth` files in it are not followed, so the checkout's own editable install stays out.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[1]
PACKAGED = ("framework", "plugins", "strategies", "pyproject.toml", "README.md", "LICENSE")

FILTER = '''
"""A filter of the user's own."""

from framework import Market, Plugin, Rejection, hookimpl


class QuietHours(Plugin):
    """Refuse everything."""

    @hookimpl
    def filter_market(self, market: Market) -> Rejection | None:
        """Refuse."""
        return Rejection("quiet", "always")
'''
STRATEGY = '''
"""A strategy of the user's own."""

from framework import EntrySignal, Plugin, Snapshot, hookimpl


class NeverBuys(Plugin):
    """Look and pass."""

    @hookimpl
    def signal_entry(self, snapshot: Snapshot) -> EntrySignal | None:
        """Pass."""
        return None
'''


def copy_of_source(to: Path) -> Path:
    """Copy what a wheel is made of, so that building leaves the checkout alone."""
    to.mkdir()
    for name in PACKAGED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, to)
    return to


def pip(*arguments: str | Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )


def environment(folder: Path, what: Path, *, editable: bool = False) -> Path:
    """Install the package into a clean environment and return its `framework` command."""
    venv.create(folder, with_pip=False)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    flags = ("--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed")
    python = folder / "bin" / "python"
    pip("--python", python, "install", *flags, *(["-e"] if editable else []), what)
    return folder / "bin" / "framework"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return copy_of_source(tmp_path_factory.mktemp("source") / "clone")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory, source):
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", folder, source)
    (built,) = folder.glob("kalshi_framework-*.whl")
    return built


@pytest.fixture(scope="module")
def command(tmp_path_factory, wheel):
    return environment(tmp_path_factory.mktemp("installed") / "venv", wheel)


@pytest.fixture(scope="module")
def editable_command(tmp_path_factory, source):
    return environment(tmp_path_factory.mktemp("editable") / "venv", source, editable=True)


@pytest.fixture
def user_project(tmp_path):
    """A project with one plugin and one strategy of its own."""
    folder = tmp_path / "project"
    for name, text in {
        "plugins/quiet_hours.py": FILTER,
        "strategies/never_buys.py": STRATEGY,
        "kalshi.toml": "[plugins.quiet_hours]\n[plugins.liquidity]\n[strategies.never_buys]\n",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def call(command: Path, project: Path, *arguments: str, **environ: str):
    """Call a verb in a project, with nothing of this process's Python settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [command, *arguments],
        cwd=project,
        env=clean | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def names(command: Path, project: Path) -> list[str]:
    """Return the plugins that the command finds, broken ones left out."""
    listing = call(command, project, "plugins", "list", "--json")
    assert listing.returncode == 0, listing.stderr

    return [plugin["name"] for plugin in json.loads(listing.stdout) if plugin["fault"] is None]


def refusal(command: Path, project: Path, **environ: str) -> str:
    """Return why a project is refused; listing its plugins says the same, and still works."""
    listing = call(command, project, "plugins", "list", **environ)
    checked = call(command, project, "check", **environ)

    assert (listing.returncode, checked.returncode) == (0, 2), listing.stderr + checked.stderr
    assert "Traceback" not in listing.stderr + checked.stderr
    assert set(listing.stderr.splitlines()) <= set(checked.stderr.splitlines())

    return listing.stderr


def test_the_wheel_holds_the_code_and_no_tests(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.partition("/")[0] for name in held if ".dist-info/" not in name}

    assert tops == {"framework", "plugins", "strategies"}
    assert held >= {
        "framework/py.typed",
        "framework/default.toml",
        "framework/modes.toml",
        "plugins/liquidity.py",
        "plugins/kalshi/__init__.py",
        "plugins/sandbox/__init__.py",
        "strategies/high_probability.py",
    }
    assert not held & {"plugins/__init__.py", "strategies/__init__.py"}


def test_the_wheel_holds_every_source_file(wheel, source):
    held = set(zipfile.ZipFile(wheel).namelist())
    written = {
        path.relative_to(source).as_posix()
        for folder in ("framework", "plugins", "strategies")
        for path in (source / folder).rglob("*")
        if path.is_file()
    }

    assert written - held == set()


def test_a_users_folders_merge_with_the_built_in_ones(command, user_project):
    found = names(command, user_project)

    assert {"quiet_hours", "never_buys", "liquidity", "high_probability"} <= set(found)
    assert len(found) == len(set(found))


def test_the_project_root_comes_last_on_the_path(command, user_project):
    """A file that happens to have a library's name must not replace the library."""
    (user_project / "pluggy.py").write_text("raise RuntimeError('not the library')\n")

    assert "quiet_hours" in names(command, user_project)


@pytest.mark.parametrize("package", ["plugins", "strategies"])
def test_a_regular_package_that_hides_the_built_ins_is_named(command, user_project, package):
    marker = user_project / package / "__init__.py"
    marker.write_text("raise RuntimeError('imported too early')\n")

    assert str(marker) in refusal(command, user_project)


def test_a_regular_package_elsewhere_on_the_path_is_named(command, user_project, tmp_path):
    marker = tmp_path / "elsewhere" / "strategies" / "__init__.py"
    marker.parent.mkdir(parents=True)
    marker.write_text("raise RuntimeError('imported too early')\n")
    elsewhere = str(tmp_path / "elsewhere")

    assert str(marker) in refusal(command, user_project, PYTHONPATH=elsewhere)


def test_a_users_folders_merge_with_an_editable_install(editable_command, user_project):
    found = names(editable_command, user_project)

    assert {"quiet_hours", "never_buys", "liquidity", "high_probability"} <= set(found)


def test_an_editable_clone_finds_each_plugin_once(editable_command, source, tmp_path):
    """The clone is on the path twice: as the installed package and as the project."""
    (tmp_path / "link").symlink_to(source)
    for root in (source, tmp_path / "link"):
        found = names(editable_command, root)

        assert "liquidity" in found
        assert len(found) == len(set(found))


@pytest.mark.parametrize("file", ["plugins/liquidity.py", "strategies/high_probability.py"])
def test_a_module_with_a_built_in_name_is_refused(command, user_project, file):
    (user_project / file).write_text(FILTER)
    reason = refusal(command, user_project)

    assert str(user_project / file) in reason
    assert Path(file).stem in reason


def test_the_packaged_default_trades_a_session(command, tmp_path):
    """Nothing but the wheel: no checkout, no kalshi.toml, no network, no keys."""
    played = call(command, tmp_path, "run", "--json", "--duration", "10m")
    result = json.loads(played.stdout.splitlines()[-1])

    assert played.returncode == 0, played.stderr
    assert result["totals"]["markets"] > 0
    assert len(result["digest"]) == 64
    assert list((tmp_path / "runs").glob("*/journal.jsonl"))
