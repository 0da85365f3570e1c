from decimal import Decimal

import anyio
import pytest

from framework.exchange import Accepted, MarketQuery, Rejected
from framework.model.commands import QueryOrder
from framework.model.events import ClockTicked, ExchangeWarned
from framework.model.orders import Order, Purpose
from framework.model.units import Side

ORDERS = "/portfolio/events/orders"
TAKEN = (201, {"order_id": "o-1", "fill_count": "0.00", "remaining_count": "10.00", "ts_ms": 5})
GRID = [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]


def order(number=1, purpose=Purpose.ENTRY):
    return Order(
        client_order_id=f"c-{number}",
        ticker="A",
        side=Side.YES,
        limit_e4=5_600,
        quantity_e2=1_000,
        purpose=purpose,
        strategy="s",
    )


def tick(at_us):
    return ClockTicked(at_us=at_us)


def submit(*orders):
    async def main(exchange, run):
        outcomes = await exchange.submit(orders)
        at_s = (run.clock.now_us() - 1_768_478_400_000_000) / 1_000_000
        await run.clock.sleep(120)
        return outcomes, at_s

    return main


def test_a_nearly_used_rate_limit_is_told_as_an_event(trade, server, listen):
    async def main(exchange, run):
        async with listen(exchange) as heard:
            exchange.rest.limits.shard(2).take(85)
            await run.clock.sleep(0.01)
            return [event for batch in heard for event in batch if type(event) is ExchangeWarned]

    (told,) = trade(main)
    assert (told.what, told.value, told.limit) == (
        "rate limit write/2",
        Decimal("0.85"),
        Decimal("0.8"),
    )


# ----------------------------------------------------------------------------- life cycle


def test_opening_waits_ten_seconds_at_most_for_the_stream(trade, server):
    server.answers_commands = False

    async def main(exchange, run):
        return server.elapsed_s()

    assert trade(main) == 10


def test_events_end_when_the_exchange_is_closed(trade, server):
    async def main(exchange, run):
        ended = anyio.Event()

        async def listen():
            async for _ in exchange.events():
                pass
            ended.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            await run.clock.sleep(1)
            exchange.close()
            await ended.wait()

    trade(main)


def test_batches_that_wait_are_handed_over_before_those_that_come(trade, server):
    async def main(exchange, run):
        taken = []
        await exchange._emit([tick(1)])
        await exchange._emit([tick(2)])
        exchange.deliver_to(taken.append)
        waited = len(taken)
        await exchange._emit([tick(3)])
        exchange.deliver_to(None)
        await exchange._emit([tick(4)])
        return taken[waited - 2 :], await anext(exchange.events())

    assert trade(main) == ([[tick(1)], [tick(2)], [tick(3)]], [tick(4)])


def test_nothing_is_handed_over_once_the_events_have_ended(trade, server):
    async def main(exchange, run):
        taken = []
        exchange.deliver_to(taken.append)
        exchange.close()
        taken.clear()
        await exchange._emit([tick(5)])
        exchange.deliver_to(taken.append)
        await exchange._emit([tick(6)])
        return taken, exchange.surprises.counts["events after the end"]

    assert trade(main) == ([], 2)


def test_a_nearly_used_rate_limit_is_handed_over_too(trade, server):
    async def main(exchange, run):
        taken = []
        exchange.deliver_to(taken.extend)
        exchange.rest.limits.shard(2).take(85)
        return [event for event in taken if type(event) is ExchangeWarned]

    (told,) = trade(main)
    assert told.what == "rate limit write/2"


# ------------------------------------------------------------------- pauses and changed fees


RUNS = {"exchange_active": True, "trading_active": True}
PAUSES = {"exchange_active": True, "trading_active": False}


def test_no_entry_is_sent_while_the_exchange_pauses_and_the_engine_is_told(trade, server, listen):
    server.always("GET", "/exchange/status", PAUSES)
    server.always("POST", ORDERS, TAKEN)

    async def main(exchange, run):
        async with listen(exchange) as heard:
            await run.clock.sleep(1)
            entry, leaving = await exchange.submit([order(1), order(2, Purpose.EXIT)])
        return entry, leaving, [event for batch in heard for event in batch]

    entry, leaving, events = trade(main)
    refused = Rejected(code="trading_is_paused", message="not sent: trading pauses")
    assert (entry, type(leaving)) == (refused, Accepted)
    (told,) = events
    assert [pause.reason for pause in told.pauses] == ["trading pauses"]


@pytest.mark.parametrize("code", ["trading_is_paused", "exchange_is_paused"])
def test_an_order_that_met_a_pause_has_the_status_read_at_once(trade, server, listen, code):
    server.then("GET", "/exchange/status", RUNS)
    server.always("GET", "/exchange/status", PAUSES)
    server.always("POST", ORDERS, (409, {"error": {"code": code, "message": "m"}}))

    async def main(exchange, run):
        async with listen(exchange) as heard:
            await run.clock.sleep(1)
            outcomes = await exchange.submit([order()])
            await run.clock.sleep(1)
        return outcomes, len(heard)

    assert trade(main) == ([Rejected(code=code, message="m")], 1)


def test_what_was_not_understood_is_there_for_the_run_to_show(trade, server):
    server.always("GET", "/markets", {"markets": [{"ticker": "A", "mood": 1}], "cursor": ""})

    async def main(exchange, run):
        [found async for found in exchange.markets(MarketQuery())]
        return exchange.surprises

    surprises = trade(main)
    assert surprises.counts["market: unknown field mood"] == 1
    assert surprises.unreadable == ("market A: Object missing required field `event_ticker`",)


def test_a_price_off_the_grid_is_refused_in_the_exchanges_own_word(trade, server):
    body = {"error": {"code": "invalid_price", "message": "not on the grid"}}
    server.always("POST", ORDERS, (400, body))

    outcomes, _ = trade(submit(order()))

    assert outcomes == [Rejected(code="invalid_price", message="not on the grid")]


def test_no_entry_is_sent_while_the_clock_is_off_and_an_exit_is(trade, server):
    server.always("POST", ORDERS, TAKEN)
    server.skew_s = 9

    async def main(exchange, run):
        entry, leaving = await exchange.submit([order(1), order(2, Purpose.EXIT)])
        server.skew_s = 0
        await exchange.find(QueryOrder(client_order_id="c-1", order_id=None, ticker="A"))
        (again,) = await exchange.submit([order(3)])
        return entry, leaving, again

    entry, leaving, again = trade(main)
    assert entry.code == "clock_skew"
    assert "9 s behind the exchange's: set it" in entry.message
    assert isinstance(leaving, Accepted)
    assert isinstance(again, Accepted)


def test_answers_that_come_late_are_told_as_an_event(trade, server, listen):
    async def main(exchange, run):
        async with listen(exchange) as heard:
            for step in range(40):
                exchange.rest.health.acknowledged(run.clock.now_us() + step * 1_000_000, 200_000)
            await run.clock.sleep(1)
        return [event for batch in heard for event in batch]

    [told] = [event for event in trade(main) if isinstance(event, ExchangeWarned)]
    assert (told.what, told.value, told.limit) == (
        "acknowledgement, s",
        Decimal("0.2"),
        Decimal("0.1"),
    )
