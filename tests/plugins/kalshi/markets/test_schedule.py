from datetime import UTC, datetime

import msgspec
import pytest

from plugins.kalshi.markets import schedule
from plugins.kalshi.markets.schedule import Schedule

ALL_DAY = [{"open_time": "00:00", "close_time": "00:00"}]
DAYS = ("monday", "tuesday", "wednesday", "friday", "saturday", "sunday")
THURSDAY = [
    {"open_time": "00:00", "close_time": "03:00"},
    {"open_time": "05:00", "close_time": "00:00"},
]
HOURS = {
    "start_time": "2024-12-01T00:00:00Z",
    "end_time": "2200-12-01T00:00:00Z",
    **dict.fromkeys(DAYS, ALL_DAY),
    "thursday": THURSDAY,
}
CLOSURE = {"start_datetime": "2026-01-13T10:00:00Z", "end_datetime": "2026-01-13T11:30:00Z"}


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def read(*windows, hours=(HOURS,)):
    body = {"standard_hours": list(hours), "maintenance_windows": list(windows)}
    return msgspec.convert(body, Schedule)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-01-15T07:59", True),
        ("2026-01-15T08:00", False),
        ("2026-01-15T09:59", False),
        ("2026-01-15T10:00", True),
        ("2026-01-16T09:00", True),
        ("2026-07-16T06:59", True),
        ("2026-07-16T07:00", False),
        ("2026-07-16T09:00", True),
    ],
)
def test_thursdays_pause_is_at_three_to_five_in_new_york(moment, is_open):
    assert read().is_open(at(moment)) is is_open


def test_the_next_change_skips_midnights_at_which_nothing_changes():
    plan = read()

    assert plan.next_change(at("2026-01-15T10:00")) == at("2026-01-22T08:00")
    assert plan.next_change(at("2026-01-15T08:00")) == at("2026-01-15T10:00")


def test_maintenance_closes_whatever_the_weekly_hours_say():
    plan = read(CLOSURE)

    assert plan.is_open(at("2026-01-13T10:30")) is False
    assert plan.is_open(at("2026-01-13T11:30")) is True
    assert plan.next_change(at("2026-01-13T10:00")) == at("2026-01-13T11:30")


def test_hours_that_are_not_in_force_close_the_day():
    past = {**HOURS, "end_time": "2025-01-01T00:00:00Z"}

    assert read(hours=(past,)).is_open(at("2026-01-16T09:00")) is False


def test_nothing_told_is_nothing_known():
    empty = read(hours=())

    assert empty.is_open(at("2026-01-15T09:00")) is None
    assert empty.next_change(at("2026-01-15T09:00")) is None


def test_a_system_without_time_zones_knows_the_maintenance_only(monkeypatch):
    monkeypatch.setattr(schedule, "_ZONE", "Nowhere/Atall")
    plan = read(CLOSURE)

    assert plan.is_open(at("2026-01-15T09:00")) is None
    assert plan.is_open(at("2026-01-13T10:30")) is False
    assert plan.next_change(at("2026-01-12T00:00")) == at("2026-01-13T10:00")


def test_an_hour_that_is_none_fails_the_schedule_as_a_whole():
    odd = {**HOURS, "monday": [{"open_time": "25:00", "close_time": "00:00"}]}

    with pytest.raises(msgspec.ValidationError, match="hour must be in"):
        read(hours=(odd,))
