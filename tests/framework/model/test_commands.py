from typing import get_args

import msgspec
import pytest
from hypothesis import given

from framework.model import commands
from framework.model.commands import AnyCommand, Command

KINDS = get_args(AnyCommand)
JSON = msgspec.json.Decoder(AnyCommand)


def test_the_set_is_closed():
    made = {
        kind
        for kind in vars(commands).values()
        if isinstance(kind, type) and issubclass(kind, Command)
    }

    assert set(KINDS) == made - {Command}


@pytest.mark.parametrize("kind", KINDS)
def test_a_journal_gives_it_back_as_it_was(kind, values):
    @given(values(kind))
    def is_given_back(command: AnyCommand) -> None:
        assert JSON.decode(msgspec.json.encode(command)) == command

    is_given_back()


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_not_be_changed(kind):
    assert kind.__struct_config__.frozen
