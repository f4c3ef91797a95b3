"""The items behind a STAC address: collection, item, item collection, catalogue, or openEO job results.

Follows links of documents only; opens no asset. Not here: which asset is which band (`local_runner.stac.bands`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local_runner.access import is_remote, locate, public_href
from local_runner.cube import to_time
from local_runner.errors import DataError, LimitExceededError, OpenEOError
from local_runner.products._driver import DRIVER
from local_runner.stac.bands import is_raster, require_few
from local_runner.stac.file_names import date_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np

    from local_runner.access import Access

MAX_ITEMS: Final = 1_000
MAX_DOCUMENTS: Final = 2_000
RECORD_REL: Final = "processing-record"
_FOLLOWED: Final = ("item", "items", "child")
_OBJECTS: Final = ("properties", "assets", "item_assets", "summaries", "cube:dimensions")
_ARRAYS: Final = ("links", "features")
_COORDINATE_FILE: Final = re.compile(r"(lat|lon|latitude|longitude)\W*$|_lat\b|_lon\b", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """An item, the address of the document that it stands in, and the collection that led to it."""

    item: Mapping[str, Any]
    href: str
    collection: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Id of the item."""
        return str(self.item.get("id", ""))

    @property
    def properties(self) -> dict[str, Any]:
        """Properties of the item."""
        return dict(self.item.get("properties") or {})

    @property
    def assets(self) -> dict[str, dict[str, Any]]:
        """Assets of the item by key."""
        return {key: asset for key, asset in (self.item.get("assets") or {}).items() if asset}

    @property
    def home(self) -> str:
        """Address of the collection that a local item links to; empty where it links to none."""
        links = (link for link in self.item.get("links") or () if isinstance(link, dict))
        hrefs = (str(link.get("href", "")) for link in links if link.get("rel") == "collection")
        if is_remote(self.href):
            return ""
        return next((str(Path(self.href).parent.joinpath(href).resolve()) for href in hrefs if not is_remote(href)), "")

    def time(self) -> np.datetime64:
        """Time stamp: `datetime`, else `start_datetime`, else the date in the name of a file or in the id."""
        for name in ("datetime", "start_datetime"):
            if self.properties.get(name):
                return self.moment(name)
        names = [str(asset.get("href", key)) for key, asset in self.assets.items()]
        names.sort(key=lambda name: bool(_COORDINATE_FILE.search(Path(name).stem)))
        for name in (*names, self.id):
            found = date_in(name.rpartition("/")[2])
            if found is not None:
                return found
        must = f"Item {self.id} must have a datetime, or a date in the names of its files"
        raise DataError(
            "DataCorrupt", must, got=self.properties.get("datetime"), do="Add properties.datetime to the item"
        )

    def moment(self, name: str) -> np.datetime64:
        """Time stamp that a property holds."""
        given = self.properties.get(name)
        try:
            if isinstance(given, str):
                return to_time(given)
        except ValueError:
            pass
        raise DataError("DataCorrupt", f"{name} of item {self.id} must be a time", got=given)


def items(url: str, access: Access) -> list[Found]:
    """Items behind an address (path, folder or URL); `access` names it already.

    Raises `NoDataAvailable` where there is none, `ResultIncomplete` for the folder of a run that did not finish,
    `TooManyItems`, and the errors of `Access`.
    """
    entry = locate(url)
    _refuse_partial(entry)
    found = list(_walk(entry, access))
    if not found:
        do = "Name a STAC item, a collection or catalogue with items, or openEO job results"
        raise OpenEOError("NoDataAvailable", "The STAC address must lead to items", got=public_href(entry), do=do)
    return found


def require_one_collection(found: Sequence[Found]) -> None:
    """Raise `GridsDiffer` for products of several collections: each has the grid of its own primary."""
    homes = {str(item.collection.get("id", "")): item.home for item in found}
    if len(homes) > 1 and any(DRIVER in item.properties for item in found):
        must = f"The items of a cube must have one grid, and so be of one collection; these are of {', '.join(homes)}"
        do = f"Name one of the collections: {', '.join(filter(None, homes.values()))}"
        raise DataError("GridsDiffer", must, do=do)


def _walk(entry: str, access: Access) -> Iterator[Found]:
    waiting: list[tuple[str, Mapping[str, Any]]] = [(entry, {})]
    seen = {entry}
    count = 0
    while waiting:
        href, collection = waiting.pop(0)
        document = access.read_json(href)
        _require_form(document, href)
        if document.get("type") == "Collection":
            collection = document
        _require_record(document, href, access)
        followed = list(islice(_links(document, href, access), MAX_DOCUMENTS + 1))
        linked = list(dict.fromkeys(followed))
        for found in _items_in(document, href, collection, linked=bool(linked)):
            count += 1
            if count > MAX_ITEMS:
                do = "Name a collection with fewer items; temporal_extent does not spare reading them"
                must = f"A STAC address must lead to at most {MAX_ITEMS} items"
                raise LimitExceededError("TooManyItems", must, got=public_href(entry), do=do)
            require_few(found)
            yield found
        waiting += [(link, collection) for link in linked if link not in seen]
        seen |= set(linked)
        if len(seen) > MAX_DOCUMENTS or len(followed) > MAX_DOCUMENTS:
            must = f"A STAC address must lead to at most {MAX_DOCUMENTS} documents"
            raise LimitExceededError("TooManyItems", must, got=public_href(entry), do="Name a smaller catalogue")


def _items_in(
    document: Mapping[str, Any], href: str, collection: Mapping[str, Any], *, linked: bool
) -> Iterator[Found]:
    kind = document.get("type")
    if kind == "Feature":
        yield Found(document, href, collection)
    elif kind == "FeatureCollection":
        for feature in document.get("features") or ():
            if isinstance(feature, dict):
                _require_form(feature, href)
                yield Found(feature, href, collection)
    elif kind == "Collection":
        if not linked and document.get("assets"):
            yield from _job_results(document, href)
    elif kind != "Catalog":
        must = f"{public_href(href)} must be a STAC Item, Collection, Catalog or item collection"
        raise DataError("DataCorrupt", must, got=kind, do="Check the address")


def _links(document: Mapping[str, Any], href: str, access: Access) -> Iterator[str]:
    """Links to follow. Job results that were downloaded keep links to the back-end beside their own assets."""
    if document.get("type") == "Feature":
        return
    downloaded = bool(document.get("assets")) and not is_remote(href)
    followed = ("next",) if document.get("type") == "FeatureCollection" else _FOLLOWED
    for link in document.get("links") or ():
        if isinstance(link, dict) and link.get("rel") in followed and str(link.get("method", "GET")).upper() == "GET":
            address = access.resolve(str(link.get("href", "")), href)
            if not (downloaded and is_remote(address)):
                yield address


def _job_results(document: Mapping[str, Any], href: str) -> Iterator[Found]:
    """One item per date of the assets of openEO job results, whose names hold the date: `openEO_2024-08-09Z.tif`."""
    by_date: dict[str, dict[str, Any]] = {}
    for key, asset in document["assets"].items():
        if not asset or not is_raster(key, asset):
            continue
        name = str(asset.get("href", "")).partition("?")[0].rpartition("/")[2]
        moment = date_in(key) if date_in(key) is not None else date_in(name)
        date = "" if moment is None else f"{moment}Z"
        by_date.setdefault(date, {})[key] = asset
    for date, assets in by_date.items():
        properties = {"datetime": date} if date else _interval(document)
        item = {"type": "Feature", "id": next(iter(assets)), "properties": properties, "assets": assets}
        yield Found(item, href, document)


def _interval(document: Mapping[str, Any]) -> dict[str, str]:
    """Start and end of the first temporal extent of a collection, as far as it tells them."""
    try:
        start, end = document["extent"]["temporal"]["interval"][0]
    except (LookupError, TypeError, ValueError):
        return {}
    return {name: str(time) for name, time in (("start_datetime", start), ("end_datetime", end)) if time}


def _require_form(document: Mapping[str, Any], href: str) -> None:
    """Raise `DataCorrupt` where a field that is followed here is of another JSON type than STAC tells; null is none."""
    fields: dict[str, Any] = {name: document.get(name) for name in (*_OBJECTS, *_ARRAYS)}
    for several in ("assets", "item_assets"):
        inside = fields[several] if isinstance(fields[several], dict) else {}
        fields |= {f"{several}/{key}": asset for key, asset in inside.items()}
    for name, value in fields.items():
        expected = list if name in _ARRAYS else dict
        if value is not None and not isinstance(value, expected):
            must = f"{name} of {public_href(href)} must be a JSON {'array' if expected is list else 'object'}"
            raise DataError("DataCorrupt", must, got=value, do="Repair or download it again")


def _require_record(document: Mapping[str, Any], href: str, access: Access) -> None:
    """Refuse the result of a run whose record is missing: it is not known to be whole."""
    for link in document.get("links") or ():
        if not isinstance(link, dict) or link.get("rel") != RECORD_REL or is_remote(href):
            continue
        record = access.resolve(str(link.get("href", "")), href)
        if not is_remote(record) and not Path(record).is_file():
            must = "The result must have its record; a folder without its record is no result"
            raise DataError("ResultIncomplete", must, got=record, do="Run the process again")


def _refuse_partial(entry: str) -> None:
    if not is_remote(entry) and any(re.search(r"\.partial-[0-9a-f]+$", part) for part in Path(entry).parts):
        must = "The folder must be a finished result; this one is of a run that has not finished"
        raise DataError("ResultIncomplete", must, got=entry, do="Wait for the run, or run it again")
