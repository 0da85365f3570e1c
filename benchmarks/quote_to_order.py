"""From a quote's arrival to the last byte of the signed order at the exchange, over loopback TCP.

The promise: half of the orders are there in a tenth of the time that a bot of the usual parts
(httpx-ws, pydantic, pluggy for every event, RSA-2048 in line, httpx) needs in the same run. Ours is
a whole run as in demo mode: adapter, books, filters, size, limits, journal, an intent committed to
the ledger (`durability = "process"`), signed headers, the order lane. The usual bot does none of
that beside decoding, a book, a hook and the order. Shown without a limit: `durability = "full"`,
which waits for the disk, p99, and the CPU time per frame, the answer to the order included.

The clock starts when the exchange writes the quote, so the kernel's way there and back counts on
both sides. Rounds are taken in turns and the best round of each bot is compared.
"""

import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import msgspec
from loopback.parties import Pair, new_key

MOST_SHARE_OF_USUAL = 0.1
ROUNDS = 6
QUOTES = 60
WARM_UP = 30
USUAL, PROCESS, FULL = "a bot of the usual parts", 'ours, "process"', 'ours, "full"'


class Round(msgspec.Struct):
    p50_us: float
    p99_us: float
    least_us: float
    cpu_us: float


def measured(pair: Pair) -> Round:
    before = pair.cpu()
    took = pair.venue.ask(do="quotes", count=QUOTES)["ns"]
    cpu_us = (pair.cpu() - before) / QUOTES * 1e6
    cuts = quantiles(took, n=100)
    return Round(cuts[49] / 1e3, cuts[98] / 1e3, min(took) / 1e3, cpu_us)


def main() -> int:
    with TemporaryDirectory() as folder, ExitStack() as running:
        key = new_key(Path(folder))
        starts = {
            USUAL: ("loopback.usual", [str(key)]),
            PROCESS: ("loopback.ours", [str(key), folder, "process"]),
            FULL: ("loopback.ours", [str(key), folder, "full"]),
        }
        pairs = {}
        for name, (module, arguments) in starts.items():
            pairs[name] = running.enter_context(Pair(module, arguments))
        for pair in pairs.values():
            pair.wait_ready()
            pair.venue.ask(do="quotes", count=WARM_UP)
        rounds: dict[str, list[Round]] = {name: [] for name in pairs}
        for _ in range(ROUNDS):
            for name, pair in pairs.items():
                pair.wait_idle()
                rounds[name].append(measured(pair))
    for name, taken in rounds.items():
        best = min(taken, key=lambda one: one.p50_us)
        print(
            f"{name:26} p50 {best.p50_us:6.0f} us  p99 {best.p99_us:6.0f} us  least"
            f" {min(one.least_us for one in taken):6.0f} us"
            f"  CPU {min(one.cpu_us for one in taken):6.0f} us per frame"
        )
    share = min(one.p50_us for one in rounds[PROCESS]) / min(one.p50_us for one in rounds[USUAL])
    kept = share <= MOST_SHARE_OF_USUAL
    print(
        f"quote to order, p50       {share:8.2f} x    limit {MOST_SHARE_OF_USUAL} x"
        f"    {'kept' if kept else 'BROKEN'}"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
