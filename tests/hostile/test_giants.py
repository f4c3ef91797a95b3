"""Arguments that ask for giants, or for nothing: refused while the graph is evaluated, before a pixel is read."""

import math

import pytest

from local_runner.errors import InternalError, OpenEOError
from tests.processes import call, make_cube, on_map, unreadable

UDF = """
import xarray as xr

def apply_datacube(cube: xr.DataArray, context: dict) -> xr.DataArray:
    return cube
"""
ARGUMENT = "ProcessParameterInvalid"
RESAMPLED = {
    "resolution 1e-9": ({"resolution": 1e-9}, r"\w*Limit\w*|ArrayTooLarge"),
    "resolution 1e-300": ({"resolution": 1e-300}, r"\w*Limit\w*|ArrayTooLarge|ProcessParameterInvalid"),
    "resolution 1e-9 in degrees": ({"resolution": 1e-9, "projection": 4326}, r"\w*Limit\w*|ArrayTooLarge"),
    "resolution -1": ({"resolution": -1}, ARGUMENT),
    "resolution NaN": ({"resolution": math.nan}, ARGUMENT),
    "resolution infinite": ({"resolution": math.inf}, ARGUMENT),
    "resolution of three": ({"resolution": [1, 2, 3]}, ARGUMENT),
    "projection 0": ({"resolution": 10, "projection": 0}, ARGUMENT),
    "projection -1": ({"resolution": 10, "projection": -1}, ARGUMENT),
    "projection 1e9": ({"resolution": 10, "projection": 10**9}, ARGUMENT),
    "projection as URL": ({"resolution": 10, "projection": "http://127.0.0.1/"}, ARGUMENT),
    "projection as file": ({"resolution": 10, "projection": "/etc/passwd"}, ARGUMENT),
    "projection with grids": ({"resolution": 10, "projection": "+proj=longlat +nadgrids=/etc/passwd"}, ARGUMENT),
}
KERNELS = {
    "even": ([[1, 1], [1, 1]], "KernelDimensionsUneven"),
    "ragged": ([[1, 1, 1], [1]], ARGUMENT),
    "empty": ([], ARGUMENT),
    "of nothing": ([[]], ARGUMENT),
    "NaN": ([[math.nan]], ARGUMENT),
    "infinite": ([[math.inf]], ARGUMENT),
    "of texts": ([["1"]], ARGUMENT),
    "of booleans": ([[True]], ARGUMENT),
    "flat": ([1, 2, 3], ARGUMENT),
    "1500 x 1501": ([[1] * 1501] * 1500, "ProcessGraphComplexity"),
}
SIZES = {"1e9": 10**9, "0": 0, "-1": -1, "1.5": 1.5, "text": "32", "list": [32], "true": True}
OVERLAPS = {"1e9": 10**9, "-1": -1, "1.5": 1.5, "text": "8"}


@pytest.fixture
def cube():
    return unreadable(on_map(make_cube(t=2, bands=("a", "b"), y=64, x=64)))


def refused(code, process_id, **arguments):
    with pytest.raises(OpenEOError, match=rf"^({code}): ") as caught:
        call(process_id, **arguments)
    assert not isinstance(caught.value, InternalError)


@pytest.mark.usefixtures("no_network", "bounded_memory")
@pytest.mark.parametrize("name", RESAMPLED)
def test_resolutions_and_projections(cube, name):
    arguments, code = RESAMPLED[name]
    refused(code, "resample_spatial", data=cube, **arguments)


@pytest.mark.usefixtures("bounded_memory")
@pytest.mark.parametrize("name", KERNELS)
def test_kernels(cube, name):
    kernel, code = KERNELS[name]
    refused(code, "apply_kernel", data=cube, kernel=kernel)


def neighbourhood(cube, size, overlap):
    udf = {"process_id": "run_udf", "result": True}
    udf["arguments"] = {"data": {"from_parameter": "data"}, "udf": UDF, "runtime": "Python"}
    sizes, overlaps = ([{"dimension": d, "value": v, "unit": "px"} for d in "xy"] for v in (size, overlap))
    refused(
        r"ProcessParameterInvalid|FeatureUnsupported|\w*Limit\w*|ArrayTooLarge",
        "apply_neighborhood",
        data=cube,
        process={"process_graph": {"udf": udf}},
        size=sizes,
        overlap=overlaps,
    )


@pytest.mark.usefixtures("bounded_memory")
@pytest.mark.parametrize("name", SIZES)
def test_sizes_of_neighbourhoods(cube, name):
    neighbourhood(cube, SIZES[name], 0)


@pytest.mark.usefixtures("bounded_memory")
@pytest.mark.parametrize("name", OVERLAPS)
def test_overlaps_of_neighbourhoods(cube, name):
    neighbourhood(cube, 32, OVERLAPS[name])
