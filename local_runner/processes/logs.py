"""Runtime information."""

import logging
from typing import Any, Literal

import xarray as xr

from local_runner.errors import repr_of
from local_runner.execution import Execution

_LOGGER = logging.getLogger("local_runner.inspect")


def inspect(
    data: Any,
    message: str = "",
    code: str = "User",
    level: Literal["error", "warning", "info", "debug"] = "info",
    *,
    execution: Execution,
) -> Any:
    """The data, after a line in the log of what it is; of a cube dimensions and number type, no values. A plan is silent."""
    text = " ".join(part for part in (message, _summary(data)) if part)
    if not execution.planning:
        _LOGGER.log(logging.getLevelNamesMapping()[level.upper()], "%s: %s", code, text)
    return data


def _summary(data: Any) -> str:
    if not isinstance(data, xr.DataArray):
        return repr_of(data)
    sizes = ", ".join(f"{name} {count}" for name, count in data.sizes.items())
    return f"cube ({sizes}) {data.dtype}"
