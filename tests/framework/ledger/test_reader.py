from framework.ledger import read_ledger
from framework.ledger.reader import holders
from framework.model.orders import OrderState
from framework.testing.builders import NOW_US, order


def test_a_reader_sees_what_the_running_bot_commits(ledger, path):
    reader = read_ledger(path)
    before = reader.read("main", "run", NOW_US)
    ledger.commit_intents([order()], NOW_US)
    after = reader.read("main", "run", NOW_US)
    reader.close()

    assert before.orders == ()
    assert [(known.order, known.state) for known in after.orders] == [(order(), OrderState.PENDING)]


def test_a_reader_names_the_accounts(ledger, opened, path):
    ledger.close()
    opened(account="another", run_id="another").close()
    reader = read_ledger(path)
    accounts = reader.accounts()
    reader.close()

    assert accounts == ["another", "main"]


def test_a_ledger_that_was_closed_can_be_read(ledger, path):
    ledger.record_opening(5, NOW_US)
    ledger.close()
    reader = read_ledger(path)
    read = reader.read("main", "run", NOW_US)
    reader.close()

    assert read.read.opening_cash_e6 == 5


def test_a_holder_that_has_not_said_who_it_is_is_called_so(tmp_path, opened, path):
    opened(lock=False)

    assert holders(path) == "a process that has not said who it is"
    assert holders(tmp_path / "absent") == "a process that has not said who it is"
