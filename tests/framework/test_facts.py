"""Every event of the closed set is taken in somewhere, and time moves with each."""

from typing import get_args

import pytest

from framework.errors import InvariantError
from framework.facts import _PLACES, take_in
from framework.model.events import AnyEvent, ClockTicked, Event, TradingHalted
from framework.state import State
from framework.testing.builders import NOW_US


def test_every_event_has_one_place():
    assert set(_PLACES) == set(get_args(AnyEvent))


def test_an_event_moves_the_present_moment():
    state = State()
    take_in(state, ClockTicked(at_us=NOW_US))

    assert state.now_us == NOW_US


def test_an_event_reaches_its_place():
    state = State()
    take_in(state, TradingHalted(at_us=NOW_US, reason="by hand"))

    assert state.halted == "by hand"


def test_an_event_without_a_place_is_a_bug():
    class Surprised(Event, frozen=True, kw_only=True, tag=True):
        pass

    with pytest.raises(InvariantError, match="no place for Surprised"):
        take_in(State(), Surprised(at_us=NOW_US))
