"""What an exchange adapter must offer.

An adapter translates one exchange's wire into events and outcomes, and knows nothing of
strategies, risk or the ledger. It never retries a write and never guesses: an answer it cannot
read is `Unknown`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from framework.model.account import Account, RemoteOrder
from framework.model.commands import AmendOrder, CancelOrder, QueryOrder
from framework.model.events import AnyEvent
from framework.model.market import Market
from framework.model.orders import Order
from framework.model.units import E2, E6, Micros, Ticker


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What this exchange, in this dialect, can do."""

    amend: bool = False
    immediate_or_cancel: bool = False
    reduce_only: bool = False
    post_only: bool = False
    client_order_ids: bool = False
    """Without them an unknown order can't be looked up, and halts its market."""
    fills_by_rest: bool = False
    fractional_quantities: bool = False
    balance_step_e6: E6 = 100
    """What the account's cash is rounded to at each fill, and the fees with it."""


class Surprises(msgspec.Struct, frozen=True, kw_only=True):
    """What an exchange said that its adapter does not know; it announces a change of the wire."""

    counts: dict[str, int] = {}
    """How often each was met, by name, such as `market: unknown field legs`."""
    unreadable: tuple[str, ...] = ()
    """The last records that could not be read, each by its name and with what is wrong."""


class MarketQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which markets to list; None does not restrict."""

    open_only: bool = True
    tickers: tuple[Ticker, ...] | None = None
    series: Ticker | None = None
    event: Ticker | None = None


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The exchange took it."""

    order_id: str
    filled_e2: E2 | None
    """What it has traded so far; None when the reply does not say."""
    remaining_e2: E2 | None
    """What still rests; zero with a partial fill means the rest was cancelled."""
    cancelled_e2: E2 | None = None
    """What a cancel took out of the book, if told: all else of the order has traded."""
    at_us: Micros | None = None


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """The exchange provably refused it; nothing changed there."""

    code: str
    message: str


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody can say whether it was done."""

    reason: str


Outcome: TypeAlias = Accepted | Rejected | Unknown
Answer: TypeAlias = Callable[[], Awaitable[Outcome]]
"""Waits for what became of an order that is on its way; called once."""


class Absent(msgspec.Struct, frozen=True, kw_only=True):
    """A healthy, complete read of the state at `as_of_us` does not know the order."""

    as_of_us: Micros


Found: TypeAlias = RemoteOrder | Absent | Unknown


class Exchange(Protocol):
    """One connection to one account of one exchange."""

    @property
    def account_id(self) -> str:
        """Whose orders these are: one name per account and subaccount, no secret."""

    @property
    def capabilities(self) -> Capabilities:
        """What a run may use."""

    @property
    def surprises(self) -> Surprises:
        """What was not understood so far, for people to see: never a reason to stop."""

    def markets(self, query: MarketQuery) -> AsyncIterator[Market]:
        """List markets, page by page.

        Raises:
            ExchangeError: a page could not be read; what came before is incomplete.
        """

    async def subscribe(self, tickers: Collection[Ticker]) -> None:
        """Follow the books, trades and statistics of these markets; repeats do nothing."""

    async def unsubscribe(self, tickers: Collection[Ticker]) -> None:
        """Stop following these markets."""

    def events(self) -> AsyncIterator[Sequence[AnyEvent]]:
        """Yield what the streams say, one batch per socket read, until closed.

        Connection losses are events; the adapter reconnects by itself.

        Raises:
            AuthError: the exchange refuses the credentials.
        """

    async def submit(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        """Send orders, each exactly once; one outcome per order, never an exception."""

    async def amend(self, amendments: Sequence[AmendOrder]) -> Sequence[Outcome]:
        """Change open orders; one outcome per amendment.

        Client id and expiry stay, and the place in the queue too where only the total shrinks.
        """

    async def cancel(self, cancels: Sequence[CancelOrder]) -> Sequence[Outcome]:
        """Cancel orders; `Accepted.filled_e2` is what they traded in their life if told.

        Raises:
            ValueError: the list is empty; on some exchanges that would mean everything.
        """

    async def cancel_all(self) -> Outcome:
        """Cancel every order of the account."""

    async def find(self, query: QueryOrder) -> Found:
        """Look one order up, by exchange id when known, else by client id."""

    async def account(self, since_us: Micros | None = None) -> Account:
        """Read orders, fills, positions, settlements and balances.

        Args:
            since_us: Fills and settlements before this moment may be left out.

        Raises:
            AuthError: the exchange refuses the credentials.
        """


@runtime_checkable
class Prompt(Protocol):
    """What an exchange may offer besides: to hear and to send without a task switch."""

    def deliver_to(self, deliver: Callable[[Sequence[AnyEvent]], None] | None) -> None:
        """Call with each batch from now on, those that wait in `events` first; None ends it.

        Meanwhile `events` yields nothing, and ends or raises as ever.
        """

    def begin(self, order: Order) -> Answer | None:
        """Send an order before this returns, if nothing has to be waited for.

        Returns:
            What waits for its outcome; None when nothing was sent, and `submit` is to do it.
        """
