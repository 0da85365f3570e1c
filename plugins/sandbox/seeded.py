"""A small world made from a seed: a dozen markets that open, trade, close and settle.

Sizes, spreads, jumps and lags have the style of recorded markets; no row of a recording is in it.
One seed gives one world on every machine.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from heapq import heappop, heappush
from random import Random  # noqa: TID251 - a seeded world is randomness by its seed
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from framework.model.events import AnyEvent, MarketChanged, MarketListed, MarketSettled
from framework.model.market import (
    DECI_CENT,
    TAPERED,
    WHOLE_CENT,
    EventGroup,
    Market,
    MarketStatus,
    PriceGrid,
    Series,
    Settlement,
)
from framework.model.units import E4, ONE_DOLLAR_E4, Micros, Ticker
from plugins.sandbox.quoting import Crowd, Quoting
from plugins.sandbox.walk import WHOLE, Walk

SECOND_US: Final = 1_000_000
START_US: Final = 1_793_631_600 * SECOND_US
"""Monday 2026-11-02, 15:00 UTC: far from the exchange's Thursday pause."""
DEFAULT_DURATION_US: Final = 30 * 60 * SECOND_US
SETTLING_US: Final = 45 * SECOND_US
"""The last result and payment need no more than this after the last close."""

_DEEP: Final = Crowd(
    half_spread_e4=30,
    depth=8,
    size_e2=(2_000, 60_000),
    visit_us=2_000_000,
    trades_e2=48,
    taken_e2=(200, 12_000),
)
_BUSY: Final = Crowd(
    half_spread_e4=25,
    depth=6,
    size_e2=(1_000, 30_000),
    visit_us=1_600_000,
    trades_e2=48,
    taken_e2=(100, 14_000),
)
_THIN: Final = Crowd(
    half_spread_e4=140,
    depth=4,
    size_e2=(300, 5_000),
    visit_us=4_000_000,
    trades_e2=15,
    taken_e2=(100, 2_000),
)


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the world before the dice: its markets' words, their crowd and their time."""

    ticker: Ticker
    series: Ticker
    title: str
    outcomes: tuple[str, ...]
    """One market each."""
    exhaustive: bool = False
    """One of the outcomes must come true; otherwise none may."""
    grid: PriceGrid
    crowd: Crowd
    favourite_e2: tuple[int, int]
    """Where the first outcome starts, in cents, from and to."""
    swing_e3: int
    jump_odds: int
    opens_e3: int = -1
    """When it opens, in thousandths of the session; before the session if negative."""
    closes_e3: int


_SERIES: Final = (
    Series(ticker="HIGHRIV", title="Highest temperature in Riverton", category="Climate"),
    Series(
        ticker="RIVGAME",
        title="Riverton league games",
        category="Sports",
        fee_multiplier=Decimal("0.5"),
    ),
    Series(ticker="ORE15M", title="Ore price up in 15 minutes", category="Commodities"),
    Series(
        ticker="RIVCPI",
        title="Riverton consumer prices",
        category="Economics",
        fee_type="quadratic_with_maker_fees",
    ),
)


def _ore(name: str, opens_e3: int, closes_e3: int, favourite_e2: tuple[int, int]) -> _Plan:
    return _Plan(
        ticker=f"ORE15M-26NOV02{name}",
        series="ORE15M",
        title="Ore price up in 15 minutes?",
        outcomes=("UP",),
        grid=DECI_CENT,
        crowd=_BUSY,
        favourite_e2=favourite_e2,
        swing_e3=60,
        jump_odds=240,
        opens_e3=opens_e3,
        closes_e3=closes_e3,
    )


_PLANS: Final = (
    _Plan(
        ticker="HIGHRIV-26NOV02",
        series="HIGHRIV",
        title="Highest temperature in Riverton today",
        outcomes=("B72", "B70", "B74", "T76"),
        grid=WHOLE_CENT,
        crowd=_DEEP,
        favourite_e2=(72, 84),
        swing_e3=60,
        jump_odds=300,
        closes_e3=930,
    ),
    _Plan(
        ticker="RIVGAME-26NOV02HAWOWL",
        series="RIVGAME",
        title="Hawks at Owls",
        outcomes=("OWL", "HAW"),
        exhaustive=True,
        grid=TAPERED,
        crowd=_DEEP,
        favourite_e2=(70, 86),
        swing_e3=45,
        jump_odds=220,
        opens_e3=20,
        closes_e3=850,
    ),
    _ore("1515", 0, 440, (68, 86)),
    _ore("1522", 200, 640, (55, 84)),
    _ore("1530", 420, 860, (55, 84)),
    _ore("1537", 560, 940, (60, 86)),
    _Plan(
        ticker="RIVCPI-26NOV-A",
        series="RIVCPI",
        title="Consumer prices up by more than 0.1 %",
        outcomes=("T01",),
        grid=DECI_CENT,
        crowd=_DEEP,
        favourite_e2=(80, 92),
        swing_e3=30,
        jump_odds=260,
        closes_e3=700,
    ),
    _Plan(
        ticker="RIVCPI-26NOV-B",
        series="RIVCPI",
        title="Consumer prices up by more than 0.4 %",
        outcomes=("T04",),
        grid=WHOLE_CENT,
        crowd=_THIN,
        favourite_e2=(30, 90),
        swing_e3=40,
        jump_odds=200,
        closes_e3=760,
    ),
)

_Deed: TypeAlias = Callable[[Micros], Iterator[AnyEvent]]


class _Event:
    """One event of the world: its hidden walk, its markets and their crowds."""

    def __init__(self, plan: _Plan, seed: int, start_us: Micros, duration_us: Micros) -> None:
        # A generator of its own keeps one event's dice from moving another's; a string seeds it
        # the same under every hash seed.
        self.rng = Random(f"{seed} {plan.ticker}")  # noqa: S311 - a world, no secret
        self.plan = plan
        self.open_us = start_us + duration_us * plan.opens_e3 // 1_000
        self.close_us = start_us + duration_us * plan.closes_e3 // 1_000
        listed = max(start_us, self.open_us - 60 * SECOND_US)
        self.listed_us = listed + self.rng.randint(0, SECOND_US)
        self.walk = Walk(self.rng, self._first_shares(), plan.swing_e3, plan.jump_odds)
        series = next(series for series in _SERIES if series.ticker == plan.series)
        self.markets = [self._market(outcome, series) for outcome in plan.outcomes]
        self.quoting = [Quoting(self.rng, market, plan.crowd) for market in self.markets]

    def _first_shares(self) -> list[int]:
        """Give the favourite its share and deal the rest out, the last one to `none of them`."""
        low, high = self.plan.favourite_e2
        first = self.rng.randint(low, high) * WHOLE // 100
        others = len(self.plan.outcomes) - self.plan.exhaustive
        weights = [self.rng.randint(2, 6) for _ in range(others)]
        shares = [(WHOLE - first) * weight // sum(weights) for weight in weights]
        shares[-1] += WHOLE - first - sum(shares)
        return [first, *shares]

    def _market(self, outcome: str, series: Series) -> Market:
        plan = self.plan
        return Market(
            ticker=f"{plan.ticker}-{outcome}",
            event_ticker=plan.ticker,
            series_ticker=plan.series,
            title=f"{plan.title}: {outcome}",
            status=MarketStatus.ACTIVE,
            grid=plan.grid,
            open_us=self.open_us,
            close_us=self.close_us,
            expected_expiration_us=self.close_us + 10 * SECOND_US,
            mutually_exclusive=len(plan.outcomes) > 1,
            fee_type=series.fee_type,
            fee_multiplier=series.fee_multiplier,
        )

    @property
    def group(self) -> EventGroup:
        """The event's public record."""
        return EventGroup(
            ticker=self.plan.ticker,
            series_ticker=self.plan.series,
            title=self.plan.title,
            mutually_exclusive=len(self.plan.outcomes) > 1,
            markets=tuple(market.ticker for market in self.markets),
        )

    def belief_e4(self, number: int) -> E4:
        """Return what the crowd believes an outcome is worth."""
        return self.walk.shares[number] * ONE_DOLLAR_E4 // WHOLE


class SeededWorld:
    """A session of a dozen markets, made as it is asked for."""

    def __init__(self, seed: int, duration_us: Micros = DEFAULT_DURATION_US) -> None:
        """Prepare a world.

        Args:
            seed: What all its dice come from.
            duration_us: From the start to the last close; the payments follow at once.
        """
        self.seed = seed
        self.start_us: Micros = START_US
        self.duration_us = duration_us
        self.end_us: Micros | None = START_US + duration_us + SETTLING_US
        self.series: Mapping[Ticker, Series] = {series.ticker: series for series in _SERIES}
        self.event_groups: Mapping[Ticker, EventGroup] = {
            event.plan.ticker: event.group for event in self._events()
        }

    def events(self) -> Iterator[AnyEvent]:
        """Return the session from its first moment."""
        return _Session(self._events()).run()

    def _events(self) -> list[_Event]:
        return [_Event(plan, self.seed, self.start_us, self.duration_us) for plan in _PLANS]


class _Session:
    """One run through the world: what is due next happens next."""

    def __init__(self, events: list[_Event]) -> None:
        self._due: list[tuple[Micros, int, _Deed]] = []
        self._planned = 0
        for event in events:
            self._at(event.listed_us, self._listing(event))

    def run(self) -> Iterator[AnyEvent]:
        """Yield what happens, in time order."""
        while self._due:
            at_us, _, deed = heappop(self._due)
            yield from deed(at_us)

    def _at(self, at_us: Micros, deed: _Deed) -> None:
        self._planned += 1  # of two at one moment the first planned comes first
        heappush(self._due, (at_us, self._planned, deed))

    def _listing(self, event: _Event) -> _Deed:
        def happen(at_us: Micros) -> Iterator[AnyEvent]:
            for market in event.markets:
                yield MarketListed(at_us=at_us, market=market)
            opening = max(event.open_us, at_us) + SECOND_US
            self._at(opening, self._step(event))
            for number in range(len(event.markets)):
                first_us = opening + event.rng.randint(0, SECOND_US)
                self._again(event, first_us, self._opening(event, number))
            self._at(event.close_us + SECOND_US, self._ending(event))

        return happen

    def _step(self, event: _Event) -> _Deed:
        def happen(at_us: Micros) -> Iterator[AnyEvent]:
            event.walk.step()
            if at_us + SECOND_US < event.close_us:
                self._at(at_us + SECOND_US, happen)
            return iter(())

        return happen

    def _opening(self, event: _Event, number: int) -> _Deed:
        quoting = event.quoting[number]

        def visit(at_us: Micros) -> Iterator[AnyEvent]:
            yield from quoting.visit(at_us, event.belief_e4(number))
            self._again(event, at_us + quoting.wait_us(), visit)

        def happen(at_us: Micros) -> Iterator[AnyEvent]:
            yield quoting.open(at_us, event.belief_e4(number))
            self._again(event, at_us + quoting.wait_us(), visit)

        return happen

    def _again(self, event: _Event, at_us: Micros, deed: _Deed) -> None:
        if at_us < event.close_us:
            self._at(at_us, deed)

    def _ending(self, event: _Event) -> _Deed:
        """Clear the books, then say the result, then pay."""
        outcome = -1

        def clear(at_us: Micros) -> Iterator[AnyEvent]:
            nonlocal outcome
            outcome = event.walk.draw()
            for quoting in event.quoting:
                yield quoting.close(at_us)
            self._at(at_us + event.rng.randint(4, 15) * SECOND_US, determine)

        def determine(at_us: Micros) -> Iterator[AnyEvent]:
            for number, market in enumerate(event.markets):
                result = "yes" if number == outcome else "no"
                record = replace(market, status=MarketStatus.DETERMINED, result=result)
                yield MarketChanged(at_us=at_us, market=record)
            self._at(at_us + 10 * SECOND_US, pay)

        def pay(at_us: Micros) -> Iterator[AnyEvent]:
            for number, market in enumerate(event.markets):
                won = number == outcome
                yield MarketSettled(
                    at_us=at_us,
                    settlement=Settlement(
                        ticker=market.ticker,
                        at_us=at_us,
                        result="yes" if won else "no",
                        yes_pays_e4=ONE_DOLLAR_E4 if won else 0,
                    ),
                )

        return clear
