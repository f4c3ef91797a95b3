"""Functions of the values along the dimension `label` of an array of cubes; lazy, memory bounded, without warnings.

No-data is NaN, and so are the results where there is nothing to compute from.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import dask.array as da
import numpy as np
import xarray as xr

from local_runner.cube import LABEL
from local_runner.processes._support import elementwise, floating, quiet

if TYPE_CHECKING:
    from collections.abc import Callable

_BLOCK_BYTES = 32 * 2**20
"""Blocks with all labels that are larger are cut in the other dimensions; a function takes some eight times as much."""

_REDUCTIONS: dict[str, tuple[Any, Any, int | None]] = {
    "sum": (np.add, np.add, 0),
    "product": (np.multiply, np.multiply, 1),
    "min": (np.fmin, np.minimum, None),
    "max": (np.fmax, np.maximum, None),
}
"""The ufunc that leaves NaN out, the one that does not, and what takes the place of NaN for the former."""


def reduced(
    array: xr.DataArray, name: Literal["sum", "product", "min", "max"], ignore_nodata: bool = True
) -> xr.DataArray:
    """Sum, product, smallest or largest along `label`, block by block; without a valid value 0, 1 and NaN."""
    ignoring, counting, neutral = _REDUCTIONS[name]
    ufunc = ignoring if ignore_nodata else counting
    array = floating(array)
    data = da.reduction(
        da.asarray(array.data),
        chunk=partial(_reduce, ufunc=ufunc, in_place_of_nan=neutral if ignore_nodata else None),
        aggregate=partial(_reduce, ufunc=ufunc),
        axis=array.get_axis_num(LABEL),
        dtype=array.dtype,
        meta=np.empty((0,) * (array.ndim - 1), array.dtype),
        name=name,
    )
    return array.isel({LABEL: 0}, drop=True).copy(data=data)


def _reduce(block: Any, axis: Any, keepdims: bool, *, ufunc: Any, in_place_of_nan: int | None = None) -> Any:
    with np.errstate(all="ignore"):
        if in_place_of_nan is not None:
            block = np.where(np.isnan(block), block.dtype.type(in_place_of_nan), block)
        return ufunc.reduce(block, axis=axis, keepdims=keepdims)


def valid_count(array: xr.DataArray) -> xr.DataArray:
    """Number of values along `label` that are not NaN, float32."""
    return reduced(elementwise(lambda a: (~np.isnan(a)).astype(np.float32), array), "sum")


def reduced_blocks(function: Callable[[Any], Any], array: xr.DataArray) -> xr.DataArray:
    """`function`, which reduces the last axis of a numpy array, along `label`."""
    array = _whole_labels(array)
    return xr.apply_ufunc(
        quiet(function),
        array,
        input_core_dims=[[LABEL]],
        dask="parallelized",
        output_dtypes=[array.dtype],
    )


def mapped_blocks(function: Callable[[Any], Any], array: xr.DataArray, count: int | None = None) -> xr.DataArray:
    """`function` of numpy arrays with `label` as the last axis, of which the result has `count` (None: as many as before).

    With `count` the result has no labels. An array of no elements stays as it is.
    """
    if not array.sizes[LABEL]:
        return array
    array = _whole_labels(array)
    return xr.apply_ufunc(
        quiet(function),
        array,
        input_core_dims=[[LABEL]],
        output_core_dims=[[LABEL]],
        exclude_dims=set() if count is None else {LABEL},
        dask="parallelized",
        output_dtypes=[array.dtype],
        dask_gufunc_kwargs={"output_sizes": {LABEL: array.sizes[LABEL] if count is None else count}},
    )


def interpolated(low: Any, high: Any, share: Any) -> Any:
    """The value at a share, from 0 to 1, of the way from `low` to `high`; of infinity beside a number it is infinity."""
    return np.where(low == high, low, low * (1 - share) + high * share)


def _whole_labels(array: xr.DataArray) -> xr.DataArray:
    """The array in blocks that have all labels."""
    array = floating(array)
    if not isinstance(array.data, da.Array):
        return array
    axis = array.get_axis_num(LABEL)
    whole = array.data.rechunk({axis: -1})
    if math.prod(whole.chunksize) * array.dtype.itemsize > _BLOCK_BYTES:
        cut = {i: -1 if i == axis else "auto" for i in range(array.ndim)}
        whole = array.data.rechunk(cut, block_size_limit=_BLOCK_BYTES)
    return array.copy(data=whole)
