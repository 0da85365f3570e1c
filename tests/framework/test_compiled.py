from itertools import chain, permutations

import pytest

from framework.compiled import DECISIONS, taking_all
from framework.implementations import HOOKS

SPEC = ("one", "two", "three")
ORDERS = list(chain.from_iterable(permutations(SPEC, n) for n in range(4)))


@pytest.mark.parametrize("names", ORDERS, ids="-".join)
def test_an_implementation_gets_the_parameters_it_names(names):
    call = taking_all(lambda *got: got, names, SPEC)

    assert call("one", "two", "three") == names


@pytest.mark.parametrize("spec", [("one",), ("one", "two")])
def test_hooks_of_one_and_two_parameters_are_adapted_too(spec):
    for names in chain.from_iterable(permutations(spec, n) for n in range(len(spec) + 1)):
        assert taking_all(lambda *got: got, names, spec)(*spec) == names


def test_an_implementation_that_names_all_is_called_directly():
    def call(one, two, three):
        return one, two, three

    assert taking_all(call, SPEC, SPEC) is call


def test_every_decision_is_a_hook():
    assert set(HOOKS) > DECISIONS
