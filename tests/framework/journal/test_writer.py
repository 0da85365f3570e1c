"""What is appended is on disk after a flush, sealed and private."""

import errno
import os
from hashlib import sha256

import msgspec
import pytest

from framework.errors import ConfigError, InvariantError
from framework.journal import FaultKind, JournalReader, JournalWriter, verify


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


def test_the_first_line_is_the_header_and_is_sealed_at_once(path, header):
    writer = JournalWriter(path, header)

    first, seal = path.read_bytes().splitlines(keepends=True)

    assert msgspec.json.decode(first) == {"header": {"format": 1, **header}}
    assert msgspec.json.decode(seal) == {"seal": writer.seal, "lines": 1}
    assert writer.seal == sha256(bytes(32) + first).hexdigest()


def test_others_can_not_read_a_journal(path, header):
    JournalWriter(path, header)

    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_written_before_the_flush(path, header, records):
    writer = JournalWriter(path, header)
    before = path.read_bytes()

    writer.extend([records[0]])

    assert path.read_bytes() == before


def test_a_flushed_record_is_sealed_with_the_seal_before_it(path, header, records):
    writer = JournalWriter(path, header)
    before, size = writer.seal, path.stat().st_size

    writer.extend([records[0]])
    writer.extend([records[1]])
    writer.flush()
    one, two, seal = path.read_bytes()[size:].splitlines(keepends=True)

    assert writer.seal == sha256(bytes.fromhex(before) + one + two).hexdigest()
    assert msgspec.json.decode(seal) == {"seal": writer.seal, "lines": 2}


def test_a_flush_of_nothing_writes_nothing(path, header):
    writer = JournalWriter(path, header)
    before = path.read_bytes()

    writer.flush()

    assert path.read_bytes() == before


def test_a_long_flush_is_sealed_in_blocks_that_fit_a_reader(path, header, records):
    writer = JournalWriter(path, header)
    for _ in range(10_000):
        writer.extend([records[0]])

    writer.close({})
    report = verify(path)

    assert report.complete
    assert report.records == 10_000
    assert report.blocks == 5


def test_a_journal_is_never_written_over(path, header):
    JournalWriter(path, header)

    with pytest.raises(ConfigError, match="never written over"):
        JournalWriter(path, header)


def test_names_the_folder_that_is_not_there(tmp_path, header):
    with pytest.raises(ConfigError, match="can't be created: No such file"):
        JournalWriter(tmp_path / "nowhere" / "journal.jsonl", header)


def test_a_record_after_the_footer_is_our_bug(path, header, records):
    writer = JournalWriter(path, header)
    writer.close({})
    writer.extend([records[0]])

    with pytest.raises(InvariantError, match="after the journal's footer"):
        writer.flush()


def test_a_full_disk_loses_no_record_and_leaves_a_cut_journal(path, header, records, monkeypatch):
    writer = JournalWriter(path, header)
    write, room = os.pwrite, 40

    def fill(file, content, position):
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(file, content[:room], position)
        room -= written
        return written

    writer.extend([records[1]])
    monkeypatch.setattr(os, "pwrite", fill)
    with pytest.raises(OSError, match="No space left"):
        writer.flush()
    while_full = verify(path)
    monkeypatch.undo()
    writer.extend([records[2]])
    writer.close({})

    assert while_full.fault.kind is FaultKind.CUT
    assert while_full.lines == 2
    assert verify(path).complete
    assert list(JournalReader(path)) == records[1:3]
