"""Outline of a burst: the WKT polygon of a CSLC in longitude and latitude, in two parts where it crosses the antimeridian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from local_runner.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from local_runner.stac.footprint import Ring

_LONGEST: Final = 1 << 20


def ring_of(path: Path, name: str, text: str) -> Ring:
    """Positions (longitude, latitude) in degrees of a POLYGON or MULTIPOLYGON, longitudes of one revolution.

    Parts on both sides of the antimeridian are put together. `DataCorrupt`, naming file and field, where it is no polygon
    in degrees.
    """
    shape = None
    if len(text) <= _LONGEST:
        shape = shapely.from_wkt(text, on_invalid="ignore")
    parts = [
        np.asarray(part.exterior.coords)[:, :2] for part in shapely.get_parts(shape) if part.geom_type == "Polygon"
    ]
    if not parts or not all(_in_degrees(part) for part in parts):
        must = f"{name!r} in {path} must be a polygon in longitude and latitude"
        raise DataError("DataCorrupt", must, got=text[:80], do="Make or download the file again")
    longitudes = np.concatenate(parts)[:, 0]
    if np.ptp(longitudes) > 180:
        parts = [
            np.column_stack([np.where(part[:, 0] < 0, part[:, 0] + 360, part[:, 0]), part[:, 1]]) for part in parts
        ]
    whole = shapely.union_all([shapely.Polygon(part).buffer(0) for part in parts])
    if not whole.area:
        must = f"{name!r} in {path} must be a polygon with an area"
        raise DataError("DataCorrupt", must, got=text[:80], do="Make or download the file again")
    whole = whole if whole.geom_type == "Polygon" else whole.convex_hull
    return [(float(longitude), float(latitude)) for longitude, latitude in whole.exterior.coords[:-1]]


def _in_degrees(part: np.ndarray) -> bool:
    return bool(
        len(part) > 3
        and np.all(np.isfinite(part))
        and np.all(np.abs(part[:, 1]) <= 90)
        and np.all(np.abs(part[:, 0]) <= 360)
    )
