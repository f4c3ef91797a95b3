"""A small reader of Sentinel-1 annotation for the tests of the geometry: what they compare with, and no more.

The driver has a reader of its own; this one lets the geometry be tested without it.
"""

import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from local_runner.geometry.carrier import RangePolynomial, carrier_of
from local_runner.geometry.constants import SPEED_OF_LIGHT_M_S
from local_runner.geometry.orbit import Orbit
from local_runner.geometry.radar_grid import RadarGrid

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
FOLDER = SHARED / "s1_annotations"
FILES = sorted(FOLDER.glob("*/*.SAFE/annotation/*.xml.gz"))
needs_annotations = pytest.mark.skipif(
    not FILES, reason=f"{FOLDER} must exist: real annotation is not in the repository"
)


@dataclass(frozen=True)
class Tree:
    """An annotation file: numbers by their path below `product`."""

    root: ET.Element

    def number(self, path):
        return float(self.root.find(path).text)

    def numbers(self, path, dtype=float):
        return np.array([e.text for e in self.root.findall(path)]).astype(dtype)

    def times(self, path):
        return self.numbers(path, "datetime64[us]")


@cache
def read(path):
    with gzip.open(path) as file:
        return Tree(ET.parse(file).getroot())


def orbit_of(tree):
    vectors = "generalAnnotation/orbitList/orbit"
    position, velocity = (
        np.stack([tree.numbers(f"{vectors}/{kind}/{axis}") for axis in "xyz"], axis=-1)
        for kind in ("position", "velocity")
    )
    return Orbit.of_times(tree.times(f"{vectors}/time"), position, velocity)


def grid_of(tree, burst=0):
    image = "imageAnnotation/imageInformation"
    sampling = tree.number("generalAnnotation/productInformation/rangeSamplingRate")
    return RadarGrid(
        first_line_time=tree.times("swathTiming/burstList/burst/azimuthTime")[burst],
        line_interval_s=tree.number(f"{image}/azimuthTimeInterval"),
        slant_range_first_m=tree.number(f"{image}/slantRangeTime") * SPEED_OF_LIGHT_M_S / 2,
        range_spacing_m=SPEED_OF_LIGHT_M_S / (2 * sampling),
        shape=(int(tree.number("swathTiming/linesPerBurst")), int(tree.number("swathTiming/samplesPerBurst"))),
        wavelength_m=SPEED_OF_LIGHT_M_S / tree.number("generalAnnotation/productInformation/radarFrequency"),
        orbit=orbit_of(tree),
    )


def geolocation(tree):
    """Azimuth times, slant ranges in m, latitudes, longitudes and heights of the geolocation grid."""
    points = "geolocationGrid/geolocationGridPointList/geolocationGridPoint"
    values = [tree.numbers(f"{points}/{name}") for name in ("slantRangeTime", "latitude", "longitude", "height")]
    return tree.times(f"{points}/azimuthTime"), values[0] * SPEED_OF_LIGHT_M_S / 2, *values[1:]


def carrier(tree, burst=0):
    """Carrier of a burst, by the Doppler centroids estimated from data."""
    product = "generalAnnotation/productInformation"
    return carrier_of(
        grid_of(tree, burst),
        radar_frequency_hz=tree.number(f"{product}/radarFrequency"),
        steering_rate_deg_s=tree.number(f"{product}/azimuthSteeringRate"),
        fm_rates=_polynomials(tree, "generalAnnotation/azimuthFmRateList/azimuthFmRate", "azimuthFmRatePolynomial"),
        doppler_centroids=_polynomials(tree, "dopplerCentroid/dcEstimateList/dcEstimate", "dataDcPolynomial"),
    )


def _polynomials(tree, path, name):
    lists = [tuple(map(float, e.text.split())) for e in tree.root.findall(f"{path}/{name}")]
    polynomials = map(RangePolynomial, tree.numbers(f"{path}/t0"), lists)
    return list(zip(tree.times(f"{path}/azimuthTime"), polynomials, strict=True))
