"""A user's own policy: found by name, timed by call, blamed by name."""

from __future__ import annotations

import json
import pickle
import textwrap
from collections.abc import Callable
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.feeds.event_file import write_events
from grinder_adapters.runs import RunStore, load_run
from grinder_adapters.synthetic.demo import demo_events
from grinder_app.cli import run
from grinder_app.runner.policy import PolicySpec, TimedPolicy, read_arguments
from grinder_core.codec import sha256_hex
from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.plan import GridPlan, paused
from grinder_core.errors import ConfigError

HEAD = """
from decimal import Decimal
from grinder_core.contracts.plan import GridPlan, paused


class Mine:
    name = "mine"

    def __init__(self, levels=2, size=Decimal(1)):
        self.levels, self.size = levels, size

    def plan(self, context):
"""
GRID = """
return GridPlan.flat(
    center_price=context.features["mid_price"],
    spacing_bps=10,
    levels_up=self.levels,
    levels_down=self.levels,
    size_schedule=(self.size,) * self.levels,
)
"""

Write = Callable[[str, str], str]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(module: str, body: str) -> str:
        text = HEAD + textwrap.indent(textwrap.dedent(body), " " * 8)
        (tmp_path / f"{module}.py").write_text(text)
        return f"{module}:Mine"

    return write


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    write_events(path, islice(demo_events(), 300))
    return path


def paper(events: Path, policy: str, *more: str) -> int:
    limits = ["--set", "gates.max_notional_per_symbol=9000000"]
    limits += ["--set", "gates.max_notional_total=9000000"]
    return run(["paper", "--data", str(events), "--policy", policy, *more, *limits, "--no-report"])


def test_a_policy_trades_and_its_arguments_reach_it(
    events: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    target = write("own_policy_a", GRID)
    placed = []
    for levels in (1, 3):
        assert paper(events, target, "--policy-arg", f"levels={levels}", "--json") == 0
        found = json.loads(capsys.readouterr().out)
        placed.append(found["orders_placed"])
        assert found["policy_timing"]["policy"] == "mine"
        assert found["policy_timing"]["calls"] == 300
    assert placed[0] < placed[1]
    manifest = load_run(RunStore(Path("var/artifacts")).list()[-1].path).manifest
    assert manifest["policy"] == {"arguments": {"levels": 3}, "target": target}


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("nothing_of_that_name:Mine", "there is no module 'nothing_of_that_name'"),
        ("own_policy_b:Yours", "has no attribute 'Yours'"),
        ("own_policy_b:Decimal", "has no method plan(context)"),
        ("own_policy_b:HEAD", "is no class"),
        ("own_policy_b", "must be module:Class"),
        ("broken_policy:Mine", "importing 'broken_policy' raised ZeroDivisionError"),
        ("needy_policy:Mine", "needs 'library_that_is_missing'"),
    ],
)
def test_a_policy_that_cannot_be_loaded_is_named(
    events: Path,
    write: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    target: str,
    says: str,
) -> None:
    write("own_policy_b", f"{GRID}\n")
    with (tmp_path / "own_policy_b.py").open("a") as file:
        file.write("\nHEAD = 3\n")
    (tmp_path / "broken_policy.py").write_text("1 / 0\n")
    (tmp_path / "needy_policy.py").write_text("import library_that_is_missing\n")
    assert paper(events, target) == 2
    message = capsys.readouterr().err
    assert says in message
    assert target.partition(":")[0] in message
    assert not Path("var").exists()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--policy-arg", "depth=3"], "its constructor raised TypeError"),
        (["--policy-arg", "depth"], "must be key=value"),
        (["--policy-arg", "a=1", "--policy-arg", "a=2"], "is given twice"),
        (["--policy-budget-us", "0"], "must be >= 1"),
    ],
)
def test_bad_arguments_are_refused(
    events: Path, write: Write, capsys: pytest.CaptureFixture[str], more: list[str], says: str
) -> None:
    assert paper(events, write("own_policy_c", GRID), *more) == 2
    assert says in capsys.readouterr().err


def test_arguments_without_a_policy_are_refused(
    events: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["paper", "--data", str(events), "--policy-arg", "a=1"]) == 2
    assert "needs --policy" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise RuntimeError('no idea')", "raised RuntimeError: no idea"),
        ("return 7", "returned int, which is no GridPlan"),
        ("return None", "returned NoneType, which is no GridPlan"),
        ("return Decimal(0.5)", "raised FloatOperation"),
        (
            "import socket; socket.create_connection(('192.0.2.1', 80))",
            "raised FixtureNetworkBlockedError",
        ),
    ],
)
def test_a_policy_that_fails_is_blamed_with_symbol_and_time(
    events: Path,
    write: Write,
    capsys: pytest.CaptureFixture[str],
    body: str,
    says: str,
) -> None:
    module = f"failing_{sha256_hex(body.encode())[:8]}"
    assert paper(events, write(module, body)) == 1
    message = capsys.readouterr().err
    assert message.count("E_POLICY") == 1
    assert says in message
    assert "policy mine" in message
    first = next(iter(demo_events()))
    assert f"{first.payload.symbol} at ts {first.payload.ts}" in message  # type: ignore[union-attr]
    view = load_run(RunStore(Path("var/artifacts")).list()[-1].path)
    assert view.manifest["status"] == "failed"
    assert "E_POLICY" in view.sessions[0].result["errors"][0]["error"]


def test_a_slow_policy_is_reported_by_name(
    events: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    target = write("slow_policy", "for _ in range(2000): sum(range(20))\n" + GRID)
    assert paper(events, target, "--policy-budget-us", "1", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert any(w.startswith("policy mine is slow: ") for w in found["warnings"])
    manifest = load_run(RunStore(Path("var/artifacts")).list()[-1].path).manifest
    assert any(w.startswith("policy mine is slow: ") for w in manifest["warnings"])
    assert paper(events, target, "--policy-budget-us", "10000000", "--json") == 0
    assert not any("slow" in w for w in json.loads(capsys.readouterr().out)["warnings"])


def a_context(ts: int, symbol: str = "AAAUSDT") -> PolicyContext:
    price = Decimal(100)
    snapshot = Snapshot(
        ts=ts,
        symbol=symbol,
        bid_price=price,
        ask_price=price + 1,
        bid_qty=price,
        ask_qty=price,
        last_price=price,
        last_qty=price,
    )
    return PolicyContext(ts=ts, snapshot=snapshot, position=None, features={}, open_order_count=0)


class Still:
    """Wants nothing."""

    name = "still"

    def plan(self, context: PolicyContext) -> GridPlan:
        return paused(context.snapshot.bid_price, ())


@given(st.lists(st.integers(0, 10**11), min_size=1, max_size=300))
def test_timing_is_the_mean_the_slowest_and_a_close_p99(took_ns: list[int]) -> None:
    ticks = iter([tick for took in took_ns for tick in (0, took)])
    policy = TimedPolicy(Still(), budget_us=5, clock_ns=lambda: next(ticks))
    for ts in range(len(took_ns)):
        policy.plan(a_context(ts))
    timing = policy.timing
    exact_p99 = sorted(took_ns)[-(-len(took_ns) * 99 // 100) - 1]
    assert timing.calls == len(took_ns)
    assert timing.mean_us == sum(took_ns) // len(took_ns) // 1000
    assert timing.slowest_us == max(took_ns) // 1000
    assert timing.slowest_ts == took_ns.index(max(took_ns))
    assert exact_p99 // 1000 <= timing.p99_us <= exact_p99 * 5 // 4 // 1000 + 1
    assert bool(timing.warning) == (timing.mean_us > 5)


def test_a_policy_that_was_never_called_has_no_figures() -> None:
    timing = TimedPolicy(Still()).timing
    assert (timing.calls, timing.mean_us, timing.p99_us, timing.warning) == (0, 0, 0, "")


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True).filter(str.isidentifier),
        st.one_of(
            st.integers(),
            st.booleans(),
            st.decimals(-(10**9), 10**9, places=3),
            st.from_regex(r"[A-Za-z]{1,8}=?", fullmatch=True).filter(
                lambda text: text not in {"true", "false"}
            ),
        ),
    )
)
def test_arguments_are_read_as_what_they_look_like(arguments: dict[str, Any]) -> None:
    pairs = [
        f"{key}={str(value).lower() if isinstance(value, bool) else value}"
        for key, value in arguments.items()
    ]
    found = read_arguments(pairs)
    assert found == arguments
    assert {k: type(v) for k, v in found.items()} == {k: type(v) for k, v in arguments.items()}


def test_a_specification_can_cross_a_process_border() -> None:
    spec = PolicySpec(target="a:B", arguments={"x": Decimal("1.5")}, budget_us=7)
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_the_folder_of_the_policy_is_looked_at_anew(tmp_path: Path, write: Write) -> None:
    with pytest.raises(ConfigError, match="there is no module"):
        PolicySpec(target="late_policy:Mine").load()
    assert PolicySpec(target=write("late_policy", GRID)).load().name == "mine"
