import socket
import ssl

import anyio
import httpcore
import httpx
import pytest
from anyio.streams.tls import TLSStream

from framework.clock import run_virtual
from framework.errors import ExchangeError
from framework.sockets import open_network
from framework.streams import memory_pipe
from plugins.kalshi.transport.network import (
    ConnectedStream,
    RunBackend,
    RunTransport,
    SecureStream,
)


@pytest.fixture
def on_time():
    """Run on virtual time and return the result and the second at which it ended."""

    def on_time(test):
        async def main(clock):
            return await test(), clock.now_us() / 1_000_000

        return run_virtual(main)

    return on_time


async def failing(kind, action):
    with pytest.raises(kind) as told:
        await action

    return str(told.value)


def test_a_read_times_out_at_the_exact_second(on_time):
    async def main():
        ours, _theirs = memory_pipe()
        await failing(httpcore.ReadTimeout, ConnectedStream(ours).read(10, 7.5))

    assert on_time(main) == (None, 7.5)


def test_a_write_times_out_when_nobody_reads(on_time):
    async def main():
        ours, _theirs = memory_pipe(10)
        await failing(httpcore.WriteTimeout, ConnectedStream(ours).write(b"x" * 11, 3))

    assert on_time(main) == (None, 3)


def test_a_write_without_a_limit_of_its_own_ends_as_a_lost_connection(on_time):
    async def main():
        ours, _theirs = memory_pipe(10)
        await failing(httpcore.WriteError, ConnectedStream(ours).write(b"x" * 11))

    assert on_time(main) == (None, 5)


def test_a_connection_times_out_at_the_exact_second(on_time):
    async def main():
        async def never(host, port):
            await anyio.sleep_forever()

        await failing(httpcore.ConnectTimeout, RunBackend(never).connect_tcp("h", 1, 5))

    assert on_time(main) == (None, 5)


def test_a_read_takes_what_is_there_and_nothing_at_the_end(on_time):
    async def main():
        ours, theirs = memory_pipe()
        stream = ConnectedStream(ours)
        await theirs.send(b"abc")
        first = await stream.read(2, 1)
        second = await stream.read(10, 1)
        await theirs.aclose()
        return first, second, await stream.read(10, 1)

    assert on_time(main)[0] == (b"ab", b"c", b"")


def test_a_closed_stream_breaks_reads_and_writes(on_time):
    async def main():
        ours, theirs = memory_pipe()
        stream = ConnectedStream(ours)
        await theirs.aclose()
        await failing(httpcore.WriteError, stream.write(b"x", 1))
        await stream.aclose()
        await failing(httpcore.ReadError, stream.read(1, 1))

    on_time(main)


def test_nobody_listening_is_a_failed_connection(on_time):
    async def main():
        async def refuse(host, port):
            raise ExchangeError(f"nobody listens at {host}:{port}")

        return await failing(httpcore.ConnectError, RunBackend(refuse).connect_tcp("h", 1, 5))

    assert on_time(main)[0] == "nobody listens at h:1"


def test_httpx_sees_its_own_exceptions(on_time):
    async def main():
        async def hang(host, port):
            ours, theirs = memory_pipe()
            kept.append(theirs)
            return ours

        kept = []
        async with httpx.AsyncClient(transport=RunTransport(hang, use_tls=False)) as client:
            await failing(httpx.ReadTimeout, client.get("http://h/", timeout=4))

    assert on_time(main)[1] == 4


def test_a_body_cut_in_the_middle_is_an_error(on_time):
    async def main():
        async def cut(host, port):
            ours, theirs = memory_pipe()
            await theirs.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            await theirs.aclose()
            return ours

        async with httpx.AsyncClient(transport=RunTransport(cut, use_tls=False)) as client:
            await failing(httpx.TransportError, client.get("http://h/"))

    on_time(main)


def test_every_connection_is_opened_through_the_run(on_time):
    async def main():
        asked = []

        async def connect(host, port):
            asked.append((host, port))
            raise ExchangeError("closed")

        transport = RunTransport(connect, use_tls=False)
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            await failing(httpx.ConnectError, client.get("http://api.example/x"))
            await failing(httpx.ConnectError, client.get("http://api.example:81/x"))
        return asked

    assert on_time(main)[0] == [("api.example", 80), ("api.example", 81)]


async def tls_server(stream, folder):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    secured = await TLSStream.wrap(
        stream, ssl_context=context, server_side=True, standard_compatible=False
    )
    await secured.send(b"hello " + await secured.receive())


def test_tls_runs_above_the_runs_streams(on_time, certificate):
    async def main():
        ours, theirs = memory_pipe()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tls_server, theirs, certificate)
            trusted = ssl.create_default_context(cafile=certificate / "cert.pem")
            stream = await ConnectedStream(ours).start_tls(trusted, "api.example", 5)
            await stream.write(b"you", 5)
            assert stream.get_extra_info("ssl_object") is not None
            return await stream.read(100, 5)

    assert on_time(main)[0] == b"hello you"


def test_tls_can_be_written_without_waiting_as_long_as_there_is_room_below(on_time, certificate):
    async def main():
        ours, theirs = memory_pipe(4_096)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tls_server, theirs, certificate)
            trusted = ssl.create_default_context(cafile=certificate / "cert.pem")
            stream = await SecureStream.wrap(
                ours, hostname="api.example", ssl_context=trusted, standard_compatible=False
            )
            with pytest.raises(anyio.WouldBlock):
                stream.send_nowait(b"x" * 4_000)  # would fit if it were not encrypted
            stream.send_nowait(b"you")
            return await stream.receive(), stream.is_readable

    assert on_time(main)[0][0] == b"hello you"


@pytest.mark.parametrize("name", ["other.example", "api.example"])
def test_tls_refuses_a_certificate_of_another_name_or_signer(on_time, certificate, name):
    async def main():
        ours, theirs = memory_pipe()

        async def serve():
            with pytest.raises((ssl.SSLError, anyio.BrokenResourceError, anyio.EndOfStream)):
                await tls_server(theirs, certificate)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            cafile = certificate / "cert.pem" if name == "other.example" else None
            trusted = ssl.create_default_context(cafile=cafile)
            await failing(httpcore.ConnectError, ConnectedStream(ours).start_tls(trusted, name, 5))

    on_time(main)


@pytest.mark.loopback
async def test_an_idle_connection_that_was_closed_is_noticed():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = ConnectedStream(await open_network(*listener.getsockname()))
        accepted, _ = listener.accept()

        assert not stream.get_extra_info("is_readable")
        accepted.close()
        await anyio.wait_all_tasks_blocked()
        await anyio.sleep(0.01)
        assert stream.get_extra_info("is_readable")
        await stream.aclose()
        assert stream.get_extra_info("is_readable")


def test_the_end_of_a_connection_in_memory_is_noticed_too(on_time):
    async def main():
        ours, theirs = memory_pipe()
        before = ConnectedStream(ours).get_extra_info("is_readable")
        await theirs.aclose()
        return before, ConnectedStream(ours).get_extra_info("is_readable")

    assert on_time(main)[0] == (False, True)
