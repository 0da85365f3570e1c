"""Faults of the server's side: each goes wrong as it is told, and the same seed the same way."""

from random import Random  # noqa: TID251 - what a run hands in

import msgspec
import pytest
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import CloseConnection, TextMessage

from framework.model.events import BookChanged
from framework.model.units import Side
from framework.testing.builders import NOW_US
from plugins.sandbox.faults import Faults
from plugins.sandbox.fixed_point.commands import Subscriber
from plugins.sandbox.framing import framed
from plugins.sandbox.request import Reply


@pytest.fixture
def faulty(open_door):
    """Return a way to open the small world with faults."""

    def opened(seed=1, **faults):
        return open_door(faults=Faults.model_validate(faults), rng=Random(seed))

    return opened


# -------------------------------------------------------------------------------- requests


def test_a_throttled_create_places_nothing_and_other_requests_pass(faulty):
    door = faulty(throttled={"create": 1})

    assert door.create() == (429, {"error": "too many requests"})
    assert not door.venue.exchange.orders
    assert door.ask("GET /portfolio/orders")[0] == 200


def test_a_failure_before_acceptance_places_nothing(faulty):
    door = faulty(failed_before={"create": 1})

    assert door.create()[0] >= 500
    assert not door.venue.exchange.orders


def test_a_failure_after_acceptance_hides_an_order_that_is_there(faulty):
    door = faulty(failed_after={"create": 1})

    assert door.create(client_order_id="run-1")[0] >= 500
    assert [row.client_order_id for row in door.venue.exchange.orders.values()] == ["run-1"]


def test_a_good_status_may_carry_an_error(faulty):
    door = faulty(errors_in_200={"cancel": 1})
    order_id = door.resting()["order_id"]
    status, body = door.ask(f"DELETE /portfolio/events/orders/{order_id}")

    assert (status, body["error"]["code"]) == (200, "internal_error")
    assert door.venue.exchange.orders[order_id].status == "canceled"


def fields(content):
    """Return the names of all fields of a body, with their repetitions."""
    if isinstance(content, list):
        return [name for part in content for name in fields(part)]
    if isinstance(content, dict):
        return [*content, *(name for part in content.values() for name in fields(part))]
    return []


@pytest.mark.parametrize(("kind", "renamed"), [("missing_fields", 0), ("renamed_fields", 1)])
def test_one_field_of_a_reply_is_missing_or_renamed(faulty, kind, renamed):
    line = "GET /exchange/user_data_timestamp"
    whole, broken = faulty().ask(line)[1], faulty(**{kind: {"market": 1}}).ask(line)[1]
    series = faulty(**{kind: {"market": 1}}).ask("GET /series")[1]

    assert len(broken) == renamed
    assert set(broken) == {f"{name}_renamed" for name in whole if renamed}
    assert sum(name.endswith("_renamed") for name in fields(series)) == renamed


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("GET /markets", "market"),
        ("GET /portfolio/balance", "account"),
        ("POST /portfolio/events/orders", "create"),
        ("POST /portfolio/events/orders/batched", "create"),
        ("POST /portfolio/events/orders/x/amend", "amend"),
        ("POST /portfolio/events/orders/x/decrease", "amend"),
        ("DELETE /portfolio/events/orders/x", "cancel"),
        ("DELETE /portfolio/events/orders", "cancel"),
        ("PUT /portfolio/order_groups/x/reset", "manage"),
        ("POST /portfolio/subaccounts", "manage"),
    ],
)
def test_every_request_has_its_kind(faulty, line, kind):
    kinds = {"market", "account", "create", "amend", "cancel", "manage"}

    assert faulty(throttled={kind: 1}).ask(line)[0] == 429
    assert faulty(throttled=dict.fromkeys(kinds - {kind}, 1)).ask(line)[0] != 429


def test_one_seed_gives_the_same_faults(faulty):
    def answers(seed):
        door = faulty(seed, failed_before={"account": "0.5"})
        return [door.ask("GET /portfolio/balance")[0] for _ in range(40)]

    assert answers(1) == answers(1) != answers(2)
    assert 10 < sum(status == 200 for status in answers(1)) < 30


# ---------------------------------------------------------------------------------- stream


class Heard:
    """An outbox that a test reads."""

    full = False

    def __init__(self):
        self.frames = []

    def push(self, text):
        self.frames.append(msgspec.json.decode(text))


def numbers(door, changes=6):
    """Return the numbers of a book's messages as they came, and the errors among them."""
    heard = Heard()
    params = {"channels": ["orderbook_delta"], "market_ticker": "KXT-E-A"}
    Subscriber(door.venue.feed, heard).hear(
        msgspec.json.encode({"id": 1, "cmd": "subscribe", "params": params})
    )
    heard.frames.clear()
    change = BookChanged(at_us=NOW_US, ticker="KXT-E-A", side=Side.YES, price_e4=9_000, change_e2=1)
    door.happen(*[change] * changes)
    return [frame["msg"].get("code", frame["seq"]) for frame in heard.frames]


def test_a_lost_message_leaves_a_gap(faulty):
    seen = numbers(faulty(gaps="0.5"), 20)

    assert seen == sorted(seen)
    assert 3 < len(seen) < 17


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ({}, [2, 3, 4, 5, 6, 7]),
        ({"gaps": 1}, []),
        ({"duplicates": 1}, [2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]),
        ({"swaps": 1}, [3, 2, 5, 4, 7, 6]),
        ({"channel_errors": 1}, [10]),
        ({"overflows": 1}, [25]),
    ],
)
def test_the_stream_misbehaves_as_told(faulty, fault, seen):
    assert numbers(faulty(**fault)) == seen


def test_a_subscription_may_be_opened_again_after_a_terminal_error(faulty):
    door, heard = faulty(channel_errors=1), Heard()
    subscriber = Subscriber(door.venue.feed, heard)
    params = {"channels": ["orderbook_delta"], "market_ticker": "KXT-E-A"}
    subscribe = msgspec.json.encode({"id": 1, "cmd": "subscribe", "params": params})
    subscriber.hear(subscribe)
    door.happen(
        BookChanged(at_us=NOW_US, ticker="KXT-E-A", side=Side.YES, price_e4=9_000, change_e2=1)
    )
    subscriber.hear(subscribe)

    assert [frame["type"] for frame in heard.frames] == [
        "subscribed",
        "orderbook_snapshot",
        "error",
        "subscribed",
        "orderbook_snapshot",
    ]


def test_a_reply_may_be_a_page_of_html_and_what_was_asked_is_done(faulty):
    door = faulty(not_json={"create": 1})
    told = door.venue.mischief.answer("create", lambda: Reply(201, b"{}"))

    assert told == Reply(200, b"<html><body><h1>We'll be right back</h1></body></html>")


def test_a_redirect_does_nothing_and_leads_to_another_host(faulty):
    door = faulty(redirected={"create": 1})
    done = []
    told = door.venue.mischief.answer("create", lambda: done.append(1))

    assert (told.status, told.location) == (302, "https://elsewhere.invalid/login")
    assert done == []


def test_the_clock_may_be_ahead(faulty, door):
    assert faulty(clock_ahead="7s").venue.door_us() == door.venue.door_us() + 7_000_000


# ---------------------------------------------------------------------------------- frames


def heard(*framed):
    """Return what a library's client makes of frames: texts, and how it ended."""
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(b"".join(framed))
    events = list(client.events())
    texts = [event.data for event in events if isinstance(event, TextMessage)]
    return texts, [event.code for event in events if isinstance(event, CloseConnection)]


@pytest.mark.parametrize(
    ("kind", "texts", "ends"),
    [
        ("not_json", ['{"a', '{"a'], []),
        ("not_text", [], [1007]),
        ("reserved_bit", [], [1002]),
    ],
)
def test_frames_break_as_they_are_told(faulty, kind, texts, ends):
    framing = faulty(broken_frames={kind: 1}).venue.framing()

    assert heard(framing(b'{"a":1}'), framing(b'{"a":1}')) == (texts, ends)


def test_a_length_above_the_longest_message_is_told_before_anything_of_it(faulty):
    framing = faulty(broken_frames={"oversized": 1}).venue.framing()

    assert framing(b"{}") == b"\x81\x7f" + (64 * 1024 * 1024 + 1).to_bytes(8) + b"{}"


def test_a_message_without_end_goes_on_with_all_that_follow(faulty):
    framing = faulty(broken_frames={"endless": 1}).venue.framing()

    assert [framing(b"{}")[0] for _ in range(3)] == [0x01, 0x00, 0x00]
    assert faulty(broken_frames={"endless": 1}).venue.framing()(b"{}")[0] == 0x01


def test_whole_frames_are_the_rule(faulty):
    assert faulty(gaps=1).venue.framing()(b"{}") == framed(b"{}")
