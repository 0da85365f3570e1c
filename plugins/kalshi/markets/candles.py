"""Candlesticks: of a market, of an event's markets, of many markets, and of the archive.

A request may only cover so many candles, so a longer span is asked for in parts. Silent minutes
have no candle. A market that settled long ago is only in the archive, where the fields have
shorter names; both come out alike.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Final

from framework.errors import ExchangeError
from framework.model.market import moment
from framework.model.units import Ticker
from plugins.kalshi.codec import Drift, Json, bodies
from plugins.kalshi.transport.pages import Asked, given, in_path, split

MOST: Final = 5_000
"""Candles of one request for a market or an event."""
MOST_OF_BATCH: Final = 10_000
MARKETS_OF_BATCH: Final = 100
_PRICE_FIELDS: Final = ("open", "low", "high", "close", "mean", "previous", "min", "max")
_COUNT_FIELDS: Final = ("volume", "open_interest")


class Period(IntEnum):
    """How much a candle covers, in minutes."""

    MINUTE = 1
    HOUR = 60
    DAY = 1_440


def _dollars(name: str) -> str:
    return f"{name}_dollars"


class Quotes(bodies.Body, frozen=True, kw_only=True, rename=_dollars):
    """The best bids, or asks, of a period; None where nobody quoted."""

    open: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    close: Decimal | None = None

    def __post_init__(self) -> None:
        bodies.exact(self, bodies.quote, "open", "low", "high", "close")


class Prices(bodies.Body, frozen=True, kw_only=True, rename=_dollars):
    """The trades of a period; None where nobody traded."""

    open: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    close: Decimal | None = None
    mean: Decimal | None = None
    previous: Decimal | None = None
    """The last price before the period."""
    min: Decimal | None = None
    max: Decimal | None = None

    def __post_init__(self) -> None:
        bodies.exact(self, bodies.price, "open", "low", "high", "close", "previous", "min", "max")
        bodies.exact(self, bodies.money, "mean")  # an average may be finer than any price


class Candle(
    bodies.Body,
    frozen=True,
    kw_only=True,
    rename={"volume": "volume_fp", "open_interest": "open_interest_fp"},
):
    """What happened in one period; prices are YES prices."""

    end_period_ts: int
    """The period's end in Unix seconds; it belongs to the period."""
    yes_bid: Quotes = Quotes()
    yes_ask: Quotes = Quotes()
    price: Prices | None = None
    volume: Decimal | None = None
    open_interest: Decimal | None = None

    def __post_init__(self) -> None:
        bodies.exact(self, bodies.contracts, "volume", "open_interest")

    @property
    def end(self) -> datetime:
        """The period's end."""
        return moment(self.end_period_ts * 1_000_000)


class CandleReads:
    """Reads candlesticks."""

    def __init__(self, rest: Asked, drift: Drift) -> None:
        self._rest = rest
        self._drift = drift

    async def of_market(
        self,
        series: Ticker,
        ticker: Ticker,
        start: datetime,
        end: datetime,
        period: Period = Period.MINUTE,
        *,
        latest_before: bool = False,
    ) -> AsyncIterator[Candle]:
        """Yield a market's candles, oldest first, from the archive if they have moved there.

        Args:
            series: The market's series.
            ticker: The market.
            start: The first moment that counts.
            end: The last one.
            period: What a candle covers.
            latest_before: Whether a candle before the first one tells the last price until then.

        Raises:
            ValueError: a name is none.
            AuthError: the exchange refuses the key.
            ExchangeError: it knows no such market, or gave no answer.
        """
        path = f"/series/{in_path(series)}/markets/{in_path(ticker)}/candlesticks"
        template = "/series/{series_ticker}/markets/{ticker}/candlesticks"
        for first, (since, until) in enumerate(_spans(start, end, period, MOST)):
            query = given(
                start_ts=since,
                end_ts=until,
                period_interval=int(period),
                include_latest_before_start=True if latest_before and not first else None,
            )
            try:
                found = await self._rest.get(path, query, template=template)
            except ExchangeError as fault:
                if fault.status != 404:
                    raise
                async for candle in self.archived(ticker, start, end, period):
                    yield candle
                return
            for candle in self._candles(ticker, found.get("candlesticks")):
                yield candle

    async def archived(
        self, ticker: Ticker, start: datetime, end: datetime, period: Period = Period.MINUTE
    ) -> AsyncIterator[Candle]:
        """Yield the candles of a market that settled before the cutoff, oldest first.

        Raises:
            ValueError: the name is none.
            AuthError: the exchange refuses the key.
            ExchangeError: the archive knows no such market, or gave no answer.
        """
        path = f"/historical/markets/{in_path(ticker)}/candlesticks"
        for since, until in _spans(start, end, period, MOST):
            query = given(start_ts=since, end_ts=until, period_interval=int(period))
            found = await self._rest.get(
                path, query, template="/historical/markets/{ticker}/candlesticks"
            )
            rows = [_unarchived(row) for row in bodies.rows(found, "candlesticks")]
            for candle in self._candles(ticker, rows):
                yield candle

    async def of_event(
        self,
        series: Ticker,
        event: Ticker,
        start: datetime,
        end: datetime,
        period: Period = Period.MINUTE,
    ) -> dict[Ticker, list[Candle]]:
        """Return the candles of an event's markets, oldest first.

        Raises:
            ValueError: a name is none.
            AuthError: the exchange refuses the key.
            ExchangeError: it knows no such event, or gave no answer.
        """
        path = f"/series/{in_path(series)}/events/{in_path(event)}/candlesticks"
        found: dict[Ticker, list[Candle]] = {}
        since, until = int(start.timestamp()), int(end.timestamp())
        while since <= until:
            page = await self._rest.get(
                path,
                given(start_ts=since, end_ts=until, period_interval=int(period)),
                template="/series/{series_ticker}/events/{event_ticker}/candlesticks",
            )
            names = bodies.rows(page, "market_tickers")
            lists = bodies.rows(page, "market_candlesticks")
            for name, rows in zip(names, lists, strict=False):
                found.setdefault(str(name), []).extend(self._candles(str(name), rows))
            reached = page.get("adjusted_end_ts")  # more than it gives at once ends earlier
            if not isinstance(reached, int) or not since <= reached < until:
                break
            since = reached + 1
        return found

    async def of_markets(
        self,
        tickers: Sequence[Ticker],
        start: datetime,
        end: datetime,
        period: Period = Period.MINUTE,
    ) -> dict[Ticker, list[Candle]]:
        """Return the candles of many markets, oldest first; unknown markets are left out.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: it gave no answer.
        """
        found: dict[Ticker, list[Candle]] = {}
        for part in split(tickers, MARKETS_OF_BATCH):
            for since, until in _spans(start, end, period, MOST_OF_BATCH // len(part)):
                page = await self._rest.get(
                    "/markets/candlesticks",
                    given(
                        market_tickers=part,
                        start_ts=since,
                        end_ts=until,
                        period_interval=int(period),
                    ),
                )
                for row in bodies.rows(page, "markets"):
                    told: Json = row if isinstance(row, dict) else {}
                    name = str(told.get("market_ticker"))
                    candles = self._candles(name, told.get("candlesticks"))
                    found.setdefault(name, []).extend(candles)
        return found

    def _candles(self, ticker: Ticker, rows: object) -> Iterator[Candle]:
        for row in rows if isinstance(rows, list) else []:
            ends = row.get("end_period_ts") if isinstance(row, dict) else None
            candle = bodies.read(row, Candle, f"{ticker} at {ends}", self._drift)
            if candle is not None:
                yield candle


def _spans(start: datetime, end: datetime, period: Period, most: int) -> Iterator[tuple[int, int]]:
    """Yield parts of a span that hold at most so many candles each, in Unix seconds."""
    since, last = int(start.timestamp()), int(end.timestamp())
    step = most * period * 60
    while since <= last:
        until = min(since + step - 1, last)
        yield since, until
        since = until + 1


def _unarchived(row: object) -> object:
    """Return a candle of the archive with the names of the live ones."""
    if not isinstance(row, dict):
        return row
    candle = {f"{name}_fp" if name in _COUNT_FIELDS else name: value for name, value in row.items()}
    for part in ("yes_bid", "yes_ask", "price"):
        told = candle.get(part)
        if isinstance(told, dict):
            candle[part] = {
                _dollars(name) if name in _PRICE_FIELDS else name: value
                for name, value in told.items()
            }
    return candle
