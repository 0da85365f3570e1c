"""What a stranger's code did wrong, in words; and a fence around code that may do it.

Used where a plugin's failure must not take down what surrounds it: on the decision line, while
modules are imported, while verbs are listed.
"""

import re
from pathlib import Path
from traceback import format_exception_only
from types import TracebackType
from typing import Final, Self

from framework.errors import FrameworkError, PluginError

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")
_OURS: Final = str(Path(__file__).parent)


def described(error: BaseException) -> str:
    """Return what went wrong and where, without addresses: a replay has to read the same."""
    what = _ADDRESS.sub("", format_exception_only(error)[-1].strip())
    place = ""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{what} ({error.filename.rpartition('/')[2]}:{error.lineno})"
    step = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if not file.startswith((_OURS, "<")):  # `<string>`: made at run time, nobody's line
            place = f" ({file.rpartition('/')[2]}:{step.tb_lineno})"
        step = step.tb_next
    return what + place


class Fence:
    """A `with` block that keeps whatever a stranger's code raises, except Ctrl-C.

    Attributes:
        error: What was raised inside, or None.
    """

    def __init__(self) -> None:
        self.error: BaseException | None = None

    @property
    def raised(self) -> BaseException:
        """What was raised, where the code after the block is only reached because of it."""
        return self.error or RuntimeError("nothing was raised")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self.error = error
        return error is not None and not isinstance(error, KeyboardInterrupt)


def causes(error: BaseException) -> list[BaseException]:
    """Return what task groups wrapped, the nearest to the surface first; or the error itself."""
    flat: list[BaseException] = []
    waiting = [error]
    while waiting:
        first = waiting.pop(0)
        if isinstance(first, BaseExceptionGroup):
            waiting.extend(first.exceptions)
        else:
            flat.append(first)
    return flat


class Naming:
    """A `with` block around a plugin's code outside the line: what it raises names the plugin.

    Our own errors pass as they are, because they say already who can fix them; so do Ctrl-C and
    cancellation. A plugin with tasks of its own raises a group: it counts as what it holds.

    Attributes:
        paused: Set while code of ours runs inside the block.

    Raises:
        PluginError: the plugin's code raised anything else.
    """

    def __init__(self, plugin: str, hook: str) -> None:
        self._plugin = plugin
        self._hook = hook
        self.paused = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.paused or not isinstance(error, Exception) or isinstance(error, FrameworkError):
            return
        held = causes(error)
        for one in held:
            if isinstance(one, FrameworkError):
                raise one from error
        raise PluginError(self._plugin, self._hook, described(held[0])) from error
