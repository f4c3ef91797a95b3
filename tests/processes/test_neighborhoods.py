"""apply_neighborhood and apply_polygon with other processes than a UDF, and what a UDF gets in a polygon."""

import numpy as np
import pytest
from shapely.geometry import Point, Polygon, box

from local_runner.errors import LimitExceededError, OpenEOError
from tests.processes import call, callback, graph, make_cube, node, output, parameter, unreadable
from tests.processes.shapes import LEFT, MAP, TOP, cells, collection, plan, radar

DATA, X = parameter("data"), parameter("x")
SEVEN_BY_THREE = [[i * 3 + j for j in range(3)] for i in range(7)]
CONVOLVE = callback("apply_kernel", data=DATA, kernel=SEVEN_BY_THREE)
DOUBLE = callback("apply", data=DATA, process=callback("multiply", x=X, y=2))
SUM = node("sum", data=DATA)
ARRAY_OF_SUMS = graph(sum=SUM, four=node("array_create", data=[output("sum")], repeat=4))
NDIM_UDF = """
import xarray as xr

def apply_datacube(cube: xr.DataArray, context: dict) -> xr.DataArray:
    return cube.fillna(0) + cube.ndim
"""
ADD_CONTEXT = callback("add", x=X, y=parameter("context"))


def px(**sizes):
    return [{"dimension": d, "value": n, "unit": "px"} for d, n in sizes.items()]


def near(process, size, overlap=None, cube=MAP, **options):
    return call("apply_neighborhood", data=cube, process=process, size=size, overlap=overlap, **options)


class TestNeighborhood:
    @pytest.mark.parametrize("size", [px(x=4, y=5), px(x=7), px(x=100, y=3), px(x=4, y=5, t=1, bands=1), px(t=1)])
    def test_a_process_on_single_values_does_not_see_the_parts(self, size):
        assert near(DOUBLE, size).equals(MAP * 2)

    @pytest.mark.parametrize(
        ("size", "overlap"), [((4, 5), (1, 3)), ((1, 1), (1, 3)), ((2, 2), (5, 7)), ((16, 12), (20, 30))]
    )
    def test_an_overlap_of_half_the_kernel_makes_the_parts_one(self, size, overlap):
        """Where the image ends there is no data, which apply_kernel counts as 0 just as its border."""
        result = near(CONVOLVE, px(x=size[0], y=size[1]), px(x=overlap[0], y=overlap[1]))
        assert np.array_equal(result, call("apply_kernel", data=MAP, kernel=SEVEN_BY_THREE))

    def test_without_overlap_the_parts_are_apart(self):
        result = near(CONVOLVE, px(x=8, y=6))
        parts = [MAP.isel(y=slice(0, 6), x=slice(8, 16)), result.isel(y=slice(0, 6), x=slice(8, 16))]
        assert np.array_equal(parts[1], call("apply_kernel", data=parts[0], kernel=SEVEN_BY_THREE))

    def test_an_overlap_along_time(self):
        cube = make_cube(t=3, y=2, x=2)
        three = graph(sum=SUM, array=node("array_create", data=[output("sum")], repeat=3))
        process = callback("apply_dimension", data=DATA, dimension="t", process=three)
        result = near(process, px(t=1), px(t=1), cube)
        padded = cube.pad(t=1, constant_values=0).values
        assert np.allclose(result, padded[:-2] + padded[1:-1] + padded[2:])

    def test_each_date_for_itself(self):
        size = [*px(x=4, y=4), {"dimension": "t", "value": "P1D"}]
        centred = callback("apply_dimension", data=DATA, dimension="t", process=callback("array_create", data=[7]))
        assert bool((near(centred, size) == 7).all())

    def test_one_dimension_is_an_array_with_labels(self):
        element = graph(
            second=node("array_element", data=DATA, label="b"),
            pair=node("array_create", data=[output("second"), 1]),
        )
        result = near(element, px(x=1, y=1, t=1))
        assert np.array_equal(result.sel(bands="a"), MAP.sel(bands="b"))
        assert bool((result.sel(bands="b") == 1).all())

    def test_the_context(self):
        process = callback("apply", data=DATA, process=ADD_CONTEXT, context=parameter("context"))
        assert near(process, px(x=4), context=3).equals(MAP + 3)

    @pytest.mark.parametrize("chunks", [{"y": 5, "x": 7}, {"y": 12, "x": 16}, {"y": 1, "x": 3}])
    def test_chunks_and_order_do_not_matter(self, chunks):
        cube = MAP.chunk(chunks).transpose("x", "bands", "y", "t")
        result = near(CONVOLVE, px(x=4, y=5), px(x=1, y=3), cube)
        assert result.dims == cube.dims
        assert np.array_equal(result.transpose(*MAP.dims), near(CONVOLVE, px(x=4, y=5), px(x=1, y=3)))

    def test_tasks_do_not_grow_with_the_neighbourhoods(self):
        cube = make_cube(y=512, x=512, chunks=512)
        double = callback("array_apply", data=DATA, process=callback("multiply", x=X, y=2))
        assert len(near(double, px(x=1, y=1), cube=cube).__dask_graph__()) < 200

    def test_nothing_is_read(self):
        assert near(CONVOLVE, px(x=4, y=5), px(x=1, y=3), unreadable(MAP)).sizes == MAP.sizes

    @pytest.mark.parametrize(
        "process",
        [
            callback("reduce_dimension", data=DATA, dimension="t", reducer=callback("mean", data=DATA)),
            callback("filter_bands", data=DATA, bands=["a"]),
            callback("add", x=1, y=2),
        ],
    )
    def test_dimensions_and_sizes_must_stay(self, process):
        with pytest.raises(
            OpenEOError, match=r"^DataCubePropertiesImmutable: The callback of apply_neighborhood must return"
        ):
            near(process, px(x=4, y=4))

    def test_a_single_value_is_no_array(self):
        with pytest.raises(
            OpenEOError, match=r"^ProcessParameterInvalid: The callback of apply_neighborhood must return an"
        ):
            near(callback("mean", data=DATA), px(x=1, y=1, bands=1))

    def test_an_overlap_must_fit_into_memory(self):
        with pytest.raises(LimitExceededError, match=r"^LimitExceeded: The neighbourhoods of a task must need at most"):
            near(DOUBLE, px(x=4, y=4), px(x=10**7, y=10**7))

    @pytest.mark.parametrize(("size", "dims"), [([], 4), ([{"dimension": "t", "value": "P1D"}], 3)])
    def test_one_date_is_a_stack_of_dates_unless_each_is_for_itself(self, size, dims):
        udf = callback("run_udf", data=DATA, udf=NDIM_UDF, runtime="Python")
        result = near(udf, [*px(x=16, y=12), *size], cube=MAP.isel(t=[0]) * 0)
        assert bool((result == dims).all())

    def test_the_back_end_does_not_take_it(self):
        with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: \[geopyspark G23\]"):
            near(DOUBLE, px(x=16, y=16), profile="geopyspark")


SHAPE = box(*cells(range(2, 5), range(3, 9)))
UDF = """
import xarray as xr

def apply_datacube(cube: xr.DataArray, context: dict) -> xr.DataArray:
    return cube.fillna(0) * 0 + cube.sizes["y"] * 100 + cube.sizes["x"] + cube.isnull().sum() * 10000
"""


def polygons(process, *shapes, cube=MAP, **options):
    return call("apply_polygon", data=cube, geometries=collection(*shapes), process=process, **options)


class TestPolygon:
    def test_what_is_in_no_polygon_is_nan(self):
        inside = np.zeros((12, 16), bool)
        inside[2:5, 3:9] = True
        result = polygons(DOUBLE, SHAPE)
        assert result.equals((MAP * 2).where(MAP[0, 0].copy(data=inside)))

    def test_the_callback_gets_the_bounding_box_masked(self):
        triangle = Polygon([(LEFT, TOP), (LEFT + 40, TOP), (LEFT, TOP - 40)])
        count = graph(
            columns=node("apply_dimension", data=DATA, dimension="x", process=ARRAY_OF_SUMS),
            rows=node("apply_dimension", data=output("columns"), dimension="y", process=ARRAY_OF_SUMS),
        )
        result = polygons(count, triangle, cube=MAP * 0 + 1)
        assert result[0, 0, 0, 0] == 10
        assert polygons(count, triangle, cube=MAP * 0 + 1, mask_value=100)[0, 0, 0, 0] == 10 + 6 * 100

    def test_each_polygon_for_itself(self):
        shapes = (SHAPE, box(*cells(range(6, 12), range(2))), Polygon(), box(*cells(range(6, 12), range(2, 16))))
        result = polygons(DOUBLE, *shapes)
        assert int(result.isel(t=0, bands=0).notnull().sum()) == 18 + 12 + 84
        assert result.where(result.notnull(), MAP * 2).equals(MAP * 2)

    def test_no_polygon_hits(self):
        result = polygons(DOUBLE, Polygon(), box(LEFT - 50, TOP, LEFT - 20, TOP + 10))
        assert result.sizes == MAP.sizes
        assert bool(result.isnull().all())

    def test_a_udf_gets_all_dates_of_the_masked_box(self):
        triangle = Polygon([(LEFT, TOP), (LEFT + 40, TOP), (LEFT, TOP - 40)])
        udf = callback("run_udf", data=DATA, udf=UDF, runtime="Python")
        result = polygons(udf, triangle)
        assert result.dims == MAP.dims
        assert float(result[0, 0, 0, 0]) == 4 * 100 + 4 + 6 * 2 * 2 * 10_000

    def test_the_context(self):
        process = callback("apply", data=DATA, process=ADD_CONTEXT, context=parameter("context"))
        result = polygons(process, SHAPE, context=3)
        assert result.isel(y=slice(2, 5), x=slice(3, 9)).equals((MAP + 3).isel(y=slice(2, 5), x=slice(3, 9)))

    @pytest.mark.parametrize("chunks", [{"y": 5, "x": 7, "t": 2}, {"y": 12, "x": 16}, {"y": 1, "x": 3}])
    def test_chunks_and_order_do_not_matter(self, chunks):
        shapes = (SHAPE, Point(LEFT + 110, TOP - 80).buffer(31))
        cube = MAP.chunk(chunks).transpose("x", "bands", "y", "t")
        result = polygons(CONVOLVE, *shapes, cube=cube)
        assert result.dims == cube.dims
        assert np.array_equal(result.transpose(*MAP.dims), polygons(CONVOLVE, *shapes), equal_nan=True)

    def test_radar_geometry(self):
        cube = radar()
        shape = collection(box(4.03, 52.025, 4.11, 52.055), crs="EPSG:4326")
        result = call("apply_polygon", data=cube, geometries=shape, process=DOUBLE)
        part = {"y": slice(3, 6), "x": slice(2, 6)}
        assert result.isel(part).equals((cube * 2).isel(part))
        assert int(result.notnull().sum()) == 12 * 6

    def test_nothing_is_read(self):
        assert polygons(DOUBLE, SHAPE, cube=unreadable(MAP)).sizes == MAP.sizes
        shape = collection(box(4.03, 52.025, 4.11, 52.055), crs="EPSG:4326")
        assert plan("apply_polygon", unreadable(radar()), geometries=shape, process=DOUBLE).sizes == radar().sizes

    def test_polygons_must_not_share_pixels(self):
        with pytest.raises(OpenEOError, match=r"^GeometriesOverlap: .* instead got 6 pixels in two\. Cut the polygons"):
            polygons(DOUBLE, SHAPE, box(*cells(range(3, 5), range(6, 12))))

    def test_polygons_may_share_an_edge(self):
        _, south, east, north = cells(range(2, 5), range(3, 9))
        polygons(DOUBLE, SHAPE, box(east, south, east + 20, north))

    def test_dimensions_and_sizes_must_stay(self):
        with pytest.raises(
            OpenEOError, match=r"^DataCubePropertiesImmutable: The callback of apply_polygon must return"
        ):
            polygons(callback("filter_bands", data=DATA, bands=["a"]), SHAPE)

    def test_points_are_no_polygons(self):
        with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: A geometry must be one of"):
            polygons(DOUBLE, Point(LEFT, TOP))
