"""Heights of the ground under a burst: of a DEM, or of the geolocation grid of the annotation."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from local_runner.errors import DataError
from local_runner.geometry.constants import SPEED_OF_LIGHT_M_S
from local_runner.geometry.elevation import GAPS, heights_of_raster
from local_runner.geometry.ground import reach
from local_runner.geometry.lattice import HeightGrid, Lattice
from local_runner.geometry.range_doppler import forward
from local_runner.stac import footprint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from local_runner.geometry.dem import RasterHeights
    from local_runner.geometry.radar_grid import RadarGrid
    from local_runner.products.sentinel1_slc.annotation import Annotation
    from local_runner.products.sentinel1_slc.bursts import Burst
    from local_runner.stac.footprint import Ring

    Floats = NDArray[np.float64]

CELLS: Final = 600
"""Cells along each side of the raster that stands for the geolocation grid: of 0.5 km, the points being 4 to 20 km apart."""
MARGIN_DEG: Final = 0.5
"""Around the points: more than relief displaces the ground."""
POINTS: Final = (17, 17)
"""Lines and samples of a burst at which voids of a DEM are sought: some 1 km and 5 km apart."""
_FAR: Final = 4
"""How often the diagonal of the box the border is moved away, so that what is between covers the box."""
_TOLERANCE: Final = 1e-9
"""Of the borders of triangles, in degrees and as a share."""


@lru_cache(maxsize=64)
def of_annotation(annotation: Annotation) -> HeightGrid:
    """Heights of the geolocation grid, linear between its points, and as at its border beyond it, where the image may go on.

    Raises `DataCorrupt` unless each of its lines has the same number of points.
    """
    points = annotation.geolocation
    middle = float(points.longitude[0])
    longitude = middle + (points.longitude - middle + 180) % 360 - 180
    lines = lines_of(annotation)
    known = np.stack((points.latitude, longitude), axis=-1)[lines]
    low, high = known.min(axis=(0, 1)) - MARGIN_DEG, known.max(axis=(0, 1)) + MARGIN_DEG
    places, values = known, points.height[lines]
    for axis in (0, 1):
        places, values = _widened(places, axis, _FAR * float(np.linalg.norm(high - low))), _repeated(values, axis)
    rows, columns = (np.linspace(start, end, CELLS)[1:-1] for start, end in zip(low, high, strict=True))
    heights = _interpolated(_triangles(places), _triangles(values), rows, columns)
    steps = rows[1] - rows[0], columns[1] - columns[0]
    lattice = Lattice("EPSG:4326", middle, float(columns[0]), float(rows[0]), float(steps[1]), float(steps[0]))
    return HeightGrid(heights.astype(np.float32), lattice)


def lines_of(annotation: Annotation) -> NDArray[np.intp]:
    """Indices (lines, samples) of the points of the geolocation grid, by time and by slant range."""
    points = annotation.geolocation
    ordered = np.lexsort((points.slant_range_time_s, points.line))
    _, counts = np.unique(points.line, return_counts=True)
    if counts.size < 2 or counts[0] < 2 or (counts != counts[0]).any():
        must = f"geolocationGridPointList of {annotation.path} must have two lines or more of as many points each"
        raise DataError("DataCorrupt", must, got=counts.tolist(), do="Download the product again")
    lines = ordered.reshape(counts.size, -1)
    return lines[np.argsort(points.time[lines[:, 0]], kind="stable")]


def _widened(places: Floats, axis: int, far: float) -> Floats:
    """Places (lines, samples, 2) with the border at both ends of an axis once more, moved away by `far` degrees."""
    first, last = np.take(places, [0], axis), np.take(places, [-1], axis)
    along = (last - first).mean(axis=(0, 1))
    step = far * along / np.linalg.norm(along)
    return np.concatenate((first - step, places, last + step), axis)


def _repeated(values: Floats, axis: int) -> Floats:
    return np.concatenate((np.take(values, [0], axis), values, np.take(values, [-1], axis)), axis)


def _triangles(of: Floats) -> Floats:
    """Corners of two triangles for each mesh of a grid (lines, samples, ...): (n, 3, ...)."""
    a, b, c, d = of[:-1, :-1], of[:-1, 1:], of[1:, :-1], of[1:, 1:]
    both = np.stack((np.stack((a, b, c), axis=2), np.stack((d, b, c), axis=2)))
    return both.reshape(-1, *both.shape[3:])


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


def on_ground(grid: RadarGrid, annotation: Annotation, line: Floats, sample: Floats) -> tuple[Floats, Floats, Floats]:
    """Latitude, longitude (degrees) and height (m) of pixels (n,), with heights linear between the geolocation points.

    Raises `DataCorrupt` where there is no such ground.
    """
    points, lines = annotation.geolocation, lines_of(annotation)
    time_s = (points.time[lines[:, 0]] - grid.first_line_time) / np.timedelta64(1, "s")
    known = SPEED_OF_LIGHT_M_S / 2 * points.slant_range_time_s[lines], points.height[lines]
    wanted = grid.slant_range_m(sample)
    across = np.stack([np.interp(wanted, *of_line) for of_line in zip(*known, strict=True)])
    place = np.interp(grid.time_s(line), time_s, np.arange(time_s.size))
    before, column = np.minimum(place.astype(int), time_s.size - 2), np.arange(place.size)
    share = place - before
    height = (1 - share) * across[before, column] + share * across[before + 1, column]
    latitude, longitude = forward(grid, line, sample, height)
    if not np.isfinite(latitude).all():
        must = f"orbitList, slantRangeTime and geolocationGrid of {annotation.path} must place the image on the ground"
        raise DataError(
            "DataCorrupt", must, got="a slant range that does not reach it", do="Download the product again"
        )
    return latitude, longitude, height


def outline(grid: RadarGrid, annotation: Annotation, index: int) -> Ring | None:
    """Outline of the valid part of a burst on smooth ground, positions (longitude, latitude) in degrees; None without one."""
    box = _valid(annotation.bursts[index])
    if box is None:
        return None
    first, last, left, right = box
    line = first + np.array(footprint.sample_positions(last - first + 1), float)
    sample = left + np.array(footprint.sample_positions(right - left + 1), float)
    latitude, longitude = np.full((2, line.size, sample.size), np.nan)
    border = np.ones(latitude.shape, bool)
    border[1:-1, 1:-1] = False
    j, i = np.nonzero(border)
    latitude[border], longitude[border], _ = on_ground(grid, annotation, line[j], sample[i])
    return footprint.of_samples(latitude, longitude)


def lattice(grid: RadarGrid, annotation: Annotation, index: int) -> tuple[Floats, Floats]:
    """Latitude and longitude (n,) in degrees of `POINTS` from border to border of the valid part of a burst, smooth ground."""
    first, last, left, right = _valid(annotation.bursts[index]) or (0, 0, 0, 0)
    line, sample = np.meshgrid(np.linspace(first, last, POINTS[0]), np.linspace(left, right, POINTS[1]))
    latitude, longitude, _ = on_ground(grid, annotation, line.ravel(), sample.ravel())
    return latitude, longitude


def _valid(burst: Burst) -> tuple[int, int, int, int] | None:
    """First and last line, first and last sample of the valid part; None without one."""
    valid = np.flatnonzero(burst.first_valid >= 0)
    if not valid.size:
        return None
    return int(valid[0]), int(valid[-1]), int(burst.first_valid[valid].min()), int(burst.last_valid.max())


def of_dem(
    rasters: Sequence[Path],
    datum: str | None,
    grid: RadarGrid,
    annotation: Annotation,
    index: int,
    gaps: str = GAPS[0],
) -> RasterHeights:
    """Heights of a DEM under a whole burst, of which they must cover the valid part unless `gaps` are sea.

    Raises what `heights_of_raster` does.
    """
    ring = outline(grid, annotation, index)
    if ring is None:
        must = f"burst {index} of {annotation.path} must have valid samples"
        raise DataError("DataCorrupt", must, do="Leave it out with --burst")
    return heights_of_raster(rasters, datum, reach(grid), ring, gaps)
