"""The base of every plugin, and the marks that make its methods hooks."""

from collections.abc import Callable
from os import environ
from pathlib import Path
from stat import S_IRWXG, S_IRWXO, S_ISDIR
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

import pluggy
from pydantic import BaseModel, ConfigDict, model_validator

from framework.errors import ConfigError

PROJECT: Final = "kalshi_framework"

hookspec: Final = pluggy.HookspecMarker(PROJECT)
_mark: Final = pluggy.HookimplMarker(PROJECT)
_Hook = TypeVar("_Hook", bound=Callable[..., Any])


def hookimpl(function: _Hook) -> _Hook:
    """Mark a method as the implementation of the hook of its name.

    Parameters are optional: name the ones you need.
    """
    return _mark(function)


class Secret(BaseModel):
    """A secret kept out of kalshi.toml: `{ env = "NAME" }` or `{ file = "PATH" }`.

    It is read at first use and never shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_not_plain(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError(  # noqa: TRY004 - pydantic reports ValueError as a setting's fault
                'is a secret: write { env = "NAME" } or { file = "PATH" }, never the value'
            )
        return value

    @model_validator(mode="after")
    def _has_one_source(self) -> "Secret":
        if (self.env is None) == (self.file is None):
            raise ValueError("needs exactly one of env and file")
        return self

    def read(self) -> bytes:
        """Return the secret.

        Raises:
            ConfigError: it is absent, or its file can be read by others.
        """
        if self.env is not None:
            value = environ.get(self.env)
            if not value:
                raise ConfigError(f"environment variable {self.env} is not set; export it")
            return value.encode()
        path = Path(self.file or "").expanduser()
        try:
            mode = path.stat().st_mode
            if S_ISDIR(mode):
                raise ConfigError(f"{path}: is a folder; name the file in it")
            if mode & (S_IRWXG | S_IRWXO):
                raise ConfigError(f"{path}: others can read this key file; run: chmod 600 {path}")
            return path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{path}: can't read this key file: {error.strerror}") from None

    def __repr__(self) -> str:
        return "Secret(...)"

    __str__ = __repr__


_PRIVATE: Final = vars(BaseModel)["__pydantic_private__"]
"""Where an instance keeps what a strategy remembers; None without private attributes."""


class Plugin(BaseModel):
    """A plugin: its fields are settings, its hookimpl methods are behaviour.

    Settings are frozen and unknown ones refused. Two plugins with equal settings are still two
    plugins, so equality is identity. Memory goes into private attributes (`_name`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    commands: ClassVar[tuple[str, ...]] = ()
    """The verbs `register_commands` adds; a literal, read from the source without importing it."""

    if not TYPE_CHECKING:  # a type checker would take any name for an attribute

        def __getattr__(self, name: str) -> Any:
            """Return a private attribute in a third of the time that pydantic takes."""
            try:
                return _PRIVATE.__get__(self)[name]
            except (AttributeError, KeyError, TypeError):
                return super().__getattr__(name)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)
