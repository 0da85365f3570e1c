import ssl

import anyio
import h11
import pytest
from anyio.streams.tls import TLSStream
from hypothesis import given
from hypothesis import strategies as st

from framework.clock import run_virtual
from framework.errors import ExchangeError
from framework.streams import memory_pipe
from plugins.kalshi.transport.lane import MOST, MOST_BYTES, WARM, Answer, Lane, Lanes, Lost, Unsent

ORDER = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
PLAIN = b"HTTP/1.1 201 Created\r\nDate: today\r\nContent-Length: 2\r\n\r\nok"
TAKEN = Answer(201, b"ok", "today")


class Exchange:
    """Answers each request of a connection with the next of `replies`: pieces of bytes.

    A piece may be a number of seconds to wait, or "close".
    """

    def __init__(self, *replies, room=65_536):
        self.replies = list(replies)
        self.requests = []
        self.opened = 0
        self.room = room
        self.is_there = True
        self.ends = []

    async def open(self):
        if not self.is_there:
            raise ExchangeError("nobody listens there")
        self.opened += 1
        ours, theirs = memory_pipe(self.room)
        self.ends.append(theirs)
        self.tasks.start_soon(self.serve, theirs)
        return ours

    async def serve(self, stream):
        held = b""
        try:
            while True:
                while b"\r\n\r\n" not in held:
                    held += await stream.receive()
                head, _, rest = held.partition(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                while len(rest) < size:
                    rest += await stream.receive()
                self.requests.append(head + b"\r\n\r\n" + rest[:size])
                held = rest[size:]
                for piece in self.replies.pop(0):
                    if piece == "close":
                        await stream.aclose()
                        return
                    if isinstance(piece, bytes):
                        await stream.send(piece)
                    else:
                        await anyio.sleep(piece)
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            return


def on(exchange, test):
    """Run `test(exchange)` on virtual time."""

    async def main(clock):
        async with anyio.create_task_group() as tasks:
            exchange.tasks, exchange.clock = tasks, clock
            result = await test(exchange)
            tasks.cancel_scope.cancel()
        return result

    return run_virtual(main)


def asked(exchange, times=1, request=ORDER, method="POST"):
    """Ask several times on one lane."""

    async def main(exchange):
        lane = Lane(exchange.open)
        return [await lane.ask(lambda: request, method) for _ in range(times)]

    return on(exchange, main)


def test_a_request_is_written_out_only_once_the_connection_is_open():
    async def main(exchange):
        opened = []

        async def slowly():
            await anyio.sleep(3)
            return await exchange.open()

        def render():
            opened.append(exchange.opened)
            return ORDER

        await Lane(slowly).ask(render, "POST")
        return opened

    assert on(Exchange([PLAIN]), main) == [1]


def test_a_request_goes_out_as_it_is_and_its_answer_comes_back():
    exchange = Exchange([PLAIN])

    assert asked(exchange) == [TAKEN]
    assert exchange.requests == [ORDER]


def test_a_connection_is_used_again():
    exchange = Exchange([PLAIN], [PLAIN], [PLAIN])

    assert asked(exchange, 3) == [TAKEN] * 3
    assert exchange.opened == 1


CHUNKED = b"HTTP/1.1 201 Created\r\nDate: today\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [CHUNKED],
        [CHUNKED[:70], 1, CHUNKED[70:]],
        [b"HTTP/1.1 100 Continue\r\n\r\n", PLAIN],
        [b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 0.5, PLAIN],
        [PLAIN[i : i + 1] for i in range(len(PLAIN))],
    ],
    ids=["chunked", "chunked in two", "continue", "early hints", "byte by byte"],
)
def test_every_way_to_answer_is_read_and_the_connection_kept(pieces):
    exchange = Exchange(pieces, [PLAIN])

    assert asked(exchange, 2) == [TAKEN, TAKEN]
    assert exchange.opened == 1


@pytest.mark.parametrize(
    "reply",
    [
        [b"HTTP/1.1 201 X\r\nDate: today\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"],
        [b"HTTP/1.1 201 X\r\nDate: today\r\n\r\nok", "close"],
        [b"HTTP/1.0 201 X\r\nDate: today\r\n\r\nok", "close"],
        [PLAIN, "close"],
        [PLAIN + b"HTTP/1.1 200 Unasked\r\n\r\n"],
    ],
    ids=["asks to close", "until the end", "HTTP/1.0", "closes while idle", "says more"],
)
def test_a_connection_that_ended_is_noticed_before_the_next_request_is_written(reply):
    exchange = Exchange(reply, [PLAIN])

    assert asked(exchange, 2) == [TAKEN, TAKEN]
    assert exchange.opened == 2
    assert exchange.requests == [ORDER, ORDER]


def test_no_content_is_an_answer():
    exchange = Exchange([b"HTTP/1.1 204 No Content\r\n\r\n"], [PLAIN])

    assert asked(exchange, 2, b"DELETE /o HTTP/1.1\r\n\r\n", "DELETE")[0] == Answer(204, b"", "")
    assert exchange.opened == 1


@pytest.mark.parametrize("status", [400, 401, 409, 429, 500, 503])
def test_refusals_are_answers(status):
    body = b'{"error":{"code":"no"}}'
    head = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body))

    assert asked(Exchange([head + body])) == [Answer(status, body, "")]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (["close"], "no readable answer"),
        ([b"HTTP/1.1 201 Cre", "close"], "no readable answer"),
        ([PLAIN[:-1], "close"], "no readable answer"),
        ([CHUNKED[:-3], "close"], "no readable answer"),
        ([b"SMTP ready\r\n\r\n"], "no readable answer"),
        ([b"HTTP/1.1 201 X\r\nContent-Length: -1\r\n\r\n"], "no readable answer"),
        ([b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"], "no readable answer"),
        ([11], "no answer within 10 s"),
        ([PLAIN[:-1], 11], "no answer within 10 s"),
        ([b"HTTP/1.1 201 X\r\n\r\n", *[b"x" * 60_000] * 20], f"more than {MOST_BYTES} bytes"),
    ],
)
def test_without_a_whole_answer_the_order_is_lost_and_nothing_is_sent_again(reply, why):
    exchange = Exchange(reply, [PLAIN])

    lost, after = asked(exchange, 2)

    assert isinstance(lost, Lost)
    assert why in lost.reason
    assert after == TAKEN
    assert (exchange.opened, exchange.requests) == (2, [ORDER, ORDER])


def test_a_request_that_went_out_in_part_is_lost():
    exchange = Exchange(room=20)

    async def main(exchange):
        exchange.serve = never
        return await Lane(exchange.open).ask(lambda: ORDER, "POST")

    async def never(stream):
        await anyio.sleep_forever()

    assert on(exchange, main) == Lost("not written within 5 s")


def test_a_connection_that_breaks_while_a_request_is_written_loses_it():
    async def main(exchange):
        async def cut(stream):
            await stream.receive(5)
            await anyio.sleep(1)
            await stream.aclose()

        exchange.serve = cut
        return await Lane(exchange.open).ask(lambda: ORDER, "POST")

    lost = on(Exchange(room=20), main)

    assert isinstance(lost, Lost)
    assert "while writing" in lost.reason


def test_without_a_connection_nothing_is_sent():
    async def main(exchange):
        exchange.is_there = False
        with pytest.raises(Unsent, match="nobody listens"):
            await Lane(exchange.open).ask(lambda: ORDER, "POST")

    on(Exchange(), main)


def test_a_connection_that_never_opens_is_given_up():
    async def main(exchange):
        async def never():
            await anyio.sleep_forever()

        with pytest.raises(Unsent, match="TimeoutError"):
            await Lane(never).ask(lambda: ORDER, "POST")
        return exchange.clock.now_us()

    assert on(Exchange(), main) == 5_000_000


def test_a_request_that_is_cancelled_gives_its_connection_up():
    async def main(exchange):
        lane = Lane(exchange.open)
        with anyio.move_on_after(1):
            await lane.ask(lambda: ORDER, "POST")
        return await lane.ask(lambda: ORDER, "POST")

    exchange = Exchange([2, PLAIN], [PLAIN])
    assert on(exchange, main) == TAKEN
    assert exchange.opened == 2


# ------------------------------------------------------------------------- against h11


HEADS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 429 Slow\r\nRetry-After: 1\r\ncontent-length: 5\r\n\r\n",
        b"HTTP/1.1 503 Down\r\nConnection: close\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 204 None\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
    ]
)
REPLIES = st.tuples(
    HEADS, st.sampled_from([b"", b"hello", b"hell", b"hello\r\n0\r\n\r\n", b"hello!"])
).map(b"".join)


def by_h11(data):
    """Return what h11 makes of a reply after which the connection ends."""
    wire = h11.Connection(h11.CLIENT)
    wire.send(h11.Request(method="POST", target="/", headers=[("host", "x")]))
    wire.send(h11.EndOfMessage())
    status, body = 0, b""
    try:
        wire.receive_data(data)
        wire.receive_data(b"")
        while True:
            event = wire.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return status, body
            elif isinstance(event, h11.ConnectionClosed):
                return None
    except h11.RemoteProtocolError:
        return None


@given(REPLIES, st.data())
def test_any_reply_in_any_pieces_is_what_h11_makes_of_it(reply, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(reply)), max_size=6)))
    pieces = [reply[a:b] for a, b in zip([0, *cuts], [*cuts, len(reply)], strict=True)]
    exchange = Exchange([*pieces, "close"])

    (answer,) = asked(exchange)

    expected = by_h11(reply)
    if expected is None:
        assert isinstance(answer, Lost)
    else:
        assert (answer.status, answer.body) == expected
    assert exchange.requests == [ORDER]


# ---------------------------------------------------------------------------- at once


def test_a_request_is_out_before_begin_returns_and_answered_when_waited_for():
    async def main(exchange):
        lanes = Lanes(exchange.open)
        await lanes.warm()
        answer = lanes.begin(lambda: ORDER, "POST")
        before = exchange.ends[-1].is_readable
        return before, await answer(), await lanes.ask(lambda: ORDER, "POST")

    exchange = Exchange([PLAIN], [PLAIN])
    assert on(exchange, main) == (True, TAKEN, TAKEN)
    assert exchange.requests == [ORDER, ORDER]


def test_nothing_is_begun_where_something_has_to_be_waited_for():
    async def main(exchange):
        lanes, rendered = Lanes(exchange.open), []

        def render():
            rendered.append(1)
            return ORDER

        none_is_open = lanes.begin(render, "POST")
        await lanes.warm()
        for end in exchange.ends:
            await end.aclose()
        every_one_has_ended = lanes.begin(render, "POST")
        return none_is_open, every_one_has_ended, rendered

    assert on(Exchange(), main) == (None, None, [])


def test_a_request_without_room_is_not_begun_and_nothing_of_it_is_written():
    async def main(exchange):
        lanes = Lanes(exchange.open)
        await lanes.warm()
        return lanes.begin(lambda: ORDER, "POST"), await lanes.ask(lambda: ORDER, "POST")

    exchange = Exchange([PLAIN], room=len(ORDER) - 1)
    assert on(exchange, main) == (None, TAKEN)
    assert exchange.requests == [ORDER]


def test_a_lane_is_not_free_before_its_answer_and_in_doubt_after_a_lost_one():
    async def main(exchange):
        lanes = Lanes(exchange.open)
        await lanes.warm()
        answers = [lanes.begin(lambda: ORDER, "POST") for _ in range(WARM + 1)]
        assert answers.pop() is None
        lost = [await answer() for answer in answers]
        return lost, lanes.is_free

    exchange = Exchange(["close"], ["close"])
    lost, is_free = on(exchange, main)

    assert [type(answer) for answer in lost] == [Lost] * WARM
    assert not is_free


def test_closing_closes_what_was_begun_and_nobody_waits_for():
    async def main(exchange):
        lanes = Lanes(exchange.open)
        await lanes.warm()
        answer = lanes.begin(lambda: ORDER, "POST")
        await lanes.close()
        await anyio.sleep(1)
        return [end.is_readable for end in exchange.ends], await answer()

    ends, answer = on(Exchange([2, PLAIN]), main)

    assert ends == [True] * WARM
    assert answer == Lost("the lane was closed before the answer came")


# ---------------------------------------------------------------------------- several


def test_warm_lanes_are_open_before_the_first_order():
    async def main(exchange):
        lanes = Lanes(exchange.open)
        await lanes.warm()
        await lanes.ask(lambda: ORDER, "POST")
        return exchange.opened

    assert on(Exchange([PLAIN]), main) == WARM


def test_an_exchange_that_can_not_be_reached_at_first_is_asked_again():
    async def main(exchange):
        lanes = Lanes(exchange.open)
        exchange.is_there = False
        await lanes.warm()
        exchange.is_there = True
        return await lanes.ask(lambda: ORDER, "POST")

    assert on(Exchange([PLAIN]), main) == TAKEN


def test_orders_at_once_take_a_lane_each_and_the_next_goes_elsewhere():
    async def main(exchange):
        lanes, outcomes = Lanes(exchange.open), []

        async def one():
            try:
                outcomes.append(await lanes.ask(lambda: ORDER, "POST"))
            except Unsent as why:
                outcomes.append(str(why))

        async with anyio.create_task_group() as tasks:
            for _ in range(MOST + 1):
                tasks.start_soon(one)
        return outcomes, await lanes.ask(lambda: ORDER, "POST")

    exchange = Exchange(*[[1, PLAIN]] * (MOST + 1))
    outcomes, after = on(exchange, main)

    assert sorted(map(str, outcomes)) == sorted(
        [str(TAKEN)] * MOST + ["every lane waits for an answer"]
    )
    assert after == TAKEN
    assert exchange.opened == MOST


@pytest.mark.parametrize(
    "unusual",
    [
        ["close"],
        [b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"],
        [b"HTTP/1.1 407 Proxy\r\nContent-Length: 0\r\n\r\n"],
    ],
    ids=["lost", "redirect", "proxy"],
)
def test_after_something_unusual_only_the_next_request_goes_elsewhere(unusual):
    async def main(exchange):
        lanes = Lanes(exchange.open)
        await lanes.ask(lambda: ORDER, "POST")
        with pytest.raises(Unsent, match="unusual"):
            await lanes.ask(lambda: ORDER, "POST")
        return await lanes.ask(lambda: ORDER, "POST")

    exchange = Exchange(unusual, [PLAIN])
    assert on(exchange, main) == TAKEN
    assert len(exchange.requests) == 2


def test_closing_closes_every_connection():
    async def main(exchange):
        lanes = Lanes(exchange.open)
        await lanes.warm()
        await lanes.close()
        await anyio.sleep(1)
        return [end.is_readable for end in exchange.ends]

    assert on(Exchange(), main) == [True] * WARM


def test_a_cancelled_run_closes_every_connection_too():
    async def main(exchange):
        lanes = Lanes(exchange.open)
        await lanes.warm()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await lanes.close()
        await anyio.sleep(1)
        return [end.is_readable for end in exchange.ends]

    assert on(Exchange(), main) == [True] * WARM


def test_tickets_that_tls_sends_after_its_handshake_do_not_end_a_connection(certificate):
    async def main(exchange):
        trusted = ssl.create_default_context(cafile=certificate / "cert.pem")
        inside = exchange.serve

        async def serve(stream):
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
            await inside(
                await TLSStream.wrap(
                    stream, ssl_context=context, server_side=True, standard_compatible=False
                )
            )

        async def open_secured():
            return await TLSStream.wrap(
                await plain(),
                hostname="api.example",
                ssl_context=trusted,
                standard_compatible=False,
            )

        exchange.serve, plain = serve, exchange.open
        lane = Lane(open_secured)
        await lane.open()
        await anyio.sleep(1)
        answers = [await lane.ask(lambda: ORDER, "POST") for _ in range(2)]
        await exchange.ends[-1].aclose()
        return answers, await lane.ask(lambda: ORDER, "POST"), exchange.opened

    exchange = Exchange([PLAIN], [PLAIN], [PLAIN])
    assert on(exchange, main) == ([TAKEN, TAKEN], TAKEN, 2)
