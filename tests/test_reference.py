import json

import pytest
from click.testing import CliRunner

from local_runner import catalog, cli
from local_runner.processes import registry


def call(*args):
    return CliRunner().invoke(cli.cli, [str(arg) for arg in args])


def test_list_shows_every_process():
    shown = call("list").stdout
    assert all(name in shown for name in catalog.ids())


def test_processes_that_a_graph_may_use_are_listed():
    lines = call("list", "--processes").stdout.splitlines()
    assert sum(line.split()[:1] == ["apply_kernel"] for line in lines) == 1
    assert max(map(len, lines)) <= 160
    assert [line.split()[0] for line in lines if line.startswith("  ")] != sorted(registry())  # by category


@pytest.mark.parametrize(
    ("args", "names"), [(["mask", "--processes"], ["masks", "mask", "mask_polygon"]), (["no"], [])]
)
def test_list_of_those_with_a_part_of_a_name(args, names):
    assert [line.split()[0] for line in call("list", *args).stdout.splitlines()[1:]] == names


def test_openeo_processes_are_described():
    shown = call("describe", "reduce_dimension").stdout
    assert shown.startswith("reduce_dimension(data, reducer, dimension, [context])\n\nOne value for the values along")
    rows = [line.split() for line in shown.splitlines()]
    assert ["reducer", "process", "graph", "of", "data,", "context", "required"] in rows
    assert ["context", "anything", "null"] in rows


@pytest.mark.parametrize("name", sorted(registry()))
def test_every_openeo_process_is_described_in_words(name):
    result = call("describe", name)
    assert result.exit_code == 0
    assert not any(word in result.stdout for word in ("<class", "typing.", "DataArray", "Annotated"))


def test_description_of_a_bare_graph_has_no_empty_lines(tmp_path):
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"a": {"process_id": "pi", "arguments": {}, "result": True}}))
    assert call("describe", path).stdout.splitlines() == ["Example", f"openeo-sar run {path} --out out"]
