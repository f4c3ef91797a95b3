"""`save_result`: a cube as rasters and a STAC collection with one item per pair or per date.

Not here: the partial folder, its record and the rename (`local_runner.jobs.commit`), and pictures.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import pystac

from local_runner.cube import X, Y, crs_of, iso, to_time
from local_runner.errors import OpenEOError
from local_runner.stac.bands import STATIC
from local_runner.stac.dimensions import dimensions_of
from local_runner.stac.documents import GEOJSON, JSON, dump, extent, item_assets, reachable
from local_runner.stac.files import Files, write_files
from local_runner.stac.groups import Group, arranged, groups_of, place_of
from local_runner.stac.inherited import Place, looks_on_map, polarizations, shared
from local_runner.stac.metadata import PARAMETERS, RENDERS, extensions, public
from local_runner.stac.renders import renders_of
from local_runner.stac.save_options import options_of
from local_runner.stac.walk import RECORD_REL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import xarray as xr

    from local_runner.compute.workers import Workers


_POLARIZATIONS: Final = "sar:polarizations"


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
    Bands of latitude and longitude, and beside bands of pairs all bands of the grid, are written once and linked by every
    item. Floats are stored as float32 with NaN for
    no-data. `for_backend`: radar geometry is named EPSG:3857 with the identity grid, geometry null, and the footprint a
    property, which is what the geopyspark back-end loads. All rasters are computed in one pass by `workers`, all threads
    if None, read back and compared.

    `options`: `filename_prefix`, `tile_size` (256 or 512), `overviews` ("AUTO" or "OFF"), `static_bands` ("ONCE": of all bands
    of the grid, as `height`, GeoTIFF has one file for all dates, that of the first; "AUTO": of latitude and longitude).
    Raises `FormatUnsuitable`, `DataCubeEmpty`, `ProcessParameterInvalid` (options), `StorageFailed`.
    """
    if file_format.lower() not in ("gtiff", "netcdf"):
        raise OpenEOError("FormatUnsuitable", "format must be one of ('GTiff', 'netCDF')", got=file_format)
    chosen = options_of(options or {}, file_format)
    whole = arranged(cube, process)
    if whole.size == 0:
        raise OpenEOError("DataCubeEmpty", "The cube must have values to be saved", got=dict(whole.sizes))
    groups = groups_of(whole, process, provenance.pair)
    if any(group.is_pair for group in groups):
        chosen = replace(chosen, once=STATIC)
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
    if geometry is None and place_of(cube) == Place(0, 0):
        geometry, bbox = _outline_of_input(group, [cube.sizes[Y], cube.sizes[X]])
    properties = {
        **public(_inherited(group, cube, provenance)),
        **group.properties,
        **files.properties,
        **_processing(process, provenance),
    }
    drawn = renders_of(files.assets[group.id])
    properties |= {RENDERS: drawn} if drawn else {}
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
        item.add_link(pystac.Link(rel, "../collection.json", JSON))
    item.add_link(pystac.Link(RECORD_REL, "../record.json", JSON, "What was computed from what"))
    for rel, href in _origins(group):
        item.add_link(pystac.Link(rel, reachable(href, here, folder.parent), GEOJSON))
    dump(item, here / f"{group.folder}.json")
    return item


def _inherited(group: Group, cube: xr.DataArray, provenance: Provenance) -> dict[str, Any]:
    properties = [source["properties"] for source in group.sources]
    found = shared(properties, place=place_of(cube), of_one_date=group.start is None)
    if crs_of(cube) is not None:
        found |= looks_on_map(found, provenance.parameters)
    given = found.pop(_POLARIZATIONS, None)
    if not isinstance(given, list):
        return found
    left = polarizations([str(name) for name in given], group.bands.values(), provenance.parameters)
    return {**found, _POLARIZATIONS: left} if left else found


def _outline_of_input(group: Group, shape: list[int]) -> tuple[dict[str, Any] | None, list[float] | None]:
    """Footprint of the first input that has one and the shape of the cube, which then is its whole grid."""
    for source in group.sources:
        if source.get("geometry") and source.get("bbox") and source["properties"].get("proj:shape") == shape:
            return source["geometry"], source["bbox"]
    return None, None


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
        description=_description(process, provenance),
        extent=extent(items.values()),
        license="other",
        extra_fields=extra,
        stac_extensions=extensions(extra),
    )
    collection.item_assets.update(item_assets(items.values()))
    collection.clear_links()
    collection.add_link(pystac.Link("root", "./collection.json", JSON))
    for href, item in items.items():
        collection.add_link(pystac.Link("item", href, GEOJSON, item.id))
    collection.add_link(pystac.Link(RECORD_REL, "./record.json", JSON, "What was computed from what"))
    for href in provenance.inputs:
        collection.add_link(pystac.Link("derived_from", reachable(href, folder, folder.parent), JSON))
    dump(collection, folder / "collection.json")
    collection.set_self_href(str(folder / "collection.json"))
    return collection


def _description(process: str, provenance: Provenance) -> str:
    """What the collection is: a process that only loads and saves has computed nothing."""
    used = {node.get("process_id") for node in provenance.process_graph.values() if isinstance(node, dict)}
    if used == {"load_stac", "save_result"}:
        return f"Bands of the collection {process}, materialised."
    return f"Result of the openEO process {process}."


def _datetime(time: Any) -> Any:
    return pystac.utils.str_to_datetime(iso(to_time(time)))
