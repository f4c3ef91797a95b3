"""One result whether an array is a list, a labelled array in memory, or the values of a lazy cube along a dimension."""

import numpy as np
import pytest
import xarray as xr

from tests.processes import call, callback, graph, make_cube, node, output, parameter, unreadable

DATA, X = parameter("data"), parameter("x")
INF, NAN = np.inf, np.nan
OVER = callback("gt", x=X, y=1.5)

TO_ONE = {
    **{name: (name, {}) for name in ("mean", "min", "max", "sum", "product", "median", "variance", "sd")},
    **{f"{name} with no-data": (name, {"ignore_nodata": False}) for name in ("mean", "max", "sum", "median", "sd")},
    "count": ("count", {}),
    "count of all": ("count", {"condition": True}),
    "count over": ("count", {"condition": OVER}),
    "first": ("first", {}),
    "last": ("last", {}),
    "last with no-data": ("last", {"ignore_nodata": False}),
    "find": ("array_find", {"value": 2}),
    "find last": ("array_find", {"value": 2, "reverse": True}),
    "find null": ("array_find", {"value": None}),
    "find a text": ("array_find", {"value": "2"}),
    "element": ("array_element", {"index": 3}),
    "no element": ("array_element", {"index": 9, "return_nodata": True}),
}
TO_ARRAY = {
    "interpolated": ("array_interpolate_linear", {}),
    "sorted": ("sort", {"nodata": True}),
    "sorted down": ("sort", {"nodata": True, "asc": False}),
    "sorted, no-data first": ("sort", {"nodata": False}),
    "appended": ("array_append", {"value": 7}),
    "appended null": ("array_append", {"value": None}),
    "concatenated": ("array_concat", {"array2": [1, None]}),
    "modified": ("array_modify", {"values": [8, 9], "index": 1, "length": 3}),
    "removed": ("array_modify", {"values": [], "index": 2, "length": 9}),
    "extrema": ("extrema", {}),
    "extrema with no-data": ("extrema", {"ignore_nodata": False}),
    "quantiles": ("quantiles", {"probabilities": [0.1, 0.5, 1]}),
    "quartiles with no-data": ("quantiles", {"probabilities": 4, "ignore_nodata": False}),
    "applied": ("array_apply", {"process": callback("add", x=X, y=parameter("index"))}),
    "applied constant": ("array_apply", {"process": callback("constant", x=parameter("index"))}),
    "filtered by index": ("array_filter", {"condition": callback("lt", x=parameter("index"), y=2)}),
    "repeated": ("array_create", {"repeat": 2}),
}
PIXELS = [
    [1, 2, 3, 2, 5],
    [NAN, 2, NAN, NAN, 0.5],
    [NAN, NAN, NAN, NAN, NAN],
    [3, NAN, 1, 2, NAN],
    [INF, 2, -1, NAN, 4],
    [NAN, NAN, 2, NAN, NAN],
    [INF, -INF, 2, 2, 7],
    [-INF, NAN, 2, 7, NAN],
]


def stack(dtype=np.float64):
    cube = make_cube(t=3, y=1, x=len(PIXELS), dtype=dtype).isel(t=[0] * 5)
    times = np.array([f"2023-03-{day}" for day in range(10, 15)], "datetime64[ns]")
    values = np.array(PIXELS, dtype).T[:, None, :]
    return xr.DataArray(values, {"t": times, "y": cube.y, "x": cube.x}, ("t", "y", "x")).chunk(t=2, x=3)


def of_list(process_id, arguments, pixel):
    values = [None if np.isnan(v) else v for v in pixel]
    name = "array1" if process_id == "array_concat" else "data"
    return call(process_id, **{name: values}, **arguments)


def inner(process_id, arguments):
    name = "array1" if process_id == "array_concat" else "data"
    return callback(process_id, **{name: DATA}, **arguments)


def numbers(value):
    return np.array([NAN if v is None else float(v) for v in np.atleast_1d(np.array(value, object))])


@pytest.mark.parametrize(("process_id", "arguments"), TO_ONE.values(), ids=list(TO_ONE))
def test_reducing_a_cube_is_reducing_its_lists(process_id, arguments):
    found = call("reduce_dimension", data=stack(), reducer=inner(process_id, arguments), dimension="t")
    expected = [numbers(of_list(process_id, arguments, pixel))[0] for pixel in PIXELS]
    assert found.dims == ("y", "x")
    assert np.allclose(found.values[0], expected, rtol=1e-13, equal_nan=True)


@pytest.mark.parametrize(("process_id", "arguments"), TO_ARRAY.values(), ids=list(TO_ARRAY))
def test_arrays_of_a_cube_are_those_of_its_lists(process_id, arguments):
    found = call("apply_dimension", data=stack(), process=inner(process_id, arguments), dimension="t")
    expected = np.array([numbers(of_list(process_id, arguments, pixel)) for pixel in PIXELS]).T
    assert found.dims == ("t", "y", "x")
    assert np.allclose(found.values[:, 0], expected, rtol=1e-13, equal_nan=True)


@pytest.mark.parametrize("case", ["sum", "mean", "median", "sd", "max", "find", "count", "first"])
def test_a_labelled_array_is_reduced_to_a_python_value(case):
    process_id, arguments = TO_ONE[case]
    labelled = xr.DataArray([1.0, NAN, 2.0, 2.0], {"label": list("abcd")}, ("label",))
    found = call(process_id, data=labelled, **arguments)
    assert type(found) in (int, float)
    assert found == pytest.approx(call(process_id, data=[1.0, None, 2.0, 2.0], **arguments))


ALL = TO_ONE | TO_ARRAY


@pytest.mark.parametrize(("process_id", "arguments"), ALL.values(), ids=list(ALL))
def test_nothing_is_read_while_the_graph_is_evaluated(process_id, arguments):
    cube = unreadable(stack(np.float32))
    outer, name = ("apply_dimension", "process") if (process_id, arguments) in TO_ARRAY.values() else REDUCE
    result = call(outer, data=cube, dimension="t", **{name: inner(process_id, arguments)})
    assert result.sizes["x"] == len(PIXELS)
    assert result.dtype == np.float32


REDUCE = ("reduce_dimension", "reducer")


@pytest.mark.parametrize(("process_id", "arguments"), ALL.values(), ids=list(ALL))
def test_the_number_type_is_kept(process_id, arguments):
    outer, name = ("apply_dimension", "process") if (process_id, arguments) in TO_ARRAY.values() else REDUCE
    result = call(outer, data=stack(np.float32), dimension="t", **{name: inner(process_id, arguments)})
    assert result.values.dtype == result.dtype == np.float32


@pytest.mark.parametrize("case", ["mean", "median", "first", "find"])
def test_a_cube_of_one_dimension_is_no_list(case):
    line = unreadable(stack().isel(x=0, y=0, drop=True))
    assert call("reduce_dimension", data=line, reducer=inner(*TO_ONE[case]), dimension="t").shape == ()


@pytest.mark.parametrize("callback_of_x", [callback("gt", x=X, y=1), callback("constant", x=None)])
def test_a_cube_of_one_dimension_in_memory_is_no_list_either(callback_of_x):
    line = stack(np.float32).isel(x=[1], y=0)
    process = callback("array_apply", data=DATA, process=callback_of_x)
    lazy, loaded = (call("apply_dimension", data=d, process=process, dimension="t") for d in (line, line[:, 0].load()))
    assert loaded.values.dtype == np.float32
    assert np.array_equal(loaded, lazy[:, 0], equal_nan=True)


NONE = node("array_filter", data=DATA, condition=callback("lt", x=parameter("index"), y=0))


@pytest.mark.parametrize(
    ("process_id", "arguments", "expected"),
    [
        ("mean", {}, NAN),
        ("count", {}, 0),
        ("first", {}, NAN),
        ("array_find", {"value": 1}, NAN),
        ("array_contains", {"value": 1}, 0),
        ("all", {}, 1),
        ("any", {}, 0),
    ],
)
def test_of_no_elements(process_id, arguments, expected):
    process = graph(none=NONE, of=node(process_id, data=output("none"), **arguments))
    found = call("reduce_dimension", data=stack(), reducer=process, dimension="t")
    assert np.array_equal(found.values, np.full((1, len(PIXELS)), expected), equal_nan=True)


@pytest.mark.parametrize(
    ("process_id", "arguments", "expected"),
    [
        ("array_append", {"data": output("none"), "value": 7}, [7]),
        ("array_concat", {"array1": [1, None], "array2": output("none")}, [1, NAN]),
        ("array_create", {"data": [output("size"), 8]}, [0, 8]),
        ("quantiles", {"data": output("none"), "probabilities": 3}, [NAN, NAN]),
    ],
)
def test_arrays_are_made_from_no_elements(process_id, arguments, expected):
    size = node("count", data=output("none"), condition=True)
    process = graph(none=NONE, size=size, made=node(process_id, **arguments))
    found = call("apply_dimension", data=stack(), process=process, dimension="t")
    assert np.array_equal(found.values[:, 0, 0], expected, equal_nan=True)


def test_nothing_is_left_of_two_empty_arrays():
    joined = node("array_concat", array1=output("none"), array2=output("none"))
    filled = node("array_interpolate_linear", data=output("joined"))
    process = graph(none=NONE, joined=joined, filled=filled, size=node("count", data=output("filled"), condition=True))
    assert (call("reduce_dimension", data=stack(), reducer=process, dimension="t") == 0).all()


@pytest.mark.parametrize("value", ["a", "b"])
def test_contains_in_a_cube(value):
    bands = make_cube(bands=("a", "b"), dtype=np.int16).copy(data=np.indices((2, 5, 7))[0].astype(np.int16))
    reducer = callback("array_contains", data=DATA, value={"a": 1, "b": 5}[value])
    found = call("reduce_dimension", data=bands, reducer=reducer, dimension="bands")
    assert (found == {"a": 1, "b": 0}[value]).all()


def test_a_filter_on_values_leaves_no_data_in_a_cube():
    cube = stack()
    process = graph(kept=node("array_filter", data=DATA, condition=OVER), mean=node("mean", data=output("kept")))
    found = call("reduce_dimension", data=cube, reducer=process, dimension="t").values[0]
    expected = [call("mean", data=[v for v in pixel if v > 1.5]) for pixel in PIXELS]
    assert np.allclose(found, numbers(expected), equal_nan=True)


def test_a_filter_on_labels_takes_elements_out_of_a_cube():
    condition = callback("eq", x=parameter("label"), y="b")
    cube = make_cube(bands=("a", "b", "c"))
    process = callback("array_filter", data=DATA, condition=condition)
    found = call("apply_dimension", data=cube, process=process, dimension="bands")
    assert np.array_equal(found, cube.sel(bands=["b"]))


def test_sorting_takes_the_labels_off_a_cube():
    process = graph(sorted=node("sort", data=DATA), b=node("array_find_label", data=output("sorted"), label="b"))
    found = call("reduce_dimension", data=make_cube(bands=("a", "b")), reducer=process, dimension="bands")
    assert found.isnull().all()


def test_gaps_are_filled_over_time_not_over_the_index():
    cube = stack().isel(t=[0, 1, 4], x=[0]).load()
    cube[:, 0, 0] = [0, np.nan, 4]
    process = callback("array_interpolate_linear", data=DATA)
    assert call("apply_dimension", data=cube.chunk(t=1), process=process, dimension="t").values.ravel().tolist() == [
        0,
        1,
        4,
    ]


@pytest.mark.parametrize("process_id", ["median", "sd"])
def test_large_blocks_are_cut(process_id, monkeypatch):
    monkeypatch.setattr("local_runner.processes._along._BLOCK_BYTES", 1000)
    cube = make_cube(t=3, y=40, x=50)
    found = call("reduce_dimension", data=cube, reducer=callback(process_id, data=DATA), dimension="t")
    assert max(found.chunksizes["y"]) < 40
    assert np.allclose(
        found, {"median": np.median, "sd": lambda a, axis: np.std(a, axis, ddof=1)}[process_id](cube, axis=0)
    )
