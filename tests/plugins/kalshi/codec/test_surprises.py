import json

import msgspec
import pytest

from plugins.kalshi.codec import Drift, Unreadable
from plugins.kalshi.codec.surprises import Surprises


class Rain(msgspec.Struct, tag="rain"):
    pass


@pytest.fixture
def drift():
    return Drift()


@pytest.fixture
def surprises(drift):
    return Surprises(drift, {"rain": frozenset({"mm"})}, [Rain])


def test_unknown_fields_are_counted_in_one_message_of_many(surprises, drift):
    text = json.dumps({"type": "rain", "msg": {"mm": 1, "wind": 2}})

    for _ in range(1_025):
        surprises.look(Rain, text)

    assert drift.counters == {"rain: unknown field wind": 2}


@pytest.mark.parametrize(("counts", "looks"), [([1, 1_023], 1), ([1, 1_024], 2), ([3_000, 1], 1)])
def test_messages_counted_together_are_looked_at_once_at_most(surprises, drift, counts, looks):
    text = json.dumps({"type": "rain", "msg": {"mm": 1, "wind": 2}})

    for count in counts:
        surprises.look(Rain, text, count)

    assert drift.counters == {"rain: unknown field wind": looks}


def test_an_unreadable_message_of_a_known_type_is_named(surprises, drift):
    text = json.dumps({"type": "rain", "sid": 3, "seq": 4, "msg": {"market_ticker": "A"}})

    assert surprises.unreadable(text, ValueError("wet")) == Unreadable(3, 4, "rain", "A")
    assert list(drift.failures) == ["rain A: wet"]


def test_an_unknown_type_is_counted(surprises, drift):
    assert surprises.unreadable('{"type": "snow"}', ValueError()).kind == "snow"
    assert drift.counters == {"unknown message type snow": 1}


def test_what_is_no_json_shows_its_beginning_only(surprises, drift):
    surprises.unreadable("x" * 500, ValueError("no"))

    assert list(drift.failures) == [f"message {'x' * 80}: no"]
