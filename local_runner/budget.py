"""Limits of the size of what is computed, checked while a graph is evaluated and before a pixel is read.

A limit is no property of the data: whoever has the machine for it raises it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from local_runner.errors import LimitExceededError, OpenEOError, Quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PIXELS: Final = 200_000_000
"""Pixels (rows times columns) of one plane; a Sentinel-1 burst geocoded to 5 m has about 120 million."""
MAX_OUTPUT: Final = 100 * 2**30
_UNKNOWN_RAM: Final = 8 * 2**30
_ENDLESS: Final = 2**60
_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def half_of_memory() -> int:
    """Half of the machine's memory in bytes."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):  # not on Windows
        return _UNKNOWN_RAM // 2


@dataclass(frozen=True)
class Budget:
    """The largest plane in pixels, the peak memory of a run in bytes, and the size of its result on disk in bytes."""

    max_pixels: int = MAX_PIXELS
    max_memory: int = field(default_factory=half_of_memory)
    max_output: int = MAX_OUTPUT

    def require_plane(self, rows: float, columns: float) -> None:
        """Raise `LimitExceeded` for a grid with too many pixels; infinite and NaN sizes are too many."""
        if not rows * columns <= self.max_pixels:
            raise LimitExceededError(
                "LimitExceeded",
                f"A plane of a cube must have at most {self.max_pixels} pixels",
                got=Quoted(f"{rows:.15g} rows x {columns:.15g} columns"),
                do="Choose a coarser resolution or a smaller area, or raise --max-pixels, in Python max_pixels",
            )

    def require_cube(self, sizes: Mapping[Any, int]) -> None:
        """Raise `LimitExceeded` for a cube whose planes have too many pixels."""
        self.require_plane(sizes.get("y", 1), sizes.get("x", 1))

    def require_memory(self, size: int, what: str, *, node: str = "", workers: int = 1) -> None:
        """Raise `LimitExceeded` where `what`, done by so many workers, would need more memory, in bytes."""
        if size > self.max_memory:
            fewer = "fewer --workers, " if workers > 1 else ""
            do = f"Choose {fewer}fewer dates, a smaller area or a smaller neighbourhood"
            do += ", or raise --max-memory, in Python max_memory"
            raise LimitExceededError(
                "LimitExceeded",
                f"{what} must need at most {size_text(self.max_memory)} of memory",
                got=_about(size),
                do=do,
                node=node,
            )

    def require_output(self, size: int, *, node: str = "") -> None:
        """Raise `LimitExceeded` for a result that would need more space on disk, in bytes."""
        if size > self.max_output:
            do = "Choose a smaller area or fewer bands, or raise --max-output, in Python max_output"
            raise LimitExceededError(
                "LimitExceeded",
                f"The result must have at most {size_text(self.max_output)} on disk",
                got=_about(size),
                do=do,
                node=node,
            )


def budget_of(
    max_pixels: float | None = None, max_memory: float | str | None = None, max_output: float | str | None = None
) -> Budget:
    """Budget with the given limits, the others at their defaults; bytes also as text, "8G" or "500 MB" (1024-based)."""
    given = {"max_pixels": max_pixels, "max_memory": max_memory, "max_output": max_output}
    return replace(Budget(), **{name: number_of(name, value) for name, value in given.items() if value is not None})


def size_text(size: float) -> str:
    """A number of bytes for people, 1024-based: "41.0 MiB"."""
    if size >= _ENDLESS:  # perhaps beyond what a float can hold
        return "more than 1048576.0 TiB"
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _about(size: int) -> Quoted:
    return Quoted(f"about {size_text(size)}")


def number_of(name: str, given: float | str) -> int:
    """A positive number, of bytes also as text, "8G" or "500 MB" (1024-based); `name` is who is to blame."""
    text = str(given).strip().upper().removesuffix("B").removesuffix("I").strip()
    unit = text[-1:] if text[-1:].isalpha() else ""
    try:
        value = float(text.removesuffix(unit)) * _UNITS[unit]
        if 0 < value < 2**63:
            return int(value)
    except (KeyError, ValueError):
        pass
    do = "Give a number, of bytes also as 500M or 8G"
    raise OpenEOError("ProcessParameterInvalid", f"{name} must be a positive number", got=given, do=do)
