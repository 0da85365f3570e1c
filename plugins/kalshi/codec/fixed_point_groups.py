"""Order groups and queue positions in today's dialect."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from framework.model.units import E2, Ticker
from plugins.kalshi.codec import Json, Query, Request
from plugins.kalshi.codec.extras import GroupOutcome, OrderGroup, QueuePosition
from plugins.kalshi.codec.fixed_point_orders import FixedPointOrders
from plugins.kalshi.codec.numbers import count_e2
from plugins.kalshi.codec.refusals import no_proof, not_done

GROUPS: Final = "/portfolio/order_groups"
ONE_GROUP: Final = f"{GROUPS}/{{order_group_id}}"
_MOST_CONTRACTS: Final = 1_000_000


class GroupRecord(msgspec.Struct):
    """`GET /portfolio/order_groups`, and one of them; the list alone tells the id."""

    is_auto_cancel_enabled: bool
    id: str | None = None
    contracts_limit_fp: str | None = None
    contracts_limit: int | None = None
    exchange_index: int | None = None
    orders: list[str] | None = None


class QueueRecord(msgspec.Struct):
    """`GET /portfolio/orders/queue_positions`, and the position of one order."""

    queue_position_fp: str
    order_id: str | None = None
    market_ticker: Ticker | None = None


class FixedPointGroups(FixedPointOrders):
    """Adds order groups and queue positions to the orders."""

    # ----------------------------------------------------------------------------- groups

    def create_group(self, limit: int, shard: int) -> Request:
        """Write a new group that may trade `limit` whole contracts in any 15 seconds.

        Raises:
            ValueError: the limit is not one of 1 to 1,000,000 contracts.
        """
        body = {"contracts_limit": _checked(limit), "exchange_index": shard, **self._account()}
        return self._write("POST", f"{GROUPS}/create", body=body, shard=shard)

    def change_group(self, group_id: str, verb: str, shard: int) -> Request:
        """Write `reset`, `trigger` or `delete`."""
        method, template = "PUT", f"{ONE_GROUP}/{verb}"
        if verb == "delete":
            method, template = "DELETE", ONE_GROUP
        return self._of_group(method, template, group_id, shard)

    def limit_group(self, group_id: str, limit: int, shard: int) -> Request:
        """Write a group's new limit.

        Raises:
            ValueError: the limit is not one of 1 to 1,000,000 contracts.
        """
        body = {"contracts_limit": _checked(limit)}
        return self._of_group("PUT", f"{ONE_GROUP}/limit", group_id, shard, body)

    def created_group(self, body: bytes, limit: int, shard: int) -> GroupOutcome:
        """Read the reply to a new group: without its id nobody can use it."""
        reply = self._reply(body)
        group_id = reply.get("order_group_id")
        if reply.get("error") or not isinstance(group_id, str) or not group_id:
            return no_proof(reply, "order group")
        return OrderGroup(group_id=group_id, shard=shard, limit_e2=limit * 100)

    def changed_group(self, body: bytes, group_id: str, shard: int) -> GroupOutcome:
        """Read the reply to a change of a group; it is empty when the change was made."""
        return not_done(body, "order group") or OrderGroup(group_id=group_id, shard=shard)

    def groups_query(self, shard: int | None) -> Query:
        """Write which groups to list."""
        return {**({} if shard is None else {"exchange_index": shard}), **self._account()}

    def group_of(self, record: Json, group_id: str | None = None) -> OrderGroup | None:
        """Read a group; None when it can't be read, which is counted."""
        try:
            found = msgspec.convert(record, GroupRecord)
            limit_e2 = _limit_e2(found)
        except (msgspec.ValidationError, ValueError) as fault:
            self.drift.fail("order group", str(record.get("id") or group_id), fault)
            return None
        name = found.id or group_id
        if name is None:
            self.drift.fail("order group", "without a name", "has no id")
            return None
        return OrderGroup(
            group_id=name,
            shard=found.exchange_index,
            limit_e2=limit_e2,
            triggers=found.is_auto_cancel_enabled,
            order_ids=None if found.orders is None else tuple(found.orders),
        )

    def _of_group(
        self,
        method: str,
        template: str,
        group_id: str,
        shard: int,
        body: dict[str, Any] | None = None,
    ) -> Request:
        query = {"exchange_index": shard, **self._account()}
        return self._write(
            method, template, order_group_id=group_id, query=query, body=body, shard=shard
        )

    # ------------------------------------------------------------------------------ queue

    def queue_query(self, tickers: Sequence[Ticker], event_ticker: Ticker | None) -> Query:
        """Write whose queue positions to list.

        Raises:
            ValueError: neither markets nor an event are named.
        """
        if not tickers and event_ticker is None:
            raise ValueError("queue positions need markets or an event")
        named: dict[str, str | int] = {}
        if tickers:
            named["market_tickers"] = ",".join(tickers)
        if event_ticker is not None:
            named["event_ticker"] = event_ticker
        return named | self._account()

    def queue_position(self, record: Json, order_id: str | None = None) -> QueuePosition | None:
        """Read a queue position; None when it can't be read, which is counted."""
        try:
            found = msgspec.convert(record, QueueRecord)
            ahead_e2 = count_e2(found.queue_position_fp)
        except (msgspec.ValidationError, ValueError) as fault:
            self.drift.fail("queue position", str(record.get("order_id") or order_id), fault)
            return None
        name = found.order_id or order_id
        if name is None:
            self.drift.fail("queue position", "without a name", "has no order id")
            return None
        return QueuePosition(order_id=name, ticker=found.market_ticker, ahead_e2=ahead_e2)


def _checked(limit: int) -> int:
    if not 1 <= limit <= _MOST_CONTRACTS:
        raise ValueError(f"a group's limit must be 1 to {_MOST_CONTRACTS} contracts (was {limit})")
    return limit


def _limit_e2(found: GroupRecord) -> E2 | None:
    if found.contracts_limit_fp is not None:
        return count_e2(found.contracts_limit_fp)
    return None if found.contracts_limit is None else found.contracts_limit * 100
