"""Three-valued logic; within cubes 1, 0 and NaN for true, false and null."""

from typing import Any

import numpy as np
import xarray as xr

from local_runner.errors import OpenEOError
from local_runner.processes._along import reduced
from local_runner.processes._arrays import as_array, size
from local_runner.processes._support import elementwise
from local_runner.processes._types import Array, BooleanOrNull


def and_(x: BooleanOrNull, y: BooleanOrNull) -> BooleanOrNull:
    """False if either is false, null if one is null, else true."""
    if isinstance(x, xr.DataArray) or isinstance(y, xr.DataArray):
        return elementwise(_and, _as_number(x), _as_number(y))
    if x is False or y is False:
        return False
    return None if x is None or y is None else True


def or_(x: BooleanOrNull, y: BooleanOrNull) -> BooleanOrNull:
    """True if either is true, null if one is null, else false."""
    if isinstance(x, xr.DataArray) or isinstance(y, xr.DataArray):
        return not_(and_(not_(x), not_(y)))
    if x is True or y is True:
        return True
    return None if x is None or y is None else False


def xor(x: BooleanOrNull, y: BooleanOrNull) -> BooleanOrNull:
    """True if exactly one is true, null if one is null, else false."""
    if isinstance(x, xr.DataArray) or isinstance(y, xr.DataArray):
        return elementwise(_xor, _as_number(x), _as_number(y))
    return None if x is None or y is None else x is not y


def not_(x: BooleanOrNull) -> BooleanOrNull:
    """The opposite; null stays null."""
    if isinstance(x, xr.DataArray):
        return elementwise(lambda a: 1 - np.asarray(a, np.float32), x)
    return None if x is None else not x


def all_(data: Array, ignore_nodata: bool = True) -> BooleanOrNull:
    """Whether no element is false; null if one is null, that counts, and none is false."""
    return _decided(data, ignore_nodata, by=False)


def any_(data: Array, ignore_nodata: bool = True) -> BooleanOrNull:
    """Whether an element is true; null if one is null, that counts, and none is true."""
    return _decided(data, ignore_nodata, by=True)


def _decided(data: Array, ignore_nodata: bool, *, by: bool) -> BooleanOrNull:
    """`by` if an element is that, else null or the opposite."""
    array = as_array(data)
    if isinstance(array, xr.DataArray):
        return _decided_along(array, ignore_nodata, by=by) if size(array) else not by
    if any(not isinstance(v, bool | None) for v in array):
        raise OpenEOError("ProcessParameterInvalid", "The elements of data must be booleans or null", got=array)
    if by in array:
        return by
    return None if None in array and not ignore_nodata else not by


def _decided_along(array: xr.DataArray, ignore_nodata: bool, *, by: bool) -> xr.DataArray:
    decides = elementwise(lambda a: ((a != 0) == by).astype(np.float32) * ~np.isnan(a), array)
    found = reduced(decides, "max")
    undecided = reduced(elementwise(lambda a: np.isnan(a).astype(np.float32), array), "max")

    def decide(found: Any, null: Any) -> Any:
        otherwise = np.float32(not by) if ignore_nodata else np.where(null > 0, np.float32(np.nan), np.float32(not by))
        return np.where(found > 0, np.float32(by), otherwise)

    return elementwise(decide, found, undecided)


def if_(value: BooleanOrNull, accept: Any, reject: Any = None) -> Any:
    """`accept` where the value is true, else `reject`; cubes choose element by element, null becomes NaN."""
    if not isinstance(value, xr.DataArray):
        return accept if value is True else reject
    branches = [np.nan if branch is None else branch for branch in (accept, reject)]
    return elementwise(_choose, value, *branches)


def _choose(value: Any, accept: Any, reject: Any) -> Any:
    dtype = np.result_type(np.asarray(value), accept, reject)
    return np.where(np.asarray(value) == 1, accept, reject).astype(dtype, copy=False)


def _and(x: Any, y: Any) -> Any:
    null = np.where(np.isnan(x) | np.isnan(y), np.float32(np.nan), np.float32(1))
    return np.where((x == 0) | (y == 0), np.float32(0), null)


def _xor(x: Any, y: Any) -> Any:
    null = np.isnan(x) | np.isnan(y)
    return np.where(null, np.float32(np.nan), ((x == 0) != (y == 0)).astype(np.float32))


def _as_number(value: BooleanOrNull) -> Any:
    return np.float32(np.nan) if value is None else np.float32(value) if isinstance(value, bool) else value
