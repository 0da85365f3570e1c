"""What really is likely: the hidden state behind the markets of one seeded event.

The state is a share of belief per outcome. Every move takes from one outcome what it gives to
another, and is as likely to help as to hurt in the mean, so each share is a martingale: a market
quoted at 0.90 wins nine times in ten, and no rule on prices alone earns anything before costs.
All in integers, so that every machine walks the same way.
"""

from random import Random  # noqa: TID251 - a seeded world is randomness by its seed
from typing import Final

WHOLE: Final = 1_000_000
"""All shares together."""
FLOOR: Final = 3_000
"""No outcome is ever less likely than 0.3 %: nobody quotes a certainty before the result."""


class Walk:
    """Shares of belief that wander, jump now and then, and decide the result at the end."""

    __slots__ = ("_jump_odds", "_rng", "_swing_e3", "shares")

    def __init__(self, rng: Random, shares: list[int], swing_e3: int, jump_odds: int) -> None:
        """Start a walk.

        Args:
            rng: The event's own generator.
            shares: The first shares, at least two, adding up to `WHOLE`.
            swing_e3: How far a step goes at most, in thousandths of what the pair can bear.
            jump_odds: One step in so many is a jump.
        """
        self.shares = shares
        self._rng = rng
        self._swing_e3 = swing_e3
        self._jump_odds = jump_odds

    def step(self) -> None:
        """Move belief between two outcomes."""
        rng, shares = self._rng, self.shares
        giver, taker = rng.sample(range(len(shares)), 2)
        if rng.randrange(self._jump_odds) == 0:
            moved = self._jump(shares[giver], shares[taker])
        else:
            bear = shares[giver] * shares[taker] // (shares[giver] + shares[taker])
            reach = min(bear * self._swing_e3 // 1_000, self._room(giver), self._room(taker))
            moved = rng.randint(-reach, reach)
        shares[giver] -= moved
        shares[taker] += moved

    def draw(self) -> int:
        """Return the outcome that comes true, each as likely as its share says."""
        drawn = self._rng.randrange(WHOLE)
        for outcome, share in enumerate(self.shares):
            drawn -= share
            if drawn < 0:
                return outcome
        raise AssertionError("shares add up to less than the whole")

    def _room(self, outcome: int) -> int:
        return max(0, self.shares[outcome] - FLOOR)

    def _jump(self, giver: int, taker: int) -> int:
        """Return a jump whose mean is zero: a favourite rises a little or falls far."""
        rng = self._rng
        gain = rng.randint(0, max(0, giver - FLOOR) * 2 // 5)
        loss = rng.randint(0, max(0, taker - FLOOR) * 2 // 5)
        if not gain or not loss:
            return 0
        return gain if rng.randrange(gain + loss) < loss else -loss
