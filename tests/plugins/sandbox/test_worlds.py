"""Which world is played, and where it is cut."""

from datetime import timedelta

import pytest

from framework.errors import ConfigError
from plugins.sandbox.seeded import DEFAULT_DURATION_US, SeededWorld
from plugins.sandbox.worlds import in_micros, open_world, session_end_us

MINUTE_US = 60_000_000


@pytest.mark.parametrize(("asked", "lasts"), [(None, DEFAULT_DURATION_US), (MINUTE_US, MINUTE_US)])
def test_without_a_recording_the_world_is_seeded(asked, lasts):
    world = open_world(None, seed=7, duration_us=asked)

    assert isinstance(world, SeededWorld)
    assert (world.seed, world.duration_us) == (7, lasts)


def test_a_recording_goes_before_the_seed(tmp_path):
    with pytest.raises(ConfigError):
        open_world(tmp_path / "absent", seed=7, duration_us=None)


def test_only_a_recording_is_cut_short(tmp_path):
    world = SeededWorld(1)

    assert session_end_us(world, None, MINUTE_US) is None
    assert session_end_us(world, tmp_path, None) is None
    assert session_end_us(world, tmp_path, MINUTE_US) == world.start_us + MINUTE_US


def test_a_span_of_time_is_exact_to_the_microsecond():
    assert in_micros(timedelta(days=1, microseconds=1)) == 86_400_000_001
    assert in_micros(None) is None
