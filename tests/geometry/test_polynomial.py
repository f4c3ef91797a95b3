"""Polynomials in line, sample and height: what they reproduce, and how the fit is judged."""

import numpy as np
import pytest

from local_runner.geometry.polynomial import Box, Degrees, fit

BOX = Box((0.0, 1499.0), (0.0, 23_999.0), (-400.0, 8800.0))
DEGREES = Degrees(2, 3, 2)


def cubic(line, sample, height):
    """Two quantities within the degrees."""
    x, y, z = line / 1500, sample / 24_000, height / 5000
    return np.stack((1 + 2 * x - x**2 * y + 3 * y**3 * z**2, x * y * z))


def fitted():
    return [one.polynomial for one in fit(cubic, BOX, DEGREES)]


def pixels(n=200):
    random = np.random.default_rng(0)
    return [random.uniform(*span, n) for span in BOX]


def test_a_polynomial_of_the_degrees_is_reproduced():
    for one, polynomial, truth in zip(fit(cubic, BOX, DEGREES), fitted(), cubic(*pixels()), strict=True):
        np.testing.assert_allclose(polynomial.at(*pixels()), truth, atol=1e-13)
        assert one.residual < 1e-13
        assert one.polynomial.coefficients.shape == (3, 4, 3)


def test_evaluation_broadcasts():
    polynomial = fitted()[0]
    lines, samples, height = np.arange(3.0)[:, None], np.arange(5.0), np.full((2, 3, 5), 100.0)
    np.testing.assert_allclose(polynomial.at(lines, samples, height), cubic(lines, samples, height)[0], atol=1e-13)
    assert polynomial.at(1.0, 2.0, 3.0).shape == ()
    assert np.isnan(polynomial.at(1.0, 2.0, np.nan))


def test_rows_give_powers_of_the_height():
    polynomial, (lines, samples, _) = fitted()[0], pixels(7)
    height = np.random.default_rng(1).uniform(-400, 8800, (7, 7))
    c = polynomial.on_rows(lines, samples)
    assert c.shape == (3, 7, 7)
    np.testing.assert_allclose(
        c[0] + height * (c[1] + height * c[2]), polynomial.at(lines[:, None], samples, height), atol=1e-12
    )


def test_lines_give_powers_of_sample_and_height():
    polynomial, (lines, samples, height) = fitted()[0], pixels(7)
    c, y = polynomial.on_lines(lines), polynomial.normalised_sample(samples)
    value = sum(c[:, j, k] * y**j * height**k for j in range(4) for k in range(3))
    np.testing.assert_allclose(value, polynomial.at(lines, samples, height), atol=1e-12)
    assert np.abs(y).max() <= 1


def wave(line, sample, height):
    return np.sin(line / 300)[None] + 0 * sample * height


def steep(line, sample, height):
    return (height / 1000)[None] ** 5 + 0 * line * sample


@pytest.mark.parametrize("function", [wave, steep])
def test_the_residual_is_what_is_missed_between_the_points_of_the_fit(function):
    [(polynomial, residual)] = fit(function, BOX, DEGREES)
    missed = np.abs(polynomial.at(*pixels(20_000)) - function(*pixels(20_000))[0]).max()
    assert missed > 0.01
    assert residual == pytest.approx(missed, rel=0.1)


def test_a_kink_between_the_points_of_the_fit_is_seen():
    [(_, residual)] = fit(lambda x, y, z: np.abs(x - 400)[None] + 0 * y * z, BOX, DEGREES)
    assert residual > 50


def test_nan_is_told_by_the_residual():
    [(_, residual)] = fit(lambda x, y, z: np.where(z > 8000, np.nan, x + y)[None], BOX, DEGREES)
    assert np.isnan(residual)


def test_a_box_without_width():
    box = Box((0.0, 0.0), (0.0, 0.0), (100.0, 100.0))
    [(polynomial, residual)] = fit(lambda x, y, z: (x + y + z)[None], box, DEGREES)
    assert residual < 1e-10
    assert polynomial.at(0.0, 0.0, 100.0) == pytest.approx(100)
