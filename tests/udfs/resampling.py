"""Helpers of the tests of `slc_resample`: cubes, shift fields, and the definition as a plain sum in float64."""

import numpy as np
import xarray as xr

from udfs import slc_resample

CONTEXT = {"polarization": "VV", "taps": 12, "carrier": True, "zeros_valid": False, "phase_band": None}
BETA = {8: 4, 12: 5, 16: 6}
SHAPE = (46, 54)
PHASES = 8192


def make_cube(slc, azimuth_shift=0.0, range_shift=0.0, deramp_phase=0.0, reramp_phase=0.0, **others):
    """Cube (bands, y, x) of one date; `slc` is complex or {polarisation: complex}, other bands by name."""
    images = slc if isinstance(slc, dict) else {"VV": slc}
    bands = {
        f"{part}_{name}": getattr(z, kind)
        for name, z in images.items()
        for part, kind in (("i", "real"), ("q", "imag"))
    }
    bands |= {"azimuth_shift": azimuth_shift, "range_shift": range_shift}
    bands |= {"deramp_phase": deramp_phase, "reramp_phase": reramp_phase, **others}
    shape = next(iter(images.values())).shape
    values = np.stack([np.broadcast_to(np.float32(v), shape) for v in bands.values()])
    coords = {"bands": list(bands), "y": np.arange(shape[0]), "x": np.arange(shape[1])}
    return xr.DataArray(values, coords, ("bands", "y", "x"))


def run(cube, **options):
    return slc_resample.apply_datacube(cube, CONTEXT | options)


def resampled(*args, **bands):
    """Complex result of the UDF; options of the context by name."""
    options = {name: bands.pop(name) for name in CONTEXT if name in bands}
    result = run(make_cube(*args, **bands), **options).values
    return result[0] + 1j * result[1]


def speckle(rng, shape=SHAPE):
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


def spoiled(rng, slc):
    """The image with some samples of each kind of invalid ones."""
    slc = slc.copy()
    for value in (0, np.nan, complex(np.inf, 1), complex(1, np.nan)):
        slc[rng.random(slc.shape) < 0.001] = value
    return slc


def fields(name, rng, shape=SHAPE):
    """Shift bands, float32: smooth as by orbits, with rough places and gaps, wild, or of whole samples in places."""
    y, x = np.indices(shape)
    azimuth, across = {
        "smooth": (1.3 + 1e-3 * y + 1e-2 * x, -0.9 + 1e-4 * y + 2e-2 * x),
        "rough places": (-2.6 + 1e-3 * y + 1e-2 * x, 3.9 - 1e-4 * y + 5e-3 * x),
        "wild": rng.uniform(-8, 8, (2, *shape)),
        "whole": (rng.integers(-8, 9, shape), rng.integers(-8, 9, shape)),
    }[name]
    azimuth, across = azimuth.astype(np.float32), across.astype(np.float32)
    if name == "rough places":
        azimuth[rng.random(shape) < 0.003] += 1.3
        across[rng.random(shape) < 0.003] = np.nan
        across[20:, 30:36] -= 0.7
    if name == "whole":
        across[:, ::2] += np.float32(0.3) * (across[:, ::2] < 0)
    return azimuth, across


def phase(rng, shape=SHAPE):
    return rng.uniform(-np.pi, np.pi, shape).astype(np.float32)


def definition(slc, azimuth, across, before, after, taps):
    """Double sum in float64, written without the code under test; shifts are rounded to the table."""
    slc = slc.astype(complex)
    slc = np.where(np.isfinite(slc) & (slc != 0), slc, np.nan) * np.exp(1j * before.astype(float))
    out = np.full(slc.shape, complex(np.nan, np.nan))
    for place in zip(*np.nonzero(np.isfinite(azimuth) & np.isfinite(across)), strict=True):
        rows, along = kernel(azimuth[place], place[0], taps)
        columns, over = kernel(across[place], place[1], taps)
        if min(rows[0], columns[0]) >= 0 and rows[-1] < slc.shape[0] and columns[-1] < slc.shape[1]:
            out[place] = along @ slc[np.ix_(rows, columns)] @ over * np.exp(1j * float(after[place]))
    return out


def kernel(shift, index, taps):
    """Indices that a shift touches on an axis, and their weights."""
    shift = round(float(shift) * PHASES) / PHASES
    whole, half = int(np.floor(shift)), taps // 2
    if shift == whole:
        return np.array([index + whole]), np.ones(1)
    distance = np.arange(1 - half, half + 1) - (shift - whole)
    weights = np.sinc(distance) * np.i0(BETA[taps] * np.sqrt(1 - (distance / half) ** 2))
    return index + whole + np.arange(1 - half, half + 1), weights / weights.sum()
