"""What makes a class a plugin, and how secrets stay out of settings and logs."""

from decimal import Decimal

import pluggy
import pytest
from pydantic import ValidationError

from framework import Plugin, Price, Secret, hookimpl
from framework.errors import ConfigError
from framework.plugin import PROJECT


class Cheap(Plugin):
    below: Price = Decimal("0.10")

    @hookimpl
    def filter_market(self, market):
        return None


class Guarded(Plugin):
    key: Secret


def test_two_plugins_with_equal_settings_are_two_plugins():
    first, second = Cheap(), Cheap()

    assert first != second
    assert len({first, second}) == 2


def test_pluggy_registers_two_instances_of_one_class():
    registry = pluggy.PluginManager(PROJECT)
    first, second = Cheap(), Cheap()
    registry.register(first, "first")
    registry.register(second, "second")

    assert registry.get_plugin("first") is first
    assert registry.get_plugin("second") is second


def test_a_setting_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Cheap().below = Decimal("0.20")


def test_an_unknown_setting_is_refused():
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Cheap(belo=Decimal("0.20"))


def test_a_float_is_no_setting():
    with pytest.raises(ValidationError, match="exact decimal"):
        Cheap(below=0.2)


def test_marks_a_method_as_a_hook():
    assert hasattr(Cheap.filter_market, f"{PROJECT}_impl")


def test_a_plain_text_secret_is_refused_and_not_repeated():
    with pytest.raises(ValidationError, match="never the value") as refusal:
        Guarded(key="hunter2")

    assert "hunter2" not in refusal.value.errors(include_input=False)[0]["msg"]


@pytest.mark.parametrize("terms", [{}, {"env": "A", "file": "b"}])
def test_a_secret_has_exactly_one_source(terms):
    with pytest.raises(ValidationError, match="exactly one of env and file"):
        Secret(**terms)


def test_reads_a_secret_from_the_environment(monkeypatch):
    secret = Secret(env="MY_KEY")
    monkeypatch.setenv("MY_KEY", "hunter2")

    assert secret.read() == b"hunter2"


def test_names_a_variable_that_is_not_set(monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)

    with pytest.raises(ConfigError, match="environment variable MY_KEY is not set"):
        Secret(env="MY_KEY").read()


def test_reads_a_secret_file_that_only_its_owner_can_read(tmp_path):
    file = tmp_path / "key.pem"
    file.write_bytes(b"hunter2\n")
    file.chmod(0o600)

    assert Secret(file=file).read() == b"hunter2\n"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610])
def test_refuses_a_secret_file_that_others_can_use(tmp_path, mode):
    file = tmp_path / "key.pem"
    file.write_bytes(b"hunter2\n")
    file.chmod(mode)

    with pytest.raises(ConfigError, match="chmod 600"):
        Secret(file=file).read()


def test_names_a_secret_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.pem: can't read this key file"):
        Secret(file=tmp_path / "absent.pem").read()


def test_a_folder_is_no_secret(tmp_path):
    with pytest.raises(ConfigError, match="is a folder; name the file in it"):
        Secret(file=tmp_path).read()


def test_a_secret_is_never_shown(monkeypatch):
    monkeypatch.setenv("MY_KEY", "hunter2")
    plugin = Guarded(key=Secret(env="MY_KEY"))
    plugin.key.read()

    assert "hunter2" not in f"{plugin!r} {plugin} {plugin.key!r} {plugin.key}"
