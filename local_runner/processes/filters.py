"""Filters: fewer labels, fewer pixels.

Where nothing is left, the specification has an empty cube; profile `geopyspark` has an error.
"""

import json
from typing import Any, Final

import numpy as np
import shapely
from pyproj import CRS, Transformer

from local_runner.cube import (
    X,
    Y,
    crs_of,
    dimension_of_type,
    labels,
    parse_crs,
    require_dimension,
    require_spatial,
    take_cells,
    take_labels,
    temporal_dimensions,
    temporal_extent,
    times_of,
)
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.processes._axes import on_x_and_y
from local_runner.processes._types import Cube, Number, OnLabel
from local_runner.vector import LONLAT, geometry_dimension, label_values, read_geometries
from local_runner.vector_pixels import Pixels, positions, warn_unread

_ON_REQUEST: Final = frozenset(("reference_phase", "height", "incidence_angle", "look_east", "look_north", "look_up"))
"""Bands that coregistered images have if they were asked for."""


def filter_temporal(
    data: Cube,
    extent: list[str | None] | tuple[str | None, ...],
    dimension: str | None = None,
    *,
    execution: Execution,
) -> Cube:
    """The dates in the half-open interval [start, end); null leaves an end open."""
    start, end = temporal_extent(extent)
    for d in temporal_dimensions(data, dimension):
        times = times_of(data, d)
        kept = np.ones(times.shape, bool)
        if start is not None:
            kept &= times >= start
        if end is not None:
            kept &= times < end
        if not kept.any() and _refuses(execution):
            must = f"A date must lie in {list(extent)} (the end is excluded)"
            raise OpenEOError("NoDataAvailable", must, got=labels(data, d), do="Choose among these dates")
        data = data.isel({d: np.flatnonzero(kept)})
    return data


def filter_bands(
    data: Cube,
    bands: list[str] = [],
    wavelengths: list[list[Number]] = [],
    *,
    execution: Execution,
) -> Cube:
    """The bands of these names, in the order of the list. There are no wavelengths in a SAR cube."""
    dimension = dimension_of_type(data, "bands")
    if dimension is None:
        raise OpenEOError("DimensionMissing", "The cube must have a dimension of bands", got=tuple(data.dims))
    if not bands and not wavelengths:
        raise OpenEOError("BandFilterParameterMissing", "filter_bands must be given bands or wavelengths")
    if wavelengths:
        raise OpenEOError("FeatureUnsupported", "Bands must be chosen by name", got=wavelengths)
    known = labels(data, dimension)
    missing = [b for b in bands if b not in known]
    if missing and _refuses(execution):
        do = (
            f"Keep it by -p 'geometry={json.dumps(missing)}' where the images are coregistered"
            if _ON_REQUEST.issuperset(missing)
            else ""
        )
        raise OpenEOError("BandNotAvailable", f"A band must be one of {tuple(known)}", got=missing, do=do)
    return take_labels(data, dimension, [known.index(b) for b in dict.fromkeys(bands) if b in known])


def filter_labels(data: Cube, condition: OnLabel, dimension: str, context: Any = None, *, execution: Execution) -> Cube:
    """The labels for which the condition holds; it sees ISO 8601 text for time and WKT for geometries."""
    known = label_values(data, require_dimension(data, dimension))
    kept = [place for place, label in enumerate(known) if _holds(condition, label, context)]
    if not kept and _refuses(execution):
        must = f"The condition must hold for at least one label of {dimension!r}"
        raise OpenEOError("NoDataAvailable", must, got=known)
    return take_cells(data, {dimension: kept}) if dimension in (X, Y) else data.isel({dimension: kept})


def _holds(condition: OnLabel, label: Any, context: Any) -> bool:
    held = condition(value=label, context=context)
    if held is not None and not isinstance(held, bool):
        raise OpenEOError("ProcessParameterInvalid", "The condition of filter_labels must return a boolean", got=held)
    return held is True


@on_x_and_y
def filter_bbox(data: Cube, extent: dict[str, Any], *, execution: Execution) -> Cube:
    """The pixels whose centre lies in a box of `west, south, east, north` in `crs` (EPSG:4326 unless given).

    In radar geometry the smallest range of lines and samples that holds all pixels in a lon/lat box, by the position bands;
    the indices are kept. These bands are read when the graph is built; while planning, nothing is cut off instead. Of a vector
    cube the geometries that lie within the box.
    """
    crs = crs_of(data)
    box, given = _box(extent)
    if dimension_of_type(data, "geometry") is not None and not {X, Y} <= set(data.dims):
        kept = _geometries_within(data, _moved(box, given, crs or LONLAT))
        if not kept.size and _refuses(execution):
            raise OpenEOError("NoDataAvailable", "The box must hold at least one geometry of the cube", got=extent)
        return data.isel({geometry_dimension(data): kept})
    require_spatial(data)
    if crs is None:
        if given.to_epsg() != 4326:
            must = "A box on a cube in radar geometry must be in EPSG:4326"
            raise OpenEOError("ProcessParameterInvalid", must, got=extent)
        return _by_position(data, box, execution)
    west, south, east, north = _moved(box, given, crs)
    x, y = data[X].values, data[Y].values
    columns = _between(x, west, east) if crs.is_geographic else (x >= west) & (x <= east)
    return _inside(data, columns, (y >= south) & (y <= north), extent, execution)


@on_x_and_y
def filter_spatial(data: Cube, geometries: Cube | dict[str, Any], *, execution: Execution) -> Cube:
    """The pixels in the bounds of the geometries; NaN where a pixel belongs to none of them.

    A pixel belongs to a polygon that holds its centre, and to the points and lines that it is closest to. In radar geometry
    the position bands tell; for the bounds they are read when the graph is built (while planning, nothing is cut off).
    """
    pixels = Pixels(data, planning=execution.planning)
    shapes = pixels.shapes(read_geometries(geometries))
    rows, columns = pixels.within(shapes)
    kept = data.where(pixels.covered(shapes))
    return _inside(kept, columns, rows, shapely.total_bounds(shapes).tolist(), execution).transpose(*data.dims)


def _box(extent: dict[str, Any]) -> tuple[tuple[float, ...], CRS]:
    """West, south, east, north, and the CRS that they are in."""
    edges: list[Any] = [extent.get(edge) for edge in ("west", "south", "east", "north")]
    if any(isinstance(edge, bool) or not isinstance(edge, int | float) for edge in edges):
        raise OpenEOError("ProcessParameterInvalid", "A box must have numbers for west, south, east, north", got=extent)
    west, south, east, north = map(float, edges)
    crs = parse_crs(extent.get("crs") or 4326)
    if not south <= north or not (west <= east or crs.is_geographic):
        raise OpenEOError("ProcessParameterInvalid", "A box must have south <= north and west <= east", got=extent)
    return (west, south, east, north), crs


def _moved(box: tuple[float, ...], given: CRS, crs: CRS) -> tuple[float, float, float, float]:
    west, south, east, north = box
    if given == crs:
        return west, south, east, north
    moved = Transformer.from_crs(given, crs, always_xy=True).transform_bounds(west, south, east, north)
    if not np.isfinite(moved).all():
        raise OpenEOError("ProcessParameterInvalid", f"A box must lie where {crs.name} is defined", got=box)
    return moved


def _geometries_within(data: Cube, box: tuple[float, ...]) -> Any:
    shapes = data[geometry_dimension(data)].values
    return np.flatnonzero(shapely.within(shapes, shapely.box(*box)) & ~shapely.is_empty(shapes))


def _by_position(data: Cube, box: tuple[float, ...], execution: Execution) -> Cube:
    lat, lon = positions(data)
    if execution.planning:
        warn_unread()
        return data
    west, south, east, north = box
    latitude, longitude = lat.values, lon.values
    inside = (latitude >= south) & (latitude <= north) & _between(longitude, west, east)
    return _inside(data, _span(inside.any(axis=0)), _span(inside.any(axis=1)), box, execution)


def _between(longitude: Any, west: float, east: float) -> Any:
    """Whether longitudes lie east of `west` and west of `east`, over the antimeridian where west > east."""
    return (longitude - west) % 360 <= (360 if east - west >= 360 else (east - west) % 360)


def _span(flags: Any) -> Any:
    hits = np.flatnonzero(flags)
    span = np.zeros(flags.shape, bool)
    if hits.size:
        span[hits[0] : hits[-1] + 1] = True
    return span


def _inside(data: Cube, columns: Any, rows: Any, extent: Any, execution: Execution) -> Cube:
    if _refuses(execution) and (not columns.any() or not rows.any()):
        raise OpenEOError("NoDataAvailable", "The box must cover at least one pixel of the cube", got=extent)
    return take_cells(data, {X: np.flatnonzero(columns), Y: np.flatnonzero(rows)})


def _refuses(execution: Execution) -> bool:
    return execution.profile.empty_filters == "refuse"
