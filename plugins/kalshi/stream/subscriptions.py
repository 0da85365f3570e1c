"""What we want to hear against what the exchange has confirmed.

Pure: it writes commands and reads replies, and never waits. Asking again is never an event of
its own; every look compares wanted with confirmed and asks for the difference, so a subscribe
that partly failed heals by itself.
"""

from collections.abc import Iterable, Iterator
from itertools import filterfalse, islice
from typing import Final

from framework.model.units import Micros, Ticker
from plugins.kalshi.codec import Codec, Open, Refused, Subscribed, Unsubscribed, Updated
from plugins.kalshi.stream.channel import Channel

BOOK: Final = "orderbook_delta"
LIFECYCLE: Final = "market_lifecycle_v2"
MOST_TICKERS: Final = 500
"""Per command; the exchange's own limit per message is not published."""
RETRY_AFTER_US: Final[Micros] = 5_000_000
"""After a refused command."""
SNAPSHOT_WITHIN_US: Final[Micros] = 10_000_000
DEAD: Final = frozenset({10, 25})
"""Error codes after which a subscription is gone: channel error, buffer overflow."""
UNKNOWN_SID: Final = 7
LOOK_EVERY_US: Final[Micros] = 1_000_000
MOST_VAIN: Final = 3
"""Requests for snapshots without any in return, after which the channel is left."""
NEVER_US: Final[Micros] = 2**62


class Subscriptions:
    """The subscriptions of one connection; `wanted` outlives it."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._command = 0
        self.wanted: dict[Ticker, None] = {}
        self.awaiting: dict[Ticker, Micros] = {}
        """Markets whose book is not sound, and when its snapshot is to be asked for."""
        self.due_us: Micros = 0
        """When to look again: at once after any news, else only while something is open."""
        self._refused: dict[Ticker, Micros] = {}
        self._looks = range(0)
        """The ids of the last commands that asked for snapshots."""
        self._look_us: Micros = 0
        self._vain = 0
        self._markets: dict[str, Channel] = {}
        self._account: dict[str, Channel] = {}
        self.reset()

    def reset(self) -> None:
        """Start a new connection: nothing is confirmed, command ids begin again at 1."""
        self._command = 0
        self._markets = {name: Channel(name) for name in self._codec.market_channels}
        self._account = {name: Channel(name) for name in self._codec.account_channels}
        self.awaiting = dict.fromkeys(self.wanted, 0)
        self._refused = {}
        self._looks, self._look_us, self._vain = range(0), 0, 0
        self.due_us = 0

    def want(self, tickers: Iterable[Ticker]) -> None:
        """Follow these markets too."""
        self.due_us = 0
        for ticker in tickers:
            if ticker not in self.wanted:
                self.wanted[ticker] = None
                self.awaiting[ticker] = 0

    def drop(self, tickers: Iterable[Ticker]) -> None:
        """Stop following these markets."""
        self.due_us = 0
        for ticker in tickers:
            self.wanted.pop(ticker, None)
            self.awaiting.pop(ticker, None)
            self._refused.pop(ticker, None)

    @property
    def ready(self) -> bool:
        """Whether everything wanted is confirmed, or was refused and is asked for again later."""
        account = all(c.sid is not None or c.retry_us for c in self._account.values())
        return account and all(
            channel.retry_us or ticker in channel.confirmed or ticker in self._refused
            for channel in self._markets.values()
            for ticker in self.wanted
        )

    def lose(self, tickers: Iterable[Ticker], now_us: Micros) -> tuple[Ticker, ...]:
        """Give up books until their next snapshot; return those that were sound until now.

        One whose snapshot is on the way may have lost just that: it is asked for again soon.
        """
        self.due_us = 0
        wanted = [ticker for ticker in tickers if ticker in self.wanted]
        lost = tuple(ticker for ticker in wanted if ticker not in self.awaiting)
        for ticker in wanted:
            self.awaiting[ticker] = min(self.awaiting.get(ticker, 0), now_us + LOOK_EVERY_US)
        return lost

    def takes(self, ticker: Ticker, *, is_reply: bool) -> bool:
        """Note a snapshot; return whether the book is sound from now on.

        A market that is being taken away will get no changes, nor one that is not there. That a
        snapshot came by itself shows that the market is there.
        """
        book = self._markets[BOOK]
        if ticker not in self.wanted or book.is_leaving(ticker):
            return False
        if is_reply and ticker not in book.confirmed:
            return False
        book.confirmed[ticker] = None
        self.awaiting.pop(ticker, None)
        self._vain = 0
        return True

    @property
    def book_sid(self) -> int | None:
        """The subscription whose books count; any other is gone, or not known yet."""
        return self._markets[BOOK].sid

    def name_of(self, sid: int | None) -> str | None:
        """Return which channel a subscription number stands for."""
        channel = self._of(sid)
        return None if channel is None else channel.name

    def followed(self) -> tuple[Ticker, ...]:
        """Return the markets whose books are confirmed."""
        return tuple(self._markets[BOOK].confirmed)

    # --------------------------------------------------------------------------- commands

    def is_unheard(self, now_us: Micros) -> bool:
        """Return whether commands of a channel have gone unanswered for too long."""
        channels = (*self._markets.values(), *self._account.values())
        return self._codec.reach.confirms and any(one.is_unheard(now_us) for one in channels)

    def commands(self, now_us: Micros) -> Iterator[str]:
        """Yield what to send now: the difference between wanted and confirmed."""
        self.due_us = now_us + LOOK_EVERY_US
        wanted = tuple(self.wanted)
        if self._refused:
            wanted = tuple(t for t in wanted if self._refused.get(t, 0) <= now_us)
        for channel in self._account.values():
            if channel.sid is None and channel.may_ask(now_us):
                yield self._subscribe(channel, (), now_us)
        for channel in self._markets.values():
            if channel.sid is None and wanted and channel.may_ask(now_us):
                channel.give_up(self.wanted)
                yield self._subscribe(channel, wanted[:MOST_TICKERS], now_us)
        self._despair()
        for channel in self._markets.values():
            if channel.sid is not None and channel.may_ask(now_us):
                yield from self._difference(channel, channel.sid, wanted, now_us)
        yield from self._snapshots(now_us)
        if self._settled:
            self.due_us = NEVER_US

    def _despair(self) -> None:
        """Leave the channel of books, to open it anew, when no book of it can be had."""
        if self._vain >= MOST_VAIN and self.awaiting.keys() >= self.wanted.keys():
            self._markets[BOOK].closing = self._markets[BOOK].sid is not None
            self._vain = 0

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
        channel.give_up(self.wanted)
        missing = _first(filterfalse(channel.confirmed.__contains__, wanted))
        extra = () if missing else _first(filterfalse(self.wanted.__contains__, channel.confirmed))
        opened = Open(channel.name, sid, tuple(channel.confirmed))
        if channel.closing or not self.wanted:
            # An empty list could mean every market: leave the channel instead.
            channel.closing = True
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
        if book.sid is None or now_us < self._look_us:
            return
        late = [
            ticker
            for ticker, due_us in self.awaiting.items()
            if due_us <= now_us and ticker in book.confirmed and not book.is_leaving(ticker)
        ]
        if not late:
            return
        # When one snapshot after the other is lost again, do not ask with every message.
        self._look_us = now_us + LOOK_EVERY_US
        self._vain += 1
        first, opened = self._command + 1, Open(BOOK, book.sid)
        for start in range(0, len(late), MOST_TICKERS):
            part = late[start : start + MOST_TICKERS]
            self.awaiting.update(dict.fromkeys(part, now_us + SNAPSHOT_WITHIN_US))
            yield self._codec.update(self._next(), opened, "get_snapshot", part)
        self._looks = range(first, self._command + 1)

    def _subscribe(self, channel: Channel, tickers: tuple[Ticker, ...], now_us: Micros) -> str:
        # One command per channel: a refused channel must not take the others with it.
        channel.ask(self._next(), now_us, tickers)
        return self._codec.subscribe(self._command, [channel.name], tickers)

    def _next(self) -> int:
        self._command += 1
        return self._command

    # ---------------------------------------------------------------------------- replies

    def subscribed(self, reply: Subscribed, now_us: Micros) -> tuple[Ticker, ...]:
        """Note that a channel is open, with the markets it was asked for.

        Returns:
            The markets whose books were sound, if they came by another subscription.
        """
        self.due_us = 0
        channel = self._markets.get(reply.channel) or self._account.get(reply.channel)
        if channel is None:
            return ()
        answered = channel.asked is not None and reply.id in {channel.asked, None}
        if channel.sid is not None and not answered:
            return ()  # an old reply that comes again
        requested, lost = channel.requested, tuple[Ticker, ...]()
        if channel.sid not in {None, reply.sid}:
            lost = self._close(channel, now_us)
        channel.sid = reply.sid
        if answered:
            channel.answer()
            self._confirm(channel, requested, now_us)
        return lost

    def updated(self, reply: Updated, now_us: Micros) -> tuple[Ticker, ...]:
        """Note that a command was done; a list in the reply is the truth about the channel.

        Returns:
            The markets whose books were sound and get no changes any more.
        """
        self.due_us = 0
        channel = self._of(reply.sid)
        if channel is None:
            return ()
        answered = reply.id is not None and reply.id == channel.asked
        before = tuple(channel.confirmed)
        if reply.tickers is not None:
            kept = set(reply.tickers)
            channel.confirmed = {t: None for t in before if t in kept}
            self._confirm(channel, reply.tickers, now_us)
        elif answered and channel.adds:
            self._confirm(channel, channel.requested, now_us)
        elif answered:
            for ticker in channel.requested:
                channel.confirmed.pop(ticker, None)
        if answered:
            channel.answer()
        gone = (t for t in before if t not in channel.confirmed)
        return self.lose(gone, now_us) if channel.name == BOOK else ()

    def unsubscribed(self, reply: Unsubscribed, now_us: Micros) -> tuple[Ticker, ...]:
        """Note that a channel is closed; return the markets whose books were sound."""
        self.due_us = 0
        channel = self._of(reply.sid)
        return () if channel is None else self._close(channel, now_us)

    def refused(self, reply: Refused, now_us: Micros) -> tuple[Ticker, ...]:
        """Note an error; return the markets whose books it leaves dark."""
        self.due_us = 0
        asking = self._asking(reply.id)
        dead = self._of(reply.sid) if reply.code in DEAD else None
        if dead is None and reply.code == UNKNOWN_SID:
            dead = asking
        if dead is not None:
            return self._close(dead, now_us)
        if asking is None:
            return ()
        self._not_done(asking, reply, now_us)
        if asking.name != BOOK:
            return ()
        self.lose(reply.tickers, now_us)
        return tuple(t for t in reply.tickers if t in self.wanted)

    def _not_done(self, channel: Channel, reply: Refused, now_us: Micros) -> None:
        if reply.id != channel.asked:  # it asked for snapshots: these markets are not there
            for ticker in reply.tickers:
                channel.confirmed.pop(ticker, None)
        else:
            if not reply.tickers or not channel.adds:
                channel.retry_us = now_us + RETRY_AFTER_US
            if not channel.adds:
                channel.give_up(self.wanted)
            channel.answer()
        again = dict.fromkeys(reply.tickers, now_us + RETRY_AFTER_US)
        self._refused |= {ticker: at_us for ticker, at_us in again.items() if ticker in self.wanted}

    def _asking(self, command: int | None) -> Channel | None:
        """Return the channel that a command was about, if it is one of the last."""
        if command is None:
            return None
        if command in self._looks:
            return self._markets[BOOK]
        channels = (*self._markets.values(), *self._account.values())
        return next((channel for channel in channels if channel.asked == command), None)

    def _close(self, channel: Channel, now_us: Micros) -> tuple[Ticker, ...]:
        lost = self.lose(channel.confirmed, now_us) if channel.name == BOOK else ()
        channel.close()
        return lost

    def _confirm(self, channel: Channel, tickers: Iterable[Ticker], now_us: Micros) -> None:
        for ticker in tickers:
            if ticker not in channel.confirmed:
                channel.confirmed[ticker] = None
                self._refused.pop(ticker, None)
                if channel.name == BOOK and ticker in self.awaiting:
                    # Its snapshot is on the way by itself.
                    self.awaiting[ticker] = now_us + SNAPSHOT_WITHIN_US

    def _of(self, sid: int | None) -> Channel | None:
        if sid is None:
            return None
        channels = (*self._markets.values(), *self._account.values())
        return next((channel for channel in channels if channel.sid == sid), None)


def _first(tickers: Iterable[Ticker]) -> tuple[Ticker, ...]:
    return tuple(islice(tickers, MOST_TICKERS))
