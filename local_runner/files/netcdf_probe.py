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
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMEOUT_S: Final = 10.0
"""How long nothing may be heard of a file."""
LONGEST_S: Final = 60.0
"""How long a file may take in all."""
MAX_OBJECTS: Final = 40_000
"""Most links that a file may hold: some 1,700 bursts of S1-ETAD, more than the longest data take has."""
_TOGETHER: Final = 500
"""Links after which the child says that it goes on."""
_TEXTS: Final = 1_000
_MEMORY: Final = 8 * 2**30
_GUARD: Final = threading.Lock()
_sound: set[tuple[Path, int, int]] = set()
_MORE: Final = b"more\n"
_DONE: Final = b"done\n"
_children: dict[int, Any] = {}
"""By the process that started it: after a fork each one talks to its own."""


def require_sound(path: Path, kind: str = "netCDF") -> None:
    """Raise `DataCorrupt` where touching the metadata of a file crashes a process or takes too long.

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

    crash = f"its header crashes the HDF5 library, or takes more than {TIMEOUT_S:g} s"
    must = f"{path} must be a whole, readable {kind} file ({crash})"
    raise DataError("DataCorrupt", must, do="Make or download the file again")


def _answers(path: Path) -> bool:
    """Whether the child says in time that it is done with a file; if not, it is dead afterwards."""
    child, end = _running(), time.monotonic() + LONGEST_S
    said = b""
    with suppress(OSError):
        child.stdin.write(json.dumps(os.fspath(path)).encode() + b"\n")
        child.stdin.flush()
        said = _MORE
        while said == _MORE:
            said = _said(child, min(TIMEOUT_S, end - time.monotonic()))
    if said != _DONE:
        _stop()
    return said == _DONE


def _said(child: Any, seconds: float) -> bytes:
    """The next line of the child, empty where it is silent for too long and dies."""
    alarm = threading.Timer(max(seconds, 0), child.kill)
    alarm.start()
    try:
        line: bytes = child.stdout.readline()
    finally:
        alarm.cancel()
    return line


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


def _touch(path: str) -> Iterator[None]:
    """Touch all metadata of a file, link by link; what is wrong with them is for the reader to find."""
    import h5py  # noqa: PLC0415

    with h5py.File(path, "r", locking=False) as file:
        waiting, seen = [file], {_address(file)}
        while waiting:
            group = waiting.pop()
            dict(group.attrs)
            for name in group:
                yield
                thing = _thing(group, name)
                if thing is None or _address(thing) in seen:
                    continue
                seen.add(_address(thing))
                dict(thing.attrs)
                if isinstance(thing, h5py.Group):
                    waiting.append(thing)
                elif isinstance(thing, h5py.Dataset):
                    _touch_dataset(thing, named=group is file)


def _thing(group: Any, name: str) -> Any:
    """What a hard link leads to, None for others."""
    import h5py  # noqa: PLC0415

    with suppress(TypeError):  # a link of a class that a program defined for itself
        if isinstance(group.get(name, getlink=True), h5py.HardLink):
            return group[name]
    return None


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
    """Answer each line of the input, the path of a file as JSON, by lines of which `_DONE` is the last; end with the input.

    A file whose metadata do not fit into `_MEMORY` ends the process, as one does that crashes it.
    """
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415  (not on Windows)

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin.buffer:
        try:
            for count, _ in zip(range(MAX_OBJECTS), _touch(json.loads(line)), strict=False):
                if count % _TOGETHER == 0:
                    _say(_MORE)
        except MemoryError:
            return
        except Exception:  # noqa: BLE001, S110  (the reader will meet it, and tells of it)
            pass
        _say(_DONE)


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
