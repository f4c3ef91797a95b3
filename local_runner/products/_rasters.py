"""Plain GeoTIFFs as items: which files a folder holds, what is checked of them, and the assets and fields that tell of them.

`load_stac` reads such items without a driver. No pixel is read here but for footprints in radar geometry, for which some
rows of latitude and longitude are.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from local_runner.access import Access
from local_runner.cube import iso, to_time
from local_runner.errors import DataError, OpenEOError
from local_runner.files.raster import GDAL_OPTIONS, Header, Reader, corrupt, read_header
from local_runner.products import _items
from local_runner.products._driver import DRIVER
from local_runner.stac import footprint
from local_runner.stac import grid as grids
from local_runner.stac.bands import LATITUDE, LONGITUDE, layers, require_few
from local_runner.stac.file_names import without_date
from local_runner.stac.files import GEOTIFF
from local_runner.stac.metadata import safe_name
from local_runner.stac.walk import Found

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pystac
    from numpy.typing import NDArray

    from local_runner.products._driver import Options, Product
    from local_runner.stac.footprint import Ring
    from local_runner.stac.grid import Grid

DATETIME_SOURCE: Final = "openeo_sar:datetime_source"
"""Property of an item: where its time comes from, if not from what the product says."""
_LEFT_OVER: Final = (".", "tmp_sec")
"""How names begin of files that are no data: hidden ones, and what `insar_preprocessing` leaves behind."""


_MOST_BLOCKS: Final = 200_000
"""Blocks of a file whose places are asked for, a microsecond or several each."""


@dataclass(frozen=True)
class Raster:
    """A GeoTIFF, the names of its bands, the key of its asset, and the unit of its bands where no name tells it."""

    path: Path
    header: Header
    bands: tuple[str, ...]
    key: str
    unit: str = ""

    @cached_property
    def grid(self) -> Grid:
        """Its grid, as `load_stac` sees it."""
        return grids.of_header(self.header)


def tiffs(folder: Path) -> list[Path]:
    """Files directly in a folder that are GeoTIFFs by name, sorted; none where it is no folder. Opens and raises nothing."""
    try:
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError:
        return []
    return [
        path for path in inside if path.suffix.lower() in (".tif", ".tiff") and not path.name.startswith(_LEFT_OVER)
    ]


def header_of(path: Path) -> Header:
    """Header of a GeoTIFF, judged; the file must lie in its folder, be regular, and hold all blocks that its header names.

    Raises `AccessRefused`, `FileNotFound`, `DataCorrupt`, `FormatUnsuitable`, `ArrayTooLarge`.
    """
    folder, target = path.parent.resolve(), Path(os.path.realpath(path))  # `resolve` stops at a link to itself
    if not target.is_relative_to(folder):
        do = "Copy it into the folder, or name the folder that it lies in"
        raise OpenEOError("AccessRefused", f"{path} must lie in its folder", got=str(target), do=do)
    header = read_header(Access(roots=(folder,)).open_path(path))
    if not all(map(math.isfinite, header.transform)):
        must = f"{path} must have a grid of finite numbers"
        raise DataError("DataCorrupt", must, got=tuple(header.transform)[:6], do="Repair its georeference")
    _require_whole(header)
    return header


def named(path: Path, *, name: str = "", asset: Mapping[str, Any] | None = None, dimensions: Any = None) -> Raster:
    """A GeoTIFF with its bands named as `load_stac` does: by metadata, else DESCRIPTION, labels or file name.

    The key is the band, or the name of the file without its date where there are several bands.

    `name` stands for the name of the file; `asset`: what STAC beside it says of it; `dimensions`: `cube:dimensions` beside
    it. Raises `DataCorrupt` unless each band has a name of its own, and what `header_of` raises.
    """
    header = header_of(path)
    fields = {field: asset[field] for field in ("bands", "eo:bands") if asset and field in asset}
    item = {"id": path.name, "assets": {path.name: {"href": quote(name or path.name), **fields}}}
    found = Found(item, str(path), {"cube:dimensions": dimensions})
    bands = tuple(layers(found, lambda _href: header, lambda href, _base: href))
    if len(bands) != header.count:
        must = f"Each of the {header.count} bands of {path} must have a name of its own"
        raise DataError("DataCorrupt", must, got=bands, do="Correct its DESCRIPTION tags, or the metadata beside it")
    return Raster(path, header, bands, bands[0] if header.count == 1 else without_date(name or path.name))


def require_one_grid(rasters: Sequence[Raster]) -> None:
    """Raise `GridsDiffer`, naming both files, unless all have the grid of the first one."""
    first = rasters[0]
    for other in rasters[1:]:
        grids.require_same(str(first.path), first.grid, str(other.path), other.grid)


def require_different(rasters: Sequence[Raster]) -> None:
    """Raise `DataCorrupt`, naming both files, where two files of one date hold the same band."""
    known: dict[str, Raster] = {}
    for raster in rasters:
        for band in raster.bands:
            if band in known:
                must = f"Files of one date must hold different bands; {known[band].path} and {raster.path} do not"
                do = "Name the bands in their DESCRIPTION tags, or move one of the files away"
                raise DataError("DataCorrupt", must, got=band, do=do)
            known[band] = raster


def outline(rasters: Sequence[Raster]) -> Ring | None:
    """Footprint of rasters of one grid: that of the grid, or in radar geometry that of their latitude and longitude.

    None in radar geometry without them. There, at most `footprint.POINTS` rows of both bands are read: they are metadata
    in another place.
    """
    grid = rasters[0].grid
    if grid.crs is not None:
        return _items.outline(rasters[0].path, grid)
    places = {band: (raster, number) for raster in rasters for number, band in enumerate(raster.bands, start=1)}
    latitude, longitude = (
        next((places[name] for name in names if name in places), None) for names in (LATITUDE, LONGITUDE)
    )
    if latitude is None or longitude is None:
        return None
    return footprint.of_samples(_sampled(*latitude, limit=90), _sampled(*longitude, limit=360))


def item(
    name: str, time: Any, rasters: Sequence[Raster], ring: Ring | None, properties: Mapping[str, Any]
) -> pystac.Item:
    """Item of one date: an asset per file, and the fields of their grid."""
    assets: dict[str, pystac.Asset] = {}
    for raster in rasters:
        assets[raster.key if raster.key not in assets else raster.path.name] = _asset(raster)
    grid, header = rasters[0].grid, rasters[0].header
    projection = _items.projection(header.shape, grid.crs, header.transform)
    made = _items.item(name, time, ring, {**properties, **projection}, assets)
    require_few(Found({"id": name, "assets": dict.fromkeys(assets, True)}, ""))
    return made


def given_time(options: Options) -> np.datetime64 | None:
    """Time that `options.date` tells; None where there is none, `ProcessParameterInvalid` where it is no time."""
    if options.date is None:
        return None
    try:
        return to_time(options.date)
    except ValueError:
        must = "--date must be a date or time like 2023-09-04 or 2023-09-04T06:37:31Z"
        raise OpenEOError("ProcessParameterInvalid", must, got=options.date) from None


def open_item(found: Found, access: Access) -> Product:
    """Refuse an item that names a driver whose items are plain rasters and need none."""
    del access
    must = f"Item {found.id} must not name a driver: its assets are plain rasters"
    raise DataError("DataCorrupt", must, got=found.properties.get(DRIVER), do="Make the catalogue again")


def stack_id(folder: Path) -> str:
    """Id of the stack that a folder is: its name."""
    return safe_name(folder.resolve().name or "rasters")


def day_of(time: Any) -> str:
    """UTC day of a time as it stands in ids, YYYYMMDD."""
    return iso(time)[:10].replace("-", "")


def _asset(raster: Raster) -> pystac.Asset:
    types, nodata = raster.header.dtypes, raster.header.nodata
    unit = {"unit": raster.unit} if raster.unit else {}
    bands = [
        _items.band(name) | {"data_type": kind} | unit | ({} if none is None else {"nodata": _number(none)})
        for name, kind, none in zip(raster.bands, types, nodata, strict=True)
    ]
    return _items.asset(raster.path, GEOTIFF, ["data"], bands=raster.bands, fields={"bands": bands})


def _number(value: float) -> float | str:
    """A number as STAC writes it."""
    return value if math.isfinite(value) else "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _sampled(raster: Raster, band: int, *, limit: float) -> NDArray[np.float64]:
    """A band in degrees at `footprint.sample_positions`, float64, NaN where there is none within the limit."""
    rows, columns = (footprint.sample_positions(size) for size in raster.header.shape)
    width = raster.header.shape[1]
    try:
        with rasterio.Env(**GDAL_OPTIONS), Reader(str(raster.path), driver="GTiff", sharing=False) as file:
            lines = [file.read(band, window=Window(0, row, width, 1), masked=True)[0] for row in rows]
    except (RasterioError, OSError) as error:
        raise corrupt(raster.path, error) from error
    values: NDArray[np.float64] = np.ma.filled(np.ma.stack(lines)[:, columns].astype(np.float64), np.nan)
    return np.where(np.abs(values) <= limit, values, np.nan)


def _require_whole(header: Header) -> None:
    """Raise `DataCorrupt` where a block that the header names lies beyond the end of the file: it was cut off."""
    size = header.path.stat().st_size
    try:
        with rasterio.Env(**GDAL_OPTIONS), Reader(str(header.path), driver="GTiff", sharing=False) as file:
            ends = [_end(file, band) for band in range(1, (1 if header.pixel_interleaved else header.count) + 1)]
    except (RasterioError, OSError) as error:
        raise corrupt(header.path, error) from error
    if max(ends) > size:
        must = f"{header.path} must have at least {max(ends)} bytes, as its header says"
        raise DataError("DataCorrupt", must, got=size, do="Make or download the file again")


def _end(file: Any, band: int) -> int:
    """Where the last block of a band ends, in bytes; blocks that are not stored count as nothing.

    Of very many blocks some rows are looked at, and the last: files are written from the first to the last.
    """
    rows, columns = file.block_shapes[band - 1]
    down, across = -(-file.height // rows), -(-file.width // columns)
    step = -(-down * across * file.count // _MOST_BLOCKS)
    blocks = ((i, j) for j in range(down - 1, -1, -step) for i in range(across))
    ends = (
        sum(int(file.get_tag_item(f"BLOCK_{what}_{i}_{j}", "TIFF", bidx=band) or 0) for what in ("OFFSET", "SIZE"))
        for i, j in blocks
    )
    return max(ends)
