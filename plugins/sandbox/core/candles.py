"""Candlesticks of what the exchange saw: its public trades, and the touch of its books.

One candle a minute is kept for each market in which something happened; hours and days are put
together from them. A candle covers the moments after the last one's end up to its own, inclusive
(Kalshi's candlestick page), and silent minutes have none.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from framework.model.units import E2, E4, ONE_DOLLAR_E4, Micros, Ticker

PERIODS: Final = (1, 60, 1_440)
"""Minutes."""
_MINUTE_US: Final = 60_000_000


class Range(msgspec.Struct):
    """First, lowest, highest and last value of a period."""

    open_e4: E4
    low_e4: E4
    high_e4: E4
    close_e4: E4

    def see(self, value_e4: E4) -> None:
        """Take the next value; most are the last one again."""
        if value_e4 != self.close_e4:
            self.low_e4 = min(self.low_e4, value_e4)
            self.high_e4 = max(self.high_e4, value_e4)
            self.close_e4 = value_e4

    def follow(self, later: "Range") -> None:
        """Take the values of a later period."""
        self.low_e4 = min(self.low_e4, later.low_e4)
        self.high_e4 = max(self.high_e4, later.high_e4)
        self.close_e4 = later.close_e4


def _level(value_e4: E4) -> Range:
    return Range(value_e4, value_e4, value_e4, value_e4)


class Candle(msgspec.Struct, kw_only=True):
    """One period of one market; an empty bid is 0 and an empty ask a dollar."""

    end_us: Micros
    bid: Range
    ask: Range
    previous_e4: E4 | None
    """The last trade before it."""
    price: Range | None = None
    """None without a trade."""
    volume_e2: E2 = 0
    turnover_e6: int = 0
    """What all trades cost in YES prices."""
    interest_e2: E2 = 0

    @property
    def mean_e4(self) -> E4 | None:
        """The average price by contracts, rounded down; None without a trade."""
        return self.turnover_e6 // self.volume_e2 if self.volume_e2 else None


class Candles:
    """The candles of every market, a minute each."""

    def __init__(self) -> None:
        self._minutes: dict[Ticker, list[Candle]] = {}
        self._last_e4: dict[Ticker, E4] = {}

    def quote(
        self, ticker: Ticker, at_us: Micros, bid_e4: E4 | None, ask_e4: E4 | None, interest_e2: E2
    ) -> None:
        """Take the touch and the open interest as they are at a moment."""
        bid = 0 if bid_e4 is None else bid_e4
        ask = ONE_DOLLAR_E4 if ask_e4 is None else ask_e4
        candle = self._minute(ticker, at_us, bid, ask)
        candle.bid.see(bid)
        candle.ask.see(ask)
        candle.interest_e2 = interest_e2

    def trade(self, ticker: Ticker, at_us: Micros, price_e4: E4, quantity_e2: E2) -> None:
        """Take a public trade."""
        candle = self._minute(ticker, at_us, 0, ONE_DOLLAR_E4)
        if candle.price is None:
            candle.price = _level(price_e4)
        else:
            candle.price.see(price_e4)
        candle.volume_e2 += quantity_e2
        candle.turnover_e6 += price_e4 * quantity_e2
        self._last_e4[ticker] = price_e4

    def between(
        self, ticker: Ticker, minutes: int, start_us: Micros, end_us: Micros
    ) -> Iterator[Candle]:
        """Yield the candles of a period whose ends lie between two moments, both included."""
        whole: Candle | None = None
        for one in self._minutes.get(ticker, ()):
            ends = _end(one.end_us, minutes)
            if not start_us <= ends <= end_us:
                continue
            if whole is not None and whole.end_us == ends:
                _append(whole, one)
                continue
            if whole is not None:
                yield whole
            whole = _copied(one, ends)
        if whole is not None:
            yield whole

    def last_before(self, ticker: Ticker, at_us: Micros) -> E4 | None:
        """Return the last price traded in a minute that ended before a moment."""
        price: E4 | None = None
        for one in self._minutes.get(ticker, ()):
            if one.end_us >= at_us:
                break
            price = one.previous_e4 if one.price is None else one.price.close_e4
        return price

    def _minute(self, ticker: Ticker, at_us: Micros, bid: E4, ask: E4) -> Candle:
        """Return the candle of a moment; a new one opens where the last one closed."""
        minutes = self._minutes.get(ticker)
        if minutes is None:
            minutes = self._minutes[ticker] = []
        elif at_us <= minutes[-1].end_us:
            return minutes[-1]
        ends = _end(at_us, 1)
        interest_e2 = 0
        if minutes:
            last = minutes[-1]
            bid, ask, interest_e2 = last.bid.close_e4, last.ask.close_e4, last.interest_e2
        candle = Candle(
            end_us=ends,
            bid=_level(bid),
            ask=_level(ask),
            previous_e4=self._last_e4.get(ticker),
            interest_e2=interest_e2,
        )
        minutes.append(candle)
        return candle


def _end(at_us: Micros, minutes: int) -> Micros:
    length_us = minutes * _MINUTE_US
    return -(-at_us // length_us) * length_us


def _copied(one: Candle, end_us: Micros) -> Candle:
    return msgspec.structs.replace(
        one,
        end_us=end_us,
        bid=msgspec.structs.replace(one.bid),
        ask=msgspec.structs.replace(one.ask),
        price=None if one.price is None else msgspec.structs.replace(one.price),
    )


def _append(whole: Candle, later: Candle) -> None:
    whole.bid.follow(later.bid)
    whole.ask.follow(later.ask)
    if later.price is not None:
        if whole.price is None:
            whole.price = msgspec.structs.replace(later.price)
        else:
            whole.price.follow(later.price)
    whole.volume_e2 += later.volume_e2
    whole.turnover_e6 += later.turnover_e6
    whole.interest_e2 = later.interest_e2
