"""Opening a recording that is a table of book levels, with its list of markets.

The tables hold no market records: the listing is made from the ticker's own parts and the list,
the price grid from the prices that occur. A result is told where the list has one: at its time,
or, where it was worked out later, after the close or the last row. A market without a result
stays open.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from framework.errors import DataError
from framework.model.market import (
    DECI_CENT,
    TAPERED,
    WHOLE_CENT,
    EventGroup,
    Market,
    MarketStatus,
    PriceGrid,
    PriceRange,
    Series,
    Settlement,
    micros,
)
from framework.model.units import ONE_DOLLAR_E4, Micros, Ticker
from plugins.sandbox.worlds.levels import (
    COLUMNS,
    TICKER_COLUMNS,
    LevelStream,
    Part,
    TickerStream,
)
from plugins.sandbox.worlds.metadata import Fate, Known, Metadata
from plugins.sandbox.worlds.recorded import LEAD_US, RecordedWorld
from plugins.sandbox.worlds.tables import Span, Table

SETTLED_AFTER_US: Final = 15_000_000
"""A payment of unknown time comes so long after the close: recorded ones took 6 to 15 s."""
_CENTI_CENT: Final = PriceGrid((PriceRange(0, ONE_DOLLAR_E4, 1),))
_LIST: Final = "markets.csv"
_INFERRED: Final = "result_inferred_from_"


class _Line(msgspec.Struct):
    """A market's line in the list."""

    number: int
    event: Ticker
    result: str
    close_us: Micros | None
    settled_us: Micros | None


def open_tables(path: Path) -> RecordedWorld:
    """Open a folder of `l2-*.parquet`, or one such file; `markets.csv` stands beside it.

    Raises:
        DataError: a file is absent, unreadable, or lacks a column or a market.
    """
    folder = path if path.is_dir() else path.parent
    files = sorted(path.glob("l2-*.parquet")) if path.is_dir() else [path]
    lines = _read_list(folder / _LIST)
    parts: dict[Ticker, list[Part]] = {}
    for file in files:
        table = Table(file, COLUMNS)
        for span in table.spans(("recv_us", "ts_us")):
            parts.setdefault(span.ticker, []).append((table, span))
    if not parts:
        raise DataError(f"{path}: holds no rows; fetch it again")
    missing = [ticker for ticker in parts if ticker not in lines]
    if missing:
        raise DataError(
            *(f"{folder / _LIST}: has no line for market {ticker}; add it" for ticker in missing)
        )
    streams = [_stream(ticker, rows) for ticker, rows in parts.items()]
    beside = list(_tickers(folder, parts))
    first_us = {stream.ticker: stream.first_us for stream in streams}
    for quotes in beside:
        first_us[quotes.ticker] = min(first_us[quotes.ticker], quotes.first_us)
    metadata = Metadata({}, {}, {})
    for ticker, rows in parts.items():
        spans = [span for _, span in rows]
        _add(metadata, ticker, lines[ticker], spans, first_us[ticker] - LEAD_US)
    return RecordedWorld(streams, metadata, Counter(), beside)


def _stream(ticker: Ticker, rows: list[Part]) -> LevelStream:
    first_us = next((span.first_us for _, span in rows if span.first_us is not None), None)
    if first_us is None:
        table, span = rows[0]
        raise table.fault(span.first + 1, f"no row of {ticker} has a time")
    return LevelStream(ticker, first_us, rows)


def _tickers(folder: Path, parts: dict[Ticker, list[Part]]) -> Iterator[TickerStream]:
    """Yield the streams of the ticker channel, of the markets that have a book."""
    path = folder / "ws-ticker.parquet"
    if path.exists():
        table = Table(path, TICKER_COLUMNS)
        for span in table.spans(("recv_us",)):
            if span.ticker in parts:
                yield TickerStream(table, span)


def _read_list(path: Path) -> dict[Ticker, _Line]:
    lines: dict[Ticker, _Line] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or []
            wanted = next((name for name in names if name.startswith(_INFERRED)), None)
            if "ticker" not in names or ("result" not in names and wanted is None):
                raise DataError(f"{path}: has no column ticker, or none of results; fetch it again")
            for row in reader:
                inferred = row.get(wanted or "") or ""
                lines[row["ticker"]] = _line(path, reader.line_num, row, inferred)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: can't be read ({error}); put it beside the tables") from None
    return lines


def _line(path: Path, number: int, row: dict[str, str], inferred: str) -> _Line:
    result = row.get("result") or inferred
    if result not in {"yes", "no", ""}:
        raise DataError(f"{path}:{number}: a result must be yes, no or empty (is {result})")
    try:
        return _Line(
            number,
            row.get("event_ticker") or row["ticker"].rpartition("-")[0],
            result,
            _time(row.get("close_time")),
            _time(row.get("settlement_ts")),
        )
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}:{number}: holds no time ({error}); correct the line") from None


def _time(text: str | None) -> Micros | None:
    return micros(datetime.fromisoformat(text)) if text else None


def _add(
    metadata: Metadata, ticker: Ticker, line: _Line, spans: list[Span], created_us: Micros
) -> None:
    series = ticker.partition("-")[0]
    metadata.series.setdefault(series, Series(ticker=series, title=series))
    group = metadata.event_groups.get(line.event)
    metadata.event_groups[line.event] = EventGroup(
        ticker=line.event,
        series_ticker=series,
        title=line.event,
        markets=(*(group.markets if group else ()), ticker),
    )
    market = Market(
        ticker=ticker,
        event_ticker=line.event,
        series_ticker=series,
        title=ticker,
        status=MarketStatus.ACTIVE,
        grid=_grid(spans),
        close_us=line.close_us,
    )
    last_us = max(span.last_us for span in spans if span.last_us is not None)
    metadata.markets[ticker] = Known(market, created_us, _fate(market, line, last_us))


def _grid(spans: list[Span]) -> PriceGrid:
    """Return the grid on which every recorded price stands; it is a rule, not a forecast."""
    finest = min(span.finest_e4 for span in spans)
    if finest == 100:
        return WHOLE_CENT
    if any(span.fine_inside for span in spans):
        return DECI_CENT if finest == 10 else _CENTI_CENT
    return TAPERED if finest == 10 else _CENTI_CENT


def _fate(market: Market, line: _Line, last_us: Micros) -> Fate | None:
    """Return the end; what was worked out from later prices comes after the last row."""
    if not line.result:
        return None
    ended_us = max(line.close_us or 0, last_us)
    settled_us = line.settled_us or ended_us + SETTLED_AFTER_US
    pays = ONE_DOLLAR_E4 if line.result == "yes" else 0
    settlement = Settlement(
        ticker=market.ticker, at_us=settled_us, result=line.result, yes_pays_e4=pays
    )
    return Fate(settled_us, settlement)
