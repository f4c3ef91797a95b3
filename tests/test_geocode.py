"""Geocoding against analytic grids: every error is measured in pixels, so that half a pixel or a swapped axis fails."""

from __future__ import annotations

import itertools
from typing import Any

import dask.array as da
import numpy as np
import pyproj
import pytest
import xarray as xr
from scipy.ndimage import binary_erosion

from local_runner.cube import crs_of
from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.geocode import geocode, kernels, positions, target_grid, warp
from local_runner.geocode import grid as grids

UTM = pyproj.CRS.from_epsg(32632)
SIZE = 64
STEP_M = (14.0, 4.0)
"""Azimuth and range spacing of the source."""


def swath(origin=(500_000.0, 5_100_000.0), heading_deg=12.5, step=STEP_M, bend=0.0, shape=(SIZE, SIZE)):
    """Easting and northing (y, x) of a rotated, optionally bent source grid, and its unit steps."""
    angle = np.deg2rad(heading_deg)
    along, across = np.meshgrid(np.arange(shape[0]) * step[0], np.arange(shape[1]) * step[1], indexing="ij")
    across = across + bend * (along / (shape[0] * step[0])) ** 2 * step[1] * shape[1]
    along = along + bend * (across / (shape[1] * step[1])) ** 2 * step[0] * shape[0]
    return (
        origin[0] + across * np.cos(angle) - along * np.sin(angle),
        origin[1] + across * np.sin(angle) + along * np.cos(angle),
    )


def cube_of(bands: dict[str, Any], dims=("bands", "y", "x"), chunks=None, attrs=None) -> xr.DataArray:
    """Cube of named bands (y, x) in radar geometry."""
    values = np.stack(list(bands.values()))
    data = values if chunks is None else da.from_array(values, chunks=chunks)
    shape = values.shape
    coords = {"bands": list(bands), "y": np.arange(shape[1]), "x": np.arange(shape[2])}
    return xr.DataArray(data, dims=("bands", "y", "x"), coords=coords, attrs=attrs or {}).transpose(*dims)


def radar(e, n, /, *, epsg=32632, dtype=np.float64, chunks=None, **bands) -> xr.DataArray:
    """Cube with the positions of e, n in degrees and the given bands."""
    lon, lat = pyproj.Transformer.from_crs(epsg, 4326, always_xy=True).transform(e, n)
    everything = {**bands, "latitude": lat, "longitude": lon}
    return cube_of({k: np.asarray(v, dtype) for k, v in everything.items()}, chunks=chunks)


def run(cube, resolution=20.0, crs=UTM) -> xr.DataArray:
    return geocode(cube, crs=crs, resolution=(resolution, resolution)).compute()


def errors_m(result: xr.DataArray, e0: float, n0: float) -> tuple[float, float]:
    """Largest error in metres along x and y of the bands `e`, `n`, which hold easting - e0 and northing - n0."""
    east, north = np.meshgrid(result.x - e0, result.y - n0)
    return tuple(float(np.nanmax(np.abs(result.sel(bands=b) - t))) for b, t in (("e", east), ("n", north)))


def covered(result: xr.DataArray) -> xr.DataArray:
    """The result without the cells at its border, of which the samples may cover only a part."""
    finite = np.isfinite(result.values).all(axis=0)
    return result.where(xr.DataArray(binary_erosion(finite, np.ones((3, 3))), dims=("y", "x")))


def ramps(bend=0.0, shape=(SIZE, SIZE), **options):
    e, n = swath(bend=bend, shape=shape)
    return radar(e, n, e=e - 500_000, n=n - 5_100_000, **options)


@pytest.mark.parametrize("bend", [0.0, 0.2])
@pytest.mark.parametrize("resolution", [1.0, 2.0, 5.0, 8.0])
def test_quads_meet_the_position_within_a_hundredth_of_a_source_pixel(bend, resolution):
    result = run(ramps(bend), resolution)
    assert max(errors_m(result, 500_000, 5_100_000)) < 0.01 * STEP_M[1]


@pytest.mark.parametrize("bend", [0.0, 0.2])
@pytest.mark.parametrize("resolution", [15.0, 16.0, 20.0, 25.0, 40.0, 100.0, 200.0])
def test_means_meet_the_position_within_a_fifth_of_a_target_pixel(bend, resolution):
    result = run(ramps(bend, shape=(SIZE, 256)), resolution)
    errors = [np.abs(result.sel(bands=b) - t) for b, t in zip("en", _truth(result), strict=True)]
    inner = np.isfinite(covered(result)[0])
    assert inner.any()
    assert float(max(e.where(inner).max() for e in errors)) < 0.2001 * resolution
    assert float(max(e.max() for e in errors)) < 0.5 * resolution
    assert float(np.hypot(*errors).where(inner).mean()) < 0.11 * resolution


def _truth(result):
    return np.meshgrid(result.x - 500_000, result.y - 5_100_000)


def test_smooth_field_in_the_quads():
    e, n = swath(bend=0.1)
    wave = lambda e, n: np.sin((e - 500_000) / 200) * np.cos((n - 5_100_000) / 300)  # noqa: E731
    result = run(radar(e, n, wave=wave(e, n)), 5.0).sel(bands="wave")
    truth = wave(*np.meshgrid(result.x, result.y))
    assert float(np.nanmax(np.abs(result - truth))) < 1e-3


def test_float32_degrees_cost_no_more_than_their_rounding():
    coarse, fine = (run(ramps(dtype=np.float32), r) for r in (20.0, 5.0))
    assert max(errors_m(fine, 500_000, 5_100_000)) < 0.3
    assert max(errors_m(covered(coarse), 500_000, 5_100_000)) < 0.2 * 20 + 0.2


@pytest.mark.parametrize("resolution", [2.0, 20.0, 200.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_stays_exactly_constant(resolution, dtype):
    e, n = swath(bend=0.2)
    result = run(radar(e, n, dtype=dtype, one=np.full(e.shape, 0.1)), resolution)
    assert result.dtype == dtype
    assert np.unique(result.values[np.isfinite(result.values)]) == dtype(0.1)


def test_mean_cell_is_the_mean_of_its_samples():
    e, n = swath()
    noise = np.random.default_rng(0).random(e.shape)
    result = run(radar(e, n, noise=noise), 40.0).sel(bands="noise")
    row, column = (result.y.values[0] + 20 - n) // 40, (e - result.x.values[0] + 20) // 40
    inner = (row == 10) & (column == 3)
    assert inner.sum() > 20
    assert float(result[10, 3]) == pytest.approx(noise[inner].mean(), rel=1e-12)


@pytest.mark.parametrize("resolution", [8.0, 20.0, 40.0])
def test_mean_is_conserved(resolution):
    e, n = swath(step=(4.0, 4.0))
    middle = np.hypot(e - e.mean(), n - n.mean())
    bump = np.where(middle < 100, np.cos(middle / 200 * np.pi) ** 2, 0) * 100
    result = run(radar(e, n, bump=bump), resolution)
    assert float(result.sum()) * resolution**2 == pytest.approx(bump.sum() * 16, rel=1e-3)


@pytest.mark.parametrize("resolution", [3.0, 20.0])
def test_chunks_and_tiles_change_no_bit(resolution, monkeypatch):
    e, n = swath(bend=0.2)
    noise = np.random.default_rng(1).random(e.shape)
    noise[5:9, 20:30] = np.nan
    options = [{}, {"chunks": (1, 7, 64)}, {"chunks": (3, 64, 5)}, {"chunks": (2, 13, 11)}]
    whole, *others = [run(radar(e, n, dtype=np.float32, noise=noise, **o), resolution) for o in options]
    monkeypatch.setattr(grids, "SAMPLES_PER_TILE", 1)
    monkeypatch.setattr(warp, "_BLOCK", (5, 3))
    tiled = geocode(radar(e, n, dtype=np.float32, noise=noise), crs=UTM, resolution=(resolution, resolution))
    assert tiled.data.npartitions > 1 or resolution == 20
    for other in (*others, tiled.compute()):
        xr.testing.assert_equal(whole, other)


@pytest.mark.parametrize(("flip_y", "flip_x", "transpose"), list(itertools.product([False, True], repeat=3)))
@pytest.mark.parametrize("resolution", [5.0, 20.0])
def test_orientation_of_the_source_does_not_matter(flip_y, flip_x, transpose, resolution):
    e, n = swath(bend=0.1)
    field = np.random.default_rng(2).random(e.shape)
    turned = [a[:: -1 if flip_y else 1, :: -1 if flip_x else 1] for a in (e, n, field)]
    turned = [a.T if transpose else a for a in turned]
    expected, result = run(radar(e, n, f=field), resolution), run(radar(*turned[:2], f=turned[2]), resolution)
    xr.testing.assert_allclose(result, expected, atol=1e-3)


@pytest.mark.parametrize("heading_deg", [-12.5, 192.5, 90.0])
def test_headings(heading_deg):
    e, n = swath(heading_deg=heading_deg)
    result = run(radar(e, n, e=e - 500_000, n=n - 5_100_000), 5.0)
    assert max(errors_m(result, 500_000, 5_100_000)) < 0.04


def test_no_gap_inside_and_nothing_outside_the_hull():
    e, n = swath(heading_deg=30.0)
    result = run(radar(e, n, e=e, n=n), 1.0).sel(bands="e")
    east, north = np.meshgrid(result.x - 500_000, result.y - 5_100_000)
    angle = np.deg2rad(30.0)
    x = (east * np.cos(angle) + north * np.sin(angle)) / STEP_M[1]
    y = (-east * np.sin(angle) + north * np.cos(angle)) / STEP_M[0]
    inside = (x > 1e-3) & (x < SIZE - 1.001) & (y > 1e-3) & (y < SIZE - 1.001)
    outside = (x < -1e-3) | (x > SIZE - 0.999) | (y < -1e-3) | (y > SIZE - 0.999)
    assert np.isfinite(result.values[inside]).all()
    assert np.isnan(result.values[outside]).all()


def test_grid_lies_on_multiples_and_holds_the_footprint():
    e, n = swath()
    result = run(radar(e, n, one=np.ones(e.shape)), 30.0)
    assert not np.any((result.x.values - 15) % 30)
    assert not np.any((result.y.values - 15) % 30)
    assert 0 <= e.min() - (result.x.values[0] - 15) < 30
    assert 0 <= (result.y.values[0] + 15) - n.max() < 30
    assert (np.diff(result.x) == 30).all()
    assert (np.diff(result.y) == -30).all()
    assert crs_of(result) == UTM


def test_target_grid():
    grid = target_grid((-10.0, 5.0, 25.0, 40.0), (10.0, 20.0))
    assert grid.shape == (2, 4)
    assert grid.bounds == (-10.0, 0.0, 30.0, 40.0)
    assert grid.transform == (10.0, 0.0, -10.0, 0.0, -20.0, 40.0)
    assert grid.x.tolist() == [-5.0, 5.0, 15.0, 25.0]
    assert grid.y.tolist() == [30.0, 10.0]
    assert target_grid((7.0, 7.0, 7.0, 7.0), (10.0, 10.0)).shape == (1, 1)


def test_nan_values():
    e, n = swath(step=(4.0, 4.0))
    field = e - 500_000
    field[20, 20] = np.nan
    mean, fine = (run(radar(e, n, f=field, whole=e - 500_000), r) for r in (20.0, 2.0))
    assert (np.isfinite(mean[0]) == np.isfinite(mean[1])).all()
    assert 0 < float(np.abs(mean[0] - mean[1]).max()) < 2
    lost = np.isfinite(fine[1]) & ~np.isfinite(fine[0])
    assert 4 * 16 / 4 - 8 <= int(lost.sum()) <= 4 * 16 / 4 + 8
    np.testing.assert_array_equal(fine[0].where(~lost), fine[1].where(~lost))


def test_one_sided_values_are_not_moved_to_the_centre():
    e, n = swath(step=(2.0, 2.0))
    half = np.where(np.arange(SIZE) < 33, e - 500_000, np.nan)
    result, whole = (run(radar(e, n, f=f), 20.0) for f in (half, e))
    inner = np.isfinite(covered(whole)[0])
    assert float(np.abs(result[0] - _truth(result)[0]).where(inner).max()) < 0.2 * 20
    assert np.isnan(result[0].values[inner & (_truth(result)[0] < 60)]).any()


@pytest.mark.parametrize("resolution", [18.0, 40.0])
def test_means_follow_the_rule_with_half_of_the_values_missing(resolution):
    """The rule written out cell by cell."""
    e, n = swath()
    every = e * n % 1
    values = np.where(np.random.default_rng(3).random(e.shape) < 0.5, np.nan, every)
    result = run(radar(e, n, f=values, every=every), resolution)
    u = (e - result.x.values[0]) / resolution
    v = (result.y.values[0] - n) / resolution
    branches = set()
    for r, c in np.ndindex(result.shape[1:]):
        here = (np.abs(u - c) < 0.5) & (np.abs(v - r) < 0.5)
        kept = here & np.isfinite(values)
        far, rest_far = (is_far(u[k] - c, v[k] - r) for k in (here, kept))
        if here.sum() < 4 or (far and encloses(float(result.x[c]), float(result.y[r]))):
            continue
        enough = kept.sum() >= 0.25 * here.sum() and (far or not rest_far)
        expected = [values[kept].mean() if enough else np.nan, every[here].mean()]
        np.testing.assert_allclose(result[:, r, c], expected, rtol=1e-12)
        branches.add((enough, far))
    assert branches >= {(True, False), (False, False), (True, True)}


def is_far(u, v) -> bool:
    return u.size == 0 or bool(max(abs(u.mean()), abs(v.mean())) > 0.2)


def encloses(east, north) -> bool:
    """Whether `swath()` has samples around a point."""
    x, y, angle = east - 500_000, north - 5_100_000, np.deg2rad(12.5)
    across, along = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    return bool(0 <= across <= (SIZE - 1) * STEP_M[1] and 0 <= along <= (SIZE - 1) * STEP_M[0])


def test_every_sample_of_a_sentinel_1_grid_counts_once():
    """Lines along the cells, at any place: the plain mean of each cell, also at the border."""
    for origin in np.random.default_rng(5).uniform(0, 20, (20, 2)):
        e, n = swath((500_000 + origin[0], 5_100_000 + origin[1]), heading_deg=0.0)
        noise = np.random.default_rng(6).random(e.shape)
        result = run(radar(e, n, f=noise), 20.0)[0]
        column, row = ((e - result.x.values[0]) / 20).round(), ((result.y.values[0] - n) / 20).round()
        cell = (row * result.sizes["x"] + column).astype(int).ravel()
        count, total = (np.bincount(cell, w, result.size) for w in (None, noise.ravel()))
        mean = count >= 4
        np.testing.assert_allclose(result.values.ravel()[mean], total[mean] / count[mean], rtol=1e-12)


@pytest.mark.parametrize(("samples", "expected"), [(4, 1.5), (3, np.nan)])
def test_cell_at_the_border_takes_the_mean_of_four_samples_on_one_side(samples, expected):
    e, n = swath(origin=(500_001.0, 5_100_001.0), heading_deg=0.0, step=(2.0, 1.0), shape=(1, samples))
    result = run(radar(e, n, f=np.arange(samples)[None]), 20.0)
    np.testing.assert_allclose(result.values, [[[expected]]])


def test_nan_positions_leave_a_hole():
    e, n = swath()
    cube = ramps()
    cube.loc[{"bands": "latitude"}][20:30, 20:30] = np.nan
    cube.loc[{"bands": "longitude"}][40, 40] = np.inf
    result = run(cube, 4.0)
    hole = (np.abs(result.x - e[25, 25]) < 8) & (np.abs(result.y - n[25, 25]) < 30)
    assert np.isnan(result.where(hole, 0)[0].transpose("y", "x").values[hole.transpose("y", "x")]).all()
    assert max(errors_m(result, 500_000, 5_100_000)) < 0.04


@pytest.mark.parametrize("step", [1, -1])
def test_first_in_range_where_the_source_folds(step):
    """Range runs 448 m to the east and back again: the leg with the smaller x is the one seen."""
    _, n = swath(heading_deg=0.0, step=(14.0, 14.0))
    e = 500_000 + np.concatenate([np.arange(32), np.arange(32, 0, -1)]) * 14.0 + np.zeros((SIZE, 1))
    leg = np.broadcast_to(np.where(np.arange(SIZE) <= 32, 1.0, 2.0), e.shape)
    result = run(radar(e[:, ::step], n, leg=leg[:, ::step]), 5.0)
    both = result.where((result.x > e.min() + 20) & (result.x < e.max() - 20))
    assert np.unique(both.values[np.isfinite(both.values)]) == [1.0 if step == 1 else 2.0]


def test_folded_samples_share_the_mean():
    e, n = swath(heading_deg=0.0, step=(4.0, 4.0))
    e = np.concatenate([e[:, :32], e[:, 31::-1]], axis=1)
    leg = np.broadcast_to(np.repeat([1.0, 2.0], 32), e.shape)
    result = run(radar(e, n, leg=leg), 20.0)
    assert np.unique(result.values[np.isfinite(result.values)]) == [1.5]


@pytest.mark.parametrize(
    ("epsg", "origin", "resolution"),
    [
        (32733, (420_000.0, 6_250_000.0), 5.0),
        (3413, (-50_000.0, -80_000.0), 5.0),
        (3413, (-400.0, -100.0), 5.0),
        (3031, (1_200_000.0, 300_000.0), 20.0),
        (32601, (358_520.0, 7_211_800.0), 5.0),
        (3832, (100_000.0, 5_000_000.0), 5.0),
    ],
)
def test_projections(epsg, origin, resolution):
    e, n = swath(origin=origin)
    cube = radar(e, n, epsg=epsg, e=e - origin[0], n=n - origin[1])
    result = run(cube, resolution, pyproj.CRS.from_epsg(epsg))
    assert max(errors_m(covered(result), *origin)) < (0.04 if resolution == 5 else 4)
    assert np.isfinite(result[0]).sum() * resolution**2 == pytest.approx((63 * 14) * (63 * 4), rel=0.1)


@pytest.mark.parametrize(("crs", "resolution"), [(4326, 1e-4), (3857, 20.0), (4258, 1e-4), (32660, 20.0)])
@pytest.mark.parametrize("period", [-180.0, 0.0])
def test_antimeridian(crs, resolution, period):
    e, n = swath((358_520.0, 7_211_800.0))
    cube = radar(e, n, epsg=32601, one=np.ones(e.shape))
    longitude = cube.sel(bands="longitude")
    cube.loc[{"bands": "longitude"}] = (longitude - period) % 360 + period
    assert np.ptp(longitude.values) > 359 or period == 0
    result = run(cube, resolution, pyproj.CRS.from_epsg(crs))
    assert result.size < 1e5
    assert np.nanmax(result) == np.nanmin(result) == 1
    assert np.isfinite(result).mean() > 0.3


def test_degrees_are_met_in_geographic_coordinates():
    e, n = swath()
    lon, lat = pyproj.Transformer.from_crs(32632, 4326, always_xy=True).transform(e, n)
    result = run(cube_of({"a": lon - 9, "b": lat - 46, "lat": lat, "lon": lon}), 5e-5, pyproj.CRS.from_epsg(4326))
    truth = np.meshgrid(result.x - 9, result.y - 46)
    assert result.bands.values.tolist() == ["a", "b"]
    assert max(float(np.nanmax(np.abs(result[k] - truth[k]))) for k in (0, 1)) < 0.01 * 4 / 111_000


def test_polynomial_and_proj_agree(monkeypatch):
    cube = ramps(bend=0.2)
    fast = run(cube, 5.0)
    monkeypatch.setattr(positions, "_MILLIMETRE_M", -1.0)
    xr.testing.assert_allclose(fast, run(cube, 5.0), atol=2e-3)


def test_polynomial_holds_over_a_burst():
    extent = positions.Extent(45.9, 46.4, 8.0, 9.2, -180.0)
    assert positions._fit(positions.Projection(UTM), extent, UTM, (20.0, 20.0)) is not None


def test_only_coordinates_are_read_when_the_graph_is_built():
    def refuse(_):
        raise AssertionError("computed")

    e, n = swath()
    whole = radar(e, n, chunks=(1, 16, 64), one=np.ones(e.shape))
    lazy = whole.sel(bands=["one"]).copy(
        data=whole.sel(bands=["one"]).data.map_blocks(refuse, dtype=float, meta=np.empty((0, 0, 0)))
    )
    result = geocode(
        xr.concat([lazy, whole.sel(bands=["latitude", "longitude"])], "bands"), crs=UTM, resolution=(20, 20)
    )
    assert isinstance(result.data, da.Array)
    with pytest.raises(AssertionError, match=r"^computed$"):
        result.compute()


def dated(*cubes) -> xr.DataArray:
    times = np.array(["2023-03-01", "2023-03-13", "2023-03-25"][: len(cubes)], "datetime64[ns]")
    return xr.concat(list(cubes), xr.Variable("t", times))


def test_dates_share_their_positions_and_keep_their_labels():
    cube = ramps()
    later = cube.copy(deep=True)
    later[:2] *= 2
    later[2:] = np.nan
    stack = dated(cube, later).assign_attrs(stac={"2023-03-01": []})
    result = run(stack.chunk({"y": 16}), 10.0)
    assert result.dims == ("t", "bands", "y", "x")
    assert result.attrs["stac"] == {"2023-03-01": []}
    assert (result.t == stack.t).all()
    assert "crs" not in result.attrs
    np.testing.assert_allclose(result[1], 2 * result[0], rtol=1e-12)
    xr.testing.assert_identical(
        result, run(dated(later, cube).assign_attrs(stack.attrs)[::-1].assign_coords(t=stack.t), 10.0)
    )


def test_input_is_not_changed():
    cube = ramps(dtype=np.float32)
    before = cube.copy(deep=True)
    run(cube.transpose("x", "bands", "y"), 10.0)
    xr.testing.assert_identical(cube, before)


def test_dates_that_disagree_are_refused():
    cube = ramps()
    moved = cube.copy(deep=True)
    moved.loc[{"bands": "longitude"}] += 1e-5
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: The band 'longitude' must be the same for all dates"
    ):
        run(dated(cube, moved))


@pytest.mark.parametrize(
    ("change", "resolution", "message"),
    [
        (lambda c: c.sel(bands=["e", "latitude"]), 20.0, r"A cube to be geocoded must have one of the pairs of bands"),
        (lambda c: c.isel(bands=0, drop=True), 20.0, r"A cube to be geocoded must have one of the pairs of bands"),
        (lambda c: c.sel(bands=["latitude", "longitude"]), 20.0, r"The cube must have bands of real numbers besides"),
        (lambda c: c.expand_dims("polygon"), 20.0, r"A cube to be geocoded must have no dimensions other than"),
        (lambda c: c * 1j, 20.0, r"The cube must have bands of real numbers besides"),
        (lambda c: c * np.nan, 20.0, r"The coordinate bands must hold a position in degrees for at least one sample"),
        (lambda c: c, 0.0, r"The resolution must be above 0 in x and y, instead got \(0\.0, 0\.0\)"),
        (lambda c: c, np.nan, r"The resolution must be above 0 in x and y"),
    ],
)
def test_refusals(change, resolution, message):
    with pytest.raises(OpenEOError, match=rf"^ProcessParameterInvalid: {message}"):
        run(change(ramps()), resolution)


def test_too_fine_a_resolution_is_refused():
    with pytest.raises(LimitExceededError, match=r"^LimitExceeded: The geocoded grid must have at most"):
        geocode(ramps(), crs=UTM, resolution=(0.01, 0.01))


def test_folded_quad_has_two_inverses_and_the_first_counts():
    """A quad whose far corner is folded over: the point has two places, the smaller `a` is returned."""
    corners_u, corners_v = (0.0, 1.0, 0.0, -1.0), (0.0, 0.0, 1.0, 1.0)
    b, a = kernels._invert(*corners_u, *corners_v, 0.2, 0.25)
    assert (1 - b) * a + b * -a == pytest.approx(0.2)
    assert b == pytest.approx(0.25)
    assert kernels._invert(*corners_u, *corners_v, 2.0, 0.25) == (-1.0, -1.0)
