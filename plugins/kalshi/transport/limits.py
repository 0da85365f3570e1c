"""The exchange's token buckets, kept on our side so that it never has to refuse.

Every request costs tokens (10 unless listed otherwise). Reads share one bucket; each shard pays
for its own writes. A part of every write bucket is kept for cancels and exits: a burst of entries
must never delay leaving.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import anyio
import msgspec

from framework.model.orders import Order, Purpose
from framework.model.units import Micros
from framework.run import Clock
from plugins.kalshi.codec import Request
from plugins.kalshi.transport.buckets import Bucket, BucketSize, Usage

DEFAULT_COST: Final = 10
BASIC_COSTS: Final[dict[tuple[str, str], int]] = {
    ("DELETE", "/portfolio/events/orders/{order_id}"): 2,
    ("DELETE", "/portfolio/events/orders/batched"): 2,
    ("DELETE", "/portfolio/events/orders"): 2,
    ("GET", "/portfolio/orders/{order_id}"): 2,
}
"""What costs less, as listed in June 2026; the account's own list replaces it."""
SHARDS: Final = (0, 1, 2, 3)
"""The shards of autumn 2026."""
UNSCOPED: Final = 0
"""Batches pay from the bucket of shard 0, which the exchange calls unscoped."""
LONGEST_WAIT_S: Final = 2.0
"""An entry that has waited longer is not sent: its price is old."""


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


BASIC: Final = AccountLimits(read=BucketSize(200, 200), write=BucketSize(100, 100))
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


class Limits:
    """The account's read budget and its write budget on each shard."""

    def __init__(
        self,
        clock: Clock,
        budget: Budget = TODAY,
        warn: Callable[[Usage], None] = lambda _: None,
    ) -> None:
        """Start with full buckets.

        Args:
            clock: The run's.
            budget: What every account has at least.
            warn: Told once whenever a bucket is nearly used up.
        """
        self._clock = clock
        self.is_told = budget.is_told
        self._costs = dict(budget.costs)
        self._default = budget.default_cost
        self._readers = anyio.Lock()
        self._entries: dict[int | None, anyio.Lock] = {}
        """Entries queue behind those of their own shard only."""
        self._write_size = budget.sizes.write
        self.warn = warn
        # Reads wait for their turn, and a long list takes all there is: no reason to warn.
        self.read = Bucket("read", budget.sizes.read, clock, self._told, warn_above=Decimal(1))
        self._writes = {shard: self._write_bucket(shard) for shard in SHARDS}

    def adopt(self, limits: AccountLimits | None, costs: EndpointCosts | None) -> None:
        """Take what the account says of itself; None leaves the Basic tier in force."""
        if limits is not None:
            self._write_size = limits.write
            self.read.resize(limits.read)
            for bucket in self._writes.values():
                bucket.resize(limits.write)
        if costs is not None:
            self._default = costs.default_cost
            self._costs = {
                (cost.method.upper(), cost.path.removeprefix("/trade-api/v2")): cost.cost
                for cost in costs.endpoint_costs
            }

    def cost(self, request: Request) -> int:
        """Return what a request costs; every item of a batch is paid for."""
        key = request.method, request.template
        return self._costs.get(key, self._default) * request.items

    def usage(self) -> tuple[Usage, ...]:
        """Return how far each bucket is used: reads first, then the writes of each shard."""
        return (self.read.usage(), *(bucket.usage() for bucket in self._writes.values()))

    # ----------------------------------------------------------------------------- buckets

    @property
    def write(self) -> Bucket:
        """The bucket that pays for batches and for the writes of shard 0."""
        return self._writes[UNSCOPED]

    def shard(self, shard: int) -> Bucket:
        """Return the bucket that pays for the writes of a shard."""
        return self._writes.get(shard) or self._open(shard)

    def _write_bucket(self, shard: int) -> Bucket:
        return Bucket(f"write/{shard}", self._write_size, self._clock, self._told)

    def _open(self, shard: int) -> Bucket:
        """Begin to count a shard never heard of: what was routed there so far is unknown."""
        bucket = self._writes[shard] = self._write_bucket(shard)
        bucket.empty()
        return bucket

    def _paying(self, shard: int | None) -> Sequence[Bucket]:
        """Return who pays: a write that the exchange routes by itself costs on every shard."""
        return tuple(self._writes.values()) if shard is None else (self.shard(shard),)

    def _told(self, usage: Usage) -> None:
        self.warn(usage)

    # ------------------------------------------------------------------------------ paying

    async def take_read(self, cost: int, *, urgent: bool = False) -> None:
        """Wait until a read may be sent; first come, first served, but for what can't queue."""
        if urgent:
            await self._spend((self.read,), cost)
            return
        async with self._readers:
            await self._spend((self.read,), cost)

    async def take_write(self, request: Request, *, urgent: bool) -> bool:
        """Wait until a write may be sent; False when an entry has waited too long.

        Args:
            request: What is to be sent.
            urgent: A cancel or an exit: it may use the reserve, and waits as long as it must.
        """
        if self.take_write_now(request, urgent=urgent):
            return True
        cost, paying = self.cost(request), self._paying(request.shard)
        if urgent:
            await self._spend(paying, cost)
            return True
        with anyio.move_on_after(LONGEST_WAIT_S):
            async with self._entries.setdefault(request.shard, anyio.Lock()):
                await self._spend(paying, cost, keeping=True)
                return True
        return False

    def take_write_now(self, request: Request, *, urgent: bool) -> bool:
        """Pay for a write that may be sent at once; False takes nothing: it has to wait."""
        queue = self._entries.get(request.shard)
        if queue is not None and queue.locked() and not urgent:
            return False  # behind those that wait already
        cost, paying = self.cost(request), self._paying(request.shard)
        if _wait_us(paying, cost, keeping=not urgent):
            return False
        for bucket in paying:
            bucket.take(cost)
        return True

    def affords(self, request: Request, *, urgent: bool) -> bool:
        """Return whether a write could be paid for at once, as a batch must be."""
        cost = self.cost(request)
        return all(
            cost + (0 if urgent else bucket.reserve) <= bucket.tokens
            for bucket in self._paying(request.shard)
        )

    def refused(self, request: Request) -> None:
        """Count the buckets of a request as empty: the exchange has just refused it."""
        paying = (self.read,) if request.method == "GET" else self._paying(request.shard)
        for bucket in paying:
            bucket.refuse()

    async def _spend(self, buckets: Sequence[Bucket], cost: int, *, keeping: bool = False) -> None:
        while missing_us := _wait_us(buckets, cost, keeping=keeping):
            await self._clock.sleep(missing_us / 1_000_000)
        for bucket in buckets:
            bucket.take(cost)


def _wait_us(buckets: Sequence[Bucket], cost: int, *, keeping: bool) -> Micros:
    """Return how long until every bucket can pay, beside its reserve if that is kept."""
    return max(bucket.wait_us(cost + (bucket.reserve if keeping else 0)) for bucket in buckets)


def is_urgent(order: Order) -> bool:
    """Return whether an order may use the reserve: exits may."""
    return order.purpose is Purpose.EXIT
