import math

import numpy as np
import pytest

from tests.processes import call, make_cube


@pytest.mark.parametrize(
    ("process_id", "x", "y", "expected"),
    [
        ("add", 5, 2.5, 7.5),
        ("subtract", 5, 7, -2),
        ("multiply", -2, 4.25, -8.5),
        ("divide", 1, 4, 0.25),
        ("mod", -27, 5, 3),
        ("mod", 27, -5, -3),
        ("divide", 1, 0, math.inf),
        ("divide", -1, 0, -math.inf),
        ("mod", 5, 0, math.inf),
        ("mod", -5, 0, -math.inf),
    ],
)
def test_two_numbers(process_id, x, y, expected):
    assert call(process_id, x=x, y=y) == expected


@pytest.mark.parametrize(
    ("process_id", "x", "expected"),
    [
        ("absolute", -3.5, 3.5),
        ("sqrt", 9, 3),
        ("exp", 1, math.e),
        ("ln", math.e, 1),
        ("ln", 0, -math.inf),
        ("cos", math.pi, -1),
        ("sin", math.pi / 2, 1),
        ("floor", -1.5, -2),
        ("ceil", -1.5, -1),
        ("int", -1.5, -1),
        ("floor", math.inf, math.inf),
    ],
)
def test_one_number(process_id, x, expected):
    assert call(process_id, **{"p" if process_id == "exp" else "x": x}) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(("process_id", "x"), [("sqrt", -1), ("ln", -1), ("int", math.nan), ("sin", math.inf)])
def test_undefined_is_nan(process_id, x):
    assert math.isnan(call(process_id, x=x))


@pytest.mark.parametrize("process_id", ["add", "subtract", "multiply", "divide", "mod"])
def test_null_in_null_out(process_id):
    assert call(process_id, x=None, y=2) is None
    assert call(process_id, x=2, y=None) is None


def test_null_makes_a_whole_cube_null():
    result = call("add", x=make_cube(), y=None)
    assert result.dtype == np.float32
    assert np.isnan(result.values).all()


@pytest.mark.parametrize(("base", "p", "expected"), [(2, 10, 1024), (2, -1, 0.5), (2, 0, 1), (4, 0.5, 2)])
def test_power(base, p, expected):
    assert call("power", base=base, p=p) == expected


def test_fractional_power_of_a_negative_base_is_nan():
    assert math.isnan(call("power", base=-8, p=0.5))


def test_whole_result_of_integers_is_an_integer():
    assert type(call("divide", x=16, y=2)) is int
    assert type(call("divide", x=17, y=2)) is float


@pytest.mark.parametrize(
    ("process_id", "arguments", "expected"),
    [
        ("power", {"base": 10, "p": 20}, 1e20),
        ("multiply", {"x": 2**62, "y": 4}, 2.0**64),
        ("add", {"x": 2**63, "y": 2**63}, 2.0**64),
    ],
)
def test_integers_do_not_overflow(process_id, arguments, expected):
    assert call(process_id, **arguments) == expected


def test_integer_cube_does_not_overflow():
    cube = make_cube(dtype=np.int16)
    assert np.array_equal(call("multiply", x=cube, y=40_000), cube.values.astype(float) * 40_000)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cube_keeps_its_precision(dtype):
    cube = make_cube(dtype=dtype)
    result = call("mod", x=cube, y=7)
    assert result.dtype == dtype
    assert np.array_equal(result, np.mod(cube.values, dtype(7)))


def test_mod_by_zero_in_a_cube():
    cube = make_cube()
    assert np.array_equal(call("mod", x=cube, y=0), np.where(cube > 0, np.inf, -np.inf))


def test_dims_are_broadcast_by_name():
    cube = make_cube(bands=("a", "b"))
    total = call("add", x=cube, y=cube.sel(bands="a", drop=True).transpose("x", "y"))
    assert np.array_equal(total.transpose(*cube.dims), cube.values + cube.values[:1])


@pytest.mark.parametrize(("y", "x", "degree"), [(1, 1, 45), (1, -1, 135), (-1, -1, -135), (0, -1, 180)])
def test_arctan2_knows_the_quadrant(y, x, degree):
    assert math.degrees(call("arctan2", y=y, x=x)) == pytest.approx(degree)


def test_pi():
    assert call("pi") == math.pi
