"""Candlesticks: of a market, of an event's markets, of many, and of the archive."""

from typing import Final

from framework.model.market import Market
from framework.model.units import Micros, Ticker
from plugins.sandbox import selecting
from plugins.sandbox.core.candles import PERIODS, Candle
from plugins.sandbox.fixed_point.wire_candles import CandleBody, candle_body, earlier_body
from plugins.sandbox.request import Query, Reply, Request, reply
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import bad_parameter, refused, unix_seconds

_MOST_OF_EVENT: Final = 5_000
_MOST_OF_BATCH: Final = 10_000
_MOST_MARKETS: Final = 100


class _Span:
    """What a request asks for: a period, and between which moments."""

    def __init__(self, query: Query) -> None:
        start_us, end_us = query.seconds("start_ts"), query.seconds("end_ts")
        minutes = query.number("period_interval", 0)
        if start_us is None or end_us is None:
            raise bad_parameter("start_ts and end_ts are required")
        if minutes not in PERIODS:
            raise bad_parameter("Invalid value for parameter period_interval: use 1, 60 or 1440")
        if start_us > end_us:
            raise bad_parameter("start_ts must not be after end_ts")
        self.start_us: Micros = start_us
        self.end_us: Micros = end_us
        self.minutes = minutes
        self.with_earlier = query.flag("include_latest_before_start")

    def of(self, venue: Venue, ticker: Ticker) -> list[Candle]:
        found = venue.candles.between(ticker, self.minutes, self.start_us, self.end_us)
        return list(found)

    def bodies(self, venue: Venue, ticker: Ticker) -> list[CandleBody]:
        bodies = [candle_body(candle) for candle in self.of(venue, ticker)]
        if self.with_earlier:
            previous_e4 = venue.candles.last_before(ticker, self.start_us)
            if previous_e4 is not None:
                bodies.insert(0, earlier_body(self.start_us, previous_e4))
        return bodies


def market_candles(venue: Venue, request: Request, series: Ticker, ticker: Ticker) -> Reply:
    """Answer `GET /series/{series}/markets/{ticker}/candlesticks`."""
    market = selecting.market(venue, ticker)
    _check_series(venue, market, series)
    return reply({"ticker": ticker, "candlesticks": _Span(request.query).bodies(venue, ticker)})


def event_candles(venue: Venue, request: Request, series: Ticker, ticker: Ticker) -> Reply:
    """Answer `GET /series/{series}/events/{ticker}/candlesticks`; too many end early."""
    group = venue.exchange.event_groups.get(ticker)
    markets = [] if group is None else selecting.markets_of(venue, group)
    if not markets or group is None or group.series_ticker != series:
        raise refused(404, "not_found")
    span = _Span(request.query)
    found = [span.of(venue, market.ticker) for market in markets]
    end_us = _adjusted(found, span.end_us)
    return reply(
        {
            "market_tickers": [market.ticker for market in markets],
            "market_candlesticks": [
                [candle_body(candle) for candle in candles if candle.end_us <= end_us]
                for candles in found
            ],
            "adjusted_end_ts": unix_seconds(end_us),
        }
    )


def _adjusted(found: list[list[Candle]], end_us: Micros) -> Micros:
    """Return the last moment up to which all markets together have no more than allowed."""
    ends = sorted(candle.end_us for candles in found for candle in candles)
    if len(ends) <= _MOST_OF_EVENT:
        return end_us
    return ends[_MOST_OF_EVENT] - 1


def batch_candles(venue: Venue, request: Request) -> Reply:
    """Answer `GET /markets/candlesticks` for up to 100 markets; unknown ones are left out."""
    tickers = request.query.several("market_tickers")
    if not tickers or len(tickers) > _MOST_MARKETS:
        raise bad_parameter("Invalid value for parameter market_tickers: 1 to 100")
    span = _Span(request.query)
    known = [ticker for ticker in tickers if ticker in venue.exchange.markets]
    bodies = [(ticker, span.bodies(venue, ticker)) for ticker in known]
    if sum(len(candles) for _, candles in bodies) > _MOST_OF_BATCH:
        raise bad_parameter(f"more than {_MOST_OF_BATCH} candlesticks: ask for less")
    return reply(
        {
            "markets": [
                {"market_ticker": ticker, "candlesticks": candles} for ticker, candles in bodies
            ]
        }
    )


def archived_candles(venue: Venue, request: Request, ticker: Ticker) -> Reply:
    """Answer `GET /historical/markets/{ticker}/candlesticks`."""
    selecting.market(venue, ticker, archived=True)
    found = _Span(request.query).of(venue, ticker)
    bodies = [candle_body(candle, archived=True) for candle in found]
    return reply({"ticker": ticker, "candlesticks": bodies})


def _check_series(venue: Venue, market: Market, series: Ticker) -> None:
    if selecting.series_of(venue, market) != series:
        raise refused(404, "not_found")
