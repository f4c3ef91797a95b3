"""Evaluates openEO process graphs: scopes, callbacks, user-defined processes.

A graph is read and checked first (`local_runner.process_graph`); then each node is called at most once per scope, in time
linear in the number of nodes and edges. Nothing is known here about SAR, STAC or files: processes come from
`local_runner.processes`, user-defined ones from `local_runner.catalog`. Values are Python values and lazy cubes, so that
evaluating reads no pixel (but for `resample_spatial(method="geocode")`, which reads the coordinate bands). No literal is
reinterpreted: "2020" stays a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from local_runner import catalog
from local_runner.access import Access
from local_runner.callback import Callback
from local_runner.cube import inherit
from local_runner.errors import InternalError, OpenEOError
from local_runner.execution import Execution
from local_runner.nodes import FromNode, FromParameter, Node, walk
from local_runner.process_graph import Graph, Surroundings, predefined
from local_runner.profiles import load_profile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local_runner.execution import Observer
    from local_runner.processes import Process


def evaluate(
    process_graph: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    profile: str = "specification",
    trusted: bool = True,
) -> Any:
    """Value of the result node of a process graph; cubes are lazy.

    `process_graph` is a flat graph `{node id: {"process_id", "arguments", ...}}` or a process object with one. `parameters`
    are the values of its parameters (cubes included). `profile` is the name of a module in `local_runner/profiles`.
    With `trusted=False` UDF texts that are not of the installed collection run in the sandbox, and nothing is fetched
    from the network.
    Raises `OpenEOError` with an openEO error code, the node, what must hold and what to do.
    """
    execution = Execution(profile=load_profile(profile), access=Access(trusted=trusted), trusted=trusted)
    return evaluate_with(process_graph, parameters or {}, execution)


def evaluate_with(process_graph: Mapping[str, Any], parameters: Mapping[str, Any], execution: Execution) -> Any:
    """`evaluate` in surroundings that the caller made."""
    process = process_graph if "process_graph" in process_graph else {"process_graph": process_graph}
    catalog.check_declaration(process)
    graph = Graph.read(process["process_graph"])
    values = catalog.complete_parameters(process, parameters)
    surroundings = Surroundings(execution)
    graph.check(frozenset(values), surroundings)
    return Scope(graph, values, surroundings, observer=execution.observer).value(every_end=True)


def check_graph(process: Mapping[str, Any], execution: Execution) -> None:
    """Everything that `evaluate` checks before it calls a process, for a process object with unknown parameter values."""
    catalog.check_declaration(process)
    names = frozenset(p["name"] for p in process.get("parameters") or ())
    Graph.read(process["process_graph"]).check(names, Surroundings(execution))


class Scope:
    """One evaluation of a graph: the values of its parameters and of the nodes called so far, and who watches it."""

    def __init__(
        self,
        graph: Graph,
        parameters: Mapping[str, Any],
        surroundings: Surroundings,
        path: str = "",
        *,
        observer: Observer | None = None,
    ) -> None:
        self.graph = graph
        self.parameters = parameters
        self.surroundings = surroundings
        self.path = path
        self.observer = observer
        self._values: dict[str, Any] = {}

    def value(self, *, every_end: bool = False) -> Any:
        """Value of the result node; with `every_end` the nodes that nothing refers to are called as well."""
        for goal in (*(self.graph.ends if every_end else ()), self.graph.result):
            stack = [goal]
            while stack:
                node = self.graph.nodes[stack[-1]]
                waiting = [] if node.id in self._values else [n for n in self._needs(node) if n not in self._values]
                if waiting:
                    stack += waiting
                    continue
                stack.pop()
                if node.id not in self._values:
                    self._values[node.id] = self._call(node)
        return self._values[self.graph.result]

    def _needs(self, node: Node) -> Iterator[str]:
        """Nodes whose values a node needs; of `if` the branch that is not taken is never called."""
        if node.process_id != "if":
            for needed in node.needs.values():
                yield from needed
            return
        first = node.needs.get("value", ())
        yield from first
        if all(n in self._values for n in first):
            for branch in self._branches(node):
                yield from node.needs.get(branch, ())

    def _branches(self, node: Node) -> tuple[str, ...]:
        condition = self.resolve(node.arguments.get("value"), node)
        if isinstance(condition, xr.DataArray):
            return ("accept", "reject")
        return ("accept",) if condition is True else ("reject",)

    def resolve(self, value: Any, node: Node) -> Any:
        """An argument with references replaced by values and callbacks by functions."""
        match value:
            case FromNode(name):
                return self._values[name]
            case FromParameter(name):
                return self.parameters[name]
            case Graph():
                return GraphCallback(value, self, f"{self.path}{node.id}")
            case dict():
                return {key: self.resolve(item, node) for key, item in value.items()}
            case list():
                return [self.resolve(item, node) for item in value]
            case _:
                return value

    def _arguments(self, node: Node) -> dict[str, Any]:
        skipped = set(node.arguments) & {"accept", "reject"} if node.process_id == "if" else set()
        if skipped:
            skipped -= set(self._branches(node))
        return {name: None if name in skipped else self.resolve(v, node) for name, v in node.arguments.items()}

    def _call(self, node: Node) -> Any:
        path = f"{self.path}{node.id}"
        arguments = self._arguments(node)
        if self.observer is None:
            return self._value(node, arguments, path)
        return self.observer.call(path, node, arguments, lambda: self._value(node, arguments, path))

    def _value(self, node: Node, arguments: dict[str, Any], path: str) -> Any:
        execution = self.surroundings.execution
        try:
            process = predefined(node)
            if process is not None:
                result = call_process(process, self._with_callbacks(process, arguments, path), execution)
            else:
                result = self._call_definition(node, arguments, path)
            if isinstance(result, xr.DataArray):
                execution.budget.require_cube(result.sizes)
            self.surroundings.work.count(arguments, result)
        except OpenEOError as error:
            raise error.at(path) from error.__cause__
        except Exception as error:
            what = f"{node.process_id} must not fail, but did: {type(error).__name__}: {error}"
            raise InternalError("Internal", what, do="Please report it with the graph", node=path) from error
        if isinstance(result, xr.DataArray):
            return inherit(result, _cubes(arguments))
        return result

    def _with_callbacks(self, process: Process, arguments: dict[str, Any], path: str) -> dict[str, Any]:
        """Arguments with functions for the process graphs that came as values of parameters."""
        found = dict(arguments)
        for name, value in arguments.items():
            handed = process.parameters[name].callback_parameters if name in process.parameters else None
            if handed is not None and isinstance(value, dict) and "process_graph" in value:
                graph = Graph.read(value["process_graph"], self.graph.depth + 1, f"{path}/")
                graph.check(frozenset((*self.parameters, *handed)), self.surroundings, f"{path}/")
                found[name] = GraphCallback(graph, self, path)
        return found

    def _call_definition(self, node: Node, arguments: dict[str, Any], path: str) -> Any:
        definition = self.surroundings.definitions[node.namespace, node.process_id]
        values = catalog.complete_parameters(definition.process, arguments)
        return Scope(definition.graph, values, self.surroundings, f"{path}/", observer=self.observer).value()


class GraphCallback(Callback):
    """A callback graph; each call is a scope of its own, with the parameters of the scopes around it."""

    def __init__(self, graph: Graph, outer: Scope, path: str) -> None:
        self.graph = graph
        self.outer = outer
        self.path = path

    def _scope(self, parameters: Mapping[str, Any]) -> Scope:
        return Scope(self.graph, {**self.outer.parameters, **parameters}, self.outer.surroundings, f"{self.path}/")

    def __call__(self, **parameters: Any) -> Any:
        """Value of the callback's result node."""
        return self._scope(parameters).value()

    @property
    def process_ids(self) -> tuple[str, ...]:
        """Ids of the processes in the graph and in its callbacks."""
        return self.graph.process_ids

    @property
    def udf_known(self) -> Mapping[str, Any]:
        """Arguments of the one `run_udf` node that are known: literals, and parameters of the scopes around it."""
        outer = self.outer.parameters
        given = self.graph.nodes[self.graph.result].arguments if self.is_single_udf else {}
        names = {name: v.name for name, v in given.items() if isinstance(v, FromParameter) and name != "data"}
        return {**self.graph.udf_known, **{name: outer[p] for name, p in names.items() if p in outer}}

    def udf_arguments(self, **parameters: Any) -> tuple[str, dict[str, Any]]:
        """Path and resolved arguments, without `data`, of the one `run_udf` node."""
        node = self.graph.nodes[self.graph.result]
        scope = self._scope(parameters)
        return f"{scope.path}{node.id}", {k: scope.resolve(v, node) for k, v in node.arguments.items() if k != "data"}


def call_process(process: Process, arguments: Mapping[str, Any], execution: Execution) -> Any:
    """Check the arguments of a predefined process against its types and the profile, and call it."""
    process.check_names(arguments)
    for name, value in arguments.items():
        process.check_value(name, value)
    execution.profile.enforce(process.id, process.defaults(arguments) | dict(arguments))
    extra = {"execution": execution} if process.takes_execution else {}
    return process.function(**arguments, **extra)


def _cubes(arguments: Mapping[str, Any]) -> Iterator[xr.DataArray]:
    return (leaf for value in arguments.values() for leaf in walk(value) if isinstance(leaf, xr.DataArray))
