"""Geometry as bands: lazy arrays (y, x), float32, on the grid of the stack primary, made chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import dask.array as da

    from local_runner.geometry.carrier import Carrier
    from local_runner.geometry.elevation import Heights
    from local_runner.geometry.radar_grid import RadarGrid

POSITION: Final = ("grid_lat", "grid_lon", "height", "incidence_angle", "look_east", "look_north", "look_up")
SHIFT: Final = ("azimuth_shift", "range_shift", "reference_phase")
CARRIER: Final = ("deramp_phase", "reramp_phase")


@dataclass(frozen=True)
class View:
    """A date seen from the stack primary: grids and carriers of both, and the heights of the ground.

    `carrier` is that of the date, None where the mode has none (stripmap): then there are no bands `CARRIER`. For the stack
    primary itself `date` is `primary`.
    """

    primary: RadarGrid
    date: RadarGrid
    heights: Heights
    carrier: Carrier | None = None


def bands(view: View) -> dict[str, Callable[[], da.Array]]:
    """For each of POSITION, SHIFT and CARRIER, what makes its lazy array (y, x), float32, chunks of 256 whole rows.

    Names of tasks are a function of the view alone, so that a band that several dates share is computed once.
    """
    raise NotImplementedError
