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
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The callback must return a number"):
        over_bands(make_cube(bands=("a", "b")), outer)


def test_array_concat_of_lists():
    assert call("array_concat", array1=[1, None], array2=["x"]) == [1, None, "x"]


def test_array_concat_keeps_labels_only_of_both():
    both = call("array_concat", array1=labelled([1, 2], ["a", "b"]), array2=labelled([3], ["c"]))
    one = call("array_concat", array1=labelled([1, 2], ["a", "b"]), array2=[3])
    assert both.label.values.tolist() == ["a", "b", "c"]
    assert both.values.tolist() == one.values.tolist() == [1, 2, 3]
    assert "label" not in one.coords


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
    assert call("array_element", data=labelled([1, 2], ["a", "b"]), label="b").item() == 2


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
