"""``grinder live status``: how a session stands, and why it does not trade what it does not."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from grinder_adapters.binance.permission import PortKind
from grinder_adapters.clock import SystemClock
from grinder_app.cli import output
from grinder_app.live.status_reading import StatusPage, read_status
from grinder_app.runner.options import ConfigOptions, Flag
from grinder_core.contracts.live import OperatingState
from grinder_core.errors import ConfigError, InputError

POLL_S: Final = 0.2


def status(
    *,
    settings: ConfigOptions = ConfigOptions(),  # noqa: B008 - frozen
    state_dir: Path | None = None,
    port: PortKind | None = None,
    json: Flag = False,
    watch: float = 0,
    until: OperatingState | None = None,
    within: float = 60,
) -> int:
    """Show how a session stands: state, orders, money, budgets, and for each symbol why not.

    Reads the page that the session writes every second, so it disturbs nothing and also tells of
    one that has died. Exits 0 if a process runs and stands where --until wants it, else 1.

    Parameters
    ----------
    state_dir
        Folder of the durable state, instead of the setting app.state_dir.
    port
        Whose session; needed where the folder holds several.
    json
        Print one JSON line, with --watch one each time.
    watch
        Show it again every so many seconds, until interrupted.
    until
        Wait until the session is in this state, and no symbol in a more restrictive one.
    within
        Wait for at most so many seconds.
    """
    if not 0 <= watch < 86_400:
        raise ConfigError("must be >= 0 and less than a day", field="--watch", value=watch)
    loaded = settings.load()
    if state_dir is not None:
        loaded = evolve(loaded, app=evolve(loaded.app, state_dir=str(state_dir)))
    folder = Path(loaded.app.state_dir)
    reached = until is None or _wait(folder, port, until, within)
    while True:
        page = read_status(folder, port, SystemClock().now_ms())
        if json:
            output.print_json(page.to_dict())
        else:
            if watch and sys.stdout.isatty():
                sys.stdout.write("\x1b[2J\x1b[H")
            _show(page)
        sys.stdout.flush()
        if not watch:
            return 0 if page.is_running and reached else 1
        time.sleep(watch)


def _wait(folder: Path, port: PortKind | None, wanted: OperatingState, within: float) -> bool:
    """Wait for a state; return whether it came. A page that is not there yet is waited for too."""
    deadline = time.monotonic() + within
    while True:
        try:
            page = read_status(folder, port, SystemClock().now_ms())
        except InputError:
            page = None
        if page is not None and page.is_running and not page.warning and _stands(page, wanted):
            return True
        if time.monotonic() >= deadline:
            output.note(f"not {wanted.value} within {within:g} s")
            return False
        time.sleep(POLL_S)


def _stands(page: StatusPage, wanted: OperatingState) -> bool:
    """Whether the session is in a state and no symbol is worse; states are ordered by rank."""
    standing = page.document["standing"]
    states = [OperatingState(symbol["state"]) for symbol in standing["symbols"]]
    worst = max([OperatingState(standing["state"]), *states], key=lambda state: state.rank)
    return worst is wanted


def _show(page: StatusPage) -> None:
    document = page.document
    standing, health, plan = document["standing"], document["health"], document["plan"]
    if page.warning:
        output.note(page.warning)
    state = f"{standing['state']} ({standing['reason']})"
    facts = {
        "state": f"{state} since {_clock(document['since_ms'])}",
        "waits for": _obstacle(standing["waits_for"]),
        "latches": ", ".join(f"{n} {v}" for n, v in standing["latches"].items()) or "none",
        "session": f"{plan['mode']} on {plan['exchange_port']}, {plan['venue_class']} at "
        f"{plan['venue']}, armed {plan['armed']}",
        "equity": f"{standing['equity']}, today {_signed(standing['day_pnl'])}, below its peak "
        f"{standing['drawdown']}",
        "exposure": standing["exposure"],
        "fills, events": f"{standing['fills']}, {standing['events']}, process "
        f"{standing['lives']} of the session",
        "venue": _venue(health),
        "budgets": ", ".join(
            f"{name} {budget['used_pct']} % of {budget['limit']}"
            for name, budget in document["budgets"].items()
        ),
    }
    output.print_facts(f"Session in {page.folder}", facts)
    columns = (
        *("symbol", "state", "plan", "entries", "exits", "leaving", "unknown"),
        *("position", "unrealised", "realised", "fees", "why not"),
    )
    output.print_table("Symbols", columns, [_row(each) for each in standing["symbols"]])
    for alert in document["beside"].get("alerts") or ():
        _show_alert(alert)
    for line in document["differences"]:
        print(f"differs: {line}")
    for event in document["events"][-10:]:
        print(f"{_clock(event['ts_ms'])} {event['kind']:<10} {event['text']}")


def _row(symbol: dict[str, Any]) -> tuple[str, ...]:
    planned = symbol["planned"]
    return (
        symbol["symbol"],
        f"{symbol['state']} {symbol['reason']}",
        "-" if planned is None else str(planned),
        *(str(symbol[name]) for name in ("entries", "exits", "leaving", "unknown")),
        *(str(symbol[name]) for name in ("position", "unrealised", "realised", "fees")),
        why_not_words(symbol),
    )


def _show_alert(alert: dict[str, Any]) -> None:
    """Print what stands as lines of their own: commands in a table cannot be copied out of it."""
    print(f"{alert['kind']} {alert['symbol']}".rstrip() + f" since {_clock(alert['since_ms'])}")
    lines = [("why", alert["cause"]), ("orders", alert["orders"])]
    lines += [("next", command) for command in alert["next"]]
    for name, text in [*lines, ("page", alert["runbook"])]:
        print(f"  {name:<6} {text}")


def why_not_words(symbol: dict[str, Any]) -> str:
    """Say why a symbol has no more entries than it has; ``-``: nothing is in the way."""
    if symbol["why_not"] is not None:
        return _obstacle(symbol["why_not"])
    refusal, planned = symbol["last_refusal"], symbol["planned"] or 0
    if symbol["entries"] >= planned:
        return "-"
    if refusal is not None:
        return f"last entry {refusal['status']}: {refusal['why']} at {_clock(refusal['ts_ms'])}"
    if symbol["spent"]:
        return f"{symbol['spent']} of {planned} levels filled: empty until the grid is reset"
    return "-"


def _obstacle(found: dict[str, str] | None) -> str:
    if found is None:
        return "-"
    words = f"{found['gate']}: {found['reason']}"
    if found["value"] and found["limit"]:
        return f"{words}, {found['value']} (limit {found['limit']})"
    return f"{words}, {found['value'] or found['limit']}".rstrip(", ")


def _venue(health: dict[str, Any]) -> str:
    words = [
        "feed up" if health["feed_connected"] else "feed DOWN",
        "journal written" if health["journal_writable"] else "journal NOT WRITABLE",
        f"clock {health['clock_skew_ms']:+d} ms",
    ]
    if health["rate_limit_ban"]:
        words.append("BANNED")
    if "user_stream_ok" in health:
        words.append("account stream up" if health["user_stream_ok"] else "account stream DOWN")
        words.append(f"{health['unknown_outcomes']} unknown outcomes")
    return ", ".join(words)


def _signed(amount: str) -> str:
    return amount if amount.startswith("-") else f"+{amount}"


def _clock(ts_ms: int) -> str:
    if not ts_ms:
        return "its start"
    return datetime.fromtimestamp(ts_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
