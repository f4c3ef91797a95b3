import numpy as np
import pytest

from local_runner import evaluate
from local_runner.cube import dimension_type
from local_runner.errors import OpenEOError
from tests.processes import DATES, UTM, call, callback, graph, make_cube, node, on_map, output, parameter, unreadable

SUM = callback("add", x=parameter("x"), y=parameter("y"))
NANO = "datetime64[ns]"


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

    def test_a_wrong_date_is_refused(self):
        with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: A temporal label must be a date"):
            call("add_dimension", data=make_cube(), name="t", label="noon", type="temporal")

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


def merge(cube1, cube2, resolver=None, **options):
    return call("merge_cubes", cube1=cube1, cube2=cube2, overlap_resolver=resolver, **options)


def one(value, *, t=1, bands=("a",), first=0):
    cube = make_cube(t=first + t, bands=bands, y=2, x=3).isel(t=slice(first, None))
    return cube.copy(data=np.full(cube.shape, value, np.float32))


class TestMerge:
    def test_disjoint_bands_are_put_side_by_side(self):
        a, b = make_cube(t=2, bands=("b", "a")), make_cube(t=2, bands=("d", "c"), seed=1)
        result = merge(a, b)
        assert result.bands.values.tolist() == ["b", "a", "d", "c"]
        assert result.sel(bands=["b", "a"]).equals(a)
        assert result.sel(bands=["d", "c"]).equals(b)

    def test_disjoint_dates_are_sorted(self):
        cube = make_cube(t=3, bands=("a",))
        assert merge(cube.isel(t=[1]), cube.isel(t=[0, 2])).equals(cube)

    @pytest.mark.parametrize("name", ["x", "y", "t", "bands", "label"])
    def test_a_band_may_be_called_like_a_dimension(self, name):
        a, b = make_cube(t=2, bands=(name,)), make_cube(t=2, bands=("other",), seed=1)
        assert merge(a, b).sel(bands=name, drop=True).equals(a.sel(bands=name, drop=True))

    def test_dimensions_in_another_order(self):
        a, b = make_cube(t=2, bands=("a",)), make_cube(t=2, bands=("b",), seed=1)
        assert merge(a, b.transpose("x", "t", "y", "bands")).equals(merge(a, b))

    def test_labels_in_another_order_are_the_same_labels(self):
        a, b = make_cube(t=2, bands=("a",)), make_cube(t=2, bands=("b",), seed=1)
        assert merge(a, b.isel(t=[1, 0])).equals(merge(a, b))

    @pytest.mark.parametrize("swap", [False, True])
    def test_a_cube_without_t_is_used_for_every_date(self, swap):
        cube, heights = make_cube(t=2, bands=("a",)), make_cube(bands=("height",), seed=1)
        result = merge(heights, cube) if swap else merge(cube, heights)
        assert result.dims == ("t", "bands", "y", "x")
        assert result.bands.values.tolist() == (["height", "a"] if swap else ["a", "height"])
        assert all(result.sel(t=t, bands="height", drop=True).equals(heights[0].drop_vars("bands")) for t in cube.t)

    def test_a_plane_is_combined_with_every_date_and_band(self):
        cube, plane = make_cube(t=2, bands=("a", "b")), make_cube(seed=1)
        assert np.allclose(merge(cube, plane, SUM), cube.values + plane.values)

    def test_overlap_without_resolver(self):
        cube = make_cube(bands=("a", "b"))
        with pytest.raises(OpenEOError, match=r"^OverlapResolverMissing: .*instead got {'bands': \['b'\]}"):
            merge(cube, make_cube(bands=("b", "c")))
        with pytest.raises(OpenEOError, match=r"^OverlapResolverMissing: "):
            merge(cube, cube)

    def test_the_resolver_decides_where_labels_are_common(self):
        result = merge(one(1, bands=("a", "b")), one(10, bands=("b", "c")), SUM)
        assert result.bands.values.tolist() == ["a", "b", "c"]
        assert result[0, :, 0, 0].values.tolist() == [1, 11, 10]

    def test_the_resolver_knows_x_and_y(self):
        difference = callback("subtract", x=parameter("x"), y=parameter("y"))
        assert (merge(one(1), one(10), difference) == -9).all()

    def test_the_context_reaches_the_resolver(self):
        assert (merge(one(1), one(10), callback("add", x=parameter("x"), y=parameter("context")), context=5) == 6).all()

    def test_what_the_resolver_makes_null_stays_null(self):
        nothing = callback("if", value=False, accept=1)
        result = merge(one(1, bands=("a", "b")), one(10, bands=("b", "c")), nothing)
        assert np.array_equal(result[0, :, 0, 0], [1, np.nan, 10], equal_nan=True)

    def test_nan_of_a_cube_is_a_value_of_it(self):
        result = merge(one(np.nan, bands=("a", "b")), one(10, bands=("b", "c")), SUM)
        assert np.array_equal(result[0, :, 0, 0], [np.nan, np.nan, 10], equal_nan=True)

    def test_disjoint_bands_with_other_dates_leave_gaps(self):
        result = merge(one(1, t=2, bands=("a",)), one(10, t=2, bands=("b",), first=1))
        expected = [[1, np.nan], [1, 10], [np.nan, 10]]
        assert np.array_equal(result[..., 0, 0], expected, equal_nan=True)

    def test_common_dates_and_bands_need_a_resolver(self):
        cubes = one(1, t=2, bands=("a", "b")), one(10, t=2, bands=("b", "c"), first=1)
        with pytest.raises(OpenEOError, match=r"^OverlapResolverMissing: "):
            merge(*cubes)
        nan = np.nan
        expected = [[1, 1, nan], [1, 11, 10], [nan, 10, 10]]
        assert np.array_equal(merge(*cubes, SUM)[..., 0, 0], expected, equal_nan=True)

    def test_neither_cube_has_all_dimensions_of_the_other(self):
        with pytest.raises(OpenEOError, match=r"^DimensionMismatch: "):
            merge(make_cube(t=2), make_cube(bands=("a",)))

    @pytest.mark.parametrize(
        "other", [{"left": 500_003}, {"top": 5_800_003}, {"step": 20}, {"crs": UTM.from_epsg(32632)}]
    )
    def test_another_grid_is_refused(self, other):
        cube = make_cube(bands=("a",))
        with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: The cubes must have the same grid"):
            merge(on_map(cube), on_map(make_cube(bands=("b",)), **other))

    def test_grids_that_differ_in_the_last_digit_are_one(self):
        a, b = on_map(make_cube(bands=("a",))), on_map(make_cube(bands=("b",)), left=500_000.0000001)
        result = merge(a, b)
        assert result.sizes == {"bands": 2, "y": 5, "x": 7}
        assert result.rio.crs == UTM

    def test_nothing_is_read(self):
        a, b = unreadable(make_cube(bands=("a", "b"))), unreadable(make_cube(bands=("b", "c")))
        assert merge(a, b, SUM).sizes["bands"] == 3

    @pytest.mark.parametrize("second", ["b", "a"])
    def test_the_items_of_both_are_kept(self, second):
        item = {name: {"id": name, "href": f"{name}.json", "properties": {}} for name in "abc"}
        a = make_cube(bands=("a",)).assign_attrs(stac={"2023-03-31": [item["a"]]})
        b = make_cube(bands=(second,)).assign_attrs(
            stac={"2023-03-31": [item["a"], item["b"]], "2023-03-19": [item["c"]]}
        )
        result = merge(a, b, SUM if second == "a" else None)
        assert result.attrs["stac"] == {"2023-03-19": [item["c"]], "2023-03-31": [item["a"], item["b"]]}


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
