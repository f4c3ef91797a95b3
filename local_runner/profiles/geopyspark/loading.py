"""What `load_stac` finds behind an address: G10, G43 to G45, G47 to G51, G57."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from local_runner.access import is_remote
from local_runner.errors import Quoted
from local_runner.products import DRIVER, is_driven
from local_runner.profiles import ITEMS, Rules, Violation
from local_runner.profiles.geopyspark.assets import MEDIA_TYPES, ROLES, band_names, is_admitted, rasters
from local_runner.stac.bands import is_netcdf

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local_runner.stac.walk import Found

rule = Rules()
_GRID: Final = ("proj:bbox", "proj:shape", "proj:transform")
_SIGNED: Final = re.compile(r"[?&](X-Amz-[A-Za-z]+|sig|signature|expires|token)=", re.IGNORECASE)
_FOR_BACKEND: Final = (
    "A local run does without; results of runs get them with --for-backend, catalogues of products with"
    " `openeo-sar stac --materialise --for-backend`"
)
_MATERIALISE: Final = "A local run does without; write their bands with `openeo-sar stac --materialise --for-backend`"


def _rasters(arguments: Mapping[str, Any]) -> Iterator[tuple[Found, str, Mapping[str, Any]]]:
    return ((found, key, asset) for found in arguments.get("items") or () for key, asset in rasters(found))


def _name(found: Found, key: str) -> Quoted:
    return Quoted(f"item {found.id}, asset {key}")


@rule("G10", ITEMS, action="warn")
def _dates_of_one_shape(arguments: Mapping[str, Any]) -> Violation | None:
    shapes: dict[str, None] = {}
    for found, _, asset in _rasters(arguments):
        shape = asset.get("proj:shape", found.properties.get("proj:shape"))
        if isinstance(shape, list):
            shapes[str(shape)] = None
    if len(shapes) < 2:
        return None
    must = "All dates should have one shape: those whose tiles have another one are dropped"
    return Violation(must, tuple(shapes), "Coregister the dates, or select those of one grid")


@rule("G43", ITEMS, action="warn")
def _bands_are_named(arguments: Mapping[str, Any]) -> Violation | None:
    for found, key, asset in _rasters(arguments):
        of_all = (found.collection.get("item_assets") or {}).get(key) or {}
        if not any(map(band_names, (asset, of_all, found.collection.get("summaries") or {}))):
            must = "Assets should name their bands; those of other files are found slowly or not at all"
            return Violation(must, _name(found, key), "Write `bands` of STAC 1.1 into the assets")
    return None


@rule("G44", ITEMS, action="warn")
def _assets_are_admitted(arguments: Mapping[str, Any]) -> Violation | None:
    for found, key, asset in _rasters(arguments):
        if not is_admitted(asset):
            must = f"Assets are left out unless their type is one of {MEDIA_TYPES}, and a role of {ROLES} or bands are given"
            return Violation(must, _name(found, key), "Add type and roles to the asset")
    return None


@rule("G45", ITEMS, action="warn")
def _grid_is_told(arguments: Mapping[str, Any]) -> Violation | None:
    driven = [found for found in arguments.get("items") or () if is_driven(found)]
    if driven:
        must = "A back-end should be given plain rasters: it cannot open products that need a driver"
        got = Quoted(f"item {driven[0].id} of the driver {driven[0].properties[DRIVER]}")
        return Violation(must, got, _MATERIALISE)
    for found, key, asset in _rasters(arguments):
        told = {**found.properties, **asset}
        if not (told.get("proj:code") or told.get("proj:epsg")) or sum(bool(told.get(name)) for name in _GRID) < 2:
            must = f"Assets should have proj:code and two of {_GRID} for a back-end to load them on their grid"
            return Violation(must, _name(found, key), _FOR_BACKEND)
    return None


@rule("G47", "load_stac")
def _no_queries(arguments: Mapping[str, Any]) -> Violation | None:
    properties = arguments.get("properties")
    if not properties:
        return None
    do = "Select by temporal_extent, or name a catalogue that holds what is wanted"
    return Violation("Static catalogues have no queries: properties must be left out", sorted(properties), do)


@rule("G48", ITEMS)
def _degrees(arguments: Mapping[str, Any]) -> Violation | None:
    for found in arguments.get("items") or ():
        box = found.item.get("bbox")
        geometry = found.item.get("geometry")
        coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
        for x, y in (*_corners(box), *_positions(coordinates)):
            if abs(x) > 180 or abs(y) > 90:
                must = "bbox and geometry of an item must be in degrees (EPSG:4326)"
                return Violation(
                    must, Quoted(f"({x}, {y}) in item {found.id}"), "Transform them; proj:bbox has other units"
                )
    return None


def _corners(box: Any) -> list[tuple[float, float]]:
    """Lower left and upper right of a bbox with two or three dimensions; nothing for what is none."""
    if not isinstance(box, list) or len(box) not in (4, 6) or not all(isinstance(v, int | float) for v in box):
        return []
    half = len(box) // 2
    return [(box[0], box[1]), (box[half], box[half + 1])]


def _positions(coordinates: Any) -> Iterator[tuple[float, float]]:
    waiting = [coordinates]
    while waiting:
        value = waiting.pop()
        if not isinstance(value, list) or not value:
            continue
        if len(value) >= 2 and all(isinstance(number, int | float) for number in value):
            yield value[0], value[1]
        else:
            waiting += value


@rule("G49", ITEMS)
def _items_are_dated(arguments: Mapping[str, Any]) -> Violation | None:
    for found in arguments.get("items") or ():
        if not (found.properties.get("datetime") or found.properties.get("start_datetime")):
            must = "An item must have datetime or start_datetime"
            return Violation(must, Quoted(f"none in item {found.id}"), "Add properties.datetime to the item")
    return None


@rule("G50", ITEMS)
def _bands_by_name_or_key(arguments: Mapping[str, Any]) -> Violation | None:
    names: set[str] = set()
    common: set[str] = set()
    for found, key, asset in _rasters(arguments):
        of_all = (found.collection.get("item_assets") or {}).get(key) or {}
        names |= {key, *band_names(asset), *band_names(of_all)}
        common |= set(_common_names(asset)) | set(_common_names(of_all))
    unknown = [name for name in arguments.get("bands") or () if name in common - names]
    if not unknown:
        return None
    must = "bands must be names of bands or keys of assets, not common names"
    return Violation(must, unknown, f"Choose of {tuple(sorted(names))}")


def _common_names(fields: Mapping[str, Any]) -> Iterator[str]:
    for field in ("bands", "eo:bands"):
        given = fields.get(field)
        for band in given if isinstance(given, list) else ():
            if isinstance(band, dict):
                yield from (str(band[name]) for name in ("eo:common_name", "common_name") if band.get(name))


@rule("G51", ITEMS, action="warn")
def _times_of_netcdf_are_declared(arguments: Mapping[str, Any]) -> Violation | None:
    for found, key, asset in _rasters(arguments):
        start, end = (found.properties.get(f"{edge}_datetime") for edge in ("start", "end"))
        if not is_netcdf(key, asset) or not start or start == end:
            continue
        variables = ((found.collection.get("item_assets") or {}).get(key) or {}).get("cube:variables")
        if not variables:
            must = (
                "A netCDF asset of several dates should have cube:variables with time in item_assets of its collection"
            )
            return Violation(must, _name(found, key), "Save as GTiff, which has one file for each date")
    return None


@rule("G57", ITEMS, action="warn")
def _links_expire(arguments: Mapping[str, Any]) -> Violation | None:
    for found, key, asset in _rasters(arguments):
        href = str(asset.get("href", ""))
        if is_remote(href) and _SIGNED.search(href):
            must = "Links to results should be permanent: signed ones expire after seven days"
            return Violation(must, _name(found, key), "Download the results, or copy them to a place of your own")
    return None
