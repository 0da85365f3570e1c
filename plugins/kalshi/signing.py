"""Proof of who asks: three headers, signed at the moment of sending.

The signed text is the time in milliseconds, the method and the path from the root without its
query. Neither host nor body is signed. The key's type is read from the parsed key, because both
RSA and Ed25519 keys come as PKCS#8.
"""

from base64 import b64encode
from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from framework.errors import ConfigError
from framework.model.units import Micros


class Signer:
    """Signs requests with one key; it shows neither the key nor its name."""

    __slots__ = ("_sign", "key_id")

    def __init__(self, key_id: str, private_key: bytes, *, founding: bool = False) -> None:
        """Parse the key.

        Args:
            key_id: The name of the key.
            private_key: The key in PEM.
            founding: Sign as the founding document says: RSA only, with the longest salt.

        Raises:
            ConfigError: the key is empty, encrypted, damaged, or of a kind Kalshi does not take.
        """
        if not key_id.strip():
            raise ConfigError("plugins.kalshi.key_id: is empty; copy the key id Kalshi showed")
        self.key_id = key_id.strip()
        self._sign = _signature(private_key, founding=founding)

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


def _signature(pem: bytes, *, founding: bool) -> Callable[[bytes], bytes]:
    name = "plugins.kalshi.private_key"
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise ConfigError(
            f"{name}: is encrypted; store it without a password, readable by you only"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(
            f"{name}: is no private key in PEM; use the file downloaded from Kalshi as it is"
        ) from None
    if isinstance(key, Ed25519PrivateKey) and not founding:
        return key.sign
    if isinstance(key, RSAPrivateKey):
        salt = PSS.MAX_LENGTH if founding else SHA256.digest_size
        padding = PSS(mgf=MGF1(SHA256()), salt_length=salt)
        return lambda text: key.sign(text, padding, SHA256())
    if founding:
        raise ConfigError(f'{name}: is no RSA key, which api = "cents" signs with')
    raise ConfigError(f"{name}: is neither an RSA nor an Ed25519 key; create a new one at Kalshi")
