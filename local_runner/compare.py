"""Two folders of rasters, band by band: what `openeo-sar compare` prints.

A pixel differs where one side has a value and the other has none (no-data or NaN), or where both have values that are further
apart than the tolerance. Compared are the numbers as they are stored, in float64; scale and offset are not applied. Files are
read by blocks: memory does not grow with them. Not here: comparing rasters of different shapes, for which only the
difference of the shapes is told.
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window
from rich.console import Group
from rich.table import Table
from rich.text import Text

from local_runner.access import Access, locate
from local_runner.cube import utc_day
from local_runner.errors import DataError, OpenEOError
from local_runner.files.raster import GDAL_OPTIONS, Header, Reader, corrupt, read_header
from local_runner.files.statistics import Statistics
from local_runner.products import DRIVER, is_driven
from local_runner.stac.bands import addresses
from local_runner.stac.walk import items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from rich.console import RenderableType

_SAMPLES: Final = 2**20
"""Pixels of a block that is compared at a time."""


@dataclass
class BandComparison:
    """One band of both sides: `pixels` of which `differing` differ, `one_sided` of these since only one side has a value.

    `largest`: largest absolute difference where both sides have a value, in the unit of the band; 0 where none has. `a`, `b`:
    statistics of the finite values of each side, float64.
    """

    number: int
    pixels: int = 0
    differing: int = 0
    one_sided: int = 0
    largest: float = 0.0
    a: Statistics = field(default_factory=Statistics)
    b: Statistics = field(default_factory=Statistics)

    @property
    def share(self) -> float:
        """Share of pixels that differ, 0 to 1."""
        return self.differing / max(self.pixels, 1)

    @property
    def ratio(self) -> float:
        """Mean of b over mean of a; NaN where a mean is unknown or that of a is 0."""
        return self.b.mean / self.a.mean if self.a.mean else math.nan

    def add(self, a: NDArray[np.float64], b: NDArray[np.float64], tolerance: float) -> None:
        """Take in a block (y, x) of both sides, NaN where there is no value."""
        valid_a, valid_b = ~np.isnan(a), ~np.isnan(b)
        apart = valid_a & valid_b & (a != b)
        difference = np.abs(a[apart] - b[apart])
        one_sided = int(np.count_nonzero(valid_a != valid_b))
        self.pixels += a.size
        self.one_sided += one_sided
        self.differing += one_sided + int(np.count_nonzero(difference > tolerance))
        self.largest = max(self.largest, float(difference.max(initial=0.0)))
        self.a.add_block(a)
        self.b.add_block(b)


@dataclass(frozen=True)
class FileComparison:
    """One file of both sides. `fields`: what their headers say differently, (a, b) by name; `bands`: those that both have."""

    name: str
    fields: dict[str, tuple[Any, Any]]
    bands: tuple[BandComparison, ...]

    @property
    def same(self) -> bool:
        """Whether headers and pixels agree."""
        return not self.fields and not any(band.differing for band in self.bands)


@dataclass(frozen=True)
class Comparison:
    """What differs between `a` and `b`: files that only one side has, and those of both by name."""

    a: Path
    b: Path
    tolerance: float
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    files: tuple[FileComparison, ...]

    @property
    def same(self) -> bool:
        """Whether both sides have the same files, which agree. The exit code of the command is 0 then, else 1."""
        return not self.only_a and not self.only_b and all(file.same for file in self.files)


def compare(a: Path, b: Path, *, tolerance: float = 0.0) -> Comparison:
    """Compare two GeoTIFFs, two folders of GeoTIFFs by their names, or two STAC collections by date and key of the assets.

    `tolerance`: largest absolute difference that counts as none, in the unit of the bands. Pixels of files that differ in
    shape are not compared. Raises `ProcessParameterInvalid` (tolerance), `FileNotFound`, `NoDataAvailable` (no raster),
    `FormatUnsuitable` (items that a driver opens, complex numbers) and `DataCorrupt`, naming the file.
    """
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise OpenEOError("ProcessParameterInvalid", "--tolerance must be a number of at least 0", got=tolerance)
    left, right = _rasters(a), _rasters(b)
    if a.is_file() and b.is_file() and len(left) == len(right) == 1:  # two rasters, whatever they are called
        right = dict(zip(left, right.values(), strict=True))
    files = tuple(_file(name, path, right[name], tolerance) for name, path in left.items() if name in right)
    only_a, only_b = (
        tuple(name for name in side if name not in other) for side, other in ((left, right), (right, left))
    )
    return Comparison(a, b, tolerance, only_a, only_b, files)


def table(comparison: Comparison) -> RenderableType:
    """What a comparison says: files that only one side has, differences of headers, a table of bands, and the verdict."""
    lines = [f"{name}: only in {comparison.a}" for name in comparison.only_a]
    lines += [f"{name}: only in {comparison.b}" for name in comparison.only_b]
    for file in comparison.files:
        lines += [f"{file.name}: {what} is {a} in A, {b} in B" for what, (a, b) in file.fields.items()]
    verdict = "The same." if comparison.same else "They differ."
    parts = [f"A: {comparison.a}", f"B: {comparison.b}", *lines]
    return Group(*map(Text, parts), _bands(comparison), Text(verdict, style="bold"))


def _bands(comparison: Comparison) -> Table:
    """Two rows per band: A with what differs, B with the ratio of the means."""
    names = ("pixels differing", "%", "largest difference", "", "minimum", "maximum", "mean", "stddev", "mean B / A")
    shown = Table("file", "band", box=None, header_style="bold", pad_edge=False)
    for name in names:
        shown.add_column(name, justify="right")
    for file in comparison.files:
        for band in file.bands:
            found = (f"{band.differing}", f"{100 * band.share:.4g}", _text(band.largest))
            shown.add_row(Text(file.name), str(band.number), *found, "A", *_statistics(band.a))
            shown.add_row("", "", "", "", "", "B", *_statistics(band.b), _text(band.ratio))
    return shown


def _statistics(found: Statistics) -> list[str]:
    known = found.as_stac()
    return [_text(known.get(name, math.nan)) for name in ("minimum", "maximum", "mean", "stddev")]


def _text(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.10g}"


def _rasters(side: Path) -> dict[str, Path]:
    """Rasters of one side by the names by which they are compared."""
    if not side.exists():
        raise DataError("FileNotFound", "Both sides must exist", got=str(side), do="Check the path")
    where = Path(locate(side))
    if where.suffix.lower() == ".json":
        found = _assets(str(where))
    elif where.is_file():
        found = {where.name: where}
    else:
        paths = sorted(path for path in where.rglob("*") if path.suffix.lower() in (".tif", ".tiff") and path.is_file())
        found = {path.relative_to(where).as_posix(): path for path in paths}
    if not found:
        raise OpenEOError("NoDataAvailable", "Each side must hold GeoTIFFs", got=str(side), do="Check the path")
    return found


def _assets(document: str) -> dict[str, Path]:
    """Rasters that a STAC document leads to, by `YYYYMMDD/key`, or by `id/key` where two items are of one day."""
    access = Access().naming(document)
    known: list[tuple[str, str, Path]] = []
    for item in items(document, access):
        if is_driven(item):
            must = f"Item {item.id} must have plain rasters to be compared"
            do = "Write its bands as GeoTIFF by `openeo-sar stac --materialise`"
            raise OpenEOError("FormatUnsuitable", must, got=item.properties[DRIVER], do=do)
        day = utc_day(item.time()).replace("-", "")
        for key, href in addresses(item, access.resolve):
            known.append((f"{day}/{key}", f"{item.id}/{key}", access.open_path(href)))
    by_day = {day: path for day, _, path in known}
    return by_day if len(by_day) == len(known) else {name: path for _, name, path in known}


def _file(name: str, a: Path, b: Path, tolerance: float) -> FileComparison:
    left, right = read_header(a), read_header(b)
    bands = tuple(BandComparison(number) for number in range(1, min(left.count, right.count) + 1))
    if left.shape != right.shape:
        return FileComparison(name, _fields(left, right), ())
    with rasterio.Env(**GDAL_OPTIONS), ExitStack() as opened:
        files = [
            opened.enter_context(Reader(str(header.path), driver="GTiff", sharing=False)) for header in (left, right)
        ]
        for window in _windows(left, right):
            for band in bands:
                one, other = (
                    _values(file, header, band.number, window)
                    for file, header in zip(files, (left, right), strict=True)
                )
                band.add(one, other, tolerance)
    return FileComparison(name, _fields(left, right), bands)


def _fields(a: Header, b: Header) -> dict[str, tuple[Any, Any]]:
    """What two headers say differently: shape, number of bands, CRS, transform, and type and no-data of the bands."""
    common = min(a.count, b.count)
    said = {
        "shape": (a.shape, b.shape),
        "number of bands": (a.count, b.count),
        "transform": (tuple(a.transform)[:6], tuple(b.transform)[:6]),
        "type": (a.dtypes[:common], b.dtypes[:common]),
        "no-data value": (tuple(map(str, a.nodata[:common])), tuple(map(str, b.nodata[:common]))),
    }
    if a.crs != b.crs:
        said["CRS"] = (a.crs and a.crs.to_string(), b.crs and b.crs.to_string())
    return {name: values for name, values in said.items() if values[0] != values[1]}


def _windows(a: Header, b: Header) -> Iterator[Window]:
    """Windows of at most about `_SAMPLES` pixels, of whole blocks where these are smaller."""
    (height, width), block = a.shape, max(a.block[0], b.block[0])
    columns = max(a.columns, b.columns)
    most = max(1, _SAMPLES // columns)
    rows = most // block * block or most
    for row in range(0, height, rows):
        for column in range(0, width, columns):
            yield Window(column, row, min(columns, width - column), min(rows, height - row))


def _values(file: Any, header: Header, band: int, window: Window) -> NDArray[np.float64]:
    """A window of a band, float64, NaN where there is no value."""
    try:
        stored = file.read(band, window=window)
    except (RasterioError, OSError) as error:
        raise corrupt(header.path, error) from error
    values: NDArray[np.float64] = stored.astype(np.float64)
    nodata = header.nodata[band - 1]
    if nodata is not None:
        with np.errstate(over="ignore"):
            values[stored == (np.float32(nodata) if stored.dtype == np.float32 else nodata)] = np.nan
    return values
