"""A journal is read as far as its seals hold, and a changed byte is always found."""

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from framework.errors import ConfigError
from framework.journal import FaultKind, JournalError, JournalReader, JournalWriter, verify
from framework.journal.chain import seal_after, seal_line


def seals_in(content):
    """Return where each sealed block ends."""
    ends, position = [], 0
    for line in content.splitlines(keepends=True):
        position += len(line)
        if line.startswith(b'{"seal":'):
            ends.append(position)
    return ends


def sealed(*blocks):
    """Return a journal of these blocks, correctly sealed whatever they say."""
    content, seal = b"", bytes(32)
    for block in blocks:
        seal = seal_after(seal, block)
        content += block + seal_line(seal, block.count(b"\n"))
    return content


def test_reads_back_header_records_and_footer(journal, header, records, summary):
    reader = JournalReader(journal)
    read = list(reader)

    assert reader.header == {"format": 1, **header}
    assert read == records
    assert reader.footer == summary
    assert reader.fault is None


def test_tells_how_far_it_has_read(journal, journal_bytes, records):
    seen = []

    assert list(JournalReader(journal).read(lambda *parts: seen.append(parts))) == records
    assert seen == sorted(seen)
    assert seen[-1] == (len(journal_bytes), len(journal_bytes))


def test_reads_twice(journal, records):
    reader = JournalReader(journal)

    assert list(reader) == list(reader) == records


def test_a_finished_journal_is_complete(journal, journal_bytes):
    report = verify(journal)

    assert report.complete
    assert not report.broken
    assert report.fault is None
    assert report.run_id == "sandbox-1"
    assert (report.records, report.blocks, report.lines) == (5, 4, 11)
    assert report.bytes == len(journal_bytes)
    assert report.seal.encode() in journal_bytes.splitlines()[-1]


@given(st.data())
def test_any_cut_verifies_up_to_the_last_seal(tmp_path_factory, journal_bytes, data):
    kept = data.draw(st.integers(min_value=1, max_value=len(journal_bytes) - 1))
    path = tmp_path_factory.mktemp("cut") / "journal.jsonl"
    path.write_bytes(journal_bytes[:kept])
    good = max((end for end in seals_in(journal_bytes) if end <= kept), default=0)

    report = verify(path)

    assert not report.complete
    assert not report.broken
    assert report.fault.kind is FaultKind.CUT
    assert report.lines == journal_bytes[:good].count(b"\n")


def test_every_cut_shows_a_prefix_of_the_records(tmp_path, journal_bytes, records):
    path = tmp_path / "journal.jsonl"
    header_end = seals_in(journal_bytes)[0]

    for kept in range(header_end, len(journal_bytes)):
        path.write_bytes(journal_bytes[:kept])
        reader = JournalReader(path)
        read = list(reader)

        assert read == records[: len(read)]
        assert reader.footer is None
        assert reader.fault.kind is FaultKind.CUT


@given(st.data(), st.integers(min_value=1, max_value=255))
def test_any_flipped_byte_is_found(tmp_path_factory, journal_bytes, data, mask):
    at = data.draw(st.integers(min_value=0, max_value=len(journal_bytes) - 1))
    path = tmp_path_factory.mktemp("flip") / "journal.jsonl"
    changed = bytearray(journal_bytes)
    changed[at] ^= mask
    path.write_bytes(changed)

    report = verify(path)

    assert report.broken
    assert report.lines <= journal_bytes[:at].count(b"\n")


def test_a_newline_made_or_unmade_is_found_everywhere(tmp_path, journal_bytes):
    path = tmp_path / "journal.jsonl"

    for at, byte in enumerate(journal_bytes):
        changed = bytearray(journal_bytes)
        changed[at] = ord("x") if byte == ord("\n") else ord("\n")
        path.write_bytes(changed)

        assert verify(path).broken


@given(st.data())
def test_a_flipped_byte_never_shows_a_false_record(tmp_path_factory, journal_bytes, records, data):
    start = seals_in(journal_bytes)[0]
    at = data.draw(st.integers(min_value=start, max_value=len(journal_bytes) - 1))
    path = tmp_path_factory.mktemp("flip") / "journal.jsonl"
    changed = bytearray(journal_bytes)
    changed[at] ^= 1
    path.write_bytes(changed)
    read = []

    with pytest.raises(JournalError):
        read.extend(JournalReader(path))

    assert read == records[: len(read)]


@given(st.binary(max_size=300))
@example(b"\n")
@example(b'{"header":')
@example(b'{"header":{}}\n{"seal":"00","lines":1}\n')
def test_no_file_is_mistaken_for_a_complete_journal(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("noise") / "journal.jsonl"
    path.write_bytes(content)

    report = verify(path)

    assert not report.complete
    assert report.lines == 0


@pytest.mark.parametrize("remove", [1, 2, 3])
def test_a_removed_block_is_found(tmp_path, journal_bytes, remove):
    ends = [0, *seals_in(journal_bytes)]
    path = tmp_path / "journal.jsonl"
    path.write_bytes(journal_bytes[: ends[remove]] + journal_bytes[ends[remove + 1] :])

    report = verify(path)

    if remove == 3:
        assert report.fault.kind is FaultKind.CUT  # as if killed: only the kept seal can tell
    else:
        assert report.fault.kind is FaultKind.BROKEN_SEAL


def test_swapped_records_are_found_in_their_block(tmp_path, journal_bytes):
    lines = journal_bytes.splitlines(keepends=True)
    lines[2], lines[3] = lines[3], lines[2]
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(lines))

    report = verify(path)

    assert report.fault.kind is FaultKind.BROKEN_SEAL
    assert report.fault.line == 3
    assert str(report.fault) == "line 3: the lines up to 6 are not those that were sealed"


def test_an_empty_file_is_said_to_be_empty(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.touch()

    assert verify(path).fault.kind is FaultKind.EMPTY
    with pytest.raises(JournalError, match="the file is empty"):
        JournalReader(path)


def test_another_file_is_no_journal(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("buy low\nsell high\n")

    assert verify(path).fault.kind is FaultKind.NOT_A_JOURNAL
    with pytest.raises(JournalError, match="line 1: a journal starts with its header"):
        JournalReader(path)


def test_an_absent_journal_is_the_users_mistake(tmp_path):
    with pytest.raises(ConfigError, match="can't read this journal: No such file"):
        verify(tmp_path / "journal.jsonl")


HEADER = b'{"header":{"format":1}}\n'
TICK = b'{"event":{"type":"ClockTicked","at_us":1}}\n'
FOOTER = b'{"footer":{}}\n'


@pytest.mark.parametrize(
    ("content", "kind", "line"),
    [
        (sealed(HEADER, FOOTER, TICK), FaultKind.UNREADABLE, 5),
        (sealed(HEADER, TICK + FOOTER), FaultKind.UNREADABLE, 4),
        (sealed(HEADER, HEADER), FaultKind.UNREADABLE, 3),
        (sealed(HEADER, b'{"event":{"type":"Unheard","at_us":1}}\n'), FaultKind.UNREADABLE, 3),
        (sealed(HEADER, TICK, b'{"event":\xff}\n'), FaultKind.UNREADABLE, 5),
        (sealed(HEADER, b'{"event":{"type":"\xff"}}\n'), FaultKind.UNREADABLE, 3),
        (sealed(HEADER, b'{"footer":{"a":' + b"[" * 100_000 + b"\n"), FaultKind.UNREADABLE, 3),
        (sealed(b'{"header":{"format":2}}\n'), FaultKind.UNREADABLE, 1),
        (sealed(TICK), FaultKind.NOT_A_JOURNAL, 1),
        (sealed(HEADER, TICK * 4_097), FaultKind.BROKEN_SEAL, 3),
        (sealed(HEADER) + TICK + b'{"event":1}\n', FaultKind.UNREADABLE, 4),
        (sealed(HEADER) + TICK, FaultKind.CUT, 3),
        (sealed(HEADER) + TICK[:-1], FaultKind.CUT, 3),
        (sealed(HEADER, TICK), FaultKind.CUT, 5),
    ],
)
def test_names_the_first_faulty_line(tmp_path, content, kind, line):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)

    fault = verify(path).fault

    assert (fault.kind, fault.line) == (kind, line)


def test_reports_progress_up_to_the_whole_file(journal, journal_bytes):
    seen = []

    verify(journal, lambda done, size: seen.append((done, size)))

    assert [done for done, _ in seen] == seals_in(journal_bytes)
    assert {size for _, size in seen} == {len(journal_bytes)}


def test_reads_every_kind_of_event(tmp_path, header):
    made = list(made_events())
    path = tmp_path / "journal.jsonl"
    writer = JournalWriter(path, header)
    for record in made:
        writer.extend([record])
    writer.close({})

    assert list(JournalReader(path)) == made
    assert len(made) > 20


def made_events():
    """Yield a record of every kind of event, with made-up values."""
    from typing import get_args  # noqa: PLC0415 - used once

    from framework.model.events import AnyEvent  # noqa: PLC0415 - used once
    from framework.model.records import Record  # noqa: PLC0415 - used once

    for kind in get_args(AnyEvent):
        values = {
            field.name: made(field.type)
            for field in msgspec.inspect.type_info(kind).fields
            if field.required
        }
        yield msgspec.convert(
            {"event": {"type": kind.__name__, **values}}, Record, builtin_types=()
        )


def made(kind):
    """Return some value of a type."""
    inspect = msgspec.inspect
    match kind:
        case inspect.UnionType(types=types):
            return made(types[0])
        case inspect.StructType(fields=fields):
            return {field.encode_name: made(field.type) for field in fields if field.required}
        case inspect.EnumType(cls=cls):
            return next(iter(cls)).value
        case inspect.VarTupleType(item_type=item):
            return [made(item)]
        case inspect.TupleType(item_types=items):
            return [made(item) for item in items]
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return 7
        case inspect.NoneType():
            return None
        case inspect.DecimalType():
            return "1.50"
    return "text"
