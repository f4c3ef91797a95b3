"""Estimated phase of an interferogram against the true one, judged by the exact distribution of the multilooked phase.

For L independent looks of circular Gaussian speckle of coherence D the phase psi about its truth has the density (Lee et al.,
IEEE TGRS 32(5), 1994, doi:10.1109/36.312890, eq. 22), with b = D cos psi and F the hypergeometric function 2F1,

    p(psi) = G(L+1/2) (1-D^2)^L b / (2 sqrt(pi) G(L) (1-b^2)^(L+1/2)) + (1-D^2)^L / (2 pi) F(L, 1; 1/2; b^2).

The unwrapped phase is known but for whole turns of the whole image: their median is taken off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from scipy.special import gammaln, hyp2f1

from local_runner.demo.compare import effective_looks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local_runner.demo.interferometry import Truth

Band = NDArray[np.float32]
LEAST_COHERENCE: Final = 0.5
"""Of the cells that are judged: where it is less, theory and estimate are hardly apart from no phase at all."""
EVEN: Final = 0.02
"""Largest difference of coherence in a cell that is judged."""
TOLERANCE: Final = 0.1
"""Of a standard deviation, relative: looks of band-limited speckle are not quite those of the theory."""
MAX_MEAN_RAD: Final = 0.02
MAX_UNWRAPPED_RAD: Final = 0.35
"""Largest rms of what differs between unwrapped phase and truth."""
MAX_WRONG: Final = 0.01
"""Largest share of cells that are a turn or more from the truth."""


@dataclass(frozen=True)
class Row:
    """One kind of ground: cells, and standard deviation of the flattened phase about the truth and by theory, rad."""

    name: str
    cells: int
    coherence: float
    mean: float
    deviation: float
    expected: float

    @property
    def within(self) -> bool:
        """Whether mean and deviation are as they should be."""
        error = 4 * self.expected / np.sqrt(max(1, self.cells))
        return abs(self.mean) < MAX_MEAN_RAD + error and abs(self.deviation - self.expected) < TOLERANCE * self.expected


@dataclass(frozen=True, eq=False)
class Unwrapped:
    """Unwrapped phase less the truth (y, x) in rad, without its whole turns; over the cells that belong to component 1."""

    difference: Band
    share: float
    rms: float
    wrong: float

    @property
    def within(self) -> bool:
        """Whether it is the truth but for noise."""
        return self.rms < MAX_UNWRAPPED_RAD and self.wrong < MAX_WRONG


@dataclass(frozen=True, eq=False)
class Phases:
    """Rows by kind, the true phase (y, x) of the cells, and the unwrapped phase where there is one."""

    rows: tuple[Row, ...]
    looks: float
    truth: Band
    unwrapped: Unwrapped | None

    @property
    def within(self) -> bool:
        """Whether all is as it should be."""
        return all(row.within for row in self.rows) and (self.unwrapped is None or self.unwrapped.within)


def judge(
    bands: Mapping[str, Band],
    truth: Truth,
    kinds: NDArray[np.uint8],
    cell: tuple[int, int],
    bandwidth: tuple[float, float],
    names: Sequence[str],
) -> Phases:
    """Compare `phase`, and `phase_unwrapped` with `component` where they are there, of cells of `cell` lines and samples."""
    clear = _cells(truth.is_clear, cell).all(axis=(1, 3))
    phase = np.where(clear, _cells(truth.phase, cell).mean(axis=(1, 3)), np.float32(np.nan))
    coherence = _cells(truth.coherence, cell)
    even = clear & (np.ptp(coherence, axis=(1, 3)) < EVEN)
    kind = np.where(even, _cells(kinds, cell)[:, 0, :, 0], len(names))
    looks = effective_looks(*cell, bandwidth)
    found = bands["phase"][: phase.shape[0], : phase.shape[1]]
    rows = [_row(name, found - phase, coherence.mean(axis=(1, 3)), kind == k, looks) for k, name in enumerate(names)]
    kept = tuple(row for row in rows if row is not None and row.coherence >= LEAST_COHERENCE)
    return Phases(kept, looks, phase, _unwrapped(bands, phase) if "phase_unwrapped" in bands else None)


def expected_deviation(coherence: float, looks: float) -> float:
    """Standard deviation in rad of the phase of that many looks, by its density."""
    psi = np.linspace(-np.pi, np.pi, 4001)
    b = coherence * np.cos(psi)
    first = np.exp(gammaln(looks + 0.5) - gammaln(looks)) * b / (2 * np.sqrt(np.pi) * (1 - b**2) ** (looks + 0.5))
    density = (1 - coherence**2) ** looks * (first + hyp2f1(looks, 1, 0.5, b**2) / (2 * np.pi))
    return float(np.sqrt((psi**2 * density).sum() / density.sum()))


def phase_table(phases: Phases) -> Table:
    """Lay the comparison out for the terminal."""
    caption = f"rad; theory: {phases.looks:.1f} independent looks per cell (Lee et al. 1994)."
    if phases.unwrapped is not None:
        found = phases.unwrapped
        caption += (
            f" Unwrapped less true phase: rms {found.rms:.3f} rad over {found.share:.0%} of the cells,"
            f" {found.wrong:.2%} of them a turn or more off: {'ok' if found.within else 'not as it should be'}."
        )
    grid = Table(
        title="Flattened phase against the truth", title_justify="left", caption=caption, caption_justify="left"
    )
    grid.add_column("class", no_wrap=True)
    for name in ("cells", "coherence", "mean", "deviation", "theory"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("verdict", no_wrap=True)
    for row in phases.rows:
        numbers = (f"{row.coherence:.2f}", f"{row.mean:+.4f}", f"{row.deviation:.3f}", f"{row.expected:.3f}")
        grid.add_row(row.name, f"{row.cells:,}", *numbers, "[green]ok[/]" if row.within else "[red]not as expected[/]")
    return grid


def _row(name: str, difference: Band, coherence: Band, mask: NDArray[np.bool_], looks: float) -> Row | None:
    mask = mask & np.isfinite(difference)
    if not mask.any():
        return None
    turned = np.exp(1j * difference[mask])
    mean = float(np.angle(turned.mean()))
    deviation = float(np.sqrt(np.mean(np.angle(turned * np.exp(-1j * mean)) ** 2)))
    true = float(coherence[mask].mean())
    return Row(name, int(mask.sum()), true, mean, deviation, expected_deviation(true, looks))


def _unwrapped(bands: Mapping[str, Band], truth: Band) -> Unwrapped:
    rows, columns = truth.shape
    difference = bands["phase_unwrapped"][:rows, :columns] - truth
    judged = np.isfinite(difference) & (bands["component"][:rows, :columns] == 1)
    if not judged.any():
        return Unwrapped(np.full_like(truth, np.nan), 0.0, np.inf, 1.0)
    turn = np.float32(2 * np.pi)
    difference -= turn * np.round(np.median(difference[judged]) / turn)
    known = difference[judged]
    share = float(judged.sum() / np.isfinite(truth).sum())
    rms, wrong = float(np.sqrt(np.mean(known**2))), float(np.mean(np.abs(known) > np.pi))
    return Unwrapped(np.where(judged, difference, np.float32(np.nan)), share, rms, wrong)


def _cells(values: NDArray[Any], cell: tuple[int, int]) -> NDArray[Any]:
    """Whole cells (y, lines, x, samples)."""
    rows, columns = (size // step for size, step in zip(values.shape, cell, strict=True))
    return values[: rows * cell[0], : columns * cell[1]].reshape(rows, cell[0], columns, cell[1])
