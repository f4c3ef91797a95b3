import hashlib
import threading

import dask.array as da
import h5py
import netCDF4
import numpy as np
import pytest
import rasterio
import xarray as xr

from local_runner.cube import parse_crs, with_crs
from local_runner.errors import DataError, LimitExceededError, OpenEOError
from local_runner.files import netcdf_writer
from local_runner.files.netcdf_reader import open_variable, read_header
from local_runner.files.netcdf_writer import File, write_netcdf


def samples(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def write(path, data, attributes=None):
    """Write one file; result per band."""
    return write_netcdf([File(path, data, "title", attributes or {})])[0]


def cube(crs=None):
    data = da.from_array(samples(2, 2, 600, 70), chunks=(1, 1, 256, 70))
    coords = {
        "t": np.array(["2023-03-19T05:50:33.5", "2023-03-31"], "datetime64[ns]"),
        "bands": ["coherence", "phase"],
        "y": np.arange(600),
        "x": np.arange(70),
    }
    return with_crs(xr.DataArray(data, dims=("t", "bands", "y", "x"), coords=coords), crs)


@pytest.mark.parametrize("crs", [None, 32631, 4326])
def test_netcdf_holds_bands_as_variables_with_cf_metadata(tmp_path, crs):
    expected = cube(None if crs is None else parse_crs(crs))
    attributes = {"coherence": {"units": "1", "long_name": "coherence magnitude"}}
    written = write(tmp_path / "a.nc", expected, attributes)
    with xr.open_dataset(tmp_path / "a.nc", decode_coords="all") as found:
        np.testing.assert_array_equal(found.phase.values, expected.sel(bands="phase").values)
        np.testing.assert_array_equal(found.t.values, expected.t.values)
        assert found.attrs["Conventions"] == "CF-1.11"
        assert found.coherence.attrs["units"] == "1"
        names = {None: None, 32631: "projection_x_coordinate", 4326: "longitude"}
        assert found.x.attrs.get("standard_name") == names[crs]
        assert ("spatial_ref" in found.coords) == (crs is not None)
        assert found.coherence.encoding.get("grid_mapping") == (None if crs is None else "spatial_ref")
    content = (tmp_path / "a.nc").read_bytes()
    assert written["phase"].checksum == "1220" + hashlib.sha256(content).hexdigest()
    assert written["phase"].statistics.valid == 2 * 600 * 70


@pytest.mark.parametrize("crs", [32631, 4326])
def test_other_software_finds_the_crs(tmp_path, crs):
    write(tmp_path / "a.nc", cube(parse_crs(crs)))
    with xr.open_dataset(tmp_path / "a.nc") as found:
        assert found.phase.rio.crs.to_epsg() == crs
        assert found.spatial_ref.attrs["crs_wkt"].startswith(("PROJCRS", "GEOGCRS"))
    with rasterio.open(f'NETCDF:"{tmp_path}/a.nc":phase') as found:
        assert found.crs.to_epsg() == crs
        assert tuple(found.transform)[:6] == (1, 0, -0.5, 0, -1, 599.5)


def test_radar_geometry_names_its_positions_and_no_crs(tmp_path):
    data = cube().assign_coords(bands=["coherence", "latitude"])
    write(tmp_path / "a.nc", data, {"coherence": {"units": "pixel"}})
    with netCDF4.Dataset(tmp_path / "a.nc") as file:
        assert set(file.variables) == {"t", "y", "x", "coherence", "latitude"}
        assert file["latitude"].dimensions == ("y", "x")
        assert (file["latitude"].standard_name, file["latitude"].units) == ("latitude", "degrees_north")
        assert file["coherence"].coordinates == "latitude"
        assert (file["coherence"].long_name, file["coherence"].units) == ("coherence (pixel)", "1")
        assert (file["x"].long_name, file["y"].long_name) == ("range sample", "azimuth line")
        assert "_FillValue" not in file["x"].ncattrs()


def test_netcdf_that_differs_when_read_back_is_a_storage_error(tmp_path, monkeypatch):
    calls = iter(range(99))
    monkeypatch.setattr(netcdf_writer.zlib, "crc32", lambda _data: next(calls))
    with pytest.raises(DataError, match=r"^StorageFailed: a.nc must hold what was written \(coherence differs"):
        write(tmp_path / "a.nc", cube())


@pytest.mark.parametrize("name", ["x", "t", "spatial_ref", "a/b", "..", " a", "a ", "", "a\nb", "%", "a" * 256])
def test_names_that_no_variable_may_have_are_refused(tmp_path, name):
    with pytest.raises(
        OpenEOError, match=r"^FormatUnsuitable: A band saved as netCDF must have the name of a variable"
    ):
        write(tmp_path / "a.nc", cube().assign_coords(bands=[name, "phase"]))
    assert not list(tmp_path.iterdir())


def test_what_the_netcdf_library_cannot_write_is_a_storage_error(tmp_path, monkeypatch):
    def full(*_index):
        raise RuntimeError("NetCDF: HDF error")

    monkeypatch.setattr(netcdf_writer._Plane, "at", full)
    with pytest.raises(DataError, match=r"^StorageFailed: a.nc must hold what was written \(NetCDF: HDF error\)"):
        write(tmp_path / "a.nc", cube())


def test_work_that_files_share_is_done_once(tmp_path):
    calls = []

    def count(block):
        calls.append(1)
        return block

    data = cube()
    base = data.copy(data=data.data.rechunk((2, 2, 512, 70)).map_blocks(count, meta=np.empty((0,) * 4, np.float32)))
    calls.clear()
    files = [File(tmp_path / f"{at}.nc", base.isel(t=[at], bands=[at]), "title") for at in range(2)]
    write_netcdf(files)
    assert len(calls) == 2
    for at in range(2):
        with xr.open_dataset(tmp_path / f"{at}.nc") as found:
            np.testing.assert_array_equal(next(iter(found.data_vars.values()))[0], data[at, at])


@pytest.mark.parametrize("crs", [None, 32631])
def test_what_is_written_is_read(tmp_path, crs):
    expected = cube(None if crs is None else parse_crs(crs))
    write(tmp_path / "a.nc", expected)
    header = read_header(tmp_path / "a.nc")
    assert (header.shape, header.rows, list(header.variables)) == ((600, 70), 512, ["coherence", "phase"])
    np.testing.assert_array_equal(header.times, expected.t.values)
    assert header.crs == (None if crs is None else parse_crs(crs))
    found = open_variable(header, "phase", 1)
    assert (found.dtype, found.chunks) == (np.float32, ((512, 88), (70,)))
    np.testing.assert_array_equal(found.compute(), expected[1, 1].values)


def hdf5(path, data=None, **options):
    """A file with the dims y, x and the variable `a`; open, so that traps can be added."""
    file = h5py.File(path, "w")
    shape = data.shape if data is not None else options["shape"]
    for name, size in zip("yx", shape, strict=True):
        file.create_dataset(name, data=np.arange(size) if size < 10**6 else np.arange(1)).make_scale(name)
    file.create_dataset("a", data=data, **options)
    for axis, name in enumerate("yx"):
        file["a"].dims[axis].attach_scale(file[name])
    return file


@pytest.mark.parametrize(("dtype", "nodata"), [("int16", -32768), ("float64", -9999.0), (">f4", 0.5)])
def test_nodata_becomes_nan(tmp_path, dtype, nodata):
    data = np.ones((4, 5), dtype)
    data[2] = nodata
    with hdf5(tmp_path / "a.nc", data) as file:
        file["a"].attrs["_FillValue"] = np.array([nodata], dtype)
    found = open_variable(read_header(tmp_path / "a.nc"), "a").compute()
    np.testing.assert_array_equal(np.isnan(found[:, 0]), [False, False, True, False])
    assert found.dtype == np.float32


def external_link(file):
    file["b"] = h5py.ExternalLink("secret.h5", "/a")


def link_in_the_middle(file):
    file.create_group("g")["h"] = h5py.ExternalLink("secret.h5", "/")


def soft_cycle(file):
    file["b"] = h5py.SoftLink("/c")
    file["c"] = h5py.SoftLink("/b")


def external_storage(file):
    file.create_dataset("b", (4, 5), "u1", external=[("secret.txt", 0, 20)])


def virtual(file):
    layout = h5py.VirtualLayout((4, 5), "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "a", (4, 5))
    file.create_virtual_dataset("b", layout)


@pytest.mark.parametrize("trap", [external_link, link_in_the_middle, soft_cycle, external_storage, virtual])
def test_files_that_lead_elsewhere_are_refused(tmp_path, trap):
    with hdf5(tmp_path / "a.nc", samples(4, 5)) as file:
        trap(file)
    with pytest.raises(OpenEOError, match=r"^AccessRefused: .*a.nc must hold its data itself"):
        read_header(tmp_path / "a.nc")


def test_a_cycle_of_hard_links_is_walked_once(tmp_path):
    with hdf5(tmp_path / "a.nc", samples(4, 5)) as file:
        file.create_group("g")["up"] = file["/"]
    assert read_header(tmp_path / "a.nc").shape == (4, 5)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"shape": (2**20, 2**20), "chunks": (256, 256)}, "a plane"),
        ({"shape": (512, 2**19), "chunks": (512, 256)}, "512 rows"),
        ({"shape": (8192, 8192), "chunks": (8192, 8192), "compression": "gzip"}, "a chunk"),
    ],
)
def test_sizes_are_judged_before_a_value_is_read(tmp_path, options, what):
    hdf5(tmp_path / "a.nc", dtype="f4", **options).close()
    with pytest.raises(LimitExceededError, match=rf"^ArrayTooLarge: {what} of 'a' in .*a.nc must have at most"):
        read_header(tmp_path / "a.nc")


def test_filters_that_are_plugins_are_refused(tmp_path):
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        if not file.has_zstd_filter():
            pytest.skip("netCDF4 comes without plugins")
        file.createDimension("y", 4)
        file.createDimension("x", 5)
        file.createVariable("a", "f4", ("y", "x"), compression="zstd")
    with pytest.raises(OpenEOError, match=r"^FormatUnsuitable: .*a.nc must be compressed by .* instead got \[32015\]"):
        read_header(tmp_path / "a.nc")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("scale_factor", 0.1, "must hold 'a' as it is, without scale_factor"),
        ("grid_mapping", "x", "must name its CRS as crs_wkt"),
    ],
)
def test_attributes_that_would_change_the_meaning_are_refused(tmp_path, name, value, message):
    with hdf5(tmp_path / "a.nc", samples(4, 5)) as file:
        file["a"].attrs[name] = value
    with pytest.raises(OpenEOError, match=f"^FormatUnsuitable: .*a.nc {message}"):
        read_header(tmp_path / "a.nc")


def test_a_crs_that_names_files_is_refused(tmp_path):
    with hdf5(tmp_path / "a.nc", samples(4, 5)) as file:
        file["crs"] = 0
        file["crs"].attrs["crs_wkt"] = "+proj=longlat +nadgrids=/etc/passwd"
        file["a"].attrs["grid_mapping"] = "crs"
    with pytest.raises(OpenEOError, match=r"^FormatUnsuitable: .*a.nc must name its CRS as WKT2 or as EPSG code"):
        read_header(tmp_path / "a.nc")


def test_complex_numbers_and_other_dims_are_refused(tmp_path):
    hdf5(tmp_path / "a.nc", samples(4, 5).astype(complex)).close()
    with pytest.raises(OpenEOError, match=r"^FormatUnsuitable: .*a.nc must hold real numbers in 'a'"):
        read_header(tmp_path / "a.nc")
    xr.Dataset({"a": (("lat", "lon"), samples(4, 5))}).to_netcdf(tmp_path / "b.nc", engine="netcdf4")
    with pytest.raises(OpenEOError, match=r"^FormatUnsuitable: .*b.nc must have variables with the dims y, x"):
        read_header(tmp_path / "b.nc")


def test_classic_netcdf_and_other_files_are_refused(tmp_path):
    xr.Dataset({"a": (("y", "x"), samples(4, 5))}).to_netcdf(tmp_path / "a.nc", engine="scipy")
    with pytest.raises(OpenEOError, match=r"^FormatUnsuitable: .*a.nc must be netCDF-4"):
        read_header(tmp_path / "a.nc")
    (tmp_path / "b.nc").write_bytes(b"II*\0")
    with pytest.raises(DataError, match=r"^DataCorrupt: .*b.nc must be a netCDF-4 file"):
        read_header(tmp_path / "b.nc")


@pytest.mark.parametrize("kept", [0.999, 0.5, 0.01])
def test_a_truncated_file_is_named(tmp_path, kept):
    write(tmp_path / "a.nc", cube())
    content = (tmp_path / "a.nc").read_bytes()
    (tmp_path / "a.nc").write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(DataError, match=r"^DataCorrupt: .*a.nc must be a whole, readable netCDF file"):
        read_header(tmp_path / "a.nc")


def test_a_damaged_chunk_is_named_when_it_is_computed(tmp_path):
    write(tmp_path / "a.nc", cube())
    header = read_header(tmp_path / "a.nc")
    with h5py.File(tmp_path / "a.nc") as file:
        place = file["phase"].id.get_chunk_info(0).byte_offset
    with (tmp_path / "a.nc").open("r+b") as file:
        file.seek(place + 1000)
        file.write(bytes(1000))
    with pytest.raises(DataError, match=r"^DataCorrupt: .*a.nc must be a whole, readable netCDF file"):
        open_variable(header, "phase").compute()


def test_threads_read_while_another_writes(tmp_path):
    write(tmp_path / "a.nc", cube())
    header = read_header(tmp_path / "a.nc")
    failures = []

    def read():
        try:
            da.stack([open_variable(header, name) for name in header.variables]).compute(scheduler="threads")
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for at in range(3):
        write(tmp_path / f"b{at}.nc", cube())
    for thread in threads:
        thread.join()
    assert failures == []
