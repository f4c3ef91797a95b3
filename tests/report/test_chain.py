import numpy as np
from PIL import Image

from local_runner.report.chain import chain

Y, X = np.mgrid[:40, :80].astype(np.float32)
PHASE = np.hypot((Y - 20) / 4, (X - 40) / 8)


def drawn(path, unwrapped, **changed):
    rasters = {"fringes": np.angle(np.exp(1j * X)), "filtered": np.angle(np.exp(1j * PHASE)), "coherence": Y / 40}
    settings = {**rasters, "truth": PHASE, "unwrapped": unwrapped, "cell": (2, 8), "title": "A bowl", **changed}
    chain(path, **settings)
    return Image.open(path)


def test_unwrapped_phase_adds_two_panels(tmp_path):
    with_it, without = drawn(tmp_path / "a.png", PHASE), drawn(tmp_path / "b.png", None)
    assert with_it.size == without.size
    pixels = [np.asarray(picture.convert("L")).mean() for picture in (with_it, without)]
    assert pixels[0] < pixels[1] - 5


def test_what_differs_from_the_truth_is_seen(tmp_path):
    wrong = PHASE + 2 * np.pi * (X > 60)
    first, second = (np.asarray(drawn(tmp_path / "a.png", each).convert("L"), float) for each in (PHASE, wrong))
    assert (np.abs(first - second) > 60).sum() > 1000


def test_missing_values_have_a_key(tmp_path):
    gap = np.where(X < 10, np.nan, X)
    first, second = (np.asarray(drawn(tmp_path / "a.png", PHASE, fringes=each).convert("RGB")) for each in (X, gap))
    assert not (first == (200, 213, 172)).all(axis=2).any()
    assert (second == (200, 213, 172)).all(axis=2).any()
