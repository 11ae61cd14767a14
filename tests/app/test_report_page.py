"""The page: what it says, what it never leaves unsaid, its size and its bytes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen

from grinder_adapters.runs import RunStore, RunView, SessionView, TableSource, load_run
from grinder_adapters.runs.tables import Table
from grinder_adapters.synthetic.demo import demo_events
from grinder_app.report.assumptions import assumptions_of
from grinder_app.report.page import render, write_report
from grinder_app.report.wording import (
    REASONS,
    duration,
    fee_warning,
    money,
    plain,
    quote_currency,
)
from grinder_core.contracts.enums import FillMode, GateReason, PrefilterReason
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError, InputError
from grinder_core.session.result import run

SIZE_MAX = 6_000_000
START_MS = 1_736_121_600_000

LONG = {
    "interval_ms": 60_000,
    "equity_interval_ms": 240_000,
    "price_interval_ms": 60_000,
    "block_interval_ms": 86_400_000,
}
CONFIG = EngineConfig.flat(
    notional_per_level=Decimal(250),
    spacing_bps=12,
    recenter_bps=60,
    fill_mode=FillMode.QUOTE,
    fill_after_ticks=1,
    maker_fee_bps_x100=200,
    taker_fee_bps_x100=500,
)


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> RunView:
    """A short session on the demo data, written to a run folder and read back."""
    result = run(islice(demo_events(), 6_000), CONFIG, name="demo")
    writer = RunStore(tmp_path_factory.mktemp("runs")).create("paper", START_MS)
    with writer:
        writer.session("demo").finish(result)
        writer.manifest(
            command=["grinder", "paper"],
            config=CONFIG.to_dict(),
            config_hash=CONFIG.config_hash,
            data=[{"name": "demo.jsonl", "kind": "events", "events": 6_000, "sha256": "ab" * 32}],
        )
    return load_run(writer.path)


def with_manifest(view: RunView, **fields: object) -> RunView:
    return evolve(view, manifest={**view.manifest, **fields})


def with_venue(view: RunView, **settings: object) -> RunView:
    config: Mapping[str, Any] = view.manifest["config"]
    venue = {**config["venue"], **settings}
    return with_manifest(view, config={**config, "venue": venue})


def with_result(view: RunView, **fields: object) -> RunView:
    session = view.sessions[0]
    return evolve(
        view, sessions=(evolve(session, result={**session.result, **fields}),), unfinished=()
    )


def long(view: RunView) -> RunView:
    """The same run with twelve hours of equity that goes up and down."""
    session = view.sessions[0]
    hours = range(13)
    worth = [Decimal(10_000 + 7 * hour - 20 * (hour % 3)) for hour in hours]
    equity = {
        "ts": [START_MS + 3_600_000 * hour for hour in hours],
        "equity": worth,
        "high_water_mark": [max(worth[: hour + 1]) for hour in hours],
        "realized": [value - 10_000 for value in worth],
        "unrealized": [Decimal(0)] * 13,
        "fees": [Decimal(0)] * 13,
        "funding": [Decimal(0)] * 13,
    }
    return evolve(view, sessions=(with_tables(session, equity=equity),))


@frozen
class Tables:
    """Tables of a session as columns in memory; ``kept`` instead of those of the folder."""

    stored: TableSource
    kept: Mapping[str, Mapping[str, list[Any]]]

    def rows(self, table: Table, names: Sequence[str] = ()) -> Iterator[tuple[Any, ...]]:
        columns = self.kept.get(table.file)
        if columns is None:
            yield from self.stored.rows(table, names)
        elif columns:
            yield from zip(*(columns[name] for name in names or table.columns), strict=True)


def with_tables(session: SessionView, **kept: Mapping[str, list[Any]]) -> SessionView:
    """Replace tables by name; no columns are an empty table."""
    files = {f"{name}.csv": columns for name, columns in kept.items()}
    return evolve(session, tables=Tables(session.tables, files))


def with_sessions(view: RunView, count: int) -> RunView:
    first = view.sessions[0]
    return evolve(
        view, sessions=tuple(evolve(first, name=f"day-{n:03d}") for n in range(1, count + 1))
    )


def text_of(page: str) -> str:
    """The words of a page, without scripts, styles and tags."""
    body = re.sub(r"<(script|style).*?</\1>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def test_the_page_shows_what_ran_and_what_came_out(view: RunView) -> None:
    result = view.sessions[0].result
    text = text_of(render(view))
    assert "Paper: BTCUSDT, DOGEUSDT" in text
    assert "2025-01-06 00:" in text
    assert money(result["net_pnl"], signed=True) in text
    assert money(result["fees_paid"]) in text
    assert f"{result['total_fills']:,}" in text
    for identity in (CONFIG.config_hash, result["digest"], result["running_digest"], "ab" * 32):
        assert identity in text
    assert "Read this first" not in text


def test_every_setting_is_there_and_a_changed_one_stands_out(view: RunView) -> None:
    page = render(view)
    rows = re.findall(r"</span>(\w+)</th><td class=\"mono( changed)?\"", page)
    shown = {name: bool(changed) for name, changed in rows}
    settings = {name for section in CONFIG.to_dict().values() for name in section}
    assert set(shown) == settings
    assert shown["spacing_bps"]
    assert not shown["topk_k"]


def test_the_sharpe_ratio_is_never_shown_without_its_certainty(view: RunView) -> None:
    assert "The Sharpe ratio is not defined: it needs 10 whole hours of equity." in text_of(
        render(view)
    )
    text = text_of(render(long(view), trials=40))
    assert "returns: with 95 % confidence the true one lies between" in text
    for card in ("Sharpe above 0", "Deflated Sharpe", "best of 40 trials without skill"):
        assert card in text
    assert "trials without skill" not in text_of(render(long(view)))
    several = text_of(render(with_sessions(long(view), 3), trials=40))
    assert "Best of the sessions: day-001." in several
    assert "Of 120 trials without any skill" in several


def test_origins_of_settings_are_shown(view: RunView) -> None:
    origins = {
        "policies.spacing_bps": "flag --set",
        "orders.tick_sizes.BTCUSDT": "file grinder.toml",
        "policies.levels": "default",
    }
    page = render(with_manifest(view, origins=origins))
    for origin in ("flag --set", "file grinder.toml"):
        assert f'<td data-name="From">{origin}</td>' in page


def test_the_same_run_gives_the_same_bytes(view: RunView, tmp_path: Path) -> None:
    sizes = [write_report(view, tmp_path / name) for name in ("a.html", "b.html")]
    first, second = ((tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second
    assert sizes == [len(first)] * 2
    assert len(first) < SIZE_MAX


def test_the_drawing_library_is_in_the_page_unharmed(view: RunView, tmp_path: Path) -> None:
    from plotly.offline import get_plotlyjs

    write_report(view, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.count(get_plotlyjs().replace("</script", "<\\/script")) == 1


def test_bytes_do_not_depend_on_the_process(view: RunView, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from grinder_adapters.runs import load_run;"
        "from grinder_app.report.page import write_report;"
        "write_report(load_run(Path(sys.argv[1])), Path(sys.argv[2]))"
    )
    pages = []
    for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo")):
        target = tmp_path / f"{seed}.html"
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"}
        command = [sys.executable, "-c", code, str(view.path), str(target)]
        subprocess.run(command, check=True, env=environment, cwd=tmp_path)
        pages.append(target.read_bytes())
    assert pages[0] == pages[1]


def test_nothing_is_fetched(view: RunView) -> None:
    page = render(view)
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    assert not re.findall(r"(?:src|href)=\"(?!#|data:)[^\"]*\"", markup)
    assert "url(" not in markup
    assert "@import" not in markup
    assert "default-src 'none'" in markup
    assert page.count("* plotly.js v") == 1


def test_hostile_text_stays_text(view: RunView) -> None:
    evil = "</script><script>alert(1)</script>"
    bad = with_manifest(view, warnings=[evil], command=[evil], name=evil, data=[{"name": evil}])
    blocks = {"reason": [evil], "from_ts": [START_MS], "count": [1]}
    session = with_tables(evolve(bad.sessions[0], name=evil), blocks=blocks)
    page = render(evolve(bad, sessions=(session, evolve(session, name="other"))))
    assert "<script>alert" not in page
    assert page.count("<script") == page.count("</script") == 3


# --- warnings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("maker", "taker", "named"), [(0, 0, "maker and taker"), (0, 500, "maker"), (200, 0, "taker")]
)
def test_zero_fees_are_a_warning(view: RunView, maker: int, taker: int, named: str) -> None:
    free = with_venue(view, maker_fee_bps_x100=maker, taker_fee_bps_x100=taker)
    assert f"Zero fees: the {named} fee of this run is 0" in text_of(render(free))


def test_fees_draw_no_warning_and_neither_does_a_replay() -> None:
    assert fee_warning("paper", {"maker_fee_bps_x100": 200, "taker_fee_bps_x100": 500}) is None
    assert fee_warning("replay", {"maker_fee_bps_x100": 0, "taker_fee_bps_x100": 0}) is None


def test_a_warning_is_said_once(view: RunView) -> None:
    free = with_venue(view, maker_fee_bps_x100=0)
    text = fee_warning("paper", free.manifest["config"]["venue"])
    page = text_of(render(with_manifest(free, warnings=[text, "mind the gap"])))
    assert page.count("Zero fees:") == 1
    assert page.count("mind the gap") == 1


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({"status": "running"}, "Unfinished run"),
        (
            {"status": "failed", "error": "E_POLICY: nonsense"},
            "ended as failed: E_POLICY: nonsense",
        ),
        ({"status": "interrupted"}, "ended as interrupted"),
    ],
)
def test_a_run_that_did_not_end_well_says_so(
    view: RunView, manifest: dict[str, str], said: str
) -> None:
    assert said in text_of(render(with_manifest(view, **manifest)))


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (
            {"errors": [{"event_index": 7, "step": "SNAPSHOT", "error": "E_POLICY: bad"}]},
            "stopped early at event 7, SNAPSHOT: E_POLICY: bad",
        ),
        (
            {"kill_switch": {"triggered": True, "reason": "DRAWDOWN_LIMIT", "ts": START_MS}},
            "kill switch latched (DRAWDOWN_LIMIT) at 2025-01-06 00:00:00 UTC",
        ),
        ({"topk_lookahead": True}, "the selection looked ahead"),
        ({"total_fills": 10**6}, "of 1,000,000 fills are in this run"),
        ({"collected": LONG}, "equity every 4 min, blocked snapshots every 1 d"),
        ({"collected": {"levels_left_out": 1234}}, "1,234 later grid levels were not recorded"),
    ],
)
def test_what_a_session_hides_is_told(view: RunView, result: dict[str, Any], said: str) -> None:
    assert said in text_of(render(with_result(view, **result)))


def test_unfinished_sessions_are_named(view: RunView) -> None:
    assert "not finished: day-2" in text_of(render(evolve(view, unfinished=("day-2",))))


def test_a_run_without_a_finished_session_still_has_a_page(view: RunView) -> None:
    bare = evolve(with_manifest(view, status="running"), sessions=(), unfinished=("demo",))
    text = text_of(render(bare))
    assert "No session of this run has finished." in text
    assert "Unfinished run" in text


def test_warnings_are_counted_rather_than_endless(view: RunView) -> None:
    many = with_manifest(view, warnings=[f"number {n}" for n in range(100)])
    assert "60 more warnings are not shown here." in text_of(render(many))


# --- assumptions ---------------------------------------------------------------------------------


def test_everything_that_was_assumed_is_on_the_page(view: RunView) -> None:
    text = text_of(render(view))
    assert "What was assumed" in text
    for each in assumptions_of("paper", CONFIG.to_dict()["venue"]):
        assert f"{each.name} {each.text}" in text


def test_klines_are_called_what_they_are(view: RunView) -> None:
    bars = with_manifest(view, data=[{"name": "x.parquet", "kind": "klines", "sha256": "cd" * 32}])
    text = text_of(render(bars))
    assert "bars (klines), not quotes" in text
    assert "made-up spread" in text
    assert "bars (klines)" not in text_of(render(view))


def test_a_replay_claims_no_result(view: RunView) -> None:
    text = text_of(render(with_manifest(view, kind="replay")))
    assert "accepts every order and fills none" in text
    assert "There is no queue" not in text


def test_every_reason_is_explained() -> None:
    reasons = {r.value for kind in (GateReason, PrefilterReason) for r in kind} - {"PASS"}
    assert set(REASONS) == reasons


# --- several sessions ----------------------------------------------------------------------------


def test_many_sessions_have_an_overview_of_all_and_details_of_some(view: RunView) -> None:
    page = render(with_sessions(view, 14))
    text = text_of(page)
    assert page.count("<details id=") == 12
    assert "The first 12 of 14 sessions" in text
    for n in range(1, 15):
        assert f"day-{n:03d}" in text
    total = 14 * float(view.sessions[0].result["net_pnl"])
    assert text.count(money(total, signed=True)) >= 2


def test_few_sessions_are_all_detailed(view: RunView) -> None:
    page = render(with_sessions(view, 3))
    assert page.count("<details id=") == 3
    assert "The first" not in text_of(page)


COSTS = {"fills": 1, "turnover": "0", "fees_paid": "0", "funding_paid": "0"}


def crowded(view: RunView, sessions: int, symbols: int) -> RunView:
    """As much of everything as a long run of many symbols collects."""
    first = view.sessions[0]
    names = [f"COIN{n:02d}USDT" for n in range(symbols)]
    minutes = range(9_000 if sessions == 1 else 1_500)
    times = [START_MS + m * 60_000 for m in minutes]
    wave = [10_000 + (m * 7919 % 104_729) / 7 for m in minutes]
    fills = [n for n in names for _ in range((40_000 if sessions == 1 else 8_000) // symbols)]
    count = len(fills)
    levels = {
        "symbol": fills,
        "side": ["BUY" if i % 2 else "SELL" for i in range(count)],
        "level_id": [1] * count,
        "price": [100 + i % 977 / 7 for i in range(count)],
    }
    busy = with_tables(
        evolve(first, result={**first.result, "costs": dict.fromkeys(names, COSTS)}),
        equity={
            "ts": times,
            "equity": wave,
            "high_water_mark": [max(wave)] * len(wave),
            "realized": wave,
            "unrealized": [-w for w in wave],
            "fees": wave,
            "funding": [w / 3 for w in wave],
        },
        prices={
            "symbol": [name for name in names for _ in times],
            "ts": times * symbols,
            "mid": [w / 3 for w in wave] * symbols,
        },
        trades={
            **levels,
            **{name: ["x"] * count for name in ("fill_id", "liquidity", "order_id")},
            "ts": [START_MS + i * 1_000 for i in range(count)],
            "qty": [1 + i % 13 / 7 for i in range(count)],
            "fee": [0.01] * count,
        },
        levels={
            **levels,
            "from": [START_MS + i * 1_000 for i in range(count)],
            "to": [START_MS + i * 1_000 + 977 for i in range(count)],
        },
        blocks={
            "reason": [reason for reason in REASONS for _ in times],
            "from_ts": times * len(REASONS),
            "count": [1_000 + n for n in range(len(times))] * len(REASONS),
        },
    )
    data = [{"name": f"{'long' * 20}-{n}.parquet", "sha256": "ab" * 32} for n in range(sessions)]
    full = with_sessions(evolve(view, sessions=(busy,)), sessions)
    return with_manifest(full, data=data, warnings=["w" * 500] * 200)


@pytest.mark.parametrize(("sessions", "symbols"), [(1, 1), (1, 300), (12, 50), (400, 1)])
def test_the_page_stays_below_six_megabytes(
    view: RunView, tmp_path: Path, sessions: int, symbols: int
) -> None:
    full = crowded(view, min(sessions, 12), symbols)
    if sessions > 12:
        full = evolve(full, sessions=(*full.sessions, *with_sessions(view, sessions - 12).sessions))
        full = with_manifest(full, data=list(full.manifest["data"]) * (sessions // 12))
    assert write_report(full, tmp_path / "report.html") < SIZE_MAX


def test_the_busiest_symbols_are_drawn_and_the_rest_is_counted(view: RunView) -> None:
    text = text_of(render(crowded(view, 1, 300)))
    assert "Price charts: 24 of 300 symbols, those with most fills." in text
    assert "By symbol: 200 of 300, those with most fills." in text


# --- failing -------------------------------------------------------------------------------------


def test_a_missing_extra_is_named(view: RunView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "grinder_app.report.page.find_spec", lambda name: None if name == "plotly" else object()
    )
    with pytest.raises(ConfigError, match=r"needs plotly; pip install 'grinder\[report\]'"):
        render(view)


def test_a_target_that_is_a_folder_is_refused(view: RunView, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory"):
        write_report(view, tmp_path)
    assert not list(tmp_path.iterdir())


# --- words and numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.00"),
        ("-0.00000001", "-0.00000001"),
        ("-0.000000001", "0.00000000"),
        ("1234567.891", "1,234,567.89"),
        ("0.1234567", "0.1235"),
        ("-12.345", "-12.35"),
    ],
)
def test_money(value: str, text: str) -> None:
    assert money(Decimal(value)) == text


def test_signed_money() -> None:
    assert [money(v, signed=True) for v in (1.5, -1.5, 0.0)] == ["+1.50", "-1.50", "0.00"]


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E+3", "1,000"), ("-0.00020575", "-0.00020575"), ("-1234.50", "-1,234.5"), ("0", "0")],
)
def test_plain_numbers(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 s"),
        (999, "0 s"),
        (59_000, "59 s"),
        (3_600_000, "1 h"),
        (90_061_000, "1 d 1 h"),
        (61_000, "1 min 1 s"),
    ],
)
def test_durations(ms: int, text: str) -> None:
    assert duration(ms) == text


def test_quote_currency() -> None:
    assert quote_currency(["BTCUSDT", "ETHUSDT"]) == "USDT"
    assert quote_currency(["BTCUSDT", "ETHUSDC"]) == "quote currency"
    assert quote_currency([]) == "quote currency"


def test_a_view_without_samples_has_a_page(view: RunView) -> None:
    empty: dict[str, list[Any]] = {}
    names = ("trades", "equity", "prices", "levels", "blocks")
    session = with_tables(view.sessions[0], **dict.fromkeys(names, empty))
    quiet = evolve(session, result={**session.result, "total_fills": 0, "final_positions": {}})
    text = text_of(render(evolve(view, sessions=(quiet,))))
    assert "No order was filled; 0 snapshots were blocked." in text
    assert "Nothing was blocked" in text
