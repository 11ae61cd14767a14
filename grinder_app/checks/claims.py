"""What a page claims about the repository, looked up claim by claim (CORE-46)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from grinder_app.checks.command_claims import is_our_path, wrong_command
from grinder_app.checks.command_tree import problems_of
from grinder_app.checks.markdown import Page, Spot
from grinder_app.checks.repository import PACKAGES, Repository
from grinder_app.checks.shell_lines import SHELL, commands_of
from grinder_app.config.catalog import BY_VARIABLE

_VARIABLE: Final = re.compile(r"\bGRINDER_[A-Z0-9_]*[A-Z0-9]\b(?![*_])")
_METRIC: Final = re.compile(r"\bgrinder_[a-z0-9_]*[a-z0-9]\b(?![*_])")
_OF_HISTOGRAM: Final = re.compile(r"_(?:bucket|count|sum)$")
_PAGE_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]*\.md")
_PLACE: Final = re.compile(r"(?::\d+|::\w+|#[\w-]+)+$")
_REMOTE: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_HOLE: Final = re.compile(r"<[^>]*>|\{[^}]*\}")


def wrong_claims(page: Page, repository: Repository) -> Iterator[Spot]:
    """Yield everything on a page that does not hold, with its line."""
    for block in page.blocks:
        if block.language not in SHELL:
            continue
        for number, command in commands_of(block):
            if isinstance(command, str):
                yield number, f"no shell could read: {command.strip()}"
            else:
                yield from ((number, text) for text in wrong_command(command, repository))
    for number, code in page.code:
        yield from ((number, text) for text in _wrong_code(code, page, repository))
    for number, target in page.links:
        if not _link_holds(target, page, repository):
            yield number, f"link to {target}: no such file"
    for number, line in page.lines:
        yield from ((number, text) for text in _wrong_names(line, repository))


def _wrong_code(code: str, page: Page, repository: Repository) -> Iterator[str]:
    words = code.split()
    if len(words) > 1 and words[0] in repository.trees:
        yield from problems_of(words[1:], repository.trees[words[0]])
        return
    if len(words) != 1:
        return
    path = _PLACE.sub("", code)
    if _PAGE_NAME.fullmatch(path) and not repository.holds(path, page.path):
        yield f"{path}: no such file"
    elif is_our_path(path, repository) and not repository.holds(_HOLE.sub("*", path), page.path):
        yield f"{path}: no such path"


def _link_holds(target: str, page: Page, repository: Repository) -> bool:
    path = re.split("[#?]", target, maxsplit=1)[0]
    if not path or _REMOTE.match(target):
        return True
    if path.startswith("/"):
        return False
    top = repository.root.resolve()
    found = (repository.root / page.path).parent.joinpath(path).resolve()
    return found.is_relative_to(top) and found.exists()


def _wrong_names(line: str, repository: Repository) -> Iterator[str]:
    for variable in _VARIABLE.findall(line):
        if not _is_setting(variable) and not repository.mentions(variable, shipped=False):
            yield f"environment variable {variable} does not occur in the code"
    for metric in _METRIC.findall(line):
        if metric in PACKAGES or metric in repository.top_level:
            continue
        if not repository.mentions(_OF_HISTOGRAM.sub("", metric), shipped=True):
            yield f"metric {metric} does not occur in the code"


def _is_setting(variable: str) -> bool:
    """Whether a variable sets a setting, or one entry of a setting that maps symbols."""
    return any(
        variable == name or (key.is_map and variable.startswith(f"{name}__"))
        for name, key in BY_VARIABLE.items()
    )
