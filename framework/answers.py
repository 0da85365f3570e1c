"""Reads what a hook answers or a feed tells, and refuses what breaks the contract.

Plugins are strangers: a True is not a veto, a NaN is not a quantity, and a coroutine is nobody's
opinion. Every function raises TypeError or ValueError with what the author has to change.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from framework.model.observation import Observation
from framework.model.signals import EntrySignal, ExitSignal, Rejection
from framework.model.units import E2, to_e2

MOST_SIGNALS: Final = 16
"""More legs than any strategy has; a list without end would stop the line."""
_MOST_DIGITS: Final = 12
"""A quantity has fewer; 1E+999999 would take minutes to become an integer."""


def rejection_of(answer: Any) -> Rejection:
    """Return the refusal a filter or a risk check gave."""
    if not isinstance(answer, Rejection):
        raise _not_a("Rejection or None", answer)
    _check("code", answer.code, str)
    _check("message", answer.message, str)
    return answer


def exit_of(answer: Any) -> ExitSignal:
    """Return the wish to leave a position."""
    if not isinstance(answer, ExitSignal):
        raise _not_a("ExitSignal or None", answer)
    _check_number("limit", answer.limit)
    if answer.quantity is not None:
        _check_number("quantity", answer.quantity)
    _check("immediate", answer.immediate, bool)
    _check("reason", answer.reason, str)
    return answer


def entries_of(answer: Any) -> list[EntrySignal]:
    """Return the wishes to buy; one bad one spoils the list, for its legs belong together."""
    signals = list(answer) if type(answer) is list else [answer]
    if len(signals) > MOST_SIGNALS:
        raise ValueError(f"returned {len(signals)} signals; {MOST_SIGNALS} is the most")
    for signal in signals:
        if not isinstance(signal, EntrySignal):
            raise _not_a("EntrySignal, a list of them, or None", signal)
        _check_number("limit", signal.limit)
        if signal.break_even is not None:
            _check_number("break_even", signal.break_even)
        if signal.good_for is not None:
            _check("good_for", signal.good_for, timedelta)
        _check("make", signal.make, bool)
        _check("reason", signal.reason, str)
    return signals


def size_of(answer: Any) -> E2:
    """Return a quantity in 1/100 contract."""
    if type(answer) is not Decimal and type(answer) is not int:
        raise _not_a("Quantity (a Decimal) or None", answer)
    number = Decimal(answer)
    if not number.is_finite() or number.adjusted() > _MOST_DIGITS or number < 0:
        raise ValueError(f"returned {str(number)[:40]}, which is no quantity")
    return to_e2(number)


def observation_of(told: Any) -> Observation:
    """Return one value of a feed."""
    if not isinstance(told, Observation):
        raise TypeError(f"must yield Observation, not {type(told).__name__}")
    _check("source", told.source, str)
    _check("key", told.key, str)
    _check_number("value", told.value)
    return told


def _not_a(wanted: str, answer: object) -> TypeError:
    return TypeError(f"must return {wanted}, not {type(answer).__name__}")


def _check(name: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"returned a {name} that is {type(value).__name__}, not {kind.__name__}")


def _check_number(name: str, value: object) -> None:
    if not isinstance(value, Decimal) or not value.is_finite():
        raise TypeError(f"returned a {name} that is no exact number")
