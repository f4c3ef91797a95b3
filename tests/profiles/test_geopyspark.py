"""Each rule on the arguments of processes, broken once and kept once; no pixel is read."""

import re
import warnings

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from local_runner import evaluate
from local_runner.access import Access
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.graph import check_graph, evaluate_with
from local_runner.profiles import DEFINITION, ITEMS, ProfileWarning, load_profile
from local_runner.profiles.geopyspark import PROFILE
from tests.processes import unreadable

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
ROWS = (
    "import pandas as pd\n\n\ndef apply_timeseries(series: pd.Series, context: dict) -> pd.Series:\n    return series\n"
)
VECTORS = "def apply_vectorcube(geometries, cube, context):\n    return geometries, cube\n"
BLOCK = '# /// script\n# dependencies = ["rasterio"]\n# ///\nimport rasterio\n'
MEAN = {"process_graph": {"mean": {"process_id": "mean", "arguments": {"data": DATA}, "result": True}}}


def px(x=16, y=16, **more):
    return [{"dimension": "x", "value": x, "unit": "px", **more}, {"dimension": "y", "value": y, "unit": "px"}]


def single(text=UDF, runtime="Python"):
    udf = {"process_id": "run_udf", "arguments": {"data": DATA, "udf": text, "runtime": runtime}, "result": True}
    return {"process_graph": {"udf": udf}}


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


def merge(**arguments):
    return ("merge_cubes", {"cube1": DATA, "cube2": {"from_parameter": "other"}} | arguments)


def polygons(runtime):
    return ("apply_polygon", {"data": DATA, "geometries": AREA, "process": single(runtime=runtime)})


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
    return unreadable(lat_lon if crs is None else lat_lon.rio.write_crs(crs))


def on_grid(first):
    """A cube of 10 m whose upper left corner is at `first`, in metres."""
    map_cube = cube(crs=32631)
    cells = first + 10 * (np.arange(32) + 0.5)
    return map_cube.assign_coords(x=cells, y=cells[::-1])


def run(call, data):
    process_id, arguments = call
    graph = {"n": {"process_id": process_id, "arguments": arguments, "result": True}}
    return evaluate(graph, {"data": data, "other": OTHER}, profile="geopyspark")


FULL, NO_TIME, RADAR = cube(), cube("byx"), cube()
OTHER = cube(bands=("a", "b"))
COMPLEX = FULL.astype(np.complex64)
AREA = {"type": "Polygon", "coordinates": [[[0, 0], [16, 0], [16, 16], [0, 16], [0, 0]]]}
REFUSED = [  # number, what breaks the rule, what keeps it, data, the message
    ("G01", ("apply", {"data": DATA, "process": MIXED_ON_X}), ("apply", {"data": DATA, "process": SINGLE_ON_X}),
     FULL, "A callback with run_udf must be exactly that one node, instead got ('pi', 'run_udf')"),
    ("G01", neighborhood(process=MIXED), neighborhood(), FULL, "A callback with run_udf must be exactly that one node"),
    ("G01", ("apply_dimension", {"data": DATA, "process": MIXED, "dimension": "t"}),
     ("apply_dimension", {"data": DATA, "process": SINGLE, "dimension": "t"}), FULL, "A callback with run_udf must be"),
    ("G02", ("apply_dimension", {"data": DATA, "process": SINGLE, "dimension": "x"}),
     ("apply_dimension", {"data": DATA, "process": SINGLE, "dimension": "bands"}), FULL,
     "A UDF can run along t or bands only, instead got 'x'"),
    ("G02", ("merge_cubes", {**merge()[1], "overlap_resolver": SINGLE_ON_X}), merge(), FULL,
     "run_udf must stand in the callback of one of ('apply', 'apply_dimension', "),
    ("G02", polygons("Python"), polygons("Python-Jep"), (FULL, "check"), "A UDF in apply_polygon must run by Python-Jep"),
    ("G12", neighborhood(process=single(VECTORS)), neighborhood(), FULL, "A UDF cannot turn a raster into vectors"),
    ("G13", neighborhood(process=single(ROWS)), neighborhood(), FULL, "A UDF should not be apply_timeseries, which"),
    ("G03", ("run_udf", RUN_UDF["arguments"]), neighborhood(), FULL, "run_udf on a raster cube must stand in a callback"),
    ("G14", neighborhood(px(unit="m")), neighborhood(), FULL, "size along x must be a number with the unit 'px', instead got"),
    ("G14", neighborhood(px()[:1]), neighborhood(), FULL, "size along y must be a number with the unit 'px', instead got None"),
    ("G14", neighborhood(px(x=None)), neighborhood(), FULL, "size along x must be a number with the unit 'px'"),
    ("G14", neighborhood(px(x="P1D")), neighborhood(), FULL, "size along x must be a number with the unit 'px'"),
    ("G14", neighborhood(overlap=px(x=8, y=8, unit="m")), neighborhood(overlap=px(8, 8)), FULL, "overlap along x must be"),
    ("G15", neighborhood(px(3, 16)), neighborhood(px(16, 16)), FULL, "size must be at least 4 px, instead got {'x': 3}"),
    ("G16", neighborhood([*px(), daily("P1M")]), neighborhood([*px(), daily()]), FULL, "size along t must be 'P1D' or"),
    ("G16", neighborhood(overlap=[daily()]), neighborhood(overlap=[]), FULL, "There is no overlap along t"),
    ("G18", neighborhood(overlap=px(8, 0)), neighborhood(overlap=px(8, 8)), FULL, "overlap must be zero or non-zero in both"),
    ("G18", neighborhood(overlap=px(8, 8)[:1]), neighborhood(overlap=px(0, 0)), FULL, "overlap must be zero or non-zero"),
    ("G19", neighborhood(overlap=px(17, 16)), neighborhood(overlap=px(16, 16)), FULL, "overlap must not be larger than size"),
    ("G23", neighborhood(process=MEAN), neighborhood(), FULL, "A callback without run_udf needs a size of 'P1D' along t"),
    ("G27", kernel(border="replicate"), kernel(border=0), FULL, "border must be 0, instead got 'replicate'"),
    ("G28", kernel(replace_invalid=1), kernel(replace_invalid=0), FULL, "replace_invalid must be 0, instead got 1"),
    ("G29", kernel(kernel=[[1] * 5] * 3), kernel(), FULL, "The kernel must be square, instead got '3 rows of 5'"),
    ("G32", time("2020-01-01"), time(), NO_TIME, "A temporal label must read YYYY-MM-DDTHH:MM:SSZ, instead got '2020-01-01'"),
    ("G32", time("2020-02-30T00:00:00Z"), time(), NO_TIME, "A temporal label must read YYYY-MM-DDTHH:MM:SSZ, instead got"),
    ("G32", ("add_dimension", time()[1] | {"name": "day"}), time(), (FULL, NO_TIME), "A cube can have one temporal dimension"),
    ("G33", ("drop_dimension", {"data": DATA, "name": "x"}), ("drop_dimension", {"data": DATA, "name": "t"}), FULL,
     "Only t and bands can be dropped, instead got 'x'"),
    ("G34", merge(cube2=DATA), merge(), FULL, "Cubes merged without overlap_resolver must have different bands, instead got ["),
    ("G37", ("filter_bands", {"data": DATA, "bands": ["latitude"]}), ("filter_bands", {"data": DATA, "bands": ["latitude"]}),
     (COMPLEX, FULL), "A cube must hold real numbers, instead got 'complex64'"),
    ("G47", ("load_stac", {"url": "/", "properties": {"a": SINGLE}}), merge(), FULL, "Static catalogues have no queries: prop"),
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


OVERLAP = neighborhood(overlap=px(16, 16))
WARNED = [
    ("G07", neighborhood(px(16, 32)), neighborhood(), FULL, FULL, "size with overlap should be the same along x and y"),
    ("G21", OVERLAP, OVERLAP, on_grid(5), on_grid(10), "Cells should lie on multiples of the resolution: overlap widens"),
    ("G22", neighborhood(px(20, 20)), neighborhood(), FULL, FULL, "size should be a multiple of 16 px, instead got {'x': 20"),
    ("G35", resample(align="lower-left"), resample(), cube(crs=32631), cube(crs=32631), "align is not looked at, instead got"),
    ("G38", merge(), merge(), NO_TIME, FULL, "The first of two merged cubes should have the dates"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "breaks", "keeps", "bad", "good", "message"), WARNED, ids=[w[0] for w in WARNED])
def test_rule_that_warns(number, breaks, keeps, bad, good, message):
    with pytest.warns(ProfileWarning, match=rf"^\[geopyspark {number}\] {re.escape(message)}"):
        run(breaks, bad)
    with warnings.catch_warnings(record=True) as caught:
        run(keeps, good)
    assert caught == []


def test_limit_is_warned_of_once():
    graph = {name: {"process_id": "resample_spatial", "arguments": resample(align="lower-left")[1]} for name in "ab"}
    graph["a"]["result"] = True
    with pytest.warns(ProfileWarning) as caught:
        evaluate(graph, {"data": cube(crs=32631)}, profile="geopyspark")
    assert len(caught) == 1


@pytest.mark.parametrize("part", ["size", "overlap"])
def test_size_by_parameter_is_warned_of(part):
    arguments = neighborhood(overlap=px(8, 8))[1] | {part: {"from_parameter": "p"}}
    graph = {"n": {"process_id": "apply_neighborhood", "arguments": arguments, "result": True}}
    message = r"^\[geopyspark G25\] size and overlap should not depend on parameters, instead got \{'" + part
    with pytest.warns(ProfileWarning, match=message):
        evaluate(graph, {"data": FULL, "p": px()}, profile="geopyspark")


def test_dependencies_of_a_udf_are_warned_of():
    with pytest.warns(
        ProfileWarning, match=r"^\[geopyspark G55\] .* in batch jobs only, instead got \['rasterio'\]\. "
    ):
        load_profile("geopyspark").enforce("run_udf", {"udf": BLOCK + UDF})
    load_profile("geopyspark").enforce("run_udf", {"udf": UDF})


def test_id_of_the_back_end_is_refused():
    with pytest.raises(
        OpenEOError, match=r"^FeatureUnsupported: \[geopyspark G56\] The id must not be one of a process"
    ):
        PROFILE.enforce(DEFINITION, {"id": "sar_coherence"})
    PROFILE.enforce(DEFINITION, {"id": "slc_coherence"})


def test_every_rule_is_broken_by_a_test():
    elsewhere = {"G25", "G55", "G56"}
    tested = {case[0] for case in (*REFUSED, *WARNED)} | elsewhere
    assert tested == {rule.number for rule in PROFILE.rules if rule.process != ITEMS}


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
        evaluate(graph, {"data": data, "other": OTHER})
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
        ("resample_spatial", resample(method={"from_parameter": "p"})[1]),
    ],
)
def test_value_that_is_not_known_yet_breaks_no_rule(process_id, arguments):
    graph = {"n": {"process_id": process_id, "arguments": arguments, "result": True}}
    process = {"process_graph": graph, "parameters": [{"name": "data"}, {"name": "p"}]}
    check_graph(process, Execution(PROFILE, Access()))


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


@pytest.mark.parametrize(
    ("number", "parent", "given"),
    [
        ("G02", lambda **udf: polygons(udf.get("runtime")), {"runtime": "Python"}),
        ("G12", lambda **udf: neighborhood(process=single(udf["udf"])), {"udf": VECTORS}),
        ("G13", lambda **udf: neighborhood(process=single(udf["udf"])), {"udf": ROWS}),
    ],
)
def test_udf_by_parameter_is_known_in_time(number, parent, given):
    (name, value), *_ = given.items()
    process_id, arguments = parent(**{name: {"from_parameter": "p"}})
    graph = {"n": {"process_id": process_id, "arguments": arguments, "result": True}}
    with pytest.raises(OpenEOError, match=rf"^FeatureUnsupported: \[geopyspark {number}\] "):
        evaluate(graph, {"data": FULL, "p": value}, profile="geopyspark")


@pytest.mark.parametrize("reduced", ["x", "y"])
def test_udf_hidden_in_a_process_is_refused_too(reduced):
    definition = {"id": "hidden", "parameters": [{"name": "data", "schema": {}}], "process_graph": {"udf": RUN_UDF}}
    callback = {"process_graph": {"h": {"process_id": "hidden", "arguments": {"data": DATA}, "result": True}}}
    arguments = {"data": DATA, "dimension": reduced, "reducer": callback}
    graph = {"n": {"process_id": "reduce_dimension", "arguments": arguments, "result": True}}
    execution = Execution(load_profile("geopyspark"), Access(), processes={"hidden": definition})
    with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: \[geopyspark G03\] .*node n/h/udf"):
        evaluate_with(graph, {"data": FULL}, execution)
