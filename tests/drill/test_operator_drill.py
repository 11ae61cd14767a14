"""The operator drill: one session, one fault after the other, and what an operator sees and does.

Of each fault the status page must name the cause, an alert must say what was done with orders and
what to type next, and its end must be told; typing that, and healing what is outside, must bring
all entries back. After each of them session and exchange must agree to the last order and cent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import frozen

from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match, RequestOp
from grinder_core.contracts.control import Command
from grinder_core.contracts.enums import Side
from tests.drill.agreement import agreement, replayed
from tests.drill.desk import BOTH, BTC, ETH, GIB, OPERATOR, Desk, play

D = Decimal
ENGINE: Final[dict[str, Any]] = {
    "portfolio_dd_limit": D("0.0003"),  # 30 of 100 000
    "recenter_bps": 100,
    "consec_loss_enabled": True,
    "consec_loss_threshold": 2,
}
SETTINGS: Final = {"webhook.webhook_rate_per_minute": "600"}
STATUS: Final = "grinder live status"
DOCTOR: Final = "grinder doctor"
TAIL: Final = "grinder journal tail"
RESUME: Final = 'grinder control resume --reason "..."'
HALTED: Final = "Orders that add risk are cancelled; reduce-only orders stay"
HELD: Final = "No new risk is taken; exits and cancels still pass"
STEP: Final = D("1.015")  # beyond what the grid follows without a reset, within its levels
NEVER: Final = 10**18
LOST: Final = ("pending", "failed", "merged")
Scene = Callable[[Desk], Awaitable[None]]


# -- what every scene does -------------------------------------------------------------------------


@frozen(kw_only=True)
class Incident:
    """What must be told of one fault.

    Attributes:
        says: How the cause begins, and everything else that it must hold.
        orders: What was done with orders, as far as it goes.
        next: What to type, in order.
    """

    kind: str
    says: tuple[str, ...]
    orders: str
    next: tuple[str, ...]
    page: str
    symbol: str = ""


async def until(desk: Desk, holds: Callable[[], object], within_s: int, what: str) -> None:
    """Let time pass until something holds; that it does not fails the drill."""
    for _ in range(within_s * 4):
        if holds():
            return
        await desk.pass_ms(250)
    told = [(a["kind"], a["status"], a["symbol"], a["cause"]) for a in desk.receiver.alerts[-4:]]
    rows = [desk.why_not(symbol) for symbol in BOTH]
    pytest.fail(f"not within {within_s} s: {what}; {desk.state()} {rows}, told last {told}")


async def told(desk: Desk, since: int, expected: Incident, within_s: int = 20) -> dict[str, Any]:
    """Wait for an alert, and hold it against what it must say."""
    opened = lambda: [  # noqa: E731
        a for a in desk.told_of(expected.kind, since, expected.symbol)
        if a["status"] == "open" and a["cause"].startswith(expected.says[0])
    ]  # fmt: skip
    await until(desk, opened, within_s, f"an alert {expected.kind}")
    alert = opened()[0]
    for words in expected.says:
        assert words in alert["cause"]
    assert alert["orders"].startswith(expected.orders), alert["orders"]
    assert " Now: " in alert["orders"]
    assert tuple(alert["next"]) == expected.next
    assert alert["runbook"] == f"docs/how-to/{expected.page}.md"
    await desk.pass_ms(1_250)  # the page is written once a second
    shown = [a for a in desk.page()["beside"]["alerts"] if a["kind"] == expected.kind]
    assert [a["next"] for a in shown if a["symbol"] == expected.symbol] == [alert["next"]]
    return alert


def trades(desk: Desk) -> bool:
    """Whether the page says that all is well, and as many entries rest as are planned."""
    rows = [desk.row(symbol) for symbol in BOTH]
    resting = [
        sum(not order.reduce_only for order in desk.open_orders(symbol).values()) for symbol in BOTH
    ]
    return (
        desk.state() == ("ACTIVE", "HEALTHY")
        and all(row["why_not"] is None for row in rows)
        and all(row["unknown"] == row["leaving"] == 0 for row in rows)
        and [row["entries"] for row in rows]
        == [row["planned"] for row in rows]
        == resting
        == [2, 2]
    )


async def trades_again(desk: Desk, since: int, within_s: int = 90) -> None:
    """Wait until it trades as before and all is told to be over; then both sides agree."""
    await until(desk, lambda: trades(desk), within_s, "trading as planned")
    await desk.pass_ms(2_000)
    assert trades(desk)
    opened = {name_of(a) for a in desk.receiver.alerts[since:] if a["status"] == "open"}
    ended = {name_of(a) for a in desk.receiver.alerts[since:] if a["status"] == "resolved"}
    assert opened
    assert opened == ended
    assert agreement(desk) == []
    assert all(desk.is_protected(symbol) for symbol in BOTH)
    assert {name: desk.page()["beside"]["webhook"][name] for name in LOST} == dict.fromkeys(LOST, 0)


def name_of(alert: dict[str, Any]) -> tuple[object, ...]:
    return tuple(alert[name] for name in ("kind", "symbol", "reason", "since_ms"))


def step_market(desk: Desk, times: Decimal) -> None:
    """Move both prices so far that every entry is placed anew."""
    for symbol in BOTH:
        desk.prices[symbol] = (desk.prices[symbol] * times).quantize(D("0.1"))


def failing(kind: FaultKind, op: RequestOp, **more: Any) -> Fault:
    return Fault(kind=kind, match=Match(op=op), **more)


# -- the faults ------------------------------------------------------------------------------------


async def kill_switch(desk: Desk) -> None:
    since = len(desk.receiver.alerts)
    desk.command(Command.KILL)
    alert = await told(desk, since, Incident(
        kind="KILL_SWITCH", says=("KILL_SWITCH: the kill switch latched for MANUAL", "5 %"),
        orders=HALTED, next=(STATUS, "grinder control reset kill-switch", RESUME),
        page="kill-switch",
    ))  # fmt: skip
    assert desk.state() == ("EMERGENCY", "KILL_SWITCH")
    for symbol in BOTH:
        assert desk.why_not(symbol)[:3] == ("kill_switch", "KILL_SWITCH_ACTIVE", "MANUAL")
        assert desk.open_orders(symbol) == {}
    assert desk.told_of("KILL_SWITCH", since)[-1]["counts"]["cancelled"] == 4
    assert desk.follow(alert) == [Command.RESET_KILL_SWITCH, Command.RESUME]
    await trades_again(desk, since)


async def loss(desk: Desk) -> None:
    """Both symbols are bought, and the market goes on falling."""
    since = len(desk.receiver.alerts)
    for symbol in BOTH:
        desk.filled(symbol, "BUY")
    await desk.pass_ms(1_000)
    for _ in range(3):
        step_market(desk, 1 / STEP)
        await desk.pass_ms(2_000)
    alert = await told(desk, since, Incident(
        kind="DRAWDOWN_GUARD",
        says=("DRAWDOWN: the drawdown guard latched", "the limit is 0.03 %"), orders=HALTED,
        next=(STATUS, "grinder control reset drawdown-guard"), page="kill-switch",
    ))  # fmt: skip
    assert desk.state() == ("PAUSE", "DRAWDOWN")
    for symbol in BOTH:
        gate, reason, value, limit = desk.why_not(symbol)
        assert (gate, reason, limit) == ("state", "PAUSE DRAWDOWN", "3 bps")
        assert int(value.split()[0]) > 3
        desk.command(Command.FLATTEN, symbol)
    await until(desk, lambda: all(D(desk.row(s)["position"]) == 0 for s in BOTH), 10, "no position")
    assert desk.follow(alert) == [Command.RESET_DRAWDOWN_GUARD]
    await trades_again(desk, since)


async def loss_streak(desk: Desk) -> None:
    """One more round trip that loses, after the one that closing the position was."""
    since = len(desk.receiver.alerts)
    desk.filled(BTC, "BUY")
    await desk.pass_ms(1_000)
    for _ in range(3):
        step_market(desk, 1 / STEP)
        await desk.pass_ms(2_000)
    desk.filled(BTC, "SELL")
    alert = await told(desk, since, Incident(
        kind="LOSS_STREAK",
        says=("LOSS_STREAK: 2 round trips in a row lost", "the limit is 2"), orders=HALTED,
        next=(STATUS, "grinder control reset loss-streaks", RESUME), page="kill-switch",
    ))  # fmt: skip
    assert desk.state() == ("PAUSE", "OPERATOR_PAUSE")
    assert desk.page()["standing"]["latches"]["loss_streaks"] == "tripped"
    for symbol in BOTH:
        assert desk.why_not(symbol)[0] in {"policy", "state"}
        assert "OPERATOR_PAUSE" in " ".join(desk.why_not(symbol))
    assert not any(map(desk.open_orders, BOTH))
    assert desk.follow(alert) == [Command.RESET_LOSS_STREAKS, Command.RESUME]
    await until(desk, lambda: desk.state()[0] == "ACTIVE", 60, "ACTIVE")
    step_market(desk, STEP)
    await trades_again(desk, since)


async def unknown_outcome(desk: Desk) -> None:
    """Orders are taken, and neither answer nor stream nor question tells of it."""
    since = len(desk.receiver.alerts)
    desk.suffer(
        failing(FaultKind.DROP_AFTER, RequestOp.PLACE),
        failing(FaultKind.SERVER_ERROR, RequestOp.QUERY),
        Fault(
            kind=FaultKind.FRAME_LOST,
            match=Match(stream="user", event="ORDER_TRADE_UPDATE"),
        ),
    )
    step_market(desk, STEP)
    for symbol in BOTH:
        await told(desk, since, Incident(
            kind="UNKNOWN_OUTCOME", says=("OUTCOME_UNKNOWN: of 2 orders nobody knows for 10 s",),
            orders="Nothing is sent again under another id", next=(STATUS, TAIL),
            page="unknown-outcome", symbol=symbol,
        ), 60)  # fmt: skip
        assert desk.row(symbol)["unknown"] == 2
    placed = len(desk.placements)
    await until(desk, lambda: desk.why_not(BTC), 10, "a reason")
    assert desk.why_not(BTC)[:2] == ("state", "DEGRADED STATE_UNRECONCILED")
    assert len(desk.placements) == placed  # nothing was sent again meanwhile
    desk.suffer()
    await trades_again(desk, since)


async def clock_skew(desk: Desk) -> None:
    since = len(desk.receiver.alerts)
    desk.suffer(Fault(kind=FaultKind.CLOCK_SKEW, skew_ms=7_000))
    await told(desk, since, Incident(
        kind="CLOCK_SKEW",
        says=("CLOCK_SKEW: the venue's clock is 7000 ms off ours", "limit is 1000 ms"),
        orders=HELD, next=(STATUS, DOCTOR), page="clock-skew",
    ), 90)  # fmt: skip
    assert desk.state() == ("DEGRADED", "CLOCK_SKEW")
    for symbol in BOTH:
        assert desk.why_not(symbol) == ("state", "DEGRADED CLOCK_SKEW", "7000 ms", "1000 ms")
    desk.suffer()
    await trades_again(desk, since)


async def ban(desk: Desk) -> None:
    since = len(desk.receiver.alerts)
    desk.suffer(Fault(kind=FaultKind.BANNED_418, lasts_ms=20_000, match=Match(at_most=1)))
    step_market(desk, 1 / STEP)
    await told(desk, since, Incident(
        kind="RATE_LIMIT_BAN", says=("RATE_LIMIT_BAN: the venue answered with a rate limit",),
        orders="Nothing can be sent, cancels included", next=(STATUS, DOCTOR), page="ban",
    ))  # fmt: skip
    assert desk.state() == ("DEGRADED", "RATE_LIMIT_BAN")
    assert desk.page()["health"]["rate_limit_ban"] is True
    for symbol in BOTH:
        assert desk.why_not(symbol)[:2] == ("state", "DEGRADED RATE_LIMIT_BAN")
    sent = len(desk.left)
    await desk.pass_ms(10_000)
    assert len(desk.left) == sent  # whoever asks on is banned for longer
    desk.suffer()
    await trades_again(desk, since)


async def stuck_order(desk: Desk) -> None:
    """An operator pauses, and no cancel passes."""
    since = len(desk.receiver.alerts)
    desk.suffer(failing(FaultKind.UNAVAILABLE_503, RequestOp.CANCEL))
    desk.command(Command.PAUSE)
    for symbol in BOTH:
        await told(desk, since, Incident(
            kind="CANCEL_STUCK",
            says=("CANCEL_STUCK: 2 orders that were to be cancelled may still", "limit is 10 s"),
            orders="The cancels are sent again until the venue says",
            next=(STATUS, DOCTOR, TAIL), page="stuck-order", symbol=symbol,
        ))  # fmt: skip
        assert desk.row(symbol)["leaving"] == len(desk.open_orders(symbol)) == 2
    (paused,) = [a for a in desk.told_of("PAUSE", since) if a["status"] == "open"]
    assert paused["cause"].startswith(f"OPERATOR_PAUSE: {OPERATOR} (drill) ordered PAUSE")
    events = desk.page()["events"]
    assert any(e["kind"] == "ACTION" and e["text"].startswith("CANCEL ") for e in events)
    for name in list(desk.open_orders(BTC)):
        desk.cancel(name)  # at the venue, by hand
    await until(desk, lambda: desk.row(BTC)["leaving"] == 0, 5, "the session hears of it")
    assert len(desk.open_orders(ETH)) == 2
    desk.suffer()
    await until(desk, lambda: not any(map(desk.open_orders, BOTH)), 40, "no order left")
    assert desk.follow(paused) == [Command.RESUME]
    await trades_again(desk, since)


async def silent_market(desk: Desk) -> None:
    """The stream of one symbol says nothing more; its connection stays up."""
    since = len(desk.receiver.alerts)
    desk.suffer(Fault(kind=FaultKind.SILENCE, match=Match(stream="btcusdt@*"), lasts_ms=3_600_000))
    await told(desk, since, Incident(
        kind="FEED_LOST", says=("FEED_STALE: the market was silent for", "the limit is 5000 ms"),
        orders=HELD, next=(STATUS, DOCTOR), page="lost-connection", symbol=BTC,
    ))  # fmt: skip
    gate, reason, value, limit = desk.why_not(BTC)
    assert (gate, reason, limit) == ("state", "DEGRADED FEED_STALE", "5000 ms")
    assert int(value.split()[2]) > 5_000
    assert desk.why_not(ETH) == ()
    desk.suffer()
    await trades_again(desk, since)


async def cut_market(desk: Desk) -> None:
    """The connections break, and no other is made."""
    since = len(desk.receiver.alerts)
    desk.is_market_away = True
    desk.suffer(Fault(kind=FaultKind.STREAM_CUT, match=Match(stream="*@*")))
    await told(desk, since, Incident(
        kind="FEED_LOST", says=("FEED_DISCONNECTED: the market stream is not connected",),
        orders=HELD, next=(STATUS, DOCTOR), page="lost-connection",
    ), 60)  # fmt: skip
    assert desk.state() == ("DEGRADED", "FEED_DISCONNECTED")
    assert desk.page()["health"]["feed_connected"] is False
    for symbol in BOTH:
        assert desk.why_not(symbol)[:2] == ("state", "DEGRADED FEED_DISCONNECTED")
    desk.is_market_away = False
    desk.suffer()
    await trades_again(desk, since)


async def lost_account_stream(desk: Desk) -> None:
    """The listen key expires and no other is given; meanwhile an entry is executed."""
    since = len(desk.receiver.alerts)
    fills = desk.core.engine.hot.stats.total_fills
    desk.suffer(
        Fault(kind=FaultKind.LISTEN_KEY_EXPIRED),
        failing(FaultKind.SERVER_ERROR, RequestOp.LISTEN_KEY),
    )
    await desk.pass_ms(3_000)
    desk.filled(ETH, "SELL")
    await told(desk, since, Incident(
        kind="USER_STREAM_DOWN", says=("USER_STREAM_DOWN: the account's private stream is down",),
        orders=HELD, next=(STATUS, DOCTOR), page="lost-connection",
    ))  # fmt: skip
    assert desk.state() == ("DEGRADED", "USER_STREAM_DOWN")
    assert desk.page()["health"]["user_stream_ok"] is False
    for symbol in BOTH:
        assert desk.why_not(symbol)[:2] == ("state", "DEGRADED USER_STREAM_DOWN")
    desk.suffer()
    await until(desk, lambda: desk.state()[0] == "ACTIVE", 60, "ACTIVE")
    await desk.pass_ms(10_000)
    step_market(desk, STEP)  # the level that was executed is placed anew
    await trades_again(desk, since)
    assert desk.core.engine.hot.stats.total_fills == fills + 1


async def full_disk(desk: Desk) -> None:
    """Room becomes scarce, and then nothing can be written any more."""
    since = len(desk.receiver.alerts)
    desk.free_bytes = GIB
    await told(desk, since, Incident(
        kind="DISK_LOW", says=("DISK_LOW: 1024 MiB are free", "2048 MiB are the least"),
        orders="Nothing yet", next=(STATUS, DOCTOR), page="disk-full",
    ), 70)  # fmt: skip
    assert trades(desk)
    desk.disk.broken.append((desk.clock.now_ms(), NEVER))
    await told(desk, since, Incident(
        kind="STATE_WRITE_FAILED", says=("STATE_WRITE_FAILED: the journal cannot be written",),
        orders=HELD, next=(STATUS, DOCTOR, "grinder state verify"), page="disk-full",
    ))  # fmt: skip
    assert desk.state() == ("DEGRADED", "STATE_WRITE_FAILED")
    assert desk.page()["health"]["journal_writable"] is False
    for symbol in BOTH:
        assert desk.why_not(symbol)[:2] == ("state", "DEGRADED STATE_WRITE_FAILED")
    placed = len(desk.placements)
    step_market(desk, 1 / STEP)
    await desk.pass_ms(18_000)
    assert len(desk.placements) == placed  # no order whose intent is not on disk
    assert not any(map(desk.open_orders, BOTH))  # and cancels pass
    desk.disk.broken.clear()
    desk.free_bytes = 100 * GIB
    await until(
        desk, lambda: desk.told_of("DISK_LOW", since)[-1]["status"] == "resolved", 70, "room"
    )
    await trades_again(desk, since)


async def order_by_hand(desk: Desk) -> None:
    """A countdown would cancel it as well, so that there may be none."""
    since = len(desk.receiver.alerts)
    desk.rest("web_by_hand", BTC)
    await told(desk, since, Incident(
        kind="DEAD_MAN_FAILED",
        says=("DEAD_MAN_FAILED: the venue's countdown", "orders of others are there"),
        orders="No new risk is taken", next=(STATUS, DOCTOR), page="lost-connection", symbol=BTC,
    ))  # fmt: skip
    assert desk.why_not(BTC)[:2] == ("state", "DEGRADED DEAD_MAN_FAILED")
    assert desk.page()["health"]["countdown_until_ms"][BTC] == 0
    assert not desk.is_protected(BTC)
    assert desk.why_not(ETH) == ()
    await until(
        desk, lambda: any("web_by_hand" in line for line in desk.page()["differences"]), 60,
        "the order on the page",
    )  # fmt: skip
    assert "web_by_hand" in desk.open_orders(BTC)  # it is nobody's here to touch
    desk.cancel("web_by_hand")
    await trades_again(desk, since, 120)


async def position_by_hand(desk: Desk) -> None:
    """Somebody buys by hand; it is taken over, and closed in order."""
    since = len(desk.receiver.alerts)
    believed = D(desk.row(BTC)["position"])
    held = believed + D("0.02")
    desk.trade(Side.BUY, "0.02", BTC)
    alert = await told(desk, since, Incident(
        kind="MISMATCH", says=("STATE_UNRECONCILED: 1 differences",), orders=HELD,
        next=(STATUS, TAIL, "grinder state adopt-exchange"), page="mismatch", symbol=BTC,
    ), 120)  # fmt: skip
    assert "adopt-exchange" in alert["detail"]
    assert desk.why_not(BTC)[:2] == ("state", "DEGRADED STATE_UNRECONCILED")
    (line,) = desk.page()["differences"]
    assert line.startswith(f"{BTC}: the venue holds {held}, and we believe {believed}:")
    await desk.end()
    assert not any(map(desk.open_orders, BOTH))
    assert not any(map(desk.is_protected, BOTH))
    await desk.adopt()
    since = len(desk.receiver.alerts)
    await desk.started(5_000)
    desk.command(Command.PAUSE)
    await desk.pass_ms(2_000)
    assert D(desk.row(BTC)["position"]) == held
    desk.command(Command.FLATTEN, BTC)
    await desk.pass_ms(2_000)
    assert D(desk.row(BTC)["position"]) == 0
    desk.command(Command.RESUME)
    await trades_again(desk, since)


async def failing_countdown(desk: Desk) -> None:
    since = len(desk.receiver.alerts)
    desk.suffer(failing(FaultKind.SERVER_ERROR, RequestOp.COUNTDOWN))
    for symbol in BOTH:
        await told(desk, since, Incident(
            kind="DEAD_MAN_FAILED",
            says=("DEAD_MAN_FAILED: the venue's countdown", "its countdown cannot be renewed"),
            orders="No new risk is taken", next=(STATUS, DOCTOR), page="lost-connection",
            symbol=symbol,
        ), 60)  # fmt: skip
        assert desk.why_not(symbol)[:2] == ("state", "DEGRADED DEAD_MAN_FAILED")
    await until(desk, lambda: not any(map(desk.open_orders, BOTH)), 30, "no entry unprotected")
    desk.suffer()
    await trades_again(desk, since)


async def failing_placements(desk: Desk) -> None:
    since = len(desk.receiver.alerts)
    desk.suffer(failing(FaultKind.UNAVAILABLE_503, RequestOp.PLACE))
    step_market(desk, STEP)
    await told(desk, since, Incident(
        kind="DEGRADED", says=("CIRCUIT_OPEN: placing orders failed too often in a row",),
        orders=HELD, next=(STATUS, DOCTOR), page="lost-connection",
    ))  # fmt: skip
    assert desk.state() == ("DEGRADED", "CIRCUIT_OPEN")
    for symbol in BOTH:
        assert desk.why_not(symbol)[:2] == ("state", "DEGRADED CIRCUIT_OPEN")
        assert desk.row(symbol)["last_refusal"]["why"].startswith("CIRCUIT_OPEN")
    placed = len(desk.placements)
    await desk.pass_ms(10_000)
    assert len(desk.placements) == placed
    desk.suffer()
    await trades_again(desk, since)


async def killed_process(desk: Desk) -> None:
    """Killed while it quotes; an entry is executed before somebody starts it again."""
    since = len(desk.receiver.alerts)
    await desk.kill()
    assert all(len(desk.open_orders(symbol)) == 2 for symbol in BOTH)
    desk.filled(BTC, "BUY")
    desk.suffer(Fault(kind=FaultKind.SERVER_ERROR, match=Match(op=RequestOp.QUERY)))
    await desk.pass_ms(10_000)
    desk.start()
    alert = await told(desk, since, Incident(
        kind="INIT_TIMEOUT", says=("INIT_TIMEOUT: recovery has not finished within 60 s",),
        orders="Nothing is sent, cancels included", next=(STATUS, DOCTOR, TAIL),
        page="stuck-order",
    ), 90)  # fmt: skip
    assert alert["counts"]["still_open"] == 4
    assert desk.state()[0] == "INIT"
    gate, reason, value, limit = desk.why_not(BTC)
    assert (gate, reason, limit) == ("state", "INIT INIT_TIMEOUT", "60000 ms")
    assert int(value.split()[2]) > 60_000
    desk.suffer()
    await until(desk, lambda: desk.state()[0] == "ACTIVE", 60, "ACTIVE")
    assert [a["status"] for a in desk.told_of("SESSION_STARTED", since)] == ["event"]
    step_market(desk, 1 / STEP)
    await trades_again(desk, since)


async def damaged_control_file(desk: Desk) -> None:
    since = len(desk.receiver.alerts)
    desk.file.path.write_bytes(desk.file.path.read_bytes()[:-9])
    alert = await told(desk, since, Incident(
        kind="PAUSE", says=("OPERATOR_PAUSE: control file (cannot be understood: ",),
        orders=HALTED, next=(STATUS, RESUME), page="start-and-stop",
    ))  # fmt: skip
    assert desk.state() == ("PAUSE", "OPERATOR_PAUSE")
    assert any(
        e["text"].startswith("PAUSE by control file: cannot be understood")
        for e in desk.page()["events"]
    )
    assert not any(map(desk.open_orders, BOTH))
    assert desk.follow(alert) == [Command.RESUME]
    assert len(list(desk.folder.glob("control.json.*-*"))) == 1  # moved aside, not deleted
    await trades_again(desk, since)


DRILL: Final[tuple[Scene, ...]] = (
    kill_switch,
    loss,
    loss_streak,
    unknown_outcome,
    clock_skew,
    ban,
    stuck_order,
    silent_market,
    cut_market,
    lost_account_stream,
    full_disk,
    order_by_hand,
    position_by_hand,
    failing_countdown,
    failing_placements,
    killed_process,
    damaged_control_file,
)


def test_every_fault_is_named_told_and_left_behind_in_one_session(tmp_path: Path) -> None:
    async def drill(desk: Desk) -> None:
        await desk.started()
        await until(desk, lambda: trades(desk), 20, "trading as planned")
        for scene in DRILL:
            await scene(desk)
        core = desk.core
        await desk.end()
        assert replayed(desk, core) == []
        assert desk.receiver.alerts[-1]["kind"] == "SESSION_STOPPED"
        assert not desk.told_of("SUMMARY")
        assert not any(map(desk.open_orders, BOTH))

    play(tmp_path, drill, SETTINGS, ENGINE)
