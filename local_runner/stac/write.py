"""`save_result`: a cube as rasters and a STAC collection with one item per pair or per date.

Not here: the partial folder, its record and the rename (`local_runner.jobs.commit`), and pictures.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pystac

from local_runner.access import is_remote, public_href
from local_runner.cube import BANDS, crs_of, iso, to_time
from local_runner.errors import OpenEOError
from local_runner.stac.dimensions import dimensions_of
from local_runner.stac.files import Files, options_of, write_files
from local_runner.stac.groups import Group, arranged, groups_of, index_offset
from local_runner.stac.metadata import PARAMETERS, extensions, public, shared
from local_runner.stac.walk import RECORD_REL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import xarray as xr

    from local_runner.compute.workers import Workers

_JSON: Final = "application/json"
_GEOJSON: Final = "application/geo+json"


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from: the resolved graph, parameters, versions, hrefs of the inputs, time, and the pair.

    `created`: ISO 8601 text. `pair`: dates of primary and secondary of bands that do not name theirs.
    """

    process_graph: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    created: str = ""
    pair: tuple[str, str] | None = None


def save(
    cube: xr.DataArray,
    folder: Path,
    *,
    process: str,
    file_format: str = "GTiff",
    options: Mapping[str, Any] | None = None,
    provenance: Provenance,
    for_backend: bool = False,
    workers: Workers | None = None,
) -> pystac.Collection:
    """Write a cube into `folder`: `<item>/<asset>.tif` (or one `<item>/data.nc`), `<item>/<item>.json`, `collection.json`.

    Bands `<name>_<YYYYMMDD>_<YYYYMMDD>` make one item per pair with the asset `<name>`; other bands one item per date.
    Bands of latitude and longitude are written once and linked by every item. Floats are stored as float32 with NaN for
    no-data. `for_backend`: radar geometry is named EPSG:3857 with the identity grid, geometry null, and the footprint a
    property, which is what the geopyspark back-end loads. All rasters are computed in one pass by `workers`, all threads
    if None, read back and compared.

    `options`: `filename_prefix`, `tile_size` (256 or 512), `overviews` ("AUTO" or "OFF").
    Raises `FormatUnsuitable`, `DataCubeEmpty`, `ProcessParameterInvalid` (options), `StorageFailed`.
    """
    if file_format.lower() not in ("gtiff", "netcdf"):
        raise OpenEOError("FormatUnsuitable", "format must be one of ('GTiff', 'netCDF')", got=file_format)
    chosen = options_of(options or {}, file_format)
    whole = arranged(cube, process)
    if whole.size == 0:
        raise OpenEOError("DataCubeEmpty", "The cube must have values to be saved", got=dict(whole.sizes))
    groups = groups_of(whole, process, provenance.pair)
    files = write_files(whole, groups, folder, chosen, for_backend=for_backend, workers=workers)
    items = [_item(group, whole, files, folder, process, provenance, for_backend=for_backend) for group in groups]
    hrefs = [f"./{group.folder}/{group.folder}.json" for group in groups]
    dimensions = dimensions_of(whole, files.properties, items)
    return _collection(dict(zip(hrefs, items, strict=True)), folder, process, provenance, dimensions)


def _item(
    group: Group,
    cube: xr.DataArray,
    files: Files,
    folder: Path,
    process: str,
    provenance: Provenance,
    *,
    for_backend: bool,
) -> pystac.Item:
    geometry, bbox = files.footprints[group.id]
    properties = {
        **public(shared((source["properties"] for source in group.sources), offset=index_offset(cube))),
        **group.properties,
        **files.properties,
        **_processing(process, provenance),
    }
    if for_backend and crs_of(cube) is None:
        properties |= {"footprint": geometry} if geometry else {}
        geometry = bbox = None
    item = pystac.Item(
        id=group.id,
        geometry=geometry,
        bbox=bbox,
        datetime=None if group.time is None else _datetime(group.time),
        start_datetime=None if group.start is None else _datetime(group.start),
        end_datetime=None if group.end is None else _datetime(group.end),
        properties=properties,
    )
    for key, asset in files.assets[group.id].items():
        item.add_asset(key, asset)
    item.stac_extensions = extensions(properties, *(asset.extra_fields for asset in item.assets.values()))
    item.collection_id = process
    here = folder / group.folder
    for rel in ("root", "parent", "collection"):
        item.add_link(pystac.Link(rel, "../collection.json", _JSON))
    item.add_link(pystac.Link(RECORD_REL, "../record.json", _JSON, "What was computed from what"))
    for rel, href in _origins(group):
        item.add_link(pystac.Link(rel, _reachable(href, here, folder.parent), _GEOJSON))
    _dump(item, here / f"{group.folder}.json", _GEOJSON)
    return item


def _processing(process: str, provenance: Provenance) -> dict[str, Any]:
    given = dict(sorted(public(dict(provenance.parameters)).items()))
    parameters = ", ".join(f"{key}={json.dumps(value)}" for key, value in given.items())
    fields: dict[str, Any] = {
        "processing:expression": {"format": "openeo", "expression": public(dict(provenance.process_graph))},
        "processing:lineage": f"openEO process {process}({parameters})",
    }
    if given:
        fields[PARAMETERS] = given
    if provenance.versions:
        fields["processing:software"] = dict(provenance.versions)
    if provenance.created:
        fields["created"] = provenance.created
    return fields


def _origins(group: Group) -> Iterable[tuple[str, str]]:
    """Relation and href of each input item of a group."""
    for source in group.sources:
        if not source["href"]:
            continue
        yield "derived_from", source["href"]
        if source["role"]:
            yield source["role"], source["href"]


def _reachable(href: str, here: Path, beside: Path) -> str:
    """An href as it is written: relative if the file lies below the folder that also holds the result."""
    if is_remote(href):
        return public_href(href)
    path = os.path.realpath(href)
    below = Path(path).is_relative_to(os.path.realpath(beside))
    return Path(os.path.relpath(path, os.path.realpath(here)) if below else path).as_posix()


def _collection(
    items: Mapping[str, pystac.Item],
    folder: Path,
    process: str,
    provenance: Provenance,
    dimensions: Mapping[str, Any],
) -> pystac.Collection:
    extra: dict[str, Any] = {"cube:dimensions": dict(dimensions)}
    if provenance.created:
        extra["created"] = provenance.created
    collection = pystac.Collection(
        id=process,
        description=f"Result of the openEO process {process}.",
        extent=_extent(items.values()),
        license="other",
        extra_fields=extra,
        stac_extensions=extensions(extra),
    )
    collection.item_assets.update(_item_assets(items.values()))
    collection.clear_links()
    collection.add_link(pystac.Link("root", "./collection.json", _JSON))
    for href, item in items.items():
        collection.add_link(pystac.Link("item", href, _GEOJSON, item.id))
    collection.add_link(pystac.Link(RECORD_REL, "./record.json", _JSON, "What was computed from what"))
    for href in provenance.inputs:
        collection.add_link(pystac.Link("derived_from", _reachable(href, folder, folder.parent), _JSON))
    _dump(collection, folder / "collection.json", _JSON)
    collection.set_self_href(str(folder / "collection.json"))
    return collection


def _item_assets(items: Iterable[pystac.Item]) -> dict[str, Any]:
    """Assets that items have in common by key, without what belongs to one file."""
    found: dict[str, Any] = {}
    for item in items:
        for key, asset in item.assets.items():
            bands = [
                {name: value for name, value in band.items() if name != "statistics"}
                for band in asset.extra_fields.get(BANDS, [])
            ]
            found.setdefault(key, {"type": asset.media_type, "roles": asset.roles, BANDS: bands})
    return found


def _extent(items: Iterable[pystac.Item]) -> pystac.Extent:
    several = list(items)
    boxes = [item.bbox for item in several if item.bbox is not None]
    if any(box[0] > box[2] for box in boxes):
        west, east = -180.0, 180.0
    else:
        west, east = min((b[0] for b in boxes), default=-180.0), max((b[2] for b in boxes), default=180.0)
    south, north = min((b[1] for b in boxes), default=-90.0), max((b[3] for b in boxes), default=90.0)
    times = [
        time
        for item in several
        for time in (item.datetime, item.common_metadata.start_datetime, item.common_metadata.end_datetime)
        if time is not None
    ]
    spatial = pystac.SpatialExtent([[west, south, east, north]])
    return pystac.Extent(spatial, pystac.TemporalExtent([[min(times), max(times)]]))


def _datetime(time: Any) -> Any:
    return pystac.utils.str_to_datetime(iso(to_time(time)))


def _dump(thing: pystac.Item | pystac.Collection, path: Path, kind: str) -> None:
    """Write a document with a relative self link: its folder will have another name when the run has finished."""
    document = thing.to_dict(include_self_link=False, transform_hrefs=False)
    document["links"] = [{"rel": "self", "href": f"./{path.name}", "type": kind}, *document["links"]]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
