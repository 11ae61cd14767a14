"""``grinder journal``: what a live session saw and said, row by row."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import orjson
from cyclopts import App, Parameter

from grinder_app.cli import output
from grinder_app.cli.state_options import ANYWHERE, CORRUPT, SETTINGS, Where
from grinder_app.runner.options import ConfigOptions, Flag, Texts
from grinder_core.errors import ConfigError

if TYPE_CHECKING:
    from grinder_adapters.journal import Row
    from grinder_app.live.journal_tail import Wanted

LINES: Final = 20
_FORMS: Final = {".jsonl": "jsonl", ".parquet": "parquet"}

app = App(name="journal", help="Read, export and check a live session's journal.")


@app.command
def tail(
    *,
    lines: Annotated[int | None, Parameter(name=["--lines", "-n"])] = None,
    follow: Flag = False,
    stream: Texts = (),
    kind: Texts = (),
    symbol: Texts = (),
    since: str = "",
    until: str = "",
    where: Where = ANYWHERE,
    settings: ConfigOptions = SETTINGS,
    json: Flag = False,
) -> int:
    """Print the newest rows, or those of a time, also while a live run writes them.

    Without --stream these are what the session said (exec: actions, decisions, transitions,
    notices, latches), under what it ran (head) and what an operator did (operator). Times are UTC.

    Parameters
    ----------
    lines
        How many; by default 20, and all of them with --since or --until.
    follow
        Go on with new rows as they come, until interrupted.
    stream
        Only this stream: exec, event, market, head, operator, intents, state, seal; or all.
        Repeatable.
    kind
        Only this kind, such as ACTION, DECISION, TRANSITION, ORDER_UPDATE, SNAPSHOT. Repeatable.
    symbol
        Only this symbol. Repeatable.
    since
        Only rows from this time on: 03:10, 03:10:07 or 2026-11-22T03:10. Without a day it is the
        latest such time.
    until
        Only rows up to this time; the minute or second named is included. Without a day it is the
        first such time after --since.
    json
        Print one JSON line a row.
    """
    from grinder_adapters.journal import JournalReader
    from grinder_app.live.journal_tail import between, following, newest

    wanted = _wanted(stream, kind, symbol, since, until)
    count = lines
    if count is not None and count < 0:
        raise ConfigError("must be >= 0", field="--lines", value=count)
    if follow and until:
        raise ConfigError("does not go with --until", field="--follow", value=True)
    with JournalReader(where.existing(settings)) as reader:
        last = reader.last_seq()
        if since or until:
            found: Iterable[Row] = between(reader, wanted)
            if count is not None:
                found = list(found)[-count:] if count else []
        else:
            count = LINES if count is None else count
            found = newest(reader, wanted, count) if count else []
        shown = last
        for row in found:
            _print_row(row, json=json)
            shown = max(shown, row.seq)
        if follow:
            for row in following(reader, wanted, shown, time.sleep):
                _print_row(row, json=json)
    return 0


@app.command
def export(
    *,
    to: Path,
    stream: Texts = (),
    where: Where = ANYWHERE,
    settings: ConfigOptions = SETTINGS,
    json: Flag = False,
) -> int:
    """Write the journal to a file, market lines and all, whole or not at all.

    Parameters
    ----------
    to
        The file: .jsonl or .parquet (which needs the extra data).
    stream
        Only this stream; repeatable.
    json
        Print one JSON line.
    """
    from grinder_adapters.journal import JournalReader
    from grinder_adapters.journal import export as write

    form = _FORMS.get(to.suffix)
    if form is None:
        raise ConfigError(f"must end in {' or '.join(_FORMS)}", field="--to", value=str(to))
    with JournalReader(where.existing(settings)) as reader:
        report = write(reader, to, form, streams=frozenset(stream) or None)
    facts = {"bytes": report.bytes, "file": str(to), "rows": report.events, "sha256": report.sha256}
    if json:
        output.print_json(facts)
    else:
        output.print_facts("Exported", facts)
    return 0


@app.command
def verify(
    *, where: Where = ANYWHERE, settings: ConfigOptions = SETTINGS, json: Flag = False
) -> int:
    """Check that no row was changed, lost or put elsewhere; the exit code is 3 if one was.

    The same as state verify, said for the chain alone.

    Parameters
    ----------
    json
        Print one JSON line.
    """
    from grinder_adapters.journal import survey

    folder = where.existing(settings)
    seen = survey(folder)
    facts = {
        "first_seq": seen.first_seq,
        "folder": str(folder),
        "is_sound": seen.is_sound,
        "last_hash": seen.last_hash,
        "last_seq": seen.last_seq,
        "lines": seen.lines,
        "rows": seen.rows,
    }
    if json:
        output.print_json({**facts, "problems": seen.problems})
    else:
        output.print_facts("Chain of the journal", facts)
        for problem in seen.problems:
            print(f"problem: {problem}")
        if seen.problems:
            given = where.given()
            print(f"next: 'grinder state verify{f' {given}' if given else ''}'")
    return 0 if seen.is_sound else CORRUPT


def _wanted(
    stream: tuple[str, ...],
    kind: tuple[str, ...],
    symbol: tuple[str, ...],
    since: str,
    until: str,
) -> Wanted:
    from grinder_app.live.journal_tail import ALL, SAID, Wanted
    from grinder_app.live.journal_times import parse_time

    streams = frozenset(stream) or SAID
    return Wanted(
        streams=None if ALL in streams else streams,
        kinds=frozenset(kind),
        symbols=frozenset(symbol),
        since=parse_time(since, "--since") if since else None,
        until=parse_time(until, "--until") if until else None,
    )


def _print_row(row: Row, *, json: bool) -> None:
    from grinder_app.live.journal_words import line_of

    if not json:
        print(line_of(row), flush=True)
        return
    output.print_json(
        {
            "body": orjson.loads(row.body),
            "hash": row.hash,
            "kind": row.kind,
            "line": None if row.line < 0 else row.line,
            "seq": row.seq,
            "stream": row.stream,
            "ts_ms": row.ts_ms,
        }
    )
    sys.stdout.flush()
