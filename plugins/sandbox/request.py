"""Requests and replies without their framing: what routes are written against."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from plugins.sandbox.wire import bad_parameter, encode, undecodable

_Body = TypeVar("_Body")
_Row = TypeVar("_Row")

_MAX_FIELDS: Final = 1_000
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class Reply(msgspec.Struct, frozen=True):
    """A status and a JSON body."""

    status: int
    body: bytes
    location: str = ""
    """Where a redirect leads."""


def reply(content: object, status: int = 200) -> Reply:
    """Return a reply whose body is `content` as JSON."""
    return Reply(status, encode(content))


class Query:
    """The parameters of a query string; unknown ones are ignored, as the exchange does."""

    def __init__(self, text: str = "") -> None:
        try:
            self._values = parse_qs(text, keep_blank_values=False, max_num_fields=_MAX_FIELDS)
        except ValueError:
            raise bad_parameter("Invalid query string") from None

    def text(self, name: str) -> str | None:
        """Return a parameter, or None when it is absent or empty."""
        values = self._values.get(name)
        return values[0] if values else None

    def number(self, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        """Return a whole number.

        Raises:
            Problem: it is none, or outside its bounds; the exchange does not clamp.
        """
        text = self.text(name)
        if text is None:
            return default
        number = _whole(text)
        if number is None:
            raise bad_parameter(
                f"Invalid format for parameter {name}: error binding string parameter"
            )
        if number < least or (most is not None and number > most):
            raise bad_parameter(f"Invalid value for parameter {name}: out of range")
        return number

    def flag(self, name: str) -> bool:
        """Return a boolean, False when absent.

        Raises:
            Problem: it is neither true nor false.
        """
        text = self.text(name)
        if text is None or text in _FALSE:
            return False
        if text in _TRUE:
            return True
        raise bad_parameter(f"Invalid format for parameter {name}: error binding string parameter")

    def listed(self, name: str) -> frozenset[str] | None:
        """Return the entries of a comma-separated list, or None when it is absent."""
        values = self._values.get(name)
        if not values:
            return None
        return frozenset(part.strip() for value in values for part in value.split(","))

    def several(self, name: str) -> list[str]:
        """Return the entries of a list in their order, each once; empty when it is absent."""
        values = self._values.get(name, ())
        return list(dict.fromkeys(part.strip() for value in values for part in value.split(",")))

    def seconds(self, name: str) -> int | None:
        """Return a moment in microseconds, given as Unix seconds, or None when absent."""
        if self.text(name) is None:
            return None
        return self.number(name, 0) * 1_000_000


def _whole(text: str) -> int | None:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        return None
    return int(text)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request; header names are lower case."""

    method: str
    path: str
    """From the root, as the client wrote it: the text that was signed."""
    query: Query
    headers: Mapping[str, str]
    body: bytes = b""

    def decode(self, shape: type[_Body]) -> _Body:
        """Return the JSON body as `shape`.

        Raises:
            Problem: it is not JSON, or a field has the wrong type; prices are strings.
        """
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise undecodable(str(error)) from None


def request_of(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Request:
    """Return a request for a target such as `/trade-api/v2/markets?limit=5`.

    Raises:
        Problem: the target or its query cannot be read.
    """
    try:
        parts = urlsplit(target)
    except ValueError:
        raise bad_parameter("Invalid request target") from None
    return Request(
        method=method, path=parts.path, query=Query(parts.query), headers=headers, body=body
    )


def segments(path: str) -> tuple[str, ...]:
    """Return the decoded parts of a path."""
    return tuple(unquote(part) for part in path.split("/") if part)


class Page(msgspec.Struct, frozen=True):
    """Which rows of a growing list a read asks for.

    A cursor is the place of the next row in the unfiltered list, counted from its oldest end,
    so that neither new rows nor rows that stop matching shift it.
    """

    limit: int
    at: int | None = None

    def oldest_first(
        self, rows: Sequence[_Row], keep: Callable[[_Row], bool]
    ) -> tuple[list[_Row], str]:
        """Return the rows of this page that pass `keep`, and the cursor of the next page."""
        start = self.at if self.at is not None and self.at < len(rows) else 0
        return self._take(rows, range(start, len(rows)), keep)

    def newest_first(
        self, rows: Sequence[_Row], keep: Callable[[_Row], bool]
    ) -> tuple[list[_Row], str]:
        """Return this page of the list served from its newest end, and the next cursor."""
        start = self.at if self.at is not None and self.at < len(rows) else len(rows) - 1
        return self._take(rows, range(start, -1, -1), keep)

    def _take(
        self, rows: Sequence[_Row], places: range, keep: Callable[[_Row], bool]
    ) -> tuple[list[_Row], str]:
        found: list[_Row] = []
        for place in places:
            if not keep(rows[place]):
                continue
            if len(found) == self.limit:
                return found, urlsafe_b64encode(b"at:%d" % place).decode().rstrip("=")
            found.append(rows[place])
        return found, ""


def page_of(query: Query, *, default: int = 100, most: int = 1_000) -> Page:
    """Return the page that `limit` and `cursor` ask for; a garbage cursor is page one.

    Raises:
        Problem: the limit is above the maximum; the exchange does not clamp it.
    """
    limit = query.number("limit", default, least=1, most=most)
    return Page(limit, _place(query.text("cursor") or ""))


def _place(cursor: str) -> int | None:
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (NotBase64, ValueError):
        return None
    kind, _, place = raw.partition(b":")
    return int(place) if kind == b"at" and place.isdigit() and len(place) < 18 else None
