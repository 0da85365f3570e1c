"""The unmodified adapter against the embedded exchange, over its wire and on virtual time."""

from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random  # noqa: TID251 - the type of a run's generator
from uuid import UUID

import anyio
import pytest

from framework.clock import run_virtual
from framework.exchange import Accepted, MarketQuery, Rejected, Surprises, Unknown
from framework.model.account import RemoteStatus
from framework.model.book import BookState, OrderBook
from framework.model.commands import AmendOrder, CancelOrder, QueryOrder
from framework.model.events import (
    BookChanged,
    BookInvalidated,
    BookReplaced,
    ExchangeStatusChanged,
    MarketListed,
    MarketSettled,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    StreamLost,
)
from framework.model.market import MarketStatus, moment
from framework.model.orders import Order, Purpose, TimeInForce
from framework.model.units import Side
from framework.run import Mode, RunOptions
from plugins import sandbox
from plugins.kalshi import Kalshi
from plugins.kalshi.markets.market_filter import MarketFilter
from plugins.kalshi.orders.burst import KeptGroups

pytestmark = pytest.mark.slow  # plays whole sessions

Pause = sandbox.core.rows.Pause

LENGTH_US = 180_000_000


class SandboxRun:
    """A run whose network and keys are the sandbox's."""

    run_id = "t"
    mode = Mode.SANDBOX
    folder = Path()
    options = RunOptions(seed=3, duration_us=LENGTH_US)

    def __init__(self, clock, plugin):
        self.clock, self.rng = clock, Random(1)
        self._plugin = plugin
        self.stopped = anyio.Event()
        self.streams = []

    async def connect(self, host, port):
        stream = self._plugin.open_connection(host, port)
        self.streams.append(stream)
        return stream

    def credentials(self, name):
        return self._plugin.supply_credentials(name)

    def stop(self, reason):
        self.stopped.set()

    def progress(self, done, text):
        pass


class Watch:
    """Follows every market and keeps the books, as the engine would."""

    def __init__(self, exchange):
        self._exchange = exchange
        self.heard = []
        self.books = {}

    def of(self, kind):
        return [event for event in self.heard if type(event) is kind]

    async def listen(self):
        async for batch in self._exchange.events():
            for event in batch:
                self.heard.append(event)
                if isinstance(event, MarketListed):
                    await self._exchange.subscribe([event.market.ticker])
                elif isinstance(event, BookReplaced):
                    book = self.books.setdefault(event.ticker, OrderBook())
                    book.replace(dict(event.yes), dict(event.no))
                elif isinstance(event, BookChanged):
                    book = self.books[event.ticker]
                    book.change(event.side, event.price_e4, event.change_e2)


def play(test):
    """Run `test(exchange, run, watch, plugin)` against a seeded world of three minutes."""

    async def main(clock):
        plugin = sandbox.Sandbox()
        run = SandboxRun(clock, plugin)
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(plugin.open_service(run))
            exchange = await opened.enter_async_context(Kalshi().open_exchange(run))
            watch = Watch(exchange)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(watch.listen)
                await exchange.subscribe(
                    [found.ticker async for found in exchange.markets(MarketQuery())]
                )
                await clock.sleep(20)
                result = await test(exchange, run, watch, plugin)
                tasks.cancel_scope.cancel()
        return result

    return run_virtual(main)


@pytest.fixture
def session():
    return play


def order(ticker, number=1, side=Side.YES, limit=100, **terms):
    return Order(
        client_order_id=f"t-{number}",
        ticker=ticker,
        side=side,
        limit_e4=limit,
        quantity_e2=500,
        strategy="s",
        **{"purpose": Purpose.ENTRY, **terms},
    )


def liquid(watch):
    """Return a market with both sides quoted, and its YES ask."""
    for ticker, book in watch.books.items():
        if book.state is BookState.VALID and book.bid(Side.YES) and book.ask(Side.YES):
            return ticker, book.ask(Side.YES)
    raise AssertionError("no market is quoted on both sides")


def test_every_book_equals_the_exchanges_own_at_the_end(session):
    async def main(exchange, run, watch, plugin):
        await run.stopped.wait()
        theirs = {ticker: plugin.exchange.book(ticker) for ticker in watch.books}
        return watch, theirs, dict(exchange.codec.drift.counters)

    watch, theirs, surprises = session(main)
    assert len(watch.books) > 5
    assert len(watch.of(BookChanged)) > 1_000
    for ticker, book in watch.books.items():
        assert (book.bids(Side.YES), book.bids(Side.NO)) == (
            theirs[ticker].bids(Side.YES),
            theirs[ticker].bids(Side.NO),
        )
    assert surprises == {}
    assert watch.of(BookInvalidated) == watch.of(StreamLost) == []


def test_every_market_settles_once_it_is_final(session):
    async def main(exchange, run, watch, plugin):
        await run.stopped.wait()
        query = MarketQuery(open_only=False, tickers=tuple(watch.books))
        return watch, [found async for found in exchange.markets(query)]

    watch, markets = session(main)
    paid = {e.settlement.ticker: e.settlement.yes_pays_e4 for e in watch.of(MarketSettled)}
    assert {m.status for m in markets} == {MarketStatus.FINALIZED}
    assert paid == {m.ticker: m.settlement_e4 for m in markets}
    assert all(m.series_ticker and m.mutually_exclusive is not None for m in markets)


def test_an_order_that_takes_is_filled_and_booked_everywhere_alike(session):
    async def main(exchange, run, watch, plugin):
        ticker, ask = liquid(watch)
        (outcome,) = await exchange.submit(
            [order(ticker, limit=ask, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)]
        )
        await run.clock.sleep(1)
        return outcome, watch, await exchange.account()

    outcome, watch, account = session(main)
    assert isinstance(outcome, Accepted)
    assert outcome.filled_e2 > 0
    told = sorted((e.fill for e in watch.of(OrderFilled)), key=lambda fill: fill.trade_id)
    listed = sorted(account.fills.rows, key=lambda fill: fill.trade_id)
    assert told == listed
    assert sum(fill.quantity_e2 for fill in listed) == outcome.filled_e2
    assert [p.signed_e2 for p in account.positions.rows] == [outcome.filled_e2]
    spent = sum(fill.price_e4 * fill.quantity_e2 + fill.fee_e6 for fill in listed)
    assert account.balances.total_e6 == 10_000_000_000 - spent
    assert all(
        part.complete
        for part in (account.orders, account.fills, account.positions, account.balances)
    )


def test_a_resting_order_is_found_cancelled_and_then_gone(session):
    async def main(exchange, run, watch, plugin):
        ticker, _ = liquid(watch)
        (taken,) = await exchange.submit([order(ticker, limit=100)])
        query = QueryOrder(client_order_id="t-1", order_id=None, ticker=ticker)
        found = await exchange.find(query)
        cancel = CancelOrder(
            client_order_id="t-1", order_id=taken.order_id, ticker=ticker, shard=0, reason=""
        )
        first, second = await exchange.cancel([cancel]), await exchange.cancel([cancel])
        await run.clock.sleep(1)
        return taken, found, first[0], second[0], watch, await exchange.find(query)

    taken, found, first, second, watch, left = session(main)
    assert (found.status, found.order_id) == (RemoteStatus.OPEN, taken.order_id)
    assert isinstance(first, Accepted)
    assert second == Rejected(code="not_found", message=second.message)
    assert [e.order_id for e in watch.of(OrderAccepted)] == [taken.order_id]
    assert [e.client_order_id for e in watch.of(OrderCancelled)] == ["t-1"]
    assert left.status is RemoteStatus.CANCELLED


def test_a_client_id_used_twice_is_unknown_and_found_by_a_query(session):
    async def main(exchange, run, watch, plugin):
        ticker, _ = liquid(watch)
        await exchange.submit([order(ticker)])
        (again,) = await exchange.submit([order(ticker)])
        query = QueryOrder(client_order_id="t-1", order_id=None, ticker=ticker)
        return again, await exchange.find(query)

    again, found = session(main)
    assert isinstance(again, Unknown)
    assert found.client_order_id == "t-1"


def test_an_order_off_the_grid_is_rejected(session):
    async def main(exchange, run, watch, plugin):
        ticker, _ = liquid(watch)
        return (await exchange.submit([order(ticker, limit=101)]))[0]

    assert isinstance(session(main), Rejected)


def test_a_cut_connection_comes_back_with_fills_and_whole_books(session):
    async def main(exchange, run, watch, plugin):
        ticker, ask = liquid(watch)
        for stream in run.streams:
            await stream.aclose()
        for number in range(1, 9):  # the cut took the idle connections too: each fails once
            (outcome,) = await exchange.submit([order(ticker, number, limit=ask)])
            if isinstance(outcome, Accepted):
                break
        await run.stopped.wait()
        theirs = {name: plugin.exchange.book(name) for name in watch.books}
        return watch, theirs, await exchange.account()

    watch, theirs, account = session(main)
    assert len(watch.of(StreamLost)) == 1
    assert {e.fill.trade_id for e in watch.of(OrderFilled)} == {
        fill.trade_id for fill in account.fills.rows
    }
    assert account.fills.rows
    for ticker, book in watch.books.items():
        assert book.bids(Side.YES) == theirs[ticker].bids(Side.YES)


def test_two_runs_hear_the_same(session):
    async def main(exchange, run, watch, plugin):
        await run.stopped.wait()
        return watch.heard

    assert session(main) == session(main)


def test_everything_that_can_be_read_is_read_from_the_exchange_without_a_surprise(session):
    async def every(rows):
        return [row async for row in rows]

    async def main(exchange, run, watch, plugin):
        reads, ticker = exchange.reads, liquid(watch)[0]
        await exchange.submit([order(ticker)])
        await run.clock.sleep(70)  # a candle is there once its minute is over
        market = await reads.market(ticker)
        now = moment(run.clock.now_us())
        candles = reads.candles.of_market(
            market.series_ticker, ticker, now - timedelta(hours=2), now
        )
        told = {
            "status": await reads.status(),
            "schedule": await reads.schedule(),
            "as of": await reads.user_data_as_of(),
            "costs": await reads.endpoint_costs(),
            "series": await every(reads.all_series()),
            "one series": await reads.series(market.series_ticker),
            "events": await every(reads.events(status="open", with_markets=True)),
            "event": await reads.event(market.event_ticker),
            "markets": await every(reads.markets(MarketFilter(status="open"))),
            "book": await reads.book(ticker),
            "books": await reads.books([ticker]),
            "trades": await every(reads.trades(since=now - timedelta(hours=1))),
            "candles": await every(candles),
            "cutoff": await reads.history.cutoff(),
            "balance": (await reads.portfolio.balance()).by_shard,
            "orders": await every(reads.portfolio.orders()),
            "tier": await reads.portfolio.tier(),
            "subaccounts": await every(reads.portfolio.subaccount_balances()),
            "netting": await every(reads.portfolio.netting()),
        }
        may_be_empty = [
            await every(reads.series_fee_changes(show_historical=True)),
            await every(reads.event_fee_changes()),
            await every(reads.history.fills()),
            await every(reads.history.orders()),
            await every(reads.history.positions()),
            await every(reads.history.trades(ticker)),
            await every(reads.archived_markets()),
            await every(reads.portfolio.positions()),
            await every(reads.portfolio.event_positions()),
            await every(reads.portfolio.fills()),
            await every(reads.portfolio.settlements()),
            await every(reads.portfolio.subaccount_transfers()),
            await reads.candles.of_event(market.series_ticker, market.event_ticker, now, now),
            await reads.candles.of_markets([ticker], now, now),
        ]
        transferred = await reads.portfolio.transfer(
            UUID(int=1), source=0, destination=1, amount=Decimal(1)
        )
        return told, len(may_be_empty), transferred, exchange.surprises

    told, read, transferred, surprises = session(main)
    assert [name for name, found in told.items() if not found] == []
    assert read == 14
    assert not isinstance(transferred, Unknown)
    assert surprises == Surprises()


def test_a_pause_of_the_whole_exchange_is_noticed_and_its_end_too(session):
    async def main(exchange, run, watch, plugin):
        ticker, _ = liquid(watch)
        plugin.exchange.halt(Pause.TRADING)
        (met,) = await exchange.submit([order(ticker)])
        await run.clock.sleep(5)  # other reads may wait before it
        (spared,) = await exchange.submit([order(ticker, 2)])
        plugin.exchange.halt(Pause.NOTHING)
        await run.clock.sleep(10)
        (taken,) = await exchange.submit([order(ticker, 3)])
        return met, spared, taken, watch.of(ExchangeStatusChanged)

    met, spared, taken, told = session(main)
    assert met.code == "trading_is_paused"
    assert spared.message.startswith("not sent: ")
    assert isinstance(taken, Accepted)
    assert [bool(event.pauses) for event in told] == [True, False]


# ---------------------------------------------------------- one session of changes to orders


def cancel_of(ticker, taken, number):
    return CancelOrder(
        client_order_id=f"t-{number}", order_id=taken.order_id, ticker=ticker, shard=0, reason=""
    )


async def amended(exchange, ticker, ask):
    sent = order(ticker, 1)
    (taken,) = await exchange.submit([sent])
    terms = {"client_order_id": "t-1", "order_id": taken.order_id, "order": sent}
    query = QueryOrder(client_order_id="t-1", order_id=None, ticker=ticker)
    (rests,) = await exchange.amend([AmendOrder(**terms, limit_e4=200, quantity_e2=400)])
    found = await exchange.find(query)
    (off,) = await exchange.amend([AmendOrder(**terms, limit_e4=201, quantity_e2=400)])
    (traded,) = await exchange.amend([AmendOrder(**terms, limit_e4=ask, quantity_e2=400)])
    return taken, rests, found, off, traded, await exchange.find(query)


async def decreased(exchange, ticker):
    (taken,) = await exchange.submit([order(ticker, 2)])
    one = cancel_of(ticker, taken, 2)
    before = await exchange.queue.position(taken.order_id)
    less = await exchange.orders.decrease(one, by_e2=200)
    listed = await exchange.queue.positions([ticker])
    nothing = await exchange.orders.decrease(one, to_e2=0)
    return before, less, listed, nothing, await exchange.orders.decrease(one, by_e2=100)


async def batched(exchange, ticker):
    wanted = [order(ticker, 3), order(ticker, 4, limit=101), order(ticker, 5)]
    placed = await exchange.submit(wanted)
    cancels = [cancel_of(ticker, placed[at], at + 3) for at in (0, 2)]
    return placed, await exchange.cancel(cancels), await exchange.cancel(cancels)


async def grouped(exchange):
    groups = exchange.groups
    made = await groups.create(5)
    alone = await groups.get(made.group_id)
    told = [
        await groups.limit(made.group_id, 7),
        await groups.trigger(made.group_id),
        await groups.reset(made.group_id),
    ]
    listed = await groups.list()
    deleted = [await groups.delete(made.group_id), await groups.delete(made.group_id)]
    return made, alone, told, listed, deleted, await groups.list()


async def braked(exchange, ticker, ask, folder):
    exchange.brake(1, KeptGroups(folder / "order-groups.json"))
    (rests,) = await exchange.submit([order(ticker, 6)])
    (takes,) = await exchange.submit([order(ticker, 7, limit=ask)])
    (late,) = await exchange.submit([order(ticker, 8)])
    way_out = order(ticker, 9, Side.NO, 9_900 - ask, purpose=Purpose.EXIT)
    (leaves,) = await exchange.submit([way_out])
    return rests, takes, late, leaves


@pytest.fixture(scope="module")
def changes(tmp_path_factory):
    """What one session answered to every change of an order, and what its stream said."""

    async def main(exchange, run, watch, plugin):
        ticker, ask = liquid(watch)
        done = {
            "amended": await amended(exchange, ticker, ask),
            "decreased": await decreased(exchange, ticker),
            "batched": await batched(exchange, ticker),
            "grouped": await grouped(exchange),
            "braked": await braked(exchange, ticker, ask, tmp_path_factory.mktemp("brake")),
        }
        await run.clock.sleep(1)
        return done | {"watch": watch, "surprises": dict(exchange.codec.drift.counters)}

    return play(main)


def test_an_amended_order_keeps_its_ids_and_takes_its_new_terms(changes):
    taken, rests, found, off, traded, end = changes["amended"]
    fills = [event.fill for event in changes["watch"].of(OrderFilled)]
    bought = sum(fill.quantity_e2 for fill in fills if fill.client_order_id == "t-1")

    assert (rests.order_id, rests.remaining_e2) == (taken.order_id, 400)
    assert (found.limit_e4, found.quantity_e2, found.order_id) == (200, 400, taken.order_id)
    assert off.code == "invalid_price"
    assert bought == 400 - traded.remaining_e2 > 0
    assert end.filled_e2 == bought


def test_a_decreased_order_keeps_its_place_in_the_queue(changes):
    before, less, listed, nothing, gone = changes["decreased"]

    assert less.remaining_e2 == 300
    assert (before.order_id, before.ahead_e2) in [(one.order_id, one.ahead_e2) for one in listed]
    assert nothing.remaining_e2 == 0
    assert isinstance(gone, Rejected)


def test_a_batch_is_taken_in_part_and_cancelled_as_one(changes):
    placed, first, again = changes["batched"]
    ended = {event.client_order_id for event in changes["watch"].of(OrderCancelled)}

    assert [type(outcome) for outcome in placed] == [Accepted, Rejected, Accepted]
    assert [outcome.cancelled_e2 for outcome in first] == [500, 500]
    assert [outcome.code for outcome in again] == ["not_found"] * 2
    assert {"t-3", "t-5"} <= ended


def test_an_order_group_lives_through_its_verbs(changes):
    made, alone, told, listed, (deleted, again), left = changes["grouped"]

    assert (made.limit_e2, alone.limit_e2, alone.order_ids) == (500, 500, ())
    assert [one.group_id for one in (*told, *listed, deleted)] == [made.group_id] * 5
    assert listed[0].limit_e2 == 700
    assert isinstance(again, Rejected)
    assert left == ()


def test_a_burst_of_entries_is_stopped_by_the_exchange_itself(changes):
    rests, takes, late, leaves = changes["braked"]
    ended = {event.order_id for event in changes["watch"].of(OrderCancelled)}

    assert takes.filled_e2 > 100
    assert rests.order_id in ended
    assert isinstance(late, Rejected)
    assert isinstance(leaves, Accepted)


def test_nothing_the_exchange_says_of_changed_orders_is_a_surprise(changes):
    assert changes["surprises"] == {}


class BreakOffError(Exception):
    """A run that ends without a word."""


def test_orders_of_a_run_that_broke_off_go_on_under_the_brake_of_the_next(tmp_path):
    async def entered(run, number):
        async with Kalshi(burst_limit=1).open_exchange(run) as exchange:
            ticker, *_ = [found.ticker async for found in exchange.markets(MarketQuery())]
            (taken,) = await exchange.submit([order(ticker, number)])
            (group,) = await exchange.groups.list()
            if number == 1:
                raise BreakOffError
            return taken.order_id, (await exchange.groups.get(group.group_id)).order_ids

    async def main(clock):
        plugin = sandbox.Sandbox()
        run = SandboxRun(clock, plugin)
        run.folder = tmp_path
        async with plugin.open_service(run):
            await clock.sleep(20)
            with pytest.raises(BreakOffError):
                await entered(run, 1)
            (left,) = plugin.exchange.orders
            second, members = await entered(run, 2)
            return {left, second}, set(members), dict(plugin.exchange.groups.all)

    entries, members, groups = run_virtual(main)

    assert members == entries
    assert groups == {}
    assert list(tmp_path.iterdir()) == []
