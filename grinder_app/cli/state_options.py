"""Which durable state a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from attrs import frozen
from cyclopts import Parameter

from grinder_adapters.binance.permission import PortKind
from grinder_app.runner.options import ConfigOptions, PolicyOptions

CORRUPT: Final = 3
"""Exit code of a command that found its state damaged."""


@Parameter(name="*")
@frozen(kw_only=True)
class StateOptions:
    """Which state.

    Parameters
    ----------
    state_dir
        Folder of the durable state, instead of the setting app.state_dir.
    port
        Whose state: sim, futures, spot, paper or noop; by default the only one that there is.
    """

    state_dir: Path | None = None
    port: PortKind | None = None

    def root(self, settings: ConfigOptions) -> Path:
        """Return the folder of all ports."""
        if self.state_dir is not None:
            return self.state_dir
        return Path(settings.load().app.state_dir)

    def existing(self, settings: ConfigOptions) -> Path:
        """Return the folder of a state that is there."""
        from grinder_app.live.state_folder import existing_state

        return existing_state(self.root(settings), self.port)

    def given(self) -> str:
        """Return these options as they were given, for a command to repeat."""
        words = [] if self.state_dir is None else ["--state-dir", str(self.state_dir)]
        words += [] if self.port is None else ["--port", self.port.value]
        return " ".join(words)


Where = Annotated[StateOptions, Parameter(name="*")]
ANYWHERE: Final = StateOptions()
SETTINGS: Final = ConfigOptions()
NO_POLICY: Final = PolicyOptions()
