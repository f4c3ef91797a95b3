"""Memory and tasks of a family of processes, as Linux tells them; nothing where there is no /proc."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Usage(NamedTuple):
    """Memory in bytes and number of threads."""

    memory: int = 0
    tasks: int = 0


def children(process: int) -> list[int]:
    """Numbers of the child processes of all threads of a process."""
    found: list[int] = []
    for thread in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found += map(int, thread.read_text().split())
        except OSError:
            continue
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
    """What all descendants of a process use; memory beyond that of the founder, which its copies share with it."""
    shared = _of(founder).memory
    members = [_of(process) for process in family(founder)]
    return Usage(sum(max(0, m.memory - shared) for m in members), sum(m.tasks for m in members))


def _of(process: int) -> Usage:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return Usage()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    memory = sum(int(fields.get(name, "0 kB").split()[0]) for name in ("RssAnon", "RssShmem"))
    return Usage(memory * 1024, int(fields.get("Threads", "1")))
