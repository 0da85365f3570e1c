from datetime import timedelta

import pytest
from pydantic import ValidationError

from framework.model.market import moment
from framework.testing.builders import HOUR_US, MINUTE_US, NOW_US, market
from plugins.time_to_close import TimeToClose

NOW = moment(NOW_US)
BETWEEN = TimeToClose(min_time="5m", max_time="6h")


def closing_in(span_us):
    return market(close_us=NOW_US + span_us)


@pytest.mark.parametrize("left_us", [5 * MINUTE_US, HOUR_US, 6 * HOUR_US])
def test_admits_from_the_shortest_to_the_longest_time(left_us):
    assert BETWEEN.filter_market(closing_in(left_us), NOW) is None


@pytest.mark.parametrize("left_us", [5 * MINUTE_US - 1, 0, -HOUR_US])
def test_refuses_a_close_that_is_too_near(left_us):
    refusal = BETWEEN.filter_market(closing_in(left_us), NOW)

    assert refusal.code == "closes_soon"
    assert "0:05:00" in refusal.message


def test_refuses_a_close_that_is_too_far():
    refusal = BETWEEN.filter_market(closing_in(6 * HOUR_US + 1), NOW)

    assert refusal.code == "closes_late"
    assert "6:00:00.000001" in refusal.message


def test_knows_no_longest_time_unless_set():
    assert TimeToClose().filter_market(closing_in(1_000 * HOUR_US), NOW) is None


def test_refuses_a_market_without_a_close():
    assert TimeToClose().filter_market(market(close_us=None), NOW).code == "no_close"


def test_admits_a_market_without_a_close_when_told_to():
    plugin = TimeToClose(allow_no_close=True)

    assert plugin.filter_market(market(close_us=None), NOW) is None


def test_refuses_settings_that_leave_no_range():
    with pytest.raises(ValidationError, match=r"max_time \(0:01:00\) is below min_time"):
        TimeToClose(min_time="2m", max_time="1m")


def test_takes_a_range_of_one_moment():
    exact = TimeToClose(min_time="2m", max_time="2m")

    assert exact.filter_market(closing_in(2 * MINUTE_US), NOW) is None
    assert exact.min_time == timedelta(minutes=2)
