"""A reader who follows a page from top to bottom in an empty folder."""

from __future__ import annotations

import ast
import doctest
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from tests.docs.documents import LANGUAGES, ROOT, Block, blocks
from tests.docs.terminals import PageError, Terminals

Run = Callable[[list[str]], int]

TOOLS: Final = frozenset({"python", "python3", "pip", "nox", "git", "cd", "apt-get", "pytest"})
_OPERATOR: Final = re.compile(r"[();<>|&]+")
_EXTRAS: Final = re.compile(r"(?:grinder|\.)\[(?P<names>[a-z,]+)\]")


class Reader:
    """Follows pages; the present folder is where their files go.

    Args:
        run: Runs one command line of grinder, without its first word, and returns the exit code.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._beside = Terminals()
        self._names: dict[str, Any] = {"__name__": "__main__"}

    def follow(self, page: Path) -> None:
        """Do what every block says, in order.

        Raises:
            PageError: A block cannot be followed, or what follows is not what the page says.
        """
        try:
            for block in blocks(page):
                self.do(block)
        except BaseException:
            self._beside.kill()
            raise
        self._beside.end()

    def do(self, block: Block) -> None:
        """Do what one block says; see ``follow``."""
        if block.language not in LANGUAGES:
            raise _wrong(block, f"language {block.language!r} is none of {sorted(LANGUAGES)}")
        if block.not_run:
            return
        if block.file:
            _write(block)
        elif block.language == "python":
            self._python(block)
        elif block.language == "sh":
            self._commands(block)
        elif block.language == "json":
            _check_json(block)
        elif block.language == "toml":
            self._check_settings(block)

    def _python(self, block: Block) -> None:
        if block.text.lstrip().startswith(">>> "):
            self._dialogue(block)
            return
        padding = "\n" * (block.line - 1)  # so that a traceback names the page's own line
        # the blocks are exactly what this repository's own pages tell a reader to run
        exec(compile(padding + block.text, str(block.path), "exec", dont_inherit=True), self._names)

    def _dialogue(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(
            block.text + "\n", self._names, block.place, str(block.path), block.line - 1
        )
        said: list[str] = []
        result = doctest.DocTestRunner(verbose=False).run(test, out=said.append, clear_globs=False)
        self._names.update(test.globs)
        if result.failed:
            raise _wrong(block, "".join(said))

    def _commands(self, block: Block) -> None:
        if block.beside:
            self._beside.start(block, list(commands_of(block)))
            return
        for command in commands_of(block):
            if Path(command[0]).name != "grinder":
                check_foreign(block, command)
                continue
            code = self._run(command[1:])
            if code != block.exit_code:
                words = shlex.join(command)
                raise _wrong(block, f"exit code {code}, not {block.exit_code}: {words}")

    def _check_settings(self, block: Block) -> None:
        try:
            tomllib.loads(block.text)
        except tomllib.TOMLDecodeError as error:
            raise _wrong(block, f"is no TOML: {error}") from None
        path = Path(f"settings-of-line-{block.line}.toml")
        path.write_text(block.text + "\n", encoding="utf-8")
        if self._run(["config", "check", str(path)]) != 0:
            raise _wrong(block, "these settings are refused")


def commands_of(block: Block) -> Iterator[list[str]]:
    """Yield the words of every command of a shell block.

    Raises:
        PageError: A line uses the shell for more than one command after another.
    """
    for line in block.text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if not _OPERATOR.fullmatch(word):
                words.append(word)
            elif word in {"&&", ";"} and words:
                yield words
                words = []
            else:
                raise _wrong(block, f"cannot be tried without a shell: {line!r}")
        if words:
            yield words


def check_foreign(block: Block, command: list[str]) -> None:
    """Check what can be checked of another tool's command without running it.

    Raises:
        PageError: The tool is unknown, or the sessions or extras it names do not exist.
    """
    tool = Path(command[0]).name
    if tool not in TOOLS:
        raise _wrong(block, f"{tool!r} is none of the tools a reader has: {sorted(TOOLS)}")
    if tool == "nox":
        missing = [name for name in _after(command, "-s") if name not in nox_sessions()]
        if missing:
            raise _wrong(block, f"noxfile.py has no session {missing}")
    for word in command:
        match = _EXTRAS.search(word)
        missing = (
            [] if match is None else [n for n in match["names"].split(",") if n not in extras()]
        )
        if missing:
            raise _wrong(block, f"pyproject.toml declares no extra {missing}")


def nox_sessions() -> set[str]:
    """Return the names of the sessions that noxfile.py declares."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any("session" in ast.unparse(each) for each in node.decorator_list)
    }


def extras() -> set[str]:
    """Return the names of the extras that pyproject.toml declares."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return set(project["optional-dependencies"])


def _after(command: list[str], option: str) -> list[str]:
    if option not in command:
        return []
    rest = command[command.index(option) + 1 :]
    return [word for word in rest if not word.startswith("-")]


def _write(block: Block) -> None:
    path = Path(block.file)
    if path.is_absolute() or ".." in path.parts:
        raise _wrong(block, f"{block.file!r} must lie in the reader's own folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text + "\n", encoding="utf-8")


def _check_json(block: Block) -> None:
    try:
        json.loads(block.text)
    except ValueError:
        for line in block.text.splitlines():
            _check_json_line(block, line)


def _check_json_line(block: Block, line: str) -> None:
    try:
        json.loads(line)
    except ValueError as error:
        raise _wrong(block, f"is no JSON: {error}: {line!r}") from None


def _wrong(block: Block, what: str) -> PageError:
    return PageError(f"{block.place}: {what}")
