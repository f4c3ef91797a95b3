"""The graph `slc_coregistration` on hand-made cubes: bands, polarisations, options, tiles, both profiles, errors."""

import numpy as np
import pytest
import xarray as xr

from local_runner import evaluate
from local_runner.errors import OpenEOError
from local_runner.profiles import ProfileWarning
from tests import analyses
from tests.processes import make_cube, unreadable
from tests.udfs import resampling
from udfs import slc_resample

PHASES = ["deramp_phase", "reramp_phase"]
BANDS = ("i_VV", "q_VV", "i_VH", "q_VH", "azimuth_shift", "range_shift", *PHASES, "grid_lat", "grid_lon")
GEOMETRY = ["height", "reference_phase"]


def stack(*, y=40, x=60, bands=(*BANDS, *GEOMETRY, "phase_correction")):
    """Noise with one sample i = q = 0; shifts are smooth with a rough place; the first date is the primary."""
    cube = make_cube(t=2, bands=bands, y=y, x=x).compute()
    cube.loc[{"bands": ["i_VV", "q_VV"], "y": 12, "x": 20}] = 0
    rows, columns = np.indices((y, x))
    for name, field in (("azimuth_shift", 0.37 + 1e-3 * rows + 1e-3 * columns), ("range_shift", -1.2 + 1e-4 * rows)):
        if name in bands:
            cube.loc[{"bands": name}] = np.array([0 * field, field + 0.4 * (columns > 50) * (rows > 20)])
    for name in set(PHASES) & set(bands):
        cube.loc[{"bands": name}] = np.angle(np.exp(1j * cube.sel(bands=name).values))
    if set(PHASES) <= set(bands):
        cube.loc[{"bands": "reramp_phase", "t": cube.t[0]}] = cube.isel(t=0).sel(bands="deramp_phase")
    return cube


def coregistered(cube, **arguments):
    return analyses.run("slc_coregistration", cube.chunk(y=16), **arguments)


def of_udf(cube, **options):
    context = resampling.CONTEXT | options
    return [slc_resample.apply_datacube(cube.isel(t=i, drop=True), context).values for i in range(cube.sizes["t"])]


def test_all_dates_with_slc_and_position():
    cube = stack()
    result = coregistered(cube)
    assert result.bands.values.tolist() == ["i_VV", "q_VV", "grid_lat", "grid_lon"]
    np.testing.assert_array_equal(result.values[:, :2], of_udf(cube))
    xr.testing.assert_equal(result.t, cube.t)
    kept = ["grid_lat", "grid_lon"]
    np.testing.assert_array_equal(result.sel(bands=kept), cube.sel(bands=kept))
    np.testing.assert_array_equal(result[0].sel(bands=["i_VV", "q_VV"]), cube[0].sel(bands=["i_VV", "q_VV"]))


def test_several_polarisations_with_geometry():
    cube = stack()
    result = coregistered(cube, polarization=["VV", "VH"], geometry=GEOMETRY)
    slc = ["i_VV", "q_VV", "i_VH", "q_VH"]
    assert result.bands.values.tolist() == [*slc, "grid_lat", "grid_lon", *GEOMETRY]
    np.testing.assert_array_equal(result.sel(bands=GEOMETRY), cube.sel(bands=GEOMETRY))
    alone = coregistered(cube, polarization="VH")
    np.testing.assert_array_equal(result.sel(bands=slc[2:]), alone.sel(bands=slc[2:]))


@pytest.mark.parametrize("polarization", ["VH", ["VH"]])
def test_a_list_of_one_is_as_the_text(polarization):
    result = coregistered(stack(bands=BANDS), polarization=polarization)
    np.testing.assert_array_equal(result.values[:, :2], of_udf(stack(bands=BANDS), polarization="VH"))


@pytest.mark.parametrize(
    "options", [{"taps": 16}, {"carrier": False}, {"zeros_valid": True}, {"phase_band": "phase_correction"}]
)
def test_options_reach_the_udf(options):
    cube = stack()
    result = coregistered(cube, **options).values[:, :2]
    np.testing.assert_array_equal(result, of_udf(cube, **options))
    assert not np.array_equal(result, of_udf(cube), equal_nan=True)


def test_images_without_carrier_need_no_bands_of_it():
    cube = stack()
    without = cube.drop_sel(bands=PHASES)
    np.testing.assert_array_equal(coregistered(without, carrier=False), coregistered(cube, carrier=False))


def test_neighbourhoods_leave_no_trace():
    cube = stack(y=530, x=540, bands=("i_VV", "q_VV", "azimuth_shift", "range_shift", *PHASES, "grid_lat", "grid_lon"))
    np.testing.assert_array_equal(coregistered(cube).values[:, :2], of_udf(cube))


def test_both_profiles_agree():
    cube = stack(bands=BANDS)
    with pytest.warns(ProfileWarning, match=r"^The UDF changes the band labels"):
        by_specification = coregistered(cube, profile="specification")
    assert by_specification.equals(coregistered(cube))


def test_nothing_is_read_while_the_graph_is_built():
    parameters = {"data": {"from_parameter": "data"}}
    graph = {"it": {"process_id": "slc_coregistration", "arguments": parameters, "result": True}}
    result = evaluate(graph, {"data": unreadable(stack().chunk(y=16))}, profile="geopyspark")
    assert result.shape == (2, 4, 40, 60)


@pytest.mark.parametrize("band", ["i_VV", "range_shift", "reramp_phase"])
@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("specification", r"^UdfInputInvalid: bands must hold {}, instead got \["),
        ("geopyspark", r"^BandNotAvailable: A band must be one of .*, instead got \['{}'\]"),
    ],
)
def test_a_missing_band_is_named_before_a_pixel_is_read(band, profile, message):
    cube = unreadable(stack().drop_sel(bands=band).chunk(y=16))
    with pytest.raises(OpenEOError, match=message.format(band)):
        analyses.run("slc_coregistration", cube, profile=profile)


def test_shifts_above_8_px_are_refused():
    cube = stack()
    cube.loc[{"bands": "range_shift"}] = 8.5
    must = r"^UdfFailed: The UDF failed at its line \d+: ValueError: range_shift must be at most 8 px, instead got 8\.5 px\. "
    with pytest.raises(OpenEOError, match=must):
        coregistered(cube)
