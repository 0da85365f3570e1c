"""Predicted fees against booked ones: each fill once, each order with its own accumulator."""

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from framework.fee_check import FeeCheck
from framework.fees import DIRECT_E6, MAKER_RATES_E4, NON_DIRECT_E6, OrderFees
from framework.model.account import OwnedFill
from framework.model.events import AccountReported, LedgerRead, OrderFilled
from framework.model.fees import FeeChange, FeeSchedule, FeeTerms
from framework.model.orders import Fill
from framework.model.units import Side
from framework.testing.builders import NOW_US, market
from framework.testing.playbook import account_report

MARKET = market("M")


def check_of(listed=MARKET, **more):
    return FeeCheck({"M": listed}.get, **more)


def fill(fee_e6, trade_id="t", price_e4=5_200, quantity_e2=100, **more):
    terms = {"order_id": "o", "ticker": "M", "is_taker": True, "at_us": NOW_US, **more}
    return Fill(
        trade_id=trade_id,
        client_order_id=None,
        side=Side.YES,
        price_e4=price_e4,
        quantity_e2=quantity_e2,
        fee_e6=fee_e6,
        **terms,
    )


def test_the_recorded_fee_is_no_news():
    check = check_of()

    assert check.check(fill(17_500)) is None
    assert (check.checked, check.alarms) == (1, [])


def test_one_unit_is_tolerated_and_more_is_an_alarm():
    check = check_of()

    assert check.check(fill(17_500 + DIRECT_E6, "a", order_id="a")) is None
    assert check.check(fill(17_500 + DIRECT_E6 + 1, "b", order_id="b")) is not None


def test_an_account_behind_a_broker_is_checked_by_its_own_rounding():
    check = check_of(precision_e6=NON_DIRECT_E6)
    booked_e6 = 5_000  # 1 at 0.055: the fee of 0.003639, and what rounds -0.058639 to -0.06

    assert check.check(fill(booked_e6, "a", price_e4=550, order_id="a")) is None
    assert check.check(fill(booked_e6 + 10_001, "b", price_e4=550, order_id="b")) is not None
    assert check_of().check(fill(booked_e6, "c", price_e4=550)) is not None


def test_an_alarm_says_what_was_charged_and_what_was_predicted():
    alarm = check_of().check(fill(30_000))

    assert str(alarm) == "M: trade t was charged 0.03, predicted 0.0175 (quadratic)"


def test_a_fill_is_checked_once_however_often_it_is_told():
    check = check_of()
    check.update(OrderFilled(at_us=NOW_US, fill=fill(30_000)))
    check.update(OrderFilled(at_us=NOW_US, fill=fill(30_000)))

    assert (check.checked, len(check.alarms)) == (1, 1)


def test_what_earlier_runs_booked_is_not_judged_again():
    check = check_of()
    check.update(
        LedgerRead(
            at_us=NOW_US,
            opening_cash_e6=0,
            fills=(OwnedFill(fill=fill(30_000), strategy="s"),),
        )
    )
    check.update(OrderFilled(at_us=NOW_US, fill=fill(30_000)))

    assert check.checked == 0


def test_a_fill_of_a_market_never_listed_is_counted():
    check = check_of()
    check.check(fill(17_500, ticker="ELSEWHERE"))

    assert (check.checked, check.unchecked) == (0, 1)


def test_the_terms_are_those_of_the_moment_of_the_fill():
    change = FeeChange(at_us=NOW_US, fee_type=None, multiplier=Decimal(2))
    changed = msgspec.structs.replace(MARKET, fees=FeeSchedule(series_changes=(change,)))
    check = check_of(changed)

    assert check.check(fill(17_500, "before", at_us=NOW_US - 1, order_id="a")) is None
    assert check.check(fill(17_500, "after", at_us=NOW_US, order_id="b")) is not None


def test_an_unknown_fee_type_is_predicted_like_a_taker_on_both_sides():
    flat = msgspec.structs.replace(MARKET, fee_type="flat")

    assert check_of(flat).check(fill(0, is_taker=False)).predicted_e6 == 17_500


FILLS = st.lists(
    st.tuples(st.integers(1, 9_999), st.integers(1, 3_000), st.booleans()), min_size=1, max_size=10
)


def test_a_report_at_the_start_is_adopted_and_a_later_one_is_checked():
    check = check_of()
    account = account_report(fills=(fill(30_000, "early"),)).account
    check.update(AccountReported(at_us=NOW_US, account=account, recovery=True))
    account = account_report(fills=(fill(30_000, "early"), fill(30_000, "late"))).account
    check.update(AccountReported(at_us=NOW_US, account=account))

    assert [alarm.trade_id for alarm in check.alarms] == ["late"]


@given(
    fills=FILLS,
    precision=st.sampled_from([DIRECT_E6, NON_DIRECT_E6]),
    terms=st.builds(
        FeeTerms,
        st.sampled_from(sorted(MAKER_RATES_E4)),
        st.sampled_from([Decimal("0.5"), Decimal(1), Decimal(2)]),
    ),
)
def test_no_split_of_an_order_into_fills_raises_an_alarm(fills, precision, terms):
    listed = msgspec.structs.replace(
        MARKET, fee_type=terms.fee_type, fee_multiplier=terms.multiplier
    )
    check = check_of(listed, precision_e6=precision)
    booked = OrderFees(terms.fee_type, terms.multiplier, precision)
    for number, (price_e4, quantity_e2, is_taker) in enumerate(fills):
        charge = booked.charge(price_e4, quantity_e2, is_taker=is_taker)
        check.check(fill(charge.net_e6, str(number), price_e4, quantity_e2, is_taker=is_taker))

    assert check.checked == len(fills)
    assert check.alarms == []
