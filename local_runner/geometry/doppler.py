"""Doppler centroid of an image whose lines are not zero-Doppler lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Doppler:
    """Values `frequency_hz` (n, m) at `time_s` (n,) since the epoch of the grid and `slant_range_m` (m,); bilinear between them."""

    time_s: NDArray[np.float64]
    slant_range_m: NDArray[np.float64]
    frequency_hz: NDArray[np.float64]
