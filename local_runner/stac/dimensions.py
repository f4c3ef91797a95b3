"""`cube:dimensions` of a result (datacube extension): axes, times and bands, as `load_stac` gives them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local_runner.cube import BANDS, T, X, Y, crs_of, iso, parse_crs, spacing, to_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pystac
    import xarray as xr
    from pyproj import CRS

_INDEX: Final = {X: "range sample", Y: "azimuth line"}


def dimensions_of(
    cube: xr.DataArray, projection: Mapping[str, Any], items: Sequence[pystac.Item]
) -> dict[str, dict[str, Any]]:
    """Dimensions of the items of an arranged cube; `projection`: the fields `proj:*` that they share.

    Spatial extents are those of the labels: cell centres in map geometry, indices in radar geometry.
    """
    return {X: _axis(cube, X, projection), Y: _axis(cube, Y, projection), **_times_and_bands(items)}


def dimensions_of_items(items: Sequence[pystac.Item]) -> dict[str, dict[str, Any]]:
    """Dimensions of the cube that `load_stac` makes of items on one grid; without x and y where no field tells the grid."""
    told = [item.properties for item in items] + [a.extra_fields for item in items for a in item.assets.values()]
    projection = next((fields for fields in told if fields.get("proj:shape")), {})
    return {**_axes(projection), **_times_and_bands(items)}


def _axes(projection: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Axes by the fields `proj:*`: indices where there is no projection, else the centres of the cells."""
    shape, transform = projection.get("proj:shape"), projection.get("proj:transform")
    crs = projection.get("proj:code") or projection.get("proj:wkt2")
    if not shape or (crs and not transform):
        return {}
    found = {}
    for name, size, step, start in ((X, shape[1], 0, 2), (Y, shape[0], 4, 5)):
        axis: dict[str, Any] = {"type": "spatial", "axis": name}
        if crs and transform:
            ends = [transform[start] + transform[step] * place for place in (0.5, size - 0.5)]
            known = _reference_system(parse_crs(crs))
            found[name] = {**axis, "extent": sorted(ends), "step": abs(transform[step]), "reference_system": known}
        else:
            found[name] = {**axis, "description": _INDEX[name], "extent": [0, size - 1], "step": 1}
    return found


def _times_and_bands(items: Sequence[pystac.Item]) -> dict[str, dict[str, Any]]:
    times = [_interval(item) for item in items]
    exact = sorted({first for first, last in times if first == last})
    temporal: dict[str, Any] = {"type": "temporal", "extent": [min(t[0] for t in times), max(t[1] for t in times)]}
    bands = dict.fromkeys(str(band["name"]) for item in items for band in _bands(item))
    return {
        T: temporal | ({"values": exact} if len(exact) == len(times) else {}),
        BANDS: {"type": "bands", "values": list(bands)},
    }


def _axis(cube: xr.DataArray, name: str, projection: Mapping[str, Any]) -> dict[str, Any]:
    axis: dict[str, Any] = {"type": "spatial", "axis": name}
    crs = crs_of(cube)
    if crs is None:
        axis["description"] = _INDEX[name]
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
