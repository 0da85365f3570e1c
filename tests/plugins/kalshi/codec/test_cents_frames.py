from typing import get_args

import pytest

from plugins.kalshi.codec.cents_frames import MESSAGES, AnyFrame

BODIES = {
    frame.__struct_config__.tag: frame.__annotations__["msg"]
    for frame in get_args(AnyFrame)
    if "msg" in frame.__annotations__ and frame.__struct_config__.tag in MESSAGES
}


def test_the_documents_five_types_are_read():
    assert BODIES.keys() == {"ticker", "orderbook_delta", "trade", "fill", "order_update"}


@pytest.mark.parametrize("kind", MESSAGES)
def test_every_field_that_is_read_is_a_known_one(kind):
    assert set(BODIES[kind].__struct_fields__) <= MESSAGES[kind]
