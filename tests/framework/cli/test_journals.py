"""The journal a verb reads, and what a shell completes from it."""

import pytest
from click.shell_completion import ShellComplete

from framework.cli.journals import each_record, journal_path
from framework.cli.main import framework
from framework.errors import ConfigError
from framework.journal import JournalReader


def completed(*words, incomplete=""):
    shell = ShellComplete(framework, {}, "framework", "_FRAMEWORK_COMPLETE")
    return [item.value for item in shell.get_completions(list(words), incomplete)]


@pytest.fixture
def runs(journal):
    return journal.parents[1]


def test_a_journal_is_found_by_run_by_path_or_as_the_newest(journal, runs):
    assert journal_path("20260115-sandbox-s1", runs) == journal
    assert journal_path(str(journal), runs) == journal
    assert journal_path(None, runs) == journal


def test_a_folder_without_a_journal_is_no_run_to_read(runs):
    (runs / "20260117-live-x").mkdir()

    assert journal_path(None, runs).parent.name == "20260115-sandbox-s1"


def test_without_runs_there_is_no_newest(tmp_path):
    with pytest.raises(ConfigError, match="no run here yet"):
        journal_path(None, tmp_path / "none")


def test_a_long_reading_shows_its_progress(journal, monkeypatch, capsys, small_run):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("framework.cli.journals._LONG_BYTES", 1)

    assert list(each_record(JournalReader(journal))) == small_run
    assert "reading" in capsys.readouterr().err


def test_a_shell_completes_markets_and_runs(runs):
    options = ("why", "--runs", str(runs))

    assert completed(*options) == ["A", "B", "C", "D"]
    assert completed(*options, "--run", "20260114-sandbox-s1") == []
    assert completed(*options, "--run") == ["20260115-sandbox-s1", "20260114-sandbox-s1"]
    assert completed("funnel", "--runs", str(runs), "--run", incomplete="20260114") == [
        "20260114-sandbox-s1"
    ]


@pytest.mark.parametrize("verb", [("journal", "verify"), ("journal", "show"), ("status",)])
def test_a_shell_completes_the_run_that_a_verb_is_about(runs, verb):
    assert completed(*verb, "--runs", str(runs), incomplete="20260114") == ["20260114-sandbox-s1"]


@pytest.mark.parametrize(
    "words",
    [("plugins", "info"), ("plugins", "enable"), ("plugins", "disable"), ("run", "--enable")],
)
def test_a_shell_completes_plugins(make_project, words):
    make_project("", plugins__timely="import nothing_of_this_name")

    assert completed(*words, incomplete="time") == ["time_exit", "time_to_close", "timely"]


def test_a_shell_completes_nothing_where_there_is_no_run(tmp_path):
    assert completed("why", "--runs", str(tmp_path)) == []
