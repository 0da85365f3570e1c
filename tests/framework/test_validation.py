from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field, model_validator

from framework import Duration, Money, Plugin, Price, Secret
from framework.validation import near_miss, shown, validated


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Inner(BaseModel, extra="forbid"):
    depth: int = 1


class Everything(Plugin):
    price: Price = Decimal("0.5")
    money: Money | None = None
    count: int = Field(default=1, ge=1, le=10)
    many: int | None = None
    name: str = "x"
    flag: bool = False
    span: Duration = timedelta(seconds=1)
    plain: timedelta = timedelta(seconds=1)
    colour: Colour = Colour.RED
    word: Literal["process", "full"] = "full"
    names: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    key: Secret | None = None
    inner: Inner = Inner()
    either: int | str = 1
    file: Path = Path()

    @model_validator(mode="after")
    def _agrees(self):
        if self.count == 7 and self.flag:
            raise ValueError("count and flag do not agree")
        return self


CASES = [
    ({"price": 85}, "t.price: must be at most 1 (was 85)"),
    ({"price": Decimal("-0.1")}, "t.price: must be at least 0 (was -0.1)"),
    ({"price": True}, "t.price: must be an exact decimal, not bool True"),
    ({"count": 0}, "t.count: must be at least 1 (was 0)"),
    ({"count": 11}, "t.count: must be at most 10 (was 11)"),
    ({"count": True}, "t.count: must be a whole number (was true)"),
    ({"count": "3"}, 't.count: must be a whole number (was "3")'),
    ({"count": Decimal("1.5")}, "t.count: must be a whole number (was 1.5)"),
    ({"many": "3"}, 't.many: must be a whole number (was "3")'),
    ({"name": 3}, "t.name: must be text (was 3)"),
    ({"flag": 1}, "t.flag: must be true or false (was 1)"),
    ({"span": 30}, 't.span: must be a duration such as "30s", "5m", "2h" or "1d" (was 30)'),
    ({"plain": "x"}, 't.plain: must be a duration such as "30s", "5m", "2h" or "1d" (was \'x\')'),
    ({"colour": "gren"}, 't.colour: must be one of red, green (was "gren"); did you mean "green"?'),
    ({"word": "ful"}, 't.word: must be one of process, full (was "ful"); did you mean "full"?'),
    ({"names": "a"}, 't.names: must be a list (was "a")'),
    ({"counts": [1, "x"]}, 't.counts[1]: must be a whole number (was "x")'),
    ({"inner": 3}, "t.inner: must be a table (was 3)"),
    ({"inner": {"dept": 3}}, 't.inner.dept: unknown key; did you mean "depth"?'),
    ({"prise": 1}, 't.prise: unknown key; did you mean "price"?'),
    ({"zzz": 1}, "t.zzz: unknown key"),
    ({"file": 3}, "t.file: must be a path (was 3)"),
    ({"count": 7, "flag": True}, "t: count and flag do not agree"),
]


@pytest.mark.parametrize(("raw", "line"), CASES, ids=[line for _, line in CASES])
def test_words_a_fault(raw, line):
    instance, faults = validated(Everything, raw, "t")

    assert instance is None
    assert faults == [line]


def test_reports_every_fault_at_once():
    _, faults = validated(Everything, {"price": 85, "count": "x", "prise": 1}, "t")

    assert [line.partition(":")[0] for line in faults] == ["t.count", "t.price", "t.prise"]


def test_a_fault_in_a_union_names_the_key_once_and_no_branch():
    _, faults = validated(Everything, {"either": []}, "t")

    assert {line.partition(":")[0] for line in faults} == {"t.either"}


@pytest.mark.parametrize("secret", ["hunter2", {"evn": "hunter2"}, ["hunter2"], {"env": 12_345}])
def test_never_shows_what_might_be_a_secret(secret):
    _, faults = validated(Everything, {"key": secret}, "t")

    assert faults
    assert "hunter2" not in str(faults)
    assert "12345" not in str(faults)


def test_a_secret_in_plain_text_says_how_to_write_it():
    _, [fault] = validated(Everything, {"key": "hunter2"}, "t")

    assert fault == (
        't.key: is a secret: write { env = "NAME" } or { file = "PATH" }, never the value'
    )


def test_a_required_key_of_the_wrong_kind_is_not_also_missing():
    class Needs(Plugin):
        count: int

    assert validated(Needs, {"count": "x"}, "t")[1] == ['t.count: must be a whole number (was "x")']
    assert validated(Needs, {}, "t")[1] == ["t.count: is required"]


def test_a_plain_timedelta_reads_the_same_words():
    instance, faults = validated(Everything, {"plain": "6h", "span": "PT90S"}, "t")

    assert faults == []
    assert (instance.plain, instance.span) == (timedelta(hours=6), timedelta(seconds=90))


def test_near_misses_are_named_and_others_not():
    assert near_miss("liquidty", ["liquidity", "tradable"]) == '; did you mean "liquidity"?'
    assert near_miss("xyz", ["liquidity"]) == ""


def test_shows_values_as_toml_has_them_and_short():
    assert [shown(value) for value in (True, "a", 3)] == ["true", '"a"', "3"]
    assert len(shown("x" * 1_000)) == 60
