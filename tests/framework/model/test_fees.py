"""Which fee terms are in force when: series, event, schedule, waiver."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from framework.model.fees import FeeChange, FeeSchedule, FeeTerms

MAKER = "quadratic_with_maker_fees"


def change(at_us, fee_type=None, multiplier=None):
    amount = None if multiplier is None else Decimal(multiplier)
    return FeeChange(at_us=at_us, fee_type=fee_type, multiplier=amount)


def test_a_series_sets_the_terms():
    schedule = FeeSchedule(series=FeeTerms(MAKER, Decimal("0.5")))

    assert schedule.terms(0) == FeeTerms(MAKER, Decimal("0.5"))


def test_a_change_holds_from_its_moment_on():
    schedule = FeeSchedule(series_changes=(change(100, MAKER, 2),))

    assert schedule.terms(99) == FeeTerms()
    assert schedule.terms(100) == FeeTerms(MAKER, Decimal(2))


def test_the_newest_change_in_force_counts_in_whatever_order_they_are_told():
    schedule = FeeSchedule(series_changes=(change(200, MAKER, 3), change(100, MAKER, 2)))

    assert [schedule.terms(at).multiplier for at in (150, 250)] == [2, 3]


def test_an_event_stands_above_its_series_term_by_term():
    schedule = FeeSchedule(
        series=FeeTerms("quadratic", Decimal(1)),
        series_changes=(change(100, MAKER, 2),),
        event=change(0, multiplier="0.5"),
    )

    assert schedule.terms(50) == FeeTerms("quadratic", Decimal("0.5"))
    assert schedule.terms(100) == FeeTerms(MAKER, Decimal("0.5"))


def test_an_override_can_be_cleared():
    schedule = FeeSchedule(event=change(0, MAKER, 2), event_changes=(change(100),))

    assert schedule.terms(99) == FeeTerms(MAKER, Decimal(2))
    assert schedule.terms(100) == FeeTerms()


def test_a_waiver_ends_at_its_moment():
    schedule = FeeSchedule(waived_until_us=100)

    assert schedule.terms(99).multiplier == 0
    assert schedule.terms(100) == FeeTerms()


def test_the_worst_terms_know_neither_waivers_nor_the_past():
    schedule = FeeSchedule(
        series_changes=(change(100, "quadratic", 3), change(200, "quadratic", 2)),
        waived_until_us=1_000,
    )

    assert [schedule.worst(at).multiplier for at in (0, 150, 200)] == [3, 3, 2]


CHANGES = st.lists(
    st.builds(
        FeeChange,
        at_us=st.integers(0, 20),
        fee_type=st.sampled_from([None, MAKER]),
        multiplier=st.none() | st.integers(0, 4).map(Decimal),
    ),
    max_size=4,
).map(tuple)


@given(
    schedule=st.builds(FeeSchedule, series_changes=CHANGES, event_changes=CHANGES),
    now_us=st.integers(0, 20),
    later_us=st.integers(0, 20),
)
def test_no_later_terms_are_dearer_than_the_worst(schedule, now_us, later_us):
    later = schedule.terms(now_us + later_us)

    assert later.multiplier <= schedule.worst(now_us).multiplier
