import numpy as np
import pytest

from local_runner import evaluate
from local_runner.cube import dimension_type
from local_runner.errors import OpenEOError
from tests.processes import DATES, call, callback, graph, make_cube, node, output, parameter

SUM = callback("add", x=parameter("x"), y=parameter("y"))
NANO = "datetime64[ns]"


def test_an_empty_cube_has_no_dimensions():
    cube = call("create_data_cube")
    assert cube.dims == ()
    dated = call("add_dimension", data=cube, name="t", label="2023-03-31", type="temporal")
    assert call("add_dimension", data=dated, name="x", label=3, type="spatial").sizes == {"x": 1, "t": 1}


class TestDimensions:
    def test_a_new_dimension_comes_first(self):
        result = call("add_dimension", data=make_cube(), name="bands", label="coherence", type="bands")
        assert result.dims == ("bands", "y", "x")
        assert result.bands.values.tolist() == ["coherence"]

    def test_a_new_date_is_utc(self):
        result = call("add_dimension", data=make_cube(), name="t", label="2023-03-31T00:00:00Z", type="temporal")
        assert result.t.values.tolist() == np.array(["2023-03-31"], NANO).tolist()
        assert call("dimension_labels", data=result, dimension="t") == ["2023-03-31T00:00:00Z"]

    @pytest.mark.parametrize(
        ("name", "kind"), [("t", "other"), ("when", "temporal"), ("chip", "bands"), ("chip", "other")]
    )
    def test_the_type_of_a_new_dimension_is_remembered(self, name, kind):
        label = "2023-03-31" if kind == "temporal" else "a"
        result = call("add_dimension", data=make_cube(), name=name, label=label, type=kind)
        assert dimension_type(result, name) == kind
        dropped = call("drop_dimension", data=result, name=name)
        assert "dimension_types" not in dropped.attrs

    def test_an_existing_dimension_is_refused(self):
        with pytest.raises(OpenEOError, match=r"^DimensionExists: "):
            call("add_dimension", data=make_cube(), name="x", label=0)

    def test_there_are_three_axes(self):
        cube = call("add_dimension", data=make_cube(), name="height", label=0, type="spatial")
        with pytest.raises(OpenEOError, match=r"^DimensionExists: A cube must have at most three spatial dimensions"):
            call("add_dimension", data=cube, name="depth", label=0, type="spatial")

    @pytest.mark.parametrize("label", ["2023-03", "2023-W13", "before"])
    def test_a_temporal_label_may_be_that_of_a_period(self, label):
        result = call("add_dimension", data=make_cube(), name="t", label=label, type="temporal")
        assert call("dimension_labels", data=result, dimension="t") == [label]

    def test_drop_a_dimension_of_one_label(self):
        cube = make_cube(t=1, bands=("a",))
        assert call("drop_dimension", data=cube, name="t").equals(cube.isel(t=0, drop=True))

    def test_a_dimension_of_two_labels_is_not_dropped(self):
        with pytest.raises(OpenEOError, match=r"^DimensionLabelCountMismatch: .*'2023-03-31T05:50:33Z'"):
            call("drop_dimension", data=make_cube(t=2), name="t")

    @pytest.mark.parametrize(
        ("process_id", "arguments"),
        [
            ("drop_dimension", {"name": "bands"}),
            ("rename_dimension", {"source": "bands", "target": "b"}),
            ("dimension_labels", {"dimension": "bands"}),
            ("rename_labels", {"dimension": "bands", "target": ["a"]}),
        ],
    )
    def test_a_missing_dimension_is_named(self, process_id, arguments):
        with pytest.raises(OpenEOError, match=r"^DimensionNotAvailable: .*\('t', 'y', 'x'\), instead got 'bands'"):
            call(process_id, data=make_cube(t=2), **arguments)

    def test_rename_keeps_order_labels_and_type(self):
        cube = make_cube(t=2, bands=("a", "b"))
        result = call("rename_dimension", data=cube, source="t", target="when")
        assert result.dims == ("when", "bands", "y", "x")
        assert dimension_type(result, "when") == "temporal"
        assert np.array_equal(result.when, cube.t)

    def test_rename_to_an_existing_dimension_is_refused(self):
        with pytest.raises(OpenEOError, match=r"^DimensionExists: "):
            call("rename_dimension", data=make_cube(t=2), source="t", target="x")


def rename(target, source=None, *, cube=None, **options):
    cube = make_cube(bands=("a", "b", "c")) if cube is None else cube
    given = {} if source is None else {"source": source}
    return call("rename_labels", data=cube, dimension="bands", target=target, **given, **options).bands.values.tolist()


class TestRenameLabels:
    enumerated = make_cube(bands=("a", "b", "c")).assign_coords(bands=[0, 1, 2])

    def test_source_says_which(self):
        assert rename(["z", "y"], ["c", "a"]) == ["y", "b", "z"]

    def test_labels_may_change_places(self):
        assert rename(["b", "a"], ["a", "b"]) == ["b", "a", "c"]

    def test_enumerated_labels_need_no_source(self):
        assert rename(["k", "l", "m"], cube=self.enumerated) == ["k", "l", "m"]

    def test_the_rest_of_enumerated_labels_stays(self):
        assert rename(["k"], cube=self.enumerated) == ["k", 1, 2]

    def test_named_labels_need_source_by_the_specification(self):
        with pytest.raises(OpenEOError, match=r"^LabelsNotEnumerated: .*instead got \['a', 'b', 'c'\]\. Give source"):
            rename(["k", "l", "m"])

    def test_named_labels_go_by_position_on_the_back_end(self):
        assert rename(["k", "l", "m"], profile="geopyspark") == ["k", "l", "m"]

    @pytest.mark.parametrize(
        ("code", "target", "source"),
        [
            ("LabelMismatch", ["k"], ["a", "b"]),
            ("LabelNotAvailable", ["k"], ["z"]),
            ("LabelExists", ["b"], ["a"]),
            ("ProcessParameterInvalid", ["k", "k"], ["a", "b"]),
        ],
    )
    def test_errors_of_the_specification(self, code, target, source):
        with pytest.raises(OpenEOError, match=f"^{code}: "):
            rename(target, source)

    def test_more_targets_than_labels(self):
        with pytest.raises(OpenEOError, match=r"^LabelMismatch: target must have at most 3 labels, instead got 4"):
            rename(["k", "l", "m", "n"], cube=self.enumerated)

    def test_dates(self):
        cube = make_cube(t=2)
        result = call("rename_labels", data=cube, dimension="t", source=["2023-03-31T05:50:33Z"], target=["2023-04-01"])
        assert np.array_equal(result.t, np.array([DATES[0], "2023-04-01"], NANO))
        assert np.array_equal(result, cube)

    def test_enumerated_dates(self):
        cube = make_cube(t=2).assign_coords(t=[0, 1])
        result = call("rename_labels", data=cube, dimension="t", target=["2023-03-19", "2023-03-31T05:50:33+02:00"])
        assert np.array_equal(result.t, np.array(["2023-03-19", "2023-03-31T03:50:33"], NANO))


def test_items_survive_a_chain():
    stac = {"2023-03-31": [{"id": "i", "href": "i.json", "properties": {"a": 1}}]}
    cube = make_cube(t=1, bands=("a", "b")).assign_attrs(stac=stac)
    reducer = callback("mean", data=parameter("data"))
    nodes = {
        "smooth": node("apply_kernel", data=parameter("cube"), kernel=[[1, 1, 1]]),
        "date": node("drop_dimension", data=output("smooth"), name="t"),
        "mean": node("reduce_dimension", data=output("date"), dimension="bands", reducer=reducer),
        "twice": node("apply", data=output("mean"), process=callback("multiply", x=parameter("x"), y=2)),
        "half": node("resample_spatial", data=output("twice"), resolution=2, method="average"),
    }
    assert evaluate(graph(**nodes)["process_graph"], {"cube": cube}).attrs["stac"] == stac
