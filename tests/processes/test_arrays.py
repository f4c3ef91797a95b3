import numpy as np
import pytest
import xarray as xr

from local_runner.errors import OpenEOError
from tests.processes import call, callback, graph, make_cube, node, output, parameter

DATA = parameter("data")


def labelled(values, labels):
    return xr.DataArray(values, {"label": labels}, ("label",))


def over_bands(cube, process):
    return call("apply_dimension", data=cube, process=process, dimension="bands")


def test_array_create_repeats_the_list():
    assert call("array_create", data=["a", "b"], repeat=2) == ["a", "b", "a", "b"]


def test_array_create_is_empty_by_default():
    assert call("array_create") == []


def test_array_create_repeats_at_least_once():
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: .*'repeat'.* at least 1, instead got 0"):
        call("array_create", data=[1], repeat=0)


def test_array_create_makes_bands_of_cubes_and_constants():
    cube = make_cube(bands=("a", "b"))
    first = node("array_element", data=DATA, index=0)
    result = over_bands(cube, graph(a=first, new=node("array_create", data=[output("a"), 1.5, None])))
    assert result.bands.values.tolist() == [0, 1, 2]
    assert np.array_equal(result[0], cube[0])
    assert (result[1] == 1.5).all()
    assert result[2].isnull().all()


def test_array_create_in_array_create_is_refused():
    inner = node("array_create", data=[output("a")])
    outer = graph(
        a=node("array_element", data=DATA, index=0), inner=inner, new=node("array_create", data=[output("inner")])
    )
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: An array in a callback must have single values"):
        over_bands(make_cube(bands=("a", "b")), outer)


def test_array_concat_of_lists():
    assert call("array_concat", array1=[1, None], array2=["x"]) == [1, None, "x"]


def test_array_concat_keeps_labels_only_of_both():
    both = call("array_concat", array1=labelled([1, 2], ["a", "b"]), array2=labelled([3], ["c"]))
    assert both.label.values.tolist() == ["a", "b", "c"]
    assert both.values.tolist() == [1, 2, 3]
    assert call("array_concat", array1=labelled([1, 2], ["a", "b"]), array2=[3]) == [1, 2, 3]


def test_array_concat_refuses_a_common_label():
    with pytest.raises(OpenEOError, match=r"^ArrayLabelConflict: .*instead got \['a'\]"):
        call("array_concat", array1=labelled([1], ["a"]), array2=labelled([3], ["a"]))


def test_array_concat_of_bands_and_numbers():
    cube = make_cube(bands=("a", "b"))
    result = over_bands(cube, callback("array_concat", array1=DATA, array2=[4, None]))
    assert np.array_equal(result[:2], cube)
    assert (result[2] == 4).all()
    assert result[3].isnull().all()


@pytest.mark.parametrize(("index", "expected"), [(0, 9), (2, None)])
def test_array_element_by_index(index, expected):
    assert call("array_element", data=[9, 8, None], index=index) == expected


def test_array_element_by_label():
    assert call("array_element", data=labelled([1, 2], ["a", "b"]), label="b") == 2


@pytest.mark.parametrize("where", [{"index": 5}, {"index": -1}])
def test_array_element_that_is_not_there(where):
    with pytest.raises(OpenEOError, match=r"^ArrayElementNotAvailable: .*The array has 2 elements"):
        call("array_element", data=[1, 2], **where)
    assert call("array_element", data=[1, 2], return_nodata=True, **where) is None


def test_array_element_names_the_labels_there_are():
    with pytest.raises(OpenEOError, match=r"^ArrayElementNotAvailable: .*instead got 'c'.*\('a', 'b'\)"):
        call("array_element", data=labelled([1, 2], ["a", "b"]), label="c")


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("ArrayElementParameterMissing", {}),
        ("ArrayElementParameterConflict", {"index": 0, "label": "a"}),
        ("ArrayNotLabeled", {"label": "a"}),
    ],
)
def test_array_element_errors_of_the_specification(code, arguments):
    with pytest.raises(OpenEOError, match=f"^{code}: "):
        call("array_element", data=[1, 2], **arguments)


def test_array_element_by_date_matches_the_utc_day():
    cube = make_cube(t=3)
    reducer = callback("array_element", data=DATA, label="2023-03-31")
    assert np.array_equal(call("reduce_dimension", data=cube, reducer=reducer, dimension="t"), cube[1])


def test_array_element_by_full_time():
    cube = make_cube(t=3)
    reducer = callback("array_element", data=DATA, label="2023-04-12T05:50:34Z")
    assert np.array_equal(call("reduce_dimension", data=cube, reducer=reducer, dimension="t"), cube[2])


def test_array_element_refuses_a_day_of_two_dates():
    cube = make_cube(t=2).assign_coords(t=np.array(["2023-03-31T05", "2023-03-31T17"], "datetime64[ns]"))
    reducer = callback("array_element", data=DATA, label="2023-03-31")
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: A day must have one date"):
        call("reduce_dimension", data=cube, reducer=reducer, dimension="t")


@pytest.mark.parametrize(("process_id", "expected"), [("first", 1), ("last", 3)])
def test_first_and_last_leave_null_out(process_id, expected):
    assert call(process_id, data=[None, 1, 2, 3, None]) == expected


@pytest.mark.parametrize("process_id", ["first", "last"])
def test_first_and_last_with_null(process_id):
    assert call(process_id, data=[None, 2, None], ignore_nodata=False) is None
    assert call(process_id, data=[None, None]) is None
    assert call(process_id, data=[]) is None


@pytest.mark.parametrize(("process_id", "expected"), [("first", [5, 1]), ("last", [6, 2])])
def test_first_and_last_of_a_cube_leave_nan_out(process_id, expected):
    cube = make_cube(t=3, y=1, x=2)
    cube = cube.copy(data=np.array([[[np.nan, 1]], [[5, np.nan]], [[6, 2]]], np.float32)).chunk(t=1)
    result = call("reduce_dimension", data=cube, reducer=callback(process_id, data=DATA), dimension="t")
    assert result.values.tolist() == [expected]


def test_first_of_a_cube_may_be_nan():
    cube = make_cube(t=2).copy(data=np.stack([np.full((5, 7), np.nan, np.float32), np.ones((5, 7), np.float32)]))
    reducer = callback("first", data=DATA, ignore_nodata=False)
    assert call("reduce_dimension", data=cube, reducer=reducer, dimension="t").isnull().all()


def test_array_labels():
    assert call("array_labels", data=labelled([1, 2], ["a", "b"])) == ["a", "b"]
    assert call("array_labels", data=["x", None]) == [0, 1]
    assert all(type(label) is int for label in call("array_labels", data=["x", None]))


def test_array_create_labeled():
    result = call("array_create_labeled", data=[1, None], labels=["a", 2])
    assert result.dims == ("label",)
    assert result.label.values.tolist() == ["a", 2]
    assert np.array_equal(result, [1, np.nan], equal_nan=True)


@pytest.mark.parametrize("data", [[1, 2], ["a", "b"], [True, False], [1, "a"], [[1], [2, 3]], [None, True], []])
def test_array_create_labeled_holds_any_type(data):
    array = call("array_create_labeled", data=data, labels=list(range(len(data))))
    values = [call("array_element", data=array, index=i) for i in range(len(data))]
    assert values == data
    assert [type(v) for v in values] == [type(v) for v in data]


def test_array_create_labeled_of_bands():
    cube = make_cube(bands=("a", "b"))
    process = graph(
        new=node("array_create_labeled", data=DATA, labels=["p", "q"]),
        q=node("array_element", data=output("new"), label="q"),
    )
    assert np.array_equal(call("reduce_dimension", data=cube, reducer=process, dimension="bands"), cube[1])


def test_array_create_labeled_needs_a_label_for_each_element():
    with pytest.raises(OpenEOError, match=r"^ArrayLengthMismatch: .*, instead got '2 and 1'"):
        call("array_create_labeled", data=[1, 2], labels=["a"])
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The labels must be unique, instead got"):
        call("array_create_labeled", data=[1, 2], labels=["a", "a"])


@pytest.mark.parametrize("value", [3, None, "x", [4]])
def test_array_append(value):
    assert call("array_append", data=[1, 2], value=value) == [1, 2, value]


@pytest.mark.parametrize(("label", "expected"), [({}, ["a", "b", 2]), ({"label": "c"}, ["a", "b", "c"])])
def test_array_append_labels_the_new_element(label, expected):
    result = call("array_append", data=labelled([1, 2], ["a", "b"]), value=3, **label)
    assert result.label.values.tolist() == expected
    assert result.values.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("code", "data", "label"),
    [
        ("ArrayNotLabeled", [1], "a"),
        ("LabelExists", labelled([1], ["a"]), "a"),
        ("LabelExists", labelled([1], [1]), None),
    ],
)
def test_array_append_refuses_the_label(code, data, label):
    with pytest.raises(OpenEOError, match=f"^{code}: .* label"):
        call("array_append", data=data, value=2, label=label)


@pytest.mark.parametrize(
    ("values", "where", "expected"),
    [
        (["b"], {"index": 1, "length": 1}, ["a", "b", None]),
        (["x", "y"], {"index": 1}, ["a", "x", "y", 4, None]),
        ([], {"index": 0, "length": 2}, [None]),
        ([], {"index": 1, "length": 10}, ["a"]),
        (["z"], {"index": 3}, ["a", 4, None, "z"]),
        ([], {"index": 1}, ["a", 4, None]),
    ],
)
def test_array_modify(values, where, expected):
    assert call("array_modify", data=["a", 4, None], values=values, **where) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [(labelled([7], ["c"]), ["a", "c"]), ([], ["a"]), ([7], None)],
)
def test_array_modify_keeps_labels_of_both(values, expected):
    result = call("array_modify", data=labelled([1, 2], ["a", "b"]), values=values, index=1, length=1)
    assert (result if expected is None else result.label.values.tolist()) == (expected or [1, 7])


def test_array_modify_puts_labels_where_it_puts_values():
    result = call("array_modify", data=labelled([1, 2], ["a", "b"]), values=labelled([7], ["c"]), index=1)
    assert result.label.values.tolist() == ["a", "c", "b"]
    assert result.values.tolist() == [1, 7, 2]


def test_array_modify_of_nothing_takes_the_labels():
    result = call("array_modify", data=[], values=labelled([1], ["a"]), index=0)
    assert result.label.values.tolist() == ["a"]
    assert call("array_modify", data=[], values=[], index=0) == []


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("ArrayElementNotAvailable", {"data": [1, 2], "values": [3], "index": 3}),
        ("ArrayElementNotAvailable", {"data": [1, 2], "values": [3], "index": -1}),
        ("ArrayLabelConflict", {"data": labelled([1], ["a"]), "values": labelled([2], ["a"]), "index": 0}),
        ("ProcessParameterInvalid", {"data": [1], "values": [], "index": 0, "length": -1}),
    ],
)
def test_array_modify_errors(code, arguments):
    with pytest.raises(OpenEOError, match=f"^{code}: .* must "):
        call("array_modify", **arguments)


@pytest.mark.parametrize(("label", "index"), [("b", 1), (2023, 2), ("x", None), ("2023", None)])
def test_array_find_label(label, index):
    array = labelled([1, 2, 3], np.array(["a", "b", 2023], object))
    assert call("array_find_label", data=array, label=label) == index
    assert call("array_find_label", data=[1, 2, 3], label=0) is None


@pytest.mark.parametrize("label", ["2023-03-31", "2023-03-31T05:50:33Z"])
def test_array_find_label_of_a_date(label):
    process = callback("array_find_label", data=DATA, label=label)
    assert (call("reduce_dimension", data=make_cube(t=3), reducer=process, dimension="t") == 1).all()


@pytest.mark.parametrize(("repeat", "labels"), [(1, ["a", "b"]), (2, [0, 1, 2, 3])])
def test_array_create_keeps_labels_unless_it_repeats(repeat, labels):
    made = call("array_create", data=labelled([5, 6], ["a", "b"]), repeat=repeat)
    assert call("array_labels", data=made) == labels
    assert list(made) == [5, 6] * repeat
