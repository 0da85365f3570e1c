from framework.exchange import Capabilities
from plugins.kalshi.codec import MOST_SURPRISES, Codec, Drift
from plugins.kalshi.codec.fixed_point import FixedPoint


def test_the_fixed_point_dialect_satisfies_the_protocol():
    codec: Codec = FixedPoint()

    assert codec.capabilities == Capabilities(
        amend=True,
        immediate_or_cancel=True,
        reduce_only=True,
        post_only=True,
        client_order_ids=True,
        fills_by_rest=True,
        fractional_quantities=True,
    )


def test_drift_counts_every_surprise():
    drift = Drift()

    drift.count("order: unknown status frozen")
    drift.count("order: unknown status frozen")

    assert drift.counters == {"order: unknown status frozen": 2}


def test_drift_keeps_the_names_of_the_last_failures_only():
    drift = Drift()

    for number in range(150):
        drift.fail("market", f"M-{number}", "no status")

    assert drift.counters == {"market: unreadable": 150}
    assert len(drift.failures) == 100
    assert drift.failures[-1] == "market M-149: no status"


def test_drift_has_an_end_to_the_names_it_keeps():
    drift = Drift()

    for number in range(MOST_SURPRISES + 5):
        drift.count(f"market: unknown field {number}")

    assert len(drift.counters) == MOST_SURPRISES + 1
    assert drift.counters["others"] == 5
