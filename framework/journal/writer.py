"""Writing a journal: collect on the line, encode and seal behind it."""

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

    `append` only remembers; `flush` writes. Between the two a killed process loses what it
    remembered, so flush before an order is committed.

    Args:
        path: A file that does not exist yet.
        header: What the run is: its id, mode, seed, settings digest, plugins.

    Raises:
        ConfigError: the file exists, or can't be created.
    """

    def __init__(self, path: Path, header: Mapping[str, object]) -> None:
        self._encoder = msgspec.json.Encoder()
        self._pending: list[Record] = []
        self._seal = FIRST_SEAL
        self._size = 0
        self._closed = False
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise ConfigError(f"{path}: exists; a journal is never written over") from None
        except OSError as error:
            raise ConfigError(f"{path}: can't be created: {error.strerror}") from None
        self._write([{"header": {"format": FORMAT, **header}}])

    @property
    def seal(self) -> str:
        """The last seal: kept elsewhere, it proves that the journal was not replaced."""
        return self._seal.hex()

    def append(self, record: Record) -> None:
        """Remember a record for the next flush."""
        self._pending.append(record)

    def flush(self) -> None:
        """Write and seal what was appended, so that it survives the process.

        Raises:
            OSError: the disk refuses. The records wait for the next flush, and the file holds up
                to its last seal.
        """
        pending = self._pending
        while pending:
            block = pending[:MAX_BLOCK_LINES]
            self._write(block)
            del pending[: len(block)]

    def close(self, summary: Mapping[str, object]) -> None:
        """Flush, write the footer and make the file survive a power cut.

        Raises:
            OSError: the disk refuses; the journal can be closed again later.
            InvariantError: the journal is closed.
        """
        self.flush()
        self._write([{"footer": dict(summary)}])
        os.fsync(self._file)
        os.close(self._file)
        self._closed = True

    def _write(self, lines: Sequence[object]) -> None:
        if self._closed:
            raise InvariantError("a record came after the journal's footer")
        block = self._encoder.encode_lines(lines)
        seal = seal_after(self._seal, block)
        rest = memoryview(block + seal_line(seal, len(lines)))
        position = self._size
        while rest:
            # At a position, not at the end: the retry of a write that failed half way
            # replaces its torn lines.
            written = os.pwrite(self._file, rest, position)
            position += written
            rest = rest[written:]
        self._size = position
        self._seal = seal
