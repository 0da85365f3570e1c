"""Numbers that plugins show of a running bot: gauges that are read when somebody looks."""

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from framework.compiled import Implementation
from framework.faults import Fence, described


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One number with a name; `read` returns it as it is now, or None before there is any."""

    name: str
    """In words of lower case, such as `message age`."""
    unit: str
    """`s`, `share`, `count`."""
    read: Callable[[], Decimal | int | None]
    limit: Decimal | None = None
    """What is still healthy."""


class Metrics:
    """What the plugins of a run show.

    Attributes:
        problems: What is missing, a sentence for each plugin that failed.
    """

    def __init__(self, implementations: Iterable[Implementation]) -> None:
        """Ask every plugin once what it shows; one that fails is left out and named."""
        self._shown: list[tuple[str, Metric]] = []
        self.problems: list[str] = []
        for made in implementations:
            with Fence() as fence:
                found = [one for one in made.call() if isinstance(one, Metric)]
                self._shown += [(made.plugin, metric) for metric in found]
            if fence.error is not None:
                self.problems.append(
                    f"plugin {made.plugin} shows no numbers: {described(fence.error)}"
                )

    def read(self) -> dict[str, dict[str, dict[str, str | None]]]:
        """Return every number as it is now, as text, by plugin and name.

        One that can't be read is None.
        """
        found: dict[str, dict[str, dict[str, str | None]]] = {}
        for plugin, metric in self._shown:
            limit = None if metric.limit is None else str(metric.limit)
            row = {"value": self._value(metric), "unit": metric.unit, "limit": limit}
            found.setdefault(plugin, {})[metric.name] = row
        return found

    @staticmethod
    def _value(metric: Metric) -> str | None:
        value: Decimal | int | None = None
        with Fence():
            value = metric.read()
        return None if value is None else str(value)
