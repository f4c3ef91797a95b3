"""The order of work: output blocks of several arrays on one grid, and the tasks that each block adds to those before it.

All arrays are cut into the same blocks. Blocks follow each other along rows or along columns, whichever holds fewer
results at a time: a stack of tiled images is then worked through by strips, and never in memory as a whole. Every task
runs once, and its result is dropped after the last block that needs it. The order depends on the arrays alone, never on
who computes them, so that whatever is added up block by block is the same each time. Not here: running the tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dask._task_spec import convert_legacy_graph
from dask.array.optimization import optimize
from dask.highlevelgraph import HighLevelGraph

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    import dask.array as da
    from numpy.typing import NDArray

    Key = Hashable
    Finish = Callable[[NDArray[Any]], Any]

ROWS: Final = 512
"""Rows of a block, and what its columns are a multiple of: those of a tile of a file."""
_WIDEST: Final = 4096
"""Columns up to which chunks make blocks of their width; wider ones are whole rows in the making."""


class Place(NamedTuple):
    """First row and column of a block, and its size."""

    row: int
    column: int
    height: int
    width: int


class Output(NamedTuple):
    """A block of every array: where it lies, and the tasks that make it, in the order of the arrays."""

    place: Place
    keys: list[Key]


@dataclass(frozen=True)
class Plan:
    """Tasks by key, in the order in which they are to run; the outputs in theirs.

    `block`: number of the first output that needs a task. `finish`: per array, what is done to each of its blocks.
    """

    tasks: Mapping[Key, Any]
    block: Mapping[Key, int]
    outputs: Sequence[Output]
    finish: Sequence[Finish]

    def uses(self) -> dict[Key, int]:
        """How often each result is needed, by other tasks and as output."""
        found = dict.fromkeys(self.tasks, 0)
        for task in self.tasks.values():
            for key in task.dependencies:
                found[key] += 1
        for output in self.outputs:
            for key in output.keys:
                found[key] += 1
        return found


def plan_of(arrays: Sequence[da.Array], finish: Sequence[Finish]) -> Plan:
    """Plan of the blocks of arrays (y, x) of one shape; what they share is computed once."""
    graph, outputs = outputs_of(arrays)
    tasks = convert_legacy_graph(optimize(graph, [key for output in outputs for key in output.keys]))
    return in_order(tasks, outputs, finish)


def outputs_of(arrays: Sequence[da.Array]) -> tuple[HighLevelGraph, list[Output]]:
    """The arrays cut into the blocks that all of them have: the graph of all, and the blocks row by row."""
    height, width = arrays[0].shape
    columns = _columns(arrays)
    cut = [array.rechunk({0: ROWS, 1: columns}, method="tasks") for array in arrays]
    keys = [array.__dask_keys__() for array in cut]
    outputs = [
        Output(Place(y, x, min(ROWS, height - y), min(columns, width - x)), [array[i][j] for array in keys])
        for i, y in enumerate(range(0, height, ROWS))
        for j, x in enumerate(range(0, width, columns))
    ]
    return HighLevelGraph.merge(*(array.dask for array in cut)), outputs


def in_order(tasks: Mapping[Key, Any], outputs: Sequence[Output], finish: Sequence[Finish]) -> Plan:
    """Plan of outputs that are ordered row by row, along rows or columns; a task has its `dependencies`."""
    by_columns = sorted(outputs, key=lambda output: (output.place.column, output.place.row))
    plans = [_plan(tasks, order, finish) for order in (outputs, by_columns)]
    return min(plans, key=_held)


def _plan(tasks: Mapping[Key, Any], outputs: Sequence[Output], finish: Sequence[Finish]) -> Plan:
    """Dependencies before what needs them, block by block."""
    block: dict[Key, int] = {}
    for number, output in enumerate(outputs):
        waiting = output.keys[::-1]
        while waiting:
            key = waiting[-1]
            missing = () if key in block else [k for k in tasks[key].dependencies if k not in block]
            waiting += missing
            if not missing:
                block.setdefault(waiting.pop(), number)
    return Plan({key: tasks[key] for key in block}, block, outputs, finish)


def _held(plan: Plan) -> int:
    """Largest number of results that later blocks need as well."""
    last = dict(plan.block)
    for key, task in plan.tasks.items():
        for needed in task.dependencies:
            last[needed] = max(last[needed], plan.block[key])
    change = [0] * (len(plan.outputs) + 1)
    for key, number in plan.block.items():
        change[number] += 1
        change[last[key]] -= 1
    held = most = 0
    for step in change:
        held += step
        most = max(most, held)
    return most


def _columns(arrays: Sequence[da.Array]) -> int:
    """Columns of the blocks: whole tiles, about the chunks that the arrays have; all where those are wide."""
    width = int(arrays[0].shape[1])
    widest = max(max(array.chunks[1], default=0) for array in arrays)
    return max(width, 1) if widest > _WIDEST else min(-(-widest // ROWS) * ROWS, width) or 1
