"""kalshi.toml, read and checked: every fault at once, each with file, table and key.

The tables of plugins are taken as they stand here; the loader checks them against their
classes. Numbers with a point arrive as `Decimal`: a float never exists.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from framework.errors import ConfigError
from framework.model.units import Duration, to_duration
from framework.run import Mode
from framework.validation import near_miss, shown, unsaid, validated

CONFIG_NAME: Final = "kalshi.toml"
PACKAGED_NAME: Final = "the packaged default"
PLUGINS: Final = "plugins"
STRATEGIES: Final = "strategies"
RESERVED: Final = ("enabled", "use", "for")
"""Keys of a plugin's table that belong to the framework."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_CLASS: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_WHERE: Final = re.compile(
    r"^(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|.*)\)$"
)
_TWICE: Final = ("Cannot overwrite", "Cannot declare", "Cannot redefine", "Duplicate inline")
_NOT_PLAIN: Final = 'is a secret: write { env = "NAME" } or { file = "PATH" }, never the value'
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_Span: TypeAlias = Annotated[Duration, Field(gt=timedelta(0))]


def _class_path(text: str) -> str:
    if not _CLASS.fullmatch(text):
        raise ValueError(f'must be "module:Class" (was {shown(text)})')
    return text


class FrameworkSettings(BaseModel):
    """The table `[framework]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode = Field(default=Mode.SANDBOX, description="Where orders go.")
    runs_dir: Path = Field(
        default=Path("runs"),
        description="Folder of the runs, relative to the project's.",
    )
    ledger: str | None = Field(
        default=None, description="URL of the durable store; without it a SQLite file in runs_dir."
    )
    durability: Literal["process", "full"] = Field(
        default="process", description="What a committed intent survives: a kill, or a power cut."
    )
    tick_every: _Span = Field(
        default=to_duration("1s"), description="How often passing time is an event."
    )
    refilter_every: _Span = Field(
        default=to_duration("10s"), description="How often market filters are asked again."
    )
    scan_every: _Span = Field(
        default=to_duration("60s"), description="How often the exchange's list of markets is read."
    )
    audit_every: _Span = Field(
        default=to_duration("60s"),
        description="How often our books are checked against the account.",
    )
    good_for: _Span = Field(
        default=to_duration("5m"),
        description="How long an entry rests if its signal does not say.",
    )
    reprice_after: Duration = Field(
        default=to_duration("5s"),
        description="The least time between two prices of one entry.",
    )
    keep_remainder: bool = Field(
        default=True, description="Whether the rest of a partly filled entry goes on working."
    )
    plugin_faults_limit: int = Field(
        default=10, ge=1, description="Faults after which a plugin is not asked any more."
    )
    plugin_overruns_limit: int = Field(
        default=3, ge=1, description="Overruns in a row after which a plugin is not asked any more."
    )
    hook_budget: _Span = Field(
        default=to_duration("50ms"), description="The most time one decision hook may take."
    )
    plugin_stuck_after: _Span = Field(
        default=to_duration("10s"),
        description="A hook that has not returned by then ends the process; its plugin is named.",
    )


@dataclass(frozen=True)
class PluginTable:
    """One table `[plugins.NAME]` or `[strategies.NAME]`, its own settings not yet checked."""

    kind: str
    """`plugins` or `strategies`."""
    name: str
    enabled: bool = True
    use: str | None = None
    for_: tuple[str, ...] = ()
    """The strategies a shared plugin speaks for; empty is all of them."""
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The table's dotted name."""
        return f"{self.kind}.{self.name}"


@dataclass(frozen=True)
class Settings:
    """A whole kalshi.toml; `problems` is what was wrong with it."""

    framework: FrameworkSettings
    tables: tuple[PluginTable, ...]
    """In the order of the file."""
    root: Path
    """The project's folder: where its own plugins and strategies are."""
    path: Path | None
    """The file; None when the packaged default runs."""
    packaged: Mapping[str, Any]
    """What each mode adds, and the plugins that are on without a table."""
    problems: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """What to call the file in a message."""
        return PACKAGED_NAME if self.path is None else self.path.name

    @property
    def runs_dir(self) -> Path:
        """The folder of the runs."""
        return self.root / self.framework.runs_dir.expanduser()

    def table(self, name: str) -> PluginTable | None:
        """Return the table of this name, or None."""
        return next((table for table in self.tables if table.name == name), None)

    def on_without_table(self) -> dict[str, str]:
        """Return the plugins that need no table, each with why it is on."""
        mode = self.framework.mode
        added = dict.fromkeys(self.packaged["modes"].get(mode, ()), f"mode {mode}")
        return added | dict.fromkeys(self.packaged["defaults"], "default")


def packaged_default() -> str:
    """Return the text of the kalshi.toml that runs when there is none."""
    return resources.files("framework").joinpath("default.toml").read_text("utf-8")


def read_settings(
    path: Path | None = None,
    *,
    root: Path | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Read a kalshi.toml, or the packaged default when there is none.

    Args:
        path: The file; without it `kalshi.toml` in `root`, if that exists.
        root: The project's folder; by default the file's own, else the present one.
        overrides: Values of the command line by dotted key, such as `framework.mode`.

    Returns:
        Settings with their problems listed; the loader adds those of the plugins' own settings.

    Raises:
        ConfigError: the file can't be read or is not TOML, so nothing else can be said.
    """
    folder = root or (path.parent if path else Path.cwd())
    found = path or (folder / CONFIG_NAME if (folder / CONFIG_NAME).exists() else None)
    name = found.name if found else PACKAGED_NAME
    document = _parse(_text(found) if found else packaged_default(), name)
    for key, value in (overrides or {}).items():
        _put(document, key.split("."), value)
    problems: list[str] = []
    problems += _unsound_values(document)
    framework = _framework(document.pop("framework", {}), problems)
    tables = tuple(_tables(document, problems))
    return Settings(
        framework=framework,
        tables=tables,
        root=folder.resolve(),
        path=found,
        packaged=tomllib.loads(resources.files("framework").joinpath("modes.toml").read_text()),
        problems=tuple(f"{name}: {line}" for line in dict.fromkeys(problems)),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: can't read this file: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path.name}: byte {error.start} is not UTF-8: save it as UTF-8"
        ) from None


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: {_worded(str(error), text)}") from None


def _worded(message: str, text: str) -> str:
    """Return a syntax error with its line first; a name that stands twice is named."""
    found = _WHERE.match(message)
    what = found["what"] if found else message
    if found is None or found["line"] is None:
        return f"end of file: {what[:1].lower()}{what[1:]}"
    line, column = int(found["line"]), int(found["column"])
    if what.startswith(_TWICE):
        written = text.splitlines()[line - 1].split("=")[0].strip()
        return f"line {line}: {written} stands twice: keep one of them"
    return f"line {line}, column {column}: {what[:1].lower()}{what[1:]}"


def _put(document: dict[str, Any], keys: list[str], value: object) -> None:
    *outer, last = keys
    for key in outer:
        document = document.setdefault(key, {})
    document[last] = value


def _unsound_values(value: object, key: str = "") -> Iterator[str]:
    """Yield values that no setting may have: nan, infinity and a private key in plain text."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _unsound_values(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _unsound_values(inner, f"{key}[{position}]")
    elif isinstance(value, Decimal) and not value.is_finite():
        yield f"{key}: must be finite (was {value})"
    elif isinstance(value, str) and _PRIVATE_KEY.search(value):
        yield f"{key}: {_NOT_PLAIN}"


def _framework(raw: object, problems: list[str]) -> FrameworkSettings:
    if not isinstance(raw, dict):
        problems.append(f"framework: must be a table (was {shown(raw)})")
        return FrameworkSettings()
    settings, faults = validated(FrameworkSettings, raw, "framework")
    problems += unsaid(faults, problems)
    return FrameworkSettings() if settings is None else settings


def _tables(document: Mapping[str, object], problems: list[str]) -> Iterator[PluginTable]:
    seen: dict[str, str] = {}
    for kind, tables in document.items():
        if kind not in {PLUGINS, STRATEGIES}:
            known = ["framework", PLUGINS, STRATEGIES]
            problems.append(f"{kind}: unknown table{near_miss(kind, known)}")
            continue
        if not isinstance(tables, dict):
            problems.append(f"{kind}: must hold tables such as [{kind}.NAME] (was {shown(tables)})")
            continue
        for name, raw in tables.items():
            table = _table(kind, name, raw, problems)
            if table is not None and name in seen:
                problems.append(f"{table.key}: the name is taken by {seen[name]}: rename one")
            elif table is not None:
                seen[name] = table.key
                yield table


def _table(kind: str, name: str, raw: object, problems: list[str]) -> PluginTable | None:
    key = f"{kind}.{name}"
    if not isinstance(raw, dict):
        problems.append(f"{key}: must be a table [{key}] (was {shown(raw)})")
        return None
    if not _NAME.fullmatch(name):
        problems.append(f"{key}: a name is letters, digits and underscores, starting with a letter")
        return None
    reserved, faults = validated(_Reserved, {k: raw[k] for k in RESERVED if k in raw}, key)
    problems += faults
    if kind == STRATEGIES and "for" in raw:
        problems.append(f"{key}.for: only shared plugins speak for strategies: remove it")
    reserved = _Reserved() if reserved is None else reserved
    values = {k: value for k, value in raw.items() if k not in RESERVED}
    return PluginTable(kind, name, reserved.enabled, reserved.use, reserved.for_, values)


class _Reserved(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    use: Annotated[str, AfterValidator(_class_path)] | None = None
    for_: tuple[str, ...] = Field(default=(), alias="for")
