"""The file ``grinder init`` writes loads to itself, says the truth, and trades."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.synthetic.demo import demo_events
from grinder_app.cli import run
from grinder_app.config import Settings, load_settings
from grinder_app.config.catalog import BESIDE_ENGINE, KEYS, Key
from grinder_app.config.template import FIRST_RUN, render_template
from grinder_core.contracts.enums import RiskTier
from grinder_core.contracts.limits import LeverageBracket, SymbolConstraints
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError
from grinder_core.session.result import run as run_engine


def loaded(folder: Path, text: str) -> Settings:
    path = folder / "grinder.toml"
    path.write_text(text, encoding="ascii")
    return load_settings(path, environment={})


def effective(settings: Settings) -> dict[str, Any]:
    return {dotted: settings.value(dotted) for dotted in KEYS}


def test_the_file_sets_what_it_promises_and_nothing_else(tmp_path: Path) -> None:
    defaults = {dotted: key.default for dotted, key in KEYS.items()}
    written = loaded(tmp_path, render_template())
    assert effective(written) == {**defaults, **FIRST_RUN}
    assert written.warnings == ()


def test_what_is_commented_out_is_the_default(tmp_path: Path) -> None:
    text = render_template()
    live = re.sub(r"(?m)^#(?=[a-z0-9_]+ = )", "", text)
    assert text.count("\n#") > live.count("\n#")
    assert effective(loaded(tmp_path, live)) == effective(loaded(tmp_path, text))


def test_every_setting_appears_once_with_its_meaning() -> None:
    lines = render_template().splitlines()
    for key in KEYS.values():
        shown = [f"[{key.dotted}]"] if key.is_map else [f"{key.name} = ", f"#{key.name} = "]
        found = [i for i, line in enumerate(lines) if line.startswith(tuple(shown))]
        assert len(found) == 1, key.dotted
        assert lines[found[0] - 1].startswith("# "), key.dotted
        assert "default" in lines[found[0] - 1], key.dotted


def test_each_value_is_said_to_come_from_its_own_line(tmp_path: Path) -> None:
    text = render_template()
    lines = text.splitlines()
    origins = loaded(tmp_path, text).origins
    from_file = {key: origin for key, origin in origins.items() if origin.startswith("file")}
    assert "venue.maker_fee_bps_x100" in from_file
    for key, origin in from_file.items():
        assert lines[int(origin.rsplit(":", 1)[1]) - 1].startswith(key.rsplit(".", 1)[1] + " = ")


SYMBOLS = st.from_regex(r"[A-Z0-9_]{2,12}", fullmatch=True)
SMALL = st.decimals(0, 50, places=8)
POSITIVE = st.decimals(Decimal("0.00000001"), 50, places=8)
ONE_BRACKET = st.builds(
    LeverageBracket,
    notional_floor=st.just(Decimal(0)),
    notional_cap=POSITIVE,
    maint_margin_ratio=st.decimals(0, Decimal("0.99"), places=4),
    cum=SMALL,
    max_leverage=st.integers(1, 125),
)
CONSTRAINTS = st.builds(
    SymbolConstraints,
    step_size=POSITIVE,
    min_qty=SMALL,
    tick_size=st.none() | POSITIVE,
    min_notional=SMALL,
)


def value_of(key: Key) -> st.SearchStrategy[Any]:
    """Values within a key's own range."""
    limits = key.declared.metadata
    least = limits["ge"] if limits["gt"] is None else limits["gt"] + Decimal("0.00000001")
    most = 50 if limits["le"] is None else limits["le"]
    whole = (limits["ge"] or 0) if limits["gt"] is None else int(limits["gt"]) + 1
    decimals = st.decimals(0 if least is None else least, most, places=8)
    if key.name == "feed_stale_ms_by_symbol":  # a table of decimals that must be whole
        decimals = st.integers(1, 50).map(Decimal)
    if key.name == "admin_host":  # what else it may be is a matter between two settings
        return st.sampled_from(["127.0.0.1", "::1", "localhost"])
    if key.name == "admin_remote_names":
        return st.from_regex(r"[a-z0-9.]{0,3}[a-z0-9]", fullmatch=True).map(lambda t: f"x{t}")
    by_kind: dict[str, st.SearchStrategy[Any]] = {
        "int": st.integers(whole, max(most, whole)),
        "int | None": st.none() | st.integers(whole, max(most, whole)),
        "bool": st.booleans(),
        "Decimal": decimals,
        "Decimal | None": st.none() | decimals,
        "str": st.from_regex(r"[a-z0-9-]{1,11}", fullmatch=True),
        "Mapping[str, Decimal]": st.dictionaries(SYMBOLS, decimals, max_size=3),
        "Mapping[str, RiskTier]": st.dictionaries(SYMBOLS, st.sampled_from(RiskTier), max_size=3),
        "Mapping[str, SymbolConstraints]": st.dictionaries(SYMBOLS, CONSTRAINTS, max_size=3),
        "Mapping[str, tuple[LeverageBracket, ...]]": st.dictionaries(
            SYMBOLS, st.tuples(ONE_BRACKET), max_size=3
        ),
        "tuple[str, ...] | None": st.none() | st.lists(SYMBOLS, max_size=3).map(tuple),
    }
    if key.choices is not None:
        members: list[StrEnum] = list(key.choices)
        return st.sampled_from(members)
    return st.just("") if key.name.endswith("_file") else by_kind[key.kind]


VALUES = {dotted: value_of(key) for dotted, key in KEYS.items()}
ANY_SETTINGS = st.sets(st.sampled_from(sorted(VALUES)), max_size=6).flatmap(
    lambda names: st.fixed_dictionaries({name: VALUES[name] for name in sorted(names)})
)


def built(values: Mapping[str, Any]) -> None:
    """Put the same values together without a file.

    Raises:
        ConfigError: A rule between settings forbids them.
    """
    by_name = {KEYS[dotted].name: value for dotted, value in values.items()}
    for section, kind in BESIDE_ENGINE.items():
        inside = [name for name in by_name if f"{section}.{name}" in KEYS]
        kind(**{name: by_name.pop(name) for name in inside})
    EngineConfig().with_values(by_name)


def contradictions(values: Mapping[str, Any]) -> list[tuple[str, object]]:
    """What is wrong with the values of each section, and with all of them together."""
    sections = sorted({dotted.partition(".")[0] for dotted in values})
    parts = [{k: v for k, v in values.items() if k.startswith(f"{s}.")} for s in sections]
    found: list[tuple[str, object]] = []
    for part in (*parts, values):
        try:
            built(part)
        except ConfigError as error:
            if part is values or not error.rule.startswith("needs feature_engine"):
                found.append((error.rule, error.value))
    try:
        built(values)
    except ConfigError:
        return found
    return []


@given(ANY_SETTINGS)
@settings(max_examples=100)
def test_any_settings_written_are_the_settings_read(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]
) -> None:
    defaults = {dotted: key.default for dotted, key in KEYS.items()}
    folder = tmp_path_factory.mktemp("c")
    expected = contradictions(values)
    if not expected:
        assert effective(loaded(folder, render_template(values))) == {**defaults, **values}
        return
    with pytest.raises(ConfigError) as caught:
        loaded(folder, render_template(values))
    # where several sections contradict themselves, either may be named
    assert (caught.value.rule, caught.value.value) in expected


@pytest.mark.parametrize("dotted", [d for d, key in KEYS.items() if key.is_map])
@given(data=st.data())
@settings(max_examples=10)
def test_a_table_alone_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, dotted: str, data: st.DataObject
) -> None:
    entries = data.draw(VALUES[dotted].filter(bool))
    needed = {
        "policies.dd_budget_ratios": {
            "policies.adaptive_policy_enabled": True,
            "indicators.feature_engine_enabled": True,
        },
        "sizing.symbol_weights": {
            "sizing.symbol_tiers": dict.fromkeys(entries, RiskTier.LOW),
        },
    }.get(dotted, {})
    text = render_template({dotted: entries, **needed})
    assert loaded(tmp_path_factory.mktemp("c"), text).value(dotted) == entries


def test_text_survives_whatever_is_in_it(tmp_path: Path) -> None:
    folder = 'a "quoted" \\ \x7f \u00e9 \U00010000 \t dir'
    read = loaded(tmp_path, render_template({"app.state_dir": folder}))
    assert read.app.state_dir == folder


def test_a_first_run_trades_and_no_limit_stands_in_its_way(tmp_path: Path) -> None:
    config = loaded(tmp_path, render_template()).engine
    demo = list(islice(demo_events(), 10_000))
    result = run_engine(demo, config)
    assert result.errors == ()
    assert result.stats.total_fills > 0
    assert result.fees_paid > 0
    blocked = result.stats.gate_blocked
    assert not any("NOTIONAL" in reason for reason in blocked), blocked
    untouched = run_engine(demo, EngineConfig())
    assert any("NOTIONAL" in reason for reason in untouched.stats.gate_blocked), (
        "with default sizes the limits do stand in the way, or this test shows nothing"
    )


def test_init_writes_once_and_overwrites_only_by_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "grinder.toml"
    assert run(["init"]) == 0
    assert target.read_text() == render_template()
    assert "wrote grinder.toml" in capsys.readouterr().out
    target.write_text("[policies]\nlevels = 9\n")
    assert run(["init"]) == 2
    assert "overwrite it with --force" in capsys.readouterr().err
    assert target.read_text() == "[policies]\nlevels = 9\n"
    assert run(["init", "--force"]) == 0
    assert target.read_text() == render_template()


def test_init_elsewhere_says_json_and_refuses_a_missing_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "my.toml"
    assert run(["init", str(target), "--json"]) == 0
    assert f'"path":"{target}"' in capsys.readouterr().out
    assert run(["init", str(tmp_path / "no" / "my.toml")]) == 2
    assert run(["init", str(tmp_path), "--force"]) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["my.toml"]
