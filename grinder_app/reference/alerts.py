"""The page of alerts and log lines, from the tables of their wording."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import fields

from grinder_adapters.webhook.records import Alert, AlertKind, AlertStatus, OrderCounts, Severity
from grinder_app.live.alert_words import AT_ONCE, BY_KIND, KIND_OF, SEVERITY
from grinder_app.live.reason_words import BY_REASON, Words
from grinder_app.reference.docstrings import entries, first_paragraph
from grinder_app.reference.markdown import code, page, section, table
from grinder_core.contracts.live import OperatingState, StateReason
from grinder_core.engine.orchestrator_triggers import TRIGGERS

_LEAD = """\
What [the webhook](../how-to/get-told.md) posts and the log writes. Kinds, statuses and fields are
published: new ones may be added, none is renamed or removed. Causes are templates; names in braces
are values of the moment."""

_BODY = "A post of the `generic` format is one canonical JSON object:"

_BODY_ROWS = (
    ("version", "of this format: 1"),
    ("id", "names this alert, in each attempt to post it: a receiver leaves repeats out by it"),
    ("incident", "shared by the alerts that open, update and resolve one thing"),
    ("session", "environment, venue, port, mode, strategy and symbols"),
    ("alert", "the fields below, and `at`: `ts_ms` as ISO 8601 in UTC"),
)

_SENDING = """\
The `slack` format is `{"text": ...}` with the same in words. Headers: `X-Grinder-Id` is the `id`;
`X-Grinder-Signature` is `t=MS,v1=HEX`, where HEX is the HMAC-SHA256, under the secret, of MS, a
full stop and the body. Any status of 200 to 299 means taken; 408, 425, 429 and 500 or more are
tried again; every other is not, redirects included. Secrets, order ids and what looks like a
secret are `[REDACTED]`."""

_LOG = """\
One object a line, keys sorted. `ts` is ISO 8601 in UTC with milliseconds, `level` one of `debug`,
`info`, `warning`, `error`, `logger` the room and `event` what happened; the other fields belong to
the event. Market events get no line, orders are not named: their ids are in the journal."""

_LOG_ROWS = (
    ("live.state", "`transition` (scope, from_state, to_state, reason), `latch`, `notice`, "
     "`process_started`"),
    ("live.orders", "`action_blocked`, `action_failed`, `outcome_unknown`; at DEBUG every other "
     "step of an action"),
    ("live.control", "`control`: a command and who gave it"),
    ("live.health", "`bad` and `good`: a fact of connections, disk, circuit, budget or agreement "
     "changed; `measured` at DEBUG; `leadership`"),
    ("live.alerts", "`alert`: each alert, posted or not"),
    ("live.webhook", "`alerts_not_delivered` (count, why), `webhook_closed` with its counts"),
    ("live.told", "lines for people, by their kind, where they do not go to the same terminal; "
     "`disk_unknown`, `alerting_failed`"),
    ("log", "`log_lines_dropped`, `log_lines_lost`: how many a slow or failing reader cost"),
)  # fmt: skip

_REASONS = """\
What is said of each reason of [an operating state](reasons.md#statereason). One that is told as
nothing raises no alert."""


def alerts_markdown() -> str:
    """Return the Markdown of ``docs/reference/alerts.md``."""
    return page(
        "Alerts and log lines",
        _LEAD,
        section("Kinds", table(_KIND_HEAD, map(_kind_row, AlertKind))),
        section("Causes, orders and commands", _REASONS, table(_REASON_HEAD, _reason_rows())),
        section(
            "Causes without a state",
            table(_WORDS_HEAD, [_words_row(code(k.value), w) for k, w in BY_KIND.items()
                                if w not in BY_REASON.values()]),
        ),
        section("What is posted", _BODY, _named(("field", "meaning"), _BODY_ROWS), _SENDING,
                _fields(Alert), _values()),
        section("Counts of orders", _fields(OrderCounts)),
        section("Log lines", _LOG, _named(("logger", "events"), _LOG_ROWS)),
    )  # fmt: skip


_KIND_HEAD = ("kind", "severity", "told", "page")
_REASON_HEAD = ("reason", "told as", "cause", "orders", "to type next", "page")
_WORDS_HEAD = ("kind", "cause", "orders", "to type next", "page")


def _kind_row(kind: AlertKind) -> tuple[str, ...]:
    return code(kind.value), SEVERITY[kind].value, _when(kind), _link(BY_KIND[kind].runbook)


def _when(kind: AlertKind) -> str:
    if kind.value.startswith("SESSION"):
        return "when it happens"
    if kind is AlertKind.SUMMARY:
        return "when alerts come faster than the rate"
    if kind is AlertKind.TEST:
        return "when the check-up posts one"
    if kind in {AlertKind.UNKNOWN_OUTCOME, AlertKind.CANCEL_STUCK}:
        return "after 10 s; its end"
    if kind in _WAITING:
        return "after the cooldown of DEGRADED; its end"
    return "at once; its end"


_WAITING = (
    frozenset(KIND_OF[row.reason] for row in TRIGGERS if row.target is OperatingState.DEGRADED)
    - AT_ONCE
)


def _reason_rows() -> list[tuple[str, ...]]:
    return [
        (
            code(reason.value),
            code(KIND_OF[reason].value) if reason in KIND_OF else "nothing",
            *_words_row("", BY_REASON[reason])[1:],
        )
        for reason in StateReason
    ]


def _words_row(name: str, words: Words) -> tuple[str, ...]:
    return name, words.cause, words.orders, ", ".join(map(code, words.next)), _link(words.runbook)


def _fields(kind: type[Alert] | type[OrderCounts]) -> str:
    said = entries(kind)
    rows = [(code(each.name), said.get(each.name, "")) for each in fields(kind)]
    return table(("field", "meaning"), rows)


def _named(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    return table(head, [(code(name), text) for name, text in rows])


def _values() -> str:
    severities = ", ".join(code(each.value) for each in Severity)
    statuses = ", ".join(code(each.value) for each in AlertStatus)
    return f"{first_paragraph(Severity)} {severities}. Statuses: {statuses}."


def _link(runbook: str) -> str:
    """A runbook as a page of the reference links it."""
    name = runbook.rpartition("/")[2]
    return f"[{name.removesuffix('.md').replace('-', ' ')}](../how-to/{name})"
