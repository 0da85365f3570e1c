"""What can be traded: markets with what only their event and series tell.

A market's record names neither its series nor its fees, nor whether its siblings exclude each
other. Events and series are read once, many at a time, and kept until the exchange reports a
change.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from typing import Final

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from framework.errors import AuthError, ExchangeError
from framework.exchange import MarketQuery
from framework.model.market import EventGroup, Market, Series, Settlement
from framework.model.units import Ticker
from plugins.kalshi.account.history import History
from plugins.kalshi.codec import Codec, FeesChanged, Json, Query, Row
from plugins.kalshi.markets.fee_changes import FeeChanges
from plugins.kalshi.markets.known import Known
from plugins.kalshi.transport.ahead import read_ahead
from plugins.kalshi.transport.rest import Rest

PAGE: Final = 1_000
EVENTS_PAGE: Final = 200
EVERYTHING_OPEN: Final = MarketQuery()
TICKERS_PER_READ: Final = 100
"""In one query: the exchange bills a list once, but an address has a length."""
SERIES_ONE_BY_ONE: Final = 20
"""Above this the whole list of series is read at once."""
ROWS_AT_ONCE: Final = 100
"""Read without a look at what else is to be done: about a millisecond."""
Seen = tuple[Market, Settlement | None]
"""A market as it was read, and what it pays once it does."""


class Catalog:
    """Reads markets, and remembers which have been listed.

    Attributes:
        known: The markets that were given out, until they are over.
    """

    def __init__(
        self,
        rest: Rest,
        codec: Codec,
        fees: FeeChanges,
        history: History,
        tasks: TaskGroup,
        *,
        exclude_combos: bool,
    ) -> None:
        self._rest = rest
        self._codec = codec
        self._fees = fees
        self._history = history
        self._tasks = tasks
        self._exclude_combos = exclude_combos
        self._learning = anyio.Lock()
        self._groups: dict[Ticker, EventGroup | None] = {}
        self._series: dict[Ticker, Series | None] = {}
        self._survey: AsyncIterator[list[Json]] | None = None
        """All open events, as far as they have not been needed yet."""
        self._surveyed = False
        self.known = Known()

    async def markets(self, query: MarketQuery) -> AsyncIterator[Market]:
        """List markets; those whose record can't be read are left out, counted and named.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: a page could not be read.
        """
        if not self._codec.reach.lists_by_name:
            async for market in self._chosen(query):
                yield market
            return
        for part in _parts(query):
            missing = set(() if part.open_only else part.tickers or ())
            rows_read = 0
            try:
                async for rows in self._market_pages(part):
                    rows_read += len(rows)
                    if rows_read >= PAGE and query == EVERYTHING_OPEN:
                        await self._begin_survey()
                    for market in await self.complete(rows):
                        missing.discard(market.ticker)
                        yield market
            except ExchangeError:
                self._surveyed = False  # the next list begins it again
                raise
            finally:
                self._survey = None  # later its pages would be old
            if missing:  # settled so long ago that they have left the list
                named: Query = {"tickers": ",".join(sorted(missing))}
                async for market in self.completed(self._history.market_rows(named)):
                    yield market

    def _market_pages(self, query: MarketQuery) -> AsyncIterator[list[Row]]:
        """Read a list of markets page by page, one page ahead of who works on them."""
        parameters = self._codec.list_markets(query, exclude_combos=self._exclude_combos)
        pages = self._rest.lists("/markets", parameters, "markets", decode=self._codec.market_page)
        return read_ahead(pages, self._tasks)

    async def completed(self, rows: AsyncIterator[Json]) -> AsyncIterator[Market]:
        """Yield the markets of many rows; events and series are learned page by page.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: a page, an event or a series could not be read.
        """
        page: list[Json] = []
        async for row in rows:
            page.append(row)
            if len(page) == PAGE:
                for market in await self.complete(page):
                    yield market
                page = []
        for market in await self.complete(page):
            yield market

    async def _chosen(self, query: MarketQuery) -> AsyncIterator[Market]:
        """Read markets where no list can be restricted: by their names, or all that are open."""
        if query.tickers is not None:
            for ticker in query.tickers:
                found = await self._optional(f"/markets/{ticker}", "/markets/{ticker}")
                for market in await self.complete([found.get("market") or {}] if found else []):
                    yield market
            return
        parameters = self._codec.list_markets(query, exclude_combos=False)
        async for row in self._rest.pages("/markets", parameters, "markets"):
            for market in await self.complete([row]):
                if query.series in {None, market.series_ticker} and (
                    query.event in {None, market.event_ticker}
                ):
                    yield market

    async def market(self, ticker: Ticker) -> Seen | None:
        """Read one market, and what it pays once it does; None when it can't be read.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: it does not know the market (yet), or gave no readable answer.
        """
        try:
            found = await self._rest.get(f"/markets/{ticker}", template="/markets/{ticker}")
            row = found.get("market")
        except ExchangeError as fault:
            row = await self._history.market_row(ticker) if fault.status == 404 else None
            if row is None:
                raise
        if not isinstance(row, dict):
            raise ExchangeError(f"GET /markets/{ticker}: the answer holds no market")
        markets = await self.complete([row])
        return (markets[0], self._codec.payment(row)) if markets else None

    async def named(self, tickers: Sequence[Ticker]) -> Mapping[Ticker, Seen]:
        """Read some markets together, at most `TICKERS_PER_READ`; those not found are left out.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: it gave no readable answer, or does not know the one that is named.
        """
        if len(tickers) == 1:
            alone = await self.market(tickers[0])
            return {} if alone is None else {tickers[0]: alone}
        query = self._codec.list_markets(
            MarketQuery(open_only=False, tickers=tuple(tickers)), exclude_combos=False
        )
        listed = [row async for row in self._rest.pages("/markets", query, "markets")]
        rows = {str(row.get("ticker")): row for row in listed}
        missing = [ticker for ticker in tickers if ticker not in rows]
        if missing:
            left: Query = {"tickers": ",".join(missing)}
            rows |= {str(row.get("ticker")): row async for row in self._history.market_rows(left)}
        markets = await self.complete([rows[ticker] for ticker in tickers if ticker in rows])
        return {one.ticker: (one, self._codec.payment(rows[one.ticker])) for one in markets}

    def learn(self, group: EventGroup) -> None:
        """Remember an event that somebody has read already."""
        self._groups.setdefault(group.ticker, group)

    def fees_changed(self, change: FeesChanged) -> Iterable[Ticker]:
        """Take an event's new fees; return the markets that must be told again with them."""
        self._fees.note(change.event_ticker, change.fee_type, change.multiplier)
        return self.known.markets_of(change.event_ticker)

    def fees_uncertain(self, tickers: Collection[Ticker]) -> None:
        """Read the fees of these markets again when they are next needed."""
        self._fees.uncertain()
        for event in self.known.events_of(tickers):
            self._groups.pop(event, None)

    async def complete(self, rows: Sequence[Row]) -> list[Market]:
        """Read rows of markets, with what only their events, series and fee schedules tell.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: an event or a series could not be read.
        """
        now_us = self._rest.now_us()
        self.known.forget_over(now_us, self._groups)
        await self._fees.refresh(self._is_kept)
        events = [_event_of(row) for row in rows]
        groups = await self._groups_of(events)
        markets = []
        for number, (row, event) in enumerate(zip(rows, events, strict=True), 1):
            group = groups.get(event)
            series = self._series.get(group.series_ticker) if group else None
            market = self._codec.market(row, group, series)
            if market is not None:
                self.known.take(market, now_us)
                markets.append(self._fees.priced(market, group, series))
            if number % ROWS_AT_ONCE == 0:
                await checkpoint()
        return markets

    def _is_kept(self, event: Ticker) -> bool:
        return event in self._groups or event in self.known.events

    async def _begin_survey(self) -> None:
        """Begin to read all open events, once, and all series: by name it would be more reads."""
        async with self._learning:
            if self._surveyed or not self._codec.reach.groups:
                return
            await self._learn_all_series()
            query: Query = {"status": "open", "limit": EVENTS_PAGE}
            self._survey = read_ahead(self._rest.lists("/events", query, "events"), self._tasks)
            self._surveyed = True

    async def _survey_on(self, events: Iterable[Ticker]) -> None:
        """Read on until these events are learned, so that their markets wait for no others."""
        while self._survey is not None and any(one not in self._groups for one in events):
            rows = await anext(self._survey, None)
            if rows is None:
                self._survey = None
            for row in rows or ():
                if (group := self._codec.group(row)) is not None:
                    self.learn(group)

    async def _groups_of(self, events: Sequence[Ticker]) -> Mapping[Ticker, EventGroup | None]:
        """Return the events of markets, read when they must be, with their series at hand.

        An event may be forgotten at any moment (`fees_uncertain`), so what was found is returned.
        """
        if not self._codec.reach.groups:
            return {}
        named = dict.fromkeys(events)
        if self._is_learned(named):
            return {ticker: self._groups[ticker] for ticker in named}
        async with self._learning:  # another read may be learning the same ones: not twice
            await self._survey_on(named)
            found = {ticker: self._groups[ticker] for ticker in named if ticker in self._groups}
            async for learned in self._read_groups([one for one in named if one not in found]):
                found |= learned
                self._groups |= learned
            told = [group.series_ticker for group in found.values() if group]
            await self._learn_series(list(dict.fromkeys(told)))
        return found

    def _is_learned(self, events: Iterable[Ticker]) -> bool:
        return all(
            ticker in self._groups
            and ((group := self._groups[ticker]) is None or group.series_ticker in self._series)
            for ticker in events
        )

    async def _read_groups(
        self, tickers: Sequence[Ticker]
    ) -> AsyncIterator[dict[Ticker, EventGroup | None]]:
        """Yield events as they are read: many in one read, one alone by its own path."""
        for start in range(0, len(tickers), TICKERS_PER_READ):
            part = tickers[start : start + TICKERS_PER_READ]
            groups: dict[Ticker, EventGroup | None] = {}
            if len(part) > 1:
                query: Query = {"tickers": ",".join(part), "limit": EVENTS_PAGE}
                async for row in self._rest.pages("/events", query, "events"):
                    if (group := self._codec.group(row)) is not None:
                        groups[group.ticker] = group
                yield groups
            for ticker in part:
                if ticker not in groups:  # combos stand in no list
                    yield {ticker: await self._group(ticker)}

    async def _group(self, ticker: Ticker) -> EventGroup | None:
        found = await self._optional(f"/events/{ticker}", "/events/{event_ticker}")
        row = found.get("event")
        return self._codec.group(row) if isinstance(row, dict) else None

    async def _learn_series(self, tickers: Sequence[Ticker]) -> None:
        missing = [ticker for ticker in tickers if ticker not in self._series]
        if len(missing) > SERIES_ONE_BY_ONE:
            await self._learn_all_series()
        for ticker in missing:
            if ticker not in self._series:
                found = await self._optional(f"/series/{ticker}", "/series/{series_ticker}")
                row = found.get("series")
                self._series[ticker] = self._codec.series(row) if isinstance(row, dict) else None

    async def _learn_all_series(self) -> None:
        async for record in self._rest.pages("/series", {}, "series"):
            if (series := self._codec.series(record)) is not None:
                self._series[series.ticker] = series

    async def _optional(self, path: str, template: str) -> Json:
        """Read an object that may be missing: only 404 says so."""
        try:
            return await self._rest.get(path, template=template)
        except AuthError:
            raise
        except ExchangeError as fault:
            if fault.status != 404:
                raise
            self._codec.drift.count(f"{template}: not found")
            return {}


def _event_of(row: Row) -> Ticker:
    return str(row.get("event_ticker") if isinstance(row, dict) else row.event_ticker)


def _parts(query: MarketQuery) -> list[MarketQuery]:
    """Split a query that names many markets."""
    if query.tickers is None:
        return [query]
    return [
        MarketQuery(
            open_only=query.open_only,
            tickers=query.tickers[start : start + TICKERS_PER_READ],
            series=query.series,
            event=query.event,
        )
        for start in range(0, len(query.tickers), TICKERS_PER_READ)
    ]
