"""Heights of the ground above the ellipsoid: of a raster with its vertical datum, or of the annotation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


class Heights(Protocol):
    """Heights above the WGS84 ellipsoid; picklable, and hashable by dask's `tokenize` in the same way in each process."""

    def at(self, latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> NDArray[np.float64]:
        """Height in m of points in degrees, NaN where it is not known."""
        ...

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest height in m."""
        ...


def heights_of_raster(paths: Sequence[Path], datum: str, box: tuple[float, float, float, float]) -> Heights:
    """Heights of rasters (tiles of one DEM) within a box (west, south, east, north in degrees), with a margin.

    `datum`: "ellipsoid", "EGM96" or "EGM2008". Raises `DataCorrupt`, `DemIncomplete` where no raster covers part of the box,
    `GeoidMissing` where the grid of the geoid is not at hand.
    """
    raise NotImplementedError
