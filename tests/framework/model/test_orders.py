from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import InvariantError
from framework.model.orders import (
    ORDER_STATES,
    TERMINAL,
    Fill,
    Order,
    OrderFact,
    OrderState,
    Purpose,
    Urgency,
    next_state,
)
from framework.model.units import Side

S, F = OrderState, OrderFact

EVIDENCE = {F.ACCEPTED, F.PARTLY_FILLED, F.FULLY_FILLED, F.CANCELLED}
"""What only an order the exchange took can show."""

LATE = {
    (S.CANCELLED, F.FULLY_FILLED): S.FILLED,
    (S.REJECTED, F.ACCEPTED): S.OPEN,
    (S.REJECTED, F.PARTLY_FILLED): S.OPEN,
    (S.REJECTED, F.FULLY_FILLED): S.FILLED,
    (S.REJECTED, F.CANCELLED): S.CANCELLED,
}
"""Fills told late, and what the exchange tells of an order we held to be refused."""


class TestTable:
    def test_every_state_has_a_row_for_every_fact(self):
        assert set(ORDER_STATES) == set(product(OrderState, OrderFact))

    @pytest.mark.parametrize(("state", "fact"), [*product(OrderState, OrderFact)], ids=str)
    def test_the_next_state_is_the_tables(self, state, fact):
        assert next_state(state, fact) is ORDER_STATES[state, fact]

    @pytest.mark.parametrize(("state", "fact"), [*product(sorted(TERMINAL), OrderFact)], ids=str)
    def test_an_end_is_an_end_but_for_what_is_told_late(self, state, fact):
        assert next_state(state, fact) is LATE.get((state, fact), state)

    def test_the_ends_are_three(self):
        assert {S.FILLED, S.CANCELLED, S.REJECTED} == TERMINAL

    @pytest.mark.parametrize(("state", "fact"), [*product(OrderState, OrderFact)], ids=str)
    def test_an_order_is_rejected_only_by_a_refusal_or_proof_of_absence(self, state, fact):
        if state is not S.REJECTED and next_state(state, fact) is S.REJECTED:
            assert (state, fact) in {
                (S.PENDING, F.REJECTED),
                (S.UNKNOWN, F.REJECTED),
                (S.UNKNOWN, F.ABSENT),
            }

    @pytest.mark.parametrize("fact", sorted(EVIDENCE))
    @pytest.mark.parametrize("state", OrderState)
    def test_the_exchanges_evidence_ends_every_doubt(self, state, fact):
        assert next_state(state, fact) not in {S.PENDING, S.UNKNOWN, S.REJECTED}

    def test_a_lost_answer_is_not_a_refusal(self):
        assert next_state(S.PENDING, F.LOST) is S.UNKNOWN

    def test_a_lost_cancel_leaves_an_order_open(self):
        assert next_state(S.OPEN, F.LOST) is S.OPEN

    def test_an_open_order_that_is_not_found_is_not_gone(self):
        assert next_state(S.OPEN, F.ABSENT) is S.UNKNOWN

    def test_an_order_on_its_way_can_not_be_missed(self):
        assert next_state(S.PENDING, F.ABSENT) is S.PENDING

    @pytest.mark.parametrize("state", OrderState)
    def test_all_of_it_filled_is_filled(self, state):
        assert next_state(state, F.FULLY_FILLED) is S.FILLED

    @given(st.lists(st.sampled_from(OrderFact)))
    def test_told_twice_is_told_once(self, facts):
        """A fact repeated at once changes nothing, except that absence is doubted once first."""
        state = S.PENDING
        for fact in facts:
            state = next_state(state, fact)
            again = next_state(state, fact)
            assert again is state or fact is F.ABSENT

    @given(st.permutations([F.ACCEPTED, F.PARTLY_FILLED, F.FULLY_FILLED]))
    def test_fills_and_their_acceptance_come_in_any_order(self, facts):
        state = S.PENDING
        for fact in facts:
            state = next_state(state, fact)

        assert state is S.FILLED

    @given(st.permutations([F.ACCEPTED, F.PARTLY_FILLED, F.CANCELLED]))
    def test_a_cancel_overtaken_by_its_fills_stays_one(self, facts):
        state = S.PENDING
        for fact in facts:
            state = next_state(state, fact)

        assert state is S.CANCELLED

    def test_a_missing_row_is_our_bug(self):
        with pytest.raises(InvariantError, match=r"open.*teleported"):
            next_state(S.OPEN, "teleported")


def order(**terms):
    given = {
        "client_order_id": "run-1",
        "ticker": "T",
        "side": Side.YES,
        "limit_e4": 8500,
        "quantity_e2": 1050,
        "purpose": Purpose.ENTRY,
        "strategy": "s",
    }
    return Order(**(given | terms))


class TestOrder:
    def test_its_terms_in_dollars_and_contracts(self):
        some = order()

        assert (some.limit, some.quantity, some.cost) == (
            Decimal("0.85"),
            Decimal("10.5"),
            Decimal("8.925"),
        )

    @given(st.integers(1, 9999), st.sampled_from(Side))
    def test_its_limit_as_a_yes_price(self, limit_e4, side):
        expected = limit_e4 if side is Side.YES else 10_000 - limit_e4

        assert order(limit_e4=limit_e4, side=side).yes_limit_e4 == expected

    @given(st.integers(1, 9999), st.integers(1, 10**6))
    def test_buying_no_stands_where_selling_yes_does(self, limit_e4, quantity_e2):
        no = order(side=Side.NO, limit_e4=limit_e4, quantity_e2=quantity_e2)
        yes = order(side=Side.YES, limit_e4=10_000 - limit_e4, quantity_e2=quantity_e2)

        assert no.yes_limit_e4 == yes.yes_limit_e4
        assert no.cost + yes.cost == no.quantity

    def test_it_can_not_be_changed(self):
        with pytest.raises(AttributeError):
            order().limit_e4 = 1

    def test_an_entry_reads_as_what_it_buys(self):
        text = str(order())

        assert "10.5" in text
        assert "0.85" in text
        assert "yes" in text.lower()
        assert "buy" in text.lower()

    def test_an_exit_reads_as_what_it_sells(self):
        text = str(order(side=Side.NO, limit_e4=1500, purpose=Purpose.EXIT, urgency=Urgency.STOP))

        assert "sell" in text.lower()
        assert "yes" in text.lower()
        assert "0.85" in text

    def test_urgency_is_an_order_of_precedence(self):
        assert Urgency.HALT > Urgency.STOP > Urgency.TIME > Urgency.TAKE_PROFIT


def test_a_fill_in_dollars_and_contracts():
    some = Fill(
        trade_id="t",
        order_id="o",
        client_order_id=None,
        ticker="T",
        side=Side.NO,
        price_e4=1234,
        quantity_e2=5,
        fee_e6=70_001,
        is_taker=True,
        at_us=0,
    )

    assert (some.price, some.quantity, some.fee) == (
        Decimal("0.1234"),
        Decimal("0.05"),
        Decimal("0.070001"),
    )
