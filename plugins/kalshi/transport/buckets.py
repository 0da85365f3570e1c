"""One token bucket over the run's clock, and how far it is used.

Levels are counted in millionths of a token, so that refilling is exact in microseconds.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from framework.model.units import Micros
from framework.run import Clock

WARN_ABOVE: Final = Decimal("0.8")
"""A bucket used further than this is worth a warning (the founding document's 80 %)."""
CALM_BELOW: Final = Decimal("0.5")
"""It must have come down to this before it warns again, or a busy minute would be full of it."""
_PER_TOKEN: Final = 1_000_000


class BucketSize(msgspec.Struct, frozen=True):
    """One bucket of `GET /account/limits`."""

    refill_rate: int
    """Tokens per second."""
    bucket_capacity: int


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """How far a bucket is used; 0 is untouched, 1 is empty."""

    bucket: str
    """`read`, or `write/` and the shard."""
    used: Decimal
    peak: Decimal
    """The furthest it ever was."""
    warnings: int
    """How often it was used further than `WARN_ABOVE`."""
    refusals: int
    """How often the exchange answered 429."""


class Bucket:
    """Tokens that come back with time."""

    def __init__(
        self,
        name: str,
        size: BucketSize,
        clock: Clock,
        warn: Callable[[Usage], None] = lambda _: None,
        *,
        warn_above: Decimal = WARN_ABOVE,
    ) -> None:
        """Start full; `warn` is told when more of it is used, and of every refusal."""
        self._name = name
        self._clock = clock
        self._warn = warn
        self._warn_above = warn_above
        self._at_us = clock.now_us()
        self._size = size
        self._level = self._full
        self._peak = (0, self._full)
        """(used, of how much), where the quotient was largest."""
        self._is_strained = False
        self._warnings = 0
        self._refusals = 0

    @property
    def _full(self) -> int:
        return self._size.bucket_capacity * _PER_TOKEN

    @property
    def capacity(self) -> int:
        """Tokens it holds when full."""
        return self._size.bucket_capacity

    @property
    def reserve(self) -> int:
        """Tokens that only cancels and exits may use."""
        return self.capacity * 3 // 10

    @property
    def tokens(self) -> int:
        """Whole tokens at hand."""
        self._refill()
        return self._level // _PER_TOKEN

    def usage(self) -> Usage:
        """Return how far it is used now, and was at most."""
        self._refill()
        most, of = self._peak
        return Usage(
            bucket=self._name,
            used=_share(self._full - self._level, self._full),
            peak=_share(most, of),
            warnings=self._warnings,
            refusals=self._refusals,
        )

    def resize(self, size: BucketSize) -> None:
        """Take the account's true size; what has been used stays used."""
        self._refill()
        used = self._full - self._level
        self._size = size
        self._level = max(0, self._full - used)

    def wait_us(self, tokens: int) -> Micros:
        """Return how long until this many tokens are at hand."""
        self._refill()
        missing = min(tokens, self.capacity) * _PER_TOKEN - self._level
        return 0 if missing <= 0 else -(-missing // self._size.refill_rate)

    def take(self, tokens: int) -> None:
        """Take tokens; the level may go below zero when one request costs more than all."""
        self._refill()
        self._level -= tokens * _PER_TOKEN
        self._measure()

    def empty(self) -> None:
        """Forget what was thought to be at hand."""
        self._refill()
        self._level = min(self._level, 0)

    def refuse(self) -> None:
        """The exchange has just refused to be paid from it."""
        self._refusals += 1
        self.empty()
        self._measure()
        if not self._is_strained:
            self._strain()

    def _measure(self) -> None:
        used, full = self._full - self._level, self._full
        most, of = self._peak
        if used * of > most * full:
            self._peak = (used, full)
        if used < CALM_BELOW * full:
            self._is_strained = False
        elif used > self._warn_above * full and not self._is_strained:
            self._strain()

    def _strain(self) -> None:
        self._is_strained = True
        self._warnings += 1
        self._warn(self.usage())

    def _refill(self) -> None:
        now_us = self._clock.now_us()
        earned = max(0, now_us - self._at_us) * self._size.refill_rate
        self._level = min(self._level + earned, self._full)
        self._at_us = now_us


def _share(used: int, full: int) -> Decimal:
    return min(round(Decimal(used) / full, 4), Decimal(1)) if full else Decimal(1)
