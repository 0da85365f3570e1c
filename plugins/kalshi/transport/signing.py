"""Proof of who asks: three headers, signed at the moment of sending.

The signed text is the time in milliseconds, the method and the path from the root without its
query. Neither host nor body is signed. The key's type is read from the parsed key, because both
RSA and Ed25519 keys come as PKCS#8.
"""

from base64 import b64encode
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from framework.errors import ConfigError
from framework.model.units import Micros

_NAME: Final = "plugins.kalshi.private_key"
_WORD: Final = "plugins.kalshi.private_key_passphrase"


class Signer:
    """Signs requests with one key; it shows neither the key nor its name."""

    __slots__ = ("_sign", "key_id")

    def __init__(
        self,
        key_id: str,
        private_key: bytes,
        passphrase: bytes | None = None,
        *,
        founding: bool = False,
    ) -> None:
        """Parse the key.

        Args:
            key_id: The name of the key.
            private_key: The key in PEM.
            passphrase: Of an encrypted key.
            founding: Sign as the founding document says: RSA only, with the longest salt.

        Raises:
            ConfigError: the key is empty, damaged, of a kind Kalshi does not take, or encrypted
                with another passphrase than the one given.
        """
        if not key_id.strip():
            raise ConfigError("plugins.kalshi.key_id: is empty; copy the key id Kalshi showed")
        self.key_id = key_id.strip()
        if not (self.key_id.isascii() and self.key_id.isprintable()):
            raise ConfigError(
                "plugins.kalshi.key_id: holds what no header may carry; copy the key id Kalshi"
                " showed, and nothing else"
            )
        found = _parsed(private_key, passphrase, founding=founding)
        # Nothing that is raised from here on may hold the key: some loggers print variables.
        del private_key, passphrase
        if isinstance(found, str):
            raise ConfigError(found)
        self._sign = _signature(found, founding=founding)

    def headers(self, method: str, path: str, now_us: Micros) -> dict[str, str]:
        """Return the headers that authorize one request, now.

        Args:
            method: In capitals.
            path: From the root, such as `/trade-api/v2/portfolio/orders`, without a query.
            now_us: The present; the exchange takes it when it is off by less than 5 seconds.
        """
        stamp = str(now_us // 1_000)
        signature = self._sign(f"{stamp}{method}{path}".encode())
        return {
            "KALSHI-ACCESS-KEY": self.key_id,
            "KALSHI-ACCESS-SIGNATURE": b64encode(signature).decode(),
            "KALSHI-ACCESS-TIMESTAMP": stamp,
        }

    def __repr__(self) -> str:
        return "Signer(...)"


def _parsed(
    pem: bytes, passphrase: bytes | None, *, founding: bool
) -> Ed25519PrivateKey | RSAPrivateKey | str:
    """Return the key, or what is wrong with it: an exception of the library might show some."""
    try:
        key = load_pem_private_key(pem, passphrase)
    except TypeError:
        if passphrase is None:
            return f'{_NAME}: is encrypted; write private_key_passphrase = {{ env = "NAME" }} too'
        return f"{_WORD}: the private key is not encrypted; remove this setting"
    except (ValueError, UnsupportedAlgorithm):
        if b" PUBLIC KEY-----" in pem:
            return f"{_NAME}: is a public key; use the private one that was made with it"
        if passphrase is not None and b"ENCRYPTED" in pem:
            return f"{_WORD}: does not open the private key; check it, and that the file is whole"
        return f"{_NAME}: is no private key in PEM; use the file downloaded from Kalshi as it is"
    if not isinstance(key, Ed25519PrivateKey | RSAPrivateKey):
        return f"{_NAME}: is neither an RSA nor an Ed25519 key; create a new one at Kalshi"
    if founding and not isinstance(key, RSAPrivateKey):
        return f'{_NAME}: is no RSA key, which api = "cents" signs with'
    return key


def _signature(
    key: Ed25519PrivateKey | RSAPrivateKey, *, founding: bool
) -> Callable[[bytes], bytes]:
    if isinstance(key, Ed25519PrivateKey):
        return key.sign
    padding = PSS(
        mgf=MGF1(SHA256()), salt_length=PSS.MAX_LENGTH if founding else SHA256.digest_size
    )
    return lambda text: key.sign(text, padding, SHA256())
