"""Keys, and whether a request was signed with one.

The rules and the bodies of refusals are those of Kalshi's authentication page. The gate knows the
clock only through the moment it is handed.
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeAlias
from uuid import NAMESPACE_OID, uuid5

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import (
    MGF1,
    PSS,
    calculate_max_pss_salt_length,
)
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from framework.model.units import Micros
from plugins.sandbox.wire import Problem, refused

KEY_HEADER: Final = "kalshi-access-key"
SIGNATURE_HEADER: Final = "kalshi-access-signature"
TIMESTAMP_HEADER: Final = "kalshi-access-timestamp"

WINDOW_MS: Final = 30_000
"""How far a signature's timestamp may be off; the exchange's own lies between 10 and 60 s."""

PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey
Verify: TypeAlias = Callable[[PublicKey, bytes, bytes], bool]
"""Whether a signature is that of a key on a message."""

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class KeyPair(msgspec.Struct, frozen=True, kw_only=True):
    """A key id with its two halves."""

    key_id: str
    private_pem: bytes
    public: PublicKey

    def __repr__(self) -> str:
        return f"KeyPair({self.key_id})"


def new_key_pair() -> KeyPair:
    """Make an RSA-2048 key as the exchange makes them; takes about 100 ms."""
    private = generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return _pair(pem, private.public_key())


def read_key_pair(pem: bytes) -> KeyPair | None:
    """Return the pair of an RSA key in PEM with the id it has here; None when it is none."""
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return _pair(pem, private.public_key()) if isinstance(private, RSAPrivateKey) else None


def _pair(pem: bytes, public: RSAPublicKey) -> KeyPair:
    encoded = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(key_id=str(uuid5(NAMESPACE_OID, encoded.hex())), private_pem=pem, public=public)


class Gate:
    """Lets a signed request pass and refuses any other with the exchange's own words."""

    def __init__(self, keys: Mapping[str, PublicKey], verify: Verify | None = None) -> None:
        """Let these keys in.

        Args:
            keys: Public keys by id.
            verify: How signatures are checked; by default as today, with both kinds of key.
        """
        self._keys = dict(keys)
        self._verify = verify or is_signed

    def with_rule(self, verify: Verify) -> "Gate":
        """Return a gate for the same keys that checks signatures by another rule."""
        return Gate(self._keys, verify)

    def check(self, headers: Mapping[str, str], method: str, path: str, now_us: Micros) -> None:
        """Check one request; `headers` have lower-case names, `path` has no query.

        Raises:
            Problem: status 401, with the body the exchange would send.
        """
        key_id, signature = headers.get(KEY_HEADER), headers.get(SIGNATURE_HEADER)
        stamp = headers.get(TIMESTAMP_HEADER)
        if not key_id:
            raise refused(401, "token_authentication_failure")
        if not signature:
            raise refused(401, "signature_is_missing_from_headers")
        if not stamp:
            raise refused(401, "timestamp_is_missing_from_headers")
        if not _is_near(stamp, now_us):
            raise refused(401, "header_timestamp_expired")
        if not _UUID.fullmatch(key_id):
            raise _unauthenticated("INVALID_PARAMETER")
        key = self._keys.get(key_id)
        if key is None:
            raise _unauthenticated("NOT_FOUND")
        if not self._signed(key, signature, f"{stamp}{method}{path}"):
            raise _unauthenticated("INCORRECT_API_KEY_SIGNATURE")

    def _signed(self, key: PublicKey, signature: str, text: str) -> bool:
        try:
            raw = b64decode(signature, validate=True)
        except (NotBase64, ValueError):
            return False
        return self._verify(key, raw, text.encode("latin-1"))


def _unauthenticated(details: str) -> Problem:
    return refused(401, "authentication_error", "authentication_error", details)


def _is_near(stamp: str, now_us: Micros) -> bool:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 16):
        return False
    return abs(int(stamp) - now_us // 1_000) <= WINDOW_MS


def is_signed(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Check a signature as the exchange does today: Ed25519, or RSA-PSS with two salt lengths."""
    if isinstance(key, Ed25519PublicKey):
        return _verifies(partial(key.verify, signature, message))
    # Kalshi documents the digest length; the founding document signs with the longest. The
    # number is needed: to a verifier `PSS.MAX_LENGTH` means any length at all.
    hashed = SHA256()
    longest = calculate_max_pss_salt_length(key, hashed)
    return any(
        _is_pss(key, signature, message, PSS(MGF1(hashed), salt))
        for salt in (hashed.digest_size, longest)
    )


def is_rsa_signed(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Check a signature as the founding document makes it: RSA-PSS, with a salt of any length."""
    any_salt = PSS(MGF1(SHA256()), PSS.AUTO)
    return isinstance(key, RSAPublicKey) and _is_pss(key, signature, message, any_salt)


def _is_pss(key: RSAPublicKey, signature: bytes, message: bytes, padding: PSS) -> bool:
    return _verifies(partial(key.verify, signature, message, padding, SHA256()))


def _verifies(verify: Callable[[], None]) -> bool:
    try:
        verify()
    except InvalidSignature:
        return False
    return True
