import numpy as np
import pytest
from shapely.geometry import LineString, MultiPoint, Point

from local_runner.errors import OpenEOError
from tests.processes import UTM, call, callback, make_cube, on_map, parameter, unreadable
from tests.processes.shapes import collection

SUM = callback("add", x=parameter("x"), y=parameter("y"))


def merge(cube1, cube2, resolver=None, **options):
    return call("merge_cubes", cube1=cube1, cube2=cube2, overlap_resolver=resolver, **options)


def one(value, *, t=1, bands=("a",), first=0):
    cube = make_cube(t=first + t, bands=bands, y=2, x=3).isel(t=slice(first, None))
    return cube.copy(data=np.full(cube.shape, value, np.float32))


class TestMerge:
    def test_disjoint_bands_are_put_side_by_side(self):
        a, b = make_cube(t=2, bands=("b", "a")), make_cube(t=2, bands=("d", "c"), seed=1)
        result = merge(a, b)
        assert result.bands.values.tolist() == ["b", "a", "d", "c"]
        assert result.sel(bands=["b", "a"]).equals(a)
        assert result.sel(bands=["d", "c"]).equals(b)

    def test_disjoint_dates_are_sorted(self):
        cube = make_cube(t=3, bands=("a",))
        assert merge(cube.isel(t=[1]), cube.isel(t=[0, 2])).equals(cube)

    @pytest.mark.parametrize("name", ["x", "y", "t", "bands", "label"])
    def test_a_band_may_be_called_like_a_dimension(self, name):
        a, b = make_cube(t=2, bands=(name,)), make_cube(t=2, bands=("other",), seed=1)
        assert merge(a, b).sel(bands=name, drop=True).equals(a.sel(bands=name, drop=True))

    def test_dimensions_in_another_order(self):
        a, b = make_cube(t=2, bands=("a",)), make_cube(t=2, bands=("b",), seed=1)
        assert merge(a, b.transpose("x", "t", "y", "bands")).equals(merge(a, b))

    def test_labels_in_another_order_are_the_same_labels(self):
        a, b = make_cube(t=2, bands=("a",)), make_cube(t=2, bands=("b",), seed=1)
        assert merge(a, b.isel(t=[1, 0])).equals(merge(a, b))

    @pytest.mark.parametrize("swap", [False, True])
    def test_a_cube_without_t_is_used_for_every_date(self, swap):
        cube, heights = make_cube(t=2, bands=("a",)), make_cube(bands=("height",), seed=1)
        result = merge(heights, cube) if swap else merge(cube, heights)
        assert result.dims == ("t", "bands", "y", "x")
        assert result.bands.values.tolist() == (["height", "a"] if swap else ["a", "height"])
        assert all(result.sel(t=t, bands="height", drop=True).equals(heights[0].drop_vars("bands")) for t in cube.t)

    def test_a_plane_is_combined_with_every_date_and_band(self):
        cube, plane = make_cube(t=2, bands=("a", "b")), make_cube(seed=1)
        assert np.allclose(merge(cube, plane, SUM), cube.values + plane.values)

    def test_overlap_without_resolver(self):
        cube = make_cube(bands=("a", "b"))
        with pytest.raises(OpenEOError, match=r"^OverlapResolverMissing: .*instead got {'bands': \['b'\]}"):
            merge(cube, make_cube(bands=("b", "c")))
        with pytest.raises(OpenEOError, match=r"^OverlapResolverMissing: "):
            merge(cube, cube)

    def test_the_resolver_decides_where_labels_are_common(self):
        result = merge(one(1, bands=("a", "b")), one(10, bands=("b", "c")), SUM)
        assert result.bands.values.tolist() == ["a", "b", "c"]
        assert result[0, :, 0, 0].values.tolist() == [1, 11, 10]

    def test_the_resolver_knows_x_and_y(self):
        difference = callback("subtract", x=parameter("x"), y=parameter("y"))
        assert (merge(one(1), one(10), difference) == -9).all()

    def test_the_context_reaches_the_resolver(self):
        assert (merge(one(1), one(10), callback("add", x=parameter("x"), y=parameter("context")), context=5) == 6).all()

    def test_what_the_resolver_makes_null_stays_null(self):
        nothing = callback("if", value=False, accept=1)
        result = merge(one(1, bands=("a", "b")), one(10, bands=("b", "c")), nothing)
        assert np.array_equal(result[0, :, 0, 0], [1, np.nan, 10], equal_nan=True)

    def test_nan_of_a_cube_is_a_value_of_it(self):
        result = merge(one(np.nan, bands=("a", "b")), one(10, bands=("b", "c")), SUM)
        assert np.array_equal(result[0, :, 0, 0], [np.nan, np.nan, 10], equal_nan=True)

    def test_disjoint_bands_with_other_dates_leave_gaps(self):
        result = merge(one(1, t=2, bands=("a",)), one(10, t=2, bands=("b",), first=1))
        expected = [[1, np.nan], [1, 10], [np.nan, 10]]
        assert np.array_equal(result[..., 0, 0], expected, equal_nan=True)

    def test_common_dates_and_bands_need_a_resolver(self):
        cubes = one(1, t=2, bands=("a", "b")), one(10, t=2, bands=("b", "c"), first=1)
        with pytest.raises(OpenEOError, match=r"^OverlapResolverMissing: "):
            merge(*cubes)
        nan = np.nan
        expected = [[1, 1, nan], [1, 11, 10], [nan, 10, 10]]
        assert np.array_equal(merge(*cubes, SUM)[..., 0, 0], expected, equal_nan=True)

    def test_neither_cube_has_all_dimensions_of_the_other(self):
        with pytest.raises(OpenEOError, match=r"^DimensionMismatch: "):
            merge(make_cube(t=2), make_cube(bands=("a",)))

    @pytest.mark.parametrize(
        "other", [{"left": 500_003}, {"top": 5_800_003}, {"step": 20}, {"crs": UTM.from_epsg(32632)}]
    )
    def test_another_grid_is_refused(self, other):
        cube = make_cube(bands=("a",))
        with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: The cubes must have the same grid"):
            merge(on_map(cube), on_map(make_cube(bands=("b",)), **other))

    def test_grids_that_differ_in_the_last_digit_are_one(self):
        a, b = on_map(make_cube(bands=("a",))), on_map(make_cube(bands=("b",)), left=500_000.0000001)
        result = merge(a, b)
        assert result.sizes == {"bands": 2, "y": 5, "x": 7}
        assert result.rio.crs == UTM

    def test_nothing_is_read(self):
        a, b = unreadable(make_cube(bands=("a", "b"))), unreadable(make_cube(bands=("b", "c")))
        assert merge(a, b, SUM).sizes["bands"] == 3

    @pytest.mark.parametrize("second", ["b", "a"])
    def test_the_items_of_both_are_kept(self, second):
        item = {name: {"id": name, "href": f"{name}.json", "properties": {}} for name in "abc"}
        a = make_cube(bands=("a",)).assign_attrs(stac={"2023-03-31": [item["a"]]})
        b = make_cube(bands=(second,)).assign_attrs(
            stac={"2023-03-31": [item["a"], item["b"]], "2023-03-19": [item["c"]]}
        )
        result = merge(a, b, SUM if second == "a" else None)
        assert result.attrs["stac"] == {"2023-03-19": [item["c"]], "2023-03-31": [item["a"], item["b"]]}

    def test_dimensions_of_one_name_have_one_type(self):
        other = make_cube(bands=("b",)).assign_attrs(dimension_types={"bands": "other"})
        with pytest.raises(OpenEOError, match=r"^DimensionMismatch: The dimension 'bands' must have one type in both"):
            merge(make_cube(bands=("a",)), other)


def vectors(*shapes, crs="EPSG:32631"):
    return call("load_geojson", data=collection(*shapes, crs=crs), properties=["number"])


class TestVectorCubes:
    points = vectors(Point(1, 2), Point(3, 4))

    def test_other_geometries_are_put_behind(self):
        result = merge(self.points, vectors(MultiPoint([(5, 6)])))
        assert result.geometry.values.tolist() == [Point(1, 2), Point(3, 4), MultiPoint([(5, 6)])]
        assert result.values.ravel().tolist() == [0, 1, 0]

    def test_equal_geometries_need_a_resolver(self):
        with pytest.raises(OpenEOError, match=r"^OverlapResolverMissing: "):
            merge(self.points, self.points)
        assert merge(self.points, self.points, SUM).values.ravel().tolist() == [0, 2]

    @pytest.mark.parametrize(
        ("other", "text"),
        [
            (vectors(LineString([(0, 0), (1, 1)])), "IncompatibleGeometryTypes: The geometries of both cubes must be"),
            (vectors(Point(1, 2), crs="EPSG:4326"), "FeatureUnsupported: The geometries of both cubes must have one"),
            (make_cube(), "IncompatibleDataCubes: Both cubes must be vector cubes, or none"),
        ],
    )
    def test_unlike_cubes(self, other, text):
        with pytest.raises(OpenEOError, match=f"^{text}"):
            merge(self.points, other)
