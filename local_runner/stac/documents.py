"""What STAC documents that are written here have in common: links that hold wherever the folder lies, extents, summaries.

Every document has a relative self link: the folder that it is written in gets another name when it is complete.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pystac

from local_runner.access import is_remote, public_href
from local_runner.cube import BANDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

JSON: Final = "application/json"
GEOJSON: Final = "application/geo+json"
_SUMMARISED: Final = ("sar", "sat", "view", "product", "processing")
"""Prefixes of the properties that summaries tell."""
_INSTRUMENT: Final = ("platform", "constellation", "instruments", "gsd")
_NOT_SUMMARISED: Final = frozenset(("sat:anx_datetime", "sat:absolute_orbit", "sat:orbit_state_vectors"))
"""Properties of one acquisition, of which a list tells nothing."""


def reachable(href: str, here: Path, beside: Path) -> str:
    """An href as the document in the folder `here` holds it: relative if the file lies below `beside`, else absolute."""
    if is_remote(href):
        return public_href(href)
    path = os.path.realpath(href)
    below = Path(path).is_relative_to(os.path.realpath(beside))
    return Path(os.path.relpath(path, os.path.realpath(here)) if below else path).as_posix()


def extent(items: Iterable[pystac.Item]) -> pystac.Extent:
    """Box and times that hold all items; the whole Earth where no item has a footprint."""
    several = list(items)
    boxes = [item.bbox for item in several if item.bbox is not None]
    west, east = _longitudes(boxes)
    south, north = min((b[1] for b in boxes), default=-90.0), max((b[3] for b in boxes), default=90.0)
    times = [
        time
        for item in several
        for time in (item.datetime, item.common_metadata.start_datetime, item.common_metadata.end_datetime)
        if time is not None
    ]
    spatial = pystac.SpatialExtent([[west, south, east, north]])
    return pystac.Extent(spatial, pystac.TemporalExtent([[min(times), max(times)]]))


def _longitudes(boxes: Sequence[Sequence[float]]) -> tuple[float, float]:
    """West and east of all boxes; west is larger where one of them crosses the antimeridian (RFC 7946, 5.2)."""
    if not boxes:
        return -180.0, 180.0
    if all(box[0] <= box[2] for box in boxes):
        return min(box[0] for box in boxes), max(box[2] for box in boxes)
    west = min(box[0] % 360 for box in boxes)
    east = max(box[0] % 360 + (box[2] - box[0]) % 360 for box in boxes)
    return (-180.0, 180.0) if east - west >= 360 else (west, east - 360)


def item_assets(items: Iterable[pystac.Item]) -> dict[str, Any]:
    """Assets of the items by key, without what belongs to one file."""
    found: dict[str, Any] = {}
    for item in items:
        for key, asset in item.assets.items():
            bands = [
                {name: value for name, value in band.items() if name != "statistics"}
                for band in asset.extra_fields.get(BANDS, [])
            ]
            fields = {"type": asset.media_type, "roles": asset.roles, BANDS: bands}
            found.setdefault(key, {name: value for name, value in fields.items() if value})
    return found


def summaries(items: Sequence[pystac.Item]) -> dict[str, Any]:
    """Platform, instrument, and the properties of SAR, orbit, view and product: values, or the range of numbers."""
    names = dict.fromkeys(
        name
        for item in items
        for name in item.properties
        if name in _INSTRUMENT or (name.partition(":")[0] in _SUMMARISED and name not in _NOT_SUMMARISED)
    )
    found = {name: _summary([item.properties.get(name) for item in items]) for name in names}
    return {name: summary for name, summary in found.items() if summary}


def dump(thing: pystac.Item | pystac.Collection, path: Path) -> None:
    """Write an item or a collection, with a relative self link."""
    kind = GEOJSON if isinstance(thing, pystac.Item) else JSON
    document = thing.to_dict(include_self_link=False, transform_hrefs=False)
    document["links"] = [{"rel": "self", "href": f"./{path.name}", "type": kind}, *document["links"]]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _summary(values: list[Any]) -> Any:
    """Different values, of lists their entries; minimum and maximum of numbers that differ; nothing of objects."""
    flat = [entry for value in values for entry in (value if isinstance(value, list) else [value])]
    known = list(dict.fromkeys(entry for entry in flat if isinstance(entry, str | int | float)))
    if len(known) > 1 and all(isinstance(entry, int | float) for entry in known):
        return {"minimum": min(known), "maximum": max(known)}
    return known
