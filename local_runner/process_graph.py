"""Process graphs as read and checked: nodes with compiled references, callbacks as graphs within graphs.

Everything that can be wrong with a graph itself is found here, before any process is called: structure, cycles, names of
processes, arguments and parameters, literal arguments against the types of the processes and the rules of the profile.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from local_runner import catalog, limits
from local_runner.callback import CallbackOutline
from local_runner.errors import OpenEOError, repr_of
from local_runner.nodes import FromNode, FromParameter, Node, NodeReader, walk
from local_runner.ordering import cycle_in
from local_runner.processes import Process, registry
from local_runner.suggestions import did_you_mean
from local_runner.work import Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local_runner.execution import Execution


_MOST_SUGGESTIONS: Final = 20


@dataclass(frozen=True)
class _Definition:
    """A user-defined process that has been checked, and how far it goes: levels below its graph, and nodes in all."""

    process: Mapping[str, Any]
    graph: Graph
    height: int
    nodes: int


@dataclass(frozen=True)
class Mistake:
    """What is wrong with a node."""

    error: OpenEOError
    severity: Literal["error", "warning"]


@dataclass(frozen=True)
class Surroundings:
    """What checking and evaluating carry along: the processes being checked, and the definitions found so far.

    A definition is read once: what has been checked is what runs. `reading` counts what all definitions hold, `work` what
    the evaluation has done.
    """

    execution: Execution
    calling: tuple[tuple[str | None, str], ...] = ()
    definitions: dict[tuple[str | None, str], _Definition] = field(default_factory=dict)
    reading: limits.Reading = field(default_factory=limits.Reading)
    work: Work = field(default_factory=Work)
    findings: list[Mistake] | None = None
    """Where mistakes are put together by `openeo-sar check`, which follows no namespaces; None: the first error is raised."""

    @property
    def suggests(self) -> bool:
        """Whether a name is to be suggested for an unknown one: not for each of thousands, that would take seconds."""
        return len(self.findings or ()) < _MOST_SUGGESTIONS

    def inside(self, key: tuple[str | None, str]) -> Surroundings:
        """The same for the nodes of a user-defined process."""
        return replace(self, calling=(*self.calling, key))

    def report(self, error: OpenEOError, node: str, severity: Literal["error", "warning"] = "error") -> None:
        """Put a mistake to the findings; where none are put together, raise it if it is an error."""
        error.at(node)
        if self.findings is not None:
            self.findings.append(Mistake(error, severity))
        elif severity == "error":
            raise error from None


class Reach(NamedTuple):
    """How far a graph goes with its callbacks and the processes it calls: the greatest depth, and the nodes in all.

    The nodes of a process count as often as it is called.
    """

    depth: int
    nodes: int

    def with_(self, other: Reach) -> Reach:
        """Both together, if they are within the limits."""
        found = Reach(max(self.depth, other.depth), self.nodes + other.nodes)
        limits.require_depth(found.depth)
        limits.require_nodes(found.nodes)
        return found


@dataclass(frozen=True, repr=False)
class Graph(CallbackOutline):
    """A flat process graph: nodes in JSON order, the result node, and the nodes that no other node refers to."""

    nodes: Mapping[str, Node]
    result: str
    ends: tuple[str, ...]
    depth: int = field(default=0, compare=False)

    def __repr__(self) -> str:
        return f"a process graph of {len(self.nodes)} nodes"

    @classmethod
    def read(cls, raw: Any, depth: int = 0, path: str = "", reading: limits.Reading | None = None) -> Graph:
        """Compile a flat graph; raises `ProcessGraphInvalid` for anything that is none, cycles included.

        `path` is put before the ids of nodes in errors, `reading` counts what has been read of the graph around it.
        """
        try:
            return cls._read(raw, depth, path, reading or limits.Reading())
        except OpenEOError as error:
            raise error.at(path.rstrip("/")) from None

    @classmethod
    def _read(cls, raw: Any, depth: int, path: str, reading: limits.Reading) -> Graph:
        if not isinstance(raw, dict) or not raw:
            raise OpenEOError(
                "ProcessGraphMissing", "A process graph must be an object with at least one node", got=raw
            )
        limits.require_depth(depth)
        reading.count_nodes(len(raw))
        reader = NodeReader(path, reading, lambda inner, where: cls.read(inner, depth + 1, where, reading))
        nodes = {node_id: reader.node(node_id, node) for node_id, node in raw.items()}
        results = [node_id for node_id, node in raw.items() if node.get("result") is True]
        if len(results) != 1:
            do = "Set 'result': true on one node"
            raise OpenEOError(
                "ProcessGraphInvalid", "A process graph must have exactly one result node", got=results, do=do
            )
        referred: set[str] = set()
        for node in nodes.values():
            for target in _targets(node):
                if target not in nodes:
                    must = f"from_node must name a node of the same graph, one of {repr_of(tuple(nodes))}"
                    raise _invalid(must, target, f"{path}{node.id}", did_you_mean(target, nodes) or "Name one of these")
                referred.add(target)
        cycle = cycle_in({node.id: _targets(node) for node in nodes.values()})
        if cycle:
            do = "Take one of the references between these nodes out"
            raise _invalid("A process graph must have no cycle", cycle, f"{path}{cycle[0]}", do)
        ends = tuple(node_id for node_id in nodes if node_id not in referred and node_id != results[0])
        return cls(nodes, results[0], ends, depth)

    @property
    def process_ids(self) -> tuple[str, ...]:
        """Ids of the processes in the graph and in its callbacks."""
        return tuple(_process_ids(self))

    @property
    def udf_known(self) -> Mapping[str, Any]:
        """Arguments of the one `run_udf` node that are known: those that stand in it; none for any other graph."""
        if not self.is_single_udf:
            return {}
        return {name: value for name, value in self.nodes[self.result].arguments.items() if _is_literal(value)}

    def check(self, parameters: frozenset[str] | None, surroundings: Surroundings, path: str = "") -> Reach:
        """Check process ids, argument names, literal arguments and parameter names, callbacks and processes included.

        `parameters` are the names that are visible, None where they are not known.
        """
        reach = Reach(self.depth, 0)
        for node in self.nodes.values():
            try:
                reach = reach.with_(self._check_node(node, parameters, surroundings, f"{path}{node.id}"))
            except OpenEOError as error:
                surroundings.report(error, f"{path}{node.id}")
        return reach

    def _check_node(
        self, node: Node, parameters: frozenset[str] | None, surroundings: Surroundings, path: str
    ) -> Reach:
        for name in _parameter_names(node.arguments):
            if parameters is not None and name not in parameters:
                do = f"The parameters here are {repr_of(tuple(sorted(parameters)))}"
                if surroundings.suggests:
                    do = ". ".join(filter(None, (do, did_you_mean(name, sorted(parameters)))))
                must = "from_parameter must name a parameter"
                surroundings.report(OpenEOError("ProcessParameterMissing", must, got=name, do=do), path)
        process, reach = predefined(node), Reach(self.depth, 1)
        handed: Mapping[str, tuple[str, ...] | None] = {}
        if process is not None:
            self._check_arguments(node, process, surroundings, path)
            handed = {name: p.callback_parameters for name, p in process.parameters.items()}
        elif surroundings.findings is None or node.namespace in (None, "user", "predefined", "backend"):
            try:
                reach = reach.with_(self._check_definition(node, surroundings, path))
                handed = catalog.callback_parameters(surroundings.definitions[node.namespace, node.process_id].process)
            except OpenEOError as error:
                surroundings.report(error, path)
        for name, value in node.arguments.items():
            for callback in _callbacks(value):
                more = handed.get(name)
                visible = None if more is None or parameters is None else parameters | set(more)
                reach = reach.with_(callback.check(visible, surroundings, f"{path}/"))
        return reach

    def _check_arguments(self, node: Node, process: Process, surroundings: Surroundings, path: str) -> None:
        for error in process.name_errors(node.arguments):
            surroundings.report(error, path)
        known = process.defaults(node.arguments)
        for name in [name for name in node.arguments if name in process.parameters]:
            value = node.arguments[name]
            is_callback = isinstance(value, Graph) and process.parameters[name].callback_parameters is not None
            try:
                if not is_callback and (isinstance(value, Graph) or _is_literal(value)):
                    process.check_value(name, value)
            except OpenEOError as error:
                surroundings.report(error, path)
                continue
            if is_callback or not any(isinstance(leaf, FromNode | FromParameter) for leaf in walk(value)):
                known[name] = value  # also objects of callbacks, as `properties` of load_stac
        profile = surroundings.execution.profile
        for rule, limit in profile.broken(process.id, known, _parameters_by_argument(node)):
            surroundings.report(limit, path, rule.severity)
            if rule.of_references and surroundings.findings is None:
                profile.warn(rule.number, limit.message)

    def _check_definition(self, node: Node, surroundings: Surroundings, path: str) -> Reach:
        key = (node.namespace, node.process_id)
        chain = tuple(process_id for _, process_id in (*surroundings.calling, key))
        if key in surroundings.calling:
            raise OpenEOError("ProcessGraphInvalid", "A process must not call itself", got=chain)
        known = surroundings.definitions.get(key)
        process = catalog.find(*key[::-1], surroundings.execution) if known is None else known.process
        catalog.check_arguments(process, node.arguments, known=_is_literal)
        if known is None:
            graph = Graph.read(process["process_graph"], self.depth + 1, f"{path}/", surroundings.reading)
            inner = frozenset(p["name"] for p in process.get("parameters") or ())
            reach = graph.check(inner, surroundings.inside(key), f"{path}/")
            known = _Definition(process, graph, reach.depth - graph.depth, reach.nodes)
            surroundings.definitions[key] = known
        return Reach(self.depth + 1 + known.height, known.nodes)


def _parameters_by_argument(node: Node) -> dict[str, tuple[str, ...]]:
    return {name: tuple(_parameter_names({name: value})) for name, value in node.arguments.items()}


def require_graph(process: Mapping[str, Any]) -> None:
    """Raise unless a process object declares its parameters and holds a graph, both of JSON and within the limits.

    Called before anything else looks into what a stranger may have written.
    """
    limits.require_size(process)
    catalog.check_declaration(process)
    Graph.read(process.get("process_graph"), reading=limits.Reading(json=True))


def predefined(node: Node) -> Process | None:
    """The process that a node calls, or None if it is a user-defined one."""
    return registry().get(node.process_id) if node.namespace in (None, "predefined", "backend") else None


def _invalid(must: str, got: Any, path: str, do: str = "") -> OpenEOError:
    return OpenEOError("ProcessGraphInvalid", must, got=got, do=do, node=path.rstrip("/"))


def _is_literal(value: Any) -> bool:
    return not any(isinstance(leaf, FromNode | FromParameter | Graph) for leaf in walk(value))


def _parameter_names(arguments: Mapping[str, Any]) -> Iterator[str]:
    return (leaf.name for value in arguments.values() for leaf in walk(value) if isinstance(leaf, FromParameter))


def _callbacks(value: Any) -> Iterator[Graph]:
    return (leaf for leaf in walk(value) if isinstance(leaf, Graph))


def _process_ids(graph: Graph) -> Iterator[str]:
    for node in graph.nodes.values():
        yield node.process_id
        for value in node.arguments.values():
            for callback in _callbacks(value):
                yield from _process_ids(callback)


def _targets(node: Node) -> Iterator[str]:
    for needed in node.needs.values():
        yield from needed
