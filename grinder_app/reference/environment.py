"""The page of environment variables, from their table."""

from __future__ import annotations

from typing import Final

from grinder_app.config.catalog import KEYS
from grinder_app.config.live_variables import ABSENT, FROM_FILE, VARIABLES, Variable
from grinder_app.config.values import to_toml, type_text
from grinder_app.reference.markdown import code, page, section, table

_LEAD: Final = """\
`GRINDER_SECTION__KEY` sets any [setting](configuration.md). The variables below have names of
their own; `grinder config show` prints what each says, with secrets as `[REDACTED]`.

- Variables are read once, at the start. True words are `1`, `true`, `yes`, `on`; false words `0`,
  `false`, `no`, `off`; case and spaces around do not matter.
- A malformed value of a variable that is read is refused with exit code 2; the message names the
  variable, the value and what is accepted.
- An empty variable counts as unset, but for those that say otherwise below.
- A flag wins over a variable, a variable over the file. What permits something is different: once
  `ARMED`, or a permission in any layer, explicitly says no, nothing else can say yes.
- Two variables that set one setting to different values are refused.
- An unknown name that begins with `GRINDER_`, `RECONCILE_` or `REMEDIATION_` draws a warning with
  the nearest one that exists."""

_ONLY_HERE: Final = f"""\
No file and no flag can give these, but for `ARMED`, which is the flag `--armed` too. Secrets may
stand in files instead: `BINANCE_API_KEY{FROM_FILE}`, `BINANCE_API_SECRET{FROM_FILE}`,
`GRINDER_WEBHOOK_URL_FILE` and `GRINDER_WEBHOOK_SECRET_FILE` name them, and each must be a regular
file of mode 0600 or stricter. The venue's pair may stand in the user's keyring too, under the
service that `GRINDER_KEYRING` names and with the names of the variables. On loopback the pair of
the venue is not used: the local exchange has one of its own, which is no secret."""

_SETTINGS: Final = "These set a setting, whose page says more. Malformed values are refused."

_ABSENT: Final = """\
These belong to features that this version does not have. The commands below `grinder live` refuse
to start while one of them is set; other commands ignore them."""


def environment_markdown() -> str:
    """Return the Markdown of ``docs/reference/environment.md``."""
    own = [v for v in VARIABLES if not v.setting]
    head = ("variable", "accepts", "default", "meaning", "malformed", "empty")
    alone = section("Read from the environment alone", _ONLY_HERE, table(head, map(_own_row, own)))
    setting = [v for v in VARIABLES if v.setting]
    head = ("variable", "sets", "accepts", "default", "meaning", "empty")
    others = section("Names for settings", _SETTINGS, table(head, map(_setting_row, setting)))
    rows = [(code(name), absent.feature) for absent in ABSENT for name in absent.names]
    absent = section("Features that are absent", _ABSENT, table(("variable", "feature"), rows))
    return page("Environment variables", _LEAD, alone, others, absent)


def _own_row(variable: Variable) -> tuple[str, ...]:
    return (
        code(variable.name),
        variable.kind,
        variable.default,
        variable.meaning,
        variable.strictness,
        _empty(variable),
    )


def _setting_row(variable: Variable) -> tuple[str, ...]:
    key = KEYS[variable.setting]
    return (
        code(variable.name),
        code(key.dotted),
        type_text(key),
        code(to_toml(key.default)),
        key.declared.metadata["doc"],
        _empty(variable),
    )


def _empty(variable: Variable) -> str:
    return "an explicit no" if variable.is_refusal_when_empty else "unset"
