"""What ``grinder state`` prints for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from grinder_app.cli import output
from grinder_app.report.wording import utc
from grinder_core.numbers import canonical

if TYPE_CHECKING:
    from grinder_app.live.state_adopting import Differences
    from grinder_app.live.state_verdict import Verdict
    from grinder_app.live.state_view import SessionFacts, StateView


def print_view(view: StateView) -> None:
    """Print what a state holds."""
    journal, made = view.journal, view.journal.made_by
    writer = view.writer
    checkpoints = [f"row {seq}, {utc(ts_ms)}" for seq, ts_ms in journal.checkpoints]
    facts: dict[str, object] = {
        "folder": view.folder,
        "written by": writer.holder if writer.is_running else "nobody at the moment",
        "made by": "-" if made is None else f"grinder {made.engine_version}",
        "configuration": "-" if made is None else made.config_hash,
        "rows": f"{journal.first_seq} to {journal.last_seq}",
        "from": utc(journal.first_ts_ms),
        "to": utc(journal.last_ts_ms),
        "certain up to": f"row {journal.head_seq}",
        "checkpoints": "; ".join(checkpoints) or "none",
        "open intents": ", ".join(sorted(journal.open_intents)) or "none",
    }
    session = view.session
    if session is None:
        output.print_facts("State", {**facts, "session": "none yet"})
        return
    output.print_facts("State", {**facts, **_session_lines(session)})
    columns = ("symbol", "state", "reason", "position", "entry", "mark", "open profit", "orders")
    rows = [
        (
            s.symbol,
            s.state,
            s.reason,
            *(canonical(n) for n in (s.qty, s.avg_entry_price, s.mark, s.unrealized)),
            len(s.orders),
        )
        for s in session.symbols
    ]
    output.print_table("Symbols", columns, rows)
    columns = ("symbol", "order", "side", "price", "qty", "filled", "state", "kind")
    orders = [
        (
            s.symbol,
            o.client_order_id,
            o.side,
            *(canonical(n) for n in (o.price, o.qty, o.filled_qty)),
            o.state,
            ("exit" if o.reduce_only else "entry") + (", to be cancelled" if o.is_leaving else ""),
        )
        for s in session.symbols
        for o in s.orders
    ]
    if orders:
        output.print_table("Orders", columns, orders)


def _session_lines(session: SessionFacts) -> Mapping[str, object]:
    latches = [f"{name} is {value}" for name, value in session.latches.items()]
    newest = "none" if not session.last_id_ts_ms else f"{utc(session.last_id_ts_ms)}"
    return {
        "session": f"{session.state} {session.reason} at {utc(session.now_ms)}",
        "policy": session.policy or "built in",
        "processes": session.lives,
        "events, outputs, fills": f"{session.events}, {session.outputs}, {session.fills}",
        "digest": session.digest,
        "cash": canonical(session.cash),
        "equity, peak": f"{canonical(session.equity)}, {canonical(session.peak)}",
        "latches": "; ".join(latches) or "none",
        "newest client id": f"{newest}, count {session.last_id_seq}",
    }


def print_verdict(verdict: Verdict) -> None:
    """Print whether a state is sound, and which command comes next."""
    seen = verdict.found
    facts: dict[str, Any] = {
        "folder": verdict.folder,
        "written by": verdict.writer.holder
        if verdict.writer.is_running
        else "nobody at the moment",
        "verdict": "sound" if seen.is_sound else "DAMAGED",
        "sound rows": "none"
        if seen.last_seq < seen.first_seq
        else f"{seen.first_seq} to {seen.last_seq}, {utc(seen.last_ts_ms)}",
        "certain once": "nobody can say" if seen.head_seq is None else f"up to row {seen.head_seq}",
        "market blocks, lines": f"{seen.blocks}, {seen.lines}",
        "sound checkpoints": ", ".join(f"row {one.seq}" for one in seen.checkpoints) or "none",
    }
    if not seen.is_sound:
        kept = verdict.salvageable
        facts["salvageable"] = "nothing" if kept is None else f"rows {kept[0]} to {kept[1]}"
    output.print_facts("Check of the state", facts)
    for problem in seen.problems:
        print(f"problem: {problem}")
    for step in verdict.steps:
        print(f"next: {step}")


def print_differences(found: Differences, *, is_done: bool) -> None:
    """Print what the venue holds and the session does not believe."""
    rows = [
        (p.symbol, canonical(p.believed), canonical(p.held), canonical(p.entry_price))
        for p in found.positions
    ]
    output.print_table("Positions", ("symbol", "believed", "held", "entry price"), rows)
    told = f", of it {canonical(found.fees_elsewhere)} in fees that another asset paid"
    told = told if found.fees_elsewhere else ""
    print(f"balance: believed {canonical(found.expected)}, held {canonical(found.wallet)}{told}")
    for symbol, qty in sorted(found.others.items()):
        print(f"left alone: {canonical(qty)} of {symbol}, which this session does not trade")
    if is_done:
        print("taken over: the next start goes on from there")
    elif not found.is_any:
        print("nothing differs")
    else:
        print(f"to take it over: repeat with --confirm {found.token}")
