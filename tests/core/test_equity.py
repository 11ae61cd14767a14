"""CORE-13 (day), 27, 29: peak, drawdown, daily loss and the kill switch against plain twins."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.enums import KillReason
from grinder_core.errors import ConfigError
from grinder_core.numbers import exact
from grinder_core.risk.equity import DAY_MS, EquityTracker
from grinder_core.risk.kill_switch import KillSwitch
from grinder_core.risk.settings import RiskSettings
from tests.support.strategies import scaled

D = Decimal
equities = scaled(-(10**6), 2 * 10**6, 2)
series = st.lists(
    st.tuples(st.sampled_from((0, 1, 3_600_000, DAY_MS - 1, DAY_MS, 3 * DAY_MS)), equities),
    max_size=30,
)


def tracker(capital: str = "10000", pct: str = "5", daily: str = "500") -> EquityTracker:
    return EquityTracker(
        max_drawdown_pct=D(pct),
        daily_loss_limit=D(daily),
        equity=D(capital),
        high_water_mark=D(capital),
    )


class PlainEquity:
    """Peak, drawdown and daily loss straight from the list of samples since the last reset."""

    def __init__(self, capital: Decimal, pct: Decimal, daily: Decimal) -> None:
        self.pct, self.daily = Fraction(pct), Fraction(daily)
        self.peaks = [Fraction(capital)]
        self.samples: list[tuple[int, Fraction]] = []
        self.falls = [Fraction(0)]
        self.tripped = False

    def sample(self, ts: int, equity: Decimal) -> None:
        self.samples.append((ts, Fraction(equity)))
        self.peaks.append(Fraction(equity))
        peak = max(self.peaks)
        self.falls.append(peak - Fraction(equity))
        if (peak - Fraction(equity)) * 100 >= self.pct * peak:
            self.tripped = True

    def reset(self) -> None:
        self.tripped = False
        self.peaks = [self.samples[-1][1] if self.samples else self.peaks[0]]

    @property
    def daily_tripped(self) -> bool:
        day = self.samples[-1][0] // DAY_MS
        today = [equity for ts, equity in self.samples if ts // DAY_MS == day]
        return any(today[0] - equity >= self.daily for equity in today)


@given(
    series,
    st.sampled_from((D("0.01"), D(5), D("33.3"), D(100))),
    st.sampled_from((D("0.01"), D(500), D(10**9))),
    st.sets(st.integers(0, 29)),
)
def test_the_tracker_equals_its_plain_twin(
    steps: list[tuple[int, Decimal]], pct: Decimal, daily: Decimal, resets: set[int]
) -> None:
    capital = D(10_000)
    subject = EquityTracker(
        max_drawdown_pct=pct, daily_loss_limit=daily, equity=capital, high_water_mark=capital
    )
    twin, ts, peak = PlainEquity(capital, pct, daily), 0, capital
    for index, (gap, equity) in enumerate(steps):
        ts += gap
        with exact():
            tripped = subject.sample(ts, equity)
        twin.sample(ts, equity)
        assert tripped is subject.drawdown_tripped is twin.tripped
        assert subject.high_water_mark == max(twin.peaks)
        assert subject.daily_loss_tripped is twin.daily_tripped
        assert subject.max_drawdown == max(twin.falls)
        assert subject.high_water_mark >= peak  # falls only by a reset
        peak = subject.high_water_mark
        assert subject.equity == equity
        if index in resets:
            subject.reset_drawdown()
            twin.reset()
            peak = subject.high_water_mark
            assert peak == equity
            assert not subject.drawdown_tripped


@given(series)
def test_sampling_again_changes_nothing_exactly_when_it_says_so(
    steps: list[tuple[int, Decimal]],
) -> None:
    subject, ts = tracker(), 0
    for gap, equity in steps:
        ts += gap
        with exact():
            subject.sample(ts, equity)
            before = (subject.day, subject.day_start_equity, subject.daily_loss_tripped,
                      subject.drawdown_tripped, subject.high_water_mark)  # fmt: skip
            settled = subject.is_settled(ts)
            assert settled is not subject.drawdown_tripped
            subject.sample(ts, equity)
        assert before == (subject.day, subject.day_start_equity, subject.daily_loss_tripped,
                          subject.drawdown_tripped, subject.high_water_mark)  # fmt: skip
    if steps:
        assert not subject.is_settled((ts // DAY_MS + 1) * DAY_MS)  # a new day needs a baseline


@pytest.mark.parametrize(("equity", "trips"), [("9975.01", False), ("9975", True)])
def test_worked_example_core_27(equity: str, trips: bool) -> None:
    subject = tracker()
    with exact():
        subject.sample(0, D(10_500))
        assert subject.high_water_mark == 10_500
        assert subject.sample(1, D(equity)) is trips


@pytest.mark.parametrize(("equity", "trips"), [("9500.01", False), ("9500", True)])
def test_the_daily_loss_is_inclusive(equity: str, trips: bool) -> None:
    subject = tracker(pct="100")
    with exact():
        subject.sample(0, D(10_000))
        subject.sample(1, D(equity))
    assert subject.daily_loss_tripped is trips


def test_the_daily_latch_clears_at_the_first_sample_of_the_next_day() -> None:
    subject = tracker(pct="100")
    with exact():
        subject.sample(0, D(10_000))
        subject.sample(1, D(9_000))
        subject.sample(2, D(10_000))
        assert subject.daily_loss_tripped  # held although the loss is gone
        subject.sample(DAY_MS - 1, D(10_000))
        assert subject.daily_loss_tripped
        subject.sample(DAY_MS, D(9_000))
    assert not subject.daily_loss_tripped


def test_the_drawdown_latch_holds_until_reset() -> None:
    subject = tracker()
    with exact():
        assert subject.sample(0, D(9_000))
        assert subject.sample(1, D(20_000))
        subject.reset_drawdown()
        assert not subject.sample(2, D(20_000))
        assert subject.high_water_mark == 20_000


@pytest.mark.parametrize(
    "changes",
    [{"initial_capital": D(0)}, {"initial_capital": D(-1)}, {"max_drawdown_pct": D(0)},
     {"max_drawdown_pct": D("100.01")}, {"initial_capital": 10_000.0}],
)  # fmt: skip
def test_impossible_risk_settings_are_refused(changes: dict[str, Decimal]) -> None:
    with pytest.raises(ConfigError):
        RiskSettings(**changes)


def test_a_limit_of_the_whole_capital_is_legal() -> None:
    assert RiskSettings(max_drawdown_pct=D(100)).max_drawdown_pct == 100


# -- kill switch (CORE-29) ---------------------------------------------------------------------


def test_worked_example_core_29() -> None:
    switch = KillSwitch()
    assert switch.trigger(KillReason.DRAWDOWN_LIMIT, 1000)
    assert not switch.trigger(KillReason.MANUAL, 2000)
    assert (switch.active, switch.reason, switch.ts) == (True, KillReason.DRAWDOWN_LIMIT, 1000)
    assert switch.trips == {"DRAWDOWN_LIMIT": 1}


@given(st.lists(st.none() | st.sampled_from(KillReason), max_size=20))
def test_the_first_trigger_since_a_reset_holds(calls: list[KillReason | None]) -> None:
    switch = KillSwitch()
    first: tuple[KillReason, int] | None = None
    trips = 0
    for ts, reason in enumerate(calls):
        if reason is None:
            switch.reset()
            first = None
        else:
            assert switch.trigger(reason, ts) is (first is None)
            if first is None:
                first, trips = (reason, ts), trips + 1
        assert switch.active is (first is not None)
        if first is not None:
            assert (switch.reason, switch.ts) == first
        assert sum(switch.trips.values()) == trips
