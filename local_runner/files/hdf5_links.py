"""The links of an HDF5 file, walked one by one: what leads out of the file or into a cycle is found before it is followed.

Not here: opening files (`local_runner.files.hdf5`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py

from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.files.netcdf_probe import MAX_OBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def links(file: Any) -> Iterator[tuple[str, str, Any]]:
    """Path, kind of link and thing of all that a file holds, link by link: a path would hide the links in its middle.

    Only hard links are followed, each thing once; what other links lead to is None.
    """
    waiting, seen, count = [("", file)], {_address(file)}, 0
    while waiting:
        prefix, group = waiting.pop()
        for name in group:
            count += 1
            if count > MAX_OBJECTS:
                raise LimitExceededError("ArrayTooLarge", f"{file.filename} must have at most {MAX_OBJECTS} objects")
            kind = _kind_of_link(group, name)
            thing = group[name] if kind == "HardLink" else None
            yield f"{prefix}{name}", kind, thing
            if thing is None or _address(thing) in seen:
                continue
            seen.add(_address(thing))
            if isinstance(thing, h5py.Group):
                waiting.append((f"{prefix}{name}/", thing))


def require_harmless(path: Path, file: Any) -> None:
    """Refuse what leads out of the file or into a cycle."""
    for name, kind, thing in links(file):
        if kind != "HardLink":
            _refuse(path, f"{kind} {name!r}")
        if isinstance(thing, h5py.Dataset) and (thing.external or thing.is_virtual):
            _refuse(path, f"data of {name!r} in another file")


def _kind_of_link(group: Any, name: str) -> str:
    try:
        return type(group.get(name, getlink=True)).__name__
    except TypeError:  # of a class that a program defined for itself
        return "user-defined link"


def _address(thing: Any) -> int:
    return int(h5py.h5o.get_info(thing.id).addr)


def _refuse(path: Path, got: str) -> None:
    must = f"{path} must hold its data itself, without soft, external or user-defined links"
    raise OpenEOError("AccessRefused", must, got=got, do="Copy the data into one file, e.g. by h5repack")
