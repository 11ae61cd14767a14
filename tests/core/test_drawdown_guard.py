"""CORE-28: the drawdown guard v1 against its rules, its table and a plain twin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, dump_state, load_state
from grinder_core.contracts.enums import GuardReason, GuardState, RiskIntent
from grinder_core.errors import ArtifactError, ConfigError, ContractError
from grinder_core.numbers import exact
from grinder_core.risk.drawdown_guard import DrawdownGuard, breach
from grinder_core.risk.settings import RiskSettings
from tests.support.strategies import SYMBOLS, scaled

D = Decimal
PORTFOLIO, SYMBOL = GuardReason.DD_PORTFOLIO_BREACH, GuardReason.DD_SYMBOL_BREACH
NORMAL, DRAWDOWN = GuardState.NORMAL, GuardState.DRAWDOWN

limits = st.sampled_from((D("0.00000001"), D("0.04"), D("0.20"), D(1)))
budgets = st.dictionaries(st.sampled_from(SYMBOLS), st.sampled_from((D("0.01"), D(100), D(1000))))
equities = st.one_of(
    st.sampled_from((D(0), D(8_000), D("8000.01"), D(9_600), D(10_000), D(-5))),
    scaled(-(10**6), 2 * 10**6, 2),
)
pnls = st.dictionaries(
    st.sampled_from(SYMBOLS),
    st.one_of(st.sampled_from((D(0), D(-100), D("-99.99"), D(-1000))), scaled(-(10**6), 10**6, 2)),
)
steps = st.lists(st.tuples(st.sampled_from(("update",) * 4 + ("reset",)), equities, pnls))


def a_guard(**changes: Any) -> DrawdownGuard:
    values: dict[str, Any] = {"symbol_dd_budgets": {}, **changes}
    return DrawdownGuard.of(RiskSettings(dd_guard_v1_enabled=True, **values))


def update(guard: DrawdownGuard, equity: Decimal, by_symbol: Mapping[str, Decimal]) -> bool:
    with exact():
        return guard.update(equity, by_symbol, 1000)


class PlainGuard:
    """The page's rules over fractions, with the whole baseline kept."""

    def __init__(self, limit: Decimal, of_symbol: Mapping[str, Decimal]) -> None:
        self.limit, self.of_symbol = Fraction(limit), of_symbol
        self.start = Fraction(10_000)
        self.base: Mapping[str, Decimal] = {}
        self.reason: GuardReason | None = None
        self.symbol = ""

    def update(self, equity: Decimal, by_symbol: Mapping[str, Decimal]) -> bool:
        if self.reason:
            return False
        if (self.start - Fraction(equity)) / self.start >= self.limit:
            self.reason = PORTFOLIO
            return True
        for symbol in sorted(set(self.of_symbol)):
            total = Fraction(by_symbol.get(symbol, D(0))) - Fraction(self.base.get(symbol, D(0)))
            if max(Fraction(0), -total) >= self.of_symbol[symbol]:
                self.reason, self.symbol = SYMBOL, symbol
                return True
        return False

    def reset(self, equity: Decimal, by_symbol: Mapping[str, Decimal]) -> None:
        if self.reason and equity > 0:
            self.start, self.base = Fraction(equity), by_symbol
            self.reason, self.symbol = None, ""


@given(limits, budgets, steps)
def test_the_guard_equals_its_plain_twin(
    limit: Decimal,
    of_symbol: dict[str, Decimal],
    moves: list[tuple[str, Decimal, dict[str, Decimal]]],
) -> None:
    guard = a_guard(portfolio_dd_limit=limit, symbol_dd_budgets=of_symbol)
    twin = PlainGuard(limit, of_symbol)
    for kind, equity, by_symbol in moves:
        before, reason = guard.state, guard.reason
        if kind == "update":
            entered = update(guard, equity, by_symbol)
            assert entered is twin.update(equity, by_symbol)
            assert entered is (before is NORMAL and guard.state is DRAWDOWN)
            if before is DRAWDOWN:  # back only by reset, and the first reason is kept
                assert (guard.state, guard.reason) == (DRAWDOWN, reason)
        else:
            done = guard.reset(equity, by_symbol)
            twin.reset(equity, by_symbol)
            assert done.reset is (before is DRAWDOWN and equity > 0)
            assert (done.state_before, done.state_after) == (before, guard.state)
            assert done.reason is (reason or GuardReason.NORMAL_STATE)
            if done.reset:
                assert guard.state is NORMAL
                assert not update(guard, equity, by_symbol)  # it does not trip again at once
        assert (guard.reason, guard.breached_symbol) == (twin.reason, twin.symbol)


@given(limits, budgets, steps, st.data())
def test_a_guard_loaded_at_any_cut_continues_identically(
    limit: Decimal,
    of_symbol: dict[str, Decimal],
    moves: list[tuple[str, Decimal, dict[str, Decimal]]],
    data: st.DataObject,
) -> None:
    guard = a_guard(portfolio_dd_limit=limit, symbol_dd_budgets=of_symbol)
    cut = data.draw(st.integers(0, len(moves)))
    subject = guard
    for index, (kind, equity, by_symbol) in enumerate((*moves, ("update", D(0), {}))):
        if index == cut:
            subject = load_state(DrawdownGuard, json.loads(canonical_json(dump_state(guard))))
            assert subject == guard
        for each in {id(guard): guard, id(subject): subject}.values():
            if kind == "update":
                update(each, equity, by_symbol)
            else:
                each.reset(equity, by_symbol)
    assert subject == guard


# -- the table ---------------------------------------------------------------------------------

TABLE = [
    (None, RiskIntent.INCREASE_RISK, True, GuardReason.NORMAL_STATE),
    (None, RiskIntent.REDUCE_RISK, True, GuardReason.NORMAL_STATE),
    (None, RiskIntent.CANCEL, True, GuardReason.CANCEL_ALWAYS_ALLOWED),
    (PORTFOLIO, RiskIntent.INCREASE_RISK, False, PORTFOLIO),
    (PORTFOLIO, RiskIntent.REDUCE_RISK, True, GuardReason.REDUCE_RISK_ALLOWED),
    (PORTFOLIO, RiskIntent.CANCEL, True, GuardReason.CANCEL_ALWAYS_ALLOWED),
    (SYMBOL, RiskIntent.INCREASE_RISK, False, SYMBOL),
    (SYMBOL, RiskIntent.REDUCE_RISK, True, GuardReason.REDUCE_RISK_ALLOWED),
    (SYMBOL, RiskIntent.CANCEL, True, GuardReason.CANCEL_ALWAYS_ALLOWED),
]


@pytest.mark.parametrize(("latched", "intent", "allowed", "reason"), TABLE)
def test_the_table_of_the_page(
    latched: GuardReason | None, intent: RiskIntent, allowed: bool, reason: GuardReason
) -> None:
    guard = DrawdownGuard(D("0.2"), {}, D(10_000), latched)
    assert guard.allow(intent) == (allowed, reason)


def test_the_table_is_whole() -> None:
    assert {(row[0], row[1]) for row in TABLE} == {
        (latched, intent) for latched in (None, PORTFOLIO, SYMBOL) for intent in RiskIntent
    }


@given(limits, budgets, steps)
def test_cancels_and_exits_are_never_refused_and_entries_only_in_drawdown(
    limit: Decimal,
    of_symbol: dict[str, Decimal],
    moves: list[tuple[str, Decimal, dict[str, Decimal]]],
) -> None:
    guard = a_guard(portfolio_dd_limit=limit, symbol_dd_budgets=of_symbol)
    for kind, equity, by_symbol in moves:
        if kind == "update":
            update(guard, equity, by_symbol)
        else:
            guard.reset(equity, by_symbol)
        assert guard.allow(RiskIntent.CANCEL)[0]
        assert guard.allow(RiskIntent.REDUCE_RISK)[0]
        assert guard.allow(RiskIntent.INCREASE_RISK)[0] is (guard.state is NORMAL)


# -- breach ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("equity", "state"), [("80000.01", NORMAL), ("80000", DRAWDOWN)])
def test_worked_example_core_28_a(equity: str, state: GuardState) -> None:
    guard = a_guard(initial_capital=D(100_000))
    assert update(guard, D(equity), {}) is (state is DRAWDOWN)
    assert guard.state is state
    found = breach(D(100_000), D(equity), D("0.20"), {}, {})
    assert found == ((PORTFOLIO, "") if state is DRAWDOWN else None)


@pytest.mark.parametrize(("loss", "trips"), [("999.99", False), ("1000", True)])
def test_worked_example_core_28_b(loss: str, trips: bool) -> None:
    guard = a_guard(initial_capital=D(100_000), symbol_dd_budgets={"BTCUSDT": D(1000)})
    by_symbol = {"BTCUSDT": -D(loss), "ETHUSDT": D(-5000)}
    assert update(guard, D(99_000), by_symbol) is trips
    # one breach refuses entries of every symbol: the guard asks for none
    assert guard.allow(RiskIntent.INCREASE_RISK)[0] is not trips
    if trips:
        assert guard.allow(RiskIntent.INCREASE_RISK)[1] is SYMBOL
        assert (guard.breached_symbol, guard.ts) == ("BTCUSDT", 1000)


def test_the_portfolio_is_tested_first_and_then_the_symbols_by_name() -> None:
    of_symbol = {"BBBUSDT": D(1), "AAAUSDT": D(1)}
    losses = {"BBBUSDT": D(2), "AAAUSDT": D(2)}
    assert breach(D(100), D(90), D("0.1"), losses, of_symbol) == (PORTFOLIO, "")
    assert breach(D(100), D(91), D("0.1"), losses, of_symbol) == (SYMBOL, "AAAUSDT")
    assert breach(D(100), D(91), D("0.1"), {"BBBUSDT": D(2)}, of_symbol) == (SYMBOL, "BBBUSDT")
    assert breach(D(100), D(91), D("0.1"), {"CCCUSDT": D(2)}, of_symbol) is None


@given(limits, budgets, equities, pnls)
def test_breach_and_guard_say_the_same(
    limit: Decimal,
    of_symbol: dict[str, Decimal],
    equity: Decimal,
    by_symbol: dict[str, Decimal],
) -> None:
    guard = a_guard(portfolio_dd_limit=limit, symbol_dd_budgets=of_symbol)
    losses = {symbol: max(D(0), -pnl) for symbol, pnl in by_symbol.items()}
    found = breach(D(10_000), equity, limit, losses, of_symbol)
    assert update(guard, equity, by_symbol) is (found is not None)
    assert (guard.reason, guard.breached_symbol) == (found or (None, ""))


@pytest.mark.parametrize("start", [D(0), D("-0.01")])
def test_a_start_without_equity_is_refused(start: Decimal) -> None:
    with pytest.raises(ContractError, match=r"equity_start.*must be > 0"):
        breach(start, D(1), D("0.2"), {}, {})


def test_a_negative_loss_is_refused_even_without_a_budget() -> None:
    with pytest.raises(ContractError, match=r"symbol_losses\.CCCUSDT.*must be >= 0"):
        breach(D(100), D(100), D("0.2"), {"CCCUSDT": D("-0.01")}, {})


# -- reset -------------------------------------------------------------------------------------


def test_a_reset_counts_both_losses_from_here_on_and_again_it_does_nothing() -> None:
    guard = a_guard(symbol_dd_budgets={"AAAUSDT": D(100)})
    assert update(guard, D(9_900), {"AAAUSDT": D(-100)})
    done = guard.reset(D(9_900), {"AAAUSDT": D(-100), "BBBUSDT": D(3)})
    assert (done.reset, done.state_before, done.state_after) == (True, DRAWDOWN, NORMAL)
    assert done.reason is SYMBOL
    assert (guard.equity_start, guard.base_pnl) == (9_900, {"AAAUSDT": -100})
    again = guard.reset(D(5_000), {"AAAUSDT": D(-5_000)})
    assert (again.reset, again.state_before, again.state_after) == (False, NORMAL, NORMAL)
    assert again.reason is GuardReason.NORMAL_STATE
    assert (guard.equity_start, guard.base_pnl) == (9_900, {"AAAUSDT": -100})
    assert not update(guard, D(9_800), {"AAAUSDT": D("-199.99")})
    assert update(guard, D(9_800), {"AAAUSDT": D(-200)})


@pytest.mark.parametrize("equity", [D(0), D("-0.01")])
def test_without_equity_no_reset_lets_new_risk_through(equity: Decimal) -> None:
    guard = a_guard()
    assert update(guard, equity, {})
    done = guard.reset(equity, {})
    assert (done.reset, done.state_after, done.reason) == (False, DRAWDOWN, PORTFOLIO)
    assert not guard.allow(RiskIntent.INCREASE_RISK)[0]
    assert guard.reset(D("0.01"), {}).reset  # equity came back
    assert guard.equity_start == D("0.01")


def test_the_order_of_budgets_given_does_not_matter() -> None:
    one = a_guard(symbol_dd_budgets={"BBBUSDT": D(1), "AAAUSDT": D(2)})
    assert list(one.symbol_dd_budgets) == ["AAAUSDT", "BBBUSDT"]


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [{"portfolio_dd_limit": D(0)}, {"portfolio_dd_limit": D("1.01")},
     {"symbol_dd_budgets": {"AAAUSDT": D(0)}}, {"symbol_dd_budgets": {"AAAUSDT": D(-1)}}],
)  # fmt: skip
def test_impossible_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        RiskSettings(**changes)


@pytest.mark.parametrize(
    "changes",
    [{"portfolio_dd_limit": "0"}, {"portfolio_dd_limit": "1.01"}, {"equity_start": "0"},
     {"symbol_dd_budgets": {"AAAUSDT": "0"}}, {"reason": "NORMAL_STATE"}, {"reason": "OTHER"},
     {"extra": 1}],
)  # fmt: skip
def test_a_damaged_dump_is_refused(changes: dict[str, Any]) -> None:
    dump = dump_state(a_guard())
    with pytest.raises(ArtifactError):
        load_state(DrawdownGuard, {**dump, **changes})
