"""Descriptions of the wire for the drift guard: whole ones, to be changed in one place each."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from plugins.kalshi.drift.contract import contract

TYPES = {
    inspect.StrType: "string",
    inspect.EnumType: "string",
    inspect.IntType: "integer",
    inspect.DecimalType: "string",  # so the wire writes prices and sizes
    inspect.BoolType: "boolean",
    inspect.TupleType: "array",
}


def schema_of(kind: inspect.Type) -> dict[str, Any]:
    """Return the JSON schema of what one of our types reads."""
    if isinstance(kind, inspect.UnionType):
        return schema_of(next(one for one in kind.types if not isinstance(one, inspect.NoneType)))
    if isinstance(kind, inspect.StructType):
        return {
            "type": "object",
            "properties": {one.encode_name: schema_of(one.type) for one in kind.fields},
            "required": [one.encode_name for one in kind.fields if one.required],
        }
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return {"type": "array", "items": schema_of(kind.item_type)}
    return {"type": TYPES[type(kind)]} if type(kind) in TYPES else {}


def placed(place: str, node: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a reply in which `node` stands at a place such as `markets[]`."""
    for step in reversed([step for step in place.split(".") if step]):
        for _ in range(step.count("[]")):
            node = {"type": "array", "items": node}
        node = {"type": "object", "properties": {step.rstrip("[]"): node}}
    return node


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a body of which two objects are read."""
    both = {**one, **other}
    for key in ("properties", "items"):
        if key in one and key in other:
            both[key] = (
                merged(one[key], other[key])
                if key == "items"
                else {
                    name: merged(one[key].get(name, {}), other[key].get(name, {}))
                    for name in one[key] | other[key]
                }
            )
    required = {*one.get("required", ()), *other.get("required", ())}
    return {**both, "required": sorted(required)} if required else both


def written(body: Mapping[str, frozenset[str] | None]) -> dict[str, Any]:
    """Return the schema of a body that we write."""
    return {
        "type": "object",
        "properties": {
            name: {"enum": sorted(values)} if values else {} for name, values in body.items()
        },
    }


def parameters(names: frozenset[str]) -> list[dict[str, Any]]:
    return [{"name": one, "in": "query", "schema": {"type": "string"}} for one in sorted(names)]


@pytest.fixture
def rest():
    """Return an OpenAPI document that describes exactly what we read and write."""
    paths: dict[str, Any] = {}
    bodies: dict[str, dict[str, Any]] = {}
    queries: dict[str, frozenset[str]] = {}
    for asked in contract().replies:
        body = placed(asked.place, schema_of(inspect.type_info(asked.record)))
        bodies[asked.where] = merged(bodies.get(asked.where, {}), body)
        queries[asked.where] = queries.get(asked.where, frozenset()) | asked.query
    for where, body in bodies.items():
        method, path = where.split()
        paths.setdefault(path, {})[method.lower()] = {
            "parameters": parameters(queries[where]),
            "responses": {"200": {"content": {"application/json": {"schema": body}}}},
        }
    for sent in contract().requests:
        method, path = sent.where.split()
        content = {"application/json": {"schema": written(sent.body)}}
        paths.setdefault(path, {})[method.lower()] = {
            "parameters": parameters(sent.query),
            "requestBody": {"content": content} if sent.body else None,
            "responses": {"201": {"description": "done"}},
        }
    return {"openapi": "3.0.0", "info": {"title": "Rest", "version": "1"}, "paths": paths}


@pytest.fixture
def stream():
    """Return an AsyncAPI document that describes exactly what we hear and say."""
    messages: dict[str, Any] = {}
    for heard in contract().messages:
        schema = schema_of(inspect.type_info(heard.record))
        schema["properties"]["type"] = {"type": "string", "const": heard.where}
        messages[heard.where] = {"payload": schema}
    for said in contract().commands:
        properties = {"cmd": {"const": said.where}, "params": written(said.body)}
        messages[f"{said.where}_command"] = {"payload": {"properties": properties}}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Stream", "version": "2"},
        "components": {"messages": messages},
    }


@pytest.fixture
def save(tmp_path):
    """Return a function that writes a document to a file and returns its path."""

    def write(content: object, name: str = "wire.json"):
        path = tmp_path / name
        raw = content if isinstance(content, bytes) else msgspec.json.encode(content)
        path.write_bytes(raw)
        return path

    return write
