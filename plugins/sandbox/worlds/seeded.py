"""A world made from a seed: hundreds of markets that open, trade, pause, close and settle.

Sizes, spreads, jumps and lags have the style of recorded markets; no row of a recording is in it.
One seed gives one world on every machine. Pauses, early closes and void events come at moments
that know nothing of the beliefs, so that a price stays what its market is worth.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from random import Random  # noqa: TID251 - a seeded world is randomness by its seed
from typing import Final, TypeAlias

from msgspec.structs import replace

from framework.model.events import AnyEvent, MarketChanged, MarketListed, MarketSettled
from framework.model.market import EventGroup, Market, MarketStatus, Series, Settlement
from framework.model.units import E4, ONE_DOLLAR_E4, Micros, Ticker
from plugins.sandbox.core.pauses import PlannedPause, planned_pauses
from plugins.sandbox.worlds.plans import FEWEST, SERIES, Plan, Shape, plans
from plugins.sandbox.worlds.quoting import Quoting
from plugins.sandbox.worlds.walk import WHOLE, Walk

SECOND_US: Final = 1_000_000
START_US: Final = 1_793_631_600 * SECOND_US
"""Monday 2026-11-02, 15:00 UTC: three days before the exchange's Thursday pause."""
DEFAULT_DURATION_US: Final = 30 * 60 * SECOND_US
DEFAULT_MARKETS: Final = 240
PAUSE_US: Final = 90 * SECOND_US
"""How long trading stops at a pause."""
SETTLING_US: Final = 45 * SECOND_US
"""The last result and payment need no more than this after the last close."""

_Deed: TypeAlias = Callable[[Micros], Iterator[AnyEvent]]


class _Event:
    """One event of the world: its hidden walk, its markets and their crowds."""

    def __init__(self, plan: Plan, seed: int, start_us: Micros, duration_us: Micros) -> None:
        # A generator of its own keeps one event's dice from moving another's; a string seeds it
        # the same under every hash seed.
        self.rng = Random(f"{seed} {plan.ticker}")  # noqa: S311 - a world, no secret
        self.plan = plan
        self.open_us = start_us + duration_us * plan.opens_e3 // 1_000
        self.close_us = start_us + duration_us * plan.closes_e3 // 1_000
        self.pause_us = _moment(plan.pause_e3, start_us, duration_us)
        self.early_us = _moment(plan.early_e3, start_us, duration_us)
        self.paused_until_us: Micros = 0
        listed = max(start_us, self.open_us - 60 * SECOND_US)
        self.listed_us = listed + self.rng.randint(0, SECOND_US)
        self.walk = Walk(self.rng, self._first_shares(), plan.swing_e3, plan.jump_odds)
        series = next(series for series in SERIES if series.ticker == plan.series)
        self.markets = [self._market(outcome, series) for outcome in plan.outcomes]
        self.quoting = [Quoting(self.rng, market, plan.crowd) for market in self.markets]

    def _first_shares(self) -> list[int]:
        """Give the first outcome its share and deal the rest out.

        The last share is that of `none of them`; between nested strikes each outcome is a range of
        the underlying, and the first is the one below all strikes.
        """
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
            can_close_early=plan.early_e3 is not None,
            mutually_exclusive=self._exclusive,
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
            mutually_exclusive=self._exclusive,
            markets=tuple(market.ticker for market in self.markets),
        )

    @property
    def _exclusive(self) -> bool:
        return self.plan.shape is Shape.ONE_OF and len(self.plan.outcomes) > 1

    def belief_e4(self, number: int) -> E4:
        """Return what the crowd believes a market is worth."""
        shares = self.walk.shares
        share = shares[number]
        if self.plan.shape is Shape.NESTED:
            share = sum(shares[number + 1 :])
        return share * ONE_DOLLAR_E4 // WHOLE

    def pays_e4(self, number: int, outcome: int) -> E4:
        """Return what a market pays: all or nothing, or what it was worth, to the cent."""
        if self.plan.scalar:
            return (self.belief_e4(number) + 50) // 100 * 100
        came_true = outcome > number if self.plan.shape is Shape.NESTED else outcome == number
        return ONE_DOLLAR_E4 if came_true else 0

    def close_now(self, at_us: Micros) -> Iterator[MarketChanged]:
        """Move the close to the present."""
        self.close_us = at_us
        for number, market in enumerate(self.markets):
            moved = replace(market, close_us=at_us, expected_expiration_us=at_us + 10 * SECOND_US)
            self.markets[number] = moved
            yield MarketChanged(at_us=at_us, market=moved)


def _moment(e3: int | None, start_us: Micros, duration_us: Micros) -> Micros | None:
    return None if e3 is None else start_us + duration_us * e3 // 1_000


class SeededWorld:
    """A session of many markets, made as it is asked for."""

    def __init__(
        self,
        seed: int,
        duration_us: Micros = DEFAULT_DURATION_US,
        markets: int = DEFAULT_MARKETS,
    ) -> None:
        """Prepare a world.

        Args:
            seed: What all its dice come from.
            duration_us: From the start to the last close; the payments follow at once.
            markets: How many there are at least; a few more complete the last event.
        """
        self.seed = seed
        self.start_us: Micros = START_US
        self.duration_us = duration_us
        self.end_us: Micros | None = START_US + duration_us + SETTLING_US
        self.pauses = planned_pauses(START_US, duration_us)
        self._plans = plans(seed, max(markets, FEWEST))
        used = {plan.series for plan in self._plans}
        self.series: Mapping[Ticker, Series] = {
            series.ticker: series for series in SERIES if series.ticker in used
        }
        self.event_groups: Mapping[Ticker, EventGroup] = {
            event.plan.ticker: event.group for event in self._events()
        }

    def events(self) -> Iterator[AnyEvent]:
        """Return the session from its first moment."""
        return _Session(self._events(), self.pauses).run()

    def _events(self) -> list[_Event]:
        return [_Event(plan, self.seed, self.start_us, self.duration_us) for plan in self._plans]


class _Session:
    """One run through the world: what is due next happens next."""

    def __init__(self, events: list[_Event], pauses: Sequence[PlannedPause]) -> None:
        self._pauses = pauses
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
            ending = self._ending(event)
            self._at(event.close_us + SECOND_US, ending)
            if event.early_us is not None:
                self._at(event.early_us, self._closing_early(event, ending))
            if event.pause_us is not None:
                self._at(event.pause_us, self._pausing(event))

        return happen

    def _closing_early(self, event: _Event, ending: _Deed) -> _Deed:
        def happen(at_us: Micros) -> Iterator[AnyEvent]:
            yield from event.close_now(at_us)
            self._at(at_us + SECOND_US, ending)

        return happen

    def _pausing(self, event: _Event) -> _Deed:
        """Stop trading for a while; the belief wanders on meanwhile."""

        def pause(at_us: Micros) -> Iterator[AnyEvent]:
            event.paused_until_us = min(at_us + PAUSE_US, event.close_us - SECOND_US)
            if event.paused_until_us <= at_us:  # too near to the close
                return
            for market in event.markets:
                halted = replace(market, status=MarketStatus.INACTIVE)
                yield MarketChanged(at_us=at_us, market=halted)
            self._at(event.paused_until_us, resume)

        def resume(at_us: Micros) -> Iterator[AnyEvent]:
            for market in event.markets:
                yield MarketChanged(at_us=at_us, market=market)

        return pause

    def _step(self, event: _Event) -> _Deed:
        step_us = event.plan.step_s * SECOND_US

        def happen(at_us: Micros) -> Iterator[AnyEvent]:
            event.walk.step()
            if at_us + step_us < event.close_us:
                self._at(at_us + step_us, happen)
            return iter(())

        return happen

    def _opening(self, event: _Event, number: int) -> _Deed:
        quoting = event.quoting[number]

        def visit(at_us: Micros) -> Iterator[AnyEvent]:
            if at_us < event.close_us and not self._rests(event, at_us):
                yield from quoting.visit(at_us, event.belief_e4(number))
            self._again(event, at_us + quoting.wait_us(), visit)

        def happen(at_us: Micros) -> Iterator[AnyEvent]:
            rests = self._rests(event, at_us)
            if at_us < event.close_us and not rests:
                yield quoting.open(at_us, event.belief_e4(number))
            self._again(event, at_us + quoting.wait_us(), happen if rests else visit)

        return happen

    def _rests(self, event: _Event, at_us: Micros) -> bool:
        """Return whether nobody can trade, in this event or anywhere."""
        return at_us < event.paused_until_us or any(
            pause.from_us <= at_us < pause.until_us for pause in self._pauses
        )

    def _again(self, event: _Event, at_us: Micros, deed: _Deed) -> None:
        if at_us < event.close_us:
            self._at(at_us, deed)

    def _ending(self, event: _Event) -> _Deed:
        """Clear the books, then say the result, then pay; once, though the close may move."""
        ended = False
        pays: list[E4] = []

        def clear(at_us: Micros) -> Iterator[AnyEvent]:
            nonlocal ended
            if ended:
                return
            ended = True
            outcome = event.walk.draw()
            pays.extend(event.pays_e4(number, outcome) for number in range(len(event.markets)))
            for quoting in event.quoting:
                yield quoting.close(at_us)
            self._at(at_us + event.rng.randint(4, 15) * SECOND_US, determine)

        def result(number: int) -> str:
            if event.plan.scalar:
                return "scalar"
            return "yes" if pays[number] else "no"

        def determine(at_us: Micros) -> Iterator[AnyEvent]:
            for number, market in enumerate(event.markets):
                record = replace(market, status=MarketStatus.DETERMINED, result=result(number))
                yield MarketChanged(at_us=at_us, market=record)
            self._at(at_us + 10 * SECOND_US, pay)

        def pay(at_us: Micros) -> Iterator[AnyEvent]:
            for number, market in enumerate(event.markets):
                settlement = Settlement(
                    ticker=market.ticker,
                    at_us=at_us,
                    result=result(number),
                    yes_pays_e4=pays[number],
                )
                yield MarketSettled(at_us=at_us, settlement=settlement)

        return clear
