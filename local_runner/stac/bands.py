"""Which asset of an item holds which bands, and which of them are selected.

Names come from `bands[].name`, `eo:bands`, `item_assets`, the DESCRIPTION tags of the file, the labels that the
collection gives to all bands of a file, or the file name, in this order. Tolerates what the CDSE process
`insar_preprocessing` writes: file names with and without polarisation, assets keyed by file name, keys doubled as
`..._0-...`, left-over `tmp_sec` files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from local_runner.access import is_remote
from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.files.raster import MAX_BANDS, Header
from local_runner.stac.file_names import known_band, without_date

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from local_runner.files.netcdf_reader import NetcdfHeader
    from local_runner.stac.walk import Found

MAX_ASSETS: Final = 200
LATITUDE: Final = ("grid_lat", "latitude", "lat")
LONGITUDE: Final = ("grid_lon", "longitude", "lon")
COORDINATES: Final = frozenset((*LATITUDE, *LONGITUDE))
STATIC: Final = COORDINATES | {
    *("height", "incidence_angle", "look_east", "look_north", "look_up"),
    *("los_east", "los_north", "local_incidence_angle", "layover_shadow_mask"),
}
"""Bands of the grid, not of a date: given for one date they hold for all."""
_ROLES: Final = frozenset(("data", "data-mask", "snow-ice", "land-water", "water-mask"))
_TIFF: Final = ("image/tiff", "image/vnd.stac.geotiff")
_NETCDF: Final = ("application/x-netcdf", "application/netcdf", "application/netcdf4")


@dataclass(frozen=True)
class Layer:
    """One band of one asset: its name, the asset's key and address, and which band of the file it is.

    `index`: its number in a GeoTIFF, counted from 1; `variable` and `plane`: its name and its place on `t` in netCDF. `size`
    and `checksum`: `file:size` and `file:checksum` of the asset.
    """

    name: str
    common_name: str
    key: str
    href: str
    index: int
    size: int | None
    variable: str = ""
    plane: int = 0
    checksum: str = ""


def layers(
    found: Found, header: Callable[[str], Header | NetcdfHeader], resolve: Callable[[str, str], str]
) -> dict[str, Layer]:
    """Bands of an item by name, in the order of its assets; of two assets with the same band the first one counts.

    `header` opens a file and is called for assets whose bands are not named in the metadata.
    """
    require_few(found)
    bands: dict[str, Layer] = {}
    for key, href in addresses(found, resolve):
        if "_0-" in key and known_band(key) in bands:
            continue
        asset = found.assets[key]
        names = _in_metadata(asset) or _in_item_assets(found.collection, key) or _in_file(found, key, header(href))
        for index, (name, common) in enumerate(names, start=1):
            layer = Layer(name, common, key, href, index, _size(asset), name, checksum=_checksum(asset))
            bands.setdefault(name, layer)
        _require_few_bands(found, len(bands))
    return bands


def driven_layers(found: Found) -> dict[str, Layer]:
    """Bands of an item that its driver opens, as its assets name them; the address is that of the item."""
    require_few(found)
    href = f"{found.href}#{found.id}"
    known: dict[str, Layer] = {}
    for key, asset in found.assets.items():
        for name, common in _in_metadata(asset):
            known.setdefault(name, Layer(name, common, key, href, 1, None))
    return known


def require_few(found: Found) -> None:
    """Raise `TooManyAssets` where an item has more than `MAX_ASSETS` assets, `TooManyBands` where these name too many bands."""
    if len(found.assets) > MAX_ASSETS:
        raise LimitExceededError("TooManyAssets", f"An item must have at most {MAX_ASSETS} assets", got=found.id)
    given = (found.item.get("assets") or {}).values()
    named = (_list(asset.get("bands")) for asset in given if isinstance(asset, dict))
    _require_few_bands(found, sum(map(len, named)))


def _require_few_bands(found: Found, count: int) -> None:
    if count > MAX_BANDS:
        raise LimitExceededError("TooManyBands", f"An item must have at most {MAX_BANDS} bands", got=(found.id, count))


def texts(found: Found) -> dict[str, dict[str, str]]:
    """What the assets of an item tell of each band: its unit and its description, as far as they are texts."""
    named: dict[str, dict[str, str]] = {}
    for band in (band for asset in found.assets.values() for band in _list(asset.get("bands"))):
        if isinstance(band, dict) and isinstance(band.get("name"), str):
            told = {key: band[key] for key in ("unit", "description") if isinstance(band.get(key), str) and band[key]}
            named.setdefault(band["name"], told)
    return {name: told for name, told in named.items() if told}


def addresses(found: Found, resolve: Callable[[str, str], str]) -> Iterator[tuple[str, str]]:
    """Key and address of each raster with data of an item; doubled keys last."""
    for key, asset in sorted(found.assets.items(), key=lambda entry: "_0-" in entry[0]):
        if is_raster(key, asset):
            yield key, _downloaded(resolve(str(asset.get("href", "")), found.href), found.href, key)


def is_raster(key: str, asset: Mapping[str, Any]) -> bool:
    """Whether an asset is a raster with data: by media type or file ending, and by its roles if it has any.

    Not left-over `tmp_sec` files, by key or by name.
    """
    name = _file_name(asset) or key
    tiff = _kind(asset) in _TIFF or name.lower().endswith((".tif", ".tiff"))
    roles = {role for role in _list(asset.get("roles")) if isinstance(role, str)}
    wanted = not roles or bool(roles & _ROLES) or bool(_in_metadata(asset))
    left_over = any(text.startswith("tmp_sec") for text in (key, name))
    return (tiff or is_netcdf(key, asset)) and wanted and not left_over


def is_netcdf(key: str, asset: Mapping[str, Any]) -> bool:
    """Whether an asset is netCDF by media type or file ending."""
    name = _file_name(asset) or key
    return _kind(asset) in _NETCDF or (not _kind(asset) and name.lower().endswith((".nc", ".nc4")))


def select(wanted: Sequence[str] | None, available: Iterable[Layer]) -> list[str]:
    """Names of the bands to load: `wanted` by name, asset key or common name, in this order; all if None.

    Raises `ProcessParameterInvalid` listing the available bands.
    """
    known = list(available)
    names = list(dict.fromkeys(layer.name for layer in known))
    if wanted is None:
        return names
    if not wanted or isinstance(wanted, str):
        must = "'bands' must be null or a list with at least one name"
        raise OpenEOError("ProcessParameterInvalid", must, got=wanted, do=f"Choose of {tuple(names)}")
    chosen: dict[str, None] = {}
    for name in wanted:
        by_key = [layer.name for layer in known if layer.key == name]
        by_common = [layer.name for layer in known if layer.common_name and layer.common_name == name]
        matching = [name] if name in names else by_key or by_common
        if not matching:
            raise OpenEOError("ProcessParameterInvalid", f"Each of 'bands' must be one of {tuple(names)}", got=name)
        chosen |= dict.fromkeys(matching)
    return list(chosen)


def _downloaded(href: str, document: str, key: str) -> str:
    """Path of the file beside a local document that has the name or key of a remote asset, if there is one."""
    if is_remote(document) or not is_remote(href):
        return href
    names = (unquote(urlsplit(href).path).rpartition("/")[2], key)
    beside = (Path(document).parent / name for name in names if name and "/" not in name)
    return next((str(path) for path in beside if path.is_file()), href)


def _in_metadata(asset: Mapping[str, Any]) -> list[tuple[str, str]]:
    for field in ("bands", "eo:bands"):
        given = [band for band in _list(asset.get(field)) if isinstance(band, dict)]
        if given and all(band.get("name") for band in given):
            return [
                (str(band["name"]), str(band.get("eo:common_name") or band.get("common_name") or "")) for band in given
            ]
    return []


def _in_item_assets(collection: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    return _in_metadata((collection.get("item_assets") or {}).get(key) or {})


def _kind(asset: Mapping[str, Any]) -> str:
    return str(asset.get("type") or "").partition(";")[0].strip().lower()


def _in_file(found: Found, key: str, header: Header | NetcdfHeader) -> list[tuple[str, str]]:
    asset = found.assets[key]
    if not isinstance(header, Header):
        return [(name, "") for name in header.variables]
    described = [text for text in header.descriptions if text]
    if len(described) == header.count:
        return [(name, "") for name in described]
    labels = _labels(found.item) or _labels(found.collection)
    if len(labels) == header.count > 1:
        return [(name, "") for name in labels]
    name = without_date(_file_name(asset))
    if header.count > 1:
        return [(f"{name}_{n}", "") for n in range(1, header.count + 1)]
    alone = sum(is_raster(*entry) for entry in found.assets.items()) == 1
    labelled = key if key in labels else labels[0] if alone and len(labels) == 1 else ""
    return [(known_band(_file_name(asset)) or known_band(key) or labelled or name, "")]


def _labels(document: Mapping[str, Any]) -> list[str]:
    """Band labels by `cube:dimensions`, else by the summaries of a collection."""
    properties = document.get("properties") or {}
    dimensions = document.get("cube:dimensions") or properties.get("cube:dimensions") or {}
    for dimension in dimensions.values() if isinstance(dimensions, dict) else ():
        if isinstance(dimension, dict) and dimension.get("type") == "bands":
            return [str(value) for value in _list(dimension.get("values"))]
    return [name for name, _ in _in_metadata(document.get("summaries") or {})]


def _list(value: Any) -> list[Any]:
    """`value` if it is a list; other people's catalogues hold other things in its place, which count as nothing."""
    return value if isinstance(value, list) else []


def _file_name(asset: Mapping[str, Any]) -> str:
    return unquote(str(asset.get("href", "")).partition("?")[0].partition("#")[0]).rpartition("/")[2]


def _size(asset: Mapping[str, Any]) -> int | None:
    size = asset.get("file:size")
    return size if isinstance(size, int) else None


def _checksum(asset: Mapping[str, Any]) -> str:
    checksum = asset.get("file:checksum")
    return checksum if isinstance(checksum, str) else ""
