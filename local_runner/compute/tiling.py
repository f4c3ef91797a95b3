"""Runs a function over tiles with overlap of a lazy array, one dask task per tile.

A task gets the source blocks that its tile touches and copies them once into a padded buffer, so that neither the number
of blocks nor the overlap costs another pass over the data.
"""

from __future__ import annotations

import bisect
import itertools
import math
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
from dask.highlevelgraph import HighLevelGraph

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
    edges = [(0, *itertools.accumulate(map(int, c))) for c in source.chunks]
    sizes = [_cut(length, step) for length, step in zip(source.shape[-2:], size, strict=True)]
    name = f"{getattr(function, '__name__', 'tile')}-{uuid.uuid4().hex}"
    graph = {}
    for (i, height), (j, width) in itertools.product(enumerate(sizes[0]), enumerate(sizes[1])):
        tile = Tile(i * size[0], j * size[1], height, width, *overlap)
        spans = [(0, n) for n in source.numblocks[:-2]] + [
            _touched(edge, start - o, start + length + o)
            for edge, start, length, o in zip(edges[-2:], (tile.y, tile.x), (height, width), overlap, strict=True)
        ]
        blocks = list(itertools.product(*(range(*span) for span in spans)))
        origins = list(itertools.product(*(edge[slice(*span)] for edge, span in zip(edges, spans, strict=True))))
        extent = size if full_size else (height, width)
        task = _Task(function, tile, (*source.shape[:-2], *extent), origins, source.shape[-2:], fill)
        graph[(name, *(0 for _ in leading), i, j)] = (task, *((source.name, *block) for block in blocks))
    layers = HighLevelGraph.from_collections(name, graph, dependencies=[source])
    return da.Array(layers, name, (*((n,) for n in leading), *sizes), dtype=dtype)


def _cut(length: int, step: int) -> tuple[int, ...]:
    return (step,) * (length // step) + ((length % step,) if length % step else ())


def _touched(edges: tuple[int, ...], start: int, stop: int) -> tuple[int, int]:
    """Range of blocks that overlap [start, stop)."""
    return bisect.bisect_right(edges, max(start, 0)) - 1, bisect.bisect_left(edges, min(stop, edges[-1]))


@dataclass(frozen=True)
class _Task:
    """Copies the blocks of one tile into a padded buffer, calls the function and cuts the overlap off."""

    function: Callable[[NDArray[Any], Tile], NDArray[Any]]
    tile: Tile
    shape: tuple[int, ...]
    origins: list[tuple[int, ...]]
    image: tuple[int, int]
    fill: float

    def __call__(self, *blocks: NDArray[Any]) -> NDArray[Any]:
        tile, (oy, ox) = self.tile, (self.tile.overlap_y, self.tile.overlap_x)
        top, left = tile.y - oy, tile.x - ox
        bottom, right = tile.y + tile.height + oy, tile.x + tile.width + ox
        shape = (*self.shape[:-2], self.shape[-2] + 2 * oy, self.shape[-1] + 2 * ox)
        padded = _buffer(shape, blocks[0].dtype)
        height, width = self.image
        if top < 0 or left < 0 or top + shape[-2] > height or left + shape[-1] > width:
            padded.fill(self.fill)
        for (*lead, y, x), block in zip(self.origins, blocks, strict=True):
            y0, y1 = max(y, top), min(y + block.shape[-2], bottom)
            x0, x1 = max(x, left), min(x + block.shape[-1], right)
            place = tuple(slice(start, start + length) for start, length in zip(lead, block.shape, strict=False))
            part = block[..., y0 - y : y1 - y, x0 - x : x1 - x]
            padded[(*place, slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))] = part
        padded.flags.writeable = False
        result = self.function(padded, tile)[..., oy : oy + tile.height, ox : ox + tile.width]
        return result.copy() if np.may_share_memory(result, padded) else np.ascontiguousarray(result)


_of_thread = threading.local()


def _buffer(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array that the thread's next tile uses again: fresh memory for each tile would cost as much as the copy into it."""
    size = math.prod(shape)
    if getattr(_of_thread, "memory", None) is None or _of_thread.memory.dtype != dtype or _of_thread.memory.size < size:
        _of_thread.memory = np.empty(size, dtype)
    view: NDArray[Any] = _of_thread.memory[:size].reshape(shape)
    return view
