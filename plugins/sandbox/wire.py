"""How Kalshi's fixed-point dialect writes numbers, moments and errors.

Prices are strings of dollars with four decimals, counts strings of contracts with two, fees
strings with six; moments are ISO-8601 text or Unix numbers (Kalshi's conventions). This
module only writes and reads text: what the fields mean is told by the other `wire_*` modules.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from framework.model.units import E2, E4, E6, ONE_DOLLAR_E4, Micros, Ticker

_PRICES: Final = tuple(f"{e4 // 10_000}.{e4 % 10_000:04d}" for e4 in range(ONE_DOLLAR_E4 + 1))
_PRICE: Final = re.compile(r"(\d{1,2})\.(\d{2,4})", re.ASCII)
_COUNT: Final = re.compile(r"(\d{1,12})(?:\.(\d{1,2}))?", re.ASCII)

_encoder: Final = msgspec.json.Encoder(decimal_format="number")
encode: Final = _encoder.encode
"""JSON bytes of a struct; a Decimal becomes a number, as the exchange writes multipliers."""


def price_text(price_e4: E4) -> str:
    """Return a price as `"0.5600"`."""
    return _PRICES[price_e4]


def quote_text(price_e4: E4 | None, *, empty: E4 = 0) -> str:
    """Return a quote, or what the exchange writes for an empty side: `empty`, a 0 or a 1."""
    return _PRICES[empty if price_e4 is None else price_e4]


@lru_cache(maxsize=65_536)
def count_text(quantity_e2: E2) -> str:
    """Return a signed number of contracts as `"12.50"`."""
    sign = "-" if quantity_e2 < 0 else ""
    whole, part = divmod(abs(quantity_e2), 100)
    return f"{sign}{whole}.{part:02d}"


def money_text(money_e6: E6) -> str:
    """Return money as the exchange writes costs and fees: six decimals."""
    sign = "-" if money_e6 < 0 else ""
    whole, part = divmod(abs(money_e6), 1_000_000)
    return f"{sign}{whole}.{part:06d}"


def balance_text(money_e6: E6) -> str:
    """Return money truncated to the four decimals a balance shows."""
    sign = "-" if money_e6 < 0 else ""
    whole, part = divmod(abs(money_e6) // 100, 10_000)
    return f"{sign}{whole}.{part:04d}"


def cents(money_e6: E6) -> int:
    """Return money in whole cents, truncated towards zero like the exchange's `balance`."""
    whole = abs(money_e6) // 10_000
    return -whole if money_e6 < 0 else whole


def per_contract_text(money_e6: E6, quantity_e2: E2) -> str:
    """Return money per contract with four decimals, or six when it needs them."""
    average_e6 = money_e6 * 100 // quantity_e2
    return balance_text(average_e6) if average_e6 % 100 == 0 else money_text(average_e6)


def iso(at_us: Micros) -> str:
    """Return ISO-8601 text in UTC without trailing zeros, as Go writes it."""
    seconds, part = divmod(at_us, 1_000_000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{part:06d}".rstrip("0") if part else ""
    return f"{text}{fraction}Z"


def milliseconds(at_us: Micros) -> int:
    """Return Unix milliseconds."""
    return at_us // 1_000


def unix_seconds(at_us: Micros) -> int:
    """Return Unix seconds."""
    return at_us // 1_000_000


def stable_id(kind: str, name: str) -> str:
    """Return a UUID that a thing of this name has in every session."""
    return str(uuid5(NAMESPACE_URL, f"sandbox:{kind}:{name}"))


@lru_cache(maxsize=65_536)
def market_id(ticker: Ticker) -> str:
    """Return the stable UUID that the stream sends beside a ticker."""
    return stable_id("market", ticker)


USER_ID: Final = str(uuid5(NAMESPACE_URL, "sandbox:user"))
"""The one account's user id."""


def read_price(text: str) -> E4 | None:
    """Return a price of a request (dollars, 2 to 4 decimals), or None when it is not one."""
    found = _PRICE.fullmatch(text)
    if found is None:
        return None
    price_e4 = int(found[1]) * 10_000 + int(found[2].ljust(4, "0"))
    return price_e4 if price_e4 <= ONE_DOLLAR_E4 else None


def read_count(text: str) -> E2 | None:
    """Return a count of a request (contracts, 0 to 2 decimals), or None when it is not one."""
    found = _COUNT.fullmatch(text)
    return None if found is None else int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


class Problem(Exception):  # noqa: N818 - it is an answer, and the server goes on
    """A request that is answered with an error body.

    The exchange uses four shapes (seen on the wire); each has its constructor below.
    """

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class Fault(msgspec.Struct, omit_defaults=True):
    """An error object: a code, its words, and sometimes more."""

    code: str
    message: str
    details: str | None = None


def refused(
    status: int, code: str, message: str | None = None, details: str | None = None
) -> Problem:
    """Return an error nested under `error`: what the exchange and its gate answer."""
    text = code.replace("_", " ") if message is None else message
    return Problem(status, encode({"error": Fault(code, text, details)}))


def undecodable(details: str) -> Problem:
    """Return the flat shape for a body that is not the JSON asked for."""
    return Problem(400, encode(Fault("bad_request", "bad request", details)))


def bad_parameter(message: str) -> Problem:
    """Return the shape for a query parameter that cannot be bound."""
    return Problem(400, encode({"msg": message}))


def throttled() -> Problem:
    """Return the rate limit's answer: a plain string, and no hint when to come back."""
    return Problem(429, encode({"error": "too many requests"}))


def plain_number(number: Decimal) -> Decimal:
    """Return a number without trailing zeros, so that 1.0 is written `1`."""
    return (
        number.to_integral_value() if number == number.to_integral_value() else number.normalize()
    )
