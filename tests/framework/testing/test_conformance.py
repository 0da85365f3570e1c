import re
from collections import Counter

import pytest

from framework.exchange import Capabilities
from framework.testing.conformance import CASES, cases_for, left_out
from framework.testing.conformance.bench import Cases

EVERYTHING = Capabilities(**dict.fromkeys(Capabilities.__struct_fields__, True))


def test_every_case_has_a_number_of_its_own_and_a_claim():
    assert len({case.code for case in CASES}) == len(CASES)
    assert all(re.fullmatch(r"[DOER]\d\d", case.code) for case in CASES)
    assert all(case.title and len(case.title) < 100 for case in CASES)


def test_there_are_more_cases_than_the_fields_best_has():
    groups = Counter(case.code[0] for case in CASES)

    assert len(CASES) > 90
    assert min(groups.values()) >= 20


def test_a_number_is_given_once():
    case = Cases()

    async def play(bench):
        """Does nothing."""

    case("D01")(play)

    with pytest.raises(ValueError, match="case D01 is there already"):
        case("D01")(play)


def test_an_adapter_that_can_do_everything_plays_every_case():
    assert cases_for(EVERYTHING) == list(CASES)
    assert list(left_out(EVERYTHING)) == []


def test_what_a_dialect_can_not_show_is_left_out_by_name():
    less = Capabilities(client_order_ids=True)
    reasons = {case.code: reason for case, reason in left_out(less)}

    assert reasons["O14"] == "the dialect has no immediate_or_cancel"
    assert {case.code for case in cases_for(less)} | reasons.keys() == {c.code for c in CASES}


def test_an_exchange_that_nobody_can_move_is_asked_less():
    alone = cases_for(EVERYTHING, alone=True)

    assert alone
    assert all(case.alone for case in alone)
    assert {reason for _, reason in left_out(EVERYTHING, alone=True)} == {
        "nobody can move that exchange"
    }
