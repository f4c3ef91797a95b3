"""Files without names, through which requests and arrays go into the sandbox and replies come out of it.

Nobody else can open them, no link can stand in their place, and none is left behind however a process ends.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Files:
    """Files for one call, closed with it."""

    def __init__(self) -> None:
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def make(self, content: bytes | memoryview = b"") -> int:
        """Descriptor of a new file that holds `content` and then keeps its size; in memory where the system can."""
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("chunk", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        else:
            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        self._open.callback(os.close, descriptor)
        write(descriptor, content)
        if content and hasattr(os, "memfd_create"):  # nobody hides memory in what is to be read
            import fcntl  # noqa: PLC0415  (not for all systems)

            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
        return descriptor

    def pipe(self) -> tuple[int, int]:
        """Ends of a new pipe: the one to read from, and the one to write to, which the caller closes."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        self._open.callback(os.close, reading)
        return reading, writing


def write(descriptor: int, content: bytes | memoryview) -> None:
    """Write all of `content`."""
    rest = memoryview(content).cast("B")
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def read(descriptor: int, longest: int) -> bytes:
    """Content from the start of a file, `longest` bytes at most, wherever others have moved its position."""
    parts, place = [], 0
    while place < longest and (part := os.pread(descriptor, min(longest - place, 2**20), place)):
        parts.append(part)
        place += len(part)
    return b"".join(parts)


def read_into(descriptor: int, buffer: memoryview) -> bool:
    """Fill a buffer from the start of a file; False where the file is too short. Not mapped: it may shrink meanwhile."""
    place = 0
    while place < len(buffer):
        part = os.pread(descriptor, min(len(buffer) - place, 2**24), place)
        if not part:
            return False
        buffer[place : place + len(part)] = part
        place += len(part)
    return True
