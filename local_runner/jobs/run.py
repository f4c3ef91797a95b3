"""Run a process here: one call from STAC to STAC.

Everything that can be wrong with the call is found before a pixel is read. Not here: what processes do, and how files
are written; `local_runner.jobs.commit` sees to it that the result is there whole or not at all.
"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pystac
import rasterio

from local_runner.access import is_remote, locate, public_href
from local_runner.budget import budget_of
from local_runner.compute.workers import silent
from local_runner.errors import OpenEOError
from local_runner.graph import evaluate_with
from local_runner.jobs import assemble, commit, inputs, log, readme
from local_runner.jobs.prepare import prepare
from local_runner.jobs.scheduling import scheduling, started
from local_runner.planning import require_budget, require_cube
from local_runner.redaction import redact
from local_runner.stac.metadata import public
from local_runner.stac.write import Provenance, save
from local_runner.versions import versions_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    import xarray as xr

    from local_runner.access import Access
    from local_runner.compute.workers import Report, Workers
    from local_runner.execution import Execution
    from local_runner.jobs.scheduling import Scheduling

_LIBRARIES: Final = ("openeo-sar", "xarray", "numpy", "rasterio")


@dataclass(frozen=True)
class Result:
    """A complete result: its folder, the STAC collection in it, and the items of the collection."""

    folder: Path
    collection: pystac.Collection
    items: list[pystac.Item]

    @property
    def quicklooks(self) -> list[Path]:
        """Pictures of the items."""
        assets = (a for item in self.items for a in item.assets.values() if "overview" in (a.roles or []))
        return [Path(asset.get_absolute_href() or asset.href) for asset in assets]


def run(
    process: str | Path | Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    inputs: Mapping[str, str | os.PathLike[str]] | None = None,
    profile: str = "geopyspark",
    geocode: int | str | None = None,
    resolution: float | None = None,
    for_backend: bool = False,
    out: str | os.PathLike[str],
    overwrite: bool = False,
    scheduler: str = "threads",
    workers: int | None = None,
    max_pixels: float | None = None,
    max_memory: float | str | None = None,
    max_output: float | str | None = None,
    trusted: bool = False,
    unsafe: bool = False,
    allow_hosts: Sequence[str] = (),
    data_roots: Sequence[str | os.PathLike[str]] = (),
    progress: Report | None = None,
    file_format: str = "GTiff",
    quicklooks: bool = True,
) -> Result:
    """Run a process and write its result as STAC into the folder `out`.

    `process`: id of the collection, path or https URL of a process JSON, process object or bare graph. `parameters`:
    values of all parameters but raster cubes, which come as STAC paths or URLs in `inputs`. `geocode` (EPSG code) and
    `resolution` (in its unit) resample the result to a map grid. `scheduler`: "threads", "processes" (of this machine),
    "synchronous" (no thread but the caller's), or the address of a dask.distributed scheduler whose workers see the same
    files; `workers` threads or processes, one per processor if None. The rasters are the same, byte for byte. `max_pixels` of
    a plane, `max_memory` of the run and `max_output` on disk, both in bytes or as "8G", are compared with a plan of the run
    before any file is opened, or where the plan needs the headers of the files before a pixel is read; `max_memory` bounds the
    work under way as well. UDF texts that are not of the installed collection run in a sandbox; with `unsafe` in a weak one
    where there is no good one, with `trusted` in none: in this process, with all your rights. `progress(stage, done, total)`
    is told how far each stage of the work is.

    The same graph, parameters and inputs as those of the result in `out` return that result; anything else in `out` is an
    error, or with `overwrite` is replaced if it is a result. Raises `OpenEOError`; nothing is left behind then.

        found = run("slc_coherence", {"pairs": [["2024-08-09", "2024-08-21"]]}, inputs={"data": "demo/input"}, out="result")
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
        file_format=file_format,
        trusted=trusted,
        unsafe=unsafe,
    )
    nodes, execution = job.nodes, job.execution
    called = assemble.definitions(nodes, execution)
    if not trusted:
        assemble.require_trusted(nodes, called, unsafe=unsafe)
    addresses = job.inputs or assemble.loaded(nodes)
    folder = commit.target(out, [Path(locate(a)).parent for a in addresses.values() if not is_remote(locate(a))])
    identity = {
        "process": job.process["id"],
        "graph_hash": assemble.hash_of(public(nodes), public(called)),
        "parameters": public(job.values),
        "inputs": _described(addresses, execution.access),
        "options": {"profile": profile, "for_backend": for_backend},
    }
    with commit.locked(folder):
        commit.clean(folder)
        if not commit.is_there(folder, identity, overwrite=overwrite):
            name = job.process["id"]
            plan = require_budget(nodes, execution, chosen, process=name)
            graphs = {"graph": public(nodes), "processes": public(called)}
            record = {
                **identity,
                **graphs,
                "versions": {**versions_of(*_LIBRARIES), "gdal": rasterio.__gdal_version__},
                "created": _now(),
            }
            with commit.writing(folder) as partial, log.opened(partial, progress or silent) as journal:
                saver = _Saver(partial, record, for_backend=for_backend)
                if not plan.complete:
                    saver.require = functools.partial(require_cube, budget=budget, chosen=chosen, process=name)
                _compute(nodes, saver, execution, chosen, journal)
                _complete(saver, job.process, journal, quicklooks=quicklooks)
    return read(folder)


def read(folder: Path) -> Result:
    """Read the result in a folder."""
    collection = pystac.Collection.from_file(str(folder / "collection.json"))
    return Result(folder, collection, sorted(collection.get_items(), key=lambda item: item.id))


def _described(addresses: Mapping[str, str], access: Access) -> list[dict[str, str]]:
    return [
        {"name": name, "href": public_href(locate(address)), "fingerprint": inputs.fingerprint(address, access)}
        for name, address in sorted(addresses.items())
    ]


def _compute(nodes: assemble.Nodes, saver: _Saver, execution: Execution, chosen: Scheduling, journal: log.Log) -> None:
    """Evaluate the graph, whose `save_result` writes the files."""
    record = saver.record
    told = {
        "graph_hash": record["graph_hash"],
        "scheduler": chosen.scheduler,
        "workers": chosen.workers,
        "max_memory_bytes": execution.budget.max_memory,
        "memory_under_way_bytes": chosen.memory,
    }
    journal.write("start", record["process"], **told, **record["versions"])
    with started(chosen, journal.report) as saver.workers:
        evaluate_with(nodes, {}, replace(execution, save=saver, observer=journal))
    if saver.collection is None:
        raise OpenEOError("ProcessGraphInvalid", "The result of the graph must be a cube that can be saved")


def _complete(saver: _Saver, process: Mapping[str, Any], journal: log.Log, *, quicklooks: bool) -> None:
    """Add what is made of the files, the record last: its graph has no secrets of URLs."""
    folder = saver.folder
    items = list(read(folder).items)
    if quicklooks:
        from local_runner.jobs.quicklooks import add_quicklooks  # noqa: PLC0415  (brings matplotlib: a second)

        journal.report("quicklooks", 0, 1)
        add_quicklooks(items)
        journal.report("quicklooks", 1, 1)
    (folder / "README.md").write_text(redact(readme.text(process, items, saver.record)), encoding="utf-8")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    journal.write("finished", seconds=round(time.monotonic() - saver.started, 3), bytes=size)
    commit.write_record(folder, saver.record)


class _Saver:
    """What `save_result` calls during a run, once; `require` raises for a cube that may not be computed."""

    def __init__(self, folder: Path, record: Mapping[str, Any], *, for_backend: bool) -> None:
        self.folder = folder
        self.record = record
        self.for_backend = for_backend
        self.started = time.monotonic()
        self.require: Callable[[xr.DataArray], None] | None = None
        self.workers: Workers | None = None
        self.collection: pystac.Collection | None = None

    def __call__(self, cube: xr.DataArray, *, file_format: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Write a cube."""
        if self.collection is not None:
            raise assemble.several_saves()
        if self.require is not None:
            self.require(cube)
        self.collection = save(
            cube,
            self.folder,
            process=self.record["process"],
            file_format=file_format,
            options=options,
            provenance=self._provenance(),
            for_backend=self.for_backend,
            workers=self.workers,
        )
        return dict(self.collection.to_dict(include_self_link=False, transform_hrefs=False))

    def _provenance(self) -> Provenance:
        record = self.record
        dates = [record["parameters"].get(name) for name in ("primary_date", "secondary_date")]
        return Provenance(
            process_graph=record["graph"],
            parameters=record["parameters"],
            versions=record["versions"],
            inputs=[i["href"] for i in record["inputs"]],
            created=record["created"],
            pair=(dates[0], dates[1]) if all(dates) else None,
        )


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
