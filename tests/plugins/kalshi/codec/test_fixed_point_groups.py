import gzip
import json

import pytest

from framework.exchange import Unknown
from plugins.kalshi.codec.extras import OrderGroup, QueuePosition
from plugins.kalshi.codec.fixed_point import FixedPoint


def body_of(request):
    return json.loads(request.body)


def test_a_new_group_names_its_limit_and_shard():
    request = FixedPoint(subaccount=3).create_group(40, 2)

    assert (request.method, request.path) == ("POST", "/portfolio/order_groups/create")
    assert body_of(request) == {"contracts_limit": 40, "exchange_index": 2, "subaccount": 3}
    assert request.shard == 2


@pytest.mark.parametrize("limit", [0, -1, 1_000_001])
def test_a_limit_that_no_group_can_have_is_refused_before_it_is_sent(codec, limit):
    with pytest.raises(ValueError, match="1 to 1000000"):
        codec.create_group(limit, 0)
    with pytest.raises(ValueError, match="1 to 1000000"):
        codec.limit_group("g", limit, 0)


@pytest.mark.parametrize(
    ("verb", "method", "path"),
    [
        ("reset", "PUT", "/portfolio/order_groups/g-1/reset"),
        ("trigger", "PUT", "/portfolio/order_groups/g-1/trigger"),
        ("delete", "DELETE", "/portfolio/order_groups/g-1"),
    ],
)
def test_a_change_of_a_group_is_a_verb_on_its_shard(codec, verb, method, path):
    request = codec.change_group("g-1", verb, 2)

    assert (request.method, request.path) == (method, path)
    assert request.query == {"exchange_index": 2}
    assert "g-1" not in request.template


def test_a_new_limit_is_written_into_the_body(codec):
    request = codec.limit_group("g-1", 7, 0)

    assert (request.method, request.path) == ("PUT", "/portfolio/order_groups/g-1/limit")
    assert body_of(request) == {"contracts_limit": 7}


def test_the_reply_to_a_new_group_tells_its_id(codec):
    made = codec.created_group(b'{"order_group_id": "g-1", "subaccount": 0}', 40, 2)

    assert made == OrderGroup(group_id="g-1", shard=2, limit_e2=4_000)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"order_group_id": ""}', b'{"error": {"code": "bad_request"}}', b"<"]
)
def test_a_new_group_without_an_id_is_unknown(codec, body):
    assert isinstance(codec.created_group(body, 40, 2), Unknown)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"order_group_id": "g-1"}'])
def test_a_change_was_made_when_the_reply_says_nothing_else(codec, body):
    assert codec.changed_group(body, "g-1", 2) == OrderGroup(group_id="g-1", shard=2)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error": "x"}', b'{"code": "x"}'])
def test_a_change_whose_reply_tells_an_error_or_nothing_readable_is_unknown(codec, body):
    assert isinstance(codec.changed_group(body, "g-1", 2), Unknown)


def test_a_group_is_read_alone_and_from_the_list(codec):
    alone = {"is_auto_cancel_enabled": True, "contracts_limit_fp": "40.00", "orders": ["o-1"]}
    listed = {"id": "g-2", "is_auto_cancel_enabled": False, "exchange_index": 2, "new": 1}

    assert codec.group_of(alone, "g-1") == OrderGroup(
        group_id="g-1", limit_e2=4_000, triggers=True, order_ids=("o-1",)
    )
    assert codec.group_of(listed) == OrderGroup(group_id="g-2", shard=2, triggers=False)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"is_auto_cancel_enabled": True},
        {"id": "g", "is_auto_cancel_enabled": True, "contracts_limit_fp": "many"},
    ],
)
def test_a_group_that_cannot_be_read_is_counted(codec, record):
    assert codec.group_of(record) is None
    assert codec.drift.counters == {"order group: unreadable": 1}


def test_queue_positions_are_asked_for_by_markets_or_event():
    codec = FixedPoint(subaccount=3)

    assert codec.queue_query(["A", "B"], None) == {"market_tickers": "A,B", "subaccount": 3}
    assert codec.queue_query([], "E") == {"event_ticker": "E", "subaccount": 3}
    with pytest.raises(ValueError, match="markets or an event"):
        codec.queue_query([], None)


def test_a_queue_position_is_read_alone_and_from_the_list(codec):
    row = {"order_id": "o-2", "market_ticker": "A", "queue_position_fp": "3.50"}

    assert codec.queue_position({"queue_position_fp": "12.00"}, "o-1") == QueuePosition(
        order_id="o-1", ticker=None, ahead_e2=1_200
    )
    assert codec.queue_position(row) == QueuePosition(order_id="o-2", ticker="A", ahead_e2=350)


@pytest.mark.parametrize(
    "record", [{}, {"queue_position_fp": "1.00"}, {"order_id": "o", "queue_position_fp": 7}]
)
def test_a_queue_position_that_cannot_be_read_is_counted(codec, record):
    assert codec.queue_position(record) is None
    assert codec.drift.counters == {"queue position: unreadable": 1}


@pytest.mark.recording
def test_recorded_replies_about_groups_decode(codec, recordings):
    def recorded(name):
        path = (
            recordings / "payloads" / "2026-01-both-shapes" / f"order_group{name}_response.json.gz"
        )
        with gzip.open(path) as file:
            return json.load(file)["response"]

    made = codec.created_group(json.dumps(recorded("_create")).encode(), 1, 0)
    listed = [codec.group_of(row) for row in recorded("s_list")["order_groups"]]
    alone = codec.group_of(recorded("_single"), made.group_id)
    changed = [
        codec.changed_group(json.dumps(recorded(verb)).encode(), made.group_id, 0)
        for verb in ("_reset", "_delete")
    ]

    assert [group.triggers for group in (*listed, alone)] == [False, False]
    assert {group.group_id for group in (made, alone, *changed)} == {made.group_id}
    assert codec.drift.counters == {}
