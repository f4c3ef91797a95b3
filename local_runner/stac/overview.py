"""The collections behind a STAC address as they are told of: dates, bands, grid, files that are missing.

Fields of others may hold anything: what is not as STAC has it counts as nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local_runner.access import Access, is_remote, locate
from local_runner.cube import utc_day
from local_runner.errors import OpenEOError
from local_runner.stac import walk
from local_runner.stac.metadata import PRIMARY
from local_runner.stac.planned import is_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local_runner.stac.walk import Found

_LONGEST: Final = 500
RECORD: Final = "record.json"


def plain(value: Any) -> str:
    """A value as text of at most 500 characters, in which those that a terminal would obey are escaped."""
    text = str(value)[:_LONGEST]
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def entry_of(address: str) -> str:
    """Address of the document that a folder stands for, also where it is the only one in it, as that of an item."""
    entry = locate(address)
    if is_remote(entry) or not os.path.isdir(entry):  # noqa: PTH112
        return entry
    try:
        inside = [path for path in Path(entry).glob("*.json") if path.name != RECORD]
    except OSError:
        return entry
    return str(inside[0]) if len(inside) == 1 else entry


@dataclass(frozen=True)
class Overview:
    """A collection (or an item alone) as it stands in its catalogue."""

    href: str
    document: Mapping[str, Any]
    found: Sequence[Found]
    access: Access

    @property
    def id(self) -> str:
        """Id of the collection, or of the item."""
        return plain(self.document.get("id", ""))

    @property
    def address(self) -> str:
        """What a user types: the folder of a collection, the file of an item."""
        path = Path(self.href)
        named = self.href if is_remote(self.href) or path.name != "collection.json" else str(path.parent)
        here = Path.cwd()
        return (
            str(Path(named).relative_to(here)) if not is_remote(named) and Path(named).is_relative_to(here) else named
        )

    @cached_property
    def days(self) -> list[str]:
        """Days of the items, sorted."""
        return sorted({utc_day(found.time()) for found in self.found})

    @cached_property
    def bands(self) -> dict[str, Mapping[str, Any]]:
        """Bands of all items by name."""
        given = (asset.get("bands") for found in self.found for asset in found.assets.values())
        found: dict[str, Mapping[str, Any]] = {}
        for band in (band for bands in given if isinstance(bands, list) for band in bands if isinstance(band, dict)):
            found.setdefault(plain(band.get("name", "")), band)
        return {name: band for name, band in found.items() if name}

    @property
    def primary(self) -> str:
        """Day of the stack primary; empty where there is none."""
        told = [self.document.get(PRIMARY), *(found.properties.get(PRIMARY) for found in self.found)]
        return next((day for day in map(_day, told) if day), "")

    @property
    def shape(self) -> tuple[int, int] | None:
        """Rows and columns, as far as the metadata tell them."""
        told = [fields for found in self.found for fields in (found.properties, *found.assets.values())]
        return next(((int(s[0]), int(s[1])) for f in told if is_numbers(s := f.get("proj:shape"), 2)), None)

    @property
    def code(self) -> str:
        """Projection, empty in radar geometry, which may be named EPSG:3857 with the identity grid."""
        told = [fields for found in self.found for fields in (found.properties, *found.assets.values())]
        code = next((plain(fields["proj:code"]) for fields in told if fields.get("proj:code")), "")
        identity = any(fields.get("proj:transform") == [1, 0, 0, 0, 1, 0] for fields in told)
        return "" if code == "EPSG:3857" and identity else code

    @property
    def box(self) -> list[float]:
        """West, south, east and north of the first item that tells them, in degrees; empty where none does."""
        boxes = [box for found in self.found if is_numbers(box := found.item.get("bbox"), 4) and len(box) == 4]
        return boxes[0] if boxes else next((box for found in self.found if (box := _bounds(found.properties))), [])

    @property
    def missing(self) -> list[str]:
        """Files of the assets that are not there."""
        hrefs = (self._located(str(a.get("href", "")), f.href) for f in self.found for a in f.assets.values())
        return [href for href in dict.fromkeys(hrefs) if href and not is_remote(href) and not os.path.exists(href)]  # noqa: PTH110

    def values(self, *names: str) -> list[str]:
        """Different values of the properties of these names in the items, as texts."""
        several = [fields for found in self.found for fields in (found.properties, *found.assets.values())]
        told = [fields.get(name) for name in names for fields in several]
        flat = [entry for value in told for entry in (value if isinstance(value, list) else [value])]
        return list(dict.fromkeys(plain(entry) for entry in flat if entry is not None))

    def _located(self, href: str, document: str) -> str:
        """Path or URL of an href, empty for one that cannot be opened here, as s3."""
        try:
            return self.access.resolve(href, document)
        except OpenEOError:
            return ""


def overviews(address: str, access: Access) -> list[Overview]:
    """Collections behind an address that have items themselves, or the item behind it."""
    entry = entry_of(address)
    allowed = access.naming(entry)
    given = allowed.read_json(entry).get("links")
    links = [link for link in given if isinstance(link, dict)] if isinstance(given, list) else []
    hrefs = [str(link.get("href", "")) for link in links if link.get("rel") == "child"]
    alone = any(link.get("rel") in ("item", "items") for link in links) or len(hrefs) > walk.MAX_DOCUMENTS
    entries = [entry] if alone or not hrefs else [allowed.resolve(href, entry) for href in hrefs]
    return [stack for each in entries for stack in _overviews_of(each, allowed)]


def _overviews_of(entry: str, access: Access) -> list[Overview]:
    """Collections behind a document; the limit on items holds for each document of a parent by itself."""
    members: dict[int, list[Found]] = {}
    for found in walk.items(entry, access):
        members.setdefault(id(found.collection or found.item), []).append(found)
    several = members.values()
    return [Overview(_home(found[0]), found[0].collection or found[0].item, found, access) for found in several]


def _home(found: Found) -> str:
    return (found.home if found.collection else "") or found.href


def _bounds(properties: Mapping[str, Any]) -> list[float]:
    """Bounds of the property `footprint` that items for a back-end have, of one that is not split in two."""
    geometry = properties.get("footprint")
    rings = geometry.get("coordinates") if isinstance(geometry, dict) and geometry.get("type") == "Polygon" else None
    ring = rings[0] if isinstance(rings, list) and rings and isinstance(rings[0], list) else []
    points = [point for point in ring if is_numbers(point, 2)]
    if not points:
        return []
    longitudes, latitudes = zip(*(point[:2] for point in points), strict=True)
    return [min(longitudes), min(latitudes), max(longitudes), max(latitudes)]


def _day(value: Any) -> str:
    """Day that a property tells; empty where it is no date."""
    try:
        return utc_day(value) if isinstance(value, str) else ""
    except ValueError:
        return ""
