"""Blocks computed by other processes: of this machine, or of a cluster of dask.distributed.

A plan is cut into parts, blocks that follow each other, and each part goes to a worker as one task: it reads what it
needs, the overlap with its neighbours once more, and sends back blocks ready to be written. What more than `SHARED` parts
need is a task of its own. Tasks write nothing, so that those of a lost worker are done again by another. The caller has
`AHEAD` parts per worker under way and writes. Not here: threads (`local_runner.compute.workers`).
"""

from __future__ import annotations

import itertools
import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import cloudpickle
import dask.config
from dask._task_spec import DataNode

from local_runner.compute.blocks import Output, Place, Plan
from local_runner.compute.workers import AHEAD, Workers
from local_runner.errors import LimitExceededError, OpenEOError

if TYPE_CHECKING:
    from collections.abc import Generator, Hashable, Iterator, Sequence

    from distributed import Client, Future

    from local_runner.compute.blocks import Finish
    from local_runner.compute.workers import Block

    Key = Hashable
    Part = Sequence[Output]

SHARED: Final = 3
"""Parts that may do the same task each for itself: neighbours that overlap."""
PARTS_PER_WORKER: Final = 4
PART_LIMIT: Final = 256 * 2**20
"""Bytes of the blocks that one part sends back, about."""
_NOWHERE: Final = Place(0, 0, 0, 0)


@dataclass(frozen=True)
class Cluster(Workers):
    """Workers of a scheduler of dask.distributed, by its client."""

    client: Client = field(kw_only=True)

    def blocks(self, plan: Plan) -> Generator[Block, None, None]:
        """See `Workers.blocks`. Raises `WorkerLost` where the same work has ended several workers."""
        parts = parts_of(plan, self.count)
        sender = _Sender(self.client, plan, parts)
        under_way: dict[int, Future] = {}
        try:
            for number in range(len(parts)):
                for later in range(number, min(number + AHEAD * self.count, len(parts))):
                    if later not in under_way:
                        under_way[later] = sender.send(parts[later], plan.finish)
                with _losses():
                    found = under_way.pop(number).result()
                yield from found
                sender.release(number)
        finally:
            self.client.cancel([*under_way.values(), *sender.shared.values()], force=True)


def dask_setup(_worker: object) -> None:
    """Leave Ctrl-C to the caller, who ends the workers: called by dask in each worker process of this machine."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def parts_of(plan: Plan, workers: int) -> list[Part]:
    """Outputs that follow each other, so many together that all workers have some and a part is not too large."""
    outputs = list(plan.outputs)
    place = outputs[0].place
    most = PART_LIMIT // max(1, 4 * place.height * place.width * len(plan.finish))
    size = max(1, min(len(outputs) // (PARTS_PER_WORKER * workers), most))
    return [outputs[start : start + size] for start in range(0, len(outputs), size)]


def shared_tasks(plan: Plan, parts: Sequence[Part]) -> dict[Key, int]:
    """Tasks that more than `SHARED` parts or other shared tasks need, and the last part that needs each.

    What only a shared task needs belongs to it: of an image and its mean, the mean is shared, and not the image.
    """
    units: dict[Key, set[Key]] = {key: set() for key in plan.tasks}
    last = dict.fromkeys(plan.tasks, 0)
    shared = {}
    for number, part in enumerate(parts):
        for key in itertools.chain.from_iterable(output.keys for output in part):
            units[key].add(number)
            last[key] = number
    for key in reversed(list(plan.tasks)):
        is_shared = len(units[key]) > SHARED
        if is_shared:
            shared[key] = last[key]
        for needed in plan.tasks[key].dependencies:
            units[needed] |= {("shared", key)} if is_shared else units[key]
            last[needed] = max(last[needed], last[key])
    return shared


class _Sender:
    """Sends parts of a plan to the workers, and before them the tasks that they share."""

    def __init__(self, client: Client, plan: Plan, parts: Sequence[Part]) -> None:
        self.client, self.plan = client, plan
        self.order = {key: at for at, key in enumerate(plan.tasks)}
        self.last = shared_tasks(plan, parts)
        self.shared: dict[Key, Future] = {}

    def send(self, outputs: Part, finish: Sequence[Finish], *, alone: Key = None) -> Future:
        """Blocks of some outputs, to come; `alone` is the shared task among them if they are that and nothing else."""
        needed, waiting = set(), [key for output in outputs for key in output.keys]
        while waiting:
            key = waiting.pop()
            if key not in needed and (key not in self.last or key == alone):
                waiting += self.plan.tasks[key].dependencies
            needed.add(key)
        ordered = sorted(needed, key=self.order.__getitem__)
        given = [key for key in ordered if key in self.last and key != alone]
        for key in given:
            if key not in self.shared:
                self.shared[key] = self.send([Output(_NOWHERE, [key])], [_as_it_is], alone=key)
        tasks = {key: None if key in self.last and key != alone else self.plan.tasks[key] for key in ordered}
        payload = cloudpickle.dumps((tasks, outputs, finish))
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"}):
            return self.client.submit(_work, payload, [self.shared[key] for key in given], pure=False)

    def release(self, number: int) -> None:
        """Let go of what no part after this one needs."""
        for key in [key for key in self.shared if self.last[key] <= number]:
            del self.shared[key]


def _work(payload: bytes, given: Sequence[list[Block]]) -> list[Block]:
    """What a worker does: the blocks of some outputs; `None` stands for the tasks whose results are `given`."""
    tasks, outputs, finish = cloudpickle.loads(payload)
    results = iter(given)
    for key, task in tasks.items():
        if task is None:
            tasks[key] = DataNode(key, next(results)[0][1][0])
    return list(Workers().blocks(Plan(tasks, dict.fromkeys(tasks, 0), outputs, finish)))


def _as_it_is(value: Any) -> Any:
    return value


@contextmanager
def _losses() -> Iterator[None]:
    """Errors of the cluster as errors of the runner; those of the tasks pass."""
    from distributed import KilledWorker  # noqa: PLC0415  (slow to import, and not needed by threads)
    from distributed.client import FutureCancelledError  # noqa: PLC0415

    try:
        yield
    except KilledWorker as error:
        must = "Workers must live through each part of the work; several ended at the same one, most likely for memory"
        do = "Give each more memory (--memory-limit), take fewer workers, or run with --scheduler threads"
        raise LimitExceededError("WorkerLost", must, got=str(error.task), do=do) from error
    except FutureCancelledError as error:
        raise unreachable("it was lost during the run") from error


def unreachable(why: object, address: str = "") -> OpenEOError:
    """Error for a scheduler that does not answer; the run may be started again."""
    must = f"The scheduler must be reachable ({why})"
    do = "Start it by `dask scheduler`, check its address, or run with --scheduler threads"
    return UnreachableError("SchedulerUnreachable", must, **({"got": address} if address else {}), do=do)


class UnreachableError(OpenEOError):
    """Something that computes elsewhere does not answer."""

    exit_code = 7
