import json

import pytest

from plugins.kalshi.codec import Refused, Subscribed, Unsubscribed, Updated
from plugins.kalshi.stream.subscriptions import NEVER_US, Subscriptions

SECOND = 1_000_000
ALL = ("fill", "user_orders", "market_lifecycle_v2", "orderbook_delta", "ticker", "trade")
SIDS = {name: sid for sid, name in enumerate(ALL, 1)}


@pytest.fixture
def subscriptions(codec):
    return Subscriptions(codec)


def asked(subscriptions, now_us=0):
    return [json.loads(command) for command in subscriptions.commands(now_us)]


def briefly(commands):
    return [
        (c["cmd"], c["params"].get("action"), tuple(c["params"].get("market_tickers", ())))
        for c in commands
    ]


def confirm(subscriptions, commands, now_us=0):
    """Answer subscribe and update commands as the exchange does."""
    for command in commands:
        params = command["params"]
        if command["cmd"] == "subscribe":
            (name,) = params["channels"]
            subscriptions.subscribed(Subscribed(SIDS[name], None, command["id"], name), now_us)
        elif params.get("action") in {"add_markets", "delete_markets"}:
            (sid,) = params["sids"]
            subscriptions.updated(Updated(sid, 1, command["id"], None), now_us)


def settle(subscriptions, now_us=0):
    """Bring everything wanted to be confirmed, books included."""
    while commands := asked(subscriptions, now_us):
        confirm(subscriptions, commands, now_us)
        for ticker in subscriptions.followed():
            subscriptions.awaiting.pop(ticker, None)


def test_every_channel_is_asked_for_by_itself(subscriptions):
    subscriptions.want(["A"])

    commands = asked(subscriptions)

    assert [command["params"]["channels"] for command in commands] == [[name] for name in ALL]
    assert [command["id"] for command in commands] == [1, 2, 3, 4, 5, 6]


def test_account_channels_name_no_market_and_market_channels_do(subscriptions):
    subscriptions.want(["B", "A"])

    tickers = [command["params"].get("market_tickers") for command in asked(subscriptions)]

    assert tickers == [None, None, None, ["B", "A"], ["B", "A"], ["B", "A"]]


def test_without_a_wanted_market_no_market_channel_is_opened(subscriptions):
    channels = [command["params"]["channels"] for command in asked(subscriptions)]

    assert channels == [[name] for name in ALL[:3]]


def test_nothing_is_asked_twice_while_an_answer_may_come(subscriptions):
    subscriptions.want(["A"])
    asked(subscriptions)

    assert asked(subscriptions, 9 * SECOND) == []


def test_an_unanswered_command_is_asked_again(subscriptions):
    subscriptions.want(["A"])
    first = asked(subscriptions)

    again = asked(subscriptions, 10 * SECOND)

    assert briefly(again) == briefly(first)


def test_a_confirmed_subscription_is_left_alone(subscriptions):
    subscriptions.want(["A"])
    settle(subscriptions)

    assert subscriptions.ready
    assert asked(subscriptions, 3_600 * SECOND) == []
    assert subscriptions.due_us == NEVER_US


def test_a_new_market_is_added_to_each_open_channel(subscriptions):
    subscriptions.want(["A"])
    settle(subscriptions)

    subscriptions.want(["A", "B"])

    assert subscriptions.due_us == 0
    assert briefly(asked(subscriptions)) == [("update_subscription", "add_markets", ("B",))] * 3


def test_a_dropped_market_is_deleted_from_each_channel(subscriptions):
    subscriptions.want(["A", "B"])
    settle(subscriptions)

    subscriptions.drop(["A"])

    commands = asked(subscriptions)
    assert briefly(commands) == [("update_subscription", "delete_markets", ("A",))] * 3
    confirm(subscriptions, commands)
    assert subscriptions.followed() == ("B",)


def test_the_last_dropped_market_closes_the_channels(subscriptions):
    subscriptions.want(["A"])
    settle(subscriptions)
    subscriptions.drop(["A"])

    commands = asked(subscriptions)

    assert [c["params"] for c in commands] == [{"sids": [sid]} for sid in (4, 5, 6)]
    for sid in (4, 5, 6):
        subscriptions.unsubscribed(Unsubscribed(sid, 9, None), 0)
    assert asked(subscriptions) == []


def test_a_market_wanted_again_while_its_delete_is_under_way_comes_back(subscriptions):
    subscriptions.want(["A", "B"])
    settle(subscriptions)
    subscriptions.drop(["A"])
    deletes = asked(subscriptions)
    subscriptions.want(["A"])

    confirm(subscriptions, deletes)

    assert briefly(asked(subscriptions)) == [("update_subscription", "add_markets", ("A",))] * 3


def test_the_list_in_a_reply_is_the_truth(subscriptions):
    subscriptions.want(["A", "B"])
    settle(subscriptions)

    subscriptions.updated(Updated(SIDS["orderbook_delta"], 5, None, ("A",)), 0)

    assert briefly(asked(subscriptions)) == [("update_subscription", "add_markets", ("B",))]


def test_many_markets_are_asked_for_in_parts(subscriptions):
    tickers = [f"M-{number}" for number in range(1_200)]
    subscriptions.want(tickers)

    first = asked(subscriptions)
    assert len(first[-1]["params"]["market_tickers"]) == 500
    settle(subscriptions, 10 * SECOND)

    assert subscriptions.followed() == tuple(tickers)
    assert subscriptions.ready


def test_a_refused_market_is_asked_for_again_later_and_alone(subscriptions):
    subscriptions.want(["A", "B"])
    commands = asked(subscriptions)
    confirm(subscriptions, commands[:3] + commands[4:])

    dark = subscriptions.refused(Refused(None, None, commands[3]["id"], 26, "limit", ("B",)), 0)

    assert dark == ("B",)
    assert briefly(asked(subscriptions)) == [("subscribe", None, ("A",))]
    assert not subscriptions.ready
    confirm(subscriptions, asked(subscriptions, 10 * SECOND), 10 * SECOND)
    settle(subscriptions, 20 * SECOND)
    assert subscriptions.followed() == ("A", "B")


def test_a_refused_channel_does_not_hold_up_the_others(subscriptions):
    commands = asked(subscriptions)
    confirm(subscriptions, commands[1:])

    subscriptions.refused(Refused(None, None, commands[0]["id"], 8, "unknown channel", ()), 0)

    assert subscriptions.ready
    assert asked(subscriptions, 4 * SECOND) == []
    assert [c["params"]["channels"] for c in asked(subscriptions, 5 * SECOND)] == [["fill"]]


@pytest.mark.parametrize("code", [10, 25])
def test_a_dead_subscription_is_opened_again_and_its_books_are_dark(subscriptions, code):
    subscriptions.want(["A", "B"])
    settle(subscriptions)

    dark = subscriptions.refused(Refused(4, 9, None, code, "dead", ()), 0)

    assert dark == ("A", "B")
    assert briefly(asked(subscriptions)) == [("subscribe", None, ("A", "B"))]


def test_a_dead_trade_channel_leaves_the_books_alone(subscriptions):
    subscriptions.want(["A"])
    settle(subscriptions)

    assert subscriptions.refused(Refused(SIDS["trade"], None, None, 25, "", ()), 0) == ()
    assert briefly(asked(subscriptions)) == [("subscribe", None, ("A",))]


def test_a_number_the_exchange_does_not_know_is_given_up(subscriptions):
    subscriptions.want(["A"])
    settle(subscriptions)
    subscriptions.want(["B"])
    commands = asked(subscriptions)

    subscriptions.refused(Refused(None, None, commands[0]["id"], 7, "unknown sid", ()), 0)

    assert briefly(asked(subscriptions)) == [("subscribe", None, ("A", "B"))]


def test_lost_books_are_asked_for_at_once_and_again_if_they_do_not_come(subscriptions):
    subscriptions.want(["A", "B"])
    settle(subscriptions)

    assert subscriptions.lose(["A", "B", "unwanted"], 0) == ("A", "B")
    assert subscriptions.lose(["A"], 0) == ()

    snapshot = [("update_subscription", "get_snapshot", ("A", "B"))]
    assert briefly(asked(subscriptions)) == snapshot
    assert asked(subscriptions, 9 * SECOND) == []
    assert briefly(asked(subscriptions, 10 * SECOND)) == snapshot


def test_a_book_that_does_not_come_by_itself_is_asked_for(subscriptions):
    subscriptions.want(["A"])
    confirm(subscriptions, asked(subscriptions))

    assert asked(subscriptions, 9 * SECOND) == []
    assert briefly(asked(subscriptions, 10 * SECOND)) == [
        ("update_subscription", "get_snapshot", ("A",))
    ]


def test_a_new_connection_confirms_nothing_and_wants_the_same(subscriptions):
    subscriptions.want(["A"])
    settle(subscriptions)

    subscriptions.reset()

    commands = asked(subscriptions)
    assert [command["id"] for command in commands] == [1, 2, 3, 4, 5, 6]
    assert list(subscriptions.awaiting) == ["A"]


def test_a_subscription_number_tells_its_channel(subscriptions):
    settle(subscriptions)

    assert subscriptions.name_of(1) == "fill"
    assert subscriptions.name_of(99) is None
    assert subscriptions.name_of(None) is None


def test_a_market_added_without_an_answer_and_no_longer_wanted_is_taken_away(subscriptions):
    subscriptions.want(["A"])
    settle(subscriptions)
    subscriptions.want(["B"])
    asked(subscriptions)
    subscriptions.drop(["B"])

    later = asked(subscriptions, 10 * SECOND)

    assert briefly(later) == [("update_subscription", "delete_markets", ("B",))] * 3


def test_a_market_whose_removal_was_not_answered_is_added_again(subscriptions):
    subscriptions.want(["A", "B"])
    settle(subscriptions)
    subscriptions.drop(["B"])
    asked(subscriptions)
    subscriptions.want(["B"])

    assert not subscriptions.takes("B", is_reply=True)
    later = asked(subscriptions, 10 * SECOND)
    assert briefly(later) == [("update_subscription", "add_markets", ("B",))] * 3


def test_a_channel_that_is_being_left_is_left_before_it_is_opened_again(subscriptions):
    subscriptions.want(["A"])
    settle(subscriptions)
    subscriptions.drop(["A"])
    asked(subscriptions)
    subscriptions.want(["A"])

    assert not subscriptions.takes("A", is_reply=False)
    assert [c["cmd"] for c in asked(subscriptions, 10 * SECOND)] == ["unsubscribe"] * 3
    for sid in (4, 5, 6):
        subscriptions.unsubscribed(Unsubscribed(sid, None, None), 0)
    assert [c["cmd"] for c in asked(subscriptions, 10 * SECOND)] == ["subscribe"] * 3


def test_a_snapshot_refused_for_an_unknown_number_opens_the_channel_anew(subscriptions):
    subscriptions.want(["A"])
    settle(subscriptions)
    subscriptions.lose(["A"], 0)
    (look,) = asked(subscriptions)

    subscriptions.refused(Refused(None, None, look["id"], 7, "unknown sid", ()), 0)

    assert briefly(asked(subscriptions)) == [("subscribe", None, ("A",))]


def test_an_old_answer_does_not_bring_an_old_number_back(subscriptions):
    subscriptions.want(["A"])
    settle(subscriptions)

    assert subscriptions.subscribed(Subscribed(99, None, 4, "orderbook_delta"), 0) == ()

    assert subscriptions.book_sid == SIDS["orderbook_delta"]
