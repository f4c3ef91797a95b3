import math

import numpy as np
import pytest

from local_runner.errors import OpenEOError
from tests.processes import call, callback, make_cube, parameter

INF, NAN = math.inf, math.nan
MIDDLE = ("mean", "min", "max", "sum", "product", "median")
"""Reducers that give a number back when it is alone."""
SINGLE = (*MIDDLE, "variance", "sd")


@pytest.mark.parametrize(
    ("process_id", "data", "expected"),
    [
        ("mean", [1, 0, 3, 2], 1.5),
        ("mean", [1e308, 1e308, -1e308], INF),
        ("min", [1, -2.5, 3], -2.5),
        ("max", [1, -2.5, 3], 3),
        ("max", [1, INF], INF),
        ("sum", [5, 1, -2], 4),
        ("sum", [2**62, 2**62], 2**63),
        ("sum", [8 * 10**307] * 5, INF),
        ("sum", [-8 * 10**307] * 5, -INF),
        ("product", [-2, 4, 2.5], -20),
        ("product", [10**200, 10**200, 0.5], INF),
        ("product", [3, 0], 0),
        ("median", [9, 1, 3], 3),
        ("median", [1, 2, 3, 10], 2.5),
        ("median", [INF, INF], INF),
        ("median", [-INF, 1], -INF),
        ("median", [-1e308, 1e308], 0),
        ("variance", [-1, 1, 3], 4),
        ("sd", [-1, 1, 3], 2),
        ("sd", [2.5, 2.5, 2.5], 0),
    ],
)
def test_of_a_list(process_id, data, expected):
    assert call(process_id, data=data) == expected


@pytest.mark.parametrize("process_id", MIDDLE)
def test_null_is_left_out_unless_asked_for(process_id):
    assert call(process_id, data=[None, 4]) == 4
    assert call(process_id, data=[None, 4], ignore_nodata=False) is None


@pytest.mark.parametrize("process_id", SINGLE)
@pytest.mark.parametrize("data", [[], [None, None]])
def test_nothing_gives_null(process_id, data):
    assert call(process_id, data=data) is None


@pytest.mark.parametrize(
    ("process_id", "data"),
    [
        ("mean", [1, NAN]),
        ("mean", [INF, -INF]),
        ("min", [NAN, 1]),
        ("max", [1, NAN]),
        ("sum", [INF, -INF]),
        ("product", [0, INF]),
        ("median", [NAN, 3]),
        ("median", [-INF, INF]),
        ("sd", [-1, INF]),
        ("variance", [1]),
    ],
)
def test_nan_is_a_number_in_a_list(process_id, data):
    assert math.isnan(call(process_id, data=data))


@pytest.mark.parametrize("element", ["1", True, [1]])
def test_elements_must_be_numbers(element):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The elements of data must be numbers or null"):
        call("sum", data=[1, element])


def reduce_t(cube, process_id, **options):
    reducer = callback(process_id, data=parameter("data"), **options)
    return call("reduce_dimension", data=cube, reducer=reducer, dimension="t").values


@pytest.mark.parametrize(
    ("process_id", "of_numpy"),
    [
        ("mean", np.nanmean),
        ("min", np.nanmin),
        ("max", np.nanmax),
        ("sum", np.nansum),
        ("product", np.nanprod),
        ("median", np.nanmedian),
        ("sd", lambda a, axis: np.nanstd(a, axis, ddof=1)),
    ],
)
def test_nan_of_a_cube_is_left_out(process_id, of_numpy):
    cube = make_cube(t=3, dtype=np.float64).load()
    cube[1, 2, 3] = np.nan
    assert np.allclose(reduce_t(cube.chunk(t=2), process_id), of_numpy(cube.values, axis=0), rtol=1e-14)


@pytest.mark.parametrize("process_id", SINGLE)
def test_nan_of_a_cube_counts_if_asked_for(process_id):
    cube = make_cube(t=3).load()
    cube[1, 2, 3] = np.nan
    assert np.argwhere(np.isnan(reduce_t(cube.chunk(t=2), process_id, ignore_nodata=False))).tolist() == [[2, 3]]


@pytest.mark.parametrize("process_id", SINGLE)
def test_only_nan_gives_nan_without_a_warning(process_id):
    cube = make_cube(t=2).load()
    cube[:, 2, 3] = np.nan
    assert np.argwhere(np.isnan(reduce_t(cube.chunk(t=1), process_id))).tolist() == [[2, 3]]


@pytest.mark.parametrize(
    ("data", "options", "expected"),
    [
        ([1, 0, 3, 2], {}, [0, 3]),
        ([5, None, -0.7], {}, [-0.7, 5]),
        ([5, None], {"ignore_nodata": False}, [None, None]),
        ([], {}, [None, None]),
    ],
)
def test_extrema(data, options, expected):
    assert call("extrema", data=data, **options) == expected


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [([0, 1], [2, 9]), ([0.005, 0.1, 0.5], [2.07, 3.4, 4.5]), (4, [4, 4.5, 5.5]), (2, [4.5]), ([], [])],
)
def test_quantiles(probabilities, expected):
    data = [9, 2, 4, None, 4, 4, 5, 5, 7]
    assert call("quantiles", data=data, probabilities=probabilities) == pytest.approx(expected, rel=1e-14)


def test_quantiles_beside_infinity():
    assert call("quantiles", data=[-INF, 1, 3, INF], probabilities=[0, 0.1, 0.5, 0.9, 1]) == [-INF, -INF, 2, INF, INF]


def test_quantiles_by_the_number_of_intervals():
    assert call("quantiles", data=[1, 2, 3, 4, 5], q=4) == [2, 3, 4]


@pytest.mark.parametrize(("data", "options"), [([], {}), ([None], {}), ([1, None], {"ignore_nodata": False})])
def test_quantiles_of_nothing_are_null(data, options):
    assert call("quantiles", data=data, probabilities=[0.1, 0.5], **options) == [None, None]


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("QuantilesParameterMissing", {}),
        ("QuantilesParameterConflict", {"probabilities": [0.5], "q": 2}),
        ("AscendingProbabilitiesRequired", {"probabilities": [0.5, 0.1]}),
        ("ProcessParameterInvalid", {"probabilities": [0.5, 1.1]}),
        ("ProcessParameterInvalid", {"probabilities": 1}),
        ("ProcessParameterInvalid", {"q": 1}),
    ],
)
def test_quantiles_errors(code, arguments):
    with pytest.raises(OpenEOError, match=f"^{code}: .* must "):
        call("quantiles", data=[1, 2], **arguments)


def test_median_is_the_quantile_of_a_half():
    cube = make_cube(t=3)
    half = callback("quantiles", data=parameter("data"), probabilities=[0.5])
    found = call("apply_dimension", data=cube, process=half, dimension="t")
    assert np.array_equal(found[0], reduce_t(cube, "median"))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [(None, 3), (True, 6), (callback("gt", x=parameter("x"), y=parameter("context")), 2), (callback("e"), 0)],
)
def test_count(condition, expected):
    data = [1, 2.5, INF, NAN, None, "text"]
    assert call("count", data=data, condition=condition, context=1) == expected


def test_count_refuses_false():
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The argument 'condition' of count must be "):
        call("count", data=[1], condition=False)


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.bool_])
def test_cubes_of_whole_numbers_are_reduced_in_floating_point(dtype):
    cube = make_cube(t=3, dtype=np.float64)
    cube = (abs(cube) % 2).astype(dtype)
    assert np.allclose(reduce_t(cube, "mean"), cube.values.mean(axis=0))
    assert np.allclose(reduce_t(cube, "sum"), cube.values.sum(axis=0))
    assert reduce_t(cube, "max").dtype == reduce_t(cube, "sum").dtype == np.float32
    assert np.array_equal(reduce_t(cube, "count"), np.full((5, 7), 3))
