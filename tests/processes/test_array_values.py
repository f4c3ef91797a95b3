import math

import numpy as np
import pytest
import xarray as xr

from local_runner.errors import OpenEOError
from tests.processes import call, callback, graph, node, output, parameter

X, INDEX, LABEL, CONTEXT = (parameter(name) for name in ("x", "index", "label", "context"))
INF, NAN = math.inf, math.nan


def labelled(values, labels):
    return xr.DataArray(values, {"label": labels}, ("label",))


@pytest.mark.parametrize(
    ("process", "expected"),
    [
        (callback("multiply", x=X, y=CONTEXT), [10, None, -20]),
        (callback("gt", x=X, y=0), [True, None, False]),
        (callback("constant", x=INDEX), [0, 1, 2]),
        (callback("constant", x=LABEL), [None, None, None]),
    ],
)
def test_array_apply_to_a_list(process, expected):
    assert call("array_apply", data=[1, None, -2], process=process, context=10) == expected


def test_array_apply_of_several_processes():
    process = graph(more=node("add", x=X, y=1), twice=node("multiply", x=output("more"), y=2))
    assert call("array_apply", data=[1, 2.5], process=process) == [4, 7]


def test_array_apply_keeps_labels():
    result = call("array_apply", data=labelled([1, 2], ["a", "b"]), process=callback("constant", x=LABEL))
    assert result.label.values.tolist() == result.values.tolist() == ["a", "b"]


def test_array_apply_to_nothing():
    assert call("array_apply", data=[], process=callback("absolute", x=X)) == []


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (callback("gt", x=X, y=1), [3, 2]),
        (callback("is_nodata", x=X), [None]),
        (callback("gt", x=INDEX, y=1), [3, 2]),
        (callback("eq", x=X, y=CONTEXT), [1]),
        (callback("gt", x=X, y=99), []),
    ],
)
def test_array_filter(condition, expected):
    assert call("array_filter", data=[1, None, 3, 2], condition=condition, context=1) == expected


def test_array_filter_keeps_labels():
    result = call("array_filter", data=labelled([1, 2, 3], list("abc")), condition=callback("neq", x=LABEL, y="b"))
    assert result.label.values.tolist() == ["a", "c"]
    assert result.values.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("data", "value", "found", "last"),
    [
        ([1, 2, 3, 2], 2, 1, 3),
        ([1, 2.0, 3], 2, 1, 1),
        (["A", "B"], "b", None, None),
        ([1, 2], "2", None, None),
        ([0, False], False, 1, 1),
        ([1, None], None, None, None),
        ([NAN], NAN, None, None),
        ([[1, 2]], [1, 2], None, None),
        ([[1, 2]], 2, None, None),
        ([{"a": 1}], {"a": 1}, None, None),
        ([], 1, None, None),
    ],
)
def test_array_find(data, value, found, last):
    assert call("array_find", data=data, value=value) == found
    assert call("array_find", data=data, value=value, reverse=True) == last
    if not isinstance(value, list | dict):
        assert call("array_contains", data=data, value=value) is (found is not None)


def test_array_find_in_a_labelled_array_gives_the_index():
    assert call("array_find", data=labelled([5, 6], ["a", "b"]), value=6) == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [-1, 2, 9, 9]),
        ({"asc": False}, [9, 9, 2, -1]),
        ({"nodata": True}, [-1, 2, 9, 9, None, None]),
        ({"asc": False, "nodata": False}, [None, None, 9, 9, 2, -1]),
    ],
)
def test_sort(options, expected):
    assert call("sort", data=[9, None, -1, 2, None, 9], **options) == expected


def test_sort_puts_nan_last():
    assert str(call("sort", data=[NAN, 2, None, 1], nodata=True)) == "[1, 2, nan, None]"
    assert str(call("sort", data=[NAN, 2, 1], asc=False)) == "[2, 1, nan]"


def test_sort_of_times_looks_at_the_time_zone():
    times = ["2023-03-31T08:00:00+05:00", "2023-03-31", "2023-03-31T04:00:00Z", None]
    assert call("sort", data=times) == [times[1], times[0], times[2]]


@pytest.mark.parametrize("data", [["b", "a"], [1, "2023-01-01"], [True, False], [[1], [2]]])
def test_sort_needs_an_order(data):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The elements of data must be numbers or null"):
        call("sort", data=data)


def test_sort_drops_labels():
    assert call("sort", data=labelled([2, 1], ["a", "b"])) == [1, 2]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([None, 1, None, 6, None, -8], [None, 1, 3.5, 6, -1, -8]),
        ([None, 1, None, None], [None, 1, None, None]),
        ([0, None, None, 3], [0, 1, 2, 3]),
        ([0, NAN, 1], [0, 0.5, 1]),
        ([-INF, None, 3, NAN, INF], [-INF, -INF, 3, INF, INF]),
        ([INF, None, INF], [INF, INF, INF]),
        ([INF, None, -INF], [INF, None, -INF]),
        ([None, None], [None, None]),
        ([], []),
    ],
)
def test_array_interpolate_linear(data, expected):
    assert call("array_interpolate_linear", data=data) == expected


def test_array_interpolate_linear_leaves_nan_at_the_ends():
    result = call("array_interpolate_linear", data=[NAN, 1, NAN])
    assert result[1] == 1
    assert math.isnan(result[0])
    assert math.isnan(result[2])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [([0, 1, 4], 1), (["2023-03-01", "2023-03-02", "2023-03-05"], 1), (["B01", "B02", "B05"], 2), ([10, 9, 6], 1)],
)
def test_array_interpolate_linear_over_labels(labels, expected):
    result = call("array_interpolate_linear", data=labelled([0, np.nan, 4], labels))
    assert result.values.tolist() == [0, expected, 4]
    assert result.label.values.tolist() == labels


def test_array_interpolate_linear_takes_numbers():
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The elements of data must be numbers or null"):
        call("array_interpolate_linear", data=[1, "2"])
