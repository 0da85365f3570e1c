"""Recorded frames: what each says, and what is wrong with a line that says nothing."""

import gzip
import json
from collections import Counter

import pytest

from framework.errors import ConfigError
from framework.model.events import BookChanged, BookReplaced, TradePrinted
from framework.model.units import Side
from plugins.sandbox.worlds.frames import FrameFile

SNAPSHOT = {
    "type": "orderbook_snapshot",
    "sid": 1,
    "seq": 1,
    "msg": {"market_ticker": "M", "yes_dollars_fp": [["0.4100", "7.50"], ["0.42", "3"]]},
}
DELTA = {
    "type": "orderbook_delta",
    "msg": {
        "market_ticker": "M",
        "price_dollars": "0.5600",
        "delta_fp": "-46.02",
        "side": "no",
        "ts_ms": 999,
    },
}
TRADE = {
    "type": "trade",
    "msg": {
        "trade_id": "t1",
        "market_ticker": "M",
        "yes_price_dollars": "0.4400",
        "no_price_dollars": "0.5600",
        "count_fp": "46.02",
        "taker_side": "no",
        "taker_outcome_side": "yes",
        "ts_ms": 999,
    },
}


def line(event, recv_ms=1_000):
    return json.dumps({"recv_ms": recv_ms, "event": event}) + "\n"


def without(event, key):
    message = {name: value for name, value in event["msg"].items() if name != key}
    return {**event, "msg": message}


def read(tmp_path, text, name="2026-01-01.ndjson", **terms):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    skipped = Counter()
    return list(FrameFile(path, skipped).events(terms.pop("ticker", "M"), **terms)), skipped


def refusal(tmp_path, text, **terms):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, **terms)
    (problem,) = caught.value.problems
    return problem.removeprefix(f"{tmp_path}/")


def test_a_snapshot_replaces_the_book_and_an_absent_side_is_empty(tmp_path):
    (event,), _ = read(tmp_path, line(SNAPSHOT))

    assert event == BookReplaced(
        at_us=1_000_000, ticker="M", yes=((4_100, 750), (4_200, 300)), no=()
    )


def test_a_delta_keeps_its_own_sides_price_and_the_exchanges_time(tmp_path):
    (event,), _ = read(tmp_path, line(DELTA))

    assert event == BookChanged(
        at_us=1_000_000,
        ticker="M",
        side=Side.NO,
        price_e4=5_600,
        change_e2=-4_602,
        exchange_us=999_000,
    )


def test_a_trade_names_what_its_taker_bought(tmp_path):
    (event,), _ = read(tmp_path, line(TRADE))

    assert event == TradePrinted(
        at_us=1_000_000,
        ticker="M",
        trade_id="t1",
        yes_price_e4=4_400,
        quantity_e2=4_602,
        taker_side=Side.YES,
        exchange_us=999_000,
    )


def test_a_trade_of_an_older_stream_names_its_taker_by_the_older_word(tmp_path):
    (event,), _ = read(tmp_path, line(without(TRADE, "taker_outcome_side")))

    assert event.taker_side is Side.NO


def test_a_trade_may_leave_its_taker_open(tmp_path):
    bare = without(without(TRADE, "taker_outcome_side"), "taker_side")
    (event,), _ = read(tmp_path, line(bare))

    assert event.taker_side is None


def test_gzipped_lines_read_the_same(tmp_path):
    plain, _ = read(tmp_path, line(DELTA) + line(TRADE))
    zipped, _ = read(tmp_path, gzip.compress((line(DELTA) + line(TRADE)).encode()), "x.ndjson.gz")

    assert zipped == plain


def test_frames_of_unknown_types_are_counted_and_skipped(tmp_path):
    events, skipped = read(tmp_path, line({"type": "ticker", "msg": {}}) * 2 + line(DELTA))

    assert len(events) == 1
    assert skipped == {"ticker": 2}


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (DELTA, "price_dollars"),
        (DELTA, "side"),
        (TRADE, "count_fp"),
        (SNAPSHOT, "market_ticker"),
    ],
)
def test_a_missing_field_is_named_with_its_line(tmp_path, event, key):
    problem = refusal(tmp_path, line(DELTA) + line(without(event, key)))

    assert problem.startswith("2026-01-01.ndjson:2: not a frame: ")
    assert f"`{key}`" in problem


def test_a_line_cut_off_at_the_end_is_named(tmp_path):
    problem = refusal(tmp_path, line(DELTA) + line(DELTA)[:40])

    assert problem.startswith("2026-01-01.ndjson:2: the last line is cut off")
    assert "remove it or fetch the file again" in problem


def test_a_line_that_is_no_json_is_named(tmp_path):
    problem = refusal(tmp_path, "ts,price\n" + line(DELTA))

    assert problem.startswith("2026-01-01.ndjson:1: not a line of JSON")


def test_time_that_runs_back_is_named_with_its_line(tmp_path):
    problem = refusal(tmp_path, line(DELTA, 1_000) + line(DELTA, 1_000) + line(DELTA, 999))

    assert problem == (
        "2026-01-01.ndjson:3: recv_ms goes back from 1000 to 999; sort the file's lines by recv_ms"
    )


def test_a_second_file_must_not_begin_before_the_first_ended(tmp_path):
    problem = refusal(tmp_path, line(DELTA, 999), after_us=1_000_000)

    assert "recv_ms goes back" in problem


def test_a_frame_of_another_market_is_named(tmp_path):
    problem = refusal(tmp_path, line(DELTA), ticker="N")

    assert problem == "2026-01-01.ndjson:1: is about M, not N; keep one market per folder"


def test_a_gzip_file_cut_off_in_the_middle_is_named(tmp_path):
    content = gzip.compress("".join(line(DELTA, n) for n in range(5_000)).encode())
    problem = refusal(tmp_path, content[: len(content) // 2], name="x.ndjson.gz")

    assert problem.startswith("x.ndjson.gz:")
    assert "the gzip file ends in the middle; fetch it again" in problem


def test_a_damaged_gzip_file_is_named(tmp_path):
    content = bytearray(gzip.compress(line(DELTA).encode()))
    content[12] ^= 0xFF
    problem = refusal(tmp_path, bytes(content), name="x.ndjson.gz")

    assert problem.startswith("x.ndjson.gz:1: ")


@pytest.mark.parametrize(("key", "value"), [("price_dollars", "0.56001"), ("delta_fp", "many")])
def test_a_number_that_is_none_is_named(tmp_path, key, value):
    problem = refusal(tmp_path, line({**DELTA, "msg": {**DELTA["msg"], key: value}}))

    assert problem.startswith("2026-01-01.ndjson:1: holds a number that ")


def test_the_first_event_can_be_asked_for_alone(tmp_path):
    path = tmp_path / "x.ndjson"
    path.write_text(line({"type": "ticker"}) + line(TRADE))
    empty = tmp_path / "empty.ndjson"
    empty.write_text("")

    assert isinstance(FrameFile(path, Counter()).first(), TradePrinted)
    assert FrameFile(empty, Counter()).first() is None
