"""Commands that a page runs in another terminal while its reader goes on."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from attrs import frozen

from tests.docs.documents import Block

END_S: Final = 60.0


class PageError(AssertionError):
    """The page says something that is not so."""


@frozen
class Terminal:
    """One command that runs."""

    block: Block
    words: list[str]
    process: subprocess.Popen[bytes]
    log: Path

    def ends(self, within_s: float) -> None:
        """Wait for its end, which must be a good one.

        Raises:
            PageError: It does not end, or with another code than the page says.
        """
        try:
            code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise self._wrong("does not end") from None
        if code != self.block.exit_code:
            raise self._wrong(f"exit code {code}, not {self.block.exit_code}")

    def _wrong(self, what: str) -> PageError:
        said = self.log.read_text(encoding="utf-8", errors="replace")[-2_000:]
        return PageError(f"{self.block.place}: {what}: {shlex.join(self.words)}\n{said}")


class Terminals:
    """All terminals of one reader."""

    def __init__(self) -> None:
        self._open: dict[str, Terminal] = {}

    def start(self, block: Block, commands: list[list[str]]) -> None:
        """Start a block's command; one of the same terminal must end by itself first.

        Raises:
            PageError: It is not one command of grinder, or the one before it does not end.
        """
        if len(commands) != 1 or Path(commands[0][0]).name != "grinder":
            raise PageError(f"{block.place}: one command of grinder runs in another terminal")
        before = self._open.pop(block.beside, None)
        if before is not None:
            before.ends(END_S)
        log = Path(f"terminal-{block.beside}.log").absolute()
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "grinder_app", *commands[0][1:]],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self._open[block.beside] = Terminal(block, commands[0], process, log)

    def end(self) -> None:
        """End what still runs as its user would, with Ctrl-C; sessions before their exchanges.

        Raises:
            PageError: One ends badly.
        """
        try:
            while self._open:
                _, terminal = self._open.popitem()
                if terminal.process.poll() is None:
                    terminal.process.send_signal(signal.SIGINT)
                terminal.ends(END_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """End everything at once."""
        for terminal in self._open.values():
            terminal.process.kill()
            terminal.process.wait()
        self._open.clear()
