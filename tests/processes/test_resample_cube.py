"""resample_cube_spatial, and the size of a cell where only one is left. Grids against analytic ramps."""

import numpy as np
import pytest
from pyproj import CRS, Transformer

from local_runner.cube import spacing
from local_runner.errors import OpenEOError
from tests.processes import UTM, call, make_cube, on_map, unreadable
from tests.processes.test_resampling import ramp, ramp_cube

SOURCE = ramp_cube()


def onto(target, data=SOURCE, **options):
    return call("resample_cube_spatial", data=data, target=target, **options)


def grid(y, x, **options):
    return unreadable(on_map(make_cube(y=y, x=x), **options))


@pytest.mark.parametrize("method", ["near", "bilinear", "average", "cubic"])
def test_the_same_grid_is_the_identity(method):
    result = onto(grid(90, 120), method=method)
    assert result.identical(SOURCE)
    assert result.data is SOURCE.data


def test_labels_of_the_same_grid_become_those_of_the_target():
    target = grid(90, 120)
    target = target.assign_coords(x=target.x + 1e-6)
    assert np.array_equal(onto(target).x, target.x)


@pytest.mark.parametrize(
    ("left", "top", "step"), [(3.0, -4.0, 10.0), (27.5, -11.0, 10.0), (40.0, -40.0, 4.0), (1.0, -1.0, 17.0)]
)
def test_bilinear_meets_a_ramp(left, top, step):
    """A shift by half a pixel would be an error of 10 to 25."""
    target = grid(30, 40, left=500_000 + left, top=5_800_000 + top, step=step)
    result = onto(target, method="bilinear").isel(x=slice(2, -2), y=slice(2, -2))
    assert np.abs(result - ramp(result)).max() < 0.02


def test_near_takes_the_pixel_that_holds_the_centre():
    target = grid(30, 40, left=500_003.0, top=5_799_996.0)
    result = onto(target)
    assert np.array_equal(result, SOURCE[:30, :40])
    assert np.array_equal(result.x, target.x)


def test_average_of_four():
    target = grid(45, 60, step=20.0)
    assert np.allclose(onto(target, method="average"), SOURCE.coarsen(x=2, y=2).mean(), rtol=0, atol=1e-9)


def test_nan_where_the_cube_does_not_reach():
    result = onto(grid(10, 10, left=499_950.0))
    assert np.array_equal(result.isnull().any("y"), [True] * 5 + [False] * 5)


def test_a_target_that_is_upside_down():
    target = grid(90, 120).isel(y=slice(None, None, -1))
    assert np.allclose(onto(target), SOURCE.isel(y=slice(None, None, -1)), rtol=0, atol=1e-9)


def test_another_projection():
    target = on_map(make_cube(y=20, x=20), left=95_000.0, top=5_809_000.0, crs=CRS.from_epsg(32632))
    x, y = np.meshgrid(target.x, target.y)
    back = Transformer.from_crs(32632, UTM, always_xy=True).transform(x, y)
    wide = ramp_cube(y=900, x=1200, left=back[0].min() - 3000, top=back[1].max() + 3000, chunks=500)
    result = onto(target, wide, method="bilinear")
    assert result.rio.crs == 32632
    assert np.abs(result.values - (2 * (back[0] - 500_000) - 3 * (back[1] - 5_800_000))).max() < 1


def test_radar_geometry():
    cube = make_cube(t=2, y=20, x=30)
    target = make_cube(y=20, x=30).isel(y=slice(3, 9), x=slice(4, 10))
    assert np.array_equal(onto(target, cube), cube.isel(y=slice(3, 9), x=slice(4, 10)))


def test_dimensions_order_and_dates_are_the_cubes_own():
    cube = on_map(make_cube(t=2, bands=("a", "b"), y=8, x=8)).transpose("x", "bands", "y", "t")
    result = onto(grid(4, 4, step=20.0), cube)
    assert result.dims == cube.dims
    assert all(result[d].equals(cube[d]) for d in ("t", "bands"))


def test_one_pixel_is_enough_of_a_target():
    target = call("filter_bbox", data=grid(90, 120, step=30.0), extent=around(500_045, 5_799_955))
    assert target.shape == (1, 1)
    assert onto(target, method="average").values.item() == pytest.approx(float(SOURCE[3:6, 3:6].mean()))


def test_one_pixel_is_enough_of_a_cube():
    pixel = call("filter_bbox", data=SOURCE, extent=around(500_045, 5_799_955))
    result = onto(grid(6, 6), pixel)
    assert int(result.notnull().sum()) == 1
    assert result[4, 4] == SOURCE[4, 4]


@pytest.mark.parametrize("arguments", [{"resolution": 400}, {"resolution": 1200, "align": "lower-right"}])
def test_a_result_of_one_pixel_keeps_its_size(arguments):
    cube = ramp_cube(y=40, x=40)
    result = call("resample_spatial", data=cube, method="average", **arguments)
    assert result.shape == (1, 1)
    assert spacing(result) == (arguments["resolution"], -arguments["resolution"])


def test_nothing_is_read():
    assert onto(grid(4, 4, step=20.0), unreadable(SOURCE)).shape == (4, 4)


def test_geocode_is_no_method():
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: The argument 'method' of resample_cube_spatial must"
    ):
        onto(grid(4, 4), method="geocode")


def test_radar_and_map_geometry_do_not_mix():
    with pytest.raises(
        OpenEOError, match=r"^FeatureUnsupported: Both cubes must be in map or in radar geometry, .*geocode"
    ):
        onto(make_cube())


def test_x_and_y_are_needed():
    with pytest.raises(OpenEOError, match=r"^DimensionMissing: "):
        onto(make_cube().isel(y=0, drop=True))


def test_pixels_are_needed():
    with pytest.raises(OpenEOError, match=r"^DataCubeEmpty: A cube that is resampled must have pixels"):
        onto(grid(4, 4), SOURCE.isel(x=slice(0)))


def around(x, y):
    return {"west": x - 1, "south": y - 1, "east": x + 1, "north": y + 1, "crs": 32631}
