"""The Kalshi adapter against every case of the conformance suite, in both dialects."""

import pytest

from framework.testing.conformance import cases_for
from plugins.kalshi.codec.fixed_point import FixedPoint

CAPABILITIES = {"fixed-point": FixedPoint().capabilities}
ROWS = [
    pytest.param(case, dialect, id=f"{dialect}-{case}")
    for dialect, capabilities in CAPABILITIES.items()
    for case in cases_for(capabilities)
]


@pytest.mark.parametrize(("case", "dialect"), ROWS)
def test_conforms_in_memory(case, dialect, play):
    play(case, dialect)


@pytest.mark.slow
@pytest.mark.loopback
@pytest.mark.parametrize(("case", "dialect"), ROWS)
def test_conforms_over_a_socket(case, dialect, play):
    play(case, dialect, over_tcp=True)
