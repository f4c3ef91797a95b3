"""What an OPERA or COMPASS CSLC file, or its static layers, says before a pixel is read; both layouts, the newer one first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from local_runner.errors import DataError, OpenEOError
from local_runner.files import hdf5
from local_runner.files.hdf5_attributes import fill_values
from local_runner.products import _hdf5, _items
from local_runner.products.opera_cslc.polygon import ring_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np

    from local_runner.stac.footprint import Ring
    from local_runner.stac.grid import Grid

POLARIZATIONS: Final = ("VV", "VH", "HH", "HV")
STATIC: Final = ("los_east", "los_north", "local_incidence_angle", "layover_shadow_mask")
PHASES: Final = ("azimuth_carrier_phase", "flattening_phase")
_NODATA: Final = {"layover_shadow_mask": 127.0}
"""COMPASS fills integers with 127 and does not say so in the file."""
_BURST: Final = re.compile(r"(t\d{3}_\d{6}_(?:iw|ew)[1-5])(?![0-9a-z])")
_SOFTWARE: Final = ("COMPASS", "ISCE3", "s1-reader")
_DO: Final = "Make or download the file again"


@dataclass(frozen=True)
class Layout:
    """Groups of a file: that of the grid with the data sets, of what identifies it, and of the metadata of the burst."""

    grid: str
    identification: str
    burst: str


_OLD: Final = "science/SENTINEL1"
_OLD_BURST: Final = f"{_OLD}/CSLC/metadata/processing_information/s1_burst_metadata"
LAYOUTS: Final = (
    Layout("data", "identification", "metadata/processing_information/input_burst_metadata"),
    Layout(f"{_OLD}/CSLC/grids", f"{_OLD}/identification", _OLD_BURST),
    Layout(f"{_OLD}/CSLC/grids/static_layers", f"{_OLD}/identification", _OLD_BURST),
)


@dataclass(frozen=True)
class Layer:
    """A band: the data set it is read from, which part of it, and the stored values that mean no data.

    `part`: "i" or "q" of complex samples, "phase" to be wrapped, or "" for real numbers as they are.
    """

    dataset: str
    part: str = ""
    nodata: tuple[float, ...] = ()


@dataclass(frozen=True)
class Header:
    """One file: its burst, grid, times and bands by name; `polarizations` are empty for static layers.

    `ring`: outline of the burst, of the grid where the file has none; (longitude, latitude) in degrees. `properties`: STAC
    fields.
    """

    path: Path
    burst_id: str
    grid: Grid
    start: np.datetime64
    end: np.datetime64
    ring: Ring
    polarizations: tuple[str, ...]
    layers: dict[str, Layer]
    properties: dict[str, Any]


def layout_of(holds: Callable[[str], bool]) -> Layout | None:
    """Layout of a file, asked by the paths of data sets, with at least one band of a CSLC; None where it has none."""
    bands = (*POLARIZATIONS, *STATIC)
    return next((each for each in LAYOUTS if any(holds(f"{each.grid}/{name}") for name in bands)), None)


def is_identified(layout: Layout, holds: Callable[[str], bool]) -> bool:
    """Whether a file of a layout tells of a burst, which other formats with such data sets do not."""
    return holds(f"{layout.identification}/burst_id") or holds(f"{layout.burst}/sensing_start")


def burst_in(text: str) -> str:
    """Burst id in a text or file name as COMPASS writes it, `t087_185683_iw2`; empty where there is none."""
    found = _BURST.search(text.lower().replace("-", "_"))
    return found[1] if found else ""


def read_header(path: Path) -> Header:
    """Header of a file, judged: burst, grid, shapes and types of all bands.

    Raises `DataCorrupt`, `FormatUnsuitable`, `AccessRefused` and `ArrayTooLarge`, naming the file and the data set.
    """
    with hdf5.guarded(path) as file:
        layout = layout_of(partial(hdf5.has, file))
        if layout is None:
            groups = tuple(each.grid for each in LAYOUTS)
            must = f"{path} must be a CSLC, with one of the data sets {(*POLARIZATIONS, *STATIC)} in one of {groups}"
            raise DataError("DataCorrupt", must, got=sorted(file)[:20], do=_DO)
        read = _Reader(path, file, layout)
        grid = read.grid()
        layers = dict(read.layers(grid))
        start, end = read.times()
        held = tuple(name for name in POLARIZATIONS if f"i_{name}" in layers)
        return Header(path, read.burst_id(), grid, start, end, read.ring(grid), held, layers, read.properties(held))


@dataclass(frozen=True)
class _Reader:
    """An open file with its layout."""

    path: Path
    file: Any
    layout: Layout

    def first(self, *names: str) -> str:
        """Text of the first data set that is there, empty if none is."""
        return next((hdf5.text(self.file, name) for name in names if hdf5.has(self.file, name)), "")

    def grid(self) -> Grid:
        """Grid by the coordinates of the cell centres; the spacings of the file must be theirs, with sign."""
        group, code = self.layout.grid, f"{self.layout.grid}/projection"
        crs = _hdf5.crs_of(self.file, code, round(hdf5.number(self.file, code)))
        grid = _hdf5.map_grid(self.file, f"{group}/x_coordinates", f"{group}/y_coordinates", crs)
        for axis, step in zip("xy", _hdf5.steps(grid), strict=True):
            name = f"{group}/{axis}_spacing"
            given = hdf5.number(self.file, name) if hdf5.has(self.file, name) else step
            if abs(given - step) > 1e-3 * abs(step):
                must = f"{name!r} in {self.path} must be the step of the coordinates, {step:g}"
                raise DataError("DataCorrupt", must, got=given, do=_DO)
        return grid

    def layers(self, grid: Grid) -> Iterator[tuple[str, Layer]]:
        """Bands by name: i and q per polarisation, phases, static layers, those that are there."""
        for name in (*POLARIZATIONS, *PHASES, *STATIC):
            path = f"{self.layout.grid}/{name}"
            if not hdf5.has(self.file, path):
                continue
            data = _hdf5.require_shape(self.file, path, grid)
            if name in POLARIZATIONS:
                if data.dtype.kind != "c":
                    must = f"{path!r} in {self.path} must hold complex numbers"
                    raise OpenEOError("FormatUnsuitable", must, got=str(data.dtype), do=_DO)
                yield f"i_{name}", Layer(path, "i")
                yield f"q_{name}", Layer(path, "q")
                continue
            _hdf5.require_real(self.file, data)
            nodata = fill_values(data) or ((_NODATA[name],) if name in _NODATA else ())
            yield name, Layer(path, "phase" if name in PHASES else "", nodata)

    def burst_id(self) -> str:
        """Burst id; that of the file name, if it has one, must be the same."""
        names = (f"{self.layout.identification}/burst_id", f"{self.layout.burst}/burst_id")
        given = self.first(*names)
        named = burst_in(self.path.name)
        burst = burst_in(given) if given else named
        if not burst or (named and named != burst):
            must = f"{names[0]!r} in {self.path} must be the burst id, {named or 'like t087_185683_iw2'}"
            raise DataError("DataCorrupt", must, got=given, do=_DO)
        return burst

    def times(self) -> tuple[np.datetime64, np.datetime64]:
        """First and last zero-Doppler time of the burst."""
        identification, burst = self.layout.identification, self.layout.burst
        starts = (f"{identification}/zero_doppler_start_time", f"{burst}/sensing_start")
        ends = (f"{identification}/zero_doppler_end_time", f"{burst}/sensing_stop")
        text = self.first(*starts)
        start = _hdf5.time(self.path, starts[0], text)
        return start, _hdf5.time(self.path, ends[0], self.first(*ends) or text)

    def ring(self, grid: Grid) -> Ring:
        """Outline of the burst, else of the grid."""
        name = f"{self.layout.identification}/bounding_polygon"
        if hdf5.has(self.file, name):
            return ring_of(self.path, name, self.first(name))
        return _items.outline(self.path, grid)

    def properties(self, polarizations: tuple[str, ...]) -> dict[str, Any]:
        """STAC fields, those that the file tells; `openeo_sar:wavelength_m` in metres."""
        identification, burst = self.layout.identification, self.layout.burst
        burst_id = self.burst_id()
        mission = self.first(f"{identification}/mission_id", f"{burst}/platform_id")
        sentinel = re.fullmatch(r"S1([A-D])", mission.upper())
        state = self.first(f"{identification}/orbit_pass_direction").lower()
        look = self.first(f"{identification}/look_direction").lower()
        held = polarizations or tuple(filter(None, [self.first(f"{burst}/polarization")]))
        known = {
            "platform": f"sentinel-1{sentinel[1].lower()}" if sentinel else None,
            "constellation": "sentinel-1",
            "instruments": ["c-sar"],
            "product:type": self.first(f"{identification}/product_type") or "CSLC-S1",
            "processing:level": "L2",
            "processing:software": self.software() or None,
            "sar:instrument_mode": burst_id[-3:-1].upper(),
            "sar:beam_ids": [burst_id[-3:].upper()],
            "sar:frequency_band": "C",
            "sar:center_frequency": self._number(f"{burst}/radar_center_frequency", 1e9),
            "sar:polarizations": list(held) or None,
            "sar:observation_direction": look if look in ("left", "right") else None,
            "sat:orbit_state": state if state in ("ascending", "descending") else None,
            "sat:absolute_orbit": self._whole(f"{identification}/absolute_orbit_number"),
            "sat:relative_orbit": self._whole(f"{identification}/track_number") or int(burst_id[1:4]),
            "openeo_sar:burst_id": burst_id,
            "openeo_sar:wavelength_m": self._number(f"{burst}/wavelength"),
        }
        return {name: value for name, value in known.items() if value is not None}

    def software(self) -> dict[str, str]:
        """Versions of what made the file."""
        group = f"{self.layout.burst.rpartition('/')[0]}/algorithms"
        told = {name: self.first(f"{group}/{name.replace('-', '_')}_version") for name in _SOFTWARE}
        return {name: version for name, version in told.items() if version}

    def _number(self, name: str, unit: float = 1.0) -> float | None:
        return hdf5.number(self.file, name) / unit if hdf5.has(self.file, name) else None

    def _whole(self, name: str) -> int | None:
        found = self._number(name)
        return None if found is None else round(found)
