"""The cases for an exchange that nobody can move ask for nobody who could."""

import pytest

from framework.exchange import Accepted
from framework.model.account import RemoteStatus
from framework.testing.conformance import cases_for, expect, quiet_market, tidy_up
from plugins.kalshi.codec.cents import Cents
from plugins.kalshi.codec.fixed_point import FixedPoint

ROWS = [
    pytest.param(case, dialect, id=f"{dialect}-{case}")
    for dialect, codec in (("fixed-point", FixedPoint()), ("cents", Cents()))
    for case in cases_for(codec.capabilities, alone=True)
]


@pytest.mark.parametrize(("case", "dialect"), ROWS)
def test_a_case_marked_alone_needs_nobody_to_move_the_exchange(case, dialect, play):
    play(case, dialect, is_alone=True)


def test_a_case_that_moves_the_exchange_says_so_where_nobody_can(play, case_of):
    with pytest.raises(LookupError, match="marked alone asked for market"):
        play(case_of("D02"), "fixed-point", is_alone=True)


@pytest.mark.parametrize("dialect", ["fixed-point", "cents"])
def test_a_market_in_which_an_order_rests_is_found(play, dialect):
    async def finds(bench):
        expect(await quiet_market(bench) == bench.plain, "the one that bids YES at 0.90")

    play(finds, dialect, is_alone=True)


def test_what_a_case_left_in_the_book_is_cancelled_and_nothing_else(play):
    async def leaves(bench):
        left, other = bench.order(), bench.order()
        bench.name = "somebody"
        kept = bench.order()
        bench.name = "conformance"
        outcomes = await bench.exchange.submit([left, other, kept])
        await tidy_up(bench)

        expect(all(isinstance(one, Accepted) for one in outcomes), "three orders")
        expect(bench.remote(left).status is RemoteStatus.CANCELLED, "the first cancelled")
        expect(bench.remote(other).status is RemoteStatus.CANCELLED, "the second cancelled")
        expect(bench.remote(kept).status is RemoteStatus.OPEN, "somebody's kept")

    play(leaves, "fixed-point")
