"""A small part of a burst above a DEM whose height is known everywhere, and the same seen from a second orbit."""

from dataclasses import replace

import numpy as np

from local_runner.geometry.bands import View
from local_runner.geometry.carrier import Carrier, RangePolynomial
from local_runner.geometry.constants import SPEED_OF_LIGHT_M_S
from local_runner.geometry.elevation import heights_of_raster
from local_runner.geometry.range_doppler import forward

from .circular import grid, with_orbit
from .dem_files import PIXEL, write_dem

SHAPE = (600, 900)
"""8 km by 3.5 km on the ground, in three chunks."""
PRIMARY = grid(shape=SHAPE)
DATE = replace(
    with_orbit(PRIMARY, radius_m=7.07e6 + 120.0, node_deg=20.001, argument_deg=40.0004),
    slant_range_first_m=PRIMARY.slant_range_first_m - 137.4,
)
"""An orbit some 130 m away, and another first sample."""
CORNERS = forward(PRIMARY, np.array([0.0, 0.0, 599.0, 599.0]), np.array([0.0, 899.0, 0.0, 899.0]), 0.0)
MIDDLE = tuple(float(c.mean()) for c in CORNERS)
"""Latitude and longitude of the middle at height 0."""
MARGIN = 0.06
"""Degrees around the corners: 2 km of height move the ground by 3 km."""


def carrier(image=DATE):
    """The carrier of IW2, with terms of every order."""
    first = 2 * image.slant_range_first_m / SPEED_OF_LIGHT_M_S
    return Carrier(
        lines=image.shape[0],
        samples=image.shape[1],
        line_interval_s=image.line_interval_s,
        slant_range_time_first_s=first,
        range_sampling_rate_hz=SPEED_OF_LIGHT_M_S / (2 * image.range_spacing_m),
        radar_frequency_hz=SPEED_OF_LIGHT_M_S / image.wavelength_m,
        steering_rate_rad_s=np.radians(0.979863325),
        velocity_m_s=7_590.0,
        fm_rate=RangePolynomial(first, (-2_200.0, 4.2e5, -7.0e7)),
        doppler_centroid=RangePolynomial(first - 1e-4, (-40.0, 3.0e4, 2.0e6)),
    )


def box(margin=0.0):
    """West, south, east, north of the scene at height 0."""
    (south, north), (west, east) = ((float(c.min()) - margin, float(c.max()) + margin) for c in CORNERS)
    return west, south, east, north


def terrain(path, height, *, pixel=PIXEL, crs="EPSG:4326"):
    """Heights of a DEM of `height`(longitude, latitude) around the scene."""
    west, south, east, north = box(MARGIN)
    shape = int((north - south) / pixel) + 1, int((east - west) / pixel) + 1
    file = write_dem(path / "dem.tif", height, west=west, north=north, shape=shape, pixel=pixel, crs=crs)
    return heights_of_raster([file], "ellipsoid", box())


def view(heights, *, date=DATE, with_carrier=True):
    """A date of the scene."""
    return View(PRIMARY, date, heights, carrier(date) if with_carrier else None)


def tilted(x, y):
    """A plane: 1500 m, rising to the north and falling to the east by 3 and 5 degrees."""
    return 1500.0 + 5_800.0 * (y - MIDDLE[0]) - 6_600.0 * (x - MIDDLE[1])


def hill(x, y):
    """A round hill of 900 m above 200 m, at most 30 degrees steep."""
    square = ((x - MIDDLE[1]) * 76_000.0) ** 2 + ((y - MIDDLE[0]) * 111_000.0) ** 2
    return 200.0 + 900.0 * np.exp(-square / (2 * 950.0**2))


def cliff(x, y):
    """A ridge whose slope to the sensor is steeper than the line of sight: layover."""
    return 300.0 + 500.0 * np.exp(-((((x - MIDDLE[1]) * 76_000.0) / 150.0) ** 2)) + 0 * y


def pixels(n=400, seed=0):
    """Whole lines and samples at random."""
    random = np.random.default_rng(seed)
    return random.integers(0, SHAPE[0], n), random.integers(0, SHAPE[1], n)
