"""Filters by a condition on labels and by geometries."""

import numpy as np
import pytest
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from local_runner import evaluate
from local_runner.cube import spacing
from local_runner.errors import OpenEOError
from tests.processes import call, callback, graph, make_cube, node, output, parameter, unreadable
from tests.processes.shapes import LEFT, MAP, TOP, cells, collection, plan, radar

VALUE = parameter("value")


def kept(condition, dimension, cube=MAP, **options):
    return call("filter_labels", data=cube, condition=condition, dimension=dimension, **options)


class TestLabels:
    def test_labels_that_meet_the_condition_stay(self):
        result = kept(callback("eq", x=VALUE, y="B", case_sensitive=False), "bands")
        assert result.equals(MAP.sel(bands=["b"]))

    def test_time_is_iso_text(self):
        result = kept(callback("eq", x=VALUE, y="2023-03-31T05:50:33Z"), "t")
        assert result.equals(MAP.isel(t=[1]))

    def test_numbers(self):
        result = kept(callback("lt", x=VALUE, y=LEFT + 10), "x")
        assert result.x.values.tolist() == [LEFT + 5]
        assert spacing(result) == (10, -10)

    def test_geometries_are_wkt(self):
        cube = call("load_geojson", data=collection(Point(1, 2), Point(3, 4)))
        result = kept(callback("eq", x=VALUE, y="POINT (3 4)"), "geometry", cube)
        assert result.geometry.values.tolist() == [Point(3, 4)]
        assert result.feature.values.tolist() == [{"id": 1, "properties": {"number": 1}}]

    def test_the_context(self):
        result = kept(callback("eq", x=VALUE, y=parameter("context")), "bands", context="a")
        assert result.bands.values.tolist() == ["a"]

    def test_null_is_not_true(self):
        assert kept(callback("eq", x=VALUE, y=None), "bands").sizes["bands"] == 0

    def test_no_label_is_refused_by_the_back_end_profile(self):
        with pytest.raises(OpenEOError, match=r"^NoDataAvailable: The condition must hold for at least one label"):
            kept(callback("eq", x=VALUE, y="z"), "bands", profile="geopyspark")

    def test_a_missing_dimension(self):
        with pytest.raises(OpenEOError, match=r"^DimensionNotAvailable: "):
            kept(callback("eq", x=VALUE, y="z"), "platform")

    def test_a_condition_is_a_boolean(self):
        with pytest.raises(
            OpenEOError, match=r"^ProcessParameterInvalid: The condition of filter_labels must return a"
        ):
            kept(callback("add", x=1, y=2), "bands")


def inside(*shapes, cube=MAP, **options):
    return call("filter_spatial", data=cube, geometries=collection(*shapes), **options)


class TestSpatial:
    def test_a_box_of_cells(self):
        result = inside(box(*cells(range(2, 5), range(3, 9))))
        assert result.equals(MAP.isel(y=slice(2, 5), x=slice(3, 9)))
        assert result.rio.crs == MAP.rio.crs

    def test_the_border_of_a_polygon_belongs_to_it(self):
        result = inside(box(LEFT + 15, TOP - 35, LEFT + 45, TOP - 15))
        assert result.equals(MAP.isel(y=slice(1, 4), x=slice(1, 5)))

    def test_what_is_in_the_bounds_but_in_no_polygon_is_nan(self):
        result = inside(Polygon([(LEFT, TOP), (LEFT + 60, TOP), (LEFT, TOP - 60)]))
        rows, columns = np.indices((6, 6))
        expected = MAP.isel(y=slice(0, 6), x=slice(0, 6)).values
        assert np.array_equal(result, np.where(rows + columns <= 5, expected, np.nan), equal_nan=True)

    def test_holes_and_parts(self):
        ring = box(*cells(range(5), range(5))).difference(box(*cells(range(1, 4), range(1, 4))))
        part = box(*cells(range(8, 9), range(8, 9)))
        result = inside(MultiPolygon([ring, part])).isel(t=0, bands=0)
        assert result.shape == (9, 9)
        assert int(result.notnull().sum()) == 25 - 9 + 1
        assert result[2, 2].isnull()

    def test_the_pixel_of_a_point(self):
        result = inside(Point(LEFT + 39.9, TOP - 20.1))
        assert result.equals(MAP.isel(y=[2], x=[3]))
        assert spacing(result) == (10, -10)

    def test_the_pixels_that_a_line_touches(self):
        result = inside(LineString([(LEFT + 1, TOP - 5), (LEFT + 29, TOP - 5), (LEFT + 29, TOP - 38)])).isel(
            t=0, bands=0
        )
        assert result.notnull().values.tolist() == [[True] * 3, *[[False, False, True]] * 3]

    def test_degrees_by_default(self):
        lonlat = {
            "type": "Polygon",
            "coordinates": [[[3.0, 52.3], [3.0005, 52.3], [3.0005, 52.4], [3.0, 52.4], [3.0, 52.3]]],
        }
        result = call("filter_spatial", data=MAP, geometries=lonlat)
        assert result.x.values.tolist() == [LEFT + 5, LEFT + 15, LEFT + 25]

    def test_a_vector_cube_says_the_same(self):
        shape = collection(box(*cells(range(2, 5), range(3, 9))))
        vectors = call("load_geojson", data=shape)
        assert call("filter_spatial", data=MAP, geometries=vectors).equals(
            call("filter_spatial", data=MAP, geometries=shape)
        )

    def test_nothing_inside(self):
        far = box(LEFT - 500, TOP, LEFT - 400, TOP + 100)
        assert inside(far).shape == (2, 2, 0, 0)
        with pytest.raises(OpenEOError, match=r"^NoDataAvailable: The box must cover at least one pixel"):
            inside(far, profile="geopyspark")

    def test_nothing_is_read(self):
        assert inside(box(*cells(range(2, 5), range(3, 9))), cube=unreadable(MAP)).shape == (2, 2, 3, 6)

    def test_radar_geometry(self):
        polygon = box(4.03, 52.025, 4.11, 52.055)
        cube = radar()
        result = call("filter_spatial", data=cube, geometries=collection(polygon, crs="EPSG:4326"))
        assert result.equals(cube.isel(y=slice(3, 6), x=slice(2, 6)))

    def test_radar_geometry_has_no_cells_for_points(self):
        with pytest.raises(
            OpenEOError, match=r"^FeatureUnsupported: A geometry on a cube in radar geometry must be one"
        ):
            call("filter_spatial", data=radar(), geometries=collection(Point(4.05, 52.05), crs="EPSG:4326"))


@pytest.mark.parametrize(
    ("process_id", "arguments"),
    [
        ("filter_bbox", {"extent": {"west": 4.03, "south": 52.025, "east": 4.11, "north": 52.055}}),
        ("filter_spatial", {"geometries": collection(box(4.03, 52.025, 4.11, 52.055), crs="EPSG:4326")}),
    ],
)
def test_a_plan_reads_no_positions_and_keeps_the_whole_extent(process_id, arguments):
    cube = unreadable(radar())
    assert plan(process_id, cube, **arguments).sizes == cube.sizes


class TestBoxOfGeometries:
    cube = call("load_geojson", data=collection(Point(1, 1), box(0, 0, 2, 2), box(1, 1, 5, 5), crs="EPSG:32631"))

    def test_what_is_within_stays(self):
        extent = {"west": 0, "south": 0, "east": 2, "north": 2, "crs": 32631}
        result = call("filter_bbox", data=self.cube, extent=extent)
        assert [f["id"] for f in result.feature.values] == [0, 1]

    def test_nothing_within(self):
        extent = {"west": 7, "south": 7, "east": 8, "north": 8, "crs": 32631}
        assert call("filter_bbox", data=self.cube, extent=extent).sizes["geometry"] == 0
        with pytest.raises(OpenEOError, match=r"^NoDataAvailable: The box must hold at least one geometry"):
            call("filter_bbox", data=self.cube, extent=extent, profile="geopyspark")


@pytest.mark.parametrize(
    ("geometries", "text"),
    [
        ({"type": "GeometryCollection", "geometries": []}, "A GeoJSON geometry must be one of"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}, "A Polygon must have the coordinates"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}, "A polygon must be valid"),
        ({"type": "Point", "coordinates": [float("1e400"), 0]}, "A geometry must have finite coordinates"),
        ({"type": "FeatureCollection", "features": [3]}, "A GeoJSON feature must be an object"),
        ({"type": "Feature", "geometry": {"type": "Circle"}}, "A GeoJSON geometry must be one of"),
        ({}, "A GeoJSON geometry must be one of"),
    ],
)
def test_what_is_no_geojson(geometries, text):
    nodes = graph(only=node("filter_spatial", data=parameter("data"), geometries=parameter("g")))
    with pytest.raises(OpenEOError, match=f"^ProcessParameterInvalid: {text}"):
        evaluate(nodes["process_graph"], {"data": MAP, "g": geometries})


def test_a_result_may_be_filtered_again():
    nodes = graph(
        first=node(
            "filter_spatial", data=parameter("data"), geometries=collection(box(*cells(range(2, 5), range(3, 9))))
        ),
        second=node("filter_labels", data=output("first"), dimension="bands", condition=callback("eq", x=VALUE, y="a")),
    )
    assert evaluate(nodes["process_graph"], {"data": MAP}).sizes == {"t": 2, "bands": 1, "y": 3, "x": 6}


def test_a_band_of_one_label_is_not_lost():
    cube = make_cube(bands=("a",))
    assert kept(callback("eq", x=VALUE, y="a"), "bands", cube).equals(cube)
