"""Sides of a comparison, such as a live session, its backtest or a run, and how they differ."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Final

import orjson
from attrs import frozen

from grinder_adapters.feeds.lines import read_lines
from grinder_adapters.runs import RunView, SessionView
from grinder_app.runner.causes import Cause, Causes, Finding, Subject
from grinder_app.runner.hints import Hints, SideHints
from grinder_app.runner.walking import explain
from grinder_core.analysis.bridge import Books, Bridge, bridge
from grinder_core.analysis.pieces import Piece, Tolerance, align_fills
from grinder_core.contracts.enums import Liquidity
from grinder_core.contracts.enums import Side as OrderSide
from grinder_core.contracts.orders import Fill
from grinder_core.errors import ConfigError
from grinder_core.numbers import ZERO, canonical, parse_decimal

USUAL: Final = Tolerance()
NEVER: Final = 2**63  # later than every event
NO_OUTPUTS: Final = "outputs were not kept: run with --set app.outputs=all"


class SideKind(StrEnum):
    """What a side is."""

    LIVE = "live"
    REPLAY = "replay"
    BACKTEST = "backtest"
    RUN = "run"


@frozen(kw_only=True)
class Side:
    """One side.

    Attributes:
        outputs: File of all its outputs; ``None``: they were not kept.
        output_events: Number of the event that each output answers, where that is known.
        fill_events: Number of the event that told of each fill.
        remark: What a reader must know of how it was made.
    """

    name: str
    kind: SideKind
    books: Books
    outputs: Path | None = None
    hints: SideHints = SideHints()
    output_events: Sequence[int] = ()
    fill_events: tuple[int, ...] = ()
    remark: str = ""

    def event_of(self, output: int | None) -> int | None:
        """Return the number of the event that an output answers; ``None``: not known."""
        if output is None or output >= len(self.output_events):
            return None
        return int(self.output_events[output])


@frozen(kw_only=True)
class Classed:
    """A piece that differs, and why.

    Attributes:
        evidence: What shows the cause.
        event_a, event_b: Numbers of the events that told of its fills, where they are known.
    """

    piece: Piece
    cause: Cause
    evidence: str
    event_a: int | None = None
    event_b: int | None = None


@frozen(kw_only=True)
class SideComparison:
    """Two sides.

    Attributes:
        same: Pieces that both sides filled at one price and fee.
        pieces: The others.
        causes: All differences of their outputs; ``None``: they were not both kept.
        costs: Fills and settlements that cost another amount, each with its cause.
        first: The first difference of all; ``None``: there is none.
        remarks: What the reader must know.
    """

    a: Side
    b: Side
    within: Tolerance
    same: int
    pieces: tuple[Classed, ...]
    causes: Causes | None
    costs: tuple[Finding, ...]
    bridge: Bridge
    first: Finding | None
    remarks: tuple[str, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return self.first is None and not self.pieces and not self.costs

    @property
    def by_cause(self) -> Counter[Cause]:
        """Differences of each cause: of quotes, news and decisions, of fills, and of costs."""
        counts: Counter[Cause] = Counter()
        for (cause, subject), number in ({} if self.causes is None else self.causes.counts).items():
            if subject is not Subject.FILL:
                counts[cause] += number
        counts.update(one.cause for one in self.pieces)
        counts.update(one.cause for one in self.costs)
        return counts

    @property
    def unexplained(self) -> int:
        """Differences without a cause."""
        return self.by_cause[Cause.UNEXPLAINED]

    def evidence(self, cause: Cause) -> str:
        """Return the first thing that shows a cause; empty: there is none."""
        found = None if self.causes is None else self.causes.firsts.get(cause)
        if found is not None:
            return f"{found.symbol}: {found.text}"
        pieces = [one.evidence for one in self.pieces if one.cause is cause]
        costs = [f"{one.symbol}: {one.text}" for one in self.costs if one.cause is cause]
        return next(iter([*pieces, *costs]), "")


def run_side(view: RunView, name: str) -> Side:
    """Return a run of one session as a side.

    Raises:
        ConfigError: It has not one session.
    """
    if len(view.sessions) != 1:
        raise ConfigError(
            f"has {len(view.sessions)} finished sessions: a side is one of them",
            field="run",
            value=name,
            remedy="make a run of one session",
        )
    session = view.sessions[0]
    fills = tuple(_fills(session))
    is_whole = view.manifest.get("outputs") == "all"
    outputs = session.outputs if is_whole else None
    funding = session.equity["funding"]
    return Side(
        name=name,
        kind=SideKind.RUN,
        books=Books(
            fills=fills,
            marks=_marks(session, outputs),
            funding=funding[-1] if funding else ZERO,
            stated=session.result["net_pnl"],
        ),
        outputs=outputs,
    )


def compare_sides(a: Side, b: Side, within: Tolerance = USUAL) -> SideComparison:
    """Hold two sides against each other, fill by fill, and bridge their profits from B to A.

    Raises:
        FixtureError: A file of outputs cannot be read.
    """
    remarks = [f"{side.name}: {NO_OUTPUTS}" for side in (a, b) if side.outputs is None]
    remarks += [f"{side.name}: {side.remark}" for side in (a, b) if side.remark]
    causes = None
    if a.outputs is not None and b.outputs is not None:
        are_other = a.kind is not b.kind
        causes = explain(
            a.outputs, b.outputs, Hints(a=a.hints, b=b.hints, are_other_venues=are_other)
        )
    pieces = align_fills(a.books.fills, b.books.fills, within)
    reasons = _Reasons(causes, a, b)
    classed = tuple(reasons.classed(piece) for piece in pieces if not piece.is_same)
    why = {id(one.piece): one.cause.value for one in classed}
    costs = (*_fee_findings(pieces), *_funding_findings(a, b))
    same = [piece for piece in pieces if piece.is_same]
    firsts = [*costs, *([] if causes is None or causes.first is None else [causes.first])]
    if causes is None:
        firsts += [_finding_of(one) for one in classed]
    return SideComparison(
        a=a,
        b=b,
        within=within,
        same=len(same),
        pieces=classed,
        causes=causes,
        costs=costs,
        bridge=bridge(a.books, b.books, pieces, lambda piece: why.get(id(piece), "")),
        first=min(firsts, key=lambda found: found.ts, default=None),
        remarks=tuple(remarks),
    )


class _Reasons:
    """Why a fill is of one side only: what was found where outputs show it."""

    def __init__(self, causes: Causes | None, a: Side, b: Side) -> None:
        self._found: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
        for finding in [] if causes is None else causes.fills:
            assert finding.news is not None
            news = finding.news
            key = (finding.who, finding.symbol, news.side, news.price, news.qty)
            self._found[key].append(finding)
        self._events = {
            who: {
                fill.fill_id: number
                for fill, number in zip(side.books.fills, side.fill_events, strict=False)
            }
            for who, side in (("A", a), ("B", b))
        }
        self._last_output = {
            who: side.output_events[-1] if side.output_events else NEVER
            for who, side in (("A", a), ("B", b))
        }

    def classed(self, piece: Piece) -> Classed:
        """Return a piece with its cause."""
        found = self._of("A", piece.a) or self._of("B", piece.b)
        if found is not None:
            cause, evidence = found.cause, found.text
        elif self._is_at_the_end("A", piece.a) or self._is_at_the_end("B", piece.b):
            cause, evidence = Cause.PROTECTION, "after the last quote: the session was stopped"
        else:
            cause, evidence = Cause.UNEXPLAINED, "no output shows it"
        return Classed(
            piece=piece,
            cause=cause,
            evidence=evidence,
            event_a=self._event("A", piece.a),
            event_b=self._event("B", piece.b),
        )

    def _of(self, who: str, fill: Fill | None) -> Finding | None:
        if fill is None:
            return None
        key = (who, fill.symbol, fill.side.value, canonical(fill.price), canonical(fill.qty))
        near = self._found.get(key)
        return min(near, key=lambda one: abs(one.ts - fill.ts)) if near else None

    def _is_at_the_end(self, who: str, fill: Fill | None) -> bool:
        """Whether a fill came when nothing was decided any more: no output can show it."""
        number = self._event(who, fill)
        return number is not None and number > self._last_output[who]

    def _event(self, who: str, fill: Fill | None) -> int | None:
        return None if fill is None else self._events[who].get(fill.fill_id)


def _fee_findings(pieces: Sequence[Piece]) -> list[Finding]:
    """Fills that both sides have whole, and that cost another fee."""
    found = []
    for piece in pieces:
        a, b = piece.a, piece.b
        if a is None or b is None or not piece.is_same or not piece.qty == a.qty == b.qty:
            continue
        if a.fee == b.fee:
            continue
        told = " and ".join(
            f"{canonical(one.fee)} in {who} ({one.liquidity.value})"
            for who, one in (("A", a), ("B", b))
        )
        found.append(_money(a.ts, a.symbol, f"fee of {a.side.value} {a.qty} @ {a.price}: {told}"))
    return found


def _funding_findings(a: Side, b: Side) -> list[Finding]:
    paid = (a.books.funding, b.books.funding)
    if paid[0] == paid[1]:
        return []
    last = max((fill.ts for side in (a, b) for fill in side.books.fills), default=0)
    return [
        _money(last, "", f"funding paid: {canonical(paid[0])} in A and {canonical(paid[1])} in B")
    ]


def _money(ts: int, symbol: str, text: str) -> Finding:
    return Finding(cause=Cause.COSTS, subject=Subject.MONEY, ts=ts, symbol=symbol, text=text)


def _finding_of(one: Classed) -> Finding:
    fill = one.piece.fill
    who = "both" if one.piece.a and one.piece.b else "A" if one.piece.a else "B"
    text = f"in {who}: {fill.side.value} {one.piece.qty} @ {fill.price}"
    return Finding(cause=one.cause, subject=Subject.FILL, ts=fill.ts, symbol=fill.symbol, text=text)


def _fills(session: SessionView) -> list[Fill]:
    names = (*("fill_id", "order_id", "ts", "symbol", "side", "price", "qty", "fee"), "liquidity")
    trades = session.trades
    rows = zip(*(trades[name] for name in (*names, "level_id")), strict=True)
    return [
        Fill(
            fill_id=fill_id,
            order_id=order_id,
            ts=ts,
            symbol=symbol,
            side=OrderSide(side),
            price=price,
            qty=qty,
            fee=fee,
            liquidity=Liquidity(liquidity),
            level_id=level_id,
        )
        for fill_id, order_id, ts, symbol, side, price, qty, fee, liquidity, level_id in rows
    ]


def _marks(session: SessionView, outputs: Path | None) -> dict[str, Decimal]:
    """The last price of each symbol; without outputs, of the last sample."""
    marks = {symbol: columns["mid"][-1] for symbol, columns in session.prices.items()}
    if outputs is not None:
        for line in read_lines(outputs):
            pnl = orjson.loads(line)["pnl_snapshot"]
            marks[pnl["symbol"]] = parse_decimal(pnl["mark_price"], "mark_price")
    return marks
