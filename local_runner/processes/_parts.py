"""Cubes cut into parts and put together again, lazily."""

from __future__ import annotations

import itertools
import math
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import dask.array as da
import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from local_runner.vector_pixels import Window

_CELLS_PER_TASK = 256
"""Along each axis; as many neighbourhoods as that holds share a task."""


class Neighborhood(NamedTuple):
    """Size of a neighbourhood along a dimension, and its overlap on either side."""

    size: int
    overlap: int

    @property
    def length(self) -> int:
        """With the overlap."""
        return self.size + 2 * self.overlap

    @property
    def per_task(self) -> int:
        """How many share a task."""
        return max(1, _CELLS_PER_TASK // self.size)


def bytes_of_task(cube: xr.DataArray, shapes: Mapping[str, Neighborhood]) -> int:
    """Memory that the neighbourhoods of one task need."""
    counts = [
        min(shape.per_task, -(-cube.sizes[d] // shape.size)) * shape.length
        if _is_cut(cube, d, shape)
        else max(cube.chunksizes.get(d, (cube.sizes[d],)))
        for d, shape in shapes.items()
    ]
    return math.prod(counts) * cube.dtype.itemsize


def cut(cube: xr.DataArray, shapes: Mapping[str, Neighborhood]) -> xr.DataArray:
    """The neighbourhoods of a cube: along each dimension that is cut, `neighborhood_<name>` counts them.

    A dimension that is cut has no labels. What lies outside of the cube is NaN.
    """
    values, dims = da.asarray(cube.data), [str(d) for d in cube.dims]
    inner = []
    for axis, name in enumerate(list(dims)):
        if _is_cut(cube, name, shapes[name]):
            values = _windows(values, axis, shapes[name])
            dims[axis] = _counter(name)
            inner.append(name)
    coords = {d: cube[d] for d in cube.dims if d in cube.coords and d not in inner}
    counters = [_counter(name) for name in inner]
    return xr.DataArray(values, coords, (*dims, *inner)).transpose(*counters, *cube.dims)


def joined(cube: xr.DataArray, shapes: Mapping[str, Neighborhood], like: xr.DataArray) -> xr.DataArray:
    """The neighbourhoods put together without their overlap, with the labels of the cube `like` that they were cut from."""
    names = [str(d) for d in like.dims]
    split = [d for d in names if _counter(d) in cube.dims]
    trimmed = cube.isel({d: slice(shapes[d].overlap, shapes[d].overlap + shapes[d].size) for d in split})
    paired = trimmed.transpose(*(part for d in names for part in ((_counter(d), d) if d in split else (d,))))
    sizes = [cube.sizes[_counter(d)] * shapes[d].size if d in split else cube.sizes[d] for d in names]
    whole = da.asarray(paired.data).reshape(sizes)[tuple(slice(0, like.sizes[d]) for d in names)]
    return xr.DataArray(whole, {d: like[d] for d in names if d in like.coords}, names)


def painted(parts: Sequence[xr.DataArray], windows: Sequence[Window], like: xr.DataArray) -> da.Array:
    """An image (..., y, x) in the chunks of `like` with each part where its window is; NaN where there is none."""
    canvas = da.asarray(like.data)
    dtype = np.result_type(np.float32, *(part.dtype for part in parts))
    lead, (rows, columns) = canvas.chunks[:-2], (np.cumsum((0, *c)) for c in canvas.chunks[-2:])
    arrays = [da.asarray(part.data).rechunk((*lead, -1, -1)) for part in parts]
    image = [
        [
            _block(arrays, windows, (slice(top, bottom), slice(left, right)), lead, dtype)
            for left, right in itertools.pairwise(columns)
        ]
        for top, bottom in itertools.pairwise(rows)
    ]
    return da.block(image)


def _is_cut(cube: xr.DataArray, name: str, shape: Neighborhood) -> bool:
    return shape.size < cube.sizes[name] or shape.overlap > 0


def _counter(name: str) -> str:
    return f"neighborhood_{name}"


def _windows(values: da.Array, axis: int, shape: Neighborhood) -> da.Array:
    """The axis as windows (counted along it, their cells along a new last axis)."""
    count = -(-values.shape[axis] // shape.size)
    missing = count * shape.size - values.shape[axis]
    widths = [(0, 0)] * values.ndim
    widths[axis] = (shape.overlap, shape.overlap + missing)
    padded = da.pad(values, widths, constant_values=np.nan)
    batch = shape.per_task
    parts = []
    for first in range(0, count, batch):
        windows = min(batch, count - first)
        cells = slice(first * shape.size, (first + windows - 1) * shape.size + shape.length)
        piece = padded[(*[slice(None)] * axis, cells)].rechunk({axis: -1})
        chunks = list(piece.chunks)
        chunks[axis] = (windows,)
        parts.append(
            piece.map_blocks(
                _views,
                axis=axis,
                shape=shape,
                dtype=piece.dtype,
                chunks=(*chunks, (shape.length,)),
                new_axis=piece.ndim,
                meta=np.empty((0,) * (piece.ndim + 1), piece.dtype),
            )
        )
    return da.concatenate(parts, axis=axis)


def _views(block: NDArray[Any], *, axis: int, shape: Neighborhood) -> NDArray[Any]:
    views = np.lib.stride_tricks.sliding_window_view(block, shape.length, axis)
    return np.ascontiguousarray(views[(*[slice(None)] * axis, slice(None, None, shape.size))])


def _block(
    arrays: Sequence[da.Array], windows: Sequence[Window], place: tuple[slice, slice], lead: Any, dtype: np.dtype[Any]
) -> da.Array:
    shape = tuple(int(part.stop - part.start) for part in place)
    pieces, spots = [], []
    for array, window in zip(arrays, windows, strict=True):
        y, x = (_common(a, b) for a, b in zip((window.rows, window.columns), place, strict=True))
        if y is not None and x is not None:
            inside = window.inside[_shifted(y, window.rows), _shifted(x, window.columns)]
            pieces.append(array[..., _shifted(y, window.rows), _shifted(x, window.columns)].rechunk({-1: -1, -2: -1}))
            spots.append((_shifted(y, place[0]), _shifted(x, place[1]), inside))
    sizes = [sum(chunks) for chunks in lead]
    if not pieces:
        return da.full((*sizes, *shape), np.nan, dtype, chunks=(*lead, *shape))

    def paint(*blocks: NDArray[Any]) -> NDArray[Any]:
        image = np.full((*blocks[0].shape[:-2], *shape), np.nan, dtype)
        for block, (rows, columns, inside) in zip(blocks, spots, strict=True):
            image[..., rows, columns][..., inside] = block[..., inside]
        return image

    chunks = (*lead, *((n,) for n in shape))
    meta = np.empty((0,) * len(chunks), dtype)
    return da.map_blocks(paint, *pieces, dtype=dtype, chunks=chunks, meta=meta, name=f"painted-{uuid.uuid4().hex}")


def _common(a: slice, b: slice) -> slice | None:
    start, stop = max(a.start, b.start), min(a.stop, b.stop)
    return slice(int(start), int(stop)) if start < stop else None


def _shifted(part: slice, origin: slice) -> slice:
    return slice(int(part.start - origin.start), int(part.stop - origin.start))
