"""A hook's implementation, ready to be called with all of the hook's arguments in order.

The seam between the loader, which makes these, and the pipeline, which calls them.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

DECISIONS: Final = frozenset(
    {"filter_market", "signal_exit", "signal_entry", "size_entry", "check_risk"}
)
"""The hooks that decide about money: asked per strategy, plain, synchronous, never wrapped."""


class Implementation(NamedTuple):
    """One plugin's answer to one hook."""

    plugin: str
    hook: str
    call: Callable[..., Any]
    """Takes every argument of the hook by position, whatever the plugin names."""


class Hooks(Protocol):
    """Who implements what, in the order of asking."""

    @property
    def strategies(self) -> tuple[str, ...]:
        """The strategies that are on, in the order of their tables."""

    def hooks(self, hook: str, strategy: str | None = None) -> tuple[Implementation, ...]:
        """Return the implementations of a hook that speak for a strategy, shared ones first."""


_FEWER: Final[dict[tuple[int, tuple[int, ...]], Callable[[Any], Callable[..., Any]]]] = {
    (1, ()): lambda call: lambda _a: call(),
    (2, ()): lambda call: lambda _a, _b: call(),
    (2, (0,)): lambda call: lambda a, _b: call(a),
    (2, (1,)): lambda call: lambda _a, b: call(b),
    (3, ()): lambda call: lambda _a, _b, _c: call(),
    (3, (0,)): lambda call: lambda a, _b, _c: call(a),
    (3, (1,)): lambda call: lambda _a, b, _c: call(b),
    (3, (2,)): lambda call: lambda _a, _b, c: call(c),
    (3, (0, 1)): lambda call: lambda a, b, _c: call(a, b),
    (3, (0, 2)): lambda call: lambda a, _b, c: call(a, c),
    (3, (1, 2)): lambda call: lambda _a, b, c: call(b, c),
}


def taking_all(
    call: Callable[..., Any], names: tuple[str, ...], spec: tuple[str, ...]
) -> Callable[..., Any]:
    """Return a function of all of a hook's arguments that gives an implementation its own.

    Args:
        call: The implementation, a bound method.
        names: The parameters it names, in its own order.
        spec: The hook's parameters.
    """
    if names == spec:
        return call
    picks = tuple(spec.index(name) for name in names)
    fewer = _FEWER.get((len(spec), picks))
    if fewer is not None:
        return fewer(call)
    # An unusual order: right, and one step slower than the shapes above.
    return lambda *arguments: call(*(arguments[pick] for pick in picks))
