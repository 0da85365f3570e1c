"""A stranger's bot, written from the founding document alone, against the exchange on loopback.

It uses nothing of this project to speak: httpx for requests, wsproto for the stream, and the
document's own lines for its signatures.
"""

import base64
import json
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Ping, Request, TextMessage

from framework.clock import wall_clock_us

pytestmark = [pytest.mark.slow, pytest.mark.loopback]

VERB = "from plugins.sandbox.serve_command import sandbox; sandbox(prog_name='framework sandbox')"


@contextmanager
def serving(project, folder):
    """Run the exchange as a user does; yield what it told."""
    arguments = ["serve", "--api", "cents", "--port", "0", "--folder", str(folder), "--json"]
    with subprocess.Popen(
        [sys.executable, "-c", VERB, *arguments, "--pace", "60"],
        cwd=project,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


class Stream:
    """The document's WebSocket: commands with growing ids, messages by type."""

    def __init__(self, url, headers):
        self._socket = socket.create_connection((url.host, url.port), timeout=10)
        self._protocol = WSConnection(ConnectionType.CLIENT)
        extra = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._send(Request(host=url.host, target=url.path, extra_headers=extra))
        self._events = self._arriving()
        assert isinstance(next(self._events), AcceptConnection)
        self._id = 0

    def command(self, cmd, **params):
        self._id += 1
        text = json.dumps({"id": self._id, "cmd": cmd, "params": params})
        self._send(TextMessage(data=text))

    def until(self, wanted):
        """Return the body of the next message that is wanted."""
        text = ""
        for event in self._events:
            if isinstance(event, Ping):
                self._send(event.response())
            elif isinstance(event, TextMessage):
                text += event.data
                if event.message_finished:
                    message, text = json.loads(text), ""
                    if wanted(message):
                        return message["msg"]
        raise AssertionError("the stream ended")

    def close(self):
        self._socket.close()

    def _send(self, event):
        self._socket.sendall(self._protocol.send(event))

    def _arriving(self):
        while True:
            self._protocol.receive_data(self._socket.recv(65_536))
            yield from self._protocol.events()


class Bot:
    """Lists, subscribes, buys, waits for its fill, and takes back what did not fill."""

    def __init__(self, told):
        self._key_id = told["key_id"]
        pem = Path(told["private_key"]).read_bytes()
        self._private_key = serialization.load_pem_private_key(pem, password=None)
        self._base = httpx.URL(told["rest_url"])
        self._http = httpx.Client()
        self.stream = Stream(
            httpx.URL(told["stream_url"]), self._headers("GET", "/trade-api/ws/v2")
        )

    def _headers(self, method, path):
        timestamp_ms = wall_clock_us() // 1_000
        signature = self._private_key.sign(
            f"{timestamp_ms}{method}{path}".encode(),
            padding.PSS(
                mgf=padding.MGF1(hashes.SHA256()),
                salt_length=padding.PSS.MAX_LENGTH,
            ),
            hashes.SHA256(),
        )
        return {
            "KALSHI-ACCESS-KEY": self._key_id,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
            "KALSHI-ACCESS-TIMESTAMP": str(timestamp_ms),
        }

    def ask(self, method, path, body=None, **params):
        url = self._base.copy_with(path=self._base.path + path)
        reply = self._http.request(
            method, url, params=params, json=body, headers=self._headers(method, url.path)
        )
        assert reply.status_code < 400, reply.text
        return None if reply.status_code == 204 else reply.json()

    def markets(self):
        """Return every open market, page by page."""
        cursor, found = "", []
        while True:
            page = self.ask("GET", "/markets", status="open", cursor=cursor)
            found += page["markets"]
            cursor = page["cursor"]
            if not cursor:
                return found

    def buy(self, ticker, count, yes_price):
        body = {
            "ticker": ticker,
            "side": "yes",
            "type": "limit",
            "count": count,
            "yes_price": yes_price,
        }
        return self.ask("POST", "/portfolio/orders", body)["order"]

    def close(self):
        self.stream.close()
        self._http.close()


@pytest.fixture
def bot(project, tmp_path):
    with serving(project, tmp_path) as told:
        bot = Bot(told)
        yield bot
        bot.close()


def offered(bot):
    """Return a market with quotes on both sides, so that somebody sells YES."""
    for market in bot.markets():
        if market["yes_bid"] > 0 and market["yes_ask"] < 100:
            return market["ticker"]
    raise AssertionError("nothing is offered")


def test_a_stranger_can_trade(bot):
    ticker = offered(bot)
    before = bot.ask("GET", "/portfolio/balance")["balance"]
    bot.stream.command(
        "subscribe", channels=["orderbook_delta", "ticker", "trade"], market_tickers=[ticker]
    )
    bot.stream.command("subscribe", channels=["fill", "order_update"])
    ladders = bot.stream.until(lambda message: message["type"] == "orderbook_delta")
    bought = bot.buy(ticker, 1, 99)
    fill = bot.stream.until(lambda message: message["type"] == "fill")
    rested = bot.buy(ticker, 1, 1)
    listed = bot.ask("GET", "/portfolio/orders", status="resting")["orders"]
    bot.ask("DELETE", f"/portfolio/orders/{rested['order_id']}")
    canceled = bot.stream.until(
        lambda message: (
            message["type"] == "order_update"
            and message["msg"]["order_id"] == rested["order_id"]
            and message["msg"]["status"] == "canceled"
        )
    )
    after = bot.ask("GET", "/portfolio/balance")["balance"]

    assert ladders["market_ticker"] == ticker
    assert all(1 <= price <= 99 and size >= 1 for price, size in ladders["no"])
    assert (fill["order_id"], fill["count"], fill["side"], fill["is_taker"]) == (
        bought["order_id"],
        1,
        "yes",
        True,
    )
    assert rested["status"] == "resting"
    assert [order["order_id"] for order in listed] == [rested["order_id"]]
    assert canceled["remaining_count"] == 0
    assert 0 < before - after - fill["yes_price"] <= 3  # the fee
