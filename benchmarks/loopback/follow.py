"""Followers of the scripted stream: they decode every frame and keep the books, no more.

`ours` is the adapter with the engine behind it, which keeps the books; `websockets` and `httpx-ws`
are those libraries with json, pydantic and a book of Decimals.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
from httpx_ws import aconnect_ws
from loopback.usual import Books, Frame
from loopback.venue import TICKERS

COMMAND = json.dumps(
    {
        "id": 1,
        "cmd": "subscribe",
        "params": {"channels": ["orderbook_delta"], "market_tickers": TICKERS},
    }
)


async def follow_with_websockets(port: int) -> None:
    from websockets.asyncio.client import connect  # noqa: PLC0415 - only in the peers' environment

    books = Books()
    address = f"ws://127.0.0.1:{port}/trade-api/ws/v2"
    async with connect(address, compression=None, max_size=None) as socket:
        await socket.send(COMMAND)
        async for text in socket:
            books.apply(Frame.validate_python(json.loads(text)))


async def follow_with_httpx_ws(port: int) -> None:
    books = Books()
    address = f"ws://127.0.0.1:{port}/trade-api/ws/v2"
    async with httpx.AsyncClient() as client, aconnect_ws(address, client) as session:
        await session.send_text(COMMAND)
        while True:
            books.apply(Frame.validate_python(json.loads(await session.receive_text())))


def follow(port: int, key: Path, folder: Path) -> None:
    """Follow as a run does, from the socket to the engine; nothing is written or sent."""
    from loopback.ours import SETTINGS  # noqa: PLC0415 - peers do without it

    from framework.cli.project import load  # noqa: PLC0415 - peers do without it
    from framework.clock import RealClock, run_real  # noqa: PLC0415 - peers do without it
    from framework.collector import Collector, rare_collections  # noqa: PLC0415 - peers do without it
    from framework.engine import Engine  # noqa: PLC0415 - peers do without it
    from framework.exchange import MarketQuery  # noqa: PLC0415 - peers do without it
    from framework.listening import listen as take_in  # noqa: PLC0415 - peers do without it
    from framework.model.events import AnyEvent, MarketListed  # noqa: PLC0415 - peers do without it
    from framework.pipeline import Pipeline  # noqa: PLC0415 - peers do without it
    from framework.run import Mode, RunOptions  # noqa: PLC0415 - peers do without it
    from framework.running import CurrentRun  # noqa: PLC0415 - peers do without it
    from framework.testing.builders import NOW_US  # noqa: PLC0415 - peers do without it
    from framework.testing.playbook import account_report  # noqa: PLC0415 - peers do without it

    os.environ["BENCH_KEY_ID"] = "bench"
    file = folder / "kalshi.toml"
    file.write_text(SETTINGS.format(port=port, key=key, durability="process"))
    _, plugins = load(file)
    (opener,) = plugins.hooks("open_exchange", None)

    async def main(clock: RealClock) -> None:
        run = CurrentRun(
            run_id="bench", mode=Mode.DEMO, options=RunOptions(), folder=folder, clock=clock
        )
        with rare_collections() as collector:  # as in every run
            await listen(run, clock, collector)

    async def listen(run: CurrentRun, clock: RealClock, collector: Collector) -> None:
        async with opener.call(run) as exchange:
            engine = Engine(Pipeline(plugins), run_id="bench", capabilities=exchange.capabilities)
            engine.handle(account_report(at_us=NOW_US, recovery=True))
            async for market in exchange.markets(MarketQuery()):
                engine.handle(MarketListed(at_us=clock.now_us(), market=market))
            await exchange.subscribe(TICKERS)
            collector.freeze()

            def process(batch: Sequence[AnyEvent]) -> None:
                for event in batch:
                    engine.handle(event)

            await take_in(exchange, process)

    run_real(main)


if __name__ == "__main__":
    port, who, key, folder = int(sys.argv[1]), *sys.argv[2:]
    if who == "websockets":
        asyncio.run(follow_with_websockets(port))
    elif who == "httpx-ws":
        asyncio.run(follow_with_httpx_ws(port))
    else:
        follow(port, Path(key), Path(folder))
