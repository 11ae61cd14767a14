"""From a journal back to a session: the checkpoint, and what came after it (LIVE-38).

Nothing is performed and nobody is asked: that comes afterwards, in ``reconciling.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import orjson
from attrs import define, frozen

from grinder_adapters.journal import JournalReader
from grinder_app.live.scribe import Configured, Digest, StoredRow, read_rows
from grinder_core.codec import canonical_json
from grinder_core.contracts.event import Event
from grinder_core.errors import ArtifactError
from grinder_core.live.config import LiveConfig
from grinder_core.live.core import LiveCore
from grinder_core.live.state import LiveState
from grinder_core.ports import Policy


@define
class Replayer:
    """Folds a journal's events into a session.

    Attributes:
        core: The session so far; ``None`` before its first configuration.
        policy: The user's own, which a journal only names.
        policy_name: As the journal says.
        replayed: Events folded.
        compared: Digests of the journal that were equal.
    """

    core: LiveCore | None = None
    policy: Policy | None = None
    policy_name: str = ""
    replayed: int = 0
    compared: int = 0

    def feed(self, item: Event | Digest | Configured) -> None:
        """Take the next.

        Raises:
            ArtifactError: It says otherwise than the journal, or cannot be folded.
        """
        if isinstance(item, Configured):
            self._configure(item)
            return
        core = self.core
        if core is None:
            raise ArtifactError("has no configuration before its first event", field="journal")
        if isinstance(item, Event):
            core.step(item)
            self.replayed += 1
            return
        if (core.hot.events, core.digest) != (item.events, item.chain):
            raise ArtifactError(
                f"says {core.digest} after {core.hot.events} events, and the session said "
                f"{item.chain} after {item.events}",
                field="digest of the replay",
                remedy="replay it with the version and the policy that it was made with",
            )
        self.compared += 1

    def _configure(self, told: Configured) -> None:
        if told.policy and self.policy is None:
            raise ArtifactError(
                f"was made by the policy {told.policy}",
                field="journal",
                remedy="give the same policy with --policy",
            )
        self.policy_name = told.policy
        if self.core is None:
            self.core = LiveCore(told.config, self.policy)
        else:
            self.core = self.core.under(told.config, self.policy)


class Checkpoint(Protocol):
    """A whole state and the row that it holds all up to."""

    @property
    def seq(self) -> int:
        """Number of the row."""

    @property
    def text(self) -> str:
        """What ``checkpoint_text`` returned."""


class Source(Protocol):
    """What a recovery needs of a journal; see ``JournalReader``."""

    def newest_checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint that is sound."""

    def rows(self, from_seq: int | None = None) -> Iterable[StoredRow]:
        """Return the rows from a number on, market blocks line by line."""


@frozen(kw_only=True)
class Restored:
    """What a journal gave back.

    Attributes:
        core: As of its last row; ``None``: it holds no session yet.
        replayed: Events after the checkpoint.
        checkpoint_seq: Its row; ``None``: all was replayed.
    """

    core: LiveCore | None
    replayed: int
    checkpoint_seq: int | None


def restore(folder: Path, policy: Policy | None = None) -> Restored:
    """Read a state folder's session back.

    Raises:
        ArtifactError: The state is damaged, or was made by something else.
    """
    if not (folder / "state.db").exists():
        return Restored(core=None, replayed=0, checkpoint_seq=None)
    with JournalReader(folder) as reader:
        return restore_from(reader, policy)


def restore_from(source: Source, policy: Policy | None = None) -> Restored:
    """Read a session back from a journal that holds at least one row.

    Raises:
        ArtifactError: As ``restore``.
    """
    found = source.newest_checkpoint()
    replayer = Replayer(policy=policy)
    seq = None
    if found is not None:
        seq = found.seq
        replayer.core = core_of(found.text, policy)
    replay(replayer, source.rows(None if seq is None else seq + 1))
    return Restored(core=replayer.core, replayed=replayer.replayed, checkpoint_seq=seq)


def replay(replayer: Replayer, rows: Iterable[StoredRow]) -> None:
    """Fold the rows of a journal."""
    for item in read_rows(rows, 0 if replayer.core is None else replayer.core.hot.events):
        replayer.feed(item)


def checkpoint_text(core: LiveCore, policy: str) -> str:
    """Return what a checkpoint holds."""
    return canonical_json(
        {"config": core.config.to_dict(), "policy": policy, "state": core.state().to_text()}
    )


def core_of(text: str, policy: Policy | None = None) -> LiveCore:
    """Return the session of a checkpoint.

    Raises:
        ArtifactError: It is none.
    """
    try:
        found = orjson.loads(text)
        config = LiveConfig.from_dict(found["config"])
        state = LiveState.from_text(found["state"])
    except (ValueError, TypeError, KeyError) as error:
        raise ArtifactError(f"cannot be read: {error}", field="checkpoint") from error
    return LiveCore.from_state(state, config, policy)
