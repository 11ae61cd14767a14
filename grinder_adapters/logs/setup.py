"""Opens the structured log of a process."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any, Final, Self

import structlog
from structlog.typing import EventDict, WrappedLogger

from grinder_adapters.logs.file import LogFile
from grinder_adapters.logs.lines import iso, json_renderer, text_renderer
from grinder_adapters.logs.settings import LogFormat, LogSettings
from grinder_adapters.logs.sink import Descriptor, LogSink, LogTarget, SinkStats
from grinder_adapters.redact import Redactor

STDOUT: Final = 1
STDERR: Final = 2


class Log:
    """The log of one process.

    Attributes:
        leaves_out_told: Whether people read its lines between those that they were told, on one
            terminal, so that a line that was told need not come again.
    """

    def __init__(
        self,
        settings: LogSettings,
        redactor: Redactor,
        now_ms: Callable[[], int],
        target: LogTarget,
        *,
        is_terminal: bool,
        is_shared: bool = False,
    ) -> None:
        self.leaves_out_told = is_shared and settings.log_format is LogFormat.AUTO
        as_text = settings.log_format is LogFormat.TEXT or (
            settings.log_format is LogFormat.AUTO and is_terminal
        )
        render = (
            text_renderer(redactor, has_colors=is_terminal) if as_text else json_renderer(redactor)
        )
        self._sink = sink = LogSink(target, render, lambda: iso(now_ms()))

        def stamp(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
            event["ts"] = iso(now_ms())
            return event

        level = logging.getLevelNamesMapping()[settings.log_level.value]
        self._logger = structlog.wrap_logger(
            _Queueing(sink),
            processors=[structlog.processors.add_log_level, stamp, _hand_over],
            wrapper_class=structlog.make_filtering_bound_logger(level),
            context_class=dict,
        )

    @classmethod
    def open(cls, settings: LogSettings, redactor: Redactor, now_ms: Callable[[], int]) -> Self:
        """Open it on its file, or on standard error.

        Raises:
            ConfigError: The file cannot be appended to.
        """
        if not settings.log_file:
            target: LogTarget = Descriptor(os.dup(STDERR))
            is_terminal = os.isatty(STDERR)
        else:
            target, is_terminal = LogFile(settings.log_file), False
        is_shared = is_terminal and on_one_terminal(STDOUT, STDERR)
        return cls(settings, redactor, now_ms, target, is_terminal=is_terminal, is_shared=is_shared)

    def named(self, name: str) -> structlog.typing.FilteringBoundLogger:
        """Return the logger of one room."""
        bound: structlog.typing.FilteringBoundLogger = self._logger.bind(logger=name)
        return bound

    @property
    def stats(self) -> SinkStats:
        """What became of the lines."""
        return self._sink.stats

    def close(self) -> bool:
        """Write what waits, for a moment; return whether all of it was."""
        return self._sink.close()


class _Queueing:
    """What structlog takes for the place it prints to."""

    def __init__(self, sink: LogSink) -> None:
        self._sink = sink

    def msg(self, **record: Any) -> None:
        """Take one record."""
        self._sink.put(record)

    debug = info = warning = error = critical = msg


def _hand_over(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Pass the record on as it is: it is rendered in the thread of the sink."""
    return event


def on_one_terminal(one: int, other: int) -> bool:
    """Whether two file descriptors lead to the same terminal."""
    try:
        same = os.fstat(one).st_rdev == os.fstat(other).st_rdev
    except OSError:  # one of them is closed
        return False
    return same and os.isatty(one) and os.isatty(other)
