"""The stream as clients see it: handshake, heartbeat, fragments, one write a moment, the end."""

import json
from datetime import timedelta

import anyio
import msgspec
import pytest
from anyio.abc import ByteStream
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    TextMessage,
)

from framework.clock import run_virtual
from framework.model.events import BookChanged
from framework.model.units import Side
from framework.streams import memory_pipe
from framework.testing.builders import NOW_US
from plugins.sandbox.faults import Faults
from plugins.sandbox.server import FixedPoint, serve
from plugins.sandbox.websocket import HEARTBEAT, MAX_COMMAND, Outbox, Session

STREAM = "/trade-api/ws/v2"


def delta(change_e2=-100, at_us=NOW_US):
    return BookChanged(
        at_us=at_us, ticker="KXT-E-A", side=Side.YES, price_e4=9000, change_e2=change_e2
    )


# -------------------------------------------------------------------------------- handshake


async def test_a_signed_handshake_is_accepted_and_dated(door):
    async with door.connect() as client:
        accepted = await client.upgrade()

    assert isinstance(accepted, AcceptConnection)
    assert (b"date", b"Thu, 15 Jan 2026 12:00:00 GMT") in accepted.extra_headers


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        (STREAM, {}, 401, "token_authentication_failure"),
        (STREAM, {"kalshi-access-key": "x"}, 401, "signature_is_missing_from_headers"),
        ("/trade-api/ws/v1", {}, 404, "not_found"),
    ],
)
async def test_an_unsigned_handshake_is_refused_in_http(door, path, headers, status, code):
    async with door.connect() as client:
        refused = await client.upgrade(path, headers)
        body = b""
        while not (isinstance(event := await client.event(), RejectData) and event.body_finished):
            body += event.data

    assert isinstance(refused, RejectConnection)
    assert refused.status_code == status
    assert json.loads(body)["error"]["code"] == code


async def test_a_signature_for_rest_does_not_open_the_stream(door):
    async with door.connect() as client:
        refused = await client.upgrade(
            headers=door.headers("GET", "/trade-api/v2/portfolio/balance")
        )

    assert refused.status_code == 401


@pytest.mark.parametrize("missing", ["sec-websocket-key", "sec-websocket-version", "connection"])
async def test_a_broken_handshake_is_a_400_and_http_goes_on(door, missing):
    headers = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
    }
    del headers[missing]
    async with door.connect() as client:
        await client.send(f"GET {STREAM}", headers=headers)
        refused = await client.reply()
        served = await client.ask("GET /trade-api/v2/exchange/status")

    assert (refused[0], served[0]) == (400, 200)


async def test_commands_sent_with_the_handshake_are_heard(door):
    async with door.connect() as client:
        text = '{"id":1,"cmd":"list_subscriptions"}'
        protocol = Connection(ConnectionType.CLIENT)
        early = protocol.send(TextMessage(data=text))
        headers = {
            "connection": "Upgrade",
            "upgrade": "websocket",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
            "sec-websocket-version": "13",
        } | door.headers("GET", STREAM)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        raw = f"GET {STREAM} HTTP/1.1\r\nhost: x\r\n{head}\r\n".encode()
        await client.stream.send(raw + early)
        received = b""
        while b'"ok"' not in received:
            received += await client.stream.receive()

    assert received.startswith(b"HTTP/1.1 101 ")


# --------------------------------------------------------------------------------- messages


async def test_a_command_gets_its_reply_and_data_follows(door):
    async with door.connect() as client:
        await client.upgrade()
        await client.command("subscribe", channels=["orderbook_delta"], market_ticker="KXT-E-A")
        first, second = await client.frame(), await client.frame()
        door.happen(delta())
        third = await client.frame()

    assert [first["type"], second["type"], third["type"]] == [
        "subscribed",
        "orderbook_snapshot",
        "orderbook_delta",
    ]
    assert (second["seq"], third["seq"]) == (1, 2)


@pytest.mark.parametrize("kind", [TextMessage, BytesMessage])
async def test_a_command_in_fragments_is_put_together(door, kind):
    text = '{"id":5,"cmd":"list_subscriptions"}'
    parts = [text[:5], text[5:20], text[20:]]
    if kind is BytesMessage:
        parts = [part.encode() for part in parts]
    async with door.connect() as client:
        await client.upgrade()
        for part in parts[:-1]:
            await client.say(kind(data=part, message_finished=False))
        await client.say(Ping(payload=b"between"))
        await client.say(kind(data=parts[-1]))
        pong, answer = await client.event(), await client.frame()

    assert pong == Pong(payload=b"between")
    assert (answer["type"], answer["id"], answer["msg"]) == ("ok", 5, [])


async def test_a_command_without_end_closes_the_connection(door):
    async with door.connect() as client:
        await client.upgrade()
        await client.say(TextMessage(data="x" * MAX_COMMAND, message_finished=False))
        await client.say(TextMessage(data="x", message_finished=False))
        closed = await client.event()

    assert isinstance(closed, CloseConnection)
    assert closed.code == 1009


async def test_a_client_may_close(door):
    async with door.connect() as client:
        await client.upgrade()
        await client.say(CloseConnection(code=1000, reason="done"))
        closed = await client.event()

    assert (closed.code, closed.reason) == (1000, "done")
    assert door.venue._flushes == []


async def test_frames_that_break_the_protocol_close_the_connection(door):
    async with door.connect() as client:
        await client.upgrade()
        await client.stream.send(b"\xff\x80\x00\x00\x00\x00")
        closed = await client.event()

    assert isinstance(closed, CloseConnection)
    assert closed.code == 1002


async def test_a_client_that_vanishes_leaves_no_subscription(door):
    async with door.connect() as client:
        await client.upgrade()
        await client.command("subscribe", channels=["trade", "fill"])
        await client.frame()

    assert door.venue._flushes == []
    assert door.venue.feed.audience.deserted


# --------------------------------------------------------------------- writes and slow clients


class Writes(ByteStream):
    """A stream that keeps every write apart, and may be held up."""

    def __init__(self, inner):
        self.inner = inner
        self.writes = []
        self.open = anyio.Event()
        self.open.set()

    async def receive(self, max_bytes=65_536):
        return await self.inner.receive(max_bytes)

    async def send(self, item):
        await self.open.wait()
        self.writes.append(bytes(item))

    async def send_eof(self):
        await self.inner.send_eof()

    async def aclose(self):
        await self.inner.aclose()


class Told:
    """A session over a held-up stream, and a protocol to read its writes with."""

    def __init__(self, door, buffer):
        ours, self.client = memory_pipe()
        self.stream = Writes(ours)
        self.session = Session(
            FixedPoint(door.venue), self.stream, Connection(ConnectionType.SERVER), buffer=buffer
        )
        self.protocol = Connection(ConnectionType.CLIENT)

    async def command(self, cmd, **params):
        text = msgspec.json.encode({"id": 1, "cmd": cmd, "params": params}).decode()
        await self.client.send(self.protocol.send(TextMessage(data=text)))
        await anyio.wait_all_tasks_blocked()

    def frames(self):
        for write in self.stream.writes:
            self.protocol.receive_data(write)
        return [json.loads(event.data) for event in self.protocol.events()]


async def test_everything_of_one_moment_is_one_write(door):
    told = Told(door, 1_000_000)
    async with anyio.create_task_group() as group:
        group.start_soon(told.session.run, b"")
        await told.command("subscribe", channels=["orderbook_delta"], market_ticker="KXT-E-A")
        before = len(told.stream.writes)
        door.happen(delta(), delta(), delta())
        await anyio.wait_all_tasks_blocked()
        after = len(told.stream.writes)
        group.cancel_scope.cancel()

    assert (before, after) == (1, 2)
    assert [frame["seq"] for frame in told.frames()[1:]] == [1, 2, 3, 4]


async def test_a_client_that_does_not_read_is_told_that_it_overflowed(door):
    told = Told(door, 2_000)
    async with anyio.create_task_group() as group:
        group.start_soon(told.session.run, b"")
        await told.command("subscribe", channels=["orderbook_delta"], market_ticker="KXT-E-A")
        told.stream.open = anyio.Event()
        for _ in range(100):
            door.happen(delta(change_e2=1))
            await anyio.wait_all_tasks_blocked()
        told.stream.open.set()
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    frames = told.frames()[1:]

    assert sum(map(len, told.stream.writes)) < 5_000
    assert (frames[-1]["type"], frames[-1]["msg"]["code"]) == ("error", 25)
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))


async def test_a_client_that_does_not_read_is_not_listened_to(door):
    told = Told(door, 2_000)
    async with anyio.create_task_group() as group:
        group.start_soon(told.session.run, b"")
        await anyio.wait_all_tasks_blocked()
        told.stream.open = anyio.Event()
        for _ in range(500):
            await told.command("list_subscriptions")
        waiting = len(told.session._outbox._waiting)
        told.stream.open.set()
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()

    assert waiting < 3_000
    assert len(told.frames()) == 500


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_message_is_framed_as_the_library_frames_it(length):
    text = "x" * length
    outbox = Outbox(Connection(ConnectionType.SERVER))
    outbox.push(text.encode())

    assert outbox.take() == Connection(ConnectionType.SERVER).send(TextMessage(data=text))


async def test_a_stream_in_memory_has_its_frames_at_the_flush(door):
    async with door.connect() as client:
        await client.upgrade()
        await client.command("subscribe", channels=["orderbook_delta"], market_ticker="KXT-E-A")
        await client.frame()
        await client.frame()
        door.happen(delta())
        arrived = bytes(client.stream._incoming.held)  # looked at before any task had a turn

    assert b"orderbook_delta" in arrived


async def test_more_than_a_stream_in_memory_has_room_for_waits_for_the_writer(door):
    async with door.connect() as client:
        await client.upgrade()
        await client.command("subscribe", channels=["orderbook_delta"], market_ticker="KXT-E-A")
        await anyio.wait_all_tasks_blocked()
        for _ in range(1_000):
            door.happen(delta(change_e2=1))
        frames = [await client.frame() for _ in range(1_002)]

    assert [frame["seq"] for frame in frames[1:]] == list(range(1, 1_002))


def test_nothing_is_said_after_the_close():
    protocol = Connection(ConnectionType.SERVER)
    outbox = Outbox(protocol)
    outbox.say(CloseConnection(code=1000))
    closed = outbox.take()
    outbox.push(b'"late"')

    assert protocol.state is ConnectionState.LOCAL_CLOSING
    assert (len(closed) > 0, outbox.take()) == (True, b"")


# -------------------------------------------------------------------------------- heartbeat


def test_the_heartbeat_comes_every_ten_seconds_of_virtual_time(door):
    async def main(clock):
        beats = []
        ours, theirs = memory_pipe()
        async with anyio.create_task_group() as group:
            group.start_soon(serve, FixedPoint(door.venue), ours)
            client = door.client(theirs)
            await client.upgrade()
            while len(beats) < 5:
                event = await client.event()
                beats.append((clock.now_us(), event.payload))
                await client.say(event.response())
            await theirs.aclose()
        return beats

    beats = run_virtual(main)

    assert beats == [(second * 1_000_000, HEARTBEAT) for second in (10, 20, 30, 40, 50)]


def test_a_client_that_answers_no_heartbeat_is_dropped(door):
    async def main(clock):
        ours, theirs = memory_pipe()
        async with anyio.create_task_group() as group:
            group.start_soon(serve, FixedPoint(door.venue), ours)
            client = door.client(theirs)
            await client.upgrade()
            heard = [await client.event() for _ in range(4)]
            await theirs.aclose()
        return clock.now_us(), heard

    now_us, heard = run_virtual(main)

    assert now_us == 40_000_000
    assert heard[:3] == [Ping(payload=HEARTBEAT)] * 3
    assert heard[3].code == 1008


def test_any_byte_of_the_client_is_a_sign_of_life(door):
    async def main(clock):
        ours, theirs = memory_pipe()
        async with anyio.create_task_group() as group:
            group.start_soon(serve, FixedPoint(door.venue), ours)
            client = door.client(theirs)
            await client.upgrade()
            for _ in range(12):
                await clock.sleep(15)
                await client.say(Pong(payload=b"alive"))
            await client.command("list_subscriptions")
            answer = await client.frame()
            await theirs.aclose()
        return answer["type"]

    assert run_virtual(main) == "ok"


def test_a_late_stream_keeps_its_order(open_door):
    faults = Faults(stream_delay=timedelta(milliseconds=250))

    async def main(clock):
        door = open_door(faults=faults)
        async with door.connect() as client:
            await client.upgrade()
            asked = anyio.current_time()
            await client.command(
                "subscribe", channels=["orderbook_delta"], market_tickers=["KXT-E-A"]
            )
            first = await client.frame()
            waited = anyio.current_time() - asked
            door.happen(delta(), delta())
            rest = [await client.frame() for _ in range(3)]
        return first["type"], waited, [frame["seq"] for frame in rest]

    kind, waited, numbers = run_virtual(main)

    assert (kind, numbers) == ("subscribed", [1, 2, 3])
    assert waited == pytest.approx(0.25)


def test_late_replies_leave_after_their_delay(open_door):
    faults = Faults(reply_delay=timedelta(seconds=2))

    async def main(clock):
        door = open_door(faults=faults)
        async with door.connect() as client:
            asked = anyio.current_time()
            status, _, _ = await client.ask("GET /trade-api/v2/exchange/status")
            return status, anyio.current_time() - asked

    assert run_virtual(main) == (200, pytest.approx(2))
