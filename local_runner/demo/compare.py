"""Estimated coherence against the true one, judged by the exact distribution of the sample coherence.

For L independent looks of circular Gaussian speckle of coherence D (0..1), the moments of the estimate d are (Touzi et
al., IEEE TGRS 37(1), 1999, doi:10.1109/36.739146, eq. 21; 3F2 is the hypergeometric function)

    E[d^k] = G(L) G(1+k/2) / G(L+k/2) * 3F2(1+k/2, L, L; L+k/2, 1; D^2) * (1-D^2)^L

which is, term by term, a negative binomial mixture of beta variables,

    E[d^k] = sum_n NB(n; L, D^2) * G(n+1+k/2) G(n+L) / (G(n+1) G(n+L+k/2)),
    NB(n; L, p) = G(n+L) / (G(L) G(n+1)) * p^n (1-p)^L,

and that sum has only positive terms, so that it is summed here as it stands. E[d] = G(L) G(3/2) / G(L+1/2) at D = 0.
This does not judge samples whose window crosses an edge of the truth: a box average has no single coherence there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from scipy.ndimage import maximum_filter, minimum_filter
from scipy.special import gammaln

from local_runner.errors import OpenEOError

if TYPE_CHECKING:
    from collections.abc import Sequence

Float64 = NDArray[np.float64]
Floats = NDArray[np.float32] | Float64

BINS: Final = (0.0, 0.05, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Edges of the default coherence bins."""
SIGMAS: Final = 4.0
"""Half width of the verdict in standard errors of a bin mean."""
MODEL_TOLERANCE: Final = 2e-3
"""Allowance for what the theory leaves out: truth and brightness vary a little inside a window."""


@dataclass(frozen=True)
class Row:
    """One bin: `true` and `estimate` are means over `samples`; `expected` is E[d] by theory; all coherence, 0..1."""

    label: str
    samples: int
    true: float
    estimate: float
    expected: float
    rmse: float
    expected_rmse: float
    bound: float

    @property
    def bias(self) -> float:
        """Mean estimate minus truth."""
        return self.estimate - self.true

    @property
    def within(self) -> bool:
        """Whether the mean estimate lies within `bound` of its expectation."""
        return abs(self.estimate - self.expected) <= self.bound


@dataclass(frozen=True)
class Comparison:
    """Rows of the comparison, the looks assumed, and the share of valid samples that lay clear of edges."""

    rows: tuple[Row, ...]
    looks: float
    share: float

    @property
    def within(self) -> bool:
        """Whether every bin is within its bound."""
        return all(row.within for row in self.rows)


def compare(
    estimate: Floats,
    truth: Floats,
    looks: float | None = None,
    *,
    window_azimuth: int = 5,
    window_range: int = 21,
    classes: NDArray[np.integer] | None = None,
    names: Sequence[str] = (),
    bins: Sequence[float] = BINS,
) -> Comparison:
    """Compare coherence (y, x), NaN where invalid, with the truth, per bin of truth or per class (`classes`).

    `looks`: independent samples per window, the whole window by default (white speckle; `effective_looks` otherwise).
    Used are samples whose window is valid throughout, with the truth constant to 0.05 and, where given, in one class.
    """
    _check(estimate, truth, classes, window_azimuth, window_range)
    looks = float(window_azimuth * window_range if looks is None else looks)
    size = (window_azimuth, window_range)
    usable = _uniform(truth, size, 0.05) & np.isfinite(estimate)
    if classes is not None:
        usable &= _uniform(classes.astype(np.float32), size, 0)
        groups = [(names[c] if c < len(names) else str(c), usable & (classes == c)) for c in np.unique(classes)]
    else:
        cell = np.digitize(truth, bins[1:-1])
        groups = [(f"{a:.2f}-{b:.2f}", usable & (cell == k)) for k, (a, b) in enumerate(pairwise(bins))]
    curve = _Curve(looks)
    rows = tuple(_row(label, estimate[m], truth[m], curve, size) for label, m in groups if m.any())
    if not rows:
        raise OpenEOError(
            "ProcessParameterInvalid",
            "Some sample must be clear of edges",
            got=f"none for a window of {window_azimuth} x {window_range}",
            do="Take a larger scene or a smaller window",
        )
    return Comparison(rows, looks, float(usable.sum() / max(1, np.isfinite(truth).sum())))


def expected_coherence(true: float, looks: float, *, power: int = 1) -> float:
    """E[d^power] of the sample coherence d for true coherence `true` (0..1) and `looks` (> 1, need not be whole)."""
    if not 0 <= true <= 1 or looks <= 1:
        raise OpenEOError(
            "ProcessParameterInvalid", "The coherence must be in 0..1 and looks above 1", got=(true, looks)
        )
    p, k = true * true, power / 2
    if p > 1 - 1e-6:
        return 1.0
    spread = math.sqrt(looks * p) / (1 - p)
    n = np.arange(int(looks * p / (1 - p) + 12 * spread) + 50, dtype=np.float64)
    beta = gammaln(n + 1 + k) + gammaln(n + looks) - gammaln(n + 1) - gammaln(n + looks + k)
    weight = gammaln(n + looks) - gammaln(looks) - gammaln(n + 1) + looks * math.log1p(-p)
    if p > 0:
        return float(np.exp(weight + n * math.log(p) + beta).sum())
    return float(np.exp(beta[0]))


def effective_looks(window_azimuth: int, window_range: int, bandwidth: tuple[float, float]) -> float:
    """Independent looks in a window of speckle of that bandwidth over sampling rate (azimuth, range), box spectrum.

    1/L = product over both axes of sum_m (1 - |m|/N)/N * sinc(b m)^2, the variance of a mean of N intensities.
    """
    looks = 1.0
    for n, b in zip((window_azimuth, window_range), bandwidth, strict=True):
        lag = np.arange(1 - n, n)
        looks /= float(((1 - np.abs(lag) / n) / n * np.sinc(b * lag) ** 2).sum())
    return looks


def table(comparison: Comparison) -> Table:
    """Lay the comparison out for the terminal, in less than 80 columns."""
    caption = (
        f"estimate: mean of slc_coherence over the {comparison.share:.0%} of the samples whose window sees one class;"
        f" theory: what {comparison.looks:.0f} independent samples give on average (Touzi et al. 1999), bias included;"
        " rmse: of the estimate against the truth, and by theory; ok: within four standard errors of theory."
    )
    title = "Coherence against the truth"
    grid = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    grid.add_column("true coherence" if comparison.rows[0].label[0].isdigit() else "class", no_wrap=True)
    for name in ("samples", "true", "estimate", "theory", "rmse", "by theory"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("verdict", no_wrap=True)
    for row in comparison.rows:
        numbers = (row.true, row.estimate, row.expected, row.rmse, row.expected_rmse)
        verdict = "[green]ok[/]" if row.within else f"[red]off by {row.estimate - row.expected:+.3f}[/]"
        grid.add_row(row.label, f"{row.samples:,}", *(f"{v:.3f}" for v in numbers), verdict)
    return grid


class _Curve:
    """First and second moment of the estimate as functions of the truth, interpolated from 401 nodes."""

    def __init__(self, looks: float) -> None:
        self.looks = looks
        self.node = np.linspace(0, 1, 401)
        self.first = np.array([expected_coherence(g, looks) for g in self.node])
        self.second = np.array([expected_coherence(g, looks, power=2) for g in self.node])

    def __call__(self, true: Floats) -> tuple[Float64, Float64]:
        return np.interp(true, self.node, self.first), np.interp(true, self.node, self.second)


def _row(label: str, estimate: Floats, truth: Floats, curve: _Curve, size: tuple[int, int]) -> Row:
    first, second = curve(truth)
    true = truth.astype(np.float64)
    variance = float((second - first**2).mean())
    # Neighbouring windows share samples: there are only about n / (window size) independent estimates.
    independent = max(1.0, truth.size / (size[0] * size[1]))
    return Row(
        label=label,
        samples=truth.size,
        true=float(true.mean()),
        estimate=float(estimate.mean(dtype=np.float64)),
        expected=float(first.mean()),
        rmse=float(np.sqrt(((estimate - true) ** 2).mean())),
        expected_rmse=float(np.sqrt((second - 2 * first * true + true**2).mean())),
        bound=SIGMAS * math.sqrt(variance / independent) + MODEL_TOLERANCE,
    )


def _uniform(values: Floats, size: tuple[int, int], tolerance: float) -> NDArray[np.bool_]:
    """Where a window lies inside the raster, is finite throughout and varies by no more than `tolerance`."""
    finite = np.isfinite(values)
    filled = np.where(finite, values, np.float32(1e6))
    spread = maximum_filter(filled, size, mode="constant", cval=1e6) - minimum_filter(filled, size)
    return np.asarray(finite & (spread <= tolerance + 1e-6))


def _check(estimate: Floats, truth: Floats, classes: NDArray[np.integer] | None, azimuth: int, across: int) -> None:
    shapes = tuple(a.shape for a in (estimate, truth, classes) if a is not None)
    if truth.ndim != 2 or len(set(shapes)) != 1:
        raise OpenEOError("ProcessParameterInvalid", "The rasters must have one shape (y, x)", got=shapes)
    if azimuth < 1 or across < 1 or azimuth % 2 == 0 or across % 2 == 0:
        raise OpenEOError("ProcessParameterInvalid", "The window must be odd", got=(azimuth, across))
