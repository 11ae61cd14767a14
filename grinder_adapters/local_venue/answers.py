"""What every handler of a signed request shares: parameters in, JSON values or a refusal out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeVar

from attrs import frozen

from grinder_adapters.local_venue import parameters
from grinder_adapters.local_venue.http import Problem
from grinder_adapters.local_venue.limits import LimitSettings
from grinder_core.venue.exchange.exchange import Exchange
from grinder_core.venue.exchange.refusals import Refused

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")
BAD_REQUEST: Final = 400


class RefusedError(Exception):
    """A request that is answered with a problem; nothing has changed."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def refused(refusal: Refused) -> RefusedError:
    """Return the exception that answers with the exchange's refusal."""
    return RefusedError(Problem(BAD_REQUEST, refusal.code, refusal.message))


def wrong(code: int, message: str) -> RefusedError:
    """Return the exception that answers with a code."""
    return RefusedError(Problem(BAD_REQUEST, code, message))


def taken(answer: T | Refused) -> T:
    """Return what was taken.

    Raises:
        RefusedError: The exchange refused.
    """
    if isinstance(answer, Refused):
        raise refused(answer)
    return answer


@frozen
class Call:
    """One signed request that passed security and limits.

    Attributes:
        values: Its parameters as text; ``timestamp``, ``recvWindow`` and ``signature`` taken out.
        now: Venue's clock, Unix milliseconds.
        limits: What may be asked how often.
    """

    exchange: Exchange
    account: str
    values: Mapping[str, str]
    now: int
    limits: LimitSettings = LimitSettings()

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text parameter.

        Raises:
            RefusedError: It is missing and has no default.
        """
        value = self.values.get(name) or default
        if value is None:
            raise _missing(name)
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """Return an integer parameter."""
        if not self.values.get(name):
            if default is None:
                raise _missing(name)
            return default
        return _read(parameters.integer(self.values, name))

    def decimal(self, name: str, default: Decimal | None = None) -> Decimal:
        """Return a decimal parameter."""
        if not self.values.get(name):
            if default is None:
                raise _missing(name)
            return default
        return _read(parameters.decimal(self.values, name))

    def flag(self, name: str) -> bool | None:
        """Return a true or false parameter; ``None`` where it was not sent."""
        return None if not self.values.get(name) else _read(parameters.flag(self.values, name))

    def choice(self, name: str, kind: type[E], code: int, default: E | None = None) -> E:
        """Return a parameter out of a closed list; ``code`` answers any other value."""
        value = self.values.get(name)
        if not value:
            if default is None:
                raise _missing(name)
            return default
        try:
            return kind(value)
        except ValueError:
            raise wrong(code, f"Invalid {name}.") from None

    def window(self) -> tuple[int, int, int]:
        """Return start, end and limit of a list."""
        start = self.integer("startTime", 0)
        end = self.integer("endTime", 1 << 62)
        if start > end:
            raise wrong(-1023, "Start time is greater than end time.")
        return start, end, min(max(self.integer("limit", 500), 1), 1000)


Handler = Callable[[Call], Any]


def _read(value: T | Problem) -> T:
    if isinstance(value, Problem):
        raise RefusedError(value)
    return value


def _missing(name: str) -> RefusedError:
    text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    return wrong(-1102, text)
