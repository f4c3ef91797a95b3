"""User-defined functions."""

from typing import Any

import xarray as xr

from local_runner.cube import X, Y
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.udf.chunks import Chunks, make_udf, run_over_chunks


def run_udf(
    data: Any, udf: str, runtime: str, version: str | None = None, context: Any = {}, *, execution: Execution
) -> Any:
    """A UDF on a whole raster cube at once; as the only node of a callback the parent process cuts the chunks."""
    if not isinstance(data, xr.DataArray) or not {X, Y} <= set(data.dims):
        raise OpenEOError("ProcessParameterInvalid", "The data of run_udf must be a raster cube", got=data)
    function = make_udf(udf, runtime, version, context, execution=execution)
    size = (data.sizes[Y], data.sizes[X])
    return run_over_chunks(data, function, Chunks("run_udf", size), execution)
