"""Stacks of products as a STAC 1.1 catalogue on disk: a collection of items, or one of such collections.

    out/collection.json                    one stack: its items; several: a collection of the collections below
    out/<stack>/collection.json            of each of several stacks
    out/[<stack>/]<item>/<item>.json
    out/record.json                        what was made of what, with size and sha256 of every file

The folder is there whole, or not at all. No pixel is copied: assets point at the files of the products.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import pystac

from local_runner.errors import DataError, OpenEOError
from local_runner.jobs import commit
from local_runner.jobs.readme import copernicus_years
from local_runner.roots import remember
from local_runner.stac.dimensions import dimensions_of_items
from local_runner.stac.documents import GEOJSON, JSON, dump, extent, item_assets, reachable, summaries
from local_runner.stac.metadata import RENDERS, extensions, safe_name
from local_runner.stac.renders import renders_of
from local_runner.versions import versions_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from local_runner.products._driver import Stack

MATERIALISED: Final = "materialised"
"""Folder of a stack with its bands as GeoTIFF."""
_RECORDED: Final = "catalogue"
"""Entry of the record, by which a catalogue is told from the result of a run."""
_COLLECTION: Final = "collection.json"
_TAKEN: Final = frozenset((_COLLECTION, commit.RECORD, MATERIALISED))
_STRUCTURE: Final = frozenset(("self", "root", "parent", "child", "item", "collection"))


def write(stacks: Sequence[Stack], out: Path, *, overwrite: bool = False) -> Path:
    """Write the catalogue of `stacks` into the folder `out` and return the path of its `collection.json`.

    Links and assets that lie below `out` get relative hrefs, others absolute paths. The roots of the stacks are remembered,
    so that this user may open the files. Raises `ResultExists`, `OutputFolderInvalid`, `StorageFailed`; nothing is left then.
    """
    with writing(out, overwrite=overwrite) as partial:
        fill(stacks, partial, out.name)
    remember(root for stack in stacks for root in stack.roots)
    return out / _COLLECTION


@contextmanager
def writing(
    out: Path, *, sources: Sequence[Path] = (), identity: Mapping[str, Any] | None = None, overwrite: bool = False
) -> Iterator[Path]:
    """Give a partial folder that becomes the catalogue `out` at the end of the block.

    `sources`: products, none of which may lie in `out`. `identity`: what the record tells of the making.
    """
    folder = commit.target(out, sources)
    with commit.locked(folder):
        commit.clean(folder)
        _require_free(folder, overwrite=overwrite)
        with commit.writing(folder) as partial:
            yield partial
            made = {"created": _now(), "versions": versions_of("openeo-sar")}
            commit.write_record(partial, {_RECORDED: dict(identity or {}), **made})


def fill(stacks: Sequence[Stack], folder: Path, name: str) -> None:
    """Write the documents of a catalogue into a folder; `name`: id of the collection that holds several."""
    if not stacks:
        raise DataError("NoDataAvailable", "The products must hold something to be made a collection of")
    _require_distinct([stack.id for stack in stacks], "stacks of the catalogue")
    created = _now()
    if len(stacks) == 1:
        _write_stack(stacks[0], folder, folder, created)
        return
    collections = {
        f"./{safe_name(stack.id)}/{_COLLECTION}": _write_stack(stack, folder / safe_name(stack.id), folder, created)
        for stack in stacks
    }
    _write_parent(name, stacks, collections, folder, created)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _require_free(folder: Path, *, overwrite: bool) -> None:
    """Raise `ResultExists` unless the folder is new, empty, or a catalogue that may be replaced."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not overwrite:
        must = "The output folder must be new or empty"
        do = "Name another folder, or replace the catalogue that is there with --overwrite (in Python overwrite=True)"
        raise OpenEOError("ResultExists", must, got=str(folder), do=do)
    record = commit.read_record(folder)
    if record is not None and _RECORDED not in record:
        must = "The output folder must hold a catalogue to be replaced by one; this is the result of a run"
        raise OpenEOError("ResultExists", must, got=str(folder), do="Name another folder")
    _require_no_bands(folder)
    commit.is_there(folder, {}, overwrite=True, belongs=_is_materialised)


def _require_no_bands(folder: Path) -> None:
    """Raise `ResultExists` for bands that were materialised: to write them takes longer than the catalogue."""
    found = sorted(str(record.parent) for record in folder.glob(f"**/{MATERIALISED}/{commit.RECORD}"))
    if found:
        must = "A catalogue that is replaced must hold no bands that were written as GeoTIFF, which would be deleted"
        raise OpenEOError("ResultExists", must, got=found, do="Move or delete these folders first, or name another one")


def _is_materialised(file: str) -> bool:
    """Whether a file is of bands that were written, or left behind by a run that wrote them and was killed."""
    return any(part.removeprefix(".").partition(".")[0] == MATERIALISED for part in file.split("/"))


def _require_distinct(names: Sequence[str], what: str) -> None:
    """Raise `DataCorrupt` where two names would be one folder, or the folder of something else."""
    seen = set(_TAKEN)
    for name in names:
        folded = safe_name(name).casefold()
        if folded in seen:
            must = f"The {what} must have different ids, other than {tuple(sorted(_TAKEN))}"
            raise DataError("DataCorrupt", must, got=name, do="Make a catalogue of each")
        seen.add(folded)


def _write_stack(stack: Stack, here: Path, top: Path, created: str) -> pystac.Collection:
    """Items and collection of a stack in the folder `here` of the catalogue in `top`."""
    names = [item.id for item in stack.items]
    if not names:
        raise DataError("NoDataAvailable", "A stack must have items", got=stack.id)
    _require_distinct(names, f"items of {stack.id}")
    items = [_write_item(item, names, stack.id, here, top) for item in stack.items]
    collection = _collection(stack.id, stack.title, stack.description, items, {"created": created, **stack.fields})
    up = "./" if here == top else "../"
    collection.add_link(pystac.Link("root", f"{up}{_COLLECTION}", JSON))
    if here != top:
        collection.add_link(pystac.Link("parent", f"{up}{_COLLECTION}", JSON))
    for name in names:
        collection.add_link(pystac.Link("item", f"./{safe_name(name)}/{safe_name(name)}.json", GEOJSON, name))
    dump(collection, here / _COLLECTION)
    return collection


def _write_item(given: pystac.Item, names: Sequence[str], stack: str, here: Path, top: Path) -> pystac.Item:
    """Item as the catalogue has it: assets with pixels first, links and hrefs as they are in its folder."""
    item = given.clone()
    folder = here / safe_name(item.id)
    item.collection_id = stack
    item.clear_links()
    up = "../" if here == top else "../../"
    for rel, href in (("root", up), ("parent", "../"), ("collection", "../")):
        item.add_link(pystac.Link(rel, f"{href}{_COLLECTION}", JSON))
    for link in given.links:
        if link.rel not in _STRUCTURE:
            href = _target(link, names, folder, top)
            item.add_link(pystac.Link(str(link.rel), href, link.media_type, link.title))
    item.assets = dict(sorted(item.assets.items(), key=lambda entry: "data" not in (entry[1].roles or ())))
    for asset in item.assets.values():
        asset.href = reachable(asset.href, folder, top)
    drawn = renders_of(item.assets)
    item.properties |= {RENDERS: drawn} if drawn else {}
    item.stac_extensions = _extensions_of(item)
    dump(item, folder / f"{safe_name(item.id)}.json")
    return item


def _target(link: pystac.Link, names: Sequence[str], folder: Path, top: Path) -> str:
    """Href of a link as the item in `folder` holds it; that of an item of the same stack may be given by its id."""
    name = link.target.id if isinstance(link.target, pystac.Item) else str(link.target)
    if name in names:
        return f"../{safe_name(name)}/{safe_name(name)}.json"
    return reachable(name, folder, top)


def _extensions_of(item: pystac.Item) -> list[str]:
    """Extensions that the driver has named, and those of the fields that are used."""
    assets = (asset.extra_fields for asset in item.assets.values())
    return sorted({*item.stac_extensions, *extensions(item.properties, *assets)})


def _collection(
    name: str, title: str, description: str, items: list[pystac.Item], fields: Mapping[str, Any]
) -> pystac.Collection:
    """Collection of a stack; `fields` of the same name go before what the items tell."""
    drawn = {name: entry for item in items for name, entry in item.properties.get(RENDERS, {}).items()}
    known = {"cube:dimensions": dimensions_of_items(items), **({RENDERS: drawn} if drawn else {}), **fields}
    years = copernicus_years(items)
    if years:
        known.setdefault("openeo_sar:attribution", f"contains modified Copernicus Sentinel data {', '.join(years)}")
    told = summaries(items)
    collection = _bare(name, title, description, items, known)
    collection.summaries = pystac.Summaries(told)
    collection.item_assets.update(item_assets(items))
    collection.stac_extensions = extensions(known, told)
    return collection


def _bare(
    name: str, title: str, description: str, items: Iterable[pystac.Item], fields: Mapping[str, Any]
) -> pystac.Collection:
    own = ("license", "keywords", "providers")
    collection = pystac.Collection(
        id=name,
        title=title or None,
        description=description or title or name,
        extent=extent(items),
        license=str(fields.get("license", "other")),
        keywords=list(fields.get("keywords", ())) or None,
        providers=[pystac.Provider.from_dict(dict(each)) for each in fields.get("providers", ())] or None,
        extra_fields={key: value for key, value in fields.items() if key not in own},
    )
    collection.clear_links()
    return collection


def _write_parent(
    name: str, stacks: Sequence[Stack], collections: Mapping[str, pystac.Collection], folder: Path, created: str
) -> None:
    items = list(chain.from_iterable(stack.items for stack in stacks))
    titles = ", ".join(dict.fromkeys(stack.title for stack in stacks if stack.title))
    description = f"{len(stacks)} collections, each with a grid of its own: {titles or 'see the links'}."
    told = summaries(items)
    parent = _bare(name, name, description, items, {"created": created})
    parent.summaries = pystac.Summaries(told)
    parent.stac_extensions = extensions(told)
    parent.add_link(pystac.Link("root", f"./{_COLLECTION}", JSON))
    for href, collection in collections.items():
        parent.add_link(pystac.Link("child", href, JSON, collection.title or collection.id))
    dump(parent, folder / _COLLECTION)
