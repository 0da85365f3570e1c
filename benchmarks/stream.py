"""What a frame of the stream costs in CPU time until the books show it and the engine knows it.

The promise: decoding a change of a book, applying it and handing it to the engine costs at most a
twenty-fifth of stock httpx-ws with json, pydantic and a book of Decimals, and at most a quarter of
websockets with the same, in the same run, over loopback TCP. websockets is none of our
dependencies: `make bench-peers` runs this file in an environment that has it; without it that
half of the promise is left out, and says so.
"""

import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from loopback.parties import Pair, new_key

LIMITS = {"httpx-ws": 1 / 25, "websockets": 1 / 4}
ROUNDS = 15
FRAMES = {"ours": 40_000, "websockets": 8_000, "httpx-ws": 1_500}
"""As many as take a tenth of a second: a neighbour on the machine hits all of them alike."""


def frame_us(pair: Pair, frames: int) -> float:
    """Return the CPU time per frame of one flood."""
    before = pair.cpu()
    pair.venue.ask(do="flood", frames=frames)
    pair.wait_idle()
    return (pair.cpu() - before) / frames * 1e6


def main() -> int:
    names = ["ours", "httpx-ws"] + (["websockets"] if find_spec("websockets") else [])
    least = dict.fromkeys(names, float("inf"))
    with TemporaryDirectory() as folder, ExitStack() as running:
        key = new_key(Path(folder))
        pairs = {
            name: running.enter_context(Pair("loopback.follow", [name, str(key), folder]))
            for name in names
        }
        for pair in pairs.values():
            pair.wait_ready()
        for _ in range(ROUNDS):
            for name, pair in pairs.items():
                least[name] = min(least[name], frame_us(pair, FRAMES[name]))
    print(f"a frame decoded, in the book, at the engine {least['ours']:7.2f} us")
    broken = False
    for peer, limit in LIMITS.items():
        if peer not in least:
            print(f"  of {peer}: not measured, it is not installed here: make bench-peers")
            continue
        share = least["ours"] / least[peer]
        kept = share <= limit
        broken |= not kept
        print(
            f"  of {peer + ', json, pydantic, Decimal':38} {share:7.3f} x    limit {limit:.2f} x"
            f"    {'kept' if kept else 'BROKEN'}    ({least[peer]:.1f} us)"
        )
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
