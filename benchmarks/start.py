"""How long a start takes with a hundred thousand open markets, against the rate limit alone.

A whole `framework run` in demo mode starts beside an exchange on loopback: it recovers the
account, lists every market with its event and series, filters them with the packaged plugins and
subscribes the admitted ones. The exchange is the sandbox's, in a process of its own; its answers
to lists are prepared by a first start, so that what is measured is ours. It takes the tokens of
every read as always, and refuses whoever overdraws. The first start also leaves the bytecode of
all modules behind, as a first start does wherever Python may write it.

The limit is what the account's bucket allows for the reads that were truly made: a full bucket at
the first read, then its rate. The promise is 1.2 times that, from the start of the process until
the exchange has heard the last subscription on the last channel. Shown beside it: the CPU that the
framework needed, and how long it waited for a core that others had.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import anyio
from anyio.abc import SocketAttribute

from framework.clock import run_real, stopwatch, wall_clock_us
from framework.model.events import AnyEvent, BookReplaced, MarketListed, QuoteTicked
from framework.model.market import EventGroup, Market, MarketStatus, Series
from plugins.sandbox.auth import Gate, new_key_pair
from plugins.sandbox.core.exchange import SandboxExchange
from plugins.sandbox.rates import BASIC, DEFAULT_COST, RateLimits
from plugins.sandbox.request import Reply, Request
from plugins.sandbox.server import FixedPoint, serve
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import throttled

MARKETS = 100_000
FOLLOWED_EVERY = 20
FOLLOWED = -(-MARKETS // FOLLOWED_EVERY)
MARKETS_PER_EVENT = 8
EVENTS_PER_SERIES = 60
FAVOURITE_E4 = 8_200
"""Near enough to its entry that the strategy follows, too low for it to buy."""
DAY_US = 86_400_000_000
CHANNELS = ("orderbook_delta", "ticker", "trade")
LISTS = ("/markets", "/events", "/series")
MOST = 1.2
PATIENCE_S = 120.0
LEAVE_S = 10.0
ROUNDS = 2
SETTINGS = """
[framework]
mode = "demo"
[plugins.kalshi]
key_id = { file = "key_id" }
private_key = { file = "key.pem" }
rest_url = "http://127.0.0.1:PORT/trade-api/v2"
stream_url = "ws://127.0.0.1:PORT/trade-api/ws/v2"
[plugins.tradable]
[plugins.liquidity]
min_volume = 10_000
max_spread_ratio = 0.03
[plugins.time_to_close]
min_time = "5m"
[plugins.fixed_dollars]
dollars = 5.00
[plugins.risk_limits]
max_order_cost = 5.00
max_total_exposure = 10.00
[strategies.high_probability]
min_price = 0.85
max_price = 0.97
"""


class Started(NamedTuple):
    """One start: how long it took, what the exchange counted, and the CPU it needed."""

    took: float
    reads: int
    refused: int
    """Reads the bucket could not pay for."""
    commands: int
    cpu: float | None
    waited: float | None
    """For a core, while others had it."""


class LargeWorld:
    """Many open markets in which nothing happens; one in twenty is worth following."""

    end_us = None

    def __init__(self, start_us: int) -> None:
        self.start_us = start_us
        events = -(-MARKETS // MARKETS_PER_EVENT)
        self.series = {
            ticker: Series(ticker=ticker, title=ticker, category="Bench")
            for ticker in (f"KXB{n}" for n in range(-(-events // EVENTS_PER_SERIES)))
        }
        self.event_groups = {
            ticker: EventGroup(
                ticker=ticker,
                series_ticker=ticker.partition("-")[0],
                markets=tuple(f"{ticker}-T{place}" for place in range(MARKETS_PER_EVENT)),
            )
            for ticker in (f"KXB{n // EVENTS_PER_SERIES}-26NOV{n:05}" for n in range(events))
        }

    def events(self) -> Iterator[AnyEvent]:
        tickers = list(self.event_groups)
        for number in range(MARKETS):
            event = tickers[number // MARKETS_PER_EVENT]
            ticker = f"{event}-T{number % MARKETS_PER_EVENT}"
            market = Market(
                ticker=ticker,
                event_ticker=event,
                series_ticker=event.partition("-")[0],
                title=f"Will number {number} come true?",
                status=MarketStatus.ACTIVE,
                open_us=self.start_us - DAY_US,
                close_us=self.start_us + DAY_US,
            )
            yield MarketListed(at_us=self.start_us, market=market)
            followed = number % FOLLOWED_EVERY == 0
            yield BookReplaced(
                at_us=self.start_us,
                ticker=ticker,
                yes=((FAVOURITE_E4 if followed else 100 + number % 80 * 100, 50_000),),
                no=((9_900 - FAVOURITE_E4, 50_000),),
            )
            yield QuoteTicked(
                at_us=self.start_us,
                ticker=ticker,
                last_price_e4=5_000,
                volume_e2=5_000_000 if followed else 1_000 + number,
                open_interest_e2=1_000 + number,
            )


class Prepared(FixedPoint):
    """Today's wire; lists are made once, paid for each time, and everything is counted."""

    def __init__(self, venue: Venue) -> None:
        super().__init__(venue)
        self._kept: dict[str, Reply] = {}
        self._forget()

    def _forget(self) -> None:
        self.venue.limits = RateLimits(self.venue.tier)
        self.reads = self.refused = self.commands = 0

    def answer(self, request: Request) -> Reply:
        self.reads += request.method == "GET"
        key = f"{request.path}?{vars(request.query)}"
        kept = self._kept.get(key)
        if kept is None:
            reply = super().answer(request)
            if request.path.endswith(LISTS) and reply.status == 200:
                self._kept[key] = reply
        elif self.venue.limits and not self.venue.limits.read(
            DEFAULT_COST, self.venue.present(), keyed=True
        ):
            problem = throttled()
            reply = Reply(problem.status, problem.body)
        else:
            reply = kept
        self.refused += reply.status == 429
        return reply

    def listen(self, outbox: Any) -> Any:
        listener = super().listen(outbox)
        hear = listener.hear

        def heard(text: bytes) -> None:
            hear(text)
            self.commands += 1
            opened = listener._by_sid.values()  # noqa: SLF001 - what it will tell this client
            followed = {one.channel: one.tickers or () for one in opened}
            if all(len(followed.get(channel, ())) == FOLLOWED for channel in CHANNELS):
                told = {"reads": self.reads, "refused": self.refused, "commands": self.commands}
                print(json.dumps(told), flush=True)
                self._forget()

        listener.hear = heard
        return listener


def serve_exchange(folder: Path) -> None:
    """Serve the large world on a port of this machine; say where, then when all is followed."""
    world = LargeWorld(wall_clock_us())
    keys = new_key_pair()
    exchange = SandboxExchange(world)
    venue = Venue(exchange, Gate({keys.key_id: keys.public}), wall_clock_us)
    for event in world.events():
        venue.publish(exchange.advance(event))
    dialect = Prepared(venue)
    for file, content in (("key.pem", keys.private_pem), ("key_id", keys.key_id.encode())):
        (folder / file).write_bytes(content)
        (folder / file).chmod(0o600)

    async def main(_clock: object) -> None:
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
            tell({"port": port})

            async def client(stream: Any) -> None:
                await serve(dialect, stream)

            await listener.serve(client)

    run_real(main)


def tell(what: dict[str, int]) -> None:
    """Say a line to the process that measures."""
    print(json.dumps(what), flush=True)


class Exchange:
    """The exchange's process, and what it says."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        self._process = process
        self.folder = folder

    def says(self, beside: "subprocess.Popen[bytes] | None" = None) -> dict[str, int]:
        """Wait for its next line.

        Raises:
            SystemExit: it ended, the process beside it did, or neither spoke for too long.
        """
        elapsed, lines = stopwatch(), self._process.stdout
        assert lines is not None
        while not select([lines], [], [], 0.05)[0]:
            if elapsed() > PATIENCE_S:
                raise self._broken(f"no end after {PATIENCE_S:.0f} s")
            for process in filter(None, (self._process, beside)):
                if process.poll() is not None:
                    raise self._broken(f"a process ended too early, with {process.returncode}")
        line = lines.readline()
        if not line:
            raise self._broken("the exchange broke off")
        return dict(json.loads(line))

    def _broken(self, why: str) -> SystemExit:
        """Return the end of the benchmark, with the last words of its processes."""
        words = (self.folder / "trouble").read_text(errors="replace").splitlines()
        return SystemExit("\n".join([f"start: {why}", *words[-5:]]))


@contextmanager
def running(
    *arguments: str, folder: Path, speaks: bool = False
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a program of ours, which is over when this is left."""
    compiled = {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    with (folder / "trouble").open("ab") as trouble:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, *arguments],
            cwd=folder,
            env=os.environ | compiled,
            bufsize=0,
            stdout=subprocess.PIPE if speaks else trouble,
            stderr=trouble,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(LEAVE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def start_once(exchange: Exchange) -> Started:
    """Run the framework until the exchange has heard every subscription."""
    elapsed = stopwatch()
    command = ("-m", "framework.cli.main", "run", "--config", "kalshi.toml")
    with running(*command, folder=exchange.folder) as bot:
        said = exchange.says(beside=bot)
        took = elapsed()
        cpu, waited = cpu_of(bot.pid)
    shutil.rmtree(exchange.folder / "runs", ignore_errors=True)
    return Started(took=took, cpu=cpu, waited=waited, **said)


def cpu_of(pid: int) -> tuple[float | None, float | None]:
    """Return the seconds a process has had a core, and has waited for one; None if untold."""
    try:
        had, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    except (OSError, ValueError):
        return None, None
    return int(had) / 1e9, int(waited) / 1e9


def allowed(start: Started) -> float:
    """Return how long the account's bucket alone makes so many reads take."""
    return (start.reads * DEFAULT_COST - BASIC.read_capacity) / BASIC.read_rate


def report(start: Started) -> int:
    """Print what came out, and return the exit code."""
    share = start.took / allowed(start)
    kept = share <= MOST
    print(
        f"start, {MARKETS:,} markets    {start.took:8.2f} s    limit {MOST} x of the rate limit's "
        f"{allowed(start):.2f} s: {share:.2f} x    {'kept' if kept else 'BROKEN'}"
    )
    print(f"  reads                   {start.reads:8d}      {start.refused} of them refused")
    print(f"  markets followed        {FOLLOWED:8d}      by {start.commands} commands")
    if start.cpu is not None:
        print(
            f"  CPU of the framework    {start.cpu:8.2f} s    and {start.waited:.2f} s for a core"
        )
    return 0 if kept else 1


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # children end too
    with TemporaryDirectory() as name:
        folder = Path(name)
        with running(__file__, "--serve", name, folder=folder, speaks=True) as process:
            exchange = Exchange(process, folder)
            port = exchange.says()["port"]
            (folder / "kalshi.toml").write_text(SETTINGS.replace("PORT", str(port)))
            start_once(exchange)  # the exchange prepares its answers
            return report(min(start_once(exchange) for _ in range(ROUNDS)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve_exchange(Path(sys.argv[2]))
    sys.exit(main())
