"""Sides that a live session's journal gives: the session itself, and a backtest of its market.

Both are written out as all outputs of a run are, so that they can be held against each other and
against any run. Event numbers are the journal's in both.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from io import BufferedWriter
from pathlib import Path
from typing import Any, Final

import orjson
from attrs import frozen

from grinder_adapters.airgap import airgap
from grinder_adapters.journal import JournalReader
from grinder_adapters.journal.record import FIRST_SEQ
from grinder_app.live.bookkeeping import Bookkeeper
from grinder_app.live.journal_tail import newest_configured
from grinder_app.live.recovering import market_lines
from grinder_app.live.retelling import Parting, Reteller
from grinder_app.live.scribe import EVENT_STREAM, read_market
from grinder_app.runner.hints import ANSWERS, SideHints
from grinder_app.runner.sides import Side, SideKind
from grinder_core.analysis.bridge import Books
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import ActionStatus, OperatingState
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.orders import Fill
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ArtifactError, ConfigError
from grinder_core.live.core import LiveCore, Step
from grinder_core.live.records import RecordKind
from grinder_core.numbers import ZERO, canonical, exact
from grinder_core.ports import Policy
from grinder_core.session.session import Session

FREE: Final = frozenset({OperatingState.ACTIVE, OperatingState.THROTTLED})
UNSUCCESSFUL: Final = frozenset({ActionStatus.FAILED.value, ActionStatus.UNKNOWN.value})
RECOVERY: Final = "the session comes up"
NEVER: Final = 1 << 62
Advance = Callable[[int], None]


@frozen(kw_only=True)
class Told:
    """A live session as its journal tells it.

    Attributes:
        config: Its engine's, as it was last.
        whitelist: What it may trade.
        start: Its first equity, before anything was taken over.
        parting: Where a replay says otherwise; ``None``: nowhere.
        events: How many were folded.
        free_from: By symbol, number of the first event at which it let new risk in.
    """

    side: Side
    config: EngineConfig
    whitelist: tuple[str, ...]
    start: Decimal
    parting: Parting | None
    events: int
    free_from: Mapping[str, int]


class OutputWatch:
    """Writes all outputs of a session that is folded, with what is known beside them.

    Attributes:
        free_from: By symbol, number of the first event at which new risk was let in.
    """

    def __init__(self, file: BufferedWriter) -> None:
        self._file = file
        self.books = Bookkeeper()
        self.events: array[int] = array("q")
        self.stops: dict[int, str] = {}
        self.answers: dict[int, str] = {}
        self.free_from: dict[str, int] = {}
        self._answered: dict[str, str] = {}
        self._stop = ""

    def before(self, core: LiveCore, event: Event) -> bool:
        """Note under what a decision is made; never enough."""
        payload = event.payload
        if isinstance(payload, Snapshot):
            self._stop = stopped(core, payload.symbol)
            if not self._stop:
                self.free_from.setdefault(payload.symbol, core.hot.events + 1)
        return self.books.before(core, event)

    def after(self, core: LiveCore, event: Event, step: Step) -> None:
        """Take what a step said."""
        self.books.after(core, event, step)
        for record in step.records:
            if record.kind is RecordKind.ACTION:
                self._acted(orjson.loads(record.line))
            elif record.kind is RecordKind.DECISION:
                self._decided(core, record.line)

    def _acted(self, action: dict[str, Any]) -> None:
        """Note a write that the venue did not take at once."""
        status, reason, attempts = action["status"], action["reason"], action["attempts"]
        if attempts < 2 and not (status in UNSUCCESSFUL and reason in ANSWERS):
            return
        words = [action["action"], action["client_order_id"], status, reason, action["detail"]]
        words.append(f"after {attempts} attempts" if attempts > 1 else "")
        self._answered[action["symbol"]] = " ".join(word for word in words if word)

    def _decided(self, core: LiveCore, line: bytes) -> None:
        index = len(self.events)
        self._file.write(line + b"\n")
        self.events.append(core.hot.events)
        symbol = line[line.rindex(b'"symbol":"') + 10 :].split(b'"', 1)[0].decode("ascii")
        if self._stop:
            self.stops[index] = self._stop
        if answer := self._answered.pop(symbol, ""):
            self.answers[index] = answer

    @property
    def hints(self) -> SideHints:
        """What the outputs do not tell."""
        return SideHints(stops=self.stops, answers=self.answers, conflates=True)


def stopped(core: LiveCore, symbol: str) -> str:
    """Say why a session lets no new risk in on a symbol; empty: it does."""
    hot, engine = core.hot, core.engine.hot
    state, reason = hot.orchestrator.effective(symbol)
    if state not in FREE:
        ordered = f", ordered {hot.ordered.value}" if hot.ordered is not None else ""
        return f"{state.value} {reason.value}{ordered}"
    if engine.kill.active:
        return "kill switch"
    if engine.override is not None:
        return f"override {engine.override.value}"
    return "the process ends" if hot.is_stopping else engine.halted.get(symbol, "")


def live_side(
    reader: JournalReader,
    name: str,
    outputs: Path,
    policy: Policy | None = None,
    advance: Advance = lambda rows: None,
) -> Told:
    """Fold a journal again, and return the session as a side; its outputs go to a file.

    Raises:
        ArtifactError: It is damaged.
        ConfigError: Its first rows are archived, or it needs its policy.
    """
    if reader.first_seq() != FIRST_SEQ:
        raise ConfigError(
            f"begins with row {reader.first_seq()}: the rows before it are archived",
            field="journal",
            value=name,
            remedy="compare the whole session: name a state folder that holds all of it",
        )
    with outputs.open("wb") as file:
        watch = OutputWatch(file)
        books = watch.books
        reteller = Reteller(policy, watch)
        found = reteller.run(reader, advance=advance)
    core = reteller.core
    if core is None:
        raise ArtifactError("holds no session", where=name)
    config = newest_configured(reader).config
    side = Side(
        name=name,
        kind=SideKind.LIVE,
        books=books.books(core),
        outputs=outputs,
        hints=watch.hints,
        output_events=watch.events,
        fill_events=tuple(books.events),
    )
    return Told(
        side=side,
        config=config.engine,
        whitelist=config.whitelist,
        start=books.first,
        parting=found.parting,
        events=found.events,
        free_from=watch.free_from,
    )


def backtest_side(
    reader: JournalReader,
    told: Told,
    outputs: Path,
    policy: Policy | None = None,
    advance: Advance = lambda rows: None,
) -> Side:
    """Run the market events of a journal through a backtest under the session's settings.

    Its capital is the first equity of the session, and it begins to trade a symbol at the event at
    which the session did: a session that comes up sees the market before it may act on it. Its
    outputs go to a file.

    Raises:
        ArtifactError: The journal is damaged.
    """
    config = told.config.with_values({"initial_capital": told.start})
    events: array[int] = array("q")
    fills: list[Fill] = []
    fill_events: list[int] = []
    at = 0

    def on_output(output: PaperOutput) -> None:
        fills.extend(output.fills)
        fill_events.extend([at] * len(output.fills))

    with outputs.open("wb") as file, airgap():

        def on_line(output: PaperOutput, line: bytes) -> None:
            file.write(line + b"\n")
            events.append(at)

        session = Session(config, policy, on_output=on_output, on_line=on_line, digest=False)
        waiting = dict.fromkeys(told.whitelist, RECOVERY)
        for symbol, why in waiting.items():
            session.engine.halt(symbol, why)
        for event in market_events(reader, advance):
            at = event.seq
            symbol = getattr(event.payload, "symbol", "")
            if symbol in waiting and at >= told.free_from.get(symbol, NEVER):
                del waiting[symbol]
                session.engine.halt(symbol, "")
            session.feed(event)
    hot = session.engine.hot
    for s in hot.symbols.values():
        fills += s.fills  # since its last output
        fill_events += [at] * len(s.fills)
    with exact():
        funding = sum((s.ledger.funding_paid for s in hot.symbols.values()), ZERO)
        stated = hot.cash + hot.unrealized - told.start
    return Side(
        name=f"backtest of {told.side.name}",
        kind=SideKind.BACKTEST,
        books=Books(
            fills=tuple(fills),
            marks={symbol: s.mark for symbol, s in hot.symbols.items() if s.mark},
            funding=funding,
            stated=stated,
        ),
        outputs=outputs,
        output_events=events,
        fill_events=tuple(fill_events),
        remark=_beginning(told),
    )


def _beginning(told: Told) -> str:
    begun = ", ".join(f"{symbol} at event {number}" for symbol, number in told.free_from.items())
    words = f"begins to trade where the session did: {begun or 'nowhere'}"
    venue, paid = told.config.venue, told.side.books.fees
    if paid and not (venue.maker_fee_bps_x100 or venue.taker_fee_bps_x100):
        words += (
            "; pays no fees, as venue.maker_fee_bps_x100 and venue.taker_fee_bps_x100 are 0, while "
            f"the session paid {canonical(paid)}: set them to what the venue charges before you "
            "judge a backtest by its profit"
        )
    return words


def market_events(reader: JournalReader, advance: Advance = lambda rows: None) -> Iterator[Event]:
    """Yield the market events of a journal, numbered as the session numbered them.

    Raises:
        ArtifactError: While iterating: it is damaged.
    """
    seq = 0
    for stored in reader.stored():
        if stored.data is not None:
            for line in market_lines(stored):
                seq += 1
                yield read_market(line, seq)
        elif stored.row.stream == EVENT_STREAM:
            seq += 1
        advance(1)
