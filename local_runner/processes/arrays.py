"""Arrays: lists, and within callbacks DataArrays along the dimension `label`."""

from functools import reduce
from typing import Any

import numpy as np
import xarray as xr

from local_runner.cube import LABEL, labels, utc_day
from local_runner.errors import OpenEOError
from local_runner.processes._support import as_array, is_array
from local_runner.processes._types import Array


def array_create(data: Array = [], repeat: int = 1) -> Array:
    """The array repeated `repeat` times one after the other; labels stay only if it is not repeated."""
    if repeat < 1:
        raise OpenEOError(
            "ProcessParameterInvalid", "The argument 'repeat' of array_create must be at least 1", got=repeat
        )
    if isinstance(data, xr.DataArray):
        return data if repeat == 1 else xr.concat([data.drop_vars(LABEL, errors="ignore")] * repeat, dim=LABEL)
    return list(data) * repeat


def array_concat(array1: Array, array2: Array) -> Array:
    """The second array behind the first; labels are kept only if both have them, and must then differ."""
    if not is_array(array1) and not is_array(array2):
        return [*array1, *array2]
    labelled = next(a for a in (array1, array2) if isinstance(a, xr.DataArray))
    arrays = [a if isinstance(a, xr.DataArray) else _like(labelled, a) for a in (array1, array2)]
    if all(LABEL in a.coords for a in arrays):
        twice = sorted(set(labels(arrays[0], LABEL)) & set(labels(arrays[1], LABEL)))
        if twice:
            raise OpenEOError("ArrayLabelConflict", "A label must stand in one of the arrays only", got=twice)
    else:
        arrays = [a.drop_vars(LABEL, errors="ignore") for a in arrays]
    return xr.concat(arrays, dim=LABEL, coords="minimal", compat="override", join="override")


def _like(array: xr.DataArray, values: list[Any] | tuple[Any, ...]) -> xr.DataArray:
    """A list as an array of the other dimensions of `array`."""
    first = array.isel({LABEL: [0]}).drop_vars(LABEL, errors="ignore")
    dtype = np.result_type(array.dtype, np.float32)
    elements = [
        v if isinstance(v, xr.DataArray) else xr.full_like(first, np.nan if v is None else v, dtype) for v in values
    ]
    return xr.concat(elements, dim=LABEL) if elements else first.isel({LABEL: slice(0)})


def array_element(
    data: Array, index: int | None = None, label: float | str | None = None, return_nodata: bool = False
) -> Any:
    """The element with an index from 0 or a label; time labels match by UTC day when the label is a date."""
    if index is None and label is None:
        raise OpenEOError("ArrayElementParameterMissing", "array_element must be given an index or a label")
    if index is not None and label is not None:
        raise OpenEOError("ArrayElementParameterConflict", "array_element must be given an index or a label, not both")
    array = as_array(data)
    known = labels(array, LABEL) if isinstance(array, xr.DataArray) else None
    count = len(known) if known is not None else len(array)
    if label is not None:
        if known is None or LABEL not in array.coords:  # type: ignore[union-attr]
            raise OpenEOError("ArrayNotLabeled", "The array must have labels", got=label, do="Use the index instead")
        index = _position(known, label)
    if index is None or not 0 <= index < count:
        if return_nodata:
            return None
        do = f"The labels are {tuple(known)}" if known is not None else f"The array has {count} elements"
        must = "index or label must be in the array"
        raise OpenEOError("ArrayElementNotAvailable", must, got=label if label is not None else index, do=do)
    return array.isel({LABEL: index}, drop=True) if isinstance(array, xr.DataArray) else array[index]


def _position(known: list[Any], label: float | str) -> int | None:
    if label in known:
        return known.index(label)
    days: list[Any] = [utc_day(k) if isinstance(k, str) and k.endswith("Z") else None for k in known]
    if days.count(label) > 1:
        must = f"A day must have one date in {tuple(known)}"
        raise OpenEOError("ProcessParameterInvalid", must, got=label, do="Give the time of day as well")
    return days.index(label) if label in days else None


def first(data: Array, ignore_nodata: bool = True) -> Any:
    """The first element, or the first that is not no-data."""
    array = as_array(data)
    if not isinstance(array, xr.DataArray):
        return next((v for v in array if v is not None or not ignore_nodata), None)
    if not ignore_nodata:
        return array.isel({LABEL: 0}, drop=True)
    elements = [array.isel({LABEL: i}, drop=True) for i in range(array.sizes[LABEL])]
    return reduce(lambda found, element: found.where(found.notnull(), element), elements)


def last(data: Array, ignore_nodata: bool = True) -> Any:
    """The last element, or the last that is not no-data."""
    array = as_array(data)
    if isinstance(array, xr.DataArray):
        return first(array.isel({LABEL: slice(None, None, -1)}), ignore_nodata)
    return first(array[::-1], ignore_nodata)


def array_labels(data: Array) -> list[Any]:
    """The labels of an array, 0, 1, 2 where it has none."""
    return labels(data, LABEL) if isinstance(data, xr.DataArray) else list(range(len(data)))
