"""Tries the metadata of an HDF5 file in a process of its own, because damaged ones can stop or crash the HDF5 library.

`require_sound` asks; this file run as a script answers, one file per line, and lives as long as its parent. All
metadata that the readers will need are touched: links, types, attributes, dimensions, the index of the chunks, short texts
of any length; no other data are read and no link out of the file is followed. Not here: judging what is in a file
(`local_runner.files.hdf5`).
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S: Final = 10.0
MAX_OBJECTS: Final = 10_000
_TEXTS: Final = 1_000
_MEMORY: Final = 8 * 2**30
_GUARD: Final = threading.Lock()
_sound: set[tuple[Path, int, int]] = set()
_children: dict[int, Any] = {}
"""By the process that started it: after a fork each one talks to its own."""


def require_sound(path: Path, kind: str = "netCDF") -> None:
    """Raise `DataCorrupt` where touching the metadata of a file crashes a process or takes more than `TIMEOUT_S`.

    `kind`: format of the file, for the error.
    """
    status = path.stat()
    key = (path, status.st_size, status.st_mtime_ns)
    with _GUARD:
        if key in _sound or not sys.executable:
            return
        if _answers(path):
            _sound.add(key)
            return
    from local_runner.errors import DataError  # noqa: PLC0415  (the child does without)

    crash = f"its header crashes the HDF5 library, or takes {TIMEOUT_S:g} s"
    must = f"{path} must be a whole, readable {kind} file ({crash})"
    raise DataError("DataCorrupt", must, do="Make or download the file again")


def _answers(path: Path) -> bool:
    """Whether the child says in time that it is done with a file; if not, it is dead afterwards."""
    child = _running()
    alarm = threading.Timer(TIMEOUT_S, child.kill)
    alarm.start()
    try:
        child.stdin.write(json.dumps(os.fspath(path)).encode() + b"\n")
        child.stdin.flush()
        done = bool(child.stdout.readline())
    except OSError:
        done = False
    finally:
        alarm.cancel()
    if not done:
        _stop()
    return done


def _running() -> Any:
    child = _children.get(os.getpid())
    if child is None or child.poll() is not None:
        _stop()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HDF5_")} | {"HDF5_PLUGIN_PRELOAD": "::"}
        command = [sys.executable, "-P", __file__]  # -P: no module of the folder that happens to be the current one
        pipe = subprocess.PIPE
        child = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)  # noqa: S603
        _children[os.getpid()] = child
    return child


@atexit.register
def _stop() -> None:
    child = _children.pop(os.getpid(), None)
    if child is not None:
        child.kill()
        child.communicate()


def _touch(path: str) -> None:
    """Touch all metadata of a file; what is wrong with them is for the reader to find."""
    import h5py  # noqa: PLC0415

    with h5py.File(path, "r", locking=False) as file:
        waiting, seen = [file], {_address(file)}
        while waiting and len(seen) <= MAX_OBJECTS:
            group = waiting.pop()
            dict(group.attrs)
            for name in group:
                link = None
                with suppress(TypeError):  # a link of a class that a program defined for itself
                    link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    continue
                thing = group[name]
                if _address(thing) in seen:
                    continue
                seen.add(_address(thing))
                dict(thing.attrs)
                if isinstance(thing, h5py.Group):
                    waiting.append(thing)
                elif isinstance(thing, h5py.Dataset):
                    _touch_dataset(thing, named=group is file)


def _touch_dataset(data: Any, *, named: bool) -> None:
    """`named`: names of its dimensions too, which readers ask for in the root group only; HDF5 searches the file for each."""
    pipeline = data.id.get_create_plist()
    for at in range(pipeline.get_nfilters()):
        pipeline.get_filter(at)
    for dim in data.dims if named else ():
        [scale.name for scale in dim.values()]
    if data.chunks and not data.external and not data.is_virtual:
        data.id.get_num_chunks()
        data.id.get_chunk_info_by_coord((0,) * data.ndim)
    data.id.get_offset()
    if data.dtype.kind == "O" and (data.size or 0) <= _TEXTS and not (data.external or data.is_virtual or data.chunks):
        data[()]


def _address(thing: Any) -> int:
    import h5py  # noqa: PLC0415

    return int(h5py.h5o.get_info(thing.id).addr)


def main() -> None:
    """Answer each line of the input, the path of a file as JSON, by one line; end with the input."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415  (not on Windows)

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin.buffer:
        with suppress(Exception):
            _touch(json.loads(line))
        sys.stdout.buffer.write(b"done\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
