"""What giving funding files means for the settings, unless those say otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import evolve

from grinder_adapters.feeds.funded import FLAG
from grinder_app.config import Settings
from grinder_app.config.load import DEFAULT
from grinder_core.contracts.enums import FundingSource
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError

SETTING: Final = "venue.funding_source"


def charge_funding(settings: Settings, funding: Sequence[Path]) -> Settings:
    """Return settings under which the files' settlements are paid; unchanged without files.

    Raises:
        ConfigError: Somebody chose another source of funding, so that the files would do nothing.
    """
    if not funding:
        return settings
    origin = settings.origins[SETTING]
    if origin == DEFAULT:
        return evolve(
            settings, engine=charged(settings.engine), origins={**settings.origins, SETTING: FLAG}
        )
    chosen = settings.engine.venue.funding_source
    if chosen is not FundingSource.DATA:
        raise ConfigError(
            f"does nothing while {SETTING} is {chosen.value} (set by {origin})",
            field=FLAG,
            value=str(funding[0]),
            remedy=f"leave the option out, or set {SETTING}=data",
        )
    return settings


def charged(config: EngineConfig) -> EngineConfig:
    """Return a configuration under which FUNDING events settle."""
    return config.with_values({"funding_source": FundingSource.DATA})
