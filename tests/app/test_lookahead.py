"""``grinder check lookahead``: what sees the future is caught, what does not passes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.feeds.event_file import write_events
from grinder_adapters.runs import RunStore
from grinder_adapters.synthetic.demo import demo_events
from grinder_app.checks.lookahead import (
    ALL_CUTS_MAX,
    SAMPLES,
    Subject,
    check_lookahead,
    cuts_of,
)
from grinder_app.checks.lookahead_verdict import Verdict
from grinder_app.cli import run
from grinder_app.runner.inputs import InputKind, RunInputs
from grinder_core.codec import canonical_json
from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.event import Event
from grinder_core.contracts.plan import GridPlan
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError
from grinder_core.session.result import run as run_session
from tests.support.factories import mid_quote

# --- streams and policies ----------------------------------------------------------------------

CONFIG = EngineConfig.flat(size_per_level="1")


def wandering(count: int, symbols: Iterable[str] = ("AAAUSDT",)) -> list[Event]:
    """Quotes of some symbols in turn; each later symbol swings more, and only late on."""
    names = list(symbols)
    events = []
    for n in range(count):
        place = n % len(names)
        swing = (place + 1) * (n // 8 % 5)
        events.append(
            mid_quote(1000 * n, 100 + Decimal(swing * (n % 3)) / 20, names[place], "0.01")
        )
    return events


def subject_of(events: list[Event], config: EngineConfig = CONFIG, **more: Any) -> Subject:
    return Subject(name="session", config=config, events=lambda cut: events[:cut], **more)


class Follows:
    """A policy that knows what is happening now: a grid around the mid."""

    name = "follows"

    def center(self, context: PolicyContext) -> Decimal:
        return context.snapshot.mid_price

    def plan(self, context: PolicyContext) -> GridPlan:
        return GridPlan.flat(
            center_price=self.center(context),
            spacing_bps=10,
            levels_up=1,
            levels_down=1,
            size_schedule=(Decimal(1),),
        )


FUTURE: list[Event] = []  # what a careless feed keeps in memory


class Peeks(Follows):
    """A policy that centres on the mid of three quotes later, where somebody left it lying."""

    name = "peeks"

    def center(self, context: PolicyContext) -> Decimal:
        later = [e.payload for e in FUTURE if e.ts_ms > context.ts]
        return later[2].mid_price if len(later) > 2 else context.snapshot.mid_price


def kept_in_memory(events: list[Event]) -> Callable[[int | None], Iterable[Event]]:
    def feed(cut: int | None) -> Iterable[Event]:
        FUTURE[:] = events[:cut]
        return list(FUTURE)

    return feed


# --- what passes -------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [lambda: None, Follows], ids=["grid", "own"])
def test_what_knows_only_the_past_passes(policy: Any) -> None:
    verdict = check_lookahead(subject_of(wandering(60), policy=policy))
    assert verdict.passed
    assert (verdict.events, verdict.outputs, verdict.cuts) == (60, 60, 60)
    assert verdict.is_complete
    assert "every output is the same" in verdict.lines()[-1]


def test_a_prefix_selection_passes() -> None:
    events = wandering(60, ("AAAUSDT", "BBBUSDT", "CCCUSDT"))
    config = EngineConfig.flat(
        size_per_level="1", selection_source="topk_v0", topk_k=1, topk_prefix_events=20
    )
    assert check_lookahead(subject_of(events, config)).passed


def test_a_stream_without_events_passes() -> None:
    verdict = check_lookahead(subject_of([]))
    assert verdict.passed
    assert verdict.cuts == 0


# --- what does not -----------------------------------------------------------------------------

TWO_PASS = EngineConfig.flat(size_per_level="1", selection_source="topk_v0", topk_k=1)


def test_a_two_pass_selection_is_named_with_the_first_event_and_field() -> None:
    events = wandering(60, ("AAAUSDT", "BBBUSDT", "CCCUSDT"))
    whole = run_session(events, TWO_PASS, keep_outputs=True)
    assert whole.selection is not None
    verdict = check_lookahead(subject_of(events, TWO_PASS))
    assert not verdict.passed
    assert "two-pass" in verdict.by_construction[0]
    assert verdict.first is not None
    # with one event in, only its symbol is known and selected: not the one that the whole selects
    assert whole.selection.symbols != ("AAAUSDT",)
    assert (verdict.first.event, verdict.first.output, verdict.first.cut) == (0, 0, 1)
    assert (verdict.first.symbol, verdict.first.field) == ("AAAUSDT", "actions[0]")
    assert verdict.first.whole == "(absent)"
    assert any("first at event 0 (from 0), ts 0, AAAUSDT" in line for line in verdict.lines())


def test_a_two_pass_selection_is_reported_where_no_output_shows_it() -> None:
    """With at most K symbols two passes change no output (CORE-09), and still look ahead."""
    verdict = check_lookahead(subject_of(wandering(30), TWO_PASS))
    assert (verdict.first, verdict.differing) == (None, 0)
    assert not verdict.passed
    assert "no output differs all the same" in verdict.lines()[-1]


def test_a_policy_that_peeks_is_caught_at_its_first_glance() -> None:
    events = wandering(60)
    subject = Subject(name="s", config=CONFIG, events=kept_in_memory(events), policy=Peeks)
    verdict = check_lookahead(subject)
    assert verdict.first is not None
    mids = [event.payload.mid_price for event in events]
    first = next(n for n in range(57) if mids[n] != mids[n + 3])
    assert verdict.first.event == first
    assert verdict.first.field == "plan.center_price"
    assert Decimal(verdict.first.whole) == mids[first + 3]
    assert Decimal(verdict.first.truncated) == mids[first]
    assert verdict.differing > 1


@settings(max_examples=15)
@given(st.integers(1, 40), st.integers(0, 5))
def test_sampled_cuts_catch_a_constant_peek(samples: int, seed: int) -> None:
    """Whatever the cuts: the last three events of each cut are decided on without their future."""
    events = [mid_quote(1000 * n, 100 + n % 7, half_spread="0.01") for n in range(80)]
    subject = Subject(name="s", config=CONFIG, events=kept_in_memory(events), policy=Peeks)
    verdict = check_lookahead(subject, samples=samples, seed=seed)
    assert verdict.cuts == samples
    short = [cut for cut in cuts_of(80, samples, seed) if cut < 80]
    assert verdict.differing == len(short)


def test_a_feed_that_holds_events_back_until_it_sees_the_next_is_named() -> None:
    events = wandering(20)

    def feed(cut: int | None) -> Iterable[Event]:
        return events if cut is None else events[: cut - 1]

    verdict = check_lookahead(Subject(name="s", config=CONFIG, events=feed))
    assert verdict.first is not None
    assert (verdict.differing, verdict.first.event, verdict.first.field) == (20, 0, "output")
    assert (verdict.first.truncated, verdict.first.whole) == ("(absent)", "present")


class Fails(Follows):
    """A policy that cannot do without the future."""

    def center(self, context: PolicyContext) -> Decimal:
        if len(FUTURE) < 20:
            raise ValueError("too little of the future")
        return context.snapshot.mid_price


def test_a_run_that_fails_when_it_is_cut_is_named() -> None:
    subject = Subject(name="s", config=CONFIG, events=kept_in_memory(wandering(30)), policy=Fails)
    verdict = check_lookahead(subject)
    assert verdict.first is not None
    assert (verdict.differing, verdict.first.event, verdict.first.field) == (19, 0, "error")
    assert "too little of the future" in verdict.first.truncated


class Remembers(Follows):
    """A policy that is not a function of its context: it counts across runs."""

    calls = 0

    def center(self, context: PolicyContext) -> Decimal:
        type(self).calls += 1
        return context.snapshot.mid_price + type(self).calls


def test_a_policy_that_changes_from_run_to_run_is_no_function_of_the_past() -> None:
    verdict = check_lookahead(subject_of(wandering(12), policy=Remembers))
    assert not verdict.passed
    assert verdict.first is not None
    assert verdict.first.event == 0


def test_a_run_that_cannot_be_repeated_is_said() -> None:
    verdict = check_lookahead(subject_of(wandering(12), running_digest="ab" * 32))
    assert verdict.first is None
    assert not verdict.passed
    assert "ab" * 32 in verdict.unrepeatable


# --- cuts --------------------------------------------------------------------------------------


@given(st.integers(0, 3000), st.none() | st.integers(1, 60), st.integers(0, 9))
def test_cuts_are_within_the_stream_and_as_many_as_asked(
    events: int, samples: int | None, seed: int
) -> None:
    cuts = cuts_of(events, samples, seed)
    assert cuts == sorted(set(cuts))
    assert all(1 <= cut <= events for cut in cuts)
    wanted = samples or (events if events <= ALL_CUTS_MAX else SAMPLES)
    assert len(cuts) == min(wanted, events)
    assert cuts == cuts_of(events, samples, seed)
    if events:
        assert cuts[-1] == events


def test_other_seeds_draw_other_cuts() -> None:
    assert cuts_of(10_000, None, 1) != cuts_of(10_000, None, 2)


def test_no_samples_prove_nothing() -> None:
    with pytest.raises(ConfigError, match="--samples"):
        check_lookahead(subject_of([]), samples=0)


# --- the command -------------------------------------------------------------------------------

POLICY = """
import json
from decimal import Decimal
from pathlib import Path
from grinder_core import GridPlan

{setup}

class Mine:
    name = "mine"

    def __init__(self, step=Decimal(1)):
        assert isinstance(step, Decimal)
        self.step = step

    def plan(self, context):
        return GridPlan.flat(
            center_price={center}, spacing_bps=10, levels_up=1, levels_down=1,
            size_schedule=(Decimal(1),),
        )
"""
READS = """
FUTURE = [json.loads(line) for line in Path("events.jsonl").open()]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_events(tmp_path / "events.jsonl", islice(demo_events(), 80))
    return tmp_path


def paper(*more: str) -> None:
    assert run(["paper", "--data", "events.jsonl", "--no-report", *more]) == 0


def check(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = run(["check", "lookahead", *more, "--json"])
    shown = capsys.readouterr()
    assert shown.out, shown.err
    value = json.loads(shown.out)
    assert isinstance(value, dict)
    return code, value


def test_a_kept_run_passes(capsys: pytest.CaptureFixture[str]) -> None:
    paper("--name", "mine", "--stop-after", "60")
    code, found = check(capsys, "mine", "--samples", "9", "--seed", "3")
    assert (code, found["passed"]) == (0, True)
    (session,) = found["sessions"]
    assert (session["events"], session["cuts"], session["first"]) == (60, 9, None)
    assert run(["check", "lookahead", "mine"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "session: 60 events, 60 outputs, cut 60 times (after every event)"
    assert shown[-1] == "PASS"


def test_two_pass_fails_and_prefix_passes(capsys: pytest.CaptureFixture[str]) -> None:
    topk = ("--set", "selection.selection_source=topk_v0", "--set", "selection.topk_k=1")
    paper(*topk)
    code, found = check(capsys)
    assert (code, found["passed"]) == (1, False)
    (session,) = found["sessions"]
    assert "selection_source" in session["by_construction"][0]
    assert session["first"]["event"] == session["first"]["output"] == 0
    assert session["first"]["field"]
    assert run(["check", "lookahead"]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert any(line.startswith("uses the future by construction: ") for line in shown)
    assert shown[-1] == "FAIL"
    paper(*topk, "--set", "selection.topk_prefix_events=20")
    assert check(capsys)[0] == 0


@pytest.mark.parametrize(
    ("module", "setup", "code"), [("past_only", "", 0), ("reads_the_data", READS, 1)]
)
def test_a_policy_that_opens_the_data_is_reported(
    folder: Path, capsys: pytest.CaptureFixture[str], module: str, setup: str, code: int
) -> None:
    center = "context.snapshot.mid_price"
    (folder / f"{module}.py").write_text(POLICY.format(setup=setup, center=center))
    paper("--policy", f"{module}:Mine", "--policy-arg", "step=2.0")
    found = check(capsys)
    assert found[0] == code
    said = found[1]["sessions"][0]["by_construction"]
    assert (
        said
        == [f"the policy opens {folder / 'events.jsonl'}, a data file of this run, by itself"][
            : len(said)
        ]
    )
    assert len(said) == code


def test_every_session_of_a_backtest_is_checked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_events(folder / "more.jsonl", islice(demo_events(), 80, 120))
    assert run(["backtest", "events.jsonl", "more.jsonl", "--jobs", "1", "--no-report"]) == 0
    code, found = check(capsys)
    assert code == 0
    assert [(s["session"], s["events"]) for s in found["sessions"]] == [
        ("events", 80),
        ("more", 40),
    ]
    (only,) = check(capsys, "--session", "more")[1]["sessions"]
    assert only["session"] == "more"


def test_a_fixture_can_be_checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = folder / "case"
    case.mkdir()
    (folder / "events.jsonl").rename(case / "events.jsonl")
    config = {"schema_version": "v1", "description": "", "engine": {"levels": 2}}
    (case / "config.json").write_text(json.dumps(config))
    assert run(["paper", "--fixture", str(case), "--no-report"]) == 0
    code, found = check(capsys, "--samples", "3")
    assert (code, found["sessions"][0]["events"]) == (0, 80)
    assert run(["check", "lookahead", "--data", "events.jsonl"]) == 2
    assert "the run read no files" in capsys.readouterr().err


def test_the_demo_can_be_read_again() -> None:
    kept = json.loads(canonical_json({"inputs": RunInputs(kind=InputKind.DEMO).to_dict()}))
    inputs = RunInputs.from_manifest(kept, {})
    assert list(islice(inputs.open("session"), 50)) == list(islice(demo_events(), 50))


def test_moved_data_are_found_by_content(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paper()
    (folder / "events.jsonl").rename(folder / "renamed.jsonl")
    assert run(["check", "lookahead"]) == 2
    assert "events.jsonl" in capsys.readouterr().err
    assert check(capsys, "--data", "renamed.jsonl", "--samples", "2")[0] == 0


def test_a_change_of_code_or_policy_since_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = folder / "changed_since.py"
    module.write_text(POLICY.format(setup="", center="context.snapshot.mid_price"))
    paper("--policy", "changed_since:Mine")
    module.write_text(POLICY.format(setup="", center="context.snapshot.bid_price * 2"))
    code, found = check(capsys, "--samples", "2")
    assert code == 1
    assert "the policy has changed since" in found["sessions"][0]["unrepeatable"]
    assert found["sessions"][0]["first"] is None


def _change_data(folder: Path) -> None:
    path = folder / "events.jsonl"
    path.write_text(path.read_text() + "\n")


def _resume(folder: Path) -> None:
    paper("--stop-after", "10", "--checkpoint", "half.json")
    paper("--resume", "half.json")


def _forget_inputs(folder: Path) -> None:
    path = RunStore(Path("var/artifacts")).find("latest") / "run.json"
    manifest = json.loads(path.read_text())
    del manifest["inputs"]
    path.write_text(json.dumps(manifest))


def _damage_inputs(folder: Path) -> None:
    path = RunStore(Path("var/artifacts")).find("latest") / "run.json"
    manifest = json.loads(path.read_text())
    manifest["inputs"]["sessions"] = 7
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("change", "arguments", "code", "says"),
    [
        (_change_data, [], 2, "SHA-256 differs"),
        (_resume, [], 2, "continues a checkpoint"),
        (_forget_inputs, [], 2, "does not say what it read"),
        (_damage_inputs, [], 3, "is damaged"),
        (None, ["--samples", "0"], 2, "must be >= 1"),
        (None, ["--session", "other"], 2, "is no session of this run"),
        (None, ["--data", "nothing.jsonl"], 2, "nothing.jsonl"),
        (None, ["nobody"], 2, "no such run"),
    ],
)
def test_what_cannot_be_checked_is_said(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], None] | None,
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    paper()
    if change is not None:
        change(folder)
    assert run(["check", "lookahead", *arguments]) == code
    assert says in capsys.readouterr().err


def test_a_verdict_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    paper()
    _, found = check(capsys, "--samples", "1")
    names = {attribute for attribute in Verdict.__slots__ if not attribute.startswith("_")}
    assert set(found["sessions"][0]) == names | {"passed"}
