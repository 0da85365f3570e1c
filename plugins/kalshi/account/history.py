"""The archive: what is older than its cutoff leaves the live reads and is only told here.

Trades and fills leave after about three months, finished orders after two weeks, markets some
time after they have settled. Resting orders and open positions never do.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from framework.errors import ExchangeError
from framework.model.account import RemoteOrder
from framework.model.orders import Fill
from framework.model.units import Micros, Ticker
from framework.run import Clock
from plugins.kalshi.account.portfolio import MarketPosition
from plugins.kalshi.codec import Codec, Json, Query
from plugins.kalshi.codec.bodies import Cutoff, PublicTrade, read
from plugins.kalshi.transport.pages import PAGE, Spoken, bodies_of, given, in_path, needed
from plugins.kalshi.transport.rest import Rest

CUTOFF: Final = "/historical/cutoff"
_KEPT_US: Final[Micros] = 3_600_000_000
"""How long a cutoff that was read is believed: it moves once a day at most."""
_YOUNG_US: Final[Micros] = 24 * 3_600_000_000
"""What is younger than a day is never in the archive, so nobody has to ask for the cutoff."""


class History:
    """Reads the archive."""

    def __init__(
        self, rest: Rest, codec: Codec, clock: Clock, *, subaccount: int | None = None
    ) -> None:
        self._rest = Spoken(rest, codec.reach)
        self._codec = codec
        self._clock = clock
        self._scope: Query = {} if subaccount is None else {"subaccount": subaccount}
        self._cutoff: Cutoff | None = None
        self._read_us: Micros | None = None
        self._absent = not codec.reach.archive

    async def cutoff(self) -> Cutoff | None:
        """Return where the archive begins; None when this exchange has none.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: it gave no readable answer.
        """
        now_us = self._clock.now_us()
        if self._absent or (self._read_us is not None and now_us - self._read_us < _KEPT_US):
            return self._cutoff
        try:
            found = await self._rest.get(CUTOFF, urgent=True)
        except ExchangeError as fault:
            if fault.status != 404:
                raise
            self._absent = True
            return None
        self._cutoff = needed(read(found, Cutoff, CUTOFF, self._codec.drift), CUTOFF)
        self._read_us = now_us
        return self._cutoff

    async def holds(self, since_us: Micros | None) -> Cutoff | None:
        """Return the cutoff if anything since a moment may be in the archive, else None.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: it gave no readable answer.
        """
        if since_us is not None and self._clock.now_us() - since_us < _YOUNG_US:
            return None
        cutoff = await self.cutoff()
        if cutoff is None or since_us is None:
            return cutoff
        return cutoff if since_us < max(cutoff.trades_us, cutoff.orders_us) else None

    async def market_row(self, ticker: Ticker) -> Json | None:
        """Return an archived market as the exchange writes it; None when it is not there.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: it gave no readable answer.
        """
        if await self.cutoff() is None:
            return None
        path = f"/historical/markets/{in_path(ticker)}"
        try:
            found = await self._rest.get(path, template="/historical/markets/{ticker}")
        except ExchangeError as fault:
            if fault.status != 404:
                raise
            return None
        row = found.get("market")
        return row if isinstance(row, dict) else None

    async def market_rows(self, query: Query) -> AsyncIterator[Json]:
        """Yield archived markets as the exchange writes them; none when there is no archive.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: a page could not be read.
        """
        if await self.cutoff() is not None:
            async for row in self._rest.pages(
                "/historical/markets", {"limit": PAGE, **query}, "markets"
            ):
                yield row

    def trades(
        self,
        ticker: Ticker | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[PublicTrade]:
        """Yield archived trades, newest first.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: a page could not be read.
        """
        query = given(limit=PAGE, ticker=ticker, min_ts=since, max_ts=until)
        drift = self._codec.drift
        return bodies_of(self._rest, drift, "/historical/trades", query, "trades", PublicTrade)

    async def fills(
        self, ticker: Ticker | None = None, *, since: datetime | None = None
    ) -> AsyncIterator[Fill]:
        """Yield archived fills, newest first; one that can't be read is left out, named.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: a page could not be read.
        """
        async for row in self.rows("fills", given(ticker=ticker, min_ts=since)):
            if (fill := self._codec.fill(row)) is not None:
                yield fill

    async def orders(
        self, ticker: Ticker | None = None, *, since: datetime | None = None
    ) -> AsyncIterator[RemoteOrder]:
        """Yield archived orders, newest first; one that can't be read is left out, named.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: a page could not be read.
        """
        async for row in self.rows("orders", given(ticker=ticker, min_ts=since)):
            if (order := self._codec.order(row)) is not None:
                yield order

    def positions(
        self, ticker: Ticker | None = None, *, event: Ticker | None = None
    ) -> AsyncIterator[MarketPosition]:
        """Yield settled positions of the archive.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: a page could not be read.
        """
        query = {**given(limit=PAGE, ticker=ticker, event_ticker=event), **self._scope}
        drift = self._codec.drift
        return bodies_of(
            self._rest, drift, "/historical/positions", query, "market_positions", MarketPosition
        )

    def rows(self, name: str, query: Query, *, urgent: bool = False) -> AsyncIterator[Json]:
        """Yield archived `fills` or `orders` as the exchange writes them."""
        return self._rest.pages(
            f"/historical/{name}", {"limit": PAGE, **query, **self._scope}, name, urgent=urgent
        )
