import ast
import inspect

import pytest

from local_runner import catalog
from local_runner.check.udf_lint import context_keys, declared_dependencies, lint, text_errors
from local_runner.errors import OpenEOError
from local_runner.limits import MAX_UDF
from local_runner.udf.call import check_text

UDF = """import numpy as np
import xarray as xr


def apply_datacube(cube: xr.DataArray, context: dict) -> xr.DataArray:
    return cube * np.float32(context["factor"])
"""
CONTEXT = {"factor": 2}
TRY = "try:\n    import numba\nexcept ImportError:\n    numba = None\n"


def block(*names):
    listed = "".join(f'#   "{name}",\n' for name in names)
    return f"# /// script\n# dependencies = [\n{listed}# ]\n# ///\n"


def found(text=UDF, context=CONTEXT, path="a/mine"):
    return [(f.code, f.severity) for f in lint(text, context, path)]


def test_sound_text_has_no_findings():
    assert found() == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("from __future__ import annotations\n" + UDF, "UdfInvalid"),
        (UDF.replace("-> xr.DataArray", ""), "UdfInvalid"),
        (UDF.replace("cube", "data"), "UdfInvalid"),
        (UDF.replace(": dict", ""), "UdfInvalid"),
        (UDF.replace("apply_datacube", "apply_hypercube"), "UdfInvalid"),
        (UDF + UDF, "UdfInvalid"),
        ("def aid(data: UdfData) -> None:\n    pass\n\n\n" + UDF, "UdfInvalid"),
        ("def apply_datacube(\n", "UdfInvalid"),
        ("x = 1\n" + "+1" * 100_000, "UdfInvalid"),
        (UDF + "#" * MAX_UDF, "UdfTooLarge"),
        ("import rasterio\n" + UDF, "UdfImport"),
        ("import local_runner.cube\n" + UDF, "UdfImport"),
        ("from . import bands\n" + UDF, "UdfImport"),
        ("import numba\n" + UDF, "UdfImport"),
        ("from openeo.metadata import Band\n" + UDF, "UdfImport"),
        ("from openeo import Connection\n" + UDF, "UdfImport"),
        (block("pyproj") + UDF, "UdfDependencies"),
        ("# apply_metadata\n" + UDF, "UdfApplyMetadata"),
    ],
)
def test_mistakes(text, code):
    assert (code, "error") in found(text)


@pytest.mark.parametrize(
    "text",
    [
        TRY + UDF,
        "from openeo.udf import inspect\n" + UDF,
        "import openeo.udf\n" + UDF,
        "from openeo import udf\n" + UDF,
        block("rasterio>=1.3", "pyproj") + "import pyproj\nimport rasterio.warp\n" + UDF,
        UDF + "\n\ndef apply_metadata(metadata, context):\n    return metadata\n",
    ],
)
def test_what_is_no_mistake(text):
    assert found(text) == []


def test_mistakes_have_lines_and_a_way_out():
    text = "import numpy\nimport gone\n# apply_metadata\n"
    entry, gone, metadata = (f.message for f in lint(text + UDF.replace("(cube", "(data"), CONTEXT, "a"))
    assert entry.endswith("Change line 8.")
    assert gone.endswith("instead got 'gone' in line 2.")
    assert "as in line 3. " in metadata
    none, *_ = lint(text[:13], CONTEXT, "a")
    assert "Define apply_datacube(cube, context) once" in none.message


def test_all_mistakes_are_told():
    text = "# apply_metadata\nfrom __future__ import annotations\nimport gone\n" + UDF.replace("-> xr.DataArray", "")
    codes = [code for code, _ in found(text, {})]
    assert codes == ["UdfInvalid", "UdfInvalid", "UdfImport", "UdfApplyMetadata", "UdfContext"]


def test_distribution_of_another_name_cannot_be_told():
    assert found(block("scikit-made-up") + "import skmadeup\n" + UDF) == [("UdfDependencies", "warning")]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("https://example.org/udf.py", "a URL"),
        ("http://127.0.0.1/udf.py", "a URL"),
        ("file:///etc/passwd", "a file URL"),
        ("data:text/plain,x", "a data URL"),
        ("../x.py", "a relative path"),
        ("/etc/passwd", "an absolute path"),
        ("C:\\udf.py", "an absolute path"),
        ("\\\\host\\udf.py", "a network path"),
        ("//host/udf.py", "a network path"),
        ("udf.py", "a name"),
        ("", "nothing"),
        ("  ", "nothing"),
    ],
)
def test_text_that_is_none(text, kind):
    (error,) = text_errors(text)
    assert (error.code, error.must) == (
        "ProcessParameterInvalid",
        f"udf must be the text of a UDF, not a path or URL; this is {kind}",
    )


@pytest.mark.parametrize("text", ["\0\n" + UDF, "\ufeff" + UDF, 'x = "\ud800"\n' + UDF])
def test_characters_that_no_udf_has(text):
    assert found(text) == [("UdfInvalid", "error")]


@pytest.mark.parametrize("text", ["/etc/passwd", "def apply_datacube(\n", UDF + UDF, UDF])
def test_a_run_refuses_what_lint_does(text):
    errors = list(text_errors(text))
    if errors:
        with pytest.raises(OpenEOError, match=rf"^{errors[0].code}: "):
            check_text(text)
    else:
        check_text(text)


@pytest.mark.parametrize(
    ("context", "severity"),
    [({}, "error"), (None, "error"), ({"faktor": 1}, "error"), ({"factor": 1, "more": 2}, "warning")],
)
def test_context_has_the_keys_that_are_read(context, severity):
    assert found(context=context) == [("UdfContext", severity)]


@pytest.mark.parametrize("context", [{"from_parameter": "context"}, {"from_node": "n"}, "text"])
def test_context_that_is_not_known_is_not_compared(context):
    assert found(context=context) == []


def test_keys_of_the_context():
    assert context_keys(ast.parse('context["a"] + context.get("b", 1) + other["c"]')) == {"a", "b"}


def test_text_of_an_installed_udf_must_be_the_installed_one():
    stem = catalog.udf_stems()[0]
    text = catalog.udf_text(stem)
    context = dict.fromkeys(context_keys(ast.parse(text)), 1)
    assert found(text, context, stem) == []
    assert found(text + "\n# changed\n", context, f"a/{stem}") == [("UdfDiffers", "warning")]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", set()),
        (block("a-b>=1", "C.d[x]"), {"a_b", "c.d"}),
        ("# /// script\n# dependencies = [\n# ///\n", set()),
        ("# /// script\n# dependencies = []\n# ///\n", set()),
        ("# /// script\n#\n# dependencies = ['x']\n# ///\n", {"x"}),
    ],
)
def test_declared_dependencies(text, names):
    assert declared_dependencies(inspect.cleandoc(text) + "\n" + UDF) == names
