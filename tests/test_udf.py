import ast

import numpy as np
import pytest
import xarray as xr

from local_runner import catalog
from local_runner.errors import LimitExceededError, OpenEOError, UdfError
from local_runner.udf import MAX_TEXT, Udf, check_text, check_trusted

HEAD = "import xarray as xr\nfrom typing import Any\n"
ENTRY = "def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray:\n"
GOOD = f"{HEAD}{ENTRY}    return cube\n"


def udf(body, context=None):
    return Udf(f"{HEAD}{ENTRY}    {body}\n", context, node="graph/udf")


def chunk(values=1.0):
    return xr.DataArray(np.full((2, 3, 4), values, np.float32), {"bands": ["a", "b"]}, ("bands", "y", "x"))


def test_a_good_text_is_accepted():
    check_text(GOOD)
    ast.parse(GOOD)


@pytest.mark.parametrize(
    "entry",
    [
        "def apply_datacube(data: xr.DataArray, context: dict) -> xr.DataArray:",
        "def apply_datacube(cube, context: dict) -> xr.DataArray:",
        "def apply_datacube(cube: xr.DataArray, context) -> xr.DataArray:",
        "def apply_datacube(cube: xr.DataArray, context: dict):",
        "def apply_datacube(cube: xr.DataArray) -> xr.DataArray:",
    ],
    ids=["wrong name", "cube not annotated", "context not annotated", "return not annotated", "no context"],
)
def test_the_entry_point_must_be_complete(entry):
    with pytest.raises(
        UdfError, match=r"^UdfInvalid: The entry point must read def apply_datacube\(cube: xr.DataArray"
    ):
        check_text(f"{HEAD}{entry}\n    return cube\n")


@pytest.mark.parametrize(
    "other",
    [
        f"{ENTRY}    return cube\n",
        "def apply_hypercube(cube: Any, context: dict) -> Any:\n    return cube\n",
        "def apply_timeseries(series: Any, context: dict) -> Any:\n    return series\n",
        "def helper(data: UdfData) -> UdfData:\n    return data\n",
        "def helper(data: 'openeo.udf.UdfData'):\n    return data\n",
    ],
    ids=["twice", "hypercube", "timeseries", "UdfData", "UdfData as a text"],
)
def test_there_is_one_entry_point(other):
    with pytest.raises(UdfError, match=r"^UdfInvalid: A UDF must have exactly one entry point, apply_datacube"):
        check_text(f"{HEAD}{other}{ENTRY}    return cube\n")


def test_a_text_without_entry_point_is_refused():
    with pytest.raises(UdfError, match=r"^UdfInvalid: A UDF must have exactly one entry point.*instead got \[\]"):
        check_text("x = 1\n")


def test_future_annotations_are_refused():
    with pytest.raises(UdfError, match=r"^UdfInvalid: A UDF must not import from __future__.*instead got 'line 1'"):
        check_text(f"from __future__ import annotations\n{GOOD}")


def test_a_syntax_error_names_the_line():
    with pytest.raises(UdfError, match=r"^UdfInvalid: A UDF must be valid Python; line 3: "):
        check_text(f"{HEAD}def apply_datacube(:\n")


@pytest.mark.parametrize("text", ["udf.py", "https://example.org/udf.py", ""])
def test_a_path_is_no_text(text):
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: udf must be the text of a UDF, not a path or URL"
    ):
        check_text(text)


def test_a_text_has_a_limit():
    with pytest.raises(LimitExceededError, match=r"^UdfTooLarge: "):
        check_text(GOOD + "#" * MAX_TEXT)


def test_the_context_reaches_the_udf():
    assert (udf("return cube * context['factor']", {"factor": 3})(chunk(2), "here") == 6).all()


def test_an_error_names_line_chunk_and_node():
    with pytest.raises(
        UdfError,
        match=r"^UdfFailed: The UDF failed at its line 4: KeyError: 'gone' \[chunk rows 0:8\]\. \(node graph/udf\)$",
    ):
        udf("return cube * context['gone']")(chunk(), "rows 0:8")


def test_an_error_within_a_library_names_the_line_of_the_udf():
    with pytest.raises(UdfError, match=r"^UdfFailed: The UDF failed at its line 4: ValueError: "):
        udf("return cube.transpose('y')")(chunk(), "here")


@pytest.mark.parametrize("body", ["return cube * 1j", "return cube.astype(object)", "return cube.astype(str)"])
def test_the_result_must_be_real(body):
    with pytest.raises(
        UdfError, match=r"^UdfFailed: The UDF must return a DataArray of real numbers, instead got DataArray of"
    ):
        udf(body)(chunk(), "here")


@pytest.mark.parametrize("body", ["return None", "return cube.values", "return 1"])
def test_the_result_must_be_a_cube(body):
    with pytest.raises(UdfError, match=r"^UdfFailed: The UDF must be accepted .* of type xarray.DataArray"):
        udf(body)(chunk(), "here")


def test_apply_metadata_declares_bands():
    text = (
        f"{GOOD}\ndef apply_metadata(metadata: Any, context: dict) -> Any:\n"
        "    return metadata.rename_labels('bands', context['names'])\n"
    )
    assert Udf(text, {"names": ["c"]}).declared_bands(["bands", "y", "x"], ["a"]) == ["c"]
    assert Udf(GOOD, {}).declared_bands(["bands", "y", "x"], ["a"]) is None


def test_a_failing_apply_metadata_is_an_error_of_the_udf():
    text = f"{GOOD}\ndef apply_metadata(metadata: Any, context: dict) -> Any:\n    raise KeyError('names')\n"
    with pytest.raises(UdfError, match=r"^UdfFailed: The UDF has an apply_metadata that failed: KeyError: 'names'"):
        Udf(text, {}).declared_bands(["bands", "y", "x"], ["a"])


def test_only_texts_of_the_collection_are_trusted(monkeypatch):
    check_trusted(GOOD, trusted=True)
    with pytest.raises(
        OpenEOError, match=r"^UdfNotTrusted: .*instead got a text of \d+ characters, sha256 [0-9a-f]{64}\."
    ):
        check_trusted(GOOD, trusted=False)
    monkeypatch.setattr(catalog, "udf_hashes", lambda: {catalog.text_hash(GOOD)})
    check_trusted(GOOD, trusted=False)


def test_udf_that_exits_or_needs_too_much_memory_fails_by_name():
    with pytest.raises(UdfError, match=r"^UdfFailed: The UDF failed at its line 4: SystemExit: 3 "):
        udf("raise SystemExit(3)")(chunk(), "rows 0:8")
    with pytest.raises(LimitExceededError, match=r"^UdfOutOfMemory: The UDF must fit into memory \[chunk rows 0:8\]"):
        udf("raise MemoryError")(chunk(), "rows 0:8")
