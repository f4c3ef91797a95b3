"""The items behind a STAC address: collection, item, item collection, catalogue, or openEO job results.

Follows links of documents only; opens no asset. Not here: which asset is which band (`local_runner.stac.bands`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local_runner.access import is_remote, locate, public_href
from local_runner.cube import to_time
from local_runner.errors import DataError, LimitExceededError, OpenEOError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np

    from local_runner.access import Access

MAX_ITEMS: Final = 1_000
MAX_DOCUMENTS: Final = 2_000
RECORD_REL: Final = "processing-record"
_FOLLOWED: Final = ("item", "items", "child")
_DAY: Final = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?:T(\d{2}):?(\d{2}):?(\d{2}))?(?!\d)")
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
        return dict(self.item.get("assets") or {})

    def time(self) -> np.datetime64:
        """Time stamp: `datetime`, else `start_datetime`, else the date in the name of a file or in the id."""
        properties = self.properties
        given = properties.get("datetime") or properties.get("start_datetime")
        try:
            if given:
                return to_time(given)
        except ValueError:
            raise DataError("DataCorrupt", f"datetime of item {self.id} must be a time", got=given) from None
        names = [str(asset.get("href", key)) for key, asset in self.assets.items()]
        names.sort(key=lambda name: bool(_COORDINATE_FILE.search(Path(name).stem)))
        for name in (*names, self.id):
            found = date_in(name.rpartition("/")[2])
            if found is not None:
                return found
        must = f"Item {self.id} must have a datetime, or a date in the names of its files"
        raise DataError("DataCorrupt", must, got=properties.get("datetime"), do="Add properties.datetime to the item")


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


def date_in(name: str) -> np.datetime64 | None:
    """Time stamp of the first date (YYYYMMDD, YYYY-MM-DD, with THHMMSS) in a file name; None where there is none."""
    for match in _DAY.finditer(name):
        year, month, day, hour, minute, second = (part or "00" for part in match.groups())
        try:
            return to_time(f"{year}-{month}-{day}T{hour}:{minute}:{second}")
        except ValueError:
            continue
    return None


def _walk(entry: str, access: Access) -> Iterator[Found]:
    waiting: list[tuple[str, Mapping[str, Any]]] = [(entry, {})]
    seen = {entry}
    count = 0
    while waiting:
        href, collection = waiting.pop(0)
        document = access.read_json(href)
        if document.get("type") == "Collection":
            collection = document
        _require_record(document, href, access)
        linked = list(_links(document, href, access))
        for found in _items_in(document, href, collection, linked=bool(linked)):
            count += 1
            if count > MAX_ITEMS:
                do = "Name a collection with fewer items; temporal_extent does not spare reading them"
                must = f"A STAC address must lead to at most {MAX_ITEMS} items"
                raise LimitExceededError("TooManyItems", must, got=public_href(entry), do=do)
            yield found
        waiting += [(link, collection) for link in linked if link not in seen]
        seen |= set(linked)
        if len(seen) > MAX_DOCUMENTS:
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
    intervals = (document.get("extent") or {}).get("temporal", {}).get("interval") or [[]]
    named = zip(("start_datetime", "end_datetime"), intervals[0], strict=False)
    return {name: str(time) for name, time in named if time}


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
