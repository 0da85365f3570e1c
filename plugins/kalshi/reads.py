"""Everything that can be read from Kalshi, typed: the door for whoever wants more than a run does.

    async with Kalshi(...).open_exchange(run) as exchange:
        status = await exchange.reads.status()
        async for trade in exchange.reads.trades("KXBTC-26FEB09-B95000", since=yesterday):
            print(trade.yes_price_dollars, trade.quantity)
        candles = exchange.reads.candles.of_market("KXBTC", ticker, start, end, Period.HOUR)
        cash = (await exchange.reads.portfolio.balance()).by_shard

Lists are iterated row by row over all their pages. A row that can't be read is left out and named
in `exchange.surprises`; a page that can't be read is an `ExchangeError`. What is older than the
exchange's live tier is read from its archive without being asked twice. Markets, series, orders,
fills and settlements are the framework's own values; the rest stands in `codec.bodies`,
`markets.candles` and `account.portfolio`. All of it counts against the account's read budget.

With `api = "cents"` what that dialect has no words for is a `ConfigError` that names the setting,
and nothing is asked: `tests/plugins/kalshi/test_reads_in_cents.py` lists which reads it has.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Final

import msgspec

from framework.errors import ExchangeError
from framework.model.book import OrderBook
from framework.model.market import EventGroup, Market, Series, micros, moment
from framework.model.units import Micros, Ticker
from plugins.kalshi.account.history import History
from plugins.kalshi.account.portfolio import Portfolio
from plugins.kalshi.codec import Codec, Json
from plugins.kalshi.codec.bodies import (
    EventFeeChange,
    ExchangeStatus,
    PublicTrade,
    SeriesFeeChange,
    in_utc,
    rows,
)
from plugins.kalshi.markets.candles import CandleReads
from plugins.kalshi.markets.catalog import Catalog
from plugins.kalshi.markets.market_filter import MarketFilter, MarketState
from plugins.kalshi.markets.schedule import Schedule
from plugins.kalshi.markets.status import read_schedule, read_status
from plugins.kalshi.transport.limits import EndpointCosts
from plugins.kalshi.transport.pages import PAGE, Spoken, bodies_of, given, in_path, needed, split
from plugins.kalshi.transport.rest import Rest

BOOKS_OF_BATCH: Final = 100
EVENTS_OF_PAGE: Final = 200


class ListedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event, with its markets where they were asked for."""

    group: EventGroup
    markets: tuple[Market, ...] = ()


class Reads:
    """The exchange's reads, and by area: `candles`, `history`, `portfolio`."""

    def __init__(
        self,
        rest: Rest,
        codec: Codec,
        catalog: Catalog,
        history: History,
        portfolio: Portfolio,
    ) -> None:
        self._rest = Spoken(rest, codec.reach)
        self._codec = codec
        self._catalog = catalog
        self.candles = CandleReads(self._rest, codec.drift)
        self.history = history
        self.portfolio = portfolio

    # ---------------------------------------------------------------------------- exchange

    async def status(self) -> ExchangeStatus:
        """Return whether the exchange, and each of its shards, runs.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: it gave no readable answer.
        """
        return needed(await read_status(self._rest, self._codec.drift), "exchange status")

    async def schedule(self) -> Schedule:
        """Return the weekly hours and planned maintenance.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: it gave no readable answer.
        """
        return needed(await read_schedule(self._rest, self._codec.drift), "exchange schedule")

    async def user_data_as_of(self) -> datetime:
        """Return which moment of the account the exchange's lists show.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: it gave no readable answer.
        """
        path = "/exchange/user_data_timestamp"
        return moment(needed(self._codec.as_of(await self._rest.get(path)), path))

    async def endpoint_costs(self) -> EndpointCosts:
        """Return what requests cost that do not cost the default.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: it gave no readable answer.
        """
        path = "/account/endpoint_costs"
        try:
            return msgspec.convert(await self._rest.get(path), EndpointCosts)
        except msgspec.ValidationError as fault:
            raise ExchangeError(f"GET {path}: {fault}") from None

    # --------------------------------------------------------------------- series and events

    async def all_series(
        self,
        *,
        category: str | None = None,
        tags: Sequence[str] | None = None,
        updated_since: datetime | None = None,
    ) -> AsyncIterator[Series]:
        """Yield series; the exchange tells them all at once, about 14,000 without a category."""
        query = given(category=category, tags=tags, min_updated_ts=updated_since)
        async for row in self._rest.pages("/series", query, "series"):
            if (series := self._codec.series(row)) is not None:
                yield series

    async def series(self, ticker: Ticker) -> Series:
        """Return one series.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: it knows no such series, or gave no readable answer.
        """
        row = await self._one("/series/{series_ticker}", ticker, "series")
        return needed(self._codec.series(row), f"series {ticker}")

    def series_fee_changes(
        self, series: Ticker | None = None, *, show_historical: bool = False
    ) -> AsyncIterator[SeriesFeeChange]:
        """Yield changes of series' fees that are to come, or all there ever were."""
        query = given(series_ticker=series, show_historical=show_historical)
        path, key = "/series/fee_changes", "series_fee_change_arr"
        return bodies_of(self._rest, self._codec.drift, path, query, key, SeriesFeeChange)

    def event_fee_changes(self, event: Ticker | None = None) -> AsyncIterator[EventFeeChange]:
        """Yield changes of events' own fees."""
        query = given(event_ticker=event, limit=PAGE)
        path, key = "/events/fee_changes", "event_fee_changes"
        return bodies_of(self._rest, self._codec.drift, path, query, key, EventFeeChange)

    async def events(
        self,
        *,
        status: MarketState | None = None,
        series: Ticker | None = None,
        tickers: Sequence[Ticker] | None = None,
        with_markets: bool = False,
        closing_since: datetime | None = None,
        updated_since: datetime | None = None,
    ) -> AsyncIterator[ListedEvent]:
        """Yield events that have a market of that state; combinations are never among them.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: a page could not be read.
        """
        query = given(
            limit=EVENTS_OF_PAGE,
            status=status,
            series_ticker=series,
            tickers=tickers,
            with_nested_markets=with_markets or None,
            min_close_ts=closing_since,
            min_updated_ts=updated_since,
        )
        async for row in self._rest.pages("/events", query, "events"):
            if (event := await self._event(row, rows(row, "markets"))) is not None:
                yield event

    async def event(self, ticker: Ticker) -> ListedEvent:
        """Return one event with its markets.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: it knows no such event, or gave no readable answer.
        """
        row = await self._one("/events/{event_ticker}", ticker, "event", with_nested_markets=True)
        return needed(await self._event(row, rows(row, "markets")), f"event {ticker}")

    async def _event(self, row: Json, nested: list[object]) -> ListedEvent | None:
        group = self._codec.group(row)
        if group is None:
            return None
        self._catalog.learn(group)
        markets = await self._catalog.complete([one for one in nested if isinstance(one, dict)])
        named = msgspec.structs.replace(group, markets=tuple(one.ticker for one in markets))
        return ListedEvent(group=named, markets=tuple(markets))

    # ------------------------------------------------------------------- markets and books

    async def markets(self, wanted: MarketFilter) -> AsyncIterator[Market]:
        """Yield markets, with their fees, series and event; those settled long ago are archived.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: a page could not be read.
        """
        pages = self._rest.pages("/markets", wanted.query(), "markets")
        async for market in self._catalog.completed(pages):
            yield market

    async def archived_markets(
        self,
        *,
        tickers: Sequence[Ticker] | None = None,
        event: Ticker | None = None,
        series: Ticker | None = None,
    ) -> AsyncIterator[Market]:
        """Yield markets that settled before the cutoff; at most one of the filters can be given.

        Raises:
            ValueError: more than one filter is given.
            AuthError: the exchange refuses the key.
            ExchangeError: a page could not be read.
        """
        if sum(filter_ is not None for filter_ in (tickers, event, series)) > 1:
            raise ValueError("give one of tickers, event and series")
        query = given(tickers=tickers, event_ticker=event, series_ticker=series)
        self._rest.check("/historical/markets", query)
        async for market in self._catalog.completed(self.history.market_rows(query)):
            yield market

    async def market(self, ticker: Ticker) -> Market:
        """Return one market, from the archive if it has moved there.

        Raises:
            ValueError: the ticker is none.
            AuthError: the exchange refuses the key.
            ExchangeError: it knows no such market, or gave no readable answer.
        """
        found = await self._catalog.market(in_path(ticker))
        return needed(found, f"market {ticker}")[0]

    async def book(self, ticker: Ticker, *, depth: int = 0) -> OrderBook:
        """Return a market's book; a depth of 0 is all of it, else the best levels of each side.

        Raises:
            ValueError: the ticker is none.
            AuthError: the exchange refuses the key.
            ExchangeError: it knows no such market, or gave no readable answer.
        """
        template = "/markets/{ticker}/orderbook"
        path = template.format(ticker=in_path(ticker))
        found = await self._rest.get(path, given(depth=depth or None), template=template)
        return needed(self._book(ticker, found), f"book of {ticker}")

    async def books(self, tickers: Sequence[Ticker]) -> dict[Ticker, OrderBook]:
        """Return the books of many markets; those unknown or unreadable are left out.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: it gave no readable answer.
        """
        found: dict[Ticker, OrderBook] = {}
        for part in split(tickers, BOOKS_OF_BATCH):
            page = await self._rest.get("/markets/orderbooks", {"tickers": list(part)})
            for row in rows(page, "orderbooks"):
                told: Json = row if isinstance(row, dict) else {}
                ticker = str(told.get("ticker"))
                if (book := self._book(ticker, told)) is not None:
                    found[ticker] = book
        return found

    def _book(self, ticker: Ticker, record: Json) -> OrderBook | None:
        told = self._codec.orderbook(ticker, record, 0)
        if told is None:
            return None
        book = OrderBook()
        book.replace(dict(told.yes), dict(told.no))
        return book

    # ------------------------------------------------------------------------------ trades

    async def trades(
        self,
        ticker: Ticker | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        blocks: bool | None = None,
    ) -> AsyncIterator[PublicTrade]:
        """Yield public trades, newest first: the live ones, then those of the archive.

        Args:
            ticker: One market, or the whole exchange.
            since: The earliest moment; without one everything is told, years of it.
            until: The latest moment.
            blocks: Whether to tell block trades only, or none.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: a page could not be read.
        """
        cutoff = await self.history.holds(None if since is None else _us(since))
        archived = None if cutoff is None else in_utc(cutoff.trades_created_ts)
        drift = self._codec.drift
        if archived is None or until is None or archived <= in_utc(until):
            query = given(
                limit=PAGE, ticker=ticker, min_ts=since, max_ts=until, is_block_trade=blocks
            )
            async for trade in bodies_of(
                self._rest, drift, "/markets/trades", query, "trades", PublicTrade
            ):
                yield trade
        if archived is not None and (since is None or in_utc(since) < archived):
            last = archived if until is None else min(archived, in_utc(until))
            async for trade in self.history.trades(ticker, since=since, until=last):
                # What lies on the cutoff itself is live.
                if in_utc(trade.created_time) < archived and (
                    blocks in {None, trade.is_block_trade}
                ):
                    yield trade

    async def _one(self, template: str, ticker: Ticker, key: str, **query: bool) -> Json:
        name = template[template.index("{") + 1 : template.index("}")]
        path = template.format(**{name: in_path(ticker)})
        found = await self._rest.get(path, given(**query), template=template)
        row = found.get(key)
        if not isinstance(row, dict):
            raise ExchangeError(f"GET {path}: the answer holds no {key}")
        return row


def _us(at: datetime) -> Micros:
    return micros(in_utc(at))
