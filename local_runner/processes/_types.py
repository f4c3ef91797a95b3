"""Types of process parameters; the argument checks are made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import xarray as xr

from local_runner.callback import Callback

Number = int | float
Cube = xr.DataArray
Array = list[Any] | tuple[Any, ...] | xr.DataArray
"""An openEO array: a list, or a DataArray whose dimension `label` is the array; other dimensions are broadcast."""
Value = Number | bool | str | list[Any] | xr.DataArray | None
NumberOrNull = Number | xr.DataArray | None
BooleanOrNull = bool | xr.DataArray | None


@dataclass(frozen=True)
class Takes:
    """Names of the parameters that a process hands to a callback."""

    parameters: tuple[str, ...]


OnValue = Annotated[Callback, Takes(("x", "context"))]
OnArray = Annotated[Callback, Takes(("data", "context"))]
OnPair = Annotated[Callback, Takes(("x", "y", "context"))]
OnLabel = Annotated[Callback, Takes(("value", "context"))]
