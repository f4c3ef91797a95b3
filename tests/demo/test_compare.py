"""Judging an estimate: exact moments of the sample coherence, verdicts, edges."""

import math

import numpy as np
import pytest
from rich.console import Console
from scipy.ndimage import uniform_filter

from local_runner.demo.compare import compare, effective_looks, expected_coherence, table
from local_runner.errors import OpenEOError


def boxcar(a, b, window):
    """Coherence magnitude (y, x) of two SLCs in a box."""

    def mean(values):
        return uniform_filter(values, window, mode="constant")

    cross = a * b.conj()
    return np.hypot(mean(cross.real), mean(cross.imag)) / np.sqrt(mean(np.abs(a) ** 2) * mean(np.abs(b) ** 2))


def pair(gamma, seed=0):
    """Two SLCs of coherence `gamma` (y, x)."""
    noise = np.random.default_rng(seed).standard_normal((2, *gamma.shape, 2)) @ [1, 1j]
    return noise[0], gamma * noise[0] + np.sqrt(1 - gamma**2) * noise[1]


@pytest.fixture(scope="module")
def step():
    """Truth 0 | 0.6 and its boxcar estimate of 5 x 9."""
    truth = np.where(np.arange(240) < 120, 0.0, 0.6) * np.ones((100, 1))
    return truth, boxcar(*pair(truth), (5, 9))


@pytest.mark.parametrize("looks", [1.5, 4, 9, 52.9, 105])
def test_without_coherence_the_moments_have_closed_forms(looks):
    closed = math.exp(math.lgamma(looks) + math.lgamma(1.5) - math.lgamma(looks + 0.5))
    assert expected_coherence(0, looks) == pytest.approx(closed, rel=1e-12)
    assert expected_coherence(0, looks, power=2) == pytest.approx(1 / looks, rel=1e-12)


@pytest.mark.parametrize(("gamma", "looks", "mean"), [(0.3, 105, 0.308), (0.3, 9, 0.396), (0.7, 20, 0.705)])
def test_expectation_agrees_with_the_measured_table(gamma, looks, mean):
    assert expected_coherence(gamma, looks) == pytest.approx(mean, abs=1.5e-3)


def test_moments_agree_with_a_drawn_sample():
    a, b = pair(np.full((20000, 6), 0.5))
    drawn = np.abs((a * b.conj()).sum(1)) / np.sqrt((np.abs(a) ** 2).sum(1) * (np.abs(b) ** 2).sum(1))
    error = 4 * drawn.std() / math.sqrt(drawn.size)
    assert drawn.mean() == pytest.approx(expected_coherence(0.5, 6), abs=error)
    assert (drawn**2).mean() == pytest.approx(expected_coherence(0.5, 6, power=2), abs=error)


def test_expectation_rises_to_one():
    curve = [expected_coherence(g, 20) for g in np.linspace(0, 1, 51)]
    assert (np.diff(curve) > 0).all()
    assert curve[-1] == 1
    assert expected_coherence(0.9999, 105) == pytest.approx(0.9999, abs=1e-6)


def test_effective_looks_of_white_and_of_oversampled_speckle():
    assert effective_looks(5, 21, (1, 1)) == pytest.approx(105)
    assert effective_looks(1001, 1001, (0.672, 0.75)) == pytest.approx(1001**2 * 0.672 * 0.75, rel=5e-3)
    assert 52.9 < effective_looks(5, 21, (0.672, 0.75)) < 70


def test_boxcar_is_within_theory_and_edges_are_left_out(step):
    truth, estimate = step
    result = compare(estimate, truth, window_azimuth=5, window_range=9)
    assert result.within
    assert [row.samples for row in result.rows] == [96 * (120 - 8)] * 2
    assert result.rows[0].bias == pytest.approx(expected_coherence(0, 45), abs=0.01)
    assert result.rows[1].rmse == pytest.approx(result.rows[1].expected_rmse, rel=0.1)


def test_samples_at_edges_have_no_weight(step):
    truth, estimate = step
    spoiled = estimate.copy()
    spoiled[:, 116:124] = 1
    first, second = (compare(e, truth, window_azimuth=5, window_range=9) for e in (estimate, spoiled))
    assert first == second


def test_invalid_samples_spoil_their_window(step):
    truth, estimate = step
    holed = truth.copy()
    holed[50, 60] = np.nan
    result = compare(estimate, holed, window_azimuth=5, window_range=9)
    assert result.rows[0].samples == 96 * (120 - 8) - 5 * 9


@pytest.mark.parametrize("wrong", [np.zeros_like, np.square, np.sqrt, lambda e: e + 0.05, lambda e: e - 0.05])
def test_wrong_estimates_are_not_within_theory(step, wrong):
    truth, estimate = step
    assert not compare(wrong(estimate), truth, window_azimuth=5, window_range=9).within


def test_the_truth_itself_is_no_credible_estimate(step):
    truth, _ = step
    assert not compare(truth, truth, window_azimuth=5, window_range=9).within


def test_effective_looks_explain_oversampled_speckle(step):
    truth, _ = step
    smooth = [np.fft.ifft2(np.fft.fft2(s) * (np.abs(np.fft.fftfreq(240)) <= 0.25)) for s in pair(truth * 0)]
    estimate = boxcar(*smooth, (5, 9))
    assert compare(estimate, truth * 0, effective_looks(5, 9, (1, 0.5)), window_azimuth=5, window_range=9).within
    assert not compare(estimate, truth * 0, window_azimuth=5, window_range=9).within


def test_classes_give_named_rows(step):
    truth, estimate = step
    classes = (truth > 0).astype(np.uint8)
    result = compare(estimate, truth, window_azimuth=5, window_range=9, classes=classes, names=("lake",))
    assert [row.label for row in result.rows] == ["lake", "1"]


@pytest.mark.parametrize(("shift", "verdict"), [(0, "ok"), (0.2, "off by +0.2")])
def test_table_prints_the_numbers_and_the_verdict(step, shift, verdict):
    truth, estimate = step
    console = Console(width=160, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as capture:
        console.print(table(compare(estimate + shift, truth, window_azimuth=5, window_range=9)))
    text = capture.get()
    assert verdict in text
    assert "45 independent samples" in " ".join(text.split())
    assert "0.60-0.70" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window_range": 4}, r"^ProcessParameterInvalid: The window must be odd, instead got \(5, 4\)"),
        (
            {"window_azimuth": 101},
            r"^ProcessParameterInvalid: Some sample must be clear of edges, instead got 'none for",
        ),
        ({"looks": 1}, r"^ProcessParameterInvalid: The coherence must be in 0\.\.1 and looks above 1, instead got"),
        ({"classes": np.zeros((3, 3), int)}, r"^ProcessParameterInvalid: The rasters must have one shape \(y, x\)"),
    ],
)
def test_bad_arguments(step, arguments, message):
    truth, estimate = step
    with pytest.raises(OpenEOError, match=message):
        compare(estimate, truth, **({"window_azimuth": 5, "window_range": 9} | arguments))
