"""The markets of the embedded exchange: their records as they are known at a moment.

A record's status follows the clock, its touch the book, its volume the trades so far. What the
world has not told yet (result, payment) is not in it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import overload

import msgspec

from framework.matching import Matching
from framework.model.events import QuoteTicked
from framework.model.market import Market, MarketStatus, Settlement
from framework.model.units import E2, E4, Micros, Ticker

DECIDED = frozenset({MarketStatus.DETERMINED, MarketStatus.DISPUTED, MarketStatus.AMENDED})
"""Statuses with a result, final or not: trading is over for good."""


class Listing:
    """One market: what it was listed with, its book and our orders in it."""

    __slots__ = ("_key", "_shown", "last_price_e4", "matching", "record", "settlement", "volume_e2")

    def __init__(self, record: Market) -> None:
        self.record = record
        """As the world last told it."""
        self.matching = Matching()
        self.volume_e2: E2 = 0
        self.last_price_e4: E4 | None = None
        self.settlement: Settlement | None = None
        self._key: tuple[MarketStatus, int, E2] | None = None
        self._shown = record

    def status(self, now_us: Micros) -> MarketStatus:
        """Return where the market stands in its life."""
        told = self.record.status
        if self.settlement is not None:
            return MarketStatus.FINALIZED
        if told in DECIDED or told is MarketStatus.CLOSED:
            return told
        if self.record.close_us is not None and now_us >= self.record.close_us:
            return MarketStatus.CLOSED
        if self.record.open_us is not None and now_us < self.record.open_us:
            return MarketStatus.INITIALIZED
        return MarketStatus.INACTIVE if told is MarketStatus.INACTIVE else MarketStatus.ACTIVE

    def replace_record(self, record: Market) -> None:
        """Take what the world says of the market now."""
        self.record = record
        self._key = None

    def traded(self, yes_price_e4: E4, quantity_e2: E2) -> None:
        """Count a public trade."""
        self.volume_e2 += quantity_e2
        self.last_price_e4 = yes_price_e4

    def quoted(self, at_us: Micros, exchange_us: Micros | None = None) -> QuoteTicked:
        """Return the statistics as they are now."""
        return QuoteTicked(
            at_us=at_us,
            ticker=self.record.ticker,
            last_price_e4=self.last_price_e4,
            volume_e2=self.volume_e2,
            open_interest_e2=self.record.open_interest_e2,
            exchange_us=exchange_us,
        )

    def told(self, quote: QuoteTicked) -> None:
        """Take statistics that a recording has instead of trades; ours stay counted."""
        if quote.volume_e2 is not None:
            self.volume_e2 = max(self.volume_e2, quote.volume_e2)
        if quote.last_price_e4 is not None:
            self.last_price_e4 = quote.last_price_e4
        if quote.open_interest_e2 is not None:
            self.record = msgspec.structs.replace(
                self.record, open_interest_e2=quote.open_interest_e2
            )
        self._key = None

    def market(self, now_us: Micros) -> Market:
        """Return the record as it is known now."""
        book = self.matching.book
        key = (self.status(now_us), book.version, self.volume_e2)
        if key != self._key:
            self._key = key
            bid, ask = book.touch() if book.valid else (None, None)
            final = self.settlement
            self._shown = msgspec.structs.replace(
                self.record,
                status=key[0],
                yes_bid_e4=bid,
                yes_ask_e4=ask,
                last_price_e4=self.last_price_e4,
                volume_e2=self.volume_e2,
                result=self.record.result if final is None else final.result,
                settlement_e4=None if final is None else final.yes_pays_e4,
            )
        return self._shown


class MarketsView(Mapping[Ticker, Market]):
    """Every listed market as it is now; reading one makes its record."""

    def __init__(self, listings: Mapping[Ticker, Listing], now_us: Callable[[], Micros]) -> None:
        self._listings = listings
        self._now_us = now_us

    def __getitem__(self, ticker: Ticker) -> Market:
        return self._listings[ticker].market(self._now_us())

    def __iter__(self) -> Iterator[Ticker]:
        return iter(self._listings)

    def __len__(self) -> int:
        return len(self._listings)

    def __contains__(self, ticker: object) -> bool:
        return ticker in self._listings

    def in_order(self) -> Sequence[Market]:
        """Return the markets in the order of their listing; each is made when it is reached."""
        return _InOrder(tuple(self._listings.values()), self._now_us())


class _InOrder(Sequence[Market]):
    """Markets by their place, so that a page of a long list costs no more than the page."""

    def __init__(self, listings: Sequence[Listing], now_us: Micros) -> None:
        self._listings = listings
        self._now_us = now_us

    def __len__(self) -> int:
        return len(self._listings)

    @overload
    def __getitem__(self, place: int) -> Market: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Market]: ...
    def __getitem__(self, place: int | slice) -> Market | Sequence[Market]:
        if isinstance(place, slice):
            return _InOrder(self._listings[place], self._now_us)
        return self._listings[place].market(self._now_us)
