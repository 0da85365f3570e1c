"""Shows a run while it goes: counts, and a line for each thing that matters."""

import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from pydantic import Field, PrivateAttr
from rich import console
from rich.live import Live
from rich.text import Text

from framework import Duration, Fill, Plugin, hookimpl
from framework.model.commands import SubmitOrder
from framework.model.events import (
    AccountReported,
    AnyEvent,
    BookChanged,
    BookReplaced,
    ClockTicked,
    ExchangeStatusChanged,
    ExchangeWarned,
    LedgerRead,
    MarketChanged,
    MarketListed,
    MarketSettled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    Pause,
    PluginQuarantined,
    QuoteTicked,
    RunStopping,
    StreamLost,
    StreamRestored,
    TradePrinted,
    TradingHalted,
    TradingResumed,
)
from framework.model.market import Settlement, moment
from framework.model.portfolio import Portfolio
from framework.model.records import Record, Stage, Verdict
from framework.model.units import Micros, complement, money_of, price_of, quantity_of, to_us

_QUOTES: Final = frozenset(
    {BookChanged, BookReplaced, ClockTicked, MarketChanged, QuoteTicked, TradePrinted}
)
"""The bulk of all events, and nothing to tell."""
_OPINIONS: Final = frozenset({Stage.SIGNAL, Stage.EXIT})
"""Stages where no answer is no refusal."""
_SHOWN_CODES: Final = 6
"""The most frequent refusals are shown; the report has them all."""
_FIRST_US: Final[Micros] = 10_000_000
"""The first counts come so soon: who starts a run wants to see that it found markets."""


class _Progress:
    """What has happened so far, from records alone."""

    def __init__(self) -> None:
        self._books = Portfolio()
        self._admitted: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()
        self._now_us: Micros = 0
        self._told_us: Micros | None = None
        self._told = ""

    def see(self, records: Sequence[Record]) -> Iterator[str]:
        """Count a batch and yield the lines it is worth."""
        for record in records:
            event = record.event
            for verdict in record.verdicts:
                self._judge(verdict)
            for command in record.commands:
                self._counts["orders"] += isinstance(command, SubmitOrder)
            if type(event) is MarketListed:
                self._counts["markets"] += 1
            elif type(event) not in _QUOTES:
                for line in self._tell(event):
                    yield f"{moment(event.at_us):%m-%d %H:%M:%S} {line}"
        self._now_us = records[-1].event.at_us

    @property
    def began(self) -> bool:
        """Whether anything has happened."""
        return self._now_us > 0

    def is_due(self, every_us: Micros) -> bool:
        """Return, once per span of the run's time, whether there are new counts to tell."""
        if self._told_us is None:
            self._told_us = self._now_us - max(every_us - _FIRST_US, 0)
        if self._now_us - self._told_us < every_us:
            return False
        before, self._told = self._told, self._counted()
        self._told_us = self._now_us
        return self._told != before

    def shown(self) -> Text:
        """Return the counts for a display; called from the display's own thread."""
        return Text(str(self), style="dim")

    def __str__(self) -> str:
        return f"{moment(self._now_us):%m-%d %H:%M:%S} {self._counted()}"

    def _counted(self) -> str:
        counts, books = self._counts, self._books
        refusals = self._refusals.copy().most_common(_SHOWN_CODES)
        refused = ", ".join(f"{code} {times}" for code, times in refusals)
        return (
            f"{counts['markets']} markets, {len(self._admitted)} admitted, "
            f"{counts['signals']} signals, {counts['orders']} orders, {counts['fills']} fills, "
            f"{counts['settled']} settled, realized {money_of(books.realized_e6)}"
            f"{'; refused: ' if refused else ''}{refused}"
        )

    def _judge(self, verdict: Verdict) -> None:
        if verdict.code is None:
            self._counts["signals"] += verdict.stage is Stage.SIGNAL
            if verdict.stage is Stage.FILTER:
                self._admitted.add(verdict.ticker)
        elif verdict.stage not in _OPINIONS:
            self._refusals[verdict.code] += 1

    def _tell(self, event: AnyEvent) -> Iterator[str]:
        match event:
            case OrderFilled(fill=fill):
                yield from self._fill(fill)
            case MarketSettled(settlement=settlement):
                yield from self._settle(settlement)
            case OrderRejected(code=code, message=message):
                self._refusals[code] += 1
                yield f"the exchange refused an order: {code}, {message}"
            case AccountReported(told_us=told_us) if told_us is not None:
                self._books.all_told(told_us)
            case LedgerRead():
                for owned in event.fills:
                    self._books.apply(owned.fill, owned.strategy)
                for settlement in event.settlements:
                    self._books.settle(settlement)
            case _:
                line = _alarm(event)
                if line is not None:
                    yield line

    def _fill(self, fill: Fill) -> Iterator[str]:
        held = self._books.position(fill.ticker)
        realized_e6 = self._books.apply(fill)
        if realized_e6 is None:  # an account report tells fills again
            return
        self._counts["fills"] += 1
        deal, side, price_e4, result = "bought", fill.side, fill.price_e4, ""
        if held is not None and held.side is not fill.side:
            deal, side, price_e4 = "sold", held.side, complement(fill.price_e4)
            result = f", result {money_of(realized_e6)}"
        yield (
            f"{deal} {fill.quantity} {side.upper()} {fill.ticker} at {price_of(price_e4)}, "
            f"fee {fill.fee}{result}"
        )

    def _settle(self, settlement: Settlement) -> Iterator[str]:
        held = self._books.position(settlement.ticker)
        realized_e6 = self._books.settle(settlement)
        if held is None or realized_e6 is None:  # somebody else's, or told again
            return
        self._counts["settled"] += 1
        yield (
            f"settled {settlement.result}: {quantity_of(held.quantity_e2)} {held.side.upper()} "
            f"{settlement.ticker}, result {money_of(realized_e6)}"
        )


def _rests(pauses: Sequence[Pause]) -> str:
    """Return what of the exchange takes no orders, in a line."""
    if not pauses:
        return "the exchange takes orders again"
    return "the exchange pauses: " + "; ".join(pause.reason for pause in pauses)


def _alarm(event: AnyEvent) -> str | None:
    """Return the line of an event that a person should see, or None."""
    match event:
        case TradingHalted(reason=reason):
            return f"halted: {reason}"
        case TradingResumed():
            return "resumed"
        case OrderUnknown(client_order_id=order, reason=reason):
            return f"nobody knows what became of order {order}: {reason}"
        case StreamLost(reason=reason):
            return f"stream lost: {reason}"
        case StreamRestored():
            return "stream restored"
        case ExchangeStatusChanged(pauses=pauses):
            return _rests(pauses)
        case ExchangeWarned(what=what, value=value, limit=limit):
            return f"{what} is at {value}, beyond {limit}"
        case PluginQuarantined(plugin=plugin, reason=reason):
            return f"plugin {plugin} is not asked any more: {reason}"
        case RunStopping(reason=reason):
            return f"stopping: {reason}"
        case _:
            return None


class Console(Plugin):
    """Tells on the terminal what a run does.

    Every fill, settlement and halt is one line on standard error, stamped with the time of the
    run. On a terminal the counts stay in view below the lines, unless another display holds the
    last lines. Elsewhere they are a line of their own every `every` of the run's time, the first
    after ten seconds, when they have changed, so that a log stays readable at any speed.

    Counted are markets listed and admitted, signals, orders, fills, settled positions, refusals
    by code, and the realized P&L net of fees. It only watches: it is fed after the decisions,
    and nothing it does can change one.
    """

    quiet: bool = Field(default=False, description="Whether to show nothing at all.")
    every: Duration = Field(
        default=timedelta(minutes=5),
        gt=timedelta(0),
        description="Time of the run between two lines of counts, a duration.",
    )

    _progress: _Progress = PrivateAttr(default_factory=_Progress)
    _terminal: console.Console = PrivateAttr(default_factory=lambda: console.Console(stderr=True))
    _in_view: bool = PrivateAttr(default=False)

    @hookimpl
    @asynccontextmanager
    async def open_service(self) -> AsyncIterator[None]:
        """Keep the counts in view while the run goes, and leave them behind as a line."""
        # rich puts a proxy in the place of a stream that a live display writes to.
        taken = hasattr(sys.stderr, "rich_proxied_file")
        self._in_view = self._terminal.is_terminal and not taken and not self.quiet
        try:
            if self._in_view:
                with Live(
                    get_renderable=self._progress.shown, console=self._terminal, transient=True
                ):
                    yield
            else:
                yield
        finally:
            self._in_view = False
            if self._progress.began and not self.quiet:
                _say(str(self._progress))

    @hookimpl
    def observe(self, records: Sequence[Record]) -> None:
        """Count a batch, and write the lines it is worth."""
        if self.quiet or not records:
            return
        progress = self._progress
        for line in progress.see(records):
            _say(line)
        if not self._in_view and progress.is_due(to_us(self.every)):
            _say(str(progress))


def _say(line: str) -> None:
    # Not through a rich console: the stream of this moment may be a proxy that puts lines above
    # a live display, and a console would write past it.
    sys.stderr.write(f"{line}\n")
