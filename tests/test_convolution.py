import numpy as np
import pytest
from scipy import ndimage

from local_runner import convolution
from local_runner.convolution import Box, convolve_valid, find_box, window_sum


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def padded(kernel, height=24, width=26):
    return noise((2, height + kernel.shape[0] - 1, width + kernel.shape[1] - 1))


def reference(image, kernel):
    """True convolution, term by term."""
    ky, kx = kernel.shape
    height, width = image.shape[-2] - ky + 1, image.shape[-1] - kx + 1
    terms = (
        kernel[j, i] * image[..., ky - 1 - j : ky - 1 - j + height, kx - 1 - i : kx - 1 - i + width]
        for j in range(ky)
        for i in range(kx)
    )
    return sum(terms)


def box(shape, rows, columns, value=1.0):
    kernel = np.zeros(shape)
    kernel[rows[0] : rows[1], columns[0] : columns[1]] = value
    return kernel


KERNELS = {
    "box": np.ones((5, 9)),
    "zero-padded box": box((21, 21), (8, 13), (0, 21)),
    "even box off the centre": box((11, 11), (1, 5), (6, 8), 0.5),
    "single weight in a corner": box((5, 7), (0, 1), (6, 7), -2.0),
    "rank 1": np.outer([1.0, 2.0, 3.0], [1.0, 0.0, -1.0, 4.0, 2.0]),
    "general": noise((7, 3), seed=1),
    "zero": np.zeros((3, 5)),
    "one weight": np.full((1, 1), 3.0),
}


@pytest.mark.parametrize("name", KERNELS)
def test_equals_the_sum_of_its_terms(name):
    kernel = KERNELS[name]
    image = padded(kernel)
    assert np.allclose(convolve_valid(image, kernel), reference(image, kernel), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_keeps_dtype_and_input(name, dtype):
    image = padded(KERNELS[name]).astype(dtype)
    image.flags.writeable = False
    result = convolve_valid(image, KERNELS[name])
    assert result.dtype == dtype
    assert result.shape == (2, 24, 26)


@pytest.mark.parametrize("name", KERNELS)
def test_any_cut_gives_the_same_bits(name):
    kernel = KERNELS[name]
    image = padded(kernel).astype(np.float32)
    whole = convolve_valid(image, kernel)
    ky, kx = kernel.shape
    for y, x in ((0, 0), (5, 3), (11, 17)):
        part = convolve_valid(image[:, y : y + 8 + ky - 1, x : x + 9 + kx - 1].copy(), kernel)
        assert np.array_equal(part, whole[:, y : y + 8, x : x + 9])


@pytest.mark.parametrize(("name", "general_calls"), [("box", 0), ("zero-padded box", 0), ("rank 1", 0), ("general", 1)])
def test_only_a_general_kernel_is_summed_tap_by_tap(name, general_calls, monkeypatch):
    calls = []
    convolve = ndimage.convolve
    monkeypatch.setattr(convolution.ndimage, "convolve", lambda *a, **k: calls.append(1) or convolve(*a, **k))
    convolve_valid(padded(KERNELS[name]), KERNELS[name])
    assert len(calls) == general_calls


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        (np.ones((3, 5)), Box(1, -1, 2, -2, 3)),
        (KERNELS["zero-padded box"], Box(1, -2, 3, -10, 11)),
        (KERNELS["even box off the centre"], Box(0.5, -4, 0, 1, 3)),
        (np.array([[1.0, 0, 1]]), None),
        (np.array([[1.0, 2, 1]]), None),
        (np.zeros((3, 3)), None),
    ],
)
def test_find_box(kernel, expected):
    assert find_box(kernel) == expected


@pytest.mark.parametrize("length", range(1, 67))
def test_window_sum_equals_a_plain_sum(length):
    values = np.random.default_rng(length).integers(-1000, 1000, (3, 70)).astype(np.float64)
    plain = np.lib.stride_tricks.sliding_window_view(values, length, axis=1).sum(axis=-1)
    assert np.array_equal(window_sum(values, length, axis=1), plain)
    assert np.array_equal(window_sum(values.T, length, axis=0), plain.T)


@pytest.mark.parametrize("length", [1, 2, 5, 21, 31, 64, 65])
def test_window_sum_has_the_same_bits_for_any_cut(length):
    values = noise((2, 150)).astype(np.float32)
    whole = window_sum(values, length, axis=-1)
    for start in (1, 7, 60):
        part = window_sum(values[:, start : start + length + 9], length, axis=-1)
        assert np.array_equal(part, whole[:, start : start + 10])


@pytest.mark.parametrize("length", [1, 2, 3, 64])
def test_window_sum_leaves_its_input_alone(length):
    values = noise((2, 70))
    before = values.copy()
    result = window_sum(values, length, axis=-1)
    assert not np.shares_memory(result, values)
    assert np.array_equal(values, before)
