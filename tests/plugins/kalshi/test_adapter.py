from decimal import Decimal

import anyio
import pytest

from framework.exchange import Accepted, MarketQuery, Rejected
from framework.model.events import ExchangeWarned, MarketChanged, MarketListed, MarketSettled
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


def market(ticker="M", **fields):
    row = {"ticker": ticker, "event_ticker": "E", "status": "active", "price_ranges": GRID}
    return {"market": {**row, **fields}}


FINAL = market(
    status="finalized",
    result="yes",
    settlement_value_dollars="1.0000",
    settlement_ts="2026-01-15T12:00:00Z",
)


@pytest.fixture
def announce(trade, listen, server):
    """Announce life-cycle events of market M and return the events that follow within 40 s."""

    def announce(*kinds, known=False):
        async def main(exchange, run):
            if known:
                await exchange._catalog.market("M")
                server.requests.clear()
            async with listen(exchange) as heard:
                for seq, kind in enumerate(kinds, 1):
                    frame = {"type": "market_lifecycle_v2", "seq": seq}
                    frame["sid"] = server.sid("market_lifecycle_v2")
                    msg = {"market_ticker": "M", "event_type": kind}
                    await server.socket.say({**frame, "msg": msg})
                await run.clock.sleep(20)
                await server.socket.ping()
                await run.clock.sleep(20)
                return [event for batch in heard for event in batch]

        return trade(main)

    return announce


@pytest.mark.parametrize("kind", ["created", "activated"])
def test_a_new_market_is_listed(announce, server, kind):
    server.always("GET", "/markets/M", market())

    (event,) = announce(kind)

    assert type(event) is MarketListed
    assert event.market.ticker == "M"


def test_a_market_that_is_not_there_yet_is_asked_for_again(announce, server):
    server.then("GET", "/markets/M", (404, b""), (404, b""), market())

    (event,) = announce("created")

    assert type(event) is MarketListed
    assert [round(seen.at_s) for seen in server.asked("GET", "/markets/M")] == [0, 1, 3]


def test_a_market_that_never_appears_is_given_up(announce, server):
    assert announce("created") == []
    assert len(server.asked("GET", "/markets/M")) == 6


@pytest.mark.parametrize(
    "kind",
    [
        "activated",
        "deactivated",
        "close_date_updated",
        "determined",
        "price_level_structure_updated",
        "something_new",
    ],
)
def test_a_known_market_is_read_again_whatever_happened_to_it(announce, server, kind):
    server.then("GET", "/markets/M", market(), market(status="inactive"))

    (event,) = announce(kind, known=True)

    assert type(event) is MarketChanged
    assert event.market.status == "inactive"


@pytest.mark.parametrize("kind", ["deactivated", "determined", "settled"])
def test_a_market_nobody_listed_is_left_alone(announce, server, kind):
    assert announce(kind) == []
    assert server.asked("GET", "/markets/M") == []


def test_a_settled_market_pays_once_it_is_final(announce, server):
    server.then("GET", "/markets/M", market(), market(status="determined", result="yes"), FINAL)

    changed, settled = announce("settled", known=True)

    assert (type(changed), type(settled)) == (MarketChanged, MarketSettled)
    assert (settled.settlement.ticker, settled.settlement.yes_pays_e4) == ("M", 10_000)
    assert settled.settlement.fee_e6 == 0


def test_a_determined_market_does_not_pay(announce, server):
    server.always("GET", "/markets/M", market(status="determined", result="yes"))

    (event,) = announce("determined", known=True)

    assert type(event) is MarketChanged


def test_a_scalar_payment_takes_its_fee_from_the_account(announce, server):
    final = market(
        status="finalized",
        result="scalar",
        settlement_value_dollars="0.3750",
        settlement_ts="2026-01-15T12:00:00Z",
    )
    server.always("GET", "/markets/M", final)
    paid = {
        "ticker": "M",
        "market_result": "scalar",
        "value": 37,
        "settled_time": "2026-01-15T12:00:00Z",
        "fee_cost": "0.0050",
    }
    server.always("GET", "/portfolio/settlements", {"settlements": [paid], "cursor": ""})

    _, settled = announce("settled", known=True)

    assert settled.settlement.fee_e6 == 5_000


def test_several_announcements_in_one_moment_are_read_at_most_twice(announce, server):
    server.always("GET", "/markets/M", market())

    events = announce("activated", "deactivated", "activated", "close_date_updated", known=True)

    assert 1 <= len(events) <= 2
    assert len(server.asked("GET", "/markets/M")) <= 2


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


def test_markets_are_told_again_with_the_fees_the_stream_tells(trade, server, listen):
    row = {"ticker": "A", "event_ticker": "E", "status": "active", "price_ranges": GRID}
    server.always("GET", "/markets", {"markets": [row], "cursor": ""})
    server.always("GET", "/markets/A", {"market": row})
    group = {"event_ticker": "E", "series_ticker": "S"}
    server.always("GET", "/events/E", {"event": group})
    said = {"event_ticker": "E", "fee_type_override": None, "fee_multiplier_override": 0.5}

    async def main(exchange, run):
        async with listen(exchange) as heard:
            [found async for found in exchange.markets(MarketQuery())]
            sid = server.sid("market_lifecycle_v2")
            frame = {"type": "event_fee_update", "sid": sid, "seq": 1, "msg": said}
            await server.socket.say(frame)
            await run.clock.sleep(1)
        return [event for batch in heard for event in batch]

    (told,) = trade(main)
    assert isinstance(told, MarketChanged)
    assert told.market.fee_terms(told.at_us - 5_000_000).multiplier == 1
    assert str(told.market.fee_terms(told.at_us).multiplier) == "0.5"


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
