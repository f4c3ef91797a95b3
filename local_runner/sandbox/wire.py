"""Arrays as JSON and samples: what goes into the sandbox and, unchecked, comes out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from numpy.typing import NDArray


def describe(array: xr.DataArray) -> dict[str, Any]:
    """Dims, shape, dtype, coordinates of the dims and attributes of an array, as JSON values; not its samples.

    Raises TypeError for labels that are neither texts nor numbers nor dates.
    """
    return {
        "dims": [str(d) for d in array.dims],
        "shape": list(array.shape),
        "dtype": array.dtype.str,
        "coords": {str(d): _labels(array.coords[d].values) for d in array.dims if d in array.coords},
        "attrs": {str(k): v for k, v in array.attrs.items() if isinstance(v, str | int | float | bool)},
    }


def samples_of(array: NDArray[Any]) -> memoryview:
    """The samples of a contiguous array as bytes, without a copy."""
    return memoryview(array.reshape(-1).view(np.uint8).data)


def labelled(values: NDArray[Any], description: dict[str, Any]) -> xr.DataArray:
    """The array of a description and its samples."""
    coords = {d: labels_of(**labels) for d, labels in description["coords"].items()}
    return xr.DataArray(values, coords, description["dims"], attrs=description["attrs"])


def _labels(values: NDArray[Any]) -> dict[str, Any]:
    if values.dtype.kind == "M":
        return {"kind": "M", "values": values.astype("datetime64[ns]").astype(np.int64).tolist()}
    found = values.tolist()
    strange = [label for label in found if not isinstance(label, str | int | float | None)]
    if strange or values.dtype.kind not in "fiubUTO":
        raise TypeError(type(strange[0]).__name__ if strange else str(values.dtype))
    return {"kind": values.dtype.str if values.dtype.kind in "fiub" else "O", "values": found}


def labels_of(kind: str, values: list[Any]) -> Any:
    """Labels of their JSON form; texts and mixed labels as a list, as `xarray` takes them from a caller."""
    if kind == "M":
        return np.array(values, np.int64).view("datetime64[ns]")
    return values if kind == "O" else np.array(values, np.dtype(kind))
