"""Scales of quantities, and the colour of NaN."""

import matplotlib as mpl
import numpy as np
import pytest

from local_runner.report.drawing import NO_DATA, limits_of, scale_of


def test_offsets_have_symmetric_limits_and_others_percentiles():
    snr = scale_of("snr")
    values = np.linspace(-1, 3, 401)[None]
    low, high = limits_of(values, scale_of("dx"))
    assert -low == high == pytest.approx(2.92, abs=0.02)
    assert limits_of(values, snr) == pytest.approx((-0.92, 2.92), abs=0.02)
    assert limits_of(np.full((3, 3), np.nan), snr) == (0, 1)
    low, high = limits_of(np.full((3, 3), 7.0), snr)
    assert low < 7 < high


def test_a_small_bowl_of_unwrapped_phase_is_seen():
    values = np.zeros((100, 100))
    values[40:50, 40:50] = 12
    assert limits_of(values, scale_of("phase_unwrapped")) == (0, 12)


@pytest.mark.parametrize("quantity", ["coherence", "phase", "dx", "height"])
def test_no_data_is_unlike_every_colour_of_a_scale(quantity):
    colours = 255 * mpl.colormaps[scale_of(quantity).colormap](np.linspace(0, 1, 256))[:, :3]
    assert np.linalg.norm(colours - NO_DATA, axis=1).min() > 25
