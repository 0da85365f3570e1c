import pytest

from framework.errors import ExchangeError
from framework.exchange import Unknown
from plugins.kalshi.codec import Request
from plugins.kalshi.codec.refusals import outcome
from plugins.kalshi.transport.lane import Lost

STATUS = "/exchange/status"
ORDERS = "/portfolio/events/orders"
ORDER = Request(method="POST", path=ORDERS, template=ORDERS, body=b'{"ticker": "A"}', shard=0)


async def failing(kind, action):
    with pytest.raises(kind) as told:
        await action

    return told.value


def test_environment_proxies_are_not_used(read_rest, server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    server.always("GET", STATUS, {})

    async def main(rest, run):
        await rest.get(STATUS)
        return run.connections

    assert [host for _, host, _ in read_rest(main)] == ["127.0.0.1"]


# ------------------------------------------------------------------ what must not be trusted


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed_and_is_named(read_rest, server, status):
    where = {"Location": "https://elsewhere.example/trade-api/v2/x?token=abc"}
    server.always("GET", STATUS, (status, b"", where))

    async def main(rest, run):
        return await failing(ExchangeError, rest.get(STATUS))

    error = read_rest(main)
    assert (error.status, error.code) == (status, "redirected")
    assert "https://elsewhere.example, which is never followed; check rest_url" in str(error)
    assert "abc" not in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("where", [{}, {"Location": "/login"}])
def test_a_redirected_write_is_neither_repeated_nor_believed(read_rest, server, where):
    server.always("POST", ORDERS, (302, b"", where))

    async def main(rest, run):
        return await rest.write(ORDER, urgent=False)

    reply = read_rest(main)
    assert isinstance(outcome(reply.status, reply.body), Unknown)
    assert "another path of the same host" in outcome(reply.status, reply.body).reason
    assert len(server.requests) == 1


def test_an_answer_without_end_is_read_no_further(read_rest, server, monkeypatch):
    monkeypatch.setattr("plugins.kalshi.transport.client.MOST_BYTES", 1_000)
    server.always("GET", STATUS, {"padding": "x" * 1_000})
    server.always("POST", ORDERS, {"padding": "x" * 1_000})

    async def main(rest, run):
        error = await failing(ExchangeError, rest.get(STATUS))
        return error, await rest.write(ORDER, urgent=False)

    error, lost = read_rest(main)
    assert "longer than 1000 bytes" in str(error)
    assert isinstance(lost, Lost)
    assert len(server.asked("GET", STATUS)) == 1
