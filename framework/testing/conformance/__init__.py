"""What every exchange adapter must do: numbered cases, a row and a test each.

An adapter's author writes a `Counterpart` for each wire that the adapter speaks and plays every
case of `CASES` against it, in memory or over a socket:

    @pytest.mark.parametrize("case", cases_for(CAPABILITIES), ids=str)
    def test_conforms(case):
        ...  # open the adapter against a fresh counterpart
        await case.play(Bench(exchange, counterpart, clock))

`left_out` names what a dialect can't show, with the reason.
"""

from collections.abc import Iterator
from typing import Final

from framework.exchange import Capabilities
from framework.testing.conformance import changes, data, errors, markets, orders, outcomes, recovery
from framework.testing.conformance.bench import Bench, Case, Watch, expect
from framework.testing.conformance.counterpart import Ask, Counterpart, Fault, Stage, StreamFault
from framework.testing.conformance.unmoved import alone, quiet_market, tidy_up

__all__ = [
    "CASES",
    "Ask",
    "Bench",
    "Case",
    "Counterpart",
    "Fault",
    "Stage",
    "StreamFault",
    "Watch",
    "alone",
    "cases_for",
    "expect",
    "left_out",
    "quiet_market",
    "tidy_up",
]

CASES: Final[tuple[Case, ...]] = tuple(
    case
    for group in (markets, data, orders, changes, outcomes, errors, recovery)
    for case in group.case.all
)
"""Every case, by group: D data, O orders, E errors, R recovery."""


def cases_for(capabilities: Capabilities, *, alone: bool = False) -> list[Case]:
    """Return the cases that an adapter with these capabilities must pass.

    Args:
        capabilities: Of the adapter, in the dialect that is tested.
        alone: The exchange can't be moved, such as a demo environment.
    """
    skipped = {case.code for case, _ in left_out(capabilities, alone=alone)}
    return [case for case in CASES if case.code not in skipped]


def left_out(capabilities: Capabilities, *, alone: bool = False) -> Iterator[tuple[Case, str]]:
    """Yield the cases that `cases_for` leaves out, each with the reason."""
    for case in CASES:
        missing = [name for name in case.needs if not getattr(capabilities, name)]
        if missing:
            yield case, f"the dialect has no {', '.join(missing)}"
        elif alone and not case.alone:
            yield case, "nobody can move that exchange"
