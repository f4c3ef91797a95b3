"""Reducers: one value, or a few, of an array; no-data (null, and NaN in cubes) is left out unless `ignore_nodata` is false.

Of a list, and of a labelled array in memory, the result is a Python value; NaN in a list is a number and makes the result NaN.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import xarray as xr

from local_runner.callback import Callback
from local_runner.errors import OpenEOError
from local_runner.processes._along import interpolated, mapped_blocks, reduced, reduced_blocks, valid_count
from local_runner.processes._arrays import as_array, require_numbers, size
from local_runner.processes._support import elementwise, quiet
from local_runner.processes._types import Array, Takes
from local_runner.processes.comparison import is_valid

Condition = Annotated[Callback, Takes(("x", "context"))]


def _reduce(
    data: Array,
    ignore_nodata: bool,
    of_list: Callable[[list[Any]], Any],
    of_cubes: Callable[[xr.DataArray, bool], xr.DataArray],
) -> Any:
    array = as_array(data)
    if isinstance(array, xr.DataArray):
        return of_cubes(array, ignore_nodata) if size(array) else None
    return _reduce_list(array, ignore_nodata, of_list)


def _reduce_list(array: list[Any], ignore_nodata: bool, of_list: Callable[[list[Any]], Any]) -> Any:
    require_numbers(array)
    valid = [v for v in array if v is not None]
    if not valid or (len(valid) < len(array) and not ignore_nodata):
        return None
    return math.nan if any(math.isnan(v) for v in valid) else of_list(valid)


def _exact(total: Callable[[list[Any]], Any], values: list[Any]) -> Any:
    """`total` in whole numbers where all are, else in floating point; infinite beyond the range of that."""
    result = total(values if all(isinstance(v, int) for v in values) else [float(v) for v in values])
    try:
        float(result)
    except OverflowError:
        return math.inf if result > 0 else -math.inf
    return result


def mean(data: Array, ignore_nodata: bool = True) -> Any:
    """Arithmetic mean; no-data if there is nothing to average."""
    return _reduce(data, ignore_nodata, lambda v: _exact(sum, v) / len(v), _mean)


def _mean(array: xr.DataArray, ignore_nodata: bool) -> xr.DataArray:
    count = valid_count(array) if ignore_nodata else size(array)
    return elementwise(lambda a, n: (a / n).astype(a.dtype), reduced(array, "sum", ignore_nodata), count)


def min_(data: Array, ignore_nodata: bool = True) -> Any:
    """Smallest element."""
    return _reduce(data, ignore_nodata, min, lambda array, ignore: reduced(array, "min", ignore))


def max_(data: Array, ignore_nodata: bool = True) -> Any:
    """Largest element."""
    return _reduce(data, ignore_nodata, max, lambda array, ignore: reduced(array, "max", ignore))


def extrema(data: Array, ignore_nodata: bool = True) -> Any:
    """Smallest and largest element as an array of two."""
    return as_array([min_(data, ignore_nodata), max_(data, ignore_nodata)])


def sum_(data: Array, ignore_nodata: bool = True) -> Any:
    """Sum; no-data if there is nothing to add."""
    return _reduce(data, ignore_nodata, partial(_exact, sum), lambda array, ignore: _of_some(array, "sum", ignore))


def product(data: Array, ignore_nodata: bool = True) -> Any:
    """Product; no-data if there is nothing to multiply."""
    return _reduce(
        data, ignore_nodata, partial(_exact, math.prod), lambda array, ignore: _of_some(array, "product", ignore)
    )


def _of_some(array: xr.DataArray, name: Literal["sum", "product"], ignore_nodata: bool) -> xr.DataArray:
    result = reduced(array, name, ignore_nodata)
    return elementwise(_where_any, result, valid_count(array)) if ignore_nodata else result


def _where_any(result: Any, count: Any) -> Any:
    return np.where(count > 0, result, result.dtype.type(np.nan))


def variance(data: Array, ignore_nodata: bool = True) -> Any:
    """Sample variance (divided by n - 1); NaN of a single element."""
    return _reduce(data, ignore_nodata, lambda v: _of_floats(_variance, v), lambda a, i: _in_blocks(_variance, a, i))


def sd(data: Array, ignore_nodata: bool = True) -> Any:
    """Sample standard deviation, the square root of `variance`."""
    return elementwise(np.sqrt, variance(data, ignore_nodata))


def median(data: Array, ignore_nodata: bool = True) -> Any:
    """Middle of the sorted elements, the mean of both where there are two."""
    return _reduce(data, ignore_nodata, lambda v: _of_floats(_median, v), lambda a, i: _in_blocks(_median, a, i))


def _in_blocks(function: Callable[[Any], Any], array: xr.DataArray, ignore_nodata: bool) -> xr.DataArray:
    return reduced_blocks(lambda block: _with_nodata(function(block), block, ignore_nodata), array)


def _of_floats(function: Callable[[Any], Any], values: list[Any]) -> Any:
    return quiet(function)(np.array(values, float)).tolist()


def _variance(values: Any) -> Any:
    valid = ~np.isnan(values)
    count = valid.sum(axis=-1, keepdims=True)
    centre = np.where(valid, values, 0).sum(axis=-1, keepdims=True) / count
    squares = np.where(valid, (values - centre) ** 2, 0).sum(axis=-1)
    return np.where(count[..., 0] > 1, squares / (count[..., 0] - 1), np.nan).astype(values.dtype)


def _median(values: Any) -> Any:
    return _quantiles(values, [0.5])[..., 0]


def _with_nodata(result: Any, values: Any, ignore_nodata: bool) -> Any:
    """NaN where a value is NaN, if that counts."""
    if ignore_nodata:
        return result
    missing = np.isnan(values).any(axis=-1)
    return np.where(missing.reshape(missing.shape + (1,) * (result.ndim - missing.ndim)), np.nan, result).astype(
        result.dtype
    )


def quantiles(
    data: Array,
    probabilities: list[float] | int | None = None,
    q: int | None = None,
    ignore_nodata: bool = True,
) -> Any:
    """Quantiles of type 7 (Hyndman and Fan 1996) at the probabilities, or at the cuts of a number of equal intervals."""
    cuts = _cuts(probabilities, q)
    array = as_array(data)
    if isinstance(array, xr.DataArray) and size(array):
        return mapped_blocks(lambda a: _with_nodata(_quantiles(a, cuts), a, ignore_nodata), array, len(cuts))
    found = _reduce_list(list(array), ignore_nodata, lambda v: _of_floats(lambda a: _quantiles(a, cuts), v))
    return found if isinstance(found, list) else [found] * len(cuts)


def _cuts(probabilities: list[float] | int | None, q: int | None) -> list[float]:
    if probabilities is not None and q is not None:
        raise OpenEOError("QuantilesParameterConflict", "quantiles must be given probabilities or q, not both")
    given = q if probabilities is None else probabilities
    if given is None:
        raise OpenEOError("QuantilesParameterMissing", "quantiles must be given probabilities")
    if isinstance(given, int):
        if given < 2:
            raise OpenEOError("ProcessParameterInvalid", "The number of intervals must be at least 2", got=given)
        return [i / given for i in range(1, given)]
    if any(not 0 <= p <= 1 for p in given):
        raise OpenEOError("ProcessParameterInvalid", "The probabilities must be between 0 and 1", got=given)
    if sorted(given) != given:
        raise OpenEOError("AscendingProbabilitiesRequired", "The probabilities must ascend", got=given)
    return given


def _quantiles(values: Any, cuts: list[float]) -> Any:
    """Quantiles of the values along the last axis that are not NaN."""
    ordered = np.sort(values, axis=-1)  # NaN at the end
    count = (~np.isnan(ordered)).sum(axis=-1, keepdims=True)
    position = np.clip((count - 1) * np.array(cuts), 0, None)
    low = np.floor(position).astype(int)
    below = np.take_along_axis(ordered, low, axis=-1)
    above = np.take_along_axis(ordered, np.ceil(position).astype(int), axis=-1)
    return interpolated(below, above, (position - low).astype(values.dtype))


def count(data: Array, condition: Condition | Literal[True] | None = None, context: Any = None) -> Any:
    """Number of elements that are valid, that fulfil a condition, or (`condition` true) of all."""
    array = as_array(data)
    if condition is True or not size(array):
        return size(array)
    if isinstance(array, xr.DataArray):
        fulfilled = is_valid(array) if condition is None else condition(x=array, context=context)
        fulfilled = fulfilled if isinstance(fulfilled, xr.DataArray) else [fulfilled] * size(array)
    else:
        fulfilled = [is_valid(v) if condition is None else condition(x=v, context=context) for v in array]
    found = as_array(fulfilled)
    if isinstance(found, xr.DataArray):
        return reduced(elementwise(lambda a: (a == 1).astype(np.float32), found), "sum")
    return sum(f is True for f in found)
