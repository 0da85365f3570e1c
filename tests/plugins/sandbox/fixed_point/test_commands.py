"""What may be asked on the WebSocket, and the exchange's error codes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.model.events import TradePrinted
from framework.testing.builders import NOW_US
from plugins.sandbox.channels import Feed, StreamLimits
from plugins.sandbox.fixed_point.commands import Subscriber
from plugins.sandbox.wire import market_id


class Heard:
    """An outbox that a test reads."""

    full = False

    def __init__(self):
        self.frames = []

    def push(self, text):
        frame = msgspec.json.decode(text)
        self.sent_ms = frame.pop("sending_ts_ms")
        self.frames.append(frame)

    def take(self):
        taken, self.frames = self.frames, []
        return taken


@pytest.fixture
def outbox():
    return Heard()


@pytest.fixture
def subscriber(door, outbox):
    return Subscriber(door.venue.feed, outbox)


@pytest.fixture
def say(subscriber, outbox):
    def said(cmd, reply_to=7, **params):
        subscriber.hear(msgspec.json.encode({"id": reply_to, "cmd": cmd, "params": params}))
        return outbox.take()

    return said


TRADES = [
    TradePrinted(
        at_us=NOW_US,
        ticker=ticker,
        trade_id=ticker,
        yes_price_e4=500,
        quantity_e2=100,
        taker_side=None,
    )
    for ticker in ("KXT-E-A", "KXT-E-B")
]
BOOKS = {"channels": ["orderbook_delta"], "market_tickers": ["KXT-E-A"]}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", 1),
        (b"{", 1),
        (b"[]", 1),
        (b'{"id":"one"}', 1),
        (b'{"id":1,"cmd":"subscribe","params":{"channels":"trade"}}', 1),
        (b'{"id":1}', 5),
        (b'{"id":1,"cmd":"dance","params":{}}', 5),
        (b'{"id":1,"cmd":"subscribe"}', 2),
        (b'{"id":1,"cmd":"subscribe","params":{}}', 3),
        (b'{"id":1,"cmd":"subscribe","params":{"channels":[]}}', 3),
        (b'{"id":1,"cmd":"subscribe","params":{"channels":["order_update"]}}', 8),
        (b'{"id":1,"cmd":"subscribe","params":{"channels":["orderbook_delta"]}}', 14),
        (
            b'{"cmd":"subscribe","params":{"channels":["fill"],"market_ticker":"A","market_tickers":[]}}',
            11,
        ),
        (b'{"id":1,"cmd":"unsubscribe","params":{}}', 4),
        (b'{"id":1,"cmd":"unsubscribe","params":{"channels":["trade"]}}', 4),
        (b'{"id":1,"cmd":"unsubscribe","params":{"sids":[9]}}', 7),
        (b'{"id":1,"cmd":"update_subscription","params":{}}', 12),
        (b'{"id":1,"cmd":"update_subscription","params":{"sids":[1,2]}}', 12),
        (b'{"id":1,"cmd":"update_subscription","params":{"sid":9}}', 7),
    ],
)
def test_a_wrong_command_gets_its_code(subscriber, outbox, text, code):
    subscriber.hear(text)
    frames = outbox.take()

    assert [(frame["type"], frame["msg"]["code"]) for frame in frames] == [("error", code)]


def test_an_error_names_the_markets_it_does_not_know(say):
    frames = say("subscribe", channels=["orderbook_delta"], market_tickers=["KXT-E-A", "NONE"])

    assert frames[0]["msg"] == {"code": 11, "msg": "Invalid parameter", "market_tickers": ["NONE"]}
    assert frames[0]["id"] == 7


def test_an_id_of_zero_is_no_id(say):
    assert "id" not in say("subscribe", reply_to=0, channels=["trade"])[0]


def test_every_channel_gets_its_own_sid(say):
    frames = say("subscribe", channels=["trade", "fill", "user_orders"])

    assert [frame["msg"] for frame in frames] == [
        {"channel": "trade", "sid": 1},
        {"channel": "fill", "sid": 2},
        {"channel": "user_orders", "sid": 3},
    ]


def test_a_second_subscribe_is_merged_and_shows_only_what_is_new(say):
    say("subscribe", **BOOKS)
    frames = say("subscribe", channels=["orderbook_delta"], market_tickers=["KXT-E-A", "KXT-E-B"])

    assert frames[0]["msg"] == {"channel": "orderbook_delta", "sid": 1}
    assert [(frame["seq"], frame["msg"]["market_ticker"]) for frame in frames[1:]] == [
        (2, "KXT-E-B")
    ]


def test_the_same_subscribe_twice_brings_no_second_snapshot(say):
    say("subscribe", **BOOKS)

    assert [frame["type"] for frame in say("subscribe", **BOOKS)] == ["subscribed"]


def test_markets_are_added_with_a_numbered_reply_before_their_snapshot(say):
    say("subscribe", **BOOKS)
    frames = say("update_subscription", sid=1, action="add_markets", market_ticker="KXT-E-B")

    assert frames[0] == {
        "type": "ok",
        "id": 7,
        "sid": 1,
        "seq": 2,
        "msg": {"market_tickers": ["KXT-E-A", "KXT-E-B"]},
    }
    assert (frames[1]["type"], frames[1]["seq"]) == ("orderbook_snapshot", 3)


def test_deleted_markets_fall_silent(door, say, outbox):
    say("subscribe", channels=["trade"], market_tickers=["KXT-E-A", "KXT-E-B"])
    frames = say("update_subscription", sids=[1], action="delete_markets", market_ticker="KXT-E-A")
    door.happen(*TRADES)

    assert frames[0]["msg"] == {"market_tickers": ["KXT-E-B"]}
    assert [frame["msg"]["market_ticker"] for frame in outbox.take()] == ["KXT-E-B"]


def test_a_snapshot_can_be_asked_for_again(say):
    say("subscribe", **BOOKS)
    frames = say("update_subscription", sid=1, action="get_snapshot", market_tickers=["KXT-E-A"])

    assert [(frame["type"], frame["id"], frame["seq"]) for frame in frames] == [
        ("orderbook_snapshot", 7, 2)
    ]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"sid": 1}, 15),
        ({"sid": 1, "action": "dance"}, 13),
        ({"sid": 1, "action": "add_markets"}, 14),
        ({"sid": 1, "action": "get_snapshot", "market_ticker": "KXT-E-B"}, 11),
        ({"sid": 2, "action": "get_snapshot", "market_ticker": "KXT-E-A"}, 13),
        ({"sid": 2, "action": "add_markets", "market_ticker": "KXT-E-A"}, 13),
    ],
)
def test_a_wrong_update_gets_its_code(say, params, code):
    say("subscribe", **BOOKS)
    say("subscribe", channels=["trade"])

    assert say("update_subscription", **params)[0]["msg"]["code"] == code


def test_unsubscribing_ends_with_a_numbered_reply(say):
    say("subscribe", **BOOKS)

    assert say("unsubscribe", sids=[1]) == [{"type": "unsubscribed", "id": 7, "sid": 1, "seq": 2}]
    assert say("unsubscribe", sids=[1])[0]["msg"]["code"] == 7


def test_subscriptions_can_be_listed(say):
    say("subscribe", **BOOKS)
    say("subscribe", channels=["fill"])

    assert say("list_subscriptions") == [
        {
            "type": "ok",
            "id": 7,
            "msg": [{"channel": "orderbook_delta", "sid": 1}, {"channel": "fill", "sid": 2}],
        }
    ]


def test_the_confirmation_of_many_tickers_can_be_left_out(say):
    say("subscribe", channels=["ticker"], market_ticker="KXT-E-A")
    frames = say(
        "update_subscription",
        sid=1,
        action="add_markets",
        market_ticker="KXT-E-B",
        skip_ticker_ack=True,
    )

    assert frames == [{"type": "ok", "id": 7, "sid": 1, "seq": 1}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
SIDS = st.lists(st.integers(0, 4), max_size=3)
NAMES = st.sampled_from(["orderbook_delta", "ticker", "trade", "fill", "market_lifecycle_v2", "x"])
TICKERS = st.sampled_from(["KXT-E-A", "KXT-E-B", "KXT-F-D", "NONE"])
PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "channels": st.lists(NAMES, max_size=3),
        "market_ticker": TICKERS,
        "market_tickers": st.lists(TICKERS, max_size=3),
        "sid": st.integers(0, 4),
        "sids": SIDS,
        "action": st.sampled_from(["add_markets", "delete_markets", "get_snapshot", "x"]),
        "use_yes_price": st.booleans(),
    },
)
COMMANDS = st.fixed_dictionaries(
    {
        "id": st.integers(0, 99),
        "cmd": st.sampled_from(
            ["subscribe", "unsubscribe", "update_subscription", "list_subscriptions"]
        ),
        "params": PARAMS,
    }
)


@given(commands=st.lists(COMMANDS | JSON, max_size=12))
def test_any_commands_get_replies_and_unbroken_numbers(shared_door, commands):
    outbox = Heard()
    subscriber = Subscriber(shared_door.venue.feed, outbox)
    for command in commands:
        subscriber.hear(msgspec.json.encode(command))
    subscriber.leave()
    last: dict[int, int] = {}
    for frame in outbox.frames:
        if "seq" in frame:
            assert frame["seq"] == last.get(frame["sid"], 0) + 1
            last[frame["sid"]] = frame["seq"]

    assert shared_door.venue.feed.audience.deserted


def test_every_message_says_when_it_was_sent(door, outbox, say):
    door.time.pass_seconds(5)
    door.venue.present()
    say("list_subscriptions")

    assert outbox.sent_ms == NOW_US // 1_000 + 5_000


# ------------------------------------------------------------------------------ market ids


def test_statistics_may_be_asked_for_by_id(say):
    first, second = (market_id(ticker) for ticker in ("KXT-E-A", "KXT-E-B"))
    say("subscribe", channels=["ticker"], market_id=first)
    (changed,) = say("update_subscription", sid=1, action="add_markets", market_ids=[second])

    assert changed["msg"] == {"market_ids": [first, second]}


@pytest.mark.parametrize(
    "params",
    [
        {"channels": ["orderbook_delta"], "market_id": "KXT-E-A"},
        {"channels": ["ticker", "trade"], "market_ids": ["KXT-E-A"]},
        {"channels": ["ticker"], "market_ids": ["nobody"]},
        {"channels": ["ticker"], "market_id": "a", "market_tickers": ["KXT-E-A"]},
    ],
)
def test_an_id_elsewhere_or_unknown_is_invalid(say, params):
    (answer,) = say("subscribe", **params)

    assert (answer["type"], answer["msg"]["code"]) == ("error", 11)


# ---------------------------------------------------------------------------------- limits


@pytest.fixture
def narrow(door, outbox):
    """Return a way to speak where one market a subscription and three commands are allowed."""
    feed = Feed(door.venue.exchange, StreamLimits(markets=1, commands=3))
    subscriber = Subscriber(feed, outbox)

    def said(cmd, **params):
        subscriber.hear(msgspec.json.encode({"id": 7, "cmd": cmd, "params": params}))
        return outbox.take()

    return said


@pytest.mark.parametrize("way", ["at once", "merged", "added"])
def test_a_subscription_has_room_for_so_many_markets(narrow, way):
    both = ["KXT-E-A", "KXT-E-B"]
    if way == "at once":
        answer = narrow("subscribe", channels=["trade"], market_tickers=both)
    elif way == "merged":
        narrow("subscribe", channels=["trade"], market_ticker=both[0])
        answer = narrow("subscribe", channels=["trade"], market_ticker=both[1])
    else:
        narrow("subscribe", channels=["trade"], market_ticker=both[0])
        answer = narrow("update_subscription", sid=1, action="add_markets", market_ticker=both[1])

    assert [frame["msg"]["code"] for frame in answer] == [26]
    again = narrow("subscribe", channels=["trade"], market_ticker=both[0])
    assert again[0]["type"] == "subscribed"


def test_commands_beyond_the_limit_of_a_second_are_not_done(door, narrow):
    answers = [narrow("list_subscriptions")[0] for _ in range(4)]

    assert [answer["type"] for answer in answers] == ["ok", "ok", "ok", "error"]
    assert answers[3]["msg"]["code"] == 27
    door.time.pass_seconds(1)
    door.venue.present()
    assert narrow("list_subscriptions")[0]["type"] == "ok"
