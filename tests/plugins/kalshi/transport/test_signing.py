from base64 import b64decode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from framework.errors import ConfigError
from plugins.kalshi.transport.signing import Signer

NOW_US = 1_703_123_456_789_123
PATH = "/trade-api/v2/portfolio/orders"
TEXT = b"1703123456789GET/trade-api/v2/portfolio/orders"


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(65_537, 2_048)


def pem(key, form=PrivateFormat.PKCS8, encryption=None):
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_rsa_key_signs_with_pss_and_a_salt_as_long_as_the_digest(rsa_key, form):
    headers = Signer("key", pem(rsa_key, form)).headers("GET", PATH, NOW_US)

    signature = b64decode(headers["KALSHI-ACCESS-SIGNATURE"])
    exactly_32 = padding.PSS(padding.MGF1(SHA256()), salt_length=32)
    rsa_key.public_key().verify(signature, TEXT, exactly_32, SHA256())
    with pytest.raises(InvalidSignature):
        rsa_key.public_key().verify(signature, TEXT + b"?limit=5", exactly_32, SHA256())


def test_an_ed25519_key_signs_the_same_text():
    key = ed25519.Ed25519PrivateKey.generate()

    headers = Signer("key", pem(key)).headers("GET", PATH, NOW_US)

    key.public_key().verify(b64decode(headers["KALSHI-ACCESS-SIGNATURE"]), TEXT)


def test_the_headers_carry_key_and_milliseconds(private_key):
    headers = Signer(" key-1\n", private_key).headers("POST", PATH, NOW_US)

    assert headers["KALSHI-ACCESS-KEY"] == "key-1"
    assert headers["KALSHI-ACCESS-TIMESTAMP"] == "1703123456789"
    assert headers.keys() == {
        "KALSHI-ACCESS-KEY",
        "KALSHI-ACCESS-SIGNATURE",
        "KALSHI-ACCESS-TIMESTAMP",
    }


def test_every_rsa_signature_is_fresh(rsa_key):
    signer = Signer("key", pem(rsa_key))

    assert signer.headers("GET", PATH, NOW_US) != signer.headers("GET", PATH, NOW_US)


@pytest.mark.parametrize("damage", [b"", b"secret-text", b"-----BEGIN PRIVATE KEY-----\nAAAA"])
def test_a_damaged_key_is_refused_without_being_shown(damage):
    with pytest.raises(
        ConfigError, match=r"plugins\.kalshi\.private_key: is no private key"
    ) as told:
        Signer("key", damage)

    assert "secret-text" not in str(told.value)
    assert told.value.__cause__ is None


def test_an_encrypted_key_is_refused(rsa_key):
    locked = pem(rsa_key, encryption=BestAvailableEncryption(b"password"))

    with pytest.raises(ConfigError, match="is encrypted"):
        Signer("key", locked)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_is_opened_with_its_passphrase(rsa_key, form):
    locked = pem(rsa_key, form, BestAvailableEncryption(b"password"))

    headers = Signer("key", locked, b"password").headers("GET", PATH, NOW_US)

    exactly_32 = padding.PSS(padding.MGF1(SHA256()), salt_length=32)
    signature = b64decode(headers["KALSHI-ACCESS-SIGNATURE"])
    rsa_key.public_key().verify(signature, TEXT, exactly_32, SHA256())


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_wrong_passphrase_is_named_by_its_setting_and_not_shown(rsa_key, form):
    locked = pem(rsa_key, form, BestAvailableEncryption(b"password"))

    with pytest.raises(ConfigError, match="private_key_passphrase: does not open") as told:
        Signer("key", locked, b"mistaken")

    assert "mistaken" not in str(told.value)


def test_a_passphrase_for_an_open_key_is_refused(private_key):
    with pytest.raises(ConfigError, match="is not encrypted; remove this setting"):
        Signer("key", private_key, b"password")


def test_a_public_key_is_named_as_one(rsa_key):
    public = rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    with pytest.raises(ConfigError, match="is a public key"):
        Signer("key", public)


def test_a_key_of_another_kind_is_refused():
    with pytest.raises(ConfigError, match="neither an RSA nor an Ed25519 key"):
        Signer("key", pem(ec.generate_private_key(ec.SECP256R1())))


def test_an_empty_key_id_is_refused(private_key):
    with pytest.raises(ConfigError, match=r"plugins\.kalshi\.key_id: is empty"):
        Signer("  ", private_key)


def test_a_signer_shows_nothing(private_key):
    shown = f"{Signer('key-1', private_key)!r} {Signer('key-1', private_key)}"

    assert shown == "Signer(...) Signer(...)"


def test_the_founding_document_signs_with_the_longest_salt(rsa_key):
    headers = Signer("key", pem(rsa_key), founding=True).headers("GET", PATH, NOW_US)

    signature = b64decode(headers["KALSHI-ACCESS-SIGNATURE"])
    longest = padding.PSS(padding.MGF1(SHA256()), salt_length=padding.PSS.MAX_LENGTH)
    rsa_key.public_key().verify(signature, TEXT, longest, SHA256())
    shorter = padding.PSS(padding.MGF1(SHA256()), salt_length=32)
    with pytest.raises(InvalidSignature):
        rsa_key.public_key().verify(signature, TEXT, shorter, SHA256())


def test_the_founding_document_signs_with_rsa_only():
    key = ed25519.Ed25519PrivateKey.generate()

    with pytest.raises(ConfigError, match="is no RSA key"):
        Signer("key", pem(key), founding=True)
