"""A plan tells what a run does, and neither opens a file nor runs a UDF."""

import json
import re

import numpy as np
import pytest

from local_runner import catalog
from local_runner.cube import labels
from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.graph import evaluate
from local_runner.planning import explain
from local_runner.udf import call as udfs
from tests.planning import DAYS, LINES, METADATA, PAIRS, SAMPLES, UDF, changed, process, with_udf

COHERENCE = ["coherence_20240809_20240821", "coherence_20240902_20240809"]

OF_IMAGES = [
    name
    for name in catalog.ids()
    if {"data", "polarization"} <= {p["name"] for p in catalog.load(name)["parameters"]}
    and name != "slc_coregistration"
]
"""Processes of the collection that take a coregistered stack."""


def coherence(stack, **options):
    return explain("slc_coherence", {"pairs": PAIRS}, inputs={"data": stack}, **options)


def own(definition, stack, **options):
    return explain(definition, inputs={"data": stack}, **options)


def axes(plan, path):
    return {axis.name: axis for axis in plan.node(path).cube.axes}


@pytest.mark.usefixtures("sealed")
class TestOfTheCollection:
    def test_nodes_have_paths_in_the_order_of_calls(self, stack):
        paths = [node.path for node in coherence(stack).nodes]
        assert paths[:2] == ["load_data", "slc_coherence"]
        assert paths[-2:] == ["slc_coherence/coherence", "save"]
        assert all(path.startswith("slc_coherence/") for path in paths[2:-1])

    def test_labels_shape_and_chunks(self, stack):
        loaded, result = (axes(coherence(stack), path) for path in ("load_data", "slc_coherence/coherence"))
        assert loaded["bands"].labels == ("i_VV", "q_VV", "grid_lat", "grid_lon")
        assert [label[:10] for label in loaded["t"].labels] == list(DAYS)
        assert loaded["x"].labels == (0, SAMPLES - 1)
        assert result["t"].labels == ("2024-08-09T00:00:00Z",)
        assert result["bands"].labels == (*COHERENCE, "latitude", "longitude")
        assert result["x"].chunks == (512, 512, SAMPLES - 1024)

    def test_what_the_udf_gets(self, stack):
        (udf,) = coherence(stack).node("slc_coherence/coherence").udfs
        assert (udf.calls, udf.dims, udf.shape) == (3, ("t", "bands", "y", "x"), (3, 4, 576, 576))
        assert (udf.dates, udf.overlap_px, udf.size_px) == ("all", {"y": 32, "x": 32}, {"y": 512, "x": 512})
        assert (udf.returned_shape, udf.dtype, udf.of_collection) == ((1, 4, 576, 576), "float32", True)
        assert udf.labels["bands"] == ["i_VV", "q_VV", "grid_lat", "grid_lon"]

    def test_pixels_and_bytes(self, stack):
        plan = coherence(stack)
        planes = 3 * 2 + 2
        assert plan.pixels_read == planes * LINES * SAMPLES
        assert plan.bytes_read == 4 * plan.pixels_read
        assert plan.output_bytes == 4 * LINES * SAMPLES * 4 * 4 // 3

    def test_selection_reads_less(self, stack):
        few = process(
            bands={"process_id": "filter_bands", "arguments": {"bands": ["i_VV"]}},
            dates={"process_id": "filter_temporal", "arguments": {"extent": ["2024-08-20", "2024-08-22"]}},
        )
        assert own(few, stack).pixels_read == LINES * SAMPLES

    def test_native_graph(self, stack):
        plan = explain(
            "slc_coherence_native",
            {"primary_date": DAYS[0], "secondary_date": DAYS[1]},
            inputs={"data": stack},
        )
        assert (plan.complete, plan.udf_calls) == (True, 0)
        assert axes(plan, "slc_coherence_native")["bands"].labels == ("coherence", "latitude", "longitude")
        assert plan.node("slc_coherence_native/pad").value == 8

    def test_json_is_strict_and_complete(self, stack):
        plan = coherence(stack, geocode=32631, resolution=20)
        found = json.loads(json.dumps(plan.to_dict(), allow_nan=False))
        assert found["memory"]["peak_bytes"] == plan.memory.peak_bytes
        assert [node["path"] for node in found["nodes"]] == [node.path for node in plan.nodes]
        assert found["nodes"][0]["cube"]["axes"][0]["labels"][0] == "2024-08-09T17:06:52Z"
        assert found["holds"] is True

    def test_a_path_that_is_none(self, stack):
        with pytest.raises(
            OpenEOError, match=r"^ProcessParameterInvalid: path .* 'lod_data'. Did you mean 'load_data'\?"
        ):
            coherence(stack).node("lod_data")
        with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: .* The nodes are load_data, slc_coherence, "):
            coherence(stack).node("nope")

    def test_wrong_calls_are_errors(self, stack):
        with pytest.raises(OpenEOError, match=r"^ProcessParameterRequired: "):
            explain("slc_coherence", inputs={"data": stack})
        with pytest.raises(OpenEOError, match=r"^ProcessUnsupported: "):
            explain("slc_coherense", inputs={"data": stack})


@pytest.mark.filterwarnings("ignore::local_runner.profiles.ProfileWarning")
class TestLikeARun:
    @pytest.mark.parametrize("profile", ["geopyspark", "specification"])
    @pytest.mark.parametrize("name", [*OF_IMAGES, "slc_coregistration"])
    def test_cube_of_the_plan_is_that_of_the_lazy_graph(self, stack, bursts, name, profile):
        stack = stack if name in OF_IMAGES else bursts
        arguments = catalog.load(name)["examples"][0]["arguments"]
        nodes = {
            "load": {"process_id": "load_stac", "arguments": {"url": stack}},
            "own": {"process_id": name, "arguments": {**arguments, "data": {"from_node": "load"}}, "result": True},
        }
        real = evaluate(nodes, profile=profile)
        planned = explain(name, arguments, inputs={"data": stack}, profile=profile).node(name).cube
        assert [axis.name for axis in planned.axes] == list(real.dims)
        assert tuple(axis.chunks for axis in planned.axes) == real.chunks
        assert (planned.dtype, planned.memory_bytes) == (str(real.dtype), real.nbytes)
        for axis in planned.axes:
            ends = labels(real, axis.name)
            assert list(axis.labels) == ([ends[0], ends[-1]] if axis.name in "xy" else ends)

    def test_udf_calls_are_those_of_a_run(self, stack, monkeypatch):
        called, run = [], udfs.run_udf_code
        monkeypatch.setattr(udfs, "run_udf_code", lambda *given: (called.append(1), run(*given))[1])
        nodes = {"load": {"process_id": "load_stac", "arguments": {"url": stack}}}
        arguments = {"data": {"from_node": "load"}, "pairs": PAIRS}
        nodes["own"] = {"process_id": "slc_coherence", "arguments": arguments, "result": True}
        evaluate(nodes).compute()
        assert len(called) == 1 + coherence(stack).udf_calls  # one is the trial call

    def test_geocoded_grid_is_the_real_one_to_a_few_cells(self, stack):
        arguments = {"projection": 32631, "resolution": 20, "method": "geocode"}
        geocoded = process(
            named={
                "process_id": "rename_labels",
                "arguments": {
                    "dimension": "bands",
                    "source": ["grid_lat", "grid_lon"],
                    "target": ["latitude", "longitude"],
                },
            },
            map={"process_id": "resample_spatial", "arguments": arguments},
        )
        loaded = evaluate({"load": {"process_id": "load_stac", "arguments": {"url": stack}, "result": True}})
        real = evaluate(geocoded, {"data": loaded})
        planned = own(geocoded, stack).node("own/map").cube
        assert planned.crs == "EPSG:32631"
        assert np.allclose(planned.shape, real.shape, atol=3)
        assert planned.axes[1].labels == tuple(labels(real, "bands"))


@pytest.mark.usefixtures("sealed")
class TestUdfsOfOthers:
    def test_nothing_of_their_text_runs(self, stack, tmp_path):
        text = UDF.format(before=f"open({str(tmp_path / 'touched')!r}, 'w').close()\n")
        plan = own(with_udf(text), stack)
        assert (plan.complete, (tmp_path / "touched").exists()) == (True, False)
        assert axes(plan, "own/step")["bands"].labels == ("i_VV", "q_VV", "grid_lat", "grid_lon")
        assert plan.node("own/step").notes == [
            "The UDF was not run: its result is taken to have the bands and dates of its input"
        ]

    def test_labels_by_apply_metadata_are_unknown(self, stack):
        plan = own(with_udf(UDF.format(before=METADATA)), stack)
        assert plan.node("own/step").problem.code == "LabelsUnknown"
        assert plan.node("save").unknown_from == "own/step"
        assert (plan.complete, plan.holds) == (False, None)
        assert plan.node("load_data").cube.shape == (3, 4, LINES, SAMPLES)

    def test_one_date_at_a_time(self, stack):
        (udf,) = own(with_udf(UDF.format(before="")), stack).node("own/step").udfs
        assert (udf.dates, udf.dims, udf.shape) == ("one", ("bands", "y", "x"), (4, 256, 256))
        assert (udf.calls, udf.of_collection) == (3 * 5, False)

    @pytest.mark.parametrize(("dimension", "dims"), [("t", ["bands", "y", "x"]), ("bands", ["t", "y", "x"])])
    def test_reducer(self, stack, dimension, dims):
        plan = own(with_udf(UDF.format(before=""), "reduce_dimension", dimension=dimension), stack)
        assert [axis.name for axis in plan.node("own/step").cube.axes] == dims


@pytest.mark.usefixtures("sealed")
class TestUnknown:
    def test_shape(self, folder):
        url = changed(folder, "shapeless", lambda item: item["properties"].pop("proj:shape"))
        plan = coherence(url)
        problem = plan.node("load_data").problem
        assert problem.code == "GridUnknown"
        assert re.search("by proj:shape, .*Add the fields proj:shape, .* run reads the headers", problem.message)
        assert (plan.pixels_read, plan.bytes_read, plan.output_bytes) == (None, None, None)
        assert [node.unknown_from for node in plan.nodes] == [None, "load_data", "load_data"]
        assert [check.holds for check in plan.checks] == [None, None, None]

    def test_footprint(self, folder):
        url = changed(folder, "outlineless", lambda item: item.update(geometry=None, bbox=None))
        plan = coherence(url, geocode=32631, resolution=20)
        assert plan.node("geocode").problem.code == "FootprintUnknown"
        assert plan.node("slc_coherence").cube is not None

    def test_a_node_that_a_run_would_refuse(self, stack):
        plan = own(process(step={"process_id": "filter_bands", "arguments": {"bands": ["i_HH"]}}), stack)
        assert plan.node("own/step").problem.code == "BandNotAvailable"
        assert plan.node("own").unknown_from == "own/step"

    def test_address_that_may_not_be_read(self):
        plan = coherence("https://example.org/collection.json")
        assert plan.node("load_data").problem.code == "AccessRefused"

    def test_box_in_radar_geometry_is_the_whole_image(self, stack):
        box = {"west": 0, "south": 0, "east": 1, "north": 1}
        node = {"process_id": "load_stac", "arguments": {"url": stack, "spatial_extent": box}, "result": True}
        plan = explain({"load": node})
        assert plan.node("load").cube.shape == (3, 4, LINES, SAMPLES)
        assert plan.node("load").notes[0].startswith("spatial_extent in radar geometry is not narrowed down")


@pytest.mark.usefixtures("sealed")
class TestExitCode:
    """What a run would end with."""

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            (
                {"pairs": [[DAYS[0], "2023-01-01"]]},
                r"The pairs .* must have dates of its cube, instead got '2023-01-01'",
            ),
            ({"pairs": [PAIRS[0], PAIRS[0]]}, r"pairs must not repeat"),
        ],
    )
    def test_input_that_a_udf_of_the_collection_refuses(self, stack, parameters, message):
        plan = explain("slc_coherence", {"pairs": PAIRS} | parameters, inputs={"data": stack})
        problem = plan.node("slc_coherence/coherence").problem
        assert problem.code == "UdfInputInvalid"
        assert re.match(message, problem.message)
        assert plan.exit_code == OpenEOError.exit_code

    def test_nothing_wrong(self, stack):
        assert coherence(stack).exit_code == 0
        assert coherence(stack).to_dict()["exit_code"] == 0

    def test_what_a_plan_does_not_know_is_no_error(self, stack, folder):
        shapeless = changed(folder, "nameless", lambda item: item["properties"].pop("proj:shape"))
        assert coherence(shapeless).exit_code == 0
        assert own(with_udf(UDF.format(before=METADATA)), stack).exit_code == 0

    @pytest.mark.parametrize("options", [{"max_memory": "100M"}, {"geocode": 32631, "resolution": 1e-6}])
    def test_a_budget_that_does_not_hold(self, stack, options):
        assert coherence(stack, **options).exit_code == LimitExceededError.exit_code

    def test_a_limit_of_the_back_end(self, stack):
        even = process(step={"process_id": "apply_kernel", "arguments": {"kernel": [[1]], "border": "replicate"}})
        assert [limit.action for limit in own(even, stack).node("own/step").limits] == ["refuse"]
        assert own(even, stack).exit_code == OpenEOError.exit_code
        assert own(even, stack, profile="specification").exit_code == 0

    def test_an_error_behind_an_assumption_is_not_certain(self, stack):
        udf = with_udf(UDF.format(before=""))["process_graph"]["step"]
        bands = {"process_id": "filter_bands", "arguments": {"bands": ["i_HH"]}}
        assert own(process(bands=dict(bands)), stack).exit_code == OpenEOError.exit_code
        del udf["result"]
        assert own(process(udf=udf, bands=dict(bands)), stack).exit_code == 0


@pytest.mark.usefixtures("sealed")
class TestLimits:
    def test_all_limits_are_listed_at_their_nodes(self, stack):
        size = [{"dimension": d, "value": 30, "unit": "px"} for d in "xy"]
        overlap = [{"dimension": "x", "value": 40, "unit": "px"}, {"dimension": "y", "value": 0, "unit": "px"}]
        definition = with_udf(UDF.format(before=""), "apply_neighborhood", size=size, overlap=overlap)
        definition["process_graph"]["step"]["result"] = False
        kernel = {"kernel": [[1, 1, 1]], "border": "replicate", "data": {"from_node": "step"}}
        definition["process_graph"]["sum"] = {"process_id": "apply_kernel", "arguments": kernel, "result": True}
        plan = own(definition, stack)
        found = {path: {(i.number, i.action) for i in plan.node(path).limits} for path in ("own/step", "own/sum")}
        assert found["own/step"] >= {("G18", "refuse"), ("G19", "refuse"), ("G22", "warn")}
        assert found["own/sum"] >= {("G27", "refuse"), ("G29", "refuse")}
        assert plan.complete

    def test_parameters_must_not_drive_sizes(self, stack):
        size = [{"dimension": d, "value": {"from_parameter": "edge"}, "unit": "px"} for d in "xy"]
        definition = with_udf(UDF.format(before=""), "apply_neighborhood", size=size)
        definition["parameters"].append({"name": "edge", "description": "Edge.", "schema": {"type": "integer"}})
        plan = explain(definition, {"edge": 64}, inputs={"data": stack})
        assert "G25" in [limit.number for limit in plan.node("own/step").limits]

    def test_no_limit_in_the_specification(self, stack):
        plan = own(
            process(step={"process_id": "apply_kernel", "arguments": {"kernel": [[1, 1, 1]]}}),
            stack,
            profile="specification",
        )
        assert not any(node.limits for node in plan.nodes)
