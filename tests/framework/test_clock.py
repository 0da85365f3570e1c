"""The traps of virtual time: late time-outs, lost signals, threads, unequal runs."""

import asyncio
import os
import signal
import socket
import threading
import time
from contextlib import closing
from datetime import timedelta
from functools import partial

import anyio
import anyio.to_thread
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from framework.clock import (
    RealClock,
    VirtualClock,
    VirtualLoop,
    run_real,
    run_virtual,
    stopwatch,
    wall_clock_us,
)
from framework.errors import ConfigError, InvariantError

DAY = 86_400


def kill(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def test_a_time_out_over_a_silent_stream_fires_at_the_exact_second():
    async def main(clock: VirtualClock) -> int:
        send, receive = anyio.create_memory_object_stream[bytes]()
        with send, receive, pytest.raises(TimeoutError):
            with anyio.fail_after(10):
                await receive.receive()
        return clock.now_us()

    assert run_virtual(main) == 10_000_000


def test_a_time_out_fires_at_the_exact_second_on_a_real_socket():
    async def main(clock: VirtualClock) -> int:
        ours, theirs = socket.socketpair()
        with theirs:
            async with await anyio.abc.SocketStream.from_socket(ours) as stream:
                with anyio.move_on_after(10):
                    await stream.receive()
        return clock.now_us()

    assert run_virtual(main) == 10_000_000


def test_an_inner_time_out_fires_before_the_outer_one():
    fired = []

    async def main(clock: VirtualClock) -> None:
        with anyio.move_on_after(5):
            with anyio.move_on_after(2):
                await anyio.sleep_forever()
            fired.append(clock.now_us())
            await anyio.sleep_forever()
        fired.append(clock.now_us())

    run_virtual(main)

    assert fired == [2_000_000, 5_000_000]


def test_a_shielded_sleeper_outlasts_its_time_out():
    async def main(clock: VirtualClock) -> int:
        with anyio.move_on_after(1), anyio.CancelScope(shield=True):
            await anyio.sleep(3)
        return clock.now_us()

    assert run_virtual(main) == 3_000_000


@given(st.lists(st.floats(min_value=0, max_value=1e6), max_size=30))
def test_timers_fire_in_order_and_exactly_when_due(delays):
    fired = []

    async def main(_: VirtualClock) -> None:
        loop = asyncio.get_running_loop()
        due = [loop.time() + delay for delay in delays]
        for moment in due:
            loop.call_at(moment, lambda moment=moment: fired.append((moment, loop.time())))
        await anyio.sleep(1e6 + 1)

    run_virtual(main)

    assert fired == sorted((moment, moment) for moment in delays)


@pytest.mark.parametrize("years", [1, 100, 100_000])
def test_a_timer_fires_however_large_the_time_has_grown(years):
    async def main(clock: VirtualClock) -> float:
        await clock.sleep(years * 365 * DAY)
        await clock.sleep(1)
        return asyncio.get_running_loop().time()

    assert run_virtual(main) == years * 365 * DAY + 1


def test_timers_one_step_of_the_clock_apart_do_not_spin():
    async def main(_: VirtualClock) -> list[float]:
        loop = asyncio.get_running_loop()
        fired: list[float] = []
        for moment in (10.0, 10.000000000000002, 10.000000000000004):
            loop.call_at(moment, lambda: fired.append(loop.time()))
        await anyio.sleep(11)
        return fired

    assert run_virtual(main) == [10.0, 10.000000000000002, 10.000000000000004]


def test_a_day_of_many_timers_passes_without_waiting():
    async def ticks(clock: VirtualClock, every: float, seen: list[int]) -> None:
        for _ in range(500):
            await clock.sleep(every)
            seen.append(clock.now_us())

    async def main(clock: VirtualClock) -> list[int]:
        seen: list[int] = []
        async with anyio.create_task_group() as group:
            for every in range(1, 21):
                group.start_soon(ticks, clock, float(every), seen)
        return seen

    elapsed = stopwatch()
    seen = run_virtual(main)

    assert seen == sorted(seen)
    assert len(seen) == 10_000
    assert seen[-1] == 20 * 500 * 1_000_000
    assert elapsed() < 30


def test_two_runs_see_the_same_times():
    async def worker(clock: VirtualClock, number: int, log: list[tuple[int, int]]) -> None:
        for step in range(50):
            await clock.sleep((number * 7 + step * 3) % 11 / 10)
            log.append((number, clock.now_us()))

    async def main(clock: VirtualClock) -> list[tuple[int, int]]:
        log: list[tuple[int, int]] = []
        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(worker, clock, number, log)
        return log

    assert run_virtual(main) == run_virtual(main)


def test_sleeping_for_ever_does_not_move_time_to_infinity():
    async def main(clock: VirtualClock) -> int:
        loop = asyncio.get_running_loop()
        threading.Timer(0.02, loop.call_soon_threadsafe, [lambda: None]).start()
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, float("inf"))
            async with receive_signals(signal.SIGTERM) as received:
                threading.Timer(0.05, kill, [signal.SIGTERM]).start()
                await received()
            group.cancel_scope.cancel()
        return clock.now_us()

    assert run_virtual(main) == 0


class receive_signals:  # noqa: N801 - reads as a verb
    """An entered signal receiver, with the next signal as a function."""

    def __init__(self, *numbers: signal.Signals) -> None:
        self.receiver = anyio.open_signal_receiver(*numbers)

    async def __aenter__(self):
        signals = self.receiver.__enter__()
        return partial(anext, signals)

    async def __aexit__(self, *exc_info):
        self.receiver.__exit__(*exc_info)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_arrives_while_time_jumps(number):
    async def busy(clock: VirtualClock) -> None:
        while True:
            await clock.sleep(0.001)

    async def main(clock: VirtualClock) -> signal.Signals:
        async with anyio.create_task_group() as group, receive_signals(number) as received:
            group.start_soon(busy, clock)
            asyncio.get_running_loop().call_later(5, kill, number)
            got = await received()
            group.cancel_scope.cancel()
        return got

    assert run_virtual(main) is number


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_from_outside_arrives_while_the_loop_never_rests(number):
    async def busy() -> None:
        while True:
            await checkpoint()

    async def main(_: VirtualClock) -> signal.Signals:
        async with anyio.create_task_group() as group, receive_signals(number) as received:
            group.start_soon(busy)
            threading.Timer(0.02, kill, [number]).start()
            got = await received()
            group.cancel_scope.cancel()
        return got

    assert run_virtual(main) is number


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_arrives_while_nothing_is_due(number):
    async def main(_: VirtualClock) -> signal.Signals:
        async with receive_signals(number) as received:
            threading.Timer(0.02, kill, [number]).start()
            return await received()

    assert run_virtual(main) is number


def test_ctrl_c_without_a_receiver_interrupts_the_program():
    async def main(clock: VirtualClock) -> None:
        asyncio.get_running_loop().call_later(3, kill, signal.SIGINT)
        while True:
            await clock.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        run_virtual(main)


def test_a_socket_that_is_ready_comes_before_the_next_timer():
    async def main(clock: VirtualClock) -> tuple[bytes, int]:
        ours, theirs = socket.socketpair()
        with theirs:
            async with await anyio.abc.SocketStream.from_socket(ours) as stream:
                theirs.sendall(b"now")
                with anyio.fail_after(10):
                    return await stream.receive(), clock.now_us()

    assert run_virtual(main) == (b"now", 0)


def test_a_pace_waits_instead_of_jumping():
    async def main(clock: VirtualClock) -> int:
        await clock.sleep(20)
        return clock.now_us()

    elapsed = stopwatch()
    now_us = run_virtual(main, pace=1_000)

    assert now_us == 20_000_000
    assert elapsed() >= 0.02


def test_a_paced_wait_ends_early_when_a_socket_is_ready():
    async def main(clock: VirtualClock) -> int:
        ours, theirs = socket.socketpair()
        with theirs:
            async with await anyio.abc.SocketStream.from_socket(ours) as stream:
                threading.Timer(0.05, theirs.sendall, [b"now"]).start()
                with anyio.fail_after(DAY):
                    await stream.receive()
        return clock.now_us()

    now_us = run_virtual(main, pace=100)

    assert 5_000_000 <= now_us < 3_000_000_000


def test_paced_time_goes_on_while_nothing_is_due():
    async def main(clock: VirtualClock) -> int:
        async with receive_signals(signal.SIGTERM) as received:
            threading.Timer(0.05, kill, [signal.SIGTERM]).start()
            await received()
        return clock.now_us()

    assert run_virtual(main, pace=1_000) >= 50_000_000


def test_paced_timers_fire_exactly_when_due_after_a_slow_step():
    async def main(clock: VirtualClock) -> list[int]:
        seen = []
        async with anyio.create_task_group() as group:

            async def tick() -> None:
                for _ in range(5):
                    await clock.sleep(1)
                    seen.append(clock.now_us())

            group.start_soon(tick)
            time.sleep(0.02)  # noqa: ASYNC251 - a slow step is the subject
        return seen

    assert run_virtual(main, pace=1_000) == [second * 1_000_000 for second in range(1, 6)]


@pytest.mark.parametrize("pace", [0, -1, float("inf"), float("nan")])
def test_refuses_a_pace_that_is_no_speed(pace):
    async def main(_: VirtualClock) -> None: ...

    with pytest.raises(ConfigError, match="pace must be above 0"):
        run_virtual(main, pace=pace)


@pytest.mark.parametrize(
    "start",
    [
        partial(anyio.to_thread.run_sync, int),
        partial(asyncio.to_thread, int),
        partial(anyio.Path("pyproject.toml").read_bytes),
        partial(anyio.connect_tcp, "localhost", 1),
    ],
    ids=["anyio", "asyncio", "file", "host-name"],
)
def test_refuses_worker_threads(start):
    async def main(_: VirtualClock) -> None:
        await start()

    with pytest.raises(InvariantError, match="no worker threads on virtual time"):
        run_virtual(main)


@pytest.mark.loopback
def test_connects_to_a_numeric_address():
    async def main(_: VirtualClock) -> bytes:
        async def answer(stream: anyio.abc.SocketStream) -> None:
            async with stream:
                await stream.send(b"hello")

        listeners = await anyio.create_tcp_listener(local_host="127.0.0.1")
        async with listeners, anyio.create_task_group() as group:
            group.start_soon(listeners.serve, answer)
            port = listeners.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - not Django's
            async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                got = await stream.receive()
            group.cancel_scope.cancel()
        return got

    assert run_virtual(main) == b"hello"


def test_the_virtual_clock_starts_at_the_moment_it_is_given():
    async def main(clock: VirtualClock) -> list[int]:
        await clock.sleep(0.25)
        clock.start_at(1_700_000_000_123_456)
        before = clock.now_us()
        await clock.sleep(0.000_001)
        return [before, clock.now_us()]

    assert run_virtual(main) == [1_700_000_000_123_456, 1_700_000_000_123_457]


def test_the_virtual_clock_starts_only_once():
    async def main(clock: VirtualClock) -> None:
        clock.start_at(5)
        clock.start_at(6)

    with pytest.raises(InvariantError, match="only once"):
        run_virtual(main)


def test_the_virtual_clock_does_not_start_in_its_past():
    async def main(clock: VirtualClock) -> None:
        await clock.sleep(1)
        clock.start_at(999_999)

    with pytest.raises(InvariantError, match="1 us in its own past"):
        run_virtual(main)


@given(st.integers(min_value=0, max_value=2_000_000_000_000_000), st.integers(1, 10**12))
def test_a_sleep_until_a_moment_wakes_at_that_microsecond(start_us, wait_us):
    async def main(clock: VirtualClock) -> int:
        clock.start_at(start_us)
        await clock.sleep(wait_us / 1_000_000)
        return clock.now_us()

    assert run_virtual(main) == start_us + wait_us


def test_real_time_passes_and_can_not_be_set():
    async def main(clock: RealClock) -> tuple[int, int]:
        before = clock.now_us()
        await clock.sleep(0.002)
        with pytest.raises(InvariantError, match="real time can't be set"):
            clock.start_at(0)
        return before, clock.now_us()

    before, after = run_real(main)

    assert after - before >= 2_000
    assert abs(after - wall_clock_us()) < timedelta(minutes=1) / timedelta(microseconds=1)


def test_real_time_ignores_a_wall_clock_set_back():
    walls = iter([1_000_000_000, 1_000_000_000 - 3_600_000_000])
    with closing(VirtualLoop()) as loop:
        clock = RealClock(loop, lambda: next(walls))

        assert clock.now_us() == 1_000_000_000


def test_real_time_follows_a_wall_clock_that_slept():
    walls = iter([1_000_000_000, 1_900_000_000, 1_900_000_000])
    with closing(VirtualLoop()) as loop:
        clock = RealClock(loop, lambda: next(walls))

        assert [clock.now_us(), clock.now_us()] == [1_900_000_000, 1_900_000_000]


def test_each_clock_says_whether_it_is_virtual():
    assert VirtualClock.is_virtual is True
    assert RealClock.is_virtual is False
