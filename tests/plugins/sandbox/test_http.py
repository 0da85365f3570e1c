"""HTTP as clients see it: framing, keep-alive, pipelining, and what cannot be read."""

import anyio
import msgspec
import pytest

from framework.streams import memory_pipe
from framework.testing.builders import NOW_US
from plugins.sandbox.http import MAX_BODY, HttpConnection, http_date
from plugins.sandbox.request import Reply

STATUS = "GET /trade-api/v2/exchange/status"


async def everything(client):
    """Return all bytes until the server closes."""
    received = b""
    while True:
        try:
            received += await client.stream.receive()
        except anyio.EndOfStream:
            return received


async def test_a_reply_is_dated_by_the_sandboxs_clock(door):
    async with door.connect() as client:
        status, headers, body = await client.ask(STATUS)

    assert status == 200
    assert headers["date"] == "Thu, 15 Jan 2026 12:00:00 GMT"
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) == len(body)
    assert msgspec.json.decode(body)["exchange_active"] is True


async def test_one_connection_serves_many_requests(door):
    async with door.connect() as client:
        statuses = [(await client.ask(STATUS))[0] for _ in range(3)]

    assert statuses == [200, 200, 200]


async def test_a_refusal_keeps_the_connection(door):
    async with door.connect() as client:
        refused, _, _ = await client.ask("GET /trade-api/v2/markets?limit=x")
        served, _, _ = await client.ask(STATUS)

    assert (refused, served) == (400, 200)


async def test_pipelined_requests_are_answered_in_order(door):
    head = b"GET /trade-api/v2/markets/%b HTTP/1.1\r\nhost: x\r\n\r\n"
    tickers = [b"KXT-E-A", b"NONE", b"KXT-E-B"]
    async with door.connect() as client:
        await client.stream.send(b"".join(head % ticker for ticker in tickers))
        await client.stream.send(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        received = await everything(client)

    assert [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]] == [
        b"200",
        b"404",
        b"200",
        b"404",
    ]
    assert received.index(b"KXT-E-A") < received.index(b"not_found") < received.index(b"KXT-E-B")


async def test_a_request_may_arrive_byte_by_byte(door):
    raw = b"GET /trade-api/v2/exchange/schedule HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    async with door.connect() as client:
        for byte in raw:
            await client.stream.send(bytes([byte]))
        received = await everything(client)

    assert received.startswith(b"HTTP/1.1 200 ")


async def test_a_body_is_read_whole(door):
    order = {
        "ticker": "KXT-E-A",
        "side": "bid",
        "count": "1.00",
        "price": "0.9200",
        "time_in_force": "immediate_or_cancel",
        "self_trade_prevention_type": "maker",
    }
    async with door.connect() as client:
        path = "POST /trade-api/v2/portfolio/events/orders"
        status, _, body = await client.ask(path, msgspec.json.encode(order))

    assert status == 201
    assert msgspec.json.decode(body)["fill_count"] == "1.00"


async def test_a_client_that_waits_for_100_continue_is_told_to_go_on(door):
    raw = (
        b"POST /trade-api/v2/portfolio/events/orders HTTP/1.1\r\nhost: x\r\n"
        b"content-length: 2\r\nexpect: 100-continue\r\n\r\n"
    )
    async with door.connect() as client:
        await client.stream.send(raw)
        go_on = await client.stream.receive()
        await client.stream.send(b"{}")
        answer = await client.stream.receive()

    assert go_on.startswith(b"HTTP/1.1 100 ")
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_head_has_no_body(door):
    async with door.connect() as client:
        await client.stream.send(
            b"HEAD /trade-api/v2/markets HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        received = await everything(client)

    assert received.startswith(b"HTTP/1.1 405 ")
    assert received.endswith(b"\r\n\r\n")


async def test_a_reply_without_content_has_no_length_and_keeps_the_connection():
    statuses = iter([204, 200])
    ours, theirs = memory_pipe()
    http = HttpConnection(
        ours, lambda _: Reply(next(statuses), b""), lambda *_: None, lambda: NOW_US
    )
    async with anyio.create_task_group() as group:
        group.start_soon(http.run)
        await theirs.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 2)
        await anyio.wait_all_tasks_blocked()
        received = await theirs.receive()
        group.cancel_scope.cancel()
    first, second = received.split(b"HTTP/1.1 ")[1:]

    assert first == b"204 \r\ndate: Thu, 15 Jan 2026 12:00:00 GMT\r\n\r\n"
    assert b"content-length: 0" in second


@pytest.mark.parametrize(
    "raw",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_no_http_is_refused_and_closed(door, raw):
    async with door.connect() as client:
        await client.stream.send(raw)
        await client.stream.send_eof()
        received = await everything(client)

    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in received.lower()
    assert received.endswith(b'{"error":{"code":"bad_request","message":"bad request"}}')


async def test_a_head_without_end_is_refused(door):
    async with door.connect() as client:
        await client.stream.send(b"GET / HTTP/1.1\r\nhost: x\r\nlong: " + b"x" * 80_000)
        received = await everything(client)

    assert received.startswith(b"HTTP/1.1 431 ")


async def test_a_body_above_the_cap_is_refused_and_closed(door):
    head = b"POST /trade-api/v2/portfolio/events/orders HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
    async with door.connect() as client:
        await client.stream.send(head % (MAX_BODY * 2))
        await client.stream.send(b"x" * (MAX_BODY + 1))
        received = await everything(client)

    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in received.lower()


async def test_a_client_that_says_nothing_and_leaves_is_no_fault(door):
    async with door.connect() as client:
        await client.stream.send_eof()
        received = await everything(client)

    assert received == b""


def test_the_date_header_has_its_fixed_form():
    assert http_date(0) == b"Thu, 01 Jan 1970 00:00:00 GMT"
