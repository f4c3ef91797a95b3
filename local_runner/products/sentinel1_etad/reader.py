"""Sentinel-1 ETAD products (SAFE): grids of the bursts and timing corrections in seconds (ETAD-DLR-PS-0014).

A layer holds the correction of the annotated times t and tau: t_c = t - delta_t, tau_c = tau - delta_tau. What is read here
is float64, straight from the file. The axes are gridStart + n gridSampling after azimuthTimeMin and rangeTimeMin; the axis
variables, which have gridStart in them already, must agree. Not here: bands, and the grid of an SLC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import h5py
import numpy as np

from local_runner.errors import DataError, OpenEOError
from local_runner.files import hdf5
from local_runner.files.hdf5_attributes import fill_values
from local_runner.geometry.constants import SPEED_OF_LIGHT_M_S
from local_runner.geometry.orbit import seconds_between
from local_runner.products._xml import read_xml
from local_runner.products.sentinel1_etad.attributes import Attributes
from local_runner.products.sentinel1_etad.layers import CALIBRATION, GRADIENT, LATER, OFFSET, SECONDS, STORED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

KIND: Final = "S1-ETAD netCDF"
POLARIZATIONS: Final = ("HH", "HV", "VH", "VV")
_REFERENCE: Final = ("referencePolarization", "referencePolarisation")
"""Attribute as processors write it."""
_BURST: Final = re.compile(r"Burst\d{4}")
_AXIS_TOLERANCE: Final = 1e-3
"""Cells by which an axis variable may differ from gridStart + n gridSampling: 0.2 m, over which no layer changes."""
_DO: Final = "Download the product again"


@dataclass(frozen=True)
class Axis:
    """A regular axis in seconds, `start_s + n * step_s`."""

    start_s: float
    step_s: float
    size: int

    @property
    def end_s(self) -> float:
        """Time of the last node."""
        return self.start_s + (self.size - 1) * self.step_s

    def seconds(self) -> NDArray[np.float64]:
        """Times of the nodes (size,)."""
        return self.start_s + self.step_s * np.arange(self.size, dtype=np.float64)


@dataclass(frozen=True)
class EtadBurst:
    """One burst. `group` is its path in the file; `azimuth` counts from `epoch` (azimuthTimeMin), `range` is two-way time.

    `index`, `product_index`, `swath_index`: bIndex, pIndex, sIndex. `product_id`: the SLC. `offsets_s`: constants (range,
    azimuth) by polarisation; `calibration_s`: constants (range, azimuth), None where the product lacks them. `variables`:
    band names of what the group holds.
    """

    file: Path
    group: str
    epoch: np.datetime64
    azimuth: Axis
    range: Axis
    swath: str
    index: int
    product_index: int
    swath_index: int
    product_id: str
    velocity_m_s: float
    reference_polarization: str
    offsets_s: Mapping[str, tuple[float, float]]
    calibration_s: tuple[float, float] | None
    variables: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows (azimuth) and columns (range) of the grid."""
        return self.azimuth.size, self.range.size

    @property
    def lacking(self) -> tuple[str, ...]:
        """Layers that are 0 because the product, which is an older one, lacks them."""
        constants = (*(OFFSET if not self.offsets_s else ()), *(CALIBRATION if self.calibration_s is None else ()))
        return (*(name for name in LATER if name not in self.variables), *constants)

    def azimuth_start_s(self, reference: np.datetime64) -> float:
        """Azimuth time of the first row in seconds since a time of reference."""
        return float(seconds_between(reference, self.epoch)) + self.azimuth.start_s

    def time_of(self, row: float) -> np.datetime64:
        """Azimuth time of a row, to the microsecond."""
        seconds = self.azimuth.start_s + row * self.azimuth.step_s
        time: np.datetime64 = self.epoch + np.timedelta64(round(seconds * 1e6), "us")
        return time

    def layer(self, name: str, polarization: str | None = None) -> NDArray[np.float64]:
        """A layer on the grid (rows, columns), float64, in seconds, NaN where there is no data; also those of `POSITION`.

        `polarization` picks the channel offset, that of the reference polarisation if None. What the product lacks is 0.
        Raises `ProcessParameterInvalid` (no such layer) and `DataCorrupt`.
        """
        if name in OFFSET or name in CALIBRATION or (name in LATER and name not in self.variables):
            return np.full(self.shape, self.constant(name, polarization))
        source = hdf5.Rows(self.file, f"{self.group}/{_variable(self, name)}", raw=True, kind=KIND)
        with hdf5.guarded(self.file, KIND) as file:
            nodata = fill_values(hdf5.dataset(file, source.name))
            found = np.array(hdf5.values(file, source.name), np.float64)
        found[np.isin(found, nodata)] = np.nan
        return found

    def constant(self, name: str, polarization: str | None = None) -> float:
        """Value in seconds of a layer that is one number for the whole burst, 0 where the product lacks it."""
        at = int(name.endswith("_azimuth"))
        if name in CALIBRATION:
            return self.calibration_s[at] if self.calibration_s else 0.0
        pair = self.offsets_s.get(polarization or self.reference_polarization)
        return pair[at] if pair and name in OFFSET else 0.0

    def metres(self, name: str, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """A layer in metres: slant range seconds c / 2, azimuth seconds v with the velocity of the zero-Doppler point."""
        return seconds * (self.velocity_m_s if name.endswith("_azimuth") else SPEED_OF_LIGHT_M_S / 2)


@dataclass(frozen=True)
class Etad:
    """A product: its netCDF and XML file, the version of the processor ("" where not told), and its bursts."""

    folder: Path
    file: Path
    annotation: Path
    processor_version: str
    bursts: tuple[EtadBurst, ...] = field(repr=False)


def read_product(folder: Path) -> Etad:
    """A product by its SAFE folder; headers and axes are read and checked, no layer is.

    Raises `DataCorrupt` naming file, group and field, and what the guarded readers of HDF5 and XML raise.
    """
    file, annotation = only_file(folder / "measurement", ".nc"), only_file(folder / "annotation", ".xml")
    header = read_xml(annotation, "etadProduct")
    version = ".//processorVersion"
    with hdf5.guarded(file, KIND) as root:
        groups = [
            f"{swath}/{name}"
            for swath, inside in sorted(root.items())
            if isinstance(inside, h5py.Group)
            for name in sorted(inside)
            if _BURST.fullmatch(name)
        ]
        bursts = tuple(_burst(file, root, group) for group in groups)
    if not bursts:
        raise DataError("DataCorrupt", f"{file} must have groups like IW1/Burst0001", got=groups, do=_DO)
    return Etad(folder, file, annotation, header.text(version) if header.has(version) else "", bursts)


def read_burst(file: Path, group: str) -> EtadBurst:
    """One burst of a netCDF file by its group, as `read_product` reads it."""
    with hdf5.guarded(file, KIND) as root:
        if group not in root:
            raise DataError("DataCorrupt", f"{file} must have the group {group!r}", got=sorted(root), do=_DO)
        return _burst(file, root, group)


def only_file(folder: Path, suffix: str) -> Path:
    """The only file of a folder that ends so; `DataCorrupt` where there is none, or several."""
    found = sorted(path for path in folder.glob(f"*{suffix}") if path.is_file())
    if len(found) != 1:
        must = f"{folder} must hold exactly one file *{suffix}"
        raise DataError("DataCorrupt", must, got=[path.name for path in found], do=_DO)
    return found[0]


def _burst(file: Path, root: Any, group: str) -> EtadBurst:
    product, known = Attributes(file, "", root.attrs), Attributes(file, group, root[group].attrs)
    azimuth = _axis(root, known, "azimuth", "Azimuth")
    along_range = _axis(root, known, "range", "Range")
    burst = EtadBurst(
        file=file,
        group=group,
        epoch=product.time("azimuthTimeMin"),
        azimuth=azimuth,
        range=Axis(product.number("rangeTimeMin") + along_range.start_s, along_range.step_s, along_range.size),
        swath=known.text("swathID"),
        index=known.integer("bIndex"),
        product_index=known.integer("pIndex"),
        swath_index=known.integer("sIndex"),
        product_id=known.text("productID"),
        velocity_m_s=known.number("averageZeroDopplerVelocity", low=0),
        reference_polarization=known.text(next((name for name in _REFERENCE if known.has(name)), _REFERENCE[0])),
        offsets_s=_offsets(known),
        calibration_s=_pair(known, "instrumentTimingCalibrationRange", "instrumentTimingCalibrationAzimuth"),
        variables=tuple(name for name, variable in STORED.items() if variable in root[group]),
    )
    _require_layers(root, burst)
    return burst


def _axis(root: Any, known: Attributes, name: str, word: str) -> Axis:
    """An axis by its attributes, which the axis variable must agree with."""
    stored = hdf5.values(root, f"{known.group}/{name}")
    if stored.ndim != 1 or stored.size < 2:
        must = f"{known.group}/{name} in {known.file} must have one dimension and at least 2 values"
        raise DataError("DataCorrupt", must, got=stored.shape, do=_DO)
    step = known.number(f"gridSampling{word}", low=1e-12, high=1)
    axis = Axis(known.number(f"gridStart{word}Time"), step, stored.size)
    off = np.abs(stored - axis.seconds())
    at = int(np.argmax(off))
    if not off[at] <= _AXIS_TOLERANCE * step:
        must = f"{known.group}/{name} in {known.file} must be gridStart{word}Time + n gridSampling{word}"
        must += f", which is {axis.seconds()[at]!s} at n = {at}"
        raise DataError("DataCorrupt", must, got=float(stored[at]), do=_DO)
    return axis


def _offsets(known: Attributes) -> dict[str, tuple[float, float]]:
    """Channel offsets of the polarisations that have both."""
    pairs = {name: _pair(known, f"rangeOffset{name}", f"azimuthOffset{name}") for name in POLARIZATIONS}
    return {name: pair for name, pair in pairs.items() if pair is not None}


def _pair(known: Attributes, *names: str) -> tuple[float, float] | None:
    """Two attributes, None where one is missing."""
    return (known.number(names[0]), known.number(names[1])) if known.has(*names) else None


def _require_layers(root: Any, burst: EtadBurst) -> None:
    """Raise `DataCorrupt` where a variable is missing that all products have, or is of another shape than the grid."""
    for name, variable in STORED.items():
        path = f"{burst.group}/{variable}"
        if name not in burst.variables and (name in LATER or name in GRADIENT):
            continue
        data = hdf5.dataset(root, path)
        hdf5.judge(data)
        if data.shape != burst.shape or data.dtype.kind not in "fiu":
            must = f"{path} in {burst.file} must hold numbers on the grid of its burst, {burst.shape}"
            raise DataError("DataCorrupt", must, got=(data.shape, str(data.dtype)), do=_DO)


def _variable(burst: EtadBurst, name: str) -> str:
    if name not in burst.variables:
        known = tuple(dict.fromkeys((*burst.variables, *SECONDS)))
        raise OpenEOError("ProcessParameterInvalid", f"The layer of {burst.group} must be one of {known}", got=name)
    return STORED[name]
