"""A brake that the exchange itself holds: entries join an order group with a limit.

When they trade more than the limit within 15 seconds, the exchange cancels what rests of them
and refuses further entries; exits join no group. It works even when this program hangs. A new
run counts from nothing, so a brake that was pulled is released by a restart.

An order group bears no name and no mark of ours, and the exchange's list has those of everybody
who uses the account. So their ids are kept in a file, in which the run after a crash finds them:
the orders that still rest in them go on under the same brake.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

import anyio
import msgspec

from framework.exchange import Rejected
from framework.run import Mode, Run
from plugins.kalshi.codec.extras import GroupOutcome, OrderGroup
from plugins.kalshi.orders.groups import OrderGroups

_GONE: Final = "not_found"


class KeptGroups:
    """The file that outlives a run: the group of each shard, of one account."""

    def __init__(self, file: Path) -> None:
        """Keep them in `file`; it need not be there."""
        self._file = file

    def read(self) -> dict[int, str]:
        """Return what an earlier run left; a file that can't be read is as good as none."""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[int, str])
        except (OSError, UnicodeDecodeError, msgspec.DecodeError):
            return {}

    def write(self, groups: Mapping[int, str]) -> None:
        """Replace the file in one step, or remove it when there is nothing to keep."""
        fresh = self._file.with_suffix(".new")
        with suppress(OSError):  # the brake holds all the same, and a group left over does no harm
            if groups:
                fresh.write_bytes(msgspec.json.encode(groups))
                fresh.replace(self._file)
            else:
                self._file.unlink(missing_ok=True)


def kept_groups(run: Run, account_id: str) -> KeptGroups:
    """Return the file of an account: beside the runs; a sandbox's dies with its exchange."""
    folder = run.folder if run.mode is Mode.SANDBOX else run.folder.parent
    account = sha256(account_id.encode()).hexdigest()[:16]
    return KeptGroups(folder / f"order-groups-{run.mode}-{account}.json")


class BurstGuard:
    """One group per shard: an earlier run's, or one opened with the first entry there."""

    def __init__(self, groups: OrderGroups, limit: int, kept: KeptGroups) -> None:
        """Let entries trade `limit` whole contracts in any 15 seconds."""
        self._groups = groups
        self._limit = limit
        self._kept = kept
        self._open: dict[int, str] = {}
        self._left: dict[int, str] | None = None
        """What an earlier run left. Read with the first entry, never before: by then the run
        holds the account's lock, so that no living run uses these groups."""
        self._opening = anyio.Lock()

    async def groups(self, shards: Collection[int]) -> Mapping[int, str] | Rejected:
        """Return the group of each shard, or why entries can't be guarded and must not be sent."""
        async with self._opening:
            if self._left is None:
                self._left = self._kept.read()
            for shard in sorted(set(shards) - self._open.keys()):
                made = await self._opened(shard, self._left.get(shard))
                if not isinstance(made, OrderGroup):
                    why = made.message if isinstance(made, Rejected) else made.reason
                    return Rejected(code="order_group", message=f"not sent, no order group: {why}")
                self._left.pop(shard, None)
                self._open[shard] = made.group_id
                self._kept.write(self._left | self._open)
        return self._open

    def known(self, shard: int) -> Mapping[int, str] | None:
        """Return the groups that are open if one of them is this shard's."""
        return self._open if shard in self._open else None

    async def _opened(self, shard: int, left: str | None) -> GroupOutcome:
        """Take a group over with our limit and nothing counted; open one where that is refused."""
        if left is not None:
            taken = await self._groups.limit(left, self._limit, shard=shard)
            if isinstance(taken, OrderGroup):
                taken = await self._groups.reset(left, shard=shard)
            if not isinstance(taken, Rejected):
                return taken
        return await self._groups.create(self._limit, shard=shard)

    async def close(self) -> None:
        """Delete the groups, which cancels what may still rest in them."""
        groups = (self._left or {}) | self._open
        for shard, group_id in tuple(groups.items()):
            gone = await self._groups.delete(group_id, shard=shard)
            if isinstance(gone, OrderGroup) or (isinstance(gone, Rejected) and gone.code == _GONE):
                del groups[shard]
                self._kept.write(groups)
        self._open.clear()
