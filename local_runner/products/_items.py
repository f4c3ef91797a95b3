"""Items and assets of products, as all drivers make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pystac

from local_runner.cube import iso, to_time
from local_runner.errors import DataError
from local_runner.products._driver import DRIVER
from local_runner.stac import footprint
from local_runner.stac.metadata import extensions, meaning_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from affine import Affine
    from pyproj import CRS

    from local_runner.stac.footprint import Ring
    from local_runner.stac.grid import Grid


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


def outline(path: Path, grid: Grid) -> Ring:
    """Footprint of a grid in map geometry; `DataCorrupt`, naming the file, where it lies beyond its CRS."""
    assert grid.crs is not None  # noqa: S101  (a grid in map geometry)
    try:
        return footprint.of_grid(grid.x, grid.y, grid.crs)
    except (ValueError, OverflowError):  # infinite degrees
        must = f"{path} must lie within its CRS, {grid.crs.to_string()[:80]}"
        got = f"a grid from ({grid.x[0]:g}, {grid.y[0]:g}) to ({grid.x[-1]:g}, {grid.y[-1]:g})"
        raise DataError("DataCorrupt", must, got=got, do="Repair its georeference") from None


def projection(shape: Sequence[int], crs: CRS | None, transform: Affine) -> dict[str, Any]:
    """Fields `proj:*` of an item: shape, and in map geometry code, box and transform, which are those of the edges."""
    height, width = map(int, shape)
    if crs is None:
        return {"proj:code": None, "proj:shape": [height, width]}
    xs, ys = zip(transform * (0, 0), transform * (width, height), strict=True)
    authority = crs.to_authority()
    code = {"proj:code": ":".join(authority)} if authority else {"proj:code": None, "proj:wkt2": crs.to_wkt()}
    return {
        **code,
        "proj:shape": [height, width],
        "proj:bbox": [float(edge) for edge in (min(xs), min(ys), max(xs), max(ys))],
        "proj:transform": [float(number) for number in tuple(transform)[:6]],
    }


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
    opens it, NaN where there is no data, None where its assets are plain rasters.
    """
    geometry, box = footprint.geometry_of(outline)
    known = dict(properties) | ({DRIVER: driver} if driver else {})
    made = pystac.Item(name, geometry, box, pystac.utils.str_to_datetime(iso(to_time(time))), known)
    for key, each in assets.items():
        if driver and "bands" in each.extra_fields:
            each.extra_fields["bands"] = [{"nodata": "nan", **told} for told in each.extra_fields["bands"]]
        made.add_asset(key, each)
    made.stac_extensions = extensions(known, *(each.extra_fields for each in assets.values()))
    return made
