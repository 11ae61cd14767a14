"""Two sides of one market for people and machines: causes, fills, and the way between profits."""

from __future__ import annotations

from typing import Any, Final

from grinder_app.report.money_page import Bar, MoneyPage, MoneyTable, waterfall
from grinder_app.report.wording import utc
from grinder_app.runner.causes import Cause, Finding
from grinder_app.runner.sides import Classed, SideComparison
from grinder_core.contracts.orders import Fill
from grinder_core.numbers import canonical

Cells = tuple[str, ...]
CAUSE_COLUMNS: Final = ("cause", "differences", "of them fills", "evidence")
FILL_COLUMNS: Final = (
    "time",
    "symbol",
    "side",
    "qty",
    "in A",
    "in B",
    "events",
    "cause",
    "evidence",
)
BRIDGE_COLUMNS: Final = ("step", "cause", "fills", "amount")


def cause_rows(found: SideComparison) -> list[Cells]:
    """Return a row for each cause that occurs."""
    fills = {cause: sum(one.cause is cause for one in found.pieces) for cause in Cause}
    return [
        (cause.value, str(number), str(fills[cause]), found.evidence(cause))
        for cause in Cause
        if (number := found.by_cause[cause])
    ]


def fill_rows(found: SideComparison) -> list[Cells]:
    """Return a row for each fill, or part of one, that differs."""
    return [
        (
            utc(one.piece.fill.ts),
            one.piece.fill.symbol,
            one.piece.fill.side.value,
            canonical(one.piece.qty),
            _price(one.piece.a),
            _price(one.piece.b),
            f"{one.event_a or '-'} / {one.event_b or '-'}",
            one.cause.value,
            one.evidence,
        )
        for one in found.pieces
    ]


def bridge_rows(found: SideComparison) -> list[Cells]:
    """Return the way from B's profit to A's."""
    steps = found.bridge.steps
    return [
        ("PnL of B", "", str(len(found.b.books.fills)), canonical(found.bridge.start)),
        *(
            (s.kind.value, s.cause, str(s.count) if s.count else "", canonical(s.amount))
            for s in steps
        ),
        ("PnL of A", "", str(len(found.a.books.fills)), canonical(found.bridge.end)),
    ]


def first_sentence(found: SideComparison) -> str:
    """Say where the two part first."""
    first = found.first
    if first is None:
        return "No difference."
    where = [f"{utc(first.ts)} UTC", first.symbol or "the account"]
    for side, output in ((found.a, first.output_a), (found.b, first.output_b)):
        number = side.event_of(output)
        if number is not None:
            where.append(f"event {number} of {side.name}")
    return f"First difference: {', '.join(where)}: {first.text} ({first.cause.value})."


def sentence(found: SideComparison) -> str:
    """Say what came out."""
    a, b = found.a.name, found.b.name
    if found.is_equal:
        return f"{a} and {b} are the same: {found.same} fills, no difference."
    counts = f"{found.same} fills are the same, {len(found.pieces)} differ"
    left = found.unexplained
    tail = f"{left} differences are unexplained" if left else "every difference has a cause"
    return f"A is {a}, B is {b}: {counts}; {tail}."


def tolerance_sentence(found: SideComparison) -> str:
    """Say what counts as the same fill."""
    return (
        f"Fills meet by symbol and side within {found.within.ms / 1_000:g} s and "
        f"{found.within.bps} bps of each other; another price is a price difference."
    )


def comparison_json(found: SideComparison) -> dict[str, Any]:
    """Return everything as JSON values."""
    return {
        "equal": found.is_equal,
        "unexplained": found.unexplained,
        "a": {"name": found.a.name, "kind": found.a.kind.value},
        "b": {"name": found.b.name, "kind": found.b.kind.value},
        "tolerance": {"ms": found.within.ms, "bps": found.within.bps},
        "first": _first_json(found),
        "by_cause": {
            cause.value: {"count": number, "evidence": found.evidence(cause)}
            for cause, number in sorted(found.by_cause.items())
            if number
        },
        "fills_same": found.same,
        "fills": [_piece_json(one) for one in found.pieces],
        "costs": [one.to_dict() for one in found.costs],
        "causes": None if found.causes is None else found.causes.to_dict(),
        "bridge": {
            "start": canonical(found.bridge.start),
            "steps": [
                {
                    "kind": step.kind.value,
                    "cause": step.cause,
                    "count": step.count,
                    "amount": canonical(step.amount),
                }
                for step in found.bridge.steps
            ],
            "end": canonical(found.bridge.end),
        },
        "remarks": list(found.remarks),
    }


def bridge_page(found: SideComparison) -> MoneyPage:
    """Return the page."""
    bridge = found.bridge
    bars = [
        Bar(name="PnL of B", amount=bridge.start, is_sum=True),
        *(Bar(name=kind.value, amount=amount) for kind, amount in bridge.by_kind().items()),
        Bar(name="PnL of A", amount=bridge.end, is_sum=True),
    ]
    return MoneyPage(
        title=f"{found.b.kind.value} to {found.a.kind.value}, in money".capitalize(),
        about=f"A is {found.a.name}; B is {found.b.name}",
        lead=f"{sentence(found)} {first_sentence(found)}",
        tone="bad" if found.unexplained else "good",
        warnings=found.remarks,
        charts=(
            waterfall("bridge", "From B's profit to A's", bars, "After fees and funding, exact."),
        ),
        tables=(
            MoneyTable(
                title="Step by step",
                columns=BRIDGE_COLUMNS,
                rows=bridge_rows(found),
                numeric=BRIDGE_COLUMNS[2:],
                caption="Quote currency; what makes A better than B is positive.",
            ),
            MoneyTable(
                title="Why they differ",
                columns=CAUSE_COLUMNS,
                rows=cause_rows(found),
                numeric=CAUSE_COLUMNS[1:3],
            ),
            MoneyTable(
                title="Fills that differ",
                columns=FILL_COLUMNS,
                rows=fill_rows(found),
                numeric=FILL_COLUMNS[3:6],
                caption=tolerance_sentence(found),
            ),
        ),
    )


def _price(fill: Fill | None) -> str:
    return "-" if fill is None else canonical(fill.price)


def _first_json(found: SideComparison) -> dict[str, Any] | None:
    first: Finding | None = found.first
    if first is None:
        return None
    return {
        **first.to_dict(),
        "event_a": found.a.event_of(first.output_a),
        "event_b": found.b.event_of(first.output_b),
    }


def _piece_json(one: Classed) -> dict[str, Any]:
    fill, piece = one.piece.fill, one.piece
    return {
        "symbol": fill.symbol,
        "side": fill.side.value,
        "qty": canonical(piece.qty),
        "price_a": None if piece.a is None else canonical(piece.a.price),
        "price_b": None if piece.b is None else canonical(piece.b.price),
        "ts_a": None if piece.a is None else piece.a.ts,
        "ts_b": None if piece.b is None else piece.b.ts,
        "event_a": one.event_a,
        "event_b": one.event_b,
        "cause": one.cause.value,
        "evidence": one.evidence,
    }
