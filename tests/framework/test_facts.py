"""Every event of the closed set is taken in somewhere."""

from typing import get_args

from framework.facts import places
from framework.model.events import AnyEvent, TradingHalted
from framework.state import State
from framework.testing.builders import NOW_US


def test_every_event_has_one_place():
    assert set(places(State())) == set(get_args(AnyEvent))


def test_an_event_reaches_its_place():
    state = State()
    places(state)[TradingHalted](TradingHalted(at_us=NOW_US, reason="by hand"))

    assert state.halted == "by hand"
