import pytest

from framework.exchange import Rejected, Unknown
from framework.run import Mode
from plugins.kalshi.codec import Request
from plugins.kalshi.orders.writing import Writing
from plugins.kalshi.transport.rest import Reply

PATH = "/x"
WRITE = Request(method="POST", path=PATH, template=PATH, shard=0)


def send(mode=Mode.SANDBOX):
    async def main(rest, run):
        return await Writing(rest, mode).send(WRITE, urgent=True)

    return main


def done(rest, run):
    return Writing(rest, run.mode).done(WRITE, lambda body: body, urgent=True)


def test_an_answer_is_handed_on_whatever_it_says(read_rest, server):
    server.always("POST", PATH, (503, b"down"))

    assert read_rest(send()) == Reply(503, b"down")


def test_no_answer_is_unknown(read_rest, server):
    server.always("POST", PATH, "cut")

    assert isinstance(read_rest(send()), Unknown)


def test_paper_mode_sends_nothing(read_rest, server):
    assert read_rest(send(Mode.PAPER)).code == "paper"
    assert server.requests == []


@pytest.mark.parametrize("status", [200, 201])
def test_a_success_is_read(read_rest, server, status):
    server.always("POST", PATH, (status, b"fine"))

    assert read_rest(done) == b"fine"


@pytest.mark.parametrize(("status", "kind"), [(400, Rejected), (202, Unknown), (500, Unknown)])
def test_anything_else_is_what_it_proves(read_rest, server, status, kind):
    server.always("POST", PATH, (status, b""))

    assert isinstance(read_rest(done), kind)
