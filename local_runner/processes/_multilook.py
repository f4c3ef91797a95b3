"""Means over whole numbers of cells, block by block: the exact and fast case of resampling by `average`.

GDAL, which does all other resampling, takes whole planes one after the other and gives the same within the rounding of
float32 (`tests/processes/test_multilook.py`), but for cells whose centre lies beyond the edge, which it leaves out.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEAR = 1e-9
"""Relative difference of a ratio of two spacings from a whole number that rounding explains."""


def whole_ratio(old: tuple[float, float], new: tuple[float, float]) -> tuple[int, int] | None:
    """Cells of spacing `old` (x, y) along y and x in one of spacing `new`; None where these are no whole numbers."""
    ratios = [there / here for here, there in zip(reversed(old), reversed(new), strict=True)]
    whole = [round(ratio) for ratio in ratios]
    if any(n < 1 or abs(ratio - n) > _NEAR * n for ratio, n in zip(ratios, whole, strict=True)):
        return None
    return whole[0], whole[1]


def multilooked(values: da.Array, ratio: tuple[int, int]) -> da.Array:
    """Mean over `ratio` (y, x) cells of floats (..., y, x) from the upper left corner on; lazy, of the dtype of `values`.

    NaN is left out, a block without any number is NaN; blocks that the lower and right edge cut are means of what is there.
    Each chunk is a task of its own.
    """
    chunks = [_on_blocks(lengths, n) for lengths, n in zip(values.chunks[-2:], ratio, strict=True)]
    leading = values.chunks[:-2]
    aligned = values.rechunk((*leading, *chunks), method="tasks")  # else dask looks for a cluster
    reduced = [tuple(-(-length // n) for length in lengths) for lengths, n in zip(chunks, ratio, strict=True)]
    meta = np.empty((0,) * values.ndim, values.dtype)
    result: da.Array = aligned.map_blocks(block_mean, ratio, dtype=values.dtype, chunks=(*leading, *reduced), meta=meta)
    return result


def block_mean(values: NDArray[Any], ratio: tuple[int, int]) -> NDArray[Any]:
    """Mean over blocks of `ratio` (y, x) cells of floats (..., y, x), added up in float64, NaN left out."""
    counted = ~np.isnan(values)
    if counted.all():
        sizes = [_block_sizes(length, n) for length, n in zip(values.shape[-2:], ratio, strict=True)]
        return (_sums(values, ratio) / np.multiply.outer(*sizes)).astype(values.dtype)
    total, count = _sums(np.where(counted, values, 0), ratio), _sums(counted, ratio)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is wanted
        return (total / count).astype(values.dtype)


def _sums(values: NDArray[Any], ratio: tuple[int, int]) -> NDArray[np.float64]:
    """Sums over blocks, first of rows, which lie one after the other in memory, then of columns."""
    (height, width), (down, across) = values.shape[-2:], ratio
    rows = np.zeros((*values.shape[:-2], -(-height // down), width))
    for start in range(min(down, height)):
        part = values[..., start::down, :]
        rows[..., : part.shape[-2], :] += part
    total = np.zeros((*rows.shape[:-1], -(-width // across)))
    for start in range(min(across, width)):
        part = rows[..., start::across]
        total[..., : part.shape[-1]] += part
    return total


def _block_sizes(length: int, n: int) -> NDArray[np.int64]:
    return np.minimum(np.arange(0, length, n) + n, length) - np.arange(0, length, n)


def _on_blocks(lengths: tuple[int, ...], n: int) -> tuple[int, ...]:
    """Lengths of chunks with the same total, each but the last a multiple of `n`, near the given ones."""
    edges = np.cumsum(lengths)
    cuts = [0, *sorted({int(edge) // n * n for edge in edges[:-1]} - {0}), int(edges[-1])]
    return tuple(b - a for a, b in itertools.pairwise(cuts))
