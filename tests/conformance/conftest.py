"""The embedded exchange as the counterpart of the conformance suite, in memory or on a socket.

What it can't be asked to do by itself happens at its door: requests are lost before or after
they are done, replies are rewritten, streams are cut, muted and disturbed.
"""

import json
import os
from contextlib import asynccontextmanager
from copy import copy
from functools import cache, partial
from pathlib import Path
from random import Random  # noqa: TID251 - the type of a run's generator
from typing import ClassVar

import anyio
import pytest
from anyio import BrokenResourceError
from anyio.abc import SocketAttribute

from framework.clock import run_virtual
from framework.faults import causes
from framework.model.account import RemoteOrder, RemoteStatus
from framework.model.events import BookReplaced, MarketListed
from framework.model.market import EventGroup, Market, MarketStatus, Series
from framework.model.orders import Fill
from framework.run import Credentials, Mode, RunOptions
from framework.streams import memory_pipe
from framework.testing.builders import HOUR_US, NOW_US
from framework.testing.conformance import (
    CASES,
    Ask,
    Bench,
    Fault,
    Stage,
    StreamFault,
    alone,
)
from framework.testing.faults import FaultyStream
from plugins.kalshi import Kalshi
from plugins.sandbox.auth import Gate, new_key_pair
from plugins.sandbox.cents.door import Cents
from plugins.sandbox.core.exchange import NewOrder, SandboxExchange
from plugins.sandbox.core.rows import Pause
from plugins.sandbox.request import Reply
from plugins.sandbox.server import FixedPoint, serve
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import refused

collect_ignore = [] if os.environ.get("KALSHI_DEMO_KEY_ID") else ["test_demo.py"]
"""Without a key the demo environment's run is not there at all: a skip would fail in CI."""

EVENT = "KXCONF-26JAN15"
PLAIN, OTHER = f"{EVENT}-PLAIN", f"{EVENT}-OTHER"
DIALECTS = {"fixed-point": FixedPoint, "cents": Cents}
LOOK_S = 0.25
STATUSES = {
    "resting": RemoteStatus.OPEN,
    "executed": RemoteStatus.FILLED,
    "canceled": RemoteStatus.CANCELLED,
}
ANSWERED = {
    Fault.BROKEN_BEFORE: 500,
    Fault.BROKEN_AFTER: 500,
    Fault.AWAY: 503,
    Fault.GATEWAY_AFTER: 504,
    Fault.BUSY: 429,
    Fault.ERROR_IN_SUCCESS: 200,
    Fault.GARBLED_AFTER: 200,
}
DONE = {
    Fault.CUT_AFTER,
    Fault.SILENT_AFTER,
    Fault.BROKEN_AFTER,
    Fault.GATEWAY_AFTER,
    Fault.GARBLED_AFTER,
}


@cache
def key_pair():
    """Return one key for all tests: making one takes a tenth of a second."""
    return new_key_pair()


class StageWorld:
    """A world in which nothing happens by itself."""

    start_us = NOW_US
    end_us = None
    series: ClassVar = {"KXCONF": Series(ticker="KXCONF", title="Conformance", category="Tests")}
    event_groups: ClassVar = {
        EVENT: EventGroup(
            ticker=EVENT,
            series_ticker="KXCONF",
            title="Which?",
            mutually_exclusive=True,
            markets=(PLAIN, OTHER),
        ),
        f"{EVENT}X": EventGroup(ticker=f"{EVENT}X", series_ticker="KXCONFX"),
    }

    def events(self):
        return iter(())


def opening():
    """Yield what has happened when a case begins."""
    for ticker in (PLAIN, OTHER):
        record = Market(
            ticker=ticker,
            event_ticker=EVENT,
            series_ticker="KXCONF",
            title=ticker,
            status=MarketStatus.ACTIVE,
            open_us=NOW_US - HOUR_US,
            close_us=NOW_US + 6 * HOUR_US,
        )
        yield MarketListed(at_us=NOW_US, market=record)
    plain = (((9_000, 10_000), (8_900, 5_000)), ((700, 8_000), (600, 4_000)))
    other = (((500, 20_000),), ((9_400, 6_000),))
    for ticker, (yes, no) in ((PLAIN, plain), (OTHER, other)):
        yield BookReplaced(at_us=NOW_US, ticker=ticker, yes=yes, no=no)


class Wire(FaultyStream):
    """The exchange's end of one connection."""

    def __init__(self, stream):
        super().__init__(stream)
        self.is_mute = False

    async def send(self, item):
        if not self.is_mute:
            await super().send(item)


class Pieces(FaultyStream):
    """The client's end: what arrives comes in pieces once it was told to."""

    def __init__(self, stream, counterpart):
        super().__init__(stream)
        self._counterpart = counterpart

    async def receive(self, max_bytes=65536):
        return await super().receive(min(max_bytes, self._counterpart.piece or max_bytes))


class DoorGate:
    """Sees who asks for the stream, and refuses when it was told to."""

    def __init__(self, door):
        self._door = door

    def check(self, headers, method, path, now_us):
        counterpart = self._door.counterpart
        if path.endswith("/ws/v2"):
            counterpart.handshakes.append(
                (counterpart.now_us(), headers.get("kalshi-access-signature", ""))
            )
            if counterpart.refused_streams:
                counterpart.refused_streams -= 1
                raise refused(503, "service_unavailable")
            if counterpart.refuses_stream_key:
                raise refused(401, "authentication_error", "authentication_error", "NOT_FOUND")
            counterpart.streams.append(self._door.wire)
        self._door.inner.gate.check(headers, method, path, now_us)


class Door:
    """A dialect, as one connection meets it."""

    def __init__(self, counterpart, inner, wire):
        self.counterpart, self.inner, self.wire = counterpart, inner, wire
        self.venue = inner.venue
        self.gate = DoorGate(self)

    def answer(self, request):
        counterpart = self.counterpart
        ask = asked(request)
        counterpart.requests.append((counterpart.now_us(), ask))
        if counterpart.refuses_key:
            problem = refused(401, "authentication_error", "authentication_error", "NOT_FOUND")
            return Reply(problem.status, problem.body)
        fault = counterpart.next_fault(ask)
        if fault is not None:
            return self._faulty(fault, request)
        return counterpart.rewritten(request, self.inner.answer(counterpart.paged(request)))

    def _faulty(self, fault, request):
        if fault is Fault.CONTRADICTED_AFTER:
            return contradicted(self.inner.answer(request))
        if fault in DONE:
            self.inner.answer(request)
        if fault in {Fault.CUT_BEFORE, Fault.CUT_AFTER}:
            raise BrokenResourceError
        if fault in {Fault.SILENT_BEFORE, Fault.SILENT_AFTER}:
            self.wire.is_mute = True
        status = ANSWERED.get(fault, 200)
        body = (
            b"<html>" if fault is Fault.GARBLED_AFTER else b'{"error":{"code":"x","message":"y"}}'
        )
        if fault is Fault.BUSY:
            body = b'{"error":"too many requests"}'
        return Reply(status, body)

    def listen(self, outbox):
        return self.inner.listen(DisturbedOutbox(self.counterpart, outbox))


def contradicted(reply):
    """Return a reply in which a refusal stands beside each order's id."""
    body = json.loads(reply.body)
    for item in body.get("orders", [body]):
        item["error"] = {"code": "insufficient_balance", "message": "too little cash"}
    return Reply(reply.status, json.dumps(body).encode())


def asked(request):
    """Return which kind of request this is."""
    if request.method == "POST" and request.path.endswith(("/orders", "/orders/batched")):
        return Ask.CREATE
    if request.method == "DELETE":
        return Ask.CANCEL
    return Ask.READ


class DisturbedOutbox:
    """Does to the next message of a book what it was told."""

    def __init__(self, counterpart, outbox):
        self._counterpart, self._outbox = counterpart, outbox
        self._held = None
        self._is_full = False
        self._code = None

    @property
    def full(self):
        return self._is_full or self._outbox.full

    def push(self, text):
        message = json.loads(text)
        if self._code and message.get("type") == "error":
            message["msg"]["code"] = self._code
            self._outbox.push(json.dumps(message).encode())
            self._code, self._is_full = None, False
            return
        ticker = (
            (message.get("msg") or {}).get("market_ticker")
            if isinstance(message.get("msg"), dict)
            else None
        )
        is_book = message.get("type", "").startswith("orderbook")
        fault = self._counterpart.next_disturbance(ticker) if is_book else None
        if fault is None:
            self._outbox.push(text)
            if is_book and self._held is not None:
                self._outbox.push(self._held)
                self._held = None
            return
        self._disturb(fault, text)

    def _disturb(self, fault, text):
        if fault is StreamFault.DUPLICATE:
            self._outbox.push(text)
            self._outbox.push(text)
        elif fault is StreamFault.SWAP:
            self._held = text
        elif fault is StreamFault.UNREADABLE:
            self._outbox.push(text.replace(b'"orderbook', b'"side":7,"x":"orderbook')[:-9] + b"}")
        elif fault is StreamFault.UNKNOWN:
            self._outbox.push(b'{"type":"horoscope","msg":{"sign":"leo"}}')
            self._outbox.push(text)
        elif fault in {StreamFault.CHANNEL_ERROR, StreamFault.OVERFLOW}:
            self._outbox.push(text)
            # The next message about it finds the client too slow: the exchange ends the channel.
            self._is_full = True
            self._code = 10 if fault is StreamFault.CHANNEL_ERROR else 25


class SandboxCounterpart:
    """The embedded exchange, moved by a case."""

    stage = Stage(plain=PLAIN, other=OTHER)

    def __init__(self, clock, dialect):
        self._clock = clock
        self.keys = key_pair()
        self.venue = Venue(
            SandboxExchange(StageWorld()),
            Gate({self.keys.key_id: self.keys.public}),
            clock.now_us,
            door_us=lambda: clock.now_us() + self.shift_us,
            rate_limits=False,
        )
        self.dialect = DIALECTS[dialect](self.venue)
        self.shift_us = 0
        self.piece = None
        self.handshakes, self.requests, self.streams = [], [], []
        self.refused_streams = 0
        self.refuses_key = self.refuses_stream_key = False
        self._faults = {ask: [] for ask in Ask}
        self._disturbances = {}
        self._spoilt = {}
        self._page, self._circle, self._lag_s = None, False, 0.0
        self.tasks = None
        self.tell(*opening())

    def now_us(self):
        return max(self._clock.now_us(), self.venue.exchange.now_us)

    # ------------------------------------------------------------------------- what happens

    def tell(self, *events):
        for event in events:
            self.venue.publish(self.venue.exchange.advance(event))
        self.venue.flush()

    def pause(self, *, trading_only):
        self._publish(self.venue.exchange.halt(Pause.TRADING if trading_only else Pause.EVERYTHING))

    def go_on(self):
        self._publish(self.venue.exchange.halt(Pause.NOTHING))

    def place(self, side, ticker, limit_e4, quantity_e2):
        order = NewOrder(ticker=ticker, side=side, limit_e4=limit_e4, quantity_e2=quantity_e2)
        self._publish(self.venue.exchange.place(order)[2])

    def cancel(self, order_id):
        ticker = self.venue.exchange.orders[order_id].ticker
        self._publish(self.venue.exchange.cancel(order_id, ticker)[2])

    def _publish(self, notices):
        self.venue.publish(notices)
        self.venue.flush()

    # --------------------------------------------------------------------------- what is so

    def market(self, ticker):
        return self.venue.exchange.markets[ticker]

    def book(self, ticker):
        return self.venue.exchange.book(ticker)

    def orders(self):
        return [
            RemoteOrder(
                order_id=row.order_id,
                client_order_id=row.client_order_id,
                ticker=row.ticker,
                side=row.side,
                limit_e4=row.limit_e4,
                status=STATUSES[row.status],
                quantity_e2=row.initial_e2,
                filled_e2=row.filled_e2,
                remaining_e2=row.remaining_e2 if row.status == "resting" else 0,
            )
            for row in self.venue.exchange.orders.values()
        ]

    def fills(self):
        return [
            Fill(
                trade_id=row.trade_id,
                order_id=row.order_id,
                client_order_id=row.client_order_id,
                ticker=row.ticker,
                side=row.side,
                price_e4=row.price_e4,
                quantity_e2=row.quantity_e2,
                fee_e6=row.fee_e6,
                is_taker=row.is_taker,
                at_us=row.at_us,
            )
            for row in self.venue.exchange.fills
        ]

    def cash_e6(self):
        return self.venue.exchange.cash_e6

    # ---------------------------------------------------------------------- how it misbehaves

    def fail(self, ask, *faults):
        self._faults[ask].extend(faults)

    def next_fault(self, ask):
        return self._faults[ask].pop(0) if self._faults[ask] else None

    def disturb(self, fault, ticker):
        self._disturbances[ticker] = fault

    def next_disturbance(self, ticker):
        return self._disturbances.pop(ticker, None)

    def drop_streams(self):
        for wire in self.streams:
            self.tasks.start_soon(wire.aclose)
        self.streams.clear()

    def silence_streams(self):
        for wire in self.streams:
            wire.is_mute = True
        self.streams.clear()

    def refuse_streams(self, times):
        self.refused_streams = times

    def refuse_key(self, *, of_stream=False):
        if of_stream:
            self.refuses_stream_key = True
        else:
            self.refuses_key = True

    def shift_clock(self, seconds):
        self.shift_us = round(seconds * 1_000_000)

    def spoil(self, ticker, *, field_gone=False, news=False):
        self._spoilt[ticker] = (field_gone, news)

    def page(self, size, *, circle=False):
        self._page, self._circle = size, circle

    def lag(self, seconds):
        self._lag_s = seconds

    def split(self, size):
        self.piece = size

    # -------------------------------------------------------------------------------- its door

    def paged(self, request):
        """Return a request that asks for pages of the size that was told."""
        if self._page is None or request.method != "GET":
            return request
        request = copy(request)
        query = copy(request.query)
        query._values = {**query._values, "limit": [str(self._page)]}
        return type(request)(
            method=request.method, path=request.path, query=query, headers=request.headers
        )

    def rewritten(self, request, reply):
        """Return a reply with what it was told to have wrong."""
        if request.method != "GET" or reply.status != 200:
            return reply
        body = json.loads(reply.body)
        for record in [*body.get("markets", ()), *filter(None, [body.get("market")])]:
            gone, news = self._spoilt.get(record.get("ticker"), (False, False))
            if gone:
                del record["status"]
            if news:
                record |= {"status": "frozen", "zodiac": {"sign": "leo"}}
        if self._circle and "cursor" in body:
            body["cursor"] = "again"
        if self._lag_s and "as_of_time" in body:
            then = (self.now_us() / 1_000_000) - self._lag_s
            body["as_of_time"] = iso(then)
        return Reply(reply.status, json.dumps(body).encode())

    async def connect(self):
        """Return the client's end of a new connection in memory."""
        ours, theirs = memory_pipe()
        self.tasks.start_soon(self.serve, ours)
        return Pieces(theirs, self)

    async def serve(self, stream):
        wire = Wire(stream)
        await serve(Door(self, self.dialect, wire), wire)

    async def live(self):
        """Let time pass at the exchange: closes, expiries."""
        while True:
            await self._clock.sleep(LOOK_S)
            self.venue.present()
            self.venue.flush()


def iso(seconds):
    from datetime import UTC, datetime  # noqa: PLC0415 - one use

    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


class BenchRun:
    """A run that knows one exchange."""

    run_id = "conformance"
    mode = Mode.SANDBOX
    folder = Path()
    options = RunOptions()

    def __init__(self, clock, counterpart, connect):
        self.clock, self.rng = clock, Random(1)
        self._counterpart = counterpart
        self._connect = connect

    async def connect(self, host, port):
        return await self._connect()

    def credentials(self, name):
        keys = self._counterpart.keys
        return Credentials(
            key_id=keys.key_id,
            private_key=keys.private_pem,
            rest_url="http://exchange.invalid/trade-api/v2",
            stream_url="ws://exchange.invalid/trade-api/ws/v2",
        )

    def stop(self, reason):
        pass

    def progress(self, done, text):
        pass


@asynccontextmanager
async def doorway(counterpart, tasks, *, over_tcp):
    """Yield how to connect: through memory, or through a socket of this machine."""
    if not over_tcp:
        yield counterpart.connect
        return
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        tasks.start_soon(listener.serve, counterpart.serve)
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's

        async def connect():
            return Pieces(await anyio.connect_tcp("127.0.0.1", port), counterpart)

        yield connect


async def _play(act, dialect, over_tcp, wrong, is_alone, clock):
    clock.start_at(NOW_US)
    counterpart = SandboxCounterpart(clock, dialect)
    async with anyio.create_task_group() as tasks:
        counterpart.tasks = tasks
        tasks.start_soon(counterpart.live)
        async with doorway(counterpart, tasks, over_tcp=over_tcp) as connect:
            run = BenchRun(clock, counterpart, connect)
            async with Kalshi(api=dialect).open_exchange(run) as exchange:
                tested = exchange if wrong is None else wrong(exchange)
                seen = alone(clock, PLAIN, OTHER) if is_alone else counterpart
                bench = Bench(tested, seen, clock)
                tasks.start_soon(bench.watch.listen)
                await act(bench)
                tasks.cancel_scope.cancel()


@pytest.fixture
def play():
    """Play a case, in memory or over a socket, with an adapter as it is or wrapped in `wrong`.

    Where `is_alone`, the case has nobody to move the exchange.
    """

    def play(case, dialect, *, over_tcp=False, wrong=None, is_alone=False):
        act = getattr(case, "play", case)
        try:
            run_virtual(partial(_play, act, dialect, over_tcp, wrong, is_alone))
        except BaseExceptionGroup as group:
            raise causes(group)[0] from None

    return play


@pytest.fixture
def case_of():
    """Return the case of a number."""
    return {case.code: case for case in CASES}.__getitem__
