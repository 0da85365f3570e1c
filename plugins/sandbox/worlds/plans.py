"""The events of the seeded world before the dice: their series, grids, crowds and times.

A few are always the same, deep and busy, so that every session has something to trade; the rest
are drawn from the seed until the world has as many markets as it was asked for.

The crowds' figures are measured in recordings by `docs/measure_recordings.py`; no row of a
recording is here. Sizes of trades have a median of 47 contracts in `nba-books` and 30 in
`weather-trades`, with 580 and 200 at the ninth decile. Levels hold 4,708 contracts in the median
of `nba-books` and 129 in `btc-15m-books`, where a quarter hold 100 or less. Spreads in
`multi-quotes` have a median of 3 cents, a lower quartile of 1, an upper of 15 and a ninth decile
of 80; with 56 % of polls a side is empty, so fresh crowds leave it so. A market of
`weather-trades` has 67 trades in the median of its life; a quarter of its trades come within a
second of the one before, half within 14 s, the last quarter after 150 s.
"""

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from random import Random  # noqa: TID251 - a seeded world is randomness by its seed
from typing import Final

import msgspec

from framework.model.market import DECI_CENT, TAPERED, WHOLE_CENT, PriceGrid, PriceRange, Series
from framework.model.units import ONE_DOLLAR_E4, Ticker
from plugins.sandbox.worlds.quoting import Crowd

HALF_CENT: Final = PriceGrid((PriceRange(0, ONE_DOLLAR_E4, 50),))
CENTI_CENT: Final = PriceGrid((PriceRange(0, ONE_DOLLAR_E4, 1),))


def _crowd(
    half_spread_e4: int,
    depth: int,
    size_e2: tuple[int, int],
    visit_ms: int,
    trades_e2: int,
    taken_e2: tuple[int, int],
) -> Crowd:
    return Crowd(
        half_spread_e4=half_spread_e4,
        depth=depth,
        size_e2=size_e2,
        visit_us=visit_ms * 1_000,
        trades_e2=trades_e2,
        taken_e2=taken_e2,
    )


_DEEP: Final = _crowd(30, 8, (2_000, 60_000), 2_000, 48, (200, 12_000))
_BUSY: Final = _crowd(25, 6, (1_000, 30_000), 1_600, 48, (100, 14_000))
_THIN: Final = _crowd(140, 4, (300, 5_000), 4_000, 15, (100, 2_000))
_QUIET: Final = _crowd(60, 5, (2_000, 40_000), 45_000, 35, (100, 6_000))
_SLOW: Final = _crowd(150, 4, (500, 13_000), 75_000, 25, (100, 3_000))
_WIDE: Final = _crowd(750, 2, (200, 10_000), 120_000, 12, (100, 2_000))
_FRESH: Final = _crowd(2_500, 2, (100, 5_000), 150_000, 6, (100, 1_500))


class Shape(StrEnum):
    """How the outcomes of an event hang together."""

    ONE_OF = "one of"
    """At most one comes true."""
    NESTED = "nested"
    """Strikes on one underlying, the lowest first: what is above a strike is above the lower."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the world: its markets' words, their crowd and their time."""

    ticker: Ticker
    series: Ticker
    title: str
    outcomes: tuple[str, ...]
    """One market each."""
    shape: Shape = Shape.ONE_OF
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
    step_s: int = 1
    """How often the belief moves."""
    pause_e3: int | None = None
    """When it is paused, in thousandths of the session."""
    early_e3: int | None = None
    """When its close is moved to the present; `closes_e3` stays what was announced."""
    scalar: bool = False
    """Whether it pays what its markets were worth in the end, like a void one."""


def _series(
    ticker: str, title: str, category: str, fee_type: str = "quadratic", multiplier: str = "1"
) -> Series:
    return Series(
        ticker=ticker,
        title=title,
        category=category,
        fee_type=fee_type,
        fee_multiplier=Decimal(multiplier),
    )


_MAKERS_PAY: Final = "quadratic_with_maker_fees"
SERIES: Final = (
    _series("HIGHRIV", "Highest temperature in Riverton", "Climate"),
    _series("RIVGAME", "Riverton league games", "Sports", multiplier="0.5"),
    _series("ORE15M", "Ore price up in 15 minutes", "Commodities"),
    _series("RIVCPI", "Riverton consumer prices", "Economics", _MAKERS_PAY),
    _series("LOWPORT", "Lowest temperature in Portside", "Climate"),
    _series("RAINRIV", "Rain in Riverton", "Climate"),
    _series("PORTGAME", "Portside league games", "Sports", multiplier="0.5"),
    _series("KITECUP", "Winner of the kite cup", "Sports", _MAKERS_PAY),
    _series("SHELLD", "Price of the shell coin", "Crypto"),
    _series("OREW", "Price of ore at the week's end", "Commodities"),
    _series("RIVRATE", "Rate of the Riverton bank", "Economics", _MAKERS_PAY),
    _series("RIVMAYOR", "Mayor of Riverton", "Politics"),
    _series("PORTVOTE", "Votes in Portside", "Politics"),
    _series("TOPSONG", "Song of the week", "Entertainment"),
    _series("TURNOUT", "Share of voters who vote", "Politics"),
)


class _Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What the drawn events of one series have in common."""

    series: Ticker
    title: str
    outcomes: tuple[int, int]
    """How many, from and to."""
    shape: Shape = Shape.ONE_OF
    exhaustive: bool = False
    grid: PriceGrid
    crowds: tuple[Crowd, ...]
    favourite_e2: tuple[int, int]
    scalar: bool = False


_KINDS: Final = (
    _Kind(
        series="LOWPORT",
        title="Lowest temperature in Portside",
        outcomes=(6, 6),
        exhaustive=True,
        grid=WHOLE_CENT,
        crowds=(_QUIET, _SLOW),
        favourite_e2=(30, 75),
    ),
    _Kind(
        series="RAINRIV",
        title="Rain in Riverton",
        outcomes=(1, 1),
        grid=HALF_CENT,
        crowds=(_SLOW, _WIDE),
        favourite_e2=(5, 95),
    ),
    _Kind(
        series="PORTGAME",
        title="Portside league game",
        outcomes=(2, 2),
        exhaustive=True,
        grid=TAPERED,
        crowds=(_QUIET, _SLOW, _FRESH),
        favourite_e2=(50, 92),
    ),
    _Kind(
        series="KITECUP",
        title="Winner of the kite cup",
        outcomes=(5, 9),
        grid=WHOLE_CENT,
        crowds=(_WIDE, _SLOW),
        favourite_e2=(20, 50),
    ),
    _Kind(
        series="SHELLD",
        title="Price of the shell coin",
        outcomes=(6, 12),
        shape=Shape.NESTED,
        grid=CENTI_CENT,
        crowds=(_QUIET, _SLOW),
        favourite_e2=(4, 15),
    ),
    _Kind(
        series="OREW",
        title="Price of ore",
        outcomes=(4, 8),
        shape=Shape.NESTED,
        grid=HALF_CENT,
        crowds=(_SLOW, _WIDE),
        favourite_e2=(5, 20),
    ),
    _Kind(
        series="RIVRATE",
        title="Rate of the Riverton bank",
        outcomes=(3, 5),
        shape=Shape.NESTED,
        grid=DECI_CENT,
        crowds=(_QUIET, _WIDE),
        favourite_e2=(3, 12),
    ),
    _Kind(
        series="RIVMAYOR",
        title="Mayor of Riverton",
        outcomes=(3, 6),
        grid=WHOLE_CENT,
        crowds=(_WIDE, _FRESH),
        favourite_e2=(35, 90),
    ),
    _Kind(
        series="PORTVOTE",
        title="Vote in Portside",
        outcomes=(1, 1),
        grid=WHOLE_CENT,
        crowds=(_FRESH, _WIDE, _SLOW),
        favourite_e2=(5, 95),
    ),
    _Kind(
        series="TOPSONG",
        title="Song of the week",
        outcomes=(3, 5),
        grid=TAPERED,
        crowds=(_FRESH, _SLOW),
        favourite_e2=(40, 92),
    ),
    _Kind(
        series="TURNOUT",
        title="Share of voters who vote",
        outcomes=(1, 1),
        grid=DECI_CENT,
        crowds=(_SLOW,),
        favourite_e2=(35, 70),
        scalar=True,
    ),
)


def _ore(name: str, opens_e3: int, closes_e3: int, favourite_e2: tuple[int, int]) -> Plan:
    return Plan(
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


_ALWAYS: Final = (
    Plan(
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
    Plan(
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
    Plan(
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
    Plan(
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
FEWEST: Final = sum(len(plan.outcomes) for plan in _ALWAYS)
"""The markets that are always there."""


def plans(seed: int, markets: int) -> tuple[Plan, ...]:
    """Return the events of a world of so many markets, or a few more: an event is whole."""
    return tuple(_drawn(Random(f"{seed} plans"), markets))  # noqa: S311 - a world, no secret


def _drawn(rng: Random, markets: int) -> Iterator[Plan]:
    yield from _ALWAYS
    there, number = FEWEST, 0
    while there < markets:
        plan = _draw(rng, _KINDS[number % len(_KINDS)], number // len(_KINDS) + 1)
        yield plan
        there += len(plan.outcomes)
        number += 1


def _draw(rng: Random, kind: _Kind, number: int) -> Plan:
    opens = rng.choice((-1, -1, -1, rng.randint(50, 500)))
    closes = rng.randint(max(opens, 0) + 250, 960)
    fate = rng.randrange(100)
    moment = rng.randint(max(opens, 0) + 60, closes - 60)
    return Plan(
        ticker=f"{kind.series}-26NOV{number:02}",
        series=kind.series,
        title=f"{kind.title}, number {number}",
        outcomes=tuple(_names(kind, rng.randint(*kind.outcomes))),
        shape=kind.shape,
        exhaustive=kind.exhaustive,
        grid=kind.grid,
        crowd=rng.choice(kind.crowds),
        favourite_e2=kind.favourite_e2,
        swing_e3=rng.randint(30, 110),
        jump_odds=rng.randint(60, 240),
        opens_e3=opens,
        closes_e3=closes,
        step_s=5,
        pause_e3=moment if fate < 12 else None,
        early_e3=moment if 12 <= fate < 24 else None,
        scalar=kind.scalar or fate >= 96,
    )


def _names(kind: _Kind, count: int) -> Iterator[str]:
    for number in range(count):
        if kind.shape is Shape.NESTED:
            yield f"T{100 + 5 * number}"
        elif count == 1:
            yield "YES"
        else:
            yield f"{'B' if kind.exhaustive else 'C'}{number + 1:02}"
