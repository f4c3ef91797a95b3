"""Which assets of an item the back-end loads, as it does: G44, G50. Names and media types only; no file is opened."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from local_runner.products import is_driven
from local_runner.stac.bands import is_raster

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from local_runner.stac.walk import Found

MEDIA_TYPES: Final = (
    "image/tiff", "image/vnd.stac.geotiff", "image/jp2", "image/png", "image/jpeg",
    "application/x-hdf", "application/x-netcdf", "application/netcdf",
)  # fmt: skip
ROLES: Final = ("data", "data-mask", "snow-ice", "land-water", "water-mask")
_BANDS: Final = ("bands", "eo:bands")


def choose_assets(items: Sequence[Found]) -> list[Found]:
    """Items without the rasters that the back-end leaves out, finest ground sampling distance first.

    Left out is what lacks media type or role, and of the assets with the same bands all but the first. An item of which
    nothing would be left stays as it is, and so does one that a driver opens, as no back-end can: a rule warns of them, and
    they can be loaded here.
    """
    return [_chosen(found) for found in items]


def rasters(found: Found) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Keys and assets of an item that are rasters for everybody: none where only its driver knows what they hold."""
    return (entry for entry in found.assets.items() if is_raster(*entry) and not is_driven(found))


def is_admitted(asset: Mapping[str, Any]) -> bool:
    """Whether the back-end loads an asset, by its media type and by its roles or bands."""
    kind = str(asset.get("type") or "").partition(";")[0].strip().lower()
    roles = asset.get("roles")
    has_role = isinstance(roles, list) and any(role in ROLES for role in roles)
    return kind in MEDIA_TYPES and (has_role or any(asset.get(field) for field in (*_BANDS, "raster:bands")))


def band_names(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the bands that an asset or the summaries of a collection tell."""
    for field in _BANDS:
        given = fields.get(field)
        names = [band.get("name") for band in given if isinstance(band, dict)] if isinstance(given, list) else []
        if names and all(isinstance(name, str) for name in names):
            return tuple(str(name) for name in names)
    return ()


def _chosen(found: Found) -> Found:
    admitted = {key for key, asset in rasters(found) if is_admitted(asset)}
    if not admitted:
        return found
    assets: dict[str, Any] = {}
    seen: set[tuple[str, ...]] = set()
    for key, asset in sorted(found.assets.items(), key=lambda entry: _distance(entry[1], found)):
        names = band_names(asset)
        if is_raster(key, asset) and (key not in admitted or names in seen):
            continue
        assets[key] = asset
        seen |= {names} if names else set()
    return found if list(assets) == list(found.assets) else replace(found, item={**found.item, "assets": assets})


def _distance(asset: Mapping[str, Any], found: Found) -> float:
    value = asset.get("gsd", found.properties.get("gsd"))
    return float(value) if isinstance(value, int | float) else math.inf
