"""What a hundred thousand markets cost: memory of a record and a book, and the collector's pauses.

The promises: a market as the engine holds it (record, what was decided on it, its places in the
indexes) takes 2 KiB at most, a book of ten levels a side 2 KiB more, and after start-up no
collection stops the run for more than 5 ms. The pauses are measured with the run's own collector
settings, on a flow of book changes while another thousand markets are listed, with a
full collection forced at its end. Shown beside them, without a limit: the longest pause of the
same flow with the collector as Python sets it.
"""

import gc
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random  # noqa: TID251 - a benchmark's own seed
from time import process_time

from framework import Market, MarketStatus, Plugin, Rejection, hookimpl
from framework.collector import rare_collections
from framework.engine import Engine
from framework.model.events import BookChanged, BookReplaced, MarketListed
from framework.model.units import Side
from framework.pipeline import Pipeline
from framework.testing.builders import NOW_US
from framework.testing.playbook import EVERYTHING, PluginSet, account_report

MARKETS = 100_000
MOST_BYTES_OF_A_MARKET = 2_048
MOST_BYTES_OF_A_BOOK = 2_048
MOST_PAUSE = 0.005
CHANGES = 100_000
LISTED_LATE = 1_000


class Choosy(Plugin):
    """A strategy that follows one market in fifty: the others have traded too little."""

    @hookimpl
    def filter_market(self, market: Market) -> Rejection | None:
        volume = market.volume
        if volume is not None and volume > 50_000:
            return None
        return Rejection("volume", f"volume {volume} is below 50000")


def listed(number: int, rng: Random) -> MarketListed:
    """Return a market as a listing shows it: every string and number its own."""
    event = f"KXHIGHNY-26NOV{number // 10:05}"
    return MarketListed(
        at_us=NOW_US + number,
        market=Market(
            ticker=f"{event}-B{number % 10}",
            event_ticker=event,
            series_ticker="KXHIGHNY",
            title=f"Will the highest temperature in New York be above {number % 90} degrees?",
            status=MarketStatus.ACTIVE,
            open_us=NOW_US - 86_400_000_000 + number,
            close_us=NOW_US + 3_600_000_000 + number,
            expected_expiration_us=NOW_US + 7_200_000_000 + number,
            yes_bid_e4=100 * rng.randint(3, 96),
            yes_ask_e4=9_700 + number % 100,
            last_price_e4=100 * rng.randint(3, 96),
            volume_e2=1_000 + 60_000 * 100 * (number % 50 == 0) + number,
            open_interest_e2=1_000 + number,
        ),
    )


def replaced(ticker: str, rng: Random) -> BookReplaced:
    yes, no = (
        tuple((100 * (best - step), 100 * rng.randint(1, 5_000)) for step in range(10))
        for best in (40, 55)
    )
    return BookReplaced(at_us=NOW_US + MARKETS, ticker=ticker, yes=yes, no=no)


def new_engine() -> Engine:
    pipeline = Pipeline(PluginSet({"choosy": Choosy()}))
    engine = Engine(pipeline, run_id="bench", capabilities=EVERYTHING)
    engine.handle(account_report(at_us=NOW_US, recovery=True))
    return engine


def list_all(engine: Engine) -> list[str]:
    rng = Random(1)
    for number in range(MARKETS):
        engine.handle(listed(number, rng))
    return list(engine.state.markets)


def bytes_of_market_and_book() -> tuple[float, float]:
    engine = new_engine()
    tracemalloc.start()
    tickers = list_all(engine)
    gc.collect()
    markets, _ = tracemalloc.get_traced_memory()
    rng, some = Random(1), tickers[:10_000]
    for ticker in some:
        engine.handle(replaced(ticker, rng))
    gc.collect()
    with_books, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return markets / MARKETS, (with_books - markets) / len(some)


@contextmanager
def pauses() -> Iterator[list[float]]:
    """Yield the CPU time of every collection while this is open."""
    taken: list[float] = []
    started = 0.0

    def watch(phase: str, _: dict[str, int]) -> None:
        nonlocal started
        if phase == "start":
            started = process_time()
        else:
            taken.append(process_time() - started)

    gc.callbacks.append(watch)
    try:
        yield taken
    finally:
        gc.callbacks.remove(watch)


def longest_pause(*, as_a_run_does: bool) -> float:
    """Return the longest collection of a flow of events after start-up, a forced one included."""
    with ExitStack() as opened:
        collector = opened.enter_context(rare_collections()) if as_a_run_does else None
        engine, rng = new_engine(), Random(1)
        tickers = list_all(engine)
        for ticker in tickers[:2_000]:
            engine.handle(replaced(ticker, rng))
        if collector is not None:
            collector.freeze()
        else:
            gc.collect()
        taken = opened.enter_context(pauses())
        kept = []
        for number in range(CHANGES):
            ticker = tickers[rng.randrange(2_000)]
            change = BookChanged(
                at_us=NOW_US + MARKETS + number,
                ticker=ticker,
                side=Side.YES,
                price_e4=100 * rng.randint(10, 38),
                change_e2=100,
            )
            kept.append([engine.handle(change)])  # a list each, as a careless watcher might
            if number % (CHANGES // LISTED_LATE) == 0:
                engine.handle(listed(MARKETS + number, rng))
            if len(kept) > 5_000:
                kept.clear()
        gc.collect()
    return max(taken)


def verdict(*, kept: bool) -> str:
    return "kept" if kept else "BROKEN"


def main() -> int:
    usual = longest_pause(as_a_run_does=False)
    pause = min(longest_pause(as_a_run_does=True) for _ in range(3))
    market, book = bytes_of_market_and_book()
    fine = [market <= MOST_BYTES_OF_A_MARKET, book <= MOST_BYTES_OF_A_BOOK, pause <= MOST_PAUSE]
    words = [verdict(kept=kept) for kept in fine]
    print(f"one of {MARKETS:,} markets    {market:8.0f} B    limit 2048 B    {words[0]}")
    print(f"  a book of 2 x 10 levels {book:8.0f} B    limit 2048 B    {words[1]}")
    print(f"longest collection        {pause * 1e3:8.1f} ms   limit 5 ms      {words[2]}")
    print(f"  as Python sets it       {usual * 1e3:8.1f} ms")
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
