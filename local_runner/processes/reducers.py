"""Reducers: one value of an array; no-data (null, and NaN in cubes) is left out unless `ignore_nodata` is false."""

import math
from collections.abc import Callable
from typing import Any

import xarray as xr

from local_runner.cube import LABEL
from local_runner.errors import OpenEOError
from local_runner.processes._support import as_array
from local_runner.processes._types import Array


def _reduce(name: str, data: Array, ignore_nodata: bool, of_list: Callable[[list[Any]], Any], **options: Any) -> Any:
    array = as_array(data)
    if isinstance(array, xr.DataArray):
        return getattr(array, name)(LABEL, skipna=ignore_nodata, **options)
    valid = [v for v in array if v is not None]
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in valid):
        raise OpenEOError("ProcessParameterInvalid", "The elements of data must be numbers or null", got=array)
    if not valid or (len(valid) < len(array) and not ignore_nodata):
        return None
    return math.nan if any(math.isnan(v) for v in valid) else of_list(valid)


def mean(data: Array, ignore_nodata: bool = True) -> Any:
    """Arithmetic mean; no-data if there is nothing to average."""
    return _reduce("mean", data, ignore_nodata, lambda v: sum(v) / len(v))


def min_(data: Array, ignore_nodata: bool = True) -> Any:
    """Smallest element."""
    return _reduce("min", data, ignore_nodata, min)


def max_(data: Array, ignore_nodata: bool = True) -> Any:
    """Largest element."""
    return _reduce("max", data, ignore_nodata, max)


def sum_(data: Array, ignore_nodata: bool = True) -> Any:
    """Sum; no-data if there is nothing to add."""
    return _reduce("sum", data, ignore_nodata, sum, min_count=1)
