"""The configuration reference, generated from the declarations."""

from __future__ import annotations

from typing import Final

from grinder_app.config.catalog import KEYS, SECTIONS, Key
from grinder_app.config.environment import CONFIG_VARIABLE, DIRECTORY_VARIABLES
from grinder_app.config.sections import meaning_of
from grinder_app.config.values import to_toml, type_text
from grinder_app.reference.markdown import code, section, table

_LEAD: Final = """\
# Configuration

<!-- Generated from the code. Change the code, then run:
grinder config reference > docs/reference/configuration.md -->

People edit TOML. `grinder init` writes a file with every setting and its meaning; without
`--config FILE` a command reads the file that `GRINDER_CONFIG` names, else `grinder.toml` in the
current directory when there is one, else the defaults below.

A flag wins over the environment, the environment over a profile, a profile over the file, the
file over the default. `grinder config show` prints what is in force, where each value comes
from and the `config_hash` that names a result; `grinder config check FILE` judges a file with
all its profiles and exits 0 or 2.

- **File**: a section is a table. Amounts and sizes are decimal strings; floats are refused.
  Unknown keys are refused, and the nearest name is suggested.
- **Profile**: `[profiles.NAME.SECTION]` holds what differs; `--profile NAME` applies it.
- **Environment**: `GRINDER_SECTION__KEY` sets any setting, `GRINDER_ORDERS__TICK_SIZES__BTCUSDT`
  one entry of a table. An empty variable counts as unset. An unknown `GRINDER_` variable draws a
  warning with the nearest name.
- **Flag**: `--set SECTION.KEY=VALUE`, repeated as needed; the key alone is enough, because names
  are unique over all sections.
- **`"none"`** leaves out a setting that may be absent."""


def render_reference() -> str:
    """Return the Markdown of ``docs/reference/configuration.md``."""
    parts = [section(code(f"[{name}]"), f"{meaning_of(name)}.", _table(name)) for name in SECTIONS]
    return "\n\n".join((_LEAD, *parts, section("Variables", _VARIABLES_LEAD, _variables()))) + "\n"


_VARIABLES_LEAD: Final = "Besides `GRINDER_SECTION__KEY` for every setting:"


def _table(name: str) -> str:
    keys = [key for key in KEYS.values() if key.section == name]
    return table(("setting", "accepts", "default", "meaning", "source"), map(_row, keys))


def _row(key: Key) -> tuple[str, ...]:
    metadata = key.declared.metadata
    default = code(to_toml(key.default))
    return code(key.name), type_text(key), default, metadata["doc"], metadata["spec"]


def _variables() -> str:
    rows = [
        (code(name), f"{code(dotted)}, default {code(to_toml(KEYS[dotted].default))}")
        for name, dotted in DIRECTORY_VARIABLES.items()
    ]
    rows.insert(0, (code(CONFIG_VARIABLE), "the configuration file"))
    return table(("variable", "sets"), rows)
