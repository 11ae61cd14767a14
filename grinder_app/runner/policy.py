"""A user's own policy: found by name, built with arguments, timed call by call.

A policy runs inside the fold, so a slow one slows every event. The time of each call is measured
here, outside everything that decides, and reported by the policy's name.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Final

from attrs import field, frozen

from grinder_core.codec import to_dict
from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.plan import GridPlan
from grinder_core.errors import ConfigError, ContractError
from grinder_core.numbers import parse_decimal
from grinder_core.ports import Policy

Clock = Callable[[], int]

BUDGET_US: Final = 1_000
_STEPS: Final = 4  # buckets an octave: the reported p99 is at most a fifth too high
_BUCKETS: Final = 64 * _STEPS


@frozen(kw_only=True)
class PolicySpec:
    """Which policy to load, as values that can cross a process border.

    Attributes:
        target: ``module:Class``.
        arguments: Keywords of its constructor.
        budget_us: Mean microseconds a call above which the policy is reported as slow.
    """

    target: str
    arguments: Mapping[str, Any] = field(factory=dict)
    budget_us: int = BUDGET_US

    def load(self) -> TimedPolicy:
        """Import, build and wrap the policy.

        Raises:
            ConfigError: The module, the class or its arguments do not fit; named.
        """
        return TimedPolicy(_build(self.target, self.arguments), budget_us=self.budget_us)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> PolicySpec:
        """Read what ``to_dict`` wrote, where JSON has made text of decimals."""
        arguments = {
            name: _decimal_or_text(value) if isinstance(value, str) else value
            for name, value in kept["arguments"].items()
        }
        return cls(target=str(kept["target"]), arguments=arguments)

    def to_dict(self) -> dict[str, Any]:
        """Return what identifies the policy, as JSON values."""
        return {"target": self.target, "arguments": dict(self.arguments)}


@frozen(kw_only=True)
class PolicyTiming:
    """How long a policy took; wall time, so it differs from run to run and decides nothing.

    Attributes:
        p99_us: 99 of 100 calls took no longer; upper edge of its histogram bucket.
        slowest_symbol, slowest_ts: Which snapshot the slowest call was about.
    """

    policy: str
    calls: int
    mean_us: int
    p99_us: int
    slowest_us: int
    slowest_symbol: str
    slowest_ts: int
    budget_us: int

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return to_dict(self)

    @property
    def warning(self) -> str:
        """What to tell the user; empty when the policy keeps its budget."""
        if self.mean_us <= self.budget_us:
            return ""
        return (
            f"policy {self.policy} is slow: {self.mean_us} us a call on average, over its budget "
            f"of {self.budget_us} us (p99 {self.p99_us} us, slowest {self.slowest_us} us for "
            f"{self.slowest_symbol} at ts {self.slowest_ts})"
        )


class TimedPolicy:
    """Passes every call on and measures it; decides nothing itself.

    Args:
        inner: The policy.
        budget_us: Mean microseconds a call above which it counts as slow.
        clock_ns: Monotonic nanoseconds.
    """

    def __init__(
        self, inner: Policy, *, budget_us: int = BUDGET_US, clock_ns: Clock = perf_counter_ns
    ) -> None:
        self.name: str = getattr(inner, "name", type(inner).__name__)
        self._inner, self._budget_us, self._clock_ns = inner, budget_us, clock_ns
        self._calls = self._total_ns = self._slowest_ns = 0
        self._slowest = ("", 0)
        self._histogram = [0] * _BUCKETS

    def plan(self, context: PolicyContext) -> GridPlan:
        """Return the inner policy's plan; what it raises passes through."""
        begun = self._clock_ns()
        plan = self._inner.plan(context)
        took = self._clock_ns() - begun
        self._calls += 1
        self._total_ns += took
        self._histogram[_bucket(took)] += 1
        if took > self._slowest_ns or self._calls == 1:
            self._slowest_ns = took
            self._slowest = (context.snapshot.symbol, context.ts)
        return plan

    @property
    def timing(self) -> PolicyTiming:
        """What was measured so far."""
        calls = self._calls
        return PolicyTiming(
            policy=self.name,
            calls=calls,
            mean_us=self._total_ns // calls // 1_000 if calls else 0,
            p99_us=min(self._p99_ns(), self._slowest_ns) // 1_000,
            slowest_us=self._slowest_ns // 1_000,
            slowest_symbol=self._slowest[0],
            slowest_ts=self._slowest[1],
            budget_us=self._budget_us,
        )

    def _p99_ns(self) -> int:
        within, wanted = 0, -(-self._calls * 99 // 100)
        for bucket, count in enumerate(self._histogram):
            within += count
            if within >= wanted:
                return _upper_edge(bucket)
        return 0


def read_arguments(pairs: Sequence[str]) -> dict[str, Any]:
    """Read ``key=value`` pairs: integers, decimals, ``true`` and ``false``, else text.

    Raises:
        ConfigError: A pair without ``=``, a key that is no name, or a key given twice.

    Example:
        >>> read_arguments(["levels=3", "skew=0.5", "both=true", "mode=fast"])
        {'levels': 3, 'skew': Decimal('0.5'), 'both': True, 'mode': 'fast'}
    """
    arguments: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.isidentifier():
            raise ConfigError("must be key=value", field="--policy-arg", value=pair)
        if key in arguments:
            raise ConfigError("is given twice", field="--policy-arg", value=key)
        arguments[key] = _read_value(text)
    return arguments


def _read_value(text: str) -> int | bool | str | Decimal:
    if text in {"true", "false"}:
        return text == "true"
    value = _decimal_or_text(text)
    return int(value) if isinstance(value, Decimal) and "." not in text else value


def _decimal_or_text(text: str) -> Decimal | str:
    try:
        return parse_decimal(text)
    except ContractError:
        return text


def _build(target: str, arguments: Mapping[str, Any]) -> Policy:
    module_name, colon, attribute = target.partition(":")
    if not (module_name and colon and attribute.isidentifier()):
        raise _refuse("must be module:Class", target)
    kind = _find(target, module_name, attribute)
    try:
        policy = kind(**arguments)
    except Exception as error:  # a user's code may raise anything; the cause is named and kept
        raise _refuse(
            f"its constructor raised {type(error).__name__}: {error}",
            target,
            remedy="see --policy-arg",
        ) from error
    if not callable(getattr(policy, "plan", None)):
        raise _refuse("has no method plan(context)", target)
    return policy  # type: ignore[no-any-return]


def _find(target: str, module_name: str, attribute: str) -> Callable[..., Any]:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise _refuse(
                f"module {module_name!r} needs {error.name!r}, which is not installed", target
            ) from error
        raise _refuse(
            f"there is no module {module_name!r}",
            target,
            remedy="run from the folder that holds it, or install it",
        ) from None
    except Exception as error:  # a user's code may raise anything; the cause is named and kept
        raise _refuse(
            f"importing {module_name!r} raised {type(error).__name__}: {error}", target
        ) from error
    kind = getattr(module, attribute, None)
    if kind is None:
        raise _refuse(f"module {module_name!r} has no attribute {attribute!r}", target)
    if not callable(kind):
        raise _refuse(f"{attribute!r} is no class", target)
    return kind  # type: ignore[no-any-return]


def _refuse(rule: str, target: str, remedy: str = "") -> ConfigError:
    return ConfigError(rule, field="--policy", value=target, remedy=remedy)


def _bucket(took_ns: int) -> int:
    """Return the histogram bucket of a duration: ``_STEPS`` a doubling."""
    octave = max(took_ns, 1).bit_length() - 1
    step = (took_ns * _STEPS >> octave) - _STEPS if took_ns else 0
    return min(octave * _STEPS + step, _BUCKETS - 1)


def _upper_edge(bucket: int) -> int:
    octave, step = divmod(bucket, _STEPS)
    return (1 << octave) * (_STEPS + step + 1) // _STEPS
