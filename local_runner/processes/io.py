"""Loading and saving."""

from typing import Any

from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.processes._types import Cube
from local_runner.stac.read import load

FORMATS = {"gtiff": "GTiff", "netcdf": "netCDF"}


def load_stac(
    url: str,
    spatial_extent: dict[str, Any] | None = None,
    temporal_extent: list[str | None] | None = None,
    bands: list[str] | None = None,
    properties: dict[str, Any] | None = None,
    featureflags: dict[str, Any] | None = None,
    *,
    execution: Execution,
) -> Cube:
    """A STAC collection, item or catalogue as a lazy cube.

    `featureflags` is a parameter of the geopyspark back-end; it is accepted and not looked at here.
    """
    return load(
        url,
        spatial_extent=spatial_extent,
        temporal_extent=temporal_extent,
        bands=bands,
        properties=properties,
        access=execution.access.naming(url),
    )


def save_result(data: Cube, format: str, options: dict[str, Any] = {}, *, execution: Execution) -> Any:
    """Write a cube as GTiff or netCDF with its STAC metadata, and return the STAC collection.

    Only a run has a folder to write to (`local_runner.run`); elsewhere the cube is handed through, still lazy.
    """
    if format.lower() not in FORMATS:
        raise OpenEOError("FormatUnsuitable", f"format must be one of {tuple(FORMATS.values())}", got=format)
    if data.size == 0:
        raise OpenEOError("DataCubeEmpty", "The cube must have values", got=dict(data.sizes))
    if execution.save is None:
        return data
    return execution.save(data, file_format=FORMATS[format.lower()], options=options)
