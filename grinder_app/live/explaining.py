"""Why did it do that at 03:12? What a session saw and said around a time, in words."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

import orjson
from attrs import Factory, define, frozen

from grinder_app.live.journal_words import clock, decision_words
from grinder_app.live.journal_words import line_of as line_of_row
from grinder_app.live.scribe import EXEC_STREAM
from grinder_core.codec import to_dict
from grinder_core.contracts.event import Event
from grinder_core.live.core import LiveCore, Step
from grinder_core.live.records import Record, RecordKind
from grinder_core.numbers import canonical

LINES_MAX: Final = 200
_TAIL: Final = 96
_SYMBOL: Final = re.compile(rb'"symbol":"([^"]*)","ts"')


@frozen(kw_only=True)
class SymbolThen:
    """One symbol at a moment; ``halted``: why no plan may add risk, empty: it may."""

    symbol: str
    state: str
    reason: str
    halted: str
    bid: str
    ask: str
    position: str
    entries: int
    exits: int


@frozen(kw_only=True)
class Then:
    """A session at a moment.

    Attributes:
        inputs: What the operating state was told of the process.
    """

    ts_ms: int
    state: str
    reason: str
    equity: str
    latches: dict[str, str]
    inputs: dict[str, Any]
    symbols: tuple[SymbolThen, ...]


@frozen
class _Said:
    """A record as a row of the journal."""

    seq: int
    ts_ms: int
    stream: str
    kind: str
    body: str


@define
class Explainer:
    """Looks on while a journal is folded again.

    Attributes:
        start_ms, end_ms: The time in question, the end excluded.
        opening, closing: The session before and after it.
        seen: Events of that time, by symbol and kind.
        said: What was said then, in words; no more than ``LINES_MAX``, ``left_out`` counts others.
        decisions: How many each symbol had.
    """

    start_ms: int
    end_ms: int
    opening: Then | None = None
    closing: Then | None = None
    seen: Counter[tuple[str, str]] = Factory(Counter)
    said: list[str] = Factory(list)
    left_out: int = 0
    decisions: Counter[str] = Factory(Counter)
    _last: dict[str, bytes] = Factory(dict)

    def before(self, core: LiveCore, event: Event) -> bool:
        """Take the session as it was before the time begins; stop once it is over."""
        if event.ts_ms < self.start_ms:
            return False
        if self.opening is None:
            self.opening = then(core)
        return event.ts_ms >= self.end_ms

    def after(self, core: LiveCore, event: Event, step: Step) -> None:
        """Take what was said."""
        for record in step.records:
            if record.kind is RecordKind.DECISION:
                self._decided(record)
        if self.opening is None:
            return
        symbol = getattr(event.payload, "symbol", "")
        self.seen[symbol or "session", event.kind] += 1
        for record in step.records:
            if record.is_notable:
                if len(self.said) < LINES_MAX:
                    self.said.append(line_of(record))
                else:
                    self.left_out += 1

    def end(self, core: LiveCore) -> None:
        """Take the session as it was in the end."""
        if self.opening is None:
            self.opening = then(core)
        self.closing = then(core)

    def last_decisions(self) -> dict[str, str]:
        """Return each symbol's last decision up to the end of the time, in words."""
        return {
            symbol: decision_words(orjson.loads(line))
            for symbol, line in sorted(self._last.items())
        }

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "from_ms": self.start_ms,
            "to_ms": self.end_ms,
            "opening": None if self.opening is None else to_dict(self.opening),
            "closing": None if self.closing is None else to_dict(self.closing),
            "seen": {f"{who} {kind}": count for (who, kind), count in sorted(self.seen.items())},
            "said": self.said,
            "left_out": self.left_out,
            "decisions": dict(sorted(self.decisions.items())),
            "last_decisions": self.last_decisions(),
        }

    def lines(self) -> list[str]:
        """Return it for people."""
        told = [f"from {clock(self.start_ms)} to {clock(self.end_ms)} UTC"]
        if self.opening is not None:
            told += [f"before ({clock(self.opening.ts_ms)}):", *_then_lines(self.opening)]
        told.append("seen:")
        told += [
            f"  {who}: {count} {kind}" for (who, kind), count in sorted(self.seen.items())
        ] or ["  nothing"]
        told.append("said:")
        told += [f"  {line}" for line in self.said] or ["  nothing that changed anything"]
        if self.left_out:
            told.append(f"  and {self.left_out} lines more: grinder journal tail --since --until")
        told.append("last decision of each symbol:")
        told += [
            f"  {symbol}: {words} (one of {self.decisions[symbol]} of that time)"
            for symbol, words in self.last_decisions().items()
        ] or ["  none yet"]
        if self.closing is not None:
            told += [f"after ({clock(self.closing.ts_ms)}):", *_then_lines(self.closing)]
        return told

    def _decided(self, record: Record) -> None:
        symbol = _symbol(record.line)
        self._last[symbol] = record.line
        if record.ts_ms >= self.start_ms:
            self.decisions[symbol] += 1


def then(core: LiveCore) -> Then:
    """Return a session as it is."""
    hot, engine = core.hot, core.engine.hot
    machine = hot.orchestrator.machine
    return Then(
        ts_ms=engine.now,
        state=machine.state.value,
        reason=machine.reason.value,
        equity=canonical(engine.account.equity),
        latches=dict(sorted(hot.latches.items())),
        inputs=to_dict(hot.orchestrator.inputs),
        symbols=tuple(_symbol_then(core, symbol) for symbol in hot.orchestrator.symbols),
    )


def line_of(record: Record) -> str:
    """Return a record for people, as the journal's tail shows it."""
    text = record.line.decode("ascii")
    return line_of_row(_Said(0, record.ts_ms, EXEC_STREAM, record.kind.value, text))


def _symbol_then(core: LiveCore, symbol: str) -> SymbolThen:
    state, reason = core.hot.orchestrator.effective(symbol)
    engine = core.engine.hot
    s = engine.symbols.get(symbol)
    live = [] if s is None else list(s.grid.live.values())
    return SymbolThen(
        symbol=symbol,
        state=state.value,
        reason=reason.value,
        halted=engine.halted.get(symbol, ""),
        bid="-" if s is None else canonical(s.bid),
        ask="-" if s is None else canonical(s.ask),
        position="0" if s is None else canonical(s.ledger.qty),
        entries=sum(not order.reduce_only for order in live),
        exits=sum(order.reduce_only for order in live),
    )


def _then_lines(at: Then) -> list[str]:
    latches = "; ".join(f"{name} is {value}" for name, value in at.latches.items()) or "none"
    told = [f"  session {at.state} {at.reason}, equity {at.equity}, latches: {latches}"]
    for s in at.symbols:
        halted = f", no new risk: {s.halted}" if s.halted else ""
        told.append(
            f"  {s.symbol} {s.state} {s.reason}, {s.bid} / {s.ask}, position {s.position}, "
            f"{s.entries} entries and {s.exits} exits resting{halted}"
        )
    return told


def _symbol(line: bytes) -> str:
    """The symbol of a decision; its line ends with it and the time."""
    found: bytes = _SYMBOL.findall(line[-_TAIL:])[-1]
    return found.decode("ascii")
