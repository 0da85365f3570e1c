"""The founding document against the server, in bytes: each of its JSON blocks is here.

Where the document shows three dots, only the fields that it names are compared.
"""

import json

import pytest

from framework.clock import run_virtual
from framework.model.events import BookReplaced, TradePrinted
from framework.model.units import Side
from framework.testing.builders import NOW_US

TICKER = "KXHIGHNY-25JAN09-B56.5"

SUBSCRIBE = """{
  "id": 1,
  "cmd": "subscribe",
  "params": {
    "channels": ["orderbook_delta", "ticker", "trade"],
    "market_tickers": ["KXHIGHNY-25JAN09-B56.5", "KXBTC-26FEB09-B95000"]
  }
}"""

UNSUBSCRIBE = """{
  "id": 2,
  "cmd": "unsubscribe",
  "params": {
    "channels": ["ticker"],
    "market_tickers": ["KXHIGHNY-25JAN09-B56.5"]
  }
}"""

TICKER_UPDATE = """{
  "type": "ticker",
  "msg": {
    "market_ticker": "KXHIGHNY-25JAN09-B56.5",
    "yes_price": 92,
    "yes_bid": 91,
    "yes_ask": 93,
    "volume": 15000,
    "open_interest": 8500
  }
}"""

BOOK = """{
  "type": "orderbook_delta",
  "msg": {
    "market_ticker": "KXHIGHNY-25JAN09-B56.5",
    "yes": [[91, 250], [90, 500]],
    "no": [[9, 150], [10, 300]]
  }
}"""

TRADE = """{
  "type": "trade",
  "msg": {
    "market_ticker": "KXHIGHNY-25JAN09-B56.5",
    "yes_price": 92,
    "count": 50,
    "taker_side": "yes",
    "ts": 1234567890000
  }
}"""

FILL = """{
  "type": "fill",
  "msg": {
    "order_id": "abc-123",
    "market_ticker": "KXHIGHNY-25JAN09-B56.5",
    "yes_price": 92,
    "count": 10,
    "side": "yes",
    "is_taker": true
  }
}"""

ORDER_UPDATE = """{
  "type": "order_update",
  "msg": {
    "order_id": "abc-123",
    "market_ticker": "KXHIGHNY-25JAN09-B56.5",
    "status": "resting",
    "remaining_count": 90
  }
}"""

MARKET = """{
  "market": {
    "ticker": "KXHIGHNY-25JAN09-B56.5",
    "event_ticker": "KXHIGHNY-25JAN09",
    "series_ticker": "KXHIGHNY",
    "subtitle": "...",
    "yes_bid": 91,
    "yes_ask": 93,
    "volume": 15000
  }
}"""

CREATE = """{
  "ticker": "KXHIGHNY-25JAN09-B56.5",
  "side": "yes",
  "type": "limit",
  "count": 100,
  "yes_price": 92
}"""


def named(shown, given):
    """Return the part of a body that the document names."""
    if not isinstance(shown, dict):
        return given
    return {name: named(shown[name], given[name]) for name in shown}


async def subscribed(client, *channels, ticker=TICKER):
    await client.upgrade()
    for channel in channels:
        params = {"channels": [channel], "market_tickers": [ticker]}
        await client.say(json.dumps({"id": 1, "cmd": "subscribe", "params": params}))
        assert (await client.hear())["type"] == "subscribed"


# ------------------------------------------------------------------------------- WebSocket


async def test_subscribe_is_answered_channel_by_channel_and_shows_the_books(cents, connect):
    async with connect(cents) as client:
        status = await client.upgrade()
        await client.say(SUBSCRIBE)
        told = [await client.hear() for _ in range(5)]

    assert status == 101
    assert [(one["type"], one["msg"].get("channel")) for one in told] == [
        ("subscribed", "orderbook_delta"),
        ("orderbook_delta", None),
        ("orderbook_delta", None),
        ("subscribed", "ticker"),
        ("subscribed", "trade"),
    ]
    assert [one["id"] for one in told if one["type"] == "subscribed"] == [1, 1, 1]
    assert told[1]["msg"] == {
        "market_ticker": TICKER,
        "yes": [[91, 250], [90, 500]],
        "no": [[6, 300], [7, 150]],
    }
    assert told[2]["msg"]["market_ticker"] == "KXBTC-26FEB09-B95000"


async def test_unsubscribe_names_channels_and_markets(cents, connect, founding_world):
    quoted = founding_world.script[-1]
    async with connect(cents) as client:
        await client.upgrade()
        await client.say(SUBSCRIBE)
        for _ in range(5):
            await client.hear()
        await client.say(UNSUBSCRIBE)
        answered = await client.hear()
        cents.happen(quoted)
        cents.happen(printed(1_234_567_890_000_000))
        heard = [await client.hear()]

    assert answered == {
        "type": "unsubscribed",
        "id": 2,
        "msg": {"channel": "ticker", "market_tickers": [TICKER]},
    }
    assert [one["type"] for one in heard] == ["trade"]


async def test_the_ticker_message_is_as_shown(cents, connect, founding_world):
    async with connect(cents) as client:
        await subscribed(client, "ticker")
        cents.happen(founding_world.script[-1])

        assert await client.hear() == json.loads(TICKER_UPDATE)


async def test_the_ladders_are_as_shown(cents, connect, crossed):
    async with connect(cents) as client:
        await subscribed(client, "orderbook_delta")
        await client.hear()
        cents.happen(crossed)

        assert await client.hear() == json.loads(BOOK)


def printed(at_us):
    return TradePrinted(
        at_us=NOW_US,
        ticker=TICKER,
        trade_id="t",
        yes_price_e4=9200,
        quantity_e2=5_000,
        taker_side=Side.YES,
        exchange_us=at_us,
    )


async def test_the_trade_message_is_as_shown(cents, connect):
    async with connect(cents) as client:
        await subscribed(client, "trade")
        cents.happen(printed(1_234_567_890_000_000))

        assert await client.hear() == json.loads(TRADE)


def offer(cents, yes_ask_e4, quantity_e2):
    cents.happen(
        BookReplaced(at_us=NOW_US, ticker=TICKER, yes=(), no=((10_000 - yes_ask_e4, quantity_e2),))
    )


async def test_own_orders_and_fills_are_as_shown(cents, connect):
    offer(cents, 9200, 1_000)
    async with connect(cents) as stream, connect(cents) as client:
        await subscribed(stream, "fill", "order_update")
        status, _, body = await client.ask("POST /portfolio/orders", CREATE)
        fill, update = await stream.hear(), await stream.hear()
    order_id = json.loads(body)["order"]["order_id"]
    shown_fill, shown_update = json.loads(FILL), json.loads(ORDER_UPDATE)
    shown_fill["msg"]["order_id"] = shown_update["msg"]["order_id"] = order_id

    assert status == 201
    assert named(shown_fill, fill) == shown_fill
    assert update == shown_update


def test_a_heartbeat_comes_every_ten_seconds(cents, connect):
    async def main(clock):
        async with connect(cents) as client:
            await client.upgrade()
            started = clock.now_us()
            return [(await client.frame(), clock.now_us() - started) for _ in range(2)]

    assert run_virtual(main) == [
        ((9, b"heartbeat"), 10_000_000),
        ((9, b"heartbeat"), 20_000_000),
    ]


async def test_the_stream_is_for_those_who_sign(cents, connect):
    async with connect(cents) as client:
        assert await client.upgrade(signed=False) == 401


# ------------------------------------------------------------------------------ market data


async def test_markets_come_in_pages(cents, connect):
    async with connect(cents) as client:
        _, _, first = await client.ask("GET /markets?status=open&limit=1")
        cursor = json.loads(first)["cursor"]
        _, _, second = await client.ask(f"GET /markets?status=open&cursor={cursor}&limit=1")
    pages = [json.loads(first), json.loads(second)]

    assert [set(page) for page in pages] == [{"markets", "cursor"}] * 2
    assert [[market["ticker"] for market in page["markets"]] for page in pages] == [
        [TICKER],
        ["KXBTC-26FEB09-B95000"],
    ]
    assert pages[1]["cursor"] == ""


async def test_the_order_book_has_both_sides_in_cents(cents, connect):
    async with connect(cents) as client:
        status, _, body = await client.ask(f"GET /markets/{TICKER}/orderbook")
    book = json.loads(body)["orderbook"]

    assert status == 200
    assert (book["yes"], book["no"]) == ([[90, 500], [91, 250]], [[6, 300], [7, 150]])


async def test_a_market_has_the_fields_that_are_shown(cents, connect):
    shown = json.loads(MARKET)
    async with connect(cents) as client:
        _, _, body = await client.ask(f"GET /markets/{TICKER}")
    given = named(shown, json.loads(body))
    shown["market"]["subtitle"] = given["market"]["subtitle"]

    assert given == shown


# ---------------------------------------------------------------------------------- orders


async def test_an_order_is_created_read_listed_and_canceled(cents, connect):
    async with connect(cents) as client:
        created, _, body = await client.ask("POST /portfolio/orders", CREATE)
        order = json.loads(body)["order"]
        _, _, one = await client.ask(f"GET /portfolio/orders/{order['order_id']}")
        _, _, resting = await client.ask("GET /portfolio/orders?status=resting")
        canceled, head, nothing = await client.ask(f"DELETE /portfolio/orders/{order['order_id']}")
        _, _, after = await client.ask(f"GET /portfolio/orders/{order['order_id']}")
        _, _, none = await client.ask("GET /portfolio/orders?status=resting")

    assert created == 201
    assert {name: order[name] for name in json.loads(CREATE) if name != "count"} == {
        "ticker": TICKER,
        "side": "yes",
        "type": "limit",
        "yes_price": 92,
    }
    assert (order["initial_count"], order["remaining_count"]) == (100, 100)
    assert json.loads(one) == {"order": order}
    assert json.loads(one)["order"]["status"] == "resting"
    assert json.loads(resting) == {"orders": [order], "cursor": ""}
    assert (canceled, nothing, head.get("content-length")) == (204, b"", None)
    assert json.loads(after)["order"]["status"] == "canceled"
    assert json.loads(none) == {"orders": [], "cursor": ""}


async def test_an_order_that_meets_its_price_is_executed(cents, connect):
    offer(cents, 9200, 10_000)
    async with connect(cents) as client:
        _, _, body = await client.ask("POST /portfolio/orders", CREATE)

    assert json.loads(body)["order"]["status"] == "executed"


async def test_the_balance_is_in_cents(cents, connect):
    cents.venue.exchange._accounts.shard(0).cash_e6 = 100_000_000
    async with connect(cents) as client:
        _, _, body = await client.ask("GET /portfolio/balance")

    assert named(json.loads('{ "balance": 10000 }'), json.loads(body)) == {"balance": 10000}


# ------------------------------------------------------------------- limits and the error table


async def test_twenty_reads_a_second_and_apart_from_them_ten_writes(open_cents, connect):
    cents = open_cents(rate_limits=True)
    async with connect(cents) as client:
        reads = [(await client.ask("GET /portfolio/balance"))[0] for _ in range(21)]
        writes = [(await client.ask("DELETE /portfolio/orders/none"))[0] for _ in range(11)]
        cents.time.pass_seconds(1)
        again = [(await client.ask("GET /portfolio/balance"))[0] for _ in range(21)]

    assert reads == again == [200] * 20 + [429]
    assert writes == [404] * 10 + [429]


@pytest.mark.parametrize(
    ("line", "body", "status"),
    [
        ("POST /portfolio/orders", CREATE.replace("92", "100"), 400),
        ("GET /portfolio/summary/total_resting_order_value", "", 403),
        ("GET /markets/KXNONE", "", 404),
        ("GET /portfolio/orders/none", "", 404),
        ("DELETE /portfolio/orders/none", "", 404),
    ],
)
async def test_errors_have_the_statuses_of_the_table(cents, connect, line, body, status):
    async with connect(cents) as client:
        answered, _, told = await client.ask(line, body)

    assert answered == status
    assert json.loads(told)["error"]["code"]


async def test_a_request_that_is_not_signed_is_unauthorized(cents, connect):
    cents.keys = type(cents.keys)(
        key_id="00000000-0000-0000-0000-000000000000",
        private_pem=cents.keys.private_pem,
        public=cents.keys.public,
    )
    async with connect(cents) as client:
        assert (await client.ask("GET /portfolio/balance"))[0] == 401
