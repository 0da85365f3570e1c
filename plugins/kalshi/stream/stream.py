"""The stream: connect, subscribe, keep every book honest, and connect again.

One task reads; what one read of the socket gives becomes one batch of events. Commands are
written by a second task, so that a slow exchange never stops the reading. A connection that
ends is an event, not an error; only a refused key ends the stream.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import chain
from typing import Final, Protocol

import anyio
from httpx_ws import WebSocketUpgradeError

from framework.errors import AuthError
from framework.model.events import AnyEvent, BookInvalidated, StreamLost, StreamRestored
from framework.model.units import Micros, Ticker
from framework.run import Clock
from plugins.kalshi import codec as wire
from plugins.kalshi.codec.refusals import refusal
from plugins.kalshi.stream.channel import MOST_UNANSWERED
from plugins.kalshi.stream.sequence import CONTROL, REPLY
from plugins.kalshi.stream.sequence import Sequence as Numbers
from plugins.kalshi.stream.session import StreamDropped, Talk
from plugins.kalshi.stream.subscriptions import (
    BOOK,
    DEAD,
    LIFECYCLE,
    NEVER_US,
    Subscriptions,
)
from plugins.kalshi.transport.client import BODY

PAUSES_S: Final = (1, 2, 4, 8, 16, 30)
"""Between attempts to connect; the last one repeats."""
Emit = Callable[[Sequence[AnyEvent]], Awaitable[None]]
Connect = Callable[[], AbstractAsyncContextManager[Talk]]


class Watcher(Protocol):
    """What the stream tells besides events: the adapter reads the rest by REST."""

    def market_changed(self, ticker: Ticker, kind: str) -> None:
        """A market's record is out of date."""

    def fees_changed(self, change: wire.FeesChanged) -> None:
        """An event's fees are others from now on."""

    def markets_uncertain(self) -> None:
        """Messages about markets may have been missed."""

    def restored(self, lost_us: Micros) -> None:
        """The connection is back: what happened to the account since then is unknown."""


class Stream:
    """The connection to the exchange's stream, over all its interruptions.

    Attributes:
        subscriptions: What is wanted and what is confirmed.
        opened: Set when the first connection is subscribed, or will never be.
        heard_us: When anything last came.
    """

    def __init__(
        self,
        codec: wire.Codec,
        clock: Clock,
        *,
        connect: Connect,
        emit: Emit,
        watcher: Watcher,
        refused: Callable[[str, int, str], AuthError],
        heard: Callable[[Micros, Micros | None], None] = lambda _at_us, _exchange_us: None,
    ) -> None:
        """Set up; `refused` makes the error of a refused key, `heard` learns of every read."""
        self._heard = heard
        self._codec = codec
        self._clock = clock
        self._connect = connect
        self._emit = emit
        self._watcher = watcher
        self._refused = refused
        self.subscriptions = Subscriptions(codec)
        self.opened = anyio.Event()
        self.heard_us = clock.now_us()
        self._repeats: set[str] = set()  # the exchange's habits outlive a connection
        self._numbers: defaultdict[int | None, Numbers] = defaultdict(
            lambda: Numbers(self._repeats)
        )
        self._wake = anyio.Event()
        self._attempts = 0
        self._why = ""
        """Why we have ended the connection ourselves."""
        self._lost = False
        self._lost_us: Micros = 0
        self._readers: dict[type[wire.Frame], Callable[..., Sequence[AnyEvent]]] = {
            wire.Deltas: self._deltas,
            wire.Facts: self._facts,
            wire.Snapshot: self._snapshot,
            wire.Lifecycle: self._lifecycle,
            wire.FeesChanged: self._fees,
            wire.Subscribed: self._subscribed,
            wire.Updated: self._updated,
            wire.Unsubscribed: self._unsubscribed,
            wire.Refused: self._error,
            wire.Unreadable: self._unreadable,
        }

    async def run(self) -> None:
        """Stay connected for ever.

        Raises:
            AuthError: the exchange refuses the key or the clock.
        """
        try:
            while True:
                try:
                    await self._connection()
                except StreamDropped as why:
                    await self._note_loss(str(why))
                pause = PAUSES_S[min(self._attempts, len(PAUSES_S) - 1)]
                self._attempts += 1
                await self._clock.sleep(pause)
        finally:
            self.opened.set()

    @property
    def is_lost(self) -> bool:
        """Whether the connection was there and is not back yet."""
        return self._lost

    def wake(self) -> None:
        """Look at what is wanted again, now."""
        self._wake.set()

    # ------------------------------------------------------------------------- connection

    async def _connection(self) -> None:
        try:
            async with self._connect() as session:
                self.subscriptions.reset()
                self._numbers.clear()
                self._why = ""
                async with anyio.create_task_group() as group:
                    group.start_soon(self._write, session)
                    group.start_soon(session.watch)
                    why = await self._read(session)
                    group.cancel_scope.cancel()
        except WebSocketUpgradeError as answer:
            raise self._upgrade_refused(answer) from None
        raise StreamDropped(why)

    def _upgrade_refused(self, answer: WebSocketUpgradeError) -> Exception:
        status = answer.response.status_code
        why = refusal(status, answer.response.extensions.get(BODY, b""))
        if status in {401, 403}:
            return self._refused(f"the stream refuses the key: {why}", status, why.code)
        return StreamDropped(f"the stream answers {status}: {why}")

    async def _note_loss(self, why: str) -> None:
        now_us = self._clock.now_us()
        dark = self._lose(self.subscriptions.followed(), now_us, why)
        if not self._lost:
            self._lost, self._lost_us = True, self.heard_us
            await self._emit((StreamLost(at_us=now_us, reason=why),))
        elif dark:
            await self._emit(dark)  # books of a connection that was lost before it was whole

    async def _write(self, session: Talk) -> None:
        """Send what is wanted and not confirmed, on news and, while something is open, in time."""
        subscriptions, clock = self.subscriptions, self._clock
        while True:
            self._wake = anyio.Event()
            if subscriptions.is_unheard(clock.now_us()):
                self._why = f"{MOST_UNANSWERED} commands in a row were not answered"
                await session.hang_up()
                return
            for command in subscriptions.commands(clock.now_us()):
                if not await session.say(command):
                    return
            due_us = subscriptions.due_us
            left_us = None if due_us == NEVER_US else max(due_us - clock.now_us(), 0)
            with anyio.move_on_after(None if left_us is None else left_us / 1_000_000):
                await self._wake.wait()

    async def _read(self, session: Talk) -> str:
        """Read until the connection ends; return why it did."""
        decode, readers = self._codec.read, self._readers
        try:
            while True:
                messages = await session.read()
                now_us = self.heard_us = self._clock.now_us()
                batch: list[AnyEvent] = []
                for frame in decode(messages, now_us):
                    batch += readers[type(frame)](frame, now_us)
                if self._lost or not self.opened.is_set():
                    batch += self._when_ready(now_us)
                first = batch[0] if batch else None
                self._heard(now_us, getattr(first, "exchange_us", None))
                if batch:
                    await self._emit(batch)
                if now_us >= self.subscriptions.due_us:
                    self._wake.set()
        except StreamDropped as why:
            return self._why or str(why)

    def _when_ready(self, now_us: Micros) -> Sequence[AnyEvent]:
        if not self.subscriptions.ready:
            return ()
        self._attempts = 0
        self.opened.set()
        if not self._lost:
            return ()
        self._lost = False
        self._watcher.restored(self._lost_us)
        return (StreamRestored(at_us=now_us),)

    # --------------------------------------------------------------------------- messages

    def _deltas(self, frame: wire.Deltas, now_us: Micros) -> Sequence[AnyEvent]:
        lost = self._check(frame, now_us, len(frame.events))
        wanted, awaiting = self.subscriptions.wanted, self.subscriptions.awaiting
        # Until its snapshot a change applies to nothing.
        told = [event for event in frame.events if event.ticker in wanted]
        if awaiting:
            told = [event for event in told if event.ticker not in awaiting]
        if frame.sid != self.subscriptions.book_sid:
            strays = [self._stray(frame.sid, event.ticker, now_us) for event in told]
            return (*lost, *chain.from_iterable(strays))
        return (*lost, *told) if lost else told

    def _facts(self, frame: wire.Facts, now_us: Micros) -> Sequence[AnyEvent]:
        return (*self._check(frame, now_us), *frame.events)

    def _snapshot(self, frame: wire.Snapshot, now_us: Micros) -> Sequence[AnyEvent]:
        ticker = frame.event.ticker
        is_past = self._numbers[frame.sid].is_past(frame.seq)
        check = self._aside if frame.is_reply else self._check
        lost = check(frame, now_us)
        if frame.sid != self.subscriptions.book_sid:
            return (*lost, *self._stray(frame.sid, ticker, now_us))
        if is_past or not self.subscriptions.takes(ticker, is_reply=frame.is_reply):
            return lost
        return (*lost, frame.event)

    def _stray(self, sid: int | None, ticker: Ticker, now_us: Micros) -> Sequence[AnyEvent]:
        """Pass over what is about a book but not of the subscription that is in force."""
        self._codec.drift.count("a book's message of another subscription")
        # Of a subscription that is gone it means nothing; without a number it may be this one's.
        return self._lose((ticker,), now_us, "a message names no subscription") if not sid else ()

    def _lifecycle(self, frame: wire.Lifecycle, now_us: Micros) -> Sequence[AnyEvent]:
        self._watcher.market_changed(frame.ticker, frame.kind)
        return self._check(frame, now_us)

    def _fees(self, frame: wire.FeesChanged, now_us: Micros) -> Sequence[AnyEvent]:
        self._watcher.fees_changed(frame)
        return self._check(frame, now_us)

    def _subscribed(self, frame: wire.Subscribed, now_us: Micros) -> Sequence[AnyEvent]:
        lost = self._aside(frame, now_us)
        return (*lost, *_gone(self.subscriptions.subscribed(frame, now_us), now_us))

    def _updated(self, frame: wire.Updated, now_us: Micros) -> Sequence[AnyEvent]:
        is_past = self._numbers[frame.sid].is_past(frame.seq)
        lost = self._aside(frame, now_us)
        if is_past and frame.sid == self.subscriptions.book_sid:
            return lost  # its list is out of date, and books depend on it
        return (*lost, *_gone(self.subscriptions.updated(frame, now_us), now_us))

    def _unsubscribed(self, frame: wire.Unsubscribed, now_us: Micros) -> Sequence[AnyEvent]:
        lost = self._aside(frame, now_us)
        return (*lost, *_gone(self.subscriptions.unsubscribed(frame, now_us), now_us))

    def _error(self, frame: wire.Refused, now_us: Micros) -> Sequence[AnyEvent]:
        reason = f"error {frame.code} {frame.message}".rstrip()
        if frame.code in DEAD and frame.sid is None:
            raise StreamDropped(f"a subscription died, not told which: {reason}")
        lost = self._aside(frame, now_us)
        dark = self.subscriptions.refused(frame, now_us)
        return (*lost, *(_invalid(ticker, now_us, reason) for ticker in dark))

    def _unreadable(self, frame: wire.Unreadable, now_us: Micros) -> Sequence[AnyEvent]:
        """A message that can't be read breaks a book when it was about one."""
        lost = self._check(frame, now_us)
        is_garbage = frame.sid is None and not frame.kind  # it may have been about any book
        is_book = frame.sid is None and frame.kind.startswith("orderbook")
        if not (is_garbage or is_book or self.subscriptions.name_of(frame.sid) == BOOK):
            return lost
        whose = self.subscriptions.followed() if frame.ticker is None else (frame.ticker,)
        return (*lost, *self._lose(whose, now_us, "a message could not be read"))

    # -------------------------------------------------------------------------- integrity

    def _check(self, frame: wire.Frame, now_us: Micros, count: int = 1) -> Sequence[AnyEvent]:
        """Take the numbers of data messages; return what is lost when they do not follow."""
        if frame.seq is None or self._numbers[frame.sid].follows(frame.seq, count):
            return ()
        return self._miss(frame.sid, now_us)

    def _aside(self, frame: wire.Frame, now_us: Micros) -> Sequence[AnyEvent]:
        """Take the number of an answer; return what is lost when one before is missing."""
        kind = REPLY if isinstance(frame, wire.Snapshot) else CONTROL
        if frame.seq is None or self._numbers[frame.sid].passes(frame.seq, kind):
            return ()
        return self._miss(frame.sid, now_us)

    def _miss(self, sid: int | None, now_us: Micros) -> Sequence[AnyEvent]:
        """Make good for messages that never came on a subscription."""
        channel = self.subscriptions.name_of(sid)
        self._codec.drift.count(f"{channel}: numbers are missing")
        if channel == BOOK:
            # Numbers are shared by all markets of the subscription: any may be the one.
            return self._lose(self.subscriptions.followed(), now_us, "numbers are missing")
        if channel == LIFECYCLE:
            self._watcher.markets_uncertain()
        return ()

    def _lose(self, tickers: Iterable[Ticker], now_us: Micros, reason: str) -> Sequence[AnyEvent]:
        lost = self.subscriptions.lose(tickers, now_us)
        return [_invalid(ticker, now_us, reason) for ticker in lost]


def _invalid(ticker: Ticker, now_us: Micros, reason: str) -> BookInvalidated:
    return BookInvalidated(at_us=now_us, ticker=ticker, reason=reason)


def _gone(tickers: Iterable[Ticker], now_us: Micros) -> Sequence[AnyEvent]:
    return [_invalid(ticker, now_us, "no longer subscribed") for ticker in tickers]
