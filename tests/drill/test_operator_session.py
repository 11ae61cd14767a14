"""An operator's commands in one session: each seen at the exchange in the very step it came with.

Nothing is folded between a command and the cancels that it leads to; an order to the market waits
until its intent is on disk, and for nothing else. Each command stands in the journal's audit
stream, and what it latched is there after the process was killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from attrs import frozen

from grinder_core.contracts.control import Command, Control
from grinder_core.contracts.event import Event
from tests.drill.agreement import agreement, replayed
from tests.drill.desk import BOTH, BTC, OPERATOR, ORDER, Desk, Left, play
from tests.support.memory_journal import SYNC_MS

D = Decimal
COUNTDOWN: Final = "/fapi/v1/countdownCancelAll"
WRITES: Final = {(method, path) for path in (ORDER, COUNTDOWN) for method in ("POST", "DELETE")}


@frozen
class Seen:
    """What a command led to.

    Attributes:
        event: In the session.
        requests: That left before anything else was folded.
        said: Transitions and latches of that step: scope or latch, and what it became.
    """

    event: Event
    requests: Sequence[Left]
    said: Sequence[tuple[str, str]]

    def of(self, method: str, path: str = ORDER) -> list[dict[str, str]]:
        """Parameters of its requests."""
        return [
            {name: values[0] for name, values in parse_qs(one.parameters).items()}
            for one in self.requests
            if (one.method, one.path) == (method, path)
        ]


async def commanded(desk: Desk, command: Command, symbol: str = "") -> Seen:
    """Give a command and let a second pass; it must have been folded as the very next event."""
    before, left = desk.core.hot.events, len(desk.left)
    rows = len(desk.disk.written)
    number = desk.command(command, symbol)
    await desk.pass_ms(1_000)
    (event,) = [
        e for e in desk.folded if isinstance(e.payload, Control) and e.payload.number == number
    ]
    assert event.seq == before + 1, "something was folded before it"
    _audited(desk, rows, command, number)
    requests = [
        one for one in desk.left[left:]
        if one.events == event.seq and (one.method, one.path) in WRITES
    ]  # fmt: skip
    return Seen(event, requests, _said(desk, rows))


def _audited(desk: Desk, since: int, command: Command, number: int) -> None:
    """It is noted before it is carried out, and after that what became of it."""
    kinds = [(row.stream, row.kind) for row in desk.disk.written[since:]]
    assert kinds.index(("audit", "CONTROL")) < kinds.index(("event", "CONTROL"))
    taken, carried_out = [
        row for row in desk.rows("audit") if row["details"].get("number") == number
    ]
    assert [taken["details"][name] for name in ("command", "actor", "text")] == [
        command.value, OPERATOR, "drill",
    ]  # fmt: skip
    assert (carried_out["status"], carried_out["details"]["command"]) == ("APPLIED", command.value)


def _said(desk: Desk, since: int) -> list[tuple[str, str]]:
    """What the step of a command said: the rows behind its event up to the next one."""
    from_here = desk.disk.written[since:]
    start = next(n for n, row in enumerate(from_here) if row.kind == "CONTROL" and
                 row.stream == "event")  # fmt: skip
    said = []
    for row in from_here[start + 1 :]:
        if row.stream in {"event", "market"}:
            break
        if row.kind == "TRANSITION":
            body = desk.body(row)
            said.append((body["scope"], f"{body['to_state']} {body['reason']}"))
        elif row.kind == "LATCH":
            body = desk.body(row)
            said.append((body["latch"], body["value"]))
    return said


def cancelled(desk: Desk) -> set[int]:
    """Numbers of the orders whose cancel the exchange took, from its own log."""
    log = desk.venue.log.of(ORDER, "DELETE")
    return {number for record in log if not record.is_refused for number in record.order_ids}


async def trading(desk: Desk) -> None:
    """Until all entries rest."""
    for _ in range(60):
        await desk.pass_ms(1_000)
        if all(len(desk.open_orders(symbol)) == 2 for symbol in BOTH):
            break
    await desk.pass_ms(2_000)
    assert all(len(desk.open_orders(symbol)) == 2 for symbol in BOTH), desk.state()
    assert agreement(desk) == []


def entries(desk: Desk) -> set[int]:
    """Numbers of the orders that rest."""
    return {order.number for symbol in BOTH for order in desk.open_orders(symbol).values()}


def test_each_command_is_at_the_exchange_before_anything_else_is_folded(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.started()
        await trading(desk)

        resting = entries(desk)
        seen = await commanded(desk, Command.PAUSE)
        assert {int(one["orderId"]) for one in seen.of("DELETE")} == resting
        assert resting <= cancelled(desk)
        assert ("", "PAUSE OPERATOR_PAUSE") in seen.said
        assert ("ordered", "PAUSE") in seen.said
        assert not entries(desk)

        seen = await commanded(desk, Command.RESUME)
        assert seen.requests == []
        assert ("", "PAUSE COOLDOWN") not in seen.said  # the same state goes on for its cooldown
        assert ("ordered", "") in seen.said
        await trading(desk)

        desk.filled(BTC, "BUY")
        await desk.pass_ms(2_000)
        held = D(desk.row(BTC)["position"])
        assert held > 0
        await commanded(desk, Command.PAUSE)
        seen = await commanded(desk, Command.FLATTEN, BTC)
        left, order = market_order(desk, seen)
        assert left.ts_ms - seen.event.ts_ms < SYNC_MS
        between = [e for e in desk.folded if seen.event.seq < e.seq <= left.events]
        assert {e.ts_ms for e in between} <= {seen.event.ts_ms}, "a later step came before it"
        assert (order["symbol"], order["side"], order["reduceOnly"]) == (BTC, "SELL", "true")
        assert D(order["quantity"]) == held
        assert desk.core.engine.hot.symbols[BTC].ledger.qty == 0
        assert agreement(desk) == []
        await commanded(desk, Command.RESUME)
        await desk.pass_ms(40_000)
        for symbol in BOTH:
            desk.prices[symbol] *= D("1.015")
        await trading(desk)

        resting = entries(desk)
        seen = await commanded(desk, Command.KILL)
        assert {int(one["orderId"]) for one in seen.of("DELETE")} == resting
        assert ("", "EMERGENCY KILL_SWITCH") in seen.said
        assert ("kill_switch", "MANUAL") in seen.said
        assert not entries(desk)

        await desk.kill()
        await desk.started()
        await desk.pass_ms(30_000)
        assert desk.core.hot.latches["kill_switch"] == "MANUAL"
        assert desk.state() == ("EMERGENCY", "KILL_SWITCH")
        assert not entries(desk)

        seen = await commanded(desk, Command.RESET_KILL_SWITCH)
        assert seen.requests == []
        assert ("kill_switch", "") in seen.said
        await desk.pass_ms(60_000)
        assert desk.state() == ("EMERGENCY", "AWAIT_RESUME")
        assert not entries(desk)
        seen = await commanded(desk, Command.RESUME)
        assert ("emergency", "") in seen.said
        await trading(desk)

        await commanded(desk, Command.PAUSE)
        await desk.kill()
        await desk.started()
        await desk.pass_ms(60_000)
        assert desk.core.hot.latches["ordered"] == "PAUSE"
        assert desk.state() == ("PAUSE", "OPERATOR_PAUSE")
        assert not entries(desk)
        await commanded(desk, Command.RESUME)
        await trading(desk)

        resting = entries(desk)
        number = desk.command(Command.STOP)
        core, running = desk.core, desk.running
        assert running is not None
        await running
        desk.running = None
        (event,) = [
            e for e in desk.folded if isinstance(e.payload, Control) and e.payload.number == number
        ]
        at_once = [one for one in desk.left if one.events == event.seq and one.method == "DELETE"
                   and one.ts_ms == event.ts_ms]  # fmt: skip
        assert len([one for one in at_once if one.path == ORDER]) == len(resting)
        assert not entries(desk)
        assert not any(map(desk.is_protected, BOTH))
        assert replayed(desk, core) == []

    play(tmp_path, scene, engine={"recenter_bps": 100})


def market_order(desk: Desk, seen: Seen) -> tuple[Left, dict[str, str]]:
    """The one order that left for the market since a command: its intent goes to disk before it."""
    found = [
        (one, {name: values[0] for name, values in parse_qs(one.parameters).items()})
        for one in desk.placements
        if one.ts_ms >= seen.event.ts_ms
    ]
    ((left, order),) = [pair for pair in found if pair[1]["type"] == "MARKET"]
    return left, order
