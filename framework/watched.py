"""What the engine remembers of one market."""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from framework.model.book import OrderBook
from framework.model.events import TradePrinted
from framework.model.market import Market, moment
from framework.model.records import Stage
from framework.model.units import E4, Micros, Side, Ticker, complement, price_of, quantity_of
from framework.model.view import Touch, Trade

TRADES_KEPT = 20
_YES: Final = Side.YES
_NOBODY: Final = frozenset[str]()
"""Shared by all markets that no filter lets pass, which are nearly all there are."""


class Watched:
    """One market: its record, its book, what was decided on it, and what is known of its feed."""

    __slots__ = (
        "admitted",
        "book",
        "lag_us",
        "left_us",
        "mark_yes_e4",
        "market",
        "mistrusted",
        "refused_us",
        "subscribed",
        "touch",
        "trades",
        "verdicts",
    )

    def __init__(self, market: Market) -> None:
        self.market = market
        self.book = OrderBook()
        self.touch: tuple[E4 | None, E4 | None] = (None, None)
        """The touch of the last good book: what decisions were last taken on."""
        self.mark_yes_e4: tuple[E4, E4] | None = None
        """Last good bids of YES and NO, 0 when nobody bid; None before any good book."""
        self.trades: tuple[Trade, ...] = ()
        self.lag_us: Micros | None = None
        self.admitted = _NOBODY
        """Strategies whose filters let this market pass; only looked up, never iterated."""
        self.subscribed = False
        self.verdicts: dict[tuple[str, Stage], tuple[str | None, str | None]] = {}
        self.refused_us: Micros | None = None
        """When the exchange last refused an entry here."""
        self.left_us: Micros | None = None
        """When an exit was last sent here."""
        self.mistrusted: str | None = None
        """Why no entry is sent here until a person has looked."""

    def relist(self, market: Market) -> None:
        """Take a newer record; statistics the streams know better stay."""
        newest = self.market
        if self.subscribed:
            market = msgspec.structs.replace(
                market,
                volume_e2=_larger(market.volume_e2, newest.volume_e2),
                yes_bid_e4=newest.yes_bid_e4,
                yes_ask_e4=newest.yes_ask_e4,
            )
        self.market = market

    def quote(
        self, last_price_e4: E4 | None, volume_e2: int | None, open_interest_e2: int | None
    ) -> None:
        """Take newer statistics; what a message leaves out stays."""
        market = self.market
        self.market = msgspec.structs.replace(
            market,
            last_price_e4=market.last_price_e4 if last_price_e4 is None else last_price_e4,
            volume_e2=_larger(market.volume_e2, volume_e2),
            open_interest_e2=(
                market.open_interest_e2 if open_interest_e2 is None else open_interest_e2
            ),
        )

    def print_trade(self, event: TradePrinted) -> None:
        """Remember a public trade."""
        trade = Trade(
            price_of(event.yes_price_e4),
            quantity_of(event.quantity_e2),
            event.taker_side,
            moment(event.at_us),
        )
        self.trades = (trade, *self.trades[: TRADES_KEPT - 1])

    def touch_moved(self) -> bool:
        """Return whether the best prices of a good book differ from those last decided on."""
        touch = self.book.touch()
        if touch == self.touch or not self.book.valid:
            return False
        self.touch = touch
        bid, ask = touch
        self.mark_yes_e4 = (bid or 0, complement(ask) if ask is not None else 0)
        return True

    def mark_e4(self, side: Side) -> E4 | None:
        """Return the last good bid of a side; 0 when nobody bid, None before any good book."""
        if self.mark_yes_e4 is None:
            return None
        return self.mark_yes_e4[0 if side is _YES else 1]

    def present(self) -> Market:
        """Return the record with the book's touch, for filters."""
        if not self.subscribed or not self.book.valid:
            return self.market
        bid, ask = self.touch
        if (self.market.yes_bid_e4, self.market.yes_ask_e4) != (bid, ask):
            self.market = msgspec.structs.replace(self.market, yes_bid_e4=bid, yes_ask_e4=ask)
        return self.market

    def forget_feed(self, reason: str) -> None:
        """Mark the book unusable: the connection was lost or the market is not followed."""
        self.book.invalidate(reason)
        self.touch = (None, None)


def _larger(first: int | None, second: int | None) -> int | None:
    if first is None or second is None:
        return second if first is None else first
    return max(first, second)


class Siblings(Mapping[Ticker, Touch]):
    """The touch of an event's other markets, looked up when asked and never changed."""

    __slots__ = ("_markets", "_own", "_tickers")

    def __init__(
        self, markets: Mapping[Ticker, Watched], tickers: tuple[Ticker, ...], own: Ticker
    ) -> None:
        self._markets = markets
        self._tickers = tickers
        self._own = own

    def __getitem__(self, ticker: Ticker) -> Touch:
        if ticker == self._own or ticker not in self._tickers:
            raise KeyError(ticker)
        market = self._markets[ticker].present()
        return Touch(market.yes_bid, market.yes_ask)

    def __iter__(self) -> Iterator[Ticker]:
        return (ticker for ticker in self._tickers if ticker != self._own)

    def __len__(self) -> int:
        return sum(1 for _ in self)
