"""Kalshi as the framework's Exchange.

REST answers questions and takes orders; the stream tells what happens. A market's record is
only told whole by REST, so the stream's short life-cycle messages are answered by reading it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Final, TypeVar

import anyio
import httpx
from anyio.abc import TaskGroup

from framework.errors import AuthError, ExchangeError, InvariantError
from framework.exchange import (
    Accepted,
    Capabilities,
    Found,
    MarketQuery,
    Outcome,
    Rejected,
    Unknown,
)
from framework.model.account import Account
from framework.model.commands import AmendOrder, CancelOrder, QueryOrder
from framework.model.events import (
    AccountReported,
    AnyEvent,
    MarketChanged,
    MarketListed,
    MarketSettled,
    OrderFilled,
)
from framework.model.market import Market, MarketStatus, Settlement
from framework.model.orders import Order
from framework.model.units import Micros, Ticker
from framework.run import Mode, Run
from plugins.kalshi.account import AccountReader
from plugins.kalshi.catalog import Catalog
from plugins.kalshi.codec import Codec, Request
from plugins.kalshi.limits import is_urgent
from plugins.kalshi.refusals import outcome
from plugins.kalshi.rest import Lost, Rest
from plugins.kalshi.session import open_session
from plugins.kalshi.stream import Stream

BATCHES: Final = 1_024
"""How many batches may wait for the engine before the socket is read no further."""
OPEN_WITHIN_S: Final = 10.0
REREAD_PAUSES_S: Final = (1, 2, 4, 8, 16)
"""A market can be missing, or not final yet, for a moment after it was announced."""
BACKFILL_US: Final[Micros] = 60_000_000
"""How far before a lost connection fills are asked for again: lists may lag."""
POLL_EVERY_S: Final = 30.0
"""Between two reads of the followed markets where the stream does not tell of their life."""
SETTLED: Final = "settled"
_NEW: Final = frozenset({"created", "activated"})
_Item = TypeVar("_Item")


class KalshiExchange:
    """One account on Kalshi.

    Attributes:
        rest: The REST side, with the token budget and the measured clock skew.
        codec: The dialect, with the counters of what it did not know.
        capabilities: What orders can do.
    """

    def __init__(
        self,
        run: Run,
        client: httpx.AsyncClient,
        rest: Rest,
        stream_url: httpx.URL,
        codec: Codec,
        tasks: TaskGroup,
        *,
        subaccount: int | None,
        exclude_combos: bool,
    ) -> None:
        self.rest = rest
        self.codec = codec
        self.account_id = rest.key_id if subaccount is None else f"{rest.key_id}/{subaccount}"
        self.capabilities: Capabilities = codec.capabilities
        self._clock = run.clock
        self._writes = run.mode is not Mode.PAPER
        self._tasks = tasks
        self._catalog = Catalog(rest, codec, exclude_combos=exclude_combos)
        self._reader = AccountReader(rest, codec, subaccount=subaccount)
        self._send, self._receive = anyio.create_memory_object_stream[Sequence[AnyEvent]](BATCHES)
        self._failure: AuthError | None = None
        self._stale: dict[Ticker, set[str]] = {}
        """Markets being read again, and what was said about each since the read began."""
        self._stream = Stream(
            codec,
            run.clock,
            connect=lambda: open_session(client, stream_url, rest.headers("GET", stream_url)),
            emit=self._emit,
            watcher=self,
            refused=rest.auth_error,
        )

    async def open(self) -> None:
        """Start listening; wait a moment for it, so that no fill falls between two reads.

        Raises:
            AuthError: the exchange refuses the key or the clock.
        """
        await self.rest.adopt_limits()
        self._tasks.start_soon(self._listen)
        if not self.codec.reach.lifecycle:
            self._tasks.start_soon(self._poll)
        with anyio.move_on_after(OPEN_WITHIN_S):
            await self._stream.opened.wait()

    async def _poll(self) -> None:
        """Read the followed markets again and again: nothing else tells that one has closed.

        A book that the stream has not shown by then is read too.
        """
        while True:
            await self._clock.sleep(POLL_EVERY_S)
            self.markets_uncertain()
            for ticker in tuple(self._stream.subscriptions.awaiting):
                await self._fetch_book(ticker)

    async def _fetch_book(self, ticker: Ticker) -> None:
        """Read a book, unless the stream is first to show it; without a stream it would age."""
        book, awaiting = None, self._stream.subscriptions.awaiting
        try:
            path = f"/markets/{ticker}/orderbook"
            found = await self.rest.get(path, template="/markets/{ticker}/orderbook")
            book = self.codec.orderbook(ticker, found, self._clock.now_us())
        except AuthError as fault:
            self._fail(fault)
        except ExchangeError as fault:
            self.codec.drift.fail("orderbook", ticker, fault)
        if book is not None and ticker in awaiting and not self._stream.is_lost:
            del awaiting[ticker]
            await self._emit((book,))

    def close(self) -> None:
        """End the events, after those that still wait there."""
        self._send.close()
        self._receive.close()

    async def _listen(self) -> None:
        try:
            await self._stream.run()
        except AuthError as fault:
            self._fail(fault)

    def _fail(self, fault: AuthError) -> None:
        """End the events with an error, after those that have come before it."""
        self._failure = fault
        self._send.close()

    async def _emit(self, batch: Sequence[AnyEvent]) -> None:
        try:
            await self._send.send(batch)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            self.codec.drift.count("events after the end")

    # --------------------------------------------------------------------------- markets

    def markets(self, query: MarketQuery) -> AsyncIterator[Market]:
        """List markets, page by page.

        Raises:
            ExchangeError: a page could not be read; what came before is incomplete.
        """
        return self._catalog.markets(query)

    async def subscribe(self, tickers: Collection[Ticker]) -> None:
        """Follow the books, trades and statistics of these markets; repeats do nothing."""
        self._stream.subscriptions.want(tickers)
        self._stream.wake()

    async def unsubscribe(self, tickers: Collection[Ticker]) -> None:
        """Stop following these markets."""
        self._stream.subscriptions.drop(tickers)
        self._stream.wake()

    async def events(self) -> AsyncIterator[Sequence[AnyEvent]]:
        """Yield what the stream says, one batch per socket read, until closed.

        Raises:
            AuthError: the exchange refuses the credentials.
        """
        try:
            batches = self._receive.clone()
        except anyio.ClosedResourceError:
            return  # closed before anybody listened
        with batches:
            async for batch in batches:
                yield batch
        if self._failure is not None:
            raise self._failure

    # ---------------------------------------------------------------------------- orders

    async def submit(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        """Send orders, each exactly once; one outcome per order, never an exception."""

        async def one(order: Order) -> Outcome:
            request = self.codec.create(order)
            if isinstance(request, Rejected):
                return request
            read = partial(self.codec.created, order)
            outcome = await self._write(request, read, urgent=is_urgent(order))
            if isinstance(outcome, Rejected) and not self.codec.reach.lifecycle:
                self.market_changed(order.ticker, "refused")  # it may have closed unheard
            return outcome

        return await self._each(orders, one)

    async def amend(self, amendments: Sequence[AmendOrder]) -> Sequence[Outcome]:
        """Change nothing: `capabilities.amend` is False.

        Raises:
            InvariantError: somebody asked for it all the same.
        """
        raise InvariantError(
            f"{len(amendments)} amendments asked of an exchange whose capabilities.amend is False"
        )

    async def cancel(self, cancels: Sequence[CancelOrder]) -> Sequence[Outcome]:
        """Cancel orders; a 404 is a refusal, and what became of the order a query must tell.

        Raises:
            ValueError: the list is empty.
        """
        if not cancels:
            raise ValueError("nothing to cancel: an empty list must never mean everything")

        async def one(cancel: CancelOrder) -> Outcome:
            read = partial(self.codec.cancelled, cancel)
            return await self._write(self.codec.cancel(cancel), read, urgent=True)

        return await self._each(cancels, one)

    async def cancel_all(self) -> Outcome:
        """Cancel every order of the account; the sweep goes on after the answer."""
        request = self.codec.cancel_all()
        if request is None:
            return await self._cancel_each()
        return await self._write(
            request,
            lambda _: Accepted(order_id="all", filled_e2=None, remaining_e2=None),
            urgent=True,
        )

    async def _cancel_each(self) -> Outcome:
        """Cancel what rests, one by one: one order that may still rest makes the answer unknown."""
        orders, whole = await self._reader.resting()
        cancels = [
            CancelOrder(
                client_order_id=order.client_order_id or "",
                order_id=order.order_id,
                ticker=order.ticker,
                shard=order.shard,
                reason="cancel all",
            )
            for order in orders
        ]
        outcomes = await self.cancel(cancels) if cancels else ()
        doubts = [outcome for outcome in outcomes if not isinstance(outcome, Accepted)]
        if doubts or not whole:
            why = doubts[0] if doubts else "the list of resting orders can't be read whole"
            return Unknown(reason=f"{len(doubts)} of {len(cancels)} not cancelled: {why}")
        return Accepted(order_id="all", filled_e2=None, remaining_e2=None)

    async def _write(
        self, request: Request, read: Callable[[bytes], Outcome], *, urgent: bool
    ) -> Outcome:
        if not self._writes:
            return Rejected(code="paper", message="paper mode never writes to the exchange")
        reply = await self.rest.write(request, urgent=urgent)
        if reply is None:
            return Rejected(code="rate_limited", message="not sent: the write budget is used up")
        if isinstance(reply, Lost):
            return Unknown(reason=reply.reason)
        if 200 <= reply.status < 300:
            return read(reply.body)
        return outcome(reply.status, reply.body)

    async def _each(
        self, items: Sequence[_Item], one: Callable[[_Item], Awaitable[Outcome]]
    ) -> Sequence[Outcome]:
        """Do the same for several at once; one outcome each, in their order."""
        if len(items) == 1:
            return [await one(items[0])]
        outcomes: list[Outcome] = [Unknown(reason="not answered")] * len(items)

        async def at(place: int) -> None:
            outcomes[place] = await one(items[place])

        async with anyio.create_task_group() as group:
            for place in range(len(items)):
                group.start_soon(at, place)
        return outcomes

    # --------------------------------------------------------------------------- account

    async def find(self, query: QueryOrder) -> Found:
        """Look one order up, by exchange id when known, else by client id."""
        return await self._reader.find(query)

    async def account(self, since_us: Micros | None = None) -> Account:
        """Read orders, fills, positions, settlements and balances.

        Raises:
            AuthError: the exchange refuses the credentials.
        """
        return await self._reader.account(since_us)

    # -------------------------------------------------------------- what the stream asks for

    def market_changed(self, ticker: Ticker, kind: str) -> None:
        """Read a market again, unless it is none of ours: the channel tells of all."""
        if ticker in self._stale:
            self._stale[ticker].add(kind)
        elif kind in _NEW or ticker in self._catalog.known:
            self._stale[ticker] = {kind}
            self._tasks.start_soon(self._reread, ticker)

    def fees_changed(self, event_ticker: Ticker) -> None:
        """Ask for an event's fees again when they are next needed."""
        self._catalog.forget(event_ticker)

    def markets_uncertain(self) -> None:
        """Read every followed market again: a message about one may have been missed."""
        for ticker in self._stream.subscriptions.wanted:
            self.market_changed(ticker, "uncertain")

    def restored(self, lost_us: Micros) -> None:
        """Ask what happened to account and markets while the stream was away."""
        self._tasks.start_soon(self._backfill, lost_us)
        self.markets_uncertain()

    async def _reread(self, ticker: Ticker) -> None:
        """Read a market until it is there and, if its settlement was announced, final."""
        kinds, pauses = self._stale[ticker], iter(REREAD_PAUSES_S)
        is_new = ticker not in self._catalog.known
        while kinds:
            asked = set(kinds)
            kinds.clear()
            found = await self._market(ticker)
            if found is None or (SETTLED in asked and not _is_final(found[0])):
                kinds |= asked
                pause = next(pauses, None)
                if pause is None:
                    break
                await self._clock.sleep(pause)
                continue
            await self._tell(*found, is_new=is_new)
            is_new = False
        del self._stale[ticker]

    async def _market(self, ticker: Ticker) -> tuple[Market, Settlement | None] | None:
        try:
            return await self._catalog.market(ticker)
        except ExchangeError as fault:
            self.codec.drift.fail("market", ticker, fault)
            return None

    async def _tell(self, market: Market, payment: Settlement | None, *, is_new: bool) -> None:
        now_us = self._clock.now_us()
        told = MarketListed if is_new else MarketChanged
        events: list[AnyEvent] = [told(at_us=now_us, market=market)]
        if payment is not None:
            if payment.result == "scalar":
                # Only here a fee can be kept: the account's own record tells it.
                payment = await self._reader.settlement(market.ticker) or payment
            events.append(MarketSettled(at_us=now_us, settlement=payment))
        await self._emit(events)

    async def _backfill(self, lost_us: Micros) -> None:
        """Report the account after a gap: fills that were missed, and the state of orders."""
        try:
            account = await self._reader.account(max(0, lost_us - BACKFILL_US))
        except AuthError as fault:
            self._fail(fault)
            return
        now_us = self._clock.now_us()
        fills = [OrderFilled(at_us=now_us, fill=fill) for fill in account.fills.rows]
        await self._emit((*fills, AccountReported(at_us=now_us, account=account)))


def _is_final(market: Market) -> bool:
    return market.status is MarketStatus.FINALIZED
