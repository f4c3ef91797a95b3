"""Leaves nothing of a chunk in its sandbox: ends processes and removes files."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Final

from local_runner.sandbox.usage import children

SCRATCH_FOLDERS: Final = ("/tmp", "/dev/shm")  # noqa: S108  (of the sandbox)
"""Folders of a sandbox to which a UDF can write."""
IS_ALONE: Final = os.getpid() == 1
"""All processes that this one sees are its descendants."""


def fixed() -> set[Path]:
    """What is in the scratch folders before any UDF has run: what is mounted there, and the folders on the way to it.

    Such is an interpreter below /tmp.
    """
    return set().union(*(_in(Path(folder)) for folder in SCRATCH_FOLDERS)) if IS_ALONE else set()


def _in(folder: Path) -> set[Path]:
    found = set(folder.iterdir())
    return found.union(*(_in(path) for path in found if path.is_dir() and not path.is_mount()))


def clean_up(kept: set[Path]) -> bool:
    """End what a child has left running and remove its files, all but those `kept`; False if something stays."""
    while True:
        try:
            if IS_ALONE:
                os.kill(-1, signal.SIGKILL)
            else:
                _end_children()
        except ProcessLookupError:
            pass
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    return not IS_ALONE or all(_emptied(Path(folder), kept) for folder in SCRATCH_FOLDERS)


def _end_children() -> None:
    for child in children(os.getpid()):
        os.kill(child, signal.SIGKILL)


def _emptied(folder: Path, kept: set[Path]) -> bool:
    try:
        for entry in folder.iterdir():
            if entry.is_symlink() or not entry.is_dir():
                entry.unlink()
            elif entry in kept:
                if not entry.is_mount() and not _emptied(entry, kept):
                    return False
            else:
                shutil.rmtree(entry)
    except (OSError, RecursionError):
        return False
    return True
