"""Which ETAD burst belongs to an SLC burst: by swath and time, never by its number."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from local_runner.demo import etad
from local_runner.demo.etad import STEP_S, write_etad
from local_runner.errors import DataError
from local_runner.products.sentinel1_etad.frame import covering, frame_of
from local_runner.products.sentinel1_etad.reader import read_product

START = np.datetime64("2019-12-16T19:45:20.475893")
PERIOD = np.timedelta64(2_758_273, "us")
DT, TAU, FS = 2.055556299999998e-03, 5.372502580223076e-03, 64345238.1257
LINES, SAMPLES = 1503, 400


def annotation(**known):
    """What matching asks of an annotation: three bursts, valid but for 20 lines and 10 samples at each border."""
    valid = np.full(LINES, 10)
    valid[:20] = valid[-20:] = -1
    bursts = [
        SimpleNamespace(
            azimuth_time=START + n * PERIOD, first_valid=valid, last_valid=np.where(valid < 0, -1, SAMPLES - 11)
        )
        for n in range(3)
    ]
    told = {"path": "a.xml", "platform": "S1A", "swath": "IW1", "absolute_orbit": 30378, "polarization": "VV"}
    grid = {"lines": LINES, "samples": SAMPLES, "line_interval_s": DT, "slant_range_time_first_s": TAU}
    signal = {"range_sampling_rate_hz": FS, "radar_frequency_hz": 5.405e9, "carrier": lambda *_: None}
    return SimpleNamespace(**{"bursts": bursts, **told, **grid, **signal, **known})


def grid_of(number=0, **known):
    return etad.covering(START + number * PERIOD, TAU, (LINES - 1) * DT, (SAMPLES - 1) / FS, **known)


def bursts(folder, *written):
    return read_product(write_etad(folder / "X.SAFE", written)).bursts


def refused(code, text):
    return pytest.raises(DataError, match=rf"^{code}: {text}")


def test_the_burst_of_the_same_time_is_found_whatever_its_number(tmp_path):
    numbers = {0: 7, 1: 3, 2: 5}
    made = bursts(
        tmp_path, *(grid_of(n, index=number) for n, number in numbers.items()), grid_of(1, index=1, swath="IW2")
    )
    for n, number in numbers.items():
        assert covering(made, annotation(), n).index == number


def test_the_grid_of_a_real_product_covers_the_whole_burst(tmp_path):
    frame = frame_of(bursts(tmp_path, grid_of())[0], annotation(), 0)
    rows, columns = frame.rows(np.array([0, LINES - 1])), frame.columns(np.array([0, SAMPLES - 1]))
    assert rows[0] == pytest.approx(1.26, abs=1e-4)
    assert columns[0] == pytest.approx(1.0, abs=1e-9)
    assert rows[1] < frame.etad.shape[0] - 1
    assert columns[1] < frame.etad.shape[1] - 1


def test_rows_and_columns_are_times_in_cells(tmp_path):
    frame = frame_of(bursts(tmp_path, grid_of(0), grid_of(1, index=2))[1], annotation(), 1)
    cells = (frame.rows(np.array([0, 1000])), frame.columns(np.array([0, 300])))
    assert np.diff(cells[0]) == pytest.approx(1000 * DT / STEP_S[0], rel=1e-12)
    assert np.diff(cells[1]) == pytest.approx(300 / FS / STEP_S[1], rel=1e-9)


def later(seconds):
    return replace(grid_of(), start=grid_of().start + np.timedelta64(round(seconds * 1e6), "us"))


def test_a_grid_that_covers_the_valid_lines_only_is_taken(tmp_path):
    made = bursts(tmp_path, later(0.08))
    assert covering(made, annotation(), 0) is made[0]
    rows = frame_of(made[0], annotation(), 0).rows(np.array([0, 20]))
    assert rows[0] < -0.5 < rows[1]


def test_a_grid_that_begins_behind_the_first_valid_line_is_refused(tmp_path):
    text = r"IW1/Burst0001 in .*etad\.nc, a grid of \(109, 11\), must cover the valid samples of burst 0 of a\.xml"
    with refused("BurstNotCovered", text):
        covering(bursts(tmp_path, later(0.15)), annotation(), 0)


@pytest.mark.parametrize("ahead_s", [-0.3, 0.3, 2.758273])
def test_a_burst_of_another_time_is_none(tmp_path, ahead_s):
    text = (
        r"One burst of the ETAD products must have the times of burst 0 of a\.xml, IW1 at 2019-12-16T19:45:20\.475893, "
    )
    with refused("BurstNotCovered", rf"{text}instead got \['IW1 2019-12-16T19:45:2.*X\.SAFE IW1/Burst0001\)'\]"):
        covering(bursts(tmp_path, later(ahead_s)), annotation(), 0)


def test_a_burst_of_another_swath_is_none(tmp_path):
    with refused("BurstNotCovered", r"One burst .* instead got \['IW2 .*IW2/Burst0001"):
        covering(bursts(tmp_path, grid_of(swath="IW2")), annotation(), 0)


def test_two_products_of_one_pass_are_refused(tmp_path):
    made = [*bursts(tmp_path / "a", grid_of()), *bursts(tmp_path / "b", grid_of())]
    with refused("BurstNotCovered", r"One burst of the ETAD products"):
        covering(made, annotation(), 0)


@pytest.mark.parametrize("known", [{"absolute_orbit": 30379}, {"platform": "S1B"}])
def test_another_orbit_is_refused(tmp_path, known):
    with refused(
        "ProductsDiffer", r"productID of IW1/Burst0001 in .*etad\.nc must be of the platform and orbit of burst 0"
    ):
        covering(bursts(tmp_path, grid_of()), annotation(**known), 0)


def test_a_product_id_that_tells_no_orbit_is_taken(tmp_path):
    made = bursts(tmp_path, grid_of(product_id="made for a test"))
    assert covering(made, annotation(absolute_orbit=1), 0) is made[0]


def test_a_grid_that_ends_before_the_valid_samples_is_refused(tmp_path):
    narrow = replace(grid_of(), shape=(grid_of().shape[0], 8))
    with refused(
        "BurstNotCovered", r"IW1/Burst0001 in .* must cover the valid samples of burst 0 .* instead got 'rows "
    ):
        covering(bursts(tmp_path, narrow), annotation(), 0)
