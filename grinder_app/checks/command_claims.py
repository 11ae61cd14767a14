"""Whether a documented command line could work: its program, module, session, options, files."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from grinder_app.checks.command_tree import problems_of
from grinder_app.checks.repository import Repository

_TOOLS: Final = """
[ . apt-get awk brew bzip2 cat cd chmod cmp cp curl cut date df diff docker du echo
export false find git grep gunzip gzip head jq keyring kill less lint-imports ls make mkdir
mv mypy nox open pip pip3 pipx printf promtool ps py pytest redis-cli redis-server rm ruff
sed set sha256sum sort source tail tar tee test touch tr true uniq unset unzip uv wc
which xdg-open xz zcat zip
"""
KNOWN_TOOLS: Final = frozenset(_TOOLS.split())

_PYTHON: Final = re.compile(r"python[0-9.]*")
_PATH: Final = re.compile(r"[\w.@<>*{}-]+(?:/[\w.@<>*{}-]+)+/?")
_SOURCES: Final = (".py", ".md")


def wrong_command(words: Sequence[str], repository: Repository) -> Iterator[str]:
    """Yield what is wrong with one command of a shell block."""
    name = PurePosixPath(words[0]).name or words[0]  # .venv/bin/grinder is grinder
    if name in repository.trees:
        yield from problems_of(words[1:], repository.trees[name])
    elif _PYTHON.fullmatch(name):
        yield from _wrong_python(words[1:], repository)
    elif name == "nox":
        yield from _wrong_nox(words[1:], repository)
    elif is_our_path(words[0], repository) or words[0].startswith("./"):
        if not repository.holds(words[0]):
            yield f"{words[0]}: no such file"
    elif name not in KNOWN_TOOLS:
        yield f"{name} is neither a known tool nor an entry point"
    for word in words[1:]:
        if is_our_path(word, repository) and not repository.holds(word):
            yield f"{word}: no such path"


def is_our_path(word: str, repository: Repository) -> bool:
    """Whether a word can only mean a file of the repository, not one that a run will write."""
    if not _PATH.fullmatch(word) or word.startswith("."):
        return False
    first, _, _ = word.partition("/")
    return first in repository.top_level or (word.endswith(_SOURCES) and "@" not in word)


def _wrong_python(words: Sequence[str], repository: Repository) -> Iterator[str]:
    if len(words) < 2 or words[0] != "-m":
        return
    module = words[1]
    if module == "grinder_app" and "grinder" in repository.trees:
        yield from problems_of(words[2:], repository.trees["grinder"])
        return
    path = module.replace(".", "/")
    if path.split("/")[0] in repository.top_level:
        if not (repository.holds(f"{path}.py") or repository.holds(f"{path}/__main__.py")):
            yield f"python -m {module}: no such module"
        return
    top = module.split(".")[0]
    known = top in sys.stdlib_module_names or top in KNOWN_TOOLS
    if not known and importlib.util.find_spec(top) is None:
        yield f"python -m {module}: no such module"


def _wrong_nox(words: Sequence[str], repository: Repository) -> Iterator[str]:
    naming = False
    for word in words:
        if word == "--":
            return
        if word.startswith("-"):
            naming = word in {"-s", "--session", "--sessions"}
        elif naming:
            for session in word.split("|"):
                if session.split("-")[0] not in repository.nox_sessions:
                    yield f"nox has no session {session}"
