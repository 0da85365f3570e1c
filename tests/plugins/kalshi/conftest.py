"""A scripted exchange on the wire, and runs on virtual time that connect to it.

The server is h11 and wsproto over a byte stream in memory, so the adapter under test is whole:
connections, time-outs, pings and half-written frames are real. What it answers is the test's.
"""

import json
import subprocess
from collections import defaultdict, deque
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import formatdate
from inspect import getmembers, isawaitable, signature
from itertools import count
from pathlib import Path
from random import Random  # noqa: TID251 - the type of a run's generator
from uuid import UUID

import anyio
import h11
import pytest
import wsproto
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from wsproto.events import AcceptConnection, CloseConnection, Ping, Pong, RejectConnection, Request
from wsproto.events import TextMessage as Text

from framework.clock import run_virtual
from framework.errors import ExchangeError
from framework.run import Credentials, Mode, RunOptions
from framework.streams import memory_pipe
from plugins.kalshi import Kalshi
from plugins.kalshi.codec.fixed_point import FixedPoint
from plugins.kalshi.hosts import addresses
from plugins.kalshi.markets.candles import Period
from plugins.kalshi.markets.market_filter import MarketFilter
from plugins.kalshi.transport.client import open_client
from plugins.kalshi.transport.lane import open_lanes
from plugins.kalshi.transport.network import opener
from plugins.kalshi.transport.rest import Rest
from plugins.kalshi.transport.signing import Signer

START_US = 1_768_478_400_000_000
"""2026-01-15 12:00 UTC, where every run in these tests starts."""
ROOT = "/trade-api/v2"


class Seen:
    """One request as it arrived."""

    def __init__(self, at_s, method, target, headers, body):
        self.at_s = at_s
        self.method = method
        self.path, _, query = target.partition("?")
        self.path = self.path.removeprefix(ROOT)
        self.query = dict(part.split("=", 1) for part in query.split("&") if part)
        self.headers = headers
        self.body = json.loads(body) if body else None

    def __repr__(self):
        return f"{self.method} {self.path} {self.query} {self.body}"


class Socket:
    """One WebSocket connection, seen from the exchange."""

    def __init__(self, stream, wire, headers, at_s):
        self._stream, self._wire = stream, wire
        self.headers, self.opened_s = headers, at_s
        self.commands = []
        self.pongs = []

    async def say(self, *messages):
        """Send messages in one write."""
        data = b"".join(self._wire.send(Text(data=json.dumps(m))) for m in messages)
        await self._stream.send(data)

    async def write(self, data):
        """Send raw bytes, whatever they are."""
        await self._stream.send(data)

    def framed(self, message):
        """Return the bytes of one message."""
        return self._wire.send(Text(data=json.dumps(message)))

    async def ping(self, payload=b"heartbeat"):
        await self._stream.send(self._wire.send(Ping(payload=payload)))

    async def close(self, code=1000):
        await self._stream.send(self._wire.send(CloseConnection(code=code)))

    async def drop(self):
        """End the connection without a word."""
        await self._stream.aclose()

    def sent(self, cmd):
        """Return the params of the commands of one kind."""
        return [command["params"] for command in self.commands if command["cmd"] == cmd]


class ScriptedExchange:
    """Answers what a test tells it to.

    Attributes:
        requests: Every REST request that arrived, in order.
        sockets: Every WebSocket that was opened, in order.
        handshakes: Statuses for the next handshakes; 101 when empty.
        answers_commands: Whether commands are answered as the exchange would.
        books: What a snapshot of a market shows, as (yes levels, no levels).
    """

    def __init__(self):
        self.clock = None
        self.requests = []
        self.sockets = []
        self.handshakes = deque()
        self.refuses_connections = False
        self.answers_commands = True
        self.books = defaultdict(lambda: ([["0.4000", "10.00"]], [["0.5500", "20.00"]]))
        self.skew_s = 0
        self._answers = defaultdict(deque)
        self._always = {}
        self._sids = {}
        self._seqs = defaultdict(int)
        self._listed = defaultdict(list)
        self.always("GET", "/exchange/user_data_timestamp", {"as_of_time": "2026-01-15T12:00:00Z"})
        self.always("GET", "/portfolio/balance", {"balance": 1000, "balance_dollars": "10.0000"})
        for path, key in (
            ("orders", "orders"),
            ("fills", "fills"),
            ("positions", "market_positions"),
            ("settlements", "settlements"),
        ):
            self.always("GET", f"/portfolio/{path}", {key: [], "cursor": ""})

    # ------------------------------------------------------------------------------- script

    def then(self, method, path, *answers):
        """Answer the next requests so: a body, (status, body, headers), "hang", "cut" or a call."""
        self._answers[method, path].extend(answers)
        return self

    def always(self, method, path, answer):
        """Answer so whenever nothing else was said."""
        self._always[method, path] = answer
        return self

    def asked(self, method, path):
        """Return the requests for a path."""
        return [seen for seen in self.requests if (seen.method, seen.path) == (method, path)]

    @property
    def socket(self):
        return self.sockets[-1]

    def elapsed_s(self):
        return (self.clock.now_us() - START_US) / 1_000_000

    # ------------------------------------------------------------------------------- server

    async def serve(self, stream):
        """Answer one connection until it ends."""
        wire = h11.Connection(h11.SERVER)
        try:
            while True:
                event = wire.next_event()
                if event is h11.NEED_DATA:
                    wire.receive_data(await stream.receive())
                elif isinstance(event, h11.Request):
                    if dict(event.headers).get(b"upgrade") == b"websocket":
                        await self._upgrade(stream, event)
                        return
                    body = b""
                    while not isinstance(part := wire.next_event(), h11.EndOfMessage):
                        if part is h11.NEED_DATA:
                            wire.receive_data(await stream.receive())
                        else:
                            body += part.data
                    if not await self._respond(stream, wire, event, body):
                        return
                    wire.start_next_cycle()
                else:
                    return
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            return
        finally:
            await stream.aclose()

    async def _respond(self, stream, wire, request, body):
        headers = {k.decode(): v.decode() for k, v in request.headers}
        target = request.target.decode()
        seen = Seen(self.elapsed_s(), request.method.decode(), target, headers, body)
        self.requests.append(seen)
        queue = self._answers[seen.method, seen.path]
        answer = queue.popleft() if queue else self._always.get((seen.method, seen.path))
        if callable(answer):
            answer = answer(seen)
        if answer is None:
            answer = (404, {"error": {"code": "not_found", "message": "not found"}})
        if answer == "hang":
            await anyio.sleep_forever()
        if answer == "cut":
            return False
        status, content, *more = answer if isinstance(answer, tuple) else (200, answer)
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        reply = h11.Response(
            status_code=status,
            headers=[
                ("Content-Length", str(len(data))),
                ("Date", self._date()),
                *(more[0].items() if more else ()),
            ],
        )
        await stream.send(
            wire.send(reply) + wire.send(h11.Data(data=data)) + wire.send(h11.EndOfMessage())
        )
        return True

    def _date(self):
        return formatdate(self.clock.now_us() / 1_000_000 + self.skew_s, usegmt=True)

    async def _upgrade(self, stream, request):
        wire = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        wire.initiate_upgrade_connection(list(request.headers), request.target)
        assert isinstance(next(wire.events()), Request)

        status = self.handshakes.popleft() if self.handshakes else 101
        if status != 101:
            body = json.dumps({"error": {"code": "token_authentication_failure"}}).encode()
            refusal = RejectConnection(
                status_code=status,
                headers=[(b"content-length", str(len(body)).encode())],
                has_body=True,
            )
            await stream.send(wire.send(refusal))
            await stream.send(wire.send(wsproto.events.RejectData(data=body)))
            return
        await stream.send(wire.send(AcceptConnection()))
        headers = {k.decode(): v.decode() for k, v in request.headers}
        socket = Socket(stream, wire, headers, self.elapsed_s())
        self._sids, self._seqs = {}, defaultdict(int)
        self.sockets.append(socket)
        while True:
            wire.receive_data(await stream.receive())
            for event in wire.events():
                if isinstance(event, Text):
                    command = json.loads(event.data)
                    socket.commands.append(command)
                    if self.answers_commands:
                        await socket.say(*self.replies(command))
                elif isinstance(event, Pong):
                    socket.pongs.append(bytes(event.payload))
                elif isinstance(event, CloseConnection):
                    return

    # ------------------------------------------------------------------------------ replies

    def sid(self, channel):
        return self._sids[channel]

    def next_seq(self, channel):
        self._seqs[channel] += 1
        return self._seqs[channel]

    def replies(self, command):
        """Return what the exchange says to a command."""
        params, cid = command["params"], command["id"]
        said = []
        if command["cmd"] == "subscribe":
            for channel in params["channels"]:
                self._sids[channel] = len(self._sids) + 1
                self._listed[channel] = list(params.get("market_tickers", []))
                body = {"channel": channel, "sid": self._sids[channel]}
                said.append({"type": "subscribed", "id": cid, "msg": body})
                if channel == "orderbook_delta":
                    said += [self.snapshot(ticker) for ticker in self._listed[channel]]
        elif command["cmd"] == "update_subscription":
            said += self._updated(cid, params)
        elif command["cmd"] == "unsubscribe":
            for sid in params["sids"]:
                channel = next(name for name, known in self._sids.items() if known == sid)
                seq = self.next_seq(channel)
                said.append({"type": "unsubscribed", "id": cid, "sid": sid, "seq": seq})
                del self._sids[channel]
        return said

    def _updated(self, cid, params):
        (sid,) = params["sids"]
        channel = next(name for name, known in self._sids.items() if known == sid)
        tickers = params["market_tickers"]
        if params["action"] == "get_snapshot":
            return [self.snapshot(ticker, reply_to=cid) for ticker in tickers]
        listed = self._listed[channel]
        if params["action"] == "add_markets":
            added = [t for t in tickers if t not in listed]
            listed += added
        else:
            added = []
            self._listed[channel] = listed = [t for t in listed if t not in tickers]
        ok = {"type": "ok", "id": cid, "sid": sid, "seq": self.next_seq(channel)}
        ok["msg"] = {"market_tickers": sorted(listed)}
        books = added if channel == "orderbook_delta" else []
        return [ok, *(self.snapshot(ticker) for ticker in books)]

    def snapshot(self, ticker, reply_to=None):
        yes, no = self.books[ticker]
        body = {"market_ticker": ticker, "market_id": "m"}
        if yes:
            body["yes_dollars_fp"] = yes
        if no:
            body["no_dollars_fp"] = no
        frame = {"type": "orderbook_snapshot", "sid": self.sid("orderbook_delta")}
        frame["seq"] = self.next_seq("orderbook_delta")
        if reply_to is not None:
            frame["id"] = reply_to
        return {**frame, "msg": body}

    def delta(self, ticker, price="0.4000", change="1.00", side="yes", seq=None):
        return {
            "type": "orderbook_delta",
            "sid": self.sid("orderbook_delta"),
            "seq": self.next_seq("orderbook_delta") if seq is None else seq,
            "msg": {
                "market_ticker": ticker,
                "market_id": "m",
                "price_dollars": price,
                "delta_fp": change,
                "side": side,
                "ts_ms": START_US // 1_000,
            },
        }


class FoundingExchange(ScriptedExchange):
    """The scripted exchange in the founding document's dialect, without its later fields."""

    def __init__(self):
        super().__init__()
        self.books = defaultdict(lambda: ([[91, 250], [90, 500]], [[7, 150]]))
        self.always("GET", "/portfolio/balance", {"balance": 10000})

    def replies(self, command):
        """Return what this exchange says to a command."""
        params, kind = command["params"], f"{command['cmd']}d"
        said = []
        for channel in params["channels"]:
            tickers = params.get("market_tickers", [])
            listed = self._listed[channel]
            if command["cmd"] == "subscribe":
                listed += [ticker for ticker in tickers if ticker not in listed]
            else:
                self._listed[channel] = [t for t in listed if tickers and t not in tickers]
            body = {"channel": channel}
            said.append({"id": command["id"], "type": kind.replace("bedd", "bed"), "msg": body})
            if channel == "orderbook_delta" and command["cmd"] == "subscribe":
                said += [self.ladders(ticker) for ticker in tickers]
        return said

    def ladders(self, ticker):
        yes, no = self.books[ticker]
        return {
            "type": "orderbook_delta",
            "msg": {"market_ticker": ticker, "yes": yes, "no": no},
        }


class ScriptedRun:
    """A run whose network is the scripted exchange."""

    run_id = "t"
    options = RunOptions()

    def __init__(self, clock, server, tasks, pem, mode, folder):
        self.clock, self.mode, self.folder = clock, mode, folder
        self.rng = Random(7)
        self._server, self._tasks, self._pem = server, tasks, pem
        self.connections = []

    async def connect(self, host, port):
        self.connections.append((self._server.elapsed_s(), host, port))
        if self._server.refuses_connections:
            raise ExchangeError(f"nobody listens at {host}")
        ours, theirs = memory_pipe()
        self._tasks.start_soon(self._server.serve, ours)
        return theirs

    def credentials(self, name):
        return Credentials(
            key_id="key-1",
            private_key=self._pem,
            rest_url=f"http://127.0.0.1{ROOT}",
            stream_url="ws://127.0.0.1/trade-api/ws/v2",
        )

    def stop(self, reason):
        raise AssertionError(reason)

    def progress(self, done, text):
        pass


@pytest.fixture(scope="session")
def private_key():
    """An Ed25519 key in PEM: signing with it is fast."""
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


@pytest.fixture(scope="session")
def rsa_pem():
    """An RSA key in PEM, which the founding document asks for."""
    return rsa.generate_private_key(65_537, 2_048).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )


@pytest.fixture
def server():
    return ScriptedExchange()


@pytest.fixture
def founding_server():
    return FoundingExchange()


def played(test, server, pem, mode, folder=Path()):
    """Run `test(run)` on virtual time with a scripted exchange as its network."""

    async def main(clock):
        clock.start_at(START_US)
        server.clock = clock
        async with anyio.create_task_group() as tasks:
            result = await test(ScriptedRun(clock, server, tasks, pem, mode, folder))
            tasks.cancel_scope.cancel()
        return result

    return run_virtual(main)


@pytest.fixture
def play(server, private_key, tmp_path):
    """Run `test(run)` on virtual time with the scripted exchange as its network."""
    runs = count(1)

    def play(test, *, mode=Mode.SANDBOX):
        folder = tmp_path / f"run-{next(runs)}"
        folder.mkdir()
        return played(test, server, private_key, mode, folder)

    return play


@pytest.fixture
def trade_founding(founding_server, rsa_pem):
    """Run `test(exchange, run)` with the whole adapter open, in the founding dialect."""

    def trade(test, *, mode=Mode.SANDBOX, founding_only=True):
        async def main(run):
            plugin = Kalshi(api="cents", founding_only=founding_only)
            async with plugin.open_exchange(run) as exchange:
                return await test(exchange, run)

        return played(main, founding_server, rsa_pem, mode)

    return trade


@pytest.fixture
def read_rest(play, private_key):
    """Run `test(rest, run)` with only the REST side open."""

    def read_rest(test):
        async def main(run):
            async with opened_rest(run, private_key) as rest:
                return await test(rest, run)

        return play(main)

    return read_rest


@pytest.fixture
def write_rest(play, private_key):
    """Run `test(rest, run)` with the REST side as a run has it: order lane, signed ahead."""

    def write_rest(test, *, presign=True):
        async def main(run):
            async with opened_quick_rest(run, private_key, presign=presign) as rest:
                return await test(rest, run)

        return play(main)

    return write_rest


@asynccontextmanager
async def opened_rest(run, pem):
    where = addresses(run.mode, f"http://127.0.0.1{ROOT}", "ws://127.0.0.1/trade-api/ws/v2")
    async with open_client(run, use_tls=False) as client:
        yield Rest(client, where.rest, Signer("key-1", pem), run)


@asynccontextmanager
async def opened_quick_rest(run, pem, *, presign=True):
    """Open REST with the order lane and, unless told otherwise, header sets signed ahead."""
    where = addresses(run.mode, f"http://127.0.0.1{ROOT}", "ws://127.0.0.1/trade-api/ws/v2")
    async with (
        open_client(run, use_tls=False) as client,
        open_lanes(opener(run.connect, where.rest)) as lanes,
        anyio.create_task_group() as tasks,
    ):
        rest = Rest(client, where.rest, Signer("key-1", pem), run, lanes=lanes, presign=presign)
        tasks.start_soon(rest.keep_ready)
        for _ in range(10):  # until the lanes are open; no time passes
            await anyio.lowlevel.checkpoint()
        yield rest
        tasks.cancel_scope.cancel()


@pytest.fixture
def trade(play):
    """Run `test(exchange, run)` with the whole adapter open."""

    def trade(test, *, mode=Mode.SANDBOX, **settings):
        async def main(run):
            async with Kalshi(**settings).open_exchange(run) as exchange:
                return await test(exchange, run)

        return play(main, mode=mode)

    return trade


@pytest.fixture
def codec():
    return FixedPoint()


@pytest.fixture
def listen():
    """Collect events in the background of a block: `async with listen(exchange) as heard`."""

    @asynccontextmanager
    async def listening(exchange):
        heard = []

        async def collect():
            async for batch in exchange.events():
                heard.append(list(batch))  # noqa: PERF401 - one by one, as they come

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect)
            yield heard
            tasks.cancel_scope.cancel()

    return listening


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=api.example "
        f"-addext subjectAltName=DNS:api.example -keyout {folder}/key.pem -out {folder}/cert.pem".split(),
        check=True,
        capture_output=True,
    )
    return folder


# ------------------------------------------------------------------------------- typed reads

SINCE, UNTIL = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 15, tzinfo=UTC)
FULLEST = {
    "series": "S",
    "event": "E",
    "ticker": "A",
    "tickers": ("A", "B"),
    "category": "News",
    "tags": ("a", "b"),
    "order_id": "o-1",
    "status": "resting",
    "settlement_status": "all",
    "since": SINCE,
    "until": UNTIL,
    "start": UNTIL - timedelta(hours=2),
    "end": UNTIL,
    "closing_since": SINCE,
    "updated_since": SINCE,
    "since_us": 1,
    "depth": 3,
    "blocks": False,
    "latest_before": True,
    "with_markets": True,
    "show_historical": True,
    "held_only": True,
    "period": Period.HOUR,
    "query": {},
    "name": "fills",
    "urgent": False,
    "transfer_id": UUID(int=1),
    "source": 0,
    "destination": 1,
    "amount": Decimal(1),
    "order_ids": ("o-1",),
    "event_ticker": "E",
    "group_id": "g-1",
    "shard": 0,
    "limit": 5,
}
"""An argument for every parameter that a read may have, so that each sends all it can."""
FILTERS = [
    MarketFilter(status="open", event="E", series="S", min_created_ts=SINCE, max_created_ts=UNTIL),
    MarketFilter(status="closed", min_close_ts=SINCE, max_close_ts=UNTIL),
    MarketFilter(status="settled", min_settled_ts=SINCE, max_settled_ts=UNTIL),
    MarketFilter(tickers=("A",)),
    MarketFilter(min_updated_ts=SINCE),
]


def doors_of(exchange):
    """Return what can be asked besides what a run asks, by name."""
    reads = exchange.reads
    parts = [reads, reads.candles, reads.history, reads.portfolio]
    parts += [part for part in (exchange.queue, exchange.groups) if part is not None]
    return {
        f"{type(part).__name__}.{name}": call
        for part in parts
        for name, call in getmembers(part, callable)
        if not name.startswith("_")
    }


async def asked(call, given=None):
    """Call with the fullest arguments, or with those given; return what was answered, if it was.

    What the exchange refuses is no answer: None.
    """
    if given is not None:
        return await answer_of(call, given)
    names = signature(call).parameters
    fills = [{"wanted": wanted} for wanted in FILTERS] if "wanted" in names else [{}]
    if call.__name__ == "archived_markets":  # its filters exclude each other
        fills = [{name: FULLEST[name]} for name in ("tickers", "event", "series")]
        names = {}
    for special in fills:
        with suppress(ExchangeError):
            full = {name: FULLEST[name] for name in names if name not in special} | special
            await answer_of(call, full)
    return None


async def answer_of(call, given):
    found = call(**given)
    return await found if isawaitable(found) else [row async for row in found]


@pytest.fixture
def doors():
    return doors_of


@pytest.fixture
def ask():
    return asked
