"""Order groups: the rolling limit, and what a trigger does until the reset."""

import pytest

from plugins.sandbox.core.groups import WINDOW_US, OrderGroups
from plugins.sandbox.core.rows import Refusal


def groups(limit_e2=1_000):
    made = OrderGroups()
    made.create("g", limit_e2, 0)
    return made


def test_what_reaches_the_limit_does_not_trigger_and_what_exceeds_it_does():
    made = groups()

    assert not made.count("g", 1_000, 0)
    assert made.count("g", 1, 1)
    assert made.find("g").triggered


def test_a_fill_counts_for_fifteen_seconds():
    made = groups()
    made.count("g", 1_000, 0)

    assert made.traded_e2("g", WINDOW_US - 1) == 1_000
    assert made.traded_e2("g", WINDOW_US) == 0
    assert not made.count("g", 1_000, WINDOW_US)


def test_a_triggered_group_takes_no_order_until_it_is_reset():
    made = groups()
    made.trigger("g")
    with pytest.raises(Refusal, match="order_group_triggered"):
        made.admit("g", 0)
    made.reset("g")
    made.admit("g", 0)

    assert made.traded_e2("g", 0) == 0


def test_a_limit_below_what_was_traded_lately_triggers():
    made = groups()
    made.count("g", 900, 0)

    assert not made.change_limit("g", 900, 1).triggered
    assert made.change_limit("g", 800, 1).triggered


def test_a_larger_limit_does_not_reset():
    made = groups()
    made.trigger("g")

    assert made.change_limit("g", 5_000, 0).triggered


@pytest.mark.parametrize("limit_e2", [0, -100, 50, 150, 100_000_100])
def test_a_limit_is_one_to_a_million_whole_contracts(limit_e2):
    made = groups()
    with pytest.raises(Refusal, match="invalid_parameters"):
        made.create("h", limit_e2, 0)
    with pytest.raises(Refusal, match="invalid_parameters"):
        made.change_limit("g", limit_e2, 0)

    assert list(made.all) == ["g"]
    assert made.find("g").limit_e2 == 1_000


def test_a_group_lives_on_one_shard():
    with pytest.raises(Refusal, match="not_found"):
        groups().admit("g", 2)


@pytest.mark.parametrize("ask", ["find", "trigger", "reset", "delete"])
def test_an_unknown_group_is_not_found(ask):
    with pytest.raises(Refusal, match="not_found"):
        getattr(groups(), ask)("nobody")


def test_a_fill_of_no_group_or_of_a_deleted_one_counts_nowhere():
    made = groups()
    made.delete("g")

    assert not made.count("g", 5_000, 0)
    assert not made.count(None, 5_000, 0)
