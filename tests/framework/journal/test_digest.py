"""Equal digests mean equal decisions, whatever the run's ids."""

import subprocess
import sys
from dataclasses import dataclass

import msgspec
import pytest

from framework.journal import DecisionDigest
from framework.model.commands import AmendOrder, CancelOrder, QueryOrder, SubmitOrder, Subscribe
from framework.model.events import ClockTicked, StreamRestored
from framework.model.records import Record, Stage, Verdict
from framework.testing.builders import TICKER, order

VERDICT = Verdict(strategy="fade", ticker=TICKER, stage=Stage.RISK, plugin="limits", code="cost")


@dataclass
class Run:
    """The same decisions under other ids."""

    name: str

    def records(self):
        sent = order(client_order_id=f"{self.name}-1")
        amend = AmendOrder(
            client_order_id=f"{self.name}-1",
            order_id=f"at-{self.name}",
            order=sent,
            limit_e4=9_400,
            quantity_e2=500,
        )
        cancel = CancelOrder(
            client_order_id=f"{self.name}-1",
            order_id=f"at-{self.name}",
            ticker=TICKER,
            shard=0,
            reason="signal gone",
        )
        query = QueryOrder(client_order_id=f"{self.name}-1", order_id=None, ticker=TICKER)
        return [
            Record(event=ClockTicked(at_us=1), commands=(SubmitOrder(order=sent),)),
            Record(event=ClockTicked(at_us=2), commands=(amend, cancel), verdicts=(VERDICT,)),
            Record(event=ClockTicked(at_us=3), commands=(query, Subscribe(tickers=(TICKER,)))),
        ]


def digest(records):
    digest = DecisionDigest()
    for record in records:
        digest.update(record)
    return digest.hexdigest()


BASE = Record(event=ClockTicked(at_us=1), commands=(SubmitOrder(order=order()),))


def test_ids_do_not_count():
    assert digest(Run("one").records()) == digest(Run("two").records())


def test_records_without_a_decision_do_not_count():
    silent = Record(event=ClockTicked(at_us=9))

    assert digest([silent, BASE, silent]) == digest([BASE])


@pytest.mark.parametrize(
    "other",
    [
        Record(event=ClockTicked(at_us=1)),
        msgspec.structs.replace(BASE, event=ClockTicked(at_us=2)),
        msgspec.structs.replace(BASE, event=StreamRestored(at_us=1)),
        msgspec.structs.replace(BASE, verdicts=(VERDICT,)),
        msgspec.structs.replace(BASE, commands=(*BASE.commands, *BASE.commands)),
        msgspec.structs.replace(BASE, commands=(SubmitOrder(order=order(limit="0.94")),)),
        msgspec.structs.replace(BASE, commands=(SubmitOrder(order=order(strategy="x")),)),
        msgspec.structs.replace(BASE, commands=(Subscribe(tickers=()),)),
    ],
    ids=["none", "moment", "event", "verdict", "twice", "limit", "strategy", "command"],
)
def test_any_other_decision_counts(other):
    assert digest([other]) != digest([BASE])


def test_order_counts():
    one, two, three = Run("one").records()

    assert digest([one, two, three]) != digest([two, one, three])


def test_the_digest_of_nothing_is_that_of_nothing():
    assert digest([]) == DecisionDigest().hexdigest()


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_the_digest_does_not_depend_on_the_hash_seed(seed, project):
    program = (
        "from framework.journal import DecisionDigest\n"
        "from framework.model.commands import SubmitOrder\n"
        "from framework.model.events import ClockTicked\n"
        "from framework.model.records import Record\n"
        "from framework.testing.builders import order\n"
        "digest = DecisionDigest()\n"
        "command = SubmitOrder(order=order())\n"
        "digest.update(Record(event=ClockTicked(at_us=1), commands=(command,)))\n"
        "import sys; sys.stdout.write(digest.hexdigest())\n"
    )

    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout == digest([BASE])
