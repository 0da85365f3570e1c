"""Recorded tables of book levels, as a market's stream of events: `nba-books`, `btc-15m-books`.

What is particular about them:

- `seq` counts per subscription over all of its markets, so a market's own numbers have holes.
- A row without `recv_us` is told at the exchange's time; a snapshot, which has neither, together
  with the row after it, because nothing says that it was known before.
- A trade's exchange time is a whole second, rounded down. It is told after the change of the
  level that it took, which has the microseconds, or at the end of its second: never early.
- A new `sid`, or a snapshot that counts from 1 again, is a new subscription after a gap. A book
  that nobody knows is shown empty, so nothing can be traded on it; the same after the last row.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from framework.model.events import AnyEvent, BookChanged, BookReplaced, QuoteTicked, TradePrinted
from framework.model.units import E2, E4, Micros, Side, Ticker, complement
from plugins.sandbox.worlds.tables import Row, Span, Table

COLUMNS: Final = {
    "recv_us": "integer",
    "ts_us": "integer",
    "sid": "integer",
    "seq": "integer",
    "ticker": "text",
    "kind": "text",
    "side": "text",
    "price_e4": "integer",
    "size_e2": "integer",
}
TICKER_COLUMNS: Final = {
    "recv_us": "integer",
    "ts_ms": "integer",
    "ticker": "text",
    "price_e4": "integer",
    "volume_e2": "integer",
    "open_interest_e2": "integer",
}
SECOND_US: Final = 1_000_000
_SIDES: Final = {"yes": Side.YES, "no": Side.NO}
_Levels: TypeAlias = dict[Side, dict[E4, E2]]

Part: TypeAlias = tuple[Table, Span]
"""A market's rows in one table."""


class LevelStream:
    """One market's rows over all tables, folded into events."""

    def __init__(self, ticker: Ticker, first_us: Micros, parts: Sequence[Part]) -> None:
        self.ticker = ticker
        self.first_us = first_us
        self._parts = parts
        self._at_us: Micros = first_us
        self._subscription: tuple[int, int] | None = None
        self._shown = False
        self._shrunk: dict[tuple[Side, E4, E2], Micros] = {}

    def events(self) -> Iterator[AnyEvent]:
        """Yield what the rows say, in time order.

        Raises:
            DataError: at the row that can't be used.
        """
        self._at_us, self._subscription, self._shown = self.first_us, None, False
        self._shrunk.clear()
        for table, span in self._parts:
            snapshot: list[tuple[int, Row]] = []
            for number, row in table.rows(span):
                if snapshot and row[2:6] != snapshot[-1][1][2:6]:
                    yield self._replaced(table, snapshot, row)
                    snapshot = []
                if row[5] == "snapshot":
                    snapshot.append((number, row))
                    if len(snapshot) == 1:
                        yield from self._order(table, number, row)
                else:
                    yield from self._order(table, number, row)
                    yield self._event(table, number, row)
            if snapshot:
                yield self._replaced(table, snapshot, None)
        if self._shown:
            yield self._empty()

    def _order(self, table: Table, number: int, row: Row) -> Iterator[AnyEvent]:
        """Check a row's place and kind; tell of a gap before it."""
        recv_us, ts_us, sid, seq, _, kind, *_ = row
        if recv_us is not None:
            if recv_us < self._at_us:
                raise table.fault(
                    number,
                    f"recv_us goes back from {self._at_us} to {recv_us}; "
                    "sort the rows of a market by recv_us",
                )
            self._at_us = recv_us
        elif kind == "delta" and ts_us is None:
            raise table.fault(number, "has neither recv_us nor ts_us; remove it")
        elif kind == "delta" and ts_us < self._at_us - SECOND_US:
            raise table.fault(
                number, f"ts_us goes back from {self._at_us} to {ts_us}; sort a market's rows by it"
            )
        if kind == "trade":
            return
        last = self._subscription
        self._subscription = (sid, seq)
        if last is None or last[0] != sid or (seq < last[1] and kind == "snapshot"):
            if kind != "snapshot":
                raise table.fault(
                    number, "a subscription begins without a snapshot; play the whole folder"
                )
            if self._shown:
                yield self._empty()
        elif seq < last[1]:
            raise table.fault(
                number, f"seq goes back from {last[1]} to {seq}; keep a market's rows as received"
            )

    def _empty(self) -> BookReplaced:
        self._shown = False
        return BookReplaced(at_us=self._at_us, ticker=self.ticker, yes=(), no=())

    def _replaced(
        self, table: Table, snapshot: list[tuple[int, Row]], following: Row | None
    ) -> BookReplaced:
        """Fold the rows of one snapshot; a row without a side says that the book is empty."""
        levels: _Levels = {Side.YES: {}, Side.NO: {}}
        for number, row in snapshot:
            side, price, size = row[6:9]
            if side is None:
                continue
            if side not in _SIDES or price is None or size is None:
                raise table.fault(number, "is no level: side, price_e4 or size_e2 can't be used")
            levels[_SIDES[side]][price] = size
        if snapshot[0][1][0] is None and following is not None and following[1] is not None:
            late_us = SECOND_US - 1 if following[5] == "trade" else 0
            self._at_us = max(self._at_us, following[1] + late_us)
        yes, no = (tuple(sorted(levels[side].items())) for side in (Side.YES, Side.NO))
        self._shown = bool(yes or no)
        return BookReplaced(at_us=self._at_us, ticker=self.ticker, yes=yes, no=no)

    def _event(self, table: Table, number: int, row: Row) -> BookChanged | TradePrinted:
        recv_us, ts_us, sid, seq, _, kind, name, price, size = row
        side = _SIDES.get(name)
        if kind not in {"delta", "trade"}:
            raise table.fault(number, f"kind must be snapshot, delta or trade (is {kind})")
        if side is None or price is None or size is None or not 0 < price < 10_000:
            raise table.fault(number, f"is no {kind}: side, price_e4 or size_e2 can't be used")
        if kind == "delta":
            self._shown = True
            if recv_us is None:
                self._at_us = max(self._at_us, ts_us)
            if size < 0 and ts_us is not None:
                self._shrunk[side, price, -size] = ts_us
            return BookChanged(
                at_us=self._at_us,
                ticker=self.ticker,
                side=side,
                price_e4=price,
                change_e2=size,
                exchange_us=ts_us,
            )
        if ts_us is None:
            raise table.fault(number, "a trade has no ts_us; remove it")
        happened_us = self._happened_us(side, price, size, ts_us)
        if recv_us is None:
            self._at_us = max(self._at_us, happened_us)
        return TradePrinted(
            at_us=self._at_us,
            ticker=self.ticker,
            trade_id=f"{self.ticker}-{sid}-{seq}",
            yes_price_e4=price,
            quantity_e2=size,
            taker_side=side,
            exchange_us=happened_us,
        )

    def _happened_us(self, taker: Side, yes_e4: E4, quantity_e2: E2, second_us: Micros) -> Micros:
        """Return when a trade was: as its level's change says, or else at its second's end."""
        price = yes_e4 if taker is Side.NO else complement(yes_e4)
        changed_us = self._shrunk.pop((taker.opposite, price, quantity_e2), 0)
        if second_us <= changed_us < second_us + SECOND_US:
            return changed_us
        return second_us if second_us % SECOND_US else second_us + SECOND_US - 1


class TickerStream:
    """One market's rows of the `ticker` channel: its volume and last price as they became known.

    The touch in them is not used: the book says it, and in another order of arrival.
    """

    def __init__(self, table: Table, span: Span) -> None:
        self.ticker = span.ticker
        self.first_us: Micros = span.first_us or 0
        self._table = table
        self._span = span

    def events(self) -> Iterator[AnyEvent]:
        """Yield what the rows say, in time order.

        Raises:
            DataError: a row's time goes back.
        """
        last_us = self.first_us
        for number, row in self._table.rows(self._span):
            recv_us, ts_ms, ticker, price, volume, interest = row
            if recv_us is None or recv_us < last_us:
                raise self._table.fault(
                    number, f"recv_us goes back from {last_us} to {recv_us}; sort the rows by it"
                )
            last_us = recv_us
            yield QuoteTicked(
                at_us=recv_us,
                ticker=ticker,
                last_price_e4=price,
                volume_e2=volume,
                open_interest_e2=interest,
                exchange_us=None if ts_ms is None else ts_ms * 1_000,
            )
