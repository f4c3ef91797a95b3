"""Processes that run a callback over a cube."""

from typing import Any

import numpy as np
import xarray as xr

from local_runner.cube import BANDS, LABEL, T, require_dimension, with_type
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.processes._callbacks import array_of, array_result, constant, dressed, reduced, values_of
from local_runner.processes._types import Cube, OnArray, OnValue
from local_runner.udf.chunks import Chunks, run_over_chunks, udf_of


def apply(data: Cube, process: OnValue, context: Any = None, *, execution: Execution) -> Cube:
    """`process` on each value; the callback sees the whole cube as its `x`."""
    if process.contains_udf:
        tile = execution.profile.tile_px
        chunks = Chunks("apply", (tile, tile), daily=True)
        return run_over_chunks(data, udf_of(process, context, execution), chunks, execution)
    values = values_of(data, execution)
    result = process(x=values, context=context)
    if not isinstance(result, xr.DataArray):
        result = constant(result, values)
    return dressed(result, data).transpose(*data.dims)


def apply_dimension(
    data: Cube,
    process: OnArray,
    dimension: str,
    target_dimension: str | None = None,
    context: Any = None,
    *,
    execution: Execution,
) -> Cube:
    """`process` on the values along a dimension, which takes as many values as the callback returns.

    Labels stay if the dimension stays and the number of values does, else they are 0, 1, 2, ...; a new dimension is of type
    `other` and takes the place of the old one, an existing one keeps type and place.
    """
    require_dimension(data, dimension)
    target = dimension if target_dimension is None else target_dimension
    if target != dimension and data.sizes.get(target, 1) != 1:
        do = "Reduce it first, or choose another name"
        must = "target_dimension must be null, new, or a dimension with one label"
        raise OpenEOError("FeatureUnsupported", must, got=target, do=do)
    if process.contains_udf:
        if target != dimension:
            raise OpenEOError(
                "FeatureUnsupported", "A UDF keeps the dimension: target_dimension must be null", got=target
            )
        return _udf_along(data, process, dimension, context, "apply_dimension", execution)
    dims = list(data.dims)
    is_new = target not in dims
    if target != dimension and not is_new:
        data = data.isel({target: 0}, drop=True)
    array = array_of(data, dimension, execution)
    result = array_result(process(data=array, context=context), array, "apply_dimension").rename({LABEL: target})
    kept = target == dimension and result.sizes[target] == data.sizes[dimension]
    if kept and dimension in data.coords:
        result = result.assign_coords({dimension: data[dimension]})
    elif not kept:
        result = result.assign_coords({target: np.arange(result.sizes[target])})
    order = [target if d == dimension else d for d in dims if is_new or d != dimension or d == target]
    whole = dressed(result, data).transpose(*order)
    return with_type(whole, target, "other") if is_new else whole


def reduce_dimension(
    data: Cube, reducer: OnArray, dimension: str, context: Any = None, *, execution: Execution
) -> Cube:
    """One value for the values along a dimension, which is dropped."""
    require_dimension(data, dimension)
    if reducer.contains_udf:
        return _udf_along(data, reducer, dimension, context, "reduce_dimension", execution)
    result = reduced(reducer, array_of(data, dimension, execution), context)
    rest = [d for d in data.dims if d != dimension]
    return dressed(result, data).transpose(*rest)


def _udf_along(data: Cube, callback: OnArray, dimension: str, context: Any, parent: Any, execution: Execution) -> Cube:
    tile = execution.profile.tile_px
    if dimension not in (T, BANDS):
        do = "Use apply_neighborhood for a spatial UDF"
        raise OpenEOError("FeatureUnsupported", f"A UDF can run along {T} or {BANDS} only", got=dimension, do=do)
    chunks = Chunks(parent, (tile, tile), daily=dimension == BANDS, dimension=dimension)
    return run_over_chunks(data, udf_of(callback, context, execution), chunks, execution)
