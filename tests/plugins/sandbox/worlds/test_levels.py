"""A market's rows as events, in any order of levels, trades and gaps."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("polars", reason="needs the extra research")

from framework.errors import DataError
from framework.model.events import BookChanged, BookReplaced, QuoteTicked, TradePrinted
from framework.model.units import Side
from plugins.sandbox.worlds.levels import LevelStream, TickerStream
from plugins.sandbox.worlds.tables import Span

T = 1_767_261_600_000_000


class FakeTable:
    """Rows in memory, with a table's way of naming a fault."""

    def __init__(self, rows):
        self.path = Path("t.parquet")
        self._rows = rows

    def rows(self, span):
        return enumerate(self._rows, 1)

    def fault(self, row, what):
        return DataError(f"row {row}: {what}")


def stream(rows):
    table = FakeTable(rows)
    span = Span("M", 0, len(rows) - 1, T, T, 100, fine_inside=False)
    return LevelStream("M", T, [(table, span)])


def told(rows):
    return list(stream(rows).events())


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["delta", "delta", "delta", "trade", "snapshot", "gap"]),
        st.sampled_from(["yes", "no"]),
        st.integers(1, 40),
        st.integers(1, 9),
        st.integers(0, 700_000),
    ),
    max_size=60,
)


def rows_of(steps, *, received):
    """A valid table, and the book it ends with: (rows, {(side, price): size})."""
    rows, book, now, sid, seq = [], {}, T, 1, 1

    def snapshot():
        levels = [(side, price * 100, size) for (side, price), size in sorted(book.items())]
        recv = now if received else None
        rows.extend(
            (recv, None, sid, seq, "M", "snapshot", *level)
            for level in levels or [(None, None, None)]
        )

    snapshot()
    for kind, side, price, size, wait in steps:
        now, seq = now + wait, seq + 1
        recv = now if received else None
        if kind == "delta":
            book[side, price] = book.get((side, price), 0) + size
            rows.append((recv, now, sid, seq, "M", "delta", side, price * 100, size))
        elif kind == "trade":
            second = now - now % 1_000_000
            rows.append((recv, second, 99, seq, "M", "trade", side, price * 100, size))
        else:
            sid += kind == "gap"
            snapshot()
    return rows, book


@given(STEPS, st.booleans())
def test_time_never_goes_back_and_the_book_is_the_fold_of_the_rows(steps, received):
    rows, expected = rows_of(steps, received=received)
    events = told(rows)
    book, last = {}, (T, {})
    for event in events:
        assert event.at_us >= last[0]
        if isinstance(event, BookReplaced):
            book = {("yes", price // 100): size for price, size in event.yes}
            book |= {("no", price // 100): size for price, size in event.no}
        elif isinstance(event, BookChanged):
            key = (event.side.value, event.price_e4 // 100)
            book[key] = book.get(key, 0) + event.change_e2
        last = (event.at_us, book or last[1])

    assert last[1] == expected
    assert book == {}  # nobody knows the book after the last row


@given(STEPS)
def test_nothing_undated_is_told_before_its_own_second(steps):
    rows, _ = rows_of(steps, received=False)
    prints = [event for event in told(rows) if isinstance(event, TradePrinted)]
    seconds = [row[1] for row in rows if row[5] == "trade"]

    assert [p.at_us >= second for p, second in zip(prints, seconds, strict=True)] == [True] * len(
        prints
    )
    assert all(printed.at_us >= printed.exchange_us for printed in prints)


def test_a_print_takes_the_time_of_its_level_only_within_its_second():
    rows = [
        (None, None, 1, 1, "M", "snapshot", "no", 6_000, 900),
        (None, T + 100, 1, 2, "M", "delta", "no", 6_000, -50),
        (None, T + 2_000_000, 2, 1, "M", "trade", "yes", 4_000, 50),
        (None, T, 2, 2, "M", "trade", "no", 4_000, 50),
    ]
    first, second = (event for event in told(rows) if isinstance(event, TradePrinted))

    assert first.exchange_us == T + 2_999_999
    assert second.taker_side is Side.NO
    assert second.exchange_us == T + 999_999


def test_reading_twice_tells_the_same():
    rows, _ = rows_of([("delta", "yes", 3, 4, 5), ("gap", "no", 1, 1, 9)], received=True)
    once = stream(rows)

    assert list(once.events()) == list(once.events())


def test_the_ticker_channel_is_told_as_statistics_and_in_order():
    span = Span("M", 0, 1, T, T, 100, fine_inside=False)
    good = [(T, 5, "M", 4_000, 10, 2), (T + 1, 6, "M", 4_100, 11, 2)]
    events = list(TickerStream(FakeTable(good), span).events())

    assert [type(event) for event in events] == [QuoteTicked, QuoteTicked]
    assert (events[1].volume_e2, events[1].exchange_us) == (11, 6_000)
    with pytest.raises(DataError, match="row 2: recv_us goes back"):
        list(TickerStream(FakeTable(good[::-1]), span).events())
