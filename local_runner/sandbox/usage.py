"""Memory, tasks and files of a family of processes, as Linux tells them; nothing where there is no /proc."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Usage(NamedTuple):
    """Memory in bytes and number of threads."""

    memory: int = 0
    tasks: int = 0


def children(process: int) -> list[int]:
    """Numbers of the child processes of all threads of a process, of which any may end meanwhile."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.scandir(f"/proc/{process}/task"):
            with suppress(OSError):
                found += map(int, Path(thread, "children").read_text().split())
    return found


def family(founder: int) -> list[int]:
    """Numbers of all descendants of a process."""
    found: list[int] = []
    waiting = [founder]
    while waiting:
        offspring = children(waiting.pop())
        found += offspring
        waiting += offspring
    return found


def of_family(founder: int) -> Usage:
    """What all descendants of a process use; memory beyond that of the founder, which its first copy shares with it.

    Whatever they say they share with it beyond that may be memory of their own.
    """
    members = [_of(process) for process in family(founder)]
    memory = sum(m.memory for m in members) - _of(founder).memory
    return Usage(max(0, memory), sum(m.tasks for m in members))


def files(process: int, folders: Iterable[str]) -> int:
    """Number of files in the file systems of folders, as a process sees them; 0 where that may not be asked."""
    found = 0
    for folder in folders:
        with suppress(OSError):
            space = os.statvfs(f"/proc/{process}/root{folder}")
            found += space.f_files - space.f_ffree
    return found


def _of(process: int) -> Usage:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return Usage()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    memory = sum(int(fields.get(name, "0 kB").split()[0]) for name in ("RssAnon", "RssShmem"))
    return Usage(memory * 1024, int(fields.get("Threads", "1")))
