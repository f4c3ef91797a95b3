"""Filters: fewer labels, fewer pixels."""

from typing import Any

import numpy as np
from pyproj import Transformer

from local_runner.cube import (
    BANDS,
    COORDINATE_BANDS,
    X,
    Y,
    crs_of,
    dimension_of_type,
    dimension_type,
    labels,
    parse_crs,
    require_dimension,
    require_spatial,
    temporal_extent,
)
from local_runner.errors import OpenEOError
from local_runner.processes._types import Cube, Number

_POSITION_BANDS = (*COORDINATE_BANDS, ("grid_lat", "grid_lon"))


def filter_temporal(
    data: Cube, extent: list[str | None] | tuple[str | None, ...], dimension: str | None = None
) -> Cube:
    """The dates in the half-open interval [start, end); null leaves an end open."""
    start, end = temporal_extent(extent)
    if dimension is not None:
        require_dimension(data, dimension)
    temporal = (
        [str(d) for d in data.dims if dimension_type(data, d) == "temporal"] if dimension is None else [dimension]
    )
    if not temporal:
        raise OpenEOError("DimensionNotAvailable", "The cube must have a temporal dimension", got=tuple(data.dims))
    for d in temporal:
        times = data[d].values
        if times.dtype.kind != "M":
            must = f"The labels of {d} must be dates"
            raise OpenEOError("ProcessParameterInvalid", must, got=labels(data, d), do="Use rename_labels first")
        kept = np.ones(times.shape, bool)
        if start is not None:
            kept &= times >= start
        if end is not None:
            kept &= times < end
        if not kept.any():
            must = f"A date must lie in {list(extent)} (the end is excluded)"
            raise OpenEOError("NoDataAvailable", must, got=labels(data, d), do="Choose among these dates")
        data = data.isel({d: np.flatnonzero(kept)})
    return data


def filter_bands(
    data: Cube,
    bands: list[str] = [],
    wavelengths: list[list[Number]] = [],
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
    if missing:
        raise OpenEOError("BandNotAvailable", f"A band must be one of {tuple(known)}", got=missing)
    return data.isel({dimension: [known.index(b) for b in dict.fromkeys(bands)]})


def filter_bbox(data: Cube, extent: dict[str, Any]) -> Cube:
    """The pixels whose centre lies in a box of `west, south, east, north` in `crs` (EPSG:4326 unless given).

    In radar geometry the smallest range of lines and samples that holds all pixels in a lon/lat box, by the position bands;
    the indices are kept.
    """
    require_spatial(data)
    missing = [k for k in ("west", "south", "east", "north") if not isinstance(extent.get(k), int | float)]
    if missing:
        raise OpenEOError("ProcessParameterInvalid", "A box must have numbers for west, south, east, north", got=extent)
    crs = crs_of(data)
    given = parse_crs(extent.get("crs") or 4326)
    west, south, east, north = (float(extent[k]) for k in ("west", "south", "east", "north"))
    if crs is None:
        if given.to_epsg() != 4326:
            must = "A box on a cube in radar geometry must be in EPSG:4326"
            raise OpenEOError("ProcessParameterInvalid", must, got=extent)
        return _by_position(data, (west, south, east, north))
    if given != crs:
        project = Transformer.from_crs(given, crs, always_xy=True)
        west, south, east, north = project.transform_bounds(west, south, east, north)
    x, y = data[X].values, data[Y].values
    columns = _between(x, west, east) if crs.is_geographic else (x >= west) & (x <= east)
    return _inside(data, columns, (y >= south) & (y <= north), extent)


def _by_position(data: Cube, box: tuple[float, float, float, float]) -> Cube:
    known = labels(data, BANDS) if BANDS in data.dims else []
    pair = next((p for p in _POSITION_BANDS if set(p) <= set(known)), None)
    if pair is None:
        must = f"A box on a cube in radar geometry needs one of the band pairs {_POSITION_BANDS}"
        raise OpenEOError("ProcessParameterInvalid", must, got=known)
    others = [d for d in data.dims if d not in (BANDS, X, Y)]
    lat, lon = (data.isel({BANDS: known.index(b)}, drop=True).max(others).transpose(Y, X).values for b in pair)
    west, south, east, north = box
    inside = (lat >= south) & (lat <= north) & _between(lon, west, east)
    return _inside(data, _span(inside.any(axis=0)), _span(inside.any(axis=1)), box)


def _between(longitude: Any, west: float, east: float) -> Any:
    """Whether longitudes lie east of `west` and west of `east`, over the antimeridian where west > east."""
    return (longitude - west) % 360 <= (360 if east - west >= 360 else (east - west) % 360)


def _span(flags: Any) -> Any:
    hits = np.flatnonzero(flags)
    span = np.zeros(flags.shape, bool)
    if hits.size:
        span[hits[0] : hits[-1] + 1] = True
    return span


def _inside(data: Cube, columns: Any, rows: Any, extent: Any) -> Cube:
    if not columns.any() or not rows.any():
        raise OpenEOError("NoDataAvailable", "The box must cover at least one pixel of the cube", got=extent)
    return data.isel({X: np.flatnonzero(columns), Y: np.flatnonzero(rows)})
