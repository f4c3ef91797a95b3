"""Phase in one turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def phase_of_turns(turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Phase in rad, in (-pi, pi], of any number of turns; whole turns are taken off before anything is rounded."""
    return np.asarray(2 * np.pi * (turns - np.ceil(turns - 0.5)))
