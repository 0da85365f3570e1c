from decimal import Decimal

from framework.compiled import Implementation
from framework.metrics import Metric, Metrics


def shown(plugin, *metrics):
    return Implementation(plugin, "register_metrics", lambda: metrics)


def broken(plugin):
    def call():
        raise RuntimeError("no gauge")

    return Implementation(plugin, "register_metrics", call)


def test_a_number_is_read_when_somebody_looks():
    values = [1]
    metrics = Metrics([shown("a", Metric(name="n", unit="count", read=lambda: values[-1]))])
    values.append(2)

    assert metrics.read() == {"a": {"n": {"value": "2", "unit": "count", "limit": None}}}


def test_numbers_are_exact_and_may_be_missing():
    age = Metric(name="age", unit="s", read=lambda: Decimal("0.0125"), limit=Decimal("0.05"))
    none = Metric(name="none", unit="s", read=lambda: None)

    rows = Metrics([shown("a", age, none)]).read()["a"]
    assert (rows["age"]["value"], rows["age"]["limit"]) == ("0.0125", "0.05")
    assert rows["none"]["value"] is None


def test_a_plugin_that_fails_is_left_out_and_named():
    metrics = Metrics([broken("bad"), shown("good", Metric(name="n", unit="s", read=lambda: 1))])

    assert list(metrics.read()) == ["good"]
    [problem] = metrics.problems
    assert problem.startswith("plugin bad shows no numbers: RuntimeError: no gauge")


def test_a_number_that_can_not_be_read_is_missing():
    def read():
        raise ValueError

    rows = Metrics([shown("a", Metric(name="n", unit="s", read=read))]).read()

    assert rows["a"]["n"]["value"] is None
