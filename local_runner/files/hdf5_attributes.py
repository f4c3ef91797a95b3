"""Attributes of the groups and data sets of an HDF5 file: texts, numbers, and the values that mean no data.

Not here: opening files (`local_runner.files.hdf5`).
"""

from __future__ import annotations

import math
from typing import Any, Final

import h5py
import numpy as np

from local_runner.errors import DataError

_UNWRITTEN: Final = 9.969209968386869e36
"""NC_FILL_FLOAT and NC_FILL_DOUBLE: what stands in cells that nobody wrote, unless another value is named."""


def attribute(thing: Any, name: str) -> str:
    """An attribute of a file, group or data set as text, empty where there is none."""
    value = next(iter(np.ravel(thing.attrs.get(name, ""))), "")
    if isinstance(value, h5py.Empty):  # what netCDF makes of a text without a character
        return ""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def attribute_number(thing: Any, name: str, default: float) -> float:
    """An attribute as a number, `default` where there is none; `DataCorrupt` where it is something else."""
    if name not in thing.attrs:
        return default
    try:
        return float(np.ravel(thing.attrs[name])[0])
    except (TypeError, ValueError, IndexError):
        must = f"attribute {name!r} of {thing.name[1:]!r} in {thing.file.filename} must be a number"
        raise DataError("DataCorrupt", must, got=attribute(thing, name)[:80]) from None


def fill_values(data: Any) -> tuple[float, ...]:
    """What `_FillValue` and `missing_value` of a data set name, without NaN; of floats also what netCDF fills them with."""
    given = [attribute_number(data, key, math.nan) for key in ("_FillValue", "missing_value")]
    given += [_UNWRITTEN] if data.dtype.kind == "f" else []
    return tuple(dict.fromkeys(value for value in given if not math.isnan(value)))
