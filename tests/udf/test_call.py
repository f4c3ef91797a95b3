import re

import numpy as np
import pytest
import xarray as xr

from local_runner import catalog
from local_runner.errors import LimitExceededError, UdfError
from local_runner.udf.call import Udf, is_of_collection, name_of

HEAD = "import xarray as xr\nfrom typing import Any\n"
ENTRY = "def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray:\n"
GOOD = f"{HEAD}{ENTRY}    return cube\n"


def udf(body, context=None):
    return Udf(f"{HEAD}{ENTRY}    {body}\n", context, node="graph/udf")


def chunk(values=1.0):
    return xr.DataArray(np.full((2, 3, 4), values, np.float32), {"bands": ["a", "b"]}, ("bands", "y", "x"))


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
        UdfError,
        match=r"^UdfResultInvalid: The UDF must return a DataArray of real numbers \[chunk here\], instead got DataArray of",
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


def test_texts_of_the_collection_are_told_by_their_hash(monkeypatch):
    assert not is_of_collection(GOOD)
    monkeypatch.setattr(catalog, "udf_hashes", lambda: {catalog.text_hash(GOOD)})
    assert is_of_collection(GOOD)
    assert not is_of_collection(None)
    assert re.fullmatch(r"a text of \d+ characters, sha256 [0-9a-f]{64}", name_of(GOOD))


def test_udf_that_exits_or_needs_too_much_memory_fails_by_name():
    with pytest.raises(UdfError, match=r"^UdfFailed: The UDF failed at its line 4: SystemExit: 3 "):
        udf("raise SystemExit(3)")(chunk(), "rows 0:8")
    with pytest.raises(LimitExceededError, match=r"^UdfOutOfMemory: The UDF must fit into memory \[chunk rows 0:8\]"):
        udf("raise MemoryError")(chunk(), "rows 0:8")


def test_a_missing_package_is_named():
    with pytest.raises(
        UdfError,
        match=r"^UdfDependencyMissing: What the UDF imports must be installed, at its line 4 \[chunk here\], "
        r"instead got \"No module named 'no_such_package'\"\. Install it",
    ):
        udf("import no_such_package")(chunk(), "here")
