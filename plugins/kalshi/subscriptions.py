"""What we want to hear against what the exchange has confirmed.

Pure: it writes commands and reads replies, and never waits. Asking again is never an event of
its own; every look compares wanted with confirmed and asks for the difference, so a subscribe
that partly failed heals by itself.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from framework.model.units import Micros, Ticker
from plugins.kalshi.codec import Codec, Open, Refused, Subscribed, Unsubscribed, Updated

BOOK: Final = "orderbook_delta"
LIFECYCLE: Final = "market_lifecycle_v2"
MOST_TICKERS: Final = 500
"""Per command; the exchange's own limit per message is not published."""
ANSWER_WITHIN_US: Final[Micros] = 10_000_000
RETRY_AFTER_US: Final[Micros] = 5_000_000
"""After a refused command."""
SNAPSHOT_WITHIN_US: Final[Micros] = 10_000_000
DEAD: Final = frozenset({10, 25})
"""Error codes after which a subscription is gone: channel error, buffer overflow."""
UNKNOWN_SID: Final = 7
LOOK_EVERY_US: Final[Micros] = 1_000_000
NEVER_US: Final[Micros] = 2**62


class Channel:
    """One channel of this connection."""

    __slots__ = ("adds", "asked", "asked_us", "confirmed", "name", "requested", "retry_us", "sid")

    def __init__(self, name: str) -> None:
        self.name = name
        self.sid: int | None = None
        self.confirmed: dict[Ticker, None] = {}
        self.asked: int | None = None
        """The id of the command that has not been answered yet."""
        self.asked_us: Micros = 0
        self.requested: tuple[Ticker, ...] = ()
        self.adds = True
        """Whether that command adds the requested markets, or takes them away."""
        self.retry_us: Micros = 0

    def may_ask(self, now_us: Micros) -> bool:
        """Return whether a command may be sent: none is under way, none was just refused."""
        waiting = self.asked is not None and now_us < self.asked_us + ANSWER_WITHIN_US
        return not waiting and now_us >= self.retry_us

    def ask(
        self, command: int, now_us: Micros, tickers: tuple[Ticker, ...] = (), *, adds: bool = True
    ) -> None:
        """Remember a command that was sent."""
        self.asked, self.asked_us = command, now_us
        self.requested, self.adds = tickers, adds

    def close(self) -> None:
        """Forget a subscription that is gone."""
        self.sid, self.asked = None, None
        self.confirmed = {}


class Subscriptions:
    """The subscriptions of one connection; `wanted` outlives it."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._command = 0
        self.wanted: dict[Ticker, None] = {}
        self.awaiting: dict[Ticker, Micros | None] = {}
        """Markets whose book is not sound, and when its snapshot was last asked for."""
        self.due_us: Micros = 0
        """When to look again: at once after any news, else only while something is open."""
        self._refused: dict[Ticker, Micros] = {}
        self._markets: dict[str, Channel] = {}
        self._account: dict[str, Channel] = {}
        self.reset()

    def reset(self) -> None:
        """Start a new connection: nothing is confirmed, command ids begin again at 1."""
        self._command = 0
        self._markets = {name: Channel(name) for name in self._codec.market_channels}
        self._account = {name: Channel(name) for name in self._codec.account_channels}
        self.awaiting = dict.fromkeys(self.wanted)
        self._refused = {}
        self.due_us = 0

    def want(self, tickers: Iterable[Ticker]) -> None:
        """Follow these markets too."""
        self.due_us = 0
        for ticker in tickers:
            if ticker not in self.wanted:
                self.wanted[ticker] = None
                self.awaiting[ticker] = None

    def drop(self, tickers: Iterable[Ticker]) -> None:
        """Stop following these markets."""
        self.due_us = 0
        for ticker in tickers:
            self.wanted.pop(ticker, None)
            self.awaiting.pop(ticker, None)

    @property
    def ready(self) -> bool:
        """Whether everything wanted is confirmed, or was refused and is asked for again later."""
        account = all(c.sid is not None or c.retry_us for c in self._account.values())
        return account and all(
            channel.retry_us or ticker in channel.confirmed or ticker in self._refused
            for channel in self._markets.values()
            for ticker in self.wanted
        )

    def lose(self, tickers: Iterable[Ticker]) -> tuple[Ticker, ...]:
        """Give up books until their next snapshot; return those that were sound until now."""
        self.due_us = 0
        wanted = [ticker for ticker in tickers if ticker in self.wanted]
        lost = tuple(ticker for ticker in wanted if ticker not in self.awaiting)
        self.awaiting.update(dict.fromkeys(wanted))
        return lost

    def name_of(self, sid: int | None) -> str | None:
        """Return which channel a subscription number stands for."""
        channel = self._of(sid)
        return None if channel is None else channel.name

    def followed(self) -> tuple[Ticker, ...]:
        """Return the markets whose books are confirmed."""
        return tuple(self._markets[BOOK].confirmed)

    # --------------------------------------------------------------------------- commands

    def commands(self, now_us: Micros) -> Iterator[str]:
        """Yield what to send now: the difference between wanted and confirmed."""
        self.due_us = now_us + LOOK_EVERY_US
        wanted = tuple(t for t in self.wanted if self._refused.get(t, 0) <= now_us)
        for channel in self._account.values():
            if channel.sid is None and channel.may_ask(now_us):
                yield self._subscribe(channel, (), now_us)
        for channel in self._markets.values():
            if channel.sid is None and wanted and channel.may_ask(now_us):
                yield self._subscribe(channel, wanted[:MOST_TICKERS], now_us)
        for channel in self._markets.values():
            if channel.sid is not None and channel.may_ask(now_us):
                yield from self._difference(channel, channel.sid, wanted, now_us)
        yield from self._snapshots(now_us)
        if self._settled:
            self.due_us = NEVER_US

    @property
    def _settled(self) -> bool:
        """Whether only news can give something to do."""
        channels = (*self._markets.values(), *self._account.values())
        return not (
            self.awaiting
            or self._refused
            or any(c.asked is not None for c in channels)
            or any(c.sid is None for c in self._account.values())
            or any(c.confirmed.keys() != self.wanted.keys() for c in self._markets.values())
        )

    def _difference(
        self, channel: Channel, sid: int, wanted: tuple[Ticker, ...], now_us: Micros
    ) -> Iterator[str]:
        missing = tuple(t for t in wanted if t not in channel.confirmed)[:MOST_TICKERS]
        extra = tuple(t for t in channel.confirmed if t not in self.wanted)[:MOST_TICKERS]
        opened = Open(channel.name, sid, tuple(channel.confirmed))
        if not self.wanted:
            # An empty list could mean every market: leave the channel instead.
            channel.ask(self._next(), now_us)
            yield self._codec.unsubscribe(self._command, opened)
        elif missing:
            channel.ask(self._next(), now_us, missing)
            yield self._codec.update(self._command, opened, "add_markets", missing)
        elif extra:
            channel.ask(self._next(), now_us, extra, adds=False)
            yield self._codec.update(self._command, opened, "delete_markets", extra)

    def _snapshots(self, now_us: Micros) -> Iterator[str]:
        """Ask for the books that have been lost, or that did not come by themselves."""
        book = self._markets[BOOK]
        if book.sid is None:
            return
        late: list[Ticker] = []
        for ticker, asked_us in self.awaiting.items():
            if ticker not in book.confirmed:
                continue
            if asked_us is None or now_us >= asked_us + SNAPSHOT_WITHIN_US:
                late.append(ticker)
        for start in range(0, len(late), MOST_TICKERS):
            part = late[start : start + MOST_TICKERS]
            self.awaiting.update(dict.fromkeys(part, now_us))
            yield self._codec.update(self._next(), Open(BOOK, book.sid), "get_snapshot", part)

    def _subscribe(self, channel: Channel, tickers: tuple[Ticker, ...], now_us: Micros) -> str:
        # One command per channel: a refused channel must not take the others with it.
        channel.ask(self._next(), now_us, tickers)
        return self._codec.subscribe(self._command, [channel.name], tickers)

    def _next(self) -> int:
        self._command += 1
        return self._command

    # ---------------------------------------------------------------------------- replies

    def subscribed(self, reply: Subscribed, now_us: Micros) -> None:
        """Note that a channel is open, with the markets it was asked for."""
        self.due_us = 0
        channel = self._markets.get(reply.channel) or self._account.get(reply.channel)
        if channel is None:
            return
        channel.sid = reply.sid
        if channel.asked is not None and reply.id in {channel.asked, None}:
            self._confirm(channel, channel.requested, now_us)
            channel.asked = None

    def updated(self, reply: Updated, now_us: Micros) -> None:
        """Note that a command was done; a list in the reply is the truth about the channel."""
        self.due_us = 0
        channel = self._of(reply.sid)
        if channel is None:
            return
        answered = reply.id is not None and reply.id == channel.asked
        if reply.tickers is not None:
            kept = set(reply.tickers)
            channel.confirmed = {t: None for t in channel.confirmed if t in kept}
            self._confirm(channel, reply.tickers, now_us)
        elif answered and channel.adds:
            self._confirm(channel, channel.requested, now_us)
        elif answered:
            for ticker in channel.requested:
                channel.confirmed.pop(ticker, None)
        if answered:
            channel.asked = None

    def unsubscribed(self, reply: Unsubscribed) -> None:
        """Note that a channel is closed."""
        self.due_us = 0
        channel = self._of(reply.sid)
        if channel is not None:
            channel.close()

    def refused(self, reply: Refused, now_us: Micros) -> tuple[Ticker, ...]:
        """Note an error; return the markets whose books it leaves dark."""
        self.due_us = 0
        asking = [
            channel
            for channel in (*self._markets.values(), *self._account.values())
            if reply.id is not None and channel.asked == reply.id
        ]
        dead = self._of(reply.sid) if reply.code in DEAD else None
        if dead is None and reply.code == UNKNOWN_SID and asking:
            dead = asking[0]
        if dead is not None:
            lost = self.lose(self.followed()) if dead.name == BOOK else ()
            dead.close()
            return lost
        for channel in asking:
            channel.asked = None
            if not reply.tickers:
                channel.retry_us = now_us + RETRY_AFTER_US
        for ticker in reply.tickers:
            self._refused[ticker] = now_us + RETRY_AFTER_US
        return tuple(t for t in reply.tickers if t in self.wanted)

    def _confirm(self, channel: Channel, tickers: Iterable[Ticker], now_us: Micros) -> None:
        for ticker in tickers:
            if ticker not in channel.confirmed:
                channel.confirmed[ticker] = None
                self._refused.pop(ticker, None)
                if channel.name == BOOK and ticker in self.awaiting:
                    self.awaiting[ticker] = now_us  # its snapshot is on the way by itself

    def _of(self, sid: int | None) -> Channel | None:
        if sid is None:
            return None
        channels = (*self._markets.values(), *self._account.values())
        return next((channel for channel in channels if channel.sid == sid), None)
