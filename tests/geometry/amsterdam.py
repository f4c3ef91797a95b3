"""Geometry of the real pair in ../shared/data, read from its metadata: 23 vectors per date, and the annotation of IW3."""

import gzip
import json
from functools import cache

import numpy as np
import pytest

from local_runner.geometry.carrier import RangePolynomial, carrier_of
from local_runner.geometry.constants import SPEED_OF_LIGHT_M_S
from local_runner.geometry.orbit import Orbit
from local_runner.geometry.radar_grid import RadarGrid
from tests.real_pair import SHAPE, SHARED

DAYS = "20230331", "20230319"
BURST_START = np.datetime64("2023-03-31T05:50:33.935118", "us")
FIRST_LINE, BURST_LINES, BURST_SAMPLES = 912, 1524, 25_583
LINE_INTERVAL_S = 2.055556299999998e-3
SLANT_RANGE_FIRST_M, RANGE_SPACING_M = 923676.271172281, 2.329562
RADAR_FREQUENCY_HZ = 5.405000454334349e9
needs_pair = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"{SHARED} must exist: the real pair is not in the repository"
)


@cache
def metadata(day):
    with gzip.open(SHARED / f"product_metadata_{day}.json.gz") as file:
        return {"elements": json.load(file)}


def element(tree, *names):
    """The element below those whose names begin like this."""
    for name in names:
        tree = next(e for e in tree["elements"] if e["name"].startswith(name))
    return tree


def values(tree):
    return {a["name"]: a["data"]["elems"] for a in tree["attributes"]}


def orbit(day):
    where = ("Abstracted_Metadata",) if day == DAYS[0] else ("Slave_Metadata", "S1A")
    vectors = [values(e) for e in element(metadata(day), *where, "Orbit_State_Vectors")["elements"]]
    units = ("D", "s", "us")
    since_2000 = [sum(np.timedelta64(n, unit) for n, unit in zip(v["time"], units, strict=True)) for v in vectors]
    position, velocity = ([[v[f"{axis}_{kind}"][0] for axis in "xyz"] for v in vectors] for kind in ("pos", "vel"))
    return Orbit.of_times(np.datetime64("2000-01-01", "us") + np.array(since_2000), position, velocity)


def grid(day=DAYS[0]):
    """Grid of the 84 x 338 px; of the secondary, whose pixels are on the same grid, only the orbit is its own."""
    own = orbit(day)
    return RadarGrid(
        first_line_time=BURST_START + np.timedelta64(round(FIRST_LINE * LINE_INTERVAL_S * 1e6), "us")
        if day == DAYS[0]
        else own.epoch + np.timedelta64(2, "s"),
        line_interval_s=LINE_INTERVAL_S,
        slant_range_first_m=SLANT_RANGE_FIRST_M,
        range_spacing_m=RANGE_SPACING_M,
        shape=SHAPE,
        wavelength_m=SPEED_OF_LIGHT_M_S / RADAR_FREQUENCY_HZ,
        orbit=own,
    )


def carrier():
    """Carrier of the burst, and the line and the sample in it of the first pixel."""
    product = element(metadata(DAYS[0]), "Original_Product_Metadata", "annotation", "s1a", "product")
    image = values(element(product, "imageAnnotation", "imageInformation"))
    general = values(element(product, "generalAnnotation", "productInformation"))
    burst = RadarGrid(
        BURST_START,
        LINE_INTERVAL_S,
        float(image["slantRangeTime"]) * SPEED_OF_LIGHT_M_S / 2,
        SPEED_OF_LIGHT_M_S / (2 * float(general["rangeSamplingRate"])),
        (BURST_LINES, BURST_SAMPLES),
        SPEED_OF_LIGHT_M_S / RADAR_FREQUENCY_HZ,
        orbit(DAYS[0]),
    )
    made = carrier_of(
        burst,
        radar_frequency_hz=RADAR_FREQUENCY_HZ,
        steering_rate_deg_s=float(general["azimuthSteeringRate"]),
        fm_rates=_polynomials(element(product, "generalAnnotation", "azimuthFmRateList"), "azimuthFmRatePolynomial"),
        doppler_centroids=_polynomials(element(product, "dopplerCentroid", "dcEstimateList"), "dataDcPolynomial"),
    )
    return made, FIRST_LINE, float(burst.sample_at(SLANT_RANGE_FIRST_M))


def _polynomials(tree, name):
    return [
        (
            np.datetime64(values(e)["azimuthTime"], "us"),
            RangePolynomial(float(values(e)["t0"]), _numbers(element(e, name), name)),
        )
        for e in tree["elements"]
    ]


def _numbers(tree, name):
    return tuple(map(float, values(tree)[name].split()))
