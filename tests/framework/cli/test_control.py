"""`framework status`, `halt`, `resume` and `stop` reach a bot, or the next start."""

import json
import socket
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from framework.cli.main import main
from framework.control import SOCKET_NAME, read_halt_file, serve_control

OK, WRONG_USE = 0, 2


@pytest.fixture
def runs():
    """The folder of the runs, with a path short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="runs-") as path:
        yield Path(path)


@pytest.fixture
def call(runs, capsys):
    """Call a verb on the runs folder of the test; return exit code, output, errors."""

    def call(verb, *arguments):
        code = main([verb, *arguments, "--runs", str(runs)])
        return code, *capsys.readouterr()

    return call


@contextmanager
def bot(folder):
    """A bot in another thread; yields what it was asked."""
    folder.mkdir()
    asked, listening, over = [], threading.Event(), threading.Event()

    def answer(verb, arguments):
        asked.append((verb, arguments))
        return {
            "run": folder.name,
            "now_us": 1_793_631_617_470_812,
            "halted": arguments.get("reason"),
            "undecided": [],
            "paused": ["trading pauses on shard 2"],
            "totals": {"fees": "0.25", "fills": 2},
            "metrics": {
                "kalshi": {
                    "silence": {"value": "0.5", "unit": "s", "limit": None},
                    "clock skew": {"value": "-1", "unit": "s", "limit": "5"},
                    "message age": {"value": None, "unit": "s", "limit": "0.05"},
                }
            },
        }

    verbs = {
        verb: lambda arguments, verb=verb: answer(verb, arguments)
        for verb in ("status", "halt", "resume", "stop")
    }

    async def live():
        async with anyio.create_task_group() as group:
            await group.start(serve_control, folder / SOCKET_NAME, verbs)
            listening.set()
            while not over.is_set():  # noqa: ASYNC110 - set by another thread
                await anyio.sleep(0.001)
            group.cancel_scope.cancel()

    thread = threading.Thread(target=anyio.run, args=[live])
    thread.start()
    assert listening.wait(10)
    try:
        yield asked
    finally:
        over.set()
        thread.join()


def test_a_number_of_a_plugin_is_one_row_with_its_unit_and_limit(runs, call):
    with bot(runs / "one"):
        _, shown, _ = call("status")

    rows = {" ".join(line.split()) for line in shown.splitlines()}
    assert {
        "metrics kalshi silence 0.5 s",
        "metrics kalshi clock skew -1 s (limit 5)",
        "metrics kalshi message age -",
    } <= rows


def test_status_shows_what_the_bot_answers(runs, call):
    with bot(runs / "one") as asked:
        code, out, _ = call("status")

    rows = [line.split() for line in out.splitlines()]
    assert code == OK
    assert asked == [("status", {})]
    assert rows[:2] == [["one"], ["run", "one"]]
    assert ["totals", "fees", "0.25"] in rows


def test_status_says_when_in_words_and_leaves_out_what_is_empty(runs, call):
    with bot(runs / "one"):
        shown = call("status")[1]

    rows = [" ".join(line.split()) for line in shown.splitlines()]
    assert "now 2026-11-02 15:00:17 UTC" in rows
    assert "paused trading pauses on shard 2" in rows
    assert not [row for row in rows if row.startswith("undecided")]


@pytest.mark.parametrize(
    ("verb", "line"),
    [
        ("halt", "one is halted: it enters nothing, exits and cancels go on"),
        ("resume", "one may enter again"),
        ("stop", "one is stopping: it cancels its entries and shows its result"),
    ],
)
def test_an_order_to_the_bot_is_confirmed_in_a_line(runs, call, verb, line):
    with bot(runs / "one") as asked:
        code, out, _ = call(verb)

    assert (code, out) == (OK, f"{line}\n")
    assert [verb for verb, _ in asked] == [verb]


@pytest.mark.parametrize("verb", ["status", "halt", "resume", "stop"])
def test_each_answer_can_be_read_by_programs(runs, call, verb):
    with bot(runs / "one"):
        out = call(verb, "--json")[1]

    assert json.loads(out)["totals"] == {"fees": "0.25", "fills": 2}
    assert out.count("\n") == 1


def test_the_reason_of_a_halt_reaches_the_bot(runs, call):
    with bot(runs / "one") as asked:
        call("halt", "--reason", "news")

    assert asked == [("halt", {"reason": "news"})]
    assert read_halt_file(runs) is None


def test_without_a_name_the_newest_run_is_meant_and_the_others_named(runs, call):
    with bot(runs / "one") as first, bot(runs / "two") as second:
        _, _, err = call("status")

    assert (len(first), len(second)) == (0, 1)
    assert err == "one runs too; name it to reach it\n"


@pytest.mark.parametrize("name", ["one", "path"])
def test_a_named_run_is_reached(runs, call, name):
    with bot(runs / "one") as first, bot(runs / "two") as second:
        call("status", "one" if name == "one" else str(runs / "one"))

    assert (len(first), len(second)) == (1, 0)


@pytest.mark.parametrize("verb", ["status", "stop"])
def test_without_a_bot_there_is_nothing_to_ask(runs, call, verb):
    code, _, err = call(verb)

    assert code == WRONG_USE
    assert err == f"{runs}: no bot runs here\n"


def test_without_a_bot_halt_halts_the_next_start(runs, call):
    code, out, _ = call("halt", "--reason", "news")

    assert code == OK
    assert out == "no bot runs: the next start refuses entries\n"
    assert read_halt_file(runs) == "news"


def test_a_halt_works_beside_a_broken_kalshi_toml(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kalshi.toml").write_text("[framework\n")

    assert main(["halt"]) == OK
    assert read_halt_file(tmp_path / "runs") == "halted by hand"


def test_without_a_bot_resume_releases_the_next_start(runs, call):
    call("halt")

    assert call("resume")[1] == "no bot runs: the next start may enter again\n"
    assert read_halt_file(runs) is None
    assert call("resume")[1] == "no bot runs: nothing was halted\n"
    assert json.loads(call("resume", "--json")[1]) == {"halted": None}


def test_a_running_bot_that_is_resumed_stays_so_after_its_restart(runs, call):
    call("halt")
    with bot(runs / "one") as asked:
        call("resume")

    assert asked == [("resume", {})]
    assert read_halt_file(runs) is None


def test_halting_a_named_run_that_ended_halts_nothing_else(runs, call):
    (runs / "one").mkdir()

    code, _, err = call("halt", "one")

    assert code == WRONG_USE
    assert "no bot runs here" in err
    assert read_halt_file(runs) is None


def test_halting_a_bot_that_does_not_answer_halts_its_next_start(runs, call):
    (runs / "hung").mkdir()
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(runs / "hung" / SOCKET_NAME))
        hung.listen()

        def drop():
            caller, _ = hung.accept()  # the one that looks whether it listens
            caller.close()
            caller, _ = hung.accept()
            caller.recv(1_000)
            caller.close()

        thread = threading.Thread(target=drop)
        thread.start()
        code, _, err = call("halt")
        thread.join()

    assert code == WRONG_USE
    assert "the bot ended before it answered 'halt'\nthe next start refuses entries" in err
    assert read_halt_file(runs) == "halted by hand"


def test_an_unknown_run_is_named(call):
    code, _, err = call("status", "nowhere")

    assert code == WRONG_USE
    assert "no run 'nowhere'" in err
