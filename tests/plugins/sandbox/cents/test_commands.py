"""Subscriptions by channels and markets, and the words for what cannot be done."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.model.events import BookChanged, TradePrinted
from framework.model.units import Side
from framework.testing.builders import NOW_US

HIGHNY = "KXHIGHNY-25JAN09-B56.5"
BTC = "KXBTC-26FEB09-B95000"
FINE = "KXFINE-26FEB09-T1"


class Client:
    """One connection's commands, and what it is told."""

    def __init__(self, door, heard):
        self.door, self.heard = door, heard
        self.listener = door.dialect.listen(heard)

    def do(self, cmd, **params):
        command = {"id": 7, "cmd": cmd, "params": params}
        self.listener.hear(json.dumps(command).encode())
        self.door.venue.flush()
        return self.heard.take()

    def after(self, *events):
        self.door.happen(*events)
        return self.heard.take()


@pytest.fixture
def client(cents, heard):
    return Client(cents, heard)


def change(ticker=HIGHNY):
    return BookChanged(at_us=NOW_US, ticker=ticker, side=Side.YES, price_e4=9100, change_e2=-100)


def trade(ticker=HIGHNY):
    return TradePrinted(
        at_us=NOW_US,
        ticker=ticker,
        trade_id="t",
        yes_price_e4=9100,
        quantity_e2=100,
        taker_side=Side.NO,
    )


def kinds(messages):
    return [(message["type"], message["msg"].get("market_ticker")) for message in messages]


def test_a_second_subscribe_widens_the_first_and_shows_every_named_book_again(client):
    client.do("subscribe", channels=["orderbook_delta"], market_tickers=[HIGHNY])
    again = client.do("subscribe", channels=["orderbook_delta"], market_tickers=[HIGHNY, BTC])
    heard = client.after(change(), change(BTC))

    assert kinds(again)[1:] == [("orderbook_delta", HIGHNY), ("orderbook_delta", BTC)]
    assert kinds(heard) == [("orderbook_delta", HIGHNY), ("orderbook_delta", BTC)]


def test_without_markets_a_channel_is_about_all_of_them(client):
    client.do("subscribe", channels=["trade"], market_tickers=[HIGHNY])
    client.do("subscribe", channels=["trade"])
    client.do("subscribe", channels=["trade"], market_tickers=[BTC])

    assert kinds(client.after(trade(), trade(BTC))) == [("trade", HIGHNY), ("trade", BTC)]


def test_unsubscribing_from_the_last_market_leaves_none(client):
    client.do("subscribe", channels=["trade"], market_tickers=[HIGHNY])
    client.do("unsubscribe", channels=["trade"], market_tickers=[HIGHNY])

    assert client.after(trade(), trade(BTC)) == []


def test_unsubscribing_without_markets_ends_the_channel(client):
    client.do("subscribe", channels=["trade", "ticker"])
    told = client.do("unsubscribe", channels=["trade"])
    again = client.do("unsubscribe", channels=["trade"])

    assert told == [{"type": "unsubscribed", "id": 7, "msg": {"channel": "trade"}}]
    assert again[0]["msg"]["code"] == 6
    assert kinds(client.after(trade())) == [("ticker", HIGHNY)]


@pytest.mark.parametrize(
    ("cmd", "params", "code"),
    [
        ("list", {"channels": ["trade"]}, 5),
        ("subscribe", {}, 3),
        ("subscribe", {"channels": []}, 3),
        ("subscribe", {"channels": ["user_orders"]}, 8),
        ("subscribe", {"channels": ["orderbook_delta"]}, 14),
        ("subscribe", {"channels": ["trade"], "market_tickers": []}, 14),
        ("subscribe", {"channels": ["trade"], "market_tickers": ["KXNONE"]}, 11),
        ("subscribe", {"channels": ["trade"], "market_tickers": [HIGHNY, FINE]}, 11),
        ("unsubscribe", {"channels": ["trade"]}, 6),
        ("unsubscribe", {"channels": ["ticker"], "market_tickers": [HIGHNY, BTC]}, 6),
    ],
)
def test_what_cannot_be_done_changes_nothing(client, cmd, params, code):
    client.do("subscribe", channels=["ticker"], market_tickers=[HIGHNY])
    told = client.do(cmd, **params)

    assert [(one["type"], one["id"], one["msg"]["code"]) for one in told] == [("error", 7, code)]
    assert kinds(client.after(trade(), trade(BTC))) == [("ticker", HIGHNY)]


def test_the_unknown_markets_are_named(client):
    told = client.do("subscribe", channels=["trade"], market_tickers=[HIGHNY, FINE, "KXNONE"])

    assert told[0]["msg"]["market_tickers"] == [FINE, "KXNONE"]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff", b'{"id":"1"}', b'{"params":3}'])
def test_what_is_no_command_is_an_error(client, text):
    client.listener.hear(text)

    assert [one["msg"]["code"] for one in client.heard.take()] == [1]


def test_a_command_without_params_says_so(client):
    client.listener.hear(b'{"id":1,"cmd":"subscribe"}')

    assert [one["msg"]["code"] for one in client.heard.take()] == [2]


CHANNELS = ["orderbook_delta", "ticker", "trade", "fill", "order_update", "none"]
COMMANDS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.integers(),
        "cmd": st.sampled_from(["subscribe", "unsubscribe", "other"]),
        "params": st.fixed_dictionaries(
            {},
            optional={
                "channels": st.lists(st.sampled_from(CHANNELS), max_size=3),
                "market_tickers": st.none()
                | st.lists(st.sampled_from([HIGHNY, BTC, FINE, "X"]), max_size=3),
            },
        ),
    },
)


@given(commands=st.lists(COMMANDS, max_size=10))
def test_any_commands_are_answered_and_nothing_is_left_behind(shared_door, commands):
    client = Client(shared_door, shared_door.heard)
    for command in commands:
        client.listener.hear(json.dumps(command).encode())
        replies = [one for one in client.heard.take() if one["type"] != "orderbook_delta"]
        assert replies
    client.listener.leave()
    shared_door.happen(change(), trade())

    assert client.heard.take() == []
