"""No secret in anything that is raised, logged or shown, in tracebacks with their variables too."""

import logging
from traceback import TracebackException

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from framework.errors import AuthError, ConfigError, ExchangeError
from framework.run import Credentials
from plugins.kalshi import Kalshi
from plugins.kalshi.codec import Request
from plugins.kalshi.transport.signing import Signer

PASSPHRASE = b"correct-horse-battery"
ORDER = Request(method="POST", path="/portfolio/events/orders", template="", body=b"{}")


@pytest.fixture(scope="module")
def rsa_key():
    return generate_private_key(65_537, 2_048)


def inner_lines(pem):
    return [line for line in pem.decode().splitlines() if line and "-----" not in line]


def shown(error):
    """Everything a logger could print of an error: its chain, and our frames' variables."""
    parts, seen = [repr(error), str(error), repr(error.args)], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        told = TracebackException.from_exception(error, capture_locals=True)
        parts.append(str(told))
        parts += [
            f"{frame.name} {frame.locals}"
            for frame in told.stack
            if "/plugins/kalshi/" in frame.filename and "/tests/" not in frame.filename
        ]
        error = error.__cause__ or error.__context__
    return "\n".join(parts)


def assert_clean(text, pem, *more):
    for secret in (*inner_lines(pem), *(word.decode() for word in more)):
        assert secret not in text


@pytest.mark.parametrize(
    ("damage", "passphrase"),
    [
        ("truncated", None),
        ("encrypted", None),
        ("encrypted", b"mistaken-passphrase"),
        ("open", b"needless-passphrase"),
        ("another kind", None),
    ],
)
def test_an_unusable_key_shows_nothing_of_itself(rsa_key, damage, passphrase):
    open_pem = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem = {
        "truncated": open_pem[:400],
        "encrypted": rsa_key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE)
        ),
        "open": open_pem,
        "another kind": b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0LXNlY3JldA==\n",
    }[damage]

    with pytest.raises(ConfigError) as told:
        Signer("key", pem, passphrase)

    assert_clean(shown(told.value), pem, passphrase or b"unused-here")


@pytest.mark.parametrize("path", ["/exchange/status", "/account/limits"])
@pytest.mark.parametrize("answer", [(401, b""), (400, b"<html>"), (302, b""), b"no JSON"])
def test_a_failed_read_shows_neither_key_nor_signature(
    read_rest, server, private_key, answer, path
):
    server.always("GET", path, answer)

    async def main(rest, run):
        with pytest.raises(ExchangeError) as told:
            await rest.get(path)

        return told.value

    text = shown(read_rest(main))
    signature = server.requests[0].headers["kalshi-access-signature"].encode()
    assert_clean(text, private_key, signature)


@pytest.mark.parametrize("trouble", ["cut", "hang"])
def test_a_lost_write_shows_neither_key_nor_signature(read_rest, server, private_key, trouble):
    server.always("POST", ORDER.path, trouble)

    async def main(rest, run):
        return await rest.write(ORDER, urgent=False)

    lost = read_rest(main)
    signature = server.requests[0].headers["kalshi-access-signature"].encode()
    assert_clean(repr(lost), private_key, signature)


def test_a_refused_start_shows_nothing_secret(trade, server, private_key):
    server.always("GET", "/account/limits", (401, {"error": {"code": "NOT_FOUND"}}))

    async def never(exchange, run):
        raise AssertionError

    with pytest.raises(ExceptionGroup) as told:
        trade(never)

    (error,) = told.value.exceptions
    assert isinstance(error, AuthError)
    assert_clean(shown(error), private_key)


def test_values_that_hold_secrets_show_none(private_key, monkeypatch):
    monkeypatch.setenv("THE_KEY", "topsecret")
    held = Credentials(key_id="k", private_key=private_key, passphrase=PASSPHRASE)
    settings = Kalshi(private_key={"env": "THE_KEY"}, private_key_passphrase={"env": "THE_KEY"})

    text = f"{held!r} {held} {settings!r} {settings} {settings.model_dump()}"

    assert_clean(text, private_key, PASSPHRASE, b"topsecret")


def test_a_whole_run_logs_nothing_secret(trade, server, private_key, caplog):
    async def main(exchange, run):
        await exchange.account()
        server.handshakes.append(503)
        await server.socket.drop()
        await run.clock.sleep(30)
        return repr(exchange), repr(exchange.rest), repr(vars(exchange.codec.drift))

    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as logged:
        told = trade(main)

    signatures = [seen.headers["kalshi-access-signature"].encode() for seen in server.requests]
    assert_clean(f"{told} {logged} {caplog.text}", private_key, *signatures)
