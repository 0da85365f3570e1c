"""The desk for order groups: opened, limited, triggered, reset and deleted, and who hears of it."""

from collections.abc import Callable, Mapping

from framework.model.units import E2, Micros
from plugins.sandbox.core.acceptance import check_open
from plugins.sandbox.core.orders import OrderDesk
from plugins.sandbox.core.rows import GroupKind, GroupNotice, Notice, OrderGroup, OrderRow


class GroupDesk:
    """Takes requests for order groups; every one is refused while the whole exchange rests."""

    def __init__(self, desk: OrderDesk, now_us: Callable[[], Micros]) -> None:
        """Open beside the order desk, whose orders the groups hold."""
        self._desk = desk
        self._now_us = now_us
        self._made = 0

    @property
    def all(self) -> Mapping[str, OrderGroup]:
        """Every group by id, the oldest first."""
        return self._desk.groups.all

    def members(self, group_id: str) -> list[OrderRow]:
        """Return a group's resting orders.

        Raises:
            Refusal: there is no such group.
        """
        self._desk.groups.find(group_id)
        return self._desk.members(group_id)

    def create(
        self, limit_e2: E2, *, shard: int = 0, subaccount: int = 0
    ) -> tuple[OrderGroup, list[Notice]]:
        """Open a group whose orders trade at most `limit_e2` in any 15 seconds.

        Raises:
            Refusal: the limit is not 1 to 1,000,000 whole contracts, or there are too many.
        """
        check_open(self._desk.pause)
        group_id = self._desk.blotter.make_id("group", self._made)
        group = self._desk.groups.create(group_id, limit_e2, shard, subaccount)
        self._made += 1
        return group, [self._told("created", group)]

    def trigger(self, group_id: str) -> list[Notice]:
        """Cancel a group's orders and refuse new ones until it is reset."""
        check_open(self._desk.pause)
        self._desk.groups.trigger(group_id)
        return self._desk.cancel_group(group_id, self._now_us())

    def limit(self, group_id: str, limit_e2: E2) -> list[Notice]:
        """Change a group's limit; below what it traded lately, that triggers it."""
        check_open(self._desk.pause)
        before = self._desk.groups.find(group_id)
        group = self._desk.groups.change_limit(group_id, limit_e2, self._now_us())
        notices: list[Notice] = [self._told("limit_updated", group)]
        if group.triggered and not before.triggered:
            notices += self._desk.cancel_group(group_id, self._now_us())
        return notices

    def reset(self, group_id: str) -> list[Notice]:
        """Take a group's orders again, with nothing counted."""
        check_open(self._desk.pause)
        return [self._told("reset", self._desk.groups.reset(group_id))]

    def delete(self, group_id: str) -> list[Notice]:
        """Cancel a group's orders and forget it."""
        check_open(self._desk.pause)
        group = self._desk.groups.delete(group_id)
        cancelled = self._desk.cancel_members(group_id, self._now_us())
        return [*cancelled, self._told("deleted", group)]

    def _told(self, kind: GroupKind, group: OrderGroup) -> GroupNotice:
        return GroupNotice(kind, group, self._now_us())
