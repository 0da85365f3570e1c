from typing import get_args

import msgspec
import pytest
from hypothesis import given

from framework.model import events
from framework.model.events import AnyEvent, Event

KINDS = get_args(AnyEvent)
JSON = msgspec.json.Decoder(AnyEvent)


def test_the_set_is_closed():
    made = {
        kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)
    }

    assert set(KINDS) == made - {Event}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_fact_in_the_past_tense(kind):
    assert kind.__name__.endswith(
        ("ed", "Lost", "Read", "Overran", "Unknown", "Absent", "Stopping")
    )


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_when_it_reached_us_and_can_not_be_changed(kind):
    assert "at_us" in kind.__struct_fields__
    assert kind.__struct_config__.frozen


@pytest.mark.parametrize("kind", KINDS)
def test_a_journal_gives_it_back_as_it_was(kind, values):
    @given(values(kind))
    def is_given_back(event: AnyEvent) -> None:
        assert JSON.decode(msgspec.json.encode(event)) == event

    is_given_back()


@pytest.mark.parametrize("at_us", ["1.5", "1e400", "true", '"1"', "null"])
def test_a_moment_is_a_whole_number(at_us):
    with pytest.raises(msgspec.ValidationError):
        JSON.decode(f'{{"type": "ClockTicked", "at_us": {at_us}}}')
