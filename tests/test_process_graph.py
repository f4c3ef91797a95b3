"""Mistakes in a graph: found before anything is called, named by node and path."""

import pytest

from local_runner import evaluate
from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.limits import MAX_ARGUMENT_DEPTH, MAX_DEPTH, MAX_NODES
from tests.graphs import ONE, callback, error_of, graph, nested_callbacks, node, parameter, values

pytestmark = pytest.mark.usefixtures("calls")


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
        (graph(a=("add", {"x": 1, "y": True})), "ProcessParameterInvalid", "a", "The argument 'y' of add must be a number"),
        (graph(a=("add", {"x": 1, "y": "2"})), "ProcessParameterInvalid", "a", "The argument 'y' of add must be a number"),
        (
            graph(a=("array_create", {"repeat": 1.5})),
            "ProcessParameterInvalid",
            "a",
            "The argument 'repeat' of array_create must be an integer, instead got 1.5",
        ),
        (graph(a=("add", {"x": [1], "y": 1})), "ProcessParameterInvalid", "a", "The argument 'x' of add must be a number"),
        (
            graph(a=("add", {"x": callback(b=ONE), "y": 1})),
            "ProcessParameterInvalid",
            "a",
            "The argument 'x' of add must be a number",
        ),
        (
            graph(a=("each", {"data": [], "process": {"x": 1}})),
            "ProcessParameterInvalid",
            "a",
            "The argument 'process' of each must be a process graph",
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
            "The argument 'y' of add must be a number",
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


def test_callbacks_may_be_nested_up_to_the_limit(calls):
    evaluate(nested_callbacks(MAX_DEPTH))
    assert values(calls) == [1]


def test_callbacks_beyond_the_limit_are_refused(calls):
    error = error_of(nested_callbacks(MAX_DEPTH + 1), calls)
    assert isinstance(error, LimitExceededError)
    assert error.code == "ProcessGraphComplexity"
    assert error.node == "/".join("a" * (MAX_DEPTH + 1))
    assert error.message == "Callbacks and called processes must be nested at most 32 deep, instead got 33."


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
    must = "A process graph must have at most 2000 nodes, callbacks and called processes included"
    assert error.message == f"{must}, instead got 2001."
