"""The files behind the items as their metadata describe them: no file is opened, and no value is there.

What the metadata leave open is taken to be as this project writes it: tiles of 512 pixels, bands one after the other in a
file of one band, pixel by pixel in one of several.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeGuard

import dask.array as da
import numpy as np
from affine import Affine
from dask.base import tokenize

from local_runner.access import public_href
from local_runner.cube import BANDS, T, X, Y, parse_crs, to_time
from local_runner.errors import DataError, InternalError, LimitExceededError, OpenEOError
from local_runner.execution import PlanningWarning
from local_runner.files.raster import BAND_LIMIT, ROWS, Header
from local_runner.products import ROWS as ROWS_OF_DRIVERS
from local_runner.products import is_driven
from local_runner.stac import grid as grids
from local_runner.stac.bands import STATIC, Layer, addresses, is_netcdf
from local_runner.stac.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyproj import CRS

    from local_runner.stac.walk import Found

READ: Final = "planned-read"
"""How the names of the tasks begin that stand for reading."""
_TILE: Final = 512
_DO: Final = (
    "Add the fields proj:shape, proj:transform and proj:code to the item or its asset; nothing is wrong with the call:"
    " run reads the headers of the files instead, and checks the budget then"
)


@dataclass
class PlannedSource(Source):
    """Files known by the items that name them; `planes` makes an item known."""

    described: dict[str, tuple[Found, str]] = field(default_factory=dict)

    def planes(self, found: Found) -> list[tuple[np.datetime64, int]]:
        """Time and place on `t` of what an item holds: the `t` of `cube:dimensions` for netCDF without one time of its own."""
        if is_driven(found):
            return [(found.time(), 0)]
        known = {href: key for key, href in addresses(found, self.access.resolve)}
        self.described |= {href: (found, key) for href, key in known.items()}
        values = None if found.properties.get("datetime") else _dimension(found, T).get("values")
        if (
            isinstance(values, list)
            and len(values) > 1
            and any(is_netcdf(key, found.assets[key]) for key in known.values())
        ):
            return [(to_time(value), plane) for plane, value in enumerate(values)]
        return [(found.time(), 0)]

    def layers(self, found: Found, plane: int) -> dict[str, Layer]:
        """Bands of an item by name, as its metadata tell them."""
        known = super().layers(found, plane)
        if is_driven(found):
            self.described |= {layer.href: (found, layer.key) for layer in known.values()}
        return known

    def grid(self, href: str) -> grids.Grid:
        """Grid by the metadata."""
        return grids.of_header(self.header(href))

    def header(self, href: str) -> Header:
        """Header of a file by the metadata of its asset; raises `GridUnknown` where they do not tell it."""
        if href not in self.headers:
            self.headers[href] = _Description(*self.described[href], href).header()
        header = self.headers[href]
        assert isinstance(header, Header)  # noqa: S101  (nothing else is put there)
        return header

    def array(self, layer: Layer) -> da.Array:
        """Band (y, x) in the chunks that the reader makes; computing it is refused."""
        header = self.header(layer.href)
        (height, width), together = header.shape, header.count if header.pixel_interleaved else 1
        block = (header.rows, header.columns)
        own: tuple[Any, ...] = () if together > 1 else (layer.index, layer.variable, layer.plane)
        origin = layer.href
        if layer.href in self.driven:
            together, block, own = 1, (ROWS_OF_DRIVERS, width), (layer.name,)
            origin = self._origin(layer)
        rows, columns = (
            tuple(min(step, size - start) for start in range(0, size, step))
            for size, step in zip((height, width), block, strict=True)
        )
        name = f"{READ}-{tokenize(origin, own)}"
        keys = [(name, 0, j, k) for j in range(len(rows)) for k in range(len(columns))]
        tasks = {key: (_unread, public_href(layer.href)) for key in keys}
        bands = da.Array(tasks, name, ((together,), rows, columns), dtype=np.float32)
        return bands[layer.index - 1 if together > 1 else 0]

    def _origin(self, layer: Layer) -> str:
        """What a band of a driver belongs to: its item, or for bands of the grid the collection, whose dates share them."""
        found = self.driven[layer.href]
        return found.home or layer.href if layer.name in STATIC else layer.href

    def select(self, latitude: Layer, longitude: Layer, box: grids.Box) -> tuple[slice, slice]:
        """All rows and columns: which of them a box covers is known from the pixels only."""
        del latitude, longitude, box
        text = "spatial_extent in radar geometry is not narrowed down: the plan is for the whole image"
        warnings.warn(text, PlanningWarning, stacklevel=2)
        return slice(None), slice(None)

    def outline(self, found: Found) -> dict[str, Any]:
        """Geometry and bbox of an item, from which the size of a map is told."""
        return {name: found.item.get(name) for name in ("geometry", "bbox")}


@dataclass(frozen=True)
class _Description:
    """What item, asset and collection say about one file."""

    found: Found
    key: str
    href: str

    def header(self) -> Header:
        shape, crs = self._shape(), self._crs()
        height, width = shape
        if min(shape) < 1 or height * width * 4 > BAND_LIMIT:
            must = f"A band of {public_href(self.href)} must have at least one pixel and at most {BAND_LIMIT >> 20} MiB"
            raise LimitExceededError("ArrayTooLarge", must, got=shape)
        bands = self._bands()
        types = tuple(self._type(number) for number in range(len(bands)))
        netcdf = is_netcdf(self.key, self._asset)
        return Header(
            path=Path(self.href),
            shape=shape,
            transform=self._transform(shape, crs),
            crs=crs,
            descriptions=bands,
            nodata=(None,) * len(bands),
            dtypes=types,
            block=(ROWS, width) if netcdf else (min(_TILE, height), min(_TILE, width)),
            pixel_interleaved=len(bands) > 1 and not netcdf,
        )

    @property
    def _asset(self) -> Mapping[str, Any]:
        return self.found.assets[self.key]

    def _field(self, name: str) -> Any:
        """A field of the asset, its bands, the item, or the item assets of the collection, where it is not null."""
        assets = self.found.collection.get("item_assets") or {}
        places = [self._asset, *_objects(self._asset.get("bands")), self.found.properties, assets.get(self.key) or {}]
        return next((place[name] for place in places if place.get(name) is not None), None)

    def _bands(self) -> tuple[str | None, ...]:
        """Names of the bands of the file, None where nothing names them."""
        for name in ("bands", "eo:bands", "raster:bands"):
            several = _objects(self._field(name))
            if several:
                return tuple(str(band["name"]) if band.get("name") else None for band in several)
        labels = _dimension(self.found, BANDS).get("values")
        alone = len(self.found.assets) == 1 and isinstance(labels, list) and len(labels) > 1
        return (None,) * (len(labels) if alone and labels else 1)

    def _type(self, number: int) -> str:
        for name in ("bands", "raster:bands"):
            several = _objects(self._field(name))
            if number < len(several) and several[number].get("data_type"):
                return self._real(str(several[number]["data_type"]))
        return self._real(str(self._field("data_type") or "float32"))

    def _real(self, kind: str) -> str:
        if kind.startswith("c"):
            must = f"{public_href(self.href)} must hold real numbers; real and imaginary part are bands of their own"
            raise OpenEOError("FormatUnsuitable", must, got=kind, do="Write i and q as two bands")
        return kind

    def _shape(self) -> tuple[int, int]:
        given, transform, box = (self._field(f"proj:{name}") for name in ("shape", "transform", "bbox"))
        if is_numbers(given, 2):
            return int(given[0]), int(given[1])
        if is_numbers(transform, 6) and is_numbers(box, 4) and transform[0] and transform[4]:
            return round(abs((box[3] - box[1]) / transform[4])), round(abs((box[2] - box[0]) / transform[0]))
        sizes = [_size(_dimension(self.found, name)) for name in (Y, X)]
        if sizes[0] and sizes[1]:
            return sizes[0], sizes[1]
        must = f"The metadata of item {self.found.id} must tell the shape of its asset {self.key!r} by proj:shape"
        raise DataError("GridUnknown", must, got=given, do=_DO)

    def _crs(self) -> CRS | None:
        given = self._field("proj:code") or self._field("proj:epsg") or self._field("proj:wkt2")
        return None if given is None else parse_crs(given)

    def _transform(self, shape: tuple[int, int], crs: CRS | None) -> Affine:
        given, box = self._field("proj:transform"), self._field("proj:bbox")
        if is_numbers(given, 6):
            return Affine(*(float(value) for value in given[:6]))
        if crs is None:
            return Affine.identity()
        if is_numbers(box, 4):
            west, south, east, north = (float(value) for value in box[:4])
            return Affine((east - west) / shape[1], 0, west, 0, (south - north) / shape[0], north)
        must = f"The metadata of item {self.found.id} must tell the grid of its asset {self.key!r} by proj:transform"
        raise DataError("GridUnknown", must, got=given, do=_DO)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def is_numbers(value: Any, count: int) -> TypeGuard[list[float]]:
    """Whether a value is a list of at least so many finite numbers."""
    return (
        isinstance(value, list)
        and len(value) >= count
        and all(isinstance(n, int | float) and math.isfinite(n) for n in value[:count])
    )


def _dimension(found: Found, name: str) -> dict[str, Any]:
    """A dimension by `cube:dimensions` of the item, else of the collection."""
    for document in (found.item, found.properties, found.collection):
        dimensions = document.get("cube:dimensions")
        if isinstance(dimensions, dict) and isinstance(dimensions.get(name), dict):
            return dict(dimensions[name])
    return {}


def _size(axis: Mapping[str, Any]) -> int:
    """Labels of an axis with extent and step, those of the first and the last cell; 0 where it does not have both."""
    extent, step = axis.get("extent"), axis.get("step")
    if not isinstance(extent, list) or not is_numbers(extent, 2) or not is_numbers([step], 1) or not step:
        return 0
    return round(abs((float(extent[1]) - float(extent[0])) / float(step))) + 1


def _unread(href: str) -> Any:
    raise InternalError("Internal", "A plan must not be computed: it reads no pixel", got=href)
