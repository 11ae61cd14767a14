"""Everything grinder raises on purpose.

GrinderError
|-- InputError (a ValueError): what was given can never be valid -> fix the input
|   |-- ContractError: a value breaks the rule of its contract
|   |-- FixtureError: a file of events is malformed
|   `-- ConfigError: a setting is unknown, malformed or contradicts another
|       `-- StateLockedError: another process writes this state -> wait for it, or stop it
|-- PolicyError: a user's policy raised or returned nonsense -> fix the policy
|-- ArtifactError: something grinder wrote is damaged -> restore it or write it again
|-- StateWriteError: the durable state cannot be written now -> no new risk; it is tried again
|-- ConnectorError: the other side of a connection does not answer as it must -> try again later
|   |-- ConnectorTimeoutError: no answer in time
|   |-- ConnectorClosedError: the connection was closed by us
|   |-- ConnectorOutcomeUnknownError: nobody can say whether a write took effect -> reconcile
|   `-- ConnectorIOError
|       |-- ConnectorTransientError: may succeed when tried again
|       |   `-- ConnectionNotMadeError: nothing was sent
|       `-- ConnectorNonRetryableError: never succeeds unchanged, or must not be sent
|           |-- IdempotencyConflictError: the same write is under way
|           |-- CircuitOpenError: the breaker of this operation is open
|           |-- RateLimitError: the venue asked for silence
|           |-- GovernorDroppedError, GovernorTimeoutError: the request was never sent
|           `-- PaperOrderError: the order's state does not allow it
`-- InvariantError: grinder contradicts itself -> stop; the recorded events reproduce it

A message says what was given, which rule it breaks and, where that is not obvious, what to do.
"""

from __future__ import annotations

from typing import ClassVar, Final, Self, TypeVar

E = TypeVar("E", bound="GrinderError")

_UNSET: Final = object()


class GrinderError(Exception):
    """Base of all deliberate errors; ``code`` is stable and printed as ``CODE: text``."""

    code: ClassVar[str] = "E_GRINDER"

    def __init__(
        self,
        rule: str,
        *,
        field: str = "",
        value: object = _UNSET,
        where: str = "",
        remedy: str = "",
    ) -> None:
        self.rule, self.field, self.where, self.remedy = rule, field, where, remedy
        self.value = None if value is _UNSET else value
        self._subject = "" if value is _UNSET else f" = {_shorten(repr(value))}"
        super().__init__(self._text())

    def at(self, where: str) -> Self:
        """Return the same error with its place in a file or stream in front."""
        placed = _again(type(self), self.args, self.__dict__)
        placed.where = f"{where}: {self.where}" if self.where else where
        placed.args = (placed._text(),)
        return placed

    def __reduce__(self) -> tuple[object, ...]:
        # copies, also into another process, whatever a subclass takes to be made
        return _again, (type(self), self.args, self.__dict__)

    def _text(self) -> str:
        subject = f"{self.field}{self._subject}"
        place = f"{self.where}: " if self.where else ""
        tail = f"; {self.remedy}" if self.remedy else ""
        return f"{place}{f'{subject}: ' if subject else ''}{self.rule}{tail}"


class InputError(GrinderError, ValueError):
    """What was given can never be valid."""

    code = "E_INPUT"


class ContractError(InputError):
    """A value breaks the rule of its contract (CORE-01, CORE-02)."""

    code = "E_CONTRACT"


class FixtureError(InputError):
    """A fixture or a data file is malformed (CORE-04)."""

    code = "E_FIXTURE"


class ConfigError(InputError):
    """A setting is unknown, out of range or contradicts another."""

    code = "E_CONFIG"


class StateLockedError(ConfigError):
    """Another process holds the lock of a state folder: one state has one writer (LIVE-38)."""

    code = "E_STATE_LOCKED"


class PolicyError(GrinderError):
    """A user's policy raised or returned something that is no plan."""

    code = "E_POLICY"


class ArtifactError(GrinderError):
    """Something grinder wrote earlier is damaged or does not fit."""

    code = "E_ARTIFACT"


class StateWriteError(GrinderError):
    """The durable state cannot be written at the moment; nothing noted is lost (LIVE-38)."""

    code = "E_STATE_WRITE"


class ConnectorError(GrinderError):
    """A remote side is unreachable, or what it sent fails its own checksum (LIVE-02)."""

    code = "E_CONNECTOR"


class ConnectorTimeoutError(ConnectorError):
    """An operation did not end in time."""

    code = "E_CONNECTOR_TIMEOUT"

    def __init__(self, op: str, timeout_ms: int) -> None:
        super().__init__(f"no answer within {timeout_ms} ms", field=op)
        self.op, self.timeout_ms = op, timeout_ms


class ConnectorClosedError(ConnectorError):
    """An operation on a connector that was closed."""

    code = "E_CONNECTOR_CLOSED"

    def __init__(self, op: str) -> None:
        super().__init__("the connector is closed", field=op, remedy="make a new one")
        self.op = op


class ConnectorOutcomeUnknownError(ConnectorError):
    """Whether a write took effect could not be found out; reconciliation must (LIVE-04)."""

    code = "E_OUTCOME_UNKNOWN"

    def __init__(self, op: str, client_order_id: str) -> None:
        super().__init__("may or may not have taken effect", field=op, value=client_order_id)
        self.op, self.client_order_id = op, client_order_id


class ConnectorIOError(ConnectorError):
    """The other side answered with a failure, or the connection broke."""

    code = "E_CONNECTOR_IO"


class ConnectorTransientError(ConnectorIOError):
    """The same request may succeed later.

    Attributes:
        retry_after_ms: How long the other side asked to wait; ``None`` if it did not say.
    """

    code = "E_TRANSIENT"

    def __init__(self, rule: str, *, retry_after_ms: int | None = None, where: str = "") -> None:
        super().__init__(rule, where=where)
        self.retry_after_ms = retry_after_ms


class ConnectionNotMadeError(ConnectorTransientError):
    """The other side could not be reached; nothing was sent."""

    code = "E_NOT_CONNECTED"


class ConnectorNonRetryableError(ConnectorIOError):
    """The same request never succeeds, or must not be sent."""

    code = "E_NON_RETRYABLE"


class IdempotencyConflictError(ConnectorNonRetryableError):
    """A write with the same key is under way, or the key belongs to another write (LIVE-04)."""

    code = "E_IDEMPOTENCY_CONFLICT"


class CircuitOpenError(ConnectorNonRetryableError):
    """The breaker of an operation is open; nothing was sent (LIVE-05)."""

    code = "E_CIRCUIT_OPEN"


class RateLimitError(ConnectorNonRetryableError):
    """The request budget or a ban does not allow it now; nothing was done (LIVE-11, SCR-07)."""

    code = "E_RATE_LIMIT"


class GovernorDroppedError(ConnectorNonRetryableError):
    """The governor of background requests refused one; nothing was sent (SCR-07)."""

    code = "E_GOVERNOR_DROPPED"


class GovernorTimeoutError(ConnectorNonRetryableError):
    """A background request waited too long for its turn; nothing was sent (SCR-07)."""

    code = "E_GOVERNOR_TIMEOUT"


class PaperOrderError(ConnectorNonRetryableError):
    """An operation on an order that is unknown, or in a state that does not allow it."""

    code = "E_PAPER_ORDER"


class InvariantError(GrinderError):
    """grinder contradicts itself; no further step may be taken."""

    code = "E_INVARIANT"


def _again(kind: type[E], args: tuple[object, ...], state: dict[str, object]) -> E:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


def _shorten(text: str, limit: int = 120) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
