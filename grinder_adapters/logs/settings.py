"""Settings of the structured log."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from grinder_core.settings import check_path, register_choice, setting


@register_choice
class LogLevel(StrEnum):
    """From which level on a line is written."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@register_choice
class LogFormat(StrEnum):
    """How a line looks: ``auto`` is text on a terminal and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


@frozen(kw_only=True)
class LogSettings:
    """What is logged, how, and where."""

    log_level: LogLevel = setting(
        LogLevel.INFO, "Lines below this level are left out.", spec="Appendix A"
    )
    log_format: LogFormat = setting(
        LogFormat.AUTO,
        "`json`: one object a line; `text`: for people; `auto`: text on a terminal, JSON "
        "elsewhere.",
        spec="Appendix A",
    )
    log_file: str = setting(
        "", "The file that lines are appended to. Empty: standard error.", spec="Appendix A"
    )

    def __attrs_post_init__(self) -> None:
        check_path("log_file", self.log_file)
