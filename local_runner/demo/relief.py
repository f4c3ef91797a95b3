"""The ground below a simulated image: a DEM of given heights, what its pixels see of it, and where that is not clear.

Layover: a range at which a line sees more than one height. The heights from lowest to highest are searched in steps of
`STEP_M`, at every `SPARSE`-th line and sample; smaller folds are not found. Shadow: ground beyond ground that is higher above
the line of sight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, cast

import dask.array as da
import numba
import numpy as np
from affine import Affine
from pyproj import CRS
from scipy.ndimage import maximum_filter

from local_runner.files.raster_writer import Target, write_geotiff
from local_runner.geometry import kernels
from local_runner.geometry.constants import SEMI_MAJOR_AXIS_M
from local_runner.geometry.coregistration import METRES_PER_DEGREE
from local_runner.geometry.elevation import heights_of_raster
from local_runner.geometry.ground import Ground, ground_of, located, reach, sight

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from local_runner.geometry.lattice import HeightGrid
    from local_runner.geometry.polynomial import Polynomial
    from local_runner.geometry.radar_grid import RadarGrid

    Floats = NDArray[np.float64]

STEP_M: Final = 10.0
SPARSE: Final = 4
"""Lines and samples: about 55 m by 15 m."""
CELL_DEG: Final = 1 / 1200
"""Cells of a DEM that is written: 3 arc seconds."""
_MARGIN_DEG: Final = 0.06
_ROWS: Final = 256


def write_relief(
    path: Path, grids: Sequence[RadarGrid], height: Callable[[Floats, Floats], Floats], cell_deg: float = CELL_DEG
) -> Path:
    """Write `height` (m above the ellipsoid) of latitude and longitude as DEM around all that images may see, EPSG:4326."""
    west, south, east, north = _hull([reach(grid) for grid in grids])
    x = np.arange(west - _MARGIN_DEG, east + _MARGIN_DEG, cell_deg)
    y = np.arange(north + _MARGIN_DEG, south - _MARGIN_DEG, -cell_deg)
    values = np.broadcast_to(height(y[:, None], x), (y.size, x.size)).astype(np.float32)
    transform = Affine(cell_deg, 0, x[0] - cell_deg / 2, 0, -cell_deg, y[0] + cell_deg / 2)
    lazy = da.from_array(values, chunks=(_ROWS, -1), name=False)
    write_geotiff([Target(path, lazy, "height")], transform=transform, crs=CRS.from_epsg(4326))
    return path


@dataclass(frozen=True, eq=False)
class Relief:
    """The ground that the pixels of an image see, by a DEM of heights above the ellipsoid."""

    grid: RadarGrid
    dem: HeightGrid
    ground: Ground

    @classmethod
    def of_raster(cls, grid: RadarGrid, path: Path) -> Relief:
        """Read the DEM below an image; raises what `heights_of_raster` does."""
        heights = heights_of_raster([path], "ellipsoid", reach(grid))
        return cls(grid, heights.load(), ground_of(grid, heights))

    def heights(self, lines: range) -> NDArray[np.float32]:
        """Heights (lines, samples) in m, NaN where the DEM has none."""
        return self.ground.heights(self.dem, np.array(lines))

    def positions(self, lines: range, heights: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Latitude and longitude of pixels in degrees."""
        place = located(self.grid)
        return evaluated(place.latitude, lines, heights), evaluated(place.longitude, lines, heights)

    def is_clear(self) -> NDArray[np.bool_]:
        """Whether each pixel (y, x) sees one place alone, and sees it; to within 2 `SPARSE`, by which more is not clear."""
        (lines, samples), mid = self.grid.shape, self.grid.mid[0]
        incidence = sight(self.grid)[0].at(mid, np.array([0, samples - 1]), 0.0)
        if self._steepest < min(incidence.min(), math.pi / 2 - incidence.max()) - math.radians(1):
            return np.ones(self.grid.shape, bool)
        chosen = np.arange(0, lines, SPARSE)
        hidden = self._folded(chosen) | self._shadowed(chosen, float(incidence.max()))
        around: NDArray[np.bool_] = maximum_filter(hidden, 3)
        return ~around.repeat(SPARSE, axis=0).repeat(SPARSE, axis=1)[:lines, :samples]

    @property
    def _span(self) -> tuple[float, float]:
        return float(np.nanmin(self.dem.values)), float(np.nanmax(self.dem.values))

    @cached_property
    def _steepest(self) -> float:
        """Bound on all slopes in rad."""
        lattice, values = self.dem.lattice, self.dem.values
        step = np.array([lattice.dy, lattice.dx])
        if lattice.is_geographic:
            rows = np.array([0.0, values.shape[0] - 1.0])
            latitude, _ = lattice.degrees(rows, 0 * rows)
            step *= METRES_PER_DEGREE * np.array([1.0, np.cos(np.radians(np.abs(latitude).max()))])
        rise = [float(np.nanmax(np.abs(np.diff(values, axis=axis)), initial=0.0)) for axis in (0, 1)]
        return math.atan(float(np.hypot(*(np.array(rise) / step))))

    def _folded(self, lines: NDArray[np.int64]) -> NDArray[np.bool_]:
        assert self.ground.place is not None  # noqa: S101
        rows, columns = (polynomial.on_lines(lines) for polynomial in self.ground.place)
        sample = self.ground.place[0].normalised_sample(np.arange(0, self.grid.shape[1], SPARSE))
        low, high = self._span
        levels = np.linspace(low - 1, high + 1, math.ceil((high - low) / STEP_M) + 2)
        out = np.zeros((lines.size, sample.size), np.bool_)
        _folds(self.dem.values, rows, columns, sample, levels, out)
        return out

    def _shadowed(self, lines: NDArray[np.int64], incidence: float) -> NDArray[np.bool_]:
        """By the angle off nadir, which grows with range but where ground is hidden; also by ground before the image."""
        before = math.ceil(np.ptp(self._span) / (self.grid.range_spacing_m * math.cos(incidence)))
        first = self.grid.slant_range_first_m - before * self.grid.range_spacing_m
        shape = (self.grid.shape[0], self.grid.shape[1] + before)
        wide = replace(self.grid, slant_range_first_m=first, shape=shape)
        heights = ground_of(wide, self.dem).heights(self.dem, lines)
        sensor = np.linalg.norm(self.grid.orbit.at(self.grid.time_s(self.grid.mid[0]))[0])
        latitude = np.radians(located(self.grid).at(*self.grid.mid, 0.0)[0])
        radius = SEMI_MAJOR_AXIS_M * (1 - np.sin(latitude) ** 2 / 298.257)
        slant = wide.slant_range_m(np.arange(shape[1]))
        nadir = (sensor**2 + slant**2 - (radius + heights) ** 2) / (2 * sensor * slant)
        return np.asarray(nadir > np.minimum.accumulate(nadir, axis=1))[:, before::SPARSE]


def evaluated(polynomial: Polynomial, lines: range | Floats, heights: NDArray[np.float32]) -> Floats:
    """Values (lines, samples) of a polynomial at all samples of lines, which may be fractional."""
    out = np.empty(heights.shape)
    sample = polynomial.normalised_sample(np.arange(heights.shape[1]))
    kernels.evaluate(polynomial.on_lines(np.asarray(lines)), sample, heights, out)
    return out


def _hull(boxes: Sequence[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    west, south, east, north = np.array(boxes).T
    return float(west.min()), float(south.min()), float(east.max()), float(north.max())


def _folds_of(
    values: NDArray[np.float32],
    rows: Floats,
    columns: Floats,
    sample: Floats,
    levels: Floats,
    out: NDArray[np.bool_],
) -> None:
    """Write whether the ground of a pixel crosses the height at which it would be seen more than once, to `out` (y, x).

    `rows`, `columns`: polynomials (y, j, k) of lines, the place in `values` by powers of `sample` (x,) and of the height.
    """
    powers, degree = rows.shape[1], rows.shape[2]
    row, column = np.empty(degree), np.empty(degree)
    for i in range(out.shape[0]):
        for s in range(sample.size):
            for k in range(degree):
                row[k], column[k] = 0.0, 0.0
                for j in range(powers - 1, -1, -1):
                    row[k] = row[k] * sample[s] + rows[i, j, k]
                    column[k] = column[k] * sample[s] + columns[i, j, k]
            changes, was_above = 0, True
            for h in levels:
                y, x = 0.0, 0.0
                for k in range(degree - 1, -1, -1):
                    y, x = y * h + row[k], x * h + column[k]
                is_above = kernels.bilinear(values, y, x) > h
                changes += is_above != was_above
                was_above = is_above
            out[i, s] = changes != 1


_folds: Final = cast("Callable[..., None]", numba.njit(cache=True, nogil=True, error_model="numpy")(_folds_of))
