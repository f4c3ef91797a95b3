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


def elementwise(function: Callable[..., Any], *values: Any) -> Any:
    """`function` of numpy arrays applied to scalars and cubes; lazy where a value is.

    A scalar null makes the result null; within cubes no-data is NaN and passes through `function`. A scalar result is a
    Python value. Floating-point warnings are silenced: the result holds NaN or inf as IEEE 754 says.
    """
    if any(v is None for v in values):
        cubes = [v for v in values if isinstance(v, xr.DataArray)]
        return None if not cubes else xr.full_like(cubes[0], np.nan, dtype=np.result_type(cubes[0].dtype, np.float32))

    def quiet(*arrays: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*arrays)

    if not any(isinstance(v, xr.DataArray) for v in values):
        result = quiet(*values)
        return result.item() if isinstance(result, np.generic) else result
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


def is_array(value: Any) -> bool:
    """Whether a value is a DataArray that holds an openEO array along `label`."""
    return isinstance(value, xr.DataArray) and LABEL in value.dims


def as_array(values: Any) -> xr.DataArray | list[Any]:
    """A list with cubes among its elements as one DataArray along `label`; anything else as it is.

    Elements may also be arrays of one element each.
    """
    if isinstance(values, xr.DataArray) or not any(isinstance(v, xr.DataArray) for v in values):
        return values if isinstance(values, xr.DataArray) else list(values)
    template = next(v for v in values if isinstance(v, xr.DataArray))
    if LABEL in template.dims:
        raise OpenEOError("ProcessParameterInvalid", "An array in a callback must have single values as elements")
    whole = xr.zeros_like(template)
    elements = [v if isinstance(v, xr.DataArray) else whole + (np.nan if v is None else v) for v in values]
    return xr.concat(elements, dim=LABEL, coords="minimal", compat="override", join="override")
