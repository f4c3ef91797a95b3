"""The judgement of phases knows its theory, and sees what is wrong."""

import numpy as np
import pytest

from local_runner.demo.interferometry import Truth
from local_runner.demo.phase import expected_deviation, judge, phase_table
from local_runner.demo.scatterers import BANDWIDTH, speckle

SHAPE, CELL = (128, 512), (2, 8)
NAMES = ("water", "stone")


@pytest.mark.parametrize(("coherence", "looks", "deviation"), [(0.0, 4, np.pi / np.sqrt(3)), (0.999, 16, None)])
def test_limits_of_the_deviation(coherence, looks, deviation):
    """Nothing at all is uniform; much is the bound of Cramer and Rao."""
    bound = np.sqrt((1 - coherence**2) / (2 * looks * max(coherence, 1e-9) ** 2))
    assert expected_deviation(coherence, looks) == pytest.approx(deviation or bound, rel=0.05)


@pytest.fixture(scope="module")
def pair():
    """Truth of a slope of phase over stone with a pool, and the bands of two images with it."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    kinds = (np.hypot((y - 64) / 24, (x - 256) / 100) > 1).astype(np.uint8)
    coherence = np.where(kinds, 0.8, 0.1)
    phase = (0.03 * x).astype(np.float32)
    truth = Truth(phase, coherence.astype(np.float32), phase / 226, np.ones(SHAPE, bool))
    first, other = (speckle(SHAPE, BANDWIDTH["IW2"], [seed]) for seed in (1, 2))
    second = (coherence * first + np.sqrt(1 - coherence**2) * other) * np.exp(-1j * phase)
    means = (first * second.conj()).reshape(64, 2, 64, 8).mean(axis=(1, 3))
    bands = {"phase": np.angle(means).astype(np.float32)}
    cells = phase.reshape(64, 2, 64, 8).mean(axis=(1, 3))
    noise = np.angle(means * np.exp(-1j * cells))
    bands |= {"phase_unwrapped": (cells + 0.3 * noise + 4 * np.pi).astype(np.float32)}
    bands |= {"component": (coherence[::2, ::8] > 0.5).astype(np.float32)}
    return bands, truth, kinds


def test_phases_as_theory_has_them_are_within(pair):
    found = judge(*pair, CELL, BANDWIDTH["IW2"], NAMES)
    assert found.within
    assert [row.name for row in found.rows] == ["stone"]
    assert found.unwrapped.share > 0.8
    assert phase_table(found).row_count == 1


@pytest.mark.parametrize("name", ["phase", "phase_unwrapped"])
def test_wrong_sign_is_seen(pair, name):
    bands, truth, kinds = pair
    assert not judge({**bands, name: -bands[name]}, truth, kinds, CELL, BANDWIDTH["IW2"], NAMES).within


def test_jump_of_a_turn_is_seen(pair):
    bands, truth, kinds = pair
    unwrapped = bands["phase_unwrapped"].copy()
    unwrapped[:, :8] += 2 * np.pi
    assert not judge({**bands, "phase_unwrapped": unwrapped}, truth, kinds, CELL, BANDWIDTH["IW2"], NAMES).within


def test_nothing_unwrapped_is_not_within(pair):
    bands, truth, kinds = pair
    found = judge({**bands, "component": 0 * bands["component"]}, truth, kinds, CELL, BANDWIDTH["IW2"], NAMES)
    assert found.unwrapped.share == 0
    assert not found.within
