"""Looking after a running house: health of every part, the modules there are, `parlor doctor`.

What being healthy means is said by each module in its checks; this room runs them.
"""

from typing import TYPE_CHECKING

from parlor.core.lazy import exports

if TYPE_CHECKING:
    from parlor.ops.board import HealthBoard, NoSuchComponent, Observation

__all__ = ["HealthBoard", "NoSuchComponent", "Observation"]

__getattr__ = exports(__name__, {"board": "HealthBoard NoSuchComponent Observation"})
