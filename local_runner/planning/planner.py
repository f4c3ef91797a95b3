"""Makes a plan: the graph of a run, evaluated on cubes without values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import dask.array as da

from local_runner.budget import budget_of
from local_runner.graph import evaluate_with
from local_runner.jobs.prepare import prepare
from local_runner.jobs.scheduling import scheduling
from local_runner.planning import estimate
from local_runner.planning.plan import Check, Plan
from local_runner.planning.recorder import Recorder
from local_runner.stac.groups import arranged

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import xarray as xr

    from local_runner.budget import Budget
    from local_runner.execution import Execution
    from local_runner.jobs.scheduling import Scheduling


def explain(
    process: str | Path | Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    inputs: Mapping[str, str | os.PathLike[str]] | None = None,
    profile: str = "geopyspark",
    geocode: int | str | None = None,
    resolution: float | None = None,
    allow_hosts: Sequence[str] = (),
    data_roots: Sequence[str | os.PathLike[str]] = (),
    scheduler: str = "threads",
    workers: int | None = None,
    max_pixels: float | None = None,
    max_memory: float | str | None = None,
    max_output: float | str | None = None,
) -> Plan:
    """What `run` with these arguments would do, without reading a pixel and without running a UDF.

    STAC documents are read, also those of a remote address whose host is in `allow_hosts`; no asset is opened. A node that
    cannot be planned, e.g. because the metadata of its items do not tell their shape, is noted in the plan with the reason
    and the remedy, and so are limits of the back-end and of the budget (`max_pixels` of a plane, `max_memory` and
    `max_output` in bytes or as "8G"; see `local_runner.budget`). Raises `OpenEOError` for what is wrong with the
    call itself: an unknown process, a graph that is none, parameters, inputs.

        print(explain("slc_coherence", {"pairs": [["2024-08-09", "2024-08-21"]]}, inputs={"data": "demo/input"}))
    """
    budget = budget_of(max_pixels, max_memory, max_output)
    chosen = scheduling(scheduler, workers, budget.max_memory)
    job = prepare(
        process,
        parameters or {},
        inputs or {},
        profile=profile,
        geocode=geocode,
        resolution=resolution,
        allow_hosts=allow_hosts,
        data_roots=data_roots,
        budget=budget,
    )
    return plan_of(job.nodes, job.execution, chosen, process=job.process["id"])


def require_budget(
    nodes: Mapping[str, Any], execution: Execution, chosen: Scheduling, *, process: str = "graph"
) -> Plan:
    """Raise `LimitExceeded` where the run of an assembled graph would exceed `execution.budget`, before a file is opened.

    Raises as well for a result that cannot be saved, or for two. What else cannot be planned is not looked at: the run tells
    what is wrong with it.
    """
    plan = plan_of(nodes, execution, chosen, process=process, before_run=True)
    plan.require(execution.budget)
    return plan


def require_cube(cube: xr.DataArray, budget: Budget, chosen: Scheduling, *, process: str = "graph") -> None:
    """Raise `LimitExceeded` where computing and saving the lazy cube of a run would exceed a budget.

    For a run whose plan is not complete: by now the headers of the files are known. UDFs are counted by what they return.
    """
    whole = arranged(cube, process)
    memory = estimate.memory_of([estimate.of_arrays(_planes(whole))], (), geocoded=(), chosen=chosen)
    budget.require_memory(memory.peak_bytes, "The run", workers=chosen.workers)
    budget.require_output(_output_of(whole))


def plan_of(
    nodes: Mapping[str, Any],
    execution: Execution,
    chosen: Scheduling,
    *,
    process: str = "graph",
    before_run: bool = False,
) -> Plan:
    """Plan of an assembled graph in the surroundings of its run. `before_run`: see `Recorder`."""
    recorder, saved = Recorder(execution.profile, before_run=before_run), _Saved(process)
    planning = replace(execution, profile=recorder.watched(), planning=True, observer=recorder, save=saved)
    evaluate_with(nodes, {}, planning)
    complete = all(node.problem is None and node.unknown_from is None for node in recorder.nodes.values())
    estimates = [estimate.of_arrays(_planes(cube)) for cube in saved.cubes]
    memory = estimate.memory_of(estimates, recorder.calls, geocoded=recorder.geocoded_samples, chosen=chosen)
    read = sum(found.pixels_read for found in estimates) if saved.cubes else None
    output = sum(map(_output_of, saved.cubes)) if saved.cubes else None
    nodes_in_order = tuple(recorder.nodes.values())
    largest = max((node.cube.pixels for node in nodes_in_order if node.cube is not None), default=None)
    whole = complete and bool(saved.cubes)
    budget = execution.budget
    return Plan(
        process=process,
        profile=execution.profile.name,
        workers=chosen.workers,
        nodes=nodes_in_order,
        complete=complete,
        udf_calls=sum(calls.calls for calls in recorder.calls),
        pixels_read=read,
        bytes_read=None if read is None else 4 * read,
        output_bytes=output,
        memory=memory,
        checks=(
            _check("pixels", largest, budget.max_pixels, known=complete),
            _check("memory_bytes", memory.peak_bytes, budget.max_memory, known=whole),
            _check("output_bytes", output, budget.max_output, known=whole),
        ),
    )


@dataclass
class _Saved:
    """What `save_result` calls while planning: keeps the cube as it would be written."""

    process: str
    cubes: list[xr.DataArray] = field(default_factory=list)

    def __call__(self, cube: xr.DataArray, *, file_format: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a cube; returns no collection. Raises for one that cannot be written."""
        del file_format, options
        self.cubes.append(arranged(cube, self.process))
        return {}


def _planes(cube: xr.DataArray) -> list[da.Array]:
    """Arrays (y, x) of all dates and bands of a cube as it is written."""
    data = da.asarray(cube.data)
    return [data[t, band] for t in range(data.shape[0]) for band in range(data.shape[1])]


def _output_of(cube: xr.DataArray) -> int:
    """Bytes of a cube on disk without compression, overviews included."""
    return int(cube.nbytes * estimate.OVERVIEWS)


def _check(name: Any, needed: int | None, allowed: int, *, known: bool) -> Check:
    holds = needed is None or needed <= allowed
    return Check(name, needed, allowed, holds if known or not holds else None)
