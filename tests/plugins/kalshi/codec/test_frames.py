from typing import get_args

import msgspec
import pytest

from plugins.kalshi.codec import frames

TYPES = [struct.__struct_config__.tag for struct in get_args(frames.AnyFrame)]


def test_the_messages_of_our_channels_are_told_apart_by_their_type():
    assert sorted(TYPES) == [
        "error",
        "event_fee_update",
        "event_lifecycle",
        "fill",
        "market_lifecycle_v2",
        "ok",
        "orderbook_delta",
        "orderbook_snapshot",
        "subscribed",
        "ticker",
        "trade",
        "unsubscribed",
        "user_order",
    ]


def test_a_side_without_levels_may_be_absent():
    text = '{"type":"orderbook_snapshot","sid":1,"seq":1,"msg":{"market_ticker":"A"}}'

    frame = msgspec.json.decode(text, type=frames.AnyFrame)

    assert (frame.msg.yes_dollars_fp, frame.msg.no_dollars_fp) == ([], [])


@pytest.mark.parametrize("field", ["market_ticker", "price_dollars", "delta_fp", "side"])
def test_a_delta_without_a_required_field_is_refused(field):
    body = {"market_ticker": "A", "price_dollars": "0.5", "delta_fp": "1.00", "side": "yes"}
    del body[field]
    text = msgspec.json.encode({"type": "orderbook_delta", "sid": 1, "seq": 1, "msg": body})

    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=frames.AnyFrame)
