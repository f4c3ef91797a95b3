import itertools

import numpy as np
import pytest

from local_runner.errors import OpenEOError
from tests.processes import call, callback, make_cube, parameter, unreadable

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


@pytest.mark.parametrize("x", VALUES)
@pytest.mark.parametrize("y", VALUES)
def test_xor_is_true_if_one_is(x, y):
    assert call("xor", x=x, y=y) is (None if None in (x, y) else x != y)


@pytest.mark.parametrize(("y", "expected"), [(True, [0, 1, NAN]), (False, [1, 0, NAN]), (None, [NAN] * 3)])
def test_xor_of_a_cube_with_a_scalar(y, expected):
    assert np.array_equal(call("xor", x=cube_of(1, 0, NAN), y=y).values[0], expected, equal_nan=True)


@pytest.mark.parametrize("process_id", ["all", "any"])
@pytest.mark.parametrize("x", VALUES)
@pytest.mark.parametrize("y", VALUES)
def test_all_and_any_that_count_null_are_and_and_or(process_id, x, y):
    of_two = call({"all": "and", "any": "or"}[process_id], x=x, y=y)
    assert call(process_id, data=[x, y], ignore_nodata=False) is of_two


@pytest.mark.parametrize(("process_id", "of_nothing"), [("all", True), ("any", False)])
def test_all_and_any_leave_null_out(process_id, of_nothing):
    assert call(process_id, data=[]) is of_nothing
    assert call(process_id, data=[None]) is of_nothing
    assert call(process_id, data=[None, not of_nothing]) is not of_nothing


@pytest.mark.parametrize("process_id", ["all", "any"])
@pytest.mark.parametrize("element", [1, "true", 0.0])
def test_all_and_any_take_booleans(process_id, element):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The elements of data must be booleans or null"):
        call(process_id, data=[True, element])


@pytest.mark.parametrize("process_id", ["all", "any"])
@pytest.mark.parametrize("ignore_nodata", [True, False])
def test_cubes_decide_as_lists_do(process_id, ignore_nodata):
    pixels = list(itertools.product((1, 0, NAN), repeat=3))
    cube = make_cube(t=3, y=1, x=27).copy(data=np.array(pixels, np.float32).T[:, None]).chunk(t=2)
    reducer = callback(process_id, data=parameter("data"), ignore_nodata=ignore_nodata)
    found = call("reduce_dimension", data=cube, reducer=reducer, dimension="t").values[0]
    lists = [[None if np.isnan(v) else v == 1 for v in pixel] for pixel in pixels]
    truth = [call(process_id, data=values, ignore_nodata=ignore_nodata) for values in lists]
    assert np.array_equal(found, [NAN if t is None else float(t) for t in truth], equal_nan=True)
