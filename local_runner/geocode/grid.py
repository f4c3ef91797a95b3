"""The target grid of geocoding: cells whose edges lie on multiples of the resolution.

It knows numbers only, no positions and no data, so that the size of a result can be told from a footprint.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from local_runner.budget import MAX_PIXELS
from local_runner.errors import LimitExceededError, OpenEOError, Quoted

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_CELLS: Final = MAX_PIXELS
"""Cells (rows times columns) of one date and band where no other limit is given."""


SAMPLES_PER_TILE: Final = 4_000_000
"""Source samples that a tile of the target aims at."""


class TargetGrid(NamedTuple):
    """A north-up grid in units of its CRS: cell (row 0, column 0) has its upper left corner at (`left`, `top`).

    `left` and `right` of the grid are `column * resolution_x`, `top` is `row * resolution_y`, with integer `column`,
    `row`.
    """

    column: int
    row: int
    shape: tuple[int, int]
    resolution: tuple[float, float]

    @property
    def transform(self) -> tuple[float, float, float, float, float, float]:
        """Affine coefficients (a, b, c, d, e, f): x = a*column + b*row + c, y = d*column + e*row + f, of corners."""
        dx, dy = self.resolution
        return dx, 0.0, self.column * dx, 0.0, -dy, self.row * dy

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of the outer edges."""
        dx, dy = self.resolution
        rows, columns = self.shape
        return self.column * dx, (self.row - rows) * dy, (self.column + columns) * dx, self.row * dy

    @property
    def x(self) -> NDArray[np.float64]:
        """Cell centres (columns,), ascending."""
        return np.float64(self.resolution[0]) * (self.column + 0.5 + np.arange(self.shape[1], dtype=np.float64))

    @property
    def y(self) -> NDArray[np.float64]:
        """Cell centres (rows,), descending."""
        return np.float64(self.resolution[1]) * (self.row - 0.5 - np.arange(self.shape[0], dtype=np.float64))

    def tile_side(self, samples: int) -> int:
        """Cells along a side of a tile, a power of two, so that a tile has about `SAMPLES_PER_TILE` of the source's samples."""
        per_cell = samples / (self.shape[0] * self.shape[1])
        return int(2 ** min(max(round(math.log2(SAMPLES_PER_TILE / per_cell) / 2), 6), 10))


def target_grid(
    bounds: tuple[float, float, float, float], resolution: tuple[float, float], *, max_cells: int | None = MAX_CELLS
) -> TargetGrid:
    """Smallest grid with edges on multiples of the resolution that contains the bounds.

    `bounds` is (west, south, east, north) in units of the target CRS, `resolution` (x, y) in the same units; a point
    or a line still gets one cell. Raises OpenEOError unless the resolution is positive and the bounds are finite and
    in order, LimitExceededError where the grid has more than `max_cells` cells (None: no limit).
    """
    check_resolution(resolution)
    west, south, east, north = bounds
    if not all(map(math.isfinite, bounds)) or west > east or south > north:
        raise OpenEOError("ProcessParameterInvalid", "The bounds must be finite west, south, east, north", got=bounds)
    dx, dy = resolution
    edges = (west / dx, east / dx, south / dy, north / dy)
    limit = math.inf if max_cells is None else max_cells
    if not all(map(math.isfinite, edges)) or (edges[1] - edges[0]) * (edges[3] - edges[2]) > limit:
        raise _too_fine(max_cells, edges[3] - edges[2], edges[1] - edges[0], resolution)
    column, row = math.floor(edges[0]), math.ceil(edges[3])
    columns, rows = max(math.ceil(edges[1]) - column, 1), max(row - math.floor(edges[2]), 1)
    if rows * columns > limit:
        raise _too_fine(max_cells, rows, columns, resolution)
    return TargetGrid(column, row, (rows, columns), (dx, dy))


def _too_fine(
    max_cells: int | None, rows: float, columns: float, resolution: tuple[float, float]
) -> LimitExceededError:
    return LimitExceededError(
        "LimitExceeded",
        f"The geocoded grid must have at most {max_cells} cells",
        got=Quoted(f"{rows:.12g} rows x {columns:.12g} columns at a resolution of {resolution}"),
        do="Choose a coarser resolution or a smaller area, look for outliers in the coordinate bands, or raise --max-pixels",
    )


def check_resolution(resolution: tuple[float, float]) -> None:
    """Raise OpenEOError unless both resolutions (x, y) are finite and above 0."""
    if not all(math.isfinite(step) and step > 0 for step in resolution):
        raise OpenEOError("ProcessParameterInvalid", "The resolution must be above 0 in x and y", got=resolution)
