"""Reading a journal: as far as its seals hold, and never further."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import msgspec

from framework.errors import ConfigError, DataError
from framework.journal.chain import FOOTER, FORMAT, HEADER, Chain, Fault, FaultKind
from framework.model.records import Record

_T = TypeVar("_T")


class _Header(msgspec.Struct, frozen=True):
    header: dict[str, object]


class _Footer(msgspec.Struct, frozen=True):
    footer: dict[str, object]


_HEADER: Final = msgspec.json.Decoder(_Header)
_FOOTER: Final = msgspec.json.Decoder(_Footer)
_RECORD: Final = msgspec.json.Decoder(Record)
_NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises on bytes that are not what they should be."""
_EMPTY: Final = Fault(kind=FaultKind.EMPTY, line=1, message="the file is empty")


class JournalError(DataError):
    """A journal that can't be trusted.

    Attributes:
        fault: What is wrong with it.
    """

    def __init__(self, path: Path, fault: Fault) -> None:
        super().__init__(f"{path}: {fault}")
        self.fault = fault


class JournalReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal is worth."""

    path: str
    run_id: str | None
    bytes: int
    lines: int
    """Lines that a seal covers, the seals included: good up to here."""
    blocks: int
    records: int
    complete: bool
    """Sealed to the last byte, footer included."""
    seal: str
    """The last seal that held."""
    fault: Fault | None

    @property
    def broken(self) -> bool:
        """Whether it was altered, or never was a journal; a cut one is neither."""
        return self.fault is not None and self.fault.kind is not FaultKind.CUT


class JournalReader:
    """The header, the records and the footer of a journal.

    Only what a seal covers is handed out. A journal that was cut ends early; `fault` then says
    where, and `footer` stays None.

    Raises:
        ConfigError: the file can't be read.
        JournalError: it is no journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.footer: Mapping[str, object] | None = None
        """The summary of the run, once the records are read and the run ended in order."""
        self.fault: Fault | None = None
        with _open(path) as file:
            blocks = _Blocks(file)
            next(iter(blocks), None)
            if blocks.header is None:
                raise JournalError(path, blocks.fault or _EMPTY)
            self.header: Mapping[str, object] = blocks.header

    def __iter__(self) -> Iterator[Record]:
        """Yield the records in order.

        Raises:
            JournalError: the journal was altered; the records before were not.
        """
        return self.read()

    def read(self, progress: Callable[[int, int], None] | None = None) -> Iterator[Record]:
        """Yield the records in order, telling the bytes read so far, and all of them.

        Raises:
            JournalError: the journal was altered; the records before were not.
        """
        with _open(self.path) as file:
            size = self.path.stat().st_size
            blocks = _Blocks(file)
            for records in blocks:
                yield from records
                if progress is not None:
                    progress(file.tell(), size)
        self.footer, self.fault = blocks.footer, blocks.fault
        if self.fault is not None and self.fault.kind is not FaultKind.CUT:
            raise JournalError(self.path, self.fault)


def verify(path: Path, progress: Callable[[int, int], None] | None = None) -> JournalReport:
    """Read a whole journal and say how far it can be trusted.

    Args:
        path: The file.
        progress: Called with the bytes read so far, and all of them.

    Raises:
        ConfigError: the file can't be read.
    """
    with _open(path) as file:
        size = path.stat().st_size
        blocks = _Blocks(file)
        count = 0
        for records in blocks:
            count += len(records)
            if progress is not None:
                progress(file.tell(), size)
    chain = blocks.chain
    return JournalReport(
        path=str(path),
        run_id=_text(blocks.header, "run_id"),
        bytes=size,
        lines=chain.lines,
        blocks=chain.blocks,
        records=count,
        complete=blocks.fault is None,
        seal=chain.seal.hex(),
        fault=blocks.fault,
    )


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise ConfigError(f"{path}: can't read this journal: {error.strerror}") from None


def _text(header: Mapping[str, object] | None, key: str) -> str | None:
    value = (header or {}).get(key)
    return value if isinstance(value, str) else None


class _LineError(Exception):
    """A line does not say what it should."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Blocks:
    """The records of each sealed block; the header and the footer on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self.chain = Chain(file)
        self.header: dict[str, object] | None = None
        self.footer: dict[str, object] | None = None
        self.fault: Fault | None = None

    def __iter__(self) -> Iterator[list[Record]]:
        first = 1
        try:
            for block in self.chain:
                yield self._decode(block, first)
                first = self.chain.lines + 1
            self._decode_tail(first)
        except _LineError as error:
            self.fault = Fault(kind=FaultKind.UNREADABLE, line=error.line, message=str(error))
            return
        self.fault = self.chain.fault or self._unfinished()

    def _unfinished(self) -> Fault | None:
        if self.header is None:
            return _EMPTY
        if self.footer is None:
            message = "no footer: the run goes on, or was killed"
            return Fault(kind=FaultKind.CUT, line=self.chain.lines + 1, message=message)
        return None

    def _decode(self, block: bytes, first: int) -> list[Record]:
        if self.footer is not None:
            raise _LineError(first, "nothing may follow the footer")
        if block.startswith(HEADER):
            self.header = _header(block, first)
        elif block.startswith(FOOTER):
            self.footer = _decoded(block, first, _FOOTER).footer
        else:
            return _records(block, first)
        return []

    def _decode_tail(self, first: int) -> None:
        """Tell lines that were altered from lines that only lack their seal."""
        if self.chain.fault is None or self.chain.fault.kind is not FaultKind.CUT:
            return
        for number, line in enumerate(self.chain.tail, first):
            if line.startswith(HEADER):
                _header(line, number)
            elif line.startswith(FOOTER):
                _decoded(line, number, _FOOTER)
            else:
                _decoded(line, number, _RECORD)


def _records(block: bytes, first: int) -> list[Record]:
    try:
        return _RECORD.decode_lines(block)
    except _NOT_JSON:
        # Only the slow way knows the line.
        return [_decoded(line, at, _RECORD) for at, line in enumerate(block.splitlines(), first)]


def _header(line: bytes, number: int) -> dict[str, object]:
    header = _decoded(line, number, _HEADER).header
    if header.get("format") != FORMAT:
        message = f"written in format {header.get('format')}, this version reads {FORMAT}"
        raise _LineError(number, message)
    return header


def _decoded(line: bytes, number: int, decoder: msgspec.json.Decoder[_T]) -> _T:
    try:
        return decoder.decode(line)
    except _NOT_JSON as error:
        raise _LineError(number, str(error)) from None
