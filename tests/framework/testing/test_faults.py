"""Each fault does what its name says, at the exact virtual second."""

import anyio
import pytest
from anyio import BrokenResourceError, ClosedResourceError
from anyio.streams.stapled import StapledByteStream
from hypothesis import given
from hypothesis import strategies as st

from framework.clock import VirtualClock, run_virtual
from framework.streams import memory_pipe
from framework.testing.faults import (
    CutStream,
    DelayedStream,
    FaultyStream,
    SilentStream,
    SplitStream,
)


async def read_all(stream):
    return b"".join([part async for part in stream])


def test_a_delayed_read_comes_late():
    async def main(clock: VirtualClock) -> tuple[bytes, int]:
        near, far = memory_pipe()
        await far.send(b"late")
        return await DelayedStream(near, 2.5).receive(), clock.now_us()

    assert run_virtual(main) == (b"late", 2_500_000)


def test_a_delayed_read_given_up_loses_nothing():
    async def main(_: VirtualClock) -> list[bytes]:
        near, far = memory_pipe()
        stream = DelayedStream(near, 2)
        await far.send(b"late")
        with anyio.move_on_after(1):
            await stream.receive()
        return [await stream.receive(3), await stream.receive(3)]

    assert run_virtual(main) == [b"lat", b"e"]


@given(st.binary(min_size=1, max_size=200), st.integers(min_value=1, max_value=20))
def test_split_reads_are_small_and_lose_nothing(content, max_bytes):
    async def main(_: VirtualClock) -> list[bytes]:
        near, far = memory_pipe()
        await far.send(content)
        await far.aclose()
        return [part async for part in SplitStream(near, max_bytes)]

    parts = run_virtual(main)

    assert b"".join(parts) == content
    assert max(map(len, parts)) <= max_bytes


@given(st.binary(max_size=50), st.integers(min_value=0, max_value=60))
def test_a_cut_lets_exactly_so_many_bytes_in(content, received):
    async def main(_: VirtualClock) -> bytes:
        near, far = memory_pipe()
        stream = CutStream(near, received=received)
        await far.send(content)
        await far.aclose()
        read = bytearray()
        try:
            async for part in stream:
                read += part
        except BrokenResourceError:
            assert len(read) == received
        else:
            assert bytes(read) == content
        return bytes(read)

    assert run_virtual(main) == content[:received]


@given(st.lists(st.binary(max_size=20), max_size=5), st.integers(min_value=0, max_value=60))
def test_a_cut_lets_exactly_so_many_bytes_out(parts, sent):
    content = b"".join(parts)

    async def main(_: VirtualClock) -> bytes:
        near, far = memory_pipe()
        stream = CutStream(near, sent=sent)
        try:
            for part in parts:
                await stream.send(part)
        except BrokenResourceError:
            assert len(content) > sent
        await stream.aclose()
        return await read_all(far)

    assert run_virtual(main) == content[:sent]


def test_the_other_end_sees_the_cut():
    async def main(_: VirtualClock) -> None:
        near, far = memory_pipe()
        with pytest.raises(BrokenResourceError):
            await CutStream(near, sent=1).send(b"ab")

        assert await far.receive() == b"a"
        with pytest.raises(BrokenResourceError):
            await far.send(b"x")

    run_virtual(main)


def test_a_silent_stream_leaves_its_reader_to_the_time_out():
    async def main(clock: VirtualClock) -> tuple[bytes, int]:
        near, far = memory_pipe()
        stream = SilentStream(near, received=2)
        await far.send(b"abc")
        came = await stream.receive()
        with anyio.move_on_after(10):
            await stream.receive()
        return came, clock.now_us()

    assert run_virtual(main) == (b"ab", 10_000_000)


def test_what_is_sent_into_silence_is_lost():
    async def main(_: VirtualClock) -> bytes:
        near, far = memory_pipe()
        stream = SilentStream(near)
        await stream.send(b"lost")
        await stream.send_eof()
        await stream.aclose()
        return await read_all(far)

    assert run_virtual(main) == b""


def test_a_silent_stream_speaks_until_its_silence():
    async def main(_: VirtualClock) -> bytes:
        near, far = memory_pipe()
        stream = SilentStream(near, received=1)
        await stream.send(b"heard")
        await stream.send_eof()
        return await read_all(far)

    assert run_virtual(main) == b"heard"


def test_closing_a_silent_stream_wakes_its_reader():
    async def main(_: VirtualClock) -> None:
        stream = SilentStream(memory_pipe()[0])
        async with anyio.create_task_group() as group:

            async def read() -> None:
                with pytest.raises(ClosedResourceError):
                    await stream.receive()

            group.start_soon(read)
            await anyio.sleep(1)
            await stream.aclose()
            with pytest.raises(ClosedResourceError):
                await stream.send(b"x")

    run_virtual(main)


def test_faults_add_up():
    async def main(clock: VirtualClock) -> tuple[list[bytes], int]:
        near, far = memory_pipe()
        await far.send(b"abc")
        await far.aclose()
        stream = SplitStream(DelayedStream(near, 1), 1)
        return [part async for part in stream], clock.now_us()

    assert run_virtual(main) == ([b"a", b"b", b"c"], 3_000_000)


def test_a_wrapped_stream_keeps_its_attributes():
    async def main(_: VirtualClock) -> bool:
        near, far = memory_pipe()
        stream = FaultyStream(StapledByteStream(near, far))
        return stream.extra_attributes.keys() == near.extra_attributes.keys()

    assert run_virtual(main)
