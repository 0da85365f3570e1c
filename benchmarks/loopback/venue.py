"""A scripted exchange on a loopback port: just enough of the wire for a bot to start and trade.

One thread and one selector, so that nothing but the bot is waited for. It takes its orders from
standard input, one JSON object a line, and answers each with one: `{"do": "quotes", "count": N}`
sends N quotes one by one, each after the order that answers the last, and tells how long each
order took; `{"do": "flood", "frames": N}` sends N changes of books as fast as they are taken.
"""

import json
import selectors
import socket
import sys
from base64 import b64encode
from hashlib import sha1
from random import Random  # noqa: TID251 - a benchmark's own seed
from time import perf_counter_ns, sleep, time_ns

ROOT = "/trade-api/v2"
SERIES = "KXLOOP"
MARKETS = 1_200
EVENTS = [f"{SERIES}-26NOV22E{number:05}" for number in range(MARKETS)]
TICKERS = [f"{event}-T1" for event in EVENTS]
PAUSE_S = 1 / 30
"""Between an order's answer and the next quote: the exchange takes 10 to 30 orders a second."""
_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MANY = {"refill_rate": 1_000_000, "bucket_capacity": 1_000_000}


def market(ticker: str) -> dict[str, object]:
    return {
        "ticker": ticker,
        "event_ticker": ticker.removesuffix("-T1"),
        "status": "active",
        "market_type": "binary",
        "title": "Will it?",
        "open_time": "2026-01-01T00:00:00Z",
        "close_time": "2036-01-01T00:00:00Z",
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
        "yes_bid_dollars": "0.8000",
        "yes_ask_dollars": "0.9300",
        "volume_fp": "20000.00",
        "open_interest_fp": "100.00",
        "exchange_index": 0,
    }


_SERIES = {"ticker": SERIES, "fee_type": "quadratic", "fee_multiplier": 1.0}
ANSWERS = {
    "/exchange/user_data_timestamp": {"as_of_time": "2036-01-01T00:00:00Z"},
    "/account/limits": {"read": _MANY, "write": _MANY},
    "/account/endpoint_costs": {"endpoint_costs": [], "default_cost": 10},
    "/portfolio/balance": {"balance": 100_000_000, "balance_dollars": "1000000.0000"},
    "/portfolio/orders": {"orders": [], "cursor": ""},
    "/portfolio/fills": {"fills": [], "cursor": ""},
    "/portfolio/positions": {"market_positions": [], "cursor": ""},
    "/portfolio/settlements": {"settlements": [], "cursor": ""},
    "/series": {"series": [_SERIES], "cursor": ""},
    f"/series/{SERIES}": {"series": _SERIES},
}


def text_frame(message: dict[str, object]) -> bytes:
    payload = json.dumps(message, separators=(",", ":")).encode()
    size = len(payload)
    if size < 126:
        return bytes([0x81, size]) + payload
    if size < 1 << 16:
        return bytes([0x81, 126]) + size.to_bytes(2) + payload
    return bytes([0x81, 127]) + size.to_bytes(8) + payload


class Peer:
    """One connection of the bot: HTTP requests until it becomes the stream."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.held = b""
        self.is_stream = False


class Venue:
    def __init__(self, port: int) -> None:
        self.listener = socket.create_server(("127.0.0.1", port))
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(sys.stdin, selectors.EVENT_READ)
        self.stream: Peer | None = None
        self.sids: dict[str, int] = {}
        self.listed: dict[str, list[str]] = {}
        self.seq = 0
        self.quoted = 0
        self.ordered_ns = 0
        self.orders = 0
        self.ponged = False

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is sys.stdin:
                    line = sys.stdin.readline()
                    if not line:
                        return
                    print(json.dumps(self.obey(json.loads(line))), flush=True)
                else:
                    self.look(key)

    def obey(self, wish: dict[str, object]) -> dict[str, object]:
        if wish["do"] == "ready":
            return {"ready": len(self.listed.get("orderbook_delta", ())) >= MARKETS}
        if wish["do"] == "quotes":
            return {"ns": [self.quote() for _ in range(int(str(wish["count"])))]}
        self.flood(int(str(wish["frames"])))
        return {"sent": wish["frames"]}

    def look(self, key: selectors.SelectorKey) -> None:
        if key.fileobj is self.listener:
            link, _ = self.listener.accept()
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(link, selectors.EVENT_READ, Peer(link))
            return
        peer = key.data
        try:
            data = peer.link.recv(262_144)
        except ConnectionResetError:
            data = b""
        if not data:
            self.selector.unregister(peer.link)
            peer.link.close()
            return
        peer.held += data
        if peer.is_stream:
            self.commands(peer)
        else:
            self.requests(peer)

    # ------------------------------------------------------------------------------- REST

    def requests(self, peer: Peer) -> None:
        while not peer.is_stream and (end := peer.held.find(b"\r\n\r\n")) >= 0:
            head = peer.held[:end].decode()
            line, *lines = head.split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (h.partition(":") for h in lines)}
            stop = end + 4 + int(headers.get("content-length", 0))
            if len(peer.held) < stop:
                return
            now_ns = perf_counter_ns()
            body, peer.held = peer.held[end + 4 : stop], peer.held[stop:]
            method, target, _ = line.split(" ")
            if headers.get("upgrade", "").lower() == "websocket":
                self.switch(peer, headers["sec-websocket-key"])
            elif method == "POST":
                self.ordered_ns = now_ns
                self.take(peer, json.loads(body))
            else:
                self.answer(peer, *self.found(target))

    def found(self, target: str) -> tuple[int, object]:
        path, _, query = target.removeprefix(ROOT).partition("?")
        if path == "/markets":
            start = int(query.partition("cursor=")[2].partition("&")[0] or 0)
            stop = min(start + 1_000, MARKETS)
            cursor = "" if stop == MARKETS else str(stop)
            return 200, {"markets": [market(t) for t in TICKERS[start:stop]], "cursor": cursor}
        if path == "/events":
            named = query.partition("tickers=")[2].partition("&")[0].replace("%2C", ",")
            tickers = named.split(",") if named else EVENTS
            rows = [{"event_ticker": t, "series_ticker": SERIES} for t in tickers]
            return 200, {"events": rows, "cursor": ""}
        return (200, ANSWERS[path]) if path in ANSWERS else (404, {"error": {"code": "not_found"}})

    def take(self, peer: Peer, order: dict[str, str]) -> None:
        self.orders += 1
        told = {
            "order_id": f"order-{self.orders}",
            "client_order_id": order["client_order_id"],
            "fill_count": "0.00",
            "remaining_count": "0.00",  # it ends at once: a bot has few orders working
        }
        self.answer(peer, 201, told)

    def answer(self, peer: Peer, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: "
        peer.link.sendall(f"{head}{len(data)}\r\n\r\n".encode() + data)

    # ----------------------------------------------------------------------------- stream

    def switch(self, peer: Peer, key: str) -> None:
        accept = b64encode(sha1(key.encode() + _ACCEPT, usedforsecurity=False).digest())
        peer.link.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        peer.is_stream, self.stream = True, peer

    def commands(self, peer: Peer) -> None:
        while len(peer.held) >= 6:
            length, at = peer.held[1] & 127, 2
            if length == 126:
                length, at = int.from_bytes(peer.held[2:4]), 4
            if len(peer.held) < at + 4 + length:
                return
            mask, text = peer.held[at : at + 4], peer.held[at + 4 : at + 4 + length]
            opcode, peer.held = peer.held[0] & 15, peer.held[at + 4 + length :]
            plain = bytes(byte ^ mask[place & 3] for place, byte in enumerate(text))
            if opcode == 1:
                self.command(json.loads(plain))
            elif opcode == 10:
                self.ponged = True
            elif opcode == 9:
                peer.link.sendall(bytes([0x8A, len(plain)]) + plain)

    def command(self, command: dict[str, object]) -> None:
        params, number = command["params"], command["id"]
        assert isinstance(params, dict)
        tickers = params.get("market_tickers", [])
        if command["cmd"] == "subscribe":
            for channel in params["channels"]:
                sid = self.sids[channel] = len(self.sids) + 1
                self.listed[channel] = []
                body = {"channel": channel, "sid": sid}
                self.say({"type": "subscribed", "id": number, "msg": body})
                self.follow(channel, tickers)
            return
        sid = params["sids"][0]
        channel = next(name for name, known in self.sids.items() if known == sid)
        if params["action"] == "add_markets":
            self.follow(channel, tickers)
        told = {"market_tickers": self.listed[channel]}
        self.say({"type": "ok", "id": number, "sid": sid, "msg": told})

    def follow(self, channel: str, tickers: list[str]) -> None:
        self.listed[channel] += tickers
        if channel == "orderbook_delta":
            for ticker in tickers:
                levels = [[f"{price / 100:.4f}", "100.00"] for price in range(61, 81)]
                sides = {"yes_dollars_fp": levels, "no_dollars_fp": [["0.0700", "500.00"]]}
                self.numbered("orderbook_snapshot", {"market_ticker": ticker, **sides})

    def numbered(self, kind: str, body: dict[str, object]) -> None:
        self.say(self.frame(kind, body))

    def frame(self, kind: str, body: dict[str, object]) -> dict[str, object]:
        self.seq += 1
        return {"type": kind, "sid": self.sids["orderbook_delta"], "seq": self.seq, "msg": body}

    def delta(self, ticker: str, price: str, change: str) -> bytes:
        body: dict[str, object] = {
            "market_ticker": ticker,
            "market_id": "9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1",
            "price_dollars": price,
            "delta_fp": change,
            "side": "yes",
            "ts": "2026-11-22T12:00:00.123456Z",
            "ts_ms": time_ns() // 1_000_000,
        }
        return text_frame(self.frame("orderbook_delta", body))

    def say(self, message: dict[str, object]) -> None:
        assert self.stream is not None
        self.stream.link.sendall(text_frame(message))

    # ---------------------------------------------------------------------------- figures

    def quote(self) -> int:
        """Lift one market's bid; return how long its order took, in nanoseconds."""
        assert self.stream is not None
        frame = self.delta(TICKERS[self.quoted % MARKETS], "0.9000", "10.00")
        self.quoted += 1
        self.ordered_ns = 0
        sent_ns = perf_counter_ns()  # before it: once it is sent the bot may take this core
        self.stream.link.sendall(frame)
        while not self.ordered_ns:
            for key, _ in self.selector.select(10):
                if key.fileobj is sys.stdin:
                    raise SystemExit("asked for something before the order came")
                self.look(key)
        took_ns = self.ordered_ns - sent_ns
        sleep(PAUSE_S)
        return took_ns

    def flood(self, frames: int) -> None:
        """Change levels away from the touch: up and down again, so books stay as they are."""
        assert self.stream is not None
        rng, out = Random(1), bytearray()
        for _ in range(frames // 2):
            ticker, price = rng.choice(TICKERS), f"{rng.randint(61, 78) / 100:.4f}"
            size = f"{rng.randint(1, 90)}.00"
            out += self.delta(ticker, price, size) + self.delta(ticker, price, f"-{size}")
        out += bytes([0x89, 0])
        self.ponged = False
        self.stream.link.sendall(out)
        while not self.ponged:
            for key, _ in self.selector.select(10):
                self.look(key)


if __name__ == "__main__":
    venue = Venue(0)
    print(json.dumps({"port": venue.port}), flush=True)
    venue.serve()
