"""Markets told again: what the stream only hints at, or does not tell at all, is read by REST."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import anyio
import msgspec

from framework.errors import AuthError, ExchangeError
from framework.model.events import AnyEvent, MarketChanged, MarketListed, MarketSettled
from framework.model.market import Market, MarketStatus, Settlement
from framework.model.units import Micros, Ticker
from framework.run import Clock
from plugins.kalshi.account.account import AccountReader
from plugins.kalshi.codec import Codec, FeesChanged
from plugins.kalshi.markets.catalog import TICKERS_PER_READ, Catalog, Seen
from plugins.kalshi.stream.stream import Stream
from plugins.kalshi.transport.rest import Rest

REREAD_PAUSES_S: Final = (1, 2, 4, 8, 16)
"""A market can be missing, or not final yet, for a moment after it was announced."""
GATHER_US: Final[Micros] = 100_000
"""Messages about an event's markets come one after the other: one read answers them all."""
LEAST_WAIT_US: Final[Micros] = 1_000
"""A wait shorter than the clock's grain would end before its time."""
POLL_EVERY_S: Final = 30.0
"""Between two reads of the followed markets where the stream does not tell of their life."""
SETTLED: Final = "settled"
_NEW: Final = frozenset({"created", "activated"})
_Told = tuple[Market, Settlement | None, bool]
"""A market, what it pays, and whether it was never told before."""


class Stale(msgspec.Struct):
    """A market to be read again."""

    kinds: set[str]
    """What was said about it since its last read began."""
    due_us: Micros
    is_new: bool
    tries: int = 0
    """How often it was missing, or not final yet."""
    is_alone: bool = False
    """Whether it is read by itself, because a read of many failed."""


class MarketWatch:
    """Hears from the stream that a market is out of date, and tells it as it is now."""

    def __init__(
        self,
        rest: Rest,
        codec: Codec,
        clock: Clock,
        catalog: Catalog,
        reader: AccountReader,
        *,
        emit: Callable[[Sequence[AnyEvent]], Awaitable[None]],
        stream: Callable[[], Stream],
        returned: Callable[[Micros], None],
    ) -> None:
        """Connect; `returned` is told when the stream is back, and since when it was away."""
        self._rest = rest
        self._codec = codec
        self._clock = clock
        self._catalog = catalog
        self._reader = reader
        self._emit = emit
        self._stream = stream
        self._returned = returned
        self._wake = anyio.Event()
        self._stale: dict[Ticker, Stale] = {}

    # -------------------------------------------------------------- what the stream asks for

    def market_changed(self, ticker: Ticker, kind: str) -> None:
        """Read a market again, unless it is none of ours: the channel tells of all."""
        if ticker in self._stale:
            self._stale[ticker].kinds.add(kind)
            return
        # What is followed counts however long ago it closed: something may be held there.
        is_new = not (
            ticker in self._catalog.known or ticker in self._stream().subscriptions.wanted
        )
        if kind in _NEW or not is_new:
            self._stale[ticker] = Stale({kind}, self._soon_us(), is_new=is_new)
            self._wake.set()

    def fees_changed(self, change: FeesChanged) -> None:
        """Tell the markets of an event again, with the fees that hold from now on."""
        for ticker in self._catalog.fees_changed(change):
            self.market_changed(ticker, "fees")

    def markets_uncertain(self) -> None:
        """Read every followed market again: a message about one may have been missed."""
        wanted = self._stream().subscriptions.wanted
        self._catalog.fees_uncertain(wanted.keys())
        for ticker in wanted:
            self.market_changed(ticker, "uncertain")

    def restored(self, lost_us: Micros) -> None:
        """Ask what happened to account and markets while the stream was away."""
        self._returned(lost_us)
        self.markets_uncertain()

    # ------------------------------------------------------------------------------- reading

    async def run(self) -> None:
        """Read stale markets, one read after the other: what comes during one is the next.

        Raises:
            AuthError: the exchange refuses the key.
        """
        while True:
            await self._until_due()
            await self._reread(self._chosen())

    async def _until_due(self) -> None:
        while True:
            self._wake = anyio.Event()
            if not self._stale:
                await self._wake.wait()
                continue
            left_us = min(one.due_us for one in self._stale.values()) - self._clock.now_us()
            if left_us <= 0:
                return
            with anyio.move_on_after(max(left_us, LEAST_WAIT_US) / 1_000_000):
                await self._wake.wait()

    def _chosen(self) -> Sequence[Ticker]:
        """Return what to read together: first what is followed, as all that is held is."""
        wanted, soon_us = self._stream().subscriptions.wanted, self._soon_us()
        due = [ticker for ticker, one in self._stale.items() if one.due_us <= soon_us]
        due.sort(key=lambda ticker: (ticker not in wanted, self._stale[ticker].due_us))
        if self._stale[due[0]].is_alone or not self._codec.reach.lists_by_name:
            return due[:1]
        return [ticker for ticker in due if not self._stale[ticker].is_alone][:TICKERS_PER_READ]

    async def _reread(self, tickers: Sequence[Ticker]) -> None:
        """Read markets; one that is missing or, if that was announced, not final waits on."""
        asked = {ticker: frozenset(self._stale[ticker].kinds) for ticker in tickers}
        for ticker in tickers:
            self._stale[ticker].kinds.clear()
        found = await self._markets(tickers)
        told: list[_Told] = []
        for ticker, kinds in asked.items():
            one, seen = self._stale[ticker], found.get(ticker)
            if seen is None or (SETTLED in kinds and not _is_final(seen[0])):
                one.kinds |= kinds
                self._postpone(ticker, one)
                continue
            told.append((*seen, one.is_new))
            one.is_new, one.due_us = False, self._soon_us()
            if not one.kinds:
                del self._stale[ticker]
        await self._tell(told)

    def _postpone(self, ticker: Ticker, one: Stale) -> None:
        """Ask for a market again after a pause, or give it up after the last."""
        if one.tries == len(REREAD_PAUSES_S):
            self._codec.drift.count("markets announced and given up")
            del self._stale[ticker]
            return
        one.due_us = self._clock.now_us() + REREAD_PAUSES_S[one.tries] * 1_000_000
        one.tries += 1

    async def _markets(self, tickers: Sequence[Ticker]) -> Mapping[Ticker, Seen]:
        try:
            return await self._catalog.named(tickers)
        except AuthError:
            raise
        except ExchangeError as fault:
            self._codec.drift.fail("market", ", ".join(tickers), fault)
            for ticker in tickers:  # one of them may be why: it must not take the others along
                self._stale[ticker].is_alone = True
            return {}

    async def _tell(self, told: Sequence[_Told]) -> None:
        """Tell markets with their payments; those for which the account is asked come last."""
        now_us = self._clock.now_us()
        events: list[AnyEvent] = []
        asking: list[tuple[MarketListed | MarketChanged, Settlement]] = []
        for market, payment, is_new in told:
            event = (MarketListed if is_new else MarketChanged)(at_us=now_us, market=market)
            if payment is not None and payment.result == "scalar":
                asking.append((event, payment))
                continue
            events.append(event)
            if payment is not None:
                events.append(MarketSettled(at_us=now_us, settlement=payment))
        if events:
            await self._emit(events)
        for changed, payment in asking:
            # Only here a fee can be kept: the account's own record tells it.
            paid = await self._reader.settlement(payment.ticker) or payment
            settled = MarketSettled(at_us=self._clock.now_us(), settlement=paid)
            await self._emit((changed, settled))

    def _soon_us(self) -> Micros:
        return self._clock.now_us() + GATHER_US

    # ------------------------------------------------------------- where the stream is silent

    async def poll(self) -> None:
        """Read the followed markets again and again: nothing else tells that one has closed.

        A book that the stream has not shown by then is read too.

        Raises:
            AuthError: the exchange refuses the key.
        """
        while True:
            await self._clock.sleep(POLL_EVERY_S)
            self.markets_uncertain()
            stream = self._stream()
            for ticker in () if stream.is_lost else tuple(stream.subscriptions.awaiting):
                await self._fetch_book(ticker)

    async def _fetch_book(self, ticker: Ticker) -> None:
        """Read a book, unless the stream is first to show it; without a stream it would age."""
        stream = self._stream()
        book, awaiting = None, stream.subscriptions.awaiting
        try:
            path = f"/markets/{ticker}/orderbook"
            found = await self._rest.get(path, template="/markets/{ticker}/orderbook")
            book = self._codec.orderbook(ticker, found, self._clock.now_us())
        except AuthError:
            raise
        except ExchangeError as fault:
            self._codec.drift.fail("orderbook", ticker, fault)
        if book is not None and ticker in awaiting and not stream.is_lost:
            del awaiting[ticker]
            await self._emit((book,))


def _is_final(market: Market) -> bool:
    return market.status is MarketStatus.FINALIZED
