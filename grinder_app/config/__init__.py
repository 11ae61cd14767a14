"""Settings: where they come from, which one wins, and how they are shown.

Flag > environment > profile > file > default. ``load_settings`` is the one way in.
"""

from grinder_app.config.app_settings import AppSettings
from grinder_app.config.load import Settings, load_settings

__all__ = ["AppSettings", "Settings", "load_settings"]
