"""Cases about what goes wrong with requests: nothing is doubled, nothing is guessed."""

from typing import Final

from framework.errors import AuthError, ExchangeError
from framework.exchange import Absent, Accepted, MarketQuery, Rejected, Unknown
from framework.model.account import RemoteOrder, RemoteStatus
from framework.testing.conformance.bench import Bench, Cases, expect
from framework.testing.conformance.counterpart import Ask, Fault
from framework.testing.conformance.orders import cancel_of, query_of

case = Cases()
_LONG_S: Final = 60.0
"""Longer than any reply may take."""


async def _lost(bench: Bench, fault: Fault, *, done: bool) -> None:
    """Send an order that meets a fault; it is unknown, and there is at most one of it."""
    order = bench.order()
    bench.counterpart.fail(Ask.CREATE, fault)
    started_us = bench.clock.now_us()
    outcome = await bench.send(order)

    expect(isinstance(outcome, Unknown), f"unknown, not {outcome}")
    expect(bench.clock.now_us() - started_us < _LONG_S * 1_000_000, "an outcome in time")
    await bench.settle_down(5)
    expect(bench.copies(order) == int(done), f"{int(done)} order at the exchange")
    if bench.exchange.capabilities.client_order_ids:
        found = await bench.exchange.find(query_of(order))
        expect(
            isinstance(found, RemoteOrder if done else Absent), f"what became of it, not {found}"
        )


@case("E01")
async def cut_before(bench: Bench) -> None:
    """An order whose connection breaks before it arrives is unknown, then absent."""
    await _lost(bench, Fault.CUT_BEFORE, done=False)


@case("E02")
async def cut_after(bench: Bench) -> None:
    """An order whose connection breaks after it is done is unknown, then found."""
    await _lost(bench, Fault.CUT_AFTER, done=True)


@case("E03")
async def silent_before(bench: Bench) -> None:
    """An order that is lost in silence is unknown, then absent."""
    await _lost(bench, Fault.SILENT_BEFORE, done=False)


@case("E04")
async def silent_after(bench: Bench) -> None:
    """An order that is done in silence is unknown, then found."""
    await _lost(bench, Fault.SILENT_AFTER, done=True)


@case("E05")
async def broken_before(bench: Bench) -> None:
    """An order at which the server fails before it is done is unknown, then absent."""
    await _lost(bench, Fault.BROKEN_BEFORE, done=False)


@case("E06")
async def broken_after(bench: Bench) -> None:
    """An order at which the server fails after it is done is unknown, then found."""
    await _lost(bench, Fault.BROKEN_AFTER, done=True)


@case("E07")
async def away(bench: Bench) -> None:
    """An order to a service that is away is unknown, then absent."""
    await _lost(bench, Fault.AWAY, done=False)


@case("E08")
async def gateway(bench: Bench) -> None:
    """An order at which a gateway gives up is unknown, then found."""
    await _lost(bench, Fault.GATEWAY_AFTER, done=True)


@case("E09")
async def garbled(bench: Bench) -> None:
    """An order whose reply can't be read is unknown, then found."""
    await _lost(bench, Fault.GARBLED_AFTER, done=True)


@case("E10")
async def busy(bench: Bench) -> None:
    """An order that is one too many is refused, and not sent again behind our back."""
    order = bench.order()
    bench.counterpart.fail(Ask.CREATE, Fault.BUSY)
    outcome = await bench.send(order)
    await bench.settle_down(10)

    expect(isinstance(outcome, Rejected), f"a refusal, not {outcome}")
    expect(bench.copies(order) == 0, "no order at the exchange")


@case("E11")
async def error_in_success(bench: Bench) -> None:
    """A success whose body is an error is no acceptance."""
    order = bench.order()
    bench.counterpart.fail(Ask.CREATE, Fault.ERROR_IN_SUCCESS)
    outcome = await bench.send(order)

    expect(not isinstance(outcome, Accepted), "not accepted")
    expect(bench.copies(order) == 0, "no order at the exchange")


@case("E12")
async def written_once(bench: Bench) -> None:
    """An order is written once, whatever happens to it."""
    faults = [Fault.CUT_BEFORE, Fault.BROKEN_BEFORE, Fault.AWAY, Fault.GATEWAY_AFTER]
    bench.counterpart.fail(Ask.CREATE, *faults)
    for _ in faults:
        await bench.send(bench.order())
    await bench.settle_down(10)

    written = [ask for _, ask in bench.counterpart.requests if ask is Ask.CREATE]
    expect(len(written) == len(faults), "one request an order")


@case("E13")
async def goes_on(bench: Bench) -> None:
    """After a lost order the next one is as good as any."""
    bench.counterpart.fail(Ask.CREATE, Fault.CUT_AFTER)
    await bench.send(bench.order())
    order = bench.order()

    expect(isinstance(await bench.send(order), Accepted), "the next order taken")


@case("E14")
async def loses_one(bench: Bench) -> None:
    """One lost order among several does not touch the others."""
    bench.counterpart.fail(Ask.CREATE, Fault.BROKEN_BEFORE)
    orders = [bench.order(), bench.order()]
    await bench.exchange.submit(orders)
    later = bench.order()

    expect(isinstance(await bench.send(later), Accepted), "a later order taken")
    expect(all(bench.copies(order) <= 1 for order in orders), "none doubled")


@case("E15")
async def contradicts_itself(bench: Bench) -> None:
    """An answer that holds an order's id and a refusal at once is no refusal."""
    orders = [bench.order(), bench.order()]
    bench.counterpart.fail(Ask.CREATE, *[Fault.CONTRADICTED_AFTER] * len(orders))
    outcomes = await bench.exchange.submit(orders)

    expect(not any(isinstance(outcome, Rejected) for outcome in outcomes), f"none: {outcomes}")
    expect(all(bench.copies(order) == 1 for order in orders), "each at the exchange, once")


# ------------------------------------------------------------------------------------ cancels


async def _cancel_lost(bench: Bench, fault: Fault, status: RemoteStatus) -> None:
    order = bench.order()
    accepted = await bench.accepted(order)
    bench.counterpart.fail(Ask.CANCEL, fault)
    [outcome] = await bench.exchange.cancel([cancel_of(order, accepted)])
    await bench.settle_down(2)
    row = bench.remote(order)
    found = await bench.exchange.find(query_of(order, accepted.order_id))

    expect(isinstance(outcome, Unknown), f"unknown, not {outcome}")
    expect(row is not None and row.status is status, f"{status} at the exchange")
    expect(isinstance(found, RemoteOrder) and found.status is status, f"{status} when asked")


@case("E20")
async def cancel_cut_after(bench: Bench) -> None:
    """A cancel whose reply is lost is unknown, and a query tells that it was done."""
    await _cancel_lost(bench, Fault.CUT_AFTER, RemoteStatus.CANCELLED)


@case("E21")
async def cancel_broken_before(bench: Bench) -> None:
    """A failed cancel is unknown, and a query tells that it was not done."""
    await _cancel_lost(bench, Fault.BROKEN_BEFORE, RemoteStatus.OPEN)


@case("E22")
async def cancel_silent(bench: Bench) -> None:
    """A cancel that is lost in silence is unknown in time."""
    await _cancel_lost(bench, Fault.SILENT_BEFORE, RemoteStatus.OPEN)


@case("E23")
async def cancel_busy(bench: Bench) -> None:
    """A cancel that is one too many is no success."""
    order = bench.order()
    accepted = await bench.accepted(order)
    bench.counterpart.fail(Ask.CANCEL, Fault.BUSY)
    [outcome] = await bench.exchange.cancel([cancel_of(order, accepted)])

    expect(not isinstance(outcome, Accepted), "no success")
    [again] = await bench.exchange.cancel([cancel_of(order, accepted)])
    expect(isinstance(again, Accepted), "a success when it is sent again")


# -------------------------------------------------------------------------------------- reads


@case("E30")
async def reads_again(bench: Bench) -> None:
    """A read that fails twice is made a third time."""
    bench.counterpart.fail(Ask.READ, Fault.BROKEN_BEFORE, Fault.AWAY)

    tickers = [market.ticker async for market in bench.exchange.markets(MarketQuery())]
    expect(bench.plain in tickers, "the list")


@case("E31")
async def reads_later(bench: Bench) -> None:
    """A read that is one too many is made later."""
    bench.counterpart.fail(Ask.READ, Fault.BUSY, Fault.BUSY)

    tickers = [market.ticker async for market in bench.exchange.markets(MarketQuery())]
    expect(bench.plain in tickers, "the list")


@case("E32")
async def reads_after_a_cut(bench: Bench) -> None:
    """A read whose connection breaks is made again."""
    bench.counterpart.fail(Ask.READ, Fault.CUT_BEFORE)

    tickers = [market.ticker async for market in bench.exchange.markets(MarketQuery())]
    expect(bench.plain in tickers, "the list")


@case("E33")
async def fails_to_list(bench: Bench) -> None:
    """A list that can't be read is an error, not an empty list."""
    bench.counterpart.fail(Ask.READ, *[Fault.BROKEN_BEFORE] * 50)
    failed = False
    try:
        _ = [market async for market in bench.exchange.markets(MarketQuery())]
    except ExchangeError:
        failed = True

    expect(failed, "an error")


@case("E34")
async def fails_to_read_the_account(bench: Bench) -> None:
    """An account that can't be read is told as incomplete."""
    bench.counterpart.fail(Ask.READ, *[Fault.BROKEN_BEFORE] * 200)
    account = await bench.exchange.account()

    expect(not account.orders.complete, "orders incomplete")
    expect(not account.balances.complete, "balances incomplete")


@case("E35")
async def fails_to_find(bench: Bench) -> None:
    """A query that can't be answered says so, and proves nothing."""
    order = bench.order()
    bench.counterpart.fail(Ask.READ, *[Fault.BROKEN_BEFORE] * 50)

    expect(isinstance(await bench.exchange.find(query_of(order, "x")), Unknown), "unknown")


@case("E36")
async def circle(bench: Bench) -> None:
    """A list whose pages go in a circle is an error."""
    bench.counterpart.page(1, circle=True)
    failed = False
    try:
        _ = [market async for market in bench.exchange.markets(MarketQuery())]
    except ExchangeError:
        failed = True

    expect(failed, "an error")


@case("E37")
async def reads_after_garbage(bench: Bench) -> None:
    """A read whose body is no data is made again."""
    bench.counterpart.fail(Ask.READ, Fault.GARBLED_AFTER)

    tickers = [market.ticker async for market in bench.exchange.markets(MarketQuery())]
    expect(bench.plain in tickers, "the list")


# --------------------------------------------------------------------------------------- keys


@case("E40")
async def refuses_the_key(bench: Bench) -> None:
    """A key that is refused is an error that says so."""
    bench.counterpart.refuse_key()
    named = ""
    try:
        await bench.exchange.account()
    except AuthError as fault:
        named = str(fault)

    expect(named, "an error of the key")


@case("E41")
async def refuses_the_key_of_the_stream(bench: Bench) -> None:
    """A refusal of the key by the stream ends the events with an error."""
    await bench.follow(bench.plain)
    bench.counterpart.refuse_key(of_stream=True)
    bench.counterpart.drop_streams()

    await bench.until(lambda: isinstance(bench.watch.ended, AuthError), "an error of the key")


@case("E42")
async def names_the_clock(bench: Bench) -> None:
    """A clock that is off is named when the key is refused."""
    bench.counterpart.shift_clock(300)
    named = ""
    try:
        await bench.exchange.account()
    except AuthError as fault:
        named = str(fault)

    expect("clock" in named, f"the clock in {named!r}")


@case("E43")
async def refuses_an_order_of_the_key(bench: Bench) -> None:
    """An order with a refused key is refused, not unknown."""
    bench.counterpart.refuse_key()
    outcome = await bench.send(bench.order())

    expect(isinstance(outcome, Rejected), f"a refusal, not {outcome}")
