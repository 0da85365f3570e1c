"""What an HTTP answer to a write proves.

A refusal is only believed where the exchange says that nothing was done. Time-outs, 408, 5xx, a
lost connection and an answer that can't be read prove nothing: the outcome is unknown.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from framework.exchange import Outcome, Rejected, Unknown

DEFINITE: Final = frozenset({400, 401, 403, 404, 409, 410, 429})
"""Statuses with which the exchange proves that it did nothing (order-errors page)."""
EXISTS: Final = "order_already_exists"
"""A 409 that proves the contrary: some request with this client id did arrive."""
_BY_STATUS: Final = {
    400: "bad_request",
    401: "authentication_error",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    410: "gone",
    429: "too_many_requests",
}


class Refusal(msgspec.Struct, frozen=True):
    """An error body, whichever of the four shapes it came in."""

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.message else self.code


def refusal(status: int, body: bytes) -> Refusal:
    """Read an error body; without a readable one the status names the code.

    The shapes: `{"error": {code, message, details}}`, `{code, message, details}`,
    `{"msg": ...}` and `{"error": "text"}`.
    """
    code = _BY_STATUS.get(status, f"http_{status}")
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Refusal(code, "")
    if not isinstance(found, dict):
        return Refusal(code, "")
    inner = found.get("error", found)
    if isinstance(inner, str):
        return Refusal(code, inner)
    if not isinstance(inner, dict):
        return Refusal(code, "")
    message = _text(inner, "message") or _text(inner, "msg")
    details = _text(inner, "details")
    told = f"{message} ({details})" if message and details else message or details
    return Refusal(_text(inner, "code") or code, told)


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if value is None or value == "":
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def outcome(status: int, body: bytes) -> Outcome:
    """Return what an answer without success proves about a write."""
    why = refusal(status, body)
    if status not in DEFINITE:
        return Unknown(reason=f"status {status}: {why}")
    if status == 409 and why.code == EXISTS:
        # We send each id once, so somebody on the way repeated it: the first one may be live.
        return Unknown(reason=str(why))
    return Rejected(code=why.code, message=why.message)
