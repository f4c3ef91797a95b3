"""Two simulated passes have the phase, coherence and misregistration that they were given."""

from dataclasses import replace

import numpy as np
import pytest

from local_runner.demo.interferometry import (
    REACH_PX,
    Scene,
    of_primary,
    scatterers,
    secondary_of,
    truth_of,
    turned,
    write_pair,
)
from local_runner.demo.safe import Product, later
from local_runner.demo.scatterers import BANDWIDTH
from local_runner.geometry.range_doppler import forward

from .passes import PRODUCT, SECONDARY, hills, image, relief

TWIN = replace(PRODUCT, day=later(PRODUCT).day)
"""Passes where the primary does, 12 days later: both see each point in the same pixel."""


@pytest.fixture(scope="module")
def dem(tmp_path_factory):
    folder = tmp_path_factory.mktemp("relief")
    return relief(folder, hills, *(image(folder, p) for p in (PRODUCT, SECONDARY)))


@pytest.fixture(scope="module")
def primary(tmp_path_factory):
    return image(tmp_path_factory.mktemp("primary"))


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    return image(tmp_path_factory.mktemp("twin"), TWIN).grid


def pair(dem, primary, twin, **settings):
    scene = Scene(dem, **settings)
    first = of_primary(scene)(primary.swath, "VV", 0, primary.grid, primary.carrier)
    return first, secondary_of(scene, primary, twin)


def test_passes_at_one_place_see_the_same(dem, primary, twin):
    first, second = pair(dem, primary, twin)
    np.testing.assert_allclose(second, first, atol=0.5)
    assert np.sqrt(np.mean(np.abs(first) ** 2)) == pytest.approx(50, rel=0.02)


def test_distance_that_grows_by_a_centimetre_turns_the_phase_forward(dem, primary, twin):
    first, second = pair(dem, primary, twin, deformation_m=0.01)
    phase = np.angle(np.vdot(second, first))
    assert phase == pytest.approx(4 * np.pi * 0.01 / primary.grid.wavelength_m, abs=1e-3)
    assert phase == pytest.approx(2.266, abs=1e-3)


@pytest.mark.parametrize("coherence", [0.0, 0.6])
def test_coherence_is_as_given(dem, primary, twin, coherence):
    first, second = pair(dem, primary, twin, coherence=coherence)
    found = abs(np.vdot(second, first)) / np.linalg.norm(first) / np.linalg.norm(second)
    assert found == pytest.approx(coherence, abs=3 / np.sqrt(first.size * np.prod(BANDWIDTH["IW2"])))


def test_secondary_that_is_sampled_too_late_has_the_phase_of_the_carrier(dem, primary, twin):
    """Primary times conjugate of secondary has -2 pi f delta dt, with f the frequency of the carrier."""
    first, second = pair(dem, primary, twin, azimuth_error_px=0.02)
    along = np.angle(np.sum(first * second.conj(), axis=1))
    frequency = primary.carrier.frequency(np.arange(96.0), 128.0)
    expected = -2 * np.pi * frequency * 0.02 * primary.grid.line_interval_s
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(along, expected, atol=0.012)


def test_carrier_is_taken_off_by_deramping(dem, primary):
    values = of_primary(Scene(dem))("IW2", "VV", 0, primary.grid, primary.carrier)
    values *= turned(primary.carrier.phase(np.arange(96.0)[:, None], np.arange(256.0)))
    np.testing.assert_allclose(values, scatterers(Scene(dem), primary), atol=1e-2)


def test_fields_are_functions_of_position(dem, primary, twin):
    """The truth on the grid of the primary is what both images were made with."""
    middle = forward(primary.grid, *primary.grid.mid, 1000.0)[0]

    def north(latitude, longitude):
        return np.where(latitude > middle, 0.9, 0.2) + 0 * longitude

    scene = Scene(dem, coherence=north, deformation_m=lambda latitude, longitude: 0.001 * np.sin(latitude + longitude))
    truth = truth_of(scene, primary.grid, twin)
    np.testing.assert_allclose(truth.coherence[:16], 0.2, rtol=1e-6)
    np.testing.assert_allclose(truth.coherence[80:], 0.9, rtol=1e-6)
    first, second = pair(dem, primary, twin, coherence=north)
    rows = np.split(np.arange(96), [16, 80])
    for part, expected in ((rows[0], 0.2), (rows[2], 0.9)):
        a, b = first[part], second[part]
        assert abs(np.vdot(b, a)) / np.linalg.norm(a) / np.linalg.norm(b) == pytest.approx(expected, abs=0.07)
    np.testing.assert_allclose(truth.phase, 4 * np.pi * truth.deformation_m / primary.grid.wavelength_m, rtol=1e-5)


def test_bursts_of_both_passes_have_speckle_of_their_own(tmp_path):
    product = Product(lines=180, samples=64, overlap=40)
    images = [image(tmp_path / name, p) for name, p in (("a", product), ("b", later(product)))]
    scene = Scene(relief(tmp_path, lambda east, north: 500 + 0 * east * north, *images, cell_deg=1 / 120))
    safes = write_pair(tmp_path, scene, product)
    files = [next(safe.glob("measurement/*.tiff")).read_bytes()[-4 * 360 * 64 :] for safe in safes]
    bursts = [np.frombuffer(file, "<i2").reshape(2, 180, 64, 2).astype(float) for file in files]
    for first, second in bursts:
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05
        assert np.sqrt(np.mean(np.square((first, second))) * 2) == pytest.approx(50, rel=0.1)


def test_mask_covers_what_either_pass_cannot_see(tmp_path, primary):
    """The secondary begins 20 samples farther: what it does not show is not clear, nor what resampling reaches from there."""
    dem = relief(tmp_path, lambda east, north: 500 + 0 * east * north, primary)
    first = primary.grid.slant_range_first_m + 20 * primary.grid.range_spacing_m
    clear = truth_of(Scene(dem), primary.grid, replace(primary.grid, slant_range_first_m=first)).is_clear
    assert not clear[:, : 20 + REACH_PX].any()
    assert clear[:, 20 + REACH_PX :].all()
