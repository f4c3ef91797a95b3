"""The annotation of synthetic Sentinel-1 products, with the fields that readers use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from local_runner.demo.safe_documents import PLATFORM, document, vectors
from local_runner.geometry.constants import SPEED_OF_LIGHT_M_S
from local_runner.geometry.radar_grid import RadarGrid
from local_runner.geometry.range_doppler import forward, look

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from local_runner.demo.safe import Product
    from local_runner.geometry.orbit import Orbit

    Floats = NDArray[np.float64]


class Swath(NamedTuple):
    """What is nominal of a swath: times in s, rates as annotated."""

    slant_range_time_s: float
    sensed_s: float
    sensed_after_s: float
    steering_deg_s: float
    fm_rate: tuple[float, float, float]


SWATHS: Final = {
    "IW1": Swath(5.334431e-3, 0.81531490, 1.148511, 1.590368784, (-2331.3087, 449690.11, -78128584.0)),
    "IW2": Swath(5.644353e-3, 1.06087913, 0.635157, 0.979863325, (-2199.4819, 400932.36, -64793750.0)),
    "IW3": Swath(6.015321e-3, 0.83045822, 0.659696, 1.397440818, (-2059.7142, 352959.07, -53763473.0)),
    "S3": Swath(5.644353e-3, 1.0, 0.5, 0.0, (-2199.4819, 400932.36, -64793750.0)),
}
"""In all of them the burst is sensed in the cycle in which it begins, but for IW1, as in real products."""
FREQUENCY_HZ: Final = 5.40500045433435e9
SAMPLING_HZ: Final = 6.434523812571428e7
LINE_INTERVAL_S: Final = 2.055556299999998e-3
CYCLE: Final = np.timedelta64(2_758_273, "us")
_DOPPLER_T0_S: Final = 5.337093e-3
_DOPPLER: Final = (-10.07332, -11104.81, -4719402.0)
_COLUMNS: Final = 5
"""Points of the geolocation grid along a line."""
_STEPS: Final = 30
"""Of the fixed point of position and height."""


def terrain(latitude: Floats, longitude: Floats) -> Floats:
    """Height in m above the ellipsoid: hills of some km."""
    height: Floats = 600 + 300 * np.sin(np.radians(latitude) * 300) * np.cos(np.radians(longitude) * 200)
    return height


def annotation(product: Product, swath: str, polarization: str, only: int | None) -> bytes:
    """Annotation of a swath; `only`: with this burst alone, see `local_runner.demo.safe.write_safe`."""
    nominal, tops = SWATHS[swath], swath.startswith("IW")
    count = product.bursts if tops else 1
    sensed = [product.sensing_time(index, nominal.sensed_s) for index in range(count)]
    first = sensed[0] - np.timedelta64(round(nominal.sensed_after_s * 1e6), "us")
    starts = [first + index * product.burst_cycle for index in range(count)]
    orbit = product.flight.orbit(starts[0], count * 3.0)
    bursts = [_burst(product, *entry) for entry in zip(range(count), starts, sensed, strict=True)]
    kept = bursts if only is None else [bursts[only]]
    around = [first + index * product.burst_cycle for index in range(-1, count + 1)]
    nominal = _hastened(nominal, float(CYCLE / product.burst_cycle))
    points = _points(product, swath, starts, orbit, (only or 0) * product.lines)
    timing = {
        "linesPerBurst": product.lines if tops else 0,
        "samplesPerBurst": product.samples if tops else 0,
        "burstList": {"burst": kept if tops else []},
    }
    content = {
        "adsHeader": _header(product, swath, polarization),
        "generalAnnotation": _general(nominal, orbit, around),
        "imageAnnotation": _image(product, nominal, starts[0], product.lines * len(kept)),
        "dopplerCentroid": {"dcEstimateList": {"dcEstimate": [_doppler(n, time) for n, time in enumerate(around)]}},
        "swathTiming": timing,
        "geolocationGrid": {"geolocationGridPointList": {"geolocationGridPoint": points}},
    }
    return document("product", content)


def _header(product: Product, swath: str, polarization: str) -> dict[str, Any]:
    return {
        "missionId": PLATFORM,
        "productType": "SLC",
        "polarisation": polarization,
        "mode": "IW" if swath.startswith("IW") else "SM",
        "swath": swath,
        "absoluteOrbitNumber": product.orbit_number,
    }


def _general(nominal: Swath, orbit: Orbit, around: list[np.datetime64]) -> dict[str, Any]:
    rates = [
        {
            "azimuthTime": time,
            "t0": nominal.slant_range_time_s,
            "azimuthFmRatePolynomial": _varied(nominal.fm_rate, n),
        }
        for n, time in enumerate(around)
    ]
    product = {
        "pass": "Ascending",
        "platformHeading": -12.5,
        "rangeSamplingRate": SAMPLING_HZ,
        "radarFrequency": FREQUENCY_HZ,
        "azimuthSteeringRate": nominal.steering_deg_s,
    }
    return {
        "productInformation": product,
        "orbitList": {"orbit": _vectors(orbit)},
        "azimuthFmRateList": {"azimuthFmRate": rates},
    }


def _image(product: Product, nominal: Swath, start: np.datetime64, lines: int) -> dict[str, Any]:
    information = {
        "productFirstLineUtcTime": start,
        "ascendingNodeTime": product.flight.node_time,
        "slantRangeTime": nominal.slant_range_time_s,
        "rangePixelSpacing": round(SPEED_OF_LIGHT_M_S / 2 / SAMPLING_HZ, 6),
        "azimuthPixelSpacing": 13.95,
        "azimuthTimeInterval": LINE_INTERVAL_S,
        "numberOfSamples": product.samples,
        "numberOfLines": lines,
        "incidenceAngleMidSwath": 38.0,
    }
    return {"imageInformation": information, "processingInformation": {"dcMethod": "Data Analysis"}}


def _doppler(n: int, time: np.datetime64) -> dict[str, Any]:
    return {
        "azimuthTime": time,
        "t0": _DOPPLER_T0_S,
        "geometryDcPolynomial": (1.0, 0.0, 0.0),
        "dataDcPolynomial": _varied(_DOPPLER, n),
    }


def _burst(product: Product, index: int, start: np.datetime64, sensed: np.datetime64) -> dict[str, Any]:
    border, side = product.valid
    inside = np.zeros(product.lines, bool)
    inside[border : product.lines - border] = True
    own = {
        "azimuthTime": start,
        "sensingTime": sensed,
        "firstValidSample": tuple(np.where(inside, side, -1).tolist()),
        "lastValidSample": tuple(np.where(inside, product.samples - 1 - side, -1).tolist()),
    }
    return own | ({"burstId": product.burst_id + index} if product.has_ids else {})


def _points(
    product: Product, swath: str, starts: list[np.datetime64], orbit: Orbit, before: int
) -> list[dict[str, Any]]:
    """Geolocation grid: the first line of each burst and the last one of all, on the terrain; `before`: lines cut off."""
    grids = [grid_of(product, swath, start, orbit) for start in starts]
    rows = [(grid, 0, index * product.lines) for index, grid in enumerate(grids)]
    rows.append((grids[-1], product.lines - 1, len(grids) * product.lines - 1))
    return [point for grid, line, shown in rows for point in _row(grid, line, shown - before)]


def _row(grid: RadarGrid, line: int, shown: int) -> list[dict[str, Any]]:
    samples = np.unique(np.linspace(0, grid.shape[1] - 1, _COLUMNS).round())
    height = np.zeros(samples.size)
    for _ in range(_STEPS):
        height = terrain(*forward(grid, line, samples, height))
    latitude, longitude = forward(grid, line, samples, height)
    angle = np.degrees(np.arccos(look(grid, line, latitude, longitude, height)[:, 2]))
    return [
        {
            "azimuthTime": grid.time_of(line),
            "slantRangeTime": 2 * float(grid.slant_range_m(sample)) / SPEED_OF_LIGHT_M_S,
            "line": shown,
            "pixel": int(sample),
            "latitude": float(latitude[n]),
            "longitude": float(longitude[n]),
            "height": float(height[n]),
            "incidenceAngle": float(angle[n]),
        }
        for n, sample in enumerate(samples)
    ]


def grid_of(product: Product, swath: str, start: np.datetime64, orbit: Orbit) -> RadarGrid:
    """Grid of a burst."""
    return RadarGrid(
        first_line_time=start,
        line_interval_s=LINE_INTERVAL_S,
        slant_range_first_m=SPEED_OF_LIGHT_M_S / 2 * SWATHS[swath].slant_range_time_s,
        range_spacing_m=SPEED_OF_LIGHT_M_S / 2 / SAMPLING_HZ,
        shape=(product.lines, product.samples),
        wavelength_m=SPEED_OF_LIGHT_M_S / FREQUENCY_HZ,
        orbit=orbit,
    )


def _hastened(nominal: Swath, factor: float) -> Swath:
    """A swath whose bursts come sooner by a factor, and whose beam and Doppler therefore turn faster."""
    c0, c1, c2 = (factor * coefficient for coefficient in nominal.fm_rate)
    return nominal._replace(steering_deg_s=factor * nominal.steering_deg_s, fm_rate=(c0, c1, c2))


def _varied(polynomial: tuple[float, ...], n: int) -> tuple[float, ...]:
    """A polynomial that tells which one of the list it is by its first coefficient."""
    return (polynomial[0] + n, *polynomial[1:])


def _vectors(orbit: Orbit) -> list[dict[str, Any]]:
    return [
        {
            "time": time,
            "frame": "Earth Fixed",
            "position": dict(zip("xyz", position, strict=True)),
            "velocity": dict(zip("xyz", velocity, strict=True)),
        }
        for time, position, velocity in vectors(orbit)
    ]
