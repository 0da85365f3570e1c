"""What a JSON schema of OpenAPI or AsyncAPI says of one object, references followed."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import msgspec

Node: TypeAlias = Mapping[str, Any]
_DEEPEST: Final = 32
"""Followed references; a longer chain goes in a circle."""
_CHOICES: Final = ("oneOf", "anyOf")


class Property(msgspec.Struct, frozen=True):
    """One field of an object."""

    node: Node
    types: frozenset[str]
    """JSON types it may have; none when the document does not say."""
    values: frozenset[str] | None
    """The values of an enumeration; None when it is open."""
    deprecated: bool


class Schemas:
    """The schemas of one document."""

    def __init__(self, root: Node) -> None:
        self._root = root

    def parts(self, node: object) -> Iterator[Node]:
        """Yield the nodes that together describe one value: references, `allOf` and choices.

        Raises:
            ValueError: a reference leads out of the document, nowhere, or in a circle.
        """
        yield from self._parts(node, 0)

    def properties(self, node: object) -> dict[str, Property]:
        """Return the fields of an object, of all the forms it may take."""
        found: dict[str, list[object]] = {}
        for part in self.parts(node):
            for name, value in _mapping(part.get("properties")).items():
                found.setdefault(str(name), []).append(value)
        return {name: self._property(nodes) for name, nodes in found.items()}

    def required(self, node: object) -> frozenset[str]:
        """Return the fields that an object has in every form it may take."""
        names: set[str] = set()
        choices: list[frozenset[str]] = []
        for part in self._direct(node, 0):
            names.update(map(str, part.get("required") or ()))
            for key in _CHOICES:
                forms = [one for one in part.get(key) or () if not _is_null(one)]
                if forms:
                    choices.append(frozenset.intersection(*map(self.required, forms)))
        return frozenset(names).union(*choices)

    def items(self, node: object) -> object:
        """Return what a list holds; None when it is no list."""
        return next((part["items"] for part in self.parts(node) if "items" in part), None)

    def values(self, node: object) -> frozenset[str] | None:
        """Return the values of an enumeration or a constant; None when it is open."""
        found: set[str] = set()
        for part in self.parts(node):
            listed = [part["const"]] if "const" in part else part.get("enum") or ()
            found.update(str(value) for value in listed if value is not None)
        return frozenset(found) or None

    def follow(self, node: object, depth: int = 0) -> Node:
        """Return a node itself, its references followed.

        Raises:
            ValueError: as for `parts`.
        """
        here = _mapping(node)
        reference = here.get("$ref")
        if reference is None:
            return here
        if depth > _DEEPEST:
            raise ValueError(f"{reference} goes in a circle")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise ValueError(f"{reference} leads out of the document")
        found: object = self._root
        for step in reference[2:].split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            found = _mapping(found).get(name)
        if found is None:
            raise ValueError(f"{reference} leads nowhere")
        target = self.follow(found, depth + 1)
        beside = {key: value for key, value in here.items() if key != "$ref"}
        return {**target, **beside} if beside else target

    def _direct(self, node: object, depth: int) -> Iterator[Node]:
        """Yield a node and what it is made of by `allOf`."""
        if depth > _DEEPEST:
            raise ValueError("a schema is nested in itself")
        here = self.follow(node)
        yield here
        for part in here.get("allOf") or ():
            yield from self._direct(part, depth + 1)

    def _parts(self, node: object, depth: int) -> Iterator[Node]:
        for here in self._direct(node, depth):
            yield here
            for key in _CHOICES:
                for part in here.get(key) or ():
                    yield from self._parts(part, depth + 1)

    def _property(self, nodes: list[object]) -> Property:
        types: set[str] = set()
        values: set[str] = set()
        is_open = False
        for node in nodes:
            for part in self.parts(node):
                types |= _types(part)
            listed = self.values(node)
            is_open = is_open or listed is None
            values |= listed or frozenset()
        return Property(
            node=self.follow(nodes[0]) if len(nodes) == 1 else {"anyOf": nodes},
            types=frozenset(types),
            values=None if is_open else frozenset(values),
            deprecated=all(self.follow(node).get("deprecated") is True for node in nodes),
        )


def _types(part: Node) -> set[str]:
    said = part.get("type")
    types = {said} if isinstance(said, str) else set(map(str, said or ()))
    if part.get("nullable") is True:
        types.add("null")
    return types


def _is_null(node: object) -> bool:
    return _mapping(node).get("type") == "null"


def _mapping(node: object) -> Node:
    return node if isinstance(node, Mapping) else {}
