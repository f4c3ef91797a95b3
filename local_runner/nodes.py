"""Nodes of a process graph as read from JSON: references and callbacks compiled, everything else as it stands.

What is wrong with a node on its own is found here. Not here: what nodes mean to each other, and which processes there are
(`local_runner.process_graph`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from local_runner import limits
from local_runner.errors import LimitExceededError, OpenEOError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local_runner.callback import CallbackOutline

_LONGEST_ID: Final = 256
_NODE_KEYS: Final = ("arguments", "description", "namespace", "process_id", "result")
_PROCESS_KEYS: Final = (
    *("categories", "deprecated", "description", "examples", "exceptions", "experimental", "id", "links", "parameters"),
    *("process_graph", "returns", "summary"),
)


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
class NodeReader:
    """Reads the nodes of one graph: `path` stands before their ids in errors, `reading` counts what has been read.

    `callback(raw, path)` reads a graph that stands in an argument.
    """

    path: str
    reading: limits.Reading
    callback: Callable[[Any, str], CallbackOutline]

    def node(self, node_id: Any, raw: Any) -> Node:
        """Node of a JSON object; raises `ProcessGraphInvalid` or `ProcessGraphComplexity` naming it."""
        if not isinstance(node_id, str) or not node_id.isprintable() or not 0 < len(node_id) <= _LONGEST_ID:
            must = f"The id of a node must be a text of 1 to {_LONGEST_ID} printable characters"
            raise OpenEOError("ProcessGraphInvalid", must, got=node_id, node=self.path.rstrip("/"))
        where = f"{self.path}{node_id}"
        try:
            _require_form(raw)
            return self._node(node_id, raw, f"{where}/")
        except OpenEOError as error:
            raise error.at(where) from None

    def _node(self, node_id: str, raw: Mapping[str, Any], path: str) -> Node:
        for text in (node_id, raw["process_id"], raw.get("namespace") or "", raw.get("description") or ""):
            limits.require_text(text)
            self.reading.count(text)
        takes_udf = raw["process_id"] == "run_udf"
        arguments = {
            name: self._compiled(value, 0, path, udf=takes_udf and name == "udf")
            for name, value in self._entries(raw.get("arguments", {}))
        }
        needs = {
            name: tuple(leaf.node for leaf in walk(value) if isinstance(leaf, FromNode))
            for name, value in arguments.items()
        }
        return Node(node_id, raw["process_id"], raw.get("namespace"), arguments, needs)

    def _compiled(self, value: Any, level: int, path: str, *, udf: bool = False) -> Any:
        if level > limits.MAX_ARGUMENT_DEPTH:
            must = f"Arguments must be nested at most {limits.MAX_ARGUMENT_DEPTH} deep"
            raise LimitExceededError("ProcessGraphComplexity", must)
        self.reading.count(value)
        if isinstance(value, dict):
            return self._compiled_object(value, level, path)
        if isinstance(value, list | tuple):
            return [self._compiled(item, level + 1, path) for item in value]
        if isinstance(value, str):
            limits.require_text(value, udf=udf)
        elif isinstance(value, int | float):
            limits.require_number(value, finite=self.reading.json)
        return value

    def _compiled_object(self, value: dict[Any, Any], level: int, path: str) -> Any:
        for key, reference in (("from_node", FromNode), ("from_parameter", FromParameter)):
            if key in value:
                if len(value) > 1 or not isinstance(value[key], str):
                    _refuse(f"A reference must be an object with the key {key!r} only, and its value a text", value)
                limits.require_text(value[key])
                return reference(value[key])
        if "process_graph" not in value:
            return {key: self._compiled(item, level + 1, path) for key, item in self._entries(value)}
        if level > 1:  # an argument, or a value of an object that is one, as in `properties` of load_stac
            must = "A process graph in an argument must stand in it directly or in an object"
            _refuse(must, f"one at level {level}")
        unknown = [key for key in value if key not in _PROCESS_KEYS]
        if unknown:
            _refuse(f"A process graph in an argument must have no keys but {_PROCESS_KEYS}", unknown)
        return self.callback(value["process_graph"], path)

    def _entries(self, given: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
        """Entries of an object, whose keys are counted."""
        for key, value in given.items():
            if not isinstance(key, str):
                _refuse("The keys of an object must be texts", key)
            limits.require_text(key)
            self.reading.count(key)
            yield key, value


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


def _require_form(raw: Any) -> None:
    if not isinstance(raw, dict) or not isinstance(raw.get("process_id"), str):
        do = 'Write it like {"process_id": "add", "arguments": {"x": 1, "y": 2}}'
        _refuse("A node must be an object with a process_id", raw, do)
    unknown = [key for key in raw if key not in _NODE_KEYS]
    if unknown:
        _refuse(f"A node must have no keys but {_NODE_KEYS}", unknown)
    for key, absent, kind, what in (
        ("arguments", {}, dict, "an object"),
        ("namespace", None, str | None, "a text or null"),
        ("description", None, str | None, "a text or null"),
        ("result", None, bool | None, "true or false"),
    ):
        if not isinstance(raw.get(key, absent), kind):
            _refuse(f"The {key} of a node must be {what}", raw[key])


def _refuse(must: str, got: Any, do: str = "") -> NoReturn:
    raise OpenEOError("ProcessGraphInvalid", must, got=got, do=do)
