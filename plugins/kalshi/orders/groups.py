"""Order groups: orders that the exchange cancels together once they have traded too much.

A group counts what its orders trade in any 15 seconds; above its limit the exchange cancels all
of them and refuses new ones until a reset. It lives on one shard. The framework has no verb for
groups: a plugin that opens the exchange reaches them as `exchange.groups`.
"""

from collections.abc import Callable
from typing import Final

from framework.errors import ExchangeError
from plugins.kalshi.codec import Request
from plugins.kalshi.codec.extras import Extras, GroupOutcome, OrderGroup
from plugins.kalshi.orders.writing import Writing
from plugins.kalshi.transport.rest import Rest

_GROUPS: Final = "/portfolio/order_groups"


class OrderGroups:
    """The order groups of one account."""

    def __init__(self, writing: Writing, extras: Extras) -> None:
        self._writing = writing
        self._rest: Rest = writing.rest
        self._extras = extras

    async def create(self, limit: int, *, shard: int = 0) -> GroupOutcome:
        """Open a group that may trade `limit` whole contracts in any 15 seconds.

        Raises:
            ValueError: the limit is not one of 1 to 1,000,000 contracts.
        """
        return await self._change(
            self._extras.create_group(limit, shard),
            lambda body: self._extras.created_group(body, limit, shard),
        )

    async def reset(self, group_id: str, *, shard: int = 0) -> GroupOutcome:
        """Take a group's orders again, with nothing counted."""
        return await self._verb("reset", group_id, shard)

    async def trigger(self, group_id: str, *, shard: int = 0) -> GroupOutcome:
        """Cancel a group's orders and refuse new ones until it is reset."""
        return await self._verb("trigger", group_id, shard)

    async def delete(self, group_id: str, *, shard: int = 0) -> GroupOutcome:
        """Cancel a group's orders and forget it."""
        return await self._verb("delete", group_id, shard)

    async def limit(self, group_id: str, limit: int, *, shard: int = 0) -> GroupOutcome:
        """Give a group another limit; one below what it traded lately triggers it.

        Raises:
            ValueError: the limit is not one of 1 to 1,000,000 contracts.
        """
        return await self._change(
            self._extras.limit_group(group_id, limit, shard),
            lambda body: self._extras.changed_group(body, group_id, shard),
        )

    async def list(self, *, shard: int | None = None) -> tuple[OrderGroup, ...]:
        """Return the account's groups, of one shard or of all; an unreadable one is left out.

        Raises:
            ExchangeError: the list could not be read.
        """
        found = await self._rest.get(_GROUPS, self._extras.groups_query(shard))
        rows = found.get("order_groups")
        if not isinstance(rows, list):
            raise ExchangeError(f"GET {_GROUPS}: the answer holds no list order_groups")
        groups = [self._extras.group_of(row) for row in rows if isinstance(row, dict)]
        return tuple(group for group in groups if group is not None)

    async def get(self, group_id: str, *, shard: int | None = None) -> OrderGroup:
        """Return one group, with the ids of its resting orders.

        Raises:
            ExchangeError: there is no such group, or it can't be read.
        """
        record = await self._rest.get(
            f"{_GROUPS}/{group_id}",
            self._extras.groups_query(shard),
            template=f"{_GROUPS}/{{order_group_id}}",
        )
        group = self._extras.group_of(record, group_id)
        if group is None:
            raise ExchangeError(f"GET {_GROUPS}/{group_id}: the group can't be read")
        return group

    async def _verb(self, verb: str, group_id: str, shard: int) -> GroupOutcome:
        return await self._change(
            self._extras.change_group(group_id, verb, shard),
            lambda body: self._extras.changed_group(body, group_id, shard),
        )

    async def _change(
        self, request: Request, read: Callable[[bytes], GroupOutcome]
    ) -> GroupOutcome:
        # Whoever stops a group's orders is as pressed as whoever cancels one.
        return await self._writing.done(request, read, urgent=True)
