"""The file that ``grinder init`` writes: every setting with its meaning, generated.

What differs from the defaults is set; the rest stands there commented out at its default, so
that the file can be read instead of the reference.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any, Final

from grinder_app.config.catalog import KEYS, SECTIONS, Key
from grinder_app.config.first_run import FIRST_RUN
from grinder_app.config.sections import meaning_of
from grinder_app.config.values import to_toml, type_text

_HEAD: Final = """\
# Settings of grinder. The ones a first run should choose are set; every other one stands here
# commented out at its default.
#
# Amounts of money and sizes are decimal strings ("0.1"), never floats. *_bps is hundredths of a
# percent, *_x100 hundredths of the unit before it, *_ms milliseconds.
#
# A flag wins over the environment, the environment over a profile, a profile over this file:
#   grinder paper --set policies.levels=3        GRINDER_POLICIES__LEVELS=3
# What is in force, and from where:  grinder config show
"""
_PROFILES: Final = """\
# ---- profiles ----
# Named changes to the above, applied with --profile NAME. For example:
#
# [profiles.wide.policies]
# spacing_bps = 25
# recenter_bps = 150
"""
_WIDTH: Final = 96
_FIRST: Final = ("policies", "venue", "risk", "gates")  # what people change most comes first


def render_template(values: Mapping[str, Any] = FIRST_RUN) -> str:
    """Return the text of a configuration file that sets ``values`` and comments out the rest."""
    order = sorted(SECTIONS, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
    return "\n".join((_HEAD, *(_section(name, values) for name in order), _PROFILES))


def _section(name: str, values: Mapping[str, Any]) -> str:
    keys = [key for key in KEYS.values() if key.section == name]
    plain = [_setting(key, values) for key in keys if not key.is_map]
    # a sub-table ends its section, so maps come last
    maps = [_map(key, values) for key in keys if key.is_map]
    head = f"# ---- {name}: {meaning_of(name)} ----\n[{name}]\n"
    return "\n".join((head, *plain, *maps))


def _setting(key: Key, values: Mapping[str, Any]) -> str:
    value = values.get(key.dotted, key.default)
    line = f"{key.name} = {to_toml(value)}"
    return f"{_comment(key)}{'' if value != key.default else '#'}{line}\n"


def _map(key: Key, values: Mapping[str, Any]) -> str:
    entries = values.get(key.dotted, key.default)
    lines = [f"{entry} = {to_toml(value)}\n" for entry, value in entries.items()]
    return f"{_comment(key)}[{key.dotted}]\n{''.join(lines)}"


def _comment(key: Key) -> str:
    doc = textwrap.wrap(key.declared.metadata["doc"], _WIDTH, break_on_hyphens=False)
    accepts = f"{type_text(key)}; default {to_toml(key.default)}"
    return "".join(f"# {line}\n" for line in (*doc, accepts))
