"""A bot of the usual parts: httpx-ws, pydantic, pluggy, RSA-2048 in line, httpx.

It does what `ours.py` asks of the framework, and nothing beside: decode, keep the book in
Decimals, ask a hook for every event, sign, send. No ledger, no journal, no risk, no limits.
"""

import asyncio
import sys
from base64 import b64encode
from decimal import Decimal
from itertools import count
from pathlib import Path
from time import time_ns
from typing import Annotated, Any, Literal

import httpx
import pluggy
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from httpx_ws import AsyncWebSocketSession, aconnect_ws
from loopback.venue import ROOT, TICKERS
from pydantic import BaseModel, Field, TypeAdapter

hookspec, hookimpl = pluggy.HookspecMarker("usual"), pluggy.HookimplMarker("usual")
NAME = "usual"


class Snapshot(BaseModel):
    market_ticker: str
    yes_dollars_fp: list[tuple[Decimal, Decimal]] = []
    no_dollars_fp: list[tuple[Decimal, Decimal]] = []


class Delta(BaseModel):
    market_ticker: str
    price_dollars: Decimal
    delta_fp: Decimal
    side: Literal["yes", "no"]


class SnapshotFrame(BaseModel):
    type: Literal["orderbook_snapshot"]
    seq: int
    msg: Snapshot


class DeltaFrame(BaseModel):
    type: Literal["orderbook_delta"]
    seq: int
    msg: Delta


class OtherFrame(BaseModel):
    type: Literal["subscribed", "ok"]


Frame = TypeAdapter[Any](
    Annotated[SnapshotFrame | DeltaFrame | OtherFrame, Field(discriminator="type")]
)


class Hooks:
    @hookspec(firstresult=True)
    def on_quote(self, ticker: str, bid: Decimal, ask: Decimal) -> Decimal | None:
        """Return the price to buy at."""


class Favourites:
    @hookimpl
    def on_quote(self, ticker: str, bid: Decimal, ask: Decimal) -> Decimal | None:  # noqa: ARG002 - the hook's signature
        return ask if bid >= Decimal("0.85") and ask - bid <= Decimal("0.05") else None


class Books:
    def __init__(self) -> None:
        self.levels: dict[str, dict[str, dict[Decimal, Decimal]]] = {}
        self.frames = 0

    def apply(self, frame: Any) -> str | None:
        """Apply one frame; return whose book changed."""
        self.frames += 1
        if isinstance(frame, DeltaFrame):
            body = frame.msg
            side = self.levels[body.market_ticker][body.side]
            size = side.get(body.price_dollars, Decimal(0)) + body.delta_fp
            if size > 0:
                side[body.price_dollars] = size
            else:
                side.pop(body.price_dollars, None)
            return body.market_ticker
        if isinstance(frame, SnapshotFrame):
            shown = frame.msg
            self.levels[shown.market_ticker] = {
                "yes": dict(shown.yes_dollars_fp),
                "no": dict(shown.no_dollars_fp),
            }
        return None

    def touch(self, ticker: str) -> tuple[Decimal, Decimal]:
        book = self.levels[ticker]
        return max(book["yes"], default=Decimal(0)), 1 - max(book["no"], default=Decimal(0))


class Bot:
    def __init__(self, port: int, pem: bytes) -> None:
        key = load_pem_private_key(pem, password=None)
        assert isinstance(key, RSAPrivateKey)
        self.key = key
        self.port = port
        self.books = Books()
        self.hooks = pluggy.PluginManager("usual")
        self.hooks.add_hookspecs(Hooks)
        self.hooks.register(Favourites())
        self.ids = count(1)
        self.sent: set[str] = set()

    def headers(self, method: str, path: str) -> dict[str, str]:
        stamp = str(time_ns() // 1_000_000)
        padding = PSS(mgf=MGF1(SHA256()), salt_length=SHA256.digest_size)
        signature = self.key.sign(f"{stamp}{method}{path}".encode(), padding, SHA256())
        return {
            "KALSHI-ACCESS-KEY": "bench",
            "KALSHI-ACCESS-SIGNATURE": b64encode(signature).decode(),
            "KALSHI-ACCESS-TIMESTAMP": stamp,
        }

    async def order(self, client: httpx.AsyncClient, ticker: str, price: Decimal) -> None:
        path = f"{ROOT}/portfolio/events/orders"
        body = {
            "ticker": ticker,
            "side": "bid",
            "count": "10.00",
            "price": f"{price:.4f}",
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
            "client_order_id": f"usual-{next(self.ids)}",
        }
        reply = await client.post(
            f"http://127.0.0.1:{self.port}{path}", json=body, headers=self.headers("POST", path)
        )
        reply.raise_for_status()

    async def follow(self, session: AsyncWebSocketSession) -> None:
        params = {"channels": ["orderbook_delta"], "market_tickers": TICKERS}
        await session.send_json({"id": 1, "cmd": "subscribe", "params": params})

    async def trade(self) -> None:
        async with (
            httpx.AsyncClient(timeout=10) as client,
            aconnect_ws(f"ws://127.0.0.1:{self.port}/trade-api/ws/v2", client) as session,
        ):
            await self.follow(session)
            while True:
                frame = Frame.validate_json(await session.receive_text())
                ticker = self.books.apply(frame)
                if ticker is not None:
                    price = self.hooks.hook.on_quote(
                        ticker=ticker,
                        **dict(zip(("bid", "ask"), self.books.touch(ticker), strict=True)),
                    )
                    if price is not None and ticker not in self.sent:
                        self.sent.add(ticker)
                        await self.order(client, ticker, price)


if __name__ == "__main__":
    asyncio.run(Bot(int(sys.argv[1]), Path(sys.argv[2]).read_bytes()).trade())
