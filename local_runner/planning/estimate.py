"""How much a run reads, holds and writes, told by the lazy graph of its result.

Memory is the sum of four parts:

* base: the process with its libraries, the block cache of GDAL and what compression needs;
* held: results that wait for others. The tasks of the result are gone through in the order in which a run does them, block
  by block of the files (`local_runner.compute.blocks`); a chunk is held from the task that makes it to the last that needs it;
* working: what each worker makes, the result of a task, or a chunk of a UDF with temporaries and result;
* geometry: positions of the samples, which geocoding keeps.

The constants are measured by `python benchmarks/memory.py`, which prints estimate and measurement side by side.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from dask._task_spec import Alias
from dask.array import chunk
from dask.core import get_dependencies

from local_runner.compute.blocks import in_order, outputs_of
from local_runner.planning.plan import Memory
from local_runner.stac.planned import READ

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    import dask.array as da
    from dask.highlevelgraph import HighLevelGraph

    from local_runner.compute.blocks import Plan as BlockPlan
    from local_runner.execution import UdfCalls
    from local_runner.jobs.scheduling import Scheduling

BASE_BYTES: Final = 320 * 2**20
"""A process that has imported everything and opened its files, what it keeps of freed memory included."""
CACHE_BYTES: Final = 128 * 2**20
"""Block cache of GDAL (`GDAL_CACHEMAX` of `local_runner.files.raster`), full after the first rows of a large image."""
COMPILER_BYTES: Final = 160 * 2**20
"""What numba adds to a process that geocodes."""
UDF_COPIES: Final = 0.5
"""Temporaries of a UDF as multiples of the chunk that it gets; its result is counted apart."""
TASK_COPIES: Final = 2.0
"""What another task needs in all, as a multiple of its result."""
AHEAD_BLOCKS: Final = 1
"""Blocks of the result that are made while another one is written."""
ALLOCATOR: Final = 1.0
"""What the process keeps of freed memory: resident to held bytes."""
OVERVIEWS: Final = 4 / 3
"""Size of a raster with its overviews to one without."""
_READS: Final = (READ, "read-")


class _Needs(NamedTuple):
    """A task as `local_runner.compute.blocks` orders it."""

    dependencies: tuple[Hashable, ...]


@dataclass(frozen=True)
class Estimate:
    """What making some arrays takes; `least_bytes` is held even if no block is made ahead of the one being written."""

    pixels_read: int
    held_bytes: int
    least_bytes: int
    largest_task_bytes: int


def of_arrays(arrays: Sequence[da.Array]) -> Estimate:
    """Estimate for 2-D arrays (y, x) of one shape that are written together, in the order in which a run makes them."""
    if not arrays:
        return Estimate(0, 0, 0, 0)
    graph, outputs = outputs_of(arrays)
    known = _sizes(graph)
    whole = graph.to_dict()
    size = {key: _size(key, known) for key in whole}
    plan = in_order(_tasks(whole, size), outputs, ())
    read = sum(size[key] for key in plan.tasks if str(_name(key)).startswith(_READS))
    held, least = (_held(plan, size, ahead) for ahead in (AHEAD_BLOCKS, 0))
    return Estimate(read // 4, held, least, max((size[key] for key in plan.tasks), default=0))


def _tasks(whole: Mapping[Hashable, Any], size: dict[Hashable, int]) -> dict[Hashable, _Needs]:
    """What each task needs: of a view the array that it looks at. Sizes of views become 0, they have no memory of their own."""
    needs = {key: tuple(get_dependencies(whole, key)) for key in whole}
    bases = {key: needs[key][0] for key, task in whole.items() if _is_view(task, size[key], needs[key], size)}
    size |= dict.fromkeys(bases, 0)

    def base(key: Hashable) -> Hashable:
        while key in bases:
            key = bases[key]
        return key

    return {key: _Needs(tuple(dict.fromkeys(base(k) for k in found))) for key, found in needs.items()}


def _is_view(task: Any, own: int, needs: tuple[Hashable, ...], size: Mapping[Hashable, int]) -> bool:
    """Whether a task is another name of an array, or takes a part of one: dask copies parts of less than half of it."""
    if isinstance(task, Alias) or needs == (task,):
        return True
    function = task[0] if isinstance(task, tuple) and task else getattr(task, "func", None)
    return function in (operator.getitem, chunk.getitem) and len(needs) == 1 and 2 * own > size[needs[0]]


def _held(plan: BlockPlan, size: Mapping[Hashable, int], ahead: int) -> int:
    """Most bytes of results that are there at once, where workers are so many blocks ahead."""
    uses = plan.uses()
    held = most = 0
    written = 0
    for key, task in plan.tasks.items():
        while written + ahead < plan.block[key]:
            held -= _release(plan.outputs[written].keys, uses, size)
            written += 1
        held += size[key]
        most = max(most, held)
        held -= _release(task.dependencies, uses, size)
    return most


def _release(keys: Iterable[Hashable], uses: dict[Hashable, int], size: Mapping[Hashable, int]) -> int:
    """Bytes of the results that nobody needs any more."""
    freed = 0
    for key in keys:
        uses[key] -= 1
        freed += 0 if uses[key] else size[key]
    return freed


def _sizes(graph: HighLevelGraph) -> dict[str, tuple[tuple[tuple[int, ...], ...], int]]:
    """Chunks and bytes per value of all arrays that a graph is made of, by the names of their tasks."""
    known = {name: layer.collection_annotations or {} for name, layer in graph.layers.items()}
    return {
        name: (array["chunks"], np.dtype(array["dtype"]).itemsize) for name, array in known.items() if "chunks" in array
    }


def _size(key: Hashable, sizes: Mapping[str, tuple[tuple[tuple[int, ...], ...], int]]) -> int:
    """Bytes of the result of a task that is a chunk of an array; 0 of any other, which is part of one."""
    chunks, itemsize = sizes.get(str(_name(key)), ((), 0))
    if not isinstance(key, tuple) or len(key) != len(chunks) + 1:
        return 0
    return int(itemsize * math.prod(cut[at] for cut, at in zip(chunks, key[1:], strict=True)))


def _name(key: Hashable) -> Hashable:
    return key[0] if isinstance(key, tuple) and key else key


def memory_of(
    estimates: Iterable[Estimate], udfs: Iterable[UdfCalls], *, geocoded: Iterable[int], chosen: Scheduling
) -> Memory:
    """Peak of a run that makes several sets of arrays one after the other; `geocoded`: samples of the geocoded cubes.

    Threads keep to the memory that they may use as far as they can; worker processes have a base each. Of a cluster
    elsewhere nothing is known, and the peak is that of one worker.
    """
    known = list(estimates)
    limit = chosen.memory if chosen.scheduler == "threads" else math.inf
    held = max((max(e.least_bytes, min(e.held_bytes, limit)) for e in known), default=0)
    processes = chosen.workers + 1 if chosen.scheduler == "processes" else 1
    samples = list(geocoded)
    tasks = [chosen.workers * TASK_COPIES * e.largest_task_bytes for e in known]
    tasks += [min(chosen.workers, calls.calls) * udf_bytes(calls) for calls in udfs]
    base = BASE_BYTES + min(CACHE_BYTES, 4 * sum(e.pixels_read for e in known)) + (COMPILER_BYTES if samples else 0)
    return Memory(
        base_bytes=processes * base,
        held_bytes=int(ALLOCATOR * held),
        working_bytes=int(max(tasks, default=0)),
        geometry_bytes=8 * sum(samples),
    )


def udf_bytes(calls: UdfCalls) -> int:
    """What one call of a UDF holds: its chunk, temporaries and result, float32, and what it says that it takes beside."""
    return int(4 * (math.prod(calls.shape) * (1 + UDF_COPIES) + math.prod(calls.returns))) + calls.own_bytes
