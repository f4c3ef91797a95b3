"""The tiles of a DEM, and their heights on one lattice."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import dask
import numpy as np
from dask.base import normalize_token

from local_runner.errors import DataError, Quoted
from local_runner.files.raster import Header, open_bands
from local_runner.geometry import geoid, kernels
from local_runner.geometry.lattice import HeightGrid, Lattice, Window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Edges = tuple[float, float, float, float]

LAND_M: Final = (-500.0, 9000.0)
"""Lowest and highest ground above the ellipsoid, with room for the geoid: Dead Sea and Everest."""
GEOID_STEP_DEG: Final = 1 / 240
"""Distance of the points at which the undulation is computed; linear between: a tenth of the finest grid of a geoid."""


@dataclass(frozen=True)
class Tile:
    """A raster of a DEM, and the lattice of its pixels."""

    header: Header
    lattice: Lattice

    @property
    def edges(self) -> Edges:
        """West, south, east, north of its pixels in the CRS."""
        (rows, columns), own = self.header.shape, self.lattice
        x = sorted((own.x0 - own.dx / 2, own.x0 + (columns - 0.5) * own.dx))
        y = sorted((own.y0 - own.dy / 2, own.y0 + (rows - 0.5) * own.dy))
        return x[0], y[0], x[1], y[1]


@dataclass(frozen=True)
class RasterHeights:
    """Heights of the tiles of a DEM within a window of the finest lattice among them; nothing is read before it is asked for.

    `geoid`: the grid of the geoid that the heights refer to, None for ellipsoidal ones; `datum`: its name, one of
    `geoid.DATUMS`. `beyond_is_sea`: what no tile covers is 0 m above what the heights refer to; there may be no tile at all
    then.
    """

    tiles: tuple[Tile, ...]
    lattice: Lattice
    window: Window
    geoid: Path | None
    datum: str
    beyond_is_sea: bool = False

    def at(self, latitude: Floats, longitude: Floats) -> Floats:
        """Height in m of points in degrees, bilinear between pixel centres, NaN in voids and where nothing is known."""
        row, column = self.lattice.place(*np.broadcast_arrays(latitude, longitude))
        known = np.isfinite(row) & np.isfinite(column)
        if not known.any():
            return np.full(row.shape, np.nan)
        (top, left), (bottom, right) = ((f(row[known]), f(column[known])) for f in (np.min, np.max))
        asked = Window(math.floor(top) - 1, math.ceil(bottom) + 2, math.floor(left) - 1, math.ceil(right) + 2)
        cut = asked.within(self.window)
        values = self.load(cut).values if min(cut.shape) else np.full((1, 1), np.nan, np.float32)
        return kernels.sample(values, row.ravel() - cut.top, column.ravel() - cut.left).reshape(row.shape)

    @property
    def span(self) -> tuple[float, float]:
        """What ground on Earth can have: the pixels are not read for it."""
        return LAND_M

    def load(self, window: Window | None = None) -> HeightGrid:
        """Read a window, or all; `DataCorrupt` where a pixel is no height of ground."""
        window = window or self.window
        values = np.full(window.shape, np.nan, np.float32)
        waiting = list(self.tiles)
        while waiting:
            first = waiting[0].lattice
            self._add(values, window, [t for t in waiting if first.is_aligned(t.lattice)])
            waiting = [t for t in waiting if not first.is_aligned(t.lattice)]
        self._add_sea(values, self.lattice, window)
        grid = HeightGrid(values, self.lattice.moved(window.top, window.left))
        if self.geoid is not None:
            _add_geoid(grid, self.geoid)
        return grid

    def __dask_tokenize__(self) -> Any:
        """By path, size and time of change of the files."""
        files = [t.header.path for t in self.tiles] + ([self.geoid] if self.geoid else [])
        states = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
        return normalize_token(("RasterHeights", states, self.lattice, self.window, self.beyond_is_sea))

    def _add(self, values: NDArray[np.float32], window: Window, tiles: Sequence[Tile]) -> None:
        """Fill what is NaN in `values`, a window of the lattice, from tiles of one lattice, the same or another one."""
        lattice, own = self.lattice, tiles[0].lattice
        if lattice.is_aligned(own):
            _copy(values, lattice, window, tiles)
            return
        row, column = own.offset(lattice)
        rows = _snapped(row + np.arange(float(window.top), window.bottom) * lattice.dy / own.dy)
        columns = _snapped(column + np.arange(float(window.left), window.right) * lattice.dx / own.dx)
        around = Window(
            math.floor(rows.min()), math.ceil(rows.max()) + 1, math.floor(columns.min()), math.ceil(columns.max()) + 1
        )
        part = np.full(around.shape, np.nan, np.float32)
        _copy(part, own, around, tiles)
        self._add_sea(part, own, around)
        kernels.fill_from(values, part, rows - around.top, columns - around.left)

    def _add_sea(self, values: NDArray[np.float32], lattice: Lattice, window: Window) -> None:
        """Fill by 0 what is NaN in `values` and covered by no tile, where that is sea; voids of tiles stay NaN."""
        if not self.beyond_is_sea:
            return
        is_sea = np.isnan(values)
        x = lattice.x0 + np.arange(window.left, window.right) * lattice.dx
        y = lattice.y0 + np.arange(window.top, window.bottom) * lattice.dy
        for west, south, east, north in (tile.edges for tile in self.tiles):
            near_x, near_y = (kernels.EDGE * abs(step) for step in (lattice.dx, lattice.dy))
            columns = np.flatnonzero((x >= west - near_x) & (x <= east + near_x))
            rows = np.flatnonzero((y >= south - near_y) & (y <= north + near_y))
            is_sea[np.ix_(rows, columns)] = False
        values[is_sea] = 0


def _snapped(index: Floats) -> Floats:
    """Fractional indices, but whole ones where rounding alone keeps them from it: the pixel beyond may be unknown."""
    whole = np.round(index)
    return np.where(np.abs(index - whole) < kernels.EDGE, whole, index)


def _copy(values: NDArray[np.float32], lattice: Lattice, window: Window, tiles: Sequence[Tile]) -> None:
    """Fill what is NaN in `values` from tiles whose nodes are those of the lattice."""
    for tile in tiles:
        top, left = (round(o) for o in lattice.offset(tile.lattice))
        (rows, columns) = tile.header.shape
        place = Window(top, top + rows, left, left + columns)
        shared = place.within(window)
        if min(shared.shape) > 0:
            into = values[shared.seen_from(window)]
            np.copyto(into, _read(tile.header, shared.seen_from(place)), where=np.isnan(into))


def _read(header: Header, index: tuple[slice, slice]) -> NDArray[np.float32]:
    """Pixels of band 1, NaN where there is no data; a no-data value of 0 is the level of the sea."""
    sea = header.nodata[0] == 0
    header = replace(header, nodata=(None, *header.nodata[1:])) if sea else header
    values: NDArray[np.float32] = open_bands(header, [1])[0][index].compute(scheduler=dask.get)
    known = values[np.isfinite(values)]
    if known.size and not (LAND_M[0] <= known.min() and known.max() <= LAND_M[1]):
        must = f"Heights in {header.path} must be metres between {LAND_M[0]:g} and {LAND_M[1]:g}"
        do = "Declare its no-data value (gdal_edit.py -a_nodata), give sea the height 0"
        raise DataError("DataCorrupt", must, got=Quoted(f"{known.min():g} to {known.max():g}"), do=do)
    return values


def _add_geoid(grid: HeightGrid, file: Path) -> None:
    """Add the undulation, computed on a coarser lattice."""
    rows, columns = grid.values.shape
    row, column = rows / 2, columns / 2
    latitude, _ = grid.lattice.degrees(np.array([row, row + 1, row]), np.array([column, column, column + 1]))
    degrees = max(abs(latitude[1] - latitude[0]), abs(latitude[2] - latitude[0]), 1e-9)
    step = max(1, int(GEOID_STEP_DEG / degrees))
    nodes = [np.arange(0.0, n - 1 + step, step) for n in (rows, columns)]
    kernels.add_coarse(grid.values, geoid.undulation(file, *grid.lattice.degrees(nodes[0][:, None], nodes[1])), step)
