"""What a live session says of itself, every second: the page behind ``grinder live status``.

The document is plain JSON, built from the session's parts and from what its last steps said. It is
written beside the journal, so that it can be read while the process runs and after it has died.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from grinder_adapters.binance.connector_state import State
from grinder_app.live.market_side import MarketSide
from grinder_app.live.session import LiveSession
from grinder_core.codec import canonical_json, to_dict
from grinder_core.contracts.control import Control
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import ActionStatus
from grinder_core.live.core import Step
from grinder_core.live.records import RecordKind
from grinder_core.live.standing import standing_of
from grinder_core.resilience.budget import BudgetWindow

STATUS_FILE: Final = "status.json"
STATUS_VERSION: Final = 1
EVERY_MS: Final = 1_000
EVENTS_MAX: Final = 30
_GOES_WELL: Final = (ActionStatus.PLANNED.value, ActionStatus.EXECUTED.value)
_SKIPPED: Final = ActionStatus.SKIPPED.value


class StatusBoard:
    """Keeps what happened last, and writes down how the session stands.

    Args:
        session: The one it is about; it is told of each of its steps.
        version: Of the program.
        beside: What else is shown, each with what returns its JSON value.

    Attributes:
        failed_writes: How often the file could not be written.
    """

    def __init__(
        self,
        session: LiveSession,
        version: str,
        beside: Mapping[str, Callable[[], Any]] | None = None,
    ) -> None:
        self._session, self._version, self._beside = session, version, beside or {}
        self._began_ms = session.base.now_ms()
        self._events: deque[dict[str, Any]] = deque(maxlen=EVENTS_MAX)
        self._since_ms: dict[str, int] = {}
        self._refusals: dict[str, dict[str, Any]] = {}
        self.failed_writes = 0
        session.watchers.append(self._stepped)

    # -- what happened -------------------------------------------------------------------------

    def _stepped(self, event: Event, step: Step) -> None:
        payload = event.payload
        if isinstance(payload, Control):
            words = f"{payload.command.value} by {payload.actor} {payload.symbol}".rstrip()
            why = f": {payload.text}" if payload.text else ""
            self._note(event.ts_ms, "CONTROL", words + why)
        for record in step.records:
            if record.kind is not RecordKind.DECISION and record.is_notable:
                self._take(record.kind, record.ts_ms, orjson.loads(record.line))

    def _take(self, kind: RecordKind, ts_ms: int, body: dict[str, Any]) -> None:
        if kind is RecordKind.ACTION:
            self._take_action(ts_ms, body)
        elif kind is RecordKind.TRANSITION:
            scope = body["scope"]
            self._since_ms[scope] = ts_ms
            words = f"{scope or 'session'}: {body['from_state']} -> {body['to_state']}"
            self._note(ts_ms, kind.value, f"{words} ({body['reason']})")
        elif kind is RecordKind.LATCH:
            self._note(ts_ms, kind.value, f"{body['latch']}: {body['value'] or 'released'}")
        elif kind is RecordKind.NOTICE:
            self._note(ts_ms, kind.value, f"{body['notice']}: {body['detail']}")
        else:
            words = " ".join(str(body[name]) for name in sorted(body) if name != "kind")
            self._note(ts_ms, kind.value, words)

    def _take_action(self, ts_ms: int, body: dict[str, Any]) -> None:
        symbol, status = body["symbol"], body["status"]
        adds_risk = body["action"] in {"PLACE", "REPLACE"}
        if status in _GOES_WELL:
            if adds_risk and status == ActionStatus.EXECUTED.value:
                self._refusals.pop(symbol, None)
            return
        why = f"{body['reason']} {body['detail']}".strip()
        if adds_risk and status != _SKIPPED:
            self._refusals[symbol] = {"ts_ms": ts_ms, "status": status, "why": why}
        if status != _SKIPPED:
            words = f"{body['action']} {symbol} {body['client_order_id']}: {status} {why}"
            self._note(ts_ms, "ACTION", words)

    def _note(self, ts_ms: int, kind: str, text: str) -> None:
        self._events.append({"ts_ms": ts_ms, "kind": kind, "text": text})

    # -- how it stands -------------------------------------------------------------------------

    def document(self, ended: str = "") -> dict[str, Any]:
        """Return the page, JSON values only.

        Args:
            ended: How the process ended; empty: it runs.
        """
        session, base = self._session, self._session.base
        standing = to_dict(standing_of(session.core))
        for symbol in standing["symbols"]:
            symbol["since_ms"] = self._since_ms.get(symbol["symbol"], 0)
            symbol["last_refusal"] = self._refusals.get(symbol["symbol"])
        return {
            "version": STATUS_VERSION,
            "written_ms": base.now_ms(),
            "ended": ended,
            "process": {
                "pid": os.getpid(),
                "began_ms": self._began_ms,
                "engine_version": self._version,
                "config_hash": session.core.config.config_hash,
            },
            "plan": {
                "mode": base.plan.mode.value,
                "armed": base.plan.armed,
                "exchange_port": base.plan.exchange_port.value,
                "venue_class": base.plan.venue_class.value,
                "venue": base.rest_url,
            },
            "since_ms": self._since_ms.get("", 0),
            "standing": standing,
            "health": self._health(),
            "budgets": self._budgets(),
            "differences": self._differences(),
            "events": list(self._events),
            "beside": {name: make() for name, make in self._beside.items()},
        }

    def document_or_opening(self) -> dict[str, Any]:
        """Return the page, or that there is none yet."""
        if self.is_open:
            return self.document()
        return {"version": STATUS_VERSION, "written_ms": self._session.base.now_ms(), "ended": ""}

    def _health(self) -> dict[str, Any]:
        session = self._session
        account, client = session.account, session.client
        market: MarketSide | None = getattr(session, "market", None)  # the last to be opened
        health: dict[str, Any] = {
            "feed_connected": market is not None and market.feed.state is State.CONNECTED,
            "conflated": 0 if market is None else market.feed.stats.conflated,
            "journal_writable": session.journal.is_writable,
            "clock_skew_ms": client.venue_clock.skew_ms,
            "rate_limit_ban": client.budget.is_stopped(client.now()),
            "failed_status_writes": self.failed_writes,
        }
        if account is not None:
            dead_man = account.dead_man
            health |= {
                "user_stream_ok": account.stream.user_stream_ok,
                "unknown_outcomes": account.desk.unknown_outcomes,
                "countdown_until_ms": {}
                if dead_man is None
                else {symbol: dead_man.until_ms(symbol) for symbol in dead_man.symbols},
            }
        return health

    def _budgets(self) -> dict[str, dict[str, int]]:
        client = self._session.client
        used = client.budget.used_pct(client.now())
        return {
            window.value: {
                "used_pct": used.get(window, 0),
                "limit": client.budget.settings.limit(window),
            }
            for window in BudgetWindow
        }

    def _differences(self) -> list[str]:
        account = self._session.account
        if account is None or account.reconciliation is None:
            return []
        return list(account.reconciliation.lines)

    # -- the file ------------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        """Where it is written."""
        return self._session.base.folder / STATUS_FILE

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[Callable[[str], None]]:
        """Write it all the while, and how it ended; yield what takes the words for a good end."""
        words = ["by a signal that nobody waited for"]
        writing = asyncio.create_task(self._keep())
        try:
            yield lambda ended: words.__setitem__(0, ended)
        except Exception as error:
            words[0] = f"by {type(error).__name__}: {error}"
            raise
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            self.close(words[0])

    async def _keep(self) -> None:
        """Write it every second; a disk that hangs delays nobody but this."""
        while True:
            await asyncio.sleep(EVERY_MS / 1_000)
            if self.is_open:
                await asyncio.to_thread(self._write, self.document())

    @property
    def is_open(self) -> bool:
        """Whether the session holds its state's lock, and stands somewhere."""
        return hasattr(self._session, "loop")

    def close(self, ended: str) -> None:
        """Write it for the last time."""
        if self.is_open:
            self._write(self.document(ended))

    def _write(self, document: dict[str, Any]) -> None:
        part = self.path.with_name(f".{STATUS_FILE}.part")
        try:  # renamed whole, but not forced to disk: the journal's own commits come first
            part.write_bytes(canonical_json(document).encode("ascii") + b"\n")
            part.replace(self.path)
        except OSError:
            self.failed_writes += 1  # shown on the page itself, and the page's age tells
