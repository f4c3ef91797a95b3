"""Values replaced where a mask says."""

from __future__ import annotations

import numpy as np
import xarray as xr

from local_runner.errors import OpenEOError

Replacement = int | float | bool | str | None


def replaced(data: xr.DataArray, masked: xr.DataArray, value: Replacement) -> xr.DataArray:
    """The cube with `value` (null: NaN) where `masked`; in a dtype that holds both, dims in the order of `data`."""
    if isinstance(value, str):
        must = "What replaces the values of a cube of numbers must be a number, a boolean or null"
        raise OpenEOError("ProcessParameterInvalid", must, got=value)
    number = np.nan if value is None else value
    kept = data.dtype.kind == "f" or (data.dtype.kind == "i" and isinstance(value, int) and _fits(value, data.dtype))
    dtype = data.dtype if kept else np.result_type(data.dtype, _smallest(number))
    return data.astype(dtype).where(~masked, dtype.type(number)).transpose(*data.dims)


def _smallest(number: float) -> type[np.floating]:
    return np.float64 if np.isfinite(number) and np.float32(number) != number else np.float32


def _fits(value: int, dtype: np.dtype[np.signedinteger]) -> bool:
    return bool(np.iinfo(dtype).min <= value <= np.iinfo(dtype).max)
