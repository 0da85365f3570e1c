"""A run is found by its folder, its id or its path, and the runs folder is kalshi.toml's."""

from pathlib import Path

import pytest

from framework.cli.runs import run_folder, runs_folder
from framework.errors import ConfigError


@pytest.fixture
def runs(tmp_path):
    for name in ("20260101-sandbox-s1", "20260102-sandbox-s1", "20260103-live-ab12"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("20260101-sandbox-s1", "20260101-sandbox-s1"),
        ("s1", "20260102-sandbox-s1"),
        ("ab12", "20260103-live-ab12"),
    ],
)
def test_finds_a_run_by_folder_or_the_newest_of_an_id(runs, name, found):
    assert run_folder(runs, name) == runs / found


def test_finds_a_run_by_its_path(runs):
    path = runs / "20260103-live-ab12"

    assert run_folder(Path("elsewhere"), str(path)) == path


def test_names_the_nearest_run(runs):
    with pytest.raises(ConfigError, match=r'no run .20260101-sandbox-s2.; did you mean "2026010'):
        run_folder(runs, "20260101-sandbox-s2")


def test_the_runs_are_where_kalshi_toml_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kalshi.toml").write_text('[framework]\nruns_dir = "kept"\n')

    assert runs_folder(None) == Path("kept")
    assert runs_folder(Path("given")) == Path("given")


def test_a_broken_kalshi_toml_hides_no_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kalshi.toml").write_text("[framework\n")

    assert runs_folder(None) == Path("runs")
    assert "using the folder runs; --runs names another" in capsys.readouterr().err
