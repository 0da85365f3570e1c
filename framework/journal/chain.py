"""The lines of a journal and the chain of seals that holds them together.

This module knows bytes and hashes; what a record says is the reader's and the writer's.
"""

from collections.abc import Iterator
from enum import StrEnum
from hashlib import sha256
from typing import BinaryIO, Final

import msgspec

FORMAT: Final = 1
"""Grows when an older reader could misread a journal."""
FIRST_SEAL: Final = bytes(32)
MAX_BLOCK_LINES: Final = 4_096
"""Bounds the memory a reader needs, however long the journal."""
MAX_LINE_BYTES: Final = 1 << 28

HEADER: Final = b'{"header":'
FOOTER: Final = b'{"footer":'
RECORD: Final = b'{"event":'
_SEAL: Final = b'{"seal":'


class FaultKind(StrEnum):
    """What is the matter with a journal."""

    EMPTY = "empty"
    NOT_A_JOURNAL = "not_a_journal"
    CUT = "cut"
    """It ends without its footer: the run goes on, or was killed. Nothing was altered."""
    BROKEN_SEAL = "broken_seal"
    UNREADABLE = "unreadable"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """The first thing wrong, and the line it was found on."""

    kind: FaultKind
    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


def seal_after(seal: bytes, block: bytes) -> bytes:
    """Return the seal of a block that follows another seal."""
    return sha256(seal + block).digest()


def seal_line(seal: bytes, lines: int) -> bytes:
    """Return the line that seals so many lines."""
    return b'{"seal":"%s","lines":%d}\n' % (seal.hex().encode(), lines)


class Chain:
    """The sealed blocks of a journal, in order; what follows the last one is never shown.

    After the iteration `fault` says why it ended, or is None at the end of a sealed file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seal = FIRST_SEAL
        """The last seal that held."""
        self.lines = 0
        """The lines up to that seal, seals included."""
        self.blocks = 0
        self.fault: Fault | None = None
        self.tail: list[bytes] = []
        """Whole lines after the last seal."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield each block as its seal is verified."""
        while line := self._file.readline(MAX_LINE_BYTES):
            if not line.endswith(b"\n"):
                self.fault = self._torn(line)
                return
            if line.startswith(_SEAL):
                block = b"".join(self.tail)
                seal = seal_after(self.seal, block)
                if line != seal_line(seal, len(self.tail)):
                    self.fault = self._broken()
                    return
                self.seal = seal
                self.blocks += 1
                self.lines += len(self.tail) + 1
                self.tail.clear()
                yield block
            else:
                self.fault = self._misplaced(line)
                if self.fault is not None:
                    return
                self.tail.append(line)
        if self.tail:
            self.fault = self._found(FaultKind.CUT, "the lines from here on have no seal")

    def _found(self, kind: FaultKind, message: str, after: int = 0) -> Fault:
        return Fault(kind=kind, line=self.lines + after + 1, message=message)

    def _misplaced(self, line: bytes) -> Fault | None:
        first = not self.lines and not self.tail
        if first and not line.startswith(HEADER):
            return self._found(FaultKind.NOT_A_JOURNAL, "a journal starts with its header")
        if not first and not line.startswith((RECORD, FOOTER)):
            return self._found(FaultKind.UNREADABLE, "this is no record", len(self.tail))
        if len(self.tail) == MAX_BLOCK_LINES:
            message = f"no seal within {MAX_BLOCK_LINES} lines"
            return self._found(FaultKind.BROKEN_SEAL, message)
        return None

    def _torn(self, line: bytes) -> Fault:
        here = len(self.tail)
        if not self.lines and not self.tail and not _agree(line, HEADER):
            return self._found(FaultKind.NOT_A_JOURNAL, "a journal starts with its header")
        if len(line) == MAX_LINE_BYTES:
            return self._found(FaultKind.UNREADABLE, "the line is too long", here)
        if line.startswith(_SEAL):
            seal = seal_after(self.seal, b"".join(self.tail))
            if not seal_line(seal, here).startswith(line):
                return self._broken()
        return self._found(FaultKind.CUT, "the file ends in the middle of a line", here)

    def _broken(self) -> Fault:
        last = self.lines + len(self.tail) + 1
        message = f"the lines up to {last} are not those that were sealed"
        return self._found(FaultKind.BROKEN_SEAL, message)


def _agree(one: bytes, other: bytes) -> bool:
    return one.startswith(other) or other.startswith(one)
