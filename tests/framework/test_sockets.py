"""A TCP connection over a loopback port; the peer is a plain socket that the test holds."""

import socket
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio import (
    BrokenResourceError,
    BusyResourceError,
    ClosedResourceError,
    EndOfStream,
    WouldBlock,
)
from anyio.abc import SocketAttribute

from framework.errors import ExchangeError
from framework.sockets import MOST_UNREAD, open_network

pytestmark = pytest.mark.loopback


@asynccontextmanager
async def connected():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = await open_network(*listener.getsockname())
        accepted, _ = listener.accept()
        with accepted:
            yield stream, accepted
        await stream.aclose()


async def until(seen):
    with anyio.fail_after(5):
        while not seen():  # noqa: ASYNC110 - the event loop tells nobody
            await anyio.sleep(0.001)


async def test_bytes_go_both_ways():
    async with connected() as (stream, peer):
        await stream.send(b"hello")
        assert peer.recv(100) == b"hello"

        peer.sendall(b"HELLO")
        assert await stream.receive() == b"HELLO"


async def test_a_read_takes_no_more_than_it_asked_for():
    async with connected() as (stream, peer):
        peer.sendall(b"hello")

        assert [await stream.receive(2), await stream.receive(2), await stream.receive(2)] == [
            b"he",
            b"ll",
            b"o",
        ]


async def test_a_write_that_may_not_wait_is_out_when_it_returns():
    async with connected() as (stream, peer):
        stream.send_nowait(b"order")

        assert peer.recv(100) == b"order"


async def test_a_write_that_may_not_wait_is_refused_when_the_system_takes_no_more():
    def write_on(stream):
        for _ in range(1_000):
            stream.send_nowait(b"x" * 100_000)

    async with connected() as (stream, _):
        with pytest.raises(WouldBlock):
            write_on(stream)


async def test_a_write_waits_for_a_slow_reader_and_loses_nothing():
    async with connected() as (stream, peer):
        size, taken = 20_000_000, 0
        peer.setblocking(False)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.send, b"x" * size)
            while taken < size:
                await anyio.wait_readable(peer)
                taken += len(peer.recv(1 << 20))

        assert taken == size


async def test_a_fast_peer_is_held_back_and_loses_nothing():
    async with connected() as (stream, peer):
        size = 20 * MOST_UNREAD
        peer.setblocking(False)
        sent = read = 0

        async def write():
            nonlocal sent
            while sent < size:
                await anyio.wait_writable(peer)
                sent += peer.send(b"x" * min(1 << 20, size - sent))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            await anyio.sleep(0.2)
            held_back = sent < size
            while read < size:
                read += len(await stream.receive(1 << 20))

        assert held_back
        assert read == size


async def test_the_end_is_seen_before_anything_is_written():
    async with connected() as (stream, peer):
        assert not stream.is_readable
        peer.close()
        await until(lambda: stream.is_readable)

        with pytest.raises(EndOfStream):
            await stream.receive()


async def test_what_came_before_the_end_is_read_first():
    async with connected() as (stream, peer):
        peer.sendall(b"last words")
        peer.close()
        await until(lambda: stream._link.has_ended)

        assert await stream.receive() == b"last words"
        with pytest.raises(EndOfStream):
            await stream.receive()


async def test_after_send_eof_the_other_direction_goes_on():
    async with connected() as (stream, peer):
        await stream.send_eof()
        assert peer.recv(10) == b""

        peer.sendall(b"still here")
        assert await stream.receive() == b"still here"


async def test_a_write_to_a_connection_that_was_reset_is_broken():
    async with connected() as (stream, peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
        await until(lambda: stream._link.is_lost)

        with pytest.raises(BrokenResourceError):
            stream.send_nowait(b"x")
        with pytest.raises(BrokenResourceError):
            await stream.send(b"x")


async def test_closing_ends_the_read_that_waits():
    async with connected() as (stream, _):
        async with anyio.create_task_group() as tasks:

            async def read():
                with pytest.raises(ClosedResourceError):
                    await stream.receive()

            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            await stream.aclose()

        with pytest.raises(ClosedResourceError):
            stream.send_nowait(b"x")
        assert stream.is_readable


async def test_two_tasks_can_not_read_at_once():
    async with connected() as (stream, peer), anyio.create_task_group() as tasks:
        tasks.start_soon(stream.receive)
        await anyio.wait_all_tasks_blocked()

        with pytest.raises(BusyResourceError):
            await stream.receive()
        peer.sendall(b"x")


async def test_a_read_given_up_loses_no_byte():
    async with connected() as (stream, peer):
        with anyio.move_on_after(0.01):
            await stream.receive()
        peer.sendall(b"later")

        assert await stream.receive() == b"later"


async def test_a_cancelled_task_does_not_write():
    async with connected() as (stream, peer):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await stream.send(b"x")
        peer.setblocking(False)

        with pytest.raises(BlockingIOError):
            peer.recv(1)


async def test_refuses_to_read_nothing():
    async with connected() as (stream, _):
        with pytest.raises(ValueError, match="at least 1"):
            await stream.receive(0)


async def test_it_names_its_addresses_as_anyio_does():
    async with connected() as (stream, peer):
        assert stream.extra(SocketAttribute.remote_address) == peer.getsockname()  # noqa: S610 - not Django's


async def test_a_refused_connection_names_the_address():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        with pytest.raises(ExchangeError, match=f"can't connect to 127.0.0.1:{port}"):
            await open_network("127.0.0.1", port)
