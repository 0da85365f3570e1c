"""A pair of streams in memory behaves as a TCP connection does."""

import anyio
import pytest
from anyio import BrokenResourceError, BusyResourceError, ClosedResourceError, EndOfStream
from hypothesis import given
from hypothesis import strategies as st

from framework.clock import VirtualClock, run_virtual
from framework.streams import memory_pipe


async def read_all(stream, max_bytes=65536):
    read = bytearray()
    while True:
        try:
            read += await stream.receive(max_bytes)
        except EndOfStream:
            return bytes(read)


@given(
    st.lists(st.binary(max_size=300), max_size=20),
    st.integers(min_value=1, max_value=500),
    st.integers(min_value=1, max_value=500),
)
def test_any_bytes_survive_any_split(parts, buffer_bytes, max_bytes):
    async def main(_: VirtualClock) -> bytes:
        near, far = memory_pipe(buffer_bytes)

        async def write() -> None:
            for part in parts:
                await near.send(part)
            await near.send_eof()

        async with anyio.create_task_group() as group:
            group.start_soon(write)
            with anyio.fail_after(1):
                return await read_all(far, max_bytes)

    assert run_virtual(main) == b"".join(parts)


@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=50)), max_size=20))
def test_both_directions_are_independent(moves):
    async def main(_: VirtualClock) -> tuple[bytes, bytes]:
        near, far = memory_pipe()
        for from_near, part in moves:
            await (near if from_near else far).send(part)
        await near.send_eof()
        await far.send_eof()
        return await read_all(far), await read_all(near)

    assert run_virtual(main) == (
        b"".join(part for from_near, part in moves if from_near),
        b"".join(part for from_near, part in moves if not from_near),
    )


@given(st.lists(st.integers(min_value=1, max_value=9), min_size=1, max_size=30))
def test_a_read_given_up_loses_no_byte(time_outs):
    sent = bytes(range(len(time_outs)))

    async def main(clock: VirtualClock) -> bytes:
        near, far = memory_pipe()
        read = bytearray()

        async def write() -> None:
            for byte in sent:
                await clock.sleep(4)
                await near.send(bytes([byte]))
            await near.aclose()

        async with anyio.create_task_group() as group:
            group.start_soon(write)
            for seconds in time_outs:
                with anyio.move_on_after(seconds):
                    read += await far.receive()
            return bytes(read) + await read_all(far)

    assert run_virtual(main) == sent


async def test_a_read_returns_what_is_there():
    near, far = memory_pipe()

    await near.send(b"abc")
    await near.send(b"def")

    assert await far.receive(4) == b"abcd"
    assert await far.receive() == b"ef"


async def test_a_write_without_room_waits_for_the_reader():
    near, far = memory_pipe(4)

    with pytest.raises(TimeoutError):
        with anyio.fail_after(0.001):
            await near.send(b"abcdef")

    assert await far.receive() == b"abcd"


async def test_a_waiting_write_goes_on_when_half_the_room_is_free():
    near, far = memory_pipe(4)
    done = []

    async def write():
        await near.send(b"abcdef")
        done.append(True)

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        await anyio.wait_all_tasks_blocked()
        await far.receive(1)
        await anyio.wait_all_tasks_blocked()
        assert not done
        await far.receive(1)
        await anyio.wait_all_tasks_blocked()

        assert done
        assert await far.receive() == b"cdef"


async def test_a_write_that_may_not_wait_is_all_or_nothing():
    ours, theirs = memory_pipe(4)
    ours.send_nowait(b"abc")
    with pytest.raises(anyio.WouldBlock):
        ours.send_nowait(b"de")

    assert await theirs.receive() == b"abc"


async def test_a_write_that_may_not_wait_does_not_overtake_one_that_waits():
    ours, theirs = memory_pipe(4)
    async with anyio.create_task_group() as group:
        group.start_soon(ours.send, b"abcdef")
        await anyio.wait_all_tasks_blocked()
        first = await theirs.receive(1)
        with pytest.raises(anyio.WouldBlock):
            ours.send_nowait(b"g")
        rest = b""
        while len(rest) < 5:
            rest += await theirs.receive()

    assert first + rest == b"abcdef"


async def test_what_was_sent_before_the_close_can_be_read():
    near, far = memory_pipe()

    await near.send(b"last words")
    await near.aclose()

    assert await read_all(far) == b"last words"


async def test_after_send_eof_the_other_direction_goes_on():
    near, far = memory_pipe()

    await near.send_eof()
    await far.send(b"still here")

    assert await near.receive() == b"still here"
    with pytest.raises(EndOfStream):
        await far.receive()
    with pytest.raises(ClosedResourceError):
        await near.send(b"more")


async def test_a_write_to_a_closed_end_is_broken():
    near, far = memory_pipe()

    await far.aclose()

    with pytest.raises(BrokenResourceError):
        await near.send(b"x")


async def test_a_write_waiting_for_a_reader_that_leaves_is_broken():
    near, far = memory_pipe(1)

    async with anyio.create_task_group() as group:

        async def leave():
            await anyio.wait_all_tasks_blocked()
            await far.aclose()

        group.start_soon(leave)
        with pytest.raises(BrokenResourceError):
            await near.send(b"xyz")


@pytest.mark.parametrize("use", ["receive", "send", "send_eof"])
async def test_a_closed_end_can_not_be_used(use):
    near, far = memory_pipe()
    await far.send(b"unread")

    await near.aclose()

    with pytest.raises(ClosedResourceError):
        await (near.send(b"x") if use == "send" else getattr(near, use)())


@pytest.mark.parametrize("use", ["receive", "send"])
async def test_closing_an_end_ends_the_call_that_waits_on_it(use):
    near, _far = memory_pipe(1)

    async with anyio.create_task_group() as group:

        async def close():
            await anyio.wait_all_tasks_blocked()
            await near.aclose()

        group.start_soon(close)
        with pytest.raises(ClosedResourceError):
            await (near.send(b"xyz") if use == "send" else near.receive())


@pytest.mark.parametrize("use", ["receive", "send"])
async def test_two_tasks_can_not_do_the_same_at_once(use):
    near, _far = memory_pipe(1)

    async def wait():
        await (near.send(b"xyz") if use == "send" else near.receive())

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(BusyResourceError):
            await wait()
        group.cancel_scope.cancel()


@pytest.mark.parametrize("use", ["receive", "send"])
async def test_a_cancelled_task_neither_reads_nor_writes(use):
    near, far = memory_pipe()
    await far.send(b"kept")

    with anyio.CancelScope() as scope:
        scope.cancel()
        await (near.send(b"x") if use == "send" else near.receive())

    assert scope.cancelled_caught
    assert await near.receive() == b"kept"
    await near.aclose()
    assert await read_all(far) == b""


async def test_a_slow_reader_holds_a_fast_writer_back():
    near, far = memory_pipe(1_000)
    written = 0

    async def write():
        nonlocal written
        while True:
            await near.send(bytes(100))
            written += 100

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        await anyio.wait_all_tasks_blocked()

        assert written == 1_000
        assert len(await far.receive()) == 1_000
        group.cancel_scope.cancel()


@pytest.mark.parametrize("max_bytes", [0, -1])
async def test_refuses_to_read_nothing(max_bytes):
    near, _far = memory_pipe()

    with pytest.raises(ValueError, match="max_bytes must be at least 1"):
        await near.receive(max_bytes)


def test_refuses_a_pipe_without_room():
    with pytest.raises(ValueError, match="buffer_bytes must be at least 1"):
        memory_pipe(0)


async def test_an_end_is_readable_when_a_read_would_not_wait():
    near, far = memory_pipe()
    seen = [near.is_readable]
    await far.send(b"x")
    seen.append(near.is_readable)
    await near.receive()
    seen.append(near.is_readable)
    await far.aclose()

    assert [*seen, near.is_readable] == [False, True, False, True]
