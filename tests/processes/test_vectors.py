import numpy as np
import pytest
from shapely.geometry import LineString, MultiPoint, Point, Polygon, box

from local_runner.access import Access
from local_runner.budget import Budget
from local_runner.cube import crs_of, dimension_type
from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.execution import Execution
from local_runner.graph import evaluate_with
from local_runner.profiles import load_profile
from tests.processes import UTM, call, callback, make_cube, on_map, parameter, unreadable
from tests.processes.shapes import LEFT, MAP, TOP, cells, collection, plan, radar

DATA = parameter("data")
MEAN, COUNT = callback("mean", data=DATA), callback("count", data=DATA, condition=True)
LONLAT = 4326


class TestLoadGeojson:
    def test_each_geometry_is_a_label(self):
        shapes = [Point(1, 2), box(0, 0, 1, 1)]
        result = call("load_geojson", data=collection(*shapes, crs="urn:ogc:def:crs:OGC:1.3:CRS84"))
        assert result.dims == ("geometry",)
        assert result.geometry.values.tolist() == shapes
        assert dimension_type(result, "geometry") == "geometry"
        assert crs_of(result) == LONLAT
        assert np.isnan(result).all()

    @pytest.mark.parametrize("name", ["EPSG:32631", "urn:ogc:def:crs:EPSG::32631"])
    def test_a_crs_of_its_own(self, name):
        assert crs_of(call("load_geojson", data=collection(Point(1, 2), crs=name))) == UTM

    def test_one_geometry(self):
        result = call("load_geojson", data={"type": "Point", "coordinates": [1, 2, 30]})
        assert result.geometry.values.tolist() == [Point(1, 2)]
        assert crs_of(result) == LONLAT

    @pytest.mark.parametrize(
        ("names", "labels", "expected"),
        [
            (["a"], ["a"], [[1], [np.nan]]),
            (["b", "a"], ["b", "a"], [[2.5, 1], [np.nan, np.nan]]),
            (["c"], [0, 1], [[3, 4], [5, np.nan]]),
        ],
    )
    def test_properties(self, names, labels, expected):
        points = [{"type": "Point", "coordinates": [i, 0]} for i in range(2)]
        known = [{"a": 1, "b": 2.5, "c": [3, 4]}, {"c": [5]}]
        features = [{"type": "Feature", "geometry": g, "properties": p} for g, p in zip(points, known, strict=True)]
        result = call("load_geojson", data={"type": "FeatureCollection", "features": features}, properties=names)
        assert result.dims == ("geometry", "properties")
        assert result.properties.values.tolist() == labels
        assert np.array_equal(result, expected, equal_nan=True)
        assert [f["properties"] for f in result.feature.values] == known

    def test_texts(self):
        feature = {"type": "Feature", "geometry": None, "properties": {"a": "x", "b": 1}}
        result = call("load_geojson", data=feature, properties=["a", "b"])
        assert result.values.tolist() == [["x", 1]]
        assert result.geometry.values[0].is_empty

    @pytest.mark.parametrize(
        ("names", "text"), [(["a", "a"], "The names in properties must be unique"), (["a", "b"], "Pr")]
    )
    def test_wrong_properties(self, names, text):
        feature = {"type": "Feature", "geometry": None, "properties": {"a": [1], "b": 1}}
        with pytest.raises(OpenEOError, match=f"^ProcessParameterInvalid: {text}"):
            call("load_geojson", data=feature, properties=names)


def zones(*shapes, reducer=MEAN, cube=MAP, **options):
    return call("aggregate_spatial", data=cube, geometries=collection(*shapes), reducer=reducer, **options)


PART = box(*cells(range(2, 5), range(3, 9)))
MEANS = MAP.isel(y=slice(2, 5), x=slice(3, 9)).mean(["y", "x"])


class TestAggregateSpatial:
    def test_geometry_takes_the_place_of_x_and_y(self):
        result = zones(PART, PART)
        assert result.dims == ("geometry", "t", "bands")
        assert result.geometry.values.tolist() == [PART, PART]
        assert [f["id"] for f in result.feature.values] == [0, 1]
        assert crs_of(result) == UTM
        assert np.allclose(result, [MEANS, MEANS], atol=1e-5)
        assert all(result[d].equals(MAP[d]) for d in ("t", "bands"))

    def test_pixels_with_their_centre_in_the_polygon(self):
        triangle = Polygon([(LEFT, TOP), (LEFT + 60, TOP), (LEFT, TOP - 60)])
        assert zones(triangle, reducer=COUNT)[0, 0, 0] == 6 * 7 / 2

    def test_the_pixel_of_a_point(self):
        result = zones(Point(LEFT + 39.9, TOP - 20.1), MultiPoint([(LEFT + 1, TOP - 1), (LEFT + 159, TOP - 119)]))
        assert np.array_equal(result[0], MAP.isel(y=2, x=3))
        assert np.allclose(result[1], (MAP[..., 0, 0] + MAP[..., -1, -1]) / 2)

    def test_the_pixels_that_a_line_touches(self):
        line = LineString([(LEFT + 1, TOP - 5), (LEFT + 29, TOP - 5), (LEFT + 29, TOP - 38)])
        assert zones(line, reducer=COUNT)[0, 0, 0] == 6

    def test_empty_and_outside_is_no_data(self):
        result = zones(Polygon(), Point(LEFT - 1, TOP), reducer=COUNT)
        assert result.shape == (2, 2, 2)
        assert bool(result.isnull().all())

    def test_a_polygon_between_the_centres_has_no_values(self):
        tiny = box(LEFT + 1, TOP - 3, LEFT + 3, TOP - 1)
        assert bool(zones(tiny, reducer=COUNT).isnull().all())

    def test_counts(self):
        cube = MAP.where(MAP.x > LEFT + 40)
        result = zones(PART, Polygon(), cube=cube, target_dimension="statistics")
        assert result.dims == ("statistics", "geometry", "t", "bands")
        assert result.statistics.values.tolist() == ["value", "total_count", "valid_count"]
        assert dimension_type(result, "statistics") == "other"
        assert result[1:, 0, 0, 0].values.tolist() == [18, 15]
        assert result[1:, 1, 0, 0].values.tolist() == [0, 0]
        assert np.allclose(result[0, 0], cube.isel(y=slice(2, 5), x=slice(3, 9)).mean(["y", "x"]), atol=1e-5)

    def test_the_context_reaches_the_reducer(self):
        quantile = callback("sum", data=DATA, ignore_nodata=parameter("context"))
        cube = MAP.where(MAP.x > LEFT + 40)
        assert bool(zones(PART, reducer=quantile, cube=cube, context=False).isnull().all())
        assert bool(zones(PART, reducer=quantile, cube=cube, context=True).notnull().all())

    @pytest.mark.parametrize("chunks", [{"y": 5, "x": 7, "t": 2}, {"y": 12, "x": 16}, {"y": 1, "x": 3}])
    def test_chunks_and_order_do_not_matter(self, chunks):
        cube = MAP.chunk(chunks).transpose("x", "bands", "y", "t")
        result = zones(PART, reducer=callback("max", data=DATA), cube=cube)
        assert result.dims == ("geometry", "bands", "t")
        assert np.array_equal(result[0].T, MAP.isel(y=slice(2, 5), x=slice(3, 9)).max(["y", "x"]))

    def test_a_plane_alone(self):
        cube = on_map(make_cube(y=4, x=4))
        result = zones(box(LEFT, TOP - 40, LEFT + 40, TOP), cube=cube)
        assert result.dims == ("geometry",)
        assert np.allclose(result, cube.mean(), atol=1e-5)

    def test_radar_geometry(self):
        cube = radar()
        shape = collection(box(4.03, 52.025, 4.11, 52.055), crs="EPSG:4326")
        result = call("aggregate_spatial", data=cube, geometries=shape, reducer=MEAN)
        assert np.allclose(result[0], cube.isel(y=slice(3, 6), x=slice(2, 6)).mean(["y", "x"]), atol=1e-5)

    def test_a_plan_reads_nothing(self):
        shape = collection(box(4.03, 52.025, 4.11, 52.055), crs="EPSG:4326")
        result = plan("aggregate_spatial", unreadable(radar()), geometries=shape, reducer=MEAN)
        assert result.sizes == {"geometry": 1, "t": 2, "bands": 3}

    def test_nothing_is_read(self):
        result = zones(PART, Point(LEFT, TOP), cube=unreadable(MAP), target_dimension="n")
        assert result.sizes == {"n": 3, "geometry": 2, "t": 2, "bands": 2}

    def test_tasks_grow_with_the_pixels_of_the_geometries_only(self):
        wide = on_map(make_cube(y=1000, x=1000, chunks=10))
        result = zones(PART, cube=wide)
        assert len(result.__dask_graph__().cull(set(result.data.__dask_keys__()))) < 100

    def test_a_geometry_must_fit_into_memory(self):
        execution = Execution(load_profile("specification"), Access(), budget=Budget(max_memory=100))
        graph = callback("aggregate_spatial", data=DATA, geometries=collection(PART), reducer=MEAN)
        with pytest.raises(LimitExceededError, match=r"^LimitExceeded: What lies within the bounds of a geometry must"):
            evaluate_with(graph["process_graph"], {"data": MAP.chunk(t=2, bands=2)}, execution)

    @pytest.mark.parametrize("name", ["t", "geometry"])
    def test_the_target_must_be_new(self, name):
        with pytest.raises(OpenEOError, match=r"^TargetDimensionExists: "):
            zones(PART, target_dimension=name)

    def test_a_udf_has_no_chunks_here(self):
        udf = callback("run_udf", data=DATA, udf="\n", runtime="Python")
        with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: A UDF must run in one of"):
            zones(PART, reducer=udf)

    def test_further_processes_take_the_result(self):
        result = zones(PART, PART)
        assert call("apply", data=result, process=callback("absolute", x=parameter("x"))).equals(abs(result))
        assert call("reduce_dimension", data=result, reducer=MEAN, dimension="t").sizes == {"geometry": 2, "bands": 2}
        assert crs_of(call("filter_bands", data=result, bands=["a"])) == UTM
