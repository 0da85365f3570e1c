"""Order groups: a limit on what a set of orders may trade in any 15 seconds.

Kalshi's order-group page: the fills of a group's orders count over a rolling 15 s; when they
exceed the limit, or somebody triggers the group, its resting orders are cancelled and new ones
refused until it is reset. This module counts and decides; the order desk cancels.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from framework.model.units import E2, Micros, quantity_of
from plugins.sandbox.core.rows import OrderGroup, Refusal

WINDOW_US: Final = 15_000_000
_LEAST_E2: Final = 100
_MOST_E2: Final = 100_000_000
"""1 to 1,000,000 whole contracts."""
_MOST_GROUPS: Final = 100_000


class _Window:
    """The fills of one group that still count."""

    __slots__ = ("fills", "total_e2")

    def __init__(self) -> None:
        self.fills: deque[tuple[Micros, E2]] = deque()
        self.total_e2: E2 = 0

    def add(self, at_us: Micros, quantity_e2: E2) -> None:
        self.fills.append((at_us, quantity_e2))
        self.total_e2 += quantity_e2

    def traded_e2(self, now_us: Micros) -> E2:
        while self.fills and self.fills[0][0] <= now_us - WINDOW_US:
            self.total_e2 -= self.fills.popleft()[1]
        return self.total_e2


class OrderGroups:
    """Every order group of the account, with what each has traded lately."""

    def __init__(self) -> None:
        self._groups: dict[str, OrderGroup] = {}
        self._windows: dict[str, _Window] = {}

    @property
    def all(self) -> Mapping[str, OrderGroup]:
        """The groups by id, the oldest first."""
        return self._groups

    def create(self, group_id: str, limit_e2: E2, shard: int, subaccount: int = 0) -> OrderGroup:
        """Open a group.

        Raises:
            Refusal: the limit is out of range or not whole, or there are too many groups.
        """
        self._check_limit(limit_e2)
        if len(self._groups) >= _MOST_GROUPS:
            raise Refusal(400, "invalid_parameters", f"at most {_MOST_GROUPS} order groups")
        group = OrderGroup(
            order_group_id=group_id, limit_e2=limit_e2, shard=shard, subaccount=subaccount
        )
        self._groups[group_id] = group
        self._windows[group_id] = _Window()
        return group

    def find(self, group_id: str) -> OrderGroup:
        """Return a group.

        Raises:
            Refusal: there is none of this id.
        """
        group = self._groups.get(group_id)
        if group is None:
            raise Refusal(404, "not_found", "order group not found")
        return group

    def admit(self, group_id: str, shard: int, subaccount: int = 0) -> None:
        """Let a new order join.

        Raises:
            Refusal: no such group on this shard, or it is triggered.
        """
        group = self.find(group_id)
        if group.subaccount != subaccount:
            raise Refusal(404, "not_found", "order group not found in this subaccount")
        if group.shard != shard:
            raise Refusal(404, "not_found", "order group not found on this exchange index")
        if group.triggered:
            raise Refusal(409, "order_group_triggered", "the order group waits for a reset")

    def count(self, group_id: str | None, quantity_e2: E2, now_us: Micros) -> bool:
        """Count a fill and return whether it triggered the group just now."""
        if group_id is None or group_id not in self._groups:
            return False
        self._windows[group_id].add(now_us, quantity_e2)
        return self._trigger_above_limit(group_id, now_us)

    def trigger(self, group_id: str) -> OrderGroup:
        """Trigger a group by hand."""
        group = self.find(group_id)
        return self._keep(replace(group, triggered=True))

    def reset(self, group_id: str) -> OrderGroup:
        """Take orders again, with nothing counted."""
        group = self.find(group_id)
        self._windows[group_id] = _Window()
        return self._keep(replace(group, triggered=False))

    def change_limit(self, group_id: str, limit_e2: E2, now_us: Micros) -> OrderGroup:
        """Set a new limit; below what was traded lately it triggers the group."""
        group = self.find(group_id)
        self._check_limit(limit_e2)
        self._keep(replace(group, limit_e2=limit_e2))
        self._trigger_above_limit(group_id, now_us)
        return self._groups[group_id]

    def delete(self, group_id: str) -> OrderGroup:
        """Forget a group."""
        group = self.find(group_id)
        del self._groups[group_id], self._windows[group_id]
        return group

    def traded_e2(self, group_id: str, now_us: Micros) -> E2:
        """Return what a group's orders traded within the window."""
        return self._windows[group_id].traded_e2(now_us)

    def _trigger_above_limit(self, group_id: str, now_us: Micros) -> bool:
        group = self._groups[group_id]
        if group.triggered or self.traded_e2(group_id, now_us) <= group.limit_e2:
            return False
        self.trigger(group_id)
        return True

    def _keep(self, group: OrderGroup) -> OrderGroup:
        self._groups[group.order_group_id] = group
        return group

    @staticmethod
    def _check_limit(limit_e2: E2) -> None:
        if not _LEAST_E2 <= limit_e2 <= _MOST_E2 or limit_e2 % 100:
            asked = quantity_of(limit_e2)
            raise Refusal(
                400, "invalid_parameters", f"contracts_limit must be 1 to 1000000 (was {asked})"
            )
