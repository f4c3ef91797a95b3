"""Run a process here: one call from STAC to STAC.

Everything that can be wrong with the call is found before a pixel is read. Not here: what processes do, and how files
are written; `local_runner.jobs.commit` sees to it that the result is there whole or not at all.
"""

from __future__ import annotations

import importlib.metadata
import logging
import platform
import re
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import dask
import pystac
import rasterio
from dask.callbacks import Callback

from local_runner import catalog, parameters
from local_runner.access import Access, is_remote, locate, public_href
from local_runner.errors import OpenEOError
from local_runner.execution import Execution
from local_runner.graph import evaluate_with
from local_runner.jobs import assemble, commit, inputs, readme
from local_runner.profiles import load_profile
from local_runner.stac.metadata import public
from local_runner.stac.write import Provenance, save

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import xarray as xr

SCHEDULERS: Final = ("threads", "synchronous")
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
    trusted: bool = False,
    allow_hosts: Sequence[str] = (),
    data_roots: Sequence[str | os.PathLike[str]] = (),
    progress: Callable[[int, int], None] | None = None,
    file_format: str = "GTiff",
    quicklooks: bool = True,
) -> Result:
    """Run a process and write its result as STAC into the folder `out`.

    `process`: id of the collection, path or https URL of a process JSON, process object or bare graph. `parameters`:
    values of all parameters but raster cubes, which come as STAC paths or URLs in `inputs`. `geocode` (EPSG code) and
    `resolution` (in its unit) resample the result to a map grid. `trusted` runs UDF texts that are not of the installed
    collection. `progress` is called with the tasks done and known. The same graph, parameters and inputs as those of
    the result in `out` return that result; anything else in `out` is an error, or with `overwrite` is replaced if it is
    a result. Raises `OpenEOError`; nothing is left behind then.
    """
    if scheduler not in SCHEDULERS:
        raise OpenEOError(
            "ProcessParameterInvalid",
            f"scheduler must be one of {SCHEDULERS}; clusters are not supported yet",
            got=scheduler,
        )
    access = Access(roots=tuple(map(Path, data_roots)), hosts=tuple(allow_hosts), trusted=trusted)
    job = _job(process, parameters or {}, inputs or {}, access)
    code, step = assemble.target_grid(geocode, resolution)
    nodes = assemble.assemble(
        job.process, job.values, job.inputs, geocode=code, resolution=step, file_format=file_format
    )
    execution = Execution(load_profile(profile), job.access, trusted, processes={job.process["id"]: job.process})
    called = assemble.definitions(nodes, execution)
    if not trusted:
        assemble.require_trusted(nodes, called)
    addresses = job.inputs or assemble.loaded(nodes)
    folder = commit.target(out, [Path(locate(a)).parent for a in addresses.values() if not is_remote(locate(a))])
    identity = {
        "process": job.process["id"],
        "graph_hash": assemble.hash_of(public(nodes), public(called)),
        "parameters": public(job.values),
        "inputs": _described(addresses, job.access),
        "options": {"profile": profile, "for_backend": for_backend},
    }
    with commit.locked(folder):
        commit.clean(folder)
        if not commit.is_there(folder, identity, overwrite=overwrite):
            graphs = {"graph": public(nodes), "processes": public(called)}
            record = {**identity, **graphs, "versions": versions(), "created": _now()}
            with dask.config.set(scheduler=scheduler), _Tasks(progress), commit.writing(folder) as partial:
                _write(partial, job.process, nodes, record, execution, for_backend=for_backend, quicklooks=quicklooks)
    return read(folder)


def read(folder: Path) -> Result:
    """Read the result in a folder."""
    collection = pystac.Collection.from_file(str(folder / "collection.json"))
    return Result(folder, collection, sorted(collection.get_items(), key=lambda item: item.id))


def versions() -> dict[str, str]:
    """Versions of what makes the numbers."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return {**found, "gdal": rasterio.__gdal_version__, "python": platform.python_version()}


@dataclass(frozen=True)
class _Job:
    """A call that has been checked: process with id, values of its parameters, addresses of its inputs."""

    process: dict[str, Any]
    values: dict[str, Any]
    inputs: dict[str, str]
    access: Access


def _job(
    process: str | Path | Mapping[str, Any], given: Mapping[str, Any], addresses: Mapping[str, Any], access: Access
) -> _Job:
    loaded = catalog.load(process, access)
    stem = Path(process).stem if isinstance(process, str | Path) else "graph"
    definition = {**loaded, "id": loaded.get("id") or re.sub(r"\W", "_", stem)}
    values = parameters.resolve(definition, given)
    named = assemble.input_addresses(definition, addresses)
    for address in named.values():
        access = access.naming(address)
    return _Job(definition, values, {name: locate(address) for name, address in named.items()}, access)


def _described(addresses: Mapping[str, str], access: Access) -> list[dict[str, str]]:
    return [
        {"name": name, "href": public_href(locate(address)), "fingerprint": inputs.fingerprint(address, access)}
        for name, address in sorted(addresses.items())
    ]


def _write(
    folder: Path,
    process: Mapping[str, Any],
    nodes: assemble.Nodes,
    record: dict[str, Any],
    execution: Execution,
    *,
    for_backend: bool,
    quicklooks: bool,
) -> None:
    """Write everything of a result into its partial folder, the record last: its graph has no secrets of URLs."""
    start = time.monotonic()
    saver = _Saver(folder, record, for_backend=for_backend)
    with _log() as log:
        evaluate_with(nodes, {}, replace(execution, save=saver))
        if saver.collection is None:
            raise OpenEOError("ProcessGraphInvalid", "The result of the graph must be a cube that can be saved")
        items = list(read(folder).items)
        if quicklooks:
            from local_runner.jobs.quicklooks import add_quicklooks  # noqa: PLC0415  (brings matplotlib: a second)

            add_quicklooks(items)
    log.append(f"finished after {time.monotonic() - start:.1f} s")
    (folder / "README.md").write_text(readme.text(process, items, record), encoding="utf-8")
    commit.write_record(folder, {**record, "log": log})


class _Saver:
    """What `save_result` calls during a run, once."""

    def __init__(self, folder: Path, record: Mapping[str, Any], *, for_backend: bool) -> None:
        self.folder = folder
        self.record = record
        self.for_backend = for_backend
        self.collection: pystac.Collection | None = None

    def __call__(self, cube: xr.DataArray, *, file_format: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Write a cube."""
        if self.collection is not None:
            raise OpenEOError(
                "ProcessGraphInvalid", "A graph must save one result", do="Remove all but one save_result"
            )
        self.collection = save(
            cube,
            self.folder,
            process=self.record["process"],
            file_format=file_format,
            options=options,
            provenance=self._provenance(),
            for_backend=self.for_backend,
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


class _Tasks(Callback):  # type: ignore[misc]  # dask is not typed
    """Counts dask tasks over all computations of a run."""

    def __init__(self, report: Callable[[int, int], None] | None) -> None:
        super().__init__()
        self.report = report
        self.done = self.known = 0

    def _start_state(self, _dsk: Any, state: Mapping[str, Any]) -> None:
        self.known += sum(len(state[kind]) for kind in ("ready", "waiting", "running"))

    def _posttask(self, *_task: Any) -> None:
        self.done += 1
        if self.report is not None:
            self.report(self.done, max(self.known, self.done))


class _Listener(logging.Handler):
    """Puts log messages into a list."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__()
        self.messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        """Add one message."""
        self.messages.append(f"{record.levelname.lower()}: {record.getMessage()}")


@contextmanager
def _log() -> Iterator[list[str]]:
    """Messages of the package's logger and warnings, which go their usual way as well."""
    messages: list[str] = []
    handler = _Listener(messages)
    logger = logging.getLogger("local_runner")
    shown = warnings.showwarning

    def show(message: Warning | str, *rest: Any, **named: Any) -> None:
        messages.append(f"warning: {message}")
        shown(message, *rest, **named)

    logger.addHandler(handler)
    warnings.showwarning = show
    try:
        yield messages
    finally:
        warnings.showwarning = shown
        logger.removeHandler(handler)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
