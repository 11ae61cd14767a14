"""``grinder compare``: do two runs or sessions decide the same, and where do they part?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grinder_adapters.runs import load_run
from grinder_app.cli import output
from grinder_app.cli.compare_journals import JournalComparison, compare_journals, journal_at
from grinder_app.report.sharpe_words import interval_text, ratio_text, sure_text
from grinder_app.runner.causes import Cause, Causes, Finding, Subject
from grinder_app.runner.compare import (
    Difference,
    OutputDifference,
    RunComparison,
    SessionComparison,
    compare_files,
    compare_runs,
)
from grinder_app.runner.options import Flag, PolicyOptions, SettingsOptions
from grinder_app.runner.trials import SessionTrials, trials_of
from grinder_core.codec import to_dict
from grinder_core.errors import ConfigError

_SHOWN_MAX = 40
_TEXT_MAX = 200


def compare(
    run_a: str,
    run_b: str = "",
    /,
    *more: str,
    against: str = "",
    policy: PolicyOptions = PolicyOptions(),  # noqa: B008 - frozen
    settings: SettingsOptions = SettingsOptions(),  # noqa: B008 - frozen
    tolerate_unexplained: Flag = False,
    out: Path | None = None,
    json: Flag = False,
) -> int:
    """Compare runs, or two files of outputs; exit code 0 when equal, 1 when not.

    Sessions are compared by their digests; where those differ, the kept outputs tell the first
    event and field. Settings that differ are listed and make no difference by themselves.

    Where both runs kept all outputs of one market under the same settings, every difference has its
    cause told: data order (a quote that one run did not see), latency (the same news at another
    quote), or the venue's answer. So a session that ran free is explained against one in lockstep.

    Runs of the same data with different settings are trials: whoever picks the best of them picks
    luck too. The Sharpe ratio of the best is therefore shown deflated by their number.

    Either may also be the state folder of a live session, such as var/state/sim: fills are then
    aligned one by one, each difference has its cause told with evidence, and the profits are
    bridged from B to A step by step, to the last digit. The exit code is 0 when every difference
    has a cause, 1 when one is unexplained; against its replay a session must not differ at all.

    Parameters
    ----------
    run_a
        A run's id, name or folder, "latest", an outputs.jsonl file, or a state folder.
    run_b
        The other one; left out where --against says it.
    more
        Further runs, each compared with the first and counted as a trial.
    against
        Of a live session: its own replay, or its own backtest: the market events of its journal
        under its settings.
    tolerate_unexplained
        Exit with 0 even if a difference of a live session is unexplained.
    out
        Also write a page of the comparison with a live session to this file.
    json
        Print one JSON line.
    """
    if against or out is not None or any(journal_at(ref) for ref in (run_a, run_b) if ref):
        if more:
            raise ConfigError("compares two at a time", field="compare", value=list(more))
        return compare_journals(
            JournalComparison(
                a=run_a,
                b=run_b,
                against=against,
                policy=policy,
                settings=settings,
                tolerates=tolerate_unexplained,
                out=out,
                json=json,
            )
        )
    if not run_b:
        raise ConfigError(
            "needs a second one", field="compare", value=run_a, remedy="name two runs"
        )
    files = [Path(ref).is_file() for ref in (run_a, run_b)]
    if all(files) and not more:
        return _compare_files(Path(run_a), Path(run_b), as_json=json)
    if any(files) or (more and all(files)):
        raise ConfigError(
            "must both be runs, or both be files of outputs", field="run", value=[run_a, run_b]
        )
    store = settings.store(settings.load())
    runs = {name: load_run(store.find(name)) for name in (run_a, run_b, *more)}
    a = runs[run_a]
    pairs = {name: compare_runs(a, runs[name]) for name in (run_b, *more)}
    trials, equal = trials_of(runs), all(found.equal for found in pairs.values())
    if json:
        others = [{"run": name, **to_json(pairs[name])} for name in more]
        shown = {"equal": equal, **to_json(pairs[run_b]), "more": others}
        output.print_json({**shown, "trials": [each.to_dict() for each in trials]})
        return 0 if equal else 1
    for name, found in pairs.items():
        if more:
            print(f"{run_a} and {name}:")
        _print_runs(found, run_a, name)
    _print_trials(trials)
    return 0 if equal else 1


def to_json(found: RunComparison) -> dict[str, Any]:
    """Return a comparison as JSON values."""
    return {
        "sessions": [_session_json(session) for session in found.sessions],
        "only_in_a": list(found.only_in_a),
        "only_in_b": list(found.only_in_b),
        "config": [_difference_json(each) for each in found.config],
    }


def _session_json(session: SessionComparison) -> dict[str, Any]:
    return {
        "name": session.name,
        "equal": session.equal,
        "first": None if session.output is None else _output_json(session.output),
        "results": [_difference_json(each) for each in session.results],
        "remark": session.remark,
        "causes": None if session.causes is None else session.causes.to_dict(),
    }


def _output_json(found: OutputDifference) -> dict[str, Any]:
    place = {"index": found.index, "ts": found.ts, "symbol": found.symbol}
    return {**place, **_difference_json(found.difference)}


def _difference_json(found: Difference) -> dict[str, Any]:
    return {"field": found.field, "a": found.a, "b": found.b}


def _compare_files(a: Path, b: Path, *, as_json: bool) -> int:
    found = compare_files(a, b)
    if as_json:
        first = None if found is None else _output_json(found)
        output.print_json({"equal": found is None, "first": first})
    elif found is None:
        print(f"Equal: {a} and {b} hold the same outputs.")
    else:
        print(_sentence(found))
    return 0 if found is None else 1


def _print_runs(found: RunComparison, a: str, b: str) -> None:
    for session in found.sessions:
        if session.equal:
            print(f"{session.name}: equal")
            continue
        print(f"{session.name}: different")
        if session.output is not None:
            print(f"  {_sentence(session.output)}")
        if session.remark:
            print(f"  {session.remark}")
        _print_differences(f"Results of {session.name}", "figure", session.results)
        if session.causes is not None:
            _print_causes(session.name, session.causes)
    for names, where in ((found.only_in_a, a), (found.only_in_b, b)):
        for name in names:
            print(f"{name}: only in {where}")
    _print_differences("Settings that differ", "setting", found.config)
    print("The runs are equal." if found.equal else "The runs differ.")


def _print_causes(name: str, causes: Causes) -> None:
    columns = ("cause", *(subject.value for subject in Subject), "first")
    rows = [
        (
            cause.value,
            *(causes.counts[cause, subject] or "" for subject in Subject),
            _first(causes.firsts[cause]),
        )
        for cause in Cause
        if cause in causes.firsts
    ]
    output.print_table(f"Why {name} differs", columns, rows)
    print(
        f"{causes.quotes_equal:,} quotes seen by both; fills: {causes.fills_equal:,} in both, "
        f"{causes.fills_only_a:,} only in A, {causes.fills_only_b:,} only in B; {causes.lag_words}."
    )


def _first(found: Finding) -> str:
    return f"{found.ts} {found.symbol}: {_shown(found.text)}"


def _print_trials(trials: Sequence[SessionTrials]) -> None:
    columns = ("run", "Sharpe", "95 % interval", "Sharpe > 0")
    for each in trials:
        rows = [
            (name, ratio_text(sharpe), interval_text(sharpe), sure_text(sharpe))
            for name, sharpe in each.sharpes.items()
        ]
        output.print_table(f"Trials of {each.session}", columns, rows)
        print(each.meaning)


def _print_differences(title: str, what: str, found: tuple[Difference, ...]) -> None:
    if found:
        rows = [(each.field, _shown(each.a), _shown(each.b)) for each in found[:_SHOWN_MAX]]
        more = len(found) - len(rows)
        note = f"and {more} more; --json lists all" if more else ""
        output.print_table(title, (what, "A", "B"), rows, note=note)


def _sentence(found: OutputDifference) -> str:
    each = found.difference
    return (
        f"first difference at output {found.index} (from 0), ts {found.ts}, {found.symbol}: "
        f"{each.field} is {_shown(each.a)} in A and {_shown(each.b)} in B"
    )


def _shown(value: object) -> str:
    text = str(to_dict(value)) if isinstance(value, dict | list) else str(value)
    return text if len(text) <= _TEXT_MAX else f"{text[: _TEXT_MAX - 3]}..."
