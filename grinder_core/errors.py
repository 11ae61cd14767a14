"""Everything grinder raises on purpose.

GrinderError
|-- InputError (a ValueError): what was given can never be valid -> fix the input
|   |-- ContractError: a value breaks the rule of its contract
|   |-- FixtureError: a file of events is malformed
|   `-- ConfigError: a setting is unknown, malformed or contradicts another
|-- PolicyError: a user's policy raised or returned nonsense -> fix the policy
|-- ArtifactError: something grinder wrote is damaged -> restore it or write it again
|-- ConnectorError: the other side of a connection does not answer as it must -> try again later
`-- InvariantError: grinder contradicts itself -> stop; the recorded events reproduce it

A message says what was given, which rule it breaks and, where that is not obvious, what to do.
"""

from __future__ import annotations

from typing import ClassVar, Final

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
        shown = "" if value is _UNSET else f" = {_shorten(repr(value))}"
        subject = f"{field}{shown}: " if field or shown else ""
        tail = f"; {remedy}" if remedy else ""
        super().__init__(f"{where + ': ' if where else ''}{subject}{rule}{tail}")

    def at(self, where: str) -> GrinderError:
        """Return the same error with its place in a file or stream in front."""
        place = f"{where}: {self.where}" if self.where else where
        shown = {} if self.value is None else {"value": self.value}
        return type(self)(self.rule, field=self.field, where=place, remedy=self.remedy, **shown)


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


class PolicyError(GrinderError):
    """A user's policy raised or returned something that is no plan."""

    code = "E_POLICY"


class ArtifactError(GrinderError):
    """Something grinder wrote earlier is damaged or does not fit."""

    code = "E_ARTIFACT"


class ConnectorError(GrinderError):
    """A remote side is unreachable, or what it sent fails its own checksum (LIVE-02)."""

    code = "E_CONNECTOR"


class InvariantError(GrinderError):
    """grinder contradicts itself; no further step may be taken."""

    code = "E_INVARIANT"


def _shorten(text: str, limit: int = 120) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
