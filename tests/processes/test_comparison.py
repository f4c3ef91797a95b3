import math

import numpy as np
import pytest
import xarray as xr

from tests.processes import call, make_cube, unreadable


@pytest.mark.parametrize(
    ("process_id", "x", "y", "expected"),
    [
        ("eq", 1, 1.0, True),
        ("eq", 1, "1", False),
        ("eq", 0, False, False),
        ("eq", "a", "A", False),
        ("eq", [1], [1], True),
        ("neq", 1, 2, True),
        ("neq", 1, "1", True),
        ("gt", 2, 1, True),
        ("gt", 1, 1, False),
        ("gte", 1, 1, True),
        ("lt", 1, 2, True),
        ("lte", 2, 2, True),
        ("lte", 3, 2, False),
    ],
)
def test_scalars_give_a_boolean(process_id, x, y, expected):
    assert call(process_id, x=x, y=y) is expected


@pytest.mark.parametrize("process_id", ["eq", "neq", "gt", "gte", "lt", "lte"])
@pytest.mark.parametrize(("x", "y"), [(None, 1), ("a", None), (None, True), (None, None)])
def test_null_gives_null(process_id, x, y):
    assert call(process_id, x=x, y=y) is None


@pytest.mark.parametrize("process_id", ["gt", "gte", "lt", "lte"])
@pytest.mark.parametrize(("x", "y"), [("b", "a"), ("2023-01-02", "2023-01-01"), (True, False), (1, False), (2, "1")])
def test_only_numbers_have_an_order(process_id, x, y):
    assert call(process_id, x=x, y=y) is False
    assert call(process_id, x=y, y=x) is False


@pytest.mark.parametrize(("delta", "expected"), [(0.001, False), (0.02, True), (None, False)])
def test_eq_within_delta(delta, expected):
    assert call("eq", x=1.01, y=1, delta=delta) is expected
    assert call("neq", x=1.01, y=1, delta=delta) is not expected


@pytest.mark.parametrize("x", ["a", True, [1], None])
def test_delta_is_for_numbers_only(x):
    assert call("eq", x=x, y=x, delta=1) == call("eq", x=x, y=x)


def test_eq_without_case():
    assert call("eq", x="Ä", y="ä", case_sensitive=False) is True


def test_nan_is_not_equal_to_itself():
    assert call("eq", x=math.nan, y=math.nan) is False


@pytest.mark.parametrize(("process_id", "expected"), [("gt", [1, 0, 0]), ("lte", [0, 1, 1]), ("neq", [1, 1, 0])])
def test_cube_gives_1_and_0_and_nan_for_null(process_id, expected):
    cube = make_cube(y=1, x=4).copy(data=np.array([[2.0, -1.0, 1.0, np.nan]], np.float32))
    result = call(process_id, x=cube, y=1)
    assert result.dtype == np.float32
    assert np.array_equal(result.values[0], [*expected, np.nan], equal_nan=True)


def test_cube_with_null_is_null():
    assert np.isnan(call("gt", x=make_cube(), y=None).values).all()


@pytest.mark.parametrize("process_id", ["eq", "gt"])
def test_cube_with_a_text_is_false(process_id):
    assert not call(process_id, x=make_cube(), y="a").values.any()
    assert not call(process_id, x="a", y=make_cube()).values.any()


def test_cube_has_no_order_with_a_boolean():
    cube = make_cube()
    assert call("gt", x=cube, y=False).shape == cube.shape
    assert not call("gt", x=cube, y=False).values.any()


@pytest.mark.parametrize("process_id", ["gte", "lte"])
@pytest.mark.parametrize("x", ["a", True, False])
def test_what_has_no_order_may_be_equal(process_id, x):
    assert call(process_id, x=x, y=x) is True


@pytest.mark.parametrize(
    ("x", "low", "high", "expected"),
    [(1, 0, 1, True), (0, 0, 1, True), (2, 0, 1, False), (0.5, 1, 0, False), ("0.5", 0, 1, False), (True, 0, 1, False)],
)
def test_between(x, low, high, expected):
    assert call("between", x=x, min=low, max=high) is expected


def test_between_without_the_maximum():
    assert call("between", x=1, min=0, max=1, exclude_max=True) is False
    assert call("between", x=0, min=0, max=1, exclude_max=True) is True


def test_between_null_is_null():
    assert call("between", x=None, min=1, max=0) is None


def test_between_in_a_cube():
    cube = make_cube(y=1, x=4).copy(data=np.array([[0.0, 1.0, 2.0, np.nan]], np.float32))
    inside = call("between", x=cube, min=1, max=2, exclude_max=True)
    assert np.array_equal(inside.values[0], [0, 1, 0, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    ("x", "nan", "nodata", "valid"),
    [
        (1, False, False, True),
        (math.nan, True, False, False),
        (math.inf, False, False, False),
        (None, False, True, False),
        ("NaN", False, False, True),
        ([math.nan], False, False, True),
        ([None, None], False, False, True),
        ({"nan": math.nan}, False, False, True),
        (False, False, False, True),
    ],
)
def test_what_a_value_is(x, nan, nodata, valid):
    assert call("is_nan", x=x) is nan
    assert call("is_nodata", x=x) is nodata
    assert call("is_valid", x=x) is valid


@pytest.mark.parametrize("values", [[1.0, None], ["a", None], []])
def test_a_labelled_array_is_one_value(values):
    array = xr.DataArray(np.array(values, object), {"label": list("ab")[: len(values)]}, ("label",))
    assert [call(process_id, x=array) for process_id in ("is_nan", "is_nodata", "is_valid")] == [False, False, True]
    assert call("between", x=array, min=0, max=2) is False
    assert call("gt", x=array, y=0) is False
    assert call("eq", x=array, y=array, delta=1) is call("eq", x=array, y=array) is True


@pytest.mark.parametrize(
    ("process_id", "expected"), [("is_nan", [0, 0, 1]), ("is_nodata", [0, 0, 1]), ("is_valid", [1, 0, 0])]
)
def test_nan_of_a_cube_is_no_data(process_id, expected):
    cube = make_cube(y=1, x=3).copy(data=np.array([[1, np.inf, np.nan]], np.float32))
    result = call(process_id, x=cube)
    assert result.dtype == np.float32
    assert result.values[0].tolist() == expected


@pytest.mark.parametrize(
    ("process_id", "arguments"), [("between", {"min": 0, "max": 1}), ("is_valid", {}), ("gte", {"y": 1})]
)
def test_nothing_is_read_while_the_graph_is_evaluated(process_id, arguments):
    cube = unreadable(make_cube())
    assert call(process_id, x=cube, **arguments).shape == cube.shape
