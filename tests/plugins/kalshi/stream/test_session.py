from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
from httpx_ws import WebSocketUpgradeError

from plugins.kalshi.stream.session import Session, StockSession, StreamDropped, open_session
from plugins.kalshi.transport.client import BODY, open_client

URL = httpx.URL("ws://127.0.0.1/trade-api/ws/v2")


@pytest.fixture
def converse(play, server):
    """Run `test(session, socket, run)` on one open WebSocket."""

    def converse(test, session_class=Session):
        async def main(run):
            async with opened(run, session_class) as session:
                while not server.sockets:
                    await anyio.lowlevel.checkpoint()
                async with anyio.create_task_group() as beside:
                    beside.start_soon(session.watch)
                    found = await test(session, server.socket, run)
                    beside.cancel_scope.cancel()
                return found

        return play(main)

    return converse


@asynccontextmanager
async def opened(run, session_class=Session):
    async with (
        open_client(run, use_tls=False) as client,
        open_session(client, URL, {"X-Test": "1"}, session_class) as session,
    ):
        yield session


async def dropped(session):
    with pytest.raises(StreamDropped) as told:
        await session.read()

    return str(told.value)


def test_one_read_gives_every_message_that_it_completed(converse):
    async def main(session, socket, run):
        await socket.say({"n": 1}, {"n": 2}, {"n": 3})
        return await session.read()

    assert converse(main) == [b'{"n": 1}', b'{"n": 2}', b'{"n": 3}']


def test_a_message_cut_in_two_is_given_whole_when_it_is_whole(converse):
    async def main(session, socket, run):
        data = socket.framed({"n": 1}) + socket.framed({"n": 2})
        await socket.write(data[:13])
        first = await session.read()
        await socket.write(data[13:])
        return first, await session.read()

    assert converse(main) == ([b'{"n": 1}'], [b'{"n": 2}'])


def test_every_split_of_the_bytes_gives_the_same_messages(converse):
    async def main(session, socket, run):
        data = b"".join(socket.framed({"n": n}) for n in range(3))
        heard = []
        for byte in data:
            await socket.write(bytes([byte]))
            heard += await session.read()
        return heard

    assert converse(main) == [b'{"n": 0}', b'{"n": 1}', b'{"n": 2}']


def test_a_ping_is_answered_and_gives_no_message(converse):
    async def main(session, socket, run):
        await socket.ping(b"heartbeat")
        said = await session.read()
        await run.clock.sleep(0.001)
        return said, socket.pongs

    assert converse(main) == ([], [b"heartbeat"])


def test_silence_of_25_seconds_drops_the_connection(converse, server):
    async def main(session, socket, run):
        return await dropped(session), server.elapsed_s()

    assert converse(main) == ("nothing arrived for 25 s", 25)


def test_a_ping_breaks_the_silence(converse, server):
    async def main(session, socket, run):
        async def ping():
            for _ in range(5):
                await run.clock.sleep(20)
                await socket.ping()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ping)
            for _ in range(5):
                await session.read()
            await dropped(session)
        return server.elapsed_s()

    assert converse(main) == 125


def test_half_a_message_breaks_the_silence_only_once(converse, server):
    async def main(session, socket, run):
        await run.clock.sleep(10)
        await socket.write(socket.framed({"n": 1})[:3])
        assert await session.read() == []
        await dropped(session)
        return server.elapsed_s()

    assert converse(main) == 35


def test_the_end_of_the_connection_is_told(converse):
    async def main(session, socket, run):
        await socket.drop()
        return await dropped(session)

    assert converse(main) == "the exchange closed the connection"


def test_messages_before_a_close_still_count_and_the_end_is_told_at_once(converse, server):
    async def main(session, socket, run):
        await socket.say({"n": 1})
        await socket.close(1001)
        return await session.read(), await dropped(session), server.elapsed_s()

    assert converse(main) == ([b'{"n": 1}'], "closed with 1001", 0)


def test_a_close_tells_its_code(converse):
    async def main(session, socket, run):
        await socket.close(1012)
        return await dropped(session)

    assert converse(main) == "closed with 1012"


def test_bytes_that_are_no_frame_drop_the_connection(converse):
    async def main(session, socket, run):
        await socket.write(b"\xff" * 40)
        return await dropped(session)

    assert converse(main).startswith("closed with 1002")


def test_a_command_on_a_dead_connection_is_not_an_error(converse):
    async def main(session, socket, run):
        assert await session.say('{"id": 1, "cmd": "x", "params": {}}')
        await run.clock.sleep(0.001)
        await socket.drop()
        await session.say("{}")
        return await session.say("{}"), socket.commands

    said, commands = converse(main)
    assert said is False
    assert commands == [{"id": 1, "cmd": "x", "params": {}}]


def test_closing_waits_a_second_at_most_for_a_peer_that_does_not_read(play, server):
    async def main(run):
        async with opened(run) as session:
            ours = session.stream._stream._stream
            ours._outgoing.held += b"x" * ours._outgoing.room
        return server.elapsed_s()

    assert play(main) == 1


def stuff(session):
    """Fill the connection up, as a peer that reads no more leaves it."""
    lane = connection(session)._outgoing
    lane.held += b"x" * lane.room


def connection(session):
    stream = session.stream
    while hasattr(stream, "_stream"):
        stream = stream._stream
    return stream


@pytest.mark.parametrize("session_class", [Session, StockSession])
def test_a_ping_that_can_not_be_answered_in_time_drops_the_connection(
    converse, server, session_class
):
    async def main(session, socket, run):
        stuff(session)
        await socket.ping()
        return await dropped(session), server.elapsed_s()

    why, at_s = converse(main, session_class)
    assert why in {"a ping could not be answered", "the connection broke: WebSocketNetworkError"}
    assert at_s <= 10


@pytest.mark.parametrize("session_class", [Session, StockSession])
def test_a_command_that_nobody_takes_ends_the_connection(converse, server, session_class):
    async def main(session, socket, run):
        stuff(session)
        assert not await session.say("{}")
        await dropped(session)
        return server.elapsed_s()

    assert converse(main, session_class) <= 10


TOO_LONG = bytes([0x81, 127]) + (1 << 40).to_bytes(8)
ENDLESS = bytes([0x01, 1]) + b"a" + bytes([0x00, 127]) + (64 * 1024 * 1024).to_bytes(8)


@pytest.mark.parametrize("session_class", [Session, StockSession])
@pytest.mark.parametrize("data", [TOO_LONG, ENDLESS])
def test_a_message_longer_than_any_is_not_waited_for(converse, server, session_class, data):
    async def main(session, socket, run):
        await socket.write(data)
        return await dropped(session), server.elapsed_s()

    told = "closed with 1009 a message is longer than any the exchange may send"
    assert converse(main, session_class) == (told, 0)


@pytest.mark.parametrize("session_class", [Session, StockSession])
def test_a_message_whose_fragments_never_end_is_given_up_though_pings_go_on(
    converse, server, session_class
):
    async def main(session, socket, run):
        async def go_on():
            await socket.write(b"\x01\x01a")
            for _ in range(6):
                await run.clock.sleep(9)
                await socket.write(b"\x00\x01a" + b"\x89\x00")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(go_on)
            try:
                while True:
                    assert await session.read() == []
            except StreamDropped as why:
                tasks.cancel_scope.cancel()
                return str(why), server.elapsed_s()

    assert converse(main, session_class) == ("a message was not finished within 25 s", 27)


def test_fragments_that_end_in_time_are_a_message(converse):
    async def main(session, socket, run):
        for piece in (b"\x01\x01{", b"\x80\x01}", b"\x81\x02[]"):
            await run.clock.sleep(20)
            await socket.write(piece)
            heard.extend(await session.read())

    heard = []
    converse(main)

    assert heard == [b"{}", b"[]"]


@pytest.mark.parametrize("session_class", [Session, StockSession])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x02\xff\xfe", 1007),
        (b"\xc1\x02{}", 1002),
        (b"\x81\x82\x00\x00\x00\x00{}", 1002),
    ],
    ids=["invalid UTF-8", "a reserved bit", "a masked frame"],
)
def test_both_sessions_end_with_the_same_code(converse, session_class, data, code):
    async def main(session, socket, run):
        await socket.write(data)
        return await dropped(session)

    assert converse(main, session_class).startswith(f"closed with {code}")


def test_a_refused_handshake_shows_the_answer(play, server):
    server.handshakes.append(401)

    async def main(run):
        with pytest.raises(WebSocketUpgradeError) as told:
            async with opened(run):
                pass

        return told.value.response

    response = play(main)
    assert response.status_code == 401
    assert b"token_authentication_failure" in response.extensions[BODY]


def test_no_connection_is_a_drop(play, server):
    server.refuses_connections = True

    async def main(run):
        with pytest.raises(StreamDropped, match="no connection"):
            async with opened(run):
                pass

    play(main)


def test_the_handshake_carries_the_headers(converse):
    async def main(session, socket, run):
        return socket.headers["x-test"]

    assert converse(main) == "1"


def test_the_stock_session_gives_the_same_messages_one_by_one(converse):
    async def main(session, socket, run):
        await socket.say({"n": 1}, {"n": 2})
        await socket.ping(b"heartbeat")
        heard = [await session.read(), await session.read()]
        await run.clock.sleep(0.001)
        return heard, socket.pongs

    assert converse(main, StockSession) == ([[b'{"n": 1}'], [b'{"n": 2}']], [b"heartbeat"])


def test_the_stock_session_tells_the_close(converse):
    async def main(session, socket, run):
        await socket.close(1012)
        return await dropped(session)

    assert converse(main, StockSession) == "closed with 1012"


def test_the_stock_session_tells_the_end_of_the_connection(converse):
    async def main(session, socket, run):
        await socket.drop()
        return await dropped(session)

    assert converse(main, StockSession).startswith("the connection broke")


def test_the_stock_session_sends_commands(converse):
    async def main(session, socket, run):
        assert await session.say('{"id": 1, "cmd": "x", "params": {}}')
        await run.clock.sleep(0.001)
        return socket.commands

    assert converse(main, StockSession) == [{"id": 1, "cmd": "x", "params": {}}]


def test_a_close_that_comes_with_a_ping_is_the_reason(converse):
    async def main(session, socket, run):
        await socket.write(b"\x89\x01?\x88\x02\x03\xf0")
        await socket.drop()
        return await dropped(session)

    assert converse(main) == "closed with 1008"
