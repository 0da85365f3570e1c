"""Any value of the model, from its type alone."""

import types
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Any, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import strategies as st

PLAIN = {
    bool: st.booleans(),
    int: st.integers(-(2**53), 2**53),
    str: st.text(max_size=8),
    type(None): st.none(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
}


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy of every value a field of this type may hold."""
    if kind in PLAIN:
        return PLAIN[kind]
    parts = get_args(kind)
    if get_origin(kind) in (types.UnionType, Union):
        return st.one_of([values_of(part) for part in parts])
    if get_origin(kind) is tuple and parts[-1] is Ellipsis:
        return st.lists(values_of(parts[0]), max_size=2).map(tuple)
    if get_origin(kind) is dict:
        return st.dictionaries(*map(values_of, parts), max_size=2)
    if get_origin(kind) is tuple:
        return st.tuples(*map(values_of, parts))
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    fields = {field.name: values_of(field.type) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields)


@pytest.fixture(scope="session")
def values() -> Callable[[Any], st.SearchStrategy[Any]]:
    return values_of
