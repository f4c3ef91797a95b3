"""An item of a Sentinel-1 burst opened: its files by its assets, its bands lazy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from local_runner.cube import to_time
from local_runner.errors import DataError, OpenEOError
from local_runner.geometry.bands import View, bands
from local_runner.geometry.coregistration import MAX_SHIFT_PX, coregister
from local_runner.geometry.elevation import GAPS
from local_runner.products import Product
from local_runner.products.sentinel1_slc import heights, measurement
from local_runner.products.sentinel1_slc import items as written
from local_runner.products.sentinel1_slc.annotation import Annotation, read_annotation
from local_runner.products.sentinel1_slc.orbits import read_orbit_file
from local_runner.stac.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import dask.array as da

    from local_runner.access import Access
    from local_runner.geometry.carrier import Carrier
    from local_runner.geometry.elevation import Heights
    from local_runner.geometry.orbit import Orbit
    from local_runner.geometry.radar_grid import RadarGrid
    from local_runner.products.sentinel1_slc.bursts import Burst
    from local_runner.stac.walk import Found

_ANNOTATION: Final = "annotation_"
_MEASUREMENT: Final = "measurement_"


def open_item(found: Found, access: Access) -> Product:
    """Grid and bands of a date. Reads annotations, orbits and headers, no pixel.

    Raises `FileNotFound`, `DataCorrupt` naming file and field, and what the geometry says of orbits and heights.
    """
    item = _Item(found, access)
    annotation, index = item.burst(item.geometry_key)
    item.require_time(annotation.bursts[index], written.START, "datetime64[us]")
    date = annotation.grid(index, item.orbit(""))
    carrier = annotation.carrier(index, item.orbit(""))
    if item.is_secondary:
        annotation, index = item.burst(f"{written.OF_PRIMARY}annotation")
    item.require_time(annotation.bursts[index], written.PRIMARY, "datetime64[D]")
    primary = annotation.grid(index, item.orbit(written.OF_PRIMARY)) if item.is_secondary else date
    item.require_placed(primary, date)
    view = View(primary, date, item.heights(primary, annotation, index), carrier, item.azimuth_offset_px())
    makers: dict[str, Callable[[], da.Array]] = dict(bands(view))
    for key in found.assets:
        if key.startswith(_MEASUREMENT):
            makers |= item.parts(key, primary.shape)
    lines, samples = primary.shape
    return Product(Grid(np.arange(samples), np.arange(lines), None), makers)


@dataclass(frozen=True)
class OwnBurst:
    """The burst of an item in its own image: grid, carrier (None for stripmap), and the part of it that is valid.

    `valid_lines`, `valid_samples`: first and last index, both inclusive; all of these samples are valid in all of these lines.
    """

    grid: RadarGrid
    carrier: Carrier | None
    valid_lines: tuple[int, int]
    valid_samples: tuple[int, int]


def burst_of(found: Found, access: Access) -> OwnBurst:
    """The burst of an item, by its annotation and orbit.

    Raises what `open_item` does, and `DataCorrupt` where none of it is valid.
    """
    item = _Item(found, access)
    annotation, index = item.burst(item.geometry_key)
    burst, orbit = annotation.bursts[index], item.orbit("")
    lines = np.flatnonzero(burst.first_valid >= 0)
    if not lines.size:
        must = f"firstValidSample of {annotation.path} must have a valid line in the burst of {burst.azimuth_time}"
        raise DataError("DataCorrupt", must, do="Download the product again")
    return OwnBurst(
        grid=annotation.grid(index, orbit),
        carrier=annotation.carrier(index, orbit),
        valid_lines=(int(lines[0]), int(lines[-1])),
        valid_samples=(int(burst.first_valid[lines].max()), int(burst.last_valid[lines].min())),
    )


class _Item:
    """Files of an item by the keys of its assets."""

    def __init__(self, found: Found, access: Access) -> None:
        self.found = found
        self.access = access
        self.is_secondary = f"{written.OF_PRIMARY}annotation" in found.assets

    def path(self, key: str) -> Path:
        """Path of the file of an asset."""
        if key not in self.found.assets:
            self._refuse(f"have the asset {key!r}", tuple(self.found.assets))
        return self.access.open_path(self.access.resolve(str(self.found.assets[key].get("href", "")), self.found.href))

    @property
    def geometry_key(self) -> str:
        """Key of the annotation that gives the geometry."""
        assets = self.found.assets
        found = next((key for key in assets if key.startswith(_ANNOTATION) and assets[key].get("bands")), None)
        return found or self._refuse("have an annotation with bands", tuple(assets))

    def burst(self, key: str) -> tuple[Annotation, int]:
        """Annotation of an asset, and the index of the burst of this item in it."""
        annotation = _annotation(self.path(key))
        wanted = self.found.properties.get(written.BURST)
        index = next((burst.index for burst in annotation.bursts if burst.burst_id == wanted), None)
        if index is None:
            there = [burst.burst_id for burst in annotation.bursts]
            self._refuse(f"have as {written.BURST} one of {there}, the bursts of {annotation.path}", wanted)
        return annotation, index

    def orbit(self, prefix: str) -> Orbit | None:
        """Orbit in place of that of the annotation."""
        key = f"{prefix}{written.ORBIT}"
        return read_orbit_file(self.path(key)).orbit if key in self.found.assets else None

    def require_time(self, burst: Burst, name: str, unit: str) -> None:
        """Raise unless a property tells the time of the first line of a burst."""
        given, time = self.found.properties.get(name), burst.azimuth_time.astype(unit)
        try:
            same = to_time(given).astype(unit) == time
        except (TypeError, ValueError, OpenEOError):
            same = False
        if not same:
            self._refuse(f"have as {name} {time}, that of its burst", given)

    def require_placed(self, primary: RadarGrid, date: RadarGrid) -> None:
        """Raise unless shape and offsets are those that follow from both grids, on which the bands of the geometry rest."""
        shape, told = list(primary.shape), self.found.properties.get("proj:shape")
        if told != shape:
            self._refuse(f"have as proj:shape {shape}, that of its burst", told)
        placed = coregister(primary, date) if self.is_secondary else None
        expected = (placed.line_offset, placed.sample_offset) if placed else (0, 0)
        for name, offset in zip((written.LINE_OFFSET, written.SAMPLE_OFFSET), expected, strict=True):
            if self._offset(name) != offset:
                self._refuse(f"have as {name} {offset}, which follows from the orbits", self._offset(name))

    def azimuth_offset_px(self) -> float:
        """What is added to the azimuth shift; none of it for the primary, to which it is relative."""
        given = self.found.properties.get(written.AZIMUTH_OFFSET, 0)
        if isinstance(given, bool) or not isinstance(given, int | float) or not abs(given) <= MAX_SHIFT_PX:
            self._refuse(f"have a number from -{MAX_SHIFT_PX:g} to {MAX_SHIFT_PX:g} as {written.AZIMUTH_OFFSET}", given)
        if given and not self.is_secondary:
            self._refuse(
                f"have no {written.AZIMUTH_OFFSET}: it is of the stack primary, to which it is relative", given
            )
        return float(given)

    def heights(self, primary: RadarGrid, annotation: Annotation, index: int) -> Heights:
        """Heights of the DEM, or of the geolocation grid of the primary."""
        keys = [key for key in self.found.assets if key == written.DEM or key.startswith(f"{written.DEM}_")]
        if not keys:
            return heights.of_annotation(annotation)
        rasters = [self.path(key) for key in keys]
        datum, gaps = (self.found.properties.get(name) for name in (written.DATUM, written.GAPS))
        return heights.of_dem(rasters, datum, primary, annotation, index, gaps or GAPS[0])

    def parts(self, key: str, shape: tuple[int, int]) -> dict[str, Callable[[], da.Array]]:
        """Bands i and q of a measurement."""
        name = key.removeprefix(_MEASUREMENT)
        annotation, index = self.burst(_ANNOTATION + name)
        path, burst = self.path(key), annotation.bursts[index]
        measurement.require_raster(path, annotation)
        placed = measurement.Placed(
            path=path,
            first_row=index * annotation.lines,
            samples=annotation.samples,
            first_valid=burst.first_valid,
            last_valid=burst.last_valid,
            shape=shape,
            line_offset=self._offset(written.LINE_OFFSET),
            sample_offset=self._offset(written.SAMPLE_OFFSET),
        )
        polarization = name.upper()
        return {f"{part}_{polarization}": partial(_part, placed, place) for place, part in enumerate(("i", "q"))}

    def _offset(self, name: str) -> int:
        given = self.found.properties.get(name)
        if not isinstance(given, int) or isinstance(given, bool) or abs(given) > 10**6:
            self._refuse(f"have a whole number as {name}", given)
        return given

    def _refuse(self, must: str, got: Any) -> NoReturn:
        text = f"Item {self.found.id} must {must}"
        raise DataError("DataCorrupt", text, got=got, do="Make the catalogue again with `openeo-sar stac`")


def _part(placed: measurement.Placed, place: int) -> da.Array:
    return measurement.parts(placed)[place]


def _annotation(path: Path) -> Annotation:
    stat = path.stat()
    return _read(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, size: int, changed: int) -> Annotation:
    """An annotation, once for all bursts of it; size and time of change tell whether it still is the same."""
    del size, changed
    return read_annotation(path)
