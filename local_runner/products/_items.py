"""Items and assets of products, as all drivers make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pystac

from local_runner.cube import iso, to_time
from local_runner.products._driver import DRIVER
from local_runner.stac import footprint
from local_runner.stac.metadata import extensions, meaning_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from local_runner.stac.footprint import Ring


def asset(
    path: Path,
    media_type: str,
    roles: Sequence[str],
    *,
    bands: Sequence[str] = (),
    title: str | None = None,
    fields: Mapping[str, Any] | None = None,
) -> pystac.Asset:
    """Asset of a file that is there, with its size and the units and meanings of its bands."""
    described = [band(name) for name in bands]
    own = {"bands": described} if described else {}
    extra = {**own, "file:size": path.stat().st_size, **(fields or {})}
    return pystac.Asset(str(path.resolve()), title=title, media_type=media_type, roles=list(roles), extra_fields=extra)


def band(name: str) -> dict[str, Any]:
    """A band as `load_stac` gives it: float32, with unit and description where its name tells them."""
    meaning = meaning_of(name)
    texts = {"description": meaning.description, "unit": meaning.unit}
    return {"name": name, "data_type": "float32"} | {key: text for key, text in texts.items() if text}


def item(
    name: str,
    time: Any,
    outline: Ring | None,
    properties: Mapping[str, Any],
    assets: Mapping[str, pystac.Asset],
    *,
    driver: str | None = None,
) -> pystac.Item:
    """Item of one date, valid for the schemas of the extensions that its fields use.

    `time`: anything that `to_time` reads. `outline`: positions (longitude, latitude) in degrees. `driver`: the driver that
    opens it, None where its assets are plain rasters.
    """
    geometry, box = footprint.geometry_of(outline)
    known = dict(properties) | ({DRIVER: driver} if driver else {})
    made = pystac.Item(name, geometry, box, pystac.utils.str_to_datetime(iso(to_time(time))), known)
    for key, each in assets.items():
        made.add_asset(key, each)
    made.stac_extensions = extensions(known, *(each.extra_fields for each in assets.values()))
    return made
