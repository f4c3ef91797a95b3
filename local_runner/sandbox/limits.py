"""What one call of a UDF in the sandbox may use."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True)
class Limits:
    """Limits of one call of a UDF, which gets one chunk.

    `seconds`: wall clock, and processor time of each of its processes. `memory`: bytes of all its processes together beyond
    what the libraries take, which is counted once. `output`: bytes of its result, and of each file that it writes for
    itself. `processes`: processes and threads. `files`: how many files it has of its own, each takes memory of the system.
    """

    seconds: float = 600.0
    memory: int = 4 * GIB
    output: int = GIB
    processes: int = 64
    files: int = 20_000
