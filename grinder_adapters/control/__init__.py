"""The operator's channel to a live process: one file in the folder of its state (LIVE-41)."""

from grinder_adapters.control.file import CONTROL_FILE, Appended, ControlFile, Mark
from grinder_adapters.control.records import (
    ControlState,
    DoneCommand,
    Outcome,
    PendingCommand,
    Standing,
)

__all__ = [
    "CONTROL_FILE",
    "Appended",
    "ControlFile",
    "ControlState",
    "DoneCommand",
    "Mark",
    "Outcome",
    "PendingCommand",
    "Standing",
]
