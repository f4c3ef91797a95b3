import json

import pytest
from click.testing import CliRunner

from local_runner import cli


def call(*args):
    return CliRunner().invoke(cli.cli, [str(arg) for arg in args])


def test_check_of_the_collection_finds_nothing():
    result = call("check")
    assert result.exit_code == 0, result.output


def test_check_prints_findings(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({"a": {"process_id": "no_such_process", "arguments": {}, "result": True}}))
    result = call("check", path)
    assert result.exit_code == 2
    assert "ProcessUnsupported" in result.output


def test_check_of_a_udf_names_lines(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("import numpy\nimport rasterio\n\n\ndef apply_datacube(data):\n    return data\n")
    result = call("check", path)
    assert result.exit_code == 2
    first, second = result.stdout.splitlines()
    assert first.startswith(f"error: {path}: UdfInvalid: The entry point must read def ")
    assert "Change line 5." in first
    assert second.endswith("instead got 'rasterio' in line 2.")
    assert result.stderr == "1 process checked: 2 errors, 0 warnings\n"


@pytest.mark.parametrize("text", ["", "\xe4", 'x = "https://example.org"'])
def test_check_of_a_file_that_is_no_udf(tmp_path, text):
    path = tmp_path / "mine.py"
    path.write_bytes(text.encode("latin-1"))
    result = call("check", path)
    assert result.exit_code == 2
    assert result.stdout.startswith(f"error: {path}: UdfInvalid: A UDF must ")


def test_check_of_a_udf_that_is_not_there(tmp_path):
    result = call("check", tmp_path / "mine.py")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: FileNotFound: The file must be readable (No such file")
