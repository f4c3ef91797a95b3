import math

import numpy as np
import pytest

from local_runner.errors import OpenEOError
from tests.processes import call, make_cube, unreadable


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
        ("floor", -1.5, -2),
        ("ceil", -1.5, -1),
        ("int", -1.5, -1),
        ("floor", math.inf, math.inf),
    ],
)
def test_one_number(process_id, x, expected):
    assert call(process_id, **{"p" if process_id == "exp" else "x": x}) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(("process_id", "x"), [("sqrt", -1), ("ln", -1), ("int", math.nan)])
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
    assert type(call(process_id, **arguments)) is float


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


@pytest.mark.parametrize(("x", "base"), [(8, 2), (1000, 10), (81, 3), (0.25, 0.5), (7, math.e)])
def test_log_is_the_inverse_of_power(x, base):
    assert call("power", base=base, p=call("log", x=x, base=base)) == pytest.approx(x, rel=1e-14)


@pytest.mark.parametrize(("x", "base", "expected"), [(1000, 10, 3), (2**40, 2, 40), (1, 16, 0), (0, 5, -math.inf)])
def test_log_is_exact_where_it_can_be(x, base, expected):
    assert call("log", x=x, base=base) == expected


@pytest.mark.parametrize("base", [0.5, 1, 2, 3.5])
def test_log_of_zero_is_minus_infinity_whatever_the_base(base):
    assert call("log", x=0, base=base) == -math.inf
    assert (call("log", x=make_cube() * 0, base=base) == -np.inf).all()


def test_log_of_a_cube_keeps_its_precision():
    cube = abs(make_cube(dtype=np.float32))
    result = call("log", x=cube, base=3)
    assert result.dtype == result.values.dtype == np.float32
    assert np.allclose(result, np.log(cube.values) / np.log(3), rtol=1e-5)


def test_log_of_a_cube_to_the_base_of_a_cube():
    cube = abs(make_cube(dtype=np.float64)) + 2
    assert np.allclose(call("log", x=cube**3, base=cube), 3, rtol=1e-12)


@pytest.mark.parametrize(("x", "expected"), [(-2, -1), (3.5, 1), (0, 0), (-0.0, 0), (math.inf, 1)])
def test_sgn(x, expected):
    assert call("sgn", x=x) == expected
    assert type(call("sgn", x=x)) is int


@pytest.mark.parametrize("process_id", ["int", "floor", "ceil", "sgn"])
def test_whole_results_are_integers_and_nan_stays(process_id):
    assert type(call(process_id, x=-2.5)) is int
    assert math.isnan(call(process_id, x=math.nan))
    assert call(process_id, x=None) is None


@pytest.mark.parametrize(
    ("x", "p", "expected"),
    [(2.5, 0, 2), (-3.5, 0, -4), (0.25, 1, 0.2), (0.35, 1, 0.4), (1250, -2, 1200), (3.56, 1, 3.6)],
)
def test_round_takes_halves_to_the_even_digit(x, p, expected):
    assert call("round", x=x, p=p) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("x", "p", "expected"),
    [(1e300, 10, 1e300), (1.5, 400, 1.5), (1.5, 10**30, 1.5), (1e300, -400, 0), (-math.inf, -400, -math.inf)],
)
def test_round_far_beyond_the_digits_of_a_number(x, p, expected):
    assert call("round", x=x, p=p) == expected
    cube = make_cube(dtype=np.float64) * 0 + x
    assert (call("round", x=cube, p=p) == expected).all()


@pytest.mark.parametrize("p", [-50, 50])
def test_round_keeps_infinity_and_nan_of_a_cube(p):
    cube = make_cube(y=1, x=3).copy(data=np.array([[np.inf, -np.inf, np.nan]], np.float32))
    result = call("round", x=cube, p=p)
    assert result.dtype == np.float32
    assert np.array_equal(result, cube, equal_nan=True)


@pytest.mark.parametrize(("x", "expected"), [(-5, -1), (0.5, 0.5), (7, 1), (math.inf, 1), (None, None)])
def test_clip(x, expected):
    assert call("clip", x=x, min=-1, max=1) == expected


def test_clip_refuses_swapped_bounds():
    with pytest.raises(OpenEOError, match=r"^MinMaxSwapped: .*'max'.*'min', instead got '2 and 1'"):
        call("clip", x=1.5, min=2, max=1)


def test_clip_between_cubes():
    cube = make_cube()
    assert (call("clip", x=100, min=cube - 1, max=cube) == cube).all()


@pytest.mark.parametrize(("x", "expected"), [(-3, 10), (0, 10), (5, 15), (10, 20), (99, 20), (None, None)])
def test_linear_scale_range_cuts_at_the_ends(x, expected):
    assert call("linear_scale_range", x=x, inputMin=0, inputMax=10, outputMin=10, outputMax=20) == expected


def test_linear_scale_range_of_a_cube_keeps_nan_and_precision():
    cube = make_cube().load()
    cube[0, 0] = np.nan
    result = call("linear_scale_range", x=cube.chunk(), inputMin=-10, inputMax=10)
    assert result.dtype == np.float32
    assert np.allclose(result, np.clip((cube.values + 10) / 20, 0, 1), atol=1e-6, equal_nan=True)


def test_normalized_difference():
    assert call("normalized_difference", x=3, y=1) == 0.5
    assert call("normalized_difference", x=1, y=3) == -0.5
    assert math.isnan(call("normalized_difference", x=0, y=0))


@pytest.mark.parametrize("x", [1, "text", None, True, [1, None], {"a": 1}])
def test_constant_is_what_it_is_given(x):
    assert call("constant", x=x) == x


def test_numbers_with_a_name():
    assert call("ln", x=call("e")) == 1
    assert call("sin", x=call("pi")) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(
    ("process_id", "arguments"),
    [
        ("round", {}),
        ("clip", {"min": 0, "max": 1}),
        ("linear_scale_range", {"inputMin": 0, "inputMax": 1}),
        ("sgn", {}),
    ],
)
def test_nothing_is_read_while_the_graph_is_evaluated(process_id, arguments):
    cube = unreadable(make_cube())
    assert call(process_id, x=cube, **arguments).shape == cube.shape
