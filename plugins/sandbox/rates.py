"""Token buckets, as the exchange's rate limits work (Kalshi's rate-limit page).

A read is paid from the reader's bucket. A write is paid from the bucket of its shard; one that
the exchange routes by itself is paid from every shard's. There is no queue and no penalty: a
bucket that cannot pay refuses.
"""

from typing import Final

import msgspec

from framework.model.units import Micros

DEFAULT_COST: Final = 10
CANCEL_COST: Final = 2
LOOKUP_COST: Final = 2
"""Of one order by its id."""
SHARDS: Final = (0, 1, 2, 3)

_MICRO: Final = 1_000_000


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """What an account may spend: tokens a second, and how many it can save up."""

    name: str
    read_rate: int
    read_capacity: int
    write_rate: int
    write_capacity: int


BASIC: Final = Tier(
    name="basic", read_rate=200, read_capacity=600, write_rate=100, write_capacity=100
)
"""What sign-up gives: the read bucket holds three seconds, the write bucket one."""


class TokenBucket:
    """Tokens that come back with time, counted exactly in millionths."""

    __slots__ = ("_at_us", "_capacity", "_level", "_rate")

    def __init__(self, rate: int, capacity: int) -> None:
        self._rate = rate
        self._capacity = capacity * _MICRO
        self._level = self._capacity
        self._at_us: Micros | None = None

    def holds(self, cost: int, now_us: Micros) -> bool:
        """Return whether `cost` tokens are there at this moment."""
        if self._at_us is not None and now_us > self._at_us:
            gained = (now_us - self._at_us) * self._rate
            self._level = min(self._capacity, self._level + gained)
        self._at_us = now_us if self._at_us is None else max(now_us, self._at_us)
        return self._level >= cost * _MICRO

    def spend(self, cost: int) -> None:
        """Take tokens that `holds` has just found."""
        self._level -= cost * _MICRO


class RateLimits:
    """The buckets of one account, and one for everybody who shows no key."""

    def __init__(self, tier: Tier = BASIC) -> None:
        self.tier = tier
        self._read = TokenBucket(tier.read_rate, tier.read_capacity)
        self._public = TokenBucket(tier.read_rate, tier.read_capacity)
        self._write = {shard: TokenBucket(tier.write_rate, tier.write_capacity) for shard in SHARDS}

    def read(self, cost: int, now_us: Micros, *, keyed: bool) -> bool:
        """Pay for a read; return False when the bucket cannot."""
        return _pay([self._read if keyed else self._public], cost, now_us)

    def write(self, cost: int, now_us: Micros, *, shard: int | None) -> bool:
        """Pay for a write; a shard of None is routed by the exchange and costs on every one."""
        bucket = None if shard is None else self._write.get(shard)
        return _pay(list(self._write.values()) if bucket is None else [bucket], cost, now_us)


def _pay(buckets: list[TokenBucket], cost: int, now_us: Micros) -> bool:
    if not all(bucket.holds(cost, now_us) for bucket in buckets):
        return False
    for bucket in buckets:
        bucket.spend(cost)
    return True
