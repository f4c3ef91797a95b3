import numpy as np
import pytest
from pyproj import Transformer
from shapely.geometry import Point, Polygon, box

from local_runner.errors import OpenEOError
from tests.processes import UTM, call, make_cube, on_map, unreadable
from tests.processes.shapes import LEFT, MAP, TOP, cells, collection, radar

CHECKS = MAP.isel(t=0, bands=0, drop=True).copy(data=(np.indices((12, 16)).sum(0) % 2).astype(np.float32))


def masked(mask, cube=MAP, **options):
    return call("mask", data=cube, mask=mask, **options)


class TestMask:
    def test_other_than_zero_is_masked_on_every_label(self):
        assert masked(CHECKS).identical(MAP.where(CHECKS == 0).assign_attrs(MAP.attrs))

    @pytest.mark.parametrize(
        ("value", "hidden"), [(0, False), (1, True), (-0.5, True), (np.inf, True), (np.nan, False)]
    )
    def test_numbers(self, value, hidden):
        assert bool(masked(CHECKS * 0 + value).isnull().all()) is hidden

    def test_booleans(self):
        assert masked(CHECKS == 1).equals(masked(CHECKS))

    def test_a_replacement_also_replaces_nan(self):
        cube = MAP.where(MAP.x > LEFT + 20)
        result = masked(CHECKS, cube, replacement=-1)
        assert result.equals(cube.where(CHECKS == 0, np.float32(-1)))

    def test_a_mask_with_labels_masks_those(self):
        mask = (MAP * 0 + 1).where(MAP.bands == "b", 0)
        result = masked(mask.isel(bands=[1, 0]))
        assert bool(result.sel(bands="b").isnull().all())
        assert result.sel(bands="a").equals(MAP.sel(bands="a"))

    def test_a_mask_without_x_and_y(self):
        mask = MAP.isel(x=0, y=0, bands=0, drop=True).drop_vars("spatial_ref") * 0 + [0, 1]
        assert masked(mask).isnull().any(["x", "y", "bands"]).values.tolist() == [False, True]

    @pytest.mark.parametrize(("dtype", "replacement", "expected"), [
        (np.int16, -1, np.int16), (np.int16, None, np.float32), (np.int16, 40_000, np.float32), (np.uint8, 255, np.float32),
        (np.float32, 0.1, np.float32), (np.float64, True, np.float64),
    ])  # fmt: skip
    def test_dtype(self, dtype, replacement, expected):
        result = masked(CHECKS, MAP.astype(dtype), replacement=replacement)
        assert result.dtype == expected
        value = np.nan if replacement is None else replacement
        assert np.array_equal(result[0, 0, 0, 1], np.array(value, expected), equal_nan=True)

    def test_order_and_attributes_of_the_cube_are_kept(self):
        cube = MAP.transpose("x", "bands", "t", "y").assign_attrs(stac={"2023-03-31": [{"id": "i"}]})
        result = masked(CHECKS, cube)
        assert (result.dims, result.attrs, result.rio.crs) == (cube.dims, cube.attrs, cube.rio.crs)

    def test_another_grid_is_resampled_to_the_nearest_pixel(self):
        coarse = on_map(make_cube(y=6, x=8), step=20.0)
        coarse = coarse.copy(data=np.indices((6, 8)).sum(0) % 2)
        expected = np.kron(coarse.values, np.ones((2, 2)))
        assert np.array_equal(masked(coarse).isel(t=0, bands=0).isnull(), expected == 1)

    @pytest.mark.parametrize(
        ("mask", "text"),
        [
            (CHECKS.isel(x=slice(1, None)), "The mask must cover the cube"),
            (CHECKS.isel(y=0, drop=True), "The mask must have both of"),
            (CHECKS.expand_dims(chip=[1]), "The mask must have dimensions of the cube"),
            (CHECKS.expand_dims(bands=["a"]), "The mask must have the labels of the cube on 'bands'"),
            (make_cube(y=12, x=16), "The mask must cover the cube and have a projection"),
        ],
    )
    def test_incompatible_cubes(self, mask, text):
        with pytest.raises(OpenEOError, match=f"^IncompatibleDataCubes: {text}"):
            masked(mask)

    def test_a_text_is_no_pixel(self):
        with pytest.raises(
            OpenEOError, match=r"^ProcessParameterInvalid: What replaces the values of a cube of numbers"
        ):
            masked(CHECKS, replacement="water")

    def test_nothing_is_read(self):
        assert masked(unreadable(CHECKS.chunk()), unreadable(MAP)).sizes == MAP.sizes


SHAPE = box(*cells(range(2, 5), range(3, 9)))
INSIDE = np.zeros((12, 16), bool)
INSIDE[2:5, 3:9] = True


def polygon(mask, cube=MAP, **options):
    return call("mask_polygon", data=cube, mask=mask, **options)


class TestPolygon:
    def test_what_is_outside_is_masked(self):
        assert polygon(collection(SHAPE)).identical(MAP.where(MAP[0, 0].copy(data=INSIDE)).assign_attrs(MAP.attrs))

    def test_what_is_inside_is_masked_if_asked_for(self):
        result = polygon(collection(SHAPE), inside=True, replacement=7)
        assert np.array_equal(result, np.where(INSIDE, np.float32(7), MAP))

    def test_nan_stays_nan(self):
        cube = MAP.where(MAP.x > LEFT + 20)
        result = polygon(collection(SHAPE), cube, replacement=0)
        assert np.array_equal(result.isnull(), cube.isnull())

    def test_a_geometry_a_feature_and_a_collection_say_the_same(self):
        whole = collection(SHAPE)
        feature = whole["features"][0] | {"crs": whole["crs"]}
        bare = feature["geometry"] | {"crs": whole["crs"]}
        vectors = call("load_geojson", data=whole)
        assert all(polygon(mask).equals(polygon(whole)) for mask in (feature, bare, vectors))

    def test_polygons_add_up_and_empty_ones_do_nothing(self):
        parts = (box(*cells(range(2, 5), range(3, 6))), box(*cells(range(2, 5), range(5, 9))), Polygon())
        assert polygon(collection(*parts)).equals(polygon(collection(SHAPE)))

    def test_a_hole_is_outside(self):
        hole = box(*cells(range(3, 4), range(5, 7)))
        result = polygon(collection(SHAPE.difference(hole)))
        assert bool(result[..., 3, 5:7].isnull().all())
        assert int(result.isel(t=0, bands=0).notnull().sum()) == 18 - 2

    def test_edges_are_straight_in_degrees(self):
        """The parallel at the north of a box of 600 km bends on the map by kilometres."""
        column = on_map(make_cube(y=400, x=1, chunks=50), step=100.0, top=5_900_000.0)
        result = polygon(collection(box(-1.5, 50, 7.5, 53.1), crs="EPSG:4326"), column)
        northernmost = float(result.y.where(result.notnull()).max())
        _, edge = Transformer.from_crs(4326, UTM, always_xy=True).transform(3, 53.1)
        assert 0 <= edge - northernmost < 100

    @pytest.mark.parametrize("chunks", [{"y": 5, "x": 7}, {"y": 12, "x": 16}, {"y": 1, "x": 3}])
    def test_chunks_do_not_matter(self, chunks):
        shape = collection(Point(LEFT + 83, TOP - 61).buffer(47))
        assert polygon(shape, MAP.chunk(chunks)).equals(polygon(shape))

    def test_radar_geometry(self):
        cube = radar()
        shape = collection(box(4.03, 52.025, 4.11, 52.055), crs="EPSG:4326")
        expected = cube.where((cube.y >= 3) & (cube.y < 6) & (cube.x >= 2) & (cube.x < 6))
        assert polygon(shape, cube).equals(expected)

    def test_nothing_is_read(self):
        assert polygon(collection(SHAPE), unreadable(MAP)).sizes == MAP.sizes
        shape = collection(SHAPE, crs="EPSG:4326")
        assert polygon(shape, unreadable(radar())).sizes == radar().sizes

    def test_points_are_no_polygons(self):
        with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: A geometry must be one of \('Polygon', 'Mul"):
            polygon(collection(Point(LEFT, TOP)))

    def test_a_raster_is_no_vector_cube(self):
        with pytest.raises(
            OpenEOError, match=r"^DimensionMissing: A vector cube must have a dimension of type 'geometry'"
        ):
            polygon(CHECKS)
