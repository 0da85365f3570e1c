"""Parquet tables: columns, spans, slices, and files that can't be read."""

import pytest

from framework.errors import DataError
from plugins.sandbox.worlds.tables import SLICE, Table

pl = pytest.importorskip("polars", reason="needs the extra research")

COLUMNS = {"at": "integer", "ticker": "text", "price_e4": "integer"}


def write(path, **columns):
    pl.DataFrame(columns).write_parquet(path, row_group_size=1_000)
    return path


def test_spans_say_where_a_market_stands(tmp_path):
    path = write(
        tmp_path / "t.parquet",
        at=[None, 5, 6, 9],
        ticker=["B", "B", "A", "A"],
        price_e4=[100, 9_990, 5_010, 200],
    )
    first, second = Table(path, COLUMNS).spans(["at"])

    assert first == ("B", 0, 1, 5, 5, 10, False)
    assert second == ("A", 2, 3, 6, 9, 10, True)


def test_rows_are_numbered_from_one_over_all_slices(tmp_path):
    count = SLICE * 2 + 5
    path = write(
        tmp_path / "t.parquet",
        at=list(range(count)),
        ticker=["A", "B"] * (count // 2) + ["A"],
        price_e4=[100] * count,
    )
    table = Table(path, COLUMNS)
    rows = list(table.rows(table.spans(["at"])[0]))

    assert len(rows) == count // 2 + 1
    assert all(number == row[0] + 1 and row[1] == "A" for number, row in rows)


def test_an_absent_column_and_one_of_the_wrong_kind_are_named_together(tmp_path):
    path = write(tmp_path / "t.parquet", at=["x"], ticker=["A"])
    with pytest.raises(DataError) as caught:
        Table(path, COLUMNS)

    assert caught.value.problems == (
        f"{path}: column at must be integer (is String)",
        f"{path}: has no column price_e4; fetch the file again",
    )


@pytest.mark.parametrize("size", [0, 4, 200])
def test_a_file_cut_short_is_named(tmp_path, size):
    path = write(tmp_path / "t.parquet", at=[1] * 500, ticker=["A"] * 500, price_e4=[1] * 500)
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(DataError, match=r"t\.parquet: can't be read as a Parquet table"):
        Table(path, COLUMNS)


def test_a_page_that_is_damaged_is_named(tmp_path):
    path = write(tmp_path / "t.parquet", at=[1] * 5_000, ticker=["A"] * 5_000, price_e4=[1] * 5_000)
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196
    path.write_bytes(content)

    with pytest.raises(DataError, match="can't be read as a Parquet table"):
        Table(path, COLUMNS).spans(["at"])
