import math

import numpy as np
import pytest

from tests.processes import call, make_cube

ANGLES = (-3.0, -1.5, -0.5, 0.0, 0.25, 1.0, 3.0)
SINGLE = ("sin", "cos", "tan", "arcsin", "arccos", "arctan")


@pytest.mark.parametrize("x", ANGLES)
def test_sine_and_cosine_lie_on_the_unit_circle(x):
    assert call("sin", x=x) ** 2 + call("cos", x=x) ** 2 == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("x", ANGLES)
def test_tangent_is_sine_by_cosine(x):
    assert call("tan", x=x) * call("cos", x=x) == pytest.approx(call("sin", x=x), abs=1e-14)


@pytest.mark.parametrize(("there", "back"), [("arcsin", "sin"), ("arccos", "cos"), ("arctan", "tan")])
@pytest.mark.parametrize("x", [-1.0, -0.3, 0, 0.9, 1])
def test_inverse(there, back, x):
    assert call(back, x=call(there, x=x)) == pytest.approx(x, abs=1e-15)


@pytest.mark.parametrize(("process_id", "low", "high"), [("arcsin", -90, 90), ("arccos", 180, 0), ("arctan", -45, 45)])
def test_range_of_the_inverse(process_id, low, high):
    assert math.degrees(call(process_id, x=-1)) == pytest.approx(low)
    assert math.degrees(call(process_id, x=1)) == pytest.approx(high)


@pytest.mark.parametrize(("process_id", "x"), [("arcsin", 1.1), ("arccos", -1.1), ("sin", math.inf), ("tan", math.inf)])
def test_undefined_is_nan(process_id, x):
    assert math.isnan(call(process_id, x=x))


@pytest.mark.parametrize("n", [-3, -2, -1, 0, 1, 2])
def test_tangent_is_infinite_at_its_poles_with_the_sign_of_x(n):
    x = math.pi / 2 + n * math.pi
    assert call("tan", x=x) == math.copysign(math.inf, x)


@pytest.mark.parametrize("process_id", SINGLE)
def test_null_in_null_out(process_id):
    assert call(process_id, x=None) is None


@pytest.mark.parametrize("process_id", SINGLE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cube_is_computed_in_its_own_precision(process_id, dtype):
    cube = make_cube(dtype=dtype) / dtype(100)
    result = call(process_id, x=cube)
    assert result.dtype == dtype
    expected = [call(process_id, x=float(x)) for x in cube.values.ravel()]
    assert np.allclose(result.values.ravel(), expected, rtol=1e-5 if dtype == np.float32 else 1e-15, equal_nan=True)


@pytest.mark.parametrize(("y", "x", "degree"), [(1, 1, 45), (1, -1, 135), (-1, -1, -135), (0, -1, 180)])
def test_arctan2_knows_the_quadrant(y, x, degree):
    assert math.degrees(call("arctan2", y=y, x=x)) == pytest.approx(degree)


def test_arctan2_of_null_is_null():
    assert call("arctan2", y=None, x=1) is None
    assert call("arctan2", y=1, x=None) is None
