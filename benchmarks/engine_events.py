"""How many events the engine takes in a second, with its journal, against a bare loop.

The promise: a thousand markets with three strategies run at a quarter or more of the speed of
a loop that does, for each event, one dict write and calls the same three strategies as plain
functions on Decimals that are ready. The engine's side is the line as it runs: plugins of a
kalshi.toml through loader and pipeline, filters, sizes, limits, a ledger, and a journal written
and sealed. The mix of events and the share that moves a touch are those of recordings of the
exchange (237,586 deltas: 5.7 % moved it).

Both sides take the flow in stretches, in turns, with the garbage collector as a run sets it, and
of each stretch the least of several rounds counts: a neighbour on the machine seldom hits the
same stretch every time.

Shown without a limit: the same when every event moves the touch, so that every strategy is asked
every time, which no market does.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random  # noqa: TID251 - a benchmark's own seed
from tempfile import TemporaryDirectory
from time import process_time

from pydantic import PrivateAttr

from framework import EntrySignal, Plugin, Side, Snapshot, hookimpl
from framework.cli.project import load
from framework.collector import rare_collections
from framework.engine import Engine
from framework.journal import FILE_NAME, JournalWriter
from framework.ledger import open_ledger
from framework.line import Line
from framework.model.book import OrderBook
from framework.model.events import (
    AnyEvent,
    BookChanged,
    BookReplaced,
    ClockTicked,
    MarketListed,
    QuoteTicked,
    TradePrinted,
)
from framework.model.units import price_of
from framework.pipeline import Pipeline
from framework.testing.builders import NOW_US, market
from framework.testing.playbook import EVERYTHING, account_report
from framework.watchdog import Watchdog

LEAST_SHARE_OF_BARE = 0.25
MARKETS = 1_000
EVENTS = 50_000
BATCH = 20
"""Events in one read of a socket."""
STRETCH = 1_000
"""Events between two looks at the clock."""
EVENT_US = 100
"""10,000 events a second: each market ten times."""
ROUNDS = 8
LIKELY, DEAREST, NARROW = Decimal("0.85"), Decimal("0.97"), Decimal("0.02")
UNLIKELY = Decimal("0.06")
WEIGHT, FAR, EXACTLY = Decimal("0.1"), Decimal("0.05"), Decimal("0.000001")

SETTINGS = """
[framework]
mode = "sandbox"
[plugins.kalshi]
[plugins.console]
enabled = false
[plugins.tradable]
[plugins.liquidity]
max_spread_ratio = 2
[plugins.fixed_dollars]
[plugins.risk_limits]
max_open_orders = 20
[plugins.stop_loss]
[strategies.favourites]
use = "engine_events:Favourites"
[strategies.longshots]
use = "engine_events:Longshots"
[strategies.reversions]
use = "engine_events:Reversions"
"""


def favourite(bid: Decimal, ask: Decimal) -> Decimal | None:
    """Pay the ask of what is likely, where the spread is narrow against the price."""
    spread, mid = ask - bid, (ask + bid) / 2
    if not spread < NARROW * mid or bid < LIKELY:
        return None
    return ask if ask <= DEAREST else None


def longshot(bid: Decimal, ask: Decimal) -> Decimal | None:
    """Pay the ask of NO where YES is unlikely."""
    return 1 - bid if ask <= UNLIKELY else None


class Reversion:
    """Pay the ask of what has fallen far below its average."""

    def __init__(self) -> None:
        self._average: dict[str, Decimal] = {}

    def __call__(self, ticker: str, bid: Decimal, ask: Decimal) -> Decimal | None:
        mid = (bid + ask) / 2
        average = self._average.get(ticker, mid)
        self._average[ticker] = (average + (mid - average) * WEIGHT).quantize(EXACTLY)
        return ask if mid < average - FAR else None


class Favourites(Plugin):
    """`favourite` as a plugin."""

    @hookimpl
    def signal_entry(self, snapshot: Snapshot) -> EntrySignal | None:
        bid, ask = snapshot.yes.bid, snapshot.yes.ask
        limit = None if bid is None or ask is None else favourite(bid, ask)
        return None if limit is None else EntrySignal(Side.YES, limit=limit, reason="likely")


class Longshots(Plugin):
    """`longshot` as a plugin."""

    @hookimpl
    def signal_entry(self, snapshot: Snapshot) -> EntrySignal | None:
        bid, ask = snapshot.yes.bid, snapshot.yes.ask
        limit = None if bid is None or ask is None else longshot(bid, ask)
        return None if limit is None else EntrySignal(Side.NO, limit=limit, reason="unlikely")


class Reversions(Plugin):
    """`Reversion` as a plugin."""

    _rule: Reversion = PrivateAttr(default_factory=Reversion)

    @hookimpl
    def signal_entry(self, snapshot: Snapshot) -> EntrySignal | None:
        bid, ask = snapshot.yes.bid, snapshot.yes.ask
        limit = None if bid is None or ask is None else self._rule(snapshot.ticker, bid, ask)
        return None if limit is None else EntrySignal(Side.YES, limit=limit, reason="fallen")


class Crowd:
    """What happens on the markets: a seeded flow of events, and the touch after each."""

    def __init__(self, moving: float, *, only_books: bool = False, seed: int = 1) -> None:
        """Let a share of the book's changes move the touch."""
        self._rng = Random(seed)
        self._moving = moving
        self._only_books = only_books
        self._books: dict[str, OrderBook] = {}
        self._at_us = NOW_US
        self._trade = 0
        self.moved = 0

    def listing(self) -> list[AnyEvent]:
        """Return what a run hears first: the account, the markets, their books."""
        start: list[AnyEvent] = [account_report(at_us=self._at_us, recovery=True)]
        for number in range(MARKETS):
            ticker = f"KXBENCH-26NOV02-{number:04}"
            listed = market(ticker=ticker, event_ticker=f"KXBENCH-26NOV{number // 4:03}")
            self._books[ticker] = OrderBook()
            start.append(MarketListed(at_us=self._at_us, market=listed))
        return start + [self._replaced(ticker) for ticker in self._books]

    def events(self) -> Iterator[AnyEvent]:
        """Yield the flow."""
        tickers = list(self._books)
        for number in range(EVENTS):
            self._at_us += EVENT_US
            ticker = self._rng.choice(tickers)
            kind = 0 if self._only_books else self._rng.random()
            if number % (1_000_000 // EVENT_US) == 0:
                yield ClockTicked(at_us=self._at_us)
            elif kind < 0.93:
                yield self._changed(ticker)
            elif kind < 0.96:
                yield self._printed(ticker)
            elif kind < 0.999:
                yield self._ticked(ticker)
            else:
                yield self._replaced(ticker)

    def touch(self, ticker: str) -> tuple[Decimal, Decimal]:
        bid, ask = self._books[ticker].touch()
        assert bid is not None
        assert ask is not None
        return price_of(bid), price_of(ask)

    def _replaced(self, ticker: str) -> BookReplaced:
        book = self._books[ticker]
        if not book.valid:
            best = 100 * self._rng.randint(4, 95)
            self._fill(book, best, 9_900 - best)
        sides = {side: tuple(sorted(book.bids(side))) for side in Side}
        return BookReplaced(
            at_us=self._at_us,
            ticker=ticker,
            yes=sides[Side.YES],
            no=sides[Side.NO],
            exchange_us=self._at_us - 20_000,
        )

    def _fill(self, book: OrderBook, yes: int, no: int) -> None:
        levels = [
            {
                best - 100 * step: 100 * self._rng.randint(1, 900)
                for step in range(min(10, best // 100))
            }
            for best in (yes, no)
        ]
        book.replace(*levels)

    def _changed(self, ticker: str) -> BookChanged:
        book, rng = self._books[ticker], self._rng
        side = rng.choice((Side.YES, Side.NO))
        best = book.bid(side)
        assert best is not None
        before = book.touch()
        if rng.random() >= self._moving:
            price, size = rng.choice(book.bids(side))
            change = 100 * rng.randint(1, 50) if size < 3_000 or rng.random() < 0.5 else -1_000
        elif len(book.bids(side)) > 9 or best + 100 >= (book.ask(side) or 0):
            price, change = best, -book.size(side, best)
        else:
            price, change = best + 100, 100 * rng.randint(1, 900)
        book.change(side, price, change)
        self.moved += book.touch() != before
        return BookChanged(
            at_us=self._at_us,
            ticker=ticker,
            side=side,
            price_e4=price,
            change_e2=change,
            exchange_us=self._at_us - 20_000,
        )

    def _printed(self, ticker: str) -> TradePrinted:
        self._trade += 1
        return TradePrinted(
            at_us=self._at_us,
            ticker=ticker,
            trade_id=f"3f1c2f0a-7f5e-4d0c-9b7e-{self._trade:012}",
            yes_price_e4=self._books[ticker].bid(Side.YES) or 100,
            quantity_e2=100 * self._rng.randint(1, 300),
            taker_side=Side.YES,
            exchange_us=self._at_us - 20_000,
        )

    def _ticked(self, ticker: str) -> QuoteTicked:
        return QuoteTicked(
            at_us=self._at_us,
            ticker=ticker,
            last_price_e4=self._books[ticker].bid(Side.YES),
            volume_e2=5_000_000 + self._at_us - NOW_US,
            open_interest_e2=None,
            exchange_us=self._at_us - 20_000,
        )


class Flow:
    """One crowd's events, made before anything is measured."""

    def __init__(self, crowd: Crowd) -> None:
        self.listing = crowd.listing()
        self.events: list[AnyEvent] = []
        self.seen: list[tuple[str, Decimal, Decimal]] = []
        """What the bare loop is given: ticker and touch, ready."""
        for event in crowd.events():
            ticker = getattr(event, "ticker", self.seen[-1][0] if self.seen else "")
            self.events.append(event)
            self.seen.append((ticker, *crowd.touch(ticker or next(iter(crowd._books)))))  # noqa: SLF001 - the crowd of this very file
        self.share_moved = crowd.moved / len(self.events)

    def batches(self) -> list[Sequence[AnyEvent]]:
        return [self.events[at : at + BATCH] for at in range(0, len(self.events), BATCH)]


@contextmanager
def line(folder: Path) -> Iterator[Line]:
    """Yield the line of a run on a folder of its own, started and listing nothing yet."""
    settings, plugins = load(folder / "kalshi.toml")
    pipeline = Pipeline(plugins, stopwatch=lambda: 0)
    with TemporaryDirectory(dir=folder) as own:
        journal = JournalWriter(Path(own) / FILE_NAME, {})
        ledger = open_ledger(
            Path(own) / "ledger.sqlite",
            durability=settings.framework.durability,
            account="bench",
            run_id="bench",
        )
        ledger.acquire_lock(NOW_US)
        recovered = ledger.recover(NOW_US)
        engine = Engine(pipeline, run_id="bench", capabilities=EVERYTHING)
        made = Line(engine, pipeline, journal, ledger, Watchdog(Path(own), 10.0))
        made.process([recovered.read])
        yield made
        journal.close({})
        ledger.close()


def seconds_of_engine(flow: Flow, folder: Path) -> list[float]:
    """Return what each stretch of the flow took; the last one writes what is left."""
    with line(folder) as made:
        made.process(flow.listing)
        made.process(flow.listing[1 + MARKETS :])  # the books again: now every market is followed
        batches = flow.batches()
        seen = [process_time()]
        for number, batch in enumerate(batches, 1):
            made.process(batch)
            if number == len(batches):
                made.show()
                made.flush()
            if number % (STRETCH // BATCH) == 0:
                seen.append(process_time())
        check(made)
    return [after - before for before, after in pairwise(seen)]


def check(made: Line) -> None:
    """Refuse a figure of a line that decides nothing."""
    totals = made.tally.totals()
    assert totals.admitted == MARKETS, totals
    assert totals.signals > 0, totals
    assert 0 < totals.orders <= 20, totals
    assert totals.refused_by_exchange == 0, totals


def seconds_of_bare(flow: Flow) -> list[float]:
    """Return what each stretch took the loop."""
    last: dict[str, Decimal] = {}
    reversion = Reversion()
    stretches = [flow.seen[at : at + STRETCH] for at in range(0, len(flow.seen), STRETCH)]
    seen = [process_time()]
    for stretch in stretches:
        for ticker, bid, ask in stretch:
            last[ticker] = bid
            favourite(bid, ask)
            longshot(bid, ask)
            reversion(ticker, bid, ask)
        seen.append(process_time())
    return [after - before for before, after in pairwise(seen)]


def least(*rounds: Callable[[], list[float]]) -> list[float]:
    """Return the sum of each stretch's least of several rounds of each, taken in turns."""
    taken = [[measure() for measure in rounds] for _ in range(ROUNDS)]
    return [
        sum(min(times) for times in zip(*rounds_of_one, strict=True))
        for rounds_of_one in zip(*taken, strict=True)
    ]


def main() -> int:
    usual = Flow(Crowd(0.06))
    busy = Flow(Crowd(1.0, only_books=True))
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kalshi.toml").write_text(SETTINGS)
        with rare_collections() as collector:
            collector.freeze()
            engine, bare = least(
                lambda: seconds_of_engine(usual, folder), lambda: seconds_of_bare(usual)
            )
            hurried, bare_again = least(
                lambda: seconds_of_engine(busy, folder), lambda: seconds_of_bare(busy)
            )
    share = bare / engine
    kept = share >= LEAST_SHARE_OF_BARE
    print(f"a bare loop               {EVENTS / bare:8,.0f} events/s")
    print(f"the engine, journal on    {EVENTS / engine:8,.0f} events/s")
    print(
        f"  against the loop        {share:8.2f} x    limit {LEAST_SHARE_OF_BARE} x"
        f"    {'kept' if kept else 'BROKEN'}"
    )
    print(f"  {usual.share_moved:5.1%} moved the touch")
    print(f"  where {busy.share_moved:.0%} do          {bare_again / hurried:8.2f} x")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
