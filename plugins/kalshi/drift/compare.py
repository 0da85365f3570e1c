"""What differs between what we rely on and what a document says.

A field that went is a problem when we need it and a warning when we only use it; a new field or
value is a note: decoding passes over it, and it announces a change.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

import msgspec
from msgspec import inspect

from framework.checks import Finding, Level
from plugins.kalshi.drift.contract import Contract, Sent
from plugins.kalshi.drift.document import Document, Operation
from plugins.kalshi.drift.replies import Object
from plugins.kalshi.drift.schema import Node, Schemas

_PARAMETER: Final = re.compile(r"\{[^}]*\}")
_UPDATE: Final = "update the framework, or report this at its issue tracker"
_TYPES: Final[dict[type[inspect.Type], frozenset[str]]] = {
    inspect.StrType: frozenset({"string"}),
    inspect.EnumType: frozenset({"string"}),
    inspect.IntType: frozenset({"integer"}),
    inspect.FloatType: frozenset({"number", "integer"}),
    inspect.DecimalType: frozenset({"number", "integer", "string"}),
    inspect.BoolType: frozenset({"boolean"}),
    inspect.ListType: frozenset({"array"}),
    inspect.VarTupleType: frozenset({"array"}),
    inspect.TupleType: frozenset({"array"}),
    inspect.StructType: frozenset({"object"}),
    inspect.DictType: frozenset({"object"}),
    inspect.NoneType: frozenset({"null"}),
}
"""JSON types that each of our types reads; one that is not listed reads anything."""
Structs: TypeAlias = inspect.StructType


def compared(document: Document, contract: Contract) -> Iterator[Finding]:
    """Yield every difference between a document and what we rely on; one OK without any."""
    found = False
    for finding in _differences(document, contract):
        found = True
        yield finding
    if not found:
        yield Finding(level=Level.OK, what="all that is read and written is still described")


def _differences(document: Document, contract: Contract) -> Iterator[Finding]:
    if document.operations:
        operations = {_shape(name): one for name, one in document.operations.items()}
        asked: dict[str, list[Object]] = {}
        for one in contract.replies:
            asked.setdefault(one.where, []).append(one)
        for where, read in asked.items():
            yield from _reply(where, read, operations.get(_shape(where)), document.schemas)
        for sent in contract.requests:
            yield from _request(sent, operations.get(_shape(sent.where)), document.schemas)
    else:
        for heard in contract.messages:
            yield from _message(heard, document)
        for said in contract.commands:
            yield from _command(said, document)


def _shape(operation: str) -> str:
    """Return an operation without the names of the parameters in its path."""
    return _PARAMETER.sub("{}", operation)


# --------------------------------------------------------------------------------- operations


def _reply(
    where: str, read: Sequence[Object], operation: Operation | None, schemas: Schemas
) -> Iterator[Finding]:
    if operation is None:
        yield _problem(f"{where}: is gone")
        return
    if operation.deprecated:
        yield _warning(f"{where}: is deprecated")
    yield from _query(where, frozenset().union(*(one.query for one in read)), operation)
    for one in read:
        yield from _placed(one, operation.reply, schemas)


def _placed(asked: Object, body: object, schemas: Schemas) -> Iterator[Finding]:
    """Compare an object with what stands in its place of a reply."""
    where = asked.where
    for step in filter(None, asked.place.split(".")):
        found = schemas.properties(body).get(step.rstrip("[]"))
        where = f"{where} {step}"
        if found is None:
            yield _problem(f"{where}: is gone from the reply")
            return
        body = found.node
        for _ in range(step.count("[]")):
            body = schemas.items(body)
    yield from _object(where, _struct(asked.record), body, asked, schemas)


def _query(where: str, ours: frozenset[str], operation: Operation) -> Iterator[Finding]:
    for name in sorted(ours - operation.parameters.keys()):
        yield _warning(f"{where}: the parameter {name} that we send is gone")
    for name in sorted(operation.needed - ours):
        yield _problem(f"{where}: the parameter {name} must be sent now, and we don't")


def _request(sent: Sent, operation: Operation | None, schemas: Schemas) -> Iterator[Finding]:
    if operation is None:
        yield _problem(f"{sent.where}: is gone")
        return
    if operation.deprecated:
        yield _warning(f"{sent.where}: is deprecated")
    yield from _query(sent.where, sent.query, operation)
    yield from _body(sent, operation.request, schemas)


def _body(sent: Sent, body: object, schemas: Schemas) -> Iterator[Finding]:
    """Compare what we write with what may and must be written."""
    properties = schemas.properties(body)
    for name, values in sorted(sent.body.items()):
        known = properties.get(name)
        if known is None:
            yield _problem(f"{sent.where}: the field {name} that we write is gone")
            continue
        if known.deprecated:
            yield _warning(f"{sent.where}: the field {name} that we write is deprecated")
        allowed = schemas.values(schemas.items(known.node)) or known.values
        if values is not None and allowed is not None:
            for value in sorted(values - allowed):
                yield _problem(f"{sent.where}: {name} may no longer be {value}")
    for name in sorted(schemas.required(body) - sent.body.keys()):
        yield _problem(f"{sent.where}: the field {name} must be written now, and we don't")


# ------------------------------------------------------------------------------------- stream


def _message(heard: Object, document: Document) -> Iterator[Finding]:
    payload = document.messages.get(heard.where)
    if payload is None:
        yield _problem(f"message {heard.where}: is gone")
        return
    ours = _struct(heard.record)
    for field in ours.fields:
        if field.encode_name != "msg":
            continue
        body = document.schemas.properties(payload).get("msg")
        if body is None:
            yield _problem(f"message {heard.where}: has no body any more")
        elif isinstance(field.type, inspect.StructType):
            where = f"message {heard.where}"
            yield from _object(where, field.type, body.node, heard, document.schemas)


def _command(said: Sent, document: Document) -> Iterator[Finding]:
    payload = document.commands.get(said.where)
    if payload is None:
        yield _problem(f"command {said.where}: is gone")
        return
    params = document.schemas.properties(payload).get("params")
    renamed = Sent(where=f"command {said.where}", body=said.body)
    yield from _body(renamed, params.node if params else None, document.schemas)


# ------------------------------------------------------------------------------------ objects


def _object(
    where: str, ours: Structs, node: object, asked: Object, schemas: Schemas
) -> Iterator[Finding]:
    """Compare one of our structs, and those within it, with a schema."""
    properties = schemas.properties(node)
    required = schemas.required(node)
    for field in ours.fields:
        name = field.encode_name
        known = properties.get(name)
        if known is None:
            gone = _problem if field.required else _warning
            yield gone(f"{where}: the field {name} that we read is gone")
            continue
        if known.deprecated:
            yield _warning(f"{where}: the field {name} that we read is deprecated")
        if field.required and name not in required:
            yield _warning(f"{where}: the field {name} that we need may be absent")
        yield from _types(f"{where}: the field {name}", field.type, known.types)
        yield from _new_values(f"{where}: {name}", asked.values.get(name), known.values)
        yield from _within(f"{where} {name}", field.type, known.node, schemas)
    if asked.known:
        for name in sorted(properties.keys() - asked.known - _names(ours)):
            yield _note(f"{where}: the field {name} is new")


def _within(where: str, ours: inspect.Type, node: Node, schemas: Schemas) -> Iterator[Finding]:
    """Compare the structs that a field holds."""
    for part in _choices(ours):
        nested: inspect.Type = part
        inner: object = node
        if isinstance(part, inspect.ListType | inspect.VarTupleType):
            nested, inner = part.item_type, schemas.items(node)
        if isinstance(nested, inspect.StructType):
            here = Object(where=where, record=nested.cls)
            yield from _object(where, nested, inner, here, schemas)


def _types(where: str, ours: inspect.Type, theirs: frozenset[str]) -> Iterator[Finding]:
    readable: set[str] = set()
    for part in _choices(ours):
        if type(part) not in _TYPES:
            return
        readable |= _TYPES[type(part)]
    unreadable = theirs - readable
    if theirs and not theirs & readable:
        yield _problem(f"{where} is {_listed(theirs)} now; we read {_listed(readable)}")
    elif unreadable:
        yield _warning(f"{where} may be {_listed(unreadable)}; we read {_listed(readable)}")


def _new_values(
    where: str, ours: frozenset[str] | None, theirs: frozenset[str] | None
) -> Iterator[Finding]:
    if ours is not None and theirs is not None:
        for value in sorted(theirs - ours):
            yield _note(f"{where} may be {value}, which is new")


def _choices(ours: inspect.Type) -> Iterable[inspect.Type]:
    return ours.types if isinstance(ours, inspect.UnionType) else (ours,)


def _names(ours: Structs) -> set[str]:
    return {field.encode_name for field in ours.fields}


def _struct(record: type[msgspec.Struct]) -> Structs:
    found = inspect.type_info(record)
    if not isinstance(found, inspect.StructType):
        raise TypeError(f"{record} is no struct")
    return found


def _listed(types: Iterable[str]) -> str:
    return " or ".join(sorted(types))


def _problem(what: str) -> Finding:
    return Finding(level=Level.PROBLEM, what=what, cure=_UPDATE)


def _warning(what: str) -> Finding:
    return Finding(level=Level.WARNING, what=what, cure=_UPDATE)


def _note(what: str) -> Finding:
    return Finding(level=Level.NOTE, what=what)
