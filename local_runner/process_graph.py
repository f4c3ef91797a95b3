"""Process graphs as read and checked: nodes with compiled references, callbacks as graphs within graphs.

Everything that can be wrong with a graph itself is found here, before any process is called: structure, cycles, names of
processes, arguments and parameters, literal arguments against the types of the processes and the rules of the profile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from local_runner import catalog
from local_runner.callback import CallbackOutline
from local_runner.errors import LimitExceededError, OpenEOError, repr_of
from local_runner.processes import Process, registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local_runner.execution import Execution

MAX_NODES: Final = 10_000
MAX_DEPTH: Final = 32
MAX_ARGUMENT_DEPTH: Final = 64
_NODE_KEYS: Final = frozenset({"process_id", "namespace", "arguments", "description", "result"})


@dataclass(frozen=True)
class FromNode:
    """A reference to the value of a node."""

    node: str


@dataclass(frozen=True)
class FromParameter:
    """A reference to the value of a parameter."""

    name: str


@dataclass(frozen=True)
class Node:
    """One node: `arguments` hold `FromNode`, `FromParameter` and `Graph` where the JSON has references and callbacks."""

    id: str
    process_id: str
    namespace: str | None
    arguments: Mapping[str, Any]
    needs: Mapping[str, tuple[str, ...]]
    """Per argument, the nodes that it refers to."""


@dataclass(frozen=True)
class _Definition:
    """A user-defined process that has been checked, and how many levels of callbacks and processes it goes down."""

    process: Mapping[str, Any]
    graph: Graph
    height: int


@dataclass(frozen=True)
class Surroundings:
    """What checking and evaluating carry along: the processes being checked, and the definitions found so far.

    A definition is read once: what has been checked is what runs.
    """

    execution: Execution
    calling: tuple[tuple[str | None, str], ...] = ()
    definitions: dict[tuple[str | None, str], _Definition] = field(default_factory=dict)

    def inside(self, key: tuple[str | None, str]) -> Surroundings:
        """The same for the nodes of a user-defined process."""
        return Surroundings(self.execution, (*self.calling, key), self.definitions)


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
    def read(cls, raw: Any, depth: int = 0, path: str = "") -> Graph:
        """Compile a flat graph; raises `ProcessGraphInvalid` for anything that is none, cycles included.

        `path` is put before the ids of nodes in errors.
        """
        try:
            return cls._read(raw, depth, path)
        except OpenEOError as error:
            raise error.at(path.rstrip("/")) from None

    @classmethod
    def _read(cls, raw: Any, depth: int, path: str) -> Graph:
        if not isinstance(raw, dict) or not raw:
            raise OpenEOError(
                "ProcessGraphMissing", "A process graph must be an object with at least one node", got=raw
            )
        if len(raw) > MAX_NODES or depth > MAX_DEPTH:
            raise _too_complex(f"{len(raw)} nodes at depth {depth}")
        nodes = {node_id: _read_node(node_id, node, depth, path) for node_id, node in raw.items()}
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
                    raise _invalid(must, target, f"{path}{node.id}")
                referred.add(target)
        _refuse_cycles(nodes, path)
        ends = tuple(node_id for node_id in nodes if node_id not in referred and node_id != results[0])
        return cls(nodes, results[0], ends, depth)

    @property
    def process_ids(self) -> tuple[str, ...]:
        """Ids of the processes in the graph and in its callbacks."""
        return tuple(_process_ids(self))

    def check(self, parameters: frozenset[str] | None, surroundings: Surroundings, path: str = "") -> int:
        """Check process ids, argument names, literal arguments and parameter names, callbacks and processes included.

        `parameters` are the names that are visible, None where they are not known. Returns the greatest depth reached.
        """
        deepest = self.depth
        for node in self.nodes.values():
            try:
                deepest = max(deepest, self._check_node(node, parameters, surroundings, f"{path}{node.id}"))
            except OpenEOError as error:
                raise error.at(f"{path}{node.id}") from None
        return deepest

    def _check_node(self, node: Node, parameters: frozenset[str] | None, surroundings: Surroundings, path: str) -> int:
        for name in _parameter_names(node.arguments):
            if parameters is not None and name not in parameters:
                do = f"The parameters here are {tuple(sorted(parameters))}"
                raise OpenEOError("ProcessParameterMissing", "from_parameter must name a parameter", got=name, do=do)
        process, deepest = predefined(node), self.depth
        if process is not None:
            self._check_arguments(node, process, surroundings)
            handed = {name: p.callback_parameters for name, p in process.parameters.items()}
        else:
            deepest = self._check_definition(node, surroundings, path)
            handed = catalog.callback_parameters(surroundings.definitions[node.namespace, node.process_id].process)
        for name, value in node.arguments.items():
            for callback in _callbacks(value):
                more = handed.get(name)
                visible = None if more is None or parameters is None else parameters | set(more)
                deepest = max(deepest, callback.check(visible, surroundings, f"{path}/"))
        return deepest

    def _check_arguments(self, node: Node, process: Process, surroundings: Surroundings) -> None:
        process.check_names(node.arguments)
        known = process.defaults(node.arguments)
        for name, value in node.arguments.items():
            is_callback = isinstance(value, Graph) and process.parameters[name].callback_parameters is not None
            if not is_callback and (isinstance(value, Graph) or _is_literal(value)):
                process.check_value(name, value)
            if is_callback or _is_literal(value):
                known[name] = value
        surroundings.execution.profile.enforce(process.id, known, warn=False)

    def _check_definition(self, node: Node, surroundings: Surroundings, path: str) -> int:
        key = (node.namespace, node.process_id)
        chain = tuple(process_id for _, process_id in (*surroundings.calling, key))
        if key in surroundings.calling:
            raise OpenEOError("ProcessGraphInvalid", "A process must not call itself", got=chain)
        known = surroundings.definitions.get(key)
        process = catalog.find(*key[::-1], surroundings.execution) if known is None else known.process
        catalog.check_arguments(process, node.arguments, known=_is_literal)
        if known is None:
            graph = Graph.read(process["process_graph"], self.depth + 1, f"{path}/")
            inner = frozenset(p["name"] for p in process.get("parameters") or ())
            deepest = graph.check(inner, surroundings.inside(key), f"{path}/")
            known = _Definition(process, graph, deepest - graph.depth)
            surroundings.definitions[key] = known
        deepest = self.depth + 1 + known.height
        if deepest > MAX_DEPTH:
            raise _too_complex(f"{chain} at depth {self.depth}")
        return deepest


def predefined(node: Node) -> Process | None:
    """The process that a node calls, or None if it is a user-defined one."""
    return registry().get(node.process_id) if node.namespace in (None, "predefined", "backend") else None


def _read_node(node_id: str, raw: Any, depth: int, path: str) -> Node:
    if not isinstance(raw, dict) or not isinstance(raw.get("process_id"), str):
        raise _invalid("A node must be an object with a process_id", raw, f"{path}{node_id}")
    unknown = sorted(set(raw) - _NODE_KEYS)
    if unknown:
        raise _invalid(f"A node must have no keys but {tuple(sorted(_NODE_KEYS))}", unknown, f"{path}{node_id}")
    given, namespace = raw.get("arguments", {}), raw.get("namespace")
    if not isinstance(given, dict):
        raise _invalid("The arguments of a node must be an object", given, f"{path}{node_id}")
    if not isinstance(namespace, str | None):
        raise _invalid("The namespace of a node must be a text or null", namespace, f"{path}{node_id}")
    arguments = {name: _compile(value, depth, 0, f"{path}{node_id}/") for name, value in given.items()}
    needs = {name: tuple(r.node for r in walk(value) if isinstance(r, FromNode)) for name, value in arguments.items()}
    return Node(node_id, raw["process_id"], namespace, arguments, needs)


def _compile(value: Any, depth: int, level: int, path: str) -> Any:
    if level > MAX_ARGUMENT_DEPTH:
        must = f"Arguments must be nested at most {MAX_ARGUMENT_DEPTH} deep"
        raise LimitExceededError("ProcessGraphComplexity", must, node=path.rstrip("/"))
    if isinstance(value, dict):
        for key, reference in (("from_node", FromNode), ("from_parameter", FromParameter)):
            if key in value:
                if len(value) > 1 or not isinstance(value[key], str):
                    must = f"A reference must be an object with the key {key!r} only, and its value a text"
                    raise _invalid(must, value, path)
                return reference(value[key])
        if "process_graph" in value:
            if level > 1:  # an argument, or a value of an object that is one, as in `properties` of load_stac
                must = "A process graph in an argument must stand in it directly or in an object"
                raise _invalid(must, f"one at level {level}", path)
            return Graph.read(value["process_graph"], depth + 1, path)
        return {key: _compile(item, depth, level + 1, path) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_compile(item, depth, level + 1, path) for item in value]
    return value


def _invalid(must: str, got: Any, path: str) -> OpenEOError:
    return OpenEOError("ProcessGraphInvalid", must, got=got, node=path.rstrip("/"))


def _too_complex(got: str) -> LimitExceededError:
    must = f"A process graph must have at most {MAX_NODES} nodes, and callbacks and processes in it nested {MAX_DEPTH} deep"
    return LimitExceededError("ProcessGraphComplexity", must, got=got)


def walk(value: Any) -> Iterator[Any]:
    """All leaves of a compiled argument; callbacks are leaves."""
    if isinstance(value, dict):
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)
    else:
        yield value


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


def _refuse_cycles(nodes: Mapping[str, Node], path: str) -> None:
    """Kahn's algorithm: what cannot be ordered stands on a cycle or behind one."""
    waiting = {node_id: set(_targets(node)) for node_id, node in nodes.items()}
    users: dict[str, list[str]] = {node_id: [] for node_id in nodes}
    for node_id, targets in waiting.items():
        for target in targets:
            users[target].append(node_id)
    ready = [node_id for node_id, targets in waiting.items() if not targets]
    ordered = 0
    while ready:
        done = ready.pop()
        ordered += 1
        for user in users[done]:
            waiting[user].discard(done)
            if not waiting[user]:
                ready.append(user)
    if ordered < len(nodes):
        walked: dict[str, int] = {}
        node_id = next(node_id for node_id, targets in waiting.items() if targets)
        while node_id not in walked:
            walked[node_id] = len(walked)
            node_id = min(waiting[node_id])
        cycle = tuple(walked)[walked[node_id] :]
        raise _invalid("A process graph must have no cycle", cycle, f"{path}{cycle[0]}")
