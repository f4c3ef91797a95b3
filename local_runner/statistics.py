"""What is noted of the blocks of a raster as they pass on their way into a file: statistics, and where the data lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
        for start in range(0, block.shape[-2], 16):
            self._add(block[..., start : start + 16, :])

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
        delta = mean - self.mean if self.valid else 0.0
        both = self.valid + count
        self.squares += squares + delta**2 * self.valid * count / both
        self.mean = self.mean + delta * count / both if self.valid else mean
        self.valid = both
        self.minimum = min(self.minimum, float(values.min()))
        self.maximum = max(self.maximum, float(values.max()))

    def as_stac(self) -> dict[str, float]:
        """`statistics` of a STAC band: what exists of minimum, maximum, mean, stddev, and valid_percent, count."""
        percent = {"count": self.valid, "valid_percent": 100.0 * self.valid / max(self.total, 1)}
        if not self.valid:
            return percent
        stddev = math.sqrt(self.squares / self.valid)
        return {"minimum": self.minimum, "maximum": self.maximum, "mean": self.mean, "stddev": stddev, **percent}


def spans_of(block: NDArray[Any]) -> NDArray[np.int64]:
    """First and last finite column of each row of a block (y, x), -1 and -1 where none is."""
    finite = np.isfinite(block)
    last = block.shape[1] - 1 - finite[:, ::-1].argmax(axis=1)
    found = np.stack([finite.argmax(axis=1), last], axis=1).astype(np.int64)
    found[~finite.any(axis=1)] = -1
    return found
