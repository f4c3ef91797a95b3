"""All mistakes in a process graph, not the first one only: what is wrong is told, mended, and the rest looked at."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local_runner import catalog
from local_runner.check.findings import Finding
from local_runner.errors import LimitExceededError, OpenEOError, repr_of
from local_runner.process_graph import Graph, Surroundings
from local_runner.processes import registry
from local_runner.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from local_runner.execution import Execution
    from local_runner.process_graph import Mistake

_MOST: Final = 20
"""Nodes without form that are told, for the graph is read anew after each; references to which a name is suggested."""
_NOWHERE: Final = "(no such node)"
_STUB: Final = {"process_id": "pi", "arguments": {}}
"""What stands in for a node without form, so that the others can be looked at."""
_PREDEFINED: Final = (None, "predefined", "backend")


def graph_findings(raw: Any, parameters: frozenset[str], execution: Execution) -> Iterator[Finding]:
    """Mistakes of a process graph: its form, and by node what is not known, not accepted or against the profile."""
    graph = yield from _form(raw)
    if graph is None:
        return
    mistakes: list[Mistake] = []
    graph.check(parameters, Surroundings(execution, findings=mistakes))
    for mistake in mistakes:
        yield _finding(mistake.error, mistake.severity)
    for path, node in nodes_of(raw):
        name = node.get("process_id")
        if (
            node.get("namespace") in _PREDEFINED
            and isinstance(name, str)
            and name in registry()
            and name not in official_ids() | set(catalog.ids())
        ):
            must = (
                f"The process should be one of the openEO specification, instead got {name!r}: other back-ends lack it."
            )
            yield Finding(path, "ProcessNotStandard", must, "warning")


def nodes_of(graph: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All nodes of a graph as it was written with their paths, callbacks included; skips what is none."""
    for node_id, node in graph.items() if isinstance(graph, dict) else ():
        if isinstance(node, dict):
            yield f"{path}{node_id}", node
            for callback in _callbacks(node):
                yield from nodes_of(callback, f"{path}{node_id}/")


@cache
def official_ids() -> frozenset[str]:
    """Ids of the processes of the openEO specification, as the functions of the openEO client call them."""
    found = importlib.util.find_spec("openeo.processes")
    text = "" if found is None or found.origin is None else Path(found.origin).read_text(encoding="utf-8")
    return frozenset(re.findall(r"_process\('(\w+)'", text))


def _finding(error: OpenEOError, severity: Any) -> Finding:
    message = error.message
    if error.code == "ProcessUnsupported" and error.got in official_ids() - set(catalog.ids()):
        message += " It is a process of the openEO specification that is missing here."
    return Finding(error.node, error.code, message, severity)


def _form(raw: Any) -> Generator[Finding, None, Graph | None]:
    """Findings; returns the graph with stubs for the nodes that have no form, or None where it cannot be read."""
    told: set[tuple[str, str]] = set()
    dangling: list[Finding] = []
    raw = _linked(raw, "", dangling)
    yield from dangling
    for _ in range(_MOST):
        try:
            return Graph.read(raw)
        except OpenEOError as error:
            if (error.node, error.message) in told:
                return None
            told.add((error.node, error.message))
            yield _finding(error, "error")
            if isinstance(error, LimitExceededError) or not isinstance(raw, dict):
                return None
            raw = _mended(raw, error.node)
    return None


def _linked(graph: Any, path: str, findings: list[Finding]) -> Any:
    """The graph with references to a stub in place of those that lead nowhere, each of which is a finding."""
    if not isinstance(graph, dict):
        return graph
    before = len(findings)
    linked = {}
    for name, node in graph.items():
        arguments = node.get("arguments") if isinstance(node, dict) else None
        linked[name] = node
        if isinstance(arguments, dict):
            linked[name] = {**node, "arguments": _relinked(arguments, graph, f"{path}{name}", findings)}
    return linked if len(findings) == before else {**linked, _NOWHERE: _STUB}


def _relinked(value: Any, nodes: Mapping[str, Any], path: str, findings: list[Finding]) -> Any:
    if isinstance(value, list):
        return [_relinked(item, nodes, path, findings) for item in value]
    if not isinstance(value, dict):
        return value
    if "process_graph" in value:
        return {**value, "process_graph": _linked(value["process_graph"], f"{path}/", findings)}
    target = value.get("from_node")
    if isinstance(target, str) and len(value) == 1 and target not in nodes:
        near = did_you_mean(target, nodes) if len(findings) < _MOST else ""
        do = near or f"The nodes here are {repr_of(tuple(nodes))}"
        error = OpenEOError("ProcessGraphInvalid", "from_node must name a node of the same graph", got=target, do=do)
        findings.append(Finding(path, error.code, error.message))
        return {"from_node": _NOWHERE}
    return {name: _relinked(item, nodes, path, findings) for name, item in value.items()}


def _mended(graph: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The graph with a stub for the node at a path, or with one result where the path is its own."""
    if not path:
        last = list(graph)[-1:]
        return {
            name: {**node, "result": name in last} if isinstance(node, dict) else node for name, node in graph.items()
        }
    mended = dict(graph)
    if path in mended:
        node = mended[path]
        result = {"result": True} if isinstance(node, dict) and node.get("result") is True else {}
        mended[path] = {**_STUB, **result}
        return mended
    for name, node in graph.items():
        if path.startswith(f"{name}/") and isinstance(node, dict):
            arguments = node.get("arguments")
            inside = path.removeprefix(f"{name}/")
            mended[name] = {**node, "arguments": _mended_callbacks(arguments, inside)}
    return mended


def _mended_callbacks(value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        return value
    callback = value.get("process_graph")
    if isinstance(callback, dict):
        return {**value, "process_graph": _mended(callback, path)}
    return {name: _mended_callbacks(item, path) for name, item in value.items()}


def _callbacks(node: Mapping[str, Any]) -> Iterator[Any]:
    """Graphs in arguments, and in objects that are arguments, as in `properties` of load_stac."""
    arguments = node.get("arguments")
    for value in arguments.values() if isinstance(arguments, dict) else ():
        if isinstance(value, dict) and "process_graph" in value:
            yield value["process_graph"]
        elif isinstance(value, dict):
            yield from (v["process_graph"] for v in value.values() if isinstance(v, dict) and "process_graph" in v)
