import json
from itertools import pairwise

import pytest
import wsproto
from hypothesis import given
from hypothesis import strategies as st
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from plugins.kalshi.stream.frame_reader import Closed, FrameReader

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA


def frame(opcode, payload=b"", *, final=True, reserved=0, masked=False, form=None):
    """Return one frame as a server sends it; `form` forces 7, 16 or 64 bits of length."""
    size = len(payload)
    form = form or (7 if size < 126 else 16 if size < 1 << 16 else 64)
    first = opcode | reserved << 4 | final << 7
    short = {7: size, 16: 126, 64: 127}[form] | masked << 7
    long = b"" if form == 7 else size.to_bytes(form // 8)
    return bytes([first, short]) + long + (b"\0\0\0\0" if masked else b"") + payload


def read(data, cuts=(), **options):
    """Read bytes that come in pieces; return messages, pings and the end."""
    reader = FrameReader(**options)
    messages = []
    places = [0, *sorted(cuts), len(data)]
    for start, stop in pairwise(places):
        messages += reader.receive(data[start:stop])
    return messages, reader.pings, reader.closed


def read_by_wsproto(data, cuts=()):
    """Return what wsproto makes of the same bytes."""
    connection = wsproto.Connection(wsproto.ConnectionType.CLIENT)
    messages, pings, parts = [], [], []
    places = [0, *sorted(cuts), len(data)]
    for start, stop in pairwise(places):
        connection.receive_data(data[start:stop])
        for event in connection.events():
            if isinstance(event, TextMessage):
                parts.append(event.data)
                if event.message_finished:
                    messages.append("".join(parts).encode())
                    parts = []
            elif isinstance(event, Ping):
                pings.append(bytes(event.payload))
            elif isinstance(event, CloseConnection):
                return messages, pings, Closed(int(event.code), event.reason or "")
            else:
                assert isinstance(event, (BytesMessage, Pong))
    return messages, pings, None


PAYLOADS = st.one_of(
    st.binary(max_size=8),
    st.text(max_size=8).map(str.encode),
    st.sampled_from([b"x" * 125, b"x" * 126, b"\xc3\xa9" * 200, b"\xc3"]),
    st.integers(990, 5010).map(lambda code: code.to_bytes(2) + b"why"),
)
FRAMES = st.builds(
    frame,
    st.sampled_from([TEXT, TEXT, TEXT, BINARY, CONTINUATION, CONTINUATION, PING, PONG, CLOSE]),
    PAYLOADS,
    final=st.booleans(),
)
STRANGE = st.one_of(
    st.builds(frame, st.integers(0, 15), st.just(b"odd"), reserved=st.integers(0, 7)),
    st.just(frame(TEXT, b"masked", masked=True)),
    st.builds(frame, st.just(TEXT), st.just(b"long"), form=st.sampled_from([16, 64])),
    st.just(bytes([0x81, 127]) + b"\xff" * 8),
)


@given(st.lists(st.one_of(FRAMES, FRAMES, FRAMES, STRANGE), max_size=8), st.data())
def test_any_frames_in_any_pieces_are_read_as_wsproto_reads_them(frames, data):
    wire = b"".join(frames)
    cuts = data.draw(st.lists(st.integers(0, len(wire)), max_size=12))

    messages, pings, closed = read(wire, cuts)
    theirs = read_by_wsproto(wire, cuts)

    assert (messages, pings) == theirs[:2]
    assert (closed and closed.code) == (theirs[2] and theirs[2].code)
    if closed is not None and closed.code not in {1002, 1007}:
        assert closed == theirs[2]


@given(st.lists(st.text(max_size=200), max_size=6), st.data())
def test_messages_in_random_fragments_are_whole_again(texts, data):
    wire, expected = b"", []
    for text in texts:
        payload = text.encode()
        cuts = sorted(data.draw(st.lists(st.integers(0, len(payload)), max_size=3)))
        pieces = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
        for place, piece in enumerate(pieces):
            is_last = place == len(pieces) - 1
            wire += frame(CONTINUATION if place else TEXT, piece, final=is_last)
            wire += frame(PING, b"?") if not is_last else b""
        expected.append(payload)

    cuts = data.draw(st.lists(st.integers(0, len(wire)), max_size=5))

    assert read(wire, cuts)[0] == expected


def test_every_form_of_length_is_read():
    payloads = [b"", b"a" * 125, b"b" * 126, b"c" * 65_535, b"d" * 65_536]
    wire = b"".join(frame(TEXT, payload) for payload in payloads)

    assert read(wire) == (payloads, [], None)


def test_one_byte_at_a_time_gives_the_same_messages():
    wire = frame(TEXT, b"one") + frame(TEXT, b"b" * 300) + frame(PING, b"p") + frame(TEXT, b"two")

    assert read(wire, range(len(wire))) == ([b"one", b"b" * 300, b"two"], [b"p"], None)


def test_a_message_may_end_with_a_newline():
    assert read(frame(TEXT, b'{"id":1}\n'))[0] == [b'{"id":1}\n']


def test_binary_messages_are_skipped_whole_and_in_fragments():
    wire = frame(BINARY, b"\xff") + frame(BINARY, b"\xff", final=False) + frame(CONTINUATION, b"x")

    assert read(wire + frame(TEXT, b"text")) == ([b"text"], [], None)


def test_a_pong_is_no_message():
    assert read(frame(PONG, b"late") + frame(TEXT, b"text")) == ([b"text"], [], None)


@pytest.mark.parametrize(
    ("wire", "code", "reason"),
    [
        (frame(TEXT, b"x", masked=True), 1002, "masked"),
        (frame(TEXT, b"x" * 200, masked=True), 1002, "masked"),
        (frame(PING, b"x", masked=True), 1002, "masked"),
        (frame(TEXT, b"x", reserved=4), 1002, "reserved bit"),
        (frame(PING, b"x", reserved=1), 1002, "reserved bit"),
        (frame(0x3, b"x"), 1002, "unknown opcode 0x3"),
        (frame(0xF, b"x"), 1002, "unknown opcode 0xf"),
        (frame(PING, b"x", final=False), 1002, "in fragments"),
        (frame(PING, b"x" * 126), 1002, "more than 125"),
        (frame(CONTINUATION, b"x"), 1002, "continuation of nothing"),
        (frame(TEXT, b"x", final=False) + frame(TEXT, b"y"), 1002, "inside another"),
        (frame(TEXT, b"x", final=False) + frame(BINARY, b"y"), 1002, "inside another"),
        (frame(TEXT, b"x", form=16), 1002, "more bytes than it needs"),
        (frame(TEXT, b"x" * 200, form=64), 1002, "more bytes than it needs"),
        (bytes([0x81, 127]) + b"\xff" * 8, 1002, "63 bits"),
        (frame(TEXT, b"\xff"), 1007, "not UTF-8"),
        (frame(TEXT, b"\xed\xa0\x80"), 1007, "not UTF-8"),
        (frame(TEXT, b"\xc3", final=False) + frame(CONTINUATION, b"x"), 1007, "not UTF-8"),
        (frame(TEXT, b"\xc3", final=False) + frame(CONTINUATION, b""), 1007, "not UTF-8"),
        (frame(CLOSE, b"\x03"), 1002, "half a code"),
        (frame(CLOSE, (1005).to_bytes(2)), 1002, "code 1005"),
        (frame(CLOSE, (999).to_bytes(2)), 1002, "code 999"),
        (frame(CLOSE, (1016).to_bytes(2)), 1002, "code 1016"),
        (frame(CLOSE, (5000).to_bytes(2)), 1002, "code 5000"),
        (frame(CLOSE, (1000).to_bytes(2) + b"\xff"), 1007, "not UTF-8"),
    ],
)
def test_a_broken_protocol_ends_the_connection_after_what_came_before(wire, code, reason):
    messages, _, closed = read(frame(TEXT, b"before") + wire + frame(TEXT, b"after"))

    assert messages == [b"before"]
    assert closed.code == code
    assert reason in closed.reason


@pytest.mark.parametrize(
    ("payload", "closed"),
    [
        (b"", Closed(1005, "")),
        ((1000).to_bytes(2), Closed(1000, "")),
        ((1012).to_bytes(2) + b"restart", Closed(1012, "restart")),
        ((4999).to_bytes(2) + "schön".encode(), Closed(4999, "schön")),
    ],
)
def test_a_close_tells_its_code_and_reason(payload, closed):
    assert read(frame(CLOSE, payload))[2] == closed


def test_nothing_is_read_after_the_close():
    reader = FrameReader()
    reader.receive(frame(CLOSE))

    assert reader.receive(frame(TEXT, b"late")) == []


def test_a_message_above_the_cap_is_refused_before_it_is_there():
    reader = FrameReader(most_bytes=1_000)

    reader.receive(frame(TEXT, b"x" * 1_001)[:4])

    assert reader.closed.code == 1009


def test_fragments_above_the_cap_are_refused_while_they_gather():
    pieces = [frame(TEXT, b"x" * 100, final=False), *[frame(0, b"y" * 100, final=False)] * 10]

    assert read(b"".join(pieces), most_bytes=1_000)[2].code == 1009
    assert read(b"".join(pieces[:10]), most_bytes=1_000)[2] is None


def test_a_whole_message_above_the_cap_is_refused():
    messages, _, closed = read(frame(TEXT, b"x" * 1_001), most_bytes=1_000)

    assert (messages, closed.code) == ([], 1009)


def test_a_message_at_the_cap_is_read():
    assert read(frame(TEXT, b"x" * 1_000), most_bytes=1_000)[0] == [b"x" * 1_000]


def test_a_long_message_in_small_pieces_costs_no_more_than_its_length():
    size = 4_000_000
    wire = frame(TEXT, b"z" * size)

    messages = read(wire, range(0, len(wire), 1_000))[0]

    assert [len(message) for message in messages] == [size]


def test_a_message_is_bytes_that_json_takes():
    (message,) = read(frame(TEXT, '{"a":"é"}'.encode()))[0]

    assert type(message) is bytes
    assert json.loads(message) == {"a": "é"}
