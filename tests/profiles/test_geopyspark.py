"""Each rule of the profile, broken once and kept once, and the table of the documentation."""

import re
import warnings
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from local_runner import evaluate
from local_runner.access import Access
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.graph import check_graph
from local_runner.profiles import ProfileWarning
from local_runner.profiles.geopyspark import PROFILE

TABLE = Path(__file__).parents[2] / "docs" / "backend-limits.md"
UDF = (
    "import xarray as xr\n\n\ndef apply_datacube(cube: xr.DataArray, context: dict) -> xr.DataArray:\n    return cube\n"
)
DATA = {"from_parameter": "data"}
RUN_UDF = {"process_id": "run_udf", "arguments": {"data": DATA, "udf": UDF, "runtime": "Python"}, "result": True}
ON_X = {**RUN_UDF, "arguments": {**RUN_UDF["arguments"], "data": {"from_parameter": "x"}}}
SINGLE = {"process_graph": {"udf": RUN_UDF}}
MIXED = {"process_graph": {"idle": {"process_id": "pi", "arguments": {}}, "udf": RUN_UDF}}
SINGLE_ON_X = {"process_graph": {"udf": ON_X}}
MIXED_ON_X = {"process_graph": {"idle": {"process_id": "pi", "arguments": {}}, "udf": ON_X}}
MEAN = {"process_graph": {"mean": {"process_id": "mean", "arguments": {"data": DATA}, "result": True}}}


def px(x=16, y=16, **more):
    return [{"dimension": "x", "value": x, "unit": "px", **more}, {"dimension": "y", "value": y, "unit": "px"}]


def daily(value="P1D"):
    return {"dimension": "t", "value": value}


def neighborhood(size=None, overlap=None, process=SINGLE):
    arguments = {"data": DATA, "size": px() if size is None else size, "process": process}
    return ("apply_neighborhood", arguments if overlap is None else arguments | {"overlap": overlap})


def kernel(**arguments):
    return ("apply_kernel", {"data": DATA, "kernel": [[1] * 3] * 3} | arguments)


def geocode(**arguments):
    return ("resample_spatial", {"data": DATA, "method": "geocode", "resolution": 20, "projection": 32631} | arguments)


def resample(**arguments):
    return ("resample_spatial", {"data": DATA, "resolution": 20} | arguments)


def time(label="2020-01-01T00:00:00Z"):
    return ("add_dimension", {"data": DATA, "name": "t", "label": label, "type": "temporal"})


def cube(dims="tbyx", bands=("latitude", "longitude"), crs=None):
    shape = {"t": 1, "b": 2, "y": 32, "x": 32}
    coords = {
        "t": np.array(["2020-01-01"], "datetime64[ns]"),
        "bands": list(bands),
        "y": np.arange(32.0),
        "x": np.arange(32.0),
    }
    names = {"t": "t", "b": "bands", "y": "y", "x": "x"}
    values = da.zeros([shape[d] for d in dims], dtype=np.float32)
    lat_lon = xr.DataArray(values, {names[d]: coords[names[d]] for d in dims}, [names[d] for d in dims])
    return lat_lon if crs is None else lat_lon.rio.write_crs(crs)


def run(call, data):
    process_id, arguments = call
    graph = {"n": {"process_id": process_id, "arguments": arguments, "result": True}}
    return evaluate(graph, {"data": data}, profile="geopyspark")


FULL, NO_TIME, RADAR = cube(), cube("byx"), cube()
REFUSED = [  # number, what breaks the rule, what keeps it, data, the message
    ("G01", ("apply", {"data": DATA, "process": MIXED_ON_X}), ("apply", {"data": DATA, "process": SINGLE_ON_X}),
     FULL, "A callback with run_udf must be exactly that one node, instead got ('pi', 'run_udf')"),
    ("G01", neighborhood(process=MIXED), neighborhood(), FULL, "A callback with run_udf must be exactly that one node"),
    ("G01", ("apply_dimension", {"data": DATA, "process": MIXED, "dimension": "t"}),
     ("apply_dimension", {"data": DATA, "process": SINGLE, "dimension": "t"}), FULL, "A callback with run_udf must be"),
    ("G02", ("apply_dimension", {"data": DATA, "process": SINGLE, "dimension": "x"}),
     ("apply_dimension", {"data": DATA, "process": SINGLE, "dimension": "bands"}), FULL,
     "A UDF can run along t or bands only, instead got 'x'"),
    ("G03", ("run_udf", RUN_UDF["arguments"]), neighborhood(), FULL, "run_udf on a raster cube must stand in a callback"),
    ("G14", neighborhood(px(unit="m")), neighborhood(), FULL, "size along x must be a number with the unit 'px', instead got"),
    ("G14", neighborhood(px()[:1]), neighborhood(), FULL, "size along y must be a number with the unit 'px', instead got None"),
    ("G14", neighborhood(px(x=None)), neighborhood(), FULL, "size along x must be a number with the unit 'px'"),
    ("G14", neighborhood(px(x="P1D")), neighborhood(), FULL, "size along x must be a number with the unit 'px'"),
    ("G14", neighborhood(overlap=px(x=8, y=8, unit="m")), neighborhood(overlap=px(8, 8)), FULL, "overlap along x must be"),
    ("G15", neighborhood(px(3, 16)), neighborhood(px(16, 16)), FULL, "size must be at least 4 px, instead got {'x': 3}"),
    ("G16", neighborhood([*px(), daily("P1M")]), neighborhood([*px(), daily()]), FULL, "size along t must be 'P1D' or"),
    ("G16", neighborhood(overlap=[daily()]), neighborhood(overlap=[]), FULL, "There is no overlap along t"),
    ("G18", neighborhood(overlap=px(8, 0)), neighborhood(overlap=px(8, 4)), FULL, "overlap must be zero or non-zero in both"),
    ("G18", neighborhood(overlap=px(8, 8)[:1]), neighborhood(overlap=px(0, 0)), FULL, "overlap must be zero or non-zero"),
    ("G19", neighborhood(overlap=px(17, 16)), neighborhood(overlap=px(16, 16)), FULL, "overlap must not be larger than size"),
    ("G23", neighborhood(process=MEAN), neighborhood(), FULL, "A callback without run_udf needs a size of 'P1D' along t"),
    ("G27", kernel(border="replicate"), kernel(border=0), FULL, "border must be 0, instead got 'replicate'"),
    ("G28", kernel(replace_invalid=1), kernel(replace_invalid=0), FULL, "replace_invalid must be 0, instead got 1"),
    ("G29", kernel(kernel=[[1] * 5] * 3), kernel(), FULL, "The kernel must be square, instead got '3 rows of 5'"),
    ("G32", time("2020-01-01"), time(), NO_TIME, "A temporal label must read YYYY-MM-DDTHH:MM:SSZ, instead got '2020-01-01'"),
    ("G32", ("add_dimension", time()[1] | {"name": "day"}), time(), (FULL, NO_TIME), "A cube can have one temporal dimension"),
    ("G33", ("drop_dimension", {"data": DATA, "name": "x"}), ("drop_dimension", {"data": DATA, "name": "t"}), FULL,
     "Only t and bands can be dropped, instead got 'x'"),
    ("G35", resample(method="rms"), resample(method="average"), cube(crs=32631), "method must be one of ('near', 'bilinear'"),
    ("G39", geocode(projection=None), geocode(), (RADAR, "check"), "geocode needs a projection, instead got None"),
    ("G39", geocode(), geocode(), (cube(crs=32631), "check"), "geocode needs a projection other than the cube's"),
    ("G40", geocode(), geocode(), (NO_TIME, "check"), "geocode needs a cube with the dimension t"),
    ("G40", geocode(), geocode(), (cube(bands=("grid_lat", "grid_lon")), "check"), "geocode needs the bands ('latitude'"),
]  # fmt: skip
IDS = [f"{case[0]}-{i}" for i, case in enumerate(REFUSED)]


@pytest.mark.parametrize(("number", "breaks", "data", "message"), [(c[0], c[1], c[3], c[4]) for c in REFUSED], ids=IDS)
def test_broken_rule_is_refused(number, breaks, data, message):
    data = data[0] if isinstance(data, tuple) else data
    with pytest.raises(
        OpenEOError, match=rf"^FeatureUnsupported: \[geopyspark {number}\] {re.escape(message)}.*\(node n\)$"
    ):
        run(breaks, data)


@pytest.mark.parametrize(("keeps", "data"), [(c[2], c[3]) for c in REFUSED], ids=IDS)
def test_kept_rule_is_silent(keeps, data):
    data = data[1] if isinstance(data, tuple) else data
    if not isinstance(data, xr.DataArray):  # geocoding reads positions, which these cubes do not have
        process_id, arguments = keeps
        PROFILE.enforce(process_id, arguments | {"data": RADAR})
        return
    run(keeps, data)


WARNED = [
    (
        "G22",
        neighborhood(px(20, 16)),
        neighborhood(),
        FULL,
        "size should be a multiple of 16 px, instead got {'x': 20}",
    ),
    (
        "G35",
        resample(align="lower-left"),
        resample(),
        cube(crs=32631),
        "align is not looked at, instead got 'lower-left'",
    ),
]


@pytest.mark.parametrize(("number", "breaks", "keeps", "data", "message"), WARNED, ids=[w[0] for w in WARNED])
def test_rule_that_warns(number, breaks, keeps, data, message):
    with pytest.warns(ProfileWarning, match=rf"^\[geopyspark {number}\] {re.escape(message)}"):
        run(breaks, data)
    with warnings.catch_warnings(record=True) as caught:
        run(keeps, data)
    assert caught == []


def test_every_rule_is_broken_by_a_test():
    tested = {(c[0], c[1][0]) for c in (*REFUSED, *WARNED)} | {("G01", "reduce_dimension"), ("G02", "reduce_dimension")}
    assert tested == {(rule.number, rule.process) for rule in PROFILE.rules}


@pytest.mark.parametrize(("number", "process"), [("G01", MIXED), ("G02", SINGLE)])
def test_udf_in_reduce_dimension(number, process):
    call = ("reduce_dimension", {"data": DATA, "reducer": process, "dimension": "t" if number == "G01" else "y"})
    with pytest.raises(OpenEOError, match=rf"^FeatureUnsupported: \[geopyspark {number}\] "):
        run(call, FULL)


@pytest.mark.parametrize("case", REFUSED, ids=IDS)
def test_specification_has_none_of_the_limits(case):
    data = case[3][0] if isinstance(case[3], tuple) else case[3]
    process_id, arguments = case[1]
    graph = {"n": {"process_id": process_id, "arguments": arguments, "result": True}}
    try:
        evaluate(graph, {"data": data})
    except OpenEOError as error:
        text = str(error)
    else:
        text = ""
    assert "geopyspark" not in text


@pytest.mark.parametrize(
    ("process_id", "arguments"),
    [
        ("add_dimension", time({"from_parameter": "p"})[1]),
        ("resample_spatial", geocode(projection={"from_parameter": "p"})[1]),
        ("apply_kernel", kernel(kernel={"from_parameter": "p"}, border={"from_parameter": "p"})[1]),
        ("apply_neighborhood", neighborhood(size={"from_parameter": "p"}, process=MEAN)[1]),
        ("apply_neighborhood", neighborhood(size={"from_parameter": "p"}, overlap=px(8, 8))[1]),
        ("resample_spatial", resample(method={"from_parameter": "p"})[1]),
    ],
)
def test_value_that_is_not_known_yet_breaks_no_rule(process_id, arguments):
    graph = {"n": {"process_id": process_id, "arguments": arguments, "result": True}}
    process = {"process_graph": graph, "parameters": [{"name": "data"}, {"name": "p"}]}
    check_graph(process, Execution(PROFILE, Access()))


def numbers_in_table():
    rows = (line.split("|") for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| G"))
    return {cells[1].strip(): cells[3].strip() for cells in rows}


def test_table_has_all_limits_in_order():
    assert list(numbers_in_table()) == [f"G{i:02}" for i in range(1, 58)]


def test_table_says_refuse_or_warn_for_each_rule_and_for_nothing_that_has_no_rule_or_code():
    table = numbers_in_table()
    for rule in PROFILE.rules:
        assert rule.action in table[rule.number], rule.number


def test_table_uses_known_words():
    words = {"refuse", "emulate", "warn", "not yet", "none"}
    assert {word for cell in numbers_in_table().values() for word in cell.split(", ")} <= words


@pytest.mark.parametrize("number", sorted({r.number for r in PROFILE.rules}))
def test_not_yet_stands_nowhere_beside_a_rule(number):
    assert "not yet" not in numbers_in_table()[number]


def test_band_math_is_float32():
    data = xr.DataArray(np.full((2, 2), 1 / 3), dims=("y", "x"))
    half = {
        "process_graph": {
            "a": {"process_id": "multiply", "arguments": {"x": {"from_parameter": "x"}, "y": 3}, "result": True}
        }
    }
    call = ("apply", {"data": data, "process": half})
    assert run(call, data).dtype == np.float32
    assert evaluate({"n": {"process_id": "apply", "arguments": call[1], "result": True}}).dtype == np.float64


def test_labels_are_renamed_by_position():
    call = ("rename_labels", {"data": DATA, "dimension": "bands", "target": ["a", "b"]})
    assert list(run(call, FULL).bands.values) == ["a", "b"]
