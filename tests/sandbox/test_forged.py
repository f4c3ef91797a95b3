"""UDFs that lie about their result or their error: nothing of it is believed, and nothing of it is obeyed."""

import re

import numpy as np
import pytest

from local_runner.errors import OpenEOError, UdfError
from tests.sandbox import chunk, needs_bubblewrap, udf

pytestmark = [needs_bubblewrap, pytest.mark.usefixtures("contained")]

FORGE = (
    "import json\nreal = json.dumps\n"
    "def forged(reply):\n    array = reply['array']\n    {}\n    return real(reply)\n"
    "json.dumps = forged\nreturn cube"
)
EMPTY = "\n    for fd in range(3, 32):\n        try: os.ftruncate(fd, 0)\n        except OSError: pass"
FORGED = {
    "negative sizes": "array['shape'] = [-2, -3, 4]",
    "large sizes": "array['shape'] = [10**18] * 3",
    "large sizes and none": f"array.update(shape=[0, 2**62, 1], coords={{}}){EMPTY}",
    "sizes beyond integers and none": f"array.update(shape=[0, 10**30, 1], coords={{}}){EMPTY}",
    "NaN as a size": "array['shape'] = [float('nan'), 3, 4]",
    "NaN as a date": "array['coords'] = {'bands': {'kind': 'M', 'values': [float('nan'), 1]}}",
    "number beyond its kind": "array['coords'] = {'bands': {'kind': 'f2', 'values': [1e300, 1]}}",
    "integer beyond floats": "array['coords'] = {'bands': {'kind': 'f4', 'values': [10**400, 1]}}",
    "negative unsigned": "array['coords'] = {'bands': {'kind': 'u1', 'values': [-1, 1]}}",
    "dimension for a terminal": "array.update(dims=['\\x1b[2J', 'y', 'x'], coords={})",
    "label of half a character": "array['coords']['bands']['values'] = ['\\ud800', 'b']",
    "long label": "array['coords']['bands']['values'] = ['a' * 10**6, 'b']",
    "array twice": "return real(reply)[:-1] + ', \"array\": {}}'",
    "error too deep": "return '{\"error\": ' + '[' * 5000 + ']' * 5000 + '}'",
    "integer of many digits": "return '{\"array\": ' + '9' * 5000 + '}'",
}


@pytest.mark.parametrize("body", FORGED.values(), ids=FORGED)
def test_a_forged_result(body):
    with pytest.raises(UdfError, match=r"^UdfResultInvalid: The UDF must return a DataArray of real numbers, with "):
        udf(FORGE.format(body))(chunk(), "here")


def test_a_forged_error_is_cut_and_cleaned():
    forged = 'return \'{"error": {"code": "UdfFailed", "must": "\' + \'\\\\u001b[2J\' * 1000 + \'"}}\''
    with pytest.raises(UdfError) as caught:
        udf(FORGE.format(forged))(chunk(), "here")
    assert re.fullmatch(r"UdfFailed: [ -~]{900,1100}", str(caught.value))


def test_booleans_are_only_true_and_false():
    body = FORGE.format("array.update(dtype='|b1', shape=[2, 3, 16], coords={})")
    found = udf(body)(chunk(), "here").values
    assert set(np.unique(found.view(np.uint8))) == {0, 1}


LABELS = {
    "objects": "np.array([object(), object()], object)",
    "periods": "__import__('pandas').period_range('2020', '2021', freq='Y')",
    "complex": "[1j, 2j]",
    "bytes": "[b'a', b'b']",
    "durations": "np.array([1, 2], 'm8[ns]')",
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_of_another_kind(labels):
    with pytest.raises(
        UdfError, match=r"^UdfResultInvalid: The UDF must return labels that are texts, numbers or dates"
    ):
        udf(f"return cube.assign_coords(bands={labels})")(chunk(), "here")


def test_labels_of_another_kind_in_the_input():
    strange = chunk().assign_coords(bands=np.array([object(), object()], object))
    with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: Labels of a cube must be texts, numbers or dates"):
        udf("return cube")(strange, "here")


RESULTS = {
    "without samples": ("cube.isel(y=slice(0))", (2, 0, 4)),
    "half": ("cube.astype('f2')", (2, 3, 4)),
    "of other byte order": ("cube.astype('>f8')", (2, 3, 4)),
    "backwards": ("cube[:, ::-1, ::-1]", (2, 3, 4)),
    "one sample for all": ("xr.DataArray(np.broadcast_to(np.float32(1), (2, 3, 4)), dims=cube.dims)", (2, 3, 4)),
    "other dims": ("xr.DataArray(cube.values, dims=[1, ('a',), None])", (2, 3, 4)),
}


@pytest.mark.parametrize(("body", "shape"), RESULTS.values(), ids=RESULTS)
def test_odd_results_are_results(body, shape):
    found = udf(f"return {body}")(chunk(), "here")
    assert found.shape == shape
    assert (found == 1).all()


ERRORS = {
    "class E(Exception):\n    def __str__(self): raise self\nraise E()": r"The UDF failed: E \[chunk here\]",
    "class E(Exception):\n    def __str__(self): return 3\nraise E()": r"The UDF failed: TypeError: ",
    "class E(BaseException): pass\nraise E('\\x1b[2J')": r"The UDF failed: E:  \[2J \[chunk here\]",
    "raise GeneratorExit": r"The UDF failed: GeneratorExit",
    "raise ValueError('x' * 5_000_000)": r"The UDF failed at its line 6: ValueError: x{800,}\.\.\.x+ \[chunk here\]",
    "raise ValueError('\\u202e\\ud800')": r"The UDF failed at its line 6: ValueError: +\[chunk here\]",
}


@pytest.mark.parametrize(("body", "expected"), ERRORS.items(), ids=range(len(ERRORS)))
def test_errors_that_are_not_what_they_should(body, expected):
    with pytest.raises(UdfError, match=rf"^UdfFailed: {expected}"):
        udf(f"{body}\nreturn cube")(chunk(), "here")
