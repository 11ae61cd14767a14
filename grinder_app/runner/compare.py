"""Where two runs begin to differ: the first output, the first field in it, and both values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from grinder_adapters.feeds.lines import read_lines
from grinder_adapters.runs import RunView, SessionView
from grinder_app.runner.causes import Causes
from grinder_app.runner.walking import explain
from grinder_core.errors import FixtureError

ABSENT: Final = "(absent)"
_HEAD: Final = ("ts", "symbol")
_MARKET: Final = ("kind", "fixture", "symbols", "days", "spread_bps", "stop_after")


@frozen(kw_only=True)
class Difference:
    """One field that two sides hold differently; ``ABSENT`` where one side has none.

    Attributes:
        field: Its path: ``actions[0].price``.
    """

    field: str
    a: Any
    b: Any


@frozen(kw_only=True)
class OutputDifference:
    """The first output that differs.

    Attributes:
        index: Its place among the outputs that were kept, from 0.
        ts, symbol: Which event it answers; of B where A has ended.
    """

    index: int
    ts: int
    symbol: str
    difference: Difference


@frozen(kw_only=True)
class SessionComparison:
    """Two sessions of one name.

    Attributes:
        output: ``None`` when equal, or when no kept output shows the difference.
        results: Differing figures of the results; looked at only when the digests differ.
        remark: What the reader must know to understand the rest; empty mostly.
        causes: Every difference and why, of one market under the same settings; else ``None``.
    """

    name: str
    equal: bool
    output: OutputDifference | None
    results: tuple[Difference, ...] = ()
    remark: str = ""
    causes: Causes | None = None


@frozen(kw_only=True)
class RunComparison:
    """Two runs. They are equal when they hold the same sessions with the same outputs.

    Attributes:
        config: Settings that differ; they alone make no difference.
    """

    sessions: tuple[SessionComparison, ...]
    only_in_a: tuple[str, ...]
    only_in_b: tuple[str, ...]
    config: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing that was decided differs."""
        alone = self.only_in_a or self.only_in_b
        return not alone and all(session.equal for session in self.sessions)


def compare_runs(a: RunView, b: RunView) -> RunComparison:
    """Compare two runs session by session; a single session each is compared whatever its name.

    Raises:
        FixtureError: A line of kept outputs cannot be read.
    """
    left = {session.name: session for session in a.sessions}
    right = {session.name: session for session in b.sessions}
    if len(left) == len(right) == 1:
        right = dict(zip(left, right.values(), strict=True))
    same_kept = a.manifest.get("outputs") == b.manifest.get("outputs")
    has_causes = same_kept and a.manifest.get("outputs") == "all" and _same_market(a, b)
    return RunComparison(
        sessions=tuple(
            _compare_sessions(name, session, right[name], same_kept, has_causes)
            for name, session in left.items()
            if name in right
        ),
        only_in_a=tuple(name for name in left if name not in right),
        only_in_b=tuple(name for name in right if name not in left),
        config=tuple(
            differences(a.manifest.get("config", ABSENT), b.manifest.get("config", ABSENT))
        ),
    )


def compare_files(a: Path, b: Path) -> OutputDifference | None:
    """Compare two files of output lines in bounded memory; ``None`` when they are equal.

    Raises:
        FixtureError: A file is missing, or a differing line is no JSON object.
    """
    pairs = zip_longest(read_lines(a), read_lines(b))
    for index, (left, right) in enumerate(pairs):
        if left == right:
            continue
        one, other = _parse(a, index, left), _parse(b, index, right)
        found = next(differences(one, other), None)
        if found is None:
            continue  # written differently, meaning the same
        ts, symbol = (next(x[key] for x in (one, other) if key in x) for key in _HEAD)
        if left is None or right is None:
            ended = Difference(
                field="output",
                a=ABSENT if left is None else "present",
                b=ABSENT if right is None else "present",
            )
            return OutputDifference(index=index, ts=ts, symbol=symbol, difference=ended)
        return OutputDifference(index=index, ts=ts, symbol=symbol, difference=found)
    return None


def differences(a: Any, b: Any, path: str = "") -> Iterator[Difference]:
    """Yield what differs between two JSON values, keys in order, list elements by place."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in sorted(a.keys() | b.keys()):
            below = f"{path}.{key}" if path else key
            yield from differences(a.get(key, ABSENT), b.get(key, ABSENT), below)
    elif isinstance(a, list) and isinstance(b, list):
        for place, (one, other) in enumerate(zip_longest(a, b, fillvalue=ABSENT)):
            yield from differences(one, other, f"{path}[{place}]")
    elif type(a) is not type(b) or a != b:
        yield Difference(field=path, a=a, b=b)


def _compare_sessions(
    name: str, a: SessionView, b: SessionView, same_kept: bool, has_causes: bool
) -> SessionComparison:
    if a.result["running_digest"] == b.result["running_digest"]:
        return SessionComparison(name=name, equal=True, output=None)
    output, remark = None, ""
    if a.outputs is None or b.outputs is None:
        remark = "outputs were not kept in both runs; run with --set app.outputs=all to see where"
    elif not same_kept:
        remark = "the runs kept different outputs; run both with the same app.outputs"
    else:
        output = compare_files(a.outputs, b.outputs)
        if output is None:
            remark = "every kept output is equal; run with --set app.outputs=all to see the others"
    return SessionComparison(
        name=name,
        equal=False,
        output=output,
        results=tuple(differences(_figures(a.result), _figures(b.result))),
        remark=remark,
        causes=_causes(a, b) if has_causes else None,
    )


def _same_market(a: RunView, b: RunView) -> bool:
    """Whether both runs had the same settings and the same events, whoever answered orders."""
    heads = [
        (
            run.manifest.get("config_hash"),
            [file.get("sha256", file.get("name")) for file in run.manifest.get("data", [])],
            {k: v for k, v in run.manifest.get("inputs", {}).items() if k in _MARKET},
        )
        for run in (a, b)
    ]
    return heads[0] == heads[1]


def _causes(a: SessionView, b: SessionView) -> Causes | None:
    if a.outputs is None or b.outputs is None:
        return None
    return explain(a.outputs, b.outputs)


def _figures(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a result says, without its name and without what follows from the settings."""
    return {k: v for k, v in result.items() if k not in {"fixture_path", "config_hash"}}


def _parse(path: Path, index: int, line: bytes | None) -> dict[str, Any]:
    if line is None:
        return {}
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FixtureError(f"is no JSON: {error}", where=f"{path}:{index + 1}") from None
    if not isinstance(value, dict) or not all(key in value for key in _HEAD):
        raise FixtureError(
            "is no output: it must be an object with ts and symbol",
            where=f"{path}:{index + 1}",
            remedy="name two runs, or two outputs.jsonl files",
        )
    return value
