from itertools import pairwise

import pytest

from framework.errors import AuthError
from framework.exchange import MarketQuery
from framework.model.book import BookState, OrderBook
from framework.model.events import (
    AccountReported,
    BookChanged,
    BookInvalidated,
    BookReplaced,
    MarketChanged,
    OrderFilled,
    QuoteTicked,
    StreamLost,
)
from framework.model.units import Side

FILL = {
    "fill_id": "t-1",
    "trade_id": "t-1",
    "order_id": "o-1",
    "ticker": "A",
    "outcome_side": "yes",
    "yes_price_dollars": "0.4000",
    "count_fp": "1.00",
    "fee_cost": "0.01",
    "is_taker": False,
    "created_time": "2026-01-15T12:00:05Z",
}
ORDER = {
    "order_id": "o-1",
    "client_order_id": "c-1",
    "ticker": "A",
    "outcome_side": "yes",
    "status": "executed",
    "yes_price_dollars": "0.4000",
    "initial_count_fp": "1.00",
    "fill_count_fp": "1.00",
    "remaining_count_fp": "0.00",
}


def kinds(batches):
    return [type(event).__name__ for batch in batches for event in batch]


def events(batches, kind):
    return [event for batch in batches for event in batch if type(event) is kind]


@pytest.fixture
def follow(trade, listen, server):
    """Run `test(heard, run, exchange)` with markets A and B followed and their books told."""

    def follow(test, **settings):
        async def main(exchange, run):
            async with listen(exchange) as heard:
                await exchange.subscribe(["A", "B"])
                await run.clock.sleep(0.01)
                assert kinds(heard) == ["BookReplaced"] * 2
                heard.clear()
                await test(heard, run, exchange)
                return heard

        return trade(main, **settings)

    return follow


async def settle(run):
    """Let what was sent be read."""
    await run.clock.sleep(0.01)


def test_the_account_is_listened_to_before_any_market(trade, server):
    async def main(exchange, run):
        return server.socket.sent("subscribe")

    channels = [params["channels"] for params in trade(main)]
    assert channels == [["fill"], ["user_orders"], ["market_lifecycle_v2"]]


def test_the_handshake_is_signed_for_the_streams_own_path(trade, server):
    async def main(exchange, run):
        return server.socket.headers

    headers = trade(main)
    assert headers["kalshi-access-key"] == "key-1"
    assert headers["kalshi-access-timestamp"] == "1768478400000"


def test_what_arrives_together_is_one_batch_in_its_order(follow, server):
    async def main(heard, run, exchange):
        await server.socket.say(
            server.delta("A"), server.delta("B"), server.delta("A", "0.5500", "-2.00", "no")
        )
        await settle(run)

    (batch,) = follow(main)
    assert [(e.ticker, e.side, e.change_e2) for e in batch] == [
        ("A", Side.YES, 100),
        ("B", Side.YES, 100),
        ("A", Side.NO, -200),
    ]


def test_the_numbers_of_what_arrives_together_are_all_taken(follow, server):
    async def main(heard, run, exchange):
        await server.socket.say(server.delta("A"), server.delta("B"))
        await settle(run)
        await server.socket.say(server.delta("A"))
        await settle(run)

    heard = follow(main)
    assert kinds(heard) == ["BookChanged"] * 3
    assert [len(batch) for batch in heard] == [2, 1]


def test_events_carry_the_time_of_reading_and_the_exchanges(follow, server):
    async def main(heard, run, exchange):
        await run.clock.sleep(5)
        await server.socket.say(server.delta("A"))
        await settle(run)

    ((event,),) = follow(main)
    assert event.at_us - event.exchange_us == 5_010_000


@pytest.mark.parametrize("fault", ["gap", "repeat", "swap"])
def test_a_break_in_the_numbers_loses_every_book_until_its_snapshot(follow, server, fault):
    async def main(heard, run, exchange):
        server.answers_commands = False
        one, two, three = server.delta("A"), server.delta("B"), server.delta("A")
        await server.socket.say(
            *{"gap": [one, three], "repeat": [one, one], "swap": [one, three, two]}[fault]
        )
        await settle(run)
        await server.socket.say(server.delta("A"), server.delta("B"))
        await settle(run)

    heard = follow(main)
    assert kinds(heard) == ["BookChanged", "BookInvalidated", "BookInvalidated"]
    assert {event.ticker for event in events(heard, BookInvalidated)} == {"A", "B"}
    asked = server.socket.sent("update_subscription")[-1]
    assert (asked["action"], asked["market_tickers"]) == ("get_snapshot", ["A", "B"])


def test_books_come_back_whole_after_a_break(follow, server):
    async def main(heard, run, exchange):
        lost = server.delta("A", change="5.00")
        assert lost
        server.books["A"] = ([["0.4000", "15.00"]], [["0.5500", "20.00"]])
        await server.socket.say(server.delta("B"))
        await settle(run)
        await server.socket.say(server.delta("A"), server.delta("B"))
        await settle(run)

    heard = follow(main)
    assert kinds(heard) == [
        "BookInvalidated",
        "BookInvalidated",
        "BookReplaced",
        "BookReplaced",
        "BookChanged",
        "BookChanged",
    ]
    book = OrderBook()
    for event in (e for batch in heard for e in batch if e.ticker == "A"):
        if type(event) is BookReplaced:
            book.replace(dict(event.yes), dict(event.no))
        elif type(event) is BookChanged:
            book.change(event.side, event.price_e4, event.change_e2)
    assert (book.state, book.size(Side.YES, 4_000)) == (BookState.VALID, 1_600)


def test_replies_that_take_numbers_are_no_break(follow, server):
    async def main(heard, run, exchange):
        await exchange.subscribe(["C"])
        await settle(run)
        await server.socket.say(server.delta("A"))
        await settle(run)

    assert kinds(follow(main)) == ["BookReplaced", "BookChanged"]


def test_deltas_before_the_snapshot_are_ignored(trade, listen, server):
    async def main(exchange, run):
        async with listen(exchange) as heard:
            server.answers_commands = False
            await exchange.subscribe(["A"])
            await settle(run)
            command = next(
                c for c in server.socket.commands if c["params"]["channels"] == ["orderbook_delta"]
            )
            subscribed, snapshot = server.replies(command)
            await server.socket.say(subscribed, server.delta("A", seq=0), snapshot)
            await settle(run)
            return kinds(heard)

    assert trade(main) == ["BookReplaced"]


def test_a_message_that_is_no_data_loses_every_book(follow, server):
    async def main(heard, run, exchange):
        await server.socket.write(b"\x81\x05{torn")
        await settle(run)

    heard = follow(main)
    assert kinds(heard) == ["BookInvalidated"] * 2 + ["BookReplaced"] * 2


def test_a_delta_that_can_not_be_read_loses_that_book_only(follow, server):
    async def main(heard, run, exchange):
        await server.socket.say(server.delta("A", price="0.40001"), server.delta("B"))
        await settle(run)

    heard = follow(main)
    assert kinds(heard) == ["BookInvalidated", "BookChanged", "BookReplaced"]
    assert events(heard, BookInvalidated)[0].ticker == "A"


def test_a_snapshot_that_comes_again_late_is_no_news(follow, server):
    async def main(heard, run, exchange):
        server.answers_commands = False
        old = server.snapshot("A")
        await server.socket.say(old, server.delta("A"), old)
        await settle(run)

    heard = follow(main)
    assert kinds(heard) == ["BookReplaced", "BookChanged", "BookInvalidated", "BookInvalidated"]


def test_an_answer_that_comes_late_is_no_news(follow, server):
    async def main(heard, run, exchange):
        server.answers_commands = False
        answer, later = server.snapshot("A", reply_to=9), server.delta("A")
        await server.socket.say(later, answer)
        await settle(run)

    assert kinds(follow(main)) == ["BookInvalidated", "BookInvalidated"]


def test_a_loss_before_an_answer_loses_the_other_books(follow, server):
    async def main(heard, run, exchange):
        server.answers_commands = False
        assert server.delta("B")
        await server.socket.say(server.snapshot("A", reply_to=9))
        await settle(run)

    heard = follow(main)
    assert kinds(heard) == ["BookInvalidated", "BookInvalidated", "BookReplaced"]
    assert events(heard, BookReplaced)[0].ticker == "A"


@pytest.mark.parametrize("message", ["delta", "snapshot"])
def test_a_subscription_that_is_gone_says_nothing_any_more(follow, server, message):
    async def main(heard, run, exchange):
        sid = server.sid("orderbook_delta")
        late = server.delta("A") if message == "delta" else server.snapshot("A")
        await server.socket.say({"type": "error", "sid": sid, "msg": {"code": 10, "msg": "x"}})
        await settle(run)
        heard.clear()
        assert server.sid("orderbook_delta") != sid
        await server.socket.say(late)
        await settle(run)

    assert follow(main) == []


def test_a_list_that_leaves_a_market_out_loses_its_book_and_adds_it_again(follow, server):
    async def main(heard, run, exchange):
        sid = server.sid("orderbook_delta")
        ok = {"type": "ok", "sid": sid, "seq": server.next_seq("orderbook_delta")}
        server._listed["orderbook_delta"].remove("A")
        await server.socket.say({**ok, "msg": {"market_tickers": ["B"]}})
        await settle(run)
        asked = server.socket.sent("update_subscription")[-1]
        assert (asked["action"], asked["market_tickers"]) == ("add_markets", ["A"])

    heard = follow(main)
    assert kinds(heard) == ["BookInvalidated", "BookReplaced"]
    assert {event.ticker for batch in heard for event in batch} == {"A"}


def test_a_refusal_on_another_channel_leaves_the_book_alone(follow, server):
    async def main(heard, run, exchange):
        server.answers_commands = False
        await exchange.subscribe(["C"])
        await settle(run)
        asked = {c["params"]["sids"][0]: c["id"] for c in server.socket.commands[-3:]}
        msg = {"code": 26, "msg": "limit", "market_tickers": ["C"]}
        await server.socket.say(
            server.snapshot("C"), {"type": "error", "id": asked[server.sid("trade")], "msg": msg}
        )
        await settle(run)

    assert kinds(follow(main)) == ["BookReplaced"]


def test_books_of_a_connection_that_never_was_whole_are_lost_with_it(follow, server):
    async def main(heard, run, exchange):
        await server.socket.drop()
        server.answers_commands = False
        await run.clock.sleep(1.1)
        opened = [c for c in server.socket.commands if c["params"]["channels"][0].startswith("ord")]
        await server.socket.say(*server.replies(opened[0]))
        await settle(run)
        await server.socket.drop()
        await settle(run)

    assert kinds(follow(main)) == [
        "StreamLost",
        *["BookReplaced"] * 2,
        *["BookInvalidated"] * 2,
    ]


def test_books_that_are_lost_again_and_again_are_asked_for_once_a_second(follow, server):
    async def main(heard, run, exchange):
        before = len(server.socket.commands)
        for _ in range(50):
            server.next_seq("orderbook_delta")
            await server.socket.say(server.delta("A"))
            await run.clock.sleep(0.1)
        assert 4 <= len(server.socket.commands) - before <= 6

    follow(main)


def test_books_that_never_come_are_had_by_subscribing_anew(follow, server):
    async def main(heard, run, exchange):
        server.next_seq("orderbook_delta")
        replies, server.replies = server.replies, lambda _: []
        await server.socket.say(server.delta("A"))
        for _ in range(4):
            await run.clock.sleep(10)
            await server.socket.ping()
        server.replies = replies
        await run.clock.sleep(10)
        await server.socket.ping()
        await settle(run)

    heard = follow(main)
    assert [event.ticker for event in events(heard, BookReplaced)] == ["A", "B"]
    assert server.socket.sent("unsubscribe")


def test_yes_prices_are_declined_in_words_whatever_the_default(follow, server):
    async def main(heard, run, exchange):
        await server.socket.drop()
        await run.clock.sleep(2)

    follow(main)
    told = [
        params["use_yes_price"]
        for socket in server.sockets
        for params in socket.sent("subscribe")
        if params["channels"] == ["orderbook_delta"]
    ]
    assert told == [False, False]


def test_an_unknown_type_on_the_books_channel_loses_every_book(follow, server):
    async def main(heard, run, exchange):
        frame = {"type": "orderbook_rebuild", "sid": server.sid("orderbook_delta")}
        await server.socket.say({**frame, "seq": server.next_seq("orderbook_delta"), "msg": {}})
        await settle(run)
        assert exchange.codec.drift.counters["unknown message type orderbook_rebuild"] == 1

    assert kinds(follow(main))[:2] == ["BookInvalidated"] * 2


def test_an_unknown_type_elsewhere_is_only_counted(follow, server):
    async def main(heard, run, exchange):
        await server.socket.say({"type": "weather", "sid": 99, "msg": {}})
        await settle(run)
        assert exchange.codec.drift.counters["unknown message type weather"] == 1

    assert follow(main) == []


@pytest.mark.parametrize("code", [10, 25])
def test_a_dead_subscription_is_opened_again(follow, server, code):
    async def main(heard, run, exchange):
        before = len(server.socket.sent("subscribe"))
        sid = server.sid("orderbook_delta")
        await server.socket.say({"type": "error", "sid": sid, "msg": {"code": code, "msg": "x"}})
        await settle(run)
        assert len(server.socket.sent("subscribe")) == before + 1
        assert len(server.sockets) == 1

    assert kinds(follow(main)) == ["BookInvalidated"] * 2 + ["BookReplaced"] * 2


def test_a_death_of_an_unnamed_subscription_drops_the_connection(follow, server):
    async def main(heard, run, exchange):
        await server.socket.say({"type": "error", "msg": {"code": 25, "msg": "overflow"}})
        await run.clock.sleep(2)

    heard = follow(main)
    assert "error 25 overflow" in events(heard, StreamLost)[0].reason
    assert len(server.sockets) == 2


def test_a_market_that_is_refused_is_dark_until_it_is_taken(follow, server):
    async def main(heard, run, exchange):
        server.answers_commands = False
        await exchange.subscribe(["C"])
        await settle(run)
        refused = [c for c in server.socket.commands if c["params"].get("market_tickers") == ["C"]]
        await server.socket.say(
            *(
                {
                    "type": "error",
                    "id": command["id"],
                    "msg": {"code": 26, "msg": "limit", "market_tickers": ["C"]},
                }
                for command in refused
            )
        )
        await settle(run)
        server.answers_commands = True
        for _ in range(3):
            await run.clock.sleep(5)
            await server.socket.ping()
        await settle(run)

    heard = follow(main)
    assert {event.ticker for event in events(heard, BookInvalidated)} == {"C"}
    assert [event.ticker for event in events(heard, BookReplaced)] == ["C"]


def test_a_lost_connection_is_told_once_and_restored_with_every_market(follow, server):
    async def main(heard, run, exchange):
        await server.socket.drop()
        await run.clock.sleep(2)

    heard = follow(main)
    assert kinds(heard)[0] == "StreamLost"
    assert kinds(heard).count("StreamLost") == kinds(heard).count("StreamRestored") == 1
    assert {event.ticker for event in events(heard, BookReplaced)} == {"A", "B"}
    books = [p for p in server.socket.sent("subscribe") if p["channels"] == ["orderbook_delta"]]
    assert [params["market_tickers"] for params in books] == [["A", "B"]]
    assert [command["id"] for command in server.socket.commands] == [1, 2, 3, 4, 5, 6]


def test_each_connection_is_signed_anew(follow, server):
    async def main(heard, run, exchange):
        await server.socket.drop()
        await run.clock.sleep(2)

    follow(main)
    first, second = server.sockets
    assert second.headers["kalshi-access-timestamp"] == "1768478401010"
    assert first.headers["kalshi-access-signature"] != second.headers["kalshi-access-signature"]


def test_attempts_come_after_1_2_4_8_16_30_seconds(follow, server):
    async def main(heard, run, exchange):
        run.connections.clear()
        server.refuses_connections = True
        await server.socket.drop()
        await run.clock.sleep(130)
        times.extend(at_s for at_s, _, _ in run.connections)

    times = []
    heard = follow(main)
    gaps = [after - before for before, after in pairwise([0.01, *times])]
    assert gaps == pytest.approx([1, 2, 4, 8, 16, 30, 30, 30])
    assert kinds(heard) == ["StreamLost"]


def test_a_connection_that_worked_starts_the_pauses_over(follow, server):
    async def main(heard, run, exchange):
        for _ in range(3):
            await server.socket.drop()
            await run.clock.sleep(1.5)

    follow(main)
    opened = [socket.opened_s for socket in server.sockets]
    assert [round(after - before, 1) for before, after in pairwise(opened)] == [1.0, 1.5, 1.5]


def test_silence_is_a_lost_connection_at_the_exact_second(follow, server):
    async def main(heard, run, exchange):
        await run.clock.sleep(30)

    heard = follow(main)
    lost = events(heard, StreamLost)[0]
    assert lost.at_us - 1_768_478_400_000_000 == 25_000_000
    assert lost.reason == "nothing arrived for 25 s"


def test_a_subscription_is_asked_for_again_in_time_though_nothing_arrives(follow, server):
    async def main(heard, run, exchange):
        server.answers_commands = False
        await exchange.subscribe(["C"])
        await run.clock.sleep(9.9)
        asked = len(server.socket.commands)
        await run.clock.sleep(2)
        assert [c["params"]["market_tickers"] for c in server.socket.commands[asked:]] == [
            ["C"]
        ] * 3

    assert follow(main) == []


def test_a_connection_that_answers_no_command_is_dropped_though_it_pings(follow, server):
    async def main(heard, run, exchange):
        server.answers_commands = False
        await exchange.subscribe(["C"])
        for _ in range(3):
            await run.clock.sleep(9.5)
            await server.socket.ping()
        await run.clock.sleep(2)

    (lost, *_) = events(follow(main), StreamLost)
    assert lost.reason == "3 commands in a row were not answered"
    assert lost.at_us - 1_768_478_400_000_000 <= 32_000_000


def test_fills_missed_in_between_arrive_after_the_connection_is_back(follow, server):
    server.always("GET", "/portfolio/fills", {"fills": [FILL], "cursor": ""})
    server.always("GET", "/portfolio/orders", {"orders": [ORDER], "cursor": ""})

    async def main(heard, run, exchange):
        await server.socket.drop()
        await run.clock.sleep(2)

    heard = follow(main)
    (filled,) = events(heard, OrderFilled)
    (reported,) = events(heard, AccountReported)
    assert (filled.fill.trade_id, filled.fill.client_order_id) == ("t-1", "c-1")
    assert not reported.recovery
    assert kinds(heard).index("StreamRestored") < kinds(heard).index("OrderFilled")
    assert server.asked("GET", "/portfolio/fills")[0].query["min_ts"] == str(1_768_478_400 - 60)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_ends_the_events_with_an_auth_error(trade, server, status):
    server.handshakes.append(status)

    async def main(exchange, run):
        with pytest.raises(AuthError, match="the stream refuses the key") as told:
            async for _ in exchange.events():
                pass

        return told.value, server.elapsed_s()

    error, at_s = trade(main)
    assert (error.status, error.code) == (status, "token_authentication_failure")
    assert at_s == 0


def test_a_key_refused_on_reconnecting_ends_the_events_too(trade, server):
    async def main(exchange, run):
        server.handshakes.append(401)
        await server.socket.drop()
        heard = exchange.events()
        first = await anext(heard)
        with pytest.raises(AuthError):
            await anext(heard)

        return [first]

    assert kinds(trade(main)) == ["StreamLost"]


def test_an_auth_error_leaves_the_exchange_as_itself(trade, server):
    server.handshakes.append(401)

    async def main(exchange, run):
        async for _ in exchange.events():
            pass

    with pytest.raises(ExceptionGroup) as told:  # of the test's own network
        trade(main)

    assert isinstance(told.value.exceptions[0], AuthError)


def test_an_unfollowed_market_is_heard_no_more(follow, server):
    async def main(heard, run, exchange):
        await exchange.unsubscribe(["A"])
        await server.socket.say(server.delta("A"), server.delta("B"))
        await settle(run)

    heard = follow(main)
    assert [event.ticker for event in events(heard, BookChanged)] == ["B"]
    deletes = server.socket.sent("update_subscription")
    assert [p["market_tickers"] for p in deletes if p["action"] == "delete_markets"] == [["A"]] * 3


def test_asking_for_a_market_twice_does_nothing(follow, server):
    async def main(heard, run, exchange):
        before = len(server.socket.commands)
        await exchange.subscribe(["A", "B"])
        await settle(run)
        assert len(server.socket.commands) == before

    assert follow(main) == []


def test_statistics_are_passed_on(follow, server):
    async def main(heard, run, exchange):
        msg = {"market_ticker": "A", "price_dollars": "0.4100", "volume_fp": "12.50"}
        await server.socket.say({"type": "ticker", "sid": server.sid("ticker"), "msg": msg})
        await settle(run)

    ((event,),) = follow(main)
    assert type(event) is QuoteTicked
    assert (event.last_price_e4, event.volume_e2, event.open_interest_e2) == (4_100, 1_250, None)


def test_pings_are_answered_while_nobody_takes_the_events(trade, server):
    async def main(exchange, run):
        await exchange.subscribe(["A"])
        for _ in range(10):
            await run.clock.sleep(10)
            await server.socket.ping(b"heartbeat")
        await settle(run)
        return len(server.socket.pongs), len(server.sockets)

    assert trade(main) == (10, 1)


def test_a_missed_life_cycle_message_has_the_followed_markets_read_again(follow, server):
    grid = [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]
    row = {"event_ticker": "E", "status": "active", "price_ranges": grid}
    server.always("GET", "/markets", {"markets": [{"ticker": t, **row} for t in "ABC"]})
    for ticker in "ABC":
        server.always("GET", f"/markets/{ticker}", {"market": {"ticker": ticker, **row}})

    async def main(heard, run, exchange):
        assert [m.ticker async for m in exchange.markets(MarketQuery())] == ["A", "B", "C"]
        frame = {"type": "market_lifecycle_v2", "sid": server.sid("market_lifecycle_v2")}
        msg = {"market_ticker": "Z", "event_type": "closed"}
        await server.socket.say({**frame, "seq": 1, "msg": msg}, {**frame, "seq": 3, "msg": msg})
        await run.clock.sleep(1)

    heard = follow(main)
    assert [event.market.ticker for event in events(heard, MarketChanged)] == ["A", "B"]
