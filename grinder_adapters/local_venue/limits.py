"""The venue's counters: request weight of an IP, orders of an account, bans (reference 3.2).

Windows are the calendar's: a minute starts at second 0. The venue counts first and judges then, so
what it refuses counts too. An IP that goes on through its 429s is banned, each time twice as long,
from 2 minutes to 3 days; while a ban lasts every request gets a 418 and nothing counts. Two groups
of requests have no weight but a limit of their own in 5 minutes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from attrs import Factory, define, frozen

from grinder_adapters.local_venue.http import Problem
from grinder_core.errors import ConfigError
from grinder_core.resilience.weights import Cost, request_cost
from grinder_core.settings import setting

TEN_SECONDS_MS: Final = 10_000
MINUTE_MS: Final = 60_000
FIVE_MINUTES_MS: Final = 300_000

_WHOLE: Final = re.compile(r"[0-9]{1,9}")
_FUNDING: Final = "funding"
_STATISTICS: Final = "statistics"
_TOO_MANY: Final = -1003
_TOO_MANY_ORDERS: Final = -1015


@frozen(kw_only=True)
class LimitSettings:
    """Limits as the venue publishes them, and how patient it is."""

    weight_per_minute: int = setting(2_400, "Request weight of an IP in a minute.", ge=1)
    orders_per_10s: int = setting(300, "Orders of an account in 10 seconds.", ge=1)
    orders_per_minute: int = setting(1_200, "Orders of an account in a minute.", ge=1)
    funding_per_5m: int = setting(500, "Requests of an IP for funding in 5 minutes.", ge=1)
    statistics_per_5m: int = setting(1_000, "Requests of an IP to /futures/data.", ge=1)
    refusals_before_ban: int = setting(
        5, "Answers 429 in a minute after which an IP that asks again is banned.", ge=1
    )
    ban_ms_min: int = setting(120_000, "Length of the first ban.", ge=1)
    ban_ms_max: int = setting(259_200_000, "Length that bans grow to.", ge=1)

    def __attrs_post_init__(self) -> None:
        if self.ban_ms_max < self.ban_ms_min:
            raise ConfigError(
                f"must be >= ban_ms_min = {self.ban_ms_min}",
                field="ban_ms_max",
                value=self.ban_ms_max,
            )


@frozen
class Refusal:
    """A request that a limit stops.

    Attributes:
        headers: ``Retry-After``, in whole seconds.
    """

    problem: Problem
    headers: Mapping[str, str]


@define
class Window:
    """A count that starts again with each period of the calendar; a clock set back stays in it."""

    length_ms: int
    period: int = -1
    held: int = 0

    def at(self, now: int) -> int:
        """Return the count of the period that ``now`` lies in."""
        return self.held if now // self.length_ms <= self.period else 0

    def add(self, n: int, now: int) -> int:
        """Count more and return the sum."""
        self.held = self.at(now) + n
        self.period = max(self.period, now // self.length_ms)
        return self.held

    def end(self, now: int) -> int:
        """Return when the next period starts."""
        return (now // self.length_ms + 1) * self.length_ms


@define
class IpCounts:
    """What one IP did.

    Attributes:
        own: Groups of requests with a limit of their own.
        refused: Answers 429.
        bans: So far.
    """

    weight: Window = Factory(lambda: Window(MINUTE_MS))
    own: dict[str, Window] = Factory(dict)
    refused: Window = Factory(lambda: Window(MINUTE_MS))
    bans: int = 0
    banned_until: int = 0


@define
class AccountCounts:
    """What one account did."""

    orders_10s: Window = Factory(lambda: Window(TEN_SECONDS_MS))
    orders_1m: Window = Factory(lambda: Window(MINUTE_MS))


@define
class Limits:
    """The counters of all IPs and accounts. Times are ms of the venue's clock."""

    settings: LimitSettings = Factory(LimitSettings)
    ips: dict[str, IpCounts] = Factory(dict)
    accounts: dict[str, AccountCounts] = Factory(dict)

    def take_request(self, ip: str, path: str, cost: Cost, now: int) -> Refusal | None:
        """Count a request's weight, before anything else is looked at."""
        counts = self._ip(ip)
        if now < counts.banned_until:
            return self._ban_answer(ip, counts, now)
        if group := _group_of(path):
            length, limit = FIVE_MINUTES_MS, self._limit_of(group)
            window = counts.own.setdefault(group, Window(length))
            used = window.add(1, now)
        else:
            limit, window = self.settings.weight_per_minute, counts.weight
            used = window.add(cost.weight_1m, now)
        if used <= limit:
            return None
        text = (
            f"Too many requests; current limit of IP({ip}) is {limit} requests per "
            f"{_words(window.length_ms)}. Please use the websocket for live updates to avoid "
            "polling the API."
        )
        return self._refuse(ip, Problem(429, _TOO_MANY, text), window.end(now), now)

    def take_orders(self, ip: str, account: str, cost: Cost, now: int) -> Refusal | None:
        """Count a request's orders, once it is known whose it is."""
        if not cost.orders_10s and not cost.orders_1m:
            return None
        counts, settings = self._account(account), self.settings
        windows = (
            (counts.orders_10s, cost.orders_10s, settings.orders_per_10s),
            (counts.orders_1m, cost.orders_1m, settings.orders_per_minute),
        )
        full = [(window, most) for window, n, most in windows if window.add(n, now) > most]
        if not full:
            return None
        window, most = full[-1]  # the longer wait
        text = (
            f"Too many new orders; current limit is {most} orders per {_words(window.length_ms)}."
        )
        return self._refuse(ip, Problem(429, _TOO_MANY_ORDERS, text), window.end(now), now)

    def ban(self, ip: str, now: int) -> int:
        """Ban an IP, longer than the last time; return until when."""
        counts, settings = self._ip(ip), self.settings
        length = min(settings.ban_ms_min << min(counts.bans, 32), settings.ban_ms_max)
        counts.bans += 1
        counts.banned_until = max(counts.banned_until, now + length)
        return counts.banned_until

    def headers(self, ip: str, path: str, now: int) -> dict[str, str]:
        """Return the header of the weight; requests with a limit of their own have none."""
        if _group_of(path):
            return {}
        return {"X-MBX-USED-WEIGHT-1M": str(self._ip(ip).weight.at(now))}

    def order_headers(self, account: str, now: int) -> dict[str, str]:
        """Return the headers of the order counts; an order that was rejected gets none."""
        counts = self._account(account)
        return {
            "X-MBX-ORDER-COUNT-10S": str(counts.orders_10s.at(now)),
            "X-MBX-ORDER-COUNT-1M": str(counts.orders_1m.at(now)),
        }

    # -- inside --------------------------------------------------------------------------------

    def _ip(self, ip: str) -> IpCounts:
        counts = self.ips.get(ip)
        if counts is None:
            counts = self.ips[ip] = IpCounts()
        return counts

    def _account(self, account: str) -> AccountCounts:
        counts = self.accounts.get(account)
        if counts is None:
            counts = self.accounts[account] = AccountCounts()
        return counts

    def _limit_of(self, group: str) -> int:
        settings = self.settings
        return settings.funding_per_5m if group == _FUNDING else settings.statistics_per_5m

    def _refuse(self, ip: str, problem: Problem, until: int, now: int) -> Refusal:
        counts = self._ip(ip)
        if counts.refused.add(1, now) > self.settings.refusals_before_ban:
            self.ban(ip, now)
            return self._ban_answer(ip, counts, now)
        return Refusal(problem, _retry_after(until, now))

    def _ban_answer(self, ip: str, counts: IpCounts, now: int) -> Refusal:
        until = counts.banned_until
        return Refusal(ban_problem(ip, until), _retry_after(until, now))


def cost_of(method: str, path: str, given: Mapping[str, str]) -> Cost:
    """Return what a request costs; a ``limit`` that is no number counts as not sent."""
    limit = given.get("limit", "0")
    known = given if _WHOLE.fullmatch(limit) else {k: v for k, v in given.items() if k != "limit"}
    return request_cost(method, path, known)


def ban_problem(ip: str, until: int) -> Problem:
    """Return the answer to an IP that is banned until a time."""
    text = (
        f"Way too many requests; IP({ip}) banned until {until}. Please use the websocket for live "
        "updates to avoid bans."
    )
    return Problem(418, _TOO_MANY, text)


def _retry_after(until: int, now: int) -> dict[str, str]:
    return {"Retry-After": str(-(-(until - now) // 1_000))}


def _group_of(path: str) -> str:
    if path in {"/fapi/v1/fundingRate", "/fapi/v1/fundingInfo"}:
        return _FUNDING
    return _STATISTICS if path.startswith("/futures/data/") else ""


def _words(length_ms: int) -> str:
    words = {TEN_SECONDS_MS: "10 seconds", MINUTE_MS: "minute", FIVE_MINUTES_MS: "5 minutes"}
    return words[length_ms]
