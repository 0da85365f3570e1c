"""The table of faults as a user writes it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from plugins.sandbox import Sandbox
from plugins.sandbox.faults import Faults


def test_nothing_goes_wrong_unless_it_is_set():
    faults = Sandbox().faults

    assert faults == Faults()
    assert not any(getattr(faults, name) for name in Faults.model_fields if name != "pause_for")


def test_rates_are_given_by_kind_of_request():
    faults = Faults.model_validate({"throttled": {"create": Decimal("0.1")}, "read_lag": "250ms"})

    assert faults.throttled == {"create": Decimal("0.1")}
    assert faults.read_lag == timedelta(milliseconds=250)


@pytest.mark.parametrize(
    "wrong", [{"throttled": {"orders": 1}}, {"gap": 1}, {"throttled": {"create": "often"}}]
)
def test_an_unknown_kind_or_fault_is_an_error(wrong):
    with pytest.raises(ValidationError):
        Faults.model_validate(wrong)
