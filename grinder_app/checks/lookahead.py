"""Does a run see the future? What a truncated stream gives must begin what the whole one gives.

The whole stream is run once and each output line remembered by a short hash, with the event that
it answers. Then the stream is cut, and run from nothing up to the cut: its lines must be the same,
one by one. Whatever knows more than the past shows: a selection made over all events, a policy
that peeks into what it is fed, a setting derived from the whole file.

Two things cannot be shown that way and are reported by construction. A two-pass selection uses
the future even where it happens to choose the same; and a policy that opens a data file of the
run by itself can know what is in it, wherever the stream is cut.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Final

from attrs import evolve, field, frozen

from grinder_app.checks.fresh_policy import FreshPolicy
from grinder_app.checks.lookahead_verdict import Lookahead, Verdict
from grinder_app.runner.compare import ABSENT, differences
from grinder_app.runner.repeat import Repeat
from grinder_app.runner.session_loop import TELL_EVERY
from grinder_core.contracts.enums import SelectionSource
from grinder_core.contracts.event import Event
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.draws import draw_below, stream_seed
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError, GrinderError
from grinder_core.ports import OutputSink, Policy, Venue
from grinder_core.session.result import feed_selection
from grinder_core.session.session import Session

ALL_CUTS_MAX: Final = 2_000  # streams up to this length are cut after every event
SAMPLES: Final = 20


@frozen(kw_only=True)
class Subject:
    """One session, to be run again and again.

    Attributes:
        events: Returns the first N events of the stream afresh; all of them for ``None``.
        policy: Returns a policy that was loaded afresh; ``None`` for the built-in ones.
        running_digest: What the kept run came to; ``None`` where there is none to compare with.
        reads: Data files that the policy opened by itself so far.
        venue: Returns a fresh venue; ``None`` for the simulated one of the settings.
    """

    name: str
    config: EngineConfig
    events: Callable[[int | None], Iterable[Event]]
    policy: Callable[[], Policy | None] = lambda: None
    running_digest: str | None = None
    reads: Callable[[], Sequence[str]] = tuple
    venue: Callable[[], Venue | None] = lambda: None


@frozen
class _Whole:
    """What the whole stream gave: a hash of each output line, and the event it answers."""

    hashes: array[int] = field(factory=lambda: array("Q"))
    answered: array[int] = field(factory=lambda: array("Q"))


@frozen(kw_only=True)
class _Mismatch:
    """Where a truncated stream went another way; ``line`` is ``None`` where it gave no output."""

    output: int
    cut: int
    event: int
    line: bytes | None
    error: str = ""


class _Reached(Exception):  # noqa: N818 - no error: it ends a run early
    """Ends a run at the output that is looked for."""

    def __init__(self, line: bytes) -> None:
        super().__init__()
        self.line = line


def check_lookahead(
    subject: Subject,
    *,
    samples: int | None = None,
    seed: int = 0,
    tell: Callable[[int], None] = lambda _: None,
) -> Verdict:
    """Run a session whole and truncated, and compare.

    Args:
        samples: How many cuts; by default after every event of a stream of up to 2,000 events, and
            20 otherwise. Half of them are spread evenly, half drawn.
        seed: Of the drawn cuts.
        tell: Called with numbers of further events.

    Raises:
        ConfigError: Fewer than 1 sample.
        Exception: Whatever ended the run of the whole stream.
    """
    if samples is not None and samples < 1:
        raise ConfigError("must be >= 1", field="--samples", value=samples)
    whole, events, digest = _run_whole(subject, tell)
    cuts = cuts_of(events, samples, seed)
    found = [each for cut in cuts if (each := _run_cut(subject, cut, whole, tell)) is not None]
    first = min(found, key=lambda each: (each.output, each.cut), default=None)
    outputs = len(whole.hashes)
    unrepeatable = ""
    if subject.running_digest not in {None, digest}:
        unrepeatable = (
            f"the kept run has the running digest {subject.running_digest}, its repetition "
            f"{digest}: the code or the policy has changed since, or the policy is not a function "
            "of what it is given"
        )
    return Verdict(
        session=subject.name,
        events=events,
        outputs=outputs,
        cuts=len(cuts),
        is_complete=len(cuts) == events,
        differing=len(found),
        first=None if first is None else _explain(subject, first, outputs),
        by_construction=tuple(_by_construction(subject)),
        unrepeatable=unrepeatable,
    )


def subjects_of(repeat: Repeat, session: str | None = None) -> list[Subject]:
    """Return the sessions of a kept run as subjects; only one where one is named.

    Raises:
        ConfigError: There is no such session, or none at all.
        FixtureError: A data file is missing or malformed.
    """
    names = list(repeat.digests) if session is None else [session]
    if not names or names[0] not in repeat.digests:
        raise ConfigError(
            "is no session of this run",
            field="--session",
            value=session,
            remedy=f"it has {', '.join(repeat.digests) or 'none'}",
        )
    return [_subject(repeat, name) for name in names]


def _subject(repeat: Repeat, name: str) -> Subject:
    subject = Subject(
        name=name,
        config=repeat.config,
        events=repeat.events_of(name),
        running_digest=repeat.digests[name],
        venue=lambda: repeat.inputs.venue(repeat.config),
    )
    if repeat.policy is None:
        return subject
    fresh = FreshPolicy(repeat.policy, repeat.inputs.files)
    return evolve(subject, policy=fresh.load, reads=lambda: tuple(fresh.opened))


def cuts_of(events: int, samples: int | None, seed: int) -> list[int]:
    """Return after how many events to cut, rising: each is at least 1 and at most all of them.

    Example:
        >>> cuts_of(4, None, 0)
        [1, 2, 3, 4]
    """
    if samples is None:
        samples = events if events <= ALL_CUTS_MAX else SAMPLES
    if samples >= events:
        return list(range(1, events + 1))
    even = samples - samples // 2
    chosen = {events * (n + 1) // even for n in range(even)}
    stream, n = stream_seed(seed, "lookahead cuts"), 0
    while len(chosen) < samples:
        chosen.add(1 + draw_below(stream, n, events))
        n += 1
    return sorted(chosen)


def _by_construction(subject: Subject) -> Iterator[str]:
    selection = subject.config.selection
    source = selection.selection_source
    if source is not SelectionSource.STATIC and not selection.topk_prefix_events:
        yield (
            f"selection_source = {source.value} is two-pass and looks ahead: symbols are "
            "selected in a pass over all events before the first is decided on; set "
            "topk_prefix_events to select from the beginning of the data only"
        )
    for path in subject.reads():
        yield f"the policy opens {path}, a data file of this run, by itself"


def _run_whole(subject: Subject, tell: Callable[[int], None]) -> tuple[_Whole, int, str]:
    whole = _Whole()

    def keep(output: PaperOutput, line: bytes) -> None:
        whole.hashes.append(_hash(line))
        whole.answered.append(stream.index)

    stream = _Counted(subject.events(None), tell)
    session = _begin(subject, None, keep)
    session.run(stream)
    assert session.running_digest is not None  # lines are rendered for the sink
    return whole, stream.index + 1, session.running_digest


def _run_cut(
    subject: Subject, cut: int, whole: _Whole, tell: Callable[[int], None]
) -> _Mismatch | None:
    """Return where the stream of the first ``cut`` events gives another output, if anywhere."""
    count = 0

    def compare(output: PaperOutput, line: bytes) -> None:
        nonlocal count
        if count >= len(whole.hashes) or whole.hashes[count] != _hash(line):
            raise _Reached(line)
        count += 1

    stream = _Counted(subject.events(cut), tell)
    try:
        _begin(subject, cut, compare).run(stream)
    except _Reached as found:
        return _Mismatch(output=count, cut=cut, event=stream.index, line=found.line)
    except GrinderError as error:
        text = f"{error.code}: {error}"
        return _Mismatch(output=count, cut=cut, event=stream.index, line=None, error=text)
    if count < bisect_left(whole.answered, cut):
        return _Mismatch(output=count, cut=cut, event=whole.answered[count], line=None)
    return None


def _explain(subject: Subject, found: _Mismatch, outputs: int) -> Lookahead:
    """Name the field, for which the whole stream is run again up to the output that differs."""
    line = _line_of_whole(subject, found.output) if found.output < outputs else None
    truncated, whole = (json.loads(text) if text else {} for text in (found.line, line))
    if found.error:
        name, one, other = "error", found.error, ABSENT
    elif found.line is None or line is None:
        name, one, other = "output", *("present" if x else ABSENT for x in (truncated, whole))
    else:
        # equal lines here would mean that the whole stream, too, changes from run to run
        first = next(differences(truncated, whole), None)
        name, one, other = ("output", "another", "another each time")
        if first is not None:
            name, one, other = first.field, first.a, first.b
    shown = truncated or whole
    return Lookahead(
        cut=found.cut,
        event=found.event,
        output=found.output,
        ts=shown.get("ts", 0),
        symbol=shown.get("symbol", "-"),
        field=name,
        truncated=one,
        whole=other,
    )


def _line_of_whole(subject: Subject, index: int) -> bytes | None:
    count = 0

    def reach(output: PaperOutput, line: bytes) -> None:
        nonlocal count
        if count == index:
            raise _Reached(line)
        count += 1

    try:
        stream = subject.events(None)
        _begin(subject, None, reach).run(stream)
    except _Reached as found:
        return found.line
    return None


def _begin(subject: Subject, cut: int | None, on_line: OutputSink) -> Session:
    session = Session(
        subject.config, subject.policy(), venue=subject.venue(), on_line=on_line, digest=False
    )
    feed_selection(session, subject.events(cut))
    return session


class _Counted:
    """Passes events on; ``index`` is the one that is being worked on, from 0."""

    def __init__(self, events: Iterable[Event], tell: Callable[[int], None]) -> None:
        self._events, self._tell = events, tell
        self.index = -1

    def __iter__(self) -> Iterator[Event]:
        events = iter(self._events)
        while block := list(islice(events, TELL_EVERY)):
            for event in block:
                self.index += 1
                yield event
            self._tell(len(block))


def _hash(line: bytes) -> int:
    return int.from_bytes(blake2b(line, digest_size=8).digest(), "big")
