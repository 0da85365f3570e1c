"""When a session ends: a moment, or the next time the clock shows a time."""

import pytest

from framework.model.until import Until

DAY_US = 86_400_000_000
NOON_US = 20_000 * DAY_US + DAY_US // 2


@pytest.mark.parametrize(
    ("text", "later_us"),
    [("12:20", 1_200_000_000), ("12:00:05", 5_000_000), ("12:00", DAY_US), ("00:00", DAY_US // 2)],
)
def test_a_time_of_day_is_the_next_one(text, later_us):
    assert Until.read(text).after(NOON_US) == NOON_US + later_us


def test_a_moment_is_itself():
    assert Until.read("2024-10-04T13:00:00Z").after(NOON_US) == NOON_US + 3_600_000_000
    assert Until.read("2024-10-04T15:00:00+02:00").after(NOON_US) == NOON_US + 3_600_000_000


def test_a_moment_before_the_start_is_refused():
    with pytest.raises(ValueError, match="after the session's start"):
        Until.read("2024-10-04T12:00:00Z").after(NOON_US)


@pytest.mark.parametrize("text", ["", "25:00", "12:60", "noon", "2024-10-04T13:00:00", "5m"])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="must be a time of day in UTC"):
        Until.read(text)
