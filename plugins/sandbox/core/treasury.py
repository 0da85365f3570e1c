"""The account's cash between its subaccounts and shards (Kalshi's subaccount and shard pages)."""

from collections.abc import Callable, Sequence
from typing import Final

from framework.model.units import E6, Micros, money_of
from plugins.sandbox.core.acceptance import check_open
from plugins.sandbox.core.accounts import Accounts
from plugins.sandbox.core.orders import OrderDesk
from plugins.sandbox.core.rows import Refusal, TransferRow
from plugins.sandbox.rates import SHARDS

_MOST: Final = 63
"""Numbered subaccounts beside the primary one, which is 0."""


class Treasury:
    """Opens subaccounts, and moves cash that no order holds."""

    def __init__(self, accounts: Accounts, desk: OrderDesk, now_us: Callable[[], Micros]) -> None:
        """Connect to the cash, and to the orders that hold some of it."""
        self._accounts = accounts
        self._desk = desk
        self._now_us = now_us
        self._numbers = 0
        self._client_ids: set[str] = set()
        self.transfers: list[TransferRow] = []
        """Between subaccounts, the oldest first."""
        self.shard_transfers: list[TransferRow] = []
        """Between shards, the oldest first."""

    @property
    def subaccounts(self) -> Sequence[int]:
        """The numbers of all subaccounts, the primary one first."""
        return range(self._numbers + 1)

    def check(self, subaccount: int) -> None:
        """Refuse a number that no subaccount has."""
        if subaccount not in self.subaccounts:
            raise Refusal(404, "not_found", f"subaccount {subaccount} not found")

    def open(self) -> int:
        """Open the next subaccount, without cash.

        Raises:
            Refusal: there are 63 already.
        """
        if self._numbers == _MOST:
            raise Refusal(400, "invalid_parameters", f"at most {_MOST} numbered subaccounts")
        self._numbers += 1
        return self._numbers

    def transfer(
        self, client_id: str, amount_e6: E6, *, source: int, target: int, shard: int = 0
    ) -> TransferRow:
        """Move cash between two subaccounts of a shard, once per client id.

        Raises:
            Refusal: the id was used before, or the cash is not there; nothing moved.
        """
        if client_id in self._client_ids:
            raise Refusal(409, "transfer_already_exists", "client_transfer_id has been used before")
        row = self._move(amount_e6, (source, shard), (target, shard), self.transfers)
        self._client_ids.add(client_id)
        return row

    def transfer_shard(
        self, amount_e6: E6, source: tuple[int, int], target: tuple[int, int]
    ) -> TransferRow:
        """Move cash between two shards, each given as (subaccount, shard).

        Raises:
            Refusal: the cash is not there; nothing moved.
        """
        return self._move(amount_e6, source, target, self.shard_transfers)

    def _move(
        self,
        amount_e6: E6,
        source: tuple[int, int],
        target: tuple[int, int],
        rows: list[TransferRow],
    ) -> TransferRow:
        check_open(self._desk.pause)
        for subaccount, shard in (source, target):
            self.check(subaccount)
            if shard not in SHARDS:
                raise Refusal(404, "not_found", f"exchange index {shard} not found")
        if amount_e6 <= 0 or source == target:
            raise Refusal(400, "invalid_parameters", "nothing to transfer")
        free = self._desk.blotter.available_e6(source[1], source[0])
        if amount_e6 > free:
            raise Refusal(
                400,
                "insufficient_balance",
                f"transfer of {money_of(amount_e6)}, available is {money_of(free)}",
            )
        self._accounts.shard(source[1], source[0]).book_external(-amount_e6)
        self._accounts.shard(target[1], target[0]).book_external(amount_e6)
        kind = "transfer" if rows is self.transfers else "shard transfer"
        row = TransferRow(
            transfer_id=self._desk.blotter.make_id(kind, len(rows)),
            amount_e6=amount_e6,
            from_subaccount=source[0],
            to_subaccount=target[0],
            from_shard=source[1],
            to_shard=target[1],
            at_us=self._now_us(),
        )
        rows.append(row)
        return row
