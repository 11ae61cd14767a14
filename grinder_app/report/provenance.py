"""What the result rests on: configuration, data, assumptions, and everything to be wary of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from grinder_adapters.runs import RunView, SessionView
from grinder_app.report.assumptions import Assumption, assumptions_of
from grinder_app.report.wording import fee_warning, plain, some, utc
from grinder_core.codec import canonical_json
from grinder_core.engine.config import EngineConfig, settings_of

ROWS_MAX: Final = 150
WARNINGS_MAX: Final = 40
TEXT_MAX: Final = 400
NAME_MAX: Final = 120
BARS: Final = (
    "The data are bars (klines), not quotes. Each bar was expanded into two to four quotes along "
    "one fixed path: open, then low and high when it closed at or above its open (high and low "
    "otherwise), then close, each with a made-up spread. Real prices took another path inside the "
    "bar; a fill that depends on it did not necessarily happen."
)


def config_rows(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row a setting: its value, whether it differs from the default, its origin.

    Settings that this version does not know are shown too, without an explanation. Origins go by
    ``section.name``.
    """
    config: Mapping[str, Any] = manifest.get("config", {})
    origins: Mapping[str, Any] = manifest.get("origins", {})
    defaults = EngineConfig().to_dict()
    known = {declared.name: declared for _, declared in settings_of()}
    rank = {name: index for index, name in enumerate(known)}
    rows = []
    for section, values in config.items():
        named = values if isinstance(values, Mapping) else {section: values}
        for name, value in named.items():
            default = defaults.get(section, {}).get(name)
            rows.append(
                {
                    "section": section,
                    "name": name,
                    "value": _shown(value),
                    "default": _shown(default),
                    "changed": name in known and value != default,
                    "origin": _origin(origins, section, name),
                    "doc": known[name].metadata["doc"].replace("`", "") if name in known else "",
                }
            )
    return sorted(rows, key=lambda r: (rank.get(r["name"], len(rank)), r["section"], r["name"]))


def data_rows(manifest: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return one row an input file, at most ``ROWS_MAX``."""
    return [
        {
            "name": cut(str(file.get("name", "")), NAME_MAX),
            "kind": str(file.get("kind", "")),
            "events": plain(file["events"]) if file.get("events") is not None else "-",
            "sha256": str(file.get("sha256") or "-"),
        }
        for file in manifest.get("data", ())[:ROWS_MAX]
    ]


def assumptions(manifest: Mapping[str, Any]) -> list[Assumption]:
    """Return what the data was made of and what the venue was taken to do, in words."""
    venue = manifest.get("config", {}).get("venue")
    found = []
    if any(file.get("kind") == "klines" for file in manifest.get("data", ())):
        found.append(Assumption("Quotes", BARS))
    if venue:
        found += assumptions_of(
            str(manifest["kind"]),
            venue,
            origins=manifest.get("origins", {}),
            funding=manifest.get("inputs", {}).get("funding", ()),
        )
    return found


def warnings(view: RunView) -> list[str]:
    """Return everything that should make a reader careful, gravest first."""
    manifest = view.manifest
    found: list[str] = []
    status = str(manifest.get("status", "good"))
    if status == "running":
        found.append("Unfinished run: it is still running or it crashed. Figures are partial.")
    elif status in {"failed", "interrupted"}:
        cause = f": {manifest['error']}" if manifest.get("error") else ""
        found.append(f"This run ended as {status}{cause}. Figures are partial.")
    if view.unfinished:
        found.append(f"Sessions that were begun and not finished: {some(view.unfinished, 10)}.")
    venue = manifest.get("config", {}).get("venue")
    if venue is not None and (free := fee_warning(str(manifest["kind"]), venue)):
        found.append(free)
    for session in view.sessions:
        found.extend(_session_warnings(session, several=len(view.sessions) > 1))
    found.extend(str(text) for text in manifest.get("warnings", ()) if text not in found)
    if len(found) > WARNINGS_MAX:
        left = len(found) - WARNINGS_MAX
        found = [*found[:WARNINGS_MAX], f"{left:,} more warnings are not shown here."]
    return [cut(text) for text in found]


def _session_warnings(session: SessionView, *, several: bool) -> list[str]:
    result = session.result
    found = [
        f"The session stopped early at event {error['event_index']}, {error['step']}: "
        f"{error['error']}. Figures cover what came before."
        for error in result["errors"]
    ]
    kill = result["kill_switch"]
    if kill["triggered"]:
        found.append(
            f"The kill switch latched ({kill['reason']}) at {utc(int(kill['ts']))} UTC: "
            "no risk was added after it."
        )
    if result.get("topk_lookahead"):
        found.append(
            "Symbols were selected in a pass over all events, so the selection looked ahead. "
            "Set topk_prefix_events to select without that."
        )
    all_fills = int(result["total_fills"])
    here = int(result.get("collected", {}).get("fills", all_fills))
    if here != all_fills:
        found.append(
            f"{here:,} of {all_fills:,} fills are in this run; it continues an earlier one. "
            "Figures made of fills cover these alone."
        )
    left_out = int(result.get("collected", {}).get("levels_left_out", 0))
    if left_out:
        found.append(f"{left_out:,} later grid levels were not recorded and are not drawn.")
    return [f"{session.name}: {text}" for text in found] if several else found


def _origin(origins: Mapping[str, Any], section: str, name: str) -> str:
    dotted = f"{section}.{name}"
    if dotted in origins:
        return str(origins[dotted])
    # a map has one origin an entry
    entries = [str(origins[key]) for key in sorted(origins) if key.startswith(f"{dotted}.")]
    return ", ".join(dict.fromkeys(entries))


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else canonical_json(value)
    return cut(text if text else '""')


def cut(text: str, limit: int = TEXT_MAX) -> str:
    """Shorten a text that would blow up the page, and say how long it was."""
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text):,} characters)"
