from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from framework import Duration, Money, Plugin, Price, Secret
from framework.describe import Setting, describe, toml_of


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Inner(BaseModel):
    depth: int = Field(default=3, description="How deep.")


class Everything(Plugin):
    price: Price = Field(default=Decimal("0.85"), lt=1, description="Lowest\n  bid.")
    most: Money | None = Field(default=None, description="Most.")
    count: int = Field(ge=1, description="Needed.")
    span: Duration = timedelta(minutes=5)
    colour: Colour = Colour.RED
    word: Literal["a", "b"] = "a"
    names: tuple[str, ...] = ("x", "y")
    key: Secret = Secret(env="NAME")
    rates: Mapping[str, Money] = {}
    inner: Inner = Inner()


def test_describes_every_field_in_words():
    assert describe(Everything) == (
        Setting("price", "dollars, 0 to 1, below 1", "0.85", "Lowest bid."),
        Setting("most", "dollars", "", "Most."),
        Setting("count", "whole number, at least 1", None, "Needed."),
        Setting("span", "duration", '"5m"', ""),
        Setting("colour", '"red" or "green"', '"red"', ""),
        Setting("word", '"a" or "b"', '"a"', ""),
        Setting("names", "list of text", '["x", "y"]', ""),
        Setting("key", "secret", "Secret(...)", ""),
        Setting("rates", "table of dollars by text", "{}", ""),
        Setting("inner.depth", "whole number", "3", "How deep."),
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (3, "3"),
        (Decimal("0.10"), "0.10"),
        ("a", '"a"'),
        (timedelta(0), '"0s"'),
        (timedelta(milliseconds=50), '"50ms"'),
        (timedelta(days=2), '"2d"'),
        (Path("runs"), '"runs"'),
        (Colour.GREEN, '"green"'),
        ({"a": 1}, "{ a = 1 }"),
        (None, ""),
    ],
)
def test_shows_values_as_toml_has_them(value, text):
    assert toml_of(value) == text
