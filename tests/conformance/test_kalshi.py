"""The Kalshi adapter against every case of the conformance suite, in both dialects."""

import pytest

from framework.testing.conformance import cases_for
from plugins.kalshi.codec.cents import Cents
from plugins.kalshi.codec.fixed_point import FixedPoint

CAPABILITIES = {"fixed-point": FixedPoint().capabilities, "cents": Cents().capabilities}
LEFT_OUT = {
    ("cents", "D11"): "no message announces a market there; the run's scan of the list finds it",
}
"""Cases that a dialect can't show, each with the reason."""
ROWS = [
    pytest.param(case, dialect, id=f"{dialect}-{case}")
    for dialect, capabilities in CAPABILITIES.items()
    for case in cases_for(capabilities)
    if (dialect, case.code) not in LEFT_OUT
]


@pytest.mark.slow  # all of them together
@pytest.mark.parametrize(("case", "dialect"), ROWS)
def test_conforms_in_memory(case, dialect, play):
    play(case, dialect)


@pytest.mark.slow
@pytest.mark.loopback
@pytest.mark.parametrize(("case", "dialect"), ROWS)
def test_conforms_over_a_socket(case, dialect, play):
    play(case, dialect, over_tcp=True)


def test_what_is_left_out_would_otherwise_be_played():
    played = {
        (dialect, case.code)
        for dialect, capabilities in CAPABILITIES.items()
        for case in cases_for(capabilities)
    }

    assert LEFT_OUT.keys() <= played
