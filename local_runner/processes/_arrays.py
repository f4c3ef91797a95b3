"""OpenEO arrays: lists, labelled arrays, and the arrays of callbacks, whose elements are cubes.

A list holds Python values, null is None. A labelled array at hand is a DataArray in memory with the one dimension `label`; NaN
in it is null. An array of cubes is a DataArray along `label` and the dimensions of its elements, lazy, with or without labels.
Within the functions here an array is either a list or an array of cubes, and its labels are kept beside it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import xarray as xr

from local_runner.cube import LABEL, labels
from local_runner.errors import OpenEOError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Elements = list[Any] | xr.DataArray
Labels = list[Any] | None


def as_array(values: Any) -> Elements:
    """The elements: a list of Python values, or a DataArray along `label` where they are cubes.

    Elements that stand beside cubes may not be arrays themselves.
    """
    if isinstance(values, xr.DataArray):
        return _listed(values) if values.dims == (LABEL,) and not isinstance(values.data, da.Array) else values
    cubes = [v for v in values if isinstance(v, xr.DataArray)]
    if not cubes:
        return list(values)
    if any(LABEL in cube.dims for cube in cubes):
        raise OpenEOError("ProcessParameterInvalid", "An array in a callback must have single values as elements")
    return as_elements_like(cubes[0], values)


def labels_of(values: Any) -> Labels:
    """Labels of an array, None where it has none."""
    return labels(values, LABEL) if isinstance(values, xr.DataArray) and LABEL in values.coords else None


def with_labels(array: Elements, known: Labels) -> Any:
    """The array with these labels; without any it is a list, or an array of cubes without labels."""
    if isinstance(array, xr.DataArray):
        bare = array.drop_vars(LABEL, errors="ignore")
        return bare if known is None else bare.assign_coords({LABEL: _coordinates(known)})
    if known is None:
        return array
    return xr.DataArray(_homogeneous(array), {LABEL: _coordinates(known)}, (LABEL,))


def join(*arrays: Elements) -> Elements:
    """The elements of the arrays one after the other."""
    cubes = [a for a in arrays if isinstance(a, xr.DataArray)]
    if not cubes:
        return as_array([value for array in arrays for value in array])
    template = element(cubes[0], 0) if size(cubes[0]) else cubes[0].sum(LABEL)
    parts = [a if isinstance(a, xr.DataArray) else as_elements_like(template, a) for a in arrays]
    bare = [a.drop_vars(LABEL, errors="ignore") for a in parts]
    return xr.concat(bare, dim=LABEL, coords="minimal", compat="override", join="override")


def as_elements_like(cube: xr.DataArray, values: Sequence[Any]) -> xr.DataArray:
    """Numbers, booleans, nulls and cubes as an array of cubes like `cube`."""
    dtype = np.result_type(cube.dtype, np.float32)
    if any(not isinstance(v, xr.DataArray | bool | int | float | None) for v in values):
        must = "An array in a callback must have numbers, booleans and null as elements"
        raise OpenEOError("ProcessParameterInvalid", must, got=[v for v in values if isinstance(v, str | list | dict)])
    elements = [
        v if isinstance(v, xr.DataArray) else xr.full_like(cube, np.nan if v is None else v, dtype) for v in values
    ]
    if not elements:
        return cube.expand_dims(LABEL).isel({LABEL: slice(0)})
    return xr.concat(elements, dim=LABEL, coords="minimal", compat="override", join="override")


def part(array: Elements, start: int, stop: int | None) -> Elements:
    """The elements from `start` to before `stop`."""
    return array.isel({LABEL: slice(start, stop)}) if isinstance(array, xr.DataArray) else array[start:stop]


def element(array: Elements, index: int) -> Any:
    """One element: a Python value or a cube."""
    return array.isel({LABEL: index}, drop=True) if isinstance(array, xr.DataArray) else array[index]


def elements(array: Elements) -> list[Any]:
    """All elements: Python values or cubes."""
    return [element(array, i) for i in range(size(array))] if isinstance(array, xr.DataArray) else array


def size(array: Elements) -> int:
    """The number of elements."""
    return array.sizes[LABEL] if isinstance(array, xr.DataArray) else len(array)


def require_numbers(values: Iterable[Any]) -> None:
    """Raise `ProcessParameterInvalid` unless all elements of a list are numbers or null."""
    if any(isinstance(v, bool) or not isinstance(v, int | float | None) for v in values):
        raise OpenEOError("ProcessParameterInvalid", "The elements of data must be numbers or null", got=values)


def _listed(array: xr.DataArray) -> list[Any]:
    return [None if isinstance(v, float) and math.isnan(v) else v for v in array.values.tolist()]


def _homogeneous(values: list[Any]) -> Any:
    """Numbers with nulls as NaN, values of one kind in the dtype of it, others as they are."""
    kinds = {_kind(value) for value in values}
    if kinds == {"number", "NoneType"}:
        return np.array([math.nan if v is None else v for v in values])
    if len(kinds) == 1 and kinds <= {"number", "bool", "str"}:
        return np.array(values)
    return np.fromiter(values, object, count=len(values))


def _coordinates(known: list[Any]) -> Any:
    return np.array(known, object if len({isinstance(label, str) for label in known}) > 1 else None)


def _kind(value: Any) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
