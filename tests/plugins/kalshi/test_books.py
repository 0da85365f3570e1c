"""Books against a model exchange whose network loses, doubles, swaps, delays and tears frames.

The model keeps the true books and answers commands as the exchange's pages say. What the pages
leave open is drawn: whether control messages and answers to `get_snapshot` take numbers, repeat
the last one or have none; whether an `ok` comes before or after the snapshots it brings; whether
a snapshot of a market that is not subscribed is given.

Whenever something has arrived, each followed book that is told as sound equals the true one as of
the newest frame that arrived, or of the newest snapshot of its own where that has no number. Not
held against the adapter, because nothing on the wire tells it:

- a lost frame while no later number of its subscription has arrived;
- a loss, repeat or swap of a message without a number of its own (a control message or answer
  that takes none, and an error 10 or 25, after which nothing numbered comes): these are spared;
- a lost list that takes a market away unasked, where a snapshot is given of what is not there;
- a loss right before the first message that repeats a number: until one has been seen to repeat,
  it is taken for one that counts. So each play starts in calm weather, where the habit shows.
"""

import json
from collections import defaultdict
from contextlib import asynccontextmanager

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framework.clock import run_virtual
from framework.model.book import BookState, OrderBook
from framework.model.events import (
    BookChanged,
    BookInvalidated,
    BookReplaced,
    StreamLost,
    StreamRestored,
)
from framework.model.units import Side
from plugins.kalshi.codec.fixed_point import FixedPoint
from plugins.kalshi.stream.session import StreamDropped
from plugins.kalshi.stream.stream import Stream

BOOK = "orderbook_delta"
TICKERS = ("A", "B", "C", "D")
SOUND = {BookState.VALID, BookState.CROSSED}


class Frame:
    """One message under way, with what is true when it is sent.

    Attributes:
        place: Its place in the order of sending.
        shows: The true books of which its arrival tells that nothing before it may be missing.
    """

    def __init__(self, place, text, shows, *, lists=False):
        self.place, self.text, self.shows, self.lists = place, text, shows, lists


class Subscription:
    def __init__(self, sid, tickers):
        self.sid, self.seq = sid, 0
        self.tickers = dict.fromkeys(tickers)


class Wire:
    """One connection: frames in flight, which can be disturbed, and those that have arrived."""

    def __init__(self, exchange):
        self._exchange = exchange
        self._news = anyio.Event()
        self._is_down = False
        self.flight, self.held, self.arrived = [], [], []
        self.subscriptions = {}
        self.known = {}
        """By market, the newest (place, true levels) that has arrived."""

    async def read(self):
        with anyio.move_on_after(10):  # else the exchange's ping
            while not self.arrived and not self._is_down:
                await self._news.wait()
        if self._is_down:
            raise StreamDropped("dropped")
        texts = [frame.text for frame in self.arrived]
        self.arrived = []
        return texts

    async def watch(self):
        """Nobody is silent for long here."""

    async def say(self, text):
        self._exchange.take(json.loads(text))
        return not self._is_down

    def deliver(self):
        for frame in self.flight:
            self.arrived.append(frame)
            for ticker, levels in frame.shows.items():
                if frame.place >= self.known.get(ticker, (-1,))[0]:
                    self.known[ticker] = (frame.place, levels)
            if frame.lists:
                gone = [t for t, (p, _) in self.known.items() if p < frame.place]
                for ticker in set(gone) - frame.shows.keys():
                    del self.known[ticker]
        self.flight = []
        self._wake()

    def drop(self):
        self._is_down = True
        self._wake()

    def _wake(self):
        self._news.set()
        self._news = anyio.Event()


class Model:
    """The exchange: true books, one connection, and habits the pages leave open."""

    def __init__(self, controls, replies, *, ok_first, is_lenient):
        self.controls, self.replies = controls, replies
        self.ok_first, self.is_lenient = ok_first, is_lenient
        self.truth = {t: {("yes", 40): 1_000, ("no", 55): 2_000} for t in TICKERS}
        self.wire = None
        self.commands = []
        self.refusals = []
        self._places = self._sids = 0

    @asynccontextmanager
    async def connect(self):
        self.wire = Wire(self)
        yield self.wire

    @property
    def book(self):
        return self.wire.subscriptions.get(BOOK)

    # ------------------------------------------------------------------------------- saying

    def _send(self, message, *, shows=(), lists=False, is_safe=False):
        self._places += 1
        text = json.dumps(message)
        true = {ticker: dict(self.truth[ticker]) for ticker in shows}
        wire = self.wire
        if is_safe:  # nothing passes it, in either direction
            wire.flight += wire.held
            wire.held = []
        wire.flight.append(Frame(self._places, text, true, lists=lists))
        if is_safe:
            wire.deliver()

    def _numbered(self, sub, habit):
        if habit == "none":
            return {}
        sub.seq += habit == "take"
        return {"seq": sub.seq}

    def control(self, kind, sub, cid=None, *, msg=None, is_safe=False):
        message = {"type": kind, "sid": sub.sid, **self._numbered(sub, self.controls)}
        if cid is not None:
            message["id"] = cid
        if msg is not None:
            message["msg"] = msg
        is_book = sub is self.book
        counts = is_book and "seq" in message
        self._send(
            message,
            shows=sub.tickers if counts or (is_book and kind == "ok") else (),
            lists=is_book and kind == "ok",
            is_safe=is_safe or self.controls != "take",
        )

    def snapshot(self, ticker, cid=None):
        book = self.book
        habit = "take" if cid is None else self.replies
        numbered = self._numbered(book, habit)
        body = {"market_ticker": ticker, "market_id": "m"}
        for side in ("yes", "no"):
            levels = [
                [f"0.{price:02}00", f"{size / 100:.2f}"]
                for (of, price), size in self.truth[ticker].items()
                if of == side
            ]
            if levels:
                body[f"{side}_dollars_fp"] = levels
        message = {"type": "orderbook_snapshot", "sid": book.sid, **numbered, "msg": body}
        if cid is not None:
            message["id"] = cid
        own = {ticker} & book.tickers.keys()
        self._send(message, shows=book.tickers if numbered else own, is_safe=habit == "none")

    def change(self, ticker, side, price, size):
        """Change a level of a true book; at or below zero it is gone."""
        levels = self.truth[ticker]
        left = levels.pop((side, price), 0) + size
        if left > 0:
            levels[side, price] = left
        if self.book is not None and ticker in self.book.tickers:
            self.book.seq += 1
            self.delta(self.book.sid, self.book.seq, ticker, side, price, size)

    def delta(self, sid, seq, ticker, side, price, size):
        body = {"market_ticker": ticker, "market_id": "m", "side": side}
        body |= {"price_dollars": f"0.{price:02}00", "delta_fp": f"{size / 100:.2f}"}
        is_true = self.book is not None and sid == self.book.sid
        self._send(
            {"type": BOOK, "sid": sid, "seq": seq, "msg": body},
            shows=self.book.tickers if is_true else (),
        )

    def die(self, channel, code):
        sub = self.wire.subscriptions.get(channel)
        if sub is not None:
            self.control("error", sub, msg={"code": code, "msg": "dead"}, is_safe=True)
            del self.wire.subscriptions[channel]

    def forget(self, ticker):
        """Drop a market and say so with the list that is left."""
        if self.book is not None and ticker in self.book.tickers:
            del self.book.tickers[ticker]
            self._ok(self.book, None, is_safe=self.is_lenient)

    # ---------------------------------------------------------------------------- answering

    def take(self, command):
        self.commands.append(command)
        cid, params = command["id"], command["params"]
        if self.refusals:
            named = params.get("market_tickers", [])[: self.refusals.pop()]
            self._error(cid, 26, named)
        elif command["cmd"] == "subscribe":
            self._subscribe(cid, params)
        else:
            (sid,) = params["sids"]
            found = [c for c, sub in self.wire.subscriptions.items() if sub.sid == sid]
            if not found:
                self._error(cid, 7)
            elif command["cmd"] == "unsubscribe":
                self.control("unsubscribed", self.wire.subscriptions[found[0]], cid)
                del self.wire.subscriptions[found[0]]
            else:
                self._update(cid, found[0], params["action"], params["market_tickers"])

    def _error(self, cid, code, named=()):
        msg = {"code": code, "msg": "no", **({"market_tickers": list(named)} if named else {})}
        self._send({"type": "error", "id": cid, "msg": msg})

    def _subscribe(self, cid, params):
        (channel,) = params["channels"]
        assert channel != BOOK or params["use_yes_price"] is False
        subs = self.wire.subscriptions
        if channel not in subs:
            self._sids += 1
            subs[channel] = Subscription(self._sids, ())
        msg = {"channel": channel, "sid": subs[channel].sid}
        self._send({"type": "subscribed", "id": cid, "msg": msg})
        self._add(channel, params.get("market_tickers", ()))

    def _add(self, channel, tickers):
        sub = self.wire.subscriptions[channel]
        added = [t for t in tickers if t not in sub.tickers]
        sub.tickers |= dict.fromkeys(added)
        for ticker in added if channel == BOOK else ():
            self.change(ticker, "yes", 30, 100)  # ahead of its snapshot, which holds it already
            self.snapshot(ticker)

    def _update(self, cid, channel, action, tickers):
        sub = self.wire.subscriptions[channel]
        if action == "get_snapshot":
            for ticker in tickers:
                if ticker in sub.tickers or self.is_lenient:
                    self.snapshot(ticker, cid)
                else:
                    self._error(cid, 11, [ticker])
        elif action == "add_markets" and not self.ok_first:
            self._add(channel, tickers)
            self._ok(sub, cid)
        elif action == "add_markets":
            listed = Subscription(sub.sid, (*sub.tickers, *tickers))
            self._ok(sub, cid, listed.tickers)
            self._add(channel, tickers)
        else:
            for ticker in tickers:
                sub.tickers.pop(ticker, None)
            self._ok(sub, cid)

    def _ok(self, sub, cid, listed=None, *, is_safe=False):
        msg = {"market_tickers": list(listed or sub.tickers)}
        self.control("ok", sub, cid, msg=msg, is_safe=is_safe)


class Listener:
    """Keeps the books that are told, as the engine does, and is told the rest for nothing."""

    def __init__(self, model):
        self.model = model
        self.books = defaultdict(OrderBook)
        self.is_lost = False
        self.stream = None

    async def emit(self, batch):
        for event in batch:
            if isinstance(event, BookReplaced):
                self.books[event.ticker].replace(dict(event.yes), dict(event.no))
            elif isinstance(event, BookChanged):
                book = self.books[event.ticker]
                book.change(event.side, event.price_e4, event.change_e2)
                if book.reason.startswith("delta") and event.ticker in self.wanted:
                    self.leave(event.ticker)
                    self.follow(event.ticker)
            elif isinstance(event, BookInvalidated):
                self.books[event.ticker].invalidate(event.reason)
            elif isinstance(event, StreamLost):
                self.is_lost = True
                self.books.clear()
            elif isinstance(event, StreamRestored):
                self.is_lost = False

    @property
    def wanted(self):
        return self.stream.subscriptions.wanted

    def follow(self, ticker):
        if ticker not in self.wanted:
            self.books.pop(ticker, None)
            self.stream.subscriptions.want([ticker])
            self.stream.wake()

    def leave(self, ticker):
        self.books.pop(ticker, None)
        self.stream.subscriptions.drop([ticker])
        self.stream.wake()

    def market_changed(self, ticker, kind):
        pass

    def fees_changed(self, change):
        pass

    def markets_uncertain(self):
        pass

    def restored(self, lost_us):
        pass

    def levels(self, ticker):
        book = self.books[ticker]
        return {(str(side), price // 100): size for side in Side for price, size in book.bids(side)}

    def check(self):
        """No followed book is sound and wrong."""
        for ticker in self.wanted:
            if self.books[ticker].state in SOUND:
                known = self.model.wire.known.get(ticker)
                assert known is not None, f"{ticker} is told as sound, and nothing has come"
                assert self.levels(ticker) == known[1], ticker


class Play:
    """One play: a stream, its exchange, and what is done to them step by step."""

    def __init__(self, clock, model):
        self.clock, self.model = clock, model
        self.listener = Listener(model)
        self.stream = self.listener.stream = Stream(
            FixedPoint(),
            clock,
            connect=model.connect,
            emit=self.listener.emit,
            watcher=self.listener,
            refused=None,
        )
        self.connections = 1

    async def arrive(self, seconds=0.01):
        self.model.wire.deliver()
        await self.clock.sleep(seconds)
        self.listener.check()

    async def calm(self):
        """Let the exchange's habits show before anything is disturbed."""
        for ticker in "AB":
            self.listener.follow(ticker)
            await self._talk()
        self.listener.follow("C")
        await self._talk()
        self.trade(0, 1)
        self.model.wire.flight.clear()
        self.trade(1, 1)
        await self._talk()
        await self._talk()

    async def _talk(self):
        for _ in range(3):
            await self.arrive(0.5)

    def trade(self, market, number):
        side = ("yes", "no")[number % 2]
        self.model.change(TICKERS[market % 4], side, 40 + number * 3 % 30, 100 + number)

    async def step(self, kind, first, second):
        ticker, wire = TICKERS[first % 4], self.model.wire
        if kind in DISTURBANCES:
            if wire.flight:
                self._disturb(kind, wire.flight, second % len(wire.flight), first)
        elif kind in {"follow", "leave"}:
            getattr(self.listener, kind)(ticker)
        elif kind == "wait":
            await self.arrive(0.01 + 1.5 * first)
        elif kind == "drop":
            await self._drop(second)
        else:
            self._say(kind, ticker, first, second)

    def _say(self, kind, ticker, first, second):
        """Have the exchange say something of its own accord."""
        model = self.model
        if kind == "trade":
            self.trade(first, second)
        elif kind == "empty":
            for (side, price), size in list(model.truth[ticker].items())[:1]:
                model.change(ticker, side, price, -size - 500 * (second == 7))
        elif kind == "snapshot" and model.book is not None and ticker in model.book.tickers:
            model.snapshot(ticker)
        elif kind == "die":
            model.die(BOOK if second < 6 else "trade", (10, 25)[first % 2])
        elif kind == "stray":
            model.delta(1 + second, 1 + first * 3, ticker, "yes", 20, 700)
        elif kind == "forget":
            model.forget(ticker)
        elif kind == "refuse":
            model.refusals.append(first % 3)

    def _disturb(self, kind, flight, place, other):
        if kind == "lose":
            del flight[place]
        elif kind == "double":
            flight.insert(place if other % 2 else len(flight), flight[place])
        elif kind == "swap":
            other %= len(flight)
            flight[place], flight[other] = flight[other], flight[place]
        elif kind == "delay":
            self.model.wire.held.append(flight.pop(place))
        elif kind == "release":
            flight += self.model.wire.held
            self.model.wire.held = []
        elif kind == "tear":
            torn = flight[place]
            flight[place] = Frame(torn.place, torn.text[: 1 + len(torn.text) * other // 8], {})

    async def _drop(self, pause):
        self.model.wire.drop()
        self.connections += 1
        await self.clock.sleep(0.01 + pause)

    async def recover(self):
        """Let time pass without disturbances; every book must be right in the end."""
        self.model.refusals.clear()
        self.model.wire.flight += self.model.wire.held
        self.model.wire.held = []
        for second in range(120):
            if second % 10 == 0:
                for market in range(4):
                    self.trade(market, second // 10)
            await self.arrive(0.5)
            await self.arrive(0.5)
            if second == 90:
                asked = len(self.model.commands)
        assert self.model.commands[asked:] == []
        assert not self.listener.is_lost
        for ticker in self.listener.wanted:
            assert self.listener.books[ticker].state in SOUND, ticker
            assert self.listener.levels(ticker) == self.model.truth[ticker]
        for channel in (BOOK, "ticker", "trade"):
            sub = self.model.wire.subscriptions.get(channel)
            assert set(sub.tickers if sub else ()) == set(self.listener.wanted)


DISTURBANCES = ("lose", "double", "swap", "delay", "release", "tear")
STEPS = (
    *("trade", "wait") * 4,
    *("empty", "snapshot", "die", "stray", "forget", "refuse", "follow", "leave", "drop"),
    *DISTURBANCES * 2,
)
HABITS = st.sampled_from(("take", "repeat", "none"))
MODELS = st.builds(Model, HABITS, HABITS, ok_first=st.booleans(), is_lenient=st.booleans())
SCRIPTS = st.lists(
    st.tuples(st.sampled_from(STEPS), st.integers(0, 7), st.integers(0, 7)), max_size=60
)


def play(model, steps):
    async def main(clock):
        clock.start_at(1_768_478_400_000_000)
        async with anyio.create_task_group() as tasks:
            played = Play(clock, model)
            tasks.start_soon(played.stream.run)
            await clock.sleep(0.01)
            await played.calm()
            before = len(model.commands)
            for step in steps:
                await played.step(*step)
            await played.recover()
            tasks.cancel_scope.cancel()
        return len(model.commands) - before, played.connections

    return run_virtual(main)


def check(model, steps):
    asked, connections = play(model, steps)

    assert asked <= 60 + 12 * (len(steps) + connections)


@settings(max_examples=50)
@given(MODELS, SCRIPTS)
def test_a_book_is_right_or_marked_invalid_and_right_in_the_end(model, steps):
    check(model, steps)


@pytest.mark.slow
@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(MODELS, SCRIPTS)
def test_a_book_is_right_or_marked_invalid_whatever_happens(model, steps):
    check(model, steps)
