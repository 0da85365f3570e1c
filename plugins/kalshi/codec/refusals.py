"""What an HTTP answer to a write proves.

A refusal is only believed where the exchange says that nothing was done. Time-outs, 408, 5xx, a
lost connection and an answer that can't be read prove nothing: the outcome is unknown.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from framework.exchange import Rejected, Unknown

SUCCESS: Final = frozenset({200, 201, 204})
"""Statuses with which the exchange took a write; which of them varies by endpoint and time."""
_HINTS: Final = {
    "NOT_FOUND": "the exchange does not know this key: keys of demo and production are different "
    "ones, so check that key_id belongs to {mode} mode",
    "INCORRECT_API_KEY_SIGNATURE": "private_key does not belong to key_id: use the file that was "
    "made together with this key id",
    "INVALID_PARAMETER": "key_id is no key id: copy it as Kalshi shows it",
    "header_timestamp_expired": "set this machine's clock",
}
"""What a word in a refused key's answer means for whoever set it up."""
DEFINITE: Final = frozenset({400, 401, 403, 404, 409, 410, 429})
"""Statuses with which the exchange proves that it did nothing (order-errors page)."""
EXISTS: Final = "order_already_exists"
"""A 409 that proves the contrary: some request with this client id did arrive."""
PROVEN: Final = frozenset(
    {
        "authentication_error",
        "available_balance_too_low",
        "bad_request",
        "deprecated_v1_order_endpoint",
        "exchange_is_paused",
        "forbidden",
        "insufficient_balance",
        "invalid_order",
        "invalid_order_size",
        "invalid_parameters",
        "invalid_price",
        "market_inactive",
        "not_found",
        "order_group_triggered",
        "order_id_and_client_order_id_mismatch",
        "order_side_mismatch",
        "order_ticker_mismatch",
        "too_many_requests",
        "trading_is_paused",
    }
)
"""Codes that say by themselves that nothing was done: an item of a batch has no status."""
_BEFORE_READING: Final = frozenset({401, 403, 410, 429})
"""Statuses given before a request's body is looked at: true of every order of a batch."""
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
    return _refusal_in(decoded(body), code)


def decoded(body: bytes) -> dict[str, Any]:
    """Return a reply's object; an empty one for everything else."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _refusal_in(found: Mapping[str, Any], code: str) -> Refusal:
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


def outcome(status: int, body: bytes) -> Rejected | Unknown:
    """Return what an answer without success proves about a write."""
    why = refusal(status, body)
    if status not in DEFINITE:
        return Unknown(reason=f"status {status}: {why}")
    if status == 409 and why.code == EXISTS:
        # We send each id once, so somebody on the way repeated it: the first one may be live.
        return Unknown(reason=str(why))
    return Rejected(code=why.code, message=why.message)


def item_outcome(item: Mapping[str, Any]) -> Rejected | Unknown:
    """Return what one order's part of a batch's answer proves when it tells an error.

    It has no status of its own, so only a code that says that nothing was done is a refusal.
    """
    why = _refusal_in(item, "")
    if why.code.lower() in PROVEN:
        return Rejected(code=why.code, message=why.message)
    return Unknown(reason=f"the batch's answer says {why.code or why.message or 'nothing'} of it")


def no_proof(reply: Mapping[str, Any], what: str) -> Unknown:
    """Return what a success proves that does not name what was done, or tells an error too.

    Nothing, whatever the error is: an answer that contradicts itself is not believed.
    """
    why = _refusal_in(reply, "")
    said = why.code or why.message
    return Unknown(reason=f"the reply to the {what} holds " + (said or "no id"))


def not_done(body: bytes, what: str) -> Unknown | None:
    """Return why a success that need not say anything can't be believed; None when it can."""
    reply = decoded(body)
    is_plain = bool(reply) or body.strip() in {b"", b"{}"}
    if not is_plain or reply.get("error") or reply.get("code"):
        return no_proof(reply, what)
    return None


def batch_outcome(status: int, body: bytes) -> Rejected | Unknown:
    """Return what an answer without success proves about each order of a batch.

    A batch is not atomic: a complaint about one of its orders says nothing of the others. Only
    what is refused before the orders are looked at is refused for all.
    """
    whole = outcome(status, body)
    malformed = status == 400 and refusal(status, body).code in {
        "bad_request",
        "invalid_parameters",
    }
    if isinstance(whole, Rejected) and status not in _BEFORE_READING and not malformed:
        return Unknown(reason=f"status {status}: {refusal(status, body)}")
    return whole


def key_hint(told: str, mode: str) -> str:
    """Return what to do about a refused key, after a semicolon; nothing when no word tells."""
    hints = (f"; {hint.format(mode=mode)}" for word, hint in _HINTS.items() if word in told)
    return next(hints, "")
