"""`cube:dimensions` of a result (datacube extension): axes, times and bands, as `load_stac` gives them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local_runner.cube import BANDS, T, X, Y, crs_of, iso, spacing, to_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pystac
    import xarray as xr
    from pyproj import CRS


def dimensions_of(
    cube: xr.DataArray, projection: Mapping[str, Any], items: Sequence[pystac.Item]
) -> dict[str, dict[str, Any]]:
    """Dimensions of the items of an arranged cube; `projection`: the fields `proj:*` that they share.

    Spatial extents are those of the labels: cell centres in map geometry, indices in radar geometry.
    """
    times = [_interval(item) for item in items]
    exact = sorted({first for first, last in times if first == last})
    temporal: dict[str, Any] = {"type": "temporal", "extent": [min(t[0] for t in times), max(t[1] for t in times)]}
    bands = dict.fromkeys(str(band["name"]) for item in items for band in _bands(item))
    return {
        X: _axis(cube, X, projection),
        Y: _axis(cube, Y, projection),
        T: temporal | ({"values": exact} if len(exact) == len(times) else {}),
        BANDS: {"type": "bands", "values": list(bands)},
    }


def _axis(cube: xr.DataArray, name: str, projection: Mapping[str, Any]) -> dict[str, Any]:
    axis: dict[str, Any] = {"type": "spatial", "axis": name}
    crs = crs_of(cube)
    if crs is None:
        axis["description"] = "range sample" if name == X else "azimuth line"
        start = 0.0 if projection.get("proj:code") is None else 0.5
        axis |= {"extent": [start, start + cube.sizes[name] - 1], "step": 1}
        return axis if not start else {**axis, "reference_system": 3857}
    labels = cube[name].values
    step = spacing(cube)[0 if name == X else 1]
    extent = [float(labels.min()), float(labels.max())]
    return {**axis, "extent": extent, "step": abs(step), "reference_system": _reference_system(crs)}


def _reference_system(crs: CRS) -> int | str:
    authority = crs.to_authority()
    known = authority is not None and authority[0] == "EPSG" and authority[1].isdecimal()
    return int(authority[1]) if authority is not None and known else crs.to_wkt()


def _interval(item: pystac.Item) -> tuple[str, str]:
    """Time of an item twice, else its start and end."""
    common = item.common_metadata
    first, last = (item.datetime, item.datetime) if item.datetime else (common.start_datetime, common.end_datetime)
    return iso(to_time(str(first))), iso(to_time(str(last)))


def _bands(item: pystac.Item) -> list[dict[str, Any]]:
    return [band for asset in item.assets.values() for band in asset.extra_fields.get(BANDS, [])]
