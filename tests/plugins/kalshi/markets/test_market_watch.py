import anyio
import pytest

from framework.errors import AuthError
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


def test_a_followed_market_is_read_though_it_was_forgotten(trade, listen, server):
    server.always("GET", "/markets/M", market(status="determined", result="yes"))

    async def main(exchange, run):
        async with listen(exchange) as heard:
            await exchange.subscribe(["M"])
            await run.clock.sleep(1)
            exchange._markets.market_changed("M", "determined")
            await run.clock.sleep(1)
            return [event for batch in heard for event in batch]

    told = [event for event in trade(main) if isinstance(event, MarketListed | MarketChanged)]
    assert [type(event) for event in told] == [MarketChanged]


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


# ------------------------------------------------------------------------- many at a time


def by_name(*absent, **fields):
    """Answer a list of named markets, each of an event of its own, without the absent ones."""

    def answer(seen):
        named = seen.query["tickers"].split("%2C")
        rows = [
            {**market(ticker, **fields)["market"], "event_ticker": f"E-{ticker}"}
            for ticker in named
            if ticker not in absent
        ]
        return {"markets": rows, "cursor": ""}

    return answer


def groups(seen):
    named = seen.query["tickers"].split("%2C")
    return {"events": [{"event_ticker": t, "series_ticker": "S"} for t in named], "cursor": ""}


@pytest.fixture
def announce_all(trade, listen, server):
    """Announce that markets were created, all at once, and return the events of 40 s."""

    def announce_all(tickers, *, wanted=(), then=None):
        async def main(exchange, run):
            async with listen(exchange) as heard:
                await exchange.subscribe(wanted)
                await run.clock.sleep(1)
                sid = server.sid("market_lifecycle_v2")
                frame = {"type": "market_lifecycle_v2", "sid": sid}
                said = [{"market_ticker": ticker, "event_type": "created"} for ticker in tickers]
                server.requests.clear()
                await server.socket.say(
                    *({**frame, "seq": seq, "msg": msg} for seq, msg in enumerate(said, 1))
                )
                if then is not None:
                    await then(exchange, run)
                await run.clock.sleep(20)
                await server.socket.ping()
                await run.clock.sleep(20)
                return [event for batch in heard for event in batch if type(event) in TOLD]

        return trade(main)

    server.always("GET", "/events", groups)
    server.always("GET", "/series/S", {"series": {"ticker": "S"}})
    return announce_all


TOLD = {MarketListed, MarketChanged, MarketSettled}


def named_in(seen):
    return seen.query["tickers"].split("%2C")


def test_many_stale_markets_are_read_together_with_their_events(announce_all, server):
    server.always("GET", "/markets", by_name())
    tickers = [f"M-{number}" for number in range(250)]

    told = announce_all(tickers)

    assert {event.market.ticker for event in told} == set(tickers)
    assert {type(event) for event in told} == {MarketListed}
    assert [len(named_in(seen)) for seen in server.asked("GET", "/markets")] == [100, 100, 50]
    assert len(server.asked("GET", "/events")) == 3
    assert len(server.asked("GET", "/series/S")) == 1


def test_followed_markets_are_read_before_all_others(announce_all, server):
    server.always("GET", "/markets", by_name())
    tickers = [f"M-{number}" for number in range(300)]

    announce_all(tickers, wanted=["M-299", "M-7"])

    first = server.asked("GET", "/markets")[0]
    assert set(named_in(first)[:2]) == {"M-299", "M-7"}


def test_a_market_that_is_missing_among_many_is_asked_for_again_alone(announce_all, server):
    server.always("GET", "/markets", by_name("M-1"))
    server.then("GET", "/markets/M-1", (404, b""), market("M-1"))

    told = announce_all(["M-0", "M-1", "M-2"])

    assert [event.market.ticker for event in told] == ["M-0", "M-2", "M-1"]
    assert [round(seen.at_s) for seen in server.asked("GET", "/markets/M-1")] == [2, 4]


def test_one_unreadable_event_does_not_take_the_other_markets_along(announce_all, server):
    server.always("GET", "/markets", by_name())
    server.always("GET", "/events", {"events": [], "cursor": ""})
    for ticker in ("M-0", "M-1"):
        row = {**market(ticker)["market"], "event_ticker": f"E-{ticker}"}
        server.always("GET", f"/markets/{ticker}", {"market": row})
    server.always("GET", "/events/E-M-0", (400, b""))
    server.always("GET", "/events/E-M-1", {"event": {"event_ticker": "E-M-1"}})

    told = announce_all(["M-0", "M-1"])

    assert [event.market.ticker for event in told] == ["M-1"]


def test_what_comes_during_a_read_is_read_again_after_it(announce_all, server):
    server.always("GET", "/markets", by_name())
    server.always("GET", "/markets/M-0", market("M-0", status="inactive"))

    async def again(exchange, run):
        while not server.asked("GET", "/markets"):
            await run.clock.sleep(0.01)
        exchange._markets.market_changed("M-0", "deactivated")

    def late(seen):
        exchange_told.append(seen)
        return by_name()(seen)

    exchange_told = []
    server.always("GET", "/markets", late)
    told = announce_all(["M-0", "M-1"], then=again)

    assert [event.market.ticker for event in told if type(event) is MarketListed] == ["M-0", "M-1"]
    (changed,) = [event.market for event in told if type(event) is MarketChanged]
    assert (changed.ticker, changed.status) == ("M-0", "inactive")


def test_a_refused_key_ends_the_events(announce_all, server):
    server.always("GET", "/markets", (401, b""))

    async def until_the_end(exchange, run):
        await run.clock.sleep(20)
        with pytest.raises(AuthError):
            async for _ in exchange.events():
                pass

    with pytest.raises(BaseExceptionGroup) as raised:
        announce_all(["M-0", "M-1"], then=until_the_end)

    assert raised.group_contains(AuthError)


def test_the_same_event_is_read_once_for_reads_at_the_same_time(trade, server):
    server.always("GET", "/markets/A", market("A"))
    server.always("GET", "/markets/B", market("B"))
    server.always("GET", "/events/E", {"event": {"event_ticker": "E", "series_ticker": "S"}})
    server.always("GET", "/series/S", {"series": {"ticker": "S"}})

    async def main(exchange, run):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(exchange._catalog.market, "A")
            tasks.start_soon(exchange._catalog.market, "B")

    trade(main)

    assert len(server.asked("GET", "/events/E")) == 1
    assert len(server.asked("GET", "/series/S")) == 1
