import struct

import dask
import numpy as np
import pytest
import rasterio

from local_runner.demo.complex_tiff import write
from local_runner.demo.safe import Product, write_safe
from local_runner.errors import DataError
from local_runner.products.sentinel1_slc import measurement
from local_runner.products.sentinel1_slc.annotation import read_annotation
from local_runner.products.sentinel1_slc.measurement import Placed, parts, require_raster
from tests.products.sentinel1_slc import edits

LINES, SAMPLES = 600, 40
ROWS = 2 * LINES


@pytest.fixture
def numbers():
    """Two bursts whose samples tell their row and column."""
    return (np.arange(ROWS)[:, None] - 1j * np.arange(SAMPLES)).astype(np.complex64)


@pytest.fixture
def placed(tmp_path, numbers):
    """The second burst, invalid in 5 lines and 2 samples at each side, on its own grid."""
    write(tmp_path / "m.tiff", numbers)
    inside = (np.arange(LINES) >= 5) & (np.arange(LINES) < LINES - 5)
    first, last = np.where(inside, 2, -1), np.where(inside, SAMPLES - 3, -1)
    return Placed(tmp_path / "m.tiff", LINES, SAMPLES, first, last, (LINES, SAMPLES))


@pytest.fixture
def windows(monkeypatch):
    """Windows that are read: first row, rows, first column, columns."""
    seen = []
    window_of = measurement._window

    def spy(path, window):
        seen.append((window.row_off, window.height, window.col_off, window.width))
        return window_of(path, window)

    monkeypatch.setattr(measurement, "_window", spy)
    return seen


def test_valid_samples_are_the_numbers_of_the_file(placed, numbers):
    real, imaginary = dask.compute(*parts(placed))
    inside = np.s_[5:-5, 2:-2]
    np.testing.assert_array_equal(real[inside], numbers[LINES:].real[inside])
    np.testing.assert_array_equal(imaginary[inside], numbers[LINES:].imag[inside])
    assert real.dtype == imaginary.dtype == np.float32


def test_other_samples_are_nan_in_both_parts(placed):
    valid = np.zeros((LINES, SAMPLES), bool)
    valid[5:-5, 2:-2] = True
    for part in dask.compute(*parts(placed)):
        np.testing.assert_array_equal(np.isfinite(part), valid)


def test_chunks_are_256_whole_rows(placed):
    assert parts(placed)[0].chunks == ((256, 256, 88), (SAMPLES,))


def test_a_chunk_reads_its_lines_and_no_others(placed, windows):
    parts(placed)[0].blocks[1].compute(scheduler="synchronous")
    assert windows == [(LINES + 256, 256, 0, SAMPLES)]


def test_one_reading_feeds_both_parts(placed, windows):
    dask.compute(*parts(placed), scheduler="synchronous")
    assert len(windows) == 3


def test_nothing_is_read_before_it_is_computed(placed, windows):
    parts(placed)
    assert windows == []


def test_lines_without_valid_samples_are_not_read(placed, windows):
    parts(placed)[0].compute(scheduler="synchronous")
    assert sorted((row, rows) for row, rows, _, _ in windows) == [
        (LINES + 5, 251),
        (LINES + 256, 256),
        (LINES + 512, 83),
    ]


@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, -4), (-7, 6), (300, 0), (-599, 39), (599, -39)])
def test_placement_is_a_shift_by_whole_pixels(placed, numbers, down, right):
    moved = Placed(**{**vars(placed), "line_offset": down, "sample_offset": right})
    shown = parts(moved)[0].compute() - 1j * 0
    for line, sample in np.ndindex(LINES, SAMPLES):
        if line % 37 and sample % 7:
            continue
        source = (line + down, sample + right)
        inside = 5 <= source[0] < LINES - 5 and 2 <= source[1] < SAMPLES - 2
        expected = numbers[LINES + source[0], source[1]].real if inside else np.nan
        np.testing.assert_equal(shown[line, sample].real, np.float32(expected))


def test_a_burst_beside_the_grid_shows_nothing(placed, windows):
    moved = Placed(**{**vars(placed), "line_offset": LINES})
    assert np.isnan(parts(moved)[0].compute()).all()
    assert windows == []


def test_a_smaller_target(placed):
    moved = Placed(**{**vars(placed), "shape": (100, 20), "line_offset": 50})
    assert parts(moved)[0].compute()[0, 5] == LINES + 50


def test_same_burst_same_tasks(placed):
    again = Placed(**vars(placed))
    assert parts(placed)[0].name == parts(again)[0].name
    assert parts(placed)[0].name != parts(Placed(**{**vars(placed), "line_offset": 1}))[0].name


def test_truncated_while_open(placed):
    part = parts(placed)[0]
    placed.path.write_bytes(placed.path.read_bytes()[: -SAMPLES * 4 * 50])
    with pytest.raises(DataError, match=r"^DataCorrupt: .*m\.tiff must be whole; lines from 1112 on cannot be read"):
        part.compute()


@pytest.fixture
def made(tmp_path):
    """Measurement and annotation of a product."""
    safe = write_safe(tmp_path, Product())
    return edits.measurement(safe), read_annotation(edits.annotation(safe))


def test_truncated_measurement(made):
    path, annotation = made
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        DataError, match=r"^DataCorrupt: .*\.tiff must be whole, which it is with at least 6\d\d\d bytes"
    ):
        require_raster(path, annotation)


def _with_entry(path, tag, line, number):
    """Change the entry of a line in the array of a tag."""
    data = bytearray(path.read_bytes())
    entries = {struct.unpack_from("<H", data, at)[0]: at for at in range(10, 10 + 120, 12)}
    (place,) = struct.unpack_from("<I", data, entries[tag] + 8)
    struct.pack_into("<I", data, place + 4 * line, number)
    path.write_bytes(data)


@pytest.mark.parametrize("tag", [273, 279])
@pytest.mark.parametrize("line", [0, 20, 47])
def test_each_strip_must_lie_in_the_file(made, tag, line):
    path, annotation = made
    _with_entry(path, tag, line, 2**32 - 1)
    with pytest.raises(
        DataError, match=r"^DataCorrupt: .*\.tiff must be whole, which it is with at least 429\d{7} bytes"
    ):
        require_raster(path, annotation)


@pytest.mark.parametrize("data", [b"", b"II*\0", b"<VRTDataset/>", b"\x89HDF\r\n\x1a\n"])
def test_file_that_is_no_tiff(made, data):
    path, annotation = made
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"^DataCorrupt: .*\.tiff must be a whole, readable GeoTIFF"):
        require_raster(path, annotation)


def test_shape_must_be_that_of_the_annotation(made):
    path, annotation = made
    write(path, np.zeros((47, 32), np.complex64))
    must = r".*\.tiff must have 48 lines and 32 samples, which are those of 2 bursts by swathTiming of .*\.xml"
    with pytest.raises(DataError, match=rf"^DataCorrupt: {must}, instead got \(47, 32\)"):
        require_raster(path, annotation)


def test_type_must_be_complex_integer(made):
    path, annotation = made
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "width": 32, "height": 48}
    with rasterio.open(path, "w", transform=rasterio.Affine(1, 0, 5, 0, -1, 5), crs="EPSG:32632", **profile) as file:
        file.write(np.zeros((48, 32), np.float32), 1)
    with pytest.raises(DataError, match=r"^DataCorrupt: .*\.tiff must have one band of complex integers"):
        require_raster(path, annotation)
