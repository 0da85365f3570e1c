import json

import pytest

from framework.exchange import Rejected, Unknown
from plugins.kalshi.codec.refusals import key_hint, outcome, refusal


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            {"error": {"code": "invalid_price", "message": "bad", "details": "off grid"}},
            "invalid_price",
            "bad (off grid)",
        ),
        ({"error": {"code": "not_found", "message": ""}}, "not_found", ""),
        ({"error": {"code": "x", "details": {"field": "price"}}}, "x", '{"field":"price"}'),
        (
            {"code": "bad_request", "message": "no JSON", "details": ""},
            "bad_request",
            "no JSON",
        ),
        ({"msg": "count must be positive"}, "bad_request", "count must be positive"),
        ({"error": "too many requests"}, "bad_request", "too many requests"),
        ({}, "bad_request", ""),
        ([], "bad_request", ""),
        ({"error": None}, "bad_request", ""),
        ({"error": 5}, "bad_request", ""),
    ],
)
def test_reads_every_shape_of_an_error(body, code, message):
    told = refusal(400, json.dumps(body).encode())

    assert (told.code, told.message) == (code, message)


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"\xff"])
def test_an_unreadable_error_is_named_by_its_status(body):
    assert refusal(404, body).code == "not_found"
    assert refusal(502, body).code == "http_502"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 429])
@pytest.mark.parametrize("body", [b"", b'{"error": {"code": "c", "message": "m"}}'])
def test_these_statuses_prove_that_nothing_was_done(status, body):
    assert isinstance(outcome(status, body), Rejected)


@pytest.mark.parametrize(
    "status", [100, 204, 301, 302, 402, 405, 408, 422, 500, 502, 503, 504, 599]
)
@pytest.mark.parametrize("body", [b"", b'{"error": {"code": "rejected", "message": "m"}}'])
def test_every_other_status_proves_nothing(status, body):
    assert isinstance(outcome(status, body), Unknown)


def test_a_cancel_of_an_order_that_is_gone_is_refused_as_not_found():
    assert outcome(404, b"") == Rejected(code="not_found", message="")


def test_a_paused_exchange_is_a_refusal():
    body = b'{"error": {"code": "trading_is_paused", "message": "paused"}}'

    assert outcome(409, body) == Rejected(code="trading_is_paused", message="paused")


def test_a_client_id_that_exists_proves_that_an_order_may_be_live():
    body = b'{"error": {"code": "order_already_exists", "message": "duplicate"}}'

    assert isinstance(outcome(409, body), Unknown)


def test_a_refused_key_is_explained_by_the_word_of_the_answer():
    assert "belongs to demo mode" in key_hint("authentication_error (NOT_FOUND)", "demo")
    assert key_hint("teapot", "demo") == ""
