"""Settings from environment variables, and warnings about those nobody knows (LIVE-36)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from grinder_adapters.env import nearest
from grinder_app.config.catalog import BY_VARIABLE, KEYS, PREFIX, Address
from grinder_app.config.live_variables import BY_NAME, BY_SETTING, FEATURES, SECRET_FILES
from grinder_app.config.values import Given, given_text
from grinder_core.errors import ConfigError

_OURS: Final = (PREFIX, "RECONCILE_", "REMEDIATION_")
_TESTS: Final = "GRINDER_TEST_"  # read by the test suite, not by the product
_ELSEWHERE: Final = frozenset({*BY_NAME, *SECRET_FILES, *FEATURES})
_UNPREFIXED: Final = {"ARTIFACTS_DIR": "GRINDER_ARTIFACT_DIR"}


def read_environment(environment: Mapping[str, str]) -> tuple[dict[str, Given], list[str]]:
    """Return what the environment assigns, by address, and warnings about unknown names.

    An empty variable counts as unset, but for those where that is an explicit no. Variables that
    set no setting are left to `live_environment`, and those of absent features to nobody.

    Raises:
        ConfigError: A malformed or out-of-range value, or two variables that contradict.
    """
    layer: dict[str, Given] = {}
    warnings: list[str] = []
    for name in sorted(environment):
        text = environment[name]
        if name in _UNPREFIXED:
            warnings.append(f"{name} is not read; did you mean {_UNPREFIXED[name]}?")
        address = _address_of(name)
        if address is None:
            if name.startswith(_OURS) and not name.startswith(_TESTS) and name not in _ELSEWHERE:
                warnings.append(_unknown_variable(name))
        elif text.strip() or (name in BY_NAME and BY_NAME[name].is_refusal_when_empty):
            given = given_text(address, text, origin=f"environment {name}", where=name)
            earlier = layer.get(str(address))
            if earlier is not None and earlier.value != given.value:
                raise ConfigError(
                    f"contradicts {earlier.where}",
                    field=str(address),
                    value=text,
                    where=name,
                    remedy="set only one of them",
                )
            layer[str(address)] = given
    return layer, warnings


def _address_of(variable: str) -> Address | None:
    if variable in BY_SETTING:
        return Address(KEYS[BY_SETTING[variable]])
    if not variable.startswith(PREFIX):
        return None
    if variable in BY_VARIABLE:
        return Address(BY_VARIABLE[variable])
    for name, key in BY_VARIABLE.items():
        if key.is_map and variable.startswith(f"{name}__"):
            return Address(key, variable.removeprefix(f"{name}__"))
    return None


def _unknown_variable(name: str) -> str:
    near = nearest(name, known_variables())
    return f"{name} is not a variable of grinder" + (f"; did you mean {near}?" if near else "")


def known_variables() -> list[str]:
    """Return every variable that is read, maps without their entries."""
    return [*BY_VARIABLE, *BY_NAME, *SECRET_FILES]
