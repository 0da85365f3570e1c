"""Kalshi as the framework's Exchange.

REST answers questions and takes orders; the stream tells what happens. A market's record is
only told whole by REST, so the stream's short life-cycle messages are answered by reading it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from decimal import Decimal
from typing import Final

import anyio
import msgspec
from anyio.abc import TaskGroup

from framework.errors import AuthError, ConfigError
from framework.exchange import (
    Answer,
    Capabilities,
    Found,
    MarketQuery,
    Outcome,
    Rejected,
    Surprises,
)
from framework.fees import DIRECT_E6
from framework.model.account import Account
from framework.model.commands import AmendOrder, CancelOrder, QueryOrder
from framework.model.events import (
    AccountReported,
    AnyEvent,
    ExchangeWarned,
    OrderFilled,
)
from framework.model.market import Market
from framework.model.orders import Order
from framework.model.units import E6, Micros, Ticker
from framework.run import Mode, Run
from plugins.kalshi.account.account import AccountReader
from plugins.kalshi.account.history import History
from plugins.kalshi.account.portfolio import Portfolio
from plugins.kalshi.codec import Codec
from plugins.kalshi.markets.catalog import Catalog
from plugins.kalshi.markets.fee_changes import FeeChanges
from plugins.kalshi.markets.market_watch import MarketWatch
from plugins.kalshi.markets.status import PAUSED, StatusWatch
from plugins.kalshi.orders.burst import BurstGuard, KeptGroups
from plugins.kalshi.orders.groups import OrderGroups
from plugins.kalshi.orders.orders import Orders
from plugins.kalshi.orders.queue import Queue
from plugins.kalshi.orders.writing import Writing
from plugins.kalshi.reads import Reads
from plugins.kalshi.stream.stream import Connect, Stream
from plugins.kalshi.transport.buckets import WARN_ABOVE, Usage
from plugins.kalshi.transport.health import Reading
from plugins.kalshi.transport.limits import is_urgent
from plugins.kalshi.transport.rest import LARGE_SKEW_US, Rest, skew_in_words

BATCHES: Final = 1_024
"""How many batches may wait for the engine before the socket is read no further."""
OPEN_WITHIN_S: Final = 10.0
RELEASE_WITHIN_S: Final = 5.0
BACKFILL_US: Final[Micros] = 60_000_000
"""How far before a lost connection fills are asked for again: lists may lag."""


class KalshiExchange:
    """One account on Kalshi.

    Attributes:
        rest: The REST side, with the token budget and the measured clock skew.
        codec: The dialect, with the counters of what it did not know.
        reads: Everything that can be read, typed, for other uses than a run's.
        orders: Orders out; beyond the framework's verbs it can take a part out of one.
        groups: The account's order groups; None in a dialect without them.
        queue: Where resting orders stand; None in a dialect that does not tell.
        capabilities: What orders can do.
    """

    def __init__(  # noqa: PLR0913 - the parts of one connection, put together in one place
        self,
        run: Run,
        rest: Rest,
        connect: Connect,
        codec: Codec,
        tasks: TaskGroup,
        *,
        subaccount: int | None,
        exclude_combos: bool,
        balance_step_e6: E6 = DIRECT_E6,
        most_skew_us: Micros = LARGE_SKEW_US,
    ) -> None:
        self.rest = rest
        self.codec = codec
        self.account_id = rest.key_id if subaccount is None else f"{rest.key_id}/{subaccount}"
        self.capabilities: Capabilities = msgspec.structs.replace(
            codec.capabilities, balance_step_e6=balance_step_e6
        )
        self._most_skew_us = most_skew_us
        self._clock = run.clock
        self._send, self._receive = anyio.create_memory_object_stream[Sequence[AnyEvent]](BATCHES)
        self._deliver: Callable[[Sequence[AnyEvent]], None] | None = None
        self._failure: AuthError | None = None
        self._writes = run.mode is not Mode.PAPER
        writing = Writing(rest, run.mode)
        self.groups = OrderGroups(writing, codec.extras) if codec.extras else None
        self.queue = Queue(rest, codec.extras) if codec.extras else None
        self.orders = Orders(writing, codec)
        rest.limits.warn = self._warn
        rest.health.warn, rest.health.most_skew_us = self._unwell, most_skew_us
        self._tasks = tasks
        history = History(rest, codec, run.clock, subaccount=subaccount)
        fees = FeeChanges(rest, codec, run.clock)
        self._catalog = Catalog(rest, codec, fees, history, tasks, exclude_combos=exclude_combos)
        self._status = StatusWatch(rest, codec.drift, run.clock, self._emit)
        self._reader = AccountReader(rest, codec, history, subaccount=subaccount)
        portfolio = Portfolio(writing, codec, subaccount=subaccount)
        self.reads = Reads(rest, codec, self._catalog, history, portfolio)
        self._markets = self._market_watch()
        self._stream = Stream(
            codec,
            run.clock,
            connect=connect,
            emit=self._emit,
            watcher=self._markets,
            refused=rest.auth_error,
            heard=rest.health.heard,
        )

    def _market_watch(self) -> MarketWatch:
        return MarketWatch(
            self.rest,
            self.codec,
            self._clock,
            self._catalog,
            self._reader,
            emit=self._emit,
            stream=lambda: self._stream,
            returned=self._returned,
        )

    async def open(self) -> None:
        """Start listening; wait a moment for it, so that no fill falls between two reads.

        Raises:
            AuthError: the exchange refuses the key or the clock.
        """
        await self.rest.adopt_limits()
        self._tasks.start_soon(self._listen, self._stream.run)
        self._tasks.start_soon(self._listen, self._markets.run)
        if self.codec.reach.status:
            self._tasks.start_soon(self._listen, self._status.run)
        if not self.codec.reach.lifecycle:
            self._tasks.start_soon(self._listen, self._markets.poll)
        if self._writes:
            self._tasks.start_soon(self.rest.keep_ready)
        with anyio.move_on_after(OPEN_WITHIN_S):
            await self._stream.opened.wait()

    @property
    def surprises(self) -> Surprises:
        """What the wire said that this version does not know."""
        drift = self.codec.drift
        return Surprises(counts=dict(drift.counters), unreadable=tuple(drift.failures))

    def brake(self, burst_limit: int, kept: KeptGroups) -> None:
        """Let entries join order groups of this many contracts, whose ids are kept in a file.

        Raises:
            ConfigError: the dialect has no order groups.
        """
        if self.groups is None:
            raise ConfigError("plugins.kalshi.burst_limit: this api has no order groups")
        self.orders.guard = BurstGuard(self.groups, burst_limit, kept)

    async def release(self) -> None:
        """Give back what the exchange keeps for this run only."""
        if self.orders.guard is not None:
            with anyio.move_on_after(RELEASE_WITHIN_S):
                await self.orders.guard.close()

    def close(self) -> None:
        """End the events, after those that still wait there."""
        self._deliver = None
        self._send.close()
        self._receive.close()

    async def _listen(self, source: Callable[[], Awaitable[None]]) -> None:
        try:
            await source()
        except AuthError as fault:
            self._fail(fault)

    def _fail(self, fault: AuthError) -> None:
        """End the events with an error, after those that have come before it."""
        self._failure = fault
        self._deliver = None
        self._send.close()

    async def _emit(self, batch: Sequence[AnyEvent]) -> None:
        if self._deliver is not None:
            self._deliver(batch)
        else:
            try:
                await self._send.send(batch)
            except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                self.codec.drift.count("events after the end")
                return
        if self.rest.presigned is not None:
            self.rest.presigned.books_moved(batch[-1].at_us)

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

    def deliver_to(self, deliver: Callable[[Sequence[AnyEvent]], None] | None) -> None:
        """Call with each batch from now on, those that wait in `events` first; None ends it."""
        self._deliver = None
        if deliver is None:
            return
        try:
            while True:
                deliver(self._receive.receive_nowait())
        except anyio.WouldBlock:
            self._deliver = deliver
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            pass  # it is over, which `events` tells

    # ---------------------------------------------------------------------------- orders

    def begin(self, order: Order) -> Answer | None:
        """Send an order before this returns, if nothing has to be waited for.

        Returns:
            What waits for its outcome; None when nothing was sent, and `submit` is to do it.
        """
        answer = None if self._refusal(order) else self.orders.begin(order)
        if answer is None:
            return None

        async def outcome() -> Outcome:
            told = await answer()
            self._learn([(order, told)])
            return told

        return outcome

    async def submit(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        """Send orders, each exactly once; one outcome per order, never an exception."""
        answer = self.begin(orders[0]) if len(orders) == 1 else None
        if answer is not None:
            return [await answer()]
        refusals = [self._refusal(order) for order in orders]
        free = [order for order, why in zip(orders, refusals, strict=True) if why is None]
        told = await self.orders.submit(free) if free else ()
        self._learn(zip(free, told, strict=True))
        answers = iter(told)
        return [why or next(answers) for why in refusals]

    def _learn(self, told: Iterable[tuple[Order, Outcome]]) -> None:
        """Look again at what refusals cast a doubt on."""
        refused = [(order, one) for order, one in told if isinstance(one, Rejected)]
        if any(one.code in PAUSED for _, one in refused):
            self._status.look_now()
        if not self.codec.reach.lifecycle:
            for order, _ in refused:  # its market may have closed unheard
                self._markets.market_changed(order.ticker, "refused")

    def _refusal(self, order: Order) -> Rejected | None:
        """Return why an entry is not sent now: a pause, or a clock nobody can trust."""
        skew_us = self.rest.skew_us
        if skew_us is not None and abs(skew_us) > self._most_skew_us and not is_urgent(order):
            why = f"not sent: {skew_in_words(skew_us)}"
            return Rejected(code="clock_skew", message=why)
        return self._status.refusal(order)

    async def amend(self, amendments: Sequence[AmendOrder]) -> Sequence[Outcome]:
        """Change limits and totals of open orders; one outcome per amendment.

        Raises:
            InvariantError: the dialect can't amend, as `capabilities.amend` says.
        """
        return await self.orders.amend(amendments)

    async def cancel(self, cancels: Sequence[CancelOrder]) -> Sequence[Outcome]:
        """Cancel orders; a 404 is a refusal, and what became of the order a query must tell.

        Raises:
            ValueError: the list is empty.
        """
        return await self.orders.cancel(cancels)

    async def cancel_all(self) -> Outcome:
        """Cancel every order of the account; the sweep goes on after the answer."""
        if self.codec.cancel_all() is None:
            return await self.orders.cancel_each(*await self._reader.resting())
        return await self.orders.cancel_all()

    def usage(self) -> tuple[Usage, ...]:
        """Return how far each bucket of the account's rate limit is used."""
        return self.rest.limits.usage()

    def _warn(self, usage: Usage) -> None:
        """Tell the run that a bucket is nearly used up."""
        self._tell(f"rate limit {usage.bucket}", usage.used, WARN_ABOVE)

    def _unwell(self, reading: Reading) -> None:
        """Tell the run that the exchange is reached badly."""
        if reading.value is not None:
            self._tell(reading.what, reading.value, reading.limit)

    def _tell(self, what: str, value: Decimal, limit: Decimal) -> None:
        told = ExchangeWarned(at_us=self._clock.now_us(), what=what, value=value, limit=limit)
        if self._deliver is not None:
            self._deliver([told])
            return
        try:
            self._send.send_nowait([told])
        except (anyio.ClosedResourceError, anyio.BrokenResourceError, anyio.WouldBlock):
            self.codec.drift.count("warnings that found no room")

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

    def _returned(self, lost_us: Micros) -> None:
        if self.rest.presigned is not None:
            self.rest.presigned.flush()
        self._tasks.start_soon(self._backfill, lost_us)

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
