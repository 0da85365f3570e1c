"""Which world is played, and where it is cut."""

from datetime import timedelta

import pytest

from framework.errors import ConfigError, DataError
from framework.model.until import Until
from plugins.sandbox.worlds.seeded import DEFAULT_DURATION_US, SeededWorld
from plugins.sandbox.worlds.worlds import in_micros, open_recording, open_world, session_end_us

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


def test_a_session_ends_at_the_moment_asked_for_if_that_comes_first(tmp_path):
    world = SeededWorld(1)  # starts at 15:00
    until = Until.read("15:10")

    assert session_end_us(world, None, None, until) == world.start_us + 10 * MINUTE_US
    assert session_end_us(world, tmp_path, MINUTE_US, until) == world.start_us + MINUTE_US


def test_an_end_before_the_start_is_refused():
    with pytest.raises(ConfigError, match="--until: must be after the session's start, which is"):
        session_end_us(SeededWorld(1), None, None, Until.read("2026-11-02T14:00:00Z"))


def test_a_seeded_world_is_as_large_as_it_is_asked_to_be():
    world = open_world(None, seed=1, duration_us=None, markets=12)

    assert sum(len(group.markets) for group in world.event_groups.values()) == 12


def test_a_file_that_is_no_table_is_read_as_frames(tmp_path):
    (tmp_path / "trades.parquet").write_bytes(b"PAR1")

    with pytest.raises(DataError, match="is no file of frames"):
        open_recording(tmp_path / "trades.parquet")
