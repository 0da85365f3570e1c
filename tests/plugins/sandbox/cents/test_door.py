"""What the two limits count, and whom the gate lets in."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from plugins.sandbox.auth import Gate
from plugins.sandbox.cents.door import Cents

HIGHNY = "KXHIGHNY-25JAN09-B56.5"
ORDER = {"ticker": HIGHNY, "side": "yes", "type": "limit", "count": 1, "yes_price": 50}


def test_each_order_of_a_batch_is_a_write(open_cents):
    cents = open_cents(rate_limits=True)
    batch = {"orders": [ORDER] * 6}
    statuses = [cents.ask("POST /portfolio/orders/batched", batch)[0] for _ in range(2)]
    singles = [cents.ask("POST /portfolio/orders", ORDER)[0] for _ in range(5)]

    assert statuses == [201, 429]
    assert singles == [201] * 4 + [429]


@pytest.mark.parametrize("body", [{"orders": [ORDER] * 11}, {}, {"orders": 3}])
def test_a_batch_that_is_refused_is_one_write(open_cents, body):
    cents = open_cents(rate_limits=True)
    statuses = [cents.ask("POST /portfolio/orders/batched", body)[0] for _ in range(11)]

    assert statuses == [400] * 10 + [429]


def test_limits_can_be_switched_off(cents):
    assert {cents.ask("GET /portfolio/balance")[0] for _ in range(50)} == {200}


def test_the_limits_of_one_dialect_are_not_those_of_the_other(open_cents):
    cents = open_cents(rate_limits=True)
    for _ in range(20):
        cents.ask("GET /portfolio/balance")
    todays = type(cents)(cents.venue, cents.keys, cents.time)

    assert cents.ask("GET /portfolio/balance")[0] == 429
    assert todays.ask("GET /portfolio/balance")[0] == 200


def test_an_ed25519_key_is_unauthorized(cents):
    private = Ed25519PrivateKey.generate()
    cents.venue.gate = Gate({cents.keys.key_id: private.public_key()})
    status, body = type(cents)(cents.venue, cents.keys, cents.time, Cents(cents.venue)).ask(
        "GET /portfolio/balance"
    )

    assert (status, body["error"]["details"]) == (401, "INCORRECT_API_KEY_SIGNATURE")
