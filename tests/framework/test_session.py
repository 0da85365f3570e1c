"""Whole runs: the embedded exchange over its wire, the real adapter, the built-in strategy."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

import framework
from framework.cli.main import main
from framework.cli.project import load
from framework.errors import ConfigError
from framework.journal import JournalReader, verify
from framework.model.events import AccountReported, LedgerRead, MarketListed
from framework.run import Mode, RunOptions
from framework.session import RunRequest, new_run_folder, run_session

pytestmark = pytest.mark.slow

SESSION = RunRequest(options=RunOptions(seed=3))
DEFAULT = Path(framework.__file__).with_name("default.toml").read_text()
SMALL = """
[plugins.sandbox]
markets = 60
"""
RUN = [sys.executable, "-m", "framework.cli.main", "run", "--seed", "3"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder without kalshi.toml: the packaged default runs there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """One whole session of the packaged default, for all who only look at what it left."""
    folder = tmp_path_factory.mktemp("session")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = play()
    (journal,) = folder.glob("runs/*/journal.jsonl")
    return result, journal


def play(request=SESSION, **overrides):
    settings, plugins = load(None, overrides={f"framework.{k}": v for k, v in overrides.items()})
    return run_session(settings, plugins, request)


def run_in(folder, *arguments, **environment):
    return subprocess.run(
        [*RUN, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_seeded_session_trades_and_its_books_balance(session):
    result, _ = session

    totals = result.totals
    assert result.reason == "session over"
    assert totals.fills > 0
    assert totals.open_positions == 0
    assert totals.cash == Decimal(10_000) + totals.realized
    assert totals.realized == totals.gained - totals.lost
    assert not result.troubles


def test_the_journal_says_who_is_asked(session):
    _, journal = session

    asked = JournalReader(journal).header["asked"]
    assert asked["filter_market"]["high_probability"] == [
        "tradable",
        "liquidity",
        "time_to_close",
        "high_probability",
    ]
    assert asked["signal_exit"]["high_probability"] == ["stop_loss"]


def test_every_contract_bought_is_sold_or_settled(session):
    result, _ = session

    for trip in result.trips:
        assert trip.ended.startswith("settled") or trip.bought == trip.sold


def test_the_journal_of_a_run_is_complete_and_starts_with_recovery(session):
    _, journal = session

    assert verify(journal).complete
    first, second, *_ = JournalReader(journal)
    assert isinstance(first.event, LedgerRead)
    assert isinstance(second.event, AccountReported)
    assert second.event.recovery


def test_two_runs_of_one_seed_decide_the_same_under_different_hash_seeds(project):
    digests = []
    for hash_seed in ("0", "1"):
        done = run_in(project, "--json", PYTHONHASHSEED=hash_seed)
        assert done.returncode == 0, done.stderr
        digests.append(json.loads(done.stdout.splitlines()[-1])["digest"])

    assert digests[0] == digests[1]


def test_another_seed_is_another_session(project):
    (project / "kalshi.toml").write_text(DEFAULT + SMALL)
    minute = [RunOptions(seed=seed, duration_us=60_000_000) for seed in (3, 4)]
    digests = {play(RunRequest(options=options)).digest for options in minute}

    assert len(digests) == 2


def test_the_run_folder_and_its_files_are_the_owners_alone(session):
    _, journal = session
    folder = journal.parent

    assert folder.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())


def test_a_run_folder_that_cannot_be_made_names_the_setting(tmp_path):
    (tmp_path / "runs").write_text("in the way")

    with pytest.raises(ConfigError, match=r"framework\.runs_dir"):
        new_run_folder(tmp_path / "runs", Mode.SANDBOX, "s1")


def test_live_needs_its_own_word(project):
    with pytest.raises(ConfigError, match="--live"):
        play(mode="live")


def test_the_word_for_live_needs_the_mode(project):
    with pytest.raises(ConfigError, match=r'needs framework\.mode = "live"'):
        play(RunRequest(options=RunOptions(), live=True))


def test_an_exchange_plugin_that_cannot_open_ends_the_run_and_keeps_a_readable_journal(project):
    plugins = project / "plugins"
    plugins.mkdir()
    (plugins / "venue.py").write_text(
        "from contextlib import asynccontextmanager\n"
        "from framework import Plugin, hookimpl\n"
        "class Venue(Plugin):\n"
        "    @hookimpl\n"
        "    def open_exchange(self, run):\n"
        "        raise RuntimeError('no venue')\n"
    )
    (project / "kalshi.toml").write_text("[plugins.venue]\n[plugins.console]\nenabled = false\n")

    done = run_in(project)

    assert done.returncode == 2
    assert "venue.open_exchange" in done.stderr
    assert "no venue" in done.stderr
    assert "Traceback" not in done.stderr
    (journal,) = project.glob("runs/*/journal.jsonl")
    assert not verify(journal).broken


GUARDED = """
[plugins.series]
allow = ["*"]

[plugins.fixed_fraction]
fraction = 0.01
max_dollars = 30

[plugins.time_exit]
after = "1s"

[plugins.cooldown]
after_exit = "1h"
scope = "event"

[plugins.loss_streak]
losses = 1
"""
"""Beside the packaged default: what is bought is sold a second later, mostly at a loss."""


def test_stakes_times_and_streaks_work_together_in_a_session(project):
    (project / "kalshi.toml").write_text(DEFAULT + GUARDED)

    result = play()

    assert result.trips
    assert all(trip.bought * trip.entry_price <= 30 for trip in result.trips)
    assert any(trip.sold == trip.bought for trip in result.trips)
    assert result.totals.rejections["risk.loss_streak"] > 0


def test_fees_that_were_not_predicted_raise_an_alarm(project):
    """The exchange rounds to whole cents what the adapter believes to be a direct account."""
    default = Path(framework.__file__).with_name("default.toml").read_text()
    sandbox = '[plugins.sandbox]\nmember = "non-direct"\n'
    (project / "kalshi.toml").write_text(default + sandbox)

    result = play()

    assert any("was charged" in trouble for trouble in result.troubles)
    assert result.totals.cash == Decimal(10_000) + result.totals.realized
    assert result.totals.cash % Decimal("0.01") == 0


def test_why_and_funnel_tell_the_whole_of_a_session(project, capsys):
    """Every market has its story, and the funnel ends with what the run itself has counted."""
    (project / "kalshi.toml").write_text(DEFAULT + SMALL)
    result = play()

    def told(*arguments):
        assert main([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    capsys.readouterr()
    (funnel,) = told("funnel")["strategies"]
    assert funnel["markets"] == result.totals.markets
    assert funnel["rows"][-1]["left"] == len(result.trips)
    assert funnel["rows"][-1]["passes"] >= len(result.trips) > 0
    stopped = {row["plugin"] or row["stage"]: row["removed"] for row in funnel["rows"]}
    reader = JournalReader(next(project.glob("runs/*/journal.jsonl")))
    tickers = {
        record.event.market.ticker for record in reader if isinstance(record.event, MarketListed)
    }
    ends = []
    for ticker in sorted(tickers):
        story = told("why", ticker)
        (outcome,) = story["outcomes"]
        kinds = [step["kind"] for step in story["steps"]]
        assert next(kind for kind in kinds if kind != "run") == "listed"
        assert ("fill" in kinds) is outcome["bought"] is (story["trip"] is not None)
        if not outcome["bought"]:
            place = outcome["place"]
            ends.append(outcome["refusal"]["plugin"] if place == "filter" else place)
    assert {name: ends.count(name) for name in stopped} == stopped
    assert len(ends) + len(result.trips) == len(tickers)
