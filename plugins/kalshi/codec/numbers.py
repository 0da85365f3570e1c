"""The exchange's fixed-point strings and times, turned into exact integers and back.

Requests carry prices with 4 and counts with 2 decimals; replies carry prices and money with up
to 6. What is finer than our units is an error, never rounded.
"""

import re
from datetime import UTC, datetime
from typing import Final

from framework.model.market import micros
from framework.model.units import E2, E4, E6, ONE_DOLLAR_E4, Micros, to_e2, to_e4, to_e6

MOST_COUNTS: Final = 65_536
_DECIMAL: Final = re.compile(r"-?\d{1,18}(\.\d{1,6})?", re.ASCII)


def _checked(text: str) -> str:
    # Decimal() would also take "1e5", "NaN" and "1_0": none of them is this wire's.
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"not a fixed-point number: {text!r}")
    return text


class _Prices(dict[str, E4]):
    """Every price string met so far: one look-up per price on the stream."""

    def __missing__(self, text: str) -> E4:
        price = to_e4(_checked(text))
        if not 0 <= price <= ONE_DOLLAR_E4:
            raise ValueError(f"not a price between 0 and 1 dollar: {text!r}")
        if len(text) <= 8:  # "0.123400": so the table is bounded
            self[text] = price
        return price


PRICES: Final = _Prices()
"""Price string -> 1/10,000 dollar; raises ValueError for what is no exact price."""


def quote_e4(text: str | None) -> E4 | None:
    """Return a quoted price, or None for an empty side.

    REST writes an empty side as `0.0000` or as its complement `1.0000`; which of the two varies
    with the market's status. So a quote counts only strictly between 0 and 1.

    Raises:
        ValueError: `text` is no exact price.
    """
    if not text:
        return None
    price = PRICES[text]
    return price if 0 < price < ONE_DOLLAR_E4 else None


class _Quotes(dict[str | None, E4 | None]):
    """Every quote met so far: one look-up per quote of a list."""

    def __missing__(self, text: str | None) -> E4 | None:
        quote = quote_e4(text)
        if text is None or len(text) <= 8:  # as of prices, so the table is bounded
            self[text] = quote
        return quote


QUOTES: Final = _Quotes()
"""Quote -> 1/10,000 dollar, None for an empty side; raises ValueError for no exact price."""


def count_e2(text: str) -> E2:
    """Return a signed number of contracts in 1/100 contract.

    Raises:
        ValueError: `text` is no exact count.
    """
    if text[-3:-2] == "." and text[-4:-3].isdecimal():  # replies always carry two decimals
        digits = text[:-3] + text[-2:]
        if digits.lstrip("-").isdecimal() and digits.isascii():
            return int(digits)
    return to_e2(_checked(text))


class _Counts(dict[str, E2]):
    """Short counts met so far, as many as are worth the memory: one look-up on the stream."""

    def __missing__(self, text: str) -> E2:
        count = count_e2(text)
        if len(self) < MOST_COUNTS and len(text) <= 8:  # up to "-9999.00"
            self[text] = count
        return count


COUNTS: Final = _Counts()
"""Count string -> 1/100 contract, signed; raises ValueError for what is no exact count."""


def money_e6(text: str) -> E6:
    """Return signed dollars in 1/1,000,000 dollar.

    Raises:
        ValueError: `text` is no exact amount.
    """
    return to_e6(_checked(text))


def price_text(price_e4: E4) -> str:
    """Write a price as requests carry it: four decimals."""
    return f"{price_e4 // ONE_DOLLAR_E4}.{price_e4 % ONE_DOLLAR_E4:04d}"


def count_text(count: E2) -> str:
    """Write a positive count as requests carry it: two decimals."""
    return f"{count // 100}.{count % 100:02d}"


def time_us(text: str | None) -> Micros | None:
    """Return an ISO-8601 time; None for none and for the year 1, the exchange's "never".

    Raises:
        ValueError: `text` is no time.
    """
    if not text:
        return None
    at = datetime.fromisoformat(text)
    if at.year == 1:
        return None
    return micros(at if at.tzinfo else at.replace(tzinfo=UTC))


def ms_us(ms: int | None) -> Micros | None:
    """Return a time given in milliseconds, or None."""
    return None if ms is None else ms * 1_000
