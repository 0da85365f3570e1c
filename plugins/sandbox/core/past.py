"""The account as it was a while ago: what the reads of an exchange show whose reads lag."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from framework.model.units import E6, Micros, Side
from plugins.sandbox.core.exchange import SandboxExchange
from plugins.sandbox.core.rows import (
    FillNotice,
    FillRow,
    LifecycleNotice,
    Notice,
    OrderNotice,
    OrderRow,
    PositionRow,
    SettlementRow,
)

_PRIVATE: Final = (OrderNotice, FillNotice, LifecycleNotice)
"""What may come with a change of the account; the rest is the market's."""


class AccountView(Protocol):
    """What the reads of an account show."""

    @property
    def now_us(self) -> Micros:
        """The moment that is shown."""

    @property
    def orders(self) -> Mapping[str, OrderRow]:
        """Every order by id, the oldest first."""

    @property
    def fills(self) -> Sequence[FillRow]:
        """Every execution, the oldest first."""

    @property
    def settlements(self) -> Sequence[SettlementRow]:
        """Every payment, the oldest first."""

    @property
    def settled_positions(self) -> Sequence[PositionRow]:
        """What became of positions in markets that were paid."""

    def positions(self) -> Sequence[PositionRow]:
        """Return every market traded and not settled."""

    def cash_by_shard(self, subaccount: int = 0) -> Mapping[int, E6]:
        """Return a subaccount's cash on every shard."""

    def portfolio_value_e6(self, subaccount: int = 0, shard: int | None = None) -> E6:
        """Return what a subaccount's positions would bring."""


class _Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What an account had become at a moment; lists that only grow are told by their length."""

    at_us: Micros
    orders: tuple[OrderRow, ...]
    fills: int
    settlements: int
    settled: int
    positions: tuple[PositionRow, ...]
    cash: Mapping[int, Mapping[int, E6]]


class Past:
    """The account of an exchange, as it was `lag_us` ago."""

    def __init__(self, exchange: SandboxExchange, lag_us: Micros) -> None:
        """Start with what the account is now."""
        self._exchange = exchange
        self._lag_us = lag_us
        self._orders: dict[str, OrderRow] = {}
        self._shown = self._moment(())
        self._waiting: deque[_Moment] = deque()

    def note(self, notices: Iterable[Notice]) -> None:
        """Take notice of what happened; it is shown once the lag is over."""
        private = [notice for notice in notices if isinstance(notice, _PRIVATE)]
        if private:
            self.mark(one.order for one in private if isinstance(one, OrderNotice))

    def mark(self, orders: Iterable[OrderRow] = ()) -> None:
        """Take notice of what the account is now, and of the orders that changed."""
        self._waiting.append(self._moment(tuple(orders)))

    @property
    def now_us(self) -> Micros:
        """The moment that is shown."""
        return self._exchange.now_us - self._lag_us

    @property
    def orders(self) -> Mapping[str, OrderRow]:
        """Every order known then, the oldest first."""
        self._catch_up()
        return self._orders

    @property
    def fills(self) -> Sequence[FillRow]:
        """Every execution known then."""
        return self._exchange.fills[: self._catch_up().fills]

    @property
    def settlements(self) -> Sequence[SettlementRow]:
        """Every payment known then."""
        return self._exchange.settlements[: self._catch_up().settlements]

    @property
    def settled_positions(self) -> Sequence[PositionRow]:
        """What had become then of positions in markets that were paid."""
        return self._exchange.settled_positions[: self._catch_up().settled]

    def positions(self) -> Sequence[PositionRow]:
        """Return every market traded and not settled then."""
        return self._catch_up().positions

    def cash_by_shard(self, subaccount: int = 0) -> Mapping[int, E6]:
        """Return a subaccount's cash then."""
        return self._catch_up().cash.get(subaccount, {})

    def portfolio_value_e6(self, subaccount: int = 0, shard: int | None = None) -> E6:
        """Return what the positions of then would bring at the best bids of now."""
        total = 0
        for row in self.positions():
            if row.subaccount == subaccount and shard in (None, row.shard):
                side = Side.YES if row.signed_e2 > 0 else Side.NO
                bid_e4 = self._exchange.book(row.ticker).bid(side) or 0
                total += abs(row.signed_e2) * bid_e4
        return total

    def _moment(self, orders: tuple[OrderRow, ...]) -> _Moment:
        exchange = self._exchange
        owners = exchange.treasury.subaccounts
        return _Moment(
            at_us=exchange.now_us,
            orders=orders,
            fills=len(exchange.fills),
            settlements=len(exchange.settlements),
            settled=len(exchange.settled_positions),
            positions=tuple(exchange.positions()),
            cash={owner: dict(exchange.cash_by_shard(owner)) for owner in owners},
        )

    def _catch_up(self) -> _Moment:
        while self._waiting and self._waiting[0].at_us <= self.now_us:
            self._shown = self._waiting.popleft()
            for row in self._shown.orders:
                self._orders[row.order_id] = row
        return self._shown
