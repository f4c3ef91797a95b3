"""Processes that run a callback over a cube."""

from typing import Any

import numpy as np
import xarray as xr

from local_runner.cube import BANDS, LABEL, T, X, Y, crs_of, labels, require_dimension, require_spatial, with_crs
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.processes._support import as_array
from local_runner.processes._types import Cube, OnArray, OnValue
from local_runner.udf_chunks import Chunks, run_over_chunks, udf_of


def apply(data: Cube, process: OnValue, context: Any = None, *, execution: Execution) -> Cube:
    """`process` on each value; the callback sees the whole cube as its `x`."""
    if process.contains_udf:
        tile = execution.profile.tile_px
        chunks = Chunks("apply", (tile, tile), daily=True)
        return run_over_chunks(data, udf_of(process, context, execution), chunks, execution.profile)
    result = process(x=_bare(data, execution), context=context)
    if not isinstance(result, xr.DataArray):
        result = _constant(result, _bare(data, execution))
    return _dress(result, data).transpose(*data.dims)


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

    Labels stay if the dimension stays and the number of values does, else they are 0, 1, 2, ...
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
    if target != dimension and target in data.dims:
        data = data.isel({target: 0}, drop=True)
    result = process(data=_labelled(data, dimension, execution), context=context)
    if isinstance(result, list) and result:
        element = _labelled(data, dimension, execution).isel({LABEL: 0}, drop=True)
        result = as_array([v if isinstance(v, xr.DataArray) else _constant(v, element) for v in result])
    if not isinstance(result, xr.DataArray) or LABEL not in result.dims:
        do = "End the callback with array_create"
        raise OpenEOError("ProcessParameterInvalid", "The callback of apply_dimension must return an array", do=do)
    result = result.drop_vars(LABEL, errors="ignore").rename({LABEL: target})
    kept = target == dimension and result.sizes[target] == data.sizes[dimension]
    if kept and dimension in data.coords:
        result = result.assign_coords({dimension: data[dimension]})
    elif not kept:
        result = result.assign_coords({target: np.arange(result.sizes[target])})
    order = [target if d == dimension else d for d in data.dims]
    return _dress(result, data).transpose(*order)


def reduce_dimension(
    data: Cube, reducer: OnArray, dimension: str, context: Any = None, *, execution: Execution
) -> Cube:
    """One value for the values along a dimension, which is dropped."""
    require_dimension(data, dimension)
    if reducer.contains_udf:
        return _udf_along(data, reducer, dimension, context, "reduce_dimension", execution)
    array = _labelled(data, dimension, execution)
    result = reducer(data=array, context=context)
    if not isinstance(result, xr.DataArray):
        result = _constant(result, array.isel({LABEL: 0}, drop=True))
    if LABEL in result.dims:
        got = f"an array of {result.sizes[LABEL]}"
        raise OpenEOError("ProcessParameterInvalid", "The reducer must return one value", got=got)
    rest = [d for d in data.dims if d != dimension]
    return _dress(result, data).transpose(*rest)


def apply_neighborhood(
    data: Cube,
    process: OnArray,
    size: list[dict[str, Any]],
    overlap: list[dict[str, Any]] | None = None,
    context: Any = None,
    *,
    execution: Execution,
) -> Cube:
    """`process` on neighbourhoods of `size` pixels, enlarged by `overlap` on each side; NaN outside of the image.

    Sizes along x and y are in pixels, along t all dates or 'P1D'.
    """
    require_spatial(data)
    for entry in [*size, *(overlap or [])]:
        require_dimension(data, entry.get("dimension", ""))
    whole = {Y: data.sizes[Y], X: data.sizes[X]}
    extent = {d: v or whole[d] for d, v in _pixels(size).items()} | {
        d: n for d, n in whole.items() if d not in _pixels(size)
    }
    halo = {Y: 0, X: 0} | {d: v or 0 for d, v in _pixels(overlap or []).items()}
    daily = next((e.get("value") for e in size if e.get("dimension") == T), None)
    if daily not in (None, "P1D"):
        raise OpenEOError("FeatureUnsupported", "size along t must be null (all dates) or 'P1D'", got=daily)
    if not process.contains_udf:
        do = "Use apply_kernel, apply_dimension or reduce_dimension"
        raise OpenEOError(
            "FeatureUnsupported", "The callback of apply_neighborhood must be a run_udf", got=process.process_ids, do=do
        )
    chunks = Chunks("apply_neighborhood", (extent[Y], extent[X]), (halo[Y], halo[X]), daily=daily == "P1D")
    return run_over_chunks(data, udf_of(process, context, execution), chunks, execution.profile)


def _pixels(entries: list[dict[str, Any]]) -> dict[str, int]:
    found = {}
    for entry in entries:
        dimension, value, unit = entry.get("dimension"), entry.get("value"), entry.get("unit")
        if dimension not in (X, Y):
            continue
        whole = value is None or (isinstance(value, int | float) and value == int(value) and value >= 0)
        if not whole or (value is not None and unit not in ("px", None)):
            do = "Give it in pixels with the unit 'px'"
            raise OpenEOError("FeatureUnsupported", f"Sizes along {dimension} must be whole pixels", got=entry, do=do)
        found[str(dimension)] = 0 if value is None else int(value)
    return found


def _udf_along(data: Cube, callback: OnArray, dimension: str, context: Any, parent: Any, execution: Execution) -> Cube:
    tile = execution.profile.tile_px
    if dimension not in (T, BANDS):
        do = "Use apply_neighborhood for a spatial UDF"
        raise OpenEOError("FeatureUnsupported", f"A UDF can run along {T} or {BANDS} only", got=dimension, do=do)
    chunks = Chunks(parent, (tile, tile), daily=dimension == BANDS, dimension=dimension)
    return run_over_chunks(data, udf_of(callback, context, execution), chunks, execution.profile)


def _bare(data: Cube, execution: Execution) -> Cube:
    """Without metadata, in the number type that the profile computes in."""
    bare = with_crs(data, None)
    bare.attrs = {}
    if bare.dtype.kind not in "iuf":
        return bare
    return bare.astype(np.float32 if execution.profile.float32_callbacks else np.result_type(bare.dtype, np.float32))


def _labelled(data: Cube, dimension: str, execution: Execution) -> Cube:
    array = _bare(data, execution).rename({dimension: LABEL})
    if LABEL in array.coords and array[LABEL].dtype.kind == "M":
        array = array.assign_coords({LABEL: labels(data, dimension)})
    return array


def _constant(value: Any, template: Cube) -> Cube:
    """A cube of one value, NaN for null."""
    if isinstance(value, str | list | dict):
        raise OpenEOError("ProcessParameterInvalid", "The callback must return a number, a boolean or null", got=value)
    return xr.zeros_like(template) + (np.nan if value is None else value)


def _dress(result: Cube, data: Cube) -> Cube:
    result.attrs = {k: v for k, v in data.attrs.items() if k not in ("crs", "units")}
    return with_crs(result, crs_of(data))
