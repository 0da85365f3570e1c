"""A brake that the exchange itself holds: entries join an order group with a limit.

When they trade more than the limit within 15 seconds, the exchange cancels what rests of them
and refuses further entries; exits join no group. It works even when this program hangs. A new
run opens new groups, so a brake that was pulled is released by a restart.
"""

from collections.abc import Collection, Mapping

import anyio

from framework.exchange import Rejected
from plugins.kalshi.codec.extras import OrderGroup
from plugins.kalshi.orders.groups import OrderGroups


class BurstGuard:
    """One group per shard, opened with the first entry there."""

    def __init__(self, groups: OrderGroups, limit: int) -> None:
        """Let entries trade `limit` whole contracts in any 15 seconds."""
        self._groups = groups
        self._limit = limit
        self._open: dict[int, str] = {}
        self._opening = anyio.Lock()

    async def groups(self, shards: Collection[int]) -> Mapping[int, str] | Rejected:
        """Return the group of each shard, or why entries can't be guarded and must not be sent."""
        async with self._opening:
            for shard in sorted(set(shards) - self._open.keys()):
                made = await self._groups.create(self._limit, shard=shard)
                if not isinstance(made, OrderGroup):
                    why = made.message if isinstance(made, Rejected) else made.reason
                    return Rejected(code="order_group", message=f"not sent, no order group: {why}")
                self._open[shard] = made.group_id
        return self._open

    def known(self, shard: int) -> Mapping[int, str] | None:
        """Return the groups that are open if one of them is this shard's."""
        return self._open if shard in self._open else None

    async def close(self) -> None:
        """Delete the groups, which cancels what may still rest in them."""
        for shard, group_id in self._open.items():
            await self._groups.delete(group_id, shard=shard)
        self._open.clear()
