"""Circular orbits above the turning Earth, and images from them: a geometry whose truth is known everywhere."""

from dataclasses import replace

import numpy as np

from local_runner.geometry.orbit import Orbit
from local_runner.geometry.radar_grid import RadarGrid

EPOCH = np.datetime64("2023-03-31T05:50:33.935118", "us")
EARTH_RATE = 7.2921151467e-5
"""rad/s"""
GRAVITY = 3.986004418e14
"""m^3/s^2"""
WAVELENGTH_M = 0.05546576


def state(time_s, *, radius_m=7.07e6, inclination_deg=98.18, argument_deg=40.0, node_deg=20.0):
    """Earth-fixed position and velocity (n, 3) at times since the moment of the argument of latitude; no approximation."""
    t = np.asarray(time_s, float)
    rate = np.sqrt(GRAVITY / radius_m**3)
    u, i = np.radians(argument_deg) + rate * t, np.radians(inclination_deg)
    along = radius_m * np.stack((np.cos(u), np.sin(u) * np.cos(i), np.sin(u) * np.sin(i)), axis=-1)
    speed = radius_m * rate * np.stack((-np.sin(u), np.cos(u) * np.cos(i), np.cos(u) * np.sin(i)), axis=-1)
    position = _turned(along, np.radians(node_deg) - EARTH_RATE * t)
    turning = EARTH_RATE * np.stack((position[..., 1], -position[..., 0], np.zeros_like(t)), axis=-1)
    return position, _turned(speed, np.radians(node_deg) - EARTH_RATE * t) + turning


def orbit(*, epoch=EPOCH, step_s=10.0, vectors=17, **elements):
    """Orbit of `vectors` vectors around the epoch, `step_s` apart."""
    time = (np.arange(vectors) - vectors // 2) * step_s
    return Orbit(epoch, time, *state(time, **elements))


def grid(*, look="right", shape=(1500, 24_000), slant_range_first_m=850e3, **elements):
    """Grid of a burst of Sentinel-1's sampling that starts at the epoch."""
    return RadarGrid(
        first_line_time=EPOCH,
        line_interval_s=2.0555563e-3,
        slant_range_first_m=slant_range_first_m,
        range_spacing_m=2.329562,
        shape=shape,
        wavelength_m=WAVELENGTH_M,
        orbit=orbit(**elements),
        look=look,
    )


def with_orbit(image, **elements):
    """The same grid below another orbit."""
    return replace(image, orbit=orbit(**elements))


def places(image, n=500, span=(-400.0, 8800.0), seed=0):
    """Lines, samples and heights at random in an image."""
    random = np.random.default_rng(seed)
    return random.uniform(0, image.shape[0] - 1, n), random.uniform(0, image.shape[1] - 1, n), random.uniform(*span, n)


def _turned(vectors, angle):
    sin, cos = np.sin(angle), np.cos(angle)
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack((cos * x - sin * y, sin * x + cos * y, z), axis=-1)
