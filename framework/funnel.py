"""How far each market got with each strategy, and what stopped it, counted from a run's records.

A market is counted once per strategy, where it got furthest. Its last verdict would not do: at
the end of a session every market is closed, and the filter that says so would have removed all.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from framework.model.commands import SubmitOrder
from framework.model.events import (
    PICTURE,
    AccountReported,
    AnyEvent,
    IntentRefused,
    LedgerRead,
    MarketListed,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from framework.model.orders import Fill, Order, Purpose
from framework.model.records import NO_SIGNAL, OFF_GRID, Record, Stage, Verdict
from framework.model.units import Ticker
from framework.tally import Tally

SIGNAL, SIZE, RISK, EXCHANGE, FILL = range(5)
"""Where a market can stop once it has passed the filters."""
_NAMES: Final = ("signal", "size", "risk", "exchange", "fill")
_SILENCE: Final = ("not_asked", "not_asked", "not_asked", "no_answer", "not_filled")
"""What stopped a market at such a place when nobody said a word."""


class Refusal(msgspec.Struct, frozen=True):
    """Who stopped a market, with which word and which numbers."""

    plugin: str | None
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.plugin}.{self.code}" if self.plugin else self.code


class Way:
    """How far one market got with one strategy: places in the line's order, filters first."""

    __slots__ = ("_filters", "_refusals", "passed")

    def __init__(self, filters: Sequence[str]) -> None:
        self._filters = filters
        self._refusals: dict[int, Refusal] = {}
        self.passed = -1
        """The last place ever passed."""

    def admit(self) -> None:
        """Every filter let it pass."""
        self._pass(len(self._filters) - 1)

    def filter_out(self, refusal: Refusal) -> int:
        """Return the place of the filter that refused it; those before had let it pass."""
        name = refusal.plugin
        place = self._filters.index(name) if name in self._filters else 0
        self._pass(place - 1)
        self._refusals[place] = refusal
        return place

    def pass_stage(self, stage: int) -> None:
        """It got through one of the places behind the filters."""
        self._pass(len(self._filters) + stage)

    def stop(self, stage: int, refusal: Refusal) -> None:
        """It was stopped at one of the places behind the filters."""
        self._refusals[len(self._filters) + stage] = refusal

    def _pass(self, place: int) -> None:
        self.passed = max(self.passed, place)

    @property
    def place(self) -> int | None:
        """Where it was stopped for good; None when it was bought."""
        place = self.passed + 1
        return place if place < len(self._filters) + len(_NAMES) else None

    @property
    def refusal(self) -> Refusal | None:
        """What stopped it there, in its newest words; None when it was bought."""
        place = self.place
        if place is None:
            return None
        behind = place - len(self._filters)
        silence = "not_asked" if behind < 0 else _SILENCE[behind]
        return self._refusals.get(place) or Refusal(None, silence, "")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One place of the line."""

    stage: str
    """`filter`, `signal`, `size`, `risk`, `exchange` or `fill`."""
    plugin: str | None
    """The filter; None elsewhere."""
    markets: int
    """Markets that reached it."""
    removed: int
    """Markets that never got any further."""
    left: int
    reasons: dict[str, int]
    """Markets removed by the newest refusal each met here, the most frequent first."""
    passes: int
    """Times a pass was recorded; a verdict is recorded when it changes."""
    refusals: int
    """Times a refusal was recorded."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """Positions that ended in one way."""

    markets: int
    pnl: Decimal


class StrategyFunnel(msgspec.Struct, frozen=True, kw_only=True):
    """What became of every market with one strategy."""

    strategy: str
    markets: int
    rows: tuple[Row, ...]
    ends: dict[str, Ended]
    """`settled yes`, `settled no`, `sold` or `open`."""


class _Line:
    """One strategy's markets and how often each place was passed or closed."""

    def __init__(self, filters: Sequence[str]) -> None:
        self.filters = tuple(filters)
        self.ways: dict[Ticker, Way] = {}
        self.passes: Counter[int] = Counter()
        self.refusals: Counter[int] = Counter()

    def way(self, ticker: Ticker) -> Way:
        return self.ways.setdefault(ticker, Way(self.filters))


class Funnel:
    """Counts a run, record by record."""

    def __init__(self, asked: Mapping[str, Sequence[str]], strategies: Sequence[str]) -> None:
        """Start empty.

        Args:
            asked: Each strategy's filters in the order they are asked; one that is missing has
                all its filters counted as one.
            strategies: Every strategy of the run.
        """
        self._asked = asked
        self._lines = {name: _Line(asked.get(name, ("filters",))) for name in strategies}
        self._markets: set[Ticker] = set()
        self._orders: dict[str, Order] = {}
        self._told: set[str] = set()
        """Trades and accepted orders that were counted."""
        self._tally = Tally()

    def update(self, record: Record) -> None:
        """Count one record."""
        if type(record.event) in PICTURE and not (record.verdicts or record.commands):
            return
        self._tally.update(record)
        self._take(record.event)
        for verdict in record.verdicts:
            self._judge(verdict)
        for command in record.commands:
            if isinstance(command, SubmitOrder):
                self._orders[command.order.client_order_id] = command.order

    def _line(self, strategy: str) -> _Line:
        return self._lines.setdefault(strategy, _Line(self._asked.get(strategy, ("filters",))))

    def _judge(self, verdict: Verdict) -> None:
        if verdict.stage is Stage.EXIT:
            return
        line = self._line(verdict.strategy)
        way = line.way(verdict.ticker)
        refusal = (
            None if verdict.code is None else Refusal(verdict.plugin, verdict.code, verdict.message)
        )
        if verdict.stage is Stage.FILTER:
            self._filter(line, way, refusal)
            return
        # A price off the grid is found after the signal was let through, before its size.
        stage = SIZE if verdict.code == OFF_GRID else _NAMES.index(verdict.stage)
        if refusal is None:
            way.pass_stage(stage)
            line.passes[len(line.filters) + stage] += 1
        else:
            way.stop(stage, refusal)
            line.refusals[len(line.filters) + stage] += verdict.code != NO_SIGNAL

    @staticmethod
    def _filter(line: _Line, way: Way, refusal: Refusal | None) -> None:
        if refusal is None:
            way.admit()
            line.passes.update(range(len(line.filters)))
            return
        place = way.filter_out(refusal)
        line.passes.update(range(place))
        line.refusals[place] += 1

    def _take(self, event: AnyEvent) -> None:
        match event:
            case MarketListed(market=market):
                self._markets.add(market.ticker)
            case OrderFilled(fill=fill):
                self._filled(fill)
            case AccountReported(account=account):
                for fill in account.fills.rows:
                    self._filled(fill)
            case LedgerRead(orders=orders):
                self._orders |= {known.order.client_order_id: known.order for known in orders}
            case _:
                answer = _answer_of(event)
                if answer is not None:
                    self._answered(*answer)

    def _filled(self, fill: Fill) -> None:
        if fill.trade_id not in self._told:
            self._told.add(fill.trade_id)
            self._answered(fill.client_order_id, FILL, None)

    def _answered(self, client_order_id: str | None, stage: int, refusal: Refusal | None) -> None:
        order = self._orders.get(client_order_id or "")
        if order is None or order.purpose is not Purpose.ENTRY:
            return
        line = self._line(order.strategy)
        way, place = line.way(order.ticker), len(line.filters) + stage
        if refusal is not None:
            way.stop(stage, refusal)
            line.refusals[place] += 1
            return
        way.pass_stage(stage)
        if stage == FILL or order.client_order_id not in self._told:
            self._told.add(order.client_order_id)  # an acceptance is told with every report
            line.passes[place] += 1

    # ------------------------------------------------------------------------------- results

    def way(self, strategy: str, ticker: Ticker) -> Way:
        """Return how far a market got with a strategy."""
        return self._line(strategy).way(ticker)

    @property
    def tally(self) -> Tally:
        """What the run did, for the end of the funnel."""
        return self._tally

    def report(self) -> tuple[StrategyFunnel, ...]:
        """Return the funnel of each strategy."""
        return tuple(self._report(name, line) for name, line in self._lines.items())

    def _report(self, name: str, line: _Line) -> StrategyFunnel:
        removed: list[Counter[str]] = [Counter() for _ in (*line.filters, *_NAMES)]
        for ticker in self._markets:
            way = line.way(ticker)
            if way.place is not None:
                own = way.place < len(line.filters) and way.refusal
                removed[way.place][own.code if own else str(way.refusal)] += 1
        rows, left = [], len(self._markets)
        for place, reasons in enumerate(removed):
            is_filter = place < len(line.filters)
            gone = reasons.total()
            rows.append(
                Row(
                    stage="filter" if is_filter else _NAMES[place - len(line.filters)],
                    plugin=line.filters[place] if is_filter else None,
                    markets=left,
                    removed=gone,
                    left=left - gone,
                    reasons=dict(sorted(reasons.items(), key=lambda one: (-one[1], one[0]))),
                    passes=line.passes[place],
                    refusals=line.refusals[place],
                )
            )
            left -= gone
        return StrategyFunnel(
            strategy=name, markets=len(self._markets), rows=tuple(rows), ends=self._ends(name)
        )

    def _ends(self, strategy: str) -> dict[str, Ended]:
        ends: dict[str, Ended] = {}
        for trip in self._tally.trips():
            if trip.strategy == strategy:
                before = ends.get(trip.ended, Ended(markets=0, pnl=Decimal(0)))
                ends[trip.ended] = Ended(markets=before.markets + 1, pnl=before.pnl + trip.pnl)
        return dict(sorted(ends.items()))


def funnel_of(header: Mapping[str, object]) -> Funnel:
    """Return an empty funnel for the run of a journal's header."""
    asked, strategies = header.get("asked"), header.get("strategies")
    lines = asked.get("filter_market") if isinstance(asked, dict) else None
    return Funnel(
        lines if isinstance(lines, dict) else {},
        strategies if isinstance(strategies, list) else [],
    )


def _answer_of(event: AnyEvent) -> tuple[str, int, Refusal | None] | None:
    """Return the order an event answers, at which place, and the refusal if it is one."""
    match event:
        case OrderAccepted(client_order_id=name):
            return name, EXCHANGE, None
        case OrderRejected(client_order_id=name, code=code, message=message):
            return name, EXCHANGE, Refusal("exchange", code, message)
        case IntentRefused(client_order_id=name, reason=reason):
            return name, EXCHANGE, Refusal("ledger", "intent_refused", reason)
        case OrderUnknown(client_order_id=name, reason=reason):
            return name, EXCHANGE, Refusal(None, "unknown", reason)
        case OrderAbsent(client_order_id=name):
            return name, EXCHANGE, Refusal(None, "absent", "")
        case OrderCancelled(client_order_id=name, reason=reason):
            return name, FILL, Refusal(None, "cancelled", reason)
        case _:
            return None
