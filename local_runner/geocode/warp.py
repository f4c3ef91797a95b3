"""The lazy graph of geocoding: tiles of the target, each from the window of the source that can reach it.

Positions are read and projected when the graph is built and stay in memory with it (8 bytes per sample, 240 MB for a
burst); values are read when a tile is computed. Tiles change nothing in the result: a cell adds up its samples in the
order of the source, and each quad is seen by all tiles that it touches.
"""

from __future__ import annotations

import math
import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import dask
import dask.array as da
import numpy as np
import xarray as xr
from dask.delayed import delayed

from local_runner.cube import BANDS, COORDINATE_BANDS, DIMENSIONS, T, X, Y, labels, require_spatial, with_crs
from local_runner.errors import OpenEOError
from local_runner.geocode import kernels
from local_runner.geocode.grid import TargetGrid, check_resolution, target_grid
from local_runner.geocode.positions import Positions, locate_samples

if TYPE_CHECKING:
    import pyproj
    from numpy.typing import NDArray

SAMPLES_PER_TILE: Final = 4_000_000
"""Source samples that a tile of the target aims at."""
_BLOCK: Final = (32, 128)
"""Quads (lines, samples) whose common bounding box finds the window of a tile."""
_SAME_DEG: Final = 1e-6


class _Tile(NamedTuple):
    """Cells of the target, `row` and `column` counted as in `Positions`, and the source window that reaches them."""

    row: int
    column: int
    shape: tuple[int, int]
    window: tuple[slice, slice] | None


def geocode(
    cube: xr.DataArray, *, crs: pyproj.CRS, resolution: tuple[float, float], planning: bool = False
) -> xr.DataArray:
    """Put the cube on a map grid of `crs` with cells of `resolution` (x, y) in its units; see the package for the rule.

    `cube`: dims (t?, bands, y, x) in any order, radar geometry, numpy or dask, with the bands `latitude`, `longitude`
    (or `lat`, `lon`) in degrees (WGS84), NaN where unknown, the same for all dates or given for some. Longitudes may
    cross 180 degrees; in a geographic or cylindrical CRS x then goes on beyond the edge of the world.

    Returns (t?, other bands, y, x), float64 where the data are, else float32, lazy, NaN outside the footprint, with
    its CRS and the attributes of the cube. The coordinate bands are read now, the others when the result is computed.

    Raises OpenEOError without coordinate bands or other bands, with complex values, without any position, with
    positions that differ between dates by more than 1e-6 degree, and unless the resolution is above 0;
    LimitExceededError above `MAX_CELLS` cells.
    """
    del planning
    check_resolution(resolution)
    require_spatial(cube)
    names = _coordinate_names(cube)
    if not set(cube.dims) <= set(DIMENSIONS):
        raise OpenEOError(
            "ProcessParameterInvalid",
            f"A cube to be geocoded must have no dimensions other than {DIMENSIONS}",
            got=tuple(cube.dims),
        )
    values = cube.sel({BANDS: [label for label in labels(cube, BANDS) if label not in names]})
    if values.sizes[BANDS] == 0 or values.dtype.kind == "c":
        raise OpenEOError(
            "ProcessParameterInvalid",
            "The cube must have bands of real numbers besides its coordinate bands",
            got=(labels(values, BANDS), str(values.dtype)),
        )
    values = values.transpose(*(d for d in (T, BANDS, Y, X) if d in cube.dims))
    latitude, longitude = _coordinates(cube, names)
    positions, bounds = locate_samples(latitude, longitude, crs, resolution)
    del latitude, longitude
    grid = target_grid(bounds, resolution)
    result = xr.DataArray(
        _graph(values, positions, grid),
        dims=values.dims,
        coords={k: c for k, c in values.coords.items() if k != "spatial_ref" and not {X, Y} & set(c.dims)}
        | {Y: grid.y, X: grid.x},
        attrs=dict(cube.attrs),
    )
    result.name = cube.name
    return with_crs(result, crs)


def _coordinate_names(cube: xr.DataArray) -> tuple[str, str]:
    """Names of the latitude and longitude bands of the cube."""
    known = labels(cube, BANDS) if BANDS in cube.dims else []
    for pair in COORDINATE_BANDS:
        if set(pair) <= set(known):
            return pair
    raise OpenEOError(
        "ProcessParameterInvalid",
        f"A cube to be geocoded must have one of the pairs of bands {COORDINATE_BANDS}, in degrees",
        got=tuple(known),
        do="Rename grid_lat and grid_lon to them with rename_labels, or load the bands with the data",
    )


def _coordinates(cube: xr.DataArray, names: tuple[str, str]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Latitude and longitude (y, x), float32 or float64, of the first date where finite; one date in memory at a time."""
    dates = [cube.isel({T: n}) for n in range(cube.sizes[T])] if T in cube.dims else [cube]
    latitude, longitude = _read(dates[0], names)
    for date in dates[1:]:
        latitude, longitude = (
            _merged(first, other, name)
            for first, other, name in zip((latitude, longitude), _read(date, names), names, strict=True)
        )
    return latitude, longitude


def _read(date: xr.DataArray, names: tuple[str, str]) -> list[NDArray[Any]]:
    """Fresh arrays (y, x) of the named bands of one date, filled chunk by chunk."""
    bands = [date.sel({BANDS: name}).transpose(Y, X).data for name in names]
    arrays = [np.empty(b.shape, b.dtype if b.dtype in (np.float32, np.float64) else np.float64) for b in bands]
    if isinstance(date.data, da.Array):
        da.store(bands, arrays, lock=False)
    else:
        for band, array in zip(bands, arrays, strict=True):
            array[...] = band
    return arrays


def _merged(first: NDArray[Any], other: NDArray[Any], name: str) -> NDArray[Any]:
    """`first`, filled from `other` where it is not finite; they must agree where both are."""
    with np.errstate(invalid="ignore"):
        difference = np.abs(first - other)
    if name.startswith("lon"):
        difference = np.minimum(difference, np.abs(360 - difference))
    worst = float(np.fmax.reduce(difference, axis=None, initial=0.0, where=np.isfinite(difference)))
    if worst > _SAME_DEG:
        raise OpenEOError(
            "ProcessParameterInvalid",
            f"The band {name!r} must be the same for all dates, within {_SAME_DEG} degree",
            got=f"a difference of {worst:.3g} degree",
            do="Coregister the dates first, or geocode them one by one",
        )
    gaps = ~np.isfinite(first)
    return np.where(gaps, other, first) if gaps.any() else first


def _graph(values: xr.DataArray, positions: Positions, grid: TargetGrid) -> da.Array:
    """Lazy values (t?, bands, rows, columns) of the grid from values (t?, bands, y, x)."""
    dtype = np.dtype(np.float64 if values.dtype == np.float64 else np.float32)
    source, token = _source(values)
    name = "geocode-" + dask.base.tokenize(token, source.shape, grid, positions.u.size)
    boxes = kernels.block_boxes(positions.u, positions.v, *_BLOCK)
    rows = []
    for tile_row in _tiles(grid, positions, boxes):
        row = []
        for tile in tile_row:
            shape = (*source.shape[:-2], *tile.shape)
            key = f"{name}-{tile.row}-{tile.column}"
            row.append(
                da.full(shape, np.nan, dtype=dtype, chunks=(*_leading_chunks(source), *tile.shape), name=key)
                if tile.window is None
                else _tile_values(source, positions, tile, tile.window, dtype, key)
            )
        rows.append(row)
    return cast("da.Array", da.block(rows))


def _source(values: xr.DataArray) -> tuple[da.Array, str]:
    """Values as a dask array, and a text that tells them apart without hashing their bytes."""
    if isinstance(values.data, da.Array):
        return values.data, values.data.name
    token = uuid.uuid4().hex
    chunks = (*((1,) * (values.ndim - 2)), -1, -1)
    return da.from_array(values.values, chunks=chunks, name=f"geocode-source-{token}"), token


def _leading_chunks(source: da.Array) -> tuple[Any, ...]:
    """Chunks before y and x: one date each, all bands together, since bands share the search for their place."""
    return ((1,) * source.shape[0], source.shape[1]) if source.ndim == 4 else (source.shape[0],)


def _tiles(grid: TargetGrid, positions: Positions, boxes: NDArray[np.float32]) -> list[list[_Tile]]:
    """Tiles of the grid, square, a power of two of cells, with about `SAMPLES_PER_TILE` samples in each."""
    rows, columns = grid.shape
    per_cell = positions.u.size / (rows * columns)
    side = 2 ** min(max(round(math.log2(SAMPLES_PER_TILE / per_cell) / 2), 6), 10)
    first_row, first_column = positions.row - grid.row, grid.column - positions.column
    lines, samples = positions.u.shape
    tiles = []
    for r in range(0, rows, side):
        tile_row = []
        for c in range(0, columns, side):
            shape = min(side, rows - r), min(side, columns - c)
            row, column = r + first_row, c + first_column
            near = (boxes[..., 0] <= column + shape[1]) & (boxes[..., 1] >= column)
            near &= (boxes[..., 2] <= row + shape[0]) & (boxes[..., 3] >= row)
            window = None
            if near.any():
                block_y, block_x = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
                window = (
                    slice(int(block_y[0]) * _BLOCK[0], min(int(block_y[-1] + 1) * _BLOCK[0] + 1, lines)),
                    slice(int(block_x[0]) * _BLOCK[1], min(int(block_x[-1] + 1) * _BLOCK[1] + 1, samples)),
                )
            tile_row.append(_Tile(row, column, shape, window))
        tiles.append(tile_row)
    return tiles


def _tile_values(
    source: da.Array, positions: Positions, tile: _Tile, window: tuple[slice, slice], dtype: np.dtype[Any], key: str
) -> da.Array:
    """Lazy values of one tile; the search for the place of its cells is one task that all dates share."""
    u, v = positions.u[window], positions.v[window]
    index = delayed(kernels.locate, pure=False)(u, v, tile.column, tile.row, *tile.shape, dask_key_name=f"index-{key}")
    leading = _leading_chunks(source)
    block = source[(..., *window)].rechunk((*leading, -1, -1))
    chunks = (*(c if isinstance(c, tuple) else (c,) for c in leading), *((n,) for n in tile.shape))
    result: da.Array = block.map_blocks(
        _fill,
        u=u,
        v=v,
        index=index,
        shape=tile.shape,
        target=dtype,
        name=key,
        chunks=chunks,
        dtype=dtype,
        meta=np.empty((0,) * source.ndim, dtype),
    )
    return result


def _fill(
    block: NDArray[Any],
    *,
    u: NDArray[np.float32],
    v: NDArray[np.float32],
    index: kernels.Index,
    shape: tuple[int, int],
    target: np.dtype[Any],
) -> NDArray[Any]:
    """Values (..., rows, columns) of one tile from the values (..., lines, samples) of its window, band by band."""
    leading = block.shape[:-2]
    out = np.empty((math.prod(leading), shape[0] * shape[1]), target)
    for values, cells in zip(block.reshape(-1, *block.shape[-2:]), out, strict=True):
        kernels.fill(np.ascontiguousarray(values, target), u, v, index, cells)
    return out.reshape(*leading, *shape)
