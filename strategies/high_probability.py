"""Buys what is already likely, and holds it to the end."""

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Final, NamedTuple, Self

from pydantic import Field, model_validator

from framework import (
    Duration,
    EntrySignal,
    Market,
    Plugin,
    PortfolioView,
    Price,
    Quantity,
    Ratio,
    Rejection,
    Side,
    Snapshot,
    hookimpl,
)
from framework.fees import break_even
from framework.model.units import E2, E4, complement, price_of, to_e2, to_e4
from framework.model.view import BookSide


class Sides(StrEnum):
    """The outcomes a strategy may buy."""

    YES = "yes"
    NO = "no"
    BOTH = "both"


_OUTCOMES: Final = {
    Sides.YES: (Side.YES,),
    Sides.NO: (Side.NO,),
    Sides.BOTH: (Side.YES, Side.NO),
}


class Entry(StrEnum):
    """How to get in."""

    TAKE = "take"
    """Pay the ask: filled at once, at the taker's fee."""
    MAKE = "make"
    """Join the bid: cheaper, and filled only when somebody sells there."""


class _Thresholds(NamedTuple):
    """The settings as the integers of the book, compared once per quote."""

    buys_yes: bool
    buys_no: bool
    least_bid_e4: E4
    longshot_e4: E4
    """At this YES ask or below, NO is bid for at `least_bid_e4` or more."""
    highest_price_e4: E4
    least_volume_e2: E2
    ratio_over: int
    ratio_under: int


class HighProbability(Plugin):
    """Buys favourites: outcomes whose best bid says they are likely.

    A market qualifies when it is open, has traded `min_volume` contracts, somebody bids
    `min_price` or more for the chosen outcome, the spread is below `max_spread_ratio` of the
    mid, and `min_depth` contracts stand at the price the entry would use. The entry takes the
    ask or joins the bid, and never pays more than `max_price`. A market is entered
    `max_entries` times at most, and not before `cooldown` has passed since it was last left.

    The signal is the same for the same quote, so a resting entry stays while its reason holds.
    Each carries its numbers and its break-even: how often such a bet must win to earn anything
    after fees. That is the figure to hold against how often favourites at that price do win.

    What is unknown (volume, a missing side) is never enough. Limits are inclusive, except the
    spread, which must be narrower than its limit.
    """

    side: Sides = Field(
        default=Sides.YES,
        description="Outcome to buy: yes, no, or both (whichever is the favourite).",
    )
    min_price: Price = Field(
        default=Decimal("0.85"),
        ge=Decimal("0.5"),
        lt=1,
        description="Lowest best bid of the outcome, in dollars.",
    )
    max_price: Price = Field(
        default=Decimal("0.97"),
        lt=1,
        description="Highest price to pay for the outcome, in dollars.",
    )
    min_volume: Quantity = Field(
        default=Decimal(10_000),
        description="Least number of contracts traded since the market opened.",
    )
    max_spread_ratio: Ratio = Field(
        default=Decimal("0.02"),
        gt=0,
        le=2,
        description="Fraction of the mid that the spread must stay below: (ask - bid) / mid.",
    )
    min_depth: Quantity = Field(
        default=Decimal(50),
        ge=1,
        description="Least number of contracts at the price to enter at.",
    )
    entry: Entry = Field(
        default=Entry.TAKE,
        description="How to get in: take (pay the ask) or make (join the bid, post-only).",
    )
    cooldown: Duration = Field(
        default=timedelta(minutes=30),
        ge=timedelta(0),
        description="Shortest time between leaving a market and entering it again, a duration.",
    )
    max_entries: int = Field(
        default=1,
        ge=1,
        description="How many times one market may be entered.",
    )
    good_for: Duration | None = Field(
        default=None,
        gt=timedelta(0),
        description="How long an entry may rest, a duration; without it, as [framework] says.",
    )
    watch_below: Price = Field(
        default=Decimal("0.05"),
        description="How far below min_price a bid may be and its market still be followed, "
        "in dollars.",
    )

    @model_validator(mode="after")
    def _is_a_band(self) -> Self:
        if self.min_price > self.max_price:
            raise ValueError(f"min_price ({self.min_price}) is above max_price ({self.max_price})")
        return self

    @cached_property
    def _limits(self) -> _Thresholds:
        over, under = self.max_spread_ratio.as_integer_ratio()
        return _Thresholds(
            buys_yes=self.side is not Sides.NO,
            buys_no=self.side is not Sides.YES,
            least_bid_e4=to_e4(self.min_price),
            longshot_e4=complement(to_e4(self.min_price)),
            highest_price_e4=to_e4(self.max_price),
            least_volume_e2=to_e2(self.min_volume),
            ratio_over=over,
            ratio_under=under,
        )

    @hookimpl
    def filter_market(self, market: Market) -> Rejection | None:
        """Refuse markets that have traded too little or whose favourite is too far away."""
        volume = market.volume
        if volume is None or volume < self.min_volume:
            known = "unknown" if volume is None else volume
            return Rejection("volume", f"volume {known} is below {self.min_volume}")
        least = self.min_price - self.watch_below
        bids = [_listed_bid(market, side) for side in _OUTCOMES[self.side]]
        if any(bid is not None and bid >= least for bid in bids):
            return None
        shown = ", ".join("none" if bid is None else str(bid) for bid in bids)
        return Rejection("price", f"best bid {shown} is below {least}")

    @hookimpl
    def signal_entry(self, snapshot: Snapshot, portfolio: PortfolioView) -> EntrySignal | None:
        """Buy the favourite when everything about it is as wanted."""
        # Asked for every quote, and most quotes end here.
        limits, yes = self._limits, snapshot.yes
        bid_e4, ask_e4 = yes.bid_e4, yes.ask_e4
        if limits.buys_yes and bid_e4 is not None and bid_e4 >= limits.least_bid_e4:
            return self._entry(yes, snapshot, portfolio)
        if limits.buys_no and ask_e4 is not None and ask_e4 <= limits.longshot_e4:
            return self._entry(snapshot.no, snapshot, portfolio)
        return None

    def _entry(
        self, book: BookSide, snapshot: Snapshot, portfolio: PortfolioView
    ) -> EntrySignal | None:
        """Return the entry on a side whose bid is high enough, if the rest is as wanted."""
        limits, market = self._limits, snapshot.market
        bid_e4, ask_e4, volume_e2 = book.bid_e4, book.ask_e4, market.volume_e2
        if bid_e4 is None or ask_e4 is None or volume_e2 is None:
            return None
        spread, twice_the_mid = ask_e4 - bid_e4, ask_e4 + bid_e4
        if not 0 < 2 * spread * limits.ratio_under < limits.ratio_over * twice_the_mid:
            return None
        takes = self.entry is Entry.TAKE
        price_e4 = ask_e4 if takes else bid_e4
        if not price_e4 <= limits.highest_price_e4 or not volume_e2 >= limits.least_volume_e2:
            return None
        # What is offered at the ask is what is bid for the other outcome.
        depth = (snapshot.side(book.side.opposite) if takes else book).bid_size()
        if not depth >= self.min_depth or not self._may_enter(snapshot, portfolio):
            return None
        price = price_of(price_e4)
        fees = market.fee_terms(snapshot.at_us)
        wins = break_even(
            price,
            self.min_depth,
            fees.fee_type,
            fees.multiplier,
            is_taker=takes,
            step_e6=portfolio.balance_step_e6,
        )
        return EntrySignal(
            side=book.side,
            limit=price,
            reason=(
                f"{book.side.upper()} bid {book.bid} ask {book.ask}, {depth} at {price}, "
                f"volume {market.volume}, earns if it wins more often than {wins}"
            ),
            good_for=self.good_for,
            make=not takes,
            break_even=wins,
        )

    def _may_enter(self, snapshot: Snapshot, portfolio: PortfolioView) -> bool:
        if not snapshot.market.is_open(snapshot.at_us):
            return False
        if not portfolio.activity(snapshot.ticker).entries < self.max_entries:
            return False
        since_exit = portfolio.since_exit(snapshot.ticker)
        return since_exit is None or since_exit >= self.cooldown


def _listed_bid(market: Market, side: Side) -> Decimal | None:
    if side is Side.YES:
        return market.yes_bid
    return None if market.yes_ask_e4 is None else price_of(complement(market.yes_ask_e4))
