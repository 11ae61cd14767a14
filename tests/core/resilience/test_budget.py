"""LIVE-11: never above the venue's limits, always room for cancels."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import Factory, define
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import dump_state, load_state
from grinder_core.errors import ConfigError, ContractError
from grinder_core.resilience.budget import (
    BudgetReason,
    BudgetRefusal,
    BudgetSettings,
    BudgetWindow,
    RequestClass,
    VenueBudget,
)
from grinder_core.resilience.weights import Cost, request_cost

NEW_RISK, REDUCE, CANCEL = RequestClass.NEW_RISK, RequestClass.REDUCE, RequestClass.CANCEL
CRITICAL, BACKGROUND = RequestClass.CRITICAL, RequestClass.BACKGROUND
ORDERS_10S, ORDERS_1M = BudgetWindow.ORDERS_10S, BudgetWindow.ORDERS_1M
WEIGHT = BudgetWindow.WEIGHT_1M
LENGTHS = {ORDERS_10S: 10_000, ORDERS_1M: 60_000, WEIGHT: 60_000}
ORDER, ONE = Cost(orders_10s=1, orders_1m=1), Cost(weight_1m=1)
MINUTE = 60_000


def a_budget(**changes: Any) -> VenueBudget:
    """A budget that started a minute ago, so that nothing is assumed any more at 60 000."""
    return VenueBudget.of(BudgetSettings(**changes), 0)


def weight(n: int) -> Cost:
    return Cost(weight_1m=n)


def orders(n: int) -> Cost:
    return Cost(orders_10s=n, orders_1m=n)


def refusal(budget: VenueBudget, request: RequestClass, cost: Cost, now: int) -> BudgetRefusal:
    found = budget.admit(request, cost, now)
    assert found is not None
    return found


# -- the plain definition


def amounts(cost: Cost) -> dict[BudgetWindow, int]:
    return {ORDERS_10S: cost.orders_10s, ORDERS_1M: cost.orders_1m, WEIGHT: cost.weight_1m}


@define
class Model:
    """Everything that ever happened, added up anew for each question."""

    settings: BudgetSettings
    log: list[tuple[int, BudgetWindow, int, str]] = Factory(list)
    stop: int = 0
    orders_stop: int = 0

    def limit(self, window: BudgetWindow) -> int:
        s = self.settings
        return {
            ORDERS_10S: s.orders_10s_limit,
            ORDERS_1M: s.orders_1m_limit,
            WEIGHT: s.weight_1m_limit,
        }[window]

    def used(self, window: BudgetWindow, now: int, *kinds: str) -> int:
        return sum(
            n
            for ts, w, n, kind in self.log
            if w is window and kind in kinds and now - LENGTHS[window] < ts <= now
        )

    def bounds(
        self, request: RequestClass, window: BudgetWindow, now: int
    ) -> list[tuple[int, int]]:
        """Use and limit of everything that the request is held against."""
        s, limit = self.settings, self.limit(window)
        pct = s.soft_limit_pct if request in {NEW_RISK, BACKGROUND} else s.hard_limit_pct
        share = s.declared_share_pct
        own = self.used(window, now, "own", "background", "assumed")
        bounds = [
            (own + self.used(window, now, "header"), limit * pct // 100),
            (own, limit * share * pct // 10_000),
        ]
        if request is BACKGROUND:
            part = limit * share * s.background_share_pct // 10_000
            bounds.append((self.used(window, now, "background"), part))
        return bounds

    def stopped(self, cost: Cost, now: int) -> bool:
        places = bool(cost.orders_10s or cost.orders_1m)
        return now < self.stop or (places and now < self.orders_stop)

    def admits(self, request: RequestClass, cost: Cost, now: int) -> bool:
        return not self.stopped(cost, now) and all(
            used + n <= limit
            for window, n in amounts(cost).items()
            if n
            for used, limit in self.bounds(request, window, now)
        )

    def book(self, request: RequestClass, cost: Cost, now: int) -> None:
        kind = "background" if request is BACKGROUND else "own"
        self.log += [(now, window, n, kind) for window, n in amounts(cost).items()]

    def observe(self, window: BudgetWindow, used: int, now: int) -> None:
        self.log = [e for e in self.log if not (e[1] is window and e[3] == "assumed")]
        known = self.used(window, now, "own", "background", "header")
        self.log.append((now, window, max(0, used - known), "header"))


settings_ = st.builds(
    lambda soft, gap, **rest: BudgetSettings(
        soft_limit_pct=soft, hard_limit_pct=min(100, soft + gap), **rest
    ),
    st.integers(20, 80),
    st.integers(10, 40),
    orders_10s_limit=st.integers(150, 400),
    orders_1m_limit=st.integers(300, 1500),
    weight_1m_limit=st.integers(1200, 3000),
    background_share_pct=st.integers(0, 100),
    declared_share_pct=st.integers(40, 100) | st.just(100),
)
costs = st.one_of(
    st.sampled_from([ORDER, ONE, Cost(orders_10s=5, orders_1m=1, weight_1m=5), Cost()]),
    st.builds(orders, st.integers(1, 150)),
    st.builds(weight, st.integers(1, 900)),
)
requests = st.sampled_from(RequestClass)
times = st.one_of(
    st.integers(0, 3), st.integers(0, 12_000), st.sampled_from([9_999, 10_000, 59_999, 60_000])
)
operations = st.lists(
    st.tuples(
        times,
        st.one_of(
            st.tuples(st.just("admit"), requests, costs),
            st.tuples(st.just("admit"), requests, costs),
            st.tuples(st.just("admit"), requests, costs),
            st.tuples(st.just("observe"), st.sampled_from(BudgetWindow), st.integers(0, 3000)),
            st.tuples(st.just("stop"), st.integers(0, 70_000), st.none()),
            st.tuples(st.just("stop_orders"), st.sampled_from(BudgetWindow), st.none()),
        ),
    ),
    min_size=5,
    max_size=40,
)


@given(settings_, operations, st.integers(0, 10**6))
def test_it_decides_as_adding_everything_up_would(
    settings: BudgetSettings, steps: list[tuple[int, Any]], start: int
) -> None:
    budget, model, now = VenueBudget.of(settings, start), Model(settings), start
    for window in BudgetWindow:
        soft = model.limit(window) * settings.declared_share_pct * settings.soft_limit_pct
        model.log.append((start, window, soft // 10_000, "assumed"))
    for wait, (kind, a, b) in steps:
        now += wait
        if kind == "observe":
            budget.observe(a, b, now)
            model.observe(a, b, now)
        elif kind == "stop":
            budget.stop(now + a, now)
            model.stop = max(model.stop, now + a)
        elif kind == "stop_orders":
            budget.stop_orders(now, a)
            length = LENGTHS[a]
            model.orders_stop = max(model.orders_stop, now - now % length + length)
        else:
            before = dump_state(budget)
            judge(budget, model, a, b, now)
            assert dump_state(budget) == before  # asking changed nothing
            refused = budget.admit(a, b, now)
            assert (refused is None) is model.admits(a, b, now)
            if refused is None:
                model.book(a, b, now)
            else:
                assert dump_state(budget) == before
        budget = load_state(VenueBudget, dump_state(budget))
        for window, use in budget.uses.items():
            own = model.used(window, now, "own", "background", "assumed")
            assert use.own.at(now) == own
            assert use.total.at(now) == own + model.used(window, now, "header")
    within_bounds_of_memory(budget)


def judge(budget: VenueBudget, model: Model, request: RequestClass, cost: Cost, now: int) -> None:
    """Compare every answer of the budget with the model's."""
    refused = budget.refusal(request, cost, now)
    assert (refused is None) is model.admits(request, cost, now)
    if refused is not None and refused.free_at is not None:
        assert not model.admits(request, cost, refused.free_at - 1)
        assert model.admits(request, cost, refused.free_at)
        assert refused.free_at > now
    elif refused is not None:  # it costs more than a limit
        assert not model.admits(request, cost, now + 200_000)
    if cost != Cost():
        room = budget.headroom(request, cost, now)
        assert room == headroom_of(model, request, cost, now)
        assert (room == 0) is (refused is not None)
    low = [model.bounds(NEW_RISK, window, now) for window in BudgetWindow]
    assert budget.rate_budget_low(now) is any(u > limit for pairs in low for u, limit in pairs)
    assert budget.is_stopped(now) is (now < model.stop)


def headroom_of(model: Model, request: RequestClass, cost: Cost, now: int) -> int:
    """Count admissions one by one on a copy of the model."""
    copy = Model(model.settings, list(model.log), model.stop, model.orders_stop)
    room = 0
    while room < 20 and copy.admits(request, cost, now):
        copy.book(request, cost, now)
        room += 1
    if room < 20:
        return room
    return min(
        (limit - used) // n
        for window, n in amounts(cost).items()
        if n
        for used, limit in model.bounds(request, window, now)
    )


def within_bounds_of_memory(budget: VenueBudget) -> None:
    for window, use in budget.uses.items():
        for count in (use.total, use.own, use.background):
            assert len(count.entries) <= LENGTHS[window]
            assert count.held == sum(n for _, n in count.entries)


# -- I-11.1 to I-11.3


@given(settings_, operations, st.integers(0, 60_000))
def test_i_11_1_no_window_ever_holds_more_than_the_hard_limit(
    settings: BudgetSettings, steps: list[tuple[int, Any]], venue_clock: int
) -> None:
    budget, now, log = VenueBudget.of(settings, 0), 0, []
    for wait, (kind, a, b) in steps:
        now += wait
        if kind == "observe":
            budget.observe(a, b, now)
        elif kind == "admit" and budget.admit(a, b, now) is None:
            log.append((now, amounts(b)))
    for window, length in LENGTHS.items():
        most = Model(settings).limit(window) * settings.declared_share_pct
        hard = most * settings.hard_limit_pct // 10_000
        for start, _ in log:  # a fullest window begins with an admission
            inside = [cost[window] for ts, cost in log if start <= ts < start + length]
            assert sum(inside) <= hard
        by_venue: dict[int, int] = {}  # the venue's calendar, whatever its clock says
        for ts, cost in log:
            at = (ts + venue_clock) // length
            by_venue[at] = by_venue.get(at, 0) + cost[window]
        assert max(by_venue.values(), default=0) <= hard


@given(settings_, operations)
def test_i_11_2_a_cancel_is_refused_only_above_the_hard_limit_or_during_a_stop(
    settings: BudgetSettings, steps: list[tuple[int, Any]]
) -> None:
    budget, now, stop = VenueBudget.of(settings, 0), 0, 0
    hard = settings.weight_1m_limit * settings.hard_limit_pct // 100
    own_hard = (
        settings.weight_1m_limit * settings.declared_share_pct * settings.hard_limit_pct // 10_000
    )
    for wait, (kind, a, b) in steps:
        now += wait
        if kind == "observe":
            budget.observe(a, b, now)
        elif kind == "stop":
            budget.stop(now + a, now)
            stop = max(stop, now + a)
        elif kind == "stop_orders":
            budget.stop_orders(now, a)
        else:
            budget.admit(a, b, now)
        use = budget.uses[WEIGHT]
        full = use.total.at(now) + 1 > hard or use.own.at(now) + 1 > own_hard
        for request in (CANCEL, CRITICAL):
            assert (budget.refusal(request, ONE, now) is None) is not (full or now < stop)


@given(
    settings_,
    st.lists(st.tuples(times, st.sampled_from([NEW_RISK, BACKGROUND]), costs), max_size=60),
)
def test_i_11_3_new_risk_and_background_never_bring_a_cancel_to_refusal(
    settings: BudgetSettings, steps: list[tuple[int, RequestClass, Cost]]
) -> None:
    budget, now = VenueBudget.of(settings, 0), 0
    for wait, request, cost in steps:
        now += wait
        budget.admit(request, cost, now)
        assert budget.refusal(CANCEL, ONE, now) is None
        assert budget.refusal(CRITICAL, request_cost("GET", "/fapi/v1/openOrders"), now) is None
        assert budget.refusal(REDUCE, request_cost("POST", "/fapi/v1/batchOrders"), now) is None


# -- the default limits, by number


def test_new_risk_stops_at_70_percent_and_exits_at_90() -> None:
    budget = a_budget()
    assert budget.headroom(NEW_RISK, ORDER, MINUTE) == 210
    assert all(budget.admit(NEW_RISK, ORDER, MINUTE) is None for _ in range(210))
    full = refusal(budget, NEW_RISK, ORDER, MINUTE)
    assert (full.reason, full.window) == (BudgetReason.SOFT_LIMIT, ORDERS_10S)
    assert (full.used, full.limit, full.free_at) == (210, 210, MINUTE + 10_000)
    assert budget.headroom(REDUCE, ORDER, MINUTE) == 60
    assert all(budget.admit(REDUCE, ORDER, MINUTE) is None for _ in range(60))
    full = refusal(budget, REDUCE, ORDER, MINUTE)
    assert (full.reason, full.used, full.limit) == (BudgetReason.HARD_LIMIT, 270, 270)
    assert budget.headroom(CANCEL, ONE, MINUTE) == 2160  # orders do not fill the weight
    assert budget.admit(NEW_RISK, ORDER, MINUTE + 9_999) is not None
    assert budget.admit(NEW_RISK, ORDER, MINUTE + 10_000) is None


def test_the_minute_of_orders_holds_840_of_new_risk_and_1080_of_exits() -> None:
    budget = a_budget()
    for step in range(4):
        assert budget.admit(NEW_RISK, orders(210), MINUTE + step * 10_000) is None
    now = MINUTE + 40_000
    full = refusal(budget, NEW_RISK, ORDER, now)
    assert (full.window, full.used, full.limit) == (ORDERS_1M, 840, 840)
    assert full.free_at == MINUTE + MINUTE
    assert budget.headroom(REDUCE, ORDER, now) == 240


def test_weight_holds_480_of_background_1680_of_new_risk_and_2160_of_cancels() -> None:
    budget = a_budget()
    assert budget.admit(BACKGROUND, weight(480), MINUTE) is None
    full = refusal(budget, BACKGROUND, ONE, MINUTE)
    assert (full.reason, full.used, full.limit) == (BudgetReason.BACKGROUND_SHARE, 480, 480)
    assert budget.headroom(NEW_RISK, ONE, MINUTE) == 1200
    assert budget.headroom(CANCEL, ONE, MINUTE) == 1680
    assert budget.admit(CRITICAL, weight(1680), MINUTE) is None
    assert refusal(budget, CANCEL, ONE, MINUTE).used == 2160


def test_background_leaves_the_rest_of_the_soft_limit_only() -> None:
    budget = a_budget()
    assert budget.admit(CRITICAL, weight(1600), MINUTE) is None
    assert budget.headroom(BACKGROUND, ONE, MINUTE) == 80
    assert refusal(budget, BACKGROUND, weight(81), MINUTE).reason is BudgetReason.SOFT_LIMIT


def test_a_batch_costs_five_orders_of_ten_seconds_and_one_of_a_minute() -> None:
    budget = a_budget()
    batch = request_cost("POST", "/fapi/v1/batchOrders")
    assert budget.headroom(NEW_RISK, batch, MINUTE) == 42
    assert all(budget.admit(NEW_RISK, batch, MINUTE) is None for _ in range(42))
    assert budget.used_pct(MINUTE) == {ORDERS_10S: 70, ORDERS_1M: 3, WEIGHT: 8}
    assert refusal(budget, NEW_RISK, batch, MINUTE).window is ORDERS_10S


def test_a_request_above_the_limit_is_never_free() -> None:
    full = refusal(a_budget(), CANCEL, weight(2161), MINUTE)
    assert full.free_at is None
    assert "make it smaller" in str(full.error())


def test_the_budget_is_low_strictly_above_the_soft_limit() -> None:
    budget = a_budget()
    assert budget.admit(NEW_RISK, weight(1680), MINUTE) is None
    assert not budget.rate_budget_low(MINUTE)
    assert budget.admit(CANCEL, ONE, MINUTE) is None
    assert budget.rate_budget_low(MINUTE)
    assert not budget.rate_budget_low(2 * MINUTE)


# -- the start


def test_at_the_start_the_soft_limit_counts_as_used_for_a_window() -> None:
    budget = a_budget()
    assert budget.used_pct(0) == {ORDERS_10S: 70, ORDERS_1M: 70, WEIGHT: 70}
    assert refusal(budget, NEW_RISK, ORDER, 0).free_at == MINUTE
    assert budget.headroom(REDUCE, ORDER, 0) == 60
    assert budget.headroom(CANCEL, ONE, 0) == 480
    assert budget.admit(NEW_RISK, ORDER, MINUTE - 1) is not None
    assert budget.admit(NEW_RISK, ORDER, MINUTE) is None


def test_a_header_ends_the_assumption_about_its_own_window_only() -> None:
    budget = a_budget()
    budget.observe(ORDERS_10S, 3, 100)
    budget.observe(WEIGHT, 40, 100)
    assert budget.used_pct(100) == {ORDERS_10S: 1, ORDERS_1M: 70, WEIGHT: 1}
    assert refusal(budget, NEW_RISK, ORDER, 100).window is ORDERS_1M
    budget.observe(ORDERS_1M, 5, 200)
    assert budget.headroom(NEW_RISK, ORDER, 200) == 207


# -- headers


def test_a_header_books_what_it_has_more_than_we_when_it_arrives() -> None:
    budget = a_budget()
    assert budget.admit(CANCEL, weight(100), MINUTE) is None
    budget.observe(WEIGHT, 90, MINUTE + 10)  # lower: nothing
    assert budget.headroom(CANCEL, ONE, MINUTE + 10) == 2060
    budget.observe(WEIGHT, 1100, MINUTE + 20)  # 1000 that others used
    budget.observe(WEIGHT, 1100, MINUTE + 30)  # the same news again
    assert budget.headroom(CANCEL, ONE, MINUTE + 30) == 1060
    assert budget.headroom(CANCEL, ONE, 2 * MINUTE) == 1160
    assert budget.headroom(CANCEL, ONE, 2 * MINUTE + 19) == 1160
    assert budget.headroom(CANCEL, ONE, 2 * MINUTE + 20) == 2160


def test_the_legal_use_of_another_process_refuses_no_cancel() -> None:
    """Two processes with half of the limit each: what the other one uses is not ours."""
    budget = a_budget(declared_share_pct=50)
    assert budget.headroom(NEW_RISK, ONE, MINUTE) == 840
    assert budget.headroom(CANCEL, ONE, MINUTE) == 1080
    budget.observe(WEIGHT, 1080, MINUTE)  # the other process at its hard limit
    assert budget.headroom(CANCEL, ONE, MINUTE) == 1080
    assert budget.headroom(NEW_RISK, ONE, MINUTE) == 600  # all of us stay below 70 %
    assert budget.used_pct(MINUTE)[WEIGHT] == 45
    assert budget.admit(CANCEL, weight(1080), MINUTE) is None
    assert budget.admit(CANCEL, ONE, MINUTE) is not None
    assert budget.used_pct(MINUTE)[WEIGHT] == 90


# -- stops


def test_after_a_429_nothing_passes_before_its_time_cancels_included() -> None:
    budget = a_budget()
    budget.stop(70_000, MINUTE)
    budget.stop(65_000, MINUTE)  # the later end wins
    for request in RequestClass:
        stopped = refusal(budget, request, ONE, 69_999)
        assert (stopped.reason, stopped.free_at) == (BudgetReason.STOPPED, 70_000)
    assert budget.is_stopped(69_999)
    assert budget.headroom(CANCEL, ONE, 69_999) == 0
    assert not budget.is_stopped(70_000)
    assert budget.admit(CANCEL, ONE, 70_000) is None


@pytest.mark.parametrize(
    ("window", "until"), [(ORDERS_10S, 70_000), (ORDERS_1M, 120_000), (None, 120_000)]
)
def test_too_many_orders_stop_orders_until_the_next_window_and_no_cancel(
    window: BudgetWindow | None, until: int
) -> None:
    budget = a_budget()
    budget.stop_orders(60_500, *([] if window is None else [window]))
    for request in (NEW_RISK, REDUCE):
        stopped = refusal(budget, request, ORDER, until - 1)
        assert (stopped.reason, stopped.free_at) == (BudgetReason.ORDERS_STOPPED, until)
    assert not budget.is_stopped(until - 1)
    assert budget.admit(CANCEL, ONE, until - 1) is None
    assert budget.admit(CRITICAL, weight(40), until - 1) is None
    assert budget.admit(REDUCE, ORDER, until) is None


def test_a_stop_that_begins_with_a_window_lasts_all_of_it() -> None:
    budget = a_budget()
    budget.stop_orders(120_000)
    assert refusal(budget, REDUCE, ORDER, 120_000).free_at == 180_000


def test_a_stop_while_a_window_is_full_ends_with_the_later_of_both() -> None:
    budget = a_budget()
    assert budget.admit(REDUCE, orders(270), MINUTE) is None
    budget.stop(61_000, MINUTE)
    found = refusal(budget, REDUCE, ORDER, MINUTE)
    assert (found.reason, found.free_at) == (BudgetReason.STOPPED, 70_000)


# -- settings and bad calls


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"soft_limit_pct": 90}, "soft_limit_pct"),
        ({"soft_limit_pct": 95}, "soft_limit_pct"),
        ({"hard_limit_pct": 101}, "hard_limit_pct"),
        ({"declared_share_pct": 0}, "declared_share_pct"),
        ({"declared_share_pct": 8}, "declared_share_pct"),
        ({"orders_10s_limit": 23}, "declared_share_pct"),
        ({"weight_1m_limit": 190}, "declared_share_pct"),
        ({"weight_1m_limit": 0}, "weight_1m_limit"),
        ({"background_share_pct": -1}, "background_share_pct"),
    ],
)
def test_settings_that_keep_nothing_for_cancels_are_refused(
    changes: dict[str, int], field: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^{field} = "):
        BudgetSettings(**changes)


def test_the_smallest_share_keeps_one_query_of_all_open_orders() -> None:
    settings = BudgetSettings(declared_share_pct=9)
    assert settings.own_limit(WEIGHT, 90) - settings.own_limit(WEIGHT, 70) == 43


def test_limits_are_refreshed_from_what_the_venue_states() -> None:
    budget = a_budget()
    budget.refresh({WEIGHT: 6000})
    assert budget.headroom(CANCEL, ONE, MINUTE) == 5400
    assert budget.headroom(NEW_RISK, ORDER, MINUTE) == 210
    assert budget.admit(CANCEL, weight(5400), MINUTE) is None
    budget.refresh({WEIGHT: 2400, ORDERS_10S: 100})
    assert budget.headroom(CANCEL, ONE, MINUTE) == 0
    assert budget.headroom(NEW_RISK, ORDER, MINUTE) == 70
    with pytest.raises(ConfigError, match="declared_share_pct"):
        budget.refresh({WEIGHT: 100})
    assert budget.settings.weight_1m_limit == 2400


def test_time_never_goes_back() -> None:
    budget = a_budget()
    assert budget.admit(CANCEL, ONE, MINUTE) is None
    for call in (
        lambda now: budget.admit(CANCEL, ONE, now),
        lambda now: budget.refusal(CANCEL, ONE, now),
        lambda now: budget.headroom(CANCEL, ONE, now),
        lambda now: budget.observe(WEIGHT, 1, now),
        lambda now: budget.stop(now + 1, now),
        budget.stop_orders,
        budget.rate_budget_low,
        budget.used_pct,
        budget.is_stopped,
    ):
        with pytest.raises(ContractError, match="must not go back from 60000"):
            call(MINUTE - 1)


def test_a_bad_header_is_refused_and_so_is_the_headroom_of_nothing() -> None:
    budget = a_budget()
    with pytest.raises(ContractError, match="used = -1"):
        budget.observe(WEIGHT, -1, MINUTE)
    with pytest.raises(ContractError, match="cost = "):
        budget.headroom(CANCEL, Cost(), MINUTE)
    assert budget.admit(CRITICAL, Cost(), MINUTE) is None


def test_a_refusal_says_what_is_full_and_until_when() -> None:
    budget = a_budget()
    budget.admit(CANCEL, weight(2160), MINUTE)
    error = refusal(budget, CANCEL, ONE, MINUTE).error()
    assert error.code == "E_RATE_LIMIT"
    assert str(error) == (
        "the request budget refuses it: HARD_LIMIT, weight_1m at 2160 of 2160; wait until 120000"
    )
