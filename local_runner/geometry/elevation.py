"""Heights of the ground above the WGS84 ellipsoid, of rasters with a vertical datum.

Rasters are read when heights are asked for, and only where. Voids stay NaN: filling them is the business of whoever makes the
DEM. Pixels hold the height of their centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import rasterio.transform
from shapely import Polygon, segmentize, unary_union
from shapely import box as rectangle

from local_runner.errors import DataError, LimitExceededError, OpenEOError, Quoted
from local_runner.files.raster import Header, read_header
from local_runner.geometry import geoid
from local_runner.geometry.dem import RasterHeights, Tile
from local_runner.geometry.lattice import Lattice

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyproj
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    Floats = NDArray[np.float64]
    Edges = tuple[float, float, float, float]

MARGIN_DEG: Final = 0.05
"""What is read around the box, where there is something: 5.5 km, by which a pixel moves over 4 km of height."""
SEA: Final = "sea"
GAPS: Final = ("error", SEA)
"""Where no raster covers the image: an error, or open sea, 0 m above the vertical datum."""
MAX_PIXELS: Final = 1 << 28


class Heights(Protocol):
    """Heights above the WGS84 ellipsoid; picklable, and hashable by dask's `tokenize` in the same way in each process."""

    def at(self, latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> NDArray[np.float64]:
        """Height in m of points in degrees, NaN where it is not known."""
        ...

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest height in m."""
        ...


@dataclass(frozen=True)
class ConstantHeights:
    """Ground of one height in m above the ellipsoid."""

    height: float

    def at(self, latitude: Floats, longitude: Floats) -> Floats:
        """The height at each point whose position is known."""
        known = np.isfinite(latitude) & np.isfinite(longitude)
        return np.where(known, self.height, np.nan)

    @property
    def span(self) -> tuple[float, float]:
        """Twice the height."""
        return self.height, self.height


def heights_of_raster(
    paths: Sequence[Path],
    datum: str | None,
    box: Edges,
    outline: Sequence[tuple[float, float]] | None = None,
    gaps: str = GAPS[0],
) -> RasterHeights:
    """Heights of rasters (tiles of one DEM, band 1) within a box (west, south, east, north in degrees), with a margin.

    `datum`: "ellipsoid", "EGM96" or "EGM2008"; None: what the CRS of the rasters says. A box across the antimeridian has a
    west larger than its east, or an east above 180. `outline`: points (longitude, latitude) of the polygon that must be
    covered, the box if None. `gaps`: one of `GAPS`; with "sea" nothing need be covered, and what no raster covers is 0 m above
    the datum. Tiles may differ in pixel spacing, as those of Copernicus GLO-30 do at 50 degrees.

    Raises `DataCorrupt`; `FormatUnsuitable` for a raster that is rotated, without CRS, or of another CRS than the others;
    `DatumUnknown`; `GeoidMissing` where the grid of the geoid is not at hand; `DemIncomplete` where no raster covers part of
    the box; `ArrayTooLarge`.
    """
    headers = [read_header(path) for path in paths]
    if not headers:
        raise DataError("DemIncomplete", "A DEM must have at least one raster", do="Name a raster with --dem")
    crs = [_crs(header) for header in headers]
    datums = {geoid.datum_of(c, datum, str(h.path)) for c, h in zip(crs, headers, strict=True)}
    horizontal = {_horizontal(c) for c in crs}
    for what, values in (("vertical datum", datums), ("horizontal CRS", horizontal)):
        if len(values) > 1:
            raise OpenEOError("FormatUnsuitable", f"Rasters of one DEM must have one {what}", got=sorted(values)[:2])
    west, south, east, north = box
    east += 360.0 if east < west else 0.0
    own = Lattice(horizontal.pop(), (west + east) / 2, 0.0, 0.0, 1.0, 1.0)
    wide = MARGIN_DEG / max(math.cos(math.radians(min(max(abs(south), abs(north)), 89.0))), 0.02)
    asked = _projected(
        own, rectangle(west - wide, max(south - MARGIN_DEG, -90), east + wide, min(north + MARGIN_DEG, 90))
    )
    placed = [t for h in headers for t in _placed(h, own)]
    tiles = [t for t in placed if rectangle(*t.edges).intersects(asked)]
    tiles.sort(key=lambda t: (abs(t.lattice.dx * t.lattice.dy), t.edges))
    if gaps != SEA:
        ring = [(own.middle + (x - own.middle + 180) % 360 - 180, y) for x, y in outline or ()]
        wanted = _projected(own, Polygon(ring) if ring else rectangle(west, south, east, north))
        _require_cover(headers, tiles, wanted, own)
    lattice = (tiles or placed)[0].lattice
    window = lattice.window(*asked.bounds)
    if math.prod(window.shape) > MAX_PIXELS:
        must = f"A DEM must have at most {MAX_PIXELS >> 20} million pixels over the image"
        do = "Resample it to 10 to 30 m"
        raise LimitExceededError("ArrayTooLarge", must, got=f"{math.prod(window.shape) >> 20} million", do=do)
    found = datums.pop()
    return RasterHeights(tuple(tiles), lattice, window, geoid.grid_file(found), found, beyond_is_sea=gaps == SEA)


def _crs(header: Header) -> pyproj.CRS:
    if header.crs is None or header.transform.b or header.transform.d:
        must = f"A DEM must have a coordinate reference system, and rows along x: {header.path}"
        do = "Give it one with gdal_edit.py -a_srs, or turn it with gdalwarp"
        got = "none" if header.crs is None else "rotated rows"
        raise OpenEOError("FormatUnsuitable", must, got=got, do=do)
    return header.crs


def _horizontal(crs: pyproj.CRS) -> str:
    """WKT of the horizontal part."""
    flat = crs.sub_crs_list[0] if crs.is_compound else crs.to_2d()
    return flat.to_wkt()


def _placed(header: Header, own: Lattice) -> Iterator[Tile]:
    """The raster, and where it is a map of longitudes also one turn of the world to both sides."""
    t = header.transform
    for turn in (-2, -1, 0, 1, 2) if own.is_geographic else (0,):
        lattice = replace(own, x0=t.c + t.a / 2 + 360.0 * turn, y0=t.f + t.e / 2, dx=t.a, dy=t.e)
        yield Tile(header, lattice)


def _projected(own: Lattice, polygon: Polygon) -> Polygon:
    """A polygon in degrees in the CRS of the rasters."""
    longitude, latitude = np.array(segmentize(polygon, MARGIN_DEG).exterior.coords).T
    return Polygon(np.column_stack(own.project(latitude, longitude)))


def _require_cover(headers: Sequence[Header], tiles: Sequence[Tile], wanted: Polygon, own: Lattice) -> None:
    """Raise `DemIncomplete` unless the pixels of the tiles cover a polygon of the CRS."""
    near = 1.5 * max((max(abs(t.lattice.dx), abs(t.lattice.dy)) for t in tiles), default=0.0)
    missing: BaseGeometry = wanted - unary_union([rectangle(*t.edges).buffer(near) for t in tiles])
    if not missing.is_empty:
        whole = unary_union([rectangle(*rasterio.transform.array_bounds(*h.shape, h.transform)) for h in headers])
        got = f"heights in {_extent(whole, own)}, nothing in {_extent(missing, own)}"
        must = f"The DEM {named([h.path for h in headers])} must cover the image, {_extent(wanted, own)}"
        do = "Add the tiles that are missing; if there are none because it is open sea, say --dem-gaps sea"
        raise DataError("DemIncomplete", must, got=Quoted(got), do=do)


def _extent(shape: BaseGeometry, own: Lattice) -> str:
    """Box in degrees of a shape in the CRS of the rasters."""
    x, y = np.array(shape.envelope.exterior.coords).T
    latitude, longitude = own.degrees(y, x)
    return (
        f"longitude {longitude.min():.3f} to {longitude.max():.3f},"
        f" latitude {latitude.min():.3f} to {latitude.max():.3f}"
    )


def named(paths: Sequence[Path]) -> str:
    """Rasters of a DEM in the words of an error: the first one, and how many more there are."""
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{more}"
