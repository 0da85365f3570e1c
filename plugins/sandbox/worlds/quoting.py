"""The seeded crowd of one market: makers around the hidden belief, takers in both directions.

It keeps the displayed book it has told and answers every visit with news of it. Pulling comes
before adding, so that a book is never crossed; a trade and the change of its level carry one
exchange time and come mostly change first, as recorded streams have it.
"""

from collections.abc import Iterator
from random import Random  # noqa: TID251 - a seeded world is randomness by its seed
from typing import Final
from uuid import UUID

import msgspec

from framework.model.events import AnyEvent, BookChanged, BookReplaced, TradePrinted
from framework.model.market import Market
from framework.model.units import E2, E4, Micros, Side, complement

NEAR_E4: Final = 1_000
"""Makers keep their ladders within ten cents of the touch."""


_WAITS_E3: Final = (20, 60, 120, 200, 350, 600, 1_000, 1_500, 2_250, 3_900)
"""Waits come in bursts, in thousandths of the mean: half are below a half of it, one in ten is
four times as long. Milder than recorded: in `weather-trades` the median is a tenth of the upper
quartile and the ninth decile five times that (`docs/measure_recordings.py`)."""


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """How a market is traded."""

    half_spread_e4: E4
    """What makers keep between the belief and their quotes."""
    depth: int
    """Levels they like to show."""
    size_e2: tuple[E2, E2]
    """The usual size of a level, from and to."""
    visit_us: Micros
    """How often something happens, in the mean."""
    trades_e2: int
    """How many visits in a hundred trade."""
    taken_e2: tuple[E2, E2]
    """The usual size of a trade; one in ten is up to five times as large."""


class Quoting:
    """One market's displayed book, moved by makers and takers."""

    def __init__(self, rng: Random, market: Market, crowd: Crowd) -> None:
        self._rng = rng
        self._market = market
        self._crowd = crowd
        self._levels: dict[Side, dict[E4, E2]] = {Side.YES: {}, Side.NO: {}}
        self._exchange_us: Micros = 0

    def wait_us(self) -> Micros:
        """Return how long it is to the next visit: mostly soon, sometimes long."""
        share_e3 = self._rng.choice(_WAITS_E3)
        return self._crowd.visit_us * self._rng.randint(share_e3 // 2, share_e3 * 3 // 2) // 1_000

    def open(self, at_us: Micros, belief_e4: E4) -> BookReplaced:
        """Return the book that the market opens with."""
        for side, best in self._wanted(belief_e4).items():
            for price in self._ladder(side, best):
                self._levels[side][price] = self._size()
        return self._snapshot(at_us)

    def close(self, at_us: Micros) -> BookReplaced:
        """Return the empty book that the exchange shows soon after the close."""
        self._levels = {Side.YES: {}, Side.NO: {}}
        return self._snapshot(at_us)

    def visit(self, at_us: Micros, belief_e4: E4) -> Iterator[AnyEvent]:
        """Let something happen: makers follow the belief, and takers trade or makers fidget."""
        lag = self._rng.randint(6_000, 14_000)
        if self._rng.randrange(400) == 0:
            lag = self._rng.randint(50_000, 2_500_000)  # the stream stalls now and then
        # The wire tells milliseconds, and a market's own times never run backwards.
        self._exchange_us = max(self._exchange_us, (at_us - lag) // 1_000 * 1_000)
        yield from self._follow(at_us, belief_e4)
        if self._rng.randrange(100) < self._crowd.trades_e2:
            yield from self._trade(at_us)
        else:
            yield from self._fidget(at_us)

    # -------------------------------------------------------------------------------- makers

    def _wanted(self, belief_e4: E4) -> dict[Side, E4]:
        """Return the best bids that makers want to show."""
        grid, half = self._market.grid, self._crowd.half_spread_e4
        yes = grid.at_or_below(belief_e4 - half, Side.YES)
        no = grid.at_or_below(complement(belief_e4) - half, Side.NO)
        return {side: best for side, best in ((Side.YES, yes), (Side.NO, no)) if best is not None}

    def _ladder(self, side: Side, best_e4: E4) -> Iterator[E4]:
        """Return the prices of a ladder from its best bid down, a cent or two apart."""
        price: E4 | None = best_e4
        for _ in range(self._crowd.depth):
            if price is None:
                return
            yield price
            price = self._market.grid.at_or_below(price - 100 * self._rng.randint(1, 2), side)

    def _follow(self, at_us: Micros, belief_e4: E4) -> Iterator[AnyEvent]:
        """Pull what has become too dear, then show the wanted touch."""
        wanted = self._wanted(belief_e4)
        for side, levels in self._levels.items():
            best = wanted.get(side, 0)
            gone = [price for price in levels if price > best or price < best - NEAR_E4]
            for price in sorted(gone, reverse=True):
                yield self._change(at_us, side, price, -levels[price])
        for side, best in wanted.items():
            levels = self._levels[side]
            if best not in levels:
                yield self._change(at_us, side, best, self._size())
            if len(levels) < self._crowd.depth:
                for price in self._ladder(side, best):
                    if price not in levels:
                        yield self._change(at_us, side, price, self._size())
                        break

    def _fidget(self, at_us: Micros) -> Iterator[AnyEvent]:
        """Change the size of one level, mostly near the touch."""
        side = self._rng.choice((Side.YES, Side.NO))
        prices = sorted(self._levels[side], reverse=True)
        if not prices:
            return
        nearest = min(self._rng.randrange(len(prices)), self._rng.randrange(len(prices)))
        price = prices[nearest]
        size = self._levels[side][price]
        change = self._size() // 2
        if self._rng.randrange(2) and nearest:
            change = -min(size, change)
        yield self._change(at_us, side, price, change)

    # -------------------------------------------------------------------------------- takers

    def _trade(self, at_us: Micros) -> Iterator[AnyEvent]:
        """Let a taker walk up to two levels of a side."""
        maker = self._rng.choice((Side.YES, Side.NO))
        left = self._rng.randint(*self._crowd.taken_e2)
        if self._rng.randrange(10) == 0:
            left *= self._rng.randint(2, 5)
        if self._rng.randrange(5):
            left = max(100, left // 100 * 100)  # most people trade whole contracts
        for price in sorted(self._levels[maker], reverse=True)[:2]:
            quantity = min(left, self._levels[maker][price])
            printed = TradePrinted(
                at_us=at_us,
                ticker=self._market.ticker,
                trade_id=str(UUID(int=self._rng.getrandbits(128), version=4)),
                yes_price_e4=price if maker is Side.YES else complement(price),
                quantity_e2=quantity,
                taker_side=maker.opposite,
                exchange_us=self._exchange_us,
            )
            changed = self._change(at_us, maker, price, -quantity)
            print_first = self._rng.randrange(10) == 0
            yield from (printed, changed) if print_first else (changed, printed)
            left -= quantity
            if not left:
                return

    # -------------------------------------------------------------------------------- inside

    def _size(self) -> E2:
        size = self._rng.randint(*self._crowd.size_e2)
        return size if self._rng.randrange(3) == 0 else max(100, size // 100 * 100)

    def _change(self, at_us: Micros, side: Side, price_e4: E4, change_e2: E2) -> BookChanged:
        levels = self._levels[side]
        left = levels.get(price_e4, 0) + change_e2
        if left:
            levels[price_e4] = left
        else:
            del levels[price_e4]
        return BookChanged(
            at_us=at_us,
            ticker=self._market.ticker,
            side=side,
            price_e4=price_e4,
            change_e2=change_e2,
            exchange_us=self._exchange_us,
        )

    def _snapshot(self, at_us: Micros) -> BookReplaced:
        yes, no = (tuple(sorted(self._levels[side].items())) for side in (Side.YES, Side.NO))
        return BookReplaced(at_us=at_us, ticker=self._market.ticker, yes=yes, no=no)
