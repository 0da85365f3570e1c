"""Who the gate lets in, and the words it refuses with."""

import base64

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from framework.testing.builders import NOW_US
from plugins.sandbox.auth import Gate, is_rsa_signed
from plugins.sandbox.wire import Problem

PATH = "/trade-api/v2/portfolio/balance"
STAMP = NOW_US // 1_000


@pytest.fixture
def gate(keys):
    return Gate({keys.key_id: keys.public})


def rsa_headers(keys, *, text=None, stamp=STAMP, salt=PSS.DIGEST_LENGTH):
    key = load_pem_private_key(keys.private_pem, None)
    message = f"{stamp}GET{PATH}" if text is None else text
    raw = key.sign(message.encode(), PSS(MGF1(SHA256()), salt), SHA256())
    return {
        "kalshi-access-key": keys.key_id,
        "kalshi-access-timestamp": str(stamp),
        "kalshi-access-signature": base64.b64encode(raw).decode(),
    }


def refusal(gate, headers):
    with pytest.raises(Problem) as caught:
        gate.check(headers, "GET", PATH, NOW_US)
    error = msgspec.json.decode(caught.value.body)["error"]
    return caught.value.status, error["code"], error.get("details")


@pytest.mark.parametrize("salt", [PSS.DIGEST_LENGTH, PSS.MAX_LENGTH])
def test_accepts_the_documented_and_the_longest_salt(gate, keys, salt):
    gate.check(rsa_headers(keys, salt=salt), "GET", PATH, NOW_US)


def test_refuses_a_salt_of_another_length(gate, keys):
    found = refusal(gate, rsa_headers(keys, salt=16))

    assert found == (401, "authentication_error", "INCORRECT_API_KEY_SIGNATURE")


def test_accepts_an_ed25519_key(keys):
    private = Ed25519PrivateKey.generate()
    headers = rsa_headers(keys)
    signature = private.sign(f"{STAMP}GET{PATH}".encode())
    headers["kalshi-access-signature"] = base64.b64encode(signature).decode()

    Gate({keys.key_id: private.public_key()}).check(headers, "GET", PATH, NOW_US)


@pytest.mark.parametrize("salt", [0, 16, PSS.DIGEST_LENGTH, PSS.MAX_LENGTH])
def test_the_founding_documents_rule_takes_a_salt_of_any_length(gate, keys, salt):
    gate.with_rule(is_rsa_signed).check(rsa_headers(keys, salt=salt), "GET", PATH, NOW_US)


def test_the_founding_documents_rule_knows_rsa_keys_only(keys):
    private = Ed25519PrivateKey.generate()
    headers = rsa_headers(keys)
    signature = private.sign(f"{STAMP}GET{PATH}".encode())
    headers["kalshi-access-signature"] = base64.b64encode(signature).decode()
    gate = Gate({keys.key_id: private.public_key()}, is_rsa_signed)

    assert refusal(gate, headers)[::2] == (401, "INCORRECT_API_KEY_SIGNATURE")


@pytest.mark.parametrize("seconds", [-30, -5, 0, 5, 30])
def test_accepts_a_timestamp_within_thirty_seconds(gate, keys, seconds):
    gate.check(rsa_headers(keys, stamp=STAMP + seconds * 1_000), "GET", PATH, NOW_US)


@pytest.mark.parametrize("stamp", [STAMP - 30_001, STAMP + 30_001, "soon", "-1", "1" * 40])
def test_refuses_a_timestamp_that_is_far_or_no_number(gate, keys, stamp):
    assert refusal(gate, rsa_headers(keys, stamp=stamp)) == (401, "header_timestamp_expired", None)


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("kalshi-access-key", "token_authentication_failure"),
        ("kalshi-access-signature", "signature_is_missing_from_headers"),
        ("kalshi-access-timestamp", "timestamp_is_missing_from_headers"),
    ],
)
def test_names_a_missing_header(gate, keys, missing, code):
    headers = rsa_headers(keys)
    del headers[missing]

    assert refusal(gate, headers) == (401, code, None)


@pytest.mark.parametrize(
    ("key_id", "details"),
    [
        ("00000000-0000-0000-0000-000000000000", "NOT_FOUND"),
        ("my key", "INVALID_PARAMETER"),
    ],
)
def test_tells_an_unknown_key_from_a_malformed_one(gate, keys, key_id, details):
    headers = rsa_headers(keys) | {"kalshi-access-key": key_id}

    assert refusal(gate, headers) == (401, "authentication_error", details)


@pytest.mark.parametrize(
    "text",
    [
        f"{STAMP}POST{PATH}",
        f"{STAMP}GET{PATH}?limit=5",
        f"{STAMP}GET/portfolio/balance",
        f"{STAMP + 1}GET{PATH}",
    ],
)
def test_refuses_a_signature_over_another_text(gate, keys, text):
    found = refusal(gate, rsa_headers(keys, text=text))

    assert found == (401, "authentication_error", "INCORRECT_API_KEY_SIGNATURE")


@pytest.mark.parametrize("signature", ["not base64!", "AAAA", "ü"])
def test_refuses_what_is_no_signature(gate, keys, signature):
    headers = rsa_headers(keys) | {"kalshi-access-signature": signature}

    assert refusal(gate, headers)[2] == "INCORRECT_API_KEY_SIGNATURE"


def test_makes_a_key_that_shows_nothing_of_itself(keys):
    assert keys.private_pem.startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert "BEGIN" not in repr(keys)
