"""`load_stac`: a STAC address as a lazy cube, in the conventions of `local_runner.cube`.

`temporal_extent` and `bands` are applied before a file is opened, as far as the metadata name the bands; one header is
read per file, pixels when the cube is computed. Nothing is reprojected, mosaicked or scaled: all dates must have one
grid, and scale and offset are left to the graph. GeoTIFF and netCDF-4, the latter also with several dates in one file;
items of products by their driver (`local_runner.products`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import xarray as xr

from local_runner.access import public_href
from local_runner.cube import BANDS, DIMENSIONS, T, X, Y, iso, temporal_extent, to_time, utc_day, with_crs
from local_runner.errors import OpenEOError
from local_runner.stac import grid as grids
from local_runner.stac.bands import LATITUDE, LONGITUDE, STATIC, Layer, select, texts
from local_runner.stac.metadata import meaning_of
from local_runner.stac.planned import PlannedSource
from local_runner.stac.source import Source
from local_runner.stac.walk import Found, items, require_one_collection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local_runner.access import Access
    from local_runner.profiles import Profile


def load(
    url: str,
    *,
    spatial_extent: Mapping[str, Any] | None = None,
    temporal_extent: Sequence[str | None] | None = None,
    bands: Sequence[str] | None = None,
    properties: Mapping[str, Any] | None = None,
    access: Access,
    planning: bool = False,
    profile: Profile | None = None,
) -> xr.DataArray:
    """Cube (t, bands, y, x), float32, lazy, NaN where there is no data.

    `t` holds the time stamps of the items, sorted; `attrs["stac"]` the items of each UTC day. Coordinate bands and other
    bands of the grid that one date has hold for all dates; another band that a date lacks is NaN there. Pairs that share
    their secondary keep apart by band names `<band>_<primary>_<secondary>`, at the earliest date.

    `spatial_extent` selects pixels whose centre lies in the box; in radar geometry the smallest index box that covers
    it, by the bands of latitude and longitude. Axes keep their coordinates and indices.

    `profile`: its rules for items hold, and only the assets that it admits are loaded.

    With `planning` no file is opened: the metadata tell the grid, the cube has no values, and in radar geometry
    `spatial_extent` selects all of it.

    Raises `NoDataAvailable`, `TemporalExtentEmpty`, `PropertiesUnsupported`, `ProcessParameterInvalid` (unknown band),
    `FeatureUnsupported` (polygons), `DatesNotUnique`, `GridsDiffer`, `ResultIncomplete`, `DataCorrupt` and what `Access`
    raises; `DataCorrupt` also when the cube is computed.
    """
    if properties is not None:
        must = "load_stac must be called without 'properties': static catalogues have no queries"
        raise OpenEOError("PropertiesUnsupported", must, got=dict(properties), do="Select by temporal_extent")
    box = grids.parse_extent(spatial_extent)
    source = PlannedSource(access.naming(url)) if planning else Source(access.naming(url))
    found = items(url, source.access)
    if profile is not None:
        found = profile.admit(found, bands)
    dates, names = _layers(found, temporal_extent, bands, source)
    cube, first = _cube(dates, names, source)
    return cube if box is None else _cut(cube, box, dates, source, first)


def load_items(found: Sequence[Found], *, access: Access, planning: bool = False) -> xr.DataArray:
    """The cube that `load` makes, of items that are at hand; all their bands. `access` is that of where they come from."""
    source = PlannedSource(access) if planning else Source(access)
    return _cube(*_layers(list(found), None, None, source), source)[0]


def _layers(
    found: list[Found], extent: Sequence[str | None] | None, bands: Sequence[str] | None, source: Source
) -> tuple[list[_Date], list[str]]:
    """Dates of the items in the temporal extent, and the names of the bands that are wanted of them."""
    dated = _within(found, extent, source)
    require_one_collection([item for _, _, item in dated])
    dates = _dates(dated, source)
    known = [layer for date in dates for layer in date.layers.values()]
    if not known:
        must = "The items must have GeoTIFF or netCDF assets with data"
        raise OpenEOError("NoDataAvailable", must, got=_assets_of(dates), do="Save them as GTiff")
    return dates, select(bands, known)


@dataclass
class _Date:
    """A label of `t`: its time, the items behind it, and its bands."""

    time: np.datetime64
    found: list[Found]
    layers: dict[str, Layer]


def _within(
    found: list[Found], extent: Sequence[str | None] | None, source: Source
) -> list[tuple[np.datetime64, int, Found]]:
    """Items in the temporal extent [start, end), with their times and planes, sorted by time and then id."""
    start, end = (None, None) if extent is None else temporal_extent(list(extent))
    dated = [(time, plane, item) for item in found for time, plane in _planes(item, start, end, source)]
    dated.sort(key=lambda entry: (entry[0], entry[2].id))
    inside = [entry for entry in dated if (start is None or entry[0] >= start) and (end is None or entry[0] < end)]
    if not inside:
        days = sorted({utc_day(time) for time, _, _ in dated})
        must = f"temporal_extent must hold a date of the data, which has {', '.join(days)}"
        raise OpenEOError("NoDataAvailable", must, got=extent)
    return inside


def _planes(
    item: Found, start: np.datetime64 | None, end: np.datetime64 | None, source: Source
) -> list[tuple[np.datetime64, int]]:
    """Times of an item; its files are not opened where its properties tell that it lies outside of the extent."""
    known = item.properties
    first = known.get("start_datetime") or known.get("datetime")
    last = known.get("end_datetime") or (None if known.get("start_datetime") else known.get("datetime"))
    try:
        outside = (end is not None and first and to_time(first) >= end) or (
            start is not None and last and to_time(last) < start
        )
    except (TypeError, ValueError):  # item.time() tells what is wrong
        outside = False
    return [(item.time(), 0)] if outside else source.planes(item)


def _dates(dated: list[tuple[np.datetime64, int, Found]], source: Source) -> list[_Date]:
    """Items put together by time. Two times of one UTC day are two acquisitions, which a cube cannot tell apart."""
    opened = [(time, item, source.layers(item, plane)) for time, plane, item in dated]
    if _share_secondary([item for _, _, item in dated]):
        earliest = min(_pair_times(item)[2] for _, item, _ in opened)
        opened = [(earliest, item, _with_pair(item, bands)) for _, item, bands in opened]
    dates: list[_Date] = []
    for time, item, bands in opened:
        last = dates[-1] if dates else None
        if last is None or utc_day(last.time) != utc_day(time):
            dates.append(_Date(time, [item], bands))
            continue
        twice = {name for name in bands if name in last.layers and name not in STATIC}
        if last.time != time or twice:
            raise OpenEOError(
                "DatesNotUnique",
                f"A cube must have one acquisition per UTC day; {utc_day(time)} has {last.found[-1].id} and {item.id}",
                got=[iso(last.time), iso(time)],
                do="Select one of them by temporal_extent, or name its item",
            )
        last.found.append(item)
        last.layers |= {name: layer for name, layer in bands.items() if name not in last.layers}
    return dates


def _pair_times(found: Found) -> tuple[str, str, np.datetime64]:
    """Primary and secondary as YYYYMMDD, and the day of the earlier one."""
    times = [found.moment(f"insar:{role}_datetime") for role in ("reference", "secondary")]
    primary, secondary = (utc_day(time).replace("-", "") for time in times)
    return primary, secondary, to_time(utc_day(min(times)))


def _share_secondary(found: list[Found]) -> bool:
    fields = ("insar:reference_datetime", "insar:secondary_datetime")
    if not all(item.properties.get(field) for item in found for field in fields):
        return False
    seconds = [_pair_times(item)[1] for item in found]
    return len(set(seconds)) < len(seconds)


def _with_pair(found: Found, bands: dict[str, Layer]) -> dict[str, Layer]:
    primary, secondary, _ = _pair_times(found)
    named = {name: name if name in STATIC else f"{name}_{primary}_{secondary}" for name in bands}
    return {named[name]: replace(layer, name=named[name]) for name, layer in bands.items()}


def _cube(dates: list[_Date], names: list[str], source: Source) -> tuple[xr.DataArray, str]:
    """The whole cube, and the address of its first file, with which all others agree."""
    static = {name: layer for date in reversed(dates) for name, layer in date.layers.items() if name in STATIC}
    chosen = [[date.layers.get(name) or static.get(name) for name in names] for date in dates]
    used = list(dict.fromkeys(layer for row in chosen for layer in row if layer is not None))
    first = used[0].href
    for href in dict.fromkeys(layer.href for layer in used):
        source.require_same(first, href)
    arrays: dict[Layer | None, da.Array] = {layer: source.array(layer) for layer in used}
    shape, chunks = arrays[used[0]].shape, arrays[used[0]].chunks
    arrays[None] = da.full(shape, np.nan, dtype=np.float32, chunks=chunks)
    data = da.stack([da.stack([arrays[layer] for layer in row]) for row in chosen])
    grid = source.grid(first)
    times = np.array([date.time for date in dates], dtype="datetime64[ns]")
    coords = {T: times, BANDS: np.array(names, dtype=str), Y: grid.y, X: grid.x}
    cube = xr.DataArray(data, dims=DIMENSIONS, coords=coords, attrs={"stac": _stac(dates, source)})
    cube.name = None
    return with_crs(cube, grid.crs), first


def _stac(dates: list[_Date], source: Source) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for date in dates:
        entries = [
            {"id": item.id, "href": public_href(item.href), "properties": item.properties}
            | source.outline(item)
            | _unknown_bands(item)
            for item in date.found
        ]
        found.setdefault(utc_day(date.time), []).extend(entries)
    return found


def _unknown_bands(item: Found) -> dict[str, Any]:
    """What an item tells of the bands whose names do not tell it all."""
    told = {name: known for name, known in texts(item).items() if set(known) - set(_told_by(name))}
    return {"bands": told} if told else {}


def _told_by(name: str) -> list[str]:
    meaning = meaning_of(name)
    return [field for field, text in (("unit", meaning.unit), ("description", meaning.description)) if text]


def _cut(cube: xr.DataArray, box: grids.Box, dates: list[_Date], source: Source, first: str) -> xr.DataArray:
    grid = source.grid(first)
    if grid.crs is not None:
        rows, columns = grids.select_map(grid, box)
        return cube.isel({Y: rows, X: columns})
    every = {name: layer for date in reversed(dates) for name, layer in date.layers.items()}
    coordinates = [every[name] for names in (LATITUDE, LONGITUDE) for name in [n for n in names if n in every][:1]]
    if len(coordinates) < 2:
        must = f"A spatial_extent in radar geometry needs bands of latitude and longitude, e.g. {LATITUDE[0]!r}"
        do = "Load without spatial_extent, or add the coordinate bands to the collection"
        raise OpenEOError("ProcessParameterInvalid", must, got=sorted(every), do=do)
    for layer in coordinates:
        source.require_same(first, layer.href)
    rows, columns = source.select(coordinates[0], coordinates[1], box)
    return cube.isel({Y: rows, X: columns})


def _assets_of(dates: list[_Date]) -> list[str]:
    return sorted({str(asset.get("type")) for date in dates for item in date.found for asset in item.assets.values()})
