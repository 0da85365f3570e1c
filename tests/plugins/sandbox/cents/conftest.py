"""The markets of the founding document behind the door of its dialect, and a client of raw bytes."""

import base64
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from framework.model.events import BookReplaced, MarketListed, QuoteTicked
from framework.model.market import DECI_CENT, EventGroup, Market, MarketStatus, Series
from framework.streams import memory_pipe
from framework.testing.builders import HOUR_US, NOW_US
from plugins.sandbox.cents.door import Cents
from plugins.sandbox.server import serve

HIGHNY = "KXHIGHNY-25JAN09-B56.5"
BTC = "KXBTC-26FEB09-B95000"
FINE = "KXFINE-26FEB09-T1"


def listed(ticker, **changes):
    record = Market(
        ticker=ticker,
        event_ticker=ticker.rpartition("-")[0],
        series_ticker=ticker.partition("-")[0],
        title=f"Will {ticker} be?",
        status=MarketStatus.ACTIVE,
        open_us=NOW_US - HOUR_US,
        close_us=NOW_US + HOUR_US,
    )
    return MarketListed(at_us=NOW_US, market=msgspec.structs.replace(record, **changes))


def founding_script():
    """Two markets of the document's, one with a finer grid, and the document's numbers."""
    return [
        listed(HIGHNY),
        listed(BTC),
        listed(FINE, grid=DECI_CENT),
        BookReplaced(
            at_us=NOW_US,
            ticker=HIGHNY,
            yes=((9100, 25_000), (9000, 50_000)),
            no=((700, 15_000), (600, 30_000)),
        ),
        BookReplaced(at_us=NOW_US, ticker=BTC, yes=((4000, 10_000),), no=()),
        BookReplaced(at_us=NOW_US, ticker=FINE, yes=((405, 10_000),), no=((9490, 10_000),)),
        QuoteTicked(
            at_us=NOW_US,
            ticker=HIGHNY,
            last_price_e4=9200,
            volume_e2=1_500_000,
            open_interest_e2=850_000,
        ),
    ]


@pytest.fixture
def founding_world(world):
    """The script and its series and events, put into the world that the doors open."""
    world.script = founding_script()
    tickers = [event.market.ticker for event in world.script if isinstance(event, MarketListed)]
    series = [Series(ticker=ticker.partition("-")[0], title=ticker) for ticker in tickers]
    world.series = {one.ticker: one for one in series}
    groups = [
        EventGroup(
            ticker=ticker.rpartition("-")[0],
            series_ticker=ticker.partition("-")[0],
            title="Which?",
            markets=(ticker,),
        )
        for ticker in tickers
    ]
    world.event_groups = {group.ticker: group for group in groups}
    return world


@pytest.fixture
def open_cents(founding_world, open_door):
    """Return a way to open the founding document's door."""

    def opened(**terms):
        door = open_door(**terms)
        return replace(door, dialect=Cents(door.venue))

    return opened


@pytest.fixture
def cents(open_cents):
    return open_cents()


class Heard:
    """An outbox that a test reads."""

    full = False

    def __init__(self):
        self.messages = []

    def push(self, text):
        self.messages.append(json.loads(text))

    def take(self):
        taken, self.messages = self.messages, []
        return taken


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def crossed():
    """The ladders that the document shows, whose best bids add up to 101 cents."""
    return BookReplaced(
        at_us=NOW_US,
        ticker=HIGHNY,
        yes=((9100, 25_000), (9000, 50_000)),
        no=((900, 15_000), (1000, 30_000)),
    )


class RawClient:
    """HTTP and WebSocket as bytes, written out by hand."""

    def __init__(self, stream, door):
        self._stream = stream
        self._door = door
        self._key = load_pem_private_key(door.keys.private_pem, None)
        self._received = b""

    def signed(self, method, path):
        """Return the document's three headers, made as it says."""
        timestamp_ms = self._door.time() // 1_000
        signature = self._key.sign(
            f"{timestamp_ms}{method}{path}".encode(),
            padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.MAX_LENGTH),
            hashes.SHA256(),
        )
        return (
            f"KALSHI-ACCESS-KEY: {self._door.keys.key_id}\r\n"
            f"KALSHI-ACCESS-SIGNATURE: {base64.b64encode(signature).decode()}\r\n"
            f"KALSHI-ACCESS-TIMESTAMP: {timestamp_ms}\r\n"
        )

    async def ask(self, line, body=""):
        """Send `GET /markets` and the like; return status, head and body."""
        method, _, path = line.partition(" ")
        target = f"/trade-api/v2{path}"
        head = f"{method} {target} HTTP/1.1\r\nHost: cents.sandbox.invalid\r\n"
        head += self.signed(method, target.partition("?")[0])
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n"
        await self._stream.send(f"{head}\r\n{body}".encode())
        return await self._reply()

    async def _reply(self):
        head, _, rest = (await self._until(b"\r\n\r\n")).partition(b"\r\n\r\n")
        self._received = rest
        lines = head.decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        length = int(fields.get("content-length", 0))
        while len(self._received) < length:
            self._received += await self._stream.receive()
        body, self._received = self._received[:length], self._received[length:]
        return int(lines[0].split()[1]), fields, body

    async def _until(self, mark):
        while mark not in self._received:
            self._received += await self._stream.receive()
        return self._received

    async def upgrade(self, *, signed=True):
        """Shake hands; return the status."""
        path = "/trade-api/ws/v2"
        head = (
            f"GET {path} HTTP/1.1\r\nHost: cents.sandbox.invalid\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n"
        )
        await self._stream.send(f"{head}{self.signed('GET', path) if signed else ''}\r\n".encode())
        return (await self._reply())[0]

    async def say(self, text):
        """Send a masked text frame (RFC 6455); a mask of zeros leaves the text as it is."""
        raw = text.encode()
        size = (
            bytes((0x80 | len(raw),)) if len(raw) < 126 else b"\xfe" + len(raw).to_bytes(2, "big")
        )
        await self._stream.send(b"\x81" + size + b"\0\0\0\0" + raw)

    async def frame(self):
        """Return the kind and the bytes of the next frame."""
        await self._at_least(2)
        kind, size, start = self._received[0] & 0x0F, self._received[1], 2
        if size == 126:
            await self._at_least(4)
            size, start = int.from_bytes(self._received[2:4], "big"), 4
        await self._at_least(start + size)
        payload = self._received[start : start + size]
        self._received = self._received[start + size :]
        return kind, payload

    async def hear(self):
        """Return the next text message as JSON."""
        kind, payload = await self.frame()
        assert kind == 1
        return json.loads(payload)

    async def _at_least(self, count):
        while len(self._received) < count:
            self._received += await self._stream.receive()


@pytest.fixture
def connect():
    """Return a way to connect to a door."""

    @asynccontextmanager
    async def connected(door):
        ours, theirs = memory_pipe()
        async with anyio.create_task_group() as group:
            group.start_soon(serve, door.dialect, ours)
            async with theirs:
                yield RawClient(theirs, door)

    return connected


@pytest.fixture(scope="module")
def shared_door(shared_door):
    """The founding document's door of the small world, whose examples share it."""
    door = replace(shared_door, dialect=Cents(shared_door.venue))
    door.happen(*founding_script())
    door.heard = Heard()
    return door
