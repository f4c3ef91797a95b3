"""Who computes the blocks of a plan: the caller itself, or threads of this process. Results come in the order of the plan.

However many compute, blocks are handed to one caller, who writes. Blocks under way are bounded in number, and by
`memory` in bytes. Not here: other processes (`local_runner.compute.cluster`).
"""

from __future__ import annotations

import heapq
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Hashable, Iterable

    from local_runner.compute.blocks import Place, Plan

    Key = Hashable
    Block = tuple[Place, list[Any]]

AHEAD: Final = 2
"""Blocks per worker that may be under way beyond the one that is to be handed over next."""


class Report(Protocol):
    """What is told of the progress of a run: a stage, and how much of it is done."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take note."""
        ...


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""
    del stage, done, total


def available() -> int:
    """Number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Workers:
    """The caller itself, one task after the other; what others compute with is made of this.

    `count`: how many work at a time. `report`: who is told of the progress, always in the thread of the caller.
    """

    count: int = 1
    report: Report = silent

    def blocks(self, plan: Plan) -> Generator[Block, None, None]:
        """Place and results, one of each array, of all blocks in the order of the plan; to be closed if not used up."""
        state = _State(plan)
        number = 0
        for key in plan.tasks:
            state.store(key, *state.run(key, state.needed(key)))
            while state.is_whole(number):
                yield plan.outputs[number].place, state.take(number)
                number += 1

    def each(self, function: Callable[[Any], Any], things: Iterable[Any], *, stage: str) -> None:
        """Call a function of this process with each of several things; the first error is raised when all have ended."""
        several = list(things)
        for done, thing in enumerate(several):
            self.report(stage, done, len(several))
            function(thing)
        self.report(stage, len(several), len(several))


@dataclass(frozen=True)
class Threads(Workers):
    """Threads of this process. `memory`: bytes of results beyond which only the next block goes on; None: no bound."""

    memory: int | None = None

    def blocks(self, plan: Plan) -> Generator[Block, None, None]:
        """See `Workers.blocks`."""
        pool = _Pool(plan, ahead=AHEAD * self.count, memory=self.memory)
        threads = [threading.Thread(target=pool.work, name=f"block-{n}", daemon=True) for n in range(self.count)]
        for thread in threads:
            thread.start()
        try:
            for number, output in enumerate(plan.outputs):
                yield output.place, pool.wait_for(number)
                pool.hand_over(number)
        except BaseException:
            pool.stop()
            sandboxes = sys.modules.get("local_runner.sandbox.pool")  # not for all systems, and seldom used
            if sandboxes is not None:
                sandboxes.abandon(threads)  # UDFs in there may take minutes, for nobody
            raise
        finally:
            pool.stop()
            for thread in threads:
                thread.join()

    def each(self, function: Callable[[Any], Any], things: Iterable[Any], *, stage: str) -> None:
        """See `Workers.each`."""
        several = list(things)
        with ThreadPoolExecutor(self.count) as executor:
            under_way = [executor.submit(function, thing) for thing in several]
            try:
                for done, future in enumerate(under_way):
                    self.report(stage, done, len(several))
                    future.result()
            except BaseException:
                executor.shutdown(wait=True, cancel_futures=True)
                raise
        self.report(stage, len(several), len(several))


class _State:
    """Results that are still needed, and which tasks have what they need."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.uses = plan.uses()
        self.values: dict[Key, Any] = {}
        self.finished: dict[tuple[int, int], Any] = {}
        self.places: dict[Key, list[tuple[int, int]]] = {}
        for number, output in enumerate(plan.outputs):
            for index, key in enumerate(output.keys):
                self.places.setdefault(key, []).append((number, index))

    def needed(self, key: Key) -> dict[Key, Any]:
        return {k: self.values[k] for k in self.plan.tasks[key].dependencies}

    def run(self, key: Key, needed: dict[Key, Any]) -> tuple[Any, dict[tuple[int, int], Any]]:
        """Result of a task, and what is made of it where it is an output."""
        value = self.plan.tasks[key](needed)
        return value, {place: self.plan.finish[place[1]](value) for place in self.places.get(key, ())}

    def store(self, key: Key, value: Any, finished: dict[tuple[int, int], Any]) -> list[Key]:
        """Keep a result and drop what nobody needs any more; returns the keys of the latter."""
        self.values[key] = value
        self.finished |= finished
        self.uses[key] -= len(finished)
        used = [key, *self.plan.tasks[key].dependencies]
        for k in used[1:]:
            self.uses[k] -= 1
        dropped = [k for k in used if not self.uses[k]]
        for k in dropped:
            del self.values[k]
        return dropped

    def is_whole(self, number: int) -> bool:
        """Whether all results of an output are there."""
        outputs = self.plan.outputs
        return number < len(outputs) and all((number, i) in self.finished for i in range(len(self.plan.finish)))

    def take(self, number: int) -> list[Any]:
        return [self.finished.pop((number, index)) for index in range(len(self.plan.finish))]


class _Pool:
    """A plan that several threads work on: each takes the first task in the order of the plan that has what it needs."""

    def __init__(self, plan: Plan, *, ahead: int, memory: int | None) -> None:
        self.plan, self.ahead, self.memory = plan, ahead, memory
        self.state = _State(plan)
        self.keys = list(plan.tasks)
        self.order = {key: at for at, key in enumerate(self.keys)}
        self.missing = {key: len(task.dependencies) for key, task in plan.tasks.items()}
        self.dependents: dict[Key, list[Key]] = {key: [] for key in self.keys}
        for key, task in plan.tasks.items():
            for needed in task.dependencies:
                self.dependents[needed].append(key)
        self.ready = [at for at, key in enumerate(self.keys) if not self.missing[key]]
        self.left = len(self.keys)
        self.next = 0
        self.sizes: dict[Key, int] = {}
        self.held = 0
        self.error: BaseException | None = None
        self.changed = threading.Condition()

    def work(self) -> None:
        """What each thread does until nothing is left."""
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.error or not self.left or self._may_start())
                if self.error or not self.left:
                    return
                key = self.keys[heapq.heappop(self.ready)]
                self.left -= 1
                needed = self.state.needed(key)
            try:
                value, finished = self.state.run(key, needed)
            except BaseException as error:  # noqa: BLE001  (raised again in the thread of the caller)
                self._fail(error)
                return
            del needed
            with self.changed:
                self._store(key, value, finished)
            del value, finished

    def _may_start(self) -> bool:
        if not self.ready:
            return False
        full = self.memory is not None and self.held > self.memory
        return self.plan.block[self.keys[self.ready[0]]] <= self.next + (0 if full else self.ahead)

    def _store(self, key: Key, value: Any, finished: dict[tuple[int, int], Any]) -> None:
        task = self.plan.tasks[key]
        if isinstance(value, np.ndarray) and (value.base is None or not task.dependencies):  # else a view of another
            self.sizes[key] = value.nbytes
            self.held += value.nbytes
        for dropped in self.state.store(key, value, finished):
            self.held -= self.sizes.pop(dropped, 0)
        for dependent in self.dependents[key]:
            self.missing[dependent] -= 1
            if not self.missing[dependent]:
                heapq.heappush(self.ready, self.order[dependent])
        self.changed.notify_all()

    def wait_for(self, number: int) -> list[Any]:
        """Results of an output, or the error that ended the work."""
        with self.changed:
            self.changed.wait_for(lambda: self.error or self.state.is_whole(number))
            if self.error:
                raise self.error
            return self.state.take(number)

    def hand_over(self, number: int) -> None:
        """Let the work go on beyond an output, now that its results are written."""
        with self.changed:
            self.next = number + 1
            self.changed.notify_all()

    def stop(self) -> None:
        """Let no thread start another task."""
        self._fail(InterruptedError("the work was stopped"))

    def _fail(self, error: BaseException) -> None:
        with self.changed:
            self.error = self.error or error
            self.changed.notify_all()
