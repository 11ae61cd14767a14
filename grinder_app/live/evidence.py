"""A file for each change of the operating state, where somebody wants them (LIVE-14, LIVE-34).

It is evidence beside the journal, which holds every change anyway: a file that cannot be written
is warned of, and nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import orjson

from grinder_adapters.feeds.atomic import atomic_file
from grinder_core.codec import canonical_json, sha256_hex
from grinder_core.contracts.event import Event
from grinder_core.errors import GrinderError
from grinder_core.live.records import Record, RecordKind

FORMAT: Final = "fsm_evidence_v1"
FOLDER: Final = "fsm"
GLOBAL: Final = "session"


class FsmEvidence:
    """Writes the files of one session.

    Args:
        artifacts: The folder of artifacts.
        config_hash: Of the session's configuration.
        tell: Takes lines for people.
    """

    def __init__(self, artifacts: Path, config_hash: str, tell: Callable[[str, str], None]) -> None:
        self._folder, self._config_hash, self._tell = artifacts / FOLDER, config_hash, tell

    def stepped(self, event: Event, records: Sequence[Record]) -> None:
        """Write what changed in one step."""
        for record in records:
            if record.kind is RecordKind.TRANSITION:
                try:
                    self._write(event, record)
                except (GrinderError, OSError) as error:
                    self._tell("evidence", f"a change of state is not in a file: {error}")

    def _write(self, event: Event, record: Record) -> None:
        change = orjson.loads(record.line)
        change.pop("kind")
        content = {
            "format": FORMAT,
            "config_hash": self._config_hash,
            "event": {"seq": event.seq, "ts_ms": event.ts_ms, "kind": event.kind},
            "transition": change,
        }
        digest = sha256_hex(canonical_json(content).encode("ascii"))
        text = canonical_json({**content, "sha256": digest})
        name = f"{event.ts_ms}_{event.seq:012d}_{change['scope'] or GLOBAL}_{change['to_state']}"
        self._folder.mkdir(parents=True, exist_ok=True)
        with atomic_file(self._folder / f"{name}.json") as file:
            file.write(f"{text}\n".encode("ascii"))
