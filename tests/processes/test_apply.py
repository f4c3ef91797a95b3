import numpy as np
import pytest

from local_runner import evaluate
from local_runner.cube import dimension_type
from local_runner.errors import OpenEOError
from tests.processes import UTM, call, callback, graph, make_cube, node, on_map, output, parameter, unreadable

X, DATA = parameter("x"), parameter("data")
DOUBLE = callback("multiply", x=X, y=2)
SWAP = graph(
    a=node("array_element", data=DATA, label="a"),
    b=node("array_element", data=DATA, label="b"),
    new=node("array_create", data=[output("b"), output("a")]),
)
SUM = callback("sum", data=DATA)
CUBE = make_cube(t=2, bands=("a", "b"))


def band(process, cube=CUBE, **options):
    return call("apply_dimension", data=cube, process=process, dimension="bands", **options)


def reduced(reducer, cube=CUBE, dimension="bands", **options):
    return call("reduce_dimension", data=cube, reducer=reducer, dimension=dimension, **options)


class TestEveryParent:
    CALLS = (
        ("apply", {"process": DOUBLE}),
        ("apply_dimension", {"process": SWAP, "dimension": "bands"}),
        ("reduce_dimension", {"reducer": SUM, "dimension": "bands"}),
    )

    @pytest.mark.parametrize(("parent", "arguments"), CALLS)
    def test_nothing_is_read(self, parent, arguments):
        assert call(parent, data=unreadable(CUBE), **arguments).sizes["x"] == CUBE.sizes["x"]

    @pytest.mark.parametrize(("parent", "arguments"), CALLS)
    @pytest.mark.parametrize(("profile", "kept"), [("specification", np.float64), ("geopyspark", np.float32)])
    def test_float64_is_kept_by_the_specification_only(self, parent, arguments, profile, kept):
        assert call(parent, data=CUBE.astype(float), profile=profile, **arguments).dtype == kept

    @pytest.mark.parametrize(("parent", "arguments"), CALLS)
    def test_integers_become_floating_point(self, parent, arguments):
        assert call(parent, data=CUBE.astype(np.int16), **arguments).dtype == np.float32

    @pytest.mark.parametrize(("parent", "arguments"), CALLS)
    def test_order_crs_and_items_are_kept(self, parent, arguments):
        cube = (
            on_map(CUBE).transpose("x", "bands", "t", "y").assign_attrs(stac={"2023-03-31": [{"id": "i"}]}, units="m")
        )
        result = call(parent, data=cube, **arguments)
        assert result.dims == tuple(d for d in cube.dims if d in result.dims)
        assert result.rio.crs == UTM
        assert result.attrs == {"stac": cube.attrs["stac"]}
        assert all(result[d].equals(cube[d]) for d in result.dims)

    @pytest.mark.parametrize("parent", ["apply_dimension", "reduce_dimension"])
    def test_a_missing_dimension(self, parent):
        role = "reducer" if parent == "reduce_dimension" else "process"
        with pytest.raises(OpenEOError, match=r"^DimensionNotAvailable: .*instead got 'z'"):
            call(parent, data=CUBE, dimension="z", **{role: SUM})


class TestApply:
    def test_each_value(self):
        assert np.array_equal(call("apply", data=CUBE, process=DOUBLE), CUBE * 2)

    def test_several_nodes(self):
        process = graph(square=node("power", base=X, p=2), root=node("sqrt", x=output("square")))
        assert np.allclose(call("apply", data=CUBE, process=process), abs(CUBE))

    def test_the_context(self):
        process = callback("add", x=X, y=parameter("context"))
        assert np.array_equal(call("apply", data=CUBE, process=process, context=3), CUBE + 3)

    @pytest.mark.parametrize(("value", "expected"), [(7, 7), (None, np.nan), (True, 1)])
    def test_a_constant_fills_the_cube(self, value, expected):
        result = call("apply", data=CUBE, process=callback("if", value=True, accept=value))
        assert np.array_equal(result, np.full(CUBE.shape, expected), equal_nan=True)

    def test_a_dimension_called_label_is_refused(self):
        cube = CUBE.rename(t="label")
        with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: .*called 'label'.*Use rename_dimension first"):
            call("apply", data=cube, process=DOUBLE)
        with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: .*called 'label'.*Use rename_dimension first"):
            reduced(SUM, cube)
        assert np.allclose(reduced(SUM, cube, dimension="label"), CUBE.sum("t"))

    def test_a_text_is_no_pixel(self):
        with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The callback must return a number.*'a'"):
            call("apply", data=CUBE, process=callback("text_concat", data=["a"]))


class TestApplyDimension:
    def test_labels_are_kept_with_their_number(self):
        result = band(SWAP)
        assert result.bands.values.tolist() == ["a", "b"]
        assert np.array_equal(result, CUBE.isel(bands=[1, 0]))

    @pytest.mark.parametrize("count", [1, 3])
    def test_another_number_of_labels_is_enumerated(self, count):
        process = graph(
            first=node("array_element", data=DATA, index=0),
            new=node("array_create", data=[output("first")], repeat=count),
        )
        assert band(process).bands.values.tolist() == list(range(count))

    def test_dates(self):
        process = graph(
            first=node("array_element", data=DATA, label="2023-03-19"),
            second=node("array_element", data=DATA, label="2023-03-31"),
            new=node("array_create", data=[output("second"), output("first")]),
        )
        result = call("apply_dimension", data=CUBE, process=process, dimension="t")
        assert result.t.equals(CUBE.t)
        assert np.array_equal(result, CUBE.isel(t=[1, 0]))

    def test_a_new_dimension_takes_the_place_of_the_old_one(self):
        result = band(SWAP, target_dimension="swapped")
        assert result.dims == ("t", "swapped", "y", "x")
        assert result.swapped.values.tolist() == [0, 1]

    @pytest.mark.parametrize("name", ["chip", "time"])
    def test_a_new_dimension_is_of_type_other(self, name):
        assert dimension_type(band(SWAP, target_dimension=name), name) == "other"

    def test_labels_alone_fill_the_cube(self):
        labels = graph(labels=node("array_labels", data=DATA), count=node("array_create", data=[3, None]))
        result = band(labels)
        assert bool((result.sel(bands="a") == 3).all())
        assert bool(result.sel(bands="b").isnull().all())

    def test_a_dimension_of_one_label_may_be_the_target(self):
        result = band(SWAP, CUBE.isel(t=[0]), target_dimension="t")
        assert result.dims == ("t", "y", "x")
        assert result.t.values.tolist() == [0, 1]
        assert np.array_equal(result, CUBE.isel(t=0, bands=[1, 0]))

    def test_another_dimension_may_not_be_the_target(self):
        with pytest.raises(
            OpenEOError, match=r"^FeatureUnsupported: target_dimension must be null, new, or a dimension with one"
        ):
            band(SWAP, target_dimension="t")

    def test_the_callback_must_return_an_array(self):
        with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: .*must return an array.*array_create"):
            band(SUM)

    def test_constants_only(self):
        result = band(callback("array_create", data=[1, None]))
        assert result.dims == CUBE.dims
        assert np.array_equal(result[0, :, 0, 0], [1, np.nan], equal_nan=True)


class TestReduceDimension:
    def test_the_dimension_is_dropped(self):
        result = reduced(SUM)
        assert result.dims == ("t", "y", "x")
        assert np.allclose(result, CUBE.sum("bands"))

    @pytest.mark.parametrize("dimension", ["t", "y", "x"])
    def test_any_dimension(self, dimension):
        assert np.allclose(reduced(callback("max", data=DATA), dimension=dimension), CUBE.max(dimension))

    def test_band_math(self):
        process = graph(
            a=node("array_element", data=DATA, label="a"),
            b=node("array_element", data=DATA, label="b"),
            difference=node("subtract", x=output("a"), y=output("b")),
        )
        assert np.array_equal(reduced(process), CUBE[:, 0] - CUBE[:, 1])

    def test_a_label_that_is_not_there(self):
        with pytest.raises(OpenEOError, match=r"^ArrayElementNotAvailable: .*\('a', 'b'\)\. \(node only/only\)$"):
            reduced(callback("array_element", data=DATA, label="c"))

    @pytest.mark.parametrize("value", [None, 4])
    def test_a_constant_fills_the_plane(self, value):
        result = reduced(callback("if", value=True, accept=value))
        assert result.dims == ("t", "y", "x")
        assert np.array_equal(result, np.full(result.shape, np.nan if value is None else value), equal_nan=True)

    def test_an_array_is_no_single_value(self):
        with pytest.raises(
            OpenEOError, match=r"^ProcessParameterInvalid: The reducer must return one value, instead got .*of 2"
        ):
            reduced(callback("array_concat", array1=DATA, array2=[]))

    def test_the_context_and_parameters_of_outer_scopes(self):
        inner = callback("add", x=X, y=parameter("offset"))
        process = graph(
            total=node("sum", data=DATA),
            more=node("apply", data=output("total"), process=inner),
            all=node("add", x=output("more"), y=parameter("context")),
        )
        nodes = graph(
            all=node("reduce_dimension", data=parameter("cube"), reducer=process, dimension="bands", context=100)
        )
        result = evaluate(nodes["process_graph"], {"cube": CUBE, "offset": 10})
        assert np.allclose(result, CUBE.sum("bands") + 110, rtol=0, atol=1e-4)


class TestNeighborhood:
    @pytest.mark.parametrize("wrong", [{"unit": "m"}, {"value": 2.5}, {"value": -1}, {"value": "P1D"}])
    def test_sizes_are_whole_pixels(self, wrong):
        size = [{"dimension": "x", "value": 16, "unit": "px"} | wrong]
        with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: Sizes along x must be whole pixels"):
            call("apply_neighborhood", data=CUBE, process=SUM, size=size)

    def test_dates_are_taken_together_or_one_by_one(self):
        with pytest.raises(
            OpenEOError, match=r"^FeatureUnsupported: Sizes along t must be whole .* 'P1D' for each date"
        ):
            call("apply_neighborhood", data=CUBE, process=SUM, size=[{"dimension": "t", "value": "P1M"}])

    @pytest.mark.parametrize("entry", [{"dimension": "bands", "value": 1}, {"dimension": "t", "value": 3}])
    def test_a_udf_gets_all_labels(self, entry):
        udf = callback("run_udf", data=DATA, udf="\n", runtime="Python")
        cube = make_cube(t=3, bands=("a", "b"))
        overlap = [entry | {"value": 1}] if entry["dimension"] == "t" else None
        with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: A UDF must get all labels of (bands|t), or 'P1D'"):
            call("apply_neighborhood", data=cube, process=udf, size=[entry], overlap=overlap)

    def test_a_missing_dimension(self):
        with pytest.raises(OpenEOError, match=r"^DimensionNotAvailable: "):
            call("apply_neighborhood", data=CUBE, process=SUM, size=[{"dimension": "z", "value": 1, "unit": "px"}])
