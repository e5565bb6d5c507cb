"""The settings tree: every module's group, where each value came from, and what is refused.

What a setting means belongs to the module whose group it is in.
"""

from parlor.config.load import load, load_settings, read_root
from parlor.config.settings import Explanation, Hidden, Settings, UnknownSetting

__all__ = ["Explanation", "Hidden", "Settings", "UnknownSetting", "load", "load_settings", "read_root"]
