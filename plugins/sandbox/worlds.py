"""Choosing the world to play, and how long."""

from datetime import timedelta
from pathlib import Path

from framework.model.units import Micros
from plugins.sandbox.recorded import open_recording
from plugins.sandbox.seeded import DEFAULT_DURATION_US, SeededWorld
from plugins.sandbox.world import World


def in_micros(length: timedelta | None) -> Micros | None:
    """Return a span of time in microseconds."""
    return None if length is None else length // timedelta(microseconds=1)


def open_world(recording: Path | None, *, seed: int, duration_us: Micros | None) -> World:
    """Return the recorded world if there is a recording, else the seeded one.

    Raises:
        ConfigError: the recording cannot be read.
    """
    if recording is not None:
        return open_recording(recording)
    return SeededWorld(seed, DEFAULT_DURATION_US if duration_us is None else duration_us)


def session_end_us(
    world: World, recording: Path | None, duration_us: Micros | None
) -> Micros | None:
    """Return where a recording is cut short; a seeded world ends by itself, with its payments."""
    return None if recording is None or duration_us is None else world.start_us + duration_us
