"""The configuration reference, generated from the declarations."""

from __future__ import annotations

from typing import Any, Final

from attrs import fields

from grinder_app.config.catalog import KEYS, SECTIONS, Key
from grinder_app.config.sections import meaning_of
from grinder_app.config.values import to_toml, type_text
from grinder_app.reference.docstrings import entries, first_paragraph
from grinder_app.reference.markdown import code, section, table
from grinder_core.settings import RECORDS

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
  warning with the nearest name. [Variables with names of their own](environment.md) set some of
  these settings too, and what no file may hold.
- **Flag**: `--set SECTION.KEY=VALUE`, repeated as needed; the key alone is enough, because names
  are unique over all sections.
- **Records** `{ name, other? }` are tables or inline tables in the file, and JSON in a flag or a
  variable: `--set 'symbol_constraints.BTCUSDT={"step_size":"0.001","min_qty":"0.001"}'`. A name
  with `?` may be left out. A higher layer replaces the record of a symbol whole.
- **Files of venue rules** (`constraints_file`, `leverage_brackets_file`) stand below whatever is
  set by hand for a symbol; what they hold is part of `config_hash`.
- **Permissions** (`allow_mainnet`, `allow_legacy_order_id`): once a layer says false, no other
  layer can say true.
- **`"none"`** leaves out a setting that may be absent."""


def render_reference() -> str:
    """Return the Markdown of ``docs/reference/configuration.md``."""
    parts = [section(code(f"[{name}]"), f"{meaning_of(name)}.", _table(name)) for name in SECTIONS]
    kinds = " ".join(key.kind for key in KEYS.values())
    used = {name for name in RECORDS if name in kinds}  # others are of tools beside the engine
    parts += [_record(name) for name in sorted(used)]
    return "\n\n".join((_LEAD, *parts)) + "\n"


def _table(name: str) -> str:
    keys = [key for key in KEYS.values() if key.section == name]
    return table(("setting", "accepts", "default", "meaning", "source"), map(_row, keys))


def _row(key: Key) -> tuple[str, ...]:
    metadata = key.declared.metadata
    default = code(to_toml(key.default))
    return code(key.name), type_text(key), default, metadata["doc"], metadata["spec"]


def _record(name: str) -> str:
    kind: type[Any] = RECORDS[name]
    said = entries(kind)
    rows = [(code(declared.name), said[declared.name]) for declared in fields(kind)]
    return section(code(name), first_paragraph(kind), table(("name", "meaning"), rows))
