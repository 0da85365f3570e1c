"""The hidden belief: nobody can earn from it before costs."""

from random import Random  # noqa: TID251 - a seeded world is randomness by its seed

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.sandbox.worlds.walk import FLOOR, WHOLE, Walk

pytestmark = pytest.mark.slow  # walks thousands of times

RUNS = 1_000


def walked(seed, shares=(750_000, 250_000), steps=200, jump_odds=60):
    walk = Walk(Random(seed), list(shares), swing_e3=60, jump_odds=jump_odds)
    for _ in range(steps):
        walk.step()
    return walk


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 50))
def test_the_shares_stay_whole_and_above_the_floor(seed, outcomes, jump_odds):
    shares = [WHOLE // outcomes] * (outcomes - 1)
    walk = walked(seed, [*shares, WHOLE - sum(shares)], steps=60, jump_odds=jump_odds)

    assert sum(walk.shares) == WHOLE
    assert min(walk.shares) >= FLOOR


def test_a_share_stays_in_the_mean_where_it_started():
    mean = sum(walked(seed).shares[0] for seed in range(RUNS)) / RUNS

    assert abs(mean - 750_000) < 20_000


def test_a_favourite_wins_about_as_often_as_its_share_says():
    believed = won = 0
    for seed in range(RUNS):
        walk = walked(seed)
        if walk.shares[0] >= 850_000:
            believed += walk.shares[0]
            won += walk.draw() == 0

    assert abs(won * WHOLE - believed) < 0.04 * believed


def test_a_jump_lifts_a_favourite_a_little_or_drops_it_far():
    moves = [
        walked(seed, (920_000, 80_000), steps=1, jump_odds=1).shares[0] - 920_000
        for seed in range(500)
    ]

    assert min(moves) < -200_000
    assert 0 < max(moves) < 40_000
    assert sum(move > 0 for move in moves) > 5 * sum(move < 0 for move in moves)


def test_one_seed_walks_one_way():
    assert walked(7).shares == walked(7).shares
    assert walked(7).shares != walked(8).shares
