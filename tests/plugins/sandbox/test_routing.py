"""From a request to its answer, whatever the dialect."""

import msgspec
import pytest

from plugins.sandbox.auth import Gate
from plugins.sandbox.core.rows import Refusal
from plugins.sandbox.request import reply, request_of
from plugins.sandbox.routing import answer_by, route
from plugins.sandbox.wire import Problem


class Desk:
    """A counter that counts its flushes; nobody has a key."""

    gate = Gate({})
    flushed = 0

    def door_us(self):
        return 1

    def present(self):
        return 2

    def flush(self):
        self.flushed += 1


def names(_desk, _request, *parts):
    return reply(parts)


def refuses(_desk, _request):
    raise Refusal(409, "paused", "it rests")


ROUTES = (
    route("GET things/*", names, public=True),
    route("POST things", refuses, public=True),
    route("GET secrets", names),
)


def ask(line, *, paid=True, **more):
    method, _, path = line.partition(" ")
    request = request_of(method, f"/trade-api/v2{path}", {})
    desk = Desk()
    answered = answer_by(ROUTES, desk, request, lambda *_: paid, **more)
    assert desk.flushed == 1
    return answered.status, msgspec.json.decode(answered.body)


def test_a_route_gets_the_parts_that_its_shape_leaves_open():
    assert ask("GET /things/a%2Fb") == (200, ["a/b"])


@pytest.mark.parametrize(
    ("line", "status"),
    [("GET /none", 404), ("GET /things", 405), ("PUT /things/a", 405), ("GET /secrets", 401)],
)
def test_what_cannot_be_asked_is_refused(line, status):
    assert ask(line)[0] == status


def test_what_is_not_paid_for_is_refused():
    assert ask("GET /things/a", paid=False) == (429, {"error": "too many requests"})


def test_a_refusal_of_the_core_keeps_its_words():
    assert ask("POST /things") == (409, {"error": {"code": "paused", "message": "it rests"}})


def test_a_dialect_may_put_a_refusal_into_words_of_its_own():
    assert ask("POST /things", refuse=lambda _: Problem(400, b"{}")) == (400, {})
