"""Orbit: state vectors and what lies between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Orbit:
    """State vectors, Earth-fixed: `position_m` (n, 3) and `velocity_m_s` (n, 3) at `time_s` (n,).

    `time_s`: ascending seconds since `epoch` (datetime64[us]). `source`: annotation, RESORB or POEORB.
    """

    epoch: np.datetime64
    time_s: NDArray[np.float64]
    position_m: NDArray[np.float64]
    velocity_m_s: NDArray[np.float64]
    source: str = "annotation"

    def at(self, time_s: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Position (m), velocity (m/s) and acceleration (m/s^2), each (..., 3), by cubic Hermite interpolation."""
        raise NotImplementedError

    def since(self, epoch: np.datetime64) -> Orbit:
        """The same orbit, its times counted from another epoch."""
        raise NotImplementedError
