"""Other processes reach a running bot, and nothing they send can stop it by mistake."""

import json
import os
import socket
import tempfile
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.clock import VirtualClock, run_virtual
from framework.control import (
    SOCKET_NAME,
    NotRunningError,
    ask,
    call_control,
    clear_halt_file,
    live_runs,
    read_halt_file,
    serve_control,
    write_halt_file,
)
from framework.errors import ConfigError, InvariantError


async def wait_a_day(arguments):
    await anyio.sleep(86_400)
    return "done"


def refuse(arguments):
    raise ConfigError("not now")


def misled(arguments):
    return arguments["reason"]


VERBS = {
    "status": lambda arguments: {"halted": None, "positions": 2},
    "echo": lambda arguments: arguments,
    "wait": wait_a_day,
    "refuse": refuse,
    "misled": misled,
    "unsayable": lambda arguments: object(),
}


@asynccontextmanager
async def bot(folder, verbs=VERBS):
    """A bot that answers in that folder."""
    async with anyio.create_task_group() as group:
        await group.start(serve_control, folder / SOCKET_NAME, verbs)
        yield
        group.cancel_scope.cancel()


async def exchange_lines(folder, *lines):
    """Send raw bytes on one connection and return the answers."""
    async with await anyio.connect_unix(folder / SOCKET_NAME) as stream:
        for line in lines:
            await stream.send(line)
        await stream.send_eof()
        return [json.loads(line) for line in b"".join([part async for part in stream]).splitlines()]


def mode_of(path):
    """Return the permissions of a file, or None when it is gone."""
    return path.stat().st_mode & 0o777 if path.exists() else None


@pytest.fixture
def folder():
    """A run folder whose path is short, as temporary folders of tests are not everywhere."""
    with tempfile.TemporaryDirectory(prefix="run-") as path:
        yield Path(path)


async def test_a_verb_gets_its_arguments_and_gives_its_answer(folder):
    async with bot(folder):
        answer = await call_control(folder, "echo", reason="news", limits=[1, "0.5", None])

    assert answer == {"reason": "news", "limits": [1, "0.5", None]}


def test_a_verb_may_take_its_time(folder):
    async def main(clock: VirtualClock):
        async with bot(folder), await anyio.connect_unix(folder / SOCKET_NAME) as stream:
            await stream.send(b'{"verb":"wait"}\n')
            return await stream.receive(), clock.now_us()

    assert run_virtual(main) == (b'{"ok":"done"}\n', 86_400_000_000)


def test_virtual_time_hears_its_callers(folder):
    async def main(_: VirtualClock):
        async with bot(folder):
            return await call_control(folder, "status")

    assert run_virtual(main) == {"halted": None, "positions": 2}


def test_a_bot_that_does_not_answer_is_given_up(folder):
    async def main(clock: VirtualClock):
        async with bot(folder):
            with pytest.raises(ConfigError, match=r"does not answer within 10.0 s"):
                await call_control(folder, "wait")
        return clock.now_us()

    assert run_virtual(main) == 10_000_000


def test_a_program_without_a_loop_can_ask(folder):
    started, asked = threading.Event(), threading.Event()

    def run_bot():
        async def main():
            async with bot(folder):
                started.set()
                while not asked.is_set():  # noqa: ASYNC110 - set by another thread
                    await anyio.sleep(0.001)

        anyio.run(main)

    thread = threading.Thread(target=run_bot)
    thread.start()
    started.wait(10)
    try:
        assert ask(folder, "status") == {"halted": None, "positions": 2}
    finally:
        asked.set()
        thread.join()


async def test_one_connection_may_ask_many_times(folder):
    async with bot(folder):
        answers = await exchange_lines(
            folder, b'{"verb":"status"}\n{"verb":"echo",', b'"arguments":{"a":1}}\n'
        )

    assert answers == [{"ok": {"halted": None, "positions": 2}}, {"ok": {"a": 1}}]


@pytest.mark.parametrize(
    ("verb", "message"),
    [
        ("sell", "unknown verb 'sell'; there are echo, misled, refuse, status, unsayable, wait"),
        ("refuse", "refuse: not now"),
        ("misled", "misled: KeyError: 'reason'"),
        ("unsayable", "unsayable: TypeError: Encoding objects of type object is unsupported"),
    ],
)
async def test_what_a_caller_gets_wrong_is_answered(folder, verb, message):
    async with bot(folder):
        with pytest.raises(ConfigError) as refused:
            await call_control(folder, verb)

        assert str(refused.value) == f"{folder}: {message}"
        assert await call_control(folder, "status")


@pytest.mark.parametrize(
    "request_line",
    [
        b"\n",
        b"halt\n",
        b"[]\n",
        b'{"verb":1}\n',
        b'{"arguments":{}}\n',
        b'{"verb":"echo","arguments":[1]}\n',
        b'{"verb":"echo","argument":{}}\n',
        b'{"verb":"\xff"}\n',
        b'{"verb":"echo","arguments":{"a":' + b"[" * 60_000 + b"\n",
    ],
)
async def test_a_malformed_request_is_answered(folder, request_line):
    async with bot(folder):
        bad, good = await exchange_lines(folder, request_line, b'{"verb":"status"}\n')

    assert bad["error"].startswith("not a request: ")
    assert "ok" in good


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_no_bytes_stop_the_bot(parts):
    async def main(_: VirtualClock):
        with tempfile.TemporaryDirectory(prefix="run-") as path:
            async with bot(Path(path)):
                await exchange_lines(Path(path), *filter(None, parts))
                return await call_control(Path(path), "status")

    assert run_virtual(main) == {"halted": None, "positions": 2}


async def test_an_oversized_request_is_answered(folder):
    huge = json.dumps({"verb": "echo", "arguments": {"a": "x" * 1_000_000}}).encode() + b"\n"

    async with bot(folder):
        answers = await exchange_lines(folder, huge)
        alive = await call_control(folder, "status")

    assert answers == [{"error": "the request is longer than 65536 bytes"}]
    assert alive


async def test_a_caller_that_leaves_early_does_not_stop_the_bot(folder):
    async with bot(folder):
        for request in (
            b"",
            b'{"verb":"ec',
            b'{"verb":"echo","arguments":{"a":"%s"}}\n' % (b"x" * 60_000),
        ):
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(os.fspath(folder / SOCKET_NAME))
                caller.sendall(request)

        assert await call_control(folder, "status")


async def test_our_own_bug_ends_the_run(folder):
    def broken(arguments):
        raise InvariantError("a promise is broken")

    async def run():
        async with bot(folder, {"halt": broken}):
            with pytest.raises(ConfigError, match="ended before it answered 'halt'"):
                await call_control(folder, "halt")
            await anyio.sleep_forever()

    with pytest.raises(ExceptionGroup) as raised:
        await run()

    assert raised.group_contains(InvariantError, match="a promise is broken")


async def test_only_the_owner_can_ask(folder):
    async with bot(folder):
        mode = mode_of(folder / SOCKET_NAME)

    assert mode == 0o600


async def test_a_stopped_bot_leaves_nothing_behind(folder):
    async with bot(folder):
        pass

    assert list(folder.iterdir()) == []
    with pytest.raises(NotRunningError, match="no bot runs here"):
        await call_control(folder, "status")


async def test_the_socket_of_a_killed_bot_is_replaced(folder):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(folder / SOCKET_NAME))
    with pytest.raises(NotRunningError):
        await call_control(folder, "status")

    async with bot(folder):
        assert await call_control(folder, "status")


async def test_a_second_bot_does_not_take_the_socket_of_the_first(folder):
    async with bot(folder):
        with pytest.raises(ConfigError, match="another bot listens here"):
            await serve_control(folder / SOCKET_NAME, VERBS)

        assert await call_control(folder, "status")


async def test_a_file_in_the_way_is_not_removed(folder):
    (folder / SOCKET_NAME).write_text("mine")

    with pytest.raises(ConfigError, match="can't listen here"):
        await serve_control(folder / SOCKET_NAME, VERBS)


async def test_a_folder_that_is_not_there_is_named(folder):
    with pytest.raises(ConfigError, match=r"nowhere/control.sock: can't listen here"):
        await serve_control(folder / "nowhere" / SOCKET_NAME, VERBS)


@pytest.fixture
def deep(folder):
    """A run folder whose path is too long for a socket."""
    path = folder / ("d" * 60) / ("e" * 60)
    path.mkdir(parents=True)
    return path


async def test_a_path_too_long_for_a_socket_is_reached_through_its_address(deep):
    async with bot(deep):
        address = Path((deep / "control.path").read_text())

        assert await call_control(deep, "status")
        assert mode_of(address.parent) == 0o700
        assert mode_of(address) == 0o600
    assert mode_of(address.parent) is None
    assert list(deep.iterdir()) == []


async def test_the_address_of_a_killed_bot_is_replaced(deep):
    left = Path(tempfile.mkdtemp(prefix="kalshi-framework-"))
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(left / SOCKET_NAME))
    (deep / "control.path").write_text(str(left / SOCKET_NAME))

    async with bot(deep):
        assert await call_control(deep, "status")
    assert mode_of(left) is None


async def test_a_long_path_in_use_is_not_taken(deep):
    async with bot(deep):
        with pytest.raises(ConfigError, match="another bot listens here"):
            await serve_control(deep / SOCKET_NAME, VERBS)

        assert await call_control(deep, "status")


async def test_lists_the_runs_that_listen_newest_first(folder):
    for name in ("one", "two", "dead"):
        (folder / name).mkdir()
    (folder / "a-file").touch()
    (folder / "dead" / SOCKET_NAME).touch()

    async with bot(folder / "one"), bot(folder / "two"):
        os.utime(folder / "one" / SOCKET_NAME, (0, 0))

        assert live_runs(folder) == [folder / "two", folder / "one"]
    assert live_runs(folder) == []
    assert live_runs(folder / "nowhere") == []


def test_a_halt_file_stands_until_it_is_cleared(tmp_path):
    runs = tmp_path / "runs"

    assert read_halt_file(runs) is None
    write_halt_file(runs, "news", 1_768_478_400_000_000)
    assert read_halt_file(runs) == "news"
    assert clear_halt_file(runs) is True
    assert read_halt_file(runs) is None
    assert clear_halt_file(runs) is False


def test_a_halt_file_tells_reason_and_time_to_its_owner_only(tmp_path):
    write_halt_file(tmp_path, "first", 1)
    write_halt_file(tmp_path, "second", 2)

    assert json.loads((tmp_path / "halt").read_bytes()) == {"reason": "second", "at_us": 2}
    assert (tmp_path / "halt").stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "halt"]


@pytest.mark.parametrize("content", [b"", b"stop", b"{}", b'{"reason":"\xff","at_us":1}'])
def test_a_halt_file_that_says_nothing_halts_too(tmp_path, content):
    (tmp_path / "halt").write_bytes(content)

    assert read_halt_file(tmp_path) == f"{tmp_path}/halt exists"


def test_a_halt_file_that_can_not_be_read_halts_too(tmp_path):
    (tmp_path / "halt").mkdir()

    assert "can't be read" in read_halt_file(tmp_path)
    with pytest.raises(ConfigError, match="can't remove the halt file"):
        clear_halt_file(tmp_path)
    with pytest.raises(ConfigError, match="can't write the halt file"):
        write_halt_file(tmp_path, "news", 1)
