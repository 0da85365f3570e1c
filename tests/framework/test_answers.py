from decimal import Decimal

import pytest

from framework import EntrySignal, ExitSignal, Rejection, Side, Urgency
from framework.answers import entries_of, exit_of, observation_of, rejection_of, size_of
from framework.model.observation import Observation

ENTRY = EntrySignal(Side.YES, Decimal("0.93"), "why")
EXIT = ExitSignal(Decimal("0.50"), "why", Urgency.STOP)


def forged(answer, **fields):
    """Return an answer whose own checks were passed by."""
    made = object.__new__(type(answer))
    for name in answer.__slots__:
        object.__setattr__(made, name, fields.get(name, getattr(answer, name)))
    return made


def test_good_answers_pass_as_they_are():
    refusal = Rejection("code", "numbers")

    assert rejection_of(refusal) is refusal
    assert exit_of(EXIT) is EXIT
    assert entries_of(ENTRY) == [ENTRY]
    assert size_of(Decimal("12.5")) == 1_250
    assert size_of(3) == 300


def test_a_list_is_copied_so_that_its_maker_cannot_change_it_later():
    answer = [ENTRY]
    taken = entries_of(answer)
    answer.clear()

    assert taken == [ENTRY]


@pytest.mark.parametrize(
    ("read", "answer"),
    [
        (rejection_of, True),
        (rejection_of, "spread"),
        (rejection_of, Rejection(1, "b")),
        (rejection_of, Rejection("a", None)),
        (exit_of, ENTRY),
        (exit_of, forged(EXIT, limit=0.5)),
        (exit_of, forged(EXIT, limit=Decimal("NaN"))),
        (exit_of, forged(EXIT, quantity=1)),
        (exit_of, forged(EXIT, immediate=1)),
        (exit_of, forged(EXIT, reason=None)),
        (entries_of, EXIT),
        (entries_of, forged(ENTRY, limit="0.93")),
        (entries_of, forged(ENTRY, good_for=5)),
        (entries_of, forged(ENTRY, make="yes")),
        (entries_of, forged(ENTRY, break_even=0.9)),
    ],
)
def test_anything_else_is_refused(read, answer):
    with pytest.raises(TypeError):
        read(answer)


def test_an_observation_is_a_named_exact_number():
    seen = Observation(source="weather", key="high", value=Decimal(57), at_us=0)

    assert observation_of(seen) is seen


@pytest.mark.parametrize(
    ("told", "what"),
    [
        ("57 degrees", "must yield Observation, not str"),
        (Observation(source="a", key="b", value=0.5, at_us=0), "a value that is no exact number"),
        (Observation(source="a", key="b", value=Decimal("nan"), at_us=0), "no exact number"),
        (Observation(source="a", key=7, value=Decimal(1), at_us=0), "a key that is int, not str"),
        (Observation(source=7, key="b", value=Decimal(1), at_us=0), "a source that is int"),
    ],
    ids=["text", "float", "nan", "key", "source"],
)
def test_anything_else_of_a_feed_is_refused(told, what):
    with pytest.raises(TypeError, match=what):
        observation_of(told)
