"""The run in hand, as plugins see it."""

import pytest

from framework.compiled import Implementation
from framework.errors import PluginError
from framework.run import Credentials, Mode, RunOptions
from framework.running import CurrentRun
from framework.streams import memory_pipe
from framework.testing.builders import NOW_US


class StoppedClock:
    is_virtual = True

    def now_us(self):
        return NOW_US


def run_with(tmp_path, **hooks):
    return CurrentRun(
        run_id="s1",
        mode=Mode.SANDBOX,
        options=RunOptions(seed=7),
        folder=tmp_path,
        clock=StoppedClock(),
        **hooks,
    )


def answering(hook, call):
    return (Implementation("venue", hook, call),)


async def test_a_plugin_that_speaks_for_a_host_gives_the_stream(tmp_path):
    ours, _theirs = memory_pipe()
    run = run_with(tmp_path, connections=answering("open_connection", lambda host, port: ours))

    assert await run.connect("sandbox.invalid", 80) is ours


async def test_a_connection_that_is_no_stream_names_the_plugin(tmp_path):
    run = run_with(tmp_path, connections=answering("open_connection", lambda host, port: "bytes"))

    with pytest.raises(PluginError, match=r"venue\.open_connection"):
        await run.connect("sandbox.invalid", 80)


def test_the_first_credentials_count_and_never_show_their_key(tmp_path):
    key = Credentials(key_id="k", private_key=b"SECRET")
    run = run_with(
        tmp_path,
        suppliers=answering("supply_credentials", lambda name: key if name == "venue" else None),
    )

    assert run.credentials("venue") is key
    assert run.credentials("elsewhere") is None
    assert "SECRET" not in repr(key)


async def test_the_first_reason_to_stop_counts(tmp_path):
    run = run_with(tmp_path)

    run.stop("session over")
    run.stop("interrupted")

    assert await run.stopped() == "session over"


def test_two_runs_of_one_seed_draw_the_same_numbers(tmp_path):
    first, second = run_with(tmp_path), run_with(tmp_path)

    assert [first.rng.random() for _ in range(5)] == [second.rng.random() for _ in range(5)]
