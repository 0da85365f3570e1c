"""The whole adapter in the founding document's dialect, against a server that knows no other."""

import pytest

from framework.errors import AuthError, ExchangeError
from framework.exchange import Accepted, MarketQuery, Rejected, Unknown
from framework.model.account import RemoteStatus
from framework.model.commands import CancelOrder, QueryOrder
from framework.model.events import (
    AccountReported,
    BookReplaced,
    MarketChanged,
    MarketSettled,
    OrderAccepted,
    OrderFilled,
    QuoteTicked,
    StreamLost,
    StreamRestored,
    TradePrinted,
)
from framework.model.market import MarketStatus
from framework.model.orders import Order, Purpose
from framework.model.units import Side

TICKER = "KXHIGHNY-25JAN09-B56.5"
ORDERS = "/portfolio/orders"
MARKET = {
    "ticker": TICKER,
    "event_ticker": "KXHIGHNY-25JAN09",
    "series_ticker": "KXHIGHNY",
    "subtitle": "56 to 57",
    "status": "active",
    "yes_bid": 91,
    "yes_ask": 93,
    "volume": 15000,
    "close_time": "2026-01-15T23:00:00Z",
}
RESTING = {
    "order_id": "abc-123",
    "ticker": TICKER,
    "side": "yes",
    "type": "limit",
    "count": 100,
    "yes_price": 92,
    "status": "resting",
    "remaining_count": 90,
}
CANCEL = CancelOrder(client_order_id="c-1", order_id="abc-123", ticker=TICKER, shard=0, reason="")
DOCUMENTED = {"/markets", "/portfolio/orders", "/portfolio/balance"}


def order(number=1, limit=9_200, quantity_e2=100_00, purpose=Purpose.ENTRY):
    return Order(
        client_order_id=f"c-{number}",
        ticker=TICKER,
        side=Side.YES,
        limit_e4=limit,
        quantity_e2=quantity_e2,
        purpose=purpose,
        strategy="s",
    )


def of(heard, kind):
    return [event for batch in heard for event in batch if type(event) is kind]


@pytest.fixture
def server(founding_server):
    return founding_server


@pytest.fixture
def hear(trade_founding, listen):
    """Follow the market, run `test(exchange, run, heard)`; return what was heard."""

    def hear(test, **settings):
        async def main(exchange, run):
            async with listen(exchange) as heard:
                await exchange.subscribe([TICKER])
                await run.clock.sleep(1)
                await test(exchange, run, heard)
            return heard

        return trade_founding(main, **settings)

    return hear


async def alive(server, run, seconds):
    """Let time pass on a connection that the exchange keeps alive."""
    for _ in range(seconds):
        await server.socket.ping()
        await run.clock.sleep(1)


def test_the_stream_is_opened_with_signed_headers_of_its_own_path(trade_founding, server):
    async def main(exchange, run):
        await run.clock.sleep(1)

    trade_founding(main)

    headers = server.socket.headers
    assert headers["kalshi-access-key"] == "key-1"
    assert headers["kalshi-access-timestamp"] == "1768478400000"
    assert len(headers["kalshi-access-signature"]) > 300  # RSA-2048 in base64


def test_commands_are_numbered_from_one_and_name_channel_and_market(hear, server):
    async def leave(exchange, run, heard):
        await exchange.unsubscribe([TICKER])
        await run.clock.sleep(1)

    hear(leave)

    commands = server.socket.commands
    assert [command["id"] for command in commands] == list(range(1, len(commands) + 1))
    assert {c["params"]["channels"][0] for c in commands if c["cmd"] == "subscribe"} == {
        "orderbook_delta",
        "ticker",
        "trade",
        "fill",
        "order_update",
    }
    left = [command["params"] for command in commands if command["cmd"] == "unsubscribe"]
    assert left == [
        {"channels": [name], "market_tickers": [TICKER]}
        for name in ("orderbook_delta", "ticker", "trade")
    ]


def test_only_the_markets_that_were_asked_for_are_subscribed(trade_founding, server):
    server.always("GET", "/markets", {"markets": [MARKET, {**MARKET, "ticker": "B"}], "cursor": ""})

    async def main(exchange, run):
        assert len([m async for m in exchange.markets(MarketQuery())]) == 2
        await exchange.subscribe([TICKER])
        await run.clock.sleep(1)

    trade_founding(main)

    named = [c["params"].get("market_tickers") for c in server.socket.commands]
    assert [tickers for tickers in named if tickers] == [[TICKER]] * 3


def test_dropping_one_of_two_markets_keeps_the_channel(hear, server):
    async def drop(exchange, run, heard):
        await exchange.subscribe(["B"])
        await run.clock.sleep(1)
        await exchange.unsubscribe([TICKER])
        await run.clock.sleep(1)
        await server.socket.say(server.ladders("B"))
        await run.clock.sleep(15)

    heard = hear(drop)

    left = [c["params"]["market_tickers"] for c in server.socket.commands if "un" in c["cmd"]]
    assert left == [[TICKER]] * 3
    assert [event.ticker for event in of(heard, BookReplaced)] == [TICKER, "B", "B"]


def test_the_five_message_types_become_events(hear, server):
    async def say(exchange, run, heard):
        server.then("POST", ORDERS, (201, {"order": {"order_id": "abc-123", "status": "pending"}}))
        await exchange.submit([order()])
        body = {"market_ticker": TICKER, "yes_price": 92}
        mine = {"order_id": "abc-123", "market_ticker": TICKER}
        await server.socket.say(
            {"type": "ticker", "msg": {**body, "yes_bid": 91, "yes_ask": 93, "volume": 15000}},
            server.ladders(TICKER),
            {"type": "trade", "msg": {**body, "count": 50, "taker_side": "yes", "ts": 1}},
            {"type": "fill", "msg": {**body, **mine, "count": 10, "side": "yes", "is_taker": True}},
            {"type": "order_update", "msg": {**mine, "status": "resting", "remaining_count": 90}},
        )
        await run.clock.sleep(1)

    heard = hear(say)

    assert [type(event) for event in heard[-1]] == [
        QuoteTicked,
        BookReplaced,
        TradePrinted,
        OrderFilled,
        OrderAccepted,
    ]
    assert heard[-1][3].fill.client_order_id == heard[-1][4].client_order_id == "c-1"


def test_a_list_of_markets_is_read_page_by_page(trade_founding, server):
    server.then(
        "GET",
        "/markets",
        {"markets": [MARKET], "cursor": "next_page_cursor"},
        {"markets": [{**MARKET, "ticker": "B"}], "cursor": ""},
    )

    async def main(exchange, run):
        return [market.ticker async for market in exchange.markets(MarketQuery())]

    assert trade_founding(main) == [TICKER, "B"]
    assert [seen.query for seen in server.asked("GET", "/markets")] == [
        {"status": "open"},
        {"status": "open", "cursor": "next_page_cursor"},
    ]


def test_markets_asked_for_by_name_are_read_one_by_one(trade_founding, server):
    server.always("GET", f"/markets/{TICKER}", {"market": MARKET})
    query = MarketQuery(open_only=False, tickers=(TICKER, "GONE"))

    async def main(exchange, run):
        return [market async for market in exchange.markets(query)]

    (market,) = trade_founding(main)
    assert (market.ticker, market.series_ticker) == (TICKER, "KXHIGHNY")
    assert server.asked("GET", "/markets") == []


@pytest.mark.parametrize("choice", [{"series": "KXBTC"}, {"event": "KXHIGHNY-25JAN10"}])
def test_a_list_that_can_not_be_restricted_is_filtered_here(trade_founding, server, choice):
    server.always("GET", "/markets", {"markets": [MARKET], "cursor": ""})

    async def main(exchange, run):
        return [market async for market in exchange.markets(MarketQuery(**choice))]

    assert trade_founding(main) == []


def test_an_order_is_posted_and_its_answer_read(trade_founding, server):
    server.always("POST", ORDERS, (201, {"order": {**RESTING, "remaining_count": 100}}))

    async def main(exchange, run):
        return await exchange.submit([order()])

    assert trade_founding(main) == [Accepted(order_id="abc-123", filled_e2=0, remaining_e2=100_00)]
    (seen,) = server.asked("POST", ORDERS)
    assert seen.body == {
        "ticker": TICKER,
        "side": "yes",
        "type": "limit",
        "count": 100,
        "yes_price": 92,
    }


@pytest.mark.parametrize("terms", [{"quantity_e2": 150}, {"limit": 9_250}])
def test_what_the_dialect_can_not_say_is_refused_before_anything_is_sent(
    trade_founding, server, terms
):
    async def main(exchange, run):
        return await exchange.submit([order(**terms)])

    (outcome,) = trade_founding(main)
    assert isinstance(outcome, Rejected)
    assert server.asked("POST", ORDERS) == []


def test_a_cancel_is_done_with_204_and_no_body_is_parsed(trade_founding, server):
    server.always("DELETE", f"{ORDERS}/abc-123", (204, b""))

    async def main(exchange, run):
        return await exchange.cancel([CANCEL])

    (outcome,) = trade_founding(main)
    assert (outcome.order_id, outcome.remaining_e2) == ("abc-123", 0)


def test_everything_that_rests_is_cancelled_one_by_one(trade_founding, server):
    server.always("GET", ORDERS, {"orders": [RESTING, {**RESTING, "order_id": "b"}], "cursor": ""})
    server.always("DELETE", f"{ORDERS}/abc-123", (204, b""))
    server.then("DELETE", f"{ORDERS}/b", (500, b""), (204, b""))

    async def main(exchange, run):
        return await exchange.cancel_all(), await exchange.cancel_all()

    first, second = trade_founding(main)
    assert isinstance(first, Unknown)
    assert first.reason.startswith("1 of 2 not cancelled")
    assert isinstance(second, Accepted)


def test_an_order_is_asked_about_by_the_exchanges_id(trade_founding, server):
    server.always("GET", f"{ORDERS}/abc-123", {"order": RESTING})
    query = QueryOrder(client_order_id="c-1", order_id="abc-123", ticker=TICKER)

    async def main(exchange, run):
        return await exchange.find(query)

    found = trade_founding(main)
    assert (found.status, found.filled_e2, found.remaining_e2) == (RemoteStatus.OPEN, 1_000, 9_000)


def test_without_client_ids_an_order_of_unknown_fate_stays_unknown(trade_founding, server):
    query = QueryOrder(client_order_id="c-1", order_id=None, ticker=TICKER)

    async def main(exchange, run):
        assert not exchange.capabilities.client_order_ids
        return await exchange.find(query)

    assert isinstance(trade_founding(main), Unknown)
    assert server.asked("GET", ORDERS) == []


def test_the_account_is_what_rests_and_the_balance(trade_founding, server):
    server.always("GET", ORDERS, {"orders": [RESTING], "cursor": ""})

    async def main(exchange, run):
        return await exchange.account(1)

    account = trade_founding(main)
    assert account.missing == ()
    assert (account.orders.complete, account.fills.told) == (True, False)
    assert account.balances.rows == ((0, 100_000_000),)
    assert account.balances.step_e6 == 10_000
    assert [seen.query for seen in server.asked("GET", ORDERS)] == [{"status": "resting"}]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
def test_a_refused_order_names_the_parameter_and_is_not_sent_again(trade_founding, server, status):
    body = {"error": {"code": "invalid", "message": "yes_price is invalid"}}
    server.always("POST", ORDERS, (status, body))

    async def main(exchange, run):
        outcomes = await exchange.submit([order()])
        await run.clock.sleep(60)
        return outcomes

    assert trade_founding(main) == [Rejected(code="invalid", message="yes_price is invalid")]
    assert len(server.asked("POST", ORDERS)) == 1


@pytest.mark.parametrize("status", [500, 503])
def test_an_order_lost_in_a_server_error_is_unknown_and_not_sent_again(
    trade_founding, server, status
):
    server.always("POST", ORDERS, (status, b""))

    async def main(exchange, run):
        outcomes = await exchange.submit([order()])
        await run.clock.sleep(60)
        return outcomes

    (outcome,) = trade_founding(main)
    assert isinstance(outcome, Unknown)
    assert len(server.asked("POST", ORDERS)) == 1


@pytest.mark.parametrize(("status", "kind"), [(400, ExchangeError), (404, ExchangeError)])
def test_a_refused_read_says_what_was_refused(trade_founding, server, status, kind):
    server.always("GET", "/markets", (status, {"error": {"code": "bad", "message": "status: no"}}))

    async def main(exchange, run):
        with pytest.raises(kind, match="GET /markets: status: no"):
            [market async for market in exchange.markets(MarketQuery())]

    trade_founding(main)
    assert len(server.asked("GET", "/markets")) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_an_auth_error(trade_founding, server, status):
    server.always("GET", "/portfolio/balance", (status, {"error": {"code": "no"}}))

    async def main(exchange, run):
        with pytest.raises(AuthError):
            await exchange.account()

    trade_founding(main)
    assert len(server.asked("GET", "/portfolio/balance")) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_read_is_tried_again_with_growing_jittered_pauses(trade_founding, server, status):
    server.then("GET", "/markets", *[(status, b"")] * 4, {"markets": [MARKET], "cursor": ""})

    async def main(exchange, run):
        return [market.ticker async for market in exchange.markets(MarketQuery())]

    assert trade_founding(main) == [TICKER]
    times = [seen.at_s for seen in server.asked("GET", "/markets")]
    assert len(times) == 5
    assert times[-1] - times[0] < 0.25 + 0.5 + 1 + 2 + 0.3


def test_reads_are_held_to_20_and_writes_to_10_a_second(trade_founding, server):
    server.always("GET", f"/markets/{TICKER}", {"market": MARKET})
    server.always("DELETE", f"{ORDERS}/abc-123", (204, b""))

    async def main(exchange, run):
        await exchange.cancel([CANCEL] * 30)
        query = MarketQuery(open_only=False, tickers=(TICKER,) * 60)
        assert len([market async for market in exchange.markets(query)]) == 60

    trade_founding(main)
    for method, path, rate in (
        ("DELETE", f"{ORDERS}/abc-123", 10),
        ("GET", f"/markets/{TICKER}", 20),
    ):
        times = [seen.at_s for seen in server.asked(method, path)]
        assert times[-1] - times[0] >= 1.9
        late = [at for at in times if at - times[0] > 0.01]
        assert all(b - a >= 0.9 for a, b in zip(late, late[rate:], strict=False))


def test_a_lost_connection_comes_back_with_fresh_headers_markets_and_orders(hear, server):
    async def drop(exchange, run, heard):
        server.requests.clear()
        server.always("GET", ORDERS, {"orders": [RESTING], "cursor": ""})
        await server.socket.drop()
        await run.clock.sleep(5)

    heard = hear(drop)

    first, second = server.sockets
    stamps = [s.headers["kalshi-access-timestamp"] for s in server.sockets]
    assert stamps == ["1768478400000", "1768478402000"]
    assert first.headers["kalshi-access-signature"] != second.headers["kalshi-access-signature"]
    assert [c["id"] for c in second.commands] == [1, 2, 3, 4, 5]
    assert [
        c["params"]["market_tickers"] for c in second.commands if "market_tickers" in c["params"]
    ] == [[TICKER]] * 3
    assert [seen.query for seen in server.asked("GET", ORDERS)] == [{"status": "resting"}]
    (report,) = of(heard, AccountReported)
    assert [row.order_id for row in report.account.orders.rows] == ["abc-123"]
    assert len(of(heard, StreamLost)) == len(of(heard, StreamRestored)) == 1


def test_attempts_to_reconnect_come_after_1_2_4_8_16_30_seconds(hear, server):
    async def drop(exchange, run, heard):
        await exchange.unsubscribe([TICKER])  # else it is read again, which connects too
        server.refuses_connections = True
        run.connections.clear()
        await server.socket.drop()
        await run.clock.sleep(130)
        times.extend(at_s for at_s, _, _ in run.connections[:7])

    times = []
    hear(drop)

    waits = [round(after - before, 2) for before, after in zip([1, *times], times, strict=False)]
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_a_stream_that_is_unavailable_is_waited_for_and_opened_again(hear, server):
    async def drop(exchange, run, heard):
        server.handshakes.append(503)
        await server.socket.drop()
        await run.clock.sleep(10)

    heard = hear(drop)

    assert len(server.sockets) == 2
    assert len(of(heard, StreamRestored)) == 1


def test_a_missed_heartbeat_is_a_lost_connection(hear, server):
    async def wait(exchange, run, heard):
        await server.socket.ping()
        await run.clock.sleep(24)
        assert of(heard, StreamLost) == []
        await run.clock.sleep(2)

    heard = hear(wait)

    (lost,) = of(heard, StreamLost)
    assert "nothing arrived for 25 s" in lost.reason
    assert server.sockets[0].pongs == [b"heartbeat"]


def test_a_market_that_closes_and_pays_is_found_by_reading_it_again(hear, server):
    server.always("GET", "/markets", {"markets": [MARKET], "cursor": ""})
    final = {"status": "settled", "result": "yes", "settlement_ts": "2026-01-15T12:00:40Z"}
    server.then("GET", f"/markets/{TICKER}", {"market": {**MARKET, "status": "closed"}})
    server.always("GET", f"/markets/{TICKER}", {"market": {**MARKET, **final}})

    async def wait(exchange, run, heard):
        assert [m.ticker async for m in exchange.markets(MarketQuery())] == [TICKER]
        await alive(server, run, 61)

    heard = hear(wait)

    statuses = [event.market.status for event in of(heard, MarketChanged)]
    assert statuses == [MarketStatus.CLOSED, MarketStatus.FINALIZED]
    (paid,) = of(heard, MarketSettled)
    assert paid.settlement.yes_pays_e4 == 10_000


def test_a_market_that_refuses_an_order_is_read_at_once(hear, server):
    server.always("GET", "/markets", {"markets": [MARKET], "cursor": ""})
    server.always("GET", f"/markets/{TICKER}", {"market": {**MARKET, "status": "paused"}})
    server.always("POST", ORDERS, (400, {"error": {"code": "trading_is_paused"}}))

    async def send(exchange, run, heard):
        assert [m.ticker async for m in exchange.markets(MarketQuery())] == [TICKER]
        await exchange.submit([order()])
        await run.clock.sleep(1)

    (changed,) = of(hear(send), MarketChanged)
    assert changed.market.status is MarketStatus.INACTIVE


def test_a_book_the_stream_does_not_show_is_read(hear, server):
    server.answers_commands = False
    server.always("GET", f"/markets/{TICKER}/orderbook", {"orderbook": {"yes": [[91, 5]]}})

    async def wait(exchange, run, heard):
        await alive(server, run, 61)

    (book,) = of(hear(wait), BookReplaced)
    assert (book.ticker, book.yes, book.no) == (TICKER, ((9_100, 500),), ())


def test_no_book_is_told_while_the_stream_is_away(hear, server):
    server.always("GET", f"/markets/{TICKER}/orderbook", {"orderbook": {"yes": [[91, 5]]}})

    async def wait(exchange, run, heard):
        server.refuses_connections = True
        await server.socket.drop()
        await run.clock.sleep(61)

    heard = hear(wait)

    assert len(of(heard, StreamLost)) == 1
    assert len(of(heard, BookReplaced)) == 1  # the first, from the stream


def test_a_book_that_can_not_be_read_stays_dark(hear, server):
    server.answers_commands = False
    server.always("GET", f"/markets/{TICKER}/orderbook", {"orderbook": {"yes": [["x", 5]]}})

    async def wait(exchange, run, heard):
        await alive(server, run, 61)

    assert of(hear(wait), BookReplaced) == []


def test_founding_only_asks_nothing_that_the_document_does_not_show(hear, server):
    server.always("GET", "/markets", {"markets": [MARKET], "cursor": ""})

    async def trade(exchange, run, heard):
        await exchange.account()
        [market async for market in exchange.markets(MarketQuery())]
        await exchange.submit([order()])
        await server.socket.drop()
        await run.clock.sleep(100)

    hear(trade)

    asked = {
        seen.path.removesuffix("/orderbook").replace(f"/{TICKER}", "") for seen in server.requests
    }
    assert asked <= DOCUMENTED
    assert {name for seen in server.requests for name in seen.query} <= {"status", "cursor"}


def test_the_era_asks_for_fills_positions_and_settlements_too(trade_founding, server):
    async def main(exchange, run):
        return await exchange.account(1_000_000)

    account = trade_founding(main, founding_only=False)

    assert account.missing == ()
    assert account.fills.complete
    asked = {seen.path for seen in server.requests}
    assert {"/portfolio/fills", "/portfolio/positions", "/portfolio/settlements"} <= asked
    assert not {"/account/limits", "/account/endpoint_costs"} & asked
