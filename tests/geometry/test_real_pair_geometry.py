"""The real pair of Amsterdam: place of its pixels, baseline, and deramping of the pixels themselves."""

from dataclasses import replace

import numpy as np
import pytest

from local_runner.geometry.baseline import height_of_ambiguity, perpendicular_baseline, reference_phase
from local_runner.geometry.range_doppler import backward
from tests.real_pair import SHAPE, read

from .amsterdam import DAYS, LINE_INTERVAL_S, carrier, grid, needs_pair

pytestmark = needs_pair
LINES, SAMPLES = np.arange(SHAPE[0], dtype=float)[:, None], np.arange(SHAPE[1], dtype=float)
MIDDLE = (42.0, 169.0, 50.0)


def test_pixels_are_where_their_positions_say():
    positions = (read(f"{name}_VV").astype(float) for name in ("latitude", "longitude", "elevation"))
    line, sample = backward(grid(), *positions)
    line, sample = line - LINES, sample - SAMPLES
    assert abs(line.mean()) < 0.0025
    assert line.std() < 0.010
    assert abs(sample.mean()) < 0.001
    assert sample.std() < 0.007


def test_perpendicular_baseline():
    assert perpendicular_baseline(*map(grid, DAYS), *MIDDLE) == pytest.approx(33.75, abs=0.2)


def test_height_of_ambiguity():
    assert height_of_ambiguity(*map(grid, DAYS), *MIDDLE) == pytest.approx(-518, abs=5)


def test_reference_phase_falls_with_the_height():
    phase = np.unwrap(reference_phase(*map(grid, DAYS), *MIDDLE[:2], np.array([0.0, 100.0])))
    assert np.diff(phase)[0] / 100 == pytest.approx(-0.0121, abs=2e-4)


def lag_1(image):
    """Azimuth centroid in Hz, and by how much the products of neighbouring lines agree in phase, 0 to 1."""
    product = image[1:] * image[:-1].conj()
    return np.angle(product.sum()) / (2 * np.pi * LINE_INTERVAL_S), abs(product.sum()) / np.abs(product).sum()


def pixels():
    return read(f"i_VV_{DAYS[0]}") + 1j * read(f"q_VV_{DAYS[0]}").astype(float)


def deramped(sign=1, lines_off=0.0, **changes):
    """The pixels without the carrier, or without a wrong one."""
    own, first_line, first_sample = carrier()
    phase = replace(own, **changes).phase(first_line + LINES + lines_off, first_sample + SAMPLES)
    return pixels() * np.exp(sign * 1j * phase)


def test_deramping_brings_the_pixels_to_zero_frequency():
    centroid, coherence = lag_1(deramped())
    assert abs(centroid) < 10
    assert coherence >= 0.75


def test_before_deramping_they_are_at_the_frequency_of_the_carrier():
    own, first_line, first_sample = carrier()
    frequency = own.frequency(first_line + SHAPE[0] / 2, first_sample + SHAPE[1] / 2)
    rate = 1 / LINE_INTERVAL_S
    centroid, coherence = lag_1(pixels())
    assert (centroid - frequency + rate / 2) % rate - rate / 2 == pytest.approx(0, abs=25)
    assert coherence < 0.65


def test_the_opposite_sign_makes_it_worse():
    assert lag_1(deramped(sign=-1))[1] < 0.3


@pytest.mark.parametrize("lines_off", [-40, 30])
def test_another_place_in_the_burst_leaves_a_frequency(lines_off):
    own = carrier()[0]
    rate = float(own.frequency(1.0, 9347.0) - own.frequency(0.0, 9347.0))
    assert lag_1(deramped(lines_off=lines_off))[0] == pytest.approx(-rate * lines_off, abs=10)


def test_a_reference_that_is_added_leaves_a_frequency():
    """eta_c + eta_c(mid) in place of eta_c - eta_c(mid) is the carrier at other lines."""
    own = carrier()[0]
    mid = own.slant_range_time_first_s + own.samples / 2 / own.range_sampling_rate_hz
    centre = -own.doppler_centroid.at(mid) / own.fm_rate.at(mid)
    assert abs(lag_1(deramped(lines_off=-2 * centre / LINE_INTERVAL_S))[0]) > 30
