"""The compiled carrier is that of `Carrier.phase`."""

from dataclasses import replace

import numpy as np
import pytest

from local_runner.geometry import kernels
from local_runner.geometry.bands import _rates
from local_runner.geometry.carrier import RangePolynomial

from .ground_scene import carrier

LINES, SAMPLES = 1500, 24_000
SHIFT = 0.37, -0.21


@pytest.mark.parametrize("t0_s", [0.0, 0.005337])
@pytest.mark.parametrize("place", [(0, 0), (-3, 7), (1200, 20_000)])
def test_reramp_is_the_phase_of_the_carrier(place, t0_s):
    whole = replace(carrier(), lines=LINES, samples=SAMPLES, doppler_centroid=RangePolynomial(t0_s, (-40.0, 3e3, 2e5)))
    rows, columns = 8, 3 * kernels.BLOCK + 17
    azimuth, across = (np.full((rows, 1, 1), shift) for shift in SHIFT)
    out = np.empty((rows, columns), np.float32)
    heights = np.zeros((rows, columns), np.float32)
    kernels.reramp(azimuth, across, np.zeros(columns), heights, place, _rates(whole), out)
    line, sample = np.arange(rows)[:, None] + place[0] + SHIFT[0], np.arange(columns) + place[1] + SHIFT[1]
    apart = np.angle(np.exp(1j * (out - whole.phase(line, sample))))
    assert np.abs(apart).max() < 2e-6
    assert np.ptp(out) > 3.0
