"""A repository as checks see it: its tracked files, what they hold, what its commands take."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import Factory, field, frozen

from grinder_app.checks.command_tree import CommandNode
from grinder_core.errors import ConfigError

PACKAGES: Final = ("grinder_core", "grinder_adapters", "grinder_app")

_CODE: Final = (".py", ".toml", ".yml", ".yaml", ".sh")
_REMEDY: Final = "run this inside a git work tree, or name the paths"


@frozen(kw_only=True)
class Repository:
    """What pages are held against.

    Attributes:
        root: Top of the work tree.
        files: Tracked files, relative to it.
        trees: What each entry point understands, by its name.
    """

    root: Path
    files: Sequence[str]
    trees: Mapping[str, CommandNode]
    _texts: dict[str, str] = field(default=Factory(dict), init=False, repr=False, eq=False)

    @property
    def top_level(self) -> frozenset[str]:
        """Names of the folders at the top that hold tracked files."""
        return frozenset(name.split("/")[0] for name in self.files if "/" in name)

    @property
    def nox_sessions(self) -> frozenset[str]:
        """Names of the functions of ``noxfile.py`` that are decorated as sessions."""
        if "noxfile.py" not in self.files:
            return frozenset()
        tree = ast.parse((self.root / "noxfile.py").read_text(encoding="utf-8"))
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        return frozenset(_session_name(function) for function in functions if _is_session(function))

    def holds(self, path: str, page: str = "") -> bool:
        """Whether a path, or a pattern with ``*``, names something here or beside a page."""
        beside = [(self.root / page).parent] if page else []
        for folder in (self.root, *beside):
            if "*" in path:
                if any(folder.glob(path.rstrip("/"))):
                    return True
            elif (folder / path).exists():
                return True
        return False

    def mentions(self, word: str, *, shipped: bool) -> bool:
        """Whether a word stands in the code; ``shipped`` leaves out tests and tooling."""
        pattern = re.compile(rf"\b{re.escape(word)}\b")
        for name in self.files:
            if name.endswith(_CODE) and (not shipped or name.startswith(PACKAGES)):
                text = self._texts.get(name)
                if text is None:
                    text = (self.root / name).read_text(encoding="utf-8", errors="replace")
                    self._texts[name] = text
                if pattern.search(text):
                    return True
        return False


def work_tree(start: Path) -> Path:
    """Return the top of the git work tree that a folder belongs to.

    Raises:
        ConfigError: There is none, or git is missing.
    """
    top = _git(start, "rev-parse", "--show-toplevel")
    return Path(top.decode("utf-8", "surrogateescape").rstrip("\n"))


def tracked_files(top: Path) -> list[str]:
    """Return the tracked files that are there, relative to the top, sorted; links are left out.

    Raises:
        ConfigError: It is no git work tree, or git is missing.
    """
    names = _git(top, "ls-files", "-z").decode("utf-8", "surrogateescape").split("\0")
    return sorted(
        name for name in names if name and (top / name).is_file() and not (top / name).is_symlink()
    )


def _git(folder: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True).stdout
    except FileNotFoundError:
        raise ConfigError("is not installed", field="git", remedy=_REMEDY) from None
    except subprocess.CalledProcessError as error:
        told = error.stderr.decode("utf-8", "replace").strip()
        raise ConfigError(f"git says: {told}", where=str(folder), remedy=_REMEDY) from None


def _is_session(function: ast.FunctionDef) -> bool:
    return any("session" in ast.unparse(decorator) for decorator in function.decorator_list)


def _session_name(function: ast.FunctionDef) -> str:
    for decorator in function.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    return function.name
