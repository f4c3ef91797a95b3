"""Who computes a run, by the name that the caller gives: threads, the caller, processes of this machine, or a cluster.

The graph itself is evaluated here in any case, and what it must know of its data beforehand is computed by threads.
"""

from __future__ import annotations

import logging
import re
import socket
import tempfile
import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import dask

from local_runner.compute.workers import Report, Threads, Workers, available, silent
from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.versions import versions_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client, LocalCluster

SCHEDULERS: Final = ("threads", "synchronous", "processes")
TIMEOUT_S: Final = 10
MOST_WORKERS: Final = 1024
_ADDRESS: Final = re.compile(r"(?:tcp|tls)://[^\s/@]+:\d{1,5}")
_LIBRARIES: Final = ("openeo-sar", "dask", "numpy", "xarray")
"""What tasks that are sent to workers are made of."""


@dataclass(frozen=True)
class Scheduling:
    """What computes a run: one of `SCHEDULERS` or the address of a scheduler of dask.distributed.

    `workers`: number of threads or processes. `memory`: bytes that the results under way may hold (threads), or one process
    may (processes).
    """

    scheduler: str
    workers: int
    memory: int

    @property
    def is_address(self) -> bool:
        """Whether a scheduler elsewhere computes."""
        return self.scheduler not in SCHEDULERS


def scheduling(scheduler: str, workers: int | None, max_memory: int) -> Scheduling:
    """What the caller asks for, checked; nothing is started. `ProcessParameterInvalid` for what cannot be.

    Of `max_memory` bytes, threads may hold half in results; the rest is for what tasks need and for the libraries. Processes
    have equal shares, the caller's included. Workers of a cluster have their own limits.
    """
    if scheduler not in SCHEDULERS and not _ADDRESS.fullmatch(scheduler):
        must = f"scheduler must be one of {SCHEDULERS} or the address of a dask scheduler, tcp://host:8786"
        raise OpenEOError("ProcessParameterInvalid", must, got=scheduler)
    if workers is not None and (type(workers) is not int or not 1 <= workers <= MOST_WORKERS):
        raise OpenEOError(
            "ProcessParameterInvalid", f"workers must be a whole number from 1 to {MOST_WORKERS}", got=workers
        )
    if workers is not None and scheduler not in ("threads", "processes"):
        must = "workers must be given for threads and processes only"
        has = "synchronous has one worker" if scheduler == "synchronous" else "a cluster has the workers that it has"
        raise OpenEOError("ProcessParameterInvalid", must, got=workers, do=f"Leave it out: {has}")
    count = 1 if scheduler == "synchronous" else workers or available()
    return Scheduling(scheduler, count, max_memory // (count + 1 if scheduler == "processes" else 2))


@contextmanager
def started(chosen: Scheduling, report: Report = silent) -> Iterator[Workers]:
    """Workers, as long as the block lasts. Raises `SchedulerUnreachable`, `WorkersUnsuitable`, `WorkerLost`."""
    inside = "synchronous" if chosen.scheduler == "synchronous" else "threads"
    with ExitStack() as opened, dask.config.set(scheduler=inside, num_workers=chosen.workers):
        if chosen.scheduler == "synchronous":
            yield Workers(report=report)
        elif chosen.scheduler == "threads":
            yield Threads(chosen.workers, report, memory=chosen.memory)
        else:
            from local_runner.compute.cluster import Cluster  # noqa: PLC0415  (brings cloudpickle)

            client = opened.enter_context(_connected(chosen) if chosen.is_address else _processes(chosen))
            _require_suitable(client)
            yield Cluster(sum(client.nthreads().values()), report, client=client)


@contextmanager
def _processes(chosen: Scheduling) -> Iterator[Client]:
    """Worker processes that end with the block; they listen to this machine alone, to whoever works on it."""
    from distributed import Client  # noqa: PLC0415  (0.5 s)

    with (
        tempfile.TemporaryDirectory(prefix="openeo-sar-") as folder,
        _local_cluster(chosen, folder) as cluster,
        Client(cluster, set_as_default=False, direct_to_workers=True) as client,
    ):
        yield client


def _local_cluster(chosen: Scheduling, folder: str) -> LocalCluster:
    """Worker processes that keep their files in a folder. Raises `WorkerLost` where they do not live to see the start."""
    from distributed import LocalCluster  # noqa: PLC0415  (0.5 s)

    try:
        return LocalCluster(
            host="127.0.0.1",
            n_workers=chosen.workers,
            threads_per_worker=1,
            memory_limit=chosen.memory,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,  # errors of tasks come back as what they are, and are told once
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # without a dashboard it still answers by HTTP
            local_directory=folder,
            preload="local_runner.compute.cluster",
        )
    except RuntimeError as error:
        do = "Take fewer workers, or run with --scheduler threads"
        raise LimitExceededError("WorkerLost", "Worker processes must start", got=str(error), do=do) from error


@contextmanager
def _connected(chosen: Scheduling) -> Iterator[Client]:
    from distributed import Client  # noqa: PLC0415  (0.5 s)

    from local_runner.compute.cluster import unreachable  # noqa: PLC0415

    try:
        _require_answer(chosen.scheduler)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="(?s).*Mismatched versions")  # said as an error, if it matters
            client = Client(chosen.scheduler, timeout=TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:  # ValueError: there is no such port
        raise unreachable(error, chosen.scheduler) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=TIMEOUT_S)
        except TimeoutError as error:
            raise unreachable("it must have a worker", chosen.scheduler) from error
        yield client


def _require_answer(address: str) -> None:
    """Raise unless somebody listens there: a client that fails to connect takes long, also when the program ends."""
    from distributed import Security  # noqa: PLC0415

    where = urlsplit(address)
    if where.scheme == "tls" and Security().get_connection_args("client")["ssl_context"] is None:
        must = "tls:// needs the certificates of the client in the configuration of dask, distributed.comm.tls"
        raise OpenEOError("ProcessParameterInvalid", must, got=address)
    socket.create_connection((where.hostname, where.port), timeout=TIMEOUT_S).close()


def _require_suitable(client: Client) -> None:
    """Raise unless all workers have what is here: tasks are code and data that both sides must read alike."""
    here = versions_of(*_LIBRARIES)
    try:
        found = client.run(versions_of, *_LIBRARIES)
    except Exception as error:
        raise _unsuitable(f"{type(error).__name__}: {error}") from error
    for where, there in found.items():
        different = [
            f"{name} {there.get(name)} for {value}" for name, value in here.items() if there.get(name) != value
        ]
        if different:
            raise _unsuitable(f"{', '.join(different)} at {where}")


def _unsuitable(got: str) -> OpenEOError:
    must = "The workers must have openeo-sar and its libraries in the versions that are installed here"
    do = "Install the same versions there, e.g. from `pip freeze`, or run with --scheduler processes"
    return OpenEOError("WorkersUnsuitable", must, got=got, do=do)
