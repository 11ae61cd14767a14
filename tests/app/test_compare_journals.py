"""A live session against its replay, its backtest, a run: each cause has a scene that makes it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.journal import JournalReader
from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match, RequestOp
from grinder_adapters.runs import RunStore, load_run
from grinder_app.cli import run
from grinder_app.live.retelling import Reteller
from grinder_app.live.sides import backtest_side, live_side
from grinder_app.runner.causes import Cause, Subject
from grinder_app.runner.hints import Hints, SideHints
from grinder_app.runner.sides import Side, SideComparison, SideKind, compare_sides
from grinder_app.runner.walking import explain, refusal_cause
from grinder_core.analysis.bridge import Books, StepKind
from grinder_core.contracts.control import Command, Control
from grinder_core.contracts.enums import FillMode
from grinder_core.contracts.enums import Side as OrderSide
from grinder_core.numbers import ZERO
from tests.app.test_causes import Wrapped, market, outputs
from tests.core.analysis.test_bridge import a_fill
from tests.support.live_story import (
    ENGINE,
    LIMITS,
    SYMBOLS,
    LiveStory,
    a_story,
    live_config,
    rewritten,
)
from tests.support.memory_session import MemoryLive, live
from tests.support.settled import stored_journal

D = Decimal
Scene = Callable[[MemoryLive], Awaitable[None]]


def against_backtest(journal: Path, folder: Path) -> SideComparison:
    with JournalReader(journal) as reader:
        told = live_side(reader, "live", folder / "a.jsonl")
        assert told.parting is None
        return compare_sides(told.side, backtest_side(reader, told, folder / "b.jsonl"))


def played(tmp_path: Path, scene: Scene, faults: Iterable[Fault] = ()) -> SideComparison:
    """Play a scene, and hold its session against the backtest of its market."""

    async def whole(world: MemoryLive) -> Path:
        await scene(world)
        return stored_journal(world, tmp_path / "journal")

    journal = live(tmp_path / "state", whole, faults=faults)
    with JournalReader(journal) as reader:
        assert Reteller().run(reader).parting is None  # against its replay: no difference
    found = against_backtest(journal, tmp_path)
    assert found.bridge.gap == 0
    return found


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session that is only read."""
    folder = tmp_path_factory.mktemp("story") / "sim"
    a_story(folder)
    return folder


def ours(world: MemoryLive, side: OrderSide) -> str:
    return next(n for n, o in world.open_orders().items() if o.side is side)


# -- against its replay and its backtest -----------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_a_session_and_its_replay_do_not_differ(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    a_story(tmp_path / "sim", seed=seed)
    assert run(["compare", str(tmp_path / "sim"), "--against", "replay", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["equal"]
    assert told["first"] is None
    assert told["events"] > 600


def test_a_word_that_a_replay_says_otherwise_is_named(
    tmp_path: Path, story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rewritten(
        story,
        tmp_path / "two",
        lambda _, row: evolve(row, body=row.body.replace('"PLACE"', '"CANCEL"')),
    )
    assert run(["compare", str(tmp_path / "two"), "--against", "replay", "--json"]) == 1
    first = json.loads(capsys.readouterr().out)["first"]
    assert first["told"].replace('"CANCEL"', '"PLACE"') == first["made"]
    assert first["event"] > 0
    assert run(["compare", str(tmp_path / "two"), "--against", "replay"]) == 1
    assert f"row {first['seq']}" in capsys.readouterr().out
    assert run(["compare", str(tmp_path / "two"), "--against", "backtest"]) == 2
    assert "--against replay" in capsys.readouterr().err


@given(seed=st.integers(0, 10_000), mode=st.sampled_from(tuple(FillMode)[:3]))
@settings(max_examples=10)
def test_a_session_on_paper_and_its_backtest_have_no_unexplained_difference(
    tmp_path_factory: pytest.TempPathFactory, seed: int, mode: FillMode
) -> None:
    folder = tmp_path_factory.mktemp("paper")
    ticks = dict.fromkeys(SYMBOLS, LIMITS.tick_size)
    engine = ENGINE.with_values({"fill_mode": mode, "tick_sizes": ticks})
    config = live_config(engine=engine)
    with LiveStory(folder / "paper", config, seed=seed) as story:
        story.begin()
        story.market(300)
        story.put(Control(command=Command.PAUSE, actor="test"))
        story.market(150)
        story.put(Control(command=Command.RESUME, actor="test"))
        story.market(300)
    found = against_backtest(folder / "paper", folder)
    assert found.unexplained == 0, found.by_cause
    assert found.bridge.gap == 0
    assert StepKind.NOT_LISTED not in found.bridge.by_kind()
    assert found.bridge.end == found.a.books.pnl


# -- each cause ------------------------------------------------------------------------------------


def test_an_order_that_filled_in_one_of_two_venues_is_the_fill_model(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        world.fill(ours(world, OrderSide.BUY), 10_000)  # the market never came there
        await world.pass_ms(5_000)

    found = played(tmp_path, scene)
    (one,) = found.pieces
    assert one.cause is Cause.FILL_MODEL
    assert one.piece.b is None
    assert "rested in both" in one.evidence
    assert one.event_a is not None
    assert found.unexplained == 0
    assert found.bridge.by_kind()[StepKind.ONLY_HERE] == found.bridge.end - found.bridge.start + (
        found.a.books.fees
    )


def test_news_that_comes_later_is_latency(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        await world.pass_ms(5_000)

    slow = Fault(kind=FaultKind.LATENCY, match=Match(op=RequestOp.PLACE), delay_ms=1_200)
    found = played(tmp_path, scene, [slow])
    assert found.by_cause[Cause.LATENCY]
    assert found.unexplained == 0
    assert found.first is not None
    assert found.first.cause is Cause.LATENCY
    assert "earlier in B" in found.first.text


def test_a_write_that_the_venue_did_not_take_at_once_is_its_answer(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started(20_000)
        await world.pass_ms(10_000)

    lost = Fault(kind=FaultKind.UNKNOWN_503, match=Match(op=RequestOp.PLACE, at_most=1))
    found = played(tmp_path, scene, [lost])
    assert found.by_cause[Cause.VENUE_ANSWER] == 1
    assert "EXECUTED after 2 attempts" in found.evidence(Cause.VENUE_ANSWER)
    assert found.unexplained == 0


def test_an_order_that_the_venue_refused_is_its_answer(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        world.deposit(-99_900)  # an order of 1000 needs more margin than is left
        await world.started()
        await world.pass_ms(5_000)

    found = played(tmp_path, scene)
    assert found.by_cause[Cause.VENUE_ANSWER]
    assert found.unexplained == 0
    refused = found.evidence(Cause.VENUE_ANSWER)
    assert "refused" in refused or "FAILED" in refused


def test_what_a_command_stopped_is_the_operators(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started()
        session.command(Control(command=Command.PAUSE, actor="test"))
        await world.pass_ms(5_000)

    found = played(tmp_path, scene)
    assert found.by_cause[Cause.PROTECTION]
    assert "OPERATOR_PAUSE" in found.evidence(Cause.PROTECTION)
    assert found.unexplained == 0


def test_a_quote_that_gave_way_is_conflation(tmp_path: Path) -> None:
    config = ENGINE.with_values({"spacing_bps": 2})
    events = market(3)
    quotes = [e for e in events if e.kind == "SNAPSHOT"]
    left_out = set(map(id, quotes[40:60:3]))
    a = outputs(
        tmp_path / "a.jsonl", (e for e in events if id(e) not in left_out), Wrapped(config), config
    )
    b = outputs(tmp_path / "b.jsonl", events, Wrapped(config), config)
    of_live = Hints(a=SideHints(conflates=True))
    found = explain(a, b, of_live)
    assert found.firsts[Cause.CONFLATION].text.startswith("only B saw this quote; in A it gave way")
    assert Cause.DATA_ORDER not in found.firsts
    # without a feed that lets quotes give way, the data are the cause
    assert Cause.DATA_ORDER in explain(a, b).firsts
    # and what no side of such a feed lacks did not give way
    assert Cause.CONFLATION not in explain(b, a, of_live).firsts


@pytest.mark.parametrize(
    ("detail", "cause"),
    [
        ("ORDER_IN_FLIGHT", Cause.LATENCY),
        ("CANCEL_IN_FLIGHT grinder_x_1", Cause.LATENCY),
        ("AMEND_INTERVAL", Cause.ROUTING),
        ("WITHIN_TOLERANCE", Cause.ROUTING),
        ("EXEC_NOTIONAL_BELOW_MIN", Cause.ROUTING),
        ("RATE_BUDGET", Cause.PROTECTION),
        ("KILL_SWITCH_ACTIVE", Cause.PROTECTION),
        ("withdrawn", Cause.PROTECTION),
        ("NON_RETRYABLE_ERROR -2019", Cause.VENUE_ANSWER),
        ("-2019", Cause.VENUE_ANSWER),
    ],
)
def test_a_refusal_has_the_cause_of_who_refused(detail: str, cause: Cause) -> None:
    assert refusal_cause(detail) is cause


def a_side(fills: tuple[object, ...] = (), **values: object) -> Side:
    known = {"marks": {"AAAUSDT": D(101)}, "funding": ZERO, "stated": ZERO, **values}
    return Side(name="side", kind=SideKind.RUN, books=Books(fills=fills, **known))  # type: ignore[arg-type]


def test_another_fee_and_other_funding_are_costs() -> None:
    a = a_side((a_fill(1_000, "BUY", "100", "1", "0.02"),), funding=D("0.5"))
    b = a_side((a_fill(1_200, "BUY", "100", "1", "0.05"),))
    found = compare_sides(a, b)
    assert [one.cause for one in found.costs] == [Cause.COSTS, Cause.COSTS]
    assert all(one.subject is Subject.MONEY for one in found.costs)
    assert "0.02 in A (MAKER) and 0.05 in B (MAKER)" in found.costs[0].text
    assert found.by_cause == {Cause.COSTS: 2}
    assert found.bridge.by_kind()[StepKind.FEES] == D("0.03")
    assert found.bridge.by_kind()[StepKind.FUNDING] == D("-0.5")


def test_a_fill_that_no_output_shows_is_unexplained() -> None:
    a = a_side((a_fill(1_000, "BUY", "100", "1"),))
    found = compare_sides(a, a_side())
    assert found.unexplained == 1
    assert found.pieces[0].cause is Cause.UNEXPLAINED
    assert found.first is not None
    assert len(found.remarks) == 2  # neither side kept its outputs


def test_a_difference_without_a_cause_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sessions of one market under different settings: nothing told them apart but those."""
    for name, levels in (("one", 3), ("two", 2)):
        config = live_config(engine=ENGINE.with_values({"levels": levels}))
        a_story(tmp_path / name, 150, config=config)
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    assert run(["compare", one, two]) == 1
    assert "unexplained" in capsys.readouterr().out
    assert run(["compare", one, two, "--tolerate-unexplained", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["unexplained"] > 0
    assert told["first"]["event_a"] == told["first"]["event_b"] > 0
    assert run(["compare", one, one, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["equal"]
    assert not told["fills"]


# -- the command -----------------------------------------------------------------------------------


def test_a_page_with_a_waterfall_is_written(
    tmp_path: Path, story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("plotly")
    page = tmp_path / "bridge.html"
    words = ["compare", str(story), "--against", "backtest", "--out", str(page)]
    assert run(words) == 0
    text = page.read_text()
    assert '"waterfall"' in text
    assert "PnL of A" in text
    assert "From B" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["--against", "tomorrow"],
        ["--against", "replay", "--out", "x.html"],
        [],
    ],
)
def test_what_cannot_be_compared_is_refused(
    story: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", str(story), *words]) == 2
    assert "E_CONFIG" in capsys.readouterr().err


def test_a_run_has_no_replay_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "latest", "--against", "replay"]) == 2
    assert "state folder" in capsys.readouterr().err


def test_a_run_is_a_side_whose_profit_is_its_own(
    tmp_path: Path, story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of another market: no fill is the same, and the bridge still leads from one to the other."""
    where = ["--runs-dir", str(tmp_path / "runs")]
    paper = ["paper", "--fixture", "fixtures/sample_day_allowed", "--no-report", *where]
    assert run([*paper, "--set", "app.outputs=all", "--json"]) == 0
    capsys.readouterr()
    (session,) = load_run(RunStore(tmp_path / "runs").find("latest")).sessions
    assert run(["compare", str(story), "latest", *where, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    bridge = told["bridge"]
    assert told["b"]["kind"] == "run"
    assert D(bridge["start"]) == session.result["net_pnl"] != 0
    steps = [D(step["amount"]) for step in bridge["steps"]]
    assert D(bridge["start"]) + sum(steps, ZERO) == D(bridge["end"])
    kinds = {step["kind"] for step in bridge["steps"]}
    assert StepKind.ONLY_THERE in kinds
    assert StepKind.NOT_LISTED not in kinds
    assert (told["unexplained"], told["remarks"]) == (0, [])
