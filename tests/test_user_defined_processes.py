"""User-defined processes called by a graph: by id, by path and by URL."""

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local_runner import evaluate
from local_runner import process_graph as evaluator
from local_runner.access import Access
from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.execution import Execution
from local_runner.graph import check_graph
from local_runner.limits import MAX_DEPTH, MAX_NODES
from local_runner.profiles import load_profile
from tests.graphs import (
    ONE,
    callback,
    definition,
    error_of,
    graph,
    nested_callbacks,
    node,
    parameter,
    with_processes,
    write,
)

pytestmark = pytest.mark.usefixtures("calls")


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
    """The nodes of a process count as often as it is called: 2 ** 31 calls are refused, and not counted one by one."""
    processes = {d["id"]: d for d in chain(MAX_DEPTH - 1)}
    execution = Execution(load_profile("specification"), Access(), processes=processes)
    checked = []
    original = evaluator.Graph.check
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluator.Graph, "check", lambda *a, **k: checked.append(1) or original(*a, **k))
        with pytest.raises(LimitExceededError, match=rf"^ProcessGraphComplexity: .* at most {MAX_NODES} nodes"):
            check_graph({"process_graph": graph(a=("p0", {"x": 0}))}, execution)
    assert len(checked) == MAX_DEPTH + 1


def test_definitions_nested_beyond_the_limit_are_refused():
    calls_next = [definition(f"p{i}", graph(a=(f"p{i + 1}", {}))) for i in range(MAX_DEPTH)]
    with pytest.raises(LimitExceededError, match=r"^ProcessGraphComplexity: Callbacks and called processes must be"):
        with_processes(graph(a=("p0", {})), *calls_next, definition(f"p{MAX_DEPTH}", graph(a=ONE)))


def test_depth_of_a_definition_counts_wherever_it_is_called():
    """`deep` alone is fine; called again from within callbacks it is too deep, although it has been checked."""
    deep = definition("deep", nested_callbacks(MAX_DEPTH - 2))
    inside = graph(
        a=("each", {"data": [], "process": callback(b=("each", {"data": [], "process": callback(c=("deep", {}))}))})
    )
    nodes = {"once": {"process_id": "deep", "arguments": {}}, **inside}
    with pytest.raises(LimitExceededError, match=r"^ProcessGraphComplexity: .* \(node a/b/c\)$"):
        with_processes(nodes, deep)
