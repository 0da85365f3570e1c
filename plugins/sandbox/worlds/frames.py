"""Recorded WebSocket frames, line by line: decoded with their place, turned into events.

The form is that of `gold-15m-frames`: one line per frame, `{"recv_ms": int, "event": frame}`,
plain or gzipped. A line that can't be read is the user's to fix, so every fault is a DataError
that names file and line. This module has its own wire types and shares none with an adapter.
"""

import gzip
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from io import BufferedReader
from pathlib import Path
from typing import Final, TypeAlias, cast
from zlib import error as zlib_error

import msgspec
from msgspec import Struct

from framework.errors import DataError
from framework.model.events import BookChanged, BookReplaced, TradePrinted
from framework.model.units import E2, E4, ONE_DOLLAR_E4, Micros, Side, Ticker, to_e2, to_e4

FrameEvent: TypeAlias = BookReplaced | BookChanged | TradePrinted
Levels: TypeAlias = list[tuple[str, str]]


class _SnapshotBody(Struct, gc=False):
    market_ticker: str
    yes_dollars_fp: Levels = []
    no_dollars_fp: Levels = []


class _DeltaBody(Struct, gc=False):
    market_ticker: str
    price_dollars: str
    delta_fp: str
    side: Side
    ts_ms: int | None = None


class _TradeBody(Struct, gc=False):
    market_ticker: str
    trade_id: str
    yes_price_dollars: str
    count_fp: str
    taker_outcome_side: Side | None = None
    taker_side: Side | None = None
    """The older name of the same."""
    ts_ms: int | None = None


class _Snapshot(Struct, gc=False, tag_field="type", tag="orderbook_snapshot"):
    msg: _SnapshotBody


class _Delta(Struct, gc=False, tag_field="type", tag="orderbook_delta"):
    msg: _DeltaBody


class _Trade(Struct, gc=False, tag_field="type", tag="trade"):
    msg: _TradeBody


class _Line(Struct, gc=False):
    recv_ms: int
    event: _Snapshot | _Delta | _Trade


class _Kind(Struct):
    type: str


class _AnyLine(Struct):
    recv_ms: int
    event: _Kind


KNOWN: Final = frozenset({"orderbook_snapshot", "orderbook_delta", "trade"})
_decode: Final = msgspec.json.Decoder(_Line).decode
_decode_any: Final = msgspec.json.Decoder(_AnyLine).decode

_PRICES: Final[dict[str, E4]] = {f"0.{e4:04d}": e4 for e4 in range(ONE_DOLLAR_E4)}
"""Every price as the wire writes it; other spellings take the slow way."""


def _price(text: str) -> E4:
    price = _PRICES.get(text)
    return to_e4(text) if price is None else price


@lru_cache(maxsize=8_192)
def _size(text: str) -> E2:
    # "46.02" is 4602 hundredths; other spellings take the slow way.
    return int(text[:-3] + text[-2:]) if text[-3:-2] == "." else to_e2(text)


def _exchange_us(ts_ms: int | None) -> Micros | None:
    return None if ts_ms is None else ts_ms * 1_000


def _event(line: _Line) -> FrameEvent:
    """Return what a frame says, at the moment it was received."""
    frame, at_us = line.event, line.recv_ms * 1_000
    if type(frame) is _Delta:  # nearly every frame is one
        delta = frame.msg
        return BookChanged(
            at_us=at_us,
            ticker=delta.market_ticker,
            side=delta.side,
            price_e4=_price(delta.price_dollars),
            change_e2=_size(delta.delta_fp),
            exchange_us=_exchange_us(delta.ts_ms),
        )
    if isinstance(frame, _Trade):
        trade = frame.msg
        return TradePrinted(
            at_us=at_us,
            ticker=trade.market_ticker,
            trade_id=trade.trade_id,
            yes_price_e4=_price(trade.yes_price_dollars),
            quantity_e2=_size(trade.count_fp),
            taker_side=trade.taker_outcome_side or trade.taker_side,
            exchange_us=_exchange_us(trade.ts_ms),
        )
    book = cast("_Snapshot", frame).msg
    return BookReplaced(
        at_us=at_us,
        ticker=book.market_ticker,
        yes=tuple((_price(price), _size(size)) for price, size in book.yes_dollars_fp),
        no=tuple((_price(price), _size(size)) for price, size in book.no_dollars_fp),
    )


class FrameFile:
    """One recorded file, opened when its first line is asked for."""

    def __init__(self, path: Path, skipped: Counter[str]) -> None:
        """Name a file.

        Args:
            path: Plain or gzipped lines.
            skipped: Where frames of unknown types are counted.
        """
        self.path = path
        self._skipped = skipped

    def events(self, ticker: Ticker | None, after_us: Micros = 0) -> Iterator[FrameEvent]:
        """Yield the events of the file.

        Args:
            ticker: The one market it is about; None takes any.
            after_us: Where the stream stood before this file: time must not run back.

        Raises:
            DataError: a line can't be read, is out of order, or is about another market.
        """
        last_us = after_us
        for number, line in self._lines():
            try:
                event = _event(_decode(line))
            except (ValueError, msgspec.MsgspecError) as error:
                self._skip(line, number, error)
                continue
            if event.at_us < last_us or (ticker is not None and event.ticker != ticker):
                raise self._misplaced(event, number, ticker, last_us)
            last_us = event.at_us
            yield event

    def first(self) -> FrameEvent | None:
        """Return the file's first event, or None of an empty file.

        Raises:
            DataError: it can't be read.
        """
        return next(self.events(None), None)

    def fault(self, line: int, what: str) -> DataError:
        """Return the error of one line."""
        return DataError(f"{self.path}:{line}: {what}")

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        number = 0
        with self.path.open("rb") as raw:
            zipped = raw.peek(2)[:2] == b"\x1f\x8b"
            lines = BufferedReader(gzip.GzipFile(fileobj=raw), 1 << 16) if zipped else raw
            try:
                for number, line in enumerate(lines, 1):
                    yield number, line
            except EOFError:
                raise self.fault(
                    number + 1, "the gzip file ends in the middle; fetch it again"
                ) from None
            except (gzip.BadGzipFile, zlib_error) as error:
                raise self.fault(
                    number + 1, f"the gzip file is damaged ({error}); fetch it again"
                ) from None

    def _skip(self, line: bytes, number: int, error: Exception) -> None:
        """Count a frame of an unknown type; everything else that can't be read is a fault."""
        kind = self._unknown_kind(line)
        if kind is not None:
            self._skipped[kind] += 1
            return
        if isinstance(error, msgspec.ValidationError):
            what = f"not a frame: {error}; record it again or remove the line"
        elif isinstance(error, msgspec.DecodeError | UnicodeDecodeError):
            cut = "not a line of JSON" if line.endswith(b"\n") else "the last line is cut off"
            what = f"{cut} ({error}); remove it or fetch the file again"
        else:
            what = f"holds a number that {error}; record it again or remove the line"
        raise self.fault(number, what) from None

    def _misplaced(
        self, event: FrameEvent, number: int, ticker: Ticker | None, last_us: Micros
    ) -> DataError:
        if event.at_us >= last_us:
            return self.fault(
                number, f"is about {event.ticker}, not {ticker}; keep one market per folder"
            )
        return self.fault(
            number,
            f"recv_ms goes back from {last_us // 1_000} to {event.at_us // 1_000}; "
            "sort the file's lines by recv_ms",
        )

    @staticmethod
    def _unknown_kind(line: bytes) -> str | None:
        try:
            kind = _decode_any(line).event.type
        except msgspec.MsgspecError:
            return None
        return None if kind in KNOWN else kind
