"""The adapter against an exchange that does wrong on purpose: no wrong book, no order twice."""

from contextlib import AsyncExitStack
from pathlib import Path
from random import Random  # noqa: TID251 - the type of a run's generator

import anyio
import pytest

from framework.clock import run_virtual
from framework.exchange import Absent, Accepted, MarketQuery, Rejected, Unknown
from framework.model.book import BookState, OrderBook
from framework.model.commands import QueryOrder
from framework.model.events import BookChanged, BookInvalidated, BookReplaced, MarketListed
from framework.model.orders import Order, Purpose
from framework.model.units import Side
from framework.run import Mode, RunOptions
from plugins import sandbox
from plugins.kalshi import Kalshi

pytestmark = pytest.mark.slow  # plays sessions


class FaultyRun:
    """A run whose network and keys are the sandbox's."""

    run_id = "t"
    mode = Mode.SANDBOX
    folder = Path()
    options = RunOptions(seed=3, duration_us=60_000_000)

    def __init__(self, clock, plugin):
        self.clock, self.rng = clock, Random(1)
        self._plugin = plugin
        self.stopped = anyio.Event()

    async def connect(self, host, port):
        return self._plugin.open_connection(host, port)

    def credentials(self, name):
        return self._plugin.supply_credentials(name)

    def stop(self, reason):
        self.stopped.set()

    def progress(self, done, text):
        pass


class Books:
    """The books as the engine would keep them, with those marked invalid."""

    def __init__(self, exchange):
        self._exchange = exchange
        self.kept = {}
        self.invalid = set()
        self.invalidations = 0
        self.changes = 0

    async def listen(self):
        async for batch in self._exchange.events():
            for event in batch:
                await self.take(event)

    async def take(self, event):
        if isinstance(event, MarketListed):
            await self._exchange.subscribe([event.market.ticker])
        elif isinstance(event, BookInvalidated):
            self.invalid.add(event.ticker)
            self.invalidations += 1
        elif isinstance(event, BookReplaced):
            self.invalid.discard(event.ticker)
            book = self.kept.setdefault(event.ticker, OrderBook())
            book.replace(dict(event.yes), dict(event.no))
        elif isinstance(event, BookChanged) and event.ticker not in self.invalid:
            self.changes += 1
            self.kept[event.ticker].change(event.side, event.price_e4, event.change_e2)


def playing(visit, **settings):
    """Run `visit(exchange, run, books, plugin)` against a minute of a small world."""

    async def main(clock):
        plugin = sandbox.Sandbox.model_validate(
            {"markets": sandbox.FEWEST, "rate_limits": False, **settings}
        )
        run = FaultyRun(clock, plugin)
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(plugin.open_service(run))
            exchange = await opened.enter_async_context(Kalshi().open_exchange(run))
            books = Books(exchange)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(books.listen)
                found = [market.ticker async for market in exchange.markets(MarketQuery())]
                await exchange.subscribe(found)
                await clock.sleep(15)
                result = await visit(exchange, run, books, plugin)
                tasks.cancel_scope.cancel()
        return result

    return run_virtual(main)


# ---------------------------------------------------------------------------------- stream


async def at_the_end(exchange, run, books, plugin):
    await run.stopped.wait()
    await run.clock.sleep(1)
    wrong = [
        ticker
        for ticker, book in books.kept.items()
        if ticker not in books.invalid
        and book.state is BookState.VALID
        and (book.bids(Side.YES), book.bids(Side.NO))
        != (
            plugin.exchange.book(ticker).bids(Side.YES),
            plugin.exchange.book(ticker).bids(Side.NO),
        )
    ]
    return wrong, books


@pytest.mark.parametrize(
    "fault",
    ["gaps", "duplicates", "swaps", "channel_errors", "overflows"],
)
def test_a_book_is_right_or_marked_invalid_whatever_the_stream_does(fault):
    wrong, books = playing(at_the_end, faults={fault: "0.01"})

    assert books.changes > 20
    assert books.invalidations > 0 or fault == "duplicates"
    assert wrong == []


def test_a_late_stream_ends_with_the_right_books():
    wrong, books = playing(at_the_end, faults={"stream_delay": "200ms"})

    assert (wrong, books.invalidations) == ([], 0)


# ---------------------------------------------------------------------------------- orders


def order(ticker, number=1):
    return Order(
        client_order_id=f"t-{number}",
        ticker=ticker,
        side=Side.YES,
        limit_e4=100,
        quantity_e2=500,
        purpose=Purpose.ENTRY,
        strategy="s",
    )


def submitting(**settings):
    """Send one order; return its outcome, what the exchange holds, and what a query finds."""

    async def visit(exchange, run, books, plugin):
        ticker = next(iter(books.kept))
        (outcome,) = await exchange.submit([order(ticker)])
        await run.clock.sleep(1)
        held = [row.client_order_id for row in plugin.exchange.orders.values()]
        query = QueryOrder(client_order_id="t-1", order_id=None, ticker=ticker)
        return outcome, held, await exchange.find(query)

    return playing(visit, **settings)


@pytest.mark.parametrize(
    ("fault", "kinds", "held"),
    [
        ("throttled", Rejected, 0),
        ("failed_before", Unknown, 0),
        ("failed_after", Unknown, 1),
        ("errors_in_200", Unknown, 1),
        ("missing_fields", (Accepted, Unknown), 1),
        ("renamed_fields", (Accepted, Unknown), 1),
    ],
)
def test_an_order_is_there_once_or_not_at_all(fault, kinds, held):
    outcome, orders, found = submitting(faults={fault: {"create": 1}})

    assert isinstance(outcome, kinds), outcome
    assert orders == ["t-1"] * held
    assert isinstance(found, Absent) is not bool(held)


def test_an_order_is_not_taken_for_lost_while_reads_lag():
    outcome, orders, _ = submitting(faults={"read_lag": "5s"})

    assert isinstance(outcome, Accepted)
    assert orders == ["t-1"]


def test_a_paused_exchange_refuses_and_takes_orders_again():
    async def visit(exchange, run, books, plugin):
        ticker = next(iter(books.kept))
        outcomes = []
        for number in range(12):
            (outcome,) = await exchange.submit([order(ticker, number)])
            outcomes.append(type(outcome))
            await run.clock.sleep(3)
        return outcomes

    pauses = {"pause_every": "5s", "pause_for": "5s"}
    outcomes = playing(visit, faults=pauses)

    assert set(outcomes) == {Accepted, Rejected}


def test_an_order_on_a_shard_without_cash_is_refused():
    outcome, orders, _ = submitting(cash="0.00", shard_cash={"2": "100.00"})

    assert isinstance(outcome, Rejected)
    assert orders == []
