"""Markets told again: what the stream only hints at, or does not tell at all, is read by REST."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from anyio.abc import TaskGroup

from framework.errors import AuthError, ExchangeError
from framework.model.events import AnyEvent, MarketChanged, MarketListed, MarketSettled
from framework.model.market import Market, MarketStatus, Settlement
from framework.model.units import Micros, Ticker
from framework.run import Clock
from plugins.kalshi.account import AccountReader
from plugins.kalshi.catalog import Catalog
from plugins.kalshi.codec import Codec, FeesChanged
from plugins.kalshi.rest import Rest
from plugins.kalshi.stream import Stream

REREAD_PAUSES_S: Final = (1, 2, 4, 8, 16)
"""A market can be missing, or not final yet, for a moment after it was announced."""
POLL_EVERY_S: Final = 30.0
"""Between two reads of the followed markets where the stream does not tell of their life."""
SETTLED: Final = "settled"
_NEW: Final = frozenset({"created", "activated"})


class MarketWatch:
    """Hears from the stream that a market is out of date, and tells it as it is now."""

    def __init__(  # noqa: PLR0913 - what it reads with, and whom it tells
        self,
        rest: Rest,
        codec: Codec,
        clock: Clock,
        catalog: Catalog,
        reader: AccountReader,
        tasks: TaskGroup,
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
        self._tasks = tasks
        self._emit = emit
        self._stream = stream
        self._returned = returned
        self._stale: dict[Ticker, set[str]] = {}
        """Markets being read again, and what was said about each since the read began."""

    # -------------------------------------------------------------- what the stream asks for

    def market_changed(self, ticker: Ticker, kind: str) -> None:
        """Read a market again, unless it is none of ours: the channel tells of all."""
        if ticker in self._stale:
            self._stale[ticker].add(kind)
        elif kind in _NEW or ticker in self._catalog.known:
            self._stale[ticker] = {kind}
            self._tasks.start_soon(self._reread, ticker)

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

    async def _reread(self, ticker: Ticker) -> None:
        """Read a market until it is there and, if its settlement was announced, final."""
        kinds, pauses = self._stale[ticker], iter(REREAD_PAUSES_S)
        is_new = ticker not in self._catalog.known
        while kinds:
            asked = set(kinds)
            kinds.clear()
            found = await self._market(ticker)
            if found is None or (SETTLED in asked and not _is_final(found[0])):
                kinds |= asked
                pause = next(pauses, None)
                if pause is None:
                    break
                await self._clock.sleep(pause)
                continue
            await self._tell(*found, is_new=is_new)
            is_new = False
        del self._stale[ticker]

    async def _market(self, ticker: Ticker) -> tuple[Market, Settlement | None] | None:
        try:
            return await self._catalog.market(ticker)
        except ExchangeError as fault:
            self._codec.drift.fail("market", ticker, fault)
            return None

    async def _tell(self, market: Market, payment: Settlement | None, *, is_new: bool) -> None:
        now_us = self._clock.now_us()
        told = MarketListed if is_new else MarketChanged
        events: list[AnyEvent] = [told(at_us=now_us, market=market)]
        if payment is not None:
            if payment.result == "scalar":
                # Only here a fee can be kept: the account's own record tells it.
                payment = await self._reader.settlement(market.ticker) or payment
            events.append(MarketSettled(at_us=now_us, settlement=payment))
        await self._emit(events)

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
            for ticker in tuple(self._stream().subscriptions.awaiting):
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
