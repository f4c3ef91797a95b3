"""Geocoding without a position: the target grid from the footprints of the STAC items, and an array without values.

The footprint of a radar image is the outline of its samples, so that the grid is as large as the real one to a few cells,
and larger where the cube was cut after loading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np

from local_runner.errors import DataError, InternalError
from local_runner.geocode.projection import Projection

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyproj
    import xarray as xr
    from numpy.typing import NDArray

    from local_runner.geocode.grid import TargetGrid

_POINTS = 21
"""Points along an edge of a footprint, whose projection is curved."""
_READ_AHEAD = 1.25
"""Width of the source window of a tile to the share of the tile in the grid: tiles overlap in the source."""


def footprint_bounds(cube: xr.DataArray, crs: pyproj.CRS) -> tuple[float, float, float, float]:
    """West, south, east, north in `crs` of the footprints of all items of a planned cube; raises `FootprintUnknown`."""
    items = [item for day in cube.attrs.get("stac", {}).values() for item in day]
    rings = [ring for item in items for ring in _rings(item)]
    if not rings:
        do = "Add a geometry to the items; a run takes the positions of the samples"
        must = "The STAC items must have a geometry in degrees, so that the size of the map is known without reading"
        raise DataError("FootprintUnknown", must, got=[item.get("id") for item in items][:3], do=do)
    longitude, latitude = np.concatenate([_densified(ring) for ring in rings], axis=1)
    if longitude.max() - longitude.min() > 180:
        longitude = np.where(longitude < 0, longitude + 360, longitude)
    x, y = Projection(crs)(longitude, latitude)
    return float(np.nanmin(x)), float(np.nanmin(y)), float(np.nanmax(x)), float(np.nanmax(y))


def _rings(item: dict[str, Any]) -> Iterator[NDArray[np.float64]]:
    """Outer rings (2, n) of an item: its geometry, the property `footprint` of results made for a back-end, its bbox."""
    for found in (item.get("geometry"), item.get("properties", {}).get("footprint")):
        polygons = _polygons(found)
        if polygons:
            yield from polygons
            return
    box = item.get("bbox")
    if isinstance(box, list) and len(box) in (4, 6):
        west, south, east, north = (float(box[at]) for at in (0, 1, len(box) // 2, len(box) // 2 + 1))
        east += 360 if east < west else 0
        yield np.array([[west, east, east, west, west], [south, south, north, north, south]])


def _polygons(geometry: Any) -> list[NDArray[np.float64]]:
    if not isinstance(geometry, dict):
        return []
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    polygons: Any = {"Polygon": [coordinates], "MultiPolygon": coordinates}.get(str(kind), [])
    try:
        return [np.array([point[:2] for point in polygon[0]], np.float64).T for polygon in polygons or ()]
    except (TypeError, ValueError, IndexError):
        return []


def _densified(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (2, n) along the edges."""
    steps = np.linspace(0, 1, _POINTS)
    points: NDArray[np.float64] = (ring[:, :-1, None] + (ring[:, 1:] - ring[:, :-1])[..., None] * steps).reshape(2, -1)
    return points


def planned_values(values: xr.DataArray, grid: TargetGrid) -> da.Array:
    """Array without values (t?, bands, rows, columns) in the tiles of the real one.

    Where a tile will find its samples is not known: it is taken to need all lines of a part of the source as wide as the
    part of the grid that the tile is.
    """
    source = da.asarray(values.data)
    dtype = np.dtype(np.float64 if source.dtype == np.float64 else np.float32)
    leading = ((1,) * source.shape[0], (source.shape[1],)) if source.ndim == 4 else ((source.shape[0],),)
    side = grid.tile_side(source.shape[-2] * source.shape[-1])
    columns = []
    for start in range(0, grid.shape[1], side):
        width = min(side, grid.shape[1] - start)
        middle, share = (start + width / 2) / grid.shape[1], width / grid.shape[1] * _READ_AHEAD
        first, last = (int(np.clip(middle + half * share, 0, 1) * (source.shape[-1] - 1)) for half in (-0.5, 0.5))
        window = source[..., first : last + 1].rechunk((*leading, -1, -1), method="tasks")
        heights = [min(side, grid.shape[0] - row) for row in range(0, grid.shape[0], side)]
        tiles = [
            window.map_blocks(
                _no_values,
                dtype=dtype,
                chunks=(*leading, (height,), (width,)),
                meta=np.empty((0,) * source.ndim, dtype),
            )
            for height in heights
        ]
        columns.append(da.concatenate(tiles, axis=-2))
    return da.concatenate(columns, axis=-1)


def _no_values(_block: Any) -> Any:
    raise InternalError("Internal", "A plan must not be computed: it has no values")
