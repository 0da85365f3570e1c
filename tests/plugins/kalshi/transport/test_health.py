from decimal import Decimal

import pytest

from plugins.kalshi.transport.health import FEWEST, WINDOW_US, Health

SECOND_US = 1_000_000


class Told(list):
    """Readings that were warned of."""

    def __call__(self, reading):
        self.append(reading)


@pytest.fixture
def warned():
    return Told()


@pytest.fixture
def health(warned):
    return Health(warned)


def hear(health, age_ms, *, count=FEWEST, start_s=0):
    """Let messages of one age come, one a second; return when the last came."""
    for step in range(count):
        at_us = (1_000 + start_s + step) * SECOND_US
        health.heard(at_us, at_us - age_ms * 1_000)
    return at_us


def test_messages_that_are_late_in_the_median_are_warned_of_once(health, warned):
    hear(health, 60, count=3 * FEWEST)

    [reading] = warned
    assert reading.what == "message age, s"
    assert (reading.value, reading.limit) == (Decimal("0.06"), Decimal("0.05"))


def test_a_limit_that_is_just_kept_is_no_warning(health, warned):
    hear(health, 50, count=3 * FEWEST)

    assert warned == []


def test_a_few_late_messages_are_no_warning(health, warned):
    for step in range(60):
        hear(health, 500 if step % 3 == 0 else 5, count=1, start_s=step)

    assert warned == []


def test_too_few_samples_say_nothing(health, warned):
    at_us = hear(health, 500, count=FEWEST - 1)

    assert warned == []
    assert health.readings(at_us)[0].value is None
    assert health.readings(at_us)[0].worst == Decimal("0.5")


def test_a_limit_is_warned_of_again_after_it_was_kept_for_a_while(health, warned):
    hear(health, 60, count=60)
    hear(health, 10, count=120, start_s=60)
    hear(health, 60, count=60, start_s=180)

    assert len(warned) == 2


def test_a_message_without_a_time_is_a_heartbeat_only(health):
    health.heard(7, None)

    assert health.heard_us == 7
    assert health.readings(7)[0].samples == 0


def test_a_message_from_a_clock_that_is_ahead_has_no_age(health):
    at_us = hear(health, -30)

    assert health.readings(at_us)[0].value == 0


def test_slow_acknowledgements_are_warned_of(health, warned):
    for step in range(FEWEST + 1):
        health.acknowledged(step * SECOND_US, 150_000)

    assert [(reading.what, reading.value) for reading in warned] == [
        ("acknowledgement, s", Decimal("0.15"))
    ]


def test_a_share_of_failures_above_five_percent_is_warned_of(health, warned):
    for step in range(40):
        health.answered(step * SECOND_US, is_failure=step % 10 == 0)

    assert [(reading.what, reading.value) for reading in warned] == [
        ("share of failed requests", Decimal("0.1000"))
    ]


def test_what_happened_more_than_a_minute_ago_does_not_count(health):
    at_us = hear(health, 500)

    assert health.readings(at_us + WINDOW_US + 1)[0].samples == 0
    assert health.readings(at_us + WINDOW_US + 1)[0].value is None


@pytest.mark.parametrize(("sign", "where"), [(1, "ahead of"), (-1, "behind")])
def test_a_clock_beyond_its_limit_is_told_once_until_it_is_right_again(sign, where):
    told = []
    health = Health(told.append)
    for skew_us in (5_000_000, 5_000_001, 9_000_000, 0, 7_250_000):
        health.clock_read(sign * skew_us)

    assert [(str(one.value), one.limit) for one in told] == [("5.0", 5), ("7.2", 5)]
    assert f"clock, s {where} the exchange's" in told[0].what
