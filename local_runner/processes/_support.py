"""Element-wise functions, for scalars and cubes alike."""

from __future__ import annotations

import math
import uuid
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import xarray as xr

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
    values = tuple(floating(v) if isinstance(v, xr.DataArray) else v for v in values)
    cubes = [v for v in values if isinstance(v, xr.DataArray)]
    if any(v is None for v in values):
        return xr.full_like(cubes[0], np.nan) if cubes else None
    if not cubes:
        result = quiet(function)(*(np.float64(v) if isinstance(v, int | float) else v for v in values)).item()
        return _integer(result) if all(isinstance(v, int) for v in values) and abs(result) < _WHOLE else result
    if any(c.dims != cubes[0].dims or c.shape != cubes[0].shape for c in cubes):
        cubes = list(xr.broadcast(*cubes))
    operands = iter(cubes)
    arrays = [next(operands).data if isinstance(v, xr.DataArray) else v for v in values]
    if not any(isinstance(a, da.Array) for a in arrays):
        return cubes[0].copy(deep=False, data=quiet(function)(*arrays))
    return cubes[0].copy(deep=False, data=_lazy(quiet(function), arrays))


def _lazy(function: Callable[..., Any], arrays: list[Any]) -> Any:
    """A dask array from arrays of one shape and numbers; `da.elemwise`, which asks for shapes and types, takes longer."""
    samples = [np.ones((), a.dtype) if hasattr(a, "dtype") else a for a in arrays]
    dtype = np.asarray(function(*samples)).dtype
    dims = tuple(range(next(a.ndim for a in arrays if isinstance(a, da.Array))))
    operands = [part for a in arrays for part in (a, dims if isinstance(a, np.ndarray | da.Array) else None)]
    # A name of its own: dask would pickle the function at every node to make one.
    name = f"{function.__name__}-{uuid.uuid4().hex}"
    return da.blockwise(function, dims, *operands, dtype=dtype, meta=np.empty((0,) * len(dims), dtype), name=name)


def whole(function: Callable[..., Any], x: Any) -> Any:
    """`elementwise` of a function with whole results: of a finite number an int; cubes keep their dtype, NaN has no integer."""
    result = elementwise(function, x)
    return _integer(result) if isinstance(result, float) else result


def _integer(number: float) -> float:
    return int(number) if math.isfinite(number) and number == int(number) else number


def quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function without floating-point warnings, wherever it is called."""

    def silent(*arguments: Any, **keywords: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*arguments, **keywords)

    silent.__name__ = getattr(function, "__name__", "elementwise")
    return silent


def floating(cube: xr.DataArray) -> xr.DataArray:
    """A cube of integers or booleans in float32, or float64 where that cannot hold them."""
    return cube.astype(np.result_type(cube.dtype, np.float32)) if cube.dtype.kind in "iub" else cube
