"""Geocoding of a cube: its positions, the target grid, and the lazy values on it, or their outline while planning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import numpy as np
import xarray as xr

from local_runner.cube import BANDS, COORDINATE_BANDS, DIMENSIONS, T, X, Y, labels, require_spatial, with_crs
from local_runner.errors import OpenEOError
from local_runner.geocode.grid import MAX_CELLS, TargetGrid, check_resolution, target_grid
from local_runner.geocode.plan import footprint_bounds, planned_values

if TYPE_CHECKING:
    import pyproj
    from numpy.typing import NDArray

_SAME_DEG: Final = 1e-6


def geocode(
    cube: xr.DataArray,
    *,
    crs: pyproj.CRS,
    resolution: tuple[float, float],
    planning: bool = False,
    max_cells: int = MAX_CELLS,
) -> xr.DataArray:
    """Put the cube on a map grid of `crs` with cells of `resolution` (x, y) in its units; see the package for the rule.

    `cube`: dims (t?, bands, y, x) in any order, radar geometry, numpy or dask, with the bands `latitude`, `longitude`
    (or `lat`, `lon`) in degrees (WGS84), NaN where unknown, the same for all dates or given for some. Longitudes may
    cross 180 degrees; in a geographic or cylindrical CRS x then goes on beyond the edge of the world.

    Returns (t?, other bands, y, x), float64 where the data are, else float32, lazy, NaN outside the footprint, with
    its CRS and the attributes of the cube. The coordinate bands are read now, the others when the result is computed.
    With `planning` nothing is read: the grid is that of the footprint of the STAC items, and the result has no values.

    Raises OpenEOError without coordinate bands or other bands, with complex values, without any position, with
    positions that differ between dates by more than 1e-6 degree, and unless the resolution is above 0;
    LimitExceededError above `max_cells` cells.
    """
    check_resolution(resolution)
    require_spatial(cube)
    names = _coordinate_names(cube)
    if not set(cube.dims) <= set(DIMENSIONS):
        raise OpenEOError(
            "ProcessParameterInvalid",
            f"A cube to be geocoded must have no dimensions other than {DIMENSIONS}",
            got=tuple(cube.dims),
        )
    values = cube.sel({BANDS: [label for label in labels(cube, BANDS) if label not in names]})
    if values.sizes[BANDS] == 0 or values.dtype.kind == "c":
        raise OpenEOError(
            "ProcessParameterInvalid",
            "The cube must have bands of real numbers besides its coordinate bands",
            got=(labels(values, BANDS), str(values.dtype)),
        )
    values = values.transpose(*(d for d in (T, BANDS, Y, X) if d in cube.dims))
    if planning:
        grid = target_grid(footprint_bounds(cube, crs), resolution, max_cells=max_cells)
        data = planned_values(values, grid)
    else:
        data, grid = _placed(cube, values, names, crs, resolution, max_cells)
    result = xr.DataArray(
        data,
        dims=values.dims,
        coords={k: c for k, c in values.coords.items() if k != "spatial_ref" and not {X, Y} & set(c.dims)}
        | {Y: grid.y, X: grid.x},
        attrs=dict(cube.attrs),
    )
    result.name = cube.name
    return with_crs(result, crs)


def _coordinate_names(cube: xr.DataArray) -> tuple[str, str]:
    """Names of the latitude and longitude bands of the cube."""
    known = labels(cube, BANDS) if BANDS in cube.dims else []
    for pair in COORDINATE_BANDS:
        if set(pair) <= set(known):
            return pair
    raise OpenEOError(
        "ProcessParameterInvalid",
        f"A cube to be geocoded must have one of the pairs of bands {COORDINATE_BANDS}, in degrees",
        got=tuple(known),
        do="Rename grid_lat and grid_lon to them with rename_labels, or load the bands with the data",
    )


def _coordinates(cube: xr.DataArray, names: tuple[str, str]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Latitude and longitude (y, x), float32 or float64, of the first date where finite; one date in memory at a time."""
    dates = [cube.isel({T: n}) for n in range(cube.sizes[T])] if T in cube.dims else [cube]
    latitude, longitude = _read(dates[0], names)
    for date in dates[1:]:
        latitude, longitude = (
            _merged(first, other, name)
            for first, other, name in zip((latitude, longitude), _read(date, names), names, strict=True)
        )
    return latitude, longitude


def _read(date: xr.DataArray, names: tuple[str, str]) -> list[NDArray[Any]]:
    """Fresh arrays (y, x) of the named bands of one date, filled chunk by chunk."""
    bands = [date.sel({BANDS: name}).transpose(Y, X).data for name in names]
    arrays = [np.empty(b.shape, b.dtype if b.dtype in (np.float32, np.float64) else np.float64) for b in bands]
    if isinstance(date.data, da.Array):
        da.store(bands, arrays, lock=False)
    else:
        for band, array in zip(bands, arrays, strict=True):
            array[...] = band
    return arrays


def _merged(first: NDArray[Any], other: NDArray[Any], name: str) -> NDArray[Any]:
    """`first`, filled from `other` where it is not finite; they must agree where both are."""
    with np.errstate(invalid="ignore"):
        difference = np.abs(first - other)
    if name.startswith("lon"):
        difference = np.minimum(difference, np.abs(360 - difference))
    worst = float(np.fmax.reduce(difference, axis=None, initial=0.0, where=np.isfinite(difference)))
    if worst > _SAME_DEG:
        raise OpenEOError(
            "ProcessParameterInvalid",
            f"The band {name!r} must be the same for all dates, within {_SAME_DEG} degree",
            got=f"a difference of {worst:.3g} degree",
            do="Coregister the dates first, or geocode them one by one",
        )
    gaps = ~np.isfinite(first)
    return np.where(gaps, other, first) if gaps.any() else first


def _placed(
    cube: xr.DataArray,
    values: xr.DataArray,
    names: tuple[str, str],
    crs: pyproj.CRS,
    resolution: tuple[float, float],
    max_cells: int,
) -> tuple[da.Array, TargetGrid]:
    """Lazy values on the grid that the positions of the samples span."""
    from local_runner.geocode.positions import locate_samples  # noqa: PLC0415  (numba, which a plan need not wait for)
    from local_runner.geocode.warp import values_on_grid  # noqa: PLC0415

    latitude, longitude = _coordinates(cube, names)
    positions, bounds = locate_samples(latitude, longitude, crs, resolution)
    del latitude, longitude
    grid = target_grid(bounds, resolution, max_cells=max_cells)
    return values_on_grid(values, positions, grid), grid
