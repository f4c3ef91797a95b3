"""The program in a sandbox: imports what UDFs need, then forks one child for each chunk, which runs the UDF and ends.

Started as a script by `command.command`; its standard input is the socket on which the runner sends requests. No UDF runs in
this process, and a child leaves nothing behind: neither modules nor files nor processes.
"""

from __future__ import annotations

import ast
import ctypes
import gc
import importlib
import json
import mmap
import os
import resource
import select
import signal
import socket
import stat
import struct
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from local_runner.errors import OpenEOError
    from local_runner.udf.call import Udf

STATUS = "=i?"
"""What is said of a request: status of its child, and whether the sandbox can be used again."""
IDLE_SECONDS = 60
"""A sandbox without work ends after this time."""
_LONGEST = 1000
_LIBRARIES = ("numpy", "scipy", "xarray", "pandas", "numba")
_OWN = """
import xarray as xr
def apply_datacube(cube: xr.DataArray, context: dict) -> xr.DataArray:
    return cube * 1
"""
_END_WITH_PARENT, _NOT_READABLE, _ADOPTS_ORPHANS = 1, 4, 36


def main(user: int, paths: list[str]) -> None:
    """Serve until the runner is gone or has no work."""
    _give_up_rights(user)
    sys.path[:0] = paths
    from local_runner.sandbox import cleaning  # noqa: PLC0415  (found by the paths)
    from local_runner.sandbox.seccomp import refuse_system_calls  # noqa: PLC0415

    refuse_system_calls()
    kept = cleaning.fixed()
    control = socket.socket(fileno=0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # process 1 gets no signal from within that it does not handle
    _warm_up()
    gc.collect()
    gc.freeze()
    control.send(b"r")
    while select.select([control], [], [], IDLE_SECONDS)[0]:
        message, descriptors, *_ = socket.recv_fds(control, 1, 5)
        if not message:
            return
        status = _serve(control, descriptors)
        clean = cleaning.clean_up(kept)
        control.send(struct.pack(STATUS, status, clean))
        if not clean:
            return


def _give_up_rights(user: int) -> None:
    if user:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    if sys.platform == "linux":
        control = ctypes.CDLL(None).prctl
        control(_NOT_READABLE, 0, 0, 0, 0)  # children of the same user cannot write to this process, nor trace it
        control(_ADOPTS_ORPHANS, 1, 0, 0, 0)
    _end_with_parent()


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGKILL, 0, 0, 0)


def _warm_up() -> None:
    """Run a UDF of our own once: xarray and the openEO client import much at first use, which not each chunk should."""
    import numpy as np  # noqa: PLC0415
    import xarray as xr  # noqa: PLC0415

    from local_runner.sandbox import wire  # noqa: PLC0415
    from local_runner.udf.call import Udf  # noqa: PLC0415

    chunk = xr.DataArray(np.zeros((1, 1), np.float32), {"x": [0.0]}, ("y", "x"))
    wire.describe(Udf(_OWN, {})(wire.labelled(chunk.values, wire.describe(chunk)), "warm-up"))


def _serve(control: socket.socket, descriptors: list[int]) -> int:
    """Run one request in a child; its status as `os.waitpid` gives it. Without the runner, there is nothing left to do."""
    from local_runner.sandbox.files import read  # noqa: PLC0415

    request = json.loads(read(descriptors[0], os.fstat(descriptors[0]).st_size))
    with suppress(Exception, SystemExit):  # the child finds the same, and tells
        _udf(request["text"])
    child = os.fork()
    if child == 0:
        try:
            _work(request, *descriptors[1:])
        finally:
            os._exit(0)
    for descriptor in descriptors:
        os.close(descriptor)
    with suppress(OSError, AttributeError):  # where the system cannot wait for both, the end of the runner waits
        end = os.pidfd_open(child)
        ready = select.select([end, control.fileno()], [], [])[0]
        os.close(end)
        if end not in ready:  # the runner says nothing meanwhile, unless it ends
            os._exit(0)
    return os.waitpid(child, 0)[1]


@lru_cache(maxsize=16)
def _udf(text: str) -> Udf:
    """The UDF of a text, which is not run; modules of well-known libraries that it names are imported for all its chunks."""
    from local_runner.udf.call import Udf  # noqa: PLC0415

    nodes = list(ast.walk(ast.parse(text)))
    names = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    for name in sorted(names):
        first, *rest = name.split(".")
        if first in _LIBRARIES and not any(part.startswith(("_", "test")) for part in rest):
            with suppress(ImportError):  # the UDF tells, or does without
                importlib.import_module(name)
    return Udf(text, {})


def _work(request: dict[str, Any], samples: int, output: int, reply_file: int, printed: int) -> None:
    from local_runner.errors import LimitExceededError, OpenEOError, UdfError  # noqa: PLC0415
    from local_runner.sandbox.files import write  # noqa: PLC0415

    _end_with_parent()
    for target, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, printed), (2, printed)):
        os.dup2(source, target)  # 0 was the socket to the runner, which is nothing for a UDF
    _open_anew({samples, output, reply_file})
    _limit(request["limits"])
    where = f"[chunk {request['place']}]"
    try:
        reply = _answer(request, samples, output)
    except OpenEOError as error:
        reply = {"error": _told(error)}
    except MemoryError:
        reply = {"error": _told(LimitExceededError("UdfOutOfMemory", f"The UDF must fit into memory {where}"))}
    except BaseException as error:  # noqa: BLE001  (what a UDF can raise beside exceptions)
        reply = {"error": _told(UdfError("UdfFailed", f"The UDF failed: {_named(error)} {where}"))}
    write(reply_file, json.dumps(reply).encode())
    sys.stdout.flush()
    sys.stderr.flush()


def _open_anew(kept: set[int]) -> None:
    """Open other files that libraries keep open (proj.db) again: their positions are shared with the next child."""
    for link in Path("/proc/self/fd").iterdir() if sys.platform == "linux" else ():
        descriptor = int(link.name)
        with suppress(OSError):
            if descriptor > 2 and descriptor not in kept and stat.S_ISREG(os.fstat(descriptor).st_mode):
                other = os.open(link.readlink(), os.O_RDONLY)
                os.dup2(other, descriptor, inheritable=False)
                os.close(other)


def _told(error: OpenEOError) -> dict[str, Any]:
    _, (_, code, must, do, _, has_got, got) = error.__reduce__()
    return {"code": code, "must": _cut(must), "do": do, "got": _cut(got) if has_got else None}


def _cut(text: str) -> str:
    """A text without its middle where it is longer than what the runner takes."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 103]}...{text[-100:]}"


def _named(error: BaseException) -> str:
    with suppress(BaseException):  # of a UDF, whose `__str__` may raise anything
        return f"{type(error).__name__}: {error}"
    return type(error).__name__


def _answer(request: dict[str, Any], samples: int, output: int) -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415

    from local_runner.errors import UdfError  # noqa: PLC0415
    from local_runner.sandbox import files, wire  # noqa: PLC0415

    udf = _udf(request["text"])
    udf.context = request["context"]
    if "bands" in request:
        return {"bands": udf.declared_bands(request["dims"], request["bands"])}
    array = request["array"]
    size = os.fstat(samples).st_size
    mapped = mmap.mmap(samples, size, access=mmap.ACCESS_READ) if size else b""
    values = np.frombuffer(mapped, array["dtype"]).reshape(array["shape"])
    result = udf(wire.labelled(values, array), request["place"])
    _require_small(result, request)
    real = result.astype(np.float64) if result.dtype.itemsize > 8 else result
    files.write(output, wire.samples_of(np.ascontiguousarray(real.values)))
    try:
        return {"array": wire.describe(real)}
    except TypeError as error:
        must = f"The UDF must return labels that are texts, numbers or dates [chunk {request['place']}]"
        raise UdfError("UdfResultInvalid", must, got=str(error)) from error


def _require_small(result: xr.DataArray, request: dict[str, Any]) -> None:
    from local_runner.errors import LimitExceededError  # noqa: PLC0415

    if result.nbytes > request["limits"]["output"]:
        must = f"The result of the UDF must have at most {request['limits']['output']} bytes [chunk {request['place']}]"
        raise LimitExceededError("UdfOutputTooLarge", must, got=result.nbytes)


def _limit(limits: dict[str, Any]) -> None:
    """Limits of the system for this process and its children; the runner watches all of them together."""
    from local_runner.sandbox import cleaning  # noqa: PLC0415

    _set(resource.RLIMIT_CPU, int(limits["seconds"]) + 2)
    if sys.platform == "linux":  # libraries reserve far more than they use
        reserved = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        _set(resource.RLIMIT_AS, reserved + 8 * limits["memory"])
    _set(resource.RLIMIT_FSIZE, limits["output"])
    _set(resource.RLIMIT_NOFILE, 256)
    _set(resource.RLIMIT_CORE, 0)
    if (
        cleaning.IS_ALONE
    ):  # elsewhere all other processes of the user would count; the runner ends those that have too many
        _set(resource.RLIMIT_NPROC, 2 * limits["processes"] + 2)


def _set(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
