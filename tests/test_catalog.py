import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from local_runner import catalog
from local_runner.access import Access
from local_runner.errors import OpenEOError

ROOT = Path(__file__).parents[1]
GRAPH = {"a": {"process_id": "add", "arguments": {"x": 1, "y": 2}, "result": True}}
PROCESS = {"id": "three", "process_graph": GRAPH}
CUBE = {"type": "object", "subtype": "datacube"}
NULL = {"type": "null"}
CALLBACK = {"type": "object", "subtype": "process-graph", "parameters": [{"name": "x"}, {"name": "y"}]}


def cube():
    return xr.DataArray(np.zeros((2, 3)), dims=("y", "x"))


def parameter(schema, **fields):
    return {"name": "p", "schema": schema, **fields}


def test_ids_and_stems_are_those_of_the_files():
    assert list(catalog.ids()) == sorted(p.stem for p in (ROOT / "process_graphs").glob("*.json"))
    assert list(catalog.udf_stems()) == sorted(p.stem for p in (ROOT / "udfs").glob("[!_]*.py"))


@pytest.mark.parametrize("stem", catalog.udf_stems())
def test_udf_text_is_that_of_the_file_and_its_hash_is_known(stem):
    assert catalog.udf_text(stem) == (ROOT / "udfs" / f"{stem}.py").read_text(encoding="utf-8")
    assert catalog.text_hash(catalog.udf_text(stem)) in catalog.udf_hashes()
    assert catalog.text_hash(catalog.udf_text(stem) + "\n") not in catalog.udf_hashes()


@pytest.mark.parametrize("name", catalog.ids())
def test_process_is_loaded_by_id(name):
    assert catalog.load(name) == json.loads((ROOT / "process_graphs" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("content", [PROCESS, GRAPH], ids=["process", "bare graph"])
@pytest.mark.parametrize("kind", [str, Path])
def test_process_is_loaded_from_a_path(tmp_path, content, kind):
    path = tmp_path / "file.json"
    path.write_text(json.dumps(content))
    assert catalog.load(kind(path))["process_graph"] == GRAPH


def test_bare_graph_and_process_object_are_taken_as_they_are():
    assert catalog.load(GRAPH) == {"process_graph": GRAPH}
    assert catalog.load(PROCESS) == PROCESS


def test_unknown_id_comes_with_what_was_probably_meant():
    with pytest.raises(
        OpenEOError, match=r"^ProcessUnsupported: .*, instead got 'slc_coherenc'\. Did you mean 'slc_coh"
    ):
        catalog.load("slc_coherenc")


@pytest.mark.parametrize("content", ["{}", '{"id": "x"}', '{"id": "x", "process_graph": []}', '{"a": {"b": 1}}'])
def test_file_that_is_no_process_is_refused(tmp_path, content):
    path = tmp_path / "file.json"
    path.write_text(content)
    with pytest.raises(
        OpenEOError, match=r"^ProcessGraphInvalid: A process JSON must have a process_graph, instead got "
    ):
        catalog.load(path)


def test_file_with_broken_schema_is_refused(tmp_path):
    path = tmp_path / "file.json"
    path.write_text(json.dumps({**PROCESS, "parameters": [parameter({"type": "txt"})]}))
    with pytest.raises(OpenEOError, match=r"^ProcessGraphInvalid: The schema of the parameter 'p' must be JSON Schema"):
        catalog.load(path)


def test_url_needs_an_allowed_host():
    with pytest.raises(OpenEOError, match=r"^AccessRefused: The host of a remote address must be allowed"):
        catalog.load("https://example.org/p.json", Access(trusted=False))


def test_defaults_are_filled_in_and_values_become_json():
    process = {"parameters": [parameter({}, optional=True, default=[1]), {"name": "q", "schema": {"type": "array"}}]}
    assert catalog.complete_parameters(process, {"q": ("a", np.int16(1))}) == {"p": [1], "q": ["a", 1]}


@pytest.mark.parametrize("process", [{}, {"parameters": None}])
def test_bare_graph_takes_any_value(process):
    assert catalog.complete_parameters(process, {"x": 1}) == {"x": 1}


def test_process_without_parameters_takes_none():
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterUnsupported: A parameter of 'process_graph' must be one of"
    ):
        catalog.complete_parameters({"parameters": []}, {"x": 1})


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (CUBE, cube()),
        ([CUBE, NULL], cube()),
        ([CUBE, NULL], None),
        ({}, cube()),
        ({}, [1]),
        ({"type": "number"}, 1.5),
        ([{"type": "string"}, {"type": "array", "items": {"type": "string"}}], ["a"]),
    ],
)
def test_value_that_fits(schema, value):
    found = catalog.check_parameter(parameter(schema), value, "three")
    assert found is value or found == value


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        (CUBE, 1, r"must be a cube, instead got 1\. On the command line: --input NAME=STAC\."),
        (CUBE, None, r"must be a cube, instead got None"),
        (CUBE, {"a": 1}, r"must be a cube, instead got {'a': 1}"),
        ([CUBE, NULL], 1, r"must be null, instead got 1"),
        ({"type": "number"}, cube(), r"must not be a cube, instead got {'y': 2, 'x': 3}"),
        ({"type": "array"}, [cube()], r"must hold no cube, instead got 'list'"),
        (CALLBACK, 1, r"must be a process graph, instead got 1"),
        ({"type": "number"}, True, r"must be a number, instead got True"),
        ({"type": "number"}, "1", r"must be a number, instead got '1'"),
    ],
)
def test_value_that_does_not_fit(schema, value, message):
    with pytest.raises(OpenEOError, match=rf"^ProcessParameterInvalid: The parameter 'p' of 'three' {message}"):
        catalog.check_parameter(parameter(schema), value, "three")


def test_names_that_a_parameter_hands_to_a_callback():
    process = {"parameters": [{"name": "f", "schema": [NULL, CALLBACK]}, {"name": "g", "schema": {}}]}
    assert catalog.callback_parameters(process) == {"f": ("x", "y"), "g": None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{\n  nonsense",
            r"must be JSON; line 2, column 3: Expecting property name enclosed in double quotes. Mend it",
        ),
        ('{"a": 1, "a": 2}', r"must be JSON; duplicate key 'a'. Mend it there."),
        ("[]", r"must hold a JSON object. Mend it there."),
        ('{"a": {}}', r"A process JSON must have a process_graph, .*Write a process object"),
    ],
)
def test_process_file_that_is_none_is_the_callers_to_mend(tmp_path, text, message):
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(OpenEOError, match=rf"^ProcessGraphInvalid: .*{message}") as raised:
        catalog.load(path)
    assert raised.value.exit_code == 2


def test_missing_process_file_names_what_is_near():
    with pytest.raises(OpenEOError, match=r"^FileNotFound: .*Did you mean 'slc_coherence'\?") as raised:
        catalog.load("slc_coherenc.json")
    assert raised.value.exit_code == 2


def test_graph_with_a_node_without_form_is_a_graph():
    assert catalog.load({"a": {"process_id": "pi"}, "b": 1})["process_graph"]["b"] == 1
