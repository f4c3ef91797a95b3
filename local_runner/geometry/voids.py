"""How much of an area a DEM leaves void, by single pixels at some points: what is asked before heights are of use.

Not here: small voids between the points. They are found when the heights are read, and are NaN in the bands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from local_runner.files.raster import GDAL_OPTIONS, Reader, corrupt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from local_runner.files.raster import Header
    from local_runner.geometry.dem import RasterHeights

    Floats = NDArray[np.float64]

BESIDE_PX: Final = 2.0
"""By which a point may be beyond a tile and still ask for its border: a DEM covers an image up to 1.5 pixels."""


def void_share(heights: RasterHeights, latitude: Floats, longitude: Floats) -> float:
    """Share, 0 to 1, of points (n,) in degrees at which no tile has a height and no sea is.

    Reads the pixel nearest to each point. Raises `DataCorrupt` where a raster cannot be read.
    """
    is_known = np.zeros(latitude.size, bool)
    is_covered = np.zeros(latitude.size, bool)
    for tile in heights.tiles:
        row, column = tile.lattice.place(latitude, longitude)
        rows, columns = tile.header.shape
        inside = (row >= -BESIDE_PX) & (row <= rows - 1 + BESIDE_PX)
        inside &= (column >= -BESIDE_PX) & (column <= columns - 1 + BESIDE_PX)
        is_covered |= inside
        index = np.flatnonzero(inside & ~is_known)
        if index.size:
            nearest = np.rint(row[index]).clip(0, rows - 1), np.rint(column[index]).clip(0, columns - 1)
            is_known[index] = _are_known(tile.header, *(each.astype(int) for each in nearest))
    if heights.beyond_is_sea:
        is_known |= ~is_covered
    return float(1 - is_known.mean())


def _are_known(header: Header, rows: NDArray[np.int_], columns: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Whether pixels (n,) of band 1 are heights; those of a block come from GDAL's cache once it is read."""
    pixels = [Window(column, row, 1, 1) for row, column in zip(rows.tolist(), columns.tolist(), strict=True)]
    try:
        with rasterio.Env(**GDAL_OPTIONS), Reader(str(header.path), driver="GTiff", sharing=False) as file:
            values = np.concatenate([file.read(1, window=pixel).ravel() for pixel in pixels])
    except (RasterioError, OSError) as error:
        raise corrupt(header.path, error) from error
    heights = values.astype(np.float64)
    # a no-data value of 0 is the level of the sea; others may be rounded to the type of the pixels
    is_void = np.isclose(heights, header.nodata[0], rtol=1e-6, atol=0) if header.nodata[0] else np.isnan(heights)
    return np.isfinite(heights) & ~is_void
