"""A kept run, ready to be run again: its settings, its policy and the events of each session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from attrs import frozen

from grinder_adapters.feeds.source import EventSource
from grinder_adapters.runs import RunStatus, RunView
from grinder_app.runner.inputs import RunInputs, check_unchanged
from grinder_app.runner.policy import PolicySpec
from grinder_core.contracts.event import Event
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import InputError


@frozen(kw_only=True)
class Repeat:
    """What is needed to run a kept run again.

    Attributes:
        digests: Running digest of each session, as it was kept.
        policy: ``None`` for the built-in ones.
    """

    config: EngineConfig
    inputs: RunInputs
    policy: PolicySpec | None
    digests: Mapping[str, str]

    def events_of(self, session: str) -> Callable[[int | None], Iterable[Event]]:
        """Return what opens the events of one session afresh: the first N, or all for ``None``.

        Raises:
            FixtureError: A file is missing or malformed; also while iterating.
        """
        source, limit = self.inputs.open(session), self.inputs.stop_after

        def first(cut: int | None) -> Iterable[Event]:
            return _First(source, limit if cut is None else cut)

        return first


def repeat_of(view: RunView, data: Sequence[Path] = ()) -> Repeat:
    """Read from a run's head how to run it again.

    Args:
        data: Files that lie elsewhere now.

    Raises:
        InputError: The run did not end well, continues a checkpoint, is of another version, or
            its data are not what they were.
        ArtifactError: Its head is damaged.
        FixtureError: A file is missing.
    """
    manifest, where = view.manifest, str(view.path)
    if manifest["status"] != RunStatus.GOOD:
        raise InputError("must be good", field="status", value=manifest["status"], where=where)
    config = _config(manifest, where)
    inputs = RunInputs.from_manifest(manifest, config.orders.tick_sizes)
    if inputs.continues:
        raise InputError(
            "continues a checkpoint, which is no part of it",
            field="run",
            where=where,
            remedy="name a run from the beginning",
        )
    if inputs.pace:
        raise InputError(
            "ran free, so that no run of it equals another",
            field="run",
            where=where,
            remedy="name a run in lockstep or in process",
        )
    policy = manifest.get("policy")
    return Repeat(
        config=config,
        inputs=check_unchanged(inputs, manifest, data),
        policy=None if policy is None else PolicySpec.from_dict(policy),
        digests={s.name: str(s.result["running_digest"]) for s in view.sessions},
    )


def _config(manifest: Mapping[str, Any], where: str) -> EngineConfig:
    sections: Mapping[str, Mapping[str, Any]] = manifest["config"]
    flat = {name: value for values in sections.values() for name, value in values.items()}
    config = EngineConfig.from_flat(flat)
    if config.config_hash != manifest["config_hash"]:
        raise InputError(
            "was run by a version with other settings",
            field="config_hash",
            value=manifest["config_hash"],
            where=where,
            remedy="run it again with this version of grinder",
        )
    return config


@frozen
class _First:
    """The first events of a source, any number of times; all of them for ``None``."""

    source: EventSource
    limit: int | None

    def __iter__(self) -> Iterator[Event]:
        return islice(iter(self.source), self.limit)
