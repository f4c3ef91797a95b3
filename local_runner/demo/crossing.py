"""Where an image sees the ground that the pixels of another image see."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from local_runner.demo.relief import Relief, evaluated
from local_runner.geometry.coregistration import coregister, shift

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from local_runner.geometry.coregistration import Coregistration
    from local_runner.geometry.radar_grid import RadarGrid

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Crossing:
    """From the pixels of an image over their ground, `relief`, to another image.

    `is_exact`: solve for each pixel; else by polynomials, whose errors `coregister` bounds.
    """

    relief: Relief
    other: RadarGrid
    is_exact: bool = False

    @classmethod
    def over(cls, dem: Path, own: RadarGrid, other: RadarGrid, *, is_exact: bool = False) -> Crossing:
        """By a raster of heights."""
        return cls(Relief.of_raster(own, dem), other, is_exact)

    def places(self, lines: range, heights: NDArray[np.float32], late_px: float = 0.0) -> tuple[Floats, Floats]:
        """Lines and samples of the other image (lines, samples) that see what all samples of lines see; NaN without height.

        `late_px` is added to the lines; the heights are those without it.
        """
        line, sample = np.array(lines)[:, None] + late_px, np.arange(heights.shape[1])
        if self.is_exact:
            along, across = shift(self.relief.grid, self.other, line, sample, heights)
            return line + along, sample + across
        placed = self._placed
        along, across = (evaluated(each, line[:, 0], heights) for each in (placed.azimuth, placed.range))
        return line + placed.line_offset + along, sample + placed.sample_offset + across

    @cached_property
    def _placed(self) -> Coregistration:
        return coregister(self.relief.grid, self.other)
