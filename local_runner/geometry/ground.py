"""The ground that pixels see: their heights by the DEM, and what follows for their position and line of sight.

A pixel at line l and sample s sees the point at which h = DEM(place(l, s, h)): places by polynomials, roots by a search along
each line. In layover there are several; the search keeps to the slope that it came from, seen from near to far range.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from local_runner.geometry import kernels
from local_runner.geometry.coregistration import POSITION_DEGREES, SHIFT_DEGREES, SPAN_M, box_of, locate, wrapped
from local_runner.geometry.dem import RasterHeights
from local_runner.geometry.lattice import HeightGrid
from local_runner.geometry.polynomial import Polynomial, fit_within
from local_runner.geometry.range_doppler import forward, look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from local_runner.geometry.coregistration import Position
    from local_runner.geometry.elevation import Heights
    from local_runner.geometry.lattice import Lattice
    from local_runner.geometry.polynomial import Fit
    from local_runner.geometry.radar_grid import RadarGrid

    Floats = NDArray[np.float64]

MAX_PLACE_RESIDUAL_PX: Final = 1e-3
"""Of the DEM."""
MAX_SIGHT_RESIDUAL: Final = 1e-7
"""Of unit vectors and of the incidence angle in rad: float32 has no more."""
EDGE_POINTS: Final = 9
"""Along the edges of an image, by which its extent is known."""
FIXED_POINTS: Final = 8
"""Steps of h = heights(place(h)) for heights that are not those of a raster; they are smooth."""


class Positions(NamedTuple):
    """Latitude and longitude in degrees, height in m above the ellipsoid, each float64, NaN where the DEM has no height."""

    latitude: Floats
    longitude: Floats
    height: Floats


@dataclass(frozen=True, eq=False)
class Ground:
    """What the heights of the pixels of an image are computed with; small, and picklable.

    `place`: row and column in the DEM as polynomials in line, sample and height; None for heights that are no raster.
    """

    samples: int
    position: Position
    place: tuple[Polynomial, Polynomial] | None

    def heights(self, source: Heights, lines: NDArray[np.int64]) -> NDArray[np.float32]:
        """Heights (lines, samples) in m, float32, NaN where the DEM has none; `source` as `loaded` gives it."""
        if not isinstance(source, HeightGrid):
            return self._smooth(source, lines)
        assert self.place is not None  # noqa: S101
        out = np.full((lines.size, self.samples), np.nan, np.float32)
        span = source.span
        if np.isfinite(span[0]):
            rows, columns = (polynomial.on_lines(lines) for polynomial in self.place)
            x = self.place[0].normalised_sample(np.arange(self.samples))
            kernels.ground(source.values, rows, columns, x, span, out)
        return out

    def _smooth(self, source: Heights, lines: NDArray[np.int64]) -> NDArray[np.float32]:
        """By fixed point, a line at a time."""
        out = np.empty((lines.size, self.samples), np.float32)
        samples = np.arange(self.samples)
        for row, line in zip(out, lines, strict=True):
            height = np.full(self.samples, sum(source.span) / 2)
            for _ in range(FIXED_POINTS):
                height = source.at(*self.position.at(line, samples, height))
            row[:] = height
        return out


def loaded(heights: Heights) -> Heights:
    """The heights in memory, where they are those of a raster."""
    return heights.load() if isinstance(heights, RasterHeights) else heights


def ground_of(grid: RadarGrid, heights: Heights) -> Ground:
    """Prepare the heights of an image; reads no pixel. `GeometryNotSmooth` where the DEM's projection is not."""
    place = None
    if isinstance(heights, RasterHeights):
        place = _place(grid, heights.lattice.moved(heights.window.top, heights.window.left))
    elif isinstance(heights, HeightGrid):
        place = _place(grid, heights.lattice)
    return Ground(grid.shape[1], located(grid), place)


def positions_of(grid: RadarGrid, heights: Heights, lines: ArrayLike, samples: ArrayLike) -> Positions:
    """Positions of pixels, whole `lines` and `samples` broadcast; within 2 cm of range-Doppler with the height of the DEM.

    Heights are those of the band, which are float32. Each line is searched from its first sample on.
    """
    line, sample = np.broadcast_arrays(np.asarray(lines, np.int64), np.asarray(samples, np.int64))
    each, inverse = np.unique(line, return_inverse=True)
    found = ground_of(grid, heights).heights(loaded(heights), each)
    height = found[inverse.reshape(line.shape), sample].astype(np.float64)
    return Positions(*located(grid).at(line, sample, height), height)


def reach(grid: RadarGrid) -> tuple[float, float, float, float]:
    """West, south, east, north in degrees of all ground of `SPAN_M` that pixels may see, valid or not.

    Where the image crosses the antimeridian, the longitudes go on beyond 180 degrees.
    """
    line, sample = (np.linspace(0, size - 1, EDGE_POINTS) for size in grid.shape)
    latitude, longitude = forward(grid, line[:, None, None], sample[:, None], np.array(SPAN_M))
    middle = longitude[0, 0, 0]
    longitude = middle + wrapped(longitude - middle)
    return float(longitude.min()), float(latitude.min()), float(longitude.max()), float(latitude.max())


@lru_cache(maxsize=32)
def located(grid: RadarGrid) -> Position:
    """Latitude and longitude of an image as polynomials, computed once."""
    return locate(grid)


@lru_cache(maxsize=32)
def sight(grid: RadarGrid) -> tuple[Polynomial, ...]:
    """Incidence angle in rad, and east, north, up of the unit vector from the ground to the sensor, as polynomials."""

    def exact(line: Floats, sample: Floats, height: Floats) -> Floats:
        towards = look(grid, line, *forward(grid, line, sample, height), height)
        return np.stack((np.arccos(towards[..., 2]), *np.moveaxis(towards, -1, 0)))

    trials, limits = (SHIFT_DEGREES[0], *POSITION_DEGREES), (MAX_SIGHT_RESIDUAL,) * 4
    return _polynomials(fit_within("incidence angle and line of sight", exact, box_of(grid), trials, limits))


def _place(grid: RadarGrid, lattice: Lattice) -> tuple[Polynomial, Polynomial]:
    """Row and column of a lattice."""

    def exact(line: Floats, sample: Floats, height: Floats) -> Floats:
        return np.stack(lattice.place(*forward(grid, line, sample, height)))

    what = "row and column of the DEM, which is best in degrees or in a projection for this part of the world,"
    limits = (MAX_PLACE_RESIDUAL_PX,) * 2
    row, column = _polynomials(fit_within(what, exact, box_of(grid), POSITION_DEGREES, limits))
    return row, column


def _polynomials(fits: Sequence[Fit]) -> tuple[Polynomial, ...]:
    return tuple(one.polynomial for one in fits)
