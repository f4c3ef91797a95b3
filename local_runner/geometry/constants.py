"""Constants of the geometry."""

from __future__ import annotations

from typing import Final

SPEED_OF_LIGHT_M_S: Final = 299_792_458.0
"""In vacuum; exact (SI)."""
SEMI_MAJOR_AXIS_M: Final = 6_378_137.0
"""Of the WGS84 ellipsoid; exact by definition."""
FLATTENING: Final = 1 / 298.257223563
"""Of the WGS84 ellipsoid; exact by definition."""
