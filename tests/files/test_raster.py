import hashlib
import math
import threading
from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio._err import CPLE_BaseError
from rasterio.errors import NotGeoreferencedWarning

from local_runner.compute.workers import Threads, Workers
from local_runner.errors import DataError, LimitExceededError, OpenEOError
from local_runner.files import raster, raster_writer
from local_runner.files.raster import open_bands, open_lazy, read_header
from local_runner.files.raster_writer import Target, write_geotiff
from local_runner.files.statistics import Statistics

UTM = CRS.from_epsg(32631)
GRID = Affine(20, 0, 500_000, 0, -20, 5_800_000)


def samples(*shape, dtype=np.float32):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def lazily(data):
    return da.from_array(data, chunks=(100, 130))


def foreign(path, data, **options):
    """A GeoTIFF as other software writes it; `data` (bands, y, x)."""
    count, height, width = data.shape
    kinds = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": data.dtype}
    options.setdefault("transform", GRID)
    with rasterio.open(path, "w", **kinds, **options) as file:
        file.write(data)
    return path


@pytest.mark.parametrize("cog", [False, True])
@pytest.mark.parametrize(("crs", "transform"), [(None, None), (UTM, GRID), (CRS.from_epsg(3857), Affine.identity())])
def test_what_is_written_is_read(tmp_path, cog, crs, transform):
    data = samples(700, 300)
    data[3, :50] = np.nan
    (written,) = write_geotiff(
        [Target(tmp_path / "a.tif", lazily(data), "coherence", cog)], transform=transform, crs=crs
    )
    found = open_lazy(written.path)
    np.testing.assert_array_equal(found.data.compute(), data)
    assert (found.descriptions, found.dtype, found.crs) == (("coherence",), "float32", crs)
    assert found.transform == (transform or Affine.identity())
    assert math.isnan(found.nodata)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_checksum_size_and_statistics_are_those_of_the_file(tmp_path):
    data = samples(700, 300)
    data[:9] = np.nan
    (written,) = write_geotiff([Target(tmp_path / "a.tif", lazily(data), "a", cog=True)])
    content = written.path.read_bytes()
    assert written.checksum == "1220" + hashlib.sha256(content).hexdigest()
    assert written.size == len(content)
    found = written.statistics.as_stac()
    assert found["count"] == 691 * 300
    assert found["valid_percent"] == pytest.approx(100 * 691 / 700)
    for name, function in (("minimum", np.nanmin), ("maximum", np.nanmax), ("mean", np.nanmean), ("stddev", np.nanstd)):
        assert found[name] == pytest.approx(function(data.astype(float)), rel=1e-6)


def test_statistics_of_nothing_but_nan():
    found = Statistics()
    found.add_block(np.full((3, 4), np.nan))
    assert found.as_stac() == {"count": 0, "valid_percent": 0.0}


def test_cog_has_overviews_and_plain_tiles_have_none(tmp_path):
    data = lazily(samples(1100, 600))
    write_geotiff(
        [Target(tmp_path / "a.tif", data, "a", cog=True), Target(tmp_path / "b.tif", data, "b")],
        crs=UTM,
        transform=GRID,
    )
    with rasterio.open(tmp_path / "a.tif") as file:
        assert file.overviews(1) == [2, 4]
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    with rasterio.open(tmp_path / "b.tif") as file:
        assert (file.overviews(1), file.block_shapes, file.compression.value) == ([], [(512, 512)], "ZSTD")


@pytest.mark.parametrize(("dtype", "stored"), [("int16", "int16"), ("bool", "uint8"), ("float64", "float32")])
def test_types(tmp_path, dtype, stored):
    data = (samples(40, 50) * 100).astype(dtype)
    (written,) = write_geotiff([Target(tmp_path / "a.tif", lazily(data), "a")])
    assert written.dtype == stored
    np.testing.assert_array_equal(open_lazy(written.path).data.compute(), data.astype(np.float32))


def test_complex_numbers_are_refused(tmp_path):
    with pytest.raises(OpenEOError, match=r"^FormatUnsuitable: Band 'slc' must hold real numbers"):
        write_geotiff([Target(tmp_path / "a.tif", lazily(samples(4, 4).astype(complex)), "slc")])


def test_shared_work_is_done_once_in_one_pass(tmp_path):
    calls = []

    def count(block):
        calls.append(1)
        return block

    base = lazily(samples(600, 130)).map_blocks(count, meta=np.empty((0, 0), np.float32))
    calls.clear()
    write_geotiff([Target(tmp_path / f"{n}.tif", base * n, str(n)) for n in range(1, 4)])
    assert len(calls) == 6


def test_bytes_are_the_same_whoever_computes_them(tmp_path):
    data = lazily(samples(1600, 300))
    sums = set()
    for workers in (Workers(), Threads(2), Threads(3)):
        targets = [Target(tmp_path / f"{c}.tif", data, "a", cog=c) for c in (False, True)]
        written = write_geotiff(targets, workers=workers)
        sums.add(tuple(w.checksum for w in written))
    assert len(sums) == 1


def test_what_the_disk_changed_is_found_when_read_back(tmp_path, monkeypatch):
    calls = iter(range(99))
    monkeypatch.setattr(raster_writer.zlib, "crc32", lambda _data: next(calls))
    with pytest.raises(
        DataError, match=r"^StorageFailed: a.tif must hold what was written \(the block at row 0, column 0 differs"
    ):
        write_geotiff([Target(tmp_path / "a.tif", lazily(samples(40, 50)), "a", cog=True)])
    assert not (tmp_path / "a.tif.draft").exists()


def test_a_copy_that_gdal_cannot_write_is_a_storage_error(tmp_path, monkeypatch):
    def full(*_args, **_options):
        raise CPLE_BaseError(1, 1, "No space left on device")

    monkeypatch.setattr(raster_writer.rasterio.shutil, "copy", full)
    with pytest.raises(DataError, match=r"^StorageFailed: a.tif must hold what was written \(No space left"):
        write_geotiff([Target(tmp_path / "a.tif", lazily(samples(40, 50)), "a", cog=True)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "description"), [(" a\n", "a"), ("", None), ("a\x00b\ud800", "ab")])
def test_descriptions_are_the_names_as_far_as_they_can_be(tmp_path, name, description):
    write_geotiff([Target(tmp_path / "a.tif", lazily(samples(4, 5)), name)])
    assert read_header(tmp_path / "a.tif").descriptions == (description,)


def test_descriptions_that_are_no_text_are_a_damage(tmp_path):
    path = foreign(tmp_path / "a.tif", samples(1, 4, 5))
    with rasterio.open(path, "r+") as file:
        file.set_band_description(1, "band")
    path.write_bytes(path.read_bytes().replace(b">band<", b">b\xe9nd<"))
    with pytest.raises(DataError, match=r"^DataCorrupt: .*a.tif must be a whole, readable GeoTIFF"):
        read_header(path)


def test_a_folder_that_is_missing_is_a_storage_error(tmp_path):
    with pytest.raises(DataError, match=r"^StorageFailed: a.tif must hold what was written"):
        write_geotiff([Target(tmp_path / "none" / "a.tif", lazily(samples(40, 50)), "a")])


def test_sampled_values_are_kept(tmp_path):
    data = samples(600, 50)
    (written,) = write_geotiff([Target(tmp_path / "a.tif", lazily(data), "a", sample=((0, 511, 599), (0, 49)))])
    np.testing.assert_array_equal(written.sample, data[[0, 511, 599]][:, [0, 49]])


@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_bands_of_one_file(tmp_path, interleave):
    data = samples(3, 70, 80)
    header = read_header(foreign(tmp_path / "a.tif", data, interleave=interleave))
    np.testing.assert_array_equal(open_bands(header, [3, 1]).compute(), data[[2, 0]])
    with pytest.raises(DataError, match=r"^DataCorrupt: .*a.tif must have band 4"):
        open_lazy(tmp_path / "a.tif", 4)


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("int16", -32768), ("uint8", 255), ("float32", -9999.0), ("float64", 0.0)]
)
def test_nodata_becomes_nan(tmp_path, dtype, nodata):
    data = np.ones((1, 20, 30), dtype)
    data[0, 4] = nodata
    found = open_lazy(foreign(tmp_path / "a.tif", data, nodata=nodata)).data
    assert found.dtype == np.float32
    values = found.compute()
    assert np.isnan(values[4]).all()
    assert np.isfinite(np.delete(values, 4, axis=0)).all()


def test_chunks_are_whole_rows_of_whole_blocks(tmp_path):
    header = read_header(foreign(tmp_path / "a.tif", samples(1, 600, 900), tiled=True, blockxsize=256, blockysize=128))
    assert open_bands(header, [1]).chunks == ((1,), (512, 88), (900,))


def test_no_warning_in_threads_for_a_file_without_georeferencing(tmp_path):
    with pytest.warns(NotGeoreferencedWarning):
        foreign(tmp_path / "a.tif", samples(1, 30, 40), transform=None)
    failures = []

    def read():
        try:
            open_lazy(tmp_path / "a.tif").data.compute(scheduler="synchronous")
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize("kept", [0.999, 0.5, 0.01])
def test_a_truncated_file_is_named_when_it_is_opened_or_computed(tmp_path, kept):
    (written,) = write_geotiff([Target(tmp_path / "cut.tif", lazily(samples(1100, 600)), "a")])
    content = written.path.read_bytes()
    written.path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(DataError, match=r"^DataCorrupt: .*cut.tif must be a whole, readable GeoTIFF") as caught:
        open_lazy(written.path).data.compute()
    assert "See previous exception" not in caught.value.message


@pytest.mark.parametrize("content", [b"", b"<VRTDataset/>", b"\x89HDF\r\n", b"II*\0", b"MM\0*\xff\xff\xff\xff"])
def test_what_is_no_tiff_is_refused(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(DataError, match=r"^DataCorrupt: "):
        read_header(tmp_path / "a.tif")


def test_a_header_that_asks_for_too_much_is_refused(tmp_path):
    options = {"driver": "GTiff", "count": 1, "dtype": "float32", "transform": GRID, "SPARSE_OK": True}
    with rasterio.open(tmp_path / "a.tif", "w", width=200_000, height=200_000, tiled=True, BIGTIFF="YES", **options):
        pass
    with pytest.raises(LimitExceededError, match=r"^ArrayTooLarge: a band of .*a.tif must have at most 8192 MiB"):
        read_header(tmp_path / "a.tif")
    block = {"blockxsize": 8192, "blockysize": 8192, "compress": "zstd"}
    with rasterio.open(tmp_path / "b.tif", "w", width=8192, height=8192, tiled=True, **block, **options):
        pass
    with pytest.raises(LimitExceededError, match=r"^ArrayTooLarge: a compressed block of .*b.tif must have at most 64"):
        read_header(tmp_path / "b.tif")


def test_complex_files_are_refused(tmp_path):
    foreign(tmp_path / "a.tif", samples(1, 4, 4).astype(np.complex64))
    with pytest.raises(OpenEOError, match=r"^FormatUnsuitable: .*a.tif must hold real numbers"):
        read_header(tmp_path / "a.tif")


def test_sidecar_files_are_not_looked_at(tmp_path):
    foreign(tmp_path / "a.tif", samples(1, 30, 40), crs=UTM)
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset><SRS>EPSG:4326</SRS></PAMDataset>")
    assert read_header(tmp_path / "a.tif").crs == UTM


def test_a_path_with_odd_characters_is_a_path(tmp_path):
    path = foreign(tmp_path / "a b#c?d%20e.tif", samples(1, 3, 4))
    assert open_lazy(path).data.shape == (3, 4)
    assert raster.read_header(path).path == path


def test_nodata_that_the_type_cannot_hold_is_no_value(tmp_path):
    data = np.array([[[241, 0]]], np.uint8)
    header = read_header(foreign(tmp_path / "a.tif", data))
    found = open_bands(replace(header, nodata=(-9999.0,)), [1])
    np.testing.assert_array_equal(found.compute(), data)


def test_nodata_of_large_integers_is_compared_before_the_conversion(tmp_path):
    data = np.array([[[2**24 + 1, 2**24]]], np.int32)
    found = open_lazy(foreign(tmp_path / "a.tif", data, nodata=2**24 + 1)).data.compute()
    np.testing.assert_array_equal(found, [[np.nan, 2**24]])


def test_spans_are_the_first_and_last_valid_column_of_each_row(tmp_path):
    data = np.full((600, 50), np.nan, np.float32)
    data[3, 7:9] = data[599, 49] = 1
    (written,) = write_geotiff([Target(tmp_path / "a.tif", lazily(data), "a", cog=True, spans=True)])
    assert written.spans.shape == (600, 2)
    assert written.spans[[0, 3, 599]].tolist() == [[-1, -1], [7, 8], [49, 49]]
