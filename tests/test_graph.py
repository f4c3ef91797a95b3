"""The evaluator: scopes, order, checks before anything is called, user-defined processes."""

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from local_runner import evaluate
from local_runner import process_graph as evaluator
from local_runner.access import Access
from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.execution import Execution
from local_runner.graph import Scope, check_graph, evaluate_with
from local_runner.process_graph import MAX_ARGUMENT_DEPTH, MAX_DEPTH, MAX_NODES
from local_runner.processes import _process, registry
from local_runner.processes._types import OnValue
from local_runner.profiles import load_profile


def node(name):
    return {"from_node": name}


def parameter(name):
    return {"from_parameter": name}


def graph(**nodes):
    """Flat graph of `id=(process id, arguments)`; the last node is the result."""
    raw = {name: {"process_id": process_id, "arguments": arguments} for name, (process_id, arguments) in nodes.items()}
    raw[next(reversed(raw))]["result"] = True
    return raw


def callback(**nodes):
    return {"process_graph": graph(**nodes)}


def definition(process_id, process_graph, **schemas):
    parameters = [{"name": name, "description": name, "schema": schema} for name, schema in schemas.items()]
    return {"id": process_id, "parameters": parameters, "process_graph": process_graph}


def write(folder, process):
    path = folder / f"{process['id']}.json"
    path.write_text(json.dumps(process))
    return str(path)


pytestmark = pytest.mark.usefixtures("calls")


@pytest.fixture
def calls(monkeypatch):
    """Processes `load`, `note`, `pair` and `each` of the tests; the list of the calls, each (process id, argument)."""
    seen = []

    def load() -> Any:
        seen.append(("load", None))
        return 0

    def note(x: Any) -> Any:
        seen.append(("note", x))
        return x

    def pair(x: Any, y: Any) -> Any:
        seen.append(("pair", x))
        return max(x, y) + 1

    def each(data: list[Any], process: OnValue) -> Any:
        return [process(x=value, context=None) for value in data]

    own = {f.__name__: _process(f.__name__, f) for f in (load, note, pair, each)}
    monkeypatch.setattr(evaluator, "registry", lambda: {**registry(), **own})
    return seen


def values(calls):
    return [value for _, value in calls]


def with_processes(process_graph, *definitions, parameters=None, trusted=True):
    processes = {d["id"]: d for d in definitions}
    execution = Execution(load_profile("specification"), Access(trusted=trusted), trusted=trusted, processes=processes)
    return evaluate_with(process_graph, parameters or {}, execution)


def error_of(process_graph, calls, parameters=None, **options):
    """The error of a graph, which must be raised before its node `load`, which no other needs, is called."""
    whole = {"first": {"process_id": "load", "arguments": {}}, **process_graph}
    with pytest.raises(OpenEOError) as caught:
        evaluate(whole, parameters, **options)
    assert calls == []
    return caught.value


# Values, order, cost


def test_value_is_that_of_the_result_node():
    assert evaluate(graph(a=("add", {"x": 1, "y": 2}), b=("multiply", {"x": node("a"), "y": 5}))) == 15


@pytest.mark.parametrize("schema", [{"type": "strng"}, {"pattern": "("}, {"$ref": "https://example.org/s.json"}])
def test_process_object_with_a_broken_schema_is_refused(schema):
    process = definition("p", graph(a=("note", {"x": parameter("x")})), x=schema)
    with pytest.raises(OpenEOError, match=r"^ProcessGraphInvalid: The schema of the parameter 'x' must be JSON Schema"):
        evaluate(process, {"x": "1"})


def test_order_in_json_does_not_matter():
    nodes = graph(b=("multiply", {"x": node("a"), "y": 5}), a=("add", {"x": 1, "y": 2}))
    nodes["b"]["result"], nodes["a"]["result"] = True, False
    assert evaluate(nodes) == 15


def test_process_object_is_evaluated_with_its_defaults():
    process = definition("p", graph(a=("add", {"x": parameter("x"), "y": parameter("y")})), x={"type": "number"})
    process["parameters"].append({"name": "y", "schema": {"type": "number"}, "optional": True, "default": 10})
    assert evaluate(process, {"x": 1}) == 11
    assert evaluate(process, {"x": 1, "y": 2}) == 3


def test_node_of_many_users_is_called_once(calls):
    users = {f"u{i}": ("pair", {"x": node("a"), "y": node("a")}) for i in range(5)}
    nodes = graph(a=("note", {"x": 1}), **users, all=("array_create", {"data": [node(f"u{i}") for i in range(5)]}))
    assert evaluate(nodes) == [2] * 5
    assert calls.count(("note", 1)) == 1


@pytest.mark.parametrize("levels", [25, 2000])
def test_doubling_graph_calls_each_node_once(calls, levels):
    doubled = {f"n{i}": ("pair", {"x": node(f"n{i - 1}"), "y": node(f"n{i - 1}")}) for i in range(1, levels + 1)}
    assert evaluate(graph(n0=("note", {"x": 0}), **doubled)) == levels
    assert len(calls) == levels + 1


@pytest.mark.parametrize("backwards", [False, True])
def test_chain_of_5000_nodes_needs_no_recursion(calls, backwards):
    nodes = graph(
        n0=("note", {"x": 0}), **{f"n{i}": ("pair", {"x": node(f"n{i - 1}"), "y": 0}) for i in range(1, 5000)}
    )
    nodes = dict(reversed(nodes.items())) if backwards else nodes
    assert evaluate(nodes) == 4999
    assert len(calls) == 5000


def test_chain_of_2000_nodes_is_looked_at_a_bounded_number_of_times(monkeypatch):
    looked = []
    needs = Scope._needs
    monkeypatch.setattr(Scope, "_needs", lambda scope, n: looked.append(n.id) or needs(scope, n))
    evaluate(
        graph(n0=("note", {"x": 0}), **{f"n{i}": ("pair", {"x": node(f"n{i - 1}"), "y": 0}) for i in range(1, 2000)})
    )
    assert len(looked) <= 2 * 2000


def test_node_with_many_needs_and_many_references_is_looked_at_twice(monkeypatch):
    looked = []
    needs = Scope._needs
    monkeypatch.setattr(Scope, "_needs", lambda scope, n: looked.append(n.id) or needs(scope, n))
    sources = {f"s{i}": ("note", {"x": i}) for i in range(50)}
    hub = {"hub": ("array_create", {"data": [node(s) for s in sources]})}
    evaluate(graph(**sources, **hub, end=("array_create", {"data": [node("hub")] * 50})))
    assert looked.count("hub") == 2


# References and literals


def test_references_are_resolved_anywhere_in_lists_and_objects():
    nested = {"a": [1, {"b": [node("one"), {"c": parameter("p")}]}]}
    found = evaluate(graph(one=("note", {"x": 7}), two=("note", {"x": nested})), {"p": [8]})
    assert found == {"a": [1, {"b": [7, {"c": [8]}]}]}


@pytest.mark.parametrize(
    "literal",
    [
        "2020",
        "2020-01-01",
        ["2020-01-01", "2020-02-01"],
        "12:00:00Z",
        "EPSG:4326",
        "true",
        "1",
        {"west": 1, "south": 2, "east": 3, "north": 4},
        {"type": "Point", "coordinates": [1, 2]},
        1,
        1.0,
        True,
        None,
        [],
        {},
    ],
    ids=repr,
)
def test_literals_keep_their_type(literal):
    found = evaluate(graph(a=("note", {"x": literal})))
    assert found == literal
    assert type(found) is type(literal)


# Scopes and callbacks


def test_callback_is_evaluated_anew_at_each_call():
    nodes = graph(a=("each", {"data": [1, 2, 3], "process": callback(b=("add", {"x": parameter("x"), "y": 10}))}))
    assert evaluate(nodes) == [11, 12, 13]


def test_node_in_a_callback_is_called_once_per_call(calls):
    process = callback(b=("note", {"x": parameter("x")}), c=("add", {"x": node("b"), "y": node("b")}))
    assert evaluate(graph(a=("each", {"data": [1, 2], "process": process}))) == [2, 4]
    assert values(calls) == [1, 2]


def test_callbacks_see_the_parameters_around_them():
    inner = callback(c=("add", {"x": parameter("x"), "y": parameter("p")}))
    outer = callback(b=("each", {"data": [parameter("x"), 1], "process": inner}))
    assert evaluate(graph(a=("each", {"data": [10, 20], "process": outer})), {"p": 100}) == [[110, 101], [120, 101]]


def test_parameter_of_a_callback_hides_the_one_around_it():
    process = callback(b=("note", {"x": parameter("x")}))
    assert evaluate(graph(a=("each", {"data": [1], "process": process}), b=("array_concat", {
        "array1": node("a"), "array2": [parameter("x")]})), {"x": "outer"}) == [1, "outer"]  # fmt: skip


def test_callback_handed_on_as_a_parameter_keeps_its_own_scope():
    schema = {"type": "object", "subtype": "process-graph", "parameters": [{"name": "x", "schema": {}}]}
    inner = graph(a=("each", {"data": [1, 2], "process": parameter("f")}))
    process = definition("apply_f", inner, f=schema, p={"type": "number"})
    add_p = callback(b=("add", {"x": parameter("x"), "y": parameter("p")}))
    assert with_processes(graph(a=("apply_f", {"f": add_p, "p": -1})), process, parameters={"p": 100}) == [101, 102]


# if, ends


@pytest.mark.parametrize(("condition", "taken"), [(True, "yes"), (False, "no"), (None, "no")])
def test_if_calls_the_chosen_branch_only(calls, condition, taken):
    nodes = graph(
        yes=("note", {"x": "yes"}),
        no=("note", {"x": "no"}),
        a=("if", {"value": condition, "accept": node("yes"), "reject": node("no")}),
    )
    assert evaluate(nodes) == taken
    assert values(calls) == [taken]


def test_condition_may_be_a_node_and_branches_may_hold_ifs(calls):
    nodes = graph(
        cond=("gt", {"x": parameter("p"), "y": 0}),
        a=("note", {"x": "a"}),
        b=("note", {"x": "b"}),
        c=("note", {"x": "c"}),
        inner=("if", {"value": node("cond"), "accept": node("a"), "reject": node("b")}),
        outer=("if", {"value": node("cond"), "accept": node("inner"), "reject": node("c")}),
    )
    assert evaluate(nodes, {"p": 1}) == "a"
    assert evaluate(nodes, {"p": -1}) == "c"
    assert values(calls) == ["a", "c"]


def test_node_that_both_branches_and_the_condition_share_is_called_once(calls):
    nodes = graph(
        shared=("note", {"x": 5}),
        cond=("gt", {"x": node("shared"), "y": 0}),
        up=("pair", {"x": node("shared"), "y": 0}),
        down=("note", {"x": [node("shared")]}),
        out=("if", {"value": node("cond"), "accept": {"v": [node("up")]}, "reject": node("down")}),
    )
    assert evaluate(nodes) == {"v": [6]}
    assert calls == [("note", 5), ("pair", 5)]


def test_branch_not_taken_is_called_if_another_node_needs_it():
    nodes = graph(
        no=("note", {"x": 1}),
        choice=("if", {"value": True, "accept": 2, "reject": node("no")}),
        out=("array_create", {"data": [node("choice"), node("no")]}),
    )
    assert evaluate(nodes) == [2, 1]


def test_nodes_that_nothing_refers_to_are_called_at_top_level():
    saved = []

    def save(_cube, *, file_format, **_):
        saved.append(file_format)
        return {"id": file_format}

    execution = Execution(load_profile("specification"), Access(), save=save)
    cube = xr.DataArray(np.zeros((2, 2)), dims=("y", "x"))
    arguments = {"data": parameter("data")}
    nodes = graph(
        a=("save_result", arguments | {"format": "netCDF"}), b=("save_result", arguments | {"format": "GTiff"})
    )
    assert evaluate_with(nodes, {"data": cube}, execution) == {"id": "GTiff"}
    assert saved == ["netCDF", "GTiff"]


def test_nodes_that_nothing_refers_to_are_not_called_in_callbacks(calls):
    process = callback(idle=("note", {"x": "idle"}), b=("note", {"x": parameter("x")}))
    evaluate(graph(a=("each", {"data": [1], "process": process})))
    assert values(calls) == [1]


# Errors before anything is called

ONE = ("note", {"x": 1})


@pytest.mark.parametrize(
    ("nodes", "code", "where", "message"),
    [
        (
            graph(a=("multiplie", {})),
            "ProcessUnsupported",
            "a",
            "process_id must name a known process, instead got 'multiplie'. Did you mean 'multiply'?",
        ),
        (
            graph(a=("slc_coherense", {})),
            "ProcessUnsupported",
            "a",
            "process_id must name a known process, instead got 'slc_coherense'. Did you mean 'slc_coherence'",
        ),
        (
            graph(a=("note", {"x": 1, "z": 1})),
            "ProcessParameterUnsupported",
            "a",
            "An argument of note must be one of ('x',), instead got 'z'",
        ),
        (graph(a=("add", {"x": 1})), "ProcessParameterRequired", "a", "add must be given the argument 'y'"),
        (graph(a=("add", {"x": 1, "y": True})), "ProcessParameterInvalid", "a", "The argument 'y' of add must be a valid"),
        (graph(a=("add", {"x": 1, "y": "2"})), "ProcessParameterInvalid", "a", "The argument 'y' of add must be a valid"),
        (
            graph(a=("array_create", {"repeat": 1.5})),
            "ProcessParameterInvalid",
            "a",
            "The argument 'repeat' of array_create must be a valid integer, instead got 1.5",
        ),
        (graph(a=("add", {"x": [1], "y": 1})), "ProcessParameterInvalid", "a", "The argument 'x' of add must be a valid"),
        (
            graph(a=("add", {"x": callback(b=ONE), "y": 1})),
            "ProcessParameterInvalid",
            "a",
            "The argument 'x' of add must be a valid",
        ),
        (
            graph(a=("each", {"data": [], "process": {"x": 1}})),
            "ProcessParameterInvalid",
            "a",
            "The argument 'process' of each must be an instance of Callback",
        ),
        (graph(a=("note", {"x": node("b")})), "ProcessGraphInvalid", "a", "from_node must name a node of the same graph"),
        (graph(a=("note", {"x": [{"k": node("b")}]})), "ProcessGraphInvalid", "a", "from_node must name a node"),
        (graph(a=("note", {"x": node("a")})), "ProcessGraphInvalid", "a", "A process graph must have no cycle"),
        (
            graph(z=("note", {"x": node("c")}), b=("note", {"x": [node("c")]}), c=("note", {"x": {"k": node("b")}})),
            "ProcessGraphInvalid",
            "c",
            "A process graph must have no cycle, instead got ('c', 'b')",
        ),
        (
            graph(a=("note", {"x": parameter("q")})),
            "ProcessParameterMissing",
            "a",
            "from_parameter must name a parameter, instead got 'q'. The parameters here are ('p',)",
        ),
        (graph(a=("note", {"x": [[parameter("q")]]})), "ProcessParameterMissing", "a", "from_parameter must name a"),
        (graph(a=("note", {"x": {"from_node": 3}})), "ProcessGraphInvalid", "a", "A reference must be an object with the key"),
        (graph(a=("note", {"x": {"from_node": ["b"]}})), "ProcessGraphInvalid", "a", "A reference must be an object"),
        (
            graph(a=("note", {"x": {"from_parameter": "p", "default": 1}})),
            "ProcessGraphInvalid",
            "a",
            "A reference must be an object with the key 'from_parameter' only",
        ),
        ({"a": 1}, "ProcessGraphInvalid", "a", "A node must be an object with a process_id, instead got 1"),
        ({"a": {"arguments": {}}}, "ProcessGraphInvalid", "a", "A node must be an object with a process_id"),
        (
            {"a": {"process_id": "note", "arguments": [1], "result": True}},
            "ProcessGraphInvalid",
            "a",
            "The arguments of a node must be an object, instead got [1]",
        ),
        (
            {"a": {"process_id": "note", "namespace": ["x"], "arguments": {}, "result": True}},
            "ProcessGraphInvalid",
            "a",
            "The namespace of a node must be a text or null",
        ),
        (
            {"a": {"process_id": "note", "arguments": {"x": 1}}},
            "ProcessGraphInvalid",
            "",
            "A process graph must have exactly one result node, instead got []",
        ),
        (
            {i: {"process_id": "note", "arguments": {"x": 1}, "result": True} for i in "ab"},
            "ProcessGraphInvalid",
            "",
            "A process graph must have exactly one result node, instead got ['a', 'b']",
        ),
    ],
)  # fmt: skip
def test_mistake_is_found_before_anything_is_called(calls, nodes, code, where, message):
    error = error_of(nodes, calls, {"p": 1})
    assert (error.code, error.node) == (code, where)
    assert error.message.startswith(message)


@pytest.mark.parametrize("key", ["result_cache", "node", "_node_id", "args"])
def test_extra_key_in_a_node_is_refused(calls, key):
    nodes = graph(a=ONE)
    nodes["a"][key] = 999
    error = error_of(nodes, calls)
    assert (error.code, error.node) == ("ProcessGraphInvalid", "a")
    assert error.message.startswith("A node must have no keys but ")
    assert error.message.endswith(f"instead got [{key!r}].")


@pytest.mark.parametrize("nothing", [{}, [], "text", 1])
def test_graph_without_nodes_is_refused(nothing):
    with pytest.raises(OpenEOError, match=r"^ProcessGraphMissing: A process graph must be an object with at least one"):
        evaluate(nothing if isinstance(nothing, dict) else {"process_graph": nothing})


@pytest.mark.parametrize(
    ("inside", "code", "where", "message"),
    [
        ({"b": ("ad", {})}, "ProcessUnsupported", "a/b", "process_id must name a known process"),
        ({"b": ("add", {"x": 1})}, "ProcessParameterRequired", "a/b", "add must be given the argument 'y'"),
        ({"b": ("note", {"x": node("first")})}, "ProcessGraphInvalid", "a/b", "from_node must name a node of the same"),
        ({"b": ("note", {"x": node("b")})}, "ProcessGraphInvalid", "a/b", "A process graph must have no cycle"),
        ({"b": ("note", {"x": parameter("data")})}, "ProcessParameterMissing", "a/b", "from_parameter must name a"),
        (
            {"b": ("each", {"data": [], "process": callback(c=("add", {"x": 1, "y": "1"}))})},
            "ProcessParameterInvalid",
            "a/b/c",
            "The argument 'y' of add must be a valid",
        ),
    ],
)
def test_mistake_in_a_callback_names_the_path(calls, inside, code, where, message):
    error = error_of(graph(a=("each", {"data": [], "process": callback(**inside)})), calls)
    assert (error.code, error.node) == (code, where)
    assert error.message.startswith(message)


def test_callback_without_result_names_its_owner(calls):
    process = {"process_graph": {"b": {"process_id": "note", "arguments": {"x": 1}}}}
    error = error_of(graph(a=("each", {"data": [], "process": process})), calls)
    assert error.node == "a"
    assert error.message.startswith("A process graph must have exactly one result node")


def test_error_of_a_process_names_the_path_and_keeps_its_code():
    process = callback(b=("array_element", {"data": [], "index": 0}))
    with pytest.raises(OpenEOError, match=r"^ArrayElementNotAvailable: index or label must .* \(node a/b\)$"):
        evaluate(graph(a=("each", {"data": [1], "process": process})))


def test_failure_that_is_no_openeo_error_is_internal_and_keeps_its_cause():
    with pytest.raises(
        OpenEOError, match=r"^Internal: pair must not fail, but did: TypeError: .*\(node a\)$"
    ) as caught:
        evaluate(graph(a=("pair", {"x": 1, "y": None})))
    assert isinstance(caught.value.__cause__, TypeError)


# Limits


def nested_callbacks(depth):
    nodes = graph(a=("note", {"x": parameter("x")}))
    for _ in range(depth):
        nodes = graph(a=("each", {"data": [1], "process": {"process_graph": nodes}}))
    return nodes


def test_callbacks_may_be_nested_up_to_the_limit(calls):
    evaluate(nested_callbacks(MAX_DEPTH))
    assert values(calls) == [1]


def test_callbacks_beyond_the_limit_are_refused(calls):
    error = error_of(nested_callbacks(MAX_DEPTH + 1), calls)
    assert isinstance(error, LimitExceededError)
    assert error.code == "ProcessGraphComplexity"
    assert error.node == "/".join("a" * (MAX_DEPTH + 1))
    assert error.message.startswith(
        "A process graph must have at most 10000 nodes, and callbacks and processes in it nested"
    )


def test_wide_arguments_around_deep_callbacks_need_no_recursion(calls):
    nodes = graph(a=("note", {"x": 1}))
    deep = 1
    for _ in range(MAX_ARGUMENT_DEPTH - 1):
        deep = [deep]
    for _ in range(MAX_DEPTH):
        nodes = graph(b=("note", {"x": deep}), a=("each", {"data": [1], "process": {"process_graph": nodes}}))
    evaluate(nodes)
    assert values(calls) == [deep, 1]


def test_callback_deep_inside_of_an_argument_is_refused(calls):
    error = error_of(graph(a=("note", {"x": [[callback(b=ONE)]]})), calls)
    assert (error.code, error.node) == ("ProcessGraphInvalid", "a")
    assert error.message.startswith("A process graph in an argument must stand in it directly or in an object")


def test_mistake_in_a_callback_within_an_object_is_found(calls):
    arguments = {"url": "nowhere", "properties": {"cloud": callback(b=("lte", {"x": parameter("value")}))}}
    error = error_of(graph(a=("load_stac", arguments)), calls)
    assert (error.code, error.node) == ("ProcessParameterRequired", "a/b")


@pytest.mark.parametrize("more", [0, 1])
def test_arguments_have_a_limit_of_depth(calls, more):
    value = 1
    for _ in range(MAX_ARGUMENT_DEPTH + more):
        value = [value]
    nodes = graph(a=("note", {"x": value}))
    if not more:
        assert evaluate(nodes) == value
        return
    error = error_of(nodes, calls)
    assert (error.code, error.node, error.exit_code) == ("ProcessGraphComplexity", "a", 3)
    assert error.message == "Arguments must be nested at most 64 deep."


def test_nodes_have_a_limit_of_number(calls):
    nodes = {f"n{i}": {"process_id": "load", "arguments": {}} for i in range(MAX_NODES)}
    nodes["n0"]["result"] = True
    error = error_of(nodes, calls)
    assert error.code == "ProcessGraphComplexity"
    assert "instead got '10001 nodes at depth 0'" in error.message


# User-defined processes

PLUS = definition("plus", graph(a=("add", {"x": parameter("x"), "y": 1})), x={"type": "number"})


def test_process_that_came_with_the_graph_is_called():
    assert with_processes(graph(a=("plus", {"x": 1}), b=("plus", {"x": node("a")})), PLUS) == 3


def test_process_of_the_collection_is_known_by_its_id(calls):
    arguments = {"data": parameter("p"), "primary_date": "2020-01-01"}
    error = error_of(graph(a=("slc_coherence_native", arguments)), calls, {"p": 1})
    assert (error.code, error.node) == ("ProcessParameterRequired", "a")
    assert error.message.startswith("The parameter 'secondary_date' of 'slc_coherence_native' must be given")


def test_namespace_user_means_no_predefined_process(calls):
    nodes = graph(a=("add", {"x": 1, "y": 1}))
    nodes["a"]["namespace"] = "user"
    assert error_of(nodes, calls).code == "ProcessUnsupported"


def test_namespace_backend_means_no_user_defined_process():
    nodes = graph(a=("plus", {"x": 1}))
    nodes["a"]["namespace"] = "backend"
    with pytest.raises(OpenEOError, match=r"^ProcessUnsupported: process_id must name a known process"):
        with_processes(nodes, PLUS)


def called_by(namespace, process_id="plus", **arguments):
    nodes = graph(a=(process_id, arguments))
    nodes["a"]["namespace"] = namespace
    return nodes


@pytest.mark.parametrize("trusted", [False, True])
def test_namespace_may_be_a_path(tmp_path, trusted):
    assert evaluate(called_by(write(tmp_path, PLUS), x=2), trusted=trusted) == 3


def test_namespace_may_hold_a_list_of_processes(tmp_path):
    path = tmp_path / "processes.json"
    path.write_text(json.dumps({"processes": [1, {"id": "other"}, PLUS]}))
    assert evaluate(called_by(str(path), x=2)) == 3


def test_process_of_a_namespace_must_have_the_id(tmp_path, calls):
    path = write(tmp_path, {**PLUS, "id": "minus"})
    error = error_of(called_by(path, x=2), calls)
    assert (error.code, error.node) == ("ProcessUnsupported", "a")
    assert error.message == f"The process at {path} must have the id 'plus', instead got 'minus'."


def test_file_that_does_not_exist_is_an_error_of_the_node(tmp_path, calls):
    error = error_of(called_by(str(tmp_path / "none.json"), x=2), calls)
    assert (error.code, error.node) == ("FileNotFound", "a")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"process_graph": None}, "A process JSON must have a process_graph"),
        ({"parameters": {"x": 1}}, "The parameters of a process must be objects with names"),
        ({"parameters": [{"schema": {}}]}, "The parameters of a process must be objects with names"),
        (
            {"parameters": [{"name": "x", "schema": {"type": "strng"}}]},
            "The schema of the parameter 'x' must be JSON Schema",
        ),
        (
            {"parameters": [{"name": "x", "schema": {"pattern": "("}}]},
            "The schema of the parameter 'x' must be JSON Schema",
        ),
        ({"parameters": [{"name": "x", "schema": "number"}]}, "The schema of the parameter 'x' must be JSON Schema"),
        (
            {"parameters": [{"name": "x", "schema": {"items": {"$ref": "http://127.0.0.1/"}}}]},
            "The schema of the parameter 'x' must be JSON Schema draft 7 without $ref",
        ),
    ],
)
def test_file_that_is_no_process_is_refused(tmp_path, calls, changed, message):
    error = error_of(called_by(write(tmp_path, {**PLUS, **changed}), x=2), calls)
    assert (error.code, error.node) == ("ProcessGraphInvalid", "a")
    assert error.message.startswith(message)


def test_process_without_list_of_parameters_takes_none(tmp_path, calls):
    path = write(tmp_path, {**definition("one", graph(a=ONE)), "parameters": None})
    assert evaluate(called_by(path, "one")) == 1
    calls.clear()
    assert error_of(called_by(path, "one", x=1), calls).code == "ProcessParameterUnsupported"


@contextmanager
def served(body):
    """Loopback server that answers each GET with `body`; yields its address and the list of paths asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_namespace_may_be_a_url_for_a_trusted_caller_and_is_fetched_once():
    with served(json.dumps(PLUS).encode()) as (address, asked):
        nodes = {**called_by(f"{address}/plus.json", x=1)}
        nodes["b"] = {**nodes["a"], "arguments": {"x": node("a")}}
        nodes["a"] = {**nodes["a"], "result": False}
        assert evaluate(nodes, trusted=True) == 3
        assert asked == ["/plus.json"]


def test_url_is_refused_without_trust_before_a_socket_is_opened(calls, monkeypatch):
    def opened(*_, **__):
        pytest.fail("a socket was opened")

    monkeypatch.setattr(socket, "socket", opened)
    monkeypatch.setattr(socket, "getaddrinfo", opened)
    error = error_of(called_by("http://127.0.0.1:9/plus.json", x=1), calls, trusted=False)
    assert (error.code, error.node) == ("AccessRefused", "a")
    assert error.message.startswith("The host of a remote address must be allowed")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ({}, "ProcessParameterRequired", "The parameter 'x' of 'plus' must be given"),
        ({"x": "1"}, "ProcessParameterInvalid", "The parameter 'x' of 'plus' must be a number, instead got '1'"),
        ({"x": True}, "ProcessParameterInvalid", "The parameter 'x' of 'plus' must be a number, instead got True"),
        ({"X": 1}, "ProcessParameterUnsupported", "A parameter of 'plus' must be one of ('x',), instead got 'X'"),
        ({"x": callback(b=ONE)}, "ProcessParameterInvalid", "The parameter 'x' of 'plus' must not be a process graph"),
    ],
)
def test_arguments_of_a_user_defined_process_are_checked(tmp_path, arguments, code, message):
    path = write(tmp_path, PLUS)
    with pytest.raises(OpenEOError) as caught:
        evaluate(called_by(path, **arguments))
    assert (caught.value.code, caught.value.node) == (code, "a")
    assert caught.value.message.startswith(message)


def test_value_that_a_node_gives_is_checked_against_the_schema():
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The parameter 'x' of 'plus' .* \(node b\)$"):
        with_processes(graph(a=("note", {"x": "1"}), b=("plus", {"x": node("a")})), PLUS)


def test_process_does_not_see_the_scope_of_its_caller(tmp_path, calls):
    path = write(tmp_path, definition("leak", graph(a=("note", {"x": parameter("p")}))))
    error = error_of(called_by(path, "leak"), calls, {"p": 1})
    assert (error.code, error.node) == ("ProcessParameterMissing", "a/a")


def test_callback_in_a_process_does_not_see_the_caller_either(tmp_path, calls):
    inner = callback(c=("add", {"x": parameter("x"), "y": parameter("p")}))
    path = write(tmp_path, definition("leak", graph(b=("each", {"data": [1], "process": inner}))))
    error = error_of(called_by(path, "leak"), calls, {"p": 1})
    assert (error.code, error.node) == ("ProcessParameterMissing", "a/b/c")


def test_mistake_in_the_structure_of_a_process_names_the_path(tmp_path, calls):
    path = write(tmp_path, definition("wrong", graph(b=("note", {"x": node("none")}))))
    assert error_of(called_by(path, "wrong"), calls).node == "a/b"


def test_process_must_not_call_itself():
    call = {"x": parameter("x")}
    one = definition("one", graph(a=("two", call)), x={})
    two = definition("two", graph(b=("one", call)), x={})
    with pytest.raises(OpenEOError, match=r"^ProcessGraphInvalid: A process must not call itself, .* \(node a/a/b\)$"):
        with_processes(graph(a=("one", {"x": 1})), one, two)


def chain(length):
    last = definition(f"p{length}", graph(a=("add", {"x": parameter("x"), "y": 1})), x={"type": "number"})
    calls_next = [
        definition(
            f"p{i}",
            graph(a=(f"p{i + 1}", {"x": parameter("x")}), b=(f"p{i + 1}", {"x": node("a")})),
            x={"type": "number"},
        )
        for i in range(length)
    ]
    return [*calls_next, last]


def test_definitions_that_call_the_next_twice_are_found_once_each(monkeypatch):
    found = []
    find = evaluator.catalog.find
    monkeypatch.setattr(evaluator.catalog, "find", lambda name, *rest: found.append(name) or find(name, *rest))
    assert with_processes(graph(a=("p0", {"x": 0})), *chain(6)) == 2**6
    assert sorted(found) == [f"p{i}" for i in range(7)]


def test_definitions_that_call_the_next_twice_are_checked_in_linear_time():
    processes = {d["id"]: d for d in chain(MAX_DEPTH - 1)}
    execution = Execution(load_profile("specification"), Access(), processes=processes)
    checked = []
    original = evaluator.Graph.check
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluator.Graph, "check", lambda *a, **k: checked.append(1) or original(*a, **k))
        check_graph({"process_graph": graph(a=("p0", {"x": 0}))}, execution)
    assert len(checked) == MAX_DEPTH + 1


def test_definitions_nested_beyond_the_limit_are_refused():
    with pytest.raises(LimitExceededError, match=r"^ProcessGraphComplexity: A process graph must have at most "):
        with_processes(graph(a=("p0", {"x": 0})), *chain(MAX_DEPTH))


def test_depth_of_a_definition_counts_wherever_it_is_called():
    """`deep` alone is fine; called again from within callbacks it is too deep, although it has been checked."""
    deep = definition("deep", nested_callbacks(MAX_DEPTH - 2))
    inside = graph(
        a=("each", {"data": [], "process": callback(b=("each", {"data": [], "process": callback(c=("deep", {}))}))})
    )
    nodes = {"once": {"process_id": "deep", "arguments": {}}, **inside}
    with pytest.raises(LimitExceededError, match=r"^ProcessGraphComplexity: .* \(node a/b/c\)$"):
        with_processes(nodes, deep)


# Laziness


@pytest.fixture
def computed():
    """What has been computed of `lazy`."""
    return []


@pytest.fixture
def lazy(computed):
    def compute(block):
        computed.append(block.shape)
        raise AssertionError("the cube was computed")

    values = da.ones((1, 2, 4, 5), chunks=(1, 1, 2, 5)).map_blocks(
        compute, dtype=np.float32, meta=np.ones((0,) * 4, "f4")
    )
    coords = {"t": np.array(["2020-01-01"], "datetime64[ns]"), "bands": ["a", "b"], "y": range(4), "x": range(5)}
    return xr.DataArray(values, coords, ("t", "bands", "y", "x"))


@pytest.mark.parametrize("place", ["itself", "list", "nested list", "object", "list of objects"])
def test_no_argument_check_computes_a_cube(lazy, computed, place):
    value = {
        "itself": lazy,
        "list": [lazy],
        "nested list": [[lazy]],
        "object": {"a": lazy},
        "list of objects": [{"a": lazy}],
    }[place]
    accepted, refused = 0, set()
    for process in registry().values():
        for name in process.parameters:
            try:
                process.check_value(name, value)
                accepted += 1
            except OpenEOError as error:
                refused.add((error.code, len(error.message) > 0))
    assert accepted > 0
    assert refused == {("ProcessParameterInvalid", True)}
    assert computed == []


@pytest.mark.parametrize(
    "schema", [{"type": "number"}, {"enum": [1]}, {"uniqueItems": True}, {"items": {"enum": [1, "a"]}}, {}]
)
def test_no_schema_check_computes_a_cube(lazy, computed, schema):
    process = definition("p", graph(a=("array_create", {"data": [parameter("x")]})), x=schema)
    for value in (lazy, [lazy, lazy], {"a": lazy}):
        if schema == {}:
            evaluate(process, {"x": [value]})
            continue
        with pytest.raises(
            OpenEOError, match=r"^ProcessParameterInvalid: The parameter 'x' of 'p' must (not be|hold no)"
        ):
            evaluate(process, {"x": value})
    assert computed == []


def test_evaluating_computes_no_cube(lazy, computed):
    sum_of_bands = callback(
        a=("array_element", {"data": parameter("data"), "index": 0}),
        b=("array_element", {"data": parameter("data"), "label": "b"}),
        c=("add", {"x": node("a"), "y": node("b")}),
        d=("if", {"value": node("c"), "accept": node("a"), "reject": 0}),
        out=("array_create", {"data": [node("c"), node("d")]}),
    )
    nodes = graph(
        time=("filter_temporal", {"data": parameter("data"), "extent": ["2020-01-01", None]}),
        apply=("apply", {"data": node("time"), "process": callback(a=("sqrt", {"x": parameter("x")}))}),
        bands=("apply_dimension", {"data": node("apply"), "dimension": "bands", "process": sum_of_bands}),
        names=(
            "rename_labels",
            {"data": node("bands"), "dimension": "bands", "target": ["c", "d"], "source": ["a", "b"]},
        ),
        merged=("merge_cubes", {"cube1": parameter("data"), "cube2": node("names")}),
        kernel=("apply_kernel", {"data": node("merged"), "kernel": [[1, 1, 1]] * 3}),
        mean=(
            "reduce_dimension",
            {"data": node("kernel"), "dimension": "t", "reducer": callback(a=("mean", {"data": parameter("data")}))},
        ),
        chosen=("if", {"value": True, "accept": node("mean")}),
        out=("save_result", {"data": node("chosen"), "format": "netCDF"}),
    )
    result = evaluate(nodes, {"data": lazy})
    assert result.dims == ("bands", "y", "x")
    assert computed == []
    with pytest.raises(AssertionError, match=r"^the cube was computed$"):
        result.compute()


def test_result_carries_the_items_of_all_inputs():
    def cube(name):
        item = {"id": name, "href": name, "properties": {}}
        return xr.DataArray(np.zeros((2, 2)), dims=("y", "x"), attrs={"stac": {"2020-01-01": [item]}})

    first, second = cube("first"), cube("second")
    result = evaluate(graph(a=("add", {"x": parameter("p"), "y": parameter("q")})), {"p": first, "q": second})
    assert [item["id"] for item in result.attrs["stac"]["2020-01-01"]] == ["first", "second"]
    assert [item["id"] for item in first.attrs["stac"]["2020-01-01"]] == ["first"]
