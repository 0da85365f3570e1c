"""A small world with a door: what every test of the sandbox's server starts from."""

import base64
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache

import h11
import msgspec
import pytest
from anyio import EndOfStream, create_task_group
from anyio.abc import ByteStream
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from wsproto import ConnectionType, WSConnection
from wsproto.events import Event, Ping, TextMessage
from wsproto.events import Request as HandshakeRequest

from framework.model.events import (
    AnyEvent,
    BookReplaced,
    MarketListed,
    MarketSettled,
    TradePrinted,
)
from framework.model.market import (
    DECI_CENT,
    EventGroup,
    Market,
    MarketStatus,
    Series,
    Settlement,
)
from framework.model.units import Side
from framework.streams import memory_pipe
from framework.testing.builders import HOUR_US, NOW_US
from plugins.sandbox.auth import Gate, KeyPair, new_key_pair
from plugins.sandbox.core.exchange import NewOrder, SandboxExchange
from plugins.sandbox.dialect import Dialect
from plugins.sandbox.request import Request, request_of
from plugins.sandbox.server import FixedPoint, serve
from plugins.sandbox.venue import Venue

API = "/trade-api/v2"
STREAM = "/trade-api/ws/v2"


class FakeTime:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.at_us = NOW_US

    def __call__(self) -> int:
        return self.at_us

    def pass_seconds(self, seconds: float) -> None:
        self.at_us += round(seconds * 1_000_000)


@dataclass
class ScriptedWorld:
    """A world whose events a test wrote."""

    script: list[AnyEvent] = field(default_factory=list)
    start_us: int = NOW_US
    end_us: int | None = None
    series: dict[str, Series] = field(default_factory=dict)
    event_groups: dict[str, EventGroup] = field(default_factory=dict)

    def events(self) -> Iterator[AnyEvent]:
        return iter(self.script)


def listed(ticker: str, **changes) -> MarketListed:
    record = Market(
        ticker=ticker,
        event_ticker=ticker.rpartition("-")[0],
        series_ticker="KXT",
        title=f"Will {ticker[-1]} win?",
        status=MarketStatus.ACTIVE,
        open_us=NOW_US - HOUR_US,
        close_us=NOW_US + HOUR_US,
    )
    return MarketListed(at_us=NOW_US, market=msgspec.structs.replace(record, **changes))


def small_world() -> ScriptedWorld:
    """Two open markets of one event, one that opens later, one with a finer grid."""
    series = Series(
        ticker="KXT",
        title="Tests",
        category="Sports",
        tags=("Chess",),
        fee_multiplier=Decimal("0.5"),
    )
    first = EventGroup(
        ticker="KXT-E",
        series_ticker="KXT",
        title="Who wins?",
        mutually_exclusive=True,
        markets=("KXT-E-A", "KXT-E-B"),
    )
    second = EventGroup(ticker="KXT-F", series_ticker="KXT", markets=("KXT-F-C", "KXT-F-D"))
    hidden = EventGroup(ticker="KXT-G", series_ticker="KXT", markets=("KXT-G-Z",))
    return ScriptedWorld(
        script=[
            listed("KXT-E-A"),
            listed("KXT-E-B"),
            listed("KXT-F-C", open_us=NOW_US + HOUR_US // 2),
            listed("KXT-F-D", grid=DECI_CENT, shard=2),
            BookReplaced(
                at_us=NOW_US,
                ticker="KXT-E-A",
                yes=((9000, 50_000), (8900, 20_000)),
                no=((800, 30_000), (700, 10_050)),
            ),
            BookReplaced(at_us=NOW_US, ticker="KXT-E-B", yes=((500, 100),), no=()),
            TradePrinted(
                at_us=NOW_US,
                ticker="KXT-E-A",
                trade_id="trade-1",
                yes_price_e4=9200,
                quantity_e2=1_250,
                taker_side=Side.YES,
            ),
        ],
        series={"KXT": series},
        event_groups={group.ticker: group for group in (first, second, hidden)},
    )


class Core:
    """The exchange without its door: one open market M, with its book in cents and contracts."""

    NOW = 1_000_000_000
    CLOSE = NOW + 600_000_000

    def record(self, ticker="M", **more) -> Market:
        terms = {
            "status": MarketStatus.ACTIVE,
            "open_us": self.NOW,
            "close_us": self.CLOSE,
            **more,
        }
        return Market(ticker=ticker, event_ticker="E", **terms)

    def listed(self, **terms) -> MarketListed:
        return MarketListed(at_us=self.NOW, market=self.record(**terms))

    def opened(self, **cash) -> SandboxExchange:
        return SandboxExchange(ScriptedWorld(start_us=self.NOW), **cash)

    def venue(self, yes=((80, 50),), no=((15, 50),), cash=1_000, **terms) -> SandboxExchange:
        exchange = self.opened(cash_e6=cash * 1_000_000)
        exchange.advance(self.listed(**terms))
        exchange.advance(self.book(yes, no))
        return exchange

    def book(self, yes=(), no=(), at_us=NOW, ticker="M") -> BookReplaced:
        levels = [tuple((price * 100, size * 100) for price, size in side) for side in (yes, no)]
        return BookReplaced(at_us=at_us, ticker=ticker, yes=levels[0], no=levels[1])

    def buy(self, side=Side.YES, cents=85, contracts=10, ticker="M", **more) -> NewOrder:
        return NewOrder(
            ticker=ticker,
            side=side,
            limit_e4=round(cents * 100),
            quantity_e2=contracts * 100,
            **more,
        )

    def printed(self, cents, contracts, taker, at_us=NOW, trade_id="t") -> TradePrinted:
        return TradePrinted(
            at_us=at_us,
            ticker="M",
            trade_id=trade_id,
            yes_price_e4=cents * 100,
            quantity_e2=contracts * 100,
            taker_side=taker,
            exchange_us=at_us,
        )

    def settled(self, result="yes", at_us=CLOSE + 10_000_000) -> MarketSettled:
        pays = 10_000 if result == "yes" else 0
        paid = Settlement(ticker="M", at_us=at_us, result=result, yes_pays_e4=pays)
        return MarketSettled(at_us=at_us, settlement=paid)

    def kinds(self, notices) -> list[str]:
        return [type(notice).__name__ for notice in notices]


@pytest.fixture(scope="session")
def core() -> Core:
    return Core()


class WireClient:
    """An HTTP and WebSocket client of h11 and wsproto, so that both ends are not ours."""

    def __init__(self, stream: ByteStream, door: "Door") -> None:
        self.stream = stream
        self._door = door
        self._http = h11.Connection(h11.CLIENT)
        self._socket: WSConnection | None = None

    async def send(
        self, line: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        """Send one request, signed."""
        method, _, target = line.partition(" ")
        sent = {"host": "sandbox.invalid", **self._door.headers(method, target), **(headers or {})}
        if body:
            sent["content-length"] = str(len(body))
        request = h11.Request(method=method, target=target, headers=list(sent.items()))
        raw = self._http.send(request) + (self._http.send(h11.Data(data=body)) if body else b"")
        await self.stream.send(raw + self._http.send(h11.EndOfMessage()))

    async def reply(self) -> tuple[int, dict[str, str], bytes]:
        """Return the status, the headers and the body of one reply."""
        head, body = None, b""
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._receive())
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        headers = {name.decode(): value.decode() for name, value in head.headers}
        return head.status_code, headers, body

    async def ask(self, line: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        await self.send(line, body)
        return await self.reply()

    async def upgrade(self, path: str = STREAM, headers: dict[str, str] | None = None) -> Event:
        """Ask for a WebSocket; return the acceptance or the refusal."""
        signed = self._door.headers("GET", path) if headers is None else headers
        extra = [(name.encode(), value.encode()) for name, value in signed.items()]
        self._socket = WSConnection(ConnectionType.CLIENT)
        request = HandshakeRequest(host="sandbox.invalid", target=path, extra_headers=extra)
        await self.stream.send(self._socket.send(request))
        return await self.event()

    async def say(self, event: Event) -> None:
        await self.stream.send(self._socket.send(event))

    async def command(self, cmd: str, **params) -> None:
        text = msgspec.json.encode({"id": 1, "cmd": cmd, "params": params}).decode()
        await self.say(TextMessage(data=text))

    async def event(self) -> Event:
        """Return the next WebSocket event."""
        while True:
            for event in self._socket.events():
                return event
            self._socket.receive_data(await self._receive() or None)

    async def frame(self) -> dict:
        """Return the next message as JSON, answering pings on the way."""
        text = ""
        while True:
            event = await self.event()
            if isinstance(event, Ping):
                await self.say(event.response())
                continue
            text += event.data
            if event.message_finished:
                return msgspec.json.decode(text)

    async def _receive(self) -> bytes:
        try:
            return await self.stream.receive()
        except EndOfStream:
            return b""


@dataclass
class Door:
    """A venue with its key, its clock and the dialect it is asked in; today's, if nothing is said."""

    venue: Venue
    keys: KeyPair
    time: FakeTime
    dialect: Dialect | None = None

    def __post_init__(self) -> None:
        self.dialect = self.dialect or FixedPoint(self.venue)

    def headers(self, method: str, path: str, *, at_us: int | None = None) -> dict[str, str]:
        """Return signed headers; `path` may have a query, which is not signed."""
        stamp = str((self.time() if at_us is None else at_us) // 1_000)
        return {
            "kalshi-access-key": self.keys.key_id,
            "kalshi-access-timestamp": stamp,
            "kalshi-access-signature": signature_of(
                self.keys.private_pem, f"{stamp}{method}{path.partition('?')[0]}"
            ),
        }

    def request(self, line: str, body: object = None, *, signed: bool = True) -> Request:
        method, _, path = line.partition(" ")
        headers = self.headers(method, API + path) if signed else {}
        raw = b"" if body is None else msgspec.json.encode(body)
        return request_of(method, API + path, headers, raw)

    def ask(self, line: str, body: object = None, *, signed: bool = True) -> tuple[int, dict]:
        """Ask the routes directly, without a connection."""
        reply = self.dialect.answer(self.request(line, body, signed=signed))
        return reply.status, msgspec.json.decode(reply.body) if reply.body else None

    def create(self, **changes) -> tuple[int, dict]:
        """Send a create that would trade at once; a change of None leaves a field out."""
        terms = {
            "ticker": "KXT-E-A",
            "side": "bid",
            "count": "10.00",
            "price": "0.9200",
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
            **changes,
        }
        body = {name: value for name, value in terms.items() if value is not None}
        return self.ask("POST /portfolio/events/orders", body)

    def placed(self, **changes) -> dict:
        """Return the reply to a create that is accepted."""
        status, body = self.create(**changes)

        assert status == 201, body
        return body

    def resting(self, **changes) -> dict:
        """Return the reply to a create that rests."""
        return self.placed(**{"price": "0.9100", **changes})

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[WireClient]:
        """Connect as the adapter does; the server must end once the client is gone."""
        ours, theirs = memory_pipe()
        async with create_task_group() as group:
            group.start_soon(serve, self.dialect, ours)
            async with theirs:
                yield self.client(theirs)

    def client(self, stream: ByteStream) -> WireClient:
        return WireClient(stream, self)

    def happen(self, *events: AnyEvent) -> None:
        for event in events:
            self.venue.publish(self.venue.exchange.advance(event))
        self.venue.flush()


@cache
def _loaded(pem: bytes):
    return load_pem_private_key(pem, None)  # checks the key, which takes longer than signing


def signature_of(pem: bytes, text: str, salt=PSS.DIGEST_LENGTH) -> str:
    key = _loaded(pem)
    raw = key.sign(text.encode(), PSS(MGF1(SHA256()), salt), SHA256())
    return base64.b64encode(raw).decode()


@pytest.fixture(scope="session")
def keys() -> KeyPair:
    return new_key_pair()


@pytest.fixture
def world() -> ScriptedWorld:
    return small_world()


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def open_door(keys, world, time) -> Callable[..., Door]:
    """Return a way to open the small world, with every event already told."""

    def opened(*, rate_limits: bool = False, other_shards=None, **terms) -> Door:
        exchange = SandboxExchange(world, other_shards=other_shards)
        gate = Gate({keys.key_id: keys.public})
        venue = Venue(exchange, gate, time, rate_limits=rate_limits, **terms)
        door = Door(venue, keys, time)
        door.happen(*world.script)
        return door

    return opened


@pytest.fixture
def door(open_door) -> Door:
    return open_door()


@pytest.fixture(scope="session")
def fresh_door(keys) -> Callable[[], Door]:
    """Return a way to open the small world once more, for each example of a property."""

    def opened() -> Door:
        time, script = FakeTime(), small_world()
        gate = Gate({keys.key_id: keys.public})
        door = Door(Venue(SandboxExchange(script), gate, time, rate_limits=False), keys, time)
        door.happen(*script.script)
        return door

    return opened


@pytest.fixture(scope="module")
def shared_door(fresh_door) -> Door:
    """The small world for properties, whose examples share it."""
    return fresh_door()


@pytest.fixture
def sign() -> Callable[[bytes, str], str]:
    """Return a way to sign a text with a private key in PEM."""
    return signature_of
