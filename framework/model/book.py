"""The order book of one market: bids on both sides, asks derived.

A YES ask is the complement of a NO bid, so the exchange publishes bids only.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from framework.model.units import E2, E4, ONE_DOLLAR_E4, Side

_YES: Final = Side.YES
"""Python 3.11 looks a member of an enum up in five times the time of a name."""
_PRICES: Final = tuple(range(ONE_DOLLAR_E4))
"""One object of each price: a hundred thousand books would keep twenty copies each."""


class BookState(StrEnum):
    """Whether a book may be traded on."""

    MISSING = "missing"
    """No snapshot yet."""
    VALID = "valid"
    CROSSED = "crossed"
    """The two best bids add up to a dollar or more; a later delta may heal it."""
    INVALID = "invalid"
    """A gap or an impossible level; only a snapshot heals it."""


class OrderBook:
    """A book that is right, or says why it cannot be used."""

    __slots__ = (
        "_best_no",
        "_best_yes",
        "_no",
        "_sound",
        "_yes",
        "is_impossible",
        "reason",
        "version",
    )

    def __init__(self) -> None:
        self._yes: dict[E4, E2] = {}
        self._no: dict[E4, E2] = {}
        self._best_yes: E4 | None = None
        self._best_no: E4 | None = None
        """The best prices are kept at hand: most changes move none."""
        self._sound: bool | None = None
        self.reason = "no snapshot yet"
        """Why the book is not sound; empty when it is."""
        self.is_impossible = False
        """Whether what was told can't be: nobody but the book knows that it is lost."""
        self.version = 0
        """Grows with every change, so that a view can tell it is out of date."""

    @property
    def state(self) -> BookState:
        """Whether the book may be traded on."""
        if self._sound is None:
            return BookState.MISSING
        if not self._sound:
            return BookState.INVALID
        return BookState.CROSSED if self.crossed else BookState.VALID

    @property
    def valid(self) -> bool:
        """Whether decisions may be taken on this book."""
        return bool(self._sound) and not self.crossed

    @property
    def crossed(self) -> bool:
        """Whether somebody bids a dollar or more for a YES and a NO together."""
        yes, no = self._best_yes, self._best_no
        return yes is not None and no is not None and yes + no >= ONE_DOLLAR_E4

    def replace(self, yes: Mapping[E4, E2], no: Mapping[E4, E2]) -> None:
        """Take a snapshot: bids of both sides, each in its own side's prices."""
        self.version += 1
        for side, levels in ((Side.YES, yes), (Side.NO, no)):
            for price, size in levels.items():
                if not 0 < price < ONE_DOLLAR_E4 or size <= 0:
                    self._refuse(f"snapshot holds {size} at {price} on {side}")
                    return
        self._yes = {_PRICES[price]: size for price, size in yes.items()}
        self._no = {_PRICES[price]: size for price, size in no.items()}
        self._best_yes = max(self._yes, default=None)
        self._best_no = max(self._no, default=None)
        self._sound, self.reason, self.is_impossible = True, "", False

    def change(self, side: Side, price_e4: E4, change_e2: E2) -> bool:
        """Add a signed change to one level; deltas on an unsound book are ignored.

        Returns:
            Whether a best price moved, or the book broke: most changes are deeper in it.
        """
        if not self._sound:
            return False
        self.version += 1
        levels = self._yes if side is _YES else self._no
        known = levels.get(price_e4, 0)
        size = known + change_e2
        if known and size > 0:
            levels[price_e4] = size  # a level that was there is no better than the best
            return False
        if size < 0 or not 0 < price_e4 < ONE_DOLLAR_E4:
            self._refuse(f"delta {change_e2} leaves {size} at {price_e4} on {side}")
            return True
        best = self.bid(side)
        if size:
            levels[_PRICES[price_e4]] = size
            if best is not None and price_e4 <= best:
                return False
            best = _PRICES[price_e4]
        else:
            if levels.pop(price_e4, None) is None or price_e4 != best:
                return False
            best = max(levels, default=None)
        if side is _YES:
            self._best_yes = best
        else:
            self._best_no = best
        return True

    def invalidate(self, reason: str) -> None:
        """Mark the book unusable until the next snapshot."""
        self.version += 1
        self._sound, self.reason, self.is_impossible = False, reason, False

    def _refuse(self, reason: str) -> None:
        self.invalidate(reason)
        self.is_impossible = True

    def bid(self, side: Side) -> E4 | None:
        """Return the best bid of a side, or None when nobody bids."""
        return self._best_yes if side is _YES else self._best_no

    def ask(self, side: Side) -> E4 | None:
        """Return the best ask of a side, or None when nobody bids for the other one."""
        other = self._best_no if side is _YES else self._best_yes
        return None if other is None else ONE_DOLLAR_E4 - other

    def size(self, side: Side, price_e4: E4) -> E2:
        """Return how many contracts are bid for at a price."""
        return (self._yes if side is _YES else self._no).get(price_e4, 0)

    def bids(self, side: Side, depth: int | None = None) -> list[tuple[E4, E2]]:
        """Return (price, size) of a side's bids, the best first."""
        levels = self._yes if side is _YES else self._no
        return [(price, levels[price]) for price in sorted(levels, reverse=True)[:depth]]

    def asks(self, side: Side, depth: int | None = None) -> list[tuple[E4, E2]]:
        """Return (price, size) of a side's asks, the best first."""
        return [(ONE_DOLLAR_E4 - price, size) for price, size in self.bids(side.opposite, depth)]

    def touch(self) -> tuple[E4 | None, E4 | None]:
        """Return the best YES bid and the best YES ask."""
        no = self._best_no
        return self._best_yes, None if no is None else ONE_DOLLAR_E4 - no
