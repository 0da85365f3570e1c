"""A mistyped verb is answered with the one that was meant."""

import click
import pytest

from framework.cli.suggesting import Suggesting


@click.group(cls=Suggesting)
def group():
    """Hold two verbs."""


@group.command()
def verify():
    """Do nothing."""


@group.command()
def show():
    """Do nothing either."""


def call(*arguments):
    return group.main(list(arguments), standalone_mode=False)


def refusal(*arguments):
    with pytest.raises(click.UsageError) as caught:
        call(*arguments)
    return caught.value.message


def test_a_verb_of_the_group_is_called():
    assert call("show") is None


def test_a_near_miss_is_named():
    assert refusal("verfy") == "no verb 'verfy'; did you mean \"verify\"?"


def test_a_name_unlike_any_verb_points_to_the_help():
    assert refusal("zzz") == "no verb 'zzz'; --help lists them"


def test_an_unknown_option_stays_one():
    assert "No such option" in refusal("--versoin")
