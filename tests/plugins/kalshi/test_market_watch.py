import pytest

from framework.exchange import MarketQuery
from framework.model.events import MarketChanged, MarketListed, MarketSettled

GRID = [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]


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
