"""An exchange that does what a test tells it, for whole runs without a wire.

    exchange = ScriptedExchange(market())
    exchange.answer("submit", Unknown(reason="time-out"))

    async def script(run):
        exchange.quote("0.92", "0.93")
        await run.clock.sleep(60)

    ScriptedVenue(exchange=exchange, script=script)

It keeps one account, whose orders rest until `fill`, `settle` or a cancel changes them: it matches
nothing by itself. It notes what it is asked, outlives the runs that open it, and so can be met
again after a restart.
"""

from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

import anyio
import msgspec
from pydantic import Field

from framework.exchange import (
    Absent,
    Accepted,
    Capabilities,
    Found,
    MarketQuery,
    Outcome,
    Rejected,
    Surprises,
)
from framework.model.account import (
    Account,
    RemoteOrder,
)
from framework.model.commands import AmendOrder, CancelOrder, QueryOrder
from framework.model.events import AnyEvent, BookReplaced, MarketSettled, OrderFilled
from framework.model.market import Market, MarketStatus
from framework.model.orders import Fill, Order, TimeInForce
from framework.model.units import (
    Micros,
    Side,
    Ticker,
    complement,
    to_e2,
    to_e4,
    to_e6,
)
from framework.plugin import Plugin, hookimpl
from framework.run import Clock, Run
from framework.testing.builders import TICKER, Number
from framework.testing.playbook import EVERYTHING
from framework.testing.remote import RemoteAccount

Verb: TypeAlias = Literal["submit", "amend", "cancel", "find"]
"""What can be answered as a test says."""
Call: TypeAlias = Literal["markets", "subscribe", "unsubscribe", "account"] | Verb
"""What can be made to fail."""
Answer: TypeAlias = Found | Outcome
Script: TypeAlias = Callable[[Run], Awaitable[None]]


class Late(msgspec.Struct, frozen=True):
    """An answer that comes after so many seconds; the deed is done at once."""

    seconds: float
    answer: "Answer | Callable[[Order], Outcome]"


class ScriptedExchange:
    """One account on an exchange that follows a test.

    Attributes:
        submitted: Every order it was sent, in order.
        amendments: Every amendment it was sent.
        cancels: Every cancel it was sent.
        queries: Every order it was asked about.
        reads: How far back each read of the account looked.
        calls: How often each method was called.
        followed: The markets subscribed to now.
        surprises: What it claims not to have understood of some exchange.
        held: The account: orders, fills, payments, cash; change it behind the stream's back.
    """

    def __init__(
        self,
        *markets: Market,
        cash: Number = 1_000,
        account_id: str = "scripted",
        capabilities: Capabilities = EVERYTHING,
    ) -> None:
        """List these markets, and give the account cash."""
        self.account_id = account_id
        self.capabilities = capabilities
        self.surprises = Surprises()
        self.submitted: list[Order] = []
        self.amendments: list[AmendOrder] = []
        self.cancels: list[CancelOrder] = []
        self.queries: list[QueryOrder] = []
        self.reads: list[Micros | None] = []
        self.calls: Counter[str] = Counter()
        self.followed: set[Ticker] = set()
        self.held = RemoteAccount(to_e6(cash))
        self._listed = {market.ticker: market for market in markets}
        self._answers: dict[Verb, deque[Late]] = {}
        self._faults: dict[str, deque[tuple[Exception, int]]] = {}
        self._said: deque[Sequence[AnyEvent] | Exception | None] = deque()
        self._says_more = anyio.Event()
        self.reopen()

    def reopen(self, clock: Clock | None = None) -> None:
        """Begin a run: a new stream, nothing followed; the account stays as it is."""
        if clock is not None:
            self.held.now_us = clock.now_us
        self.followed.clear()
        self._said.clear()
        self._says_more = anyio.Event()

    @property
    def now_us(self) -> Micros:
        """The run's time, or the builders' before the first run."""
        return self.held.now_us()

    # ------------------------------------------------------------------------ what is scripted

    def answer(
        self, verb: Verb, *answers: Answer | Callable[[Order], Outcome] | Late, times: int = 1
    ) -> None:
        """Answer the next calls so, one after the other; after them it answers by its books.

        Args:
            verb: Which calls.
            answers: An outcome, a function of the order that returns one, or either `Late`.
                An order that is answered `Accepted` rests; of others nothing is kept.
            times: How often the list is gone through.
        """
        waiting = self._answers.setdefault(verb, deque())
        for _ in range(times):
            waiting += (one if isinstance(one, Late) else Late(0, one) for one in answers)

    def fail(self, call: Call, error: Exception, *, times: int = 1, after: int = 0) -> None:
        """Let the next calls raise; a list of markets breaks off `after` that many of them."""
        self._faults.setdefault(call, deque()).extend([(error, after)] * times)

    def list_market(self, market: Market) -> None:
        """List a market, or another state of it."""
        self._listed[market.ticker] = market

    def push(self, *events: AnyEvent) -> None:
        """Say this on the stream, as one batch."""
        self._say(events)

    def quote(
        self, yes_bid: Number, yes_ask: Number, *, size: Number = 500, ticker: Ticker = TICKER
    ) -> None:
        """Send a book of one level on each side."""
        self.push(
            BookReplaced(
                at_us=self.now_us,
                ticker=ticker,
                yes=((to_e4(yes_bid), to_e2(size)),),
                no=((complement(to_e4(yes_ask)), to_e2(size)),),
                exchange_us=self.now_us,
            )
        )

    def end_stream(self, error: Exception | None = None) -> None:
        """Close the stream, or break it with an error."""
        self._say(error)

    def _say(self, said: Sequence[AnyEvent] | Exception | None) -> None:
        self._said.append(said)
        self._says_more.set()

    # ------------------------------------------------------------------- what happens there

    def rest(self, order: Order) -> Accepted:
        """Take an order into the book; an answer that tells so."""
        return self.held.rest(order)

    def take(self, order: Order) -> Accepted:
        """Take an order and fill it whole at its limit; an answer that tells so."""
        accepted = self.held.rest(order)
        self.fill(order)
        return msgspec.structs.replace(accepted, filled_e2=order.quantity_e2, remaining_e2=0)

    def fill(
        self,
        order: Order,
        *,
        quantity: Number | None = None,
        price: Number | None = None,
        fee: Number = 0,
        told: bool = True,
    ) -> Fill:
        """Fill an order that was taken, by default whole and at its limit.

        Args:
            order: As it was submitted.
            quantity: How many contracts.
            price: At what price of the order's side.
            fee: What is charged for it, in dollars.
            told: Whether the stream says so; a fill it lost stands in the account alone.

        Raises:
            LookupError: the order was never taken.
        """
        done = self.held.fill(order, quantity=quantity, price=price, fee=fee)
        if told:
            self.push(OrderFilled(at_us=self.now_us, fill=done))
        return done

    def settle(self, result: Side, *, ticker: Ticker = TICKER, told: bool = True) -> None:
        """Finalize a market, and pay for what is held there."""
        settlement = self.held.settle(ticker, result)
        final = {"status": MarketStatus.FINALIZED, "result": result.value}
        self.list_market(msgspec.structs.replace(self._listed[ticker], **final))
        if told:
            self.push(MarketSettled(at_us=self.now_us, settlement=settlement))

    # ------------------------------------------------------------------- what an adapter offers

    async def _called(self, call: str) -> int | None:
        """Count a call and fail it if the test says so; or return where its list breaks off."""
        self.calls[call] += 1
        await anyio.lowlevel.checkpoint()
        waiting = self._faults.get(call)
        if not waiting:
            return None
        if waiting[0][1] == 0:
            raise waiting.popleft()[0]
        return waiting[0][1]

    async def _answered(self, verb: Verb, order: Order | None) -> Answer | None:
        """Return what the test wants answered, or None to go by the books."""
        waiting = self._answers.get(verb)
        if not waiting:
            return None
        late = waiting.popleft()
        answer = late.answer
        if callable(answer):
            if order is None:
                raise TypeError(f"{verb} has no order to answer with a function of it")
            answer = answer(order)
        elif order is not None and isinstance(answer, Accepted):
            self.held.keep(order, answer)
        if late.seconds:
            await anyio.sleep(late.seconds)
        return answer

    async def markets(self, query: MarketQuery) -> AsyncIterator[Market]:
        """List the markets that fit."""
        breaks_off = await self._called("markets")
        fitting = [market for market in self._listed.values() if _fits(market, query)]
        for market in fitting[:breaks_off]:
            yield market
        if breaks_off is not None:
            raise self._faults["markets"].popleft()[0]

    async def subscribe(self, tickers: Collection[Ticker]) -> None:
        """Follow markets; only the test says anything about them."""
        await self._called("subscribe")
        self.followed.update(tickers)

    async def unsubscribe(self, tickers: Collection[Ticker]) -> None:
        """Stop following markets."""
        await self._called("unsubscribe")
        self.followed.difference_update(tickers)

    async def events(self) -> AsyncIterator[Sequence[AnyEvent]]:
        """Yield what the test says, batch by batch."""
        while True:
            while self._said:
                said = self._said.popleft()
                if said is None:
                    return
                if isinstance(said, Exception):
                    raise said
                yield said
            self._says_more = anyio.Event()
            await self._says_more.wait()

    async def submit(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        """Take orders: one that waits rests, one that does not ends unfilled."""
        self.submitted += orders
        await self._called("submit")
        return [self._outcome(await self._answered("submit", o), o) for o in orders]

    def _outcome(self, answer: Answer | None, order: Order) -> Outcome:
        if answer is not None:
            return _outcome_of(answer)
        waits = order.time_in_force is TimeInForce.GOOD_TILL_CANCELLED
        return self.held.rest(order) if waits else self.held.drop(order)

    async def amend(self, amendments: Sequence[AmendOrder]) -> Sequence[Outcome]:
        """Change orders that rest."""
        self.amendments += amendments
        await self._called("amend")
        outcomes = []
        for one in amendments:
            answer = await self._answered("amend", None)
            terms = one.order_id, one.limit_e4, one.quantity_e2
            outcomes.append(self.held.amend(*terms) if answer is None else _outcome_of(answer))
        return outcomes

    async def cancel(self, cancels: Sequence[CancelOrder]) -> Sequence[Outcome]:
        """Cancel orders that rest."""
        self.cancels += cancels
        await self._called("cancel")
        outcomes = []
        for cancel in cancels:
            answer = await self._answered("cancel", None)
            done = self.held.cancel(cancel.order_id) if answer is None else _outcome_of(answer)
            outcomes.append(done)
        return outcomes

    async def cancel_all(self) -> Outcome:
        """Cancel every order that rests."""
        await self._called("cancel_all")
        for order_id in list(self.held.orders):
            self.held.cancel(order_id)
        return Accepted(order_id="", filled_e2=None, remaining_e2=0)

    async def find(self, query: QueryOrder) -> Found:
        """Look an order up."""
        self.queries.append(query)
        await self._called("find")
        answer = await self._answered("find", None)
        if answer is not None:
            return _found_of(answer)
        row = self.held.find(query.client_order_id, query.order_id)
        return Absent(as_of_us=self.now_us) if row is None else row

    async def account(self, since_us: Micros | None = None) -> Account:
        """Read the account as it is now."""
        self.reads.append(since_us)
        await self._called("account")
        return self.held.report(since_us)


def _fits(market: Market, query: MarketQuery) -> bool:
    return (
        (not query.open_only or market.status is MarketStatus.ACTIVE)
        and (query.tickers is None or market.ticker in query.tickers)
        and query.series in (None, market.series_ticker)
        and query.event in (None, market.event_ticker)
    )


def _outcome_of(answer: Answer) -> Outcome:
    if isinstance(answer, Absent | RemoteOrder):
        raise TypeError(f"{type(answer).__name__} answers a query, not an order")
    return answer


def _found_of(answer: Answer) -> Found:
    if isinstance(answer, Accepted | Rejected):
        raise TypeError(f"{type(answer).__name__} answers an order, not a query")
    return answer


class ScriptedVenue(Plugin):
    """Opens a scripted exchange, and lets its script happen for as long as it takes."""

    exchange: ScriptedExchange = Field(
        default_factory=ScriptedExchange, description="The exchange, as a test made it."
    )
    script: Script | None = Field(
        default=None, description="What happens there; the run stops when it is over."
    )

    @hookimpl
    @asynccontextmanager
    async def open_exchange(self, run: Run) -> AsyncIterator[ScriptedExchange]:
        """Open the exchange and begin the script."""
        self.exchange.reopen(run.clock)
        async with anyio.create_task_group() as tasks:
            if self.script is not None:
                tasks.start_soon(self._play, self.script, run)
            yield self.exchange
            tasks.cancel_scope.cancel()

    async def _play(self, script: Script, run: Run) -> None:
        await script(run)
        run.stop("the script is over")
