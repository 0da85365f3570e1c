"""Positions, cash and profit, built from fills and settlements only.

One signed net position per market: a YES and a NO of one market pay a dollar together, so
buying the other side closes pairs. Fees are realized losses the moment they are charged, so
cash + cost of open positions - realized P&L never changes, whatever the order of fills.
"""

from bisect import insort
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import takewhile
from types import MappingProxyType
from typing import Final

import msgspec

from framework.model.market import Settlement, moment
from framework.model.orders import Fill
from framework.model.units import (
    E2,
    E4,
    E6,
    ONE_DOLLAR_E4,
    Micros,
    Side,
    Ticker,
    complement,
    money_of,
    price_of,
    quantity_of,
)


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of one market; `cost_e6` is what the open contracts were bought for."""

    ticker: Ticker
    side: Side
    quantity_e2: E2
    cost_e6: E6
    strategy: str | None
    """Who opened it; None for a position this program never ordered."""
    opened_us: Micros

    @property
    def quantity(self) -> Decimal:
        """Contracts held."""
        return quantity_of(self.quantity_e2)

    @property
    def cost(self) -> Decimal:
        """Dollars paid for them, without fees: the most they can lose."""
        return money_of(self.cost_e6)

    @property
    def entry_price(self) -> Decimal:
        """Average price paid, in dollars, to the nearest 1/10,000; half a step counts up."""
        return price_of((2 * self.cost_e6 + self.quantity_e2) // (2 * self.quantity_e2))

    @property
    def opened_at(self) -> datetime:
        """When the position was opened."""
        return moment(self.opened_us)

    def value_e6(self, bid_e4: E4 | None) -> E6 | None:
        """Return what selling at the bid would bring, or None without a bid."""
        return None if bid_e4 is None else bid_e4 * self.quantity_e2


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """What has been done in one market; recovery rebuilds it from the ledger."""

    entries: int = 0
    last_entry_us: Micros | None = None
    last_exit_us: Micros | None = None
    last_loss_us: Micros | None = None
    """When a position here last ended with a loss after fees."""
    entry_day: int | None = None
    """The UTC day of the last entry, in days since 1970."""
    entries_of_day: int = 0
    """Entries on that day."""


class ClosedPosition(msgspec.Struct, frozen=True, kw_only=True):
    """What a position brought from its first fill until it was gone, net of all its fees."""

    ticker: Ticker
    strategy: str | None
    closed_us: Micros
    pnl_e6: E6

    @property
    def pnl(self) -> Decimal:
        """What it brought, in dollars."""
        return money_of(self.pnl_e6)

    @property
    def closed_at(self) -> datetime:
        """When it was gone."""
        return moment(self.closed_us)


RESULTS_KEPT: Final = 1_000
"""Closed positions a portfolio remembers, the newest: enough for any streak, and bounded."""
DAY_US: Final[Micros] = 86_400_000_000
REPEATED_WITHIN_US: Final[Micros] = DAY_US
"""Trades are known by name for a day after all of their time were told, then by their age."""
_NOTHING = Activity()


def _later(known_us: Micros | None, at_us: Micros) -> Micros:
    """Return the later moment: a fill told late must not turn a cooldown's clock back."""
    return at_us if known_us is None else max(known_us, at_us)


class Portfolio:
    """Cash, positions and P&L; `apply` and `settle` are its only doors for money."""

    def __init__(self, cash_e6: E6 = 0) -> None:
        self.cash_e6 = cash_e6
        self.realized_e6: E6 = 0
        self.fees_e6: E6 = 0
        self.external_e6: E6 = 0
        """Cash that no fill or settlement explains: deposits, interest, transfers."""
        self._positions: dict[Ticker, Position] = {}
        self._activity: dict[Ticker, Activity] = {}
        self._trades: dict[str, Micros] = {}
        """When each trade was made, as far as that is younger than `_sure_us`."""
        self._settled: dict[Ticker, Micros] = {}
        """When each market was paid whose fee is booked; as young as the trades."""
        self._sure_us: Micros = 0
        """Everything that happened before this moment has been booked."""
        self._running: dict[Ticker, E6] = {}
        """What each open position has realized so far, its fees included."""
        self._closed: list[ClosedPosition] = []

    @property
    def positions(self) -> Mapping[Ticker, Position]:
        """Open positions by market, always the present ones; never one of zero."""
        return MappingProxyType(self._positions)

    @property
    def cost_e6(self) -> E6:
        """What all open contracts were bought for."""
        return sum(position.cost_e6 for position in self._positions.values())

    def __iter__(self) -> Iterator[Position]:
        return iter(self._positions.values())

    def position(self, ticker: Ticker) -> Position | None:
        """Return the position in a market, or None when flat."""
        return self._positions.get(ticker)

    def activity(self, ticker: Ticker) -> Activity:
        """Return entries and the times of the last entry and exit in a market."""
        return self._activity.get(ticker, _NOTHING)

    @property
    def closed(self) -> tuple[ClosedPosition, ...]:
        """The last `RESULTS_KEPT` positions that ended, the latest end last.

        They stand in the order of their ends and not of their booking, because recovery books
        all fills before all settlements.
        """
        return tuple(self._closed)

    def knows(self, fill: Fill) -> bool:
        """Return whether this trade has been booked: so its name says, or its age."""
        return fill.trade_id in self._trades or fill.at_us < self._sure_us

    def all_told(self, until_us: Micros) -> None:
        """Note that every trade and payment until a moment is booked; forget what is a day older.

        A name need not be kept for ever to know a trade that is told twice: what is older than
        the oldest name that is kept can only be a repeat.
        """
        self._sure_us = max(self._sure_us, until_us - REPEATED_WITHIN_US)
        for known in (self._trades, self._settled):
            old = list(takewhile(lambda name: known[name] < self._sure_us, known))  # noqa: B023 - used up at once
            for name in old:
                del known[name]

    def forget(self, ticker: Ticker) -> None:
        """Forget what was done in a market that is over, unless something is held there."""
        if ticker not in self._positions:
            self._activity.pop(ticker, None)

    def apply(self, fill: Fill, strategy: str | None = None) -> E6 | None:
        """Book a fill once, in any order, on any order state.

        Args:
            fill: The execution.
            strategy: Who owns the position if this fill opens one.

        Returns:
            The P&L it realized, net of its fee; None when the trade was booked before.
        """
        if self.knows(fill):
            return None
        self._trades[fill.trade_id] = fill.at_us
        held = self._positions.get(fill.ticker)
        self.cash_e6 -= fill.price_e4 * fill.quantity_e2 + fill.fee_e6
        self.fees_e6 += fill.fee_e6
        realized = -fill.fee_e6
        opened = fill.quantity_e2
        if held is not None and held.side is not fill.side:
            closed = min(held.quantity_e2, fill.quantity_e2)
            opened -= closed
            realized += self._close(held, closed, complement(fill.price_e4), fill.at_us)
            self.cash_e6 += closed * ONE_DOLLAR_E4  # each pair of YES and NO frees a dollar
        if opened:
            self._open(fill, opened, strategy)
        self.realized_e6 += realized
        self._keep_result(fill.ticker, held, realized, fill.at_us)
        return realized

    def _open(self, fill: Fill, opened_e2: E2, strategy: str | None) -> None:
        held = self._positions.get(fill.ticker)
        cost = fill.price_e4 * opened_e2
        self._positions[fill.ticker] = Position(
            ticker=fill.ticker,
            side=fill.side,
            quantity_e2=opened_e2 + (held.quantity_e2 if held else 0),
            cost_e6=cost + (held.cost_e6 if held else 0),
            strategy=held.strategy if held else strategy,
            opened_us=held.opened_us if held else fill.at_us,
        )
        seen, day = self.activity(fill.ticker), fill.at_us // DAY_US
        known = -1 if seen.entry_day is None else seen.entry_day
        before = seen.entries_of_day if day <= known else 0
        self._activity[fill.ticker] = msgspec.structs.replace(
            seen,
            entries=seen.entries + (held is None),
            last_entry_us=_later(seen.last_entry_us, fill.at_us),
            entry_day=max(day, known),
            entries_of_day=before + (held is None and day >= known),
        )

    def _close(self, held: Position, closed_e2: E2, price_e4: E4, at_us: Micros) -> E6:
        """Take `closed_e2` contracts off a position and return what that realized."""
        cost = held.cost_e6 * closed_e2 // held.quantity_e2
        left = held.quantity_e2 - closed_e2
        if left:
            self._positions[held.ticker] = msgspec.structs.replace(
                held, quantity_e2=left, cost_e6=held.cost_e6 - cost
            )
        else:
            del self._positions[held.ticker]
        seen = self.activity(held.ticker)
        self._activity[held.ticker] = msgspec.structs.replace(
            seen, last_exit_us=_later(seen.last_exit_us, at_us)
        )
        return price_e4 * closed_e2 - cost

    def adopt(self, ticker: Ticker, strategy: str) -> None:
        """Name the owner of a position nobody owned, once it is known whose order opened it."""
        held = self._positions.get(ticker)
        if held is not None and held.strategy is None:
            self._positions[ticker] = msgspec.structs.replace(held, strategy=strategy)

    def _keep_result(
        self, ticker: Ticker, before: Position | None, realized_e6: E6, at_us: Micros
    ) -> None:
        """Add to a position's result, and keep it once the position is gone or has turned."""
        after = self._positions.get(ticker)
        total = self._running.get(ticker, 0) + realized_e6
        if before is None or (after is not None and after.side is before.side):
            self._running[ticker] = total
            return
        self._running.pop(ticker, None)
        ended = ClosedPosition(
            ticker=ticker, strategy=before.strategy, closed_us=at_us, pnl_e6=total
        )
        insort(self._closed, ended, key=lambda one: (one.closed_us, one.ticker))
        del self._closed[:-RESULTS_KEPT]
        if total < 0:
            seen = self.activity(ticker)
            self._activity[ticker] = msgspec.structs.replace(
                seen, last_loss_us=_later(seen.last_loss_us, at_us)
            )

    def settle(self, settlement: Settlement) -> E6 | None:
        """Book a finalized market's payment: once for each contract, and its fee once.

        What is held after it was paid came by a fill told late; telling the payment again, as
        every report does, pays that too.

        Returns:
            The P&L it realized, net of its fee; None when flat there.
        """
        held = self._positions.get(settlement.ticker)
        if held is None:
            return None
        fee = 0 if settlement.ticker in self._settled else settlement.fee_e6
        self._settled.setdefault(settlement.ticker, settlement.at_us)
        pays = settlement.yes_pays_e4
        price = pays if held.side is Side.YES else complement(pays)
        realized = self._close(held, held.quantity_e2, price, settlement.at_us) - fee
        self.cash_e6 += price * held.quantity_e2 - fee
        self.fees_e6 += fee
        self.realized_e6 += realized
        self._keep_result(settlement.ticker, held, realized, settlement.at_us)
        return realized

    def book_external(self, change_e6: E6) -> None:
        """Book cash that no fill explains."""
        self.cash_e6 += change_e6
        self.external_e6 += change_e6
