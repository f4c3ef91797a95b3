"""Bursts of Sentinel-1 passes: chosen in a catalogue, loaded on the grid of any primary, aligned at overlaps, stitched.

What `insar_preprocessing` is made of. Not here: the geometry (`local_runner.geometry`), reading products
(`local_runner.products`), resampling (`udfs/slc_resample.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from local_runner.geometry.carrier import Carrier
    from local_runner.geometry.radar_grid import RadarGrid
    from local_runner.stac.walk import Found


@dataclass(frozen=True)
class Chosen:
    """One burst of one swath: the item of its primary, and those of its other dates in the order of time.

    `burst_id` is 0 for stripmap, which has none.
    """

    burst_id: int
    swath: str
    primary: Found
    secondaries: tuple[Found, ...]


@dataclass(frozen=True)
class BurstStack:
    """A burst loaded on the grid of its primary.

    `cube`: lazy (t, bands, y, x) float32 with i, q, shifts, carrier phases and positions, as a driver gives them.
    `grid`, `carrier`: those of the primary's burst; `carrier` is None where the mode has none (stripmap, of which `burst_id` is
    0). `valid_lines`, `valid_samples`: first and last index, both inclusive, of what is valid in the primary: all of these
    samples in all of these lines.
    """

    burst_id: int
    swath: str
    cube: xr.DataArray
    grid: RadarGrid
    carrier: Carrier | None
    valid_lines: tuple[int, int]
    valid_samples: tuple[int, int]
