"""Settings of the application around the engine: where files lie and what a run keeps.

None of them changes a result, so none is part of ``config_hash``; what the two files of rules
hold becomes entries of the engine's settings, and those are.
"""

from __future__ import annotations

from attrs import fields, frozen

from grinder_app.runner.outputs import OutputsKept
from grinder_core.errors import ConfigError
from grinder_core.settings import check_path, register_choice, setting

register_choice(OutputsKept)


@frozen(kw_only=True)
class AppSettings:
    """Where files lie and what a run keeps.

    Folders and files are relative to the current directory unless absolute.
    """

    state_dir: str = setting(
        "var/state", "Durable state that must survive a crash.", spec="README section 3"
    )
    artifact_dir: str = setting(
        "var/artifacts", "Runs: `YYYY-MM-DD/run_<run_id>`.", spec="README section 3"
    )
    data_dir: str = setting(
        "var/data", "Recordings and downloaded market data.", spec="README section 3"
    )
    cache_dir: str = setting(
        "var/cache", "What can be deleted at any time.", spec="README section 3"
    )
    constraints_file: str = setting(
        "",
        "The venue's `exchangeInfo`, as `grinder exchange-info fetch` writes it: gives "
        "`symbol_constraints` and `tick_sizes` of every symbol that has none here. Empty: none.",
        spec="CORE-34",
    )
    leverage_brackets_file: str = setting(
        "",
        "The venue's `leverageBracket` answer: gives `leverage_brackets` of every symbol that has "
        "none here. Empty: none.",
        spec="LIVE-40",
    )
    outputs: OutputsKept = setting(
        OutputsKept.CHANGES,
        "Outputs a run keeps. `all`: every one; `changes`: those in which something happened; "
        "`none`.",
        spec="CORE-42",
    )
    equity_interval_ms: int = setting(
        60_000, "One sample of equity and prices in each interval.", ge=1, spec="CORE-42"
    )

    def __attrs_post_init__(self) -> None:
        for declared in fields(AppSettings):
            value = getattr(self, declared.name)
            if declared.name.endswith("_dir") and not value.strip():
                raise ConfigError("must be a folder", field=declared.name, value=value)
            if declared.name.endswith(("_dir", "_file")):
                check_path(declared.name, value)
