"""Whatever a client sends, the server answers in kind or ends the connection."""

from urllib.parse import quote, urlencode

import anyio
import msgspec
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from framework.streams import memory_pipe
from plugins.sandbox.fixed_point.routes import ROUTES, answer
from plugins.sandbox.request import request_of
from plugins.sandbox.server import FixedPoint, serve

API = "/trade-api/v2/"
STREAM = "/trade-api/ws/v2"

SMALL = st.text(max_size=12)
NUMBERS = st.integers(-(10**20), 10**20).map(str)
NAMES = st.sampled_from(
    ["KXT-E-A", "KXT-F-D", "KXT-E", "KXT", "open", "resting", "true", "0", "%ff", ""]
)
QUERY = st.dictionaries(
    st.sampled_from(
        [
            "limit",
            "cursor",
            "status",
            "ticker",
            "tickers",
            "event_ticker",
            "series_ticker",
            "depth",
            "min_ts",
            "max_ts",
            "min_close_ts",
            "exchange_index",
            "market_ticker",
            "with_nested_markets",
            "count_filter",
            "order_id",
            "is_block_trade",
            "mve_filter",
        ]
    ),
    NAMES | NUMBERS | SMALL,
    max_size=4,
)
PARTS = NAMES | SMALL.map(lambda text: text.replace("/", "").replace("?", "").replace("#", ""))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | NAMES | NUMBERS | SMALL
ORDERS = st.fixed_dictionaries(
    {},
    optional={
        "ticker": NAMES | SCALARS,
        "side": st.sampled_from(["bid", "ask"]) | SCALARS,
        "count": st.sampled_from(["1", "1.00", "0.01", "999999999999.99"]) | SCALARS,
        "price": st.sampled_from(["0.92", "0.0100", "0.9990", "1.00"]) | SCALARS,
        "time_in_force": st.sampled_from(["good_till_canceled", "immediate_or_cancel"]) | SCALARS,
        "self_trade_prevention_type": st.sampled_from(["maker", "taker_at_cross"]) | SCALARS,
        "client_order_id": SCALARS,
        "expiration_time": SCALARS,
        "post_only": SCALARS,
        "reduce_only": SCALARS,
        "exchange_index": SCALARS,
    },
)
BODIES = st.binary(max_size=40) | ORDERS.map(msgspec.json.encode)


def target(data, route):
    parts = [quote(data.draw(PARTS), safe="%") if part == "*" else part for part in route.shape]
    query = urlencode(data.draw(QUERY), safe="%,")
    return f"{API}{'/'.join(parts)}?{query}"


@given(data=st.data())
def test_no_request_makes_the_exchange_fail(shared_door, data):
    route = data.draw(st.sampled_from(ROUTES))
    path = target(data, route)
    headers = shared_door.headers(route.method, "")
    unsigned = request_of(route.method, path, headers, data.draw(BODIES))
    signed = shared_door.headers(route.method, unsigned.path)
    reply = answer(shared_door.venue, msgspec.structs.replace(unsigned, headers=signed))

    assert 200 <= reply.status < 500
    msgspec.json.decode(reply.body)


@given(chunks=st.lists(st.binary(max_size=60), max_size=6))
def test_random_bytes_end_or_are_answered(shared_door, chunks):
    assert_answered(speak(shared_door, chunks))


METHODS = st.sampled_from([b"GET", b"POST", b"DELETE", b"HEAD", b"CONNECT", b"X", b""])
TARGETS = st.sampled_from(
    [b"/trade-api/v2/markets", b"/trade-api/v2/portfolio/events/orders", STREAM.encode(), b"*"]
) | st.binary(max_size=20)
HEADERS = st.lists(
    st.sampled_from(
        [
            b"host: x",
            b"connection: close",
            b"connection: upgrade",
            b"upgrade: websocket",
            b"content-length: 3",
            b"content-length: -1",
            b"transfer-encoding: chunked",
            b"expect: 100-continue",
            b"sec-websocket-key: x",
            b"kalshi-access-key: \xff",
        ]
    )
    | st.binary(max_size=20),
    max_size=4,
)


@given(requests=st.lists(st.tuples(METHODS, TARGETS, HEADERS, st.binary(max_size=10)), max_size=3))
def test_random_requests_end_or_are_answered(shared_door, requests):
    raw = [
        b"\r\n".join([method + b" " + path + b" HTTP/1.1", *headers, b"", body])
        for method, path, headers, body in requests
    ]
    assert_answered(speak(shared_door, raw))


@given(
    chunks=st.lists(
        st.binary(max_size=40)
        | st.binary(max_size=30).map(lambda raw: b"\x81" + bytes([0x80 | len(raw)]) + b"abcd" + raw)
        | st.text(max_size=30).map(
            lambda text: bytes(Connection(ConnectionType.CLIENT).send(TextMessage(data=text)))
        ),
        max_size=6,
    )
)
def test_random_frames_end_or_are_answered(shared_door, chunks):
    headers = {
        "host": "x",
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
    } | shared_door.headers("GET", STREAM)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    greeting = f"GET {STREAM} HTTP/1.1\r\n{head}\r\n".encode()

    assert speak(shared_door, [greeting, *chunks]).startswith(b"HTTP/1.1 101 ")
    assert shared_door.venue._flushes == []


def speak(door, chunks):
    """Send chunks, leave, and return all that came back."""

    async def main():
        ours, theirs = memory_pipe()
        received = b""
        async with anyio.create_task_group() as group:
            group.start_soon(serve, FixedPoint(door.venue), ours)
            try:
                for chunk in chunks:
                    await theirs.send(chunk)
                await theirs.send_eof()
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                pass
            try:
                while True:
                    received += await theirs.receive()
            except anyio.EndOfStream:
                pass
            await theirs.aclose()
        return received

    return anyio.run(main)


def assert_answered(received):
    """Every status line is the client's fault or a success, never the server's."""
    statuses = [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]

    assert all(status[:1] in {b"1", b"2", b"4"} for status in statuses)
