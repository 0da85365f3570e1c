"""The account in full detail, for people and programs that want more than the engine needs.

The engine's own view, with how far each list can be trusted, is `plugins.kalshi.account.account`.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from framework.errors import ExchangeError
from framework.exchange import Outcome, Unknown
from framework.model.account import RemoteOrder
from framework.model.market import Settlement, moment
from framework.model.orders import Fill
from framework.model.units import Ticker, money_of, to_e6
from plugins.kalshi.codec import Codec, Query, Request, bodies
from plugins.kalshi.codec.refusals import not_done
from plugins.kalshi.orders.writing import Writing
from plugins.kalshi.transport.limits import AccountLimits
from plugins.kalshi.transport.pages import PAGE, Spoken, bodies_of, given, needed

_CENT_E6: Final = 10_000
_SUBACCOUNTS: Final = "/portfolio/subaccounts"
_Row = TypeVar("_Row", bound=bodies.Body)


def _cents(amount: int) -> Decimal:
    return money_of(amount * _CENT_E6)


class ShardBalance(bodies.Body, frozen=True, kw_only=True):
    """One shard's cash."""

    exchange_index: int
    balance: Decimal

    def __post_init__(self) -> None:
        bodies.exact(self, bodies.money, "balance")


class Balance(bodies.Body, frozen=True, kw_only=True, rename={"cents": "balance"}):
    """`GET /portfolio/balance`: an order can only use the cash of its market's shard."""

    cents: int
    """Truncated; `cash` is exact."""
    balance_dollars: Decimal | None = None
    portfolio_value: int | None = None
    updated_ts: int | None = None
    balance_breakdown: tuple[ShardBalance, ...] | None = None

    def __post_init__(self) -> None:
        bodies.exact(self, bodies.money, "balance_dollars")

    @property
    def cash(self) -> Decimal:
        """Cash over all shards, in dollars."""
        return _cents(self.cents) if self.balance_dollars is None else self.balance_dollars

    @property
    def by_shard(self) -> dict[int, Decimal]:
        """Cash by shard; all on shard 0 where shards are not told."""
        if not self.balance_breakdown:
            return {0: self.cash}
        return {part.exchange_index: part.balance for part in self.balance_breakdown}

    @property
    def positions_value(self) -> Decimal | None:
        """What the exchange thinks the positions are worth, in dollars."""
        return None if self.portfolio_value is None else _cents(self.portfolio_value)

    @property
    def updated(self) -> datetime | None:
        """When it last changed."""
        return None if self.updated_ts is None else moment(self.updated_ts * 1_000_000)


class MarketPosition(bodies.Body, frozen=True, kw_only=True, rename={"contracts": "position_fp"}):
    """What is held in a market: YES positive, NO negative."""

    also = frozenset({"resting_orders_count"})

    ticker: Ticker
    contracts: Decimal
    market_exposure_dollars: Decimal | None = None
    total_traded_dollars: Decimal | None = None
    realized_pnl_dollars: Decimal | None = None
    fees_paid_dollars: Decimal | None = None
    last_updated_ts: datetime | None = None
    exchange_index: int = 0

    def __post_init__(self) -> None:
        bodies.exact(self, bodies.contracts, "contracts")
        bodies.exact(
            self,
            bodies.money,
            "market_exposure_dollars",
            "total_traded_dollars",
            "realized_pnl_dollars",
            "fees_paid_dollars",
        )


class EventPosition(bodies.Body, frozen=True, kw_only=True):
    """What is held in all markets of an event."""

    event_ticker: Ticker
    total_cost_dollars: Decimal
    total_cost_shares_fp: Decimal | None = None
    event_exposure_dollars: Decimal | None = None
    realized_pnl_dollars: Decimal | None = None
    fees_paid_dollars: Decimal | None = None

    def __post_init__(self) -> None:
        bodies.exact(self, bodies.contracts, "total_cost_shares_fp")
        bodies.exact(
            self,
            bodies.money,
            "total_cost_dollars",
            "event_exposure_dollars",
            "realized_pnl_dollars",
            "fees_paid_dollars",
        )


class SubaccountBalance(bodies.Body, frozen=True, kw_only=True):
    """One subaccount's cash, on one shard where shards are told."""

    subaccount_number: int
    balance: Decimal
    updated_ts: int | None = None
    exchange_index: int = 0

    def __post_init__(self) -> None:
        bodies.exact(self, bodies.money, "balance")


class SubaccountTransfer(bodies.Body, frozen=True, kw_only=True):
    """Cash that moved from one subaccount to another."""

    transfer_id: str
    from_subaccount: int
    to_subaccount: int
    amount_cents: int
    created_ts: int
    exchange_index: int = 0

    @property
    def amount(self) -> Decimal:
        """In dollars."""
        return _cents(self.amount_cents)


class Netting(bodies.Body, frozen=True, kw_only=True):
    """Whether collateral of related markets is returned early to a subaccount."""

    subaccount_number: int
    enabled: bool
    exchange_index: int = 0


class Tier(AccountLimits, frozen=True, kw_only=True):
    """`GET /account/limits`: the account's tier with its two token buckets."""

    usage_tier: str = ""
    grants: tuple[Mapping[str, Any], ...] = ()


class Portfolio:
    """Reads the account, or one subaccount of it."""

    def __init__(self, writing: Writing, codec: Codec, *, subaccount: int | None = None) -> None:
        self._writing = writing
        self._rest = Spoken(writing.rest, codec.reach)
        self._codec = codec
        self._scope: Query = {} if subaccount is None else {"subaccount": subaccount}

    async def balance(self) -> Balance:
        """Return cash, by shard and in all.

        Raises:
            AuthError: the exchange refuses the key.
            ExchangeError: it gave no readable answer.
        """
        path = "/portfolio/balance"
        found = await self._rest.get(path, self._scope)
        return needed(bodies.read(found, Balance, path, self._codec.drift), path)

    def positions(
        self,
        *,
        ticker: Ticker | None = None,
        event: Ticker | None = None,
        held_only: bool = True,
        settlement_status: str | None = None,
    ) -> AsyncIterator[MarketPosition]:
        """Yield positions by market; `settlement_status` is unsettled, settled or all."""
        return self._positions(
            "market_positions",
            MarketPosition,
            given(
                ticker=ticker,
                event_ticker=event,
                count_filter="position" if held_only else None,
                settlement_status=settlement_status,
            ),
        )

    def event_positions(self, *, event: Ticker | None = None) -> AsyncIterator[EventPosition]:
        """Yield positions by event."""
        return self._positions("event_positions", EventPosition, given(event_ticker=event))

    async def orders(
        self,
        *,
        ticker: Ticker | None = None,
        status: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[RemoteOrder]:
        """Yield orders, newest first; `status` is resting, canceled or executed."""
        query = given(ticker=ticker, status=status, min_ts=since, max_ts=until)
        async for row in self._rest.pages("/portfolio/orders", self._page(query), "orders"):
            if (order := self._codec.order(row)) is not None:
                yield order

    async def fills(
        self,
        *,
        ticker: Ticker | None = None,
        order_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[Fill]:
        """Yield executions, newest first."""
        query = given(ticker=ticker, order_id=order_id, min_ts=since, max_ts=until)
        async for row in self._rest.pages("/portfolio/fills", self._page(query), "fills"):
            if (fill := self._codec.fill(row)) is not None:
                yield fill

    async def settlements(
        self,
        *,
        ticker: Ticker | None = None,
        event: Ticker | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[Settlement]:
        """Yield payments of finalized markets, newest first."""
        query = given(ticker=ticker, event_ticker=event, min_ts=since, max_ts=until)
        path = "/portfolio/settlements"
        async for row in self._rest.pages(path, self._page(query), "settlements"):
            if (paid := self._codec.settlement(row)) is not None:
                yield paid

    async def tier(self) -> Tier:
        """Return the account's tier and token buckets."""
        path = "/account/limits"
        found = await self._rest.get(path)
        try:
            return msgspec.convert(found, Tier)
        except msgspec.ValidationError as fault:
            raise ExchangeError(f"GET {path}: {fault}") from None

    # ------------------------------------------------------------------------- subaccounts

    def subaccount_balances(self) -> AsyncIterator[SubaccountBalance]:
        """Yield the cash of every subaccount."""
        return self._subaccounts("/balances", "subaccount_balances", SubaccountBalance, {})

    def subaccount_transfers(self) -> AsyncIterator[SubaccountTransfer]:
        """Yield transfers between subaccounts, newest first."""
        return self._subaccounts("/transfers", "transfers", SubaccountTransfer, given(limit=PAGE))

    def netting(self) -> AsyncIterator[Netting]:
        """Yield which subaccounts have netting on."""
        return self._subaccounts("/netting", "netting_configs", Netting, {})

    async def open_subaccount(self) -> int | Outcome:
        """Open the next subaccount; return its number, or why there is none, or none for sure.

        Raises:
            ConfigError: the dialect knows no subaccounts.
        """
        self._rest.check(_SUBACCOUNTS)
        return await self._writing.done(opening(), _number, urgent=False)

    async def transfer(
        self, transfer_id: UUID, *, source: int, destination: int, amount: Decimal
    ) -> Outcome | None:
        """Move cash between subaccounts, once per id; None means that it was done.

        Args:
            transfer_id: Chosen by the caller and kept: a repeat is refused with a 409, which is
                how one finds out what became of a transfer whose outcome is unknown.
            source: The subaccount that pays.
            destination: The one that gets it.
            amount: In dollars, whole cents.

        Raises:
            ValueError: the amount is no positive number of cents.
            ConfigError: the dialect knows no subaccounts.
        """
        self._rest.check(f"{_SUBACCOUNTS}/transfer")
        request = transferring(transfer_id, source=source, destination=destination, amount=amount)
        doubt = partial(not_done, what="transfer")
        return await self._writing.done(request, doubt, urgent=False)

    # ------------------------------------------------------------------------------ paging

    def _page(self, query: Query) -> Query:
        limit: Query = {"limit": PAGE} if self._codec.reach.page_rows else {}
        return {**limit, **query, **self._scope}

    def _positions(self, key: str, into: type[_Row], query: Query) -> AsyncIterator[_Row]:
        path = "/portfolio/positions"
        return bodies_of(self._rest, self._codec.drift, path, self._page(query), key, into)

    def _subaccounts(
        self, path: str, key: str, into: type[_Row], query: Query
    ) -> AsyncIterator[_Row]:
        return bodies_of(self._rest, self._codec.drift, f"{_SUBACCOUNTS}{path}", query, key, into)


def opening() -> Request:
    """Write the request that opens the next subaccount."""
    return _post(_SUBACCOUNTS, b"{}")


def transferring(transfer_id: UUID, *, source: int, destination: int, amount: Decimal) -> Request:
    """Write the request that moves cash between subaccounts.

    Raises:
        ValueError: the amount is no positive number of cents.
    """
    amount_e6 = to_e6(amount)
    if amount_e6 <= 0 or amount_e6 % _CENT_E6:
        raise ValueError(f"amount must be a positive number of cents (was {amount})")
    body = {
        "client_transfer_id": str(transfer_id),
        "from_subaccount": source,
        "to_subaccount": destination,
        "amount_cents": amount_e6 // _CENT_E6,
    }
    return _post(f"{_SUBACCOUNTS}/transfer", msgspec.json.encode(body))


def _post(path: str, body: bytes) -> Request:
    return Request(method="POST", path=path, template=path, body=body)


def _number(body: bytes) -> int | Unknown:
    try:
        return msgspec.json.decode(body, type=dict[str, int])["subaccount_number"]
    except (msgspec.DecodeError, KeyError):
        return Unknown(reason="the reply holds no subaccount_number")
