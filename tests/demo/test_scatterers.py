"""The speckle of the simulator fills its band alone, and is known between the samples."""

import numpy as np
import pytest

from local_runner.demo.scatterers import BANDWIDTH, Between, speckle

SHAPE = (96, 160)
PLACES = np.meshgrid(np.arange(96.0), np.arange(160.0), indexing="ij")


@pytest.mark.parametrize("swath", BANDWIDTH)
def test_spectrum_is_a_box_of_unit_power(swath):
    values = speckle(SHAPE, BANDWIDTH[swath], [1])
    frequency = [np.abs(np.fft.fftfreq(n)) for n in SHAPE]
    inside = (frequency[0][:, None] <= BANDWIDTH[swath][0] / 2) & (frequency[1] <= BANDWIDTH[swath][1] / 2)
    power = np.abs(np.fft.fft2(values)) ** 2
    assert power[~inside].max() < 1e-9 * power[inside].mean()
    assert np.mean(np.abs(values) ** 2) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("swath", BANDWIDTH)
def test_values_between_the_samples_are_those_of_the_spectrum(swath):
    values = speckle(SHAPE, BANDWIDTH[swath], [2])
    line, sample = (np.fft.fftfreq(n) for n in SHAPE)
    moved = np.exp(2j * np.pi * (0.37 * line[:, None] - 0.21 * sample))
    exact = np.fft.ifft2(np.fft.fft2(values.astype(complex)) * moved)
    found = Between(values).at(PLACES[0] + 0.37, PLACES[1] - 0.21)
    assert np.abs(found - exact).max() < 2e-4


def test_samples_themselves_are_returned_and_go_on_periodically():
    values = speckle(SHAPE, BANDWIDTH["IW2"], [3])
    found = Between(values).at(PLACES[0] - 3 * 96, PLACES[1] + 7)
    np.testing.assert_array_equal(found, np.roll(values, -7, axis=1))


def test_unknown_places_give_0():
    found = Between(speckle(SHAPE, BANDWIDTH["IW2"], [3])).at(np.array([[np.nan, 1.0]]), np.array([[1.0, 1.0]]))
    assert found[0, 0] == 0 != found[0, 1]


def test_seeds_tell_speckle_apart():
    first, same, other = (speckle(SHAPE, BANDWIDTH["IW2"], [0, seed]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert abs(np.vdot(first, other)) < 0.05 * first.size
