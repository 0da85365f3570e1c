import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.model.events import (
    BookChanged,
    BookReplaced,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    QuoteTicked,
    TradePrinted,
)
from framework.model.orders import Fill
from framework.model.units import Side
from plugins.kalshi.codec import (
    Deltas,
    Facts,
    FeesChanged,
    Lifecycle,
    Open,
    Refused,
    Snapshot,
    Subscribed,
    Unreadable,
    Unsubscribed,
    Updated,
)
from plugins.kalshi.codec.fixed_point import FixedPoint

AT = 7
DELTA = {"market_ticker": "A", "price_dollars": "0.3700", "delta_fp": "-0.10", "side": "yes"}
FILL = {
    "trade_id": "t-1",
    "order_id": "o-1",
    "client_order_id": "c-1",
    "market_ticker": "A",
    "exchange_index": 2,
    "is_taker": False,
    "outcome_side": "no",
    "yes_price_dollars": "0.8700",
    "count_fp": "2.50",
    "fee_cost": "0.004300",
    "post_position_fp": "-2.50",
    "ts_ms": 1_000,
}
ORDER = {
    "order_id": "o-1",
    "client_order_id": "c-1",
    "ticker": "A",
    "status": "resting",
    "fill_count_fp": "2.50",
    "remaining_count_fp": "7.50",
}


def text(kind, msg=None, **envelope):
    frame = {"type": kind, **envelope}
    if msg is not None:
        frame["msg"] = msg
    return json.dumps(frame)


def read(codec, message):
    """Read one message by itself."""
    (frame,) = codec.read([message], AT)
    return frame


def delta(seq, sid=1, **changes):
    return text("orderbook_delta", {**DELTA, **changes}, sid=sid, seq=seq)


def facts(codec, kind, msg):
    frame = read(codec, text(kind, msg, sid=3))
    assert type(frame) is Facts

    return frame.events


def test_a_snapshot_becomes_a_book_in_each_sides_own_prices(codec):
    msg = {
        "market_ticker": "A",
        "yes_dollars_fp": [["0.3800", "2074.33"]],
        "no_dollars_fp": [["0.5800", "1.00"]],
    }

    frame = read(codec, text("orderbook_snapshot", msg, sid=1, seq=1))

    event = BookReplaced(at_us=AT, ticker="A", yes=((3_800, 207_433),), no=((5_800, 100),))
    assert frame == Snapshot(1, 1, event, is_reply=False)


def test_a_snapshot_that_answers_a_command_is_told_apart(codec):
    frame = read(codec, text("orderbook_snapshot", {"market_ticker": "A"}, sid=1, seq=9, id=4))

    assert frame.is_reply


def test_a_delta_becomes_a_signed_change(codec):
    frame = read(codec, text("orderbook_delta", {**DELTA, "ts_ms": 5}, sid=1, seq=2))

    event = BookChanged(
        at_us=AT, ticker="A", side=Side.YES, price_e4=3_700, change_e2=-10, exchange_us=5_000
    )
    assert frame == Deltas(1, 2, [event])


def test_a_message_may_end_with_a_newline(codec):
    assert type(read(codec, text("orderbook_delta", DELTA, sid=1, seq=2) + "\n")) is Deltas


def test_the_bytes_of_a_message_say_what_its_text_says(codec):
    message = text("orderbook_delta", DELTA, sid=1, seq=2)

    assert read(codec, message.encode()) == read(codec, message)


def test_deltas_in_a_row_are_one_frame_in_their_order(codec):
    messages = [delta(seq, market_ticker=ticker) for seq, ticker in enumerate("ABA", 5)]

    (frame,) = codec.read(messages, AT)

    assert (frame.sid, frame.seq) == (1, 5)
    assert [event.ticker for event in frame.events] == ["A", "B", "A"]


@pytest.mark.parametrize(
    "second",
    [delta(7), delta(5), delta(4), delta(6, sid=2), delta(None), delta(6, sid=None)],
)
def test_a_delta_that_does_not_follow_starts_a_frame_of_its_own(codec, second):
    frames = codec.read([delta(5), second], AT)

    told = json.loads(second)
    assert [(frame.sid, frame.seq) for frame in frames] == [(1, 5), (told["sid"], told["seq"])]
    assert [len(frame.events) for frame in frames] == [1, 1]


def test_deltas_without_a_number_stand_each_alone(codec):
    frames = codec.read([delta(None), delta(None)], AT)

    assert [len(frame.events) for frame in frames] == [1, 1]


@pytest.mark.parametrize(
    "other",
    [text("ticker", {"market_ticker": "A"}, sid=2), delta(6, price_dollars="1.5000"), "{"],
)
def test_what_comes_between_two_deltas_stays_between_them(codec, other):
    frames = codec.read([delta(5), other, delta(6)], AT)

    assert [type(frame) is Deltas for frame in frames] == [True, False, True]


MESSAGES = st.one_of(
    st.builds(delta, st.sampled_from([None, 1, 2, 3, 4]), st.sampled_from([1, 2])),
    st.builds(delta, st.integers(1, 4), price_dollars=st.sampled_from(["0.10", "x"])),
    st.builds(lambda seq: text("event_lifecycle", {}, sid=3, seq=seq), st.integers(1, 4)),
)


def one_by_one(frames):
    """Take runs of deltas apart again."""
    for frame in frames:
        if type(frame) is Deltas:
            for place, event in enumerate(frame.events):
                yield frame.sid, frame.seq and frame.seq + place, event
        else:
            yield frame


@given(st.lists(MESSAGES, max_size=12))
def test_messages_say_together_what_they_say_one_by_one(messages):
    codec, other = FixedPoint(), FixedPoint()

    together = codec.read(messages, AT)
    apart = [read(other, message) for message in messages]

    assert list(one_by_one(together)) == list(one_by_one(apart))
    assert codec.drift.counters == other.drift.counters


def test_statistics_that_are_absent_stay_unknown(codec):
    (event,) = facts(codec, "ticker", {"market_ticker": "A", "price_dollars": "0.0000"})

    assert event == QuoteTicked(
        at_us=AT, ticker="A", last_price_e4=None, volume_e2=None, open_interest_e2=None
    )


@pytest.mark.parametrize(
    ("sides", "taker"),
    [
        ({"taker_outcome_side": "no", "taker_side": "no"}, Side.NO),
        ({"taker_side": "yes"}, Side.YES),
        ({"taker_outcome_side": "both"}, None),
        ({}, None),
    ],
)
def test_a_trade_tells_who_took(codec, sides, taker):
    msg = {
        "trade_id": "t",
        "market_ticker": "A",
        "yes_price_dollars": "0.4000",
        "count_fp": "11.69",
        "ts_ms": 5,
        **sides,
    }

    (event,) = facts(codec, "trade", msg)

    assert event == TradePrinted(
        at_us=AT,
        ticker="A",
        trade_id="t",
        yes_price_e4=4_000,
        quantity_e2=1_169,
        taker_side=taker,
        exchange_us=5_000,
    )


def test_a_fill_is_money_of_the_side_it_bought(codec):
    assert facts(codec, "fill", FILL) == (
        OrderFilled(
            at_us=AT,
            fill=Fill(
                trade_id="t-1",
                order_id="o-1",
                client_order_id="c-1",
                ticker="A",
                side=Side.NO,
                price_e4=1_300,
                quantity_e2=250,
                fee_e6=4_300,
                is_taker=False,
                at_us=1_000_000,
                shard=2,
            ),
        ),
    )


@pytest.mark.parametrize("field", ["client_order_id", "ts_ms", "exchange_index"])
def test_a_fill_survives_the_loss_of_an_optional_field(codec, field):
    (event,) = facts(codec, "fill", {k: v for k, v in FILL.items() if k != field})

    assert event.fill.trade_id == "t-1"


@pytest.mark.parametrize("status", ["resting", "executed"])
def test_an_order_in_the_book_or_done_is_reported_with_its_counts(codec, status):
    assert facts(codec, "user_order", {**ORDER, "status": status}) == (
        OrderAccepted(
            at_us=AT, client_order_id="c-1", order_id="o-1", filled_e2=250, remaining_e2=750
        ),
    )


def test_a_cancelled_order_is_reported_with_fills_and_reason(codec):
    msg = {**ORDER, "status": "canceled", "last_update_reason": "CloseCancel"}

    assert facts(codec, "user_order", msg) == (
        OrderCancelled(
            at_us=AT, client_order_id="c-1", order_id="o-1", filled_e2=250, reason="CloseCancel"
        ),
    )


def test_an_order_without_a_client_id_is_foreign_and_only_counted(codec):
    assert facts(codec, "user_order", {**ORDER, "client_order_id": ""}) == ()
    assert codec.drift.counters["user_order: foreign order"] == 1


def test_an_order_status_we_do_not_know_proves_nothing(codec):
    assert facts(codec, "user_order", {**ORDER, "status": "unknown"}) == ()
    assert codec.drift.counters["user_order: unknown status unknown"] == 1


def test_another_subaccount_is_not_ours():
    codec = FixedPoint(subaccount=1)

    assert facts(codec, "fill", {**FILL, "subaccount": 2}) == ()
    assert facts(codec, "user_order", {**ORDER, "subaccount_number": 2}) == ()
    assert len(facts(codec, "fill", {**FILL, "subaccount": 1})) == 1


@pytest.mark.parametrize(
    ("message", "frame"),
    [
        (
            text("subscribed", {"channel": "trade", "sid": 2}, id=1),
            Subscribed(2, None, 1, "trade"),
        ),
        (text("unsubscribed", id=3, sid=2, seq=9), Unsubscribed(2, 9, 3)),
        (
            text("ok", {"market_tickers": ["B", "A"]}, id=3, sid=2, seq=9),
            Updated(2, 9, 3, ("B", "A")),
        ),
        (text("ok", id=3, sid=2, seq=9), Updated(2, 9, 3, None)),
        (text("ok", [{"channel": "trade", "sid": 2}], id=3), Updated(None, None, 3, None)),
        (
            text("error", {"code": 26, "msg": "limit", "market_tickers": ["A"]}, id=3),
            Refused(None, None, 3, 26, "limit", ("A",)),
        ),
        (
            text("error", {"code": 8, "msg": "no", "market_ticker": "A"}, id=0),
            Refused(None, None, None, 8, "no", ("A",)),
        ),
        (
            text(
                "market_lifecycle_v2", {"market_ticker": "A", "event_type": "settled"}, sid=4, seq=1
            ),
            Lifecycle(4, 1, "A", "settled"),
        ),
        (text("event_fee_update", {"event_ticker": "E"}, sid=4, seq=2), FeesChanged(4, 2, "E")),
        (text("event_lifecycle", {"event_ticker": "E"}, sid=4, seq=3), Facts(4, 3, ())),
    ],
)
def test_reads_what_is_said_about_subscriptions_and_markets(codec, message, frame):
    assert read(codec, message) == frame


def test_an_unknown_type_is_counted_and_keeps_its_number(codec):
    frame = read(codec, text("rfq_created", {"market_ticker": "A"}, sid=5, seq=1))

    assert frame == Unreadable(5, 1, "rfq_created", "A")
    assert codec.drift.counters == {"unknown message type rfq_created": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"price_dollars": "0.37001"},
        {"price_dollars": 0.37},
        {"delta_fp": "0.001"},
        {"side": "maybe"},
        {"market_ticker": None},
    ],
)
def test_a_broken_delta_is_named_by_its_market(codec, change):
    msg = {**DELTA, **change}

    frame = read(codec, text("orderbook_delta", msg, sid=1, seq=2))

    assert frame == Unreadable(1, 2, "orderbook_delta", msg["market_ticker"])
    assert codec.drift.counters == {"orderbook_delta: unreadable": 1}


@pytest.mark.parametrize(
    "message", ["", "{", "[]", "null", '"x"', "{}", '{"type": 7}', b"", b"{", b"\xff", b'"\xff"']
)
def test_what_is_no_message_at_all_is_counted_not_raised(codec, message):
    assert type(read(codec, message)) is Unreadable
    assert sum(codec.drift.counters.values()) == 1


def test_an_unknown_field_is_noticed_in_the_first_message_of_its_type(codec):
    read(codec, text("orderbook_delta", {**DELTA, "queue": 3}, sid=1, seq=1))

    assert codec.drift.counters == {"orderbook_delta: unknown field queue": 1}


def test_an_unknown_field_is_noticed_in_one_delta_of_many(codec):
    codec.read([delta(seq) for seq in range(1_000)], AT)
    codec.read([delta(seq, queue=3) for seq in range(1_000, 1_100)], AT)

    assert codec.drift.counters == {"orderbook_delta: unknown field queue": 1}


def test_the_books_are_asked_for_in_each_sides_own_prices(codec):
    command = json.loads(codec.subscribe(1, ["orderbook_delta"], ["A"]))

    assert command == {
        "id": 1,
        "cmd": "subscribe",
        "params": {
            "channels": ["orderbook_delta"],
            "market_tickers": ["A"],
            "use_yes_price": False,
        },
    }


def test_an_account_channel_names_no_market(codec):
    command = json.loads(codec.subscribe(2, ["fill"], []))

    assert command["params"] == {"channels": ["fill"]}


def test_subscriptions_are_changed_by_their_number(codec):
    update = json.loads(codec.update(3, Open("orderbook_delta", 1), "get_snapshot", ["A"]))
    close = json.loads(codec.unsubscribe(4, Open("trade", 1, ("A",))))

    assert update["cmd"] == "update_subscription"
    assert update["params"] == {"sids": [1], "action": "get_snapshot", "market_tickers": ["A"]}
    assert close == {"id": 4, "cmd": "unsubscribe", "params": {"sids": [1]}}


@pytest.mark.recording
def test_recorded_stream_decodes_whole(codec, recordings):
    path = recordings / "payloads" / "2026-08-fixed-point" / "ws_orderbook_stream.json.gz"
    with gzip.open(path) as file:
        body = json.load(file)

    told = [read(codec, json.dumps(entry["frame"])) for entry in body["frames"]]

    kinds = [type(frame).__name__ for frame in told]
    assert codec.drift.counters == {}
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "Subscribed": 1,
        "Snapshot": body["counts"]["orderbook_snapshot"],
        "Updated": body["counts"]["ok"],
        "Deltas": body["counts"]["orderbook_delta"],
    }
