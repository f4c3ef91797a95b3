"""Graphs in few words, and how the tests of the evaluator call them."""

import json

import pytest

from local_runner import evaluate
from local_runner.access import Access
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.graph import evaluate_with
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


def nested_callbacks(depth):
    nodes = graph(a=("note", {"x": parameter("x")}))
    for _ in range(depth):
        nodes = graph(a=("each", {"data": [1], "process": {"process_graph": nodes}}))
    return nodes


ONE = ("note", {"x": 1})
