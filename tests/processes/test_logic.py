import numpy as np
import pytest

from tests.processes import call, make_cube, unreadable

NAN = float("nan")
VALUES = (True, False, None)


def cube_of(*values):
    return make_cube(y=1, x=len(values)).copy(data=np.array([values], np.float32))


@pytest.mark.parametrize("x", VALUES)
@pytest.mark.parametrize("y", VALUES)
def test_and_is_false_if_either_is(x, y):
    expected = False if False in (x, y) else None if None in (x, y) else True
    assert call("and", x=x, y=y) is expected


@pytest.mark.parametrize("x", VALUES)
@pytest.mark.parametrize("y", VALUES)
def test_or_is_true_if_either_is(x, y):
    expected = True if True in (x, y) else None if None in (x, y) else False
    assert call("or", x=x, y=y) is expected


@pytest.mark.parametrize(("x", "expected"), [(True, False), (False, True), (None, None)])
def test_not(x, expected):
    assert call("not", x=x) is expected


@pytest.mark.parametrize(
    ("process_id", "y", "expected"),
    [
        ("and", True, [1, 0, NAN]),
        ("and", False, [0, 0, 0]),
        ("and", None, [NAN, 0, NAN]),
        ("or", True, [1, 1, 1]),
        ("or", False, [1, 0, NAN]),
        ("or", None, [1, NAN, NAN]),
    ],
)
def test_cube_with_a_scalar(process_id, y, expected):
    assert np.array_equal(call(process_id, x=cube_of(1, 0, NAN), y=y).values[0], expected, equal_nan=True)


def test_two_cubes():
    a, b = cube_of(1, 1, 0, NAN), cube_of(1, 0, 0, 0)
    assert call("and", x=a, y=b).values.tolist() == [[1, 0, 0, 0]]
    assert call("or", x=a, y=b).values.tolist()[0][:3] == [1, 1, 0]


def test_not_of_a_cube_keeps_null():
    assert np.array_equal(call("not", x=cube_of(1, 0, NAN)).values[0], [0, 1, NAN], equal_nan=True)


@pytest.mark.parametrize(("value", "expected"), [(True, "yes"), (False, "no"), (None, "no")])
def test_if_takes_a_branch(value, expected):
    assert call("if", value=value, accept="yes", reject="no") == expected


def test_if_without_reject_is_null():
    assert call("if", value=False, accept=1) is None


def test_if_on_a_cube_chooses_element_by_element():
    result = call("if", value=cube_of(1, 0, NAN), accept=cube_of(5, 6, 7), reject=None)
    assert np.array_equal(result.values[0], [5, NAN, NAN], equal_nan=True)


def test_if_with_whole_numbers_gives_a_float_cube():
    result = call("if", value=cube_of(1, 0, NAN), accept=1, reject=0)
    assert result.dtype == np.float32
    assert result.values[0].tolist() == [1, 0, 0]


def test_if_on_a_cube_reads_nothing():
    cube = unreadable(make_cube())
    assert call("if", value=cube, accept=cube, reject=0).shape == cube.shape
