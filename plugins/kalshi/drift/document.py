"""An OpenAPI or AsyncAPI document: its operations, its messages, its commands."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from framework.errors import ConfigError
from plugins.kalshi.drift.schema import Node, Property, Schemas

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_LARGEST_BYTES: Final = 64 * 1024 * 1024


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one path; bodies are schemas, None where there is none."""

    parameters: Mapping[str, Property]
    """Of the query."""
    needed: frozenset[str]
    """Parameters that must be sent."""
    request: Node | None
    reply: Node | None
    """Of the first answer that is a success and has a body."""
    deprecated: bool


class Document:
    """One file, read.

    Attributes:
        schemas: Its schemas, for following references.
        operations: Its REST operations, such as `GET /markets`; empty in an AsyncAPI document.
        messages: What its stream sends, by `type`; empty in an OpenAPI document.
        commands: What its stream takes, by `cmd`.
    """

    def __init__(self, root: Node, kind: str) -> None:
        info = root.get("info") or {}
        self._title = f"{info.get('title') or kind} {info.get('version') or ''}".rstrip()
        self.schemas = Schemas(root)
        self.operations = dict(self._operations(root)) if kind == "openapi" else {}
        self.messages: dict[str, Node] = {}
        self.commands: dict[str, Node] = {}
        if kind == "asyncapi":
            payloads = list(self._payloads(root))
            self.messages = self._by("type", payloads)
            self.commands = self._by("cmd", payloads)

    def __str__(self) -> str:
        return self._title

    def _operations(self, root: Node) -> Iterator[tuple[str, Operation]]:
        for path, shared in (root.get("paths") or {}).items():
            for method in _METHODS:
                node = shared.get(method)
                if node is not None:
                    name = f"{method.upper()} {path.removeprefix('/trade-api/v2')}"
                    yield name, self._operation(node, shared.get("parameters") or ())

    def _operation(self, node: Node, shared: Any) -> Operation:
        given = [self.schemas.follow(one) for one in (*shared, *(node.get("parameters") or ()))]
        asked = [one for one in given if one.get("in") == "query"]
        whole = {"properties": {one["name"]: one.get("schema") or {} for one in asked}}
        return Operation(
            parameters=self.schemas.properties(whole),
            needed=frozenset(str(one["name"]) for one in asked if one.get("required") is True),
            request=self._body(node.get("requestBody")),
            reply=self._reply(node),
            deprecated=node.get("deprecated") is True,
        )

    def _reply(self, node: Node) -> Node | None:
        answers = {str(status): answer for status, answer in (node.get("responses") or {}).items()}
        bodies = (self._body(answers[one]) for one in sorted(answers) if one.startswith("2"))
        return next((body for body in bodies if body is not None), None)

    def _body(self, node: object) -> Node | None:
        if node is None:
            return None
        for kind, content in (self.schemas.follow(node).get("content") or {}).items():
            if "json" in kind and "schema" in content:
                return self.schemas.follow(content["schema"])
        return None

    def _payloads(self, root: Node) -> Iterator[Node]:
        """Yield every payload: of the components, and of messages written into a channel."""
        found = [*((root.get("components") or {}).get("messages") or {}).values()]
        for channel in (root.get("channels") or {}).values():
            found += (self.schemas.follow(channel).get("messages") or {}).values()
        seen: list[Node] = []
        for message in found:
            payload = self.schemas.follow(message).get("payload")
            if payload is not None and payload not in seen:
                seen.append(payload)
                yield payload

    def _by(self, key: str, payloads: list[Node]) -> dict[str, Node]:
        """Return payloads by the constant that names them; several of one name are its forms."""
        found: dict[str, list[Node]] = {}
        for payload in payloads:
            named = self.schemas.properties(payload).get(key)
            for value in (named.values or ()) if named is not None else ():
                found.setdefault(value, []).append(payload)
        return {
            name: forms[0] if len(forms) == 1 else {"anyOf": forms} for name, forms in found.items()
        }


def read_document(path: Path) -> Document:
    """Read a description of the exchange's wire, in JSON or YAML.

    Raises:
        ConfigError: the file can't be read, is neither JSON nor YAML, or describes something else.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ConfigError(f"{path}: is larger than 64 MiB: that is no description of an API")
        raw = path.read_bytes()
    except OSError as fault:
        raise ConfigError(f"{path}: can't be read: {fault.strerror}") from None
    root = _decoded(path, raw)
    if isinstance(root, dict):
        for kind in ("openapi", "asyncapi"):
            if kind in root:
                return _document(path, root, kind)
    raise ConfigError(
        f"{path}: is neither an OpenAPI 3 nor an AsyncAPI document: "
        "it has no key openapi or asyncapi at its top"
    )


def _document(path: Path, root: Node, kind: str) -> Document:
    try:
        return Document(root, kind)
    except (ValueError, AttributeError, TypeError, KeyError) as fault:
        raise ConfigError(f"{path}: does not hang together: {fault}") from None


def _decoded(path: Path, raw: bytes) -> object:
    try:
        if raw.lstrip().startswith(b"{"):
            return msgspec.json.decode(raw)
        return msgspec.yaml.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{path}: is neither JSON nor YAML: {fault}") from None
