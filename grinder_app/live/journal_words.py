"""Rows of a journal in words, one line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from grinder_app.live.scribe import MARKET_STREAM, StoredRow

SESSION: Final = "session"
Fields = Mapping[str, Any]


def clock(ts_ms: int) -> str:
    """Return a time of day, UTC: ``03:12:07.114``."""
    moment = datetime.fromtimestamp(ts_ms // 1_000, UTC)
    return f"{moment:%H:%M:%S}.{ts_ms % 1_000:03d}"


def symbol_of(kind: str, fields: Fields) -> str:
    """Return whose row it is; empty: the whole session's."""
    if kind == "TRANSITION":
        return str(fields.get("scope", ""))
    return str(fields.get("symbol", ""))


def line_of(row: StoredRow) -> str:
    """Return a row for people."""
    kind, fields = read_fields(row)
    symbol = symbol_of(kind, fields) or SESSION
    tell = _WORDS.get(kind, _plainly)
    words = [clock(row.ts_ms), symbol, kind, *(word for word in tell(fields) if word)]
    return " ".join(words)


def read_fields(row: StoredRow) -> tuple[str, Fields]:
    """Return a row's kind and its fields; a market line's kind is its event's."""
    found = orjson.loads(row.body)
    fields: Fields = found if isinstance(found, dict) else {"value": found}
    if row.stream == MARKET_STREAM:
        return str(fields.get("type", row.kind)), fields
    return row.kind, fields


def _action(f: Fields) -> list[str]:
    at = f"{f['qty']} @ {f['price']}" if f.get("qty") is not None else f["client_order_id"]
    words = [f["action"], f.get("side") or "", at, f["status"]]
    if f["reason"]:
        return [*words, f["reason"], f["detail"]]
    return [*words, f["route"]]


def _transition(f: Fields) -> list[str]:
    return [f["from_state"], "->", f["to_state"], f["reason"]]


def _notice(f: Fields) -> list[str]:
    return [f["notice"], f["detail"]]


def _latch(f: Fields) -> list[str]:
    return [f["latch"], "is", f["value"]] if f["value"] else [f["latch"], "is clear"]


def _decision(f: Fields) -> list[str]:
    return [decision_words(f)]


def decision_words(f: Fields) -> str:
    """Return a decision in words: what was wanted or why not, what was filled, what is held."""
    told = [_wanted(f)]
    told += [f"filled {x['side']} {x['qty']} @ {x['price']}" for x in f["fills"]]
    left_out = [e for e in f["events"] if e["type"] == "ORDER_SKIPPED"]
    if left_out:
        details = left_out[0]["details"]
        why = details.get("reason", "") if isinstance(details, dict) else ""
        told.append(f"{len(left_out)} left out ({why})" if why else f"{len(left_out)} left out")
    others = Counter(e["type"] for e in f["events"] if e["type"] != "ORDER_SKIPPED")
    told += [f"{count} {name}" for name, count in sorted(others.items())]
    pnl = f["pnl_snapshot"]
    told.append(f"position {pnl['qty']}, mark {pnl['mark_price']}, open {pnl['unrealized_pnl']}")
    return "; ".join(told)


def _wanted(f: Fields) -> str:
    verdict, gating, plan = f["prefilter_result"], f["gating_result"], f["plan"]
    if not verdict["allowed"]:
        return f"no plan: {verdict['reason']}"
    if gating is not None and not gating["allowed"]:
        details = " ".join(f"{name} {value}" for name, value in gating["details"].items())
        return f"refused by {gating['gate']}: {gating['reason']} {details}".strip()
    counts: dict[str, int] = {}
    for action in f["actions"]:
        counts[action["action"]] = counts.get(action["action"], 0) + 1
    counts.pop("NOOP", None)
    what = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    centre = "" if plan is None else f" around {plan['center_price']}"
    return f"{what}{centre}" if what else f"nothing to change{centre}"


def _digest(f: Fields) -> list[str]:
    return [f["chain"], "after", f"{f['events']} events"]


def _health(f: Fields) -> list[str]:
    return [f["name"], "=", str(f["value"])]


def _write(f: Fields) -> list[str]:
    return [f["op"], f["client_order_id"], f["outcome"], f["detail"]]


def _update(f: Fields) -> list[str]:
    filled = f"filled {f['filled_qty']}" if f["filled_qty"] != "0" else ""
    last = f"+{f['last_qty']} @ {f['last_price']}" if f["last_qty"] != "0" else ""
    return [f["side"], f["client_order_id"], f["state"], filled, last, f["reason"]]


def _head(f: Fields) -> list[str]:
    return [f"grinder {f['engine_version']}, configuration {f['config_hash']}"]


def _config(f: Fields) -> list[str]:
    live = f["live"]
    armed = "armed" if live["armed"] else "not armed"
    return [live["mode"], armed, ",".join(live["whitelist"]), f["policy"]]


def _quote(f: Fields) -> list[str]:
    return [f"{f['bid_qty']} @ {f['bid_price']}", "/", f"{f['ask_qty']} @ {f['ask_price']}"]


def _trade(f: Fields) -> list[str]:
    return ["sell" if f["is_buyer_maker"] else "buy", f"{f['qty']} @ {f['price']}"]


def _mark(f: Fields) -> list[str]:
    return [str(f["mark_price"])]


def _checkpoint(f: Fields) -> list[str]:
    return [f"through row {f['through']}"]


def _plainly(f: Fields) -> list[str]:
    skipped = {"symbol", "type", "ts", "ts_ms", "kind"}
    return [f"{name}={_short(value)}" for name, value in f.items() if name not in skipped]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode("ascii")
    return text if len(text) <= 120 else f"{text[:117]}..."


_WORDS: Final[Mapping[str, Callable[[Fields], list[str]]]] = {
    "ACTION": _action,
    "TRANSITION": _transition,
    "NOTICE": _notice,
    "LATCH": _latch,
    "DECISION": _decision,
    "DIGEST": _digest,
    "HEALTH": _health,
    "WRITE_RESULT": _write,
    "ORDER_UPDATE": _update,
    "JOURNAL_HEAD": _head,
    "CONFIG": _config,
    "CHECKPOINT": _checkpoint,
    "SNAPSHOT": _quote,
    "TRADE": _trade,
    "MARK_PRICE": _mark,
}
