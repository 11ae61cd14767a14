"""Reading a session's status page from outside, and what to make of its age (LIVE-41)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson
from attrs import frozen

from grinder_adapters.binance.permission import PortKind
from grinder_app.live.state_folder import existing_state, writer_of
from grinder_app.live.status import STATUS_FILE, STATUS_VERSION
from grinder_core.errors import InputError

OLD_MS: Final = 5_000


@frozen(kw_only=True)
class StatusPage:
    """A page, and who stands behind it.

    Attributes:
        is_running: A process holds the state's lock.
        holder: Who holds or held it, in words.
        age_ms: Since it was written.
        document: As ``StatusBoard.document`` made it.
    """

    folder: Path
    is_running: bool
    holder: str
    age_ms: int
    document: dict[str, Any]

    @property
    def warning(self) -> str:
        """What people must know before they believe it; empty: nothing."""
        if self.document["ended"]:
            return f"the session ended: {self.document['ended']}"
        if not self.is_running:
            return (
                f"no process runs: {self.holder} died without a last word; what follows is "
                f"{self.age_ms // 1_000} s old. Start it again: grinder live run recovers"
            )
        if self.age_ms > OLD_MS:
            return (
                f"the process has not written this page for {self.age_ms // 1_000} s: it hangs, "
                "or its disk does. Look at its log, and at grinder doctor"
            )
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "folder": str(self.folder),
            "is_running": self.is_running,
            "holder": self.holder,
            "age_ms": self.age_ms,
            "warning": self.warning,
            **self.document,
        }


def read_status(state_dir: Path, port: PortKind | None, now_ms: int) -> StatusPage:
    """Read the page of one session.

    Raises:
        ConfigError: There is no state, or several and nobody said which.
        InputError: It has no page, or one of another version.
    """
    folder = existing_state(state_dir, port)
    path = folder / STATUS_FILE
    try:
        document = orjson.loads(path.read_bytes())
        version, written_ms = document["version"], int(document["written_ms"])
    except FileNotFoundError:
        raise InputError(
            "has no status page yet",
            where=str(folder),
            remedy="a session writes one as soon as it is open; grinder state show reads its state",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"cannot be read: {error}",
            where=str(path),
            remedy="a running session writes it anew each second; else use grinder state show",
        ) from error
    if version != STATUS_VERSION:
        raise InputError(
            f"is of version {version}, and this program reads {STATUS_VERSION}",
            where=str(path),
            remedy="use the program that runs the session",
        )
    writer = writer_of(folder)
    return StatusPage(
        folder=folder,
        is_running=writer.is_running,
        holder=writer.holder,
        age_ms=max(now_ms - written_ms, 0),
        document=document,
    )
