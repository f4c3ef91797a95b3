import numpy as np
import pytest
from scipy import ndimage

from local_runner.errors import OpenEOError
from tests.processes import call, make_cube, unreadable

SHAPE = (41, 37)


def image(values, chunks="auto"):
    cube = make_cube(y=values.shape[0], x=values.shape[1])
    return cube.copy(data=values).chunk(chunks)


def noise(dtype=np.float64, shape=SHAPE):
    return np.random.default_rng(0).normal(0, 100, shape).astype(dtype)


def convolved(values, kernel, **options):
    return call("apply_kernel", data=image(values), kernel=np.asarray(kernel, float).tolist(), **options).values


def padded_box(height, width, edge=21, top=None, left=None):
    kernel = np.zeros((edge, edge))
    top, left = (edge - height) // 2 if top is None else top, (edge - width) // 2 if left is None else left
    kernel[top : top + height, left : left + width] = 1
    return kernel


KERNELS = {
    "7 x 3": np.arange(1.0, 22).reshape(7, 3),
    "5 x 21 box in 21 x 21": padded_box(5, 21),
    "even box off the centre": padded_box(4, 2, edge=7, top=1, left=4),
    "rank 1": np.outer([1, 2, -1], [3, 0, 1, 1, 5]),
    "1 x 1": np.array([[2.5]]),
}


@pytest.mark.parametrize("name", KERNELS)
def test_an_impulse_returns_the_kernel(name):
    kernel = KERNELS[name]
    values = np.zeros((31, 29))
    values[15, 14] = 1
    y, x = (15 - kernel.shape[0] // 2, 14 - kernel.shape[1] // 2)
    expected = np.zeros_like(values)
    expected[y : y + kernel.shape[0], x : x + kernel.shape[1]] = kernel
    assert np.array_equal(convolved(values, kernel), expected)


@pytest.mark.parametrize("name", KERNELS)
def test_equals_scipy(name):
    values = noise()
    expected = ndimage.convolve(values, KERNELS[name], mode="constant")
    assert np.allclose(convolved(values, KERNELS[name]), expected, rtol=0, atol=1e-9)


def test_factor_multiplies_the_sums():
    assert np.allclose(
        convolved(noise(), np.ones((3, 3)), factor=1 / 9), ndimage.uniform_filter(noise(), 3, mode="constant")
    )


@pytest.mark.parametrize(
    ("border", "mode"),
    [
        (0, {"mode": "constant"}),
        (-7.5, {"mode": "constant", "constant_values": -7.5}),
        ("replicate", {"mode": "edge"}),
        ("reflect", {"mode": "symmetric"}),
        ("reflect_pixel", {"mode": "reflect"}),
        ("wrap", {"mode": "wrap"}),
    ],
)
@pytest.mark.parametrize("shape", [SHAPE, (9, 4), (2, 1), (1, 5)])
def test_borders(border, mode, shape):
    kernel = KERNELS["7 x 3"]
    extended = np.pad(noise(shape=shape), ((3, 3), (1, 1)), **mode)
    expected = ndimage.convolve(extended, kernel, mode="constant")[3:-3, 1:-1]
    assert np.allclose(convolved(noise(shape=shape), kernel, border=border), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("invalid", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("replacement", [0, 3.5])
def test_what_is_not_finite_is_replaced(invalid, replacement):
    values, replaced = noise(), noise()
    values[20, 18], replaced[20, 18] = invalid, replacement
    result = convolved(values, KERNELS["7 x 3"], replace_invalid=replacement)
    assert np.array_equal(result, convolved(replaced, KERNELS["7 x 3"]))


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e12])
def test_one_bad_sample_changes_only_the_windows_that_hold_it(name, value):
    good, bad = noise(np.float32), noise(np.float32)
    bad[20, 18] = value
    impulse = np.zeros(SHAPE)
    impulse[20, 18] = 1
    touched = convolved(impulse, KERNELS[name]) != 0
    before, after = convolved(good, KERNELS[name]), convolved(bad, KERNELS[name])
    assert np.array_equal(before[~touched], after[~touched])
    assert (before[touched] != after[touched]).all()


def test_integers_do_not_truncate():
    values = np.full((9, 9), 30_000, np.int16)
    result = convolved(values, np.ones((3, 3)), factor=0.5)
    assert result.dtype == np.float32
    assert result[4, 4] == 135_000


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floating_point_dtype_is_kept(dtype):
    assert convolved(noise(dtype), np.ones((3, 3)), factor=0.1).dtype == dtype


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("border", [0, "reflect"])
def test_chunks_do_not_change_a_bit(name, border):
    options = {"kernel": KERNELS[name].tolist(), "factor": 1 / 3, "border": border}
    whole = call("apply_kernel", data=image(noise(np.float32)), **options)
    cut = call("apply_kernel", data=image(noise(np.float32), {"y": 13, "x": 5}), **options)
    assert np.array_equal(whole, cut)


def test_rows_beyond_one_task_do_not_change_a_bit(monkeypatch):
    whole = convolved(noise(np.float32), KERNELS["7 x 3"])
    monkeypatch.setattr("local_runner.processes.kernels._ROWS_PER_TASK", 8)
    assert np.array_equal(convolved(noise(np.float32), KERNELS["7 x 3"]), whole)


def test_dates_bands_and_labels_are_kept():
    cube = make_cube(t=2, bands=("a", "b"), y=12, x=9).transpose("y", "bands", "x", "t")
    result = call("apply_kernel", data=cube, kernel=KERNELS["7 x 3"].tolist())
    assert result.dims == cube.dims
    assert all(result[d].equals(cube[d]) for d in cube.dims)
    expected = ndimage.convolve(cube.isel(t=1, bands=0).values.astype(float), KERNELS["7 x 3"], mode="constant")
    assert np.allclose(result.isel(t=1, bands=0), expected, rtol=1e-6, atol=1e-2)


def test_nothing_is_read():
    cube = unreadable(make_cube(t=2, bands=("a", "b"), y=40, x=40))
    for border in (0, "wrap"):
        assert call("apply_kernel", data=cube, kernel=[[1, 1, 1]], border=border).shape == cube.shape


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (10, 10)])
def test_even_kernel_is_refused(shape):
    with pytest.raises(OpenEOError, match=rf"^KernelDimensionsUneven: .*instead got '{shape[0]} rows of {shape[1]}'"):
        convolved(noise(), np.ones(shape))


@pytest.mark.parametrize("kernel", [[[1, 2], [1]], [], [[]]])
def test_kernel_must_be_rows_of_one_length(kernel):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The kernel must be rows of one length"):
        call("apply_kernel", data=image(noise()), kernel=kernel)


def test_kernel_must_be_finite():
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The kernel must hold finite numbers"):
        convolved(noise(), [[np.nan]])
