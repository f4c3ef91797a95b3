"""Small Sentinel-1 ETAD products for the demo and the tests: netCDF groups as ETAD-DLR-PS-0014 has them.

Layers are numbers, or functions of the annotated times, and so known exactly. The grid is that of real products, 200 m wide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import netCDF4
import numpy as np
from numpy.typing import NDArray

from local_runner.products.sentinel1_etad.layers import GRADIENT, POSITION, STORED
from local_runner.products.sentinel1_slc.annotation import read_annotation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from local_runner.products.sentinel1_slc.annotation import Annotation

Layer = float | Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""A number, or a function of t (rows, 1) in seconds since a time of reference and tau (1, columns) in seconds."""

STEP_S: Final = (0.02932551319648094, 8.131672451354599e-07)
"""Sampling in azimuth and range."""
AHEAD: Final = (1.26, 1.0)
"""Cells by which a grid begins before its SLC burst."""
MAGNITUDES: Final = {
    "troposphere_range": 2.1e-8,
    "troposphere_gradient_range": 2e-12,
    "ionosphere_range": 2.2e-9,
    "geodetic_range": -4e-10,
    "geodetic_azimuth": 5e-6,
    "ocean_tide_range": 6e-11,
    "ocean_tide_azimuth": 1e-6,
    "bistatic_azimuth": -4e-4,
    "doppler_range": 2.8e-9,
    "fm_mismatch_azimuth": 1.8e-4,
}
"""Layers unless told otherwise: constants in seconds as large as those of a real product; the gradient in s/m."""
OFFSETS_S: Final = {"VV": (0.0, 0.0), "VH": (1.5e-10, 2e-6), "HH": (2.5e-10, 3e-6), "HV": (3.5e-10, 4e-6)}
"""Channel offsets (range, azimuth)."""
CALIBRATION_S: Final = (6.5e-10, -7e-5)
"""Constants of the timing calibration (range, azimuth)."""
VELOCITY_M_S: Final = 6820.0
SECOND: Final = np.timedelta64(1_000_000, "us")
_VERSION: Final = "processingInformation", "processor", "processorVersion"


@dataclass(frozen=True)
class Burst:
    """A burst to write: time of its first row (datetime64[us]), two-way time of its first column, shape of its grid.

    `layers` stand in place of `MAGNITUDES`, positions and sum; their t counts from `reference`, the first row if None.
    `attributes` stand in place of those of the group, None for one that is left out; `without`: variables left out.
    """

    start: np.datetime64
    range_start_s: float
    shape: tuple[int, int]
    swath: str = "IW1"
    index: int = 1
    reference: np.datetime64 | None = None
    layers: Mapping[str, Layer] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    without: Sequence[str] = ()
    product_id: str = "S1A_IW_SLC__1SDV_20191216T194511_20191216T194536_030378_0379CF_9F82.SAFE"


def covering(
    start: np.datetime64, slant_range_time_first_s: float, duration_s: float, swath_s: float, **known: Any
) -> Burst:
    """A burst that covers one of an SLC, which takes `duration_s` in azimuth and `swath_s` in range, with a cell to spare.

    Its layers are functions of the time since the first line. `known`: other fields of `Burst`.
    """
    sizes = zip((duration_s, swath_s), STEP_S, strict=True)
    rows, columns = (int(np.ceil(size / step)) + 3 for size, step in sizes)
    first = start - np.timedelta64(round(AHEAD[0] * STEP_S[0] * 1e6), "us")
    return Burst(first, slant_range_time_first_s - AHEAD[1] * STEP_S[1], (rows, columns), reference=start, **known)


def of_annotation(annotation: Annotation, at: int, **known: Any) -> Burst:
    """A burst that covers that of the index `at` in an annotation."""
    return covering(
        annotation.bursts[at].azimuth_time,
        annotation.slant_range_time_first_s,
        (annotation.lines - 1) * annotation.line_interval_s,
        (annotation.samples - 1) / annotation.range_sampling_rate_hz,
        swath=annotation.swath,
        **known,
    )


def write_for(folder: Path, safe: Path, **known: Any) -> Path:
    """Write a product for all bursts of an SLC, numbered by time, into the SAFE folder `folder`, and return it."""
    files = sorted((safe / "annotation").glob("*-slc-*.xml*"))
    swaths = {annotation.swath: annotation for annotation in map(read_annotation, files)}
    found = [(burst.azimuth_time, name, burst.index) for name, each in swaths.items() for burst in each.bursts]
    bursts = [
        of_annotation(swaths[name], at, index=number, product_id=safe.name, **known)
        for number, (_, name, at) in enumerate(sorted(found), start=1)
    ]
    return write_etad(folder, bursts)


def write_etad(
    folder: Path, bursts: Sequence[Burst], *, epoch: np.datetime64 | None = None, range_epoch_s: float | None = None
) -> Path:
    """Write a product into the SAFE folder `folder`, and return it.

    `epoch`, `range_epoch_s`: azimuthTimeMin and rangeTimeMin, the starts of the first burst and the nearest if None.
    """
    epoch = min(burst.start for burst in bursts) if epoch is None else epoch
    nearest_s = min(burst.range_start_s for burst in bursts) if range_epoch_s is None else range_epoch_s
    for name in ("measurement", "annotation"):
        (folder / name).mkdir(parents=True)
    (folder / "annotation" / "etad.xml").write_text(_annotation("003.00"), encoding="utf-8")
    with netCDF4.Dataset(folder / "measurement" / "etad.nc", "w") as root:
        ends = [b.start + np.timedelta64(round((b.shape[0] - 1) * STEP_S[0] * 1e6), "us") for b in bursts]
        root.azimuthTimeMin, root.azimuthTimeMax = (str(t.astype("datetime64[us]")) for t in (epoch, max(ends)))
        root.rangeTimeMin = nearest_s
        root.rangeTimeMax = max(b.range_start_s + (b.shape[1] - 1) * STEP_S[1] for b in bursts)
        for burst in bursts:
            swath = root.groups.get(burst.swath) or root.createGroup(burst.swath)
            starts = float((burst.start - epoch) / SECOND), burst.range_start_s - nearest_s
            _write(swath.createGroup(f"Burst{burst.index:04d}"), burst, starts)
    return folder


def fields(burst: Burst) -> dict[str, NDArray[np.float64]]:
    """Layers (rows, columns) by band name; the sum is that of the layers unless it is told."""
    reference = burst.start if burst.reference is None else burst.reference
    t = float((burst.start - reference) / SECOND) + STEP_S[0] * np.arange(burst.shape[0])[:, None]
    tau = burst.range_start_s + STEP_S[1] * np.arange(burst.shape[1])[None]
    known: dict[str, Any] = {**MAGNITUDES, **_position(burst), **burst.layers}
    made = {name: np.broadcast_to(f(t, tau) if callable(f) else f, burst.shape) for name, f in known.items()}
    for way in ("range", "azimuth"):
        parts = [each for name, each in made.items() if name.endswith(f"_{way}") and name not in GRADIENT]
        made.setdefault(f"sum_{way}", np.sum(parts, axis=0))
    return made


def _write(group: Any, burst: Burst, starts: tuple[float, float]) -> None:
    for name, value in (_attributes(burst, starts) | dict(burst.attributes)).items():
        if value is not None:
            group.setncattr(name, value)
    for name, size, start, step in zip(("azimuth", "range"), burst.shape, starts, STEP_S, strict=True):
        group.createDimension(f"{name}Extent", size)
        group.createVariable(name, "f8", (f"{name}Extent",))[:] = start + step * np.arange(size)
    for name, values in fields(burst).items():
        if STORED[name] not in burst.without:
            group.createVariable(STORED[name], "f8", ("azimuthExtent", "rangeExtent"))[:] = values


def _attributes(burst: Burst, starts: tuple[float, float]) -> dict[str, Any]:
    ways = ("range", "azimuth")
    offsets = {f"{way}Offset{name}": pair[at] for name, pair in OFFSETS_S.items() for at, way in enumerate(ways)}
    return {
        "bIndex": np.int32(burst.index),
        "pIndex": np.int32(1),
        "sIndex": np.int32(burst.swath[-1]),
        "swathID": burst.swath,
        "productID": burst.product_id,
        "gridStartAzimuthTime": starts[0],
        "gridStartRangeTime": starts[1],
        "gridSamplingAzimuth": STEP_S[0],
        "gridSamplingRange": STEP_S[1],
        "averageZeroDopplerVelocity": VELOCITY_M_S,
        "referencePolarization": "VV",
        "instrumentTimingCalibrationRange": CALIBRATION_S[0],
        "instrumentTimingCalibrationAzimuth": CALIBRATION_S[1],
        **offsets,
    }


def _position(burst: Burst) -> dict[str, NDArray[np.float64]]:
    """Degrees that grow northwards with the rows and eastwards with the columns, and heights of a slope."""
    rows, columns = np.arange(burst.shape[0])[:, None], np.arange(burst.shape[1])[None]
    latitude = 45 + 0.0018 * rows + 0.0003 * columns
    longitude = 7 - 0.0004 * rows + 0.0026 * columns
    return dict(zip(POSITION, (latitude, longitude, 100.0 + columns + 0 * rows), strict=True))


def _annotation(version: str) -> str:
    inside = version
    for tag in reversed(("etadProduct", *_VERSION)):
        inside = f"<{tag}>{inside}</{tag}>"
    return inside
