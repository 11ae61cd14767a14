"""Settings from environment variables, and warnings about those nobody knows (LIVE-36)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from grinder_adapters.env import nearest
from grinder_app.config.catalog import BY_VARIABLE, KEYS, PREFIX, Address
from grinder_app.config.values import Given, given_text
from grinder_core.errors import ConfigError

CONFIG_VARIABLE: Final = "GRINDER_CONFIG"
DIRECTORY_VARIABLES: Final[dict[str, str]] = {
    "GRINDER_STATE_DIR": "app.state_dir",
    "GRINDER_ARTIFACT_DIR": "app.artifact_dir",
    "GRINDER_ARTIFACTS_DIR": "app.artifact_dir",  # the older spelling (LIVE-34)
    "GRINDER_DATA_DIR": "app.data_dir",
    "GRINDER_CACHE_DIR": "app.cache_dir",
}
_OURS: Final = (PREFIX, "RECONCILE_", "REMEDIATION_")
_TESTS: Final = "GRINDER_TEST_"  # read by the test suite, not by the product
_UNPREFIXED: Final = {"ARTIFACTS_DIR": "GRINDER_ARTIFACT_DIR"}


def read_environment(environment: Mapping[str, str]) -> tuple[dict[str, Given], list[str]]:
    """Return what the environment assigns, by address, and warnings about unknown names.

    An empty variable counts as unset.

    Raises:
        ConfigError: A malformed or out-of-range value, or two variables that contradict.
    """
    layer: dict[str, Given] = {}
    warnings: list[str] = []
    for name in sorted(environment):
        text = environment[name]
        if name in _UNPREFIXED:
            warnings.append(f"{name} is not read; did you mean {_UNPREFIXED[name]}?")
        if not name.startswith(_OURS) or name.startswith(_TESTS) or name == CONFIG_VARIABLE:
            continue
        address = _address_of(name)
        if address is None:
            warnings.append(_unknown_variable(name))
        elif text.strip():
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
    if variable in DIRECTORY_VARIABLES:
        return Address(KEYS[DIRECTORY_VARIABLES[variable]])
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
    return [*BY_VARIABLE, *DIRECTORY_VARIABLES, CONFIG_VARIABLE]
