import json
import subprocess
import sys

import pytest

from local_runner.errors import OpenEOError
from local_runner.sync import sync

UDF = '''"""A doubled cube.

**In**: anything.
"""

import xarray as xr


def apply_datacube(cube: xr.DataArray, context: dict) -> xr.DataArray:
    """Double."""
    return twice(cube)


# --- shared: box.twice, box.half -- generated from udfs/_shared by `openeo-sar sync` ---
'''
SHARED = '''"""Not copied."""

import numpy as np


def twice(x):
    """Twice."""
    return 2 * x


def half(x):
    return x / 2


def third(x):
    return x / 3
'''


@pytest.fixture
def root(tmp_path):
    """A source tree with one UDF, which two graphs use, and one graph without a UDF."""
    for folder in ("udfs/_shared", "process_graphs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "udfs" / "__init__.py").write_text("")
    (tmp_path / "udfs" / "doubled.py").write_text(UDF)
    (tmp_path / "udfs" / "_shared" / "box.py").write_text(SHARED)
    udf = {"process_id": "run_udf", "arguments": {"udf": "old", "data": 1}}
    graph = {"a": {"process_id": "apply", "arguments": {"process": {"process_graph": {"doubled": udf}}}}}
    write(tmp_path, "doubled", {"summary": "Doubled é", "id": "doubled", "description": "old", "process_graph": graph})
    write(tmp_path, "other", {"id": "other", "description": "own", "summary": "Other", "process_graph": graph})
    (tmp_path / "README.md").write_text("# Title\n<!-- processes -->\nold\n<!-- /processes -->\nend\n")
    return tmp_path


def write(root, name, process):
    (root / "process_graphs" / f"{name}.json").write_text(json.dumps(process))


def read(root, name):
    return json.loads((root / "process_graphs" / f"{name}.json").read_text(encoding="utf-8"))


def test_check_names_the_stale_files_and_writes_nothing(root):
    before = {p: p.read_bytes() for p in root.rglob("*.*")}
    stale = ["udfs/doubled.py", "process_graphs/doubled.json", "process_graphs/other.json", "README.md"]
    assert sync(root, check=True) == stale
    assert {p: p.read_bytes() for p in root.rglob("*.*")} == before


def test_second_time_nothing_is_stale(root):
    assert sync(root) != []
    assert sync(root) == []
    assert sync(root, check=True) == []


def test_shared_functions_stand_below_the_cut_line_in_its_order(root):
    sync(root)
    text = (root / "udfs" / "doubled.py").read_text()
    assert text.startswith(UDF)
    assert text.removeprefix(UDF) == (
        '\n\ndef twice(x):\n    """Twice."""\n    return 2 * x\n\n\ndef half(x):\n    return x / 2\n'
    )


def test_what_stood_below_the_cut_line_is_replaced(root):
    path = root / "udfs" / "doubled.py"
    sync(root)
    fresh = path.read_text()
    path.write_text(fresh.replace("2 * x", "3 * x") + "\n\ndef more(x): ...\n")
    assert sync(root) == ["udfs/doubled.py"]
    assert path.read_text() == fresh


def test_generated_text_is_as_the_formatter_writes_it(root):
    pytest.importorskip("ruff", reason="ruff is a tool of the developers, not of the tests")
    sync(root)
    command = [sys.executable, "-m", "ruff", "format", "--check", "--isolated", str(root / "udfs" / "doubled.py")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_udf_text_goes_to_each_node_with_its_stem_as_id(root):
    sync(root)
    text = (root / "udfs" / "doubled.py").read_text()
    for name in ("doubled", "other"):
        callback = read(root, name)["process_graph"]["a"]["arguments"]["process"]["process_graph"]
        assert callback["doubled"]["arguments"] == {"udf": text, "data": 1}


def test_node_of_another_process_or_id_is_left_alone(root):
    graph = {
        "doubled": {"process_id": "pi", "arguments": {"udf": "mine"}},
        "own": {"process_id": "run_udf", "arguments": {"udf": "mine"}},
    }
    write(root, "other", {"id": "other", "process_graph": graph})
    sync(root)
    assert read(root, "other")["process_graph"] == graph


def test_description_comes_from_the_udf_of_the_same_id_only(root):
    sync(root)
    assert read(root, "doubled")["description"] == "A doubled cube.\n\n**In**: anything."
    assert read(root, "other")["description"] == "own"


def test_json_keeps_the_order_of_keys_and_is_not_escaped(root):
    sync(root)
    text = (root / "process_graphs" / "doubled.json").read_text(encoding="utf-8")
    assert list(json.loads(text)) == ["summary", "id", "description", "process_graph"]
    assert "é" in text
    assert text.startswith('{\n  "summary"')
    assert text.endswith("}\n")


def test_readme_gets_a_row_for_each_process(root):
    sync(root)
    assert (root / "README.md").read_text(encoding="utf-8") == (
        "# Title\n<!-- processes -->\n| process | what it gives |\n|---|---|\n"
        "| [`doubled`](docs/processes/doubled.md) | Doubled é |\n| [`other`](docs/processes/other.md) | Other |\n"
        "<!-- /processes -->\nend\n"
    )


def test_tree_without_readme_is_fine(root):
    (root / "README.md").unlink()
    assert "README.md" not in sync(root)


@pytest.mark.parametrize("name", ["box.none", "none.twice"])
def test_shared_function_that_is_not_there(root, name):
    path = root / "udfs" / "doubled.py"
    path.write_text(UDF.replace("box.half", name))
    message = rf"^SharedFunctionMissing: doubled\.py must name functions of udfs/_shared, instead got '{name}'\.$"
    with pytest.raises(OpenEOError, match=message):
        sync(root)
