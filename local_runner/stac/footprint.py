"""Footprints: the outline of a raster as a GeoJSON polygon in degrees, valid and counter-clockwise.

Split in two where it crosses the antimeridian (RFC 7946, 3.1.9), with a `bbox` whose west is then larger than its east.
Footprints that hold a pole are left out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pyproj import Transformer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyproj import CRS

POINTS: Final = 17
"""Positions sampled along each side of a raster."""
_DECIMALS: Final = 6

Point = tuple[float, float]
Ring = list[Point]


def sample_positions(size: int) -> tuple[int, ...]:
    """At most `POINTS` indices from the first to the last of an axis."""
    return tuple(int(i) for i in np.unique(np.linspace(0, size - 1, POINTS).round()))


def of_samples(latitude: NDArray[Any], longitude: NDArray[Any]) -> Ring | None:
    """Outline of positions sampled on a raster (y, x), degrees; NaN is left out. None where too few are valid."""
    valid = np.isfinite(latitude) & np.isfinite(longitude)
    rows = np.flatnonzero(valid.any(axis=1))
    if rows.size < 2:
        return None
    first, last = valid.argmax(axis=1), valid.shape[1] - 1 - valid[:, ::-1].argmax(axis=1)
    top, bottom, between = rows[0], rows[-1], rows[1:-1]
    cells = [(top, c) for c in np.flatnonzero(valid[top])]
    cells += [(r, last[r]) for r in between]
    cells += [(bottom, c) for c in np.flatnonzero(valid[bottom])[::-1]]
    cells += [(r, first[r]) for r in between[::-1]]
    return _unwrapped([(float(longitude[cell]), float(latitude[cell])) for cell in cells])


def of_grid(x: NDArray[Any], y: NDArray[Any], crs: CRS) -> Ring:
    """Outline of the cells of a grid in map geometry, given by their centres."""
    west, east, north, south = *_edges(x), *_edges(y)
    along = np.linspace(0, 1, POINTS)[:-1]
    xs = np.concatenate([west + (east - west) * along, np.full(along.size, east)])
    ys = np.concatenate([np.full(along.size, north), north + (south - north) * along])
    xs, ys = np.concatenate([xs, west + east - xs]), np.concatenate([ys, north + south - ys])
    return _to_degrees(xs, ys, crs)


def of_spans(spans: NDArray[Any], x: NDArray[Any], y: NDArray[Any], crs: CRS) -> Ring:
    """Convex hull of the valid cells of a grid in map geometry; the outline of the grid where none is valid.

    `spans`: first and last valid column of each row, -1 where none is; `x`, `y`: centres.
    """
    rows = np.flatnonzero(spans[:, 0] >= 0) if spans.size else np.empty(0, int)
    if not rows.size:
        return of_grid(x, y, crs)
    half_x, half_y = _half(x), _half(y)
    left, right = x[spans[rows, 0]] - half_x, x[spans[rows, 1]] + half_x
    corners = [(xs, y[rows] + side) for xs in (left, right) for side in (-half_y, half_y)]
    hull = _hull([(float(p), float(q)) for xs, ys in corners for p, q in zip(xs, ys, strict=True)])
    return _to_degrees(*_densified(hull), crs)


def geometry_of(ring: Ring | None) -> tuple[dict[str, Any] | None, list[float] | None]:
    """GeoJSON geometry and bbox of an outline of any longitudes; (None, None) where it has no area, or goes around a pole."""
    ring = _unwrapped(ring or [])
    if not ring or abs(ring[-1][0] - ring[0][0]) > 180:
        return None, None
    ring = _without_repeats([(round(lon, _DECIMALS), round(lat, _DECIMALS)) for lon, lat in ring])
    if len(ring) >= 3 and _crosses_itself(ring):
        ring = _hull(ring)
    if len(ring) < 3 or _area(ring) == 0:
        return None, None
    if _area(ring) < 0:
        ring = ring[::-1]
    lons, lats = zip(*ring, strict=True)
    if max(lons) > 180 and max(lons) - min(lons) >= 360:
        ring = [(-180.0, min(lats)), (180.0, min(lats)), (180.0, max(lats)), (-180.0, max(lats))]
        lons = (-180.0, 180.0)
    if max(lons) <= 180:
        return {"type": "Polygon", "coordinates": [_closed(ring)]}, [min(lons), min(lats), max(lons), max(lats)]
    beyond = [(round(lon - 360, _DECIMALS), lat) for lon, lat in _clipped(ring, below=False)]
    parts = [_hull(part) if _crosses_itself(part) else part for part in (_clipped(ring, below=True), beyond)]
    polygons = [[_closed(part)] for part in parts if len(part) > 2 and _area(part)]
    east = round(max(lons) - 360, _DECIMALS)
    return {"type": "MultiPolygon", "coordinates": polygons}, [min(lons), min(lats), east, max(lats)]


def _edges(centres: NDArray[Any]) -> tuple[float, float]:
    half = _half(centres)
    return float(centres[0] - half), float(centres[-1] + half)


def _half(centres: NDArray[Any]) -> float:
    """Half a cell, signed."""
    return float(centres[-1] - centres[0]) / max(centres.size - 1, 1) / 2 or 0.5


def _to_degrees(x: NDArray[Any], y: NDArray[Any], crs: CRS) -> Ring:
    longitude, latitude = Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
    return _unwrapped([(float(p), float(q)) for p, q in zip(longitude, latitude, strict=True)])


def _densified(ring: Ring) -> tuple[NDArray[Any], NDArray[Any]]:
    """The outline with more points, so that it bends as its sides do in degrees: no step above a part of the whole."""
    points = np.array([*ring, ring[0]])
    lengths = np.hypot(*np.diff(points, axis=0).T)
    parts = np.ceil(lengths / lengths.sum() * 4 * (POINTS - 1)).astype(int)
    places = np.concatenate([at + np.arange(n) / n for at, n in enumerate(parts)])
    known = np.arange(len(points))
    return np.interp(places, known, points[:, 0]), np.interp(places, known, points[:, 1])


def _unwrapped(ring: Ring) -> Ring:
    """The outline with longitudes that do not jump: above 180 where it crosses the antimeridian, never below -180."""
    if not ring:
        return ring
    if not np.isfinite(ring).all():
        raise ValueError("the positions of an outline must be finite")
    lons = np.unwrap([lon for lon, _ in ring], period=360)
    lons -= 360 * math.floor((lons.min() + 180) / 360)
    return [(float(lon), lat) for lon, (_, lat) in zip(lons, ring, strict=True)]


def _without_repeats(ring: Ring) -> Ring:
    return [point for at, point in enumerate(ring) if point != ring[at - 1]]


def _closed(ring: Ring) -> list[list[float]]:
    return [list(point) for point in (*ring, ring[0])]


def _area(ring: Ring) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:] + ring[:1], strict=True)) / 2


def _side(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _crosses_itself(ring: Ring) -> bool:
    edges = list(zip(ring, ring[1:] + ring[:1], strict=True))
    for at, (a, b) in enumerate(edges):
        for c, d in edges[at + 2 : len(edges) - (at == 0)]:
            apart = any(max(a[k], b[k]) < min(c[k], d[k]) or max(c[k], d[k]) < min(a[k], b[k]) for k in (0, 1))
            if not apart and _side(a, b, c) * _side(a, b, d) <= 0 and _side(c, d, a) * _side(c, d, b) <= 0:
                return True
    return len(set(ring)) < len(ring)


def _hull(ring: Ring) -> Ring:
    """Convex hull (Andrew's monotone chain), counter-clockwise."""

    def chain(points: Ring) -> Ring:
        half: Ring = []
        for point in points:
            while len(half) > 1 and _side(half[-2], half[-1], point) <= 0:
                half.pop()
            half.append(point)
        return half[:-1]

    points = sorted(set(ring))
    return chain(points) + chain(points[::-1])


def _clipped(ring: Ring, *, below: bool) -> Ring:
    """The part of an outline on one side of the antimeridian (Sutherland and Hodgman)."""
    part: Ring = []
    for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True):
        inside, next_inside = (x0 <= 180) == below or x0 == 180, (x1 <= 180) == below or x1 == 180
        if inside:
            part.append((x0, y0))
        if inside != next_inside and 180 not in (x0, x1):
            part.append((180.0, round(y0 + (y1 - y0) * (180 - x0) / (x1 - x0), _DECIMALS)))
    return _without_repeats(part)
