"""What is noted of the blocks of a raster as they pass on their way into a file: statistics, and where the data lie."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


SAMPLES: Final = 2**17
"""Samples that are summed up at a time: few calls for many threads, and temporary arrays that stay in the cache."""


@dataclass
class Statistics:
    """Number, mean, sum of squared deviations and range of the finite values, gathered block by block."""

    total: int = 0
    valid: int = 0
    mean: float = math.nan
    squares: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf

    def add_block(self, block: NDArray[Any]) -> None:
        """Take in a block (..., y, x), a few rows at a time so that the temporary arrays stay in the cache."""
        rows = max(1, SAMPLES // max(block.shape[-1], 1))
        for start in range(0, block.shape[-2], rows):
            self._add(block[..., start : start + rows, :])

    def _add(self, block: NDArray[Any]) -> None:
        """Chan, Golub and LeVeque's pairwise update."""
        finite = np.isfinite(block)
        count = int(np.count_nonzero(finite))
        self.total += block.size
        if not count:
            return
        values = block if count == block.size else block[finite]
        mean = float(values.mean(dtype=np.float64))
        squares = float(values.var(dtype=np.float64)) * count
        self.merge(Statistics(0, count, mean, squares, float(values.min()), float(values.max())))

    def merge(self, other: Statistics) -> None:
        """Take in the statistics of other values; the sums depend on the order in the last digits."""
        self.total += other.total
        if not other.valid:
            return
        both = self.valid + other.valid
        delta = other.mean - self.mean if self.valid else 0.0
        self.squares += other.squares + delta**2 * self.valid * other.valid / both
        self.mean = self.mean + delta * other.valid / both if self.valid else other.mean
        self.valid = both
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)

    def as_stac(self) -> dict[str, float]:
        """`statistics` of a STAC band: what exists of minimum, maximum, mean, stddev, and valid_percent, count."""
        percent = {"count": self.valid, "valid_percent": 100.0 * self.valid / max(self.total, 1)}
        if not self.valid:
            return percent
        stddev = math.sqrt(self.squares / self.valid)
        return {"minimum": self.minimum, "maximum": self.maximum, "mean": self.mean, "stddev": stddev, **percent}


@dataclass(frozen=True)
class Facts:
    """What is known of a block: its values as they are stored, their crc32, statistics, and spans if asked for."""

    values: NDArray[Any]
    checksum: int
    statistics: Statistics
    spans: NDArray[np.int64] | None


@dataclass(frozen=True)
class Noting:
    """Turns a block (y, x) into `Facts`; done by who computes the block, so that the one who writes has little to do."""

    dtype: np.dtype[Any]
    spans: bool = False

    def __call__(self, block: NDArray[Any]) -> Facts:
        """Facts of a block."""
        values = np.ascontiguousarray(block, dtype=self.dtype)
        statistics = Statistics()
        statistics.add_block(values)
        return Facts(values, zlib.crc32(values.data), statistics, spans_of(values) if self.spans else None)


def add_spans(known: NDArray[np.int64], found: NDArray[np.int64], column: int) -> None:
    """Widen spans of rows, in place, by those of a block that starts at a column; -1 stands for none."""
    some = found[:, 0] >= 0
    fresh = some & (known[:, 0] < 0)
    known[fresh] = found[fresh] + column
    both = some & ~fresh
    known[both, 0] = np.minimum(known[both, 0], found[both, 0] + column)
    known[both, 1] = np.maximum(known[both, 1], found[both, 1] + column)


def spans_of(block: NDArray[Any]) -> NDArray[np.int64]:
    """First and last finite column of each row of a block (y, x), -1 and -1 where none is."""
    finite = np.isfinite(block)
    last = block.shape[1] - 1 - finite[:, ::-1].argmax(axis=1)
    found = np.stack([finite.argmax(axis=1), last], axis=1).astype(np.int64)
    found[~finite.any(axis=1)] = -1
    return found
