"""What callbacks get of a cube, and what becomes of their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import xarray as xr

from local_runner.cube import LABEL, with_crs
from local_runner.errors import OpenEOError
from local_runner.processes._arrays import as_elements_like
from local_runner.vector import label_values

if TYPE_CHECKING:
    from local_runner.callback import Callback
    from local_runner.execution import Execution


def values_of(data: xr.DataArray, execution: Execution) -> xr.DataArray:
    """The cube without metadata, in the number type that the profile computes in."""
    if LABEL in data.dims:
        must = f"A cube in a callback must have no dimension called {LABEL!r}, as arrays have there"
        raise OpenEOError("FeatureUnsupported", must, got=tuple(data.dims), do="Use rename_dimension first")
    return _bare(data, execution)


def array_of(data: xr.DataArray, dimension: str, execution: Execution) -> xr.DataArray:
    """The cube as an array along a dimension, with its labels as openEO values.

    It is always on dask: an array in memory that has no other dimension stands for a list.
    """
    if dimension != LABEL:
        data = values_of(data, execution).rename({dimension: LABEL})
    array = _bare(data, execution)
    array = array if isinstance(array.data, da.Array) else array.chunk()
    if LABEL in array.coords and array[LABEL].dtype.kind in "MO":
        known = label_values(array, LABEL)
        array = array.assign_coords({LABEL: np.array(known, object if _mixed(known) else None)})
    return array


def reduced(callback: Callback, array: xr.DataArray, context: Any) -> xr.DataArray:
    """What a reducer makes of an array of cubes: one cube; a constant fills it, null is NaN.

    An array without elements reaches the reducer as an empty list.
    """
    element = template(array)
    result = callback(data=array if array.sizes[LABEL] else [], context=context)
    if not isinstance(result, xr.DataArray):
        return constant(result, element)
    if LABEL in result.dims:
        got = f"an array of {result.sizes[LABEL]}"
        do = "Choose one by array_element, or use apply_dimension"
        raise OpenEOError("ProcessParameterInvalid", "The reducer must return one value", got=got, do=do)
    return result


def array_result(result: Any, array: xr.DataArray, process: str) -> xr.DataArray:
    """What a callback returned for an array, as an array of cubes without labels."""
    if isinstance(result, list) and result:
        result = as_elements_like(template(array), result)
    if not isinstance(result, xr.DataArray) or LABEL not in result.dims:
        do = "End the callback with array_create"
        raise OpenEOError("ProcessParameterInvalid", f"The callback of {process} must return an array", do=do)
    missing = [d for d in array.dims if d not in result.dims]
    bare = result.drop_vars(LABEL, errors="ignore")
    return bare.broadcast_like(template(array)) if missing else bare


def template(array: xr.DataArray) -> xr.DataArray:
    """A cube like the elements of an array, of any values."""
    if array.sizes[LABEL]:
        return array.isel({LABEL: 0}, drop=True)
    others = [d for d in array.dims if d != LABEL]
    zeros = da.zeros([array.sizes[d] for d in others], dtype=array.dtype)
    return xr.DataArray(zeros, {d: array[d] for d in others if d in array.coords}, others)


def constant(value: Any, template: xr.DataArray) -> xr.DataArray:
    """A cube of one value, NaN for null."""
    if isinstance(value, str | list | dict):
        raise OpenEOError("ProcessParameterInvalid", "The callback must return a number, a boolean or null", got=value)
    return xr.zeros_like(template) + (np.nan if value is None else value)


def dressed(result: xr.DataArray, data: xr.DataArray) -> xr.DataArray:
    """The result with the CRS and metadata of the cube that it was made of, but for the unit."""
    own = with_crs(result, None)
    own.attrs = {k: v for k, v in data.attrs.items() if k != "units"}
    return own.assign_coords(spatial_ref=data["spatial_ref"].variable) if "spatial_ref" in data.coords else own


def refuse_udf(callback: Callback, process: str) -> None:
    """Raise `FeatureUnsupported` for a callback with a UDF where the process cannot hand it chunks."""
    if callback.contains_udf:
        parents = ("apply", "apply_dimension", "reduce_dimension", "apply_neighborhood", "apply_polygon")
        must = f"A UDF must run in one of {parents}"
        raise OpenEOError("FeatureUnsupported", must, got=process, do="Move it into a node before or after")


def _bare(data: xr.DataArray, execution: Execution) -> xr.DataArray:
    bare = with_crs(data, None)
    bare.attrs = {}
    if bare.dtype.kind not in "iuf":
        return bare
    return bare.astype(np.float32 if execution.profile.float32_callbacks else np.result_type(bare.dtype, np.float32))


def _mixed(known: list[Any]) -> bool:
    return len({isinstance(label, str) for label in known}) > 1
