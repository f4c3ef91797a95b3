"""Runs a function over tiles with overlap of a lazy array, one dask task per tile.

A task gets the source blocks that its tile touches and copies them once into a padded buffer, so that neither the number
of blocks nor the overlap costs another pass over the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
from dask.delayed import delayed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray


@dataclass(frozen=True)
class Tile:
    """Where a tile lies: rows and columns without overlap, and the overlap on each side, in pixels."""

    y: int
    x: int
    height: int
    width: int
    overlap_y: int
    overlap_x: int

    @property
    def name(self) -> str:
        """How messages call the tile."""
        return f"rows {self.y}:{self.y + self.height}, columns {self.x}:{self.x + self.width}"


def map_tiles(
    function: Callable[[NDArray[Any], Tile], NDArray[Any]],
    source: da.Array,
    *,
    size: tuple[int, int],
    overlap: tuple[int, int],
    leading: tuple[int, ...],
    dtype: DTypeLike,
    fill: float = np.nan,
    full_size: bool = True,
) -> da.Array:
    """`function` of every tile of `source`, put together without the overlap.

    `source`: (..., y, x). `function` gets an array (..., h + 2 overlap, w + 2 overlap) that it may not write to, and returns
    one of shape `leading` + the same rows and columns and of `dtype`. What lies outside of the image is `fill`; with
    `full_size` the tiles at the lower and right edge are filled up to the full size, as an openEO back-end does.
    """
    height, width = source.shape[-2:]
    blocks = source.rechunk(dict.fromkeys(range(source.ndim - 2), -1))
    grid = blocks.to_delayed(optimize_graph=False).reshape(blocks.numblocks[-2:])
    edges = [np.concatenate(([0], np.cumsum(c))) for c in blocks.chunks[-2:]]
    name = getattr(function, "__name__", type(function).__name__)
    run = delayed(_run_tile, name=f"tile-{name}", pure=False)
    rows = []
    for y in range(0, height, size[0]):
        row = []
        for x in range(0, width, size[1]):
            tile = Tile(y, x, min(size[0], height - y), min(size[1], width - x), *overlap)
            spans = [
                _touched(edge, start - o, start + length + o)
                for edge, start, length, o in zip(edges, (y, x), (tile.height, tile.width), overlap, strict=True)
            ]
            parts = [
                ((int(edges[0][i]), int(edges[1][j])), grid[i, j]) for i in range(*spans[0]) for j in range(*spans[1])
            ]
            extent = size if full_size else (tile.height, tile.width)
            value = run(function, tile, extent, [p for p, _ in parts], [b for _, b in parts], fill)
            row.append(da.from_delayed(value, (*leading, tile.height, tile.width), dtype=dtype))
        rows.append(row)
    result: da.Array = da.block(rows)
    return result


def _touched(edges: NDArray[np.int64], start: int, stop: int) -> tuple[int, int]:
    """Range of blocks that overlap [start, stop)."""
    first = int(np.searchsorted(edges, max(start, 0), side="right")) - 1
    return first, int(np.searchsorted(edges, min(stop, int(edges[-1])), side="left"))


def _run_tile(
    function: Callable[[NDArray[Any], Tile], NDArray[Any]],
    tile: Tile,
    extent: tuple[int, int],
    origins: list[tuple[int, int]],
    blocks: list[NDArray[Any]],
    fill: float,
) -> NDArray[Any]:
    oy, ox = tile.overlap_y, tile.overlap_x
    padded = np.full((*blocks[0].shape[:-2], extent[0] + 2 * oy, extent[1] + 2 * ox), fill, blocks[0].dtype)
    top, left = tile.y - oy, tile.x - ox
    bottom, right = tile.y + tile.height + oy, tile.x + tile.width + ox
    for (y, x), block in zip(origins, blocks, strict=True):
        y0, y1 = max(y, top), min(y + block.shape[-2], bottom)
        x0, x1 = max(x, left), min(x + block.shape[-1], right)
        padded[..., y0 - top : y1 - top, x0 - left : x1 - left] = block[..., y0 - y : y1 - y, x0 - x : x1 - x]
    padded.flags.writeable = False
    result = function(padded, tile)
    return np.ascontiguousarray(result[..., oy : oy + tile.height, ox : ox + tile.width])
