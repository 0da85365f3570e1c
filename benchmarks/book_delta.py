"""What one change of an order book costs, and how much memory a full book takes.

The promise: the best price is kept at hand, so that a change together with reading the touch is
several times cheaper than looking for the best price each time, and a book of ten levels a side
stays within 1.8 KB, so that a hundred thousand of them fit into one process.
"""

import sys
import tracemalloc
from random import Random  # noqa: TID251 - a benchmark's own seed
from time import process_time
from timeit import repeat

from framework.model.book import OrderBook
from framework.model.units import Side

CHANGES = 10_000
MOST_SHARE_OF_RESCAN = 0.6
MOST_BYTES_PER_BOOK = 1_843
"""1.8 KB."""


class Rescanned:
    """The simplest right book: two dicts, and a search for each touch."""

    def __init__(self) -> None:
        self.sides: dict[Side, dict[int, int]] = {Side.YES: {}, Side.NO: {}}

    def change(self, side: Side, price_e4: int, change_e2: int) -> None:
        levels = self.sides[side]
        size = levels.get(price_e4, 0) + change_e2
        if size:
            levels[price_e4] = size
        else:
            levels.pop(price_e4, None)

    def bid(self, side: Side) -> int | None:
        return max(self.sides[side], default=None)


def changes(seed: int = 1) -> list[tuple[Side, int, int]]:
    """Return changes near the touch, more and less in turns; some make and empty a best level."""
    rng = Random(seed)
    adds = [
        (side, 100 * (43 - min(int(rng.expovariate(0.2)), 42)), 100 * rng.randint(1, 50))
        for _ in range(CHANGES // 4)
        for side in Side
    ]
    return [
        step for side, price, size in adds for step in ((side, price, size), (side, price, -size))
    ]


def seconds_of(book: OrderBook | Rescanned, steps: list[tuple[Side, int, int]]) -> float:
    def play() -> None:
        change, bid = book.change, book.bid
        for side, price, size in steps:
            change(side, price, size)
            bid(Side.YES)
            bid(Side.NO)

    return min(repeat(play, number=1, repeat=15, timer=process_time))


def bytes_per_book(books: int = 2_000, levels: int = 10) -> float:
    """Count what is a book's own: its prices are shared, an adapter looks them up in a table."""
    rng = Random(1)
    yes, no = ([100 * (best - i) for i in range(levels)] for best in (40, 55))
    tracemalloc.start()
    kept = []
    for _ in range(books):
        book = OrderBook()
        book.replace(
            {price: 100 * rng.randint(1, 5_000) for price in yes},
            {price: 100 * rng.randint(1, 5_000) for price in no},
        )
        kept.append(book)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return used / len(kept)


def main() -> int:
    ours, simple = OrderBook(), Rescanned()
    ladder = {100 * (1 + level): 5_000 for level in range(40)}
    ours.replace(ladder, ladder)
    simple.sides = {side: dict(ladder) for side in Side}
    steps = changes()
    ratio = seconds_of(ours, steps) / seconds_of(simple, steps)
    nanos = seconds_of(ours, steps) / len(steps) * 1e9
    memory = bytes_per_book()
    print(f"book change and touch     {nanos:8.0f} ns")
    quick, small = ratio <= MOST_SHARE_OF_RESCAN, memory <= MOST_BYTES_PER_BOOK
    print(
        f"  against a search        {ratio:8.2f} x    limit {MOST_SHARE_OF_RESCAN} x"
        f"    {'kept' if quick else 'BROKEN'}"
    )
    print(
        f"memory of a full book     {memory:8.0f} B    limit {MOST_BYTES_PER_BOOK} B"
        f"   {'kept' if small else 'BROKEN'}"
    )
    return 0 if quick and small else 1


if __name__ == "__main__":
    sys.exit(main())
