"""The synthetic products are what real ones are: right in geometry, and the same from run to run."""

import numpy as np
import pytest
import rasterio

from local_runner.demo import complex_tiff
from local_runner.demo.flight import PERIOD_S, Flight
from local_runner.demo.safe import Product, later, speckle, write_orbit_file, write_safe
from local_runner.files.raster import GDAL_OPTIONS, Reader
from local_runner.products.sentinel1_slc.annotation import read_annotation

NODE = np.datetime64("2024-08-09T16:54:51", "us")


def test_flight_crosses_the_equator_northwards_at_the_node():
    position, velocity, _ = Flight(NODE, 30.0).orbit(NODE, 60.0).since(NODE).at(0.0)
    assert np.abs(position[2]) < 1e-3
    assert np.degrees(np.arctan2(position[1], position[0])) == pytest.approx(30.0)
    assert velocity[2] > 7000


def test_next_orbit_crosses_175th_of_the_cycle_later():
    later_on = NODE + np.timedelta64(round(PERIOD_S * 1e6), "us")
    position, _, _ = Flight(NODE, 30.0).orbit(later_on, 60.0).since(later_on).at(0.0)
    assert np.degrees(np.arctan2(position[1], position[0])) == pytest.approx(30.0 - 12 * 360 / 175, abs=1e-5)


def test_vectors_lie_on_their_hermite_curve():
    """Every second vector lies within 2 cm of the curve through the others."""
    orbit = Flight(NODE, 0.0).orbit(NODE, 300.0)
    thin = type(orbit)(orbit.epoch, orbit.time_s[::2], orbit.position_m[::2], orbit.velocity_m_s[::2])
    inside = orbit.time_s[1:-1:2]
    assert np.abs(thin.at(inside)[0] - orbit.position_m[1:-1:2]).max() < 0.1


def test_same_product_same_bytes(tmp_path):
    folders = [write_safe(tmp_path / name, Product(polarizations=("VV", "VH"))) for name in "ab"]
    files = [
        {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()} for folder in folders
    ]
    assert files[0] == files[1]
    assert len(files[0]) == 9


@pytest.mark.parametrize("overlap", [None, 40])
def test_bursts_that_overlap_have_the_frequencies_of_real_ones(tmp_path, overlap):
    """Between the middle of the one and of the other burst the beam turns as between real ones."""
    safe = write_safe(tmp_path, Product(lines=180, bursts=3, overlap=overlap))
    annotation = read_annotation(next(safe.glob("annotation/*.xml")))
    first, second = (annotation.grid(index) for index in (0, 1))
    apart = first.line_of(second.first_line_time)
    assert apart == pytest.approx(140 if overlap else 1341.862, abs=1e-3)
    frequencies = annotation.carrier(0).frequency(apart, 16.0), annotation.carrier(1).frequency(0.0, 16.0)
    assert frequencies[0] - frequencies[1] == pytest.approx(4123.5, abs=1)
    assert [burst.burst_id for burst in annotation.bursts] == [249_435, 249_436, 249_437]


def test_speckle_differs_between_bursts_dates_and_polarisations(tmp_path):
    safes = [write_safe(tmp_path, p) for p in (Product(polarizations=("VV", "VH")), later(Product()))]
    pixels = [path.read_bytes()[-24 * 32 * 4 :] for safe in safes for path in sorted(safe.glob("measurement/*"))]
    assert len(set(pixels)) == 3


def test_complex_integers_are_read_as_they_were_written(tmp_path):
    values = (np.arange(12).reshape(3, 4) * (100 - 7j)).astype(np.complex64)
    complex_tiff.write(tmp_path / "a.tiff", values)
    with rasterio.Env(**GDAL_OPTIONS), Reader(str(tmp_path / "a.tiff"), driver="GTiff") as file:
        assert (file.dtypes, file.block_shapes) == (("complex_int16",), [(1, 4)])
        np.testing.assert_array_equal(file.read(1), values)


def test_one_line_is_written(tmp_path):
    complex_tiff.write(tmp_path / "a.tiff", np.array([[1 + 2j, 3]], np.complex64))
    with rasterio.Env(**GDAL_OPTIONS), Reader(str(tmp_path / "a.tiff"), driver="GTiff") as file:
        np.testing.assert_array_equal(file.read(1), [[1 + 2j, 3]])


def test_power_of_the_speckle():
    class Grid:
        shape = (400, 400)
        first_line_time = NODE

    values = speckle()("IW1", "VV", 0, Grid(), None)
    assert np.sqrt(np.mean(np.abs(values) ** 2)) == pytest.approx(50, rel=0.01)


def test_orbit_file_is_named_after_what_it_holds(tmp_path):
    path = write_orbit_file(tmp_path, Product(), "RESORB")
    assert path.name.startswith("S1A_OPER_AUX_RESORB_OPOD_20240809T170730_V20240809T1705")
