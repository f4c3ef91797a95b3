import math

import numpy as np
import pytest

from local_runner.errors import OpenEOError
from tests.processes import call, callback, make_cube, parameter

INF, NAN = math.inf, math.nan


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
    ],
)
def test_of_a_list(process_id, data, expected):
    assert call(process_id, data=data) == expected


@pytest.mark.parametrize("process_id", ["mean", "min", "max", "sum"])
def test_null_is_left_out_unless_asked_for(process_id):
    assert call(process_id, data=[None, 4]) == 4
    assert call(process_id, data=[None, 4], ignore_nodata=False) is None


@pytest.mark.parametrize("process_id", ["mean", "min", "max", "sum"])
@pytest.mark.parametrize("data", [[], [None, None]])
def test_nothing_gives_null(process_id, data):
    assert call(process_id, data=data) is None


@pytest.mark.parametrize(
    ("process_id", "data"),
    [("mean", [1, NAN]), ("min", [NAN, 1]), ("max", [1, NAN]), ("sum", [INF, -INF]), ("mean", [INF, -INF])],
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
    ("process_id", "of_numpy"), [("mean", np.nanmean), ("min", np.nanmin), ("max", np.nanmax), ("sum", np.nansum)]
)
def test_nan_of_a_cube_is_left_out(process_id, of_numpy):
    cube = make_cube(t=3, dtype=np.float64).load()
    cube[1, 2, 3] = np.nan
    assert np.allclose(reduce_t(cube.chunk(t=2), process_id), of_numpy(cube.values, axis=0), rtol=1e-14)


@pytest.mark.parametrize("process_id", ["mean", "min", "max", "sum"])
def test_nan_of_a_cube_counts_if_asked_for(process_id):
    cube = make_cube(t=3).load()
    cube[1, 2, 3] = np.nan
    assert np.argwhere(np.isnan(reduce_t(cube.chunk(t=2), process_id, ignore_nodata=False))).tolist() == [[2, 3]]


@pytest.mark.parametrize("process_id", ["mean", "min", "max", "sum"])
def test_only_nan_gives_nan_without_a_warning(process_id):
    cube = make_cube(t=2).load()
    cube[:, 2, 3] = np.nan
    assert np.argwhere(np.isnan(reduce_t(cube.chunk(t=1), process_id))).tolist() == [[2, 3]]
