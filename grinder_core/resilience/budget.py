"""Room in the venue's request limits (LIVE-11): never banned, and always room for cancels.

A request is counted when it is admitted, before it is sent. Counts slide: what was admitted at
``t`` counts until ``t + length``. The venue counts by its own calendar, from each full minute on;
but where no stretch of a window's length ever holds more than the limit, none of the venue's
windows does, wherever its clock stands (I-11.1). What is above the hard percentage stays free for
requests that were long under way and count there later than here.

Each window is held against two or three limits at once:

- *total*: all use that is known, also by other processes on the IP or account, as the headers of
  the venue's answers tell it. Its limit is the venue's.
- *own*: what this process was admitted. Its limit is the declared share of the venue's.
- *background*: the part of it that imports and screens. Its limit is a share of the own one.

New risk and background fill a limit up to the soft percentage, exits and cancels up to the hard
one. What lies between cannot be taken by new risk and background (I-11.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

from attrs import define, evolve, field, frozen

from grinder_core.contracts.checks import check_int
from grinder_core.errors import ConfigError, ContractError, RateLimitError
from grinder_core.resilience.sliding_count import SlidingCount
from grinder_core.resilience.weights import Cost
from grinder_core.settings import setting


class RequestClass(StrEnum):
    """What a request is for: it decides how much of a limit the request may fill.

    CRITICAL are queries that find out or reconcile outcomes, server time, listen key and renewals
    of the dead-man switch: without them cancels would be blind, so they count as cancels.
    """

    NEW_RISK = "new_risk"
    REDUCE = "reduce"
    CANCEL = "cancel"
    CRITICAL = "critical"
    BACKGROUND = "background"


class BudgetWindow(StrEnum):
    """The venue's counters; orders are counted per account, weight per IP."""

    ORDERS_10S = "orders_10s"
    ORDERS_1M = "orders_1m"
    WEIGHT_1M = "weight_1m"


class BudgetReason(StrEnum):
    """Why a request is refused."""

    STOPPED = "STOPPED"
    ORDERS_STOPPED = "ORDERS_STOPPED"
    SOFT_LIMIT = "SOFT_LIMIT"
    HARD_LIMIT = "HARD_LIMIT"
    BACKGROUND_SHARE = "BACKGROUND_SHARE"


LENGTH_MS: Final[Mapping[BudgetWindow, int]] = {
    BudgetWindow.ORDERS_10S: 10_000,
    BudgetWindow.ORDERS_1M: 60_000,
    BudgetWindow.WEIGHT_1M: 60_000,
}
# what must fit between soft and hard: a batch of exits, the query of all open orders
_KEPT_FREE: Final = Cost(orders_10s=5, orders_1m=1, weight_1m=40)
Bounds = tuple[tuple[SlidingCount, int, BudgetReason], ...]
_UP_TO_SOFT: Final = (RequestClass.NEW_RISK, RequestClass.BACKGROUND)


@frozen(kw_only=True)
class BudgetSettings:
    """The venue's limits and how much of them each kind of request may use.

    The declared shares of all processes on one IP must add up to at most 100 %.
    """

    orders_10s_limit: int = setting(300, "Orders of the account in 10 s.", ge=1, spec="LIVE-11")
    orders_1m_limit: int = setting(1200, "Orders of the account in 1 min.", ge=1, spec="LIVE-11")
    weight_1m_limit: int = setting(2400, "Request weight of the IP in 1 min.", ge=1, spec="LIVE-11")
    soft_limit_pct: int = setting(
        70, "Use of a limit up to which new risk is admitted.", ge=1, le=100, spec="LIVE-11"
    )
    hard_limit_pct: int = setting(
        90, "Use of a limit up to which exits and cancels are.", ge=1, le=100, spec="LIVE-11"
    )
    background_share_pct: int = setting(
        20, "Use of a limit by imports, screening and recovery.", ge=0, le=100, spec="LIVE-11"
    )
    declared_share_pct: int = setting(
        100, "This process's share of all limits on its IP.", ge=1, le=100, spec="LIVE-11"
    )

    def __attrs_post_init__(self) -> None:
        if self.soft_limit_pct >= self.hard_limit_pct:
            raise ConfigError(
                f"must be below hard_limit_pct = {self.hard_limit_pct}",
                field="soft_limit_pct",
                value=self.soft_limit_pct,
                remedy="what lies between is kept for cancels and exits",
            )
        for window, needed in _by_window(_KEPT_FREE):
            kept = self.own_limit(window, self.hard_limit_pct) - self.own_limit(
                window, self.soft_limit_pct
            )
            if kept < needed:
                raise ConfigError(
                    f"keeps {kept} of {window}_limit = {self.limit(window)} between soft and hard "
                    f"limit, and one cancel or exit may need {needed}",
                    field="declared_share_pct",
                    value=self.declared_share_pct,
                    remedy="raise it or hard_limit_pct, or lower soft_limit_pct",
                )

    def limit(self, window: BudgetWindow, pct: int = 100) -> int:
        """Return that percentage of the venue's limit, rounded down."""
        limits = {
            BudgetWindow.ORDERS_10S: self.orders_10s_limit,
            BudgetWindow.ORDERS_1M: self.orders_1m_limit,
            BudgetWindow.WEIGHT_1M: self.weight_1m_limit,
        }
        return limits[window] * pct // 100

    def own_limit(self, window: BudgetWindow, pct: int = 100) -> int:
        """Return that percentage of this process's share of the limit, rounded down."""
        return self.limit(window) * self.declared_share_pct * pct // 10_000

    def background_limit(self, window: BudgetWindow) -> int:
        """Return what background requests may use of this process's share, rounded down."""
        return self.own_limit(window, self.background_share_pct)


@define
class WindowUse:
    """The counts of one window; ``assumed`` is what total and own hold from before the start."""

    total: SlidingCount
    own: SlidingCount
    background: SlidingCount
    assumed: int

    @classmethod
    def of(cls, length_ms: int, assumed: int, now: int) -> WindowUse:
        """Return counts that hold only the assumed use."""
        total, own = SlidingCount(length_ms), SlidingCount(length_ms)
        total.add(assumed, now)
        own.add(assumed, now)
        return cls(total, own, SlidingCount(length_ms), assumed)


@frozen(kw_only=True)
class BudgetRefusal:
    """Why a request must not be sent now.

    Attributes:
        window, used, limit: The window that is full, its count and limit; a stop has none.
        free_at: When the request is admitted if no other is and no header adds to a count;
            ``None`` if never: it costs more than the limit.
    """

    reason: BudgetReason
    window: BudgetWindow | None = None
    used: int = 0
    limit: int = 0
    free_at: int | None

    def error(self) -> RateLimitError:
        """Return what an adapter raises; nothing was sent."""
        full = f", {self.window} at {self.used} of {self.limit}" if self.window else ""
        wait = "make it smaller" if self.free_at is None else f"wait until {self.free_at}"
        return RateLimitError(f"the request budget refuses it: {self.reason}{full}", remedy=wait)


@define
class VenueBudget:
    """Use of one account's and one IP's limits by this process and, through headers, by others.

    Times are milliseconds of one clock that never goes back; a ``now`` before the last change
    raises ContractError. Asking changes nothing. Memory is bounded by limits and windows.
    """

    settings: BudgetSettings
    uses: dict[BudgetWindow, WindowUse]
    started_at: int
    last_ms: int
    stopped_until: int = 0
    orders_stopped_until: int = 0
    _known: dict[tuple[RequestClass, BudgetWindow], Bounds] = field(
        factory=dict, init=False, eq=False, repr=False
    )  # of the present settings

    @classmethod
    def of(cls, settings: BudgetSettings, now: int) -> VenueBudget:
        """Return the budget of a process that starts now.

        What an earlier life of the process used is not known, so its share counts as used up to
        the soft limit, until a header tells or the window has passed (LIVE-38).
        """
        uses = {
            window: WindowUse.of(
                length_ms, settings.own_limit(window, settings.soft_limit_pct), now
            )
            for window, length_ms in LENGTH_MS.items()
        }
        return cls(settings, uses, now, now)

    def admit(self, request: RequestClass, cost: Cost, now: int) -> BudgetRefusal | None:
        """Count a request that is about to be sent; or count nothing and say why not to send."""
        refusal = self.refusal(request, cost, now)
        if refusal is None:
            self.last_ms = now
            for window, n in _by_window(cost):
                use = self.uses[window]
                use.total.add(n, now)
                use.own.add(n, now)
                if request is RequestClass.BACKGROUND:
                    use.background.add(n, now)
        return refusal

    def refusal(self, request: RequestClass, cost: Cost, now: int) -> BudgetRefusal | None:
        """Return why a request would be refused now: a stop, else the first full window."""
        self._check_time(now)
        if self._fits(request, cost, now):  # as nearly always
            return None
        refusals = [*self._stops(cost, now), *self._full_windows(request, cost, now)]
        if not refusals:
            return None
        times = [r.free_at for r in refusals if r.free_at is not None]
        free_at = max(times) if len(times) == len(refusals) else None
        return evolve(refusals[0], free_at=free_at)

    def headroom(self, request: RequestClass, cost: Cost, now: int) -> int:
        """Return how many more such requests would be admitted now (LIVE-15).

        Raises:
            ContractError: The request costs nothing, so that any number would be.
        """
        self._check_time(now)
        if any(self._stops(cost, now)):
            return 0
        rooms = [
            (limit - count.at(now)) // n
            for window, n in _by_window(cost)
            for count, limit, _ in self._bounds(request, window)
        ]
        if not rooms:
            raise ContractError("must not be nothing", field="cost", value=cost)
        return max(0, min(rooms))

    def rate_budget_low(self, now: int) -> bool:
        """Whether any count is above its soft limit (LIVE-14: new risk is throttled)."""
        self._check_time(now)
        return any(
            count.at(now) > limit
            for window in LENGTH_MS
            for count, limit, _ in self._bounds(RequestClass.NEW_RISK, window)
        )

    def used_pct(self, now: int) -> dict[BudgetWindow, int]:
        """Return the use of each window in percent, rounded down: of total or own, the larger."""
        self._check_time(now)
        return {
            window: max(
                100 * use.total.at(now) // self.settings.limit(window),
                100 * use.own.at(now) // self.settings.own_limit(window),
            )
            for window, use in self.uses.items()
        }

    def is_stopped(self, now: int) -> bool:
        """Whether the venue asked for silence and the time is not over (``rate_limit_ban``)."""
        self._check_time(now)
        return now < self.stopped_until

    def observe(self, window: BudgetWindow, used: int, now: int) -> None:
        """Take the venue's own count from a header; what it has more than ours is booked now."""
        check_int("used", used)
        self._advance(now)
        use = self.uses[window]
        for count in (use.total, use.own):
            count.take_back(use.assumed, self.started_at)
        use.assumed = 0
        unknown = used - use.total.at(now)
        if unknown > 0:
            use.total.add(unknown, now)

    def stop(self, until: int, now: int) -> None:
        """Admit nothing before ``until``: HTTP 429 or 418, code -1003; the later end wins."""
        self._advance(now)
        self.stopped_until = max(self.stopped_until, until)

    def stop_orders(self, now: int, window: BudgetWindow = BudgetWindow.ORDERS_1M) -> None:
        """Admit no placing and amending before the venue's next window: code -1015.

        Args:
            window: The one that the venue's message names; the longer one where it names none.
        """
        self._advance(now)
        length_ms = LENGTH_MS[window]
        next_window = (now // length_ms + 1) * length_ms
        self.orders_stopped_until = max(self.orders_stopped_until, next_window)

    def refresh(self, limits: Mapping[BudgetWindow, int]) -> None:
        """Take limits that the venue states in its exchange information.

        Raises:
            ConfigError: A limit is so low that nothing is kept for cancels.
        """
        named = {f"{window}_limit": limit for window, limit in limits.items()}
        self.settings = evolve(self.settings, **named)
        self._known.clear()

    def _fits(self, request: RequestClass, cost: Cost, now: int) -> bool:
        """Whether nothing is stopped and each count has room; ``refusal`` says what has not."""
        if now < self.stopped_until or now < self.orders_stopped_until:
            return False
        for window, n in _by_window(cost):
            for count, limit, _ in self._bounds(request, window):
                if count.at(now) + n > limit:
                    return False
        return True

    def _stops(self, cost: Cost, now: int) -> Iterator[BudgetRefusal]:
        if now < self.stopped_until:
            yield BudgetRefusal(reason=BudgetReason.STOPPED, free_at=self.stopped_until)
        if (cost.orders_10s or cost.orders_1m) and now < self.orders_stopped_until:
            yield BudgetRefusal(
                reason=BudgetReason.ORDERS_STOPPED, free_at=self.orders_stopped_until
            )

    def _full_windows(self, request: RequestClass, cost: Cost, now: int) -> Iterator[BudgetRefusal]:
        for window, n in _by_window(cost):
            for count, limit, reason in self._bounds(request, window):
                used = count.at(now)
                if used + n > limit:
                    yield BudgetRefusal(
                        reason=reason,
                        window=window,
                        used=used,
                        limit=limit,
                        free_at=count.falls_to(limit - n, now) if n <= limit else None,
                    )

    def _bounds(self, request: RequestClass, window: BudgetWindow) -> Bounds:
        """Each count that the request adds to, its limit, and what a refusal by it is called."""
        known = self._known.get((request, window))
        if known is None:
            known = self._known[request, window] = self._made_bounds(request, window)
        return known

    def _made_bounds(self, request: RequestClass, window: BudgetWindow) -> Bounds:
        settings, use = self.settings, self.uses[window]
        pct, reason = settings.hard_limit_pct, BudgetReason.HARD_LIMIT
        if request in _UP_TO_SOFT:
            pct, reason = settings.soft_limit_pct, BudgetReason.SOFT_LIMIT
        total = (use.total, settings.limit(window, pct), reason)
        own = (use.own, settings.own_limit(window, pct), reason)
        if request is not RequestClass.BACKGROUND:
            return total, own
        limit = settings.background_limit(window)
        return total, own, (use.background, limit, BudgetReason.BACKGROUND_SHARE)

    def _advance(self, now: int) -> None:
        self._check_time(now)
        self.last_ms = now

    def _check_time(self, now: int) -> None:
        if now < self.last_ms:
            raise ContractError(f"must not go back from {self.last_ms}", field="now", value=now)


def _by_window(cost: Cost) -> Sequence[tuple[BudgetWindow, int]]:
    """The windows that a request adds to, and how much."""
    parts = (
        (BudgetWindow.ORDERS_10S, cost.orders_10s),
        (BudgetWindow.ORDERS_1M, cost.orders_1m),
        (BudgetWindow.WEIGHT_1M, cost.weight_1m),
    )
    return [part for part in parts if part[1]]
