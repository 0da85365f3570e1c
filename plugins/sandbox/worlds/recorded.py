"""A world read from a recording of the real exchange, a piece at a time.

Files are opened when their time comes and closed at their end, so a long recording needs no more
memory than a short one. What a market became is told at the recorded moment and not before.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from pathlib import Path
from typing import Final, Protocol

from msgspec.structs import replace

from framework.errors import ConfigError, DataError
from framework.model.events import AnyEvent, MarketChanged, MarketListed, MarketSettled
from framework.model.market import EventGroup, MarketStatus, Series
from framework.model.units import Micros, Ticker
from plugins.sandbox.core.pauses import PlannedPause
from plugins.sandbox.worlds.frames import FrameEvent, FrameFile
from plugins.sandbox.worlds.metadata import Known, Metadata, read_metadata

LEAD_US: Final = 10_000_000
"""How long before its first event a world starts, so that a client can find its markets."""

SUPPORTED: Final = (
    "recordings of the kind gold-15m-frames can be played: a folder with "
    "events/MARKET/DATE.ndjson.gz and metadata/EVENT.json, one market's folder of it, or one file; "
    "and of the kinds nba-books and btc-15m-books: a folder with l2-*.parquet and markets.csv, or "
    "one of its tables"
)
_OTHER_KINDS: Final = {
    "candles-*.parquet": "a set of candles (basketball-candles)",
    "trades*.parquet": "a tape of trades (weather-trades)",
    "quotes.parquet": "a set of polled quotes (multi-quotes)",
    "raw_snapshots.parquet": "a set of polled quotes (crypto-15m-snapshots)",
}
"""What else is recorded, by a file that tells."""
_FRAME_FILES: Final = ("*.ndjson", "*.ndjson.gz")


class Stream(Protocol):
    """What one market's files say, in order."""

    @property
    def ticker(self) -> Ticker:
        """The market."""

    @property
    def first_us(self) -> Micros:
        """No event comes before."""

    def events(self) -> Iterator[AnyEvent]:
        """Yield the events."""


class _Stream:
    """One market's files, in order, as one stream."""

    def __init__(self, ticker: Ticker, first_us: Micros, files: list[FrameFile]) -> None:
        self.ticker = ticker
        self.first_us = first_us
        self._files = files

    def events(self) -> Iterator[FrameEvent]:
        last_us = 0
        for file in self._files:
            for event in file.events(self.ticker, last_us):
                last_us = event.at_us
                yield event


class RecordedWorld:
    """What a recording tells, in the order in which it was received."""

    def __init__(
        self,
        streams: Sequence[Stream],
        metadata: Metadata,
        skipped: Counter[str],
        beside: Sequence[Stream] = (),
    ) -> None:
        """Prepare a world.

        Args:
            streams: One per market; with each of them its market is listed.
            metadata: What is known of the markets.
            skipped: Counted into while reading.
            beside: What else is told of the same markets.
        """
        self.skipped = skipped
        """Frames of types this version does not know, by type."""
        self.series: Mapping[Ticker, Series] = metadata.series
        self.event_groups: Mapping[Ticker, EventGroup] = metadata.event_groups
        self._streams = streams
        self._beside = beside
        self._known = {stream.ticker: metadata.markets[stream.ticker] for stream in streams}
        self.start_us: Micros = min(stream.first_us for stream in (*streams, *beside)) - LEAD_US
        self.end_us: Micros | None = max(_end_us(known) for known in self._known.values())
        self.pauses: Sequence[PlannedPause] = ()  # no recording says when the exchange rested

    def events(self) -> Iterator[AnyEvent]:
        """Return the recording from its first moment.

        Raises:
            DataError: while reading, at the line that can't be used.
        """
        self.skipped.clear()
        streams: list[tuple[Micros, int, Iterator[AnyEvent]]] = []
        # A listing comes before the frames of the same moment, so it has the lower number.
        for number, stream in enumerate(self._streams):
            told, read = self._told(stream), stream.events()
            streams.append((self._listed_us(stream), number, told))
            streams.append((stream.first_us, len(self._streams) + number, read))
        for number, stream in enumerate(self._beside, 2 * len(self._streams)):
            streams.append((stream.first_us, number, stream.events()))
        return _merge(streams)

    def _listed_us(self, stream: Stream) -> Micros:
        created = self._known[stream.ticker].created_us
        return max(self.start_us, min(created or self.start_us, stream.first_us))

    def _told(self, stream: Stream) -> Iterator[AnyEvent]:
        """Yield what the recording does not hold as frames: listing, result and payment."""
        known = self._known[stream.ticker]
        yield MarketListed(at_us=self._listed_us(stream), market=known.market)
        fate = known.fate
        if fate is not None:
            result = fate.settlement.result
            decided = replace(known.market, status=MarketStatus.DETERMINED, result=result)
            yield MarketChanged(at_us=fate.determined_us, market=decided)
            yield MarketSettled(at_us=fate.settlement.at_us, settlement=fate.settlement)


def _end_us(known: Known) -> Micros:
    return known.fate.settlement.at_us if known.fate else known.market.close_us or 0


def _merge(streams: list[tuple[Micros, int, Iterator[AnyEvent]]]) -> Iterator[AnyEvent]:
    """Merge streams by time; a stream is first asked when its first moment has come."""
    due: list[tuple[Micros, int, AnyEvent | None, Iterator[AnyEvent]]] = []
    for first_us, number, stream in streams:
        heappush(due, (first_us, number, None, stream))
    while due:
        _, number, waiting, stream = heappop(due)
        if waiting is not None:
            yield waiting
        horizon_us = due[0][0] if due else None
        for event in stream:
            if horizon_us is not None and event.at_us > horizon_us:
                heappush(due, (event.at_us, number, event, stream))
                break
            yield event


def open_frames(path: Path) -> RecordedWorld:
    """Open a recording of the kind `gold-15m-frames`.

    Args:
        path: Its folder, one market's folder, or one file; the metadata stands beside or above.

    Raises:
        ConfigError: it is absent.
        DataError: it is of another kind, unreadable, or lacks a market's metadata.
    """
    skipped: Counter[str] = Counter()
    groups = _grouped(path, skipped)
    metadata = read_metadata(_metadata_files(path))
    streams: list[_Stream] = []
    problems: list[str] = []
    for files in groups:
        first = next((event for file in files if (event := file.first())), None)
        if first is None:
            problems.append(f"{files[0].path}: holds no frames; remove it or fetch it again")
        elif first.ticker not in metadata.markets:
            problems.append(
                f"{files[0].path}:1: no metadata for market {first.ticker}; put the body of "
                "GET /events/EVENT beside the recording, as metadata/EVENT.json"
            )
        elif any(stream.ticker == first.ticker for stream in streams):
            problems.append(
                f"{files[0].path}:1: is about {first.ticker} like another folder; "
                "keep all files of a market in one folder"
            )
        else:
            streams.append(_Stream(first.ticker, first.at_us, files))
    if problems:
        raise DataError(*problems)
    return RecordedWorld(streams, metadata, skipped)


def _grouped(path: Path, skipped: Counter[str]) -> list[list[FrameFile]]:
    """Return the files of each market, in the order of their names."""
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder; {SUPPORTED}")
    if path.is_file():
        if not path.name.endswith((".ndjson", ".ndjson.gz")):
            raise DataError(f"{path}: is no file of frames; {SUPPORTED}")
        return [[FrameFile(path, skipped)]]
    folders = [path]
    if (path / "events").is_dir():
        folders = sorted(folder for folder in (path / "events").iterdir() if folder.is_dir())
    groups = [
        [FrameFile(file, skipped) for file in files]
        for folder in folders
        if (files := sorted(file for form in _FRAME_FILES for file in folder.glob(form)))
    ]
    if not groups:
        raise DataError(f"{path}: {_kind_of(path)}; {SUPPORTED}")
    return groups


def _kind_of(folder: Path) -> str:
    for form, kind in _OTHER_KINDS.items():
        if any(folder.glob(form)):
            return f"is {kind}, which is not supported yet"
    return "holds no frames"


def _metadata_files(path: Path) -> list[Path]:
    """Return the event bodies that stand in the recording, or beside or above a part of it."""
    start = path if path.is_dir() else path.parent
    for folder in (start, *start.resolve().parents[:2]):
        files = sorted((folder / "metadata").glob("*.json"))
        if files:
            return files
    return []
