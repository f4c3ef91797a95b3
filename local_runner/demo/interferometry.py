"""Two passes of a TOPS burst over one ground, with phase, coherence and deformation known.

The primary sees scatterers u(l, s), band-limited circular speckle on its own grid, with the carrier phi of its burst that
deramping (times exp(+j phi)) takes off:

    z_primary(l, s) = u(l, s) exp(-j phi(l, s)).

Pixel (l', s') of the secondary sees the point of the ground that the primary sees at (l, s), in general between its pixels: the
ground by orbit, slant range and DEM of the secondary, then zero-Doppler from there to the primary. A scatterer has the phase
-4 pi R / lambda at its zero-Doppler time and the carrier only away from it, so that

    z_secondary(l', s') = v(l, s) exp(-j phi(l, s)) exp(-j 4 pi / lambda (R_secondary - R_primary + d)),
    v = gamma u + sqrt(1 - gamma^2) n,

with d the growth of the distance to the ground from the primary to the secondary (m, positive: away from the sensor), gamma the
coherence and n speckle of its own. Primary times conjugate of secondary has, once flattened, the phase 4 pi d / lambda:
2.266 rad for 1 cm. Secondaries of one primary are independent of each other but for what they share with it.

Not here: what amplitude and coherence owe to slope and baseline, antenna pattern, atmosphere, noise of the instrument.
Samples whose ground is not the only one at their range, or hidden, are as wrong as a single height makes them; `truth_of` tells
which they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, uniform_filter

from local_runner.demo.crossing import Crossing
from local_runner.demo.relief import Relief
from local_runner.demo.safe import SPECKLE_DN, later, write_safe
from local_runner.demo.scatterers import BANDWIDTH, Between, speckle
from local_runner.products.sentinel1_slc.annotation import read_annotation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local_runner.demo.safe import Content, Product
    from local_runner.geometry.carrier import Carrier
    from local_runner.geometry.radar_grid import RadarGrid

Floats = NDArray[np.float64]
Complex = NDArray[np.complex64]
Field = Callable[[Floats, Floats], Floats]
"""Values at latitudes and longitudes in degrees."""
ROWS: Final = 64
"""Lines that are simulated together."""
REACH_PX: Final = 8
"""How far resampling reaches: what is as near to a sample that is not clear is not clear."""
EDGE_PX: Final = (7, 9)
"""Lines and samples of two means that soften the edges of coherence and amplitude: what is beside the bands allows no less."""


@dataclass(frozen=True)
class Scene:
    """What two passes see. `dem`: raster of heights in m above the ellipsoid, around all ground that bursts may see.

    `coherence` (0 to 1), `deformation_m` (growth of the distance from primary to secondary) and `amplitude_dn` (rms): numbers
    or functions of position; edges of the first and the last are softened. `azimuth_error_px`: by how much the secondary is
    sampled too late, lines. `is_exact`: whether positions are solved for each pixel; else polynomials are fitted to them, which
    is faster and differs by 1e-4 px at most.
    """

    dem: Path
    coherence: float | Field = 1.0
    deformation_m: float | Field = 0.0
    amplitude_dn: float | Field = SPECKLE_DN
    azimuth_error_px: float = 0.0
    seed: int = 0
    is_exact: bool = False


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of a pair on the grid of the primary, each (y, x).

    `phase` of the flattened interferogram in rad, not wrapped; `coherence` 0 to 1; `deformation_m`; float32. `is_clear`: false
    where either pass sees layover, shadow or nothing, and where resampling reaches such samples.
    """

    phase: NDArray[np.float32]
    coherence: NDArray[np.float32]
    deformation_m: NDArray[np.float32]
    is_clear: NDArray[np.bool_]


def write_pair(folder: Path, scene: Scene, product: Product, secondary: Product | None = None) -> tuple[Path, Path]:
    """Write the SAFE folders of two passes, the second one `later` by default, and return them."""
    first = write_safe(folder, replace(product, content=of_primary(scene)))
    return first, write_safe(folder, replace(secondary or later(product), content=of_secondary(scene, first)))


def of_primary(scene: Scene) -> Content:
    """What makes the pixels of the primary."""

    def content(swath: str, polarization: str, index: int, grid: RadarGrid, carrier: Carrier | None) -> Complex:
        image = Image(swath, polarization, index, grid, carrier)
        values = scatterers(scene, image)
        for lines in _blocks(grid):
            values[_rows(lines)] *= image.carried(np.array(lines)[:, None], np.arange(grid.shape[1]))
        return values

    return content


def of_secondary(scene: Scene, primary: Path) -> Content:
    """What makes the pixels of a secondary; `primary`: SAFE folder, of which annotations are read."""

    def content(swath: str, polarization: str, index: int, grid: RadarGrid, carrier: Carrier | None) -> Complex:
        del carrier
        return secondary_of(scene, image_of(primary, swath, polarization, index), grid)

    return content


@dataclass(frozen=True, eq=False)
class Image:
    """One burst in one polarisation, `carrier` None where the mode has none."""

    swath: str
    polarization: str
    index: int
    grid: RadarGrid
    carrier: Carrier | None

    def seeds(self, *further: int) -> list[int]:
        """Numbers that are its own."""
        return [*self.swath.encode(), *self.polarization.encode(), self.index, *further]

    def carried(self, line: NDArray[np.number], sample: NDArray[np.number]) -> Complex:
        """Carrier exp(-j phi) at lines and samples."""
        if self.carrier is None:
            return np.ones(np.broadcast_shapes(line.shape, sample.shape), np.complex64)
        return turned(-self.carrier.phase(line, sample))


def image_of(safe: Path, swath: str, polarization: str, index: int) -> Image:
    """A burst of a SAFE folder."""
    (path,) = safe.glob(f"annotation/*-{swath}-slc-{polarization}-*.xml".lower())
    annotation = read_annotation(path)
    return Image(swath, polarization, index, annotation.grid(index), annotation.carrier(index))


def scatterers(scene: Scene, image: Image, day: int | None = None) -> Complex:
    """Scatterers (y, x) on the grid of the primary, as it sees them, or as the secondary of a `day` does."""
    bandwidth, grid = BANDWIDTH[image.swath], image.grid
    values = speckle(grid.shape, bandwidth, [scene.seed, *image.seeds()])
    is_same = day is None or scene.coherence == 1
    own = None if is_same else speckle(grid.shape, bandwidth, [scene.seed, *image.seeds(day or 0)])
    varies = callable(scene.amplitude_dn) or (own is not None and callable(scene.coherence))
    relief = Relief.of_raster(grid, scene.dem) if varies else None
    if own is not None:
        coherence = _softened(scene.coherence, relief)
        own *= np.sqrt(1 - np.square(coherence))
        values *= coherence
        values += own
    values *= _softened(scene.amplitude_dn, relief)
    return values


def secondary_of(scene: Scene, primary: Image, grid: RadarGrid) -> Complex:
    """Image of a secondary (y, x) in DN, 0 where its ground is not known."""
    day = int(grid.first_line_time.astype("datetime64[D]").astype(int))
    between = Between(scatterers(scene, primary, day))
    crossing = Crossing.over(scene.dem, grid, primary.grid, is_exact=scene.is_exact)
    out = np.empty(grid.shape, np.complex64)
    for lines in _blocks(grid):
        heights = crossing.relief.heights(lines)
        line, sample = crossing.places(lines, heights, scene.azimuth_error_px)
        growth = grid.slant_range_m(np.arange(grid.shape[1])) - primary.grid.slant_range_m(sample)
        growth += _value(scene.deformation_m, crossing.relief, lines, heights)
        values = between.at(line, sample)
        values *= primary.carried(line, sample)
        values *= turned(-4 * np.pi / grid.wavelength_m * growth)
        out[_rows(lines)] = np.where(np.isfinite(growth), values, 0)
    return out


def truth_of(scene: Scene, primary: RadarGrid, secondary: RadarGrid) -> Truth:
    """What is true of a pair."""
    relief = Relief.of_raster(primary, scene.dem)
    deformation = np.empty(primary.shape, np.float32)
    for lines in _blocks(primary):
        deformation[_rows(lines)] = _value(scene.deformation_m, relief, lines, relief.heights(lines))
    coherence = np.full(primary.shape, _softened(scene.coherence, relief), np.float32)
    phase = np.asarray(4 * np.pi / primary.wavelength_m * deformation, np.float32)
    return Truth(phase, coherence, deformation, _clear(scene, relief, secondary))


def turned(phase: Floats) -> Complex:
    """exp(j phase); whole turns are taken off before it is rounded."""
    turns = phase / (2 * np.pi)
    angle = np.asarray(2 * np.pi * (turns - np.round(turns)), np.float32)
    return np.asarray(np.cos(angle) + 1j * np.sin(angle), np.complex64)


def _clear(scene: Scene, relief: Relief, secondary: RadarGrid) -> NDArray[np.bool_]:
    """`Truth.is_clear`: the mask of the secondary is taken where it sees the pixels of the primary."""
    crossing = Crossing(relief, secondary)
    other = np.pad(Relief.of_raster(secondary, scene.dem).is_clear(), 1)
    hidden = ~relief.is_clear()
    for lines in _blocks(relief.grid):
        heights = relief.heights(lines)
        places = np.stack(crossing.places(lines, heights))
        line, sample = (
            np.clip(np.nan_to_num(each.round(), nan=-1) + 1, 0, size - 1).astype(np.intp)
            for each, size in zip(places, other.shape, strict=True)
        )
        hidden[_rows(lines)] |= ~other[line, sample] | np.isnan(heights)
    return ~maximum_filter(hidden, 2 * REACH_PX + 1) if hidden.any() else ~hidden


def _softened(value: float | Field, relief: Relief | None) -> NDArray[np.float32] | np.float32:
    """Values (y, x) of a field with soft edges: sharp ones would not be band-limited."""
    if relief is None or not callable(value):
        return np.float32(value if not callable(value) else np.nan)
    sharp = np.empty(relief.grid.shape, np.float32)
    for lines in _blocks(relief.grid):
        sharp[_rows(lines)] = _value(value, relief, lines, relief.heights(lines))
    return np.asarray(uniform_filter(uniform_filter(sharp, EDGE_PX), EDGE_PX), np.float32)


def _value(value: float | Field, relief: Relief, lines: range, heights: NDArray[np.float32]) -> Floats | float:
    return value(*relief.positions(lines, heights)) if callable(value) else value


def _blocks(grid: RadarGrid) -> Iterator[range]:
    for start in range(0, grid.shape[0], ROWS):
        yield range(start, min(start + ROWS, grid.shape[0]))


def _rows(lines: range) -> slice:
    return slice(lines.start, lines.stop)
