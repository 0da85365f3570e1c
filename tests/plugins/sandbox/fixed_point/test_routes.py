"""Which path is answered, who may ask, what it costs, and the shapes of refusals."""

import msgspec
import pytest

from plugins.sandbox.fixed_point.routes import ROUTES, answer
from plugins.sandbox.request import request_of

PRIVATE = [route for route in ROUTES if not route.public]
PUBLIC = [route for route in ROUTES if route.public]


def line(route):
    return f"{route.method} /{'/'.join('X' if part == '*' else part for part in route.shape)}"


@pytest.mark.parametrize("route", PRIVATE, ids=line)
def test_the_account_is_shown_to_nobody_without_a_key(door, route):
    status, body = door.ask(line(route), signed=False)

    assert status == 401
    assert body["error"]["code"] == "token_authentication_failure"


@pytest.mark.parametrize("route", PUBLIC, ids=line)
def test_public_data_needs_no_key(door, route):
    status, _ = door.ask(line(route), signed=False)

    assert status in {200, 400, 404}


@pytest.mark.parametrize("path", ["/nothing", "/markets/a/b/c", "/portfolio/deposits"])
def test_an_unknown_path_is_not_found(door, path):
    assert door.ask(f"GET {path}") == (
        404,
        {"error": {"code": "not_found", "message": "not found"}},
    )


@pytest.mark.parametrize("target", ["/", "/trade-api/v1/markets", "//", "*", ""])
def test_a_path_outside_the_api_is_not_found(door, target):
    assert answer(door.venue, request_of("GET", target, {})).status == 404


def test_a_wrong_method_is_told_from_an_unknown_path(door):
    assert door.ask("PUT /markets")[0] == 405


@pytest.mark.parametrize(
    "retired",
    [
        "POST /portfolio/orders",
        "DELETE /portfolio/orders/abc",
        "POST /portfolio/orders/batched",
        "DELETE /portfolio/orders/batched",
        "POST /portfolio/orders/abc/amend",
        "POST /portfolio/orders/abc/decrease",
    ],
)
def test_the_first_version_of_orders_is_gone(door, retired):
    status, body = door.ask(retired)

    assert (status, body["error"]["code"]) == (410, "deprecated_v1_order_endpoint")


# ------------------------------------------------------------------------------ rate limits


def test_reads_are_limited_to_three_seconds_of_budget_at_once(open_door):
    door = open_door(rate_limits=True)
    served = [door.ask("GET /portfolio/balance")[0] for _ in range(61)]

    assert served == [200] * 60 + [429]


def test_a_refused_request_gets_the_plain_string(open_door):
    door = open_door(rate_limits=True)
    for _ in range(60):
        door.ask("GET /portfolio/balance")

    assert door.ask("GET /portfolio/balance") == (429, {"error": "too many requests"})


def test_tokens_come_back_with_the_sandboxs_time(open_door):
    door = open_door(rate_limits=True)
    for _ in range(60):
        door.ask("GET /portfolio/balance")
    door.time.pass_seconds(0.1)
    served = [door.ask("GET /portfolio/balance")[0] for _ in range(3)]

    assert served == [200, 200, 429]


def test_a_cancel_costs_a_fifth_of_an_order(open_door):
    door = open_door(rate_limits=True)
    served = [
        door.ask("DELETE /portfolio/events/orders/none?market_ticker=KXT-E-A")[0] for _ in range(51)
    ]

    assert served == [404] * 50 + [429]


def test_a_write_that_names_no_shard_is_paid_on_every_shard(open_door):
    door = open_door(rate_limits=True)
    routed = [door.ask("POST /portfolio/events/orders", {})[0] for _ in range(11)]
    named = door.ask("POST /portfolio/events/orders", {"exchange_index": 2})[0]

    assert routed == [400] * 10 + [429]
    assert named == 429


def test_a_write_that_names_its_shard_leaves_the_others_alone(open_door):
    door = open_door(rate_limits=True)
    one = [door.ask("POST /portfolio/events/orders", {"exchange_index": 2})[0] for _ in range(11)]
    other = door.ask("POST /portfolio/events/orders", {"exchange_index": 3})[0]

    assert one == [400] * 10 + [429]
    assert other == 400


def test_readers_without_a_key_do_not_spend_the_accounts_tokens(open_door):
    door = open_door(rate_limits=True)
    public = [door.ask("GET /markets", signed=False)[0] for _ in range(61)]

    assert public[-1] == 429
    assert door.ask("GET /portfolio/balance")[0] == 200


def test_limits_can_be_switched_off(door):
    assert all(door.ask("GET /portfolio/balance")[0] == 200 for _ in range(100))


# ------------------------------------------------------------------- the four error shapes


def test_exchange_errors_are_nested(door):
    status, body = door.ask("GET /markets/NONE")

    assert (status, body) == (404, {"error": {"code": "not_found", "message": "not found"}})


def test_parameter_errors_have_only_a_msg(door):
    status, body = door.ask("GET /markets?limit=abc")

    assert status == 400
    assert body == {"msg": "Invalid format for parameter limit: error binding string parameter"}


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", b'{"ticker":1}', b"null"])
def test_bodies_that_cannot_be_decoded_get_the_flat_shape(door, raw):
    request = msgspec.structs.replace(door.request("POST /portfolio/events/orders"), body=raw)
    reply = answer(door.venue, request)
    body = msgspec.json.decode(reply.body)

    assert reply.status == 400
    assert (body["code"], set(body)) == ("bad_request", {"code", "message", "details"})
