"""Heights of the ground under a burst: of a DEM, or of the geolocation grid of the annotation."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from local_runner.access import Access, locate
from local_runner.errors import DataError
from local_runner.geometry.elevation import heights_of_raster
from local_runner.geometry.lattice import HeightGrid, Lattice
from local_runner.geometry.range_doppler import forward
from local_runner.stac import footprint
from local_runner.stac.bands import addresses
from local_runner.stac.walk import items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from local_runner.geometry.elevation import Heights
    from local_runner.geometry.radar_grid import RadarGrid
    from local_runner.products.sentinel1_slc.annotation import Annotation
    from local_runner.stac.footprint import Ring

    Box = Sequence[float]
    Floats = NDArray[np.float64]

CELLS: Final = 150
"""Cells along each side of the raster that stands for the geolocation grid, whose points are 4 to 20 km apart."""
MARGIN_DEG: Final = 0.5
"""Around the points: more than relief displaces the ground."""
_TOLERANCE: Final = 1e-9
"""Of the borders of triangles, in degrees and as a share."""
_STEPS: Final = 4
"""Of the fixed point of position and height, for ground as smooth as the geolocation grid tells it."""


@lru_cache(maxsize=64)
def of_annotation(annotation: Annotation) -> HeightGrid:
    """Heights of the geolocation grid, linear between its points and from its border to the corners of a wider box.

    The corners have the height of the nearest point, so that heights go on beyond the grid, which ends with the image.
    """
    from scipy.spatial import Delaunay  # noqa: PLC0415  (takes long, for whoever opens any product)

    points = annotation.geolocation
    middle = float(points.longitude[0])
    longitude = middle + (points.longitude - middle + 180) % 360 - 180
    known = np.stack((points.latitude, longitude), axis=-1)
    low, high = known.min(axis=0) - MARGIN_DEG, known.max(axis=0) + MARGIN_DEG
    corners = np.array([(lat, lon) for lat in (low[0], high[0]) for lon in (low[1], high[1])])
    nearest = np.linalg.norm(corners[:, None] - known, axis=-1).argmin(axis=1)
    places = np.concatenate((known, corners))
    values = np.concatenate((points.height, points.height[nearest]))
    rows, columns = (np.linspace(start, end, CELLS)[1:-1] for start, end in zip(low, high, strict=True))
    triangles = Delaunay(places).simplices
    heights = _interpolated(places[triangles], values[triangles], rows, columns)
    steps = rows[1] - rows[0], columns[1] - columns[0]
    lattice = Lattice("EPSG:4326", middle, float(columns[0]), float(rows[0]), float(steps[1]), float(steps[0]))
    return HeightGrid(heights.astype(np.float32), lattice)


def _interpolated(corners: Floats, values: Floats, rows: Floats, columns: Floats) -> Floats:
    """Values (rows, columns) linear in triangles, by their `corners` (n, 3, 2) as (row, column) and `values` (n, 3) there.

    NaN outside of all. scipy's interpolator solves a system for each triangle, with threads that wait for each other.
    """
    found = np.full((rows.size, columns.size), np.nan)
    for corner, value in zip(corners, values, strict=True):
        low, high = corner.min(axis=0) - _TOLERANCE, corner.max(axis=0) + _TOLERANCE
        down, along = (
            slice(*np.searchsorted(axis, span))
            for axis, span in ((rows, (low[0], high[0])), (columns, (low[1], high[1])))
        )
        (y0, x0), (y1, x1) = corner[0] - corner[2], corner[1] - corner[2]
        area = y0 * x1 - y1 * x0
        if abs(area) < _TOLERANCE**2:
            continue
        y, x = rows[down, None] - corner[2, 0], columns[None, along] - corner[2, 1]
        first, second = (y * x1 - x * y1) / area, (x * y0 - y * x0) / area
        inside = (first >= -_TOLERANCE) & (second >= -_TOLERANCE) & (first + second <= 1 + _TOLERANCE)
        height = value[2] + first * (value[0] - value[2]) + second * (value[1] - value[2])
        found[down, along][inside] = height[inside]
    return found


def on_ground(
    grid: RadarGrid, heights: HeightGrid, line: NDArray[np.float64], sample: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Latitude, longitude (degrees) and height (m) of pixels on smooth ground, broadcast."""
    height = np.zeros(np.broadcast_shapes(line.shape, sample.shape))
    for _ in range(_STEPS):
        latitude, longitude = forward(grid, line, sample, height)
        height = heights.at(latitude, longitude)
    return latitude, longitude, height


def outline(grid: RadarGrid, annotation: Annotation, index: int) -> Ring | None:
    """Outline of the valid part of a burst on smooth ground, positions (longitude, latitude) in degrees; None without one."""
    burst = annotation.bursts[index]
    valid = np.flatnonzero(burst.first_valid >= 0)
    if not valid.size:
        return None
    first, last = int(valid[0]), int(valid[-1])
    left, right = int(burst.first_valid[valid].min()), int(burst.last_valid.max())
    line = first + np.array(footprint.sample_positions(last - first + 1), float)
    sample = left + np.array(footprint.sample_positions(right - left + 1), float)
    latitude, longitude, _ = on_ground(grid, of_annotation(annotation), line[:, None], sample[None, :])
    return footprint.of_samples(latitude, longitude)


def of_dem(rasters: Sequence[Path], datum: str | None, grid: RadarGrid, annotation: Annotation, index: int) -> Heights:
    """Heights of a DEM, which must cover the valid part of a burst; raises what `heights_of_raster` does."""
    ring = outline(grid, annotation, index)
    _, box = footprint.geometry_of(ring)
    if ring is None or box is None:
        must = f"burst {index} of {annotation.path} must have valid samples"
        raise DataError("DataCorrupt", must, do="Leave it out with --burst")
    west, south, east, north = box
    return heights_of_raster(rasters, datum, (west, south, east, north), ring)


def dem_rasters(dem: str) -> list[tuple[Path, Box | None]]:
    """Rasters of a DEM with the box of each if it is known: a raster, a folder of them, or a STAC document.

    Raises `FileNotFound`, and what reading a catalogue raises.
    """
    where = locate(dem)
    path = Path(where)
    if path.is_dir():
        rasters = sorted(file for file in path.iterdir() if file.suffix.lower() in (".tif", ".tiff"))
        if not rasters:
            raise DataError("FileNotFound", "A folder of a DEM must hold GeoTIFF files or a collection.json", got=where)
        return [(raster, None) for raster in rasters]
    if path.is_file() and path.suffix.lower() != ".json":
        return [(path, None)]
    access = Access(trusted=True).naming(dem)
    return [
        (access.open_path(href), found.item.get("bbox"))
        for found in items(dem, access)
        for _, href in addresses(found, access.resolve)
    ]


def meets(box: Box | None, other: Box) -> bool:
    """Whether two boxes (west, south, east, north) have points in common; one that is not known meets all."""
    if box is None or len(box) != 4:
        return True
    (west, south, east, north), (west_2, south_2, east_2, north_2) = box, other
    width, width_2 = (
        end - start if start <= end else end - start + 360 for start, end in ((west, east), (west_2, east_2))
    )
    apart = min((west_2 - west) % 360 - width, (west - west_2) % 360 - width_2)
    return south <= north_2 and south_2 <= north and apart <= 0
