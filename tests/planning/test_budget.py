"""Limits of size: refused before a file is opened, whatever the number."""

from typing import ClassVar

import pytest

from local_runner import access
from local_runner.budget import MAX_PIXELS, Budget, budget_of, half_of_memory, size_text
from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.execution import Execution
from local_runner.files import raster
from local_runner.graph import evaluate
from local_runner.jobs.run import run
from local_runner.jobs.scheduling import Scheduling
from local_runner.planning import estimate, explain, require_budget
from local_runner.profiles import load_profile
from tests.planning import METADATA, PAIRS, UDF, changed, process, with_udf
from tests.processes import make_cube, on_map
from tests.real_pair import write_real_pair

SPECIFICATION = {"profile": "specification"}


def required(nodes, stack, **limits):
    """The check that a run makes first, of nodes that load and save."""
    whole = {"load": {"process_id": "load_stac", "arguments": {"url": stack}}, **nodes}
    last = list(whole)[-1]
    whole["save"] = {
        "process_id": "save_result",
        "arguments": {"data": {"from_node": last}, "format": "GTiff"},
        "result": True,
    }
    profile = load_profile("specification")
    execution = Execution(profile, access.Access().naming(stack), budget=budget_of(**limits))
    return require_budget(whole, execution, Scheduling("threads", 2, 2**40))


def node(process_id, **arguments):
    return {process_id: {"process_id": process_id, "arguments": {"data": {"from_node": "load"}, **arguments}}}


def neighborhood(size, overlap=0):
    axes = [{"dimension": d, "unit": "px"} for d in "xy"]
    definition = with_udf(UDF.format(before=""))["process_graph"]["step"]["arguments"]["process"]
    definition["process_graph"]["udf"]["arguments"]["data"] = {"from_parameter": "data"}
    sizes, overlaps = ([{**axis, "value": value} for axis in axes] for value in (size, overlap))
    return node("apply_neighborhood", process=definition, size=sizes, overlap=overlaps)


def geocoded(resolution):
    names = {"source": ["grid_lat", "grid_lon"], "target": ["latitude", "longitude"]}
    renamed = node("rename_labels", dimension="bands", **names)
    arguments = {"resolution": resolution, "projection": 32631, "method": "geocode"}
    return renamed | {
        "map": {"process_id": "resample_spatial", "arguments": {"data": {"from_node": "rename_labels"}, **arguments}}
    }


EXTREMES = {
    "map of nanometres": (geocoded(1e-9), "The geocoded grid must have at most"),
    "map of nothing": (geocoded(5e-324), "The geocoded grid must have at most"),
    "map of micrometres one way": (geocoded([1e-6, 20]), "The geocoded grid must have at most"),
    "grid of nanosamples": (node("resample_spatial", resolution=1e-9), "A plane of a cube must have at most"),
    "grid of nothing": (node("resample_spatial", resolution=5e-324), "A plane of a cube must have at most"),
    "grid fine in one direction": (
        node("resample_spatial", resolution=[1, 1e-6]),
        "A plane of a cube must have at most",
    ),
    "neighbourhood of 10^9": (neighborhood(10**9), "A chunk of .* must need at most"),
    "neighbourhood of 10^300": (neighborhood(10**300), "A chunk of .* must need at most"),
    "overlap of 10^6": (neighborhood(512, 10**6), "A chunk of .* must need at most"),
}


@pytest.mark.usefixtures("sealed")
class TestBeforeAFileIsOpened:
    @pytest.mark.parametrize("name", EXTREMES)
    def test_extreme_arguments(self, stack, name):
        nodes, message = EXTREMES[name]
        with pytest.raises(
            LimitExceededError, match=rf"^LimitExceeded: {message}.*\(node {list(nodes)[-1]}\)$"
        ) as caught:
            required(nodes, stack)
        assert caught.value.exit_code == 3

    @pytest.mark.parametrize(
        ("limits", "message"),
        [
            ({"max_pixels": 1000}, r"A plane of a cube must have at most 1000 pixels, .* --max-pixels.*\(node load\)$"),
            ({"max_memory": "1M"}, r"The run must need at most 1.0 MiB .* --max-memory.*\(node save\)$"),
            ({"max_output": 100}, r"The result must have at most 100 bytes on disk, .* --max-output.*\(node save\)$"),
        ],
    )
    def test_small_budgets(self, stack, limits, message):
        with pytest.raises(LimitExceededError, match=f"^LimitExceeded: {message}"):
            required(node("filter_bands", bands=["i_VV"]), stack, **limits)

    @pytest.mark.parametrize(
        ("shape", "code"), [([20_000, 20_000], "LimitExceeded"), ([10**7, 10**7], "ArrayTooLarge")]
    )
    def test_large_images(self, folder, shape, code):
        url = changed(folder, f"large{shape[0]}", lambda item: item["properties"].update({"proj:shape": shape}))
        with pytest.raises(LimitExceededError, match=rf"^{code}: .*\(node load\)$"):
            required({}, url)

    def test_too_many_calls(self, folder):
        url = changed(folder, "calls", lambda item: item["properties"].update({"proj:shape": [10_000, 10_000]}))
        with pytest.raises(LimitExceededError, match=r"^LimitExceeded: A UDF must be called at most 250000 times"):
            required(neighborhood(4), url)

    def test_what_fits_is_planned(self, stack):
        assert required(node("filter_bands", bands=["i_VV"]), stack).holds

    def test_what_cannot_be_planned_is_left_to_the_run(self, stack):
        text = with_udf(UDF.format(before=METADATA))["process_graph"]["step"]["arguments"]["process"]
        assert required(node("apply", process=text), stack).holds is None

    def test_explain_notes_it(self, stack):
        plan = explain("slc_coherence", {"pairs": PAIRS}, inputs={"data": stack}, geocode=32631, resolution=1e-6)
        assert plan.node("geocode").problem.code == "LimitExceeded"
        assert plan.holds is False
        plan = explain("slc_coherence", {"pairs": PAIRS}, inputs={"data": stack}, max_memory="100M")
        assert [check.holds for check in plan.checks] == [True, False, True]


@pytest.mark.filterwarnings("ignore::local_runner.profiles.ProfileWarning")
class TestOnceTheHeadersAreKnown:
    """Metadata without a shape: the plan of a run knows nothing of the size, its lazy cube does."""

    BANDS: ClassVar = process(few={"process_id": "filter_bands", "arguments": {"bands": ["i_VV"]}})

    @pytest.fixture
    def nothing_is_read(self, monkeypatch):
        def refuse(*_args, **_named):
            raise AssertionError("a pixel was read")

        monkeypatch.setattr(raster, "_read", refuse)

    @pytest.fixture
    def shapeless(self, folder):
        return changed(folder, "headers", lambda item: item["properties"].pop("proj:shape"))

    @pytest.mark.usefixtures("nothing_is_read")
    @pytest.mark.parametrize(
        ("limits", "message"),
        [
            ({"max_memory": "400K"}, r"The run must need at most 400.0 KiB of memory, .*\(node save\)$"),
            ({"max_output": "100K"}, r"The result must have at most 100.0 KiB on disk, .*\(node save\)$"),
        ],
    )
    def test_a_run_is_refused(self, shapeless, tmp_path, monkeypatch, limits, message):
        monkeypatch.setattr(estimate, "BASE_BYTES", 0)
        with pytest.raises(LimitExceededError, match=f"^LimitExceeded: {message}"):
            run(self.BANDS, inputs={"data": shapeless}, out=tmp_path / "out", **limits)
        assert not (tmp_path / "out").exists()

    def test_a_run_that_fits(self, shapeless, tmp_path):
        found = run(self.BANDS, inputs={"data": shapeless}, out=tmp_path / "out", quicklooks=False)
        assert len(found.items) == 3

    def test_real_layout(self, tmp_path):
        try:
            pair = write_real_pair(tmp_path / "in")
        except FileNotFoundError as error:
            pytest.skip(str(error))
        call = {"inputs": {"data": pair}, "out": tmp_path / "out"}
        with pytest.raises(LimitExceededError, match=r"^LimitExceeded: The run must need at most 300.0 MiB of memory"):
            run("slc_coherence", {"pairs": [["2023-03-31", "2023-03-19"]]}, max_memory="300MB", **call)


class TestOfAnEvaluation:
    def graph(self, resolution):
        arguments = {"data": {"from_parameter": "data"}, "resolution": resolution}
        return {"r": {"process_id": "resample_spatial", "arguments": arguments, "result": True}}

    @pytest.mark.parametrize("resolution", [1e-9, 5e-324])
    def test_pixels(self, resolution):
        with pytest.raises(LimitExceededError, match=r"^LimitExceeded: A plane of a cube must have at most 200000000 "):
            evaluate(self.graph(resolution), {"data": make_cube()})

    def test_projection(self):
        graph = self.graph(1e-6)
        graph["r"]["arguments"]["projection"] = 32632
        with pytest.raises(LimitExceededError, match=r"^LimitExceeded: The geocoded grid must have at most"):
            evaluate(graph, {"data": on_map(make_cube())})


class TestBudget:
    def test_defaults(self):
        assert Budget().max_pixels == MAX_PIXELS == 200_000_000
        assert Budget().max_memory == half_of_memory() > 2**28

    @pytest.mark.parametrize(
        ("text", "size"), [("8G", 2**33), ("500 MB", 500 * 2**20), ("1.5GiB", 3 * 2**29), (1024, 1024), ("2e3", 2000)]
    )
    def test_bytes_as_text(self, text, size):
        assert budget_of(max_memory=text).max_memory == size

    @pytest.mark.parametrize("text", ["", "many", "-1", 0, "nan", "inf", "5X", "1e99", "1GG"])
    def test_what_is_no_number(self, text):
        with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: max_output must be a positive number"):
            budget_of(max_output=text)

    @pytest.mark.parametrize(
        ("size", "text"),
        [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (2**40, "1.0 TiB"), (2**53, "8192.0 TiB")],
    )
    def test_sizes_for_people(self, size, text):
        assert size_text(size) == text

    def test_the_limit_itself_is_allowed(self):
        Budget(max_pixels=100).require_plane(10, 10)
        with pytest.raises(LimitExceededError, match=r"^LimitExceeded: .* instead got 10 rows x 11 columns. "):
            Budget(max_pixels=100).require_plane(10, 11)
