"""Whether a numbered subscription has lost anything.

Numbers count per subscription, over all its markets. Control messages and answers to
`get_snapshot` take numbers too, as recorded; because that is not promised, those that repeat the
last number are accepted as well, and once they have been seen to repeat, one that runs ahead of
the data tells of a loss.
"""

from typing import Final

CONTROL: Final = "control"
"""What an answer to a command is; it says nothing about a book."""
REPLY: Final = "reply"
"""What a snapshot that was asked for is."""
_CONTENT: Final = ""


class Sequence:
    """The numbers of one subscription."""

    __slots__ = ("_counted", "_last", "_last_kind", "_repeats")

    def __init__(self, repeats: set[str] | None = None) -> None:
        """Set up; `repeats` holds which kinds take no numbers, learned for all subscriptions."""
        self._last: int | None = None
        self._last_kind = _CONTENT
        self._repeats = set() if repeats is None else repeats
        self._counted: set[str] = set()
        """The kinds that were believed to take a number, rightly or not."""

    def follows(self, seq: int | None, count: int = 1) -> bool:
        """Take the number of a data message; False when a gap, repeat or swap is possible.

        With a `count` it is the first of so many messages whose numbers are in a row.
        """
        if seq is None:
            return True  # an unnumbered channel
        last, newest = self._last, seq + count - 1
        if last is None or seq == last + 1:
            self._last, self._last_kind = newest, _CONTENT
            return True
        # After a control message the same number is fair: so controls do not take numbers here.
        is_fair = seq == last and self._last_kind is CONTROL
        self._last, self._last_kind = max(last, newest), _CONTENT
        return is_fair

    def passes(self, seq: int | None, kind: str = CONTROL) -> bool:
        """Take the number of a message aside; False when something before it is missing."""
        if seq is None:
            return True
        last = self._last
        if last is not None and seq <= last:
            if seq < last or self._last_kind is kind:
                return True  # it comes late, or twice
            self._repeats.add(kind)
            if kind not in self._counted:
                return True
            self._counted.discard(kind)
            return False  # the number it was believed to take belonged to something else
        in_turn = last is None or (seq == last + 1 and kind not in self._repeats)
        self._last, self._last_kind = seq, kind if in_turn else _CONTENT
        if in_turn and last is not None:
            self._counted.add(kind)
        return in_turn

    def is_past(self, seq: int | None) -> bool:
        """Return whether later numbers have come, so that what this one says is out of date."""
        return seq is not None and self._last is not None and seq < self._last
