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
from dask.delayed import delayed

from local_runner.geocode import kernels

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from local_runner.geocode.grid import TargetGrid
    from local_runner.geocode.positions import Positions

_BLOCK: Final = (32, 128)
"""Quads (lines, samples) whose common bounding box finds the window of a tile."""


class _Tile(NamedTuple):
    """Cells of the target, `row` and `column` counted as in `Positions`, and the source window that reaches them."""

    row: int
    column: int
    shape: tuple[int, int]
    window: tuple[slice, slice] | None


def values_on_grid(values: xr.DataArray, positions: Positions, grid: TargetGrid) -> da.Array:
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
    side = grid.tile_side(positions.u.size)
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
    block = source[(..., *window)].rechunk((*leading, -1, -1), method="tasks")  # else dask looks for a cluster
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
