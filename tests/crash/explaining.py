"""Every cent and every difference of a live session explained, by the commands an operator has.

Each command runs as a process of its own, so that what it takes in time and memory is measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import Factory, define

from grinder_app.live.money import APART_MS, LAG_MS
from grinder_core.numbers import ZERO, exact
from grinder_core.reconcile.settings import ReconcileSettings

MIB: Final = 1_024
# how long a session may not know of money: the list lags, and is read with every reconciliation
UNTOLD_MS: Final = LAG_MS + ReconcileSettings().snapshot_interval_ms + 2 * APART_MS
MOVED: Final = frozenset({"funding", "transfer"})


@define
class Explained:
    """What one command said.

    Attributes:
        wrong: What it could not explain; nothing: everything is explained.
        counts: What a summary shows.
        funding: Sum of the payments that are pending, which our ledger lacks.
    """

    what: str
    wrong: list[str] = Factory(list)
    counts: dict[str, Any] = Factory(dict)
    funding: Decimal = ZERO

    def __str__(self) -> str:
        """One line of a summary."""
        verdict = "; ".join(self.wrong) or "explained"
        return f"{self.what}: {verdict} {json.dumps(self.counts)}"


def settled(state: Path, address: str, *, is_listed: bool) -> Explained:
    """Settle a session with its exchange; nothing may be open, nor left over.

    Args:
        is_listed: The exchange's list has caught up. Then only such money may be pending as moved
            so shortly before the session ended that it could not read of it any more.
    """
    found = Explained("settle")
    where = ["--state-dir", str(state.parent), "--port", state.name]
    told = _said(["report", "settle", *where, "--rest-url", address], found)
    if told is None:
        return found
    kinds: dict[str, int] = {}
    for one in told["findings"]:
        name = f"{one['verdict']}: {one['kind']}"
        kinds[name] = kinds.get(name, 0) + 1
    pending = [one for one in told["findings"] if one["verdict"] == "pending"]
    found.counts |= {
        "fills": sum(one["fills_here"] for one in told["symbols"]),
        "fills_there": sum(one["fills_there"] for one in told["symbols"]),
        "terms": {one["name"]: [one["here"], one["there"]] for one in told["terms"]},
        "equity": [told["equity_here"], told["equity_there"]],
        "rounding": told["rounding"],
        "reordered": told["reordered"],
        "not_booked": told["not_booked"],
        "findings": kinds,
    }
    opened = [one for one in told["findings"] if one["verdict"] != "pending"]
    found.wrong += [f"{one}" for one in opened[:5]]
    found.wrong += [f"{len(opened)} entries are open"] if opened else []
    with exact():
        for one in pending:
            if one["kind"] == "funding" and one["where"] == "ledger":
                found.funding += Decimal(one["values"]["income"].split()[0])
    late = told["journal_ms"] - UNTOLD_MS
    for one in pending if is_listed else ():
        if one["where"] != "ledger" or one["kind"] not in MOVED or one["ts"] < late:
            found.wrong.append(f"still pending: {one}")
    for what in ("unlisted", "unexplained"):
        if Decimal(told[what]):
            found.wrong.append(f"{told[what]} {told['quote']} {what}")
    if not told["is_settled"] and not found.wrong:
        found.wrong.append("not settled")
    return found


def replayed(state: Path) -> Explained:
    """Hold a session against its replay; nothing may differ."""
    found = Explained("compare with its replay")
    told = _said(["compare", str(state), "--against", "replay"], found)
    if told is not None:
        found.counts |= {name: told[name] for name in ("events", "fills", "digests")}
        if not told["equal"]:
            found.wrong.append(f"parts at {told['first']}")
    return found


def backtested(state: Path, keep: Path | None = None) -> Explained:
    """Hold a session against its backtest; each difference has a cause, and the bridge is whole."""
    found = Explained("compare with its backtest")
    told = _said(["compare", str(state), "--against", "backtest"], found)
    if told is None:
        return found
    if keep is not None:
        keep.write_text(json.dumps(told))
    bridge = told["bridge"]
    with exact():
        steps = sum((Decimal(step["amount"]) for step in bridge["steps"]), ZERO)
        gap = Decimal(bridge["end"]) - Decimal(bridge["start"]) - steps
    kinds: dict[str, Decimal] = {}
    with exact():
        for step in bridge["steps"]:
            kinds[step["kind"]] = kinds.get(step["kind"], ZERO) + Decimal(step["amount"])
    found.counts |= {
        "fills_same": told["fills_same"],
        "fills_differing": len(told["fills"]),
        "by_cause": {cause: one["count"] for cause, one in told["by_cause"].items()},
        "fills_by_cause": _tally(one["cause"] for one in told["fills"]),
        "bridge": {
            "start": bridge["start"],
            **{kind: str(amount) for kind, amount in kinds.items()},
            "end": bridge["end"],
        },
    }
    if told["unexplained"]:
        found.wrong.append(f"{told['unexplained']} differences are unexplained")
        evidence = told["by_cause"].get("unexplained", {}).get("evidence", "")
        found.wrong.append(f"such as {evidence}")
    if gap:
        found.wrong.append(f"the bridge leaves {gap} over")
    if "not in the list of fills" in kinds:
        found.wrong.append(f"{kinds['not in the list of fills']} of the bridge is in no fill")
    return found


def _tally(words: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts


def _said(words: Sequence[str], found: Explained) -> dict[str, Any] | None:
    """Run a command of the product, and return what it prints; note what it took."""
    command = [sys.executable, "-m", "grinder_app", *words, "--json"]
    began = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        text, said = out.read().decode(), err.read().decode()
    found.counts["seconds"] = round(time.monotonic() - began, 1)
    found.counts["mebibytes"] = used.ru_maxrss // MIB
    if process.returncode not in {0, 1} or not text.strip():
        found.wrong.append(f"ended with {process.returncode}: {said.strip()[-2_000:]}")
        return None
    told: dict[str, Any] = json.loads(text)
    if process.returncode and not said:
        found.counts["exit"] = process.returncode
    return told
