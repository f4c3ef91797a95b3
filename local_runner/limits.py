"""How large a process graph may be, whoever wrote it.

Everything is counted and nothing is timed, so that a graph is refused everywhere or nowhere. Not here: what a graph may
ask for while it is evaluated (`local_runner.work`), and pixels, whose number depends on the data (`local_runner.budget`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from local_runner.errors import LimitExceededError, OpenEOError

MAX_NODES: Final = 2_000
"""Nodes of a graph, those of its callbacks and of the processes it calls included, as often as it calls them."""
MAX_DEPTH: Final = 32
MAX_ARGUMENT_DEPTH: Final = 64
MAX_GRAPH: Final = 2 * 2**20
"""Largest process JSON, in bytes; of a graph that is given as Python objects, in characters."""
MAX_TEXT: Final = 64 * 2**10
"""Longest text in a graph but a UDF, in characters."""
MAX_UDF: Final = 256 * 2**10
"""Longest UDF text, in bytes."""
MAX_LENGTH: Final = 100_000
"""Elements of a list, and characters of a text, that a process may make at once."""


@dataclass
class Reading:
    """Nodes and characters of a graph read so far, callbacks included; `json`: whether its numbers must be finite."""

    nodes: int = 0
    characters: int = 0
    json: bool = False

    def count_nodes(self, more: int) -> None:
        """Raise `ProcessGraphComplexity` where there are more nodes than `MAX_NODES`."""
        self.nodes += more
        require_nodes(self.nodes)

    def count(self, value: Any) -> None:
        """Count a text, number or container without what is in it; raise `ProcessGraphComplexity` above `MAX_GRAPH`."""
        self.characters += 2 + (len(value) if isinstance(value, str | list | tuple | dict) else _digits(value))
        if self.characters > MAX_GRAPH:
            must = f"A process graph must have at most {MAX_GRAPH} characters, values of parameters included"
            raise LimitExceededError("ProcessGraphComplexity", must, do="Load large data by a process")


def require_nodes(count: int) -> None:
    """Raise `ProcessGraphComplexity` where a graph has more nodes than `MAX_NODES`."""
    if count > MAX_NODES:
        must = f"A process graph must have at most {MAX_NODES} nodes, callbacks and called processes included"
        raise LimitExceededError("ProcessGraphComplexity", must, got=count)


def require_depth(depth: int) -> None:
    """Raise `ProcessGraphComplexity` where callbacks and processes are nested deeper than `MAX_DEPTH`."""
    if depth > MAX_DEPTH:
        must = f"Callbacks and called processes must be nested at most {MAX_DEPTH} deep"
        raise LimitExceededError("ProcessGraphComplexity", must, got=depth)


def require_length(length: int, what: str) -> None:
    """Raise `ArrayTooLarge` where a process would make a list or text that is longer than `MAX_LENGTH`."""
    if length > MAX_LENGTH:
        raise LimitExceededError("ArrayTooLarge", f"{what} must have a length of at most {MAX_LENGTH}", got=length)


def require_text(text: str, *, udf: bool = False) -> None:
    """Raise where a text in a graph is longer than `MAX_TEXT`, or as a UDF than `MAX_UDF`."""
    if udf and len(text.encode(errors="surrogatepass")) > MAX_UDF:
        must = f"A UDF text must have at most {MAX_UDF} bytes"
        raise LimitExceededError("UdfTooLarge", must, got=f"{len(text)} characters")
    if not udf and len(text) > MAX_TEXT:
        must = f"A text in a process graph must have at most {MAX_TEXT} characters"
        raise LimitExceededError("ProcessGraphComplexity", must, got=f"{len(text)} characters")


def require_number(value: float, *, finite: bool) -> None:
    """Raise `ProcessGraphInvalid` for an integer out of the range of floating-point numbers, or what must be finite."""
    if isinstance(value, int) and value.bit_length() > 1023:
        must = "An integer in a process graph must be within the range of floating-point numbers"
        raise OpenEOError("ProcessGraphInvalid", must, got=f"one of {value.bit_length()} bits")
    if finite and not math.isfinite(value):
        raise OpenEOError("ProcessGraphInvalid", "A number in a process graph must be finite, as in JSON", got=value)


def require_size(value: Any) -> None:
    """Raise `ProcessGraphComplexity` for a process object above `MAX_GRAPH`: before it is walked in any other way."""
    reading, waiting = Reading(), [value]
    while waiting:
        part = waiting.pop()
        reading.count(part)
        if isinstance(part, dict):
            waiting += part
            waiting += part.values()
        elif isinstance(part, list | tuple):
            waiting += part


def _digits(value: Any) -> int:
    return value.bit_length() // 3 if isinstance(value, int) else 1
