import multiprocessing
import pickle

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from local_runner.errors import DataError, LimitExceededError, OpenEOError, UdfError, repr_of

ERRORS = [
    OpenEOError("Code", "It must hold"),
    OpenEOError("Code", "It must hold", got=None),
    OpenEOError("Code", "It must hold", got="text", do="Do this", node="a/b"),
    LimitExceededError("Code", "It must hold", got=["x" * 500]),
    UdfError("Code", "It must hold", got={"a": np.float32(1)}),
    DataError("Code", "It must hold", got=lambda: 0),
]


def test_message_says_what_must_hold_what_was_given_and_what_to_do():
    error = OpenEOError("Code", "x must be odd.", got=4, do="Give 5.", node="a/b")
    assert str(error) == "Code: x must be odd, instead got 4. Give 5. (node a/b)"
    assert error.message == "x must be odd, instead got 4. Give 5."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "x must be odd."),
        ({"got": None}, "x must be odd, instead got None."),
        ({"got": ""}, "x must be odd, instead got ''."),
        ({"do": "Give 5"}, "x must be odd. Give 5."),
        ({"do": "Did you mean 5?"}, "x must be odd. Did you mean 5?"),
    ],
)
def test_message_has_no_empty_parts(options, message):
    assert OpenEOError("Code", "x must be odd", **options).message == message


def test_node_further_in_is_kept():
    assert OpenEOError("Code", "It must hold").at("a/b").at("a").node == "a/b"


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_error_survives_pickling(error):
    found = pickle.loads(pickle.dumps(error))
    fields = ("code", "must", "do", "node", "exit_code", "message")
    assert type(found) is type(error)
    assert [getattr(found, f) for f in fields] == [getattr(error, f) for f in fields]
    assert str(pickle.loads(pickle.dumps(found))) == str(error)


def fail(value):
    raise UdfError("UdfFailed", "The UDF must not fail", got=[value] * 100, node="a/b")


def test_error_comes_back_from_another_process():
    with multiprocessing.get_context("spawn").Pool(1) as pool, pytest.raises(UdfError) as caught:
        pool.apply(fail, (12345,))
    with pytest.raises(UdfError) as here:
        fail(12345)
    assert str(caught.value) == str(here.value)


@pytest.mark.parametrize(("kind", "code"), [(OpenEOError, 2), (LimitExceededError, 3), (UdfError, 4), (DataError, 5)])
def test_exit_codes(kind, code):
    assert kind("Code", "It must hold").exit_code == code


def test_long_values_are_cut_and_their_length_is_told():
    assert repr_of("x" * 500) == f"'{'x' * 199}... (502 characters)"
    assert repr_of("short") == "'short'"


def test_message_about_a_lazy_cube_does_not_compute_it():
    def computed(_block):
        raise AssertionError("the cube was computed")

    cube = xr.DataArray(da.ones((4, 4), chunks=2).map_blocks(computed, dtype=float, meta=np.ones((0, 0))))
    assert "DataArray" in OpenEOError("Code", "It must hold", got=[cube]).message
