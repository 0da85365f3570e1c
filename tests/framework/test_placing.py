"""The terms of an incoming order: what excludes each other is refused."""

import pytest

from framework.model.orders import TimeInForce
from framework.model.units import Side
from framework.placing import Execution, Incoming, Placement

TERMS = {"order_id": "a", "side": Side.YES, "limit_e4": 6_000, "quantity_e2": 1_000}


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity_e2": 0},
        {"quantity_e2": -100},
        {"post_only": True, "time_in_force": TimeInForce.FILL_OR_KILL},
        {"reduce_only": True},
        {"lot_e2": 0},
        {"lot_e2": 300},
    ],
)
def test_refuses_an_order_that_means_nothing(wrong):
    with pytest.raises(ValueError, match="must be"):
        Incoming(**{**TERMS, **wrong})


def test_a_placement_says_what_it_bought():
    bought = tuple(Execution("a", Side.YES, 6_000, size, is_taker=True) for size in (100, 250))

    assert Placement(executions=bought, resting_e2=0, cancelled_e2=0, reason=None).filled_e2 == 350
