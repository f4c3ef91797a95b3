"""Vector cubes: from GeoJSON, and of the pixels in geometries."""

import math
import uuid
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from local_runner.cube import GEOMETRY, LABEL, X, Y, inherit, with_type
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.processes._axes import on_x_and_y
from local_runner.processes._callbacks import constant, reduced, refuse_udf, values_of
from local_runner.processes._types import Cube, OnArray
from local_runner.vector import Geometries, property_values, read_geometries, vector_cube
from local_runner.vector_pixels import Pixels, Window

PROPERTIES = "properties"
COUNTS = ("value", "total_count", "valid_count")


def load_geojson(data: dict[str, Any], properties: list[str] = []) -> Cube:
    """GeoJSON as a vector cube: dimension `geometry`, and `properties` where some are named.

    Without properties the values are NaN. What GeoJSON says of a feature besides stands in the coordinate `feature`.
    """
    geometries = read_geometries(data)
    if not properties:
        return vector_cube(da.full(len(geometries.shapes), np.nan, np.float32), geometries, {})
    if len(set(properties)) < len(properties):
        raise OpenEOError("ProcessParameterInvalid", "The names in properties must be unique", got=properties)
    values, known = property_values(geometries, properties)
    return vector_cube(da.from_array(values, chunks=-1), geometries, {PROPERTIES: known})


@on_x_and_y
def aggregate_spatial(
    data: Cube,
    geometries: Cube | dict[str, Any],
    reducer: OnArray,
    target_dimension: str | None = None,
    context: Any = None,
    *,
    execution: Execution,
) -> Cube:
    """One value for the pixels of each geometry, for each label of the dimensions besides x and y.

    A pixel belongs to a polygon that holds its centre, and to the points and lines that it is closest to. The result is a
    vector cube (geometry, ...), NaN for a geometry without pixels. With `target_dimension` a dimension of that name
    comes first, with `value`, `total_count` (pixels) and `valid_count` (pixels that are not NaN). In radar geometry the
    position bands tell where a pixel is; they are read when the graph is built, while planning every pixel counts.
    """
    refuse_udf(reducer, "aggregate_spatial")
    if target_dimension in data.dims or target_dimension == GEOMETRY:
        must = f"target_dimension must not be one of {(*data.dims, GEOMETRY)}"
        raise OpenEOError("TargetDimensionExists", must, got=target_dimension)
    found = read_geometries(geometries)
    pixels = Pixels(data, planning=execution.planning)
    windows = [pixels.window(shape) for shape in pixels.shapes(found)]
    bare = values_of(data, execution)
    arrays = [None if window is None else _pixels_in(bare, window, execution) for window in windows]
    element = _without_pixels(bare)
    values = [constant(None, element) if a is None else reduced(reducer, a, context) for a in arrays]
    result = _stacked(values, element, found)
    if target_dimension is not None:
        total = [constant(0 if a is None else a.sizes[LABEL], element) for a in arrays]
        valid = [constant(0, element) if a is None else a.notnull().sum(LABEL) for a in arrays]
        parts = [result, *(_stacked(count, element, found) for count in (total, valid))]
        result = xr.concat(parts, dim=target_dimension, coords="minimal", compat="override", join="override")
        result = with_type(result.assign_coords({target_dimension: list(COUNTS)}), target_dimension, "other")
    return inherit(result, [data])


def _pixels_in(data: Cube, window: Window, execution: Execution) -> Cube:
    """The pixels of a geometry as an array of cubes without x and y; one task for each chunk of the other dimensions."""
    cut = data.isel(window.cells).transpose(..., Y, X)
    block = da.asarray(cut.data)
    block = block.rechunk({block.ndim - 2: -1, block.ndim - 1: -1})
    inside = window.inside
    size = math.prod(map(max, block.chunks[:-2])) * inside.size * block.dtype.itemsize
    execution.budget.require_memory(size, "What lies within the bounds of a geometry")

    def select(values: Any) -> Any:
        return values[..., inside]

    chosen = block.map_blocks(
        select,
        dtype=block.dtype,
        chunks=(*block.chunks[:-2], (int(inside.sum()),)),
        drop_axis=block.ndim - 1,
        meta=np.empty((0,) * (block.ndim - 1), block.dtype),
        name=f"pixels-{uuid.uuid4().hex}",
    )
    others = cut.dims[:-2]
    return xr.DataArray(chosen, {d: cut[d] for d in others if d in cut.coords}, (*others, LABEL))


def _without_pixels(data: Cube) -> Cube:
    """A cube of the dimensions besides x and y."""
    others = [d for d in data.dims if d not in (X, Y)]
    zeros = da.zeros([data.sizes[d] for d in others], dtype=data.dtype)
    return xr.DataArray(zeros, {d: data[d] for d in others if d in data.coords}, others)


def _stacked(values: list[Cube], element: Cube, geometries: Geometries) -> Cube:
    whole = [value.broadcast_like(element).transpose(*element.dims).data for value in values]
    stacked = da.stack(whole) if whole else da.full((0, *element.shape), np.nan, np.float32)
    others = {str(d): element[d].values if d in element.coords else None for d in element.dims}
    return vector_cube(stacked, geometries, others)
