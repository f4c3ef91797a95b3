"""Small Sentinel-1 SLC products for the demo and the tests: SAFE folders of whole products or single bursts, zips, orbit files.

Their geometry is right: the orbit is a circle over the turning Earth, burst ids follow from the times, and the geolocation grid
from range and Doppler. Times, swaths, polynomials and steering rates are like those of the real products; bursts have few
lines and samples, so that they do not overlap unless it is asked for. Pixels are speckle, if wanted with the carrier of the
burst, or what `local_runner.demo.interferometry` makes of two passes.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from local_runner.demo import complex_tiff, safe_documents, safe_xml
from local_runner.demo.flight import PERIOD_S, Flight
from local_runner.demo.safe_documents import PLATFORM
from local_runner.products.sentinel1_slc.annotation import read_annotation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from local_runner.geometry.carrier import Carrier
    from local_runner.geometry.radar_grid import RadarGrid

    Content = Callable[[str, str, int, RadarGrid, Carrier | None], NDArray[np.complex64]]
    """Samples (y, x) of a burst by swath, polarisation, index, grid and carrier."""

FIRST_DAY: Final = np.datetime64("2024-08-09", "D")
FIRST_ORBIT: Final = 55_139
"""Absolute orbit of S1A on that day."""
RELATIVE_ORBIT: Final = 117
NODE_TIME: Final = np.timedelta64(60_891_328_453, "us")
"""Of the ascending node, since midnight."""
NODE_LONGITUDE_DEG: Final = 17.6
"""With it the track passes over South Tyrol, where burst 249435 is."""
CYCLE_S: Final = 2.758273
_AT: Final = 0.3
"""Where in its cycle a burst is sensed."""
SPECKLE_DN: Final = 50.0


@dataclass(frozen=True)
class Product:
    """What a product is made of. `day`: a multiple of 12 days from `FIRST_DAY`, YYYY-MM-DD.

    `swaths`: of IW1, IW2, IW3, or one of stripmap, which has one burst. `burst_id`: of the first burst. `valid`: lines and
    samples that are not valid at each side. `across_m`, `height_m`, `late_s`: how the pass differs from the nominal one.
    `has_ids`: whether burst ids are annotated. `has_pixels`: whether there are measurements.
    `overlap`: lines that successive bursts share; None for bursts at the real times, which overlap if they have the real 1500
    lines. Few lines take less time than the real ones, so that rates of steering and FM grow by as much as the bursts come
    sooner: the carrier has the real frequencies then, also their difference between bursts. Annotated steering rates are at
    most 10 degrees per second, which allows bursts of IW2 that are 135 lines apart or more, of IW3 190, of IW1 215. Times of
    sensing remain the real ones, from which the ids follow.
    `content`: what makes the pixels, speckle if None.
    """

    day: str = str(FIRST_DAY)
    swaths: tuple[str, ...] = ("IW2",)
    polarizations: tuple[str, ...] = ("VV",)
    bursts: int = 2
    burst_id: int = 249_435
    lines: int = 24
    samples: int = 32
    valid: tuple[int, int] = (2, 3)
    across_m: float = 0.0
    height_m: float = 0.0
    late_s: float = 0.0
    has_ids: bool = True
    has_pixels: bool = True
    overlap: int | None = None
    content: Content | None = field(default=None, compare=False)

    @property
    def orbit_number(self) -> int:
        """Absolute orbit."""
        cycles = (np.datetime64(self.day, "D") - FIRST_DAY).astype(int) // 12
        return FIRST_ORBIT + 175 * int(cycles)

    @property
    def flight(self) -> Flight:
        """The pass."""
        node = np.datetime64(self.day, "us") + NODE_TIME + np.timedelta64(round(self.late_s * 1e6), "us")
        return Flight(node, NODE_LONGITUDE_DEG + self.across_m / 111_320, self.height_m)

    def sensing_time(self, index: int, sensed_s: float) -> np.datetime64:
        """When the burst of an index is sensed, in a swath whose bursts take `sensed_s`."""
        orbit = RELATIVE_ORBIT - 1
        since_first_s = (self.burst_id + index - 1 + _AT) * CYCLE_S + 2.299849 - sensed_s / 2
        since_node_s = since_first_s - orbit * PERIOD_S
        return self.flight.node_time + np.timedelta64(round(since_node_s * 1e6), "us")

    @property
    def burst_cycle(self) -> np.timedelta64:
        """From the first line of a burst to that of the next, in whole microseconds."""
        cycle_s = CYCLE_S if self.overlap is None else (self.lines - self.overlap) * safe_xml.LINE_INTERVAL_S
        return np.timedelta64(round(cycle_s * 1e6), "us")

    @property
    def stamp(self) -> str:
        """Time in the names of files, YYYYMMDDTHHMMSS."""
        start = str(self.sensing_time(0, 1.0).astype("datetime64[s]"))
        return start.replace("-", "").replace(":", "")


def write_safe(folder: Path, product: Product, *, burst: int | None = None) -> Path:
    """Write a product into a folder and return its SAFE folder.

    `burst`: only the burst of this index, as the burst extractor of the Copernicus Data Space leaves it: with the polynomials
    and geolocation points of all bursts, whose lines are shifted.
    """
    safe = folder / _name(product, burst)
    (safe / "annotation" / "calibration").mkdir(parents=True)
    (safe / "manifest.safe").write_bytes(safe_documents.manifest(product.day))
    if product.has_pixels:
        (safe / "measurement").mkdir()
    number = 0
    for polarization in product.polarizations:
        for swath in product.swaths:
            number += 1
            times = f"{product.stamp}-{product.stamp}-{product.orbit_number:06d}-06b8a7-{number:03d}"
            stem = f"{PLATFORM}-{swath}-slc-{polarization}-{times}".lower()
            path = safe / "annotation" / f"{stem}.xml"
            path.write_bytes(safe_xml.annotation(product, swath, polarization, burst))
            for kind in ("calibration", "noise"):
                (path.parent / "calibration" / f"{kind}-{stem}.xml").write_bytes(safe_documents.empty(kind))
            if product.has_pixels:
                pixels = _pixels(path, product.content or speckle())
                complex_tiff.write(safe / "measurement" / f"{stem}.tiff", pixels)
    return safe


def write_zip(safe: Path) -> Path:
    """Pack a SAFE folder, and return the zip beside it."""
    path = safe.with_name(f"{safe.name.removesuffix('.SAFE')}.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(safe.rglob("*")):
            archive.write(file, file.relative_to(safe.parent))
    return path


def write_orbit_file(folder: Path, product: Product, kind: str = "POEORB", margin_s: float = 120.0) -> Path:
    """Write the orbit of a product as EOF file, and return its path."""
    start = product.sensing_time(0, 1.0)
    orbit = product.flight.orbit(start, product.bursts * CYCLE_S, margin_s, kind)
    first, last = (orbit.epoch + np.timedelta64(round(t), "s") for t in orbit.span_s)
    span = "_".join(str(t.astype("datetime64[s]")).replace("-", "").replace(":", "") for t in (first, last))
    path = folder / f"{PLATFORM}_OPER_AUX_{kind}_OPOD_{product.stamp}_V{span}.EOF"
    path.write_bytes(safe_documents.orbit_file(orbit))
    return path


def later(product: Product, cycles: int = 1, *, across_m: float = 90.0) -> Product:
    """The same product some cycles of 12 days later, on a pass beside the nominal one, a little higher and late."""
    day = str(np.datetime64(product.day, "D") + 12 * cycles)
    return replace(product, day=day, across_m=across_m * cycles, height_m=20.0 * cycles, late_s=0.1234 * cycles)


def speckle(seed: int = 0, *, with_carrier: bool = False) -> Content:
    """Complex white noise of rms `SPECKLE_DN`, its own for each burst; with the carrier that deramping takes off."""

    def content(
        swath: str, polarization: str, index: int, grid: RadarGrid, carrier: Carrier | None
    ) -> NDArray[np.complex64]:
        day = int(grid.first_line_time.astype("datetime64[D]").astype(int))
        own = np.random.default_rng([seed, *swath.encode(), *polarization.encode(), index, day])
        parts = own.normal(scale=SPECKLE_DN / np.sqrt(2), size=(2, *grid.shape))
        values = parts[0] + 1j * parts[1]
        if with_carrier and carrier is not None:
            line, sample = np.ogrid[: grid.shape[0], : grid.shape[1]]
            values = values * np.exp(-1j * carrier.phase(line.astype(float), sample.astype(float)))
        return np.asarray(values, np.complex64)

    return content


def _name(product: Product, burst: int | None) -> str:
    swath, polarization, stamp = product.swaths[0], product.polarizations[0], product.stamp
    if burst is not None:
        return f"{PLATFORM}_SLC_{stamp}_{product.burst_id + burst}_{swath}_{polarization}_440377.SAFE"
    return f"{PLATFORM}_{swath[:2]}_SLC__1SDV_{stamp}_{stamp}_{product.orbit_number:06d}_06B8A7_0000.SAFE"


def _pixels(path: Path, content: Content) -> NDArray[np.complex64]:
    """Samples of a measurement: the bursts of its annotation one below the other."""
    annotation = read_annotation(path)
    swath, polarization = annotation.swath, annotation.polarization
    several = [
        content(swath, polarization, burst.index, annotation.grid(burst.index), annotation.carrier(burst.index))
        for burst in annotation.bursts
    ]
    return np.concatenate(several)
