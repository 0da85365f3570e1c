"""What is traded: series, event groups, markets and their price grids."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from framework.model.fees import FeeSchedule, FeeTerms
from framework.model.units import (
    E2,
    E4,
    E6,
    ONE_DOLLAR_E4,
    Micros,
    Side,
    Ticker,
    complement,
    price_of,
    quantity_of,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_YES: Final = Side.YES


@lru_cache(maxsize=1_024)
def moment(at_us: Micros) -> datetime:
    """Return an aware UTC datetime."""
    return datetime.fromtimestamp(at_us / 1_000_000, UTC)


def micros(at: datetime) -> Micros:
    """Return an aware datetime in microseconds: the inverse of `moment`, exactly.

    Raises:
        TypeError: `at` has no time zone.
    """
    return (at - _EPOCH) // _MICROSECOND


class MarketStatus(StrEnum):
    """Where a market stands in its life (Kalshi's market lifecycle page)."""

    INITIALIZED = "initialized"
    ACTIVE = "active"
    INACTIVE = "inactive"
    CLOSED = "closed"
    DETERMINED = "determined"
    DISPUTED = "disputed"
    AMENDED = "amended"
    FINALIZED = "finalized"
    UNKNOWN = "unknown"
    """A status this version does not know: never traded."""


MARKET_LIFE: Final[dict[MarketStatus, frozenset[MarketStatus]]] = {
    MarketStatus.INITIALIZED: frozenset({MarketStatus.ACTIVE, MarketStatus.CLOSED}),
    MarketStatus.ACTIVE: frozenset({MarketStatus.INACTIVE, MarketStatus.CLOSED}),
    MarketStatus.INACTIVE: frozenset({MarketStatus.ACTIVE, MarketStatus.CLOSED}),
    MarketStatus.CLOSED: frozenset({MarketStatus.ACTIVE, MarketStatus.DETERMINED}),
    MarketStatus.DETERMINED: frozenset({MarketStatus.DISPUTED, MarketStatus.FINALIZED}),
    MarketStatus.DISPUTED: frozenset(
        {MarketStatus.DETERMINED, MarketStatus.AMENDED, MarketStatus.FINALIZED}
    ),
    MarketStatus.AMENDED: frozenset({MarketStatus.DISPUTED, MarketStatus.FINALIZED}),
    MarketStatus.FINALIZED: frozenset(),
    MarketStatus.UNKNOWN: frozenset(MarketStatus),
}
"""Which status may follow which; a closed market reopens when its close is moved later."""


class PriceRange(msgspec.Struct, frozen=True, gc=False):
    """Prices from `start_e4` to `end_e4`, both included, in steps of `step_e4`."""

    start_e4: E4
    end_e4: E4
    step_e4: E4


class PriceGrid(msgspec.Struct, frozen=True):
    """The YES prices an order may carry: whole cents, sub-cents, or finer near 0 and 1.

    A NO price stands on the grid when its complement does.
    """

    ranges: tuple[PriceRange, ...]

    def contains(self, price_e4: E4, side: Side = Side.YES) -> bool:
        """Return whether an order on `side` may carry this price."""
        yes_e4 = price_e4 if side is _YES else complement(price_e4)
        if not 0 < yes_e4 < ONE_DOLLAR_E4:
            return False
        return any(
            part.start_e4 <= yes_e4 <= part.end_e4 and (yes_e4 - part.start_e4) % part.step_e4 == 0
            for part in self.ranges
        )

    def at_or_below(self, price_e4: E4, side: Side = Side.YES) -> E4 | None:
        """Return the highest price on the grid not above `price_e4`, or None."""
        if side is Side.NO:
            above = self.at_or_above(complement(price_e4))
            return None if above is None else complement(above)
        found: E4 | None = None
        for part in self.ranges:
            last = min(price_e4, part.end_e4, ONE_DOLLAR_E4 - 1)
            if last < part.start_e4:
                continue
            price = part.start_e4 + (last - part.start_e4) // part.step_e4 * part.step_e4
            if price > 0 and (found is None or price > found):
                found = price
        return found

    def at_or_above(self, price_e4: E4, side: Side = Side.YES) -> E4 | None:
        """Return the lowest price on the grid not below `price_e4`, or None."""
        if side is Side.NO:
            below = self.at_or_below(complement(price_e4))
            return None if below is None else complement(below)
        found: E4 | None = None
        for part in self.ranges:
            first = max(price_e4, part.start_e4, 1)
            steps = -(-(first - part.start_e4) // part.step_e4)
            price = part.start_e4 + steps * part.step_e4
            on_grid = price <= part.end_e4 and price < ONE_DOLLAR_E4
            if on_grid and (found is None or price < found):
                found = price
        return found

    def to_sell_at(self, limit_e4: E4, side: Side) -> E4 | None:
        """Return the price to sell a side at: the limit, else the next below, else the lowest.

        A price between two steps, or below all, must not lock a position in. None on a grid
        without a price.
        """
        below = self.at_or_below(limit_e4, side)
        return self.at_or_above(limit_e4, side) if below is None else below


def _grid(*ranges: tuple[E4, E4, E4]) -> PriceGrid:
    return PriceGrid(tuple(PriceRange(*part) for part in ranges))


WHOLE_CENT: Final = _grid((0, 10_000, 100))
DECI_CENT: Final = _grid((0, 10_000, 10))
TAPERED: Final = _grid((0, 1_000, 10), (1_000, 9_000, 100), (9_000, 10_000, 10))


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """A template of events, such as "highest temperature in New York"; it sets the fees."""

    ticker: Ticker
    title: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    fee_type: str = "quadratic"
    fee_multiplier: Decimal = Decimal(1)
    shard: int | None = None
    """Where its new events are traded; None where nobody says."""


class EventGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Markets on one occurrence; what Kalshi calls an event."""

    ticker: Ticker
    series_ticker: Ticker
    title: str = ""
    mutually_exclusive: bool = False
    """At most one of its markets pays YES."""
    collateral_return: str = ""
    markets: tuple[Ticker, ...] = ()
    fee_type: str | None = None
    fee_multiplier: Decimal | None = None
    shard: int | None = None
    """Where its markets are traded; None where nobody says."""


_ACTIVE: Final = MarketStatus.ACTIVE


class Market(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One yes/no contract as last listed; prices are YES prices.

    A touch of None is an empty side, a volume of None is unknown.
    """

    ticker: Ticker
    event_ticker: Ticker
    series_ticker: Ticker | None = None
    category: str | None = None
    """What its series is about, in the exchange's word, such as `Sports`; None when unknown."""
    title: str = ""
    status: MarketStatus
    grid: PriceGrid = WHOLE_CENT
    open_us: Micros | None = None
    close_us: Micros | None = None
    expected_expiration_us: Micros | None = None
    can_close_early: bool = False
    mutually_exclusive: bool | None = None
    """Whether at most one market of the event pays YES; None when unknown."""
    yes_bid_e4: E4 | None = None
    yes_ask_e4: E4 | None = None
    last_price_e4: E4 | None = None
    volume_e2: E2 | None = None
    open_interest_e2: E2 | None = None
    result: str | None = None
    """`yes`, `no` or `scalar` once determined."""
    settlement_e4: E4 | None = None
    """What a YES contract pays once finalized."""
    fee_type: str = "quadratic"
    fee_multiplier: Decimal = Decimal(1)
    fees: FeeSchedule | None = None
    """Changes, overrides and waivers; None while the two fields above hold all the time."""
    shard: int = 0
    """Kalshi's `exchange_index`: which matching engine and which cash it uses."""

    @property
    def volume(self) -> Decimal | None:
        """Contracts traded so far; None when unknown."""
        return None if self.volume_e2 is None else quantity_of(self.volume_e2)

    @property
    def open_interest(self) -> Decimal | None:
        """Contracts held; None when unknown."""
        return None if self.open_interest_e2 is None else quantity_of(self.open_interest_e2)

    @property
    def yes_bid(self) -> Decimal | None:
        """Best YES bid in dollars; None when there is none."""
        return None if self.yes_bid_e4 is None else price_of(self.yes_bid_e4)

    @property
    def yes_ask(self) -> Decimal | None:
        """Best YES ask in dollars; None when there is none."""
        return None if self.yes_ask_e4 is None else price_of(self.yes_ask_e4)

    @property
    def close_time(self) -> datetime | None:
        """When trading is due to end; it can move both ways."""
        return None if self.close_us is None else moment(self.close_us)

    def fee_terms(self, at_us: Micros) -> FeeTerms:
        """Return the fee terms in force at a moment."""
        if self.fees is None:
            return FeeTerms(self.fee_type, self.fee_multiplier)
        return self.fees.terms(at_us)

    def worst_fee_terms(self, from_us: Micros) -> FeeTerms:
        """Return the dearest fee terms that an order sent now can meet while it rests."""
        if self.fees is None:
            return FeeTerms(self.fee_type, self.fee_multiplier)
        return self.fees.worst(from_us)

    def is_open(self, now_us: Micros) -> bool:
        """Return whether orders may be sent: active, and inside its opening hours."""
        opened = self.open_us is None or self.open_us <= now_us
        closing = self.close_us is None or now_us < self.close_us
        return self.status is _ACTIVE and opened and closing

    def payout_e4(self, side: Side) -> E4 | None:
        """Return what one contract of `side` pays, or None before the final result."""
        if self.settlement_e4 is None or self.status is not MarketStatus.FINALIZED:
            return None
        return self.settlement_e4 if side is Side.YES else complement(self.settlement_e4)


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """A finalized market's payment to one account; `fee_e6` is what the exchange kept."""

    ticker: Ticker
    at_us: Micros
    result: str
    yes_pays_e4: E4
    fee_e6: E6 = 0
    shard: int | None = None
    """Whose cash it moved; None where nobody says, and then it is the market's."""
