"""The annotation of one swath and polarisation of a Sentinel-1 SLC: bursts, orbit, grid and carrier.

Read once, checked whole: counts, ascending times, finite numbers, orbit around all bursts. A stripmap image is one burst that
has no id. Works as well on what the burst extractor of the Copernicus Data Space leaves: one burst, with the polynomials and
the geolocation points of the whole swath, the lines of which are shifted. Nothing here goes by index or line, but by time.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from local_runner.errors import DataError
from local_runner.geometry.carrier import Carrier, RangePolynomial
from local_runner.geometry.constants import SPEED_OF_LIGHT_M_S
from local_runner.geometry.radar_grid import RadarGrid
from local_runner.products._xml import read_xml, times
from local_runner.products.sentinel1_slc.bursts import mode_of, read_timing
from local_runner.products.sentinel1_slc.orbits import annotated_orbit, require_cover

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from local_runner.geometry.orbit import Orbit
    from local_runner.products._xml import Node
    from local_runner.products.sentinel1_slc.bursts import Burst

_POLARIZATIONS: Final = ("VV", "VH", "HH", "HV")
_PASSES: Final = ("Ascending", "Descending")


@dataclass(frozen=True, eq=False)
class Geolocation:
    """Points of the geolocation grid, each (n,): UTC of the zero-Doppler line, two-way time in s, degrees, metres.

    `line`, `sample`: as annotated; in an extracted burst the lines may be negative.
    """

    time: NDArray[np.datetime64]
    slant_range_time_s: NDArray[np.float64]
    line: NDArray[np.int64]
    sample: NDArray[np.int64]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    height: NDArray[np.float64]
    incidence_angle_deg: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Polynomials:
    """Polynomials over slant range, each valid around its time (n,)."""

    time: NDArray[np.datetime64]
    polynomials: tuple[RangePolynomial, ...]

    def nearest(self, time: np.datetime64) -> RangePolynomial:
        """The polynomial nearest in time; of two the earlier one."""
        return self.polynomials[int(np.argmin(np.abs(self.time - time)))]


@dataclass(frozen=True, eq=False)
class Annotation:
    """What the annotation says. `samples`, `lines`: of one burst. `steering_rate_rad_s` is 0 for stripmap.

    `relative_orbit` is None for a platform whose numbering is not known and that has no burst ids. `heading_deg` is that of
    the platform, clockwise from north. `pixel_spacing_m`: (azimuth, range) as annotated.
    """

    path: Path
    platform: str
    mode: str
    swath: str
    polarization: str
    absolute_orbit: int
    relative_orbit: int | None
    orbit_state: str
    ascending_node_time: np.datetime64
    heading_deg: float
    incidence_angle_mid_deg: float
    radar_frequency_hz: float
    range_sampling_rate_hz: float
    steering_rate_rad_s: float
    slant_range_time_first_s: float
    line_interval_s: float
    lines: int
    samples: int
    pixel_spacing_m: tuple[float, float]
    orbit: Orbit
    fm_rate: Polynomials
    doppler_centroid: Polynomials
    geolocation: Geolocation
    bursts: tuple[Burst, ...]

    @property
    def raster_shape(self) -> tuple[int, int]:
        """Lines and samples of the measurement: the bursts one after the other."""
        return self.lines * len(self.bursts), self.samples

    def grid(self, burst: int, orbit: Orbit | None = None) -> RadarGrid:
        """Grid of a burst by its index; `orbit` in place of the annotated one."""
        start = self.bursts[burst].azimuth_time
        return RadarGrid(
            first_line_time=start,
            line_interval_s=self.line_interval_s,
            slant_range_first_m=SPEED_OF_LIGHT_M_S / 2 * self.slant_range_time_first_s,
            range_spacing_m=SPEED_OF_LIGHT_M_S / 2 / self.range_sampling_rate_hz,
            shape=(self.lines, self.samples),
            wavelength_m=SPEED_OF_LIGHT_M_S / self.radar_frequency_hz,
            orbit=(orbit or self.orbit).since(start),
        )

    def carrier(self, burst: int, orbit: Orbit | None = None) -> Carrier | None:
        """Azimuth carrier of a burst, None for stripmap; `orbit` in place of the annotated one."""
        if self.steering_rate_rad_s == 0:
            return None
        middle_s = self.lines / 2 * self.line_interval_s
        start = self.bursts[burst].azimuth_time
        middle = start + np.timedelta64(round(middle_s * 1e6), "us")
        _, velocity, _ = (orbit or self.orbit).since(start).at(np.array([middle_s]))
        return Carrier(
            lines=self.lines,
            samples=self.samples,
            line_interval_s=self.line_interval_s,
            slant_range_time_first_s=self.slant_range_time_first_s,
            range_sampling_rate_hz=self.range_sampling_rate_hz,
            radar_frequency_hz=self.radar_frequency_hz,
            steering_rate_rad_s=self.steering_rate_rad_s,
            velocity_m_s=float(np.linalg.norm(velocity)),
            fm_rate=self.fm_rate.nearest(middle),
            doppler_centroid=self.doppler_centroid.nearest(middle),
        )


def read_annotation(path: Path) -> Annotation:
    """Annotation of a file, plain or gzipped. Raises `FileNotFound`, `DataCorrupt` naming the field, `DocumentTooLarge`."""
    root = read_xml(path, "product")
    timing = read_timing(root)
    annotation = Annotation(
        path=path,
        **_of_header(root.one("adsHeader")),
        **_of_product(root.one("generalAnnotation/productInformation"), tops=timing.tops),
        **_of_image(root.one("imageAnnotation/imageInformation")),
        relative_orbit=timing.relative_orbit,
        lines=timing.lines,
        samples=timing.samples,
        orbit=annotated_orbit(root),
        fm_rate=_polynomials(root.entries("generalAnnotation/azimuthFmRateList"), "azimuthFmRatePolynomial"),
        doppler_centroid=_doppler_centroid(root),
        geolocation=_geolocation(root),
        bursts=timing.bursts,
    )
    for burst in annotation.bursts:
        require_cover(annotation.orbit, path, burst.azimuth_time, annotation.lines * annotation.line_interval_s)
        _require_carrier(annotation, burst.index)
    return annotation


def _require_carrier(annotation: Annotation, burst: int) -> None:
    try:
        annotation.carrier(burst)
    except DataError as error:
        must = f"azimuthFmRateList and dcEstimateList of {annotation.path} must tell the carrier of burst {burst}"
        raise DataError(
            "DataCorrupt", f"{must} ({error.must})", got=error.got, do="Download the product again"
        ) from None


def _of_header(header: Node) -> dict[str, Any]:
    header.choice("productType", ("SLC",))
    return {
        "platform": _platform(header),
        "mode": mode_of(header.text("swath")),
        "swath": header.text("swath"),
        "polarization": header.choice("polarisation", _POLARIZATIONS),
        "absolute_orbit": header.integer("absoluteOrbitNumber", low=1),
    }


def _platform(header: Node) -> str:
    name = header.text("missionId")
    if not re.fullmatch("S1[A-Z]", name):
        header.refuse("missionId", "be a name like S1A", name)
    return name


def _of_product(product: Node, *, tops: bool) -> dict[str, Any]:
    steering_deg = product.number("azimuthSteeringRate", low=0.1, high=10) if tops else 0.0
    return {
        "orbit_state": product.choice("pass", _PASSES).lower(),
        "heading_deg": product.number("platformHeading", low=-360, high=360) % 360,
        "radar_frequency_hz": product.number("radarFrequency", low=1e9, high=1e11),
        "range_sampling_rate_hz": product.number("rangeSamplingRate", low=1e6, high=1e9),
        "steering_rate_rad_s": math.radians(steering_deg),
    }


def _of_image(image: Node) -> dict[str, Any]:
    return {
        "ascending_node_time": image.time("ascendingNodeTime"),
        "incidence_angle_mid_deg": image.number("incidenceAngleMidSwath", low=0, high=90),
        "slant_range_time_first_s": image.number("slantRangeTime", low=1e-3, high=0.1),
        "line_interval_s": image.number("azimuthTimeInterval", low=1e-5, high=1),
        "pixel_spacing_m": (image.number("azimuthPixelSpacing", low=0), image.number("rangePixelSpacing", low=0)),
    }


def _doppler_centroid(root: Node) -> Polynomials:
    """Doppler centroid by the method that the processor used: estimated from the data, else from the geometry."""
    method = root.text("imageAnnotation/processingInformation/dcMethod")
    name = "dataDcPolynomial" if method == "Data Analysis" else "geometryDcPolynomial"
    return _polynomials(root.entries("dopplerCentroid/dcEstimateList"), name)


def _polynomials(entries: list[Node], name: str) -> Polynomials:
    """Polynomials of a list, each with a reference time `t0` of its own; products before 2015 have fields c0, c1, c2."""
    found = []
    for entry in entries:
        values = entry.numbers(name) if entry.has(name) else [entry.number(field) for field in ("c0", "c1", "c2")]
        found.append(RangePolynomial(entry.number("t0", low=0, high=0.1), tuple(float(value) for value in values)))
    return Polynomials(times(entries, "azimuthTime"), tuple(found))


def _geolocation(root: Node) -> Geolocation:
    entries = root.entries("geolocationGrid/geolocationGridPointList")

    def numbers(name: str, low: float, high: float) -> NDArray[np.float64]:
        return np.array([entry.number(name, low=low, high=high) for entry in entries])

    return Geolocation(
        time=np.array([entry.time("azimuthTime") for entry in entries], dtype="datetime64[us]"),
        slant_range_time_s=numbers("slantRangeTime", 1e-3, 0.1),
        line=np.array([entry.integer("line", low=-(2**31)) for entry in entries]),
        sample=np.array([entry.integer("pixel", low=-(2**31)) for entry in entries]),
        latitude=numbers("latitude", -90, 90),
        longitude=numbers("longitude", -180, 360),
        height=numbers("height", -1000, 10_000),
        incidence_angle_deg=numbers("incidenceAngle", 0, 90),
    )
