"""What holds for every process graph and UDF of the collection, found by file name: a new analysis needs no edit here."""

import ast
import inspect
import itertools
import json
import re
import warnings
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import openeo
import pytest
import xarray as xr
from openeo.metadata import Band, BandDimension, CubeMetadata

from local_runner import catalog, evaluate, parameters
from local_runner.check import check
from local_runner.check.udf_lint import UDF_MODULES, context_keys, declared_dependencies
from local_runner.profiles import ProfileWarning, profile_names
from local_runner.sync import sync

ROOT = Path(__file__).parents[2]
GRAPHS = sorted((ROOT / "process_graphs").glob("[!_]*.json"))
UDFS = sorted((ROOT / "udfs").glob("[!_]*.py"))
PROCESSES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in GRAPHS}
POSITIONS = ("latitude", "longitude")
HEIGHT, WIDTH = 40, 60

each_graph = pytest.mark.parametrize("stem", PROCESSES)
each_udf = pytest.mark.parametrize("path", UDFS, ids=[p.stem for p in UDFS])


def run_udf_nodes(graph, parent=None):
    """(parent node, id, node) of all `run_udf` nodes, callbacks included."""
    for node_id, node in graph.items():
        if node["process_id"] == "run_udf":
            yield parent, node_id, node
        for value in node["arguments"].values():
            if isinstance(value, dict) and "process_graph" in value:
                yield from run_udf_nodes(value["process_graph"], node)


def cubes_of(process):
    return [p["name"] for p in process["parameters"] if parameters.is_cube(p)]


def stack(process):
    """Coregistered SLCs (seeded, coherence about 0.6) of the dates and polarisations that the examples name."""
    text = json.dumps(process["examples"])
    dates = sorted(set(re.findall(r"\d{4}-\d\d-\d\d", text))) or ["2024-08-09", "2024-08-21"]
    polarizations = sorted({"VV", *re.findall(r'"(VH|HH|HV)"', text)})
    rng = np.random.default_rng(0)
    rows, columns = np.indices((HEIGHT, WIDTH))
    common = rng.standard_normal((2, HEIGHT, WIDTH))
    planes = []
    for number in range(len(dates)):
        slc = [30 * (0.8 * common + 0.6 * rng.standard_normal(common.shape)) for _ in polarizations]
        phase = np.angle(np.exp(1j * number * columns / 9))
        planes.append([*itertools.chain(*slc), 52 + rows / 1e3, 4 + columns / 1e3, phase])
    bands = [*(f"{part}_{pol}" for pol in polarizations for part in "iq"), "grid_lat", "grid_lon", "reference_phase"]
    coords = {
        "t": np.array([f"{d}T05:50:33" for d in dates], "datetime64[ns]"),
        "bands": bands,
        "y": np.arange(HEIGHT),
        "x": np.arange(WIDTH),
    }
    return xr.DataArray(np.array(planes, np.float32), coords, ("t", "bands", "y", "x"))


def with_holes(cube):
    """The cube with zero, NaN and missing corners, which a tile must treat as the whole image does."""
    holed = cube.copy(deep=True)
    holed[:, :2, 7, 11] = 0
    holed[0, 0, 20:23, 30] = np.nan
    holed[-1, :2, :5, :5] = np.nan
    return holed


class Use:
    """A UDF as an example of a graph calls it: its function, context, and neighbourhood."""

    def __init__(self, process, example, parent, node_id, node):
        self.process = process
        values = parameters.resolve(process, example["arguments"])
        self.context = {
            key: values[value["from_parameter"]] if isinstance(value, dict) and "from_parameter" in value else value
            for key, value in node["arguments"].get("context", {}).items()
        }
        self.namespace: dict[str, Any] = {}
        exec(compile(catalog.udf_text(node_id), node_id, "exec"), self.namespace)
        entries = {e["dimension"]: e["value"] for e in parent["arguments"].get("overlap") or ()}
        self.overlap = entries.get("y", 0), entries.get("x", 0)
        sizes = {e["dimension"]: e.get("value") for e in parent["arguments"].get("size", ())}
        along = parent["arguments"].get("dimension")
        self.daily = sizes.get("t") == "P1D" or along == "bands" or parent["process_id"] == "apply"

    def cube(self):
        cube = stack(self.process)
        return cube.isel(t=0, drop=True) if self.daily else cube

    def run(self, cube):
        return self.namespace["apply_datacube"](cube, json.loads(json.dumps(self.context)))


USES = {
    f"{stem}-{node_id}-{number}": (process, example, parent, node_id, node)
    for stem, process in PROCESSES.items()
    for parent, node_id, node in run_udf_nodes(process["process_graph"])
    for number, example in enumerate(process["examples"])
}
EXAMPLES = {f"{stem}-{i}": (stem, e) for stem, p in PROCESSES.items() for i, e in enumerate(p["examples"])}


@pytest.fixture(params=USES.values(), ids=list(USES))
def use(request):
    return Use(*request.param)


def equal(a, b):
    return np.array_equal(a.values, b.transpose(*a.dims).values, equal_nan=True)


# Files


def test_copies_are_up_to_date():
    assert sync(ROOT, check=True) == [], "run `openeo-sar sync`"


def test_there_is_a_collection():
    assert GRAPHS
    assert UDFS
    assert list(PROCESSES) == list(catalog.ids())


@each_graph
@pytest.mark.parametrize("profile", profile_names())
def test_check_has_no_findings(stem, profile):
    assert check(PROCESSES[stem], profile=profile) == []


@each_graph
def test_id_is_the_file_stem(stem):
    assert PROCESSES[stem]["id"] == stem
    assert re.fullmatch(r"[a-z][a-z0-9_]*", stem)


@each_graph
def test_process_has_its_page_and_its_row(stem):
    assert (ROOT / "docs" / "processes" / f"{stem}.md").is_file()
    assert f"| [`{stem}`](docs/processes/{stem}.md) | " in (ROOT / "README.md").read_text(encoding="utf-8")


@each_udf
def test_udf_belongs_to_a_graph(path):
    assert path.stem in {i for p in PROCESSES.values() for _, i, _ in run_udf_nodes(p["process_graph"])}


@each_graph
def test_udf_texts_are_those_of_the_files(stem):
    for _, node_id, node in run_udf_nodes(PROCESSES[stem]["process_graph"]):
        assert node["arguments"]["udf"] == (ROOT / "udfs" / f"{node_id}.py").read_text(encoding="utf-8")
        assert node["arguments"]["runtime"] == "Python"


# Parameters and metadata


def references(value):
    if isinstance(value, dict):
        if set(value) == {"from_parameter"}:
            yield value["from_parameter"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


@each_graph
def test_parameters_are_declared_and_used(stem):
    process = PROCESSES[stem]
    of_callbacks = {"data", "x", "y", "context"}
    used, declared = set(references(process["process_graph"])), {p["name"] for p in process["parameters"]}
    assert declared <= used
    assert used - declared <= of_callbacks


@each_graph
def test_defaults_fulfil_their_schemas(stem):
    for parameter in PROCESSES[stem]["parameters"]:
        assert parameter.get("optional", False) is ("default" in parameter)
        if "default" in parameter:
            schemas = parameters.alternatives(parameter)
            assert any(jsonschema.Draft7Validator(s).is_valid(parameter["default"]) for s in schemas)


@each_graph
def test_numbers_have_a_range(stem):
    for parameter in PROCESSES[stem]["parameters"]:
        for schema in parameters.alternatives(parameter):
            if schema.get("type") in ("number", "integer"):
                assert {"minimum", "exclusiveMinimum"} & set(schema), parameter["name"]


@each_graph
def test_metadata_are_complete(stem):
    process = PROCESSES[stem]
    assert process["returns"]["description"]
    assert process["returns"]["schema"]
    assert all(e["title"] and "arguments" in e for e in process["examples"])
    assert all(e["message"] for e in process["exceptions"].values())
    assert all(link["rel"] and link["href"].startswith("https://") for link in process["links"])
    assert all(part in process["description"] for part in ("**In**", "**Out**", "**Method**", "**Not**"))


# UDF texts


@each_udf
def test_udf_has_one_entry_point_with_real_annotations(path):
    module = ast.parse(path.read_text(encoding="utf-8"))
    names = [n.name for n in module.body if isinstance(n, ast.FunctionDef) and n.name.startswith("apply_")]
    assert set(names) <= {"apply_datacube", "apply_metadata"}
    assert names.count("apply_datacube") == 1
    namespace: dict[str, Any] = {}
    exec(path.read_text(encoding="utf-8"), namespace)
    signature = inspect.signature(namespace["apply_datacube"])
    assert list(signature.parameters) == ["cube", "context"]
    assert signature.parameters["cube"].annotation is signature.return_annotation is xr.DataArray
    assert signature.parameters["context"].annotation == dict[str, Any]


@each_udf
def test_udf_imports_what_a_back_end_has(path):
    text = path.read_text(encoding="utf-8")
    nodes = list(ast.walk(ast.parse(text)))
    imported = {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}
    imported |= {n.module or "." for n in nodes if isinstance(n, ast.ImportFrom)}
    assert "__future__" not in imported
    assert {name.split(".")[0] for name in imported} - UDF_MODULES == declared_dependencies(text)


@each_udf
def test_udf_text_survives_the_client(path):
    text = path.read_text(encoding="utf-8")
    assert not [line for line in text.splitlines() if line and not line.strip()]
    assert openeo.UDF.from_file(path).code == text


@each_udf
def test_udf_docstring_says_what_goes_in_and_comes_out(path):
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert [text.find(part) > 0 for part in ("**In**", "**Out**", "**Method**", "**Chunking**", "**Not**")] == [
        True
    ] * 5


@pytest.mark.parametrize("stem", PROCESSES)
def test_context_sends_the_keys_that_the_udf_reads(stem):
    for _, node_id, node in run_udf_nodes(PROCESSES[stem]["process_graph"]):
        assert context_keys(ast.parse(catalog.udf_text(node_id))) == set(node["arguments"].get("context", {}))


# Behaviour of the UDFs


def test_any_order_of_dimensions_gives_the_same(use):
    cube = use.cube()
    expected = use.run(cube)
    for order in itertools.permutations(cube.dims):
        assert equal(expected, use.run(cube.transpose(*order))), order


def test_result_has_the_order_of_the_back_end(use):
    result = use.run(use.cube())
    order = [d for d in ("t", "bands", "y", "x") if d in result.dims]
    assert list(result.dims) == order
    assert (result.sizes["y"], result.sizes["x"]) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("size", [(16, 16), (13, 25)])
def test_tiles_with_the_declared_overlap_equal_the_whole(use, size):
    cube = with_holes(use.cube()) if not use.daily else use.cube()
    whole = use.run(cube)
    (height, width), (above, left) = size, use.overlap
    padded = cube.pad(y=(above, above + height), x=(left, left + width), constant_values=np.nan)
    for y, x in itertools.product(range(0, HEIGHT, height), range(0, WIDTH, width)):
        tile = padded.isel(y=slice(y, y + height + 2 * above), x=slice(x, x + width + 2 * left))
        inner = use.run(tile).isel(y=slice(above, above + height), x=slice(left, left + width))
        expected = whole.isel(y=slice(y, y + height), x=slice(x, x + width))
        assert equal(expected, inner.isel(y=slice(expected.sizes["y"]), x=slice(expected.sizes["x"]))), (y, x)


def test_nothing_in_gives_nothing_out(use):
    cube = use.cube()
    assert use.run(cube.where(False)).isnull().all()
    measured = use.run(cube.where(cube.bands.isin(["grid_lat", "grid_lon"])))
    quantities = [b for b in measured.bands.values if b not in POSITIONS]
    assert measured.sel(bands=quantities).isnull().all()


def test_something_in_gives_something_out(use):
    result = use.run(use.cube())
    assert result.notnull().any(("y", "x")).all()


def test_input_is_not_modified(use):
    cube = with_holes(use.cube()) if not use.daily else use.cube()
    before = cube.copy(deep=True)
    cube.values.flags.writeable = False
    use.run(cube)
    xr.testing.assert_identical(cube, before)


def test_float32_goes_in_and_comes_out(use):
    assert use.cube().dtype == np.float32
    assert use.run(use.cube()).dtype == np.float32


def test_declared_bands_are_those_of_the_result(use):
    bands = [str(b) for b in use.cube().bands.values]
    declare = use.namespace.get("apply_metadata", lambda metadata, _: metadata)
    metadata = declare(CubeMetadata([BandDimension("bands", [Band(name=b) for b in bands])]), use.context)
    assert metadata.band_names == [str(b) for b in use.run(use.cube()).bands.values]


def test_units_are_given_for_each_band(use):
    result = use.run(use.cube())
    assert len(result.attrs["units"]) == result.sizes["bands"]


# Examples


def run_example(process_graph, values, profile):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProfileWarning)
        return evaluate(process_graph, values, profile=profile).compute()


@pytest.mark.parametrize(("stem", "example"), EXAMPLES.values(), ids=list(EXAMPLES))
@pytest.mark.parametrize("profile", profile_names())
def test_example_runs(stem, example, profile):
    process = PROCESSES[stem]
    cubes = {name: stack(process) for name in cubes_of(process)}
    result = run_example(process, example["arguments"] | cubes, profile)
    assert (result.sizes["y"], result.sizes["x"]) == (HEIGHT, WIDTH)
    assert set(POSITIONS) <= set(result.bands.values)
    assert result.notnull().any(("y", "x")).all()


@pytest.mark.parametrize(("stem", "example"), EXAMPLES.values(), ids=list(EXAMPLES))
def test_example_gives_the_same_in_each_profile_and_called_by_id(stem, example):
    process = PROCESSES[stem]
    cubes = {name: stack(process) for name in cubes_of(process)}
    whole = run_example(process, example["arguments"] | cubes, "specification")
    arguments = example["arguments"] | {name: {"from_parameter": name} for name in cubes}
    node = {"call": {"process_id": stem, "arguments": arguments, "result": True}}
    for profile in profile_names():
        other = run_example(node, cubes, profile)
        assert list(other.bands.values) == list(whole.bands.values)
        np.testing.assert_allclose(other.values, whole.values, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("stem", "example"), EXAMPLES.values(), ids=list(EXAMPLES))
def test_example_values_are_valid(stem, example):
    process = PROCESSES[stem]
    assert set(example["arguments"]) <= {p["name"] for p in process["parameters"]} - set(cubes_of(process))
    parameters.resolve(process, example["arguments"])
