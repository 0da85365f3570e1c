"""The account as the exchange tells it, with how far each list can be trusted.

The exchange's lists lag behind its matching. Which moment they show is asked first, so what is
read afterwards is at least that new; a list with a missing page or an unreadable row is
incomplete, and so no proof of absence.

These reads go before the others that wait for the budget: after a lost connection hundreds of
markets are read again, and a missed fill or an order of unknown fate must not wait for them.
"""

from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

import msgspec

from framework.errors import AuthError, ExchangeError
from framework.exchange import Absent, Found, Unknown
from framework.model.account import (
    Account,
    Balances,
    Fills,
    Orders,
    Positions,
    RemoteOrder,
    Settlements,
)
from framework.model.commands import QueryOrder
from framework.model.market import Settlement
from framework.model.orders import Fill
from framework.model.units import Micros, Ticker
from plugins.kalshi.account.history import History
from plugins.kalshi.codec import Codec, Json, Query
from plugins.kalshi.transport.rest import Rest

_ORDERS: Final = "/portfolio/orders"
_FILLS: Final = "/portfolio/fills"
_POSITIONS: Final = "/portfolio/positions"
_SETTLEMENTS: Final = "/portfolio/settlements"
_Row = TypeVar("_Row")


class AccountReader:
    """Reads orders, fills, positions, settlements and balances."""

    def __init__(
        self, rest: Rest, codec: Codec, history: History, *, subaccount: int | None
    ) -> None:
        self._rest = rest
        self._codec = codec
        self._history = history
        self._scope: Query = {} if subaccount is None else {"subaccount": subaccount}
        reach = codec.reach
        lists = {_FILLS: reach.fills, _POSITIONS: reach.positions, _SETTLEMENTS: reach.settlements}
        self._absent = {path for path, exists in lists.items() if not exists}
        """Lists that this dialect does not have."""

    async def account(self, since_us: Micros | None = None) -> Account:
        """Read everything; a part that fails is marked incomplete.

        Raises:
            AuthError: the exchange refuses the key.
        """
        as_of_us = await self._as_of()
        known = as_of_us is not None
        as_of = as_of_us or 0
        since: Query = {} if since_us is None else {"min_ts": since_us // 1_000_000}
        codec, reach = self._codec, self._codec.reach
        orders, all_orders = await self._orders(since)
        fills, all_fills = await self._list(_FILLS, since, "fills", codec.fill)
        old_orders, all_old_orders = await self._archived("orders", since_us, codec.order)
        old_fills, all_old_fills = await self._archived("fills", since_us, codec.fill)
        orders = list({order.order_id: order for order in (*old_orders, *orders)}.values())
        fills = list({fill.trade_id: fill for fill in (*old_fills, *fills)}.values())
        all_orders, all_fills = all_orders and all_old_orders, all_fills and all_old_fills
        held, all_held = await self._list(
            _POSITIONS, {"count_filter": "position"}, "market_positions", codec.position
        )
        paid, all_paid = await self._list(_SETTLEMENTS, since, "settlements", codec.settlement)
        cash = await self._balances()
        return Account(
            orders=Orders(as_of_us=as_of, complete=known and all_orders, rows=tuple(orders)),
            fills=Fills(
                as_of_us=as_of,
                complete=known and all_fills,
                told=reach.fills,
                rows=_named(fills, orders),
            ),
            positions=Positions(
                as_of_us=as_of,
                complete=known and all_held,
                told=reach.positions,
                rows=tuple(position for position in held if position.signed_e2),
            ),
            settlements=Settlements(
                as_of_us=as_of,
                complete=known and all_paid,
                told=reach.settlements,
                rows=tuple(sorted(paid, key=lambda settlement: settlement.at_us)),
            ),
            balances=Balances(
                as_of_us=as_of,
                complete=known and cash is not None,
                rows=cash or (),
                step_e6=reach.cash_step_e6,
            ),
        )

    async def find(self, query: QueryOrder) -> Found:
        """Look one order up; nothing but a healthy, complete read says that it is absent."""
        try:
            as_of_us = await self._as_of()
            if as_of_us is None:
                return Unknown(reason="the exchange does not say which moment its lists show")
            if query.order_id is not None:
                return await self._by_id(query, query.order_id, as_of_us)
            return await self._by_client_id(query, as_of_us)
        except ExchangeError as fault:
            return Unknown(reason=str(fault))

    async def settlement(self, ticker: Ticker) -> Settlement | None:
        """Read what one market paid to the account; None when it did not, or not readably.

        Raises:
            AuthError: the exchange refuses the key.
        """
        rows, _ = await self._list(
            _SETTLEMENTS, {"ticker": ticker}, "settlements", self._codec.settlement
        )
        return next((row for row in rows if row.ticker == ticker), None)

    async def resting(self) -> tuple[list[RemoteOrder], bool]:
        """Read what rests; the second value is whether that is all of it.

        Raises:
            AuthError: the exchange refuses the key.
        """
        return await self._list(_ORDERS, {"status": "resting"}, "orders", self._codec.order)

    async def _as_of(self) -> Micros | None:
        if not self._codec.reach.as_of:
            return self._rest.now_us()
        try:
            return self._codec.as_of(
                await self._rest.get("/exchange/user_data_timestamp", urgent=True)
            )
        except AuthError:
            raise
        except ExchangeError:
            return None

    async def _by_id(self, query: QueryOrder, order_id: str, as_of_us: Micros) -> Found:
        try:
            found = await self._rest.get(
                f"{_ORDERS}/{order_id}",
                self._scope,
                template=f"{_ORDERS}/{{order_id}}",
                urgent=True,
            )
        except ExchangeError as fault:
            if fault.status == 404:
                return await self._in_archive(query, as_of_us)
            raise
        row = found.get("order")
        order = self._codec.order(row) if isinstance(row, dict) else None
        return order or Unknown(reason=f"order {order_id} can't be read")

    async def _by_client_id(self, query: QueryOrder, as_of_us: Micros) -> Found:
        if not self._codec.capabilities.client_order_ids:
            return Unknown(reason="no list tells our name of an order in this dialect")
        unreadable = False
        async for row in self._pages(_ORDERS, {"ticker": query.ticker}, "orders"):
            order = self._codec.order(row)
            if order is not None and order.client_order_id == query.client_order_id:
                return order
            unreadable = unreadable or order is None
        if unreadable:
            return Unknown(reason="an order of that market can't be read; it may be this one")
        return await self._in_archive(query, as_of_us)

    async def _in_archive(self, query: QueryOrder, as_of_us: Micros) -> Found:
        """Look where orders go that ended long ago; only then an order is absent.

        Raises:
            ExchangeError: the archive can't be read.
        """
        if await self._history.cutoff() is None:
            return Absent(as_of_us=as_of_us)
        unreadable = False
        async for row in self._history.rows("orders", {"ticker": query.ticker}, urgent=True):
            order = self._codec.order(row)
            if order is None:
                unreadable = True
            elif query.order_id in {None, order.order_id} and (
                query.order_id or order.client_order_id == query.client_order_id
            ):
                return order
        if unreadable:
            return Unknown(reason="an archived order can't be read; it may be this one")
        return Absent(as_of_us=as_of_us)

    async def _orders(self, since: Query) -> tuple[list[RemoteOrder], bool]:
        """Read what rests, and what else has changed lately; the later read of an order counts."""
        codec = self._codec
        if not codec.reach.ended_orders:
            return await self.resting()
        recent, all_recent = await self._list(_ORDERS, since, "orders", codec.order)
        if not since:
            return recent, all_recent  # that was every order
        resting, all_resting = await self.resting()
        merged = {order.order_id: order for order in (*recent, *resting)}
        return list(merged.values()), all_recent and all_resting

    async def _archived(
        self, name: str, since_us: Micros | None, read: Callable[[Json], _Row | None]
    ) -> tuple[list[_Row], bool]:
        """Read the archive's part of a list, where one is asked for; whether it is whole, too."""
        try:
            if await self._history.holds(since_us) is None:
                return [], True
        except AuthError:
            raise
        except ExchangeError as fault:
            self._codec.drift.fail("list", f"/historical/{name}", fault)
            return [], False
        query: Query = {} if since_us is None else {"min_ts": since_us // 1_000_000}
        return await self._list(f"/historical/{name}", query, name, read)

    async def _list(
        self, path: str, query: Query, key: str, read: Callable[[Json], _Row | None]
    ) -> tuple[list[_Row], bool]:
        """Read a list, if this dialect has it; the second value is whether it is whole."""
        if path in self._absent:
            return [], False
        rows: list[_Row] = []
        whole = True
        try:
            async for record in self._pages(path, query, key):
                row = read(record)
                if row is None:
                    whole = False
                else:
                    rows.append(row)
        except AuthError:
            raise
        except ExchangeError as fault:
            self._codec.drift.fail("list", path, fault)
            return rows, False
        return rows, whole

    async def _balances(self) -> tuple[tuple[int, int], ...] | None:
        try:
            return self._codec.balances(
                await self._rest.get("/portfolio/balance", self._scope, urgent=True)
            )
        except AuthError:
            raise
        except ExchangeError as fault:
            self._codec.drift.fail("list", "/portfolio/balance", fault)
            return None

    def _pages(self, path: str, query: Query, key: str) -> AsyncIterator[Json]:
        rows = self._codec.reach.page_rows
        limit: Query = {} if rows is None else {"limit": rows}
        return self._rest.pages(path, {**limit, **query, **self._scope}, key, urgent=True)


def _named(fills: list[Fill], orders: list[RemoteOrder]) -> tuple[Fill, ...]:
    """Return fills, oldest first, with their client ids, which REST tells on orders only."""
    names = {order.order_id: order.client_order_id for order in orders}
    return tuple(
        msgspec.structs.replace(fill, client_order_id=names.get(fill.order_id))
        for fill in sorted(fills, key=lambda fill: fill.at_us)
    )
