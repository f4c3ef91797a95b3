"""Processes that run a callback over parts of a cube: neighbourhoods and polygons."""

from typing import Any

import numpy as np
import xarray as xr

from local_runner.cube import LABEL, T, X, Y, dimension_type, require_dimension, require_spatial, take_cells
from local_runner.errors import OpenEOError, Quoted
from local_runner.execution import Execution
from local_runner.processes import _parts
from local_runner.processes._callbacks import array_result, dressed, values_of
from local_runner.processes._masking import Replacement, replaced
from local_runner.processes._types import Cube, OnArray
from local_runner.udf.chunks import Chunks, run_over_chunks, udf_of
from local_runner.vector import read_geometries
from local_runner.vector_pixels import Pixels, Window


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

    Sizes are in pixels or labels; along time also 'P1D', each date for itself. A UDF runs over x and y, all dates together or
    each for itself. Other processes get all neighbourhoods at once, as a cube with further dimensions in which x and y count
    from 0; they see an array where a neighbourhood is one-dimensional, and must return the dimensions and sizes that they got.
    """
    require_spatial(data)
    for entry in [*size, *(overlap or [])]:
        require_dimension(data, entry.get("dimension", ""))
    extents, halos = _extents(data, size), _halos(overlap or [])
    shapes = {str(d): _parts.Neighborhood(extents.get(str(d), n), halos.get(str(d), 0)) for d, n in data.sizes.items()}
    if process.contains_udf:
        return _udf_in_neighborhoods(data, process, shapes, context, execution, daily=extents.get(T) == 1)
    return _in_neighborhoods(data, process, shapes, context, execution)


def apply_polygon(
    data: Cube,
    geometries: Cube | dict[str, Any],
    process: OnArray,
    mask_value: Replacement = None,
    context: Any = None,
    *,
    execution: Execution,
) -> Cube:
    """`process` on the bounding box of each polygon, `mask_value` (null: NaN) outside of it; NaN where there is no polygon.

    The callback must return the dimensions, and as many labels, as it got. A UDF gets all dates of a box together. In radar
    geometry the position bands tell where a pixel is; they are read when the graph is built, while planning every pixel counts.
    """
    pixels = Pixels(data, planning=execution.planning)
    shapes = pixels.shapes(read_geometries(geometries, only_polygons=True))
    windows = [window for window in map(pixels.window, shapes) if window is not None]
    if not pixels.unknown:
        _require_apart(windows, pixels.shape)
    results = [_in_polygon(data, window, process, mask_value, context, execution) for window in windows]
    order = (*(d for d in data.dims if d not in (X, Y)), Y, X)
    painted = _parts.painted([r.transpose(*order) for r in results], windows, data.transpose(*order))
    coords = {d: data[d] for d in order if d in data.coords}
    return dressed(xr.DataArray(painted, coords, order), data).transpose(*data.dims)


def _extents(data: Cube, entries: list[dict[str, Any]]) -> dict[str, int]:
    """Size of a neighbourhood along each dimension that is named; null stands for all values."""
    found = {}
    for entry in entries:
        name, value = str(entry["dimension"]), entry.get("value")
        if value is None:
            continue
        if value == "P1D" and dimension_type(data, name) == "temporal":
            found[name] = 1
            continue
        found[name] = _whole(entry, at_least=1)
    return found


def _halos(entries: list[dict[str, Any]]) -> dict[str, int]:
    return {str(e["dimension"]): 0 if e.get("value") is None else _whole(e, at_least=0) for e in entries}


def _whole(entry: dict[str, Any], *, at_least: int) -> int:
    name, value, unit = entry["dimension"], entry.get("value"), entry.get("unit")
    number = (type(value) is int or (isinstance(value, float) and value.is_integer())) and value >= at_least
    if not number or unit not in ("px", None):
        do = "Give it in pixels with the unit 'px', along time as 'P1D' for each date"
        raise OpenEOError("FeatureUnsupported", f"Sizes along {name} must be whole pixels or null", got=entry, do=do)
    return int(value or 0)


def _udf_in_neighborhoods(
    data: Cube,
    process: OnArray,
    shapes: dict[str, _parts.Neighborhood],
    context: Any,
    execution: Execution,
    *,
    daily: bool,
) -> Cube:
    for d, shape in shapes.items():
        in_parts = shape.size < data.sizes[d] and not (d == T and daily)
        if d not in (X, Y) and (in_parts or shape.overlap):
            must = f"A UDF must get all labels of {d}, or 'P1D' along {T}, without overlap"
            raise OpenEOError("FeatureUnsupported", must, got=shape._asdict())
    size, overlap = ((shapes[Y][i], shapes[X][i]) for i in range(2))
    chunks = Chunks("apply_neighborhood", size, overlap, daily=daily)
    return run_over_chunks(data, udf_of(process, context, execution), chunks, execution)


def _in_neighborhoods(
    data: Cube, process: OnArray, shapes: dict[str, _parts.Neighborhood], context: Any, execution: Execution
) -> Cube:
    bare = values_of(data, execution)
    execution.budget.require_memory(_parts.bytes_of_task(bare, shapes), "The neighbourhoods of a task")
    cube = _parts.cut(bare, shapes)
    long = [d for d, shape in shapes.items() if shape.length > 1]
    if len(long) <= 1:
        result = _on_arrays(cube, process, (long or [str(data.dims[-1])])[0], list(shapes), context)
    else:
        result = process(data=cube, context=context)
    if not isinstance(result, xr.DataArray) or dict(result.sizes) != dict(cube.sizes):
        got = dict(result.sizes) if isinstance(result, xr.DataArray) else result
        must = (
            f"The callback of apply_neighborhood must return the dimensions and sizes that it got, {dict(cube.sizes)}"
        )
        raise OpenEOError("DataCubePropertiesImmutable", must, got=got)
    whole = _parts.joined(result, shapes, data)
    return dressed(whole, data).transpose(*data.dims)


def _on_arrays(cube: Cube, process: OnArray, dimension: str, names: list[str], context: Any) -> Any:
    """The callback on the arrays along the only dimension of the neighbourhoods that is longer than 1."""
    short = [d for d in names if d != dimension]
    array = cube.isel(dict.fromkeys(short, 0), drop=True).rename({dimension: LABEL})
    result = array_result(process(data=array, context=context), array, "apply_neighborhood")
    return result.rename({LABEL: dimension}).expand_dims(short)


def _require_apart(windows: list[Window], shape: tuple[int, int]) -> None:
    taken = np.zeros(shape, bool)
    for window in windows:
        here = taken[window.rows, window.columns]
        twice = int((here & window.inside).sum())
        if twice:
            must = "A pixel must lie in one polygon only"
            do = "Cut the polygons so that they do not overlap"
            raise OpenEOError("GeometriesOverlap", must, got=Quoted(f"{twice} pixels in two"), do=do)
        here |= window.inside


def _in_polygon(
    data: Cube, window: Window, process: OnArray, mask_value: Replacement, context: Any, execution: Execution
) -> Cube:
    part = take_cells(data, window.cells)
    part = replaced(part, ~xr.DataArray(window.inside, dims=(Y, X)), mask_value)
    if process.contains_udf:
        chunks = Chunks("apply_polygon", window.inside.shape)
        return run_over_chunks(part, udf_of(process, context, execution), chunks, execution)
    result = process(data=part, context=context)
    if not isinstance(result, xr.DataArray) or dict(result.sizes) != dict(part.sizes):
        got = dict(result.sizes) if isinstance(result, xr.DataArray) else result
        must = f"The callback of apply_polygon must return the dimensions and sizes that it got, {dict(part.sizes)}"
        raise OpenEOError("DataCubePropertiesImmutable", must, got=got)
    return result
