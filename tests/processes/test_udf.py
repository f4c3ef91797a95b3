import numpy as np
import pytest

from local_runner.errors import OpenEOError
from tests.processes import call, make_cube, unreadable

TEXT = """import xarray as xr
from typing import Any
def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray:
    return cube * context.get("factor", 1)
"""


def test_a_whole_cube():
    cube = make_cube(t=2, bands=("a", "b"))
    result = call("run_udf", data=cube, udf=TEXT, runtime="Python", version="3.11", context={"factor": 2})
    assert np.array_equal(result, cube * 2)


def test_nothing_is_read():
    cube = unreadable(make_cube(t=2, bands=("a", "b")))
    assert call("run_udf", data=cube, udf=TEXT, runtime="Python").shape == cube.shape


def test_the_back_end_refuses_a_raster_cube():
    with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: \[geopyspark G03\] "):
        call("run_udf", data=make_cube(), udf=TEXT, runtime="Python", profile="geopyspark")


@pytest.mark.parametrize("data", [[1, 2], None])
def test_the_data_must_be_a_raster_cube(data):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The data of run_udf must be a raster cube"):
        call("run_udf", data=data, udf=TEXT, runtime="Python")


def test_an_unknown_runtime():
    with pytest.raises(OpenEOError, match=r"^InvalidRuntime: runtime must be 'Python', instead got 'R'"):
        call("run_udf", data=make_cube(), udf=TEXT, runtime="R")
