"""Writing a journal: encode on the line, seal and write behind it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from framework.errors import ConfigError, InvariantError
from framework.journal.chain import (
    FIRST_SEAL,
    FORMAT,
    MAX_BLOCK_LINES,
    seal_after,
    seal_line,
)
from framework.model.records import Record

FILE_NAME: Final = "journal.jsonl"
"""What a run calls its journal in its folder."""


class JournalWriter:
    """Appends to the journal of one run, which nobody else can read (0600).

    `extend` encodes what it is given, while the processor has it at hand, and remembers it;
    `flush` writes. Between the two a killed process loses what it remembered, so flush before an
    order is committed.

    Args:
        path: A file that does not exist yet.
        header: What the run is: its id, mode, seed, settings digest, plugins.

    Raises:
        ConfigError: the file exists, or can't be created.
    """

    def __init__(self, path: Path, header: Mapping[str, object]) -> None:
        self._encoder = msgspec.json.Encoder()
        self._pending: list[tuple[bytes, int]] = []
        """Lines and how many they are."""
        self._seal = FIRST_SEAL
        self._size = 0
        self._closed = False
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise ConfigError(f"{path}: exists; a journal is never written over") from None
        except OSError as error:
            raise ConfigError(f"{path}: can't be created: {error.strerror}") from None
        self._write(self._encoder.encode_lines([{"header": {"format": FORMAT, **header}}]), 1)

    @property
    def seal(self) -> str:
        """The last seal: kept elsewhere, it proves that the journal was not replaced."""
        return self._seal.hex()

    def extend(self, records: Sequence[Record]) -> None:
        """Remember records for the next flush."""
        for first in range(0, len(records), MAX_BLOCK_LINES):
            some = records[first : first + MAX_BLOCK_LINES]
            self._pending.append((self._encoder.encode_lines(some), len(some)))

    def flush(self) -> None:
        """Write and seal what was appended, so that it survives the process.

        Raises:
            OSError: the disk refuses. The records wait for the next flush, and the file holds up
                to its last seal.
        """
        pending = self._pending
        while pending:
            lines = taken = 0
            for _, more in pending:
                if lines + more > MAX_BLOCK_LINES:
                    break
                lines, taken = lines + more, taken + 1
            self._write(b"".join(text for text, _ in pending[:taken]), lines)
            del pending[:taken]

    def close(self, summary: Mapping[str, object]) -> None:
        """Flush, write the footer and make the file survive a power cut.

        Raises:
            OSError: the disk refuses; the journal can be closed again later.
            InvariantError: the journal is closed.
        """
        self.flush()
        self._write(self._encoder.encode_lines([{"footer": dict(summary)}]), 1)
        os.fsync(self._file)
        os.close(self._file)
        self._closed = True

    def _write(self, block: bytes, lines: int) -> None:
        if self._closed:
            raise InvariantError("a record came after the journal's footer")
        seal = seal_after(self._seal, block)
        rest = memoryview(block + seal_line(seal, lines))
        position = self._size
        while rest:
            # At a position, not at the end: the retry of a write that failed half way
            # replaces its torn lines.
            written = os.pwrite(self._file, rest, position)
            position += written
            rest = rest[written:]
        self._size = position
        self._seal = seal
