import subprocess
import sys
from pathlib import Path

import pytest

from framework.discovery import BUILT_IN, PROJECT, discover, verbs


def found(root, name):
    return discover(root).found[name]


def package(root, monkeypatch, entry_points):
    """Install a distribution that declares entry points, and nothing else."""
    info = root / "site" / "stranger-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(entry_points)
    monkeypatch.syspath_prepend(root / "site")


def test_finds_the_frameworks_own(make_project):
    root = make_project()

    assert found(root, "liquidity").origin == BUILT_IN
    assert found(root, "high_probability").kind == "strategies"


def test_finds_files_and_packages_of_the_project(make_project):
    root = make_project(
        plugins__mine="", plugins__deep____init__="", strategies__other="", plugins___private=""
    )

    catalog = discover(root)

    assert catalog.found["mine"].origin == PROJECT
    assert catalog.found["mine"].target == "plugins.mine"
    assert catalog.found["deep"].file == root / "plugins" / "deep" / "__init__.py"
    assert catalog.found["other"].kind == "strategies"
    assert "_private" not in catalog.found
    assert catalog.problems == ()


def test_imports_nothing(make_project):
    root = make_project(plugins__loud="raise SystemExit('imported')")
    discover(root)

    assert "plugins.loud" not in sys.modules


def test_finds_installed_packages_by_their_entry_points(make_project, monkeypatch):
    root = make_project()
    package(
        root,
        monkeypatch,
        "[kalshi_framework.plugins]\nfar = stranger.module:Far\n"
        "[kalshi_framework.commands]\nfly = far\n",
    )

    catalog = discover(root)

    assert (catalog.found["far"].origin, catalog.found["far"].target) == (
        "stranger 1.2",
        "stranger.module:Far",
    )
    assert verbs(catalog)["fly"] == "far"


def test_the_projects_root_comes_last_on_the_path(make_project):
    root = make_project()
    discover(root)
    discover(root)

    assert sys.path[-1] == str(root)
    assert sys.path.count(str(root)) == 1


@pytest.mark.parametrize("name", ["plugins", "strategies"])
@pytest.mark.parametrize("offender", ["{}/__init__.py", "{}.py"])
def test_a_regular_package_that_hides_the_built_ins_is_named(
    make_project, monkeypatch, name, offender, tmp_path
):
    root = make_project()
    elsewhere = tmp_path / "elsewhere"
    file = elsewhere / offender.format(name)
    file.parent.mkdir(parents=True)
    file.touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(elsewhere)])

    catalog = discover(root)

    assert not catalog.importable
    assert len(catalog.problems) == 1
    assert catalog.problems[0].startswith(f"{file}: hides the built-in {name}: ")


def test_a_regular_package_of_the_project_itself_is_named(make_project):
    root = make_project(plugins____init__="")

    assert str(root / "plugins" / "__init__.py") in discover(root).problems[0]


def test_a_file_with_a_built_ins_name_is_a_problem_and_hides_nothing(make_project):
    root = make_project(plugins__liquidity="")

    catalog = discover(root)

    assert catalog.found["liquidity"].origin == BUILT_IN
    [problem] = catalog.problems
    assert problem.startswith(f"{root / 'plugins' / 'liquidity.py'}: the name liquidity is taken")


def test_one_name_in_both_folders_is_a_problem(make_project):
    root = make_project(plugins__twin="", strategies__twin="")

    assert len(discover(root).problems) == 1


def test_a_clone_that_is_the_project_does_not_find_each_plugin_twice(make_project, tmp_path):
    make_project()
    checkout = Path(__file__).parents[2]
    link = tmp_path / "link"
    link.symlink_to(checkout)

    for root in (checkout, link):
        catalog = discover(root)

        assert catalog.problems == ()
        assert catalog.found["liquidity"].origin == BUILT_IN


def test_verbs_are_read_from_the_source(make_project):
    root = make_project(
        plugins__one="""
            class One(Plugin):
                commands: ClassVar[tuple[str, ...]] = ("first", "second")
        """,
        plugins__two____init__="",
        plugins__two__inner='class Two:\n    commands = ("third",)\n',
        plugins__broken='commands = ("never",',
    )

    added = verbs(discover(root))

    assert {verb: name for verb, name in added.items() if name in {"one", "two", "broken"}} == {
        "first": "one",
        "second": "one",
        "third": "two",
    }


def test_a_built_in_plugin_imports_beside_a_projects_own(make_project):
    root = make_project(plugins__mine="VALUE = 1")
    code = (
        "from pathlib import Path; from framework.discovery import discover;"
        "discover(Path()); import plugins.mine, plugins.liquidity, strategies.high_probability;"
        "print(plugins.mine.VALUE)"
    )

    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.stdout == "1\n", result.stderr
