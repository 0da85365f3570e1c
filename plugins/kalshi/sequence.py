"""Whether a numbered subscription has lost anything.

Numbers count per subscription, over all its markets. Control messages take numbers too, as
recorded; because that is not promised, one that does not is accepted as well.
"""


class Sequence:
    """The numbers of one subscription."""

    __slots__ = ("_last", "_last_was_control")

    def __init__(self) -> None:
        self._last: int | None = None
        self._last_was_control = False

    def follows(self, seq: int | None) -> bool:
        """Take the number of a data message; False when a gap, repeat or swap is possible."""
        if seq is None:
            return True  # an unnumbered channel
        last = self._last
        if last is None or seq == last + 1:
            self._last, self._last_was_control = seq, False
            return True
        if seq == last and self._last_was_control:
            self._last_was_control = False  # so controls do not take numbers here
            return True
        self._last, self._last_was_control = max(last, seq), False
        return False

    def passes(self, seq: int | None) -> bool:
        """Take the number of a control message; False when something before it is missing."""
        if seq is None:
            return True
        last = self._last
        if last is not None and seq <= last:
            return True  # it repeats a number: it takes none
        self._last, self._last_was_control = seq, True
        return last is None or seq == last + 1
