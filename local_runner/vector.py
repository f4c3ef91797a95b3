"""Vector cubes, and the geometries that processes get as such a cube or as GeoJSON.

A vector cube is an `xarray.DataArray` on dask with a dimension of type `geometry` (called `geometry`) whose labels are
shapely geometries in the CRS of the cube; `cube.xvec.set_geom_indexes("geometry")` makes an xvec cube of it. The coordinate
`feature` along it holds what GeoJSON says of each feature besides its geometry: `{"id", "properties"}`, what there is.

Positions are longitude and latitude in GeoJSON (EPSG:4326, RFC 7946); an older file may name another CRS in `crs`, which is
respected rather than put elsewhere. Heights are dropped. No measures, no topology: a geometry only says which pixels count.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import shapely
import shapely.geometry
import xarray as xr
from pyproj import CRS, Transformer

from local_runner.cube import GEOMETRY, crs_of, dimension_of_type, labels, parse_crs, with_crs
from local_runner.errors import OpenEOError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dask.array as da
    from numpy.typing import NDArray

LONLAT: Final = CRS.from_epsg(4326)
FEATURE: Final = "feature"
_POLYGONS: Final = ("Polygon", "MultiPolygon")
_TYPES: Final = ("Point", "MultiPoint", "LineString", "MultiLineString", *_POLYGONS)
_STEP: Final = {True: 0.01, False: 1000.0}
"""Edges are cut into pieces of at most 0.01 degree or 1000 m before they are projected: they bend by centimetres then."""
_MOST_PIECES: Final = 100_000


class Geometries(NamedTuple):
    """Geometries (1-D array of shapely objects, possibly empty ones), their CRS, and what is known of each besides."""

    shapes: NDArray[np.object_]
    crs: CRS
    features: list[dict[str, Any]]


def read_geometries(given: xr.DataArray | Mapping[str, Any], *, only_polygons: bool = False) -> Geometries:
    """Geometries of a vector cube or GeoJSON; raises `ProcessParameterInvalid` for what is none or not valid."""
    if isinstance(given, xr.DataArray):
        dimension = geometry_dimension(given)
        features = given[FEATURE].values.tolist() if FEATURE in given.coords else [{}] * given.sizes[dimension]
        found = Geometries(given[dimension].values, crs_of(given) or LONLAT, features)
    else:
        found = _of_geojson(given)
    for shape in found.shapes:
        _check(shape, only_polygons=only_polygons)
    return found


def geometry_dimension(cube: xr.DataArray) -> str:
    """Name of the dimension of geometries, or `DimensionMissing`."""
    dimension = dimension_of_type(cube, "geometry")
    if dimension is None:
        must = "A vector cube must have a dimension of type 'geometry'"
        raise OpenEOError("DimensionMissing", must, got=tuple(cube.dims), do="Make one with load_geojson")
    return dimension


def vector_cube(values: da.Array, geometries: Geometries, others: Mapping[str, Any]) -> xr.DataArray:
    """A vector cube of values (geometry, ...); `others`: the other dimensions and their labels, None for none."""
    coords: dict[str, Any] = {d: known for d, known in others.items() if known is not None}
    coords[GEOMETRY] = geometries.shapes
    if any(geometries.features):
        coords[FEATURE] = (GEOMETRY, _objects(geometries.features))
    return with_crs(xr.DataArray(values, coords, (GEOMETRY, *others)), geometries.crs)


def property_values(geometries: Geometries, names: Sequence[str]) -> tuple[NDArray[Any], list[Any]]:
    """Properties (geometry, label) and their labels: the names, or 0, 1, 2, ... for one property that holds arrays."""
    rows = [[f.get("properties", {}).get(name) for name in names] for f in geometries.features]
    known: list[Any] = list(names)
    if len(names) == 1 and any(isinstance(row[0], list) for row in rows):
        arrays = [row[0] if isinstance(row[0], list) else [row[0]] for row in rows]
        known = list(range(max(map(len, arrays))))
        rows = [array + [None] * (len(known) - len(array)) for array in arrays]
    values = [v for row in rows for v in row]
    if any(isinstance(v, list | dict) for v in values):
        must = "Properties must be single values; only one property alone may hold arrays"
        raise OpenEOError("ProcessParameterInvalid", must, got=list(names))
    if all(v is None or isinstance(v, bool | int | float) for v in values):
        flat: NDArray[Any] = np.array([math.nan if v is None else v for v in values], float)
    else:
        flat = _objects(values)
    return flat.reshape(len(rows), len(known)), known


def projected(geometries: Geometries, crs: CRS) -> NDArray[np.object_]:
    """The shapes in another CRS; their edges are straight in their own one."""
    if geometries.crs == crs:
        return geometries.shapes
    project = Transformer.from_crs(geometries.crs, crs, always_xy=True)
    step = _STEP[geometries.crs.is_geographic]
    pieces = np.maximum(step, shapely.length(geometries.shapes) / _MOST_PIECES)

    def move(places: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(project.transform(places[:, 0], places[:, 1]))

    moved = shapely.transform(shapely.segmentize(geometries.shapes, pieces), move)
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        must = f"The geometries must lie where {crs.name} is defined"
        raise OpenEOError("ProcessParameterInvalid", must, got=shapely.total_bounds(geometries.shapes).tolist())
    return np.asarray(moved)


def label_values(cube: xr.DataArray, dimension: str) -> list[Any]:
    """Labels of a dimension as openEO values: those of `labels`, WKT for geometries."""
    return [shapely.to_wkt(v) if isinstance(v, shapely.Geometry) else v for v in labels(cube, dimension)]


def _of_geojson(given: Mapping[str, Any]) -> Geometries:
    match given.get("type"):
        case "FeatureCollection" if isinstance(given.get("features"), list):
            features = given["features"]
        case "Feature":
            features = [given]
        case _:
            features = [{"type": "Feature", "geometry": given}]
    for feature in features:
        if not isinstance(feature, dict) or not isinstance(feature.get("properties") or {}, dict):
            must = "A GeoJSON feature must be an object, and its properties as well"
            raise OpenEOError("ProcessParameterInvalid", must, got=feature)
    told = [{k: f[k] for k in ("id", "properties") if f.get(k) is not None} for f in features]
    return Geometries(_objects([_shape(f.get("geometry")) for f in features]), _crs(given.get("crs")), told)


def _shape(given: Any) -> shapely.Geometry:
    if given is None:
        return shapely.GeometryCollection()
    if not isinstance(given, dict) or given.get("type") not in _TYPES:
        got = given.get("type") if isinstance(given, dict) else given
        raise OpenEOError("ProcessParameterInvalid", f"A GeoJSON geometry must be one of {_TYPES}", got=got)
    try:
        return shapely.force_2d(shapely.geometry.shape(given))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, shapely.errors.ShapelyError) as error:
        must = f"A {given['type']} must have the coordinates that RFC 7946 says"
        raise OpenEOError("ProcessParameterInvalid", must, got=given.get("coordinates")) from error


def _crs(given: Any) -> CRS:
    if given is None:
        return LONLAT
    name = given.get("properties", {}).get("name") if isinstance(given, dict) else given
    text = str(name)
    if text.endswith("CRS84"):
        return LONLAT
    return parse_crs("EPSG:" + text.rpartition(":")[2] if text.startswith("urn:ogc:def:crs:EPSG:") else text)


def _check(shape: Any, *, only_polygons: bool) -> None:
    if not isinstance(shape, shapely.Geometry):
        raise OpenEOError("ProcessParameterInvalid", "The labels of a vector cube must be geometries", got=shape)
    allowed = _POLYGONS if only_polygons else _TYPES
    if not shape.is_empty and shape.geom_type not in allowed:
        raise OpenEOError("ProcessParameterInvalid", f"A geometry must be one of {allowed}", got=shape.geom_type)
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        raise OpenEOError("ProcessParameterInvalid", "A geometry must have finite coordinates", got=shape.wkt)
    if shape.geom_type in _POLYGONS and not shape.is_valid:
        must = "A polygon must be valid, without edges that cross"
        raise OpenEOError("ProcessParameterInvalid", must, got=shapely.is_valid_reason(shape))


def _objects(values: Sequence[Any]) -> NDArray[np.object_]:
    """A 1-D array of anything: numpy would look into lists and geometries."""
    array = np.empty(len(values), object)
    for place, value in enumerate(values):
        array[place] = value
    return array
