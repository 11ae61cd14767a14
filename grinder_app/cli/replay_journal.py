"""``grinder replay --journal``: a live session again, from what it wrote down."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from grinder_app.cli import output
from grinder_app.runner.options import PolicyOptions
from grinder_core.codec import to_dict
from grinder_core.errors import ConfigError

if TYPE_CHECKING:
    from grinder_adapters.journal import JournalReader
    from grinder_app.live.explaining import Explainer
    from grinder_app.live.retelling import Retold

_ROWS_A_STEP: Final = 64


@frozen(kw_only=True)
class JournalReplay:
    """What to do.

    Attributes:
        until: The last row; ``None``: all.
        explain: A time that somebody asks about; empty: none.
    """

    journal: Path
    policy: PolicyOptions
    until: int | None
    explain: str
    json: bool


def replay_journal(job: JournalReplay) -> int:
    """Fold a journal again, compare all that it says, and print what was found."""
    from grinder_adapters.journal import JournalReader
    from grinder_app.live.retelling import Reteller

    if job.until is not None and job.until < 0:
        raise ConfigError("must be >= 0", field="--until", value=job.until)
    spec = job.policy.spec()
    with JournalReader(_place(job.journal)) as reader:
        others = _other_makers(reader)
        for line in others:
            output.note(f"warning: {line}")
        explainer = _explainer(reader, job.explain)
        reteller = Reteller(None if spec is None else spec.load(), explainer)
        first, last = reader.first_seq(), reader.last_seq()
        rows = last - first + 1
        with output.progress("replay, rows", rows) as advance:
            found = reteller.run(reader, job.until, _in_steps(advance))
    if explainer is not None and reteller.core is not None:
        explainer.end(reteller.core)
    if job.json:
        told = _result(found, others)
        if explainer is not None:
            told["explanation"] = explainer.to_dict()
        output.print_json(told)
    else:
        if explainer is not None:
            print("\n".join(explainer.lines()))
        _print(found)
    return 0 if found.parting is None else 1


def _place(path: Path) -> Path:
    """The state folder meant: itself, a file of one, or the only one below it."""
    from grinder_app.live.state_folder import state_folder, states_in

    if path.is_dir() and states_in(path):
        return state_folder(path, None)
    if not path.exists():
        raise ConfigError("does not exist", field="--journal", value=str(path))
    return path


def _other_makers(reader: JournalReader) -> list[str]:
    """Say which rows were written by another program than this one."""
    from grinder_app.live.state_view import makers
    from grinder_core.live.config import CONTRACT_VERSION

    ours = version("grinder"), CONTRACT_VERSION
    return [
        f"rows from {made.seq} on were made by grinder {made.engine_version}, events and outputs "
        f"of version {made.contract_version}; this is {ours[0]}, version {ours[1]}: a difference "
        "may come from that"
        for made in makers(reader)
        if (made.engine_version, made.contract_version) != ours
    ]


def _explainer(reader: JournalReader, text: str) -> Explainer | None:
    from grinder_app.live.explaining import Explainer
    from grinder_app.live.journal_times import parse_time
    from grinder_app.live.state_view import time_of
    from grinder_app.report.wording import utc

    if not text:
        return None
    named = parse_time(text, "--explain")
    first = time_of(reader, reader.first_seq())
    last = time_of(reader, reader.last_seq())
    start = named.before(last)
    if not first < start + named.span_ms or start > last:
        raise ConfigError(
            f"is not in the journal, which goes from {utc(first)} to {utc(last)} UTC",
            field="--explain",
            value=text,
        )
    return Explainer(start, start + max(named.span_ms, 1_000))


def _in_steps(advance: output.Advance) -> output.Advance:
    waiting = 0

    def step(rows: int) -> None:
        nonlocal waiting
        waiting += rows
        if waiting >= _ROWS_A_STEP:
            advance(waiting)
            waiting = 0

    return step


def _result(found: Retold, others: list[str]) -> dict[str, Any]:
    return {
        **to_dict(found),
        "said": dict(sorted(found.said.items())),
        "compared": dict(sorted(found.compared.items())),
        "is_same": found.parting is None,
        "warnings": others,
    }


def _print(found: Retold) -> None:
    from grinder_app.live.journal_words import clock

    said, compared = found.said, found.compared
    facts: dict[str, object] = {
        "rows": f"{found.first_seq} to {found.last_seq}"
        + (", from a checkpoint on" if found.from_checkpoint else ""),
        "events": found.events,
        "decisions": f"{said['DECISION']}, of which {compared['DECISION']} rows were the same",
        "verdicts": f"{said['ACTION']}, {compared['ACTION']} rows the same",
        "transitions": f"{said['TRANSITION']}, {compared['TRANSITION']} rows the same",
        "notices, latches": f"{said['NOTICE'] + said['LATCH']}, "
        f"{compared['NOTICE'] + compared['LATCH']} rows the same",
        "effects": found.effects,
        "digests": f"{compared['DIGEST']} the same",
        "cut off by an end": found.cut,
        "digest": found.digest,
    }
    output.print_facts("Replay of the journal", facts)
    parting = found.parting
    if parting is None:
        print("everything was said again, word for word")
        return
    print(f"first difference: row {parting.seq}, {clock(parting.ts_ms)}")
    print(f"  the journal: {parting.told}")
    print(f"  the replay:  {parting.made}")
