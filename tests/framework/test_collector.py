"""The collector leaves a run alone, and is as it was when the run is over."""

import gc
from contextlib import suppress
from itertools import repeat

import pytest

from framework.collector import FELT, THRESHOLDS, Collector, rare_collections


@pytest.fixture
def frozen_before():
    gc.collect()
    yield gc.get_freeze_count()
    gc.unfreeze()


def collected(collector, generation=2):
    for phase in ("start", "stop"):
        collector.watch(phase, {"generation": generation, "collected": 0, "uncollectable": 0})


def stopwatch(*readings):
    return iter(readings).__next__


def test_it_looks_rarely_while_a_run_trades():
    with rare_collections():
        assert gc.get_threshold() == THRESHOLDS


def test_it_comes_by_itself_once_start_up_is_over():
    with rare_collections() as collector:
        starting = gc.isenabled()
        collector.set_aside()
        listing = gc.isenabled()
        collector.freeze()

        assert (starting, listing, gc.isenabled()) == (False, False, True)


def test_what_is_set_aside_is_not_looked_at_again(frozen_before):
    kept = [[number] for number in range(1_000)]
    with rare_collections() as collector:
        collector.set_aside()

        assert not any(one is kept for one in gc.get_objects())


def test_what_was_imported_is_not_looked_at(frozen_before):
    with rare_collections():
        assert gc.get_freeze_count() > frozen_before


@pytest.mark.parametrize("fails", [False, True])
def test_it_is_left_as_it_was(fails):
    before = gc.get_threshold(), gc.get_freeze_count(), list(gc.callbacks), gc.isenabled()
    with suppress(OSError), rare_collections() as collector:
        collector.freeze()
        if fails:
            raise OSError

    now = gc.get_threshold(), gc.get_freeze_count(), list(gc.callbacks), gc.isenabled()
    assert now == before


def test_what_start_up_left_is_not_looked_at_again(frozen_before):
    kept = [[number] for number in range(1_000)]
    with rare_collections() as collector:
        collector.freeze()

        assert gc.get_freeze_count() >= frozen_before + len(kept)
        assert not any(one is kept for one in gc.get_objects())


def test_what_survives_a_collection_that_is_felt_is_frozen(frozen_before):
    collector = Collector(stopwatch(0.0, FELT * 2))
    collector.freeze()
    kept = [[number] for number in range(1_000)]
    before = gc.get_freeze_count()
    collected(collector)

    assert gc.get_freeze_count() >= before + len(kept)


@pytest.mark.parametrize(("generation", "seconds"), [(2, FELT / 2), (1, FELT * 2)])
def test_another_collection_freezes_nothing(frozen_before, generation, seconds):
    collector = Collector(stopwatch(0.0, *repeat(seconds, 1)))
    collector.freeze()
    before = gc.get_freeze_count()
    collected(collector, generation)

    assert gc.get_freeze_count() <= before


def test_nothing_is_frozen_before_start_up_is_over(frozen_before):
    collected(Collector(stopwatch(0.0, FELT * 2)))

    assert gc.get_freeze_count() == frozen_before
