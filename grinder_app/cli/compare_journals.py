"""``grinder compare`` where a side is a live session's journal."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from attrs import frozen

from grinder_adapters.runs import load_run
from grinder_app.cli import output
from grinder_app.runner.options import PolicyOptions, SettingsOptions
from grinder_core.codec import to_dict
from grinder_core.errors import ConfigError

if TYPE_CHECKING:
    from grinder_adapters.journal import JournalReader
    from grinder_app.live.sides import Told
    from grinder_app.runner.sides import Side, SideComparison
    from grinder_core.ports import Policy

REPLAY: Final = "replay"
BACKTEST: Final = "backtest"
AGAINST: Final = (REPLAY, BACKTEST)
_SHOWN_MAX: Final = 40


@frozen(kw_only=True)
class JournalComparison:
    """What to do.

    Attributes:
        b: The other side; empty: what ``against`` says.
    """

    a: str
    b: str
    against: str
    policy: PolicyOptions
    settings: SettingsOptions
    tolerates: bool
    out: Path | None
    json: bool


def journal_at(ref: str) -> Path | None:
    """Return the state folder that a name stands for; ``None``: it is no journal.

    Raises:
        ConfigError: It holds the states of several ports.
    """
    from grinder_app.live.state_folder import is_state, state_folder, states_in

    path = Path(ref)
    if not path.is_dir():
        return None
    if is_state(path):
        return path
    return state_folder(path, None) if states_in(path) else None


def compare_journals(job: JournalComparison) -> int:
    """Hold a live session against its replay, its backtest, a run or another session."""
    from grinder_app.report.bridge_page import bridge_page, comparison_json
    from grinder_app.report.money_page import write_money
    from grinder_app.report.page import check_installed
    from grinder_app.runner.sides import compare_sides

    if job.against and job.against not in AGAINST:
        raise ConfigError(f"must be {' or '.join(AGAINST)}", field="--against", value=job.against)
    if bool(job.against) == bool(job.b):
        raise ConfigError(
            "needs either a second run or journal, or --against", field="compare", value=job.a
        )
    if job.against and journal_at(job.a) is None:
        raise ConfigError(
            "is no live session's journal: only that has a replay and a backtest of its own",
            field="--against",
            value=job.against,
            remedy="name a state folder, such as var/state/sim",
        )
    if job.against == REPLAY:
        return _against_replay(job)
    if job.out is not None:
        check_installed()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="grinder-compare-")))
        a, told, reader = _side(job, job.a, folder / "a.jsonl", stack)
        if job.b:
            b, _, _ = _side(job, job.b, folder / "b.jsonl", stack)
        else:
            assert told is not None
            assert reader is not None
            b = _backtest(job, told, reader, folder / "b.jsonl")
        found = compare_sides(a, b)
    if job.out is not None:
        write_money(bridge_page(found), job.out)
    if job.json:
        output.print_json(comparison_json(found))
    else:
        _print(found)
        if job.out is not None:
            print(f"written: {job.out}")
    return 1 if found.unexplained and not job.tolerates else 0


def _against_replay(job: JournalComparison) -> int:
    from grinder_adapters.journal import JournalReader
    from grinder_app.live.bookkeeping import Bookkeeper
    from grinder_app.live.journal_words import clock
    from grinder_app.live.retelling import Reteller

    if job.out is not None:
        raise ConfigError("is for two sides that may differ", field="--out", value=str(job.out))
    folder = journal_at(job.a)
    assert folder is not None
    books = Bookkeeper()
    with JournalReader(folder) as reader:
        reteller = Reteller(_policy(job), books)
        with _rows("replay, rows", reader) as advance:
            found = reteller.run(reader, advance=advance)
    parting = found.parting
    if job.json:
        first = None if parting is None else {**to_dict(parting), "event": found.events}
        output.print_json(
            {
                "against": REPLAY,
                "digests": found.compared["DIGEST"],
                "equal": parting is None,
                "events": found.events,
                "fills": len(books.fills),
                "first": first,
            }
        )
    elif parting is None:
        print(
            f"{job.a} and its replay are the same: {found.events} events, "
            f"{len(books.fills)} fills, {found.compared['DIGEST']} digests, no difference."
        )
    else:
        print(
            f"First difference: event {found.events}, row {parting.seq}, "
            f"{clock(parting.ts_ms)} UTC\n  the journal: {parting.told}\n"
            f"  the replay:  {parting.made}"
        )
    return 0 if parting is None else 1


def _side(
    job: JournalComparison, ref: str, outputs: Path, stack: ExitStack
) -> tuple[Side, Told | None, JournalReader | None]:
    """Return what a name stands for; with what it was made of where that is a journal."""
    from grinder_adapters.journal import JournalReader
    from grinder_app.live.sides import live_side
    from grinder_app.runner.sides import run_side

    folder = journal_at(ref)
    if folder is None:
        store = job.settings.store(job.settings.load())
        return run_side(load_run(store.find(ref)), ref), None, None
    reader = stack.enter_context(JournalReader(folder))
    with _rows(f"{ref}, rows", reader) as advance:
        told = live_side(reader, ref, outputs, _policy(job), advance)
    parting = told.parting
    if parting is not None:
        raise ConfigError(
            f"says otherwise than its replay at row {parting.seq}",
            field="journal",
            value=ref,
            remedy=f"see both with 'grinder compare {ref} --against replay'",
        )
    return told.side, told, reader


def _backtest(job: JournalComparison, told: Told, reader: JournalReader, outputs: Path) -> Side:
    from grinder_app.live.sides import backtest_side

    with _rows("backtest, rows", reader) as advance:
        return backtest_side(reader, told, outputs, _policy(job), advance)


def _policy(job: JournalComparison) -> Policy | None:
    """A policy of its own for each pass: it may remember."""
    spec = job.policy.spec()
    return None if spec is None else spec.load()


def _rows(title: str, reader: JournalReader) -> AbstractContextManager[output.Advance]:
    return output.progress(title, reader.last_seq() - reader.first_seq() + 1)


def _print(found: SideComparison) -> None:
    from grinder_app.report import bridge_page as page

    print(page.sentence(found))
    print(page.first_sentence(found))
    _table("Why they differ", page.CAUSE_COLUMNS, page.cause_rows(found))
    _table("Fills that differ", page.FILL_COLUMNS, page.fill_rows(found))
    _table("From B's profit to A's", page.BRIDGE_COLUMNS, page.bridge_rows(found))
    print(page.tolerance_sentence(found))
    for remark in found.remarks:
        output.note(f"warning: {remark}")


def _table(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    more = len(rows) - _SHOWN_MAX
    note = f"and {more} more; --json lists all" if more > 0 else ""
    if rows:
        output.print_table(title, columns, rows[:_SHOWN_MAX], note=note)
