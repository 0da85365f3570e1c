"""Which plugins exist, found by looking at files and metadata: nothing is imported here.

Three places: the namespace packages `plugins` and `strategies` beside the framework, the
folders of the same names in the user's project, and installed packages that declare an entry
point. A plugin is named after its module.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import invalidate_caches
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

from framework.settings import PLUGINS, STRATEGIES

ENTRY_POINTS: Final = "kalshi_framework.plugins"
"""Installed plugins, as name = "module:Class"."""
VERB_ENTRY_POINTS: Final = "kalshi_framework.commands"
"""Their verbs, as verb = "name of the plugin"."""
BUILT_IN: Final = "built in"
PROJECT: Final = "project"
_NAMESPACES: Final = (PLUGINS, STRATEGIES)


@dataclass(frozen=True)
class Found:
    """A plugin that could be imported."""

    name: str
    kind: str
    """`plugins`, `strategies`, or empty for an installed package, which may be either."""
    origin: str
    """`built in`, `project`, or the distribution and its version."""
    target: str
    """A module, or `module:Class`."""
    file: Path | None = None

    @property
    def where(self) -> str:
        """What to call the place in a message."""
        return str(self.file or self.target)


@dataclass(frozen=True)
class Catalog:
    """Every plugin there is, and what is wrong with how they lie about."""

    found: dict[str, Found]
    problems: tuple[str, ...]
    importable: bool
    """False when a regular package hides the built-ins, so that nothing can be imported."""


def discover(root: Path, *, built_in: Path | None = None) -> Catalog:
    """Look for plugins, and make the project's own importable.

    The project's root is appended to `sys.path`, never put first: a file of the project must
    not hide a module of the standard library or of an installed package.

    Args:
        root: The project's folder.
        built_in: The folder that holds the framework's own `plugins` and `strategies`.
    """
    shipped = (built_in or Path(__file__).parents[1]).resolve()
    _append_to_path(root.resolve())
    problems = [f"{file}: hides the built-in {name}: {fix}" for name, file, fix in _hiding()]
    importable = not problems
    found: dict[str, Found] = {}
    for one in _everything(root.resolve(), shipped):
        before = found.setdefault(one.name, one)
        if before is not one:
            problems.append(f"{one.where}: the name {one.name} is taken by {_owner(before)}")
    return Catalog(found, tuple(problems), importable)


def verbs(catalog: Catalog) -> dict[str, str]:
    """Return the verbs that plugins add to the command line, each with its plugin's name.

    Read from the source (a literal `commands = (...)` in a class) and from metadata.
    """
    added = {
        verb: one.name for one in catalog.found.values() if one.file for verb in _literal(one.file)
    }
    for point in entry_points(group=VERB_ENTRY_POINTS):
        added.setdefault(point.name, point.value)
    return added


def _append_to_path(root: Path) -> None:
    if all(Path(entry or ".").resolve() != root for entry in sys.path):
        sys.path.append(str(root))


def _hiding() -> Iterator[tuple[str, str, str]]:
    """Yield each module that would be imported in place of a namespace package.

    The path finder returns a regular package or module from anywhere on the path before it
    puts a namespace together, so one look tells.
    """
    invalidate_caches()
    for name in _NAMESPACES:
        spec = PathFinder.find_spec(name)
        if spec is not None and spec.origin is not None:
            fix = "delete it, a namespace folder has none"
            if not spec.origin.endswith("__init__.py"):
                fix = "rename it"
            yield name, spec.origin, fix


def _everything(root: Path, shipped: Path) -> Iterator[Found]:
    seen: set[Path] = set()
    modules: set[str] = set()
    for folder, origin in ((shipped, BUILT_IN), (root, PROJECT)):
        for kind in _NAMESPACES:
            for name, file in _modules(folder / kind):
                if file.resolve() not in seen:
                    seen.add(file.resolve())
                    modules.add(f"{kind}.{name}")
                    yield Found(name, kind, origin, f"{kind}.{name}", file)
    for point in _distinct(entry_points(group=ENTRY_POINTS)):
        if point.module not in modules:
            yield Found(point.name, "", _distribution(point), point.value)


def _modules(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (name, file) of the modules and packages in a folder, without the private ones."""
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir()):
        file = entry / "__init__.py" if entry.is_dir() else entry
        public = entry.stem.isidentifier() and not entry.stem.startswith("_")
        if public and file.suffix == ".py" and file.is_file():
            yield entry.stem, file


def _distinct(points: Iterable[EntryPoint]) -> list[EntryPoint]:
    """Drop repeats: a distribution can stand on the path twice."""
    return list({(point.name, point.value): point for point in points}.values())


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an installed package"


def _owner(one: Found) -> str:
    if one.origin == BUILT_IN:
        return f"a built-in plugin ({one.where}): rename the file"
    return f"{one.where}: rename one"


def _literal(file: Path) -> Iterator[str]:
    """Yield the verbs that a plugin's source names, without running it."""
    sources = sorted(file.parent.glob("*.py")) if file.name == "__init__.py" else [file]
    for source in sources:
        text = source.read_text("utf-8", errors="replace")
        if "commands" not in text:
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        for owner in tree.body:
            if isinstance(owner, ast.ClassDef):
                yield from _verbs_of(owner)


def _verbs_of(owner: ast.ClassDef) -> Iterator[str]:
    for line in owner.body:
        if not isinstance(line, ast.Assign | ast.AnnAssign) or not isinstance(
            line.value, ast.Tuple
        ):
            continue
        targets = line.targets if isinstance(line, ast.Assign) else [line.target]
        if any(isinstance(target, ast.Name) and target.id == "commands" for target in targets):
            for part in line.value.elts:
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value
