"""Rasters and netCDF files of strangers: judged by their header, or found damaged, with a typed error."""

import json
import subprocess
import sys

import h5py
import pytest

from local_runner.cube import parse_crs
from local_runner.errors import DataError, LimitExceededError, OpenEOError
from local_runner.files import netcdf_probe, netcdf_reader, raster
from tests.hostile.files import netcdf, samples, tiff
from tests.hostile.server import served

VRT = """<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>
<SourceFilename relativeToVRT="0">{source}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"""
DISGUISES = {
    "VRT of a file": VRT.format(source="/etc/passwd"),
    "VRT with a space before it": " \n" + VRT.format(source="/etc/passwd"),
    "STACTA": '{"type": "Feature", "stac_version": "1.0.0", "id": "x", "assets": {"a": {"href": "URL"}}}',
    "WMS": "<GDAL_WMS><Service name='TMS'><ServerUrl>URL</ServerUrl></Service></GDAL_WMS>",
    "PLMosaic": "PLMOSAIC:mosaic=x",
    "PDF": "%PDF-1.4\n1 0 obj",
    "SVG": "<?xml version='1.0'?><svg/>",
    "HTML": "<!DOCTYPE html><html></html>",
    "pickle": "\x80\x04\x95",
    "ESRI": "ncols 4\nnrows 4\n",
    "zip": "PK\x03\x04",
    "nothing": "",
}


@pytest.mark.parametrize("name", DISGUISES)
def test_what_is_called_tif_and_is_none_is_refused(tmp_path, name):
    with served() as server:
        path = tmp_path / "a.tif"
        path.write_text(DISGUISES[name].replace("URL", server.url))
        with pytest.raises(DataError, match=r"^DataCorrupt: .*a.tif must be a GeoTIFF"):
            raster.read_header(path)
        assert server.hits == []


def test_a_vrt_that_names_a_server_does_not_call_it(tmp_path):
    with served() as server:
        path = tmp_path / "a.tif"
        for start in ("", "II*\0"):
            path.write_text(start + VRT.format(source=f"/vsicurl/{server.url}/a.tif"))
            with pytest.raises(DataError, match=r"^DataCorrupt: "):
                raster.read_header(path)
        assert server.hits == []


LARGE = {"width": 200_000, "height": 200_000, "tiled": True, "BIGTIFF": "YES"}
BOMB = {"width": 8192, "height": 8192, "tiled": True, "blockxsize": 8192, "blockysize": 8192}


@pytest.mark.usefixtures("bounded_memory")
@pytest.mark.parametrize(
    ("options", "what"),
    [
        (LARGE, "a band"),
        ({**BOMB, "compress": "zstd"}, "a compressed block"),
        ({**BOMB, "compress": "deflate"}, "a compressed block"),
        ({**BOMB, "compress": "lzw", "dtype": "float64"}, "a compressed block"),
        ({"width": 20_000, "height": 20_000, "compress": "deflate", "blockysize": 20_000}, "20000 rows"),
        ({"width": 4096, "height": 4096, "count": 200, "compress": "lzw", "interleave": "pixel"}, "512 rows"),
        ({"width": 4, "height": 4, "count": 2000}, "a file"),
    ],
)
def test_tiff_that_asks_for_too_much_is_refused_before_a_pixel_is_read(tmp_path, options, what):
    path = tiff(tmp_path / "a.tif", **options)
    with pytest.raises(LimitExceededError, match=rf"^ArrayTooLarge: {what} .*a.tif must have at most"):
        raster.read_header(path)


@pytest.mark.parametrize("share", [99.9, 90, 75, 50, 25, 10, 5, 1, 0.1])
@pytest.mark.parametrize("compress", ["zstd", "none"])
def test_truncated_tiff_is_a_damage(tmp_path, share, compress):
    path = tiff(tmp_path / "a.tif", samples(300, 300), compress=compress, tiled=True)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share / 100)])
    with pytest.raises(DataError, match=r"^DataCorrupt: .*a.tif must be a"):
        raster.open_lazy(path).data.compute()


@pytest.mark.parametrize("share", [99.9, 90, 75, 50, 25, 10, 5, 1, 0.1])
def test_truncated_netcdf_is_a_damage(tmp_path, share):
    path = netcdf(tmp_path / "a.nc", samples(300, 300), compression="gzip")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share / 100)])
    with pytest.raises(DataError, match=r"^DataCorrupt: .*a.nc must be a"):
        netcdf_reader.read_header(path)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1/crs", "https://spatialreference.org/ref/epsg/4326/", "/etc/passwd", "file:///etc/passwd",
        "+proj=longlat +nadgrids=/etc/passwd", "+init=/etc/passwd:1", "+proj=pipeline +step +proj=hgridshift +grids=/etc/x",
        "@/etc/passwd", "urn:ogc:def:crs:EPSG::4326", "IGNF:WGS84", "ESRI:102100", "EPSG:4326+5773", "EPSG:", "EPSG:999999",
        "EPSG:-1", "EPSG:1e3", "AUTO:42001,0,0", "SRS_WKT:x", "PROJCS[" * 2000, 'GEOGCS["x"' + "," * 9000, "{}",
        '{"type": "GeographicCRS"}', "", "\0", -1, 1e9,
    ],
)  # fmt: skip
def test_texts_that_are_no_crs_are_refused_without_a_look_at_files(text):
    with pytest.raises(
        OpenEOError,
        match=r"^ProcessParameterInvalid: A projection must be (an EPSG code or WKT2 text|a known EPSG code)",
    ):
        parse_crs(text)


# netCDF


def external_link(file, _folder):
    file["b"] = h5py.ExternalLink("/etc/passwd", "/a")


def link_in_the_middle(file, folder):
    with h5py.File(folder / "other.nc", "w") as other:
        other.create_dataset("deep/secret", data=[1])
    file.create_group("g")["h"] = h5py.ExternalLink("other.nc", "/deep")


def link_to_itself(file, _folder):
    file["b"] = h5py.ExternalLink("a.nc", "/b")


def soft_cycle(file, _folder):
    file["b"], file["c"] = h5py.SoftLink("/c"), h5py.SoftLink("/b")


def soft_link_to_itself(file, _folder):
    file["b"] = h5py.SoftLink("/b")


def dangling(file, _folder):
    file["b"] = h5py.SoftLink("/nowhere")


def external_storage(file, folder):
    (folder / "secret.txt").write_text("secret" * 9)
    file.create_dataset("b", (4, 5), "u1", external=[("secret.txt", 0, 20)])


def virtual(file, _folder):
    layout = h5py.VirtualLayout((4, 5), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "a", (4, 5))
    file.create_virtual_dataset("b", layout)


@pytest.mark.parametrize(
    "trap",
    [
        external_link,
        link_in_the_middle,
        link_to_itself,
        soft_cycle,
        soft_link_to_itself,
        dangling,
        external_storage,
        virtual,
    ],
)
def test_netcdf_that_leads_elsewhere_is_refused(tmp_path, trap):
    path = netcdf(tmp_path / "a.nc", samples(4, 5))
    with h5py.File(path, "a") as file:
        trap(file, tmp_path)
    with pytest.raises(OpenEOError, match=r"^AccessRefused: .*a.nc must hold its data itself"):
        netcdf_reader.read_header(path)


def test_link_of_a_class_that_a_program_defined_is_refused(tmp_path):
    """Made from an external link by the number of its class in the file: 64 becomes 187."""
    path = netcdf(tmp_path / "a.nc", samples(4, 5))
    with h5py.File(path, "a") as file:
        file.create_group("u")["marker"] = h5py.ExternalLink("other.nc", "/x")
    content = path.read_bytes()
    place = content.rindex(b"\x40", 0, content.index(b"marker"))
    path.write_bytes(content[:place] + b"\xbb" + content[place + 1 :])
    with h5py.File(path) as file:
        group = file["u"]
        assert group.id.links.get_info(b"marker").type == 187
    with pytest.raises(OpenEOError, match=r"^AccessRefused: .*a.nc must hold its data itself.* got .user-defined link"):
        netcdf_reader.read_header(path)


@pytest.mark.usefixtures("bounded_memory")
@pytest.mark.parametrize(
    "options",
    [
        {"shape": (2**20, 2**20), "chunks": (256, 256)},
        {"shape": (8192, 8192), "chunks": (8192, 8192), "compression": "gzip"},
        {"shape": (512, 2**19), "chunks": (512, 256)},
    ],
)
def test_netcdf_that_asks_for_too_much_is_refused(tmp_path, options):
    path = netcdf(tmp_path / "a.nc", dtype="f4", **options)
    with pytest.raises(LimitExceededError, match=r"^ArrayTooLarge: .*a.nc must have at most"):
        netcdf_reader.read_header(path)


@pytest.mark.parametrize("number", [305, 32000, 32001, 32004, 32008, 32015])
def test_filters_that_would_be_loaded_are_refused(tmp_path, number):
    path = netcdf(tmp_path / "a.nc", samples(4, 5))
    with h5py.File(path, "a") as file:
        pipeline = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        pipeline.set_chunk((4, 5))
        pipeline.set_filter(number, h5py.h5z.FLAG_OPTIONAL, ())
        h5py.h5d.create(file.id, b"b", h5py.h5t.NATIVE_FLOAT, h5py.h5s.create_simple((4, 5)), pipeline)
        for axis, name in enumerate("yx"):
            file["b"].dims[axis].attach_scale(file[name])
    with pytest.raises(OpenEOError, match=rf"^FormatUnsuitable: .*a.nc must be compressed by .* got \[{number}\]"):
        netcdf_reader.read_header(path)


def test_no_folder_of_plugins_is_known():
    assert h5py.h5pl.size() == 0


# The child that touches the header first


def test_a_header_that_crashes_or_stops_the_library_is_a_damage(tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    path = netcdf(tmp_path / "a.nc", samples(4, 5))
    monkeypatch.setattr(netcdf_probe, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(netcdf_probe, "__file__", str(child))
    for text in ("import os; input(); os.abort()", "import time; input(); time.sleep(99)", "raise SystemExit(0)"):
        netcdf_probe._stop()
        child.write_text(text)
        with pytest.raises(DataError, match=r"^DataCorrupt: .*a.nc must be a whole, readable netCDF file \(its header"):
            netcdf_reader.read_header(path)
    monkeypatch.undo()
    assert netcdf_reader.read_header(path).shape == (4, 5)


def test_a_file_is_tried_once_until_it_changes(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(netcdf_probe, "_answers", lambda path: asked.append(path) or True)
    path = netcdf(tmp_path / "a.nc", samples(4, 5))
    for _ in range(3):
        netcdf_reader.read_header(path)
    assert len(asked) == 1
    netcdf(path, samples(5, 5))
    netcdf_reader.read_header(path)
    assert len(asked) == 2


# Mutations


@pytest.mark.parametrize(("kind", "make"), [("tif", tiff), ("nc", netcdf)])
def test_mutated_files_are_read_or_damaged(tmp_path, kind, make):
    """The process lives to the end, and every file is read or refused with a code that tells of a bad file."""
    options = {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 16}
    path = make(tmp_path / f"whole.{kind}", samples(40, 50), **(options if kind == "tif" else {"compression": "gzip"}))
    command = [sys.executable, "-m", "tests.hostile.fuzz", kind, str(path), "100", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, timeout=120, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert set(found) <= {"read", "DataCorrupt", "FormatUnsuitable", "ArrayTooLarge", "AccessRefused"}
    assert sum(found.values()) == 100
    assert found["DataCorrupt"] > 20
