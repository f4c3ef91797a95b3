"""Plain TOPS bursts: band-limited speckle with an azimuth carrier, shifted exactly by its spectrum."""

from typing import NamedTuple

import numpy as np
import xarray as xr

LINES, SAMPLES = 1507, 96
LINE_INTERVAL_S = 2.0555563e-3
AZIMUTH_BAND = 0.672
"""Processed bandwidth over the line frequency, 327 of 486.5 Hz."""
SHIFT = (0.37, -0.21)
DATES = np.array(["2024-08-09", "2024-08-21"], "datetime64[ns]")


class Swath(NamedTuple):
    """Bandwidth over the sampling frequency in range, and the carrier: rate in Hz/s."""

    range_band: float
    rate: float


IW1, IW2 = Swath(0.878, 1740.0), Swath(0.750, 1450.0)


class Burst(NamedTuple):
    """An image without and with its carrier, the same at the shifted places, and the phases of the carrier there."""

    image: np.ndarray
    truth: np.ndarray
    deramp_phase: np.ndarray
    reramp_phase: np.ndarray


def burst(swath, shift=SHIFT, *, seed=0):
    """A burst of LINES x SAMPLES; its spectrum is white within hard edges."""
    rng = np.random.default_rng(seed)
    frequencies = [np.fft.fftfreq(LINES)[:, None], np.fft.fftfreq(SAMPLES)]
    inside = (abs(frequencies[0]) < AZIMUTH_BAND / 2) & (abs(frequencies[1]) < swath.range_band / 2)
    spectrum = np.where(inside, rng.standard_normal(inside.shape) + 1j * rng.standard_normal(inside.shape), 0)
    moved = spectrum * np.exp(2j * np.pi * (shift[0] * frequencies[0] + shift[1] * frequencies[1]))
    line, sample = np.indices(inside.shape).astype(float)
    deramp, reramp = carrier(swath, line, sample), carrier(swath, line + shift[0], sample + shift[1])
    image, truth = (np.fft.ifft2(s) * np.exp(-1j * p) for s, p in ((spectrum, deramp), (moved, reramp)))
    scale = 30 / image.std()
    return Burst(image * scale, truth * scale, *(np.angle(np.exp(1j * p)) for p in (deramp, reramp)))


def carrier(swath, line, sample):
    """phi of ESA's TN-14-0025 with a Doppler centroid of 20 to 50 Hz along range, whose place moves with it."""
    centroid_hz = 20 + 30 * sample / SAMPLES
    time_s = (line - LINES / 2) * LINE_INTERVAL_S - (centroid_hz - 35) / 2000
    return -np.pi * swath.rate * time_s**2 - 2 * np.pi * centroid_hz * time_s


def pair(swath, *, with_carrier=True, seed=0):
    """A cube of two dates, of which the first is the primary, and the truth of the second."""
    first, second = burst(swath, (0, 0), seed=seed + 1), burst(swath, seed=seed)
    lat, lon = 46 + np.indices(first.image.shape) / 1e4
    planes = []
    for one, shift in ((first, (0, 0)), (second, SHIFT)):
        phases = (one.deramp_phase, one.reramp_phase) if with_carrier else (0, 0)
        bands = (one.image.real, one.image.imag, *shift, *phases, lat, lon)
        planes.append([np.broadcast_to(band, lat.shape) for band in bands])
    names = ["i_VV", "q_VV", "azimuth_shift", "range_shift", "deramp_phase", "reramp_phase", "grid_lat", "grid_lon"]
    coords = {"t": DATES, "bands": names, "y": np.arange(LINES), "x": np.arange(SAMPLES)}
    cube = xr.DataArray(np.array(planes, np.float32), coords, ("t", "bands", "y", "x"))
    return cube.chunk(y=256), second.truth


def coherence(a, b):
    return abs(np.vdot(a, b)) / np.linalg.norm(a) / np.linalg.norm(b)
