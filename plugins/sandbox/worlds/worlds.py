"""Choosing the world to play, and how long."""

from datetime import timedelta
from pathlib import Path

from framework.errors import ConfigError
from framework.model.market import moment
from framework.model.units import Micros, to_us
from framework.model.until import Until
from plugins.sandbox.core.world import World
from plugins.sandbox.worlds.recorded import RecordedWorld, open_frames
from plugins.sandbox.worlds.seeded import DEFAULT_DURATION_US, DEFAULT_MARKETS, SeededWorld


def in_micros(length: timedelta | None) -> Micros | None:
    """Return a span of time in microseconds."""
    return None if length is None else to_us(length)


def open_recording(path: Path) -> RecordedWorld:
    """Open a recording of any kind that can be played; its files say which it is.

    Raises:
        ConfigError: it is absent, or needs a library that is not installed.
        DataError: it is of no such kind, or can't be read.
    """
    tables = path.match("l2-*.parquet") if path.is_file() else any(path.glob("l2-*.parquet"))
    if not tables:
        return open_frames(path)
    try:
        from plugins.sandbox.worlds.table_world import open_tables  # noqa: PLC0415 - an extra, not needed to run
    except ModuleNotFoundError as error:
        if error.name != "polars":
            raise
        raise ConfigError(
            f"{path}: tables in Parquet need polars: pip install 'kalshi-framework[research]' "
            "(in a checkout: pip install -e '.[research]')"
        ) from None
    return open_tables(path)


def open_world(
    recording: Path | None,
    *,
    seed: int,
    duration_us: Micros | None,
    markets: int = DEFAULT_MARKETS,
) -> World:
    """Return the recorded world if there is a recording, else the seeded one.

    Raises:
        ConfigError: the recording cannot be read.
    """
    if recording is not None:
        return open_recording(recording)
    return SeededWorld(seed, DEFAULT_DURATION_US if duration_us is None else duration_us, markets)


def session_end_us(
    world: World, recording: Path | None, duration_us: Micros | None, until: Until | None = None
) -> Micros | None:
    """Return where a session is cut short; a seeded world fits its duration, with its payments.

    Raises:
        ConfigError: `until` is before the start.
    """
    ends: list[Micros] = []
    if recording is not None and duration_us is not None:
        ends.append(world.start_us + duration_us)
    if until is not None:
        try:
            ends.append(until.after(world.start_us))
        except ValueError as error:
            start = f"{moment(world.start_us):%Y-%m-%dT%H:%M:%SZ}"
            raise ConfigError(f"--until: {error}, which is {start}") from None
    return min(ends, default=None)
