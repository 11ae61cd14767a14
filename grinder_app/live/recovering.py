"""From a journal back to a session: the checkpoint, and what came after it (LIVE-38).

Nothing is performed and nobody is asked: that comes afterwards, in ``reconciling.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

import orjson
from attrs import define, frozen

from grinder_adapters.journal import JournalReader, blocks
from grinder_adapters.journal.stored import Stored
from grinder_app.live.scribe import (
    Configured,
    Digest,
    StoredRow,
    read_item,
    read_market,
    read_rows,
)
from grinder_core.codec import canonical_json
from grinder_core.contracts.event import Event
from grinder_core.errors import ArtifactError, ConfigError
from grinder_core.live.config import LiveConfig
from grinder_core.live.core import LiveCore
from grinder_core.live.state import LiveState
from grinder_core.numbers import exact
from grinder_core.ports import Policy

VERIFY: Final = "grinder state verify"


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
            ConfigError: It was made by a policy of the user's own, and none is given.
        """
        if isinstance(item, Configured):
            self._configure(item)
            return
        core = self.begun()
        if isinstance(item, Event):
            core.step(item)
            self.replayed += 1
            return
        self.compare(core, item)

    def begun(self) -> LiveCore:
        """Return the session.

        Raises:
            ArtifactError: The journal has not said yet under what it goes.
        """
        if self.core is None:
            raise ArtifactError("has no configuration before its first event", field="journal")
        return self.core

    def compare(self, core: LiveCore, item: Digest) -> None:
        """Hold a digest of the journal against the session's.

        Raises:
            ArtifactError: They differ.
        """
        if (core.hot.events, core.digest) != (item.events, item.chain):
            raise ArtifactError(
                f"says {core.digest} after {core.hot.events} events, and the session said "
                f"{item.chain} after {item.events}",
                field="digest of the replay",
                remedy="replay it with the version and the policy that it was made with",
            )
        self.compared += 1

    def resume(self, text: str) -> None:
        """Go on from a checkpoint.

        Raises:
            ArtifactError: It is none.
            ConfigError: It was made by a policy of the user's own, and none is given.
        """
        self.policy_name = name = policy_of(text)
        self._check_policy(name)
        self.core = core_of(text, self.policy)

    def _configure(self, told: Configured) -> None:
        self._check_policy(told.policy)
        self.policy_name = told.policy
        if self.core is None:
            self.core = LiveCore(told.config, self.policy)
        else:
            self.core = self.core.under(told.config, self.policy)

    def _check_policy(self, name: str) -> None:
        if name and self.policy is None:
            raise ConfigError(
                f"was made by the policy {name}",
                field="journal",
                remedy=f"give it with --policy {name}",
            )


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
        policy: Name of the user's own policy; empty: the built-in ones.
        replayed: Events after the checkpoint.
        checkpoint_seq: Its row; ``None``: all was replayed.
    """

    core: LiveCore | None
    replayed: int
    checkpoint_seq: int | None
    policy: str = ""


def restore(folder: Path, policy: Policy | None = None) -> Restored:
    """Read a state folder's session back.

    Raises:
        ArtifactError: The state is damaged, or was made by something else.
        ConfigError: It was made by a policy of the user's own, and none is given.
    """
    if not (folder / "state.db").exists():
        return Restored(core=None, replayed=0, checkpoint_seq=None)
    try:
        return _restored(folder, policy)
    except ArtifactError as error:
        if VERIFY in str(error):
            raise
        raise ArtifactError(
            str(error),
            where=str(folder),
            remedy=f"look at it with '{VERIFY}', which names the ways out",
        ) from error


def _restored(folder: Path, policy: Policy | None) -> Restored:
    with JournalReader(folder) as reader:
        found = reader.newest_checkpoint()
        replayer, seq = _resumed(found, policy)
        replay_stored(replayer, reader.stored(None if seq is None else seq + 1))
    return _restored_of(replayer, seq)


def restore_from(source: Source, policy: Policy | None = None) -> Restored:
    """Read a session back from a journal that holds at least one row.

    Raises:
        ArtifactError: As ``restore``.
    """
    replayer, seq = _resumed(source.newest_checkpoint(), policy)
    replay(replayer, source.rows(None if seq is None else seq + 1))
    return _restored_of(replayer, seq)


def _resumed(found: Checkpoint | None, policy: Policy | None) -> tuple[Replayer, int | None]:
    replayer = Replayer(policy=policy)
    if found is None:
        return replayer, None
    replayer.resume(found.text)
    return replayer, found.seq


def _restored_of(replayer: Replayer, seq: int | None) -> Restored:
    return Restored(
        core=replayer.core,
        replayed=replayer.replayed,
        checkpoint_seq=seq,
        policy=replayer.policy_name,
    )


def replay(replayer: Replayer, rows: Iterable[StoredRow]) -> None:
    """Fold the rows of a journal."""
    for item in read_rows(rows, 0 if replayer.core is None else replayer.core.hot.events):
        replayer.feed(item)


def replay_stored(replayer: Replayer, rows: Iterable[Stored]) -> None:
    """Fold the rows of a journal as they are stored: ``replay``, in less time.

    Raises:
        ArtifactError: As ``Replayer.feed``.
    """
    seq = 0 if replayer.core is None else replayer.core.hot.events
    with exact():
        for stored in rows:
            if stored.data is None:
                item = read_item(stored.row, seq + 1)
                if item is not None:
                    seq += isinstance(item, Event)
                    replayer.feed(item)
                continue
            lines = market_lines(stored)
            core = replayer.begun()
            for line in lines:
                seq += 1
                core.fold(read_market(line, seq))
            replayer.replayed += len(lines)


def market_lines(stored: Stored) -> list[str]:
    """Return the lines of a market block.

    Raises:
        ArtifactError: They are damaged.
    """
    try:
        lines, _ = blocks.split(stored.text(), blocks.BlockHeader.of(stored.payload))
    except ArtifactError as error:
        raise error.at(f"row {stored.row.seq}") from None
    return lines


def checkpoint_text(core: LiveCore, policy: str) -> str:
    """Return what a checkpoint holds."""
    return canonical_json(
        {"config": core.config.to_dict(), "policy": policy, "state": core.state().to_text()}
    )


def policy_of(text: str) -> str:
    """Return the name of the policy that a checkpoint was made by; empty: the built-in ones.

    Raises:
        ArtifactError: It is no checkpoint.
    """
    try:
        return str(orjson.loads(text)["policy"])
    except (ValueError, TypeError, KeyError) as error:
        raise ArtifactError(f"cannot be read: {error}", field="checkpoint") from error


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
