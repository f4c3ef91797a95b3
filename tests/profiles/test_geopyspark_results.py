"""What a UDF may return: limits that the chunks keep, named in the message; the trial call finds them, no pixel is read."""

import re

import pytest

from local_runner import evaluate
from local_runner.errors import OpenEOError
from tests.processes import make_cube, unreadable

HEAD = "import xarray as xr\n\n\ndef apply_datacube(cube: xr.DataArray, context: dict) -> xr.DataArray:\n    return "
CUBE = unreadable(make_cube(t=2, bands=("a", "b"), y=16, x=16))
DATA = {"from_parameter": "data"}
RESULTS = [  # number, what the UDF returns, what it should, the message
    ("G08", "cube.transpose('y', 'x', 'bands')", "cube", "The UDF must return the dims in the order ('bands', 'y', 'x')"),
    ("G12", "cube.mean(('y', 'x'))", "cube", "The UDF must return the dims ('bands', 'y', 'x')"),
    ("G17", "cube[:, 1:, 1:]", "cube", "The UDF must return the 16 rows and 16 columns that it got"),
]  # fmt: skip


def graph(result):
    size = [{"dimension": d, "value": 16, "unit": "px"} for d in "xy"] + [{"dimension": "t", "value": "P1D"}]
    udf = {"data": DATA, "udf": f"{HEAD}{result}\n", "runtime": "Python"}
    callback = {"process_graph": {"udf": {"process_id": "run_udf", "arguments": udf, "result": True}}}
    arguments = {"data": DATA, "size": size, "process": callback}
    return {"n": {"process_id": "apply_neighborhood", "arguments": arguments, "result": True}}


@pytest.mark.parametrize(("number", "bad", "good", "message"), RESULTS, ids=[r[0] for r in RESULTS])
def test_result_that_breaks_a_limit(number, bad, good, message):
    with pytest.raises(OpenEOError, match=rf"^UdfResultInvalid: \[geopyspark {number}\] {re.escape(message)}"):
        evaluate(graph(bad), {"data": CUBE}, profile="geopyspark")
    evaluate(graph(good), {"data": CUBE}, profile="geopyspark")


@pytest.mark.parametrize(("bad", "message"), [(r[1], r[3]) for r in RESULTS], ids=[r[0] for r in RESULTS])
def test_specification_says_it_without_a_number(bad, message):
    with pytest.raises(OpenEOError, match=rf"^UdfResultInvalid: {re.escape(message)}"):
        evaluate(graph(bad), {"data": CUBE})
