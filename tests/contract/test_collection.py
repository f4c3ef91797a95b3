"""What holds for every process graph and UDF of the collection, found by file name: a new analysis needs no edit here."""

import ast
import inspect
import itertools
import json
import math
import re
import warnings
from functools import cache, cached_property
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
from local_runner.stac.bands import STATIC
from local_runner.sync import sync
from local_runner.udf.chunks import _Runner

ROOT = Path(__file__).parents[2]
GRAPHS = sorted((ROOT / "process_graphs").glob("[!_]*.json"))
UDFS = sorted((ROOT / "udfs").glob("[!_]*.py"))
PROCESSES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in GRAPHS}
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
    """SLCs (seeded, coherence about 0.6) with all bands of a driver, of the dates and polarisations that the examples name."""
    text = json.dumps(process["examples"])
    dates = sorted(set(re.findall(r"\d{4}-\d\d-\d\d", text))) or ["2024-08-09", "2024-08-21"]
    names = [*("VV", *sorted(set(re.findall(r'"(VH|HH|HV)"', text)))), "earlier", "later"]
    rng = np.random.default_rng(0)
    rows, columns = np.indices((HEIGHT, WIDTH))
    common = rng.standard_normal((2, HEIGHT, WIDTH))
    planes = []
    for number in range(len(dates)):
        slc = [30 * (0.8 * common + 0.6 * rng.standard_normal(common.shape)) for _ in names]
        bands = dict(zip((f"{part}_{name}" for name in names for part in "iq"), itertools.chain(*slc), strict=True))
        planes.append(bands | geometry(number, rows, columns))
    coords = {
        "t": np.array([f"{d}T05:50:33" for d in dates], "datetime64[ns]"),
        "bands": list(planes[0]),
        "y": np.arange(HEIGHT),
        "x": np.arange(WIDTH),
    }
    values = np.array([list(bands.values()) for bands in planes], np.float32)
    return xr.DataArray(values, coords, ("t", "bands", "y", "x"))


def geometry(number, rows, columns):
    """Bands of the geometry for a date of a stack; the first date is the primary."""
    carrier = np.angle(np.exp(1j * rows**2 / 50))
    return {
        "grid_lat": 52 + rows / 1e3,
        "grid_lon": 4 + columns / 1e3,
        "height": 100.0 + rows,
        "incidence_angle": 0.7 + columns / 1e4,
        **{f"look_{axis}": 0 * rows + value for axis, value in (("east", -0.6), ("north", 0.1), ("up", 0.79))},
        "azimuth_shift": number * (0.3 + rows / 1e3),
        "range_shift": number * (columns / 1e3 - 0.4),
        "reference_phase": np.angle(np.exp(1j * number * columns / 9)),
        "deramp_phase": carrier,
        "reramp_phase": carrier if number == 0 else np.angle(np.exp(1j * (rows + 0.3) ** 2 / 50)),
        "frequency_difference": 4000.0 + rows,
    }


def with_holes(cube):
    """The cube with zero, NaN and missing corners, which a tile must treat as the whole image does."""
    holed = cube.copy(deep=True)
    height, width = holed.sizes["y"], holed.sizes["x"]
    measured = [b for b in holed.bands.values if str(b) not in STATIC]
    holed.loc[{"bands": measured}] = holed.sel(bands=measured).where(
        ~((holed.y == holed.y[height // 6]) & (holed.x == holed.x[width // 5])), 0
    )
    holed[..., height // 2 : height // 2 + 3, width // 2] = np.nan
    holed[..., :2, :2] = np.nan
    return holed


@cache
def namespace_of(stem):
    """What a UDF text defines. One for all calls, as on a back-end: what it compiles, it compiles once."""
    namespace: dict[str, Any] = {}
    exec(compile(catalog.udf_text(stem), stem, "exec"), namespace)
    return namespace


class Use:
    """A UDF as an example of a graph calls it: its function and context, the cube that it gets, and its neighbourhood."""

    def __init__(self, runner):
        self.stem = runner.udf.node.rpartition("/")[2]
        self.context = runner.udf.context
        self.overlap, self.daily = runner.chunks.overlap, runner.daily
        self.namespace = namespace_of(self.stem)
        self.lazy = runner.cube

    @cached_property
    def whole(self):
        cube = self.lazy.compute()
        return cube.isel(t=-1, drop=True) if self.daily and "t" in cube.dims else cube

    def cube(self):
        return self.whole.copy(deep=True)

    def run(self, cube):
        return self.namespace["apply_datacube"](cube, json.loads(json.dumps(self.context)))


def uses():
    """Every UDF that an example of a graph calls, once per example."""
    found = {}
    for stem, process in PROCESSES.items():
        for number, example in enumerate(process["examples"] if cubes_of(process) else ()):
            called = []
            with pytest.MonkeyPatch.context() as patch:
                run = _Runner.run
                patch.setattr(_Runner, "run", lambda self, run=run, called=called: called.append(self) or run(self))
                run_example(process, example["arguments"] | {name: stack(process) for name in cubes_of(process)}, None)
            found |= {f"{stem}-{use.stem}-{number}": use for use in map(Use, called)}
    return found


def run_example(process_graph, values, profile):
    """The lazy cube of an example."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProfileWarning)
        return evaluate(process_graph, values, profile=profile or "specification")


USES = uses()
EXAMPLES = {
    f"{stem}-{i}": (stem, e) for stem, p in PROCESSES.items() for i, e in enumerate(p["examples"]) if cubes_of(p)
}


@pytest.fixture(params=USES.values(), ids=list(USES))
def use(request):
    return request.param


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
    declared = any(
        declared_dependencies(catalog.udf_text(i)) for _, i, _ in run_udf_nodes(PROCESSES[stem]["process_graph"])
    )
    found = check(PROCESSES[stem], profile=profile)
    assert [f for f in found if not (declared and "[geopyspark G55]" in f.message)] == []  # batch jobs only


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
    module = ast.parse(text)
    optional = {n for block in module.body if isinstance(block, ast.Try) for n in ast.walk(block)}
    nodes = [n for n in ast.walk(module) if n not in optional]
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


@each_graph
def test_every_udf_is_called_by_an_example(stem):
    nodes = {node_id for _, node_id, _ in run_udf_nodes(PROCESSES[stem]["process_graph"])}
    assert nodes == {use.stem for name, use in USES.items() if name.startswith(f"{stem}-")}


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
    assert all(result.sizes[d] == use.cube().sizes[d] for d in ("y", "x"))


@pytest.mark.parametrize("size", [(16, 16), (13, 25)])
def test_tiles_with_the_declared_overlap_equal_the_whole(use, size):
    cube = with_holes(use.cube())
    if use.namespace.get("WHOLE_IMAGE"):
        size = (cube.sizes["y"] + 3, cube.sizes["x"] + 5)
    whole = use.run(cube)
    anchor, (above, left) = use.namespace.get("ANCHOR", 1), use.overlap
    height, width = (math.ceil(n / anchor) * anchor for n in size)
    padded = cube.pad(y=(above, above + height), x=(left, left + width), constant_values=np.nan)
    for y, x in itertools.product(range(0, cube.sizes["y"], height), range(0, cube.sizes["x"], width)):
        tile = padded.isel(y=slice(y, y + height + 2 * above), x=slice(x, x + width + 2 * left))
        inner = use.run(tile).isel(y=slice(above, above + height), x=slice(left, left + width))
        expected = whole.isel(y=slice(y, y + height), x=slice(x, x + width))
        assert equal(expected, inner.isel(y=slice(expected.sizes["y"]), x=slice(expected.sizes["x"]))), (y, x)


def test_nothing_in_gives_nothing_out(use):
    cube = use.cube()
    assert use.run(cube.where(False)).isnull().all()
    measured = use.run(cube.where(cube.bands.isin(list(STATIC))))
    quantities = [b for b in measured.bands.values if b not in STATIC]
    assert measured.sel(bands=quantities).isnull().all()


def test_something_in_gives_something_out(use):
    result = use.run(use.cube())
    assert result.notnull().any(("y", "x")).all()


def test_input_is_not_modified(use):
    cube = with_holes(use.cube())
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


@pytest.mark.parametrize(("stem", "example"), EXAMPLES.values(), ids=list(EXAMPLES))
@pytest.mark.parametrize("profile", profile_names())
def test_example_runs(stem, example, profile):
    process = PROCESSES[stem]
    cubes = {name: stack(process) for name in cubes_of(process)}
    result = run_example(process, example["arguments"] | cubes, profile).compute()
    assert result.notnull().any(("y", "x")).all()


@pytest.mark.parametrize(("stem", "example"), EXAMPLES.values(), ids=list(EXAMPLES))
def test_example_gives_the_same_in_each_profile_and_called_by_id(stem, example):
    process = PROCESSES[stem]
    cubes = {name: stack(process) for name in cubes_of(process)}
    whole = run_example(process, example["arguments"] | cubes, "specification").compute()
    arguments = example["arguments"] | {name: {"from_parameter": name} for name in cubes}
    node = {"call": {"process_id": stem, "arguments": arguments, "result": True}}
    for profile in profile_names():
        other = run_example(node, cubes, profile).compute()
        assert list(other.bands.values) == list(whole.bands.values)
        np.testing.assert_allclose(other.values, whole.values, rtol=0, atol=1e-5)


@each_graph
def test_example_values_are_valid(stem):
    process = PROCESSES[stem]
    for example in process["examples"]:
        assert set(example["arguments"]) <= {p["name"] for p in process["parameters"]} - set(cubes_of(process))
        parameters.resolve(process, example["arguments"])
