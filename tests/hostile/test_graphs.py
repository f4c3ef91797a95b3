"""Hostile process graphs are refused before anything is called or opened, within bounded memory."""

import json

import pytest

from local_runner import catalog, evaluate
from local_runner.access import parse_json
from local_runner.errors import DataError, LimitExceededError, OpenEOError
from tests.graphs import error_of, graph
from tests.hostile.graphs import ADDRESSES, NAMES, SIZE, STRUCTURE, chain, nested, nested_callbacks, note, raw

CASES = {**STRUCTURE, **SIZE, **NAMES}


@pytest.mark.usefixtures("nothing_opened", "bounded_memory")
@pytest.mark.parametrize("name", CASES)
def test_hostile_graph_is_refused_before_anything_is_called_or_opened(calls, name):
    make, code, message = CASES[name]
    error = error_of(make(), calls, {"p": 1})
    assert error.code == code
    assert error.message.startswith(message)
    assert len(str(error)) < 40_000


@pytest.mark.usefixtures("nothing_opened")
@pytest.mark.parametrize("name", ADDRESSES)
def test_hostile_namespace_is_refused_before_a_socket_opens(calls, name):
    error = error_of(raw(namespace=ADDRESSES[name]), calls, trusted=False)
    assert (error.code, error.node) == ("AccessRefused", "a")
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    "path", ["/dev/zero", "/dev/stdin", "/proc/self/mem", ".", "/", "nowhere/../../p.json", "p.json" * 60]
)
def test_namespace_that_is_no_regular_file_is_refused(calls, path):
    error = error_of(raw(namespace=path), calls)
    assert error.code in ("FileNotFound", "AccessRefused", "DataCorrupt")
    assert error.node == "a"


# What is allowed


@pytest.mark.usefixtures("bounded_memory")
@pytest.mark.parametrize("doubled", [False, True])
def test_graph_of_2000_nodes_is_evaluated_and_keeps_them(calls, doubled):
    assert evaluate(chain(1999, doubled)) == 1999
    assert len(calls) == 2000


@pytest.mark.usefixtures("calls")
def test_what_is_at_the_limits_is_evaluated():
    assert evaluate(nested_callbacks(32))
    assert evaluate(note(nested(64))) == nested(64)
    assert evaluate(note("x" * 65_536)) == "x" * 65_536
    assert evaluate(note(2**1023 - 1)) == 2**1023 - 1


def test_parameter_of_a_callback_hides_one_of_the_graph():
    inner = {"process_graph": graph(b=("add", {"x": {"from_parameter": "x"}, "y": 0}))}
    nodes = graph(a=("array_apply", {"data": [1, 2], "process": inner}), b=("sum", {"data": {"from_node": "a"}}))
    assert evaluate(nodes, {"x": 100}) == 3


# As JSON

TEXTS = {
    "lists 100000 deep": '{"process_graph": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "objects 100000 deep": '{"process_graph": ' + '{"a":' * 100_000 + "1" + "}" * 100_001,
    "lists 300 deep": '{"process_graph": ' + "[" * 300 + "]" * 300 + "}",
    "integer of a million digits": '{"a": ' + "1" * 10**6 + "}",
    "integer of 400 digits": '{"a": ' + "1" * 400 + "}",
    "NaN": '{"a": NaN}',
    "Infinity": '{"a": -Infinity}',
    "1e999": '{"a": 1e999}',
    "duplicate key": '{"a": {"x": 1, "x": 2}}',
    "duplicate key with an escape": '{"a": {"x": 1, "\\u0078": 2}}',
    "duplicate key after 200000": "{" + ",".join(f'"{i}":1' for i in range(200_000)) + ',"7":1,"0":1}',
    "lone surrogate": '{"a": "\\udc00"}',
    "trailing text": '{"a": 1} {"b": 2}',
    "UTF-16": '{"a": 1',
    "list": "[1]",
    "text": '"a"',
    "null": "null",
    "nothing": "",
    "not JSON": "process_graph: {}",
    "comment": '{"a": 1 /* x */}',
    "single quotes": "{'a': 1}",
}


@pytest.mark.usefixtures("bounded_memory")
@pytest.mark.parametrize("name", TEXTS)
def test_hostile_json_is_refused(name):
    with pytest.raises(DataError, match=r"^DataCorrupt: .{0,400}$"):
        parse_json(TEXTS[name].encode(), "a.json")


def test_json_of_a_process_has_a_limit_of_size(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"process_graph": raw(), "description": "x" * 2**21}))
    with pytest.raises(LimitExceededError, match=r"^DocumentTooLarge: A JSON document must have at most 2097152 bytes"):
        catalog.load(path)


def test_sparse_file_of_a_terabyte_is_not_read(tmp_path):
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(LimitExceededError, match=r"^DocumentTooLarge: "):
        catalog.load(path)


# Definitions


def schemas_of(**schema):
    return {"parameters": [{"name": "p", "schema": schema}], "process_graph": note({"from_parameter": "p"})}


@pytest.mark.usefixtures("nothing_opened", "bounded_memory")
@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"pattern": "^(a+)+$"}, "may be slow"),
        ({"pattern": "(a|a)*b"}, "may be slow"),
        ({"pattern": "(.*)\\1"}, "may be slow"),
        ({"pattern": "a*a*a*a*a*b"}, "may be slow"),
        ({"pattern": "a" * 300}, "may be slow"),
        ({"pattern": "a{99999999999999999999}"}, "is no regular expression"),
        ({"patternProperties": {"^(a+)+$": {}}}, "may be slow"),
        ({"items": {"$ref": "http://127.0.0.1/"}}, "it has a \\$ref"),
        ({"items": nested(1000, {}, dict)}, "it is nested more than 32 deep"),
        ({"items": nested(100_000, {}, dict)}, "it is nested more than 32 deep"),
        ({"type": "strng"}, "'strng' is not valid"),
        ({1: 2}, "its keys must be texts"),
    ],
)
def test_hostile_schema_is_refused(calls, schema, fault):
    with pytest.raises(OpenEOError, match=rf"^ProcessGraphInvalid: The schema of the parameter 'p' must .*{fault}"):
        evaluate(schemas_of() | {"parameters": [{"name": "p", "schema": schema}]}, {"p": "a" * 60})
    assert calls == []


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"anyOf": [{"type": "null"}] * 2000}}, [1] * 1000),
        ({"allOf": [{"items": {"minimum": i}} for i in range(2000)]}, [1] * 1000),
    ],
)
def test_comparing_a_value_with_its_schema_has_a_limit(calls, schema, value):
    with pytest.raises(LimitExceededError, match=r"^ProcessGraphComplexity: A value and its schema must be comparable"):
        evaluate(schemas_of(**schema), {"p": value})
    assert calls == []


@pytest.mark.usefixtures("calls")
def test_entries_that_differ_are_found_in_linear_time():
    schema, different = {"type": "array", "uniqueItems": True}, [{"k": i} for i in range(50_000)]
    assert evaluate(schemas_of(**schema), {"p": different}) == different
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: .* must have entries that differ"):
        evaluate(schemas_of(**schema), {"p": [*different, {"k": 7}]})
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: .* must have entries that differ"):
        evaluate(schemas_of(**schema), {"p": [1, 1.0]})
    assert evaluate(schemas_of(**schema), {"p": [1, True, [1], {"a": 1}]})
