"""`framework run` as a user meets it: what it prints, what it refuses, what it leaves behind."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from rich.progress import Progress, TextColumn

from framework.cli import exits
from framework.cli.main import main
from framework.cli.run import _Bar
from framework.control import live_runs
from framework.journal import verify

VENUE = """
    from contextlib import asynccontextmanager

    from framework import Plugin, Side, hookimpl
    from framework.errors import AuthError, ExchangeError
    from framework.testing.builders import NOW_US, market
    from framework.testing.scripted import ScriptedExchange, ScriptedVenue

    class Venue(Plugin):
        "One market that is bought and settles; what breaks is a setting."

        breaks: str = ""

        @hookimpl
        @asynccontextmanager
        async def open_exchange(self, run):
            run.clock.start_at(NOW_US)
            exchange = ScriptedExchange(market(fee_multiplier=0))
            exchange.answer("submit", exchange.take)

            async def script(run):
                await run.clock.sleep(1)
                exchange.quote("0.92", "0.93")
                await run.clock.sleep(1)
                if self.breaks == "credentials":
                    exchange.end_stream(AuthError("key revoked", status=401))
                if self.breaks == "markets":
                    exchange.fail("markets", ExchangeError("down", status=503))
                await run.clock.sleep(90)
                exchange.settle(Side.YES)
                await run.clock.sleep(1)

            venue = ScriptedVenue(exchange=exchange, script=script)
            async with venue.open_exchange(run) as opened:
                yield opened
"""
BUYER = """
    from framework import EntrySignal, Plugin, Side, hookimpl

    class Buyer(Plugin):
        @hookimpl
        def signal_entry(self, snapshot):
            return EntrySignal(Side.YES, limit=snapshot.yes.ask, reason="cheap")

        @hookimpl
        def size_entry(self):
            return 10
"""
SETTINGS = """
    [plugins.venue]
    [plugins.test_exchange]
    enabled = false
    [plugins.sandbox]
    enabled = false
    [plugins.console]
    enabled = false
    [strategies.buyer]
"""
CANARY = "canary-5f1d0c"
"""Stands where secrets do, and nowhere else."""


@pytest.fixture
def project(make_project):
    """A project with a scripted exchange, which plays its session in no time."""

    def make(toml=SETTINGS, **files):
        return make_project(toml, plugins__venue=VENUE, strategies__buyer=BUYER, **files)

    return make


@pytest.fixture
def run(capsys):
    """Call `framework run`; return exit code, output, errors."""

    def run(*arguments):
        code = main(["run", *arguments])
        return code, *capsys.readouterr()

    return run


def result(out):
    return json.loads(out.splitlines()[-1])


def journal_in(root):
    (journal,) = root.glob("runs/*/journal.jsonl")
    return verify(journal)


# ---------------------------------------------------------------------------------- the result


def test_the_last_line_of_json_tells_the_whole_result(project, run):
    root = project()

    code, out, _ = run("--json")

    told = result(out)
    assert code == exits.OK
    assert len(out.splitlines()) == 1
    assert re.fullmatch(r"[0-9a-f]{64}", told["digest"])
    assert (told["totals"]["bought"], told["totals"]["gained"]) == ("10", "0.70")
    assert [(trip["ended"], trip["pnl"]) for trip in told["trips"]] == [("settled yes", "0.70")]
    assert Path(told["journal"]).parent.parent == root / "runs"
    assert journal_in(root).complete


def test_two_runs_of_one_session_have_one_digest(project, run):
    project()

    assert result(run("--json")[1])["digest"] == result(run("--json")[1])["digest"]


@pytest.mark.parametrize(
    "line",
    [
        r"considered\s+1 markets, 1 passed the filters",
        r"decided\s+1 signals, 1 orders, 1 fills",
        r"bought\s+10 contracts",
        r"sold\s+0 contracts",
        r"settled\s+1 positions, 0 still open",
        r"fees\s+\$0\.00",
        r"gained\s+\$0\.70",
        r"lost\s+\$0\.00",
        r"result\s+\$0\.70 after fees; cash \$1000\.70",
    ],
)
def test_a_person_reads_what_came_of_it(project, run, line):
    project()

    code, out, _ = run()

    assert code == exits.OK
    assert re.search(line, out)


def test_the_words_of_a_halt_are_shown_as_they_were_written(project, run, capsys):
    project()
    main(["halt", "--reason", "odd [/x] [bold]quotes"])
    capsys.readouterr()

    code, out, _ = run()

    assert code == exits.OK
    assert re.search(r"halted\s+no entries: odd \[/x\] \[bold\]quotes", out)


def test_a_loss_has_its_sign_before_the_dollar(project, run):
    project().joinpath("plugins/venue.py").write_text(
        textwrap.dedent(VENUE).replace("settle(Side.YES)", "settle(Side.NO)")
    )

    out = run()[1]

    assert re.search(r"result\s+-\$9\.30 after fees", out)


def test_a_trouble_is_told_and_does_not_disturb_the_json(project, run):
    project(SETTINGS.replace("[plugins.venue]", "[plugins.venue]\n    breaks = 'markets'"))

    code, out, err = run("--json")

    assert code == exits.OK
    assert len(out.splitlines()) == 1
    assert result(out)["troubles"] == ["can't list markets: down (status 503)"]
    assert "can't list markets" in err
    assert "trouble: can't list markets: down (status 503)" in run()[1]


def test_without_settings_the_packaged_default_runs_and_says_so(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)

    assert "running the packaged default" in run("--recording", "nowhere")[2]


# --------------------------------------------------------------------------- enable and disable


def test_enable_turns_a_plugin_on_for_one_run(project, run):
    project(SETTINGS + "enabled = false\n")

    assert result(run("--json")[1])["totals"]["orders"] == 0
    assert result(run("--json", "--enable", "buyer")[1])["totals"]["orders"] == 1
    assert result(run("--json")[1])["totals"]["orders"] == 0


def test_disable_turns_a_plugin_off_for_one_run(project, run):
    project()

    assert result(run("--json", "--disable", "buyer")[1])["totals"]["orders"] == 0
    assert result(run("--json")[1])["totals"]["orders"] == 1


@pytest.mark.parametrize("option", ["--enable", "--disable"])
def test_an_unknown_name_is_refused_with_the_nearest_one(project, run, option):
    root = project()

    code, out, err = run(option, "bujer")

    assert (code, out) == (exits.WRONG_SETTINGS, "")
    assert "bujer" in err
    assert 'did you mean "buyer"?' in err
    assert not (root / "runs").exists()


# --------------------------------------------------------------------------------- refusals


def refused(run, *arguments):
    """Return the lines of a refusal that must cost nothing but itself."""
    code, out, err = run(*arguments)
    assert code == exits.WRONG_SETTINGS
    assert out == ""
    assert "Traceback" not in err
    return err.splitlines()


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ("[strategies.buyer]\nsise = 1", r"strategies\.buyer\.sise: "),
        ("[framework]\ntick_evry = '1s'", r'framework\.tick_evry: .*did you mean "tick_every"'),
        ("[framework]\nplugin_faults_limit = 'x'", r"framework\.plugin_faults_limit: must be a"),
        ("[framework]\nplugin_faults_limit = 0", r"framework\.plugin_faults_limit: must be at"),
        ("[framework]\ntick_every = 5", r"framework\.tick_every: must be a duration"),
        ("[plugins.venue]\n[plugins.venue]", r"line 2: \[plugins\.venue\] stands twice"),
        ("[plugin.venue]", r'plugin: unknown table; did you mean "plugins"'),
        (f"[plugins.kalshi]\nprivate_key = '{CANARY}'", r"plugins\.kalshi\.private_key: is a sec"),
    ],
    ids=["key", "framework key", "type", "range", "unit", "duplicate", "table", "secret"],
)
def test_a_broken_settings_file_is_named_by_its_key(project, run, toml, line):
    root = project(toml)

    lines = refused(run)

    assert [found for found in lines if re.match(rf"kalshi\.toml: {line}", found)]
    assert not (root / "runs").exists()
    assert CANARY not in "".join(lines)


def test_every_problem_has_its_own_line(project, run):
    project(SETTINGS + "a = 1\nb = 2\n[framework]\nc = 3\nmode = 'sandbx'\n")

    lines = refused(run)

    assert len(lines) == 4
    assert all(line.startswith("kalshi.toml: ") for line in lines)


def test_a_plugin_that_does_not_import_is_named_and_the_other_verbs_work(project, run, capsys):
    project(
        SETTINGS + "[plugins.broken]\n",
        plugins__broken="import nothing_of_this_name\nclass X: pass",
    )

    (line,) = refused(run)
    assert line.startswith("plugin broken: ")
    assert "No module named 'nothing_of_this_name'" in line

    assert main(["plugins", "list"]) == exits.OK
    assert "broken" in capsys.readouterr().out
    assert main(["--help"]) == exits.OK
    assert main(["check"]) == exits.WRONG_SETTINGS
    assert "plugin broken: " in capsys.readouterr().err


def test_live_is_refused_without_its_word_and_without_limits(project, run):
    root = project(SETTINGS + "[framework]\nmode = 'live'\n")

    lines = refused(run)

    assert lines == [
        'framework.mode is "live": add --live to send real orders',
        "kalshi.toml: live needs limits: enable a plugin that checks risk",
    ]
    assert not (root / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--pace", "-1"), "--pace: must be above 0 (was -1.0)"),
        (("--pace", "nan"), "--pace: must be above 0 (was nan)"),
        (("--duration", "0s"), "--duration: must be above 0"),
        (("--duration", "5m", "--mode", "demo"), "--duration: only a sandbox has it"),
        (("--recording", "x", "--mode", "demo"), "--recording: only a sandbox has it"),
        (("--pace", "2", "--mode", "demo"), "--pace: only a sandbox has it"),
        (("--duration", "5"), "--duration: must be a duration such as"),
        (("--live",), '--live needs framework.mode = "live" (was "sandbox")'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_argument_that_does_not_fit_is_named_before_anything_starts(
    project, run, arguments, said
):
    root = project()

    (line,) = refused(run, *arguments)

    assert line.startswith(said)
    assert not (root / "runs").exists()


def test_refused_credentials_are_the_exchanges_answer(project, run):
    root = project(SETTINGS.replace("[plugins.venue]", "[plugins.venue]\n    breaks='credentials'"))

    code, out, err = run()

    assert (code, out, err) == (exits.EXCHANGE_FAILED, "", "key revoked (status 401)\n")
    assert journal_in(root).complete


# -------------------------------------------------------------------------------- recordings

OPEN_MS = 1_767_261_600_000


def frame(after_ms, **message):
    told = {"market_ticker": "E-A", "yes_dollars_fp": [], "no_dollars_fp": [], **message}
    line = {"recv_ms": OPEN_MS + after_ms, "event": {"type": "orderbook_snapshot", "msg": told}}
    return json.dumps(line) + "\n"


@pytest.fixture
def recording(tmp_path):
    """Write one market's recording of these lines, and return its folder and its file."""

    def write(text):
        root = tmp_path / "recording"
        file = root / "events" / "E-A" / "2026-01-01.ndjson.gz"
        file.parent.mkdir(parents=True)
        file.write_bytes(gzip.compress(text.encode()))
        market = {
            "ticker": "E-A",
            "event_ticker": "E",
            "open_time": "2026-01-01T09:00:00Z",
            "close_time": "2026-01-01T10:00:15Z",
            "created_time": "2026-01-01T00:00:00Z",
            "settlement_ts": "2026-01-01T10:00:20Z",
            "settlement_timer_seconds": 1,
            "result": "yes",
            "volume_fp": "999.00",
        }
        event = {"event_ticker": "E", "series_ticker": "S", "title": "An event"}
        (root / "metadata").mkdir()
        body = {"response": {"event": event, "markets": [market]}}
        (root / "metadata" / "E.json").write_text(json.dumps(body))
        return root, file

    return write


@pytest.fixture
def quiet(make_project):
    """A project that runs the real adapter on the embedded exchange, and prints no progress."""
    return make_project(
        """
        [plugins.kalshi]
        [plugins.test_exchange]
        enabled = false
        [plugins.console]
        enabled = false
        """
    )


def test_a_recording_is_played_to_its_end(quiet, run, recording):
    root, _ = recording(frame(0) + frame(10))

    code, out, _ = run("--json", "--recording", str(root))

    assert code == exits.OK
    assert result(out)["reason"] == "session over"
    assert result(out)["totals"]["markets"] == 1


def test_a_recording_that_is_not_there_is_wrong_use(quiet, run):
    (line,) = refused(run, "--recording", "nowhere")

    assert line.startswith("nowhere: no such file or folder")
    assert not journal_in(quiet).broken


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (frame(0) + frame(10)[:40], ":2: "),
        (frame(5) + frame(4), ":2: recv_ms goes back"),
        (frame(0) + frame(1).replace("E-A", "E-B"), ":2: "),
        (frame(0) + frame(1, yes_dollars_fp=[["x", "1.00"]]), ":2: "),
        ("", ": "),
    ],
    ids=["truncated", "unordered", "another market", "no number", "empty"],
)
def test_a_broken_recording_is_named_by_file_and_line(quiet, run, recording, text, said):
    root, file = recording(text)

    code, out, err = run("--recording", str(root))

    assert (code, out) == (exits.BROKEN_DATA, "")
    assert len(err.splitlines()) == 1
    assert err.startswith(f"{file}{said}")
    assert not journal_in(quiet).broken


def test_a_cut_off_archive_is_named(quiet, run, recording):
    root, file = recording("".join(frame(n) for n in range(500)))
    file.write_bytes(file.read_bytes()[:-20])

    code, _, err = run("--recording", str(root))

    assert code == exits.BROKEN_DATA
    assert len(err.splitlines()) == 1
    assert err.startswith(f"{file}:")
    assert not journal_in(quiet).broken


@pytest.mark.parametrize("name", ["trades.parquet", "notes.txt"])
def test_a_recording_of_another_kind_is_named(quiet, run, tmp_path, name):
    (tmp_path / name).write_bytes(b"PAR1")

    code, _, err = run("--recording", str(tmp_path / name))

    assert code == exits.BROKEN_DATA
    assert len(err.splitlines()) == 1
    assert err.startswith(f"{tmp_path / name}: ")
    assert not journal_in(quiet).broken


# -------------------------------------------------------------------- a process, as a shell has it


def started(root, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "framework.cli.main", "run", *arguments],
        cwd=root,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def listening(root):
    """Wait until the run can be reached, and return its folder."""
    for _ in range(300):
        folders = live_runs(root / "runs")
        if folders:
            return folders[0]
        time.sleep(0.1)
    raise AssertionError("the run never listened")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_in_order(quiet, number):
    bot = started(quiet, "--pace", "1", "--json")
    listening(quiet)

    bot.send_signal(number)
    out, err = bot.communicate(timeout=60)

    assert (bot.returncode, err) == (exits.INTERRUPTED, "")
    assert result(out)["interrupted"]
    assert result(out)["reason"] == f"interrupted by {number.name}"
    assert journal_in(quiet).complete


@pytest.mark.slow
def test_a_running_bot_answers_the_other_verbs(quiet, capsys):
    bot = started(quiet, "--pace", "1", "--json")
    listening(quiet)

    answers = []
    for verb in (["status"], ["halt", "--reason", "news"], ["resume"], ["stop"]):
        assert main([*verb, "--json"]) == exits.OK
        answers.append(json.loads(capsys.readouterr().out))
    out, _ = bot.communicate(timeout=60)

    assert [answer["halted"] for answer in answers] == [None, "news", None, None]
    assert bot.returncode == exits.OK
    assert result(out)["reason"] == "stopped by hand"


def test_no_secret_is_ever_shown(make_project, run, monkeypatch):
    """A key that is unreadable as a key is the moment at which it could be quoted."""
    root = make_project(
        """
        [framework]
        mode = "demo"
        [plugins.kalshi]
        key_id = { env = "CANARY_KEY_ID" }
        private_key = { file = "key.pem" }
        [plugins.test_exchange]
        enabled = false
        """
    )
    monkeypatch.setenv("CANARY_KEY_ID", CANARY)
    (root / "key.pem").write_text(f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n")
    (root / "key.pem").chmod(0o600)

    (line,) = refused(run, "--json")

    assert "private_key" in line
    assert CANARY not in line
    assert not [file for file in root.rglob("runs/*/*") if CANARY in file.read_text()]


def test_a_bar_shows_how_many_markets_are_listed_before_its_session_has_a_length():
    progress = Progress(TextColumn("{task.description}"), auto_refresh=False, disable=True)
    bar = _Bar(progress)
    shown = []

    for done, text in ((None, "1,000 markets listed"), (0.25, "12:00")):
        bar(done, text)
        (task,) = progress.tasks
        shown.append((task.description, task.completed, task.total))

    assert shown == [("1,000 markets listed", 0, None), ("12:00", 0.25, 1.0)]
