"""What a decision hook is shown: read-only views in dollars and contracts.

A view can't be changed, and one kept past its hook refuses to show a ladder that has moved on:
remembering is fine, looking ahead is not possible.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, Self

import msgspec

from framework.model.book import OrderBook
from framework.model.market import Market, moment
from framework.model.portfolio import DAY_US, Activity, ClosedPosition, Portfolio, Position
from framework.model.units import (
    E2,
    E4,
    E6,
    ONE_DOLLAR_E4,
    PRICES,
    Micros,
    Side,
    Ticker,
    exact,
    money_of,
    price_of,
    quantity_of,
    to_us,
)

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_YES: Final = Side.YES
_NO: Final = Side.NO


class Level(NamedTuple):
    """One price of a ladder."""

    price: Decimal
    size: Decimal


class Touch(NamedTuple):
    """The best YES prices of a market; None where a side is empty or the book unusable."""

    bid: Decimal | None
    ask: Decimal | None


class Trade(NamedTuple):
    """A public trade, newest first in a snapshot; `price` is the YES price."""

    price: Decimal
    quantity: Decimal
    taker_side: Side | None
    at: datetime


def _read_only(mapping: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Hide a dict behind a view; any other mapping has to be read-only by itself."""
    if mapping is None:
        return _NOTHING
    return MappingProxyType(mapping) if isinstance(mapping, dict) else mapping


# Structs, because they are made in C: views are made for every quote that moves.


class BookSide(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The book seen by somebody who would buy or sell one outcome."""

    side: Side
    bid_e4: E4 | None
    ask_e4: E4 | None
    _book: OrderBook
    _version: int
    """The book's, when it had this touch."""

    @property
    def bid(self) -> Decimal | None:
        """Best bid in dollars, or None."""
        bid = self.bid_e4
        return None if bid is None else PRICES[bid]

    @property
    def ask(self) -> Decimal | None:
        """Best ask in dollars, or None."""
        ask = self.ask_e4
        return None if ask is None else PRICES[ask]

    @property
    def mid(self) -> Decimal | None:
        """Half way between bid and ask, or None when one is missing."""
        if self.bid_e4 is None or self.ask_e4 is None:
            return None
        return (price_of(self.bid_e4) + price_of(self.ask_e4)) / 2

    @property
    def spread(self) -> Decimal | None:
        """Ask less bid in dollars, or None when one is missing."""
        if self.bid_e4 is None or self.ask_e4 is None:
            return None
        return price_of(self.ask_e4 - self.bid_e4)

    def bids(self, depth: int | None = None) -> tuple[Level, ...]:
        """Return the bids, the best first.

        Raises:
            RuntimeError: the book has moved on since this snapshot was taken.
        """
        return self._ladder(self._current().bids(self.side, depth))

    def asks(self, depth: int | None = None) -> tuple[Level, ...]:
        """Return the asks, the best first.

        Raises:
            RuntimeError: the book has moved on since this snapshot was taken.
        """
        return self._ladder(self._current().asks(self.side, depth))

    def bid_size(self) -> Decimal:
        """Return the contracts bid for at the best bid; zero without one."""
        if self.bid_e4 is None:
            return Decimal(0)
        return quantity_of(self._current().size(self.side, self.bid_e4))

    def ask_size_within(self, limit: Decimal) -> Decimal:
        """Return the contracts offered at `limit` dollars or better."""
        most = exact(limit)
        return sum((level.size for level in self.asks() if level.price <= most), Decimal(0))

    def bid_size_within(self, limit: Decimal) -> Decimal:
        """Return the contracts bid for at `limit` dollars or better."""
        least = exact(limit)
        return sum((level.size for level in self.bids() if level.price >= least), Decimal(0))

    def _current(self) -> OrderBook:
        if self._book.version != self._version:
            raise RuntimeError("this snapshot is old: its ladder has moved on; keep the values")
        return self._book

    @staticmethod
    def _ladder(levels: list[tuple[E4, E2]]) -> tuple[Level, ...]:
        return tuple(Level(price_of(price), quantity_of(size)) for price, size in levels)


class Snapshot(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One market at one moment, as a decision hook sees it."""

    market: Market
    """The record with its newest statistics."""
    at_us: Micros
    """The moment of the event in hand."""
    yes: BookSide
    """The book of the YES contract."""
    no: BookSide
    """The book of the NO contract."""
    book_is_valid: bool
    """Whether the book may be traded on; entries are only asked for when it may."""
    lag_us: Micros | None
    """How old the newest book message was when it arrived."""
    trades: tuple[Trade, ...]
    """The last public trades, newest first."""
    siblings: Mapping[Ticker, Touch]
    """The touch of the other markets of the event."""
    observations: Mapping[str, Decimal]
    """Outside data by key, the newest of each."""

    @classmethod
    def of(
        cls,
        market: Market,
        book: OrderBook,
        at_us: Micros,
        *,
        lag_us: Micros | None = None,
        trades: tuple[Trade, ...] = (),
        siblings: Mapping[Ticker, Touch] | None = None,
        observations: Mapping[str, Decimal] | None = None,
    ) -> Self:
        """Take the present state of a market and its live book."""
        bid, ask = book.touch()
        version = book.version
        no_bid = None if ask is None else ONE_DOLLAR_E4 - ask
        no_ask = None if bid is None else ONE_DOLLAR_E4 - bid
        return cls(
            market,
            at_us,
            BookSide(_YES, bid, ask, book, version),
            BookSide(_NO, no_bid, no_ask, book, version),
            book.valid,
            lag_us,
            trades,
            _read_only(siblings),
            _read_only(dict(observations)) if observations else _NOTHING,
        )

    @property
    def ticker(self) -> Ticker:
        """The market's ticker."""
        return self.market.ticker

    @property
    def now(self) -> datetime:
        """The moment of the event in hand, UTC."""
        return moment(self.at_us)

    def side(self, side: Side) -> BookSide:
        """Return the book of one outcome."""
        return self.yes if side is _YES else self.no

    @property
    def volume(self) -> Decimal | None:
        """Contracts traded so far; None when unknown."""
        return self.market.volume

    @property
    def time_to_close(self) -> timedelta:
        """How long trading is due to go on; `timedelta.max` when no close is known."""
        close = self.market.close_us
        return timedelta.max if close is None else timedelta(microseconds=close - self.at_us)


class Exposure(Protocol):
    """Worst-case sums over positions and every order that may still trade."""

    @property
    def balance_step_e6(self) -> E6:
        """What cash is rounded to at each fill, and the fee with it."""

    def in_market_e6(self, ticker: Ticker) -> E6:
        """Return the most this market can lose."""

    def in_event_e6(self, event_ticker: Ticker) -> E6:
        """Return the most an event's markets can lose together."""

    def total_e6(self) -> E6:
        """Return the most everything can lose."""

    def reserved_e6(self, shard: int) -> E6:
        """Return the cash that orders not yet filled may still take on a shard."""

    def open_orders(self) -> int:
        """Return how many orders are pending, open or unknown."""

    def orders_since(self, at_us: Micros) -> int:
        """Return how many orders were sent since a moment."""

    def pnl_of_day_e6(self) -> E6:
        """Return realized plus unrealized P&L since midnight UTC."""

    def cash_e6(self, shard: int) -> E6:
        """Return the cash of a shard."""

    def bankroll_e6(self) -> E6:
        """Return all cash, plus positions at their last good bid, else at cost."""


class PortfolioView(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Money and positions, as a decision hook sees them."""

    _portfolio: Portfolio
    _exposure: Exposure
    at_us: Micros
    """The moment of the event in hand."""

    @property
    def cash(self) -> Decimal:
        """Cash over all shards, in dollars."""
        return money_of(self._portfolio.cash_e6)

    @property
    def balance_step_e6(self) -> E6:
        """What cash is rounded to at each fill, and the fee with it, in millionths of a dollar."""
        return self._exposure.balance_step_e6

    @property
    def realized(self) -> Decimal:
        """Realized P&L net of fees, in dollars."""
        return money_of(self._portfolio.realized_e6)

    @property
    def bankroll(self) -> Decimal:
        """All cash, plus positions at their last good bid (else at cost), in dollars."""
        return money_of(self._exposure.bankroll_e6())

    @property
    def positions(self) -> tuple[Position, ...]:
        """Every open position."""
        return tuple(self._portfolio)

    def position(self, ticker: Ticker) -> Position | None:
        """Return the position in a market, or None."""
        return self._portfolio.position(ticker)

    def activity(self, ticker: Ticker) -> Activity:
        """Return entries and the times of the last entry and exit in a market."""
        return self._portfolio.activity(ticker)

    @property
    def closed(self) -> tuple[ClosedPosition, ...]:
        """The last positions that ended, the latest end last; at most `RESULTS_KEPT`."""
        return self._portfolio.closed

    def entries_today(self, ticker: Ticker) -> int:
        """Return how many positions were opened in a market since midnight UTC."""
        done = self.activity(ticker)
        return done.entries_of_day if done.entry_day == self.at_us // DAY_US else 0

    def since_exit(self, ticker: Ticker) -> timedelta | None:
        """Return how long ago a market was last left, or None if never."""
        left = self.activity(ticker).last_exit_us
        return None if left is None else timedelta(microseconds=self.at_us - left)

    def buying_power(self, shard: int = 0) -> Decimal:
        """Return a shard's cash less what its unfilled orders may still take, in dollars."""
        return money_of(self._exposure.cash_e6(shard) - self._exposure.reserved_e6(shard))

    def exposure(self, ticker: Ticker | None = None) -> Decimal:
        """Return the most one market, or everything, can lose, in dollars."""
        worst = self._exposure
        return money_of(worst.total_e6() if ticker is None else worst.in_market_e6(ticker))

    def event_exposure(self, event_ticker: Ticker) -> Decimal:
        """Return the most an event's markets can lose together, in dollars."""
        return money_of(self._exposure.in_event_e6(event_ticker))

    @property
    def open_orders(self) -> int:
        """How many orders are pending, open or unknown."""
        return self._exposure.open_orders()

    def orders_within(self, span: timedelta) -> int:
        """Return how many orders were sent in the last `span`."""
        return self._exposure.orders_since(self.at_us - to_us(span))

    @property
    def pnl_of_day(self) -> Decimal:
        """Realized plus unrealized P&L since midnight UTC, in dollars."""
        return money_of(self._exposure.pnl_of_day_e6())
