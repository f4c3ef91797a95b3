"""The simulated stack: known coherence, known phase, a plausible geometry."""

import numpy as np
import pytest
from pyproj import Geod

from local_runner.demo.simulator import CLASSES, WAVELENGTH_M, Scene, simulate
from local_runner.errors import OpenEOError

PAIRS = ((0, 1), (1, 2), (0, 2))
BASELINE_M = 34.0


@pytest.fixture(scope="module")
def scene() -> Scene:
    return simulate(120, 480)


@pytest.fixture(scope="module")
def fringes() -> Scene:
    return simulate(120, 480, baselines_m=(0, BASELINE_M, -60), bandwidth=(0.672, 0.750))


def coherence_over(scene, primary, secondary, where):
    """Complex coherence of all samples `where`, brightness taken out."""
    a, b = (scene.slc[k][where] / scene.amplitude[where] for k in (primary, secondary))
    return np.vdot(b, a) / np.sqrt(np.vdot(a, a).real * np.vdot(b, b).real)


@pytest.mark.parametrize(("primary", "secondary"), PAIRS)
def test_sample_coherence_of_equal_truth_is_the_truth(scene, primary, secondary):
    truth = scene.truth(primary, secondary)
    for gamma, count in zip(*np.unique(truth[np.isfinite(truth)], return_counts=True), strict=True):
        if count > 500:
            error = abs(abs(coherence_over(scene, primary, secondary, truth == gamma)) - gamma)
            assert error < 4 / np.sqrt(count) * (1 - gamma**2)


def test_power_is_the_square_of_the_amplitude(scene):
    where = np.isfinite(scene.truth(0, 2))
    power = np.mean(np.abs(scene.slc[:, where] / scene.amplitude[where]) ** 2, axis=1)
    np.testing.assert_allclose(power, 1, atol=0.02)


def test_same_seed_same_bytes_and_the_landscape_does_not_depend_on_it(scene):
    assert simulate(120, 480).slc.tobytes() == scene.slc.tobytes()
    other = simulate(120, 480, seed=1)
    assert other.slc.tobytes() != scene.slc.tobytes()
    np.testing.assert_array_equal(other.truth(0, 1), scene.truth(0, 1))


def test_truth_of_a_pair_is_the_product_of_its_steps_in_either_order(scene):
    np.testing.assert_allclose(scene.truth(0, 2), scene.truth(0, 1) * scene.truth(1, 2) / scene.truth(1, 1), rtol=1e-6)
    np.testing.assert_array_equal(scene.truth("20240902", "2024-08-09"), scene.truth(0, 2))
    assert set(np.unique(scene.truth(1, 1)[2:-2, 10:-10])) == {1}


def test_every_class_is_there_and_some_fields_change_in_the_second_step(scene):
    assert set(np.unique(scene.classes)) == set(range(len(CLASSES)))
    changed = scene.step_coherence[0] != scene.step_coherence[1]
    assert {CLASSES[c] for c in np.unique(scene.classes[changed])} == {"field"}


def test_edges_are_zero_fill_and_truth_is_nan_there(scene):
    assert not scene.slc[:, 0].any()
    assert not scene.slc[:, -1].any()
    assert not scene.slc[:, :, 0].any()
    assert scene.slc[:, 60, 200].all()
    np.testing.assert_array_equal(np.isnan(scene.truth(0, 1)), (scene.slc[0] == 0) | (scene.slc[1] == 0))


def test_reference_phase_flattens_the_pair(fringes):
    city = fringes.classes == CLASSES.index("city")
    assert np.abs(fringes.reference_phase).max() <= np.float32(np.pi)
    assert not fringes.reference_phase[0].any()
    turned = fringes.slc * np.exp(1j * fringes.reference_phase)
    mean = np.mean(turned[0, city] * turned[2, city].conj())
    assert abs(np.angle(mean)) < 0.05


def test_fringe_rate_is_that_of_the_baseline(fringes):
    rate = np.diff(np.unwrap(fringes.reference_phase[1].astype(float), axis=1), axis=1).mean()
    incidence = np.radians(35.7)
    assert abs(rate) == pytest.approx(
        4 * np.pi / WAVELENGTH_M * 2.329562 * BASELINE_M / (850e3 * np.tan(incidence)), rel=0.1
    )


def test_bandwidth_limits_the_spectrum_of_the_first_date():
    scene = simulate(128, 512, bandwidth=(0.5, 0.25))
    spectrum = np.abs(np.fft.fft2(scene.slc[0] / scene.amplitude)) ** 2
    inside = spectrum[np.ix_(np.abs(np.fft.fftfreq(128)) <= 0.25, np.abs(np.fft.fftfreq(512)) <= 0.125)]
    assert inside.sum() / spectrum.sum() > 0.95


def test_positions_rise_steadily_at_the_spacing_of_sentinel_1(scene):
    lat, lon = scene.latitude.astype(float), scene.longitude.astype(float)
    assert (np.diff(lat, axis=0) > 0).all()
    assert (np.diff(lon, axis=1) > 0).all()
    geod = Geod(ellps="WGS84")
    _, _, across = geod.inv(lon[:, :-20], lat[:, :-20], lon[:, 20:], lat[:, 20:])
    azimuth, _, along = geod.inv(lon[0], lat[0], lon[-1], lat[-1])
    assert 3.2 < across.min() / 20 < across.max() / 20 < 4.6
    assert along.mean() / 119 == pytest.approx(14, rel=0.02)
    assert azimuth.mean() == pytest.approx(-12, abs=1.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"lines": 8},
            r"^ProcessParameterInvalid: A scene must have 16 x 16 samples and 2 dates, instead got \(8, 2400",
        ),
        ({"dates": 1}, r"^ProcessParameterInvalid: A scene must have 16 x 16 samples and 2 dates"),
        ({"baselines_m": (0, 1)}, r"^ProcessParameterInvalid: baselines_m must have 3 values, instead got \(0, 1\)"),
        ({"bandwidth": (0.0, 1.0)}, r"^ProcessParameterInvalid: bandwidth must be above 0 and at most 1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(OpenEOError, match=message):
        simulate(**arguments)


def test_unknown_date(scene):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: A date of the scene must be one of \('20240809'"):
        scene.truth("2024-08-10", 0)
