"""Bursts put together: that each sample is that of one burst, where they are cut, and what the items tell."""

import json

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from local_runner.bursts import BurstStack
from local_runner.bursts.mosaic import lines_between, stitched
from local_runner.demo.safe import Product, write_safe
from local_runner.errors import OpenEOError
from local_runner.geometry.bands import View, bands
from local_runner.geometry.elevation import ConstantHeights
from local_runner.geometry.radar_grid import RadarGrid
from local_runner.products.sentinel1_slc.annotation import read_annotation
from local_runner.stac.write import Provenance, save
from tests.geometry import circular
from tests.processes import unreadable

DAYS = ("2024-08-09", "2024-08-21")
BANDS = ("i_VV", "q_VV")
DT = 2.0555563e-3
SPACING = 2.329562
NEAR_M = 850e3
SHAPE = (30, 20)
VALID = (2, 27), (1, 18)
CYCLE = 22  # lines from burst to burst


def grid(line=0.0, sample=0.0, **changes):
    """Grid of a burst so many lines and samples behind the first one."""
    start = circular.EPOCH + np.timedelta64(round(line * DT * 1e6), "us")
    image = circular.grid(shape=SHAPE, slant_range_first_m=NEAR_M + sample * SPACING)
    fields = {name: getattr(image, name) for name in image.__dataclass_fields__}
    return RadarGrid(**{**fields, "first_line_time": start, **changes})


def code(burst, shape=SHAPE):
    """Values (t, bands, y, x) that tell burst, line, sample, date and band."""
    date, band, line, sample = np.indices((len(DAYS), len(BANDS), *shape))
    return (burst * 1e4 + line * 100 + sample + date * 0.25 + band * 0.5).astype(np.float32)


def items(burst, swath):
    """Items of a burst by day; the baseline of the second one grows from burst to burst."""
    own = {"openeo_sar:relative_burst": burst, "sar:beam_ids": [swath], "proj:shape": list(SHAPE), "first_line": 0}
    own |= {"slant_range_first_m": 1.0, "openeo_sar:primary": DAYS[0], "platform": "sentinel-1a"}
    pair = {"insar:perpendicular_baseline": 30.0 + burst, "insar:height_of_ambiguity": -1 / (30.0 + burst)}
    each = zip(DAYS, ({}, pair), strict=True)
    return {day: [{"id": f"{burst}_{day}", "href": "", "properties": {**own, **more}}] for day, more in each}


def part(burst, line=None, sample=0.0, *, swath="IW2", **changes):
    """A burst and its coregistered cube."""
    own = grid(burst * CYCLE if line is None else line, sample, **changes)
    coords = {"t": np.array([f"{day}T17:07:{burst:02}" for day in DAYS], "datetime64[ns]"), "bands": list(BANDS)}
    coords |= {"y": np.arange(SHAPE[0]), "x": np.arange(SHAPE[1])}
    values = da.from_array(code(burst), chunks=(1, 1, 16, -1))
    cube = xr.DataArray(values, coords, ("t", "bands", "y", "x"), attrs={"stac": items(burst, swath)})
    return BurstStack(burst, swath, cube, own, None, *VALID), cube


def painted(shape, *pieces):
    """Expected mosaic of (burst, lines, samples, first line, first sample): what of which burst stands where."""
    expected = np.full((len(DAYS), len(BANDS), *shape), np.nan, np.float32)
    for burst, (top, bottom), (left, right), line, sample in pieces:
        values = code(burst)[..., top - line : bottom - line, left - sample : right - sample]
        expected[..., top:bottom, left:right] = values
    return expected


# where samples come from


def test_bursts_are_cut_in_the_middle_of_what_is_valid_in_both():
    """Of 24 to 27, which are valid in both, the first two lines are of the earlier burst."""
    mosaic = stitched([part(2), part(0), part(1)])
    pieces = (0, (0, 26), (0, 20), 0, 0), (1, (26, 48), (0, 20), 22, 0), (2, (48, 74), (0, 20), 44, 0)
    np.testing.assert_array_equal(mosaic.values, painted((74, 20), *pieces))


def test_missing_burst_leaves_a_gap():
    mosaic = stitched([part(0), part(2)])
    np.testing.assert_array_equal(
        mosaic.values, painted((74, 20), (0, (0, 30), (0, 20), 0, 0), (2, (44, 74), (0, 20), 44, 0))
    )


def test_swaths_are_cut_in_the_middle_of_what_is_valid_in_both_and_placed_to_the_nearest_line():
    """Samples 16 to 18 are valid in both swaths, of which the middle one is of the far swath."""
    far = [part(n, line=n * CYCLE + 3.4, sample=15, swath="IW3") for n in (3, 4)]
    mosaic = stitched([*far, part(3, line=0), part(4, line=CYCLE)][::-1])
    far_lines = 3 + 3 * CYCLE, 3 + 4 * CYCLE
    near = (3, (0, 26), (0, 17), 0, 0), (4, (26, 52), (0, 17), 22, 0)
    later = (
        (3, (far_lines[0], far_lines[1] + 4), (17, 35), far_lines[0], 15),
        (4, (far_lines[1] + 4, far_lines[1] + 30), (17, 35), far_lines[1], 15),
    )
    np.testing.assert_array_equal(mosaic.values, painted((121, 35), *near, *later))


def test_burst_with_another_first_sample_is_placed_by_slant_range():
    mosaic = stitched([part(0), part(1, sample=3.2)])
    np.testing.assert_array_equal(
        mosaic.values, painted((52, 23), (0, (0, 26), (0, 20), 0, 0), (1, (26, 52), (3, 23), 22, 3))
    )


def test_one_burst_is_itself():
    own = part(5)
    assert stitched([own]) is own[1]


def test_dates_and_bands_are_found_by_label():
    first, (stack, cube) = part(0), part(1)
    turned = cube.isel(t=[1, 0], bands=[1, 0]).transpose("y", "t", "x", "bands")
    own, other = stitched([first, (stack, cube)]), stitched([first, (stack, turned)])
    xr.testing.assert_equal(own, other)
    assert own.attrs == other.attrs


def test_lines_are_counted_in_whole_microseconds():
    """Times are rounded to the microsecond, which moves no line: 1342 lines of 27 bursts."""
    first = grid()
    assert [lines_between(first, grid(n * 1342)) for n in range(27)] == [n * 1342 for n in range(27)]
    assert [lines_between(first, grid(n)) for n in (10.49, 10.51, -3.4)] == [10, 11, -3]


# lazy


def test_nothing_is_read_before_it_is_asked_for():
    parts = [(stack, unreadable(cube)) for stack, cube in (part(0), part(1), part(2))]
    mosaic = stitched(parts)
    assert (mosaic.dims, mosaic.dtype) == (("t", "bands", "y", "x"), np.float32)
    with pytest.raises(AssertionError, match=r"^a pixel was read$"):
        mosaic.compute()


def test_rows_of_one_burst_do_not_read_the_others():
    parts = [part(n, line=n * 300) for n in range(4)]
    mosaic = stitched([parts[0], *((stack, unreadable(cube)) for stack, cube in parts[1:])])
    np.testing.assert_array_equal(mosaic[..., :30, :].values, code(0))


def test_chunks_are_of_whole_rows():
    mosaic = stitched([part(0), part(20), part(3, sample=15, swath="IW3")])
    assert mosaic.chunks[2:] == ((256, 214), (35,))
    assert mosaic.y.values.tolist() == list(range(470))
    assert mosaic.x.values.tolist() == list(range(35))


# what the items tell


def saved(cube, folder):
    save(cube.compute(), folder, process="mosaic", provenance=Provenance(process_graph={}))
    return [json.loads((folder / name / f"{name}.json").read_text()) for name in ("mosaic_20240809", "mosaic_20240821")]


def test_saved_items_tell_grid_and_baseline_of_the_mosaic(tmp_path):
    """A line that is cut off is counted, and the baseline is that of the middle."""
    mosaic = stitched([part(1, sample=2), part(0), part(2)])
    primary, secondary = saved(mosaic.isel(y=slice(5, None)), tmp_path / "out")
    for properties in (primary["properties"], secondary["properties"]):
        assert (properties["first_line"], properties["first_sample"]) == (5, 0)
        assert properties["proj:shape"] == [69, 22]
        assert (properties["line_interval_s"], properties["range_spacing_m"]) == (DT, SPACING)
        assert properties["slant_range_first_m"] == NEAR_M
        assert properties["openeo_sar:primary"] == DAYS[0]
        assert "openeo_sar:relative_burst" not in properties
    assert primary["properties"]["datetime"].startswith("2024-08-09T17:07:00")
    assert secondary["properties"]["insar:perpendicular_baseline"] == pytest.approx(31)
    assert secondary["properties"]["insar:height_of_ambiguity"] == pytest.approx(-1 / 31)
    assert "insar:perpendicular_baseline" not in primary["properties"]


def test_items_of_all_bursts_are_behind_each_date_and_those_of_the_input_do_not_change():
    parts = [part(1), part(0)]
    mosaic = stitched(parts)
    assert [item["id"] for item in mosaic.attrs["stac"][DAYS[1]]] == [f"0_{DAYS[1]}", f"1_{DAYS[1]}"]
    assert parts[0][1].attrs["stac"] == items(1, "IW2")
    assert mosaic.t.values.astype("datetime64[s]").astype(str).tolist() == [f"{day}T17:07:00" for day in DAYS]


# positions


def step_m(cube, axis):
    """Distances in m between neighbours along y or x."""
    latitude, longitude = (
        np.radians(cube.sel(bands=name).isel(t=0).values.astype(float)) for name in cube.bands.values
    )
    north, east = np.diff(latitude, axis=axis), np.diff(longitude, axis=axis)
    across = east * np.cos(np.take(latitude, range(1, latitude.shape[axis]), axis))
    return 6.371e6 * np.hypot(north, across)


def positioned(number, own, swath, valid):
    makers = bands(View(own, own, ConstantHeights(300.0)))
    values = da.stack([makers[name]() for name in ("grid_lat", "grid_lon")])[None]
    coords = {"t": np.array(DAYS[:1], "datetime64[ns]"), "bands": ["grid_lat", "grid_lon"]}
    cube = xr.DataArray(values, coords, ("t", "bands", "y", "x"))
    return BurstStack(number, swath, cube, own, None, *valid), cube


def test_positions_go_on_across_the_cuts_of_a_product(tmp_path):
    product = Product(bursts=3, lines=160, samples=40, overlap=20)
    annotation = read_annotation(next(write_safe(tmp_path, product).glob("annotation/*.xml")))
    valid = (2, 157), (3, 36)
    parts = [positioned(b.burst_id, annotation.grid(b.index), "IW2", valid) for b in annotation.bursts]
    mosaic = stitched(parts).compute()
    assert mosaic.shape == (1, 2, 440, 40)
    lines = step_m(mosaic, 0)
    assert np.median(lines) == pytest.approx(14, abs=0.5)
    assert np.abs(lines - np.median(lines)).max() < 0.9  # float32 of degrees alone


def test_positions_go_on_from_swath_to_swath_within_half_a_line():
    near = [positioned(n, grid(n * CYCLE), "IW2", VALID) for n in range(3)]
    far = [positioned(n, grid(n * CYCLE + 0.45, 15), "IW3", VALID) for n in range(3)]
    mosaic = stitched([*near, *far]).compute()
    assert mosaic.notnull().all()
    samples, lines = step_m(mosaic, 1), step_m(mosaic, 0)
    inside = np.median(np.delete(samples, 16, axis=1))
    assert np.abs(np.delete(samples, 16, axis=1) - inside).max() < 0.9
    assert 0.2 * 14 < np.sqrt(np.median(samples[:, 16]) ** 2 - inside**2) < 0.5 * 14
    assert np.abs(lines - np.median(lines)).max() < 0.9


# errors


def shortened(burst, **taken):
    stack, cube = part(burst)
    return stack, cube.isel(taken)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: part(0), r"each must be given once, instead got \['burst 0 IW2'\]\. "),
        (
            lambda: part(1, line_interval_s=2 * DT),
            r"burst 1 IW2 must have the line_interval_s of burst 0 IW2, 0.0020555563, instead got 0.0041111126\. ",
        ),
        (
            lambda: part(1, range_spacing_m=2.33),
            r"burst 1 IW2 must have the range_spacing_m of burst 0 IW2, 2.329562, instead got 2.33\. ",
        ),
        (
            lambda: shortened(1, t=[0]),
            r"burst 1 IW2 must have the dates of burst 0 IW2, \['2024-08-09', '2024-08-21'\], instead got \['2024-08-09'\]",
        ),
        (
            lambda: shortened(1, bands=[1]),
            r"burst 1 IW2 must have the bands of burst 0 IW2, \['i_VV', 'q_VV'\], instead got \['q_VV'\]\. ",
        ),
        (
            lambda: shortened(1, y=slice(5, None)),
            r"the cube of burst 1 IW2 must have its lines and samples, \(30, 20\), instead got \(25, 20\)\. ",
        ),
    ],
    ids=["twice", "line interval", "spacing", "dates", "bands", "shape"],
)
def test_bursts_that_do_not_fit_are_named(other, message):
    with pytest.raises(OpenEOError, match=rf"^BurstsDiffer: bursts that are put together must be alike: {message}"):
        stitched([part(0), other()])
