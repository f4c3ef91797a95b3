"""How much a process graph may ask for while it is evaluated: calls of nodes, elements of lists, chunks of cubes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import xarray as xr

from local_runner.errors import LimitExceededError
from local_runner.limits import require_length

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_CALLS: Final = 100_000
"""Calls of nodes in one evaluation: a callback in a callback is called for each element of each element."""
MAX_WORK: Final = 2_000_000
"""Elements of lists and characters of texts that the nodes of one evaluation may take and return, all calls added up."""
MAX_CHUNKS: Final = 250_000
"""Chunks of a cube: each is a task with a place in memory before a pixel is read."""


@dataclass
class Work:
    """What the nodes of one evaluation have taken and returned so far."""

    calls: int = 0
    elements: int = 0

    def count(self, arguments: Mapping[str, Any], result: Any) -> None:
        """Count the call of a node; raise `ProcessGraphComplexity` where all together are too much.

        Raises `ArrayTooLarge` for a result that is longer than `MAX_LENGTH`, or a cube of more than `MAX_CHUNKS`.
        """
        if isinstance(result, list | str):
            require_length(len(result), "The result of a node")
        self.calls += 1
        self.elements += _weight([arguments, result], MAX_WORK - self.elements)
        if self.calls > MAX_CALLS or self.elements > MAX_WORK:
            must = f"A graph must be evaluated in {MAX_CALLS} calls that take and return {MAX_WORK} elements in all"
            do = "Use cubes instead of lists, and fewer callbacks within callbacks"
            raise LimitExceededError("ProcessGraphComplexity", must, got=f"{self.calls} calls", do=do)


def require_chunks(cube: xr.DataArray) -> None:
    """Raise `ArrayTooLarge` for a lazy cube of more chunks than `MAX_CHUNKS`."""
    count = math.prod(map(len, cube.chunks or ()))
    if count > MAX_CHUNKS:
        must = f"A cube must have at most {MAX_CHUNKS} chunks"
        raise LimitExceededError("ArrayTooLarge", must, got=count, do="Take fewer dates or bands, or a smaller area")


def _weight(values: Any, limit: int) -> int:
    """Elements and characters of a value, counted until there are more than `limit`; a cube by its labels."""
    waiting, found = [values], 0
    while waiting and found <= limit:
        value = waiting.pop()
        if isinstance(value, str):
            found += len(value)
        elif isinstance(value, list | tuple | dict):
            found += len(value)
            if found <= limit:
                waiting += value.values() if isinstance(value, dict) else value
        elif isinstance(value, xr.DataArray):
            require_chunks(value)
            found += value.sizes.get("label", 0)
    return found
