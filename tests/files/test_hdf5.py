import threading

import dask
import h5py
import netCDF4
import numpy as np
import pytest

from local_runner.errors import DataError, LimitExceededError, OpenEOError
from local_runner.files import hdf5, hdf5_links, netcdf_probe
from local_runner.files.hdf5 import Rows, open_rows
from local_runner.files.hdf5_attributes import attribute, fill_values
from tests.products import traps


def samples(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.fixture
def path(tmp_path):
    """A file with nested groups: complex, float64, and integer planes with a fill value, texts and numbers."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("g/deep/z", data=samples(600, 8) + 1j, dtype="c8", chunks=(100, 4), compression="gzip")
        file["g/deep/f"] = samples(3, 600, 8)
        file["g/n"] = np.arange(48, dtype="i2").reshape(6, 8)
        file["g/n"].attrs["_FillValue"] = np.int16(7)
        file["text/fixed"], file["text/any"] = np.bytes_(b"abc\0"), "äbc"
        file["number"], file["several"] = 2.5, [1.0, 2.0]
    return tmp_path / "a.h5"


def test_planes_of_nested_groups_come_back_as_they_are_stored(path):
    with h5py.File(path) as file:
        z, f = file["g/deep/z"][()], file["g/deep/f"][()]
    found = open_rows(Rows(path, "g/deep/z", raw=True))
    assert (found.dtype, found.chunks) == (np.complex64, ((256, 256, 88), (8,)))
    np.testing.assert_array_equal(found.compute(), z)
    found = open_rows(Rows(path, "g/deep/f", (2,), columns=(3, 7), raw=True), rows=100)
    assert (found.dtype, found.chunks) == (np.float64, ((100,) * 6, (4,)))
    np.testing.assert_array_equal(found.compute(), f[2, :, 3:7])


def test_float32_has_nan_for_nodata(path):
    with hdf5.guarded(path) as file:
        nodata = fill_values(hdf5.dataset(file, "g/n"))
    found = open_rows(Rows(path, "g/n", nodata=nodata)).compute()
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.ravel(), [*range(7), np.nan, *range(8, 48)])


def test_numbers_of_another_byte_order_come_back_native(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = samples(4, 5).astype(">f8")
    found = open_rows(Rows(tmp_path / "a.h5", "a", raw=True)).compute()
    assert found.dtype == np.dtype("=f8")
    np.testing.assert_array_equal(found, samples(4, 5))


def test_only_rows_that_are_asked_for_are_read(path, monkeypatch):
    read, given = [], hdf5.read_rows
    monkeypatch.setattr(hdf5, "read_rows", lambda source, *rows: read.append(rows) or given(source, *rows))
    array = open_rows(Rows(path, "g/deep/z", raw=True))
    assert read == []
    array[300:310].compute()
    assert read == [(256, 256)]


def test_names_tell_what_an_array_holds(path):
    names = {
        open_rows(Rows(path, *parts, raw=True)).name
        for parts in (("g/deep/z",), ("g/deep/f", (0,)), ("g/deep/f", (1,)))
    }
    assert len(names) == 3
    assert open_rows(Rows(path, "g/deep/z", raw=True)).name in names
    with h5py.File(path, "a") as file:
        file["later"] = 1
    assert open_rows(Rows(path, "g/deep/z", raw=True)).name not in names


def test_metadata(path):
    with hdf5.guarded(path) as file:
        assert hdf5.text(file, "text/fixed") == "abc"
        assert hdf5.text(file, "text/any") == "äbc"
        assert hdf5.number(file, "number") == 2.5
        np.testing.assert_array_equal(hdf5.values(file, "several"), [1, 2])
        assert hdf5.has(file, "number")
        assert not hdf5.has(file, "g")
        assert not hdf5.has(file, "number/more")


def test_names_of_what_a_file_holds(path, tmp_path):
    with h5py.File(path, "a") as file:
        file["out"], file["soft"] = h5py.ExternalLink("b.h5", "/"), h5py.SoftLink("/soft")
    assert {"g/deep/z", "g/deep", "text/any", "out", "soft"} <= hdf5.names(path)
    assert hdf5.names(traps.cut(path, 0.5)) == frozenset()
    assert hdf5.names(tmp_path) == hdf5.names(tmp_path / "nothing") == frozenset()


@pytest.mark.parametrize(
    ("read", "name", "message"),
    [
        (
            hdf5.values,
            "g/deep/none",
            r"DataCorrupt: .*a.h5 must have the data set 'g/deep/none', instead got \['f', 'z'\]",
        ),
        (hdf5.values, "g", r"DataCorrupt: .*a.h5 must have the data set 'g'"),
        (hdf5.number, "several", r"DataCorrupt: 'several' in .*a.h5 must be one finite number, instead got \(2,\)"),
        (hdf5.number, "text/any", r"DataCorrupt: 'text/any' in .*a.h5 must be one finite number"),
        (hdf5.text, "number", r"DataCorrupt: 'number' in .*a.h5 must be one text, instead got 2.5"),
    ],
)
def test_fields_that_are_missing_or_something_else_are_named(path, read, name, message):
    with hdf5.guarded(path) as file, pytest.raises(DataError, match=f"^{message}"):
        read(file, name)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"name": "g/none"}, r"DataCorrupt: .*a.h5 must have the data set 'g/none'"),
        ({"name": "g/deep/z"}, r"FormatUnsuitable: .*a.h5 must hold real numbers in 'g/deep/z'"),
        ({"name": "g/deep/f"}, r"DataCorrupt: 'g/deep/f' in .*a.h5 must have rows and columns at \(\)"),
        (
            {"name": "g/deep/f", "index": (3,)},
            r"DataCorrupt: 'g/deep/f' in .*a.h5 must have rows and columns at \(3,\)",
        ),
        ({"name": "g/n", "columns": (4, 9)}, r"DataCorrupt: 'g/n' in .*a.h5 must have its columns"),
    ],
)
def test_planes_that_are_not_there_are_named(path, source, message):
    with pytest.raises(OpenEOError, match=f"^{message}"):
        open_rows(Rows(path, **source))


@pytest.mark.parametrize("trap", traps.LEAD_ELSEWHERE)
def test_files_that_lead_elsewhere_are_refused_by_name(path, trap):
    with h5py.File(path, "a") as file:
        name = trap(file["g/deep"])
    with (
        pytest.raises(OpenEOError, match=rf"^AccessRefused: .*a.h5 must hold its data itself.*'g/deep/{name}'"),
        hdf5.guarded(path),
    ):
        pass


def test_sizes_and_filters_are_judged(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("large", (2**20, 2**20), "f4", chunks=(64, 64))
        file.create_dataset("long", (2_000_000,), "f4")
        file["odd"] = 1
    traps.with_plugin_filter(path, "odd", (4, 4))
    with pytest.raises(LimitExceededError, match=r"^ArrayTooLarge: a plane of 'large' in .*a.h5 must have at most"):
        open_rows(Rows(path, "large"))
    with pytest.raises(
        OpenEOError, match=r"^FormatUnsuitable: .*a.h5 must be compressed by .* got \[32001\]. Convert 'odd'"
    ):
        open_rows(Rows(path, "odd"))
    with (
        hdf5.guarded(path) as file,
        pytest.raises(LimitExceededError, match=r"^ArrayTooLarge: 'long' in .*a.h5 must have at most 1000000 values"),
    ):
        hdf5.values(file, "long")


def test_values_are_judged_by_their_bytes_too(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("long", (1,), "S1000000000", chunks=(1,))
        file.create_dataset("small planes", (500_000, 1, 1), "S1000000", chunks=(1, 1, 1))
        file["texts"] = ["a", "b"]
    for name in ("long", "small planes"):
        with (
            hdf5.guarded(path) as file,
            pytest.raises(LimitExceededError, match=rf"^ArrayTooLarge: '{name}' in .*a.h5 must have at most"),
        ):
            hdf5.values(file, name)
    must = r"^DataCorrupt: 'texts' in .*a.h5 must be one text, or numbers, instead got \(2,\)"
    with hdf5.guarded(path) as file, pytest.raises(DataError, match=must):
        hdf5.values(file, "texts")


@pytest.mark.parametrize("value", ["abc", np.zeros(0), h5py.Empty("S1")])
def test_attributes_that_are_no_number_are_named(path, value):
    with h5py.File(path, "a") as file:
        file["g/n"].attrs["_FillValue"] = value
    must = r"^DataCorrupt: attribute '_FillValue' of 'g/n' in .*a.h5 must be a number"
    with hdf5.guarded(path) as file, pytest.raises(DataError, match=must):
        fill_values(file["g/n"])


def test_a_text_without_characters_is_empty(path):
    with h5py.File(path, "a") as file:
        file.attrs["name"] = h5py.Empty("S1")
    with hdf5.guarded(path) as file:
        assert attribute(file, "name") == ""


def test_cells_that_netcdf_never_wrote_are_nodata(tmp_path):
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createDimension("y", 2)
        file.createDimension("x", 3)
        for name, kind in (("f", "f4"), ("d", "f8"), ("n", "i2")):
            file.createVariable(name, kind, ("y", "x"))[0] = 1
    for name in "fd":
        with hdf5.guarded(tmp_path / "a.nc") as file:
            nodata = fill_values(file[name])
        found = open_rows(Rows(tmp_path / "a.nc", name, nodata=nodata)).compute()
        np.testing.assert_array_equal(found, [[1] * 3, [np.nan] * 3])


def test_a_file_that_this_process_has_open_is_read(path):
    with h5py.File(path), hdf5.guarded(path) as file:
        assert hdf5.number(file, "number") == 2.5


@pytest.mark.parametrize("many", ["groups", "links"])
def test_very_many_objects_are_refused_once(tmp_path, monkeypatch, many):
    monkeypatch.setattr(hdf5_links, "MAX_OBJECTS", 100)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        first = file.create_group("first")
        for number in range(200):
            if many == "groups":
                file.create_group(f"g/{number}")
            else:
                file[f"g/{number}"] = first
    must = r"^ArrayTooLarge: .*a.h5 must have at most 100 objects"
    with pytest.raises(LimitExceededError, match=must), hdf5.guarded(tmp_path / "a.h5"):
        pass
    assert hdf5.names(tmp_path / "a.h5") == frozenset()


def test_a_file_with_many_objects_is_tried_to_its_end(tmp_path, monkeypatch):
    said, given = [], netcdf_probe._said
    monkeypatch.setattr(netcdf_probe, "_said", lambda *given_: said.append(given(*given_)) or said[-1])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number in range(1200):
            file.create_group(str(number))
    with hdf5.guarded(tmp_path / "a.h5") as file:
        assert len(file) == 1200
    assert said == [b"more\n"] * 3 + [b"done\n"]


def test_names_of_a_file_that_crashes_are_asked_once(path, monkeypatch):
    tried = []
    monkeypatch.setattr(netcdf_probe, "_answers", tried.append)
    for _ in range(3):
        assert hdf5.names(path) == frozenset()
    assert tried == [path]


def test_other_files_and_damaged_ones_are_refused(path, tmp_path):
    (tmp_path / "b.h5").write_bytes(b"II*\0")
    with pytest.raises(DataError, match=r"^DataCorrupt: .*b.h5 must be an HDF5 file"), hdf5.guarded(tmp_path / "b.h5"):
        pass
    traps.cut(path, 0.9)
    with (
        pytest.raises(DataError, match=r"^DataCorrupt: .*a.h5 must be a whole, readable HDF5 file"),
        hdf5.guarded(path),
    ):
        pass


def test_a_checksum_is_compared_before_a_value_is_used(path):
    wrong = open_rows(Rows(path, "g/n", checksum="1220" + "0" * 64))
    with pytest.raises(DataError, match=r"^DataCorrupt: .*a.h5 must have the file:checksum of its item"):
        wrong.compute()


def test_a_file_is_tried_and_walked_once_until_it_changes(path, monkeypatch):
    tried, walked = [], []
    monkeypatch.setattr(netcdf_probe, "_answers", lambda path: tried.append(path) or True)
    monkeypatch.setattr(hdf5, "require_harmless", lambda path, _file: walked.append(path))
    for _ in range(3):
        with hdf5.guarded(path):
            pass
    assert (len(tried), len(walked)) == (1, 1)
    with h5py.File(path, "a") as file:
        file["later"] = 1
    with hdf5.guarded(path):
        pass
    assert (len(tried), len(walked)) == (2, 2)


def test_the_lock_is_free_after_an_error(path):
    with pytest.raises(DataError, match=r"^DataCorrupt: "), hdf5.guarded(path) as file:
        hdf5.values(file, "none")
    done = []
    thread = threading.Thread(target=lambda: done.append(open_rows(Rows(path, "g/n")).compute(scheduler="sync")))
    thread.start()
    thread.join(timeout=30)
    assert len(done) == 1


def test_threads_read_one_file_together(path):
    arrays = [open_rows(Rows(path, "g/deep/f", (plane,), raw=True), rows=50) for plane in range(3)]
    with h5py.File(path) as file:
        expected = file["g/deep/f"][()]
    np.testing.assert_array_equal(dask.compute(*arrays, scheduler="threads", num_workers=4), expected)
