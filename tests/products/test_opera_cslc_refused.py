"""CSLC files that are damaged, hostile or do not belong together: errors that name the file and the field."""

import h5py
import numpy as np
import pytest

from local_runner.errors import DataError, LimitExceededError, OpenEOError
from tests.products import traps
from tests.products.hdf5_files import BURST, X, Y, cslc, opened, stacks, static_layers

BURST_FILE = f"{BURST}_20210109.h5"


@pytest.mark.parametrize("trap", traps.LEAD_ELSEWHERE)
def test_files_that_lead_elsewhere_are_refused(tmp_path, trap):
    with h5py.File(cslc(tmp_path / BURST_FILE), "a") as file:
        name = trap(file)
    with pytest.raises(OpenEOError, match=rf"^AccessRefused: .*{BURST_FILE} must hold its data itself.*'?{name}'"):
        stacks("opera_cslc", tmp_path / BURST_FILE)


@pytest.mark.parametrize(
    ("shape", "options", "what"),
    [
        ((700_000, 900_000), {"chunks": (256, 256)}, "a plane"),
        ((4096, 4096), {"chunks": (4096, 4096), "compression": "gzip"}, "a chunk"),
    ],
    ids=["4.6 TiB", "bomb"],
)
def test_sizes_are_judged_before_a_value_is_read(tmp_path, shape, options, what):
    path = cslc(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        for axis, size in zip("yx", shape, strict=True):
            del file[f"data/{axis}_coordinates"], file[f"data/{axis}_spacing"]
            file[f"data/{axis}_coordinates"] = -np.arange(size)
    traps.replaced(path, "data/VV", shape, "c8", **options)
    with pytest.raises(LimitExceededError, match=rf"^ArrayTooLarge: {what} of 'data/VV' in .*a.h5 must have at most"):
        stacks("opera_cslc", path)


def test_filters_that_are_plugins_are_refused(tmp_path):
    path = traps.with_plugin_filter(cslc(tmp_path / "a.h5"), "data/flattening_phase", (Y.size, X.size))
    with pytest.raises(
        OpenEOError, match=r"^FormatUnsuitable: .*a.h5 must be compressed by .* 'data/flattening_phase'"
    ):
        stacks("opera_cslc", path)


@pytest.mark.parametrize("share", [0.99, 0.5, 0.01])
def test_a_truncated_file_is_named(tmp_path, share):
    path = traps.cut(cslc(tmp_path / BURST_FILE), share)
    with pytest.raises(DataError, match=rf"^DataCorrupt: .*{BURST_FILE} must be a whole, readable HDF5 file"):
        stacks("opera_cslc", path)


@pytest.mark.parametrize("field", ["x_coordinates", "y_coordinates", "projection"])
def test_a_missing_data_set_is_named(tmp_path, field):
    path = cslc(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        del file[f"data/{field}"]
    with pytest.raises(DataError, match=rf"^DataCorrupt: .*a.h5 must have the data set 'data/{field}', instead got \["):
        stacks("opera_cslc", path)


def test_an_unknown_layout_is_told_with_those_that_are_known(tmp_path):
    with h5py.File(tmp_path / BURST_FILE, "w") as file:
        file["other/VV"] = np.zeros((2, 2))
    with pytest.raises(
        DataError, match=rf"^DataCorrupt: .*{BURST_FILE} must be a CSLC.*science/SENTINEL1.*got \['other'\]"
    ):
        stacks("opera_cslc", tmp_path / BURST_FILE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bounding_polygon": "POINT (1 2)"}, "'identification/bounding_polygon' in .*a.h5 must be a polygon"),
        ({"bounding_polygon": "no WKT"}, "'identification/bounding_polygon' in .*a.h5 must be a polygon"),
        (
            {"bounding_polygon": "POLYGON ((5e5 4e6, 6e5 4e6, 6e5 5e6, 5e5 4e6))"},
            "'identification/bounding_polygon' in .*a.h5",
        ),
        ({"burst_id": "iw2"}, "'identification/burst_id' in .*a.h5 must be the burst id"),
        ({"zero_doppler_start_time": "yesterday"}, "'identification/zero_doppler_start_time' in .*a.h5 must be a time"),
        (
            {"absolute_orbit_number": np.nan},
            "'identification/absolute_orbit_number' in .*a.h5 must be one finite number",
        ),
        ({"mission_id": 3}, "'identification/mission_id' in .*a.h5 must be one text"),
    ],
)
def test_fields_that_make_no_sense_are_named(tmp_path, changes, message):
    with pytest.raises(DataError, match=rf"^DataCorrupt: {message}"):
        stacks("opera_cslc", cslc(tmp_path / "a.h5", **changes))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("y_spacing", 10.0, "DataCorrupt: 'data/y_spacing' in .*a.h5 must be the step of the coordinates, -10"),
        ("x_coordinates", np.append(X[:-1], 0), "DataCorrupt: 'data/x_coordinates' in .*a.h5 must be even coordinates"),
        ("projection", 999_999, "FormatUnsuitable: 'data/projection' in .*a.h5 must be an EPSG code"),
        (
            "flattening_phase",
            np.zeros((3, 4)),
            r"DataCorrupt: 'data/flattening_phase' in .*a.h5 .* \(300, 20\), instead got",
        ),
        ("VV", np.zeros((Y.size, X.size)), "FormatUnsuitable: 'data/VV' in .*a.h5 must hold complex numbers"),
    ],
)
def test_data_sets_of_the_grid_must_agree(tmp_path, name, value, message):
    path = cslc(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        del file[f"data/{name}"]
        file[f"data/{name}"] = value
    with pytest.raises(OpenEOError, match=f"^{message}"):
        stacks("opera_cslc", path)


def test_a_name_of_another_burst_is_refused(tmp_path):
    path = cslc(tmp_path / "t001_000001_iw1_20210109.h5")
    with pytest.raises(DataError, match=r"^DataCorrupt: 'identification/burst_id' in .*h5 must be .*t001_000001_iw1"):
        stacks("opera_cslc", path)


@pytest.mark.parametrize("make", [cslc, static_layers])
def test_grids_of_a_burst_must_be_one(tmp_path, make):
    paths = cslc(tmp_path / "a.h5"), make(tmp_path / "b.h5", x=X + 5, **({"day": "2021-01-21"} if make is cslc else {}))
    with pytest.raises(DataError, match=r"^GridsDiffer: .*a.h5 has shape .*b.h5"):
        stacks("opera_cslc", *paths)


def test_polarisations_of_a_burst_must_be_the_same(tmp_path):
    paths = cslc(tmp_path / "a.h5"), cslc(tmp_path / "b.h5", "2021-01-21", polarizations=("VV", "VH"))
    with pytest.raises(DataError, match=r"^PolarizationsDiffer: .*a.h5, \('VV',\); .*b.h5 must too.*'VH'"):
        stacks("opera_cslc", *paths)
    assert len(stacks("opera_cslc", *paths, polarizations=("VV",))[0].items) == 2


def test_a_date_has_one_file_per_polarisation_and_a_burst_one_of_static_layers(tmp_path):
    twice = cslc(tmp_path / "a.h5"), cslc(tmp_path / "b.h5")
    with pytest.raises(DataError, match=r"^DatesNotUnique: .*20210109 has .*a.h5 and .*b.h5"):
        stacks("opera_cslc", *twice)
    twice = static_layers(tmp_path / "c.h5"), static_layers(tmp_path / "d.h5")
    with pytest.raises(DataError, match=r"^DatesNotUnique: .*static layers, not .*c.h5 and .*d.h5"):
        stacks("opera_cslc", *twice)


def test_a_polarisation_that_no_cslc_has_leaves_no_static_layers_alone(tmp_path):
    paths = cslc(tmp_path / "a.h5"), static_layers(tmp_path / "s.h5")
    must = (
        r"^ProcessParameterInvalid: --polarization must be one of \('VV',\), which the products have, instead got 'VH'"
    )
    with pytest.raises(OpenEOError, match=must):
        stacks("opera_cslc", *paths, polarizations=("VH",))
    assert len(stacks("opera_cslc", paths[1], polarizations=("VH",))) == 1


def test_an_outline_without_area_is_named(tmp_path):
    path = cslc(tmp_path / "a.h5", bounding_polygon="POLYGON((0 0, 1 1, 2 2, 0 0))")
    with pytest.raises(DataError, match=r"^DataCorrupt: .*bounding_polygon' in .*a.h5 must be a polygon with an area"):
        stacks("opera_cslc", path)


def test_an_item_that_names_what_its_file_lacks_is_refused(tmp_path):
    item = stacks("opera_cslc", cslc(tmp_path / "a.h5"))[0].items[0]
    item.assets["data"].extra_fields["bands"].append({"name": "i_HH"})
    with pytest.raises(DataError, match=r"^DataCorrupt: .*a.h5, asset 'data' of item .* must have its bands .*'i_HH'"):
        opened(item, tmp_path)


def test_files_outside_of_what_may_be_opened_are_refused(tmp_path):
    (tmp_path / "here").mkdir()
    item = stacks("opera_cslc", cslc(tmp_path / "a.h5"))[0].items[0]
    with pytest.raises(OpenEOError, match=r"^AccessRefused: "):
        opened(item, tmp_path / "here")


def test_a_damaged_chunk_is_named_when_it_is_computed(tmp_path):
    path = cslc(tmp_path / "a.h5")
    with h5py.File(path) as file:
        place = file["data/VV"].id.get_chunk_info(0).byte_offset
    item = stacks("opera_cslc", path)[0].items[0]
    with path.open("r+b") as file:
        file.seek(place + 100)
        file.write(bytes(1000))
    with pytest.raises(DataError, match=r"^DataCorrupt: .*a.h5 must be a whole, readable HDF5 file"):
        opened(item, tmp_path).bands["i_VV"]().compute()
