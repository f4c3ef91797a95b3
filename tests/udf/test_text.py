"""What a UDF text must be, told without running it."""

from email import message_from_string

import pytest

from local_runner.errors import LimitExceededError, OpenEOError, UdfError
from local_runner.limits import MAX_UDF
from local_runner.udf.call import Udf
from local_runner.udf.text import check_dependencies, check_text

HEAD = "import xarray as xr\nfrom typing import Any\n"
ENTRY = "def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray:\n"
GOOD = f"{HEAD}{ENTRY}    return cube\n"
ONE = r"^UdfInvalid: A UDF must have exactly one entry point, apply_datacube, a function at its top level"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("https://example.org/udf.py", "a URL"),
        ("http://127.0.0.1:8000/udf.py", "a URL"),
        ("HTTPS://example.org/udf.py#sha256=00", "a URL"),
        ("file:///etc/passwd", "a file URL"),
        ("data:text/x-python,def apply_datacube(): pass", "a data URL"),
        ("../udf.py", "a relative path"),
        ("./udf.py", "a relative path"),
        ("/etc/passwd", "an absolute path"),
        ("C:\\udf.py", "an absolute path"),
        ("\\\\server\\share\\udf.py", "a network path"),
        ("//server/share/udf.py", "a network path"),
        ("udf.py", "a name"),
        ("", "nothing"),
        ("  ", "nothing"),
        ("\0", "a name"),
    ],
)
def test_a_path_or_url_is_no_text(text, kind):
    must = rf"^ProcessParameterInvalid: udf must be the text of a UDF, not a path or URL; this is {kind},"
    with pytest.raises(OpenEOError, match=must):
        check_text(text)


def test_a_link_to_a_good_text_is_no_text(tmp_path):
    target, link = tmp_path / "udf.py", tmp_path / "link.py"
    target.write_text(GOOD)
    link.symlink_to(target)
    for path in (target, link):
        with pytest.raises(
            OpenEOError, match=r"^ProcessParameterInvalid: udf must be the text .*; this is an absolute path,"
        ):
            check_text(str(path))


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}def apply_datacube(:\n",
        f"{GOOD}\0",
        f"\ufeff{GOOD}",
        f"{GOOD}x = {'(' * 1000}{')' * 1000}\n",
        f"{GOOD}x = {'-' * 100_000}1\n",
        f"{GOOD}x = '\ud800'\n",
    ],
    ids=["syntax", "NUL", "byte order mark", "parentheses", "deep", "surrogate"],
)
def test_a_text_must_be_python(text):
    with pytest.raises(UdfError, match=r"^UdfInvalid: A UDF must be valid Python"):
        check_text(text)


def test_a_syntax_error_names_the_line():
    with pytest.raises(UdfError, match=r"^UdfInvalid: A UDF must be valid Python; line 3: "):
        check_text(f"{HEAD}def apply_datacube(:\n")


def test_a_text_has_a_limit():
    check_text(GOOD + "#" * (MAX_UDF - len(GOOD)))
    with pytest.raises(LimitExceededError, match=rf"^UdfTooLarge: A UDF text must have at most {MAX_UDF} bytes"):
        check_text(GOOD + "#" * (MAX_UDF - len(GOOD) + 1))


def test_future_annotations_are_refused():
    with pytest.raises(UdfError, match=r"^UdfInvalid: A UDF must not import from __future__.*instead got 'line 1'"):
        check_text(f"from __future__ import annotations\n{GOOD}")


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
    must = r"^UdfInvalid: The entry point must read def apply_datacube\(cube: xr.DataArray"
    with pytest.raises(UdfError, match=must):
        check_text(f"{HEAD}{entry}\n    return cube\n")


@pytest.mark.parametrize(
    "other",
    [
        f"{ENTRY}    return cube\n",
        f"if True:\n    {ENTRY}        return cube\n",
        f"def helper():\n    {ENTRY}        return cube\n    return apply_datacube\n",
        "async def apply_datacube(cube, context): pass\n",
        "class apply_datacube: pass\n",
        "from elsewhere import apply_datacube\n",
        "from elsewhere import another as apply_datacube\n",
        "import elsewhere as apply_datacube\n",
        "from elsewhere import *\n",
        "apply_datacube = print\n",
        "apply_datacube: Any = print\n",
        "(apply_datacube := print)\n",
        "for apply_datacube in (): pass\n",
        "with open('x') as apply_datacube: pass\n",
        "try: pass\nexcept OSError as apply_datacube: pass\n",
        "match 1:\n    case apply_datacube: pass\n",
        "match [1]:\n    case [*apply_datacube]: pass\n",
        "match {}:\n    case {**apply_datacube}: pass\n",
        "def helper():\n    global apply_datacube\n",
        "def apply_hypercube(cube: Any, context: dict) -> Any:\n    return cube\n",
        "apply_hypercube = print\n",
        "def apply_timeseries(series: Any, context: dict) -> Any:\n    return series\n",
        "def helper(data: UdfData) -> UdfData:\n    return data\n",
        "def helper(data: 'openeo.udf.UdfData'):\n    return data\n",
    ],
)
def test_there_is_one_entry_point(other):
    for text in (f"{HEAD}{other}{ENTRY}    return cube\n", f"{GOOD}{other}"):
        with pytest.raises(UdfError, match=ONE):
            check_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n",
        f"if True:\n    {ENTRY}        return 1\n",
        "async def apply_datacube(cube, context): pass\n",
        f"{GOOD}del apply_datacube\n",
    ],
    ids=["none", "under a condition", "async", "deleted"],
)
def test_a_text_without_entry_point_is_refused(text):
    with pytest.raises(UdfError, match=ONE):
        check_text(text)


def test_the_entry_point_has_no_decorator():
    with pytest.raises(UdfError, match=r"^UdfInvalid: The entry point apply_datacube must have no decorator.*'line 3'"):
        check_text(f"{HEAD}@print\n{ENTRY}    return cube\n")


def test_the_entry_point_may_be_called():
    check_text(f"{GOOD}\ndef helper(cube):\n    return apply_datacube(cube, {{}})\n")


def block(*dependencies):
    return "# /// script\n# dependencies = [\n" + "".join(f'#   "{d}",\n' for d in dependencies) + "# ]\n# ///\n" + GOOD


@pytest.mark.parametrize(
    "name", ["numpy", "Xarray>=2024", "numpy ; python_version > '3'", "none ; python_version < '3'"]
)
def test_packages_that_are_here_pass(name):
    check_dependencies(block(name))
    check_dependencies(block("numpy", name))


@pytest.mark.parametrize(
    "name", ["no-such-package", "numpy==0.1", "numpy @ https://example.org/numpy.whl", "numpy @ file:///tmp/numpy.whl"]
)
def test_packages_that_are_not_here_are_named_and_never_installed(name):
    must = r"^UdfDependencyMissing: The packages that a UDF names must be installed, .*\(node n\)$"
    with pytest.raises(UdfError, match=must):
        Udf(block("numpy", name), {}, node="n")


@pytest.mark.parametrize(
    "text",
    [
        block("../evil"),
        block("-e ."),
        block(""),
        block() + block(),
        GOOD + "# /// script\n# dependencies = 1\n# ///\n",
        GOOD + f"# /// script\n# dependencies = {'[' * 3000}{']' * 3000}\n# ///\n",
        block(f"numpy; {'(' * 2000}os_name > 'a'{')' * 2000}"),
        block("numpy; python_version ~= 'x'"),
        block("numpy; 'x' ~= 'y'"),
    ],
    ids=["path", "option", "empty", "two blocks", "a number", "deep", "deep marker", "odd marker", "unknown marker"],
)
def test_a_block_must_be_valid(text):
    must = r"^UdfInvalid: (The block of dependencies of a UDF must be valid|A UDF must have at most one block)"
    with pytest.raises(UdfError, match=must):
        check_dependencies(text)


def test_many_beginnings_of_blocks_are_not_searched():
    with pytest.raises(UdfError, match=r"^UdfInvalid: A UDF must have at most one block .*instead got 30000"):
        check_dependencies("# /// a\n" * 30_000)


def test_a_block_that_takes_long_is_not_read():
    text = f"{GOOD}# /// script\n# {'a.' * 60_000}a = 1\n# ///\n"
    with pytest.raises(
        LimitExceededError, match=r"^UdfTooLarge: The block of dependencies of a UDF must have at most 8192"
    ):
        check_dependencies(text)


def test_an_extra_that_brings_a_missing_package_is_named(monkeypatch):
    brought = "Requires-Dist: No.Such-Package>=1; extra == 'unwrap'\nRequires-Dist: numpy>=2\nProvides-Extra: unwrap\n"
    monkeypatch.setattr("importlib.metadata.metadata", lambda _name: message_from_string(brought))
    must = (
        r'^UdfDependencyMissing: .*\'no-such-package\'\. Install it by pip install "openeo-sar\[unwrap\]"; nothing is'
    )
    with pytest.raises(UdfError, match=must):
        check_dependencies(block("no-such-package"))
    with pytest.raises(UdfError, match=r"^UdfDependencyMissing: .*\. Install it into the environment of the runner"):
        check_dependencies(block("another-package"))
