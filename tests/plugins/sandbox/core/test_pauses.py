"""The pauses that the exchange plans."""

from datetime import UTC, datetime

import pytest

from plugins.sandbox.core.pauses import PlannedPause, changes, planned_pauses
from plugins.sandbox.core.rows import Pause

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


def us(*moment):
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000


MONDAY = us(2026, 11, 2, 15)
THURSDAY = us(2026, 11, 5, 8)
"""3 o'clock Eastern, in winter."""


def test_a_session_over_a_thursday_has_the_weekly_pause():
    assert planned_pauses(MONDAY, 5 * DAY_US) == (
        (THURSDAY, THURSDAY + 2 * HOUR_US, Pause.TRADING),
    )


def test_a_long_session_has_one_each_week():
    found = planned_pauses(MONDAY, 15 * DAY_US)

    assert [pause.from_us - THURSDAY for pause in found] == [0, 7 * DAY_US]


def test_a_pause_changes_twice_what_rests():
    assert list(changes([PlannedPause(1, 3), PlannedPause(5, 6, Pause.EVERYTHING)])) == [
        (1, Pause.TRADING),
        (3, Pause.NOTHING),
        (5, Pause.EVERYTHING),
        (6, Pause.NOTHING),
    ]


@pytest.mark.parametrize("start_us", [THURSDAY + HOUR_US, THURSDAY - HOUR_US, THURSDAY])
def test_a_session_that_touches_the_weekly_pause_has_it(start_us):
    (pause,) = planned_pauses(start_us, 2 * HOUR_US)

    assert pause.from_us == THURSDAY


@pytest.mark.parametrize("start_us", [THURSDAY + 2 * HOUR_US, THURSDAY - HOUR_US, MONDAY])
def test_a_session_beside_it_has_a_short_one_in_its_middle(start_us):
    (pause,) = planned_pauses(start_us, HOUR_US)

    assert start_us + HOUR_US // 4 < pause.from_us < pause.until_us < start_us + HOUR_US * 3 // 4
    assert pause.until_us - pause.from_us == HOUR_US // 15
