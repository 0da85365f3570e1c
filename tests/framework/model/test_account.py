import msgspec
import pytest
from hypothesis import given

from framework.model import account
from framework.model.account import Account, Balances, Rows

LISTS = Account.__struct_fields__


def test_the_total_is_the_cash_of_every_shard():
    balances = Balances(as_of_us=1, complete=True, rows=((0, 5_000_000), (2, 1), (3, -7)))

    assert balances.total_e6 == 4_999_994


def test_no_shard_is_no_cash():
    assert Balances(as_of_us=1, complete=True, rows=()).total_e6 == 0


def test_every_list_says_how_far_it_can_be_trusted():
    lists = [
        kind for kind in vars(account).values() if isinstance(kind, type) and issubclass(kind, Rows)
    ]

    assert len(lists) == len(LISTS) + 1
    for kind in lists:
        required = {field.name for field in msgspec.structs.fields(kind) if field.required}
        assert required >= {"as_of_us", "complete"}


@pytest.mark.parametrize("name", LISTS)
def test_none_of_them_may_be_left_out(name):
    field = next(field for field in msgspec.structs.fields(Account) if field.name == name)

    assert field.required


def test_a_journal_gives_it_back_as_it_was(values):
    @given(values(Account))
    def is_given_back(told: Account) -> None:
        assert msgspec.json.decode(msgspec.json.encode(told), type=Account) == told

    is_given_back()
