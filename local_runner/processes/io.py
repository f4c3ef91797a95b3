"""Loading and saving."""

from typing import Any

import shapely
import xarray as xr

from local_runner.cube import dimension_of_type, labels
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.processes._types import Cube
from local_runner.stac.read import load
from local_runner.vector import LONLAT, Geometries, projected, read_geometries
from local_runner.vector_pixels import Pixels

FORMATS = {"gtiff": "GTiff", "netcdf": "netCDF"}


def load_stac(
    url: str,
    spatial_extent: dict[str, Any] | Cube | None = None,
    temporal_extent: list[str | None] | None = None,
    bands: list[str] | None = None,
    properties: dict[str, Any] | None = None,
    featureflags: dict[str, Any] | None = None,
    *,
    execution: Execution,
) -> Cube:
    """A STAC collection, item or catalogue as a lazy cube; of polygons their bounding box, NaN outside of them.

    `featureflags` is a parameter of the geopyspark back-end; it is accepted and not looked at here.
    """
    polygons = None
    if spatial_extent is not None and (isinstance(spatial_extent, xr.DataArray) or "type" in spatial_extent):
        polygons = read_geometries(spatial_extent, only_polygons=True)
        spatial_extent = _box_of(polygons)
    cube = load(
        url,
        spatial_extent=spatial_extent,
        temporal_extent=temporal_extent,
        bands=bands,
        properties=properties,
        access=execution.access.naming(url),
        profile=execution.profile,
        planning=execution.planning,
    )
    if polygons is None:
        return cube
    pixels = Pixels(cube, planning=execution.planning)
    return cube.where(pixels.covered(pixels.shapes(polygons))).transpose(*cube.dims)


def _box_of(polygons: Geometries) -> dict[str, float]:
    if all(shape.is_empty for shape in polygons.shapes):
        raise OpenEOError("NoDataAvailable", "spatial_extent must have a polygon that is not empty")
    edges = shapely.total_bounds(projected(polygons, LONLAT)).tolist()
    return dict(zip(("west", "south", "east", "north"), edges, strict=True))


def load_collection(
    id: str,
    spatial_extent: dict[str, Any] | Cube | None,
    temporal_extent: list[str | None] | None,
    bands: list[str] | None = None,
    properties: dict[str, Any] | None = None,
) -> Cube:
    """A collection of a back-end: there are none here, so it is always `CollectionNotFound`."""
    do = "Load the STAC collection that holds the data by load_stac"
    raise OpenEOError(
        "CollectionNotFound", "The collection must be one of this executor, which has none", got=id, do=do
    )


def save_result(data: Cube, format: str, options: dict[str, Any] = {}, *, execution: Execution) -> Any:
    """Write a cube as GTiff or netCDF with its STAC metadata, and return the STAC collection.

    Only a run has a folder to write to (`local_runner.run`); elsewhere the cube is handed through, still lazy.
    """
    if format.lower() not in FORMATS:
        raise OpenEOError("FormatUnsuitable", f"format must be one of {tuple(FORMATS.values())}", got=format)
    if data.size == 0:
        raise OpenEOError("DataCubeEmpty", "The cube must have values", got=dict(data.sizes))
    if dimension_of_type(data, "geometry") is not None:
        do = "Take its values from Python, by local_runner.evaluate"
        raise OpenEOError("FormatUnsuitable", "A cube that is saved must be a raster", got=tuple(data.dims), do=do)
    temporal = dimension_of_type(data, "temporal")
    if temporal is not None and data[temporal].dtype.kind != "M":
        do = "Name dates by rename_labels first"
        raise OpenEOError(
            "FormatUnsuitable", f"The labels of {temporal} must be dates", got=labels(data, temporal), do=do
        )
    if execution.save is None:
        return data
    return execution.save(data, file_format=FORMATS[format.lower()], options=options)
