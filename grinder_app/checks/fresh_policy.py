"""A policy as a new process would load it, with an eye on what files it opens.

Python offers no way to take an audit hook back, so one hook is installed once, on first use; it
looks at nothing but calls of ``open`` while a watched policy is being loaded or asked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from attrs import define, field

from grinder_app.runner.policy import PolicySpec
from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.plan import GridPlan
from grinder_core.ports import Policy


@define
class FreshPolicy:
    """Loads one policy again and again.

    Args:
        spec: Which.
        files: Paths whose opening by the policy is noted.

    Attributes:
        opened: Those that were, in the order of their first opening.
    """

    spec: PolicySpec
    files: Iterable[str]
    opened: dict[str, None] = field(factory=dict, init=False)
    _wanted: dict[str, str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._wanted = {os.path.realpath(path): path for path in self.files}
        _install()

    def load(self) -> Policy:
        """Import the policy's module anew, build the policy and watch it.

        Raises:
            ConfigError: As ``PolicySpec.load``.
        """
        name = self.spec.target.partition(":")[0]
        kept = sys.modules.pop(name, None)
        try:
            with self.watching():
                policy = self.spec.load()
            return _Watched(policy.name, self, policy)
        finally:
            if kept is not None:
                sys.modules[name] = kept

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note files that are opened while the block runs."""
        outer = _Hook.watcher
        _Hook.watcher = self
        try:
            yield
        finally:
            _Hook.watcher = outer

    def note(self, path: object) -> None:
        """Note one opening; what is no path, such as a file descriptor, is let by."""
        if isinstance(path, str | bytes | os.PathLike):
            known = self._wanted.get(os.path.realpath(os.fsdecode(path)))
            if known is not None:
                self.opened[known] = None


@define
class _Watched:
    """Passes every call on, and notes what files it opens."""

    name: str
    _fresh: FreshPolicy
    _inner: Policy

    def plan(self, context: PolicyContext) -> GridPlan:
        with self._fresh.watching():
            return self._inner.plan(context)


class _Hook:
    """The one audit hook of the process; ``watcher`` is ``None`` while nobody looks."""

    watcher: FreshPolicy | None = None
    is_installed = False


def _install() -> None:
    if not _Hook.is_installed:
        sys.addaudithook(_audit)
        _Hook.is_installed = True


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if _Hook.watcher is not None and event == "open":
        _Hook.watcher.note(arguments[0])
