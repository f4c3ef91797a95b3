"""Element-wise functions and arrays, for scalars and cubes alike."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.array.core import elemwise

from local_runner.cube import LABEL
from local_runner.errors import OpenEOError

if TYPE_CHECKING:
    from collections.abc import Callable

_WHOLE = 2**53
"""Below this float64 holds every whole number."""


def elementwise(function: Callable[..., Any], *values: Any) -> Any:
    """`function` of numpy arrays applied to scalars and cubes; lazy where a value is.

    A scalar null makes the result null; within cubes no-data is NaN and passes through `function`. Everything is computed in
    floating point: cubes of integers become float32, or float64 where that cannot hold them. A scalar result is a Python value,
    an int where all inputs are and it is whole. Floating-point warnings are silenced: the result holds NaN or inf as IEEE 754
    says.
    """
    values = tuple(_floating(v) if isinstance(v, xr.DataArray) else v for v in values)
    if any(v is None for v in values):
        cubes = [v for v in values if isinstance(v, xr.DataArray)]
        return None if not cubes else xr.full_like(cubes[0], np.nan)

    def quiet(*arrays: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*arrays)

    if not any(isinstance(v, xr.DataArray) for v in values):
        result = quiet(*(float(v) if isinstance(v, int) else v for v in values)).item()
        return (
            int(result)
            if all(isinstance(v, int) for v in values) and abs(result) < _WHOLE and result % 1 == 0
            else result
        )
    cubes = [v for v in values if isinstance(v, xr.DataArray)]
    if any(c.dims != cubes[0].dims or c.shape != cubes[0].shape for c in cubes):
        cubes = list(xr.broadcast(*cubes))
    operands = iter(cubes)
    arrays = [next(operands).data if isinstance(v, xr.DataArray) else v for v in values]
    if not any(isinstance(a, da.Array) for a in arrays):
        return cubes[0].copy(deep=False, data=quiet(*arrays))
    samples = [np.ones((), a.dtype) if hasattr(a, "dtype") else a for a in arrays]
    dtype = np.asarray(quiet(*samples)).dtype
    # A name of its own: dask would pickle the function at every node to make one.
    name = f"{getattr(function, '__name__', 'elementwise')}-{uuid.uuid4().hex}"
    return cubes[0].copy(deep=False, data=elemwise(quiet, *arrays, dtype=dtype, name=name))


def _floating(cube: xr.DataArray) -> xr.DataArray:
    return cube.astype(np.result_type(cube.dtype, np.float32)) if cube.dtype.kind in "iub" else cube


def is_array(value: Any) -> bool:
    """Whether a value is a DataArray that holds an openEO array along `label`."""
    return isinstance(value, xr.DataArray) and LABEL in value.dims


def as_array(values: Any) -> xr.DataArray | list[Any]:
    """A list with cubes among its elements as one DataArray along `label`; anything else as it is.

    Elements may not be arrays themselves.
    """
    if isinstance(values, xr.DataArray) or not any(isinstance(v, xr.DataArray) for v in values):
        return values if isinstance(values, xr.DataArray) else list(values)
    template = next(v for v in values if isinstance(v, xr.DataArray))
    if any(is_array(v) or isinstance(v, list) for v in values):
        raise OpenEOError("ProcessParameterInvalid", "An array in a callback must have single values as elements")
    whole = xr.zeros_like(template)
    elements = [v if isinstance(v, xr.DataArray) else whole + (np.nan if v is None else v) for v in values]
    return xr.concat(elements, dim=LABEL, coords="minimal", compat="override", join="override")
