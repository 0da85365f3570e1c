"""When the garbage collector looks, and at what: rarely, and never at what is there to stay.

Python's collector exists for cycles, and the line makes none: events, records, markets, orders
and views are structs without one. But a full collection looks at everything that is alive, and
with 100,000 markets that stops trading for a fifth of a second. So what start-up leaves is
frozen: the collector never looks at it again. It is freed as ever when nobody refers to it;
only a cycle in it would stay. While a run starts the collector does not come by itself: whoever
lists many markets sets them aside, part by part, so that none is looked at twice.

A run grows, too: markets are listed, orders sent. Once a full collection has had enough to look
at to be felt, whatever survived it is frozen as well. What it found no use for is gone by then,
so all that can be lost is a cycle that was alive at that moment and died later.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from framework.clock import stopwatch

THRESHOLDS: Final = (1_000, 5, 10)
"""New objects before a young collection, young before a middle one, middle before a full one.

A little rarer than Python's 700, 10, 10, and the middle one, which looks at what survived, sooner:
at 5,000 objects at the most it is not felt.
"""
FELT: Final = 0.002
"""Seconds after which a full collection has had too much to look at."""


class Collector:
    """The collector while a run trades."""

    def __init__(self, elapsed: Callable[[], float]) -> None:
        """Time collections with a stopwatch of real time."""
        self._elapsed = elapsed
        self._started = 0.0
        self._frozen = False

    def set_aside(self) -> None:
        """Let what there is now out of every collection from here on."""
        gc.collect()
        gc.freeze()

    def freeze(self) -> None:
        """Set aside what start-up left, and let the collector come by itself from here on."""
        self.set_aside()
        self._frozen = True
        gc.enable()

    def watch(self, phase: str, told: dict[str, Any]) -> None:
        """Freeze what survived a full collection that was felt; a `gc.callbacks` entry."""
        if phase == "start":
            self._started = self._elapsed()
        elif self._frozen and told["generation"] == 2 and self._elapsed() - self._started > FELT:
            gc.freeze()


@contextmanager
def rare_collections() -> Iterator[Collector]:
    """Let the collector look rarely, and leave it as it was in the end."""
    collector = Collector(stopwatch())
    before, enabled = gc.get_threshold(), gc.isenabled()
    gc.freeze()  # what was imported is there to stay
    gc.disable()
    gc.set_threshold(*THRESHOLDS)
    gc.callbacks.append(collector.watch)
    try:
        yield collector
    finally:
        gc.callbacks.remove(collector.watch)
        gc.set_threshold(*before)
        gc.unfreeze()
        if enabled:
            gc.enable()
