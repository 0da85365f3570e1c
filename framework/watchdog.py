"""Ends the process when a batch never returns: the one fault no exception reports.

A thread of its own looks every quarter of the limit whether the line is still in the batch it
was in before. It counts looks instead of reading a clock, so that virtual time does not matter
and a process that was suspended is not mistaken for one that hangs.

Code that never lets go of the interpreter (a pathological regular expression, say) stops this
thread too. For that case faulthandler, which needs no interpreter, is armed with ten times the
limit.
"""

import contextlib
import faulthandler
import os
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread, get_ident
from types import FrameType
from typing import Final, TextIO

from framework.quarantine import put_into_quarantine

EXIT_CODE: Final = os.EX_SOFTWARE
"""70, as `framework.cli.exits` lists it."""
STACK_NAME: Final = "stuck.txt"
_LOOKS: Final = 4
_BACKSTOP: Final = 10


class Watchdog:
    """Watches the thread it was made in.

    Attributes:
        in_hand: Names the plugin that a stack is inside of, given its innermost frame.
        on_stuck: Called before the process ends: closes the sockets.
    """

    def __init__(
        self,
        folder: Path,
        limit: float,
        *,
        in_hand: Callable[[FrameType | None], str | None] = lambda _: None,
        on_stuck: Callable[[], None] = lambda: None,
        end: Callable[[int], None] = os._exit,
    ) -> None:
        """Watch from `start` on.

        Args:
            folder: The run's folder; the list of quarantined plugins lies beside it.
            limit: Seconds of real time a batch may take.
            in_hand: The pipeline's, which knows its own frames.
            on_stuck: What has to be closed.
            end: Ends the process with a code.
        """
        self.in_hand = in_hand
        self.on_stuck = on_stuck
        self._folder = folder
        self._limit = limit
        self._end = end
        self._watched = get_ident()
        self._busy = False
        self._batch = 0
        self._over = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin to look.

        The backstop is armed here and not in the thread, which may not get a turn before code
        that never lets go of the interpreter.
        """
        stack = (self._folder / STACK_NAME).open("w", encoding="utf-8")
        self._arm(stack)
        self._thread = Thread(target=self._watch, args=(stack,), name="watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more; harmless when it never started."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def enter(self) -> None:
        """Say that a batch begins."""
        self._batch += 1
        self._busy = True

    def leave(self) -> None:
        """Say that it is done."""
        self._busy = False

    def _arm(self, stack: TextIO) -> None:
        faulthandler.dump_traceback_later(_BACKSTOP * self._limit, exit=True, file=stack)

    def _watch(self, stack: TextIO) -> None:
        pause = self._limit / _LOOKS
        with stack:
            seen, looks = 0, 0
            while not self._over.wait(pause):
                self._arm(stack)
                looks = looks + 1 if self._busy and self._batch == seen else 0
                seen = self._batch
                if looks >= _LOOKS:
                    self._give_up(stack)
                    break
            faulthandler.cancel_dump_traceback_later()
        if not self._over.is_set():
            return
        (self._folder / STACK_NAME).unlink(missing_ok=True)

    def _give_up(self, stack: TextIO) -> None:
        """Leave what the next start and its author need, and end: whatever fails, it ends."""
        try:
            plugin = self.in_hand(sys._current_frames().get(self._watched))  # noqa: SLF001 - the only way to see another thread's stack
            with contextlib.suppress(OSError):
                stack.write(f"{plugin or 'no plugin'} did not return for {self._limit} s\n")
                stack.flush()
                faulthandler.dump_traceback(stack, all_threads=True)
            if plugin is not None:
                reason = f"did not return for {self._limit} s in {self._folder.name}"
                put_into_quarantine(self._folder.parent, plugin, reason)
            self.on_stuck()
        finally:
            self._end(EXIT_CODE)
