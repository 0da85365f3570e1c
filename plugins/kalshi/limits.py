"""The exchange's token buckets, kept on our side so that it never has to refuse.

Every request costs tokens (10 unless listed otherwise) from the read or the write bucket. A part
of the write bucket is kept for cancels and exits: a burst of entries must never delay leaving.
"""

from collections.abc import Mapping

import anyio
import msgspec

from framework.model.orders import Order, Purpose
from framework.model.units import Micros
from framework.run import Clock

_PER_TOKEN = 1_000_000
"""Levels are counted in millionths of a token, so that refilling is exact in microseconds."""
DEFAULT_COST = 10
BASIC_COSTS: dict[tuple[str, str], int] = {
    ("DELETE", "/portfolio/events/orders/{order_id}"): 2,
    ("DELETE", "/portfolio/events/orders"): 2,
    ("GET", "/portfolio/orders/{order_id}"): 2,
}
"""What costs less, as listed in June 2026; the account's own list replaces it."""
LONGEST_WAIT_S = 2.0
"""An entry that has waited longer is not sent: its price is old."""


class BucketSize(msgspec.Struct, frozen=True):
    """One bucket of `GET /account/limits`."""

    refill_rate: int
    """Tokens per second."""
    bucket_capacity: int


class AccountLimits(msgspec.Struct, frozen=True):
    """`GET /account/limits`."""

    read: BucketSize
    write: BucketSize


class EndpointCost(msgspec.Struct, frozen=True):
    """One endpoint that does not cost the default."""

    method: str
    path: str
    cost: int


class EndpointCosts(msgspec.Struct, frozen=True):
    """`GET /account/endpoint_costs`."""

    endpoint_costs: list[EndpointCost]
    default_cost: int = DEFAULT_COST


BASIC = AccountLimits(read=BucketSize(200, 200), write=BucketSize(100, 100))
"""What every account has at least (Basic tier)."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What requests may cost before the account has said so itself, if it ever does."""

    sizes: AccountLimits
    costs: Mapping[tuple[str, str], int]
    default_cost: int
    is_told: bool
    """Whether the account can be asked for its own."""


TODAY = Budget(sizes=BASIC, costs=BASIC_COSTS, default_cost=DEFAULT_COST, is_told=True)
FOUNDING = Budget(
    sizes=AccountLimits(read=BucketSize(20, 20), write=BucketSize(10, 10)),
    costs={},
    default_cost=1,
    is_told=False,
)
"""20 reads and 10 writes a second, each request the same (founding document, rate limits)."""


class Bucket:
    """One token bucket over the run's clock."""

    def __init__(self, size: BucketSize, clock: Clock) -> None:
        self._clock = clock
        self._at_us = clock.now_us()
        self._size = size
        self._level = size.bucket_capacity * _PER_TOKEN

    def resize(self, size: BucketSize) -> None:
        """Take the account's true size; what has been used stays used."""
        self._refill()
        used = self._size.bucket_capacity * _PER_TOKEN - self._level
        self._size = size
        self._level = max(0, size.bucket_capacity * _PER_TOKEN - used)

    @property
    def tokens(self) -> int:
        """Whole tokens at hand."""
        self._refill()
        return self._level // _PER_TOKEN

    @property
    def capacity(self) -> int:
        """Tokens it holds when full."""
        return self._size.bucket_capacity

    def wait_us(self, tokens: int) -> Micros:
        """Return how long until this many tokens are at hand."""
        self._refill()
        missing = min(tokens, self.capacity) * _PER_TOKEN - self._level
        return 0 if missing <= 0 else -(-missing // self._size.refill_rate)

    def take(self, tokens: int) -> None:
        """Take tokens; the level may go below zero when one request costs more than all."""
        self._refill()
        self._level -= tokens * _PER_TOKEN

    def empty(self) -> None:
        """Forget what was thought to be at hand: the exchange has just refused."""
        self._refill()
        self._level = min(self._level, 0)

    def _refill(self) -> None:
        now_us = self._clock.now_us()
        earned = max(0, now_us - self._at_us) * self._size.refill_rate
        self._level = min(self._level + earned, self.capacity * _PER_TOKEN)
        self._at_us = now_us


class Limits:
    """The account's read and write budget."""

    def __init__(self, clock: Clock, budget: Budget = TODAY) -> None:
        self._clock = clock
        self.is_told = budget.is_told
        self._costs = dict(budget.costs)
        self._default = budget.default_cost
        self._readers = anyio.Lock()
        self._entries = anyio.Lock()
        self.read = Bucket(budget.sizes.read, clock)
        self.write = Bucket(budget.sizes.write, clock)

    def adopt(self, limits: AccountLimits | None, costs: EndpointCosts | None) -> None:
        """Take what the account says of itself; None leaves the Basic tier in force."""
        if limits is not None:
            self.read.resize(limits.read)
            self.write.resize(limits.write)
        if costs is not None:
            self._default = costs.default_cost
            self._costs = {
                (cost.method.upper(), cost.path.removeprefix("/trade-api/v2")): cost.cost
                for cost in costs.endpoint_costs
            }

    def cost(self, method: str, template: str) -> int:
        """Return what a request costs; `template` is its path as the exchange lists it."""
        return self._costs.get((method, template), self._default)

    @property
    def reserve(self) -> int:
        """Tokens of the write bucket that only cancels and exits may use."""
        return self.write.capacity * 3 // 10

    async def take_read(self, cost: int) -> None:
        """Wait until a read may be sent; first come, first served."""
        async with self._readers:
            await self._spend(self.read, cost)

    async def take_write(self, cost: int, *, urgent: bool) -> bool:
        """Wait until a write may be sent; False when an entry has waited too long.

        Args:
            cost: Its tokens.
            urgent: A cancel or an exit: it may use the reserve, and waits as long as it must.
        """
        if urgent:
            await self._spend(self.write, cost)
            return True
        with anyio.move_on_after(LONGEST_WAIT_S):
            async with self._entries:
                await self._spend(self.write, cost, self.reserve)
                return True
        return False

    async def _spend(self, bucket: Bucket, cost: int, reserve: int = 0) -> None:
        while wait_us := bucket.wait_us(cost + reserve):
            await self._clock.sleep(wait_us / 1_000_000)
        bucket.take(cost)


def is_urgent(order: Order) -> bool:
    """Return whether an order may use the reserve: exits may."""
    return order.purpose is Purpose.EXIT
