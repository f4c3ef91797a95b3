"""Cubes as other programs make them: times as texts, no labels, longitude and latitude, numpy, booleans."""

import numpy as np
import pytest
import xarray as xr
from shapely.geometry import box

from local_runner.cube import crs_of
from local_runner.errors import OpenEOError
from tests.processes import UTM, call, callback, make_cube, on_map, parameter
from tests.processes.shapes import MAP, cells, collection

TEXTS = ["2023-03-19T05:50:33Z", "2023-03-31T05:50:33Z", "2023-04-12T05:50:34Z"]
CUBE = make_cube(t=3, bands=("a", "b"), dtype=np.float64)
TEXT_CUBE = CUBE.assign_coords(t=TEXTS)
MEAN = callback("mean", data=parameter("data"))
SUM = callback("add", x=parameter("x"), y=parameter("y"))


class TestTimesAsTexts:
    @pytest.mark.parametrize(
        ("process_id", "arguments"),
        [
            ("filter_temporal", {"extent": ["2023-03-31", None]}),
            ("aggregate_temporal", {"intervals": [["2023-03-01", "2023-04-01"]], "reducer": MEAN}),
            ("aggregate_temporal", {"intervals": [["05:50:34", "05:50:33"]], "reducer": MEAN}),
            ("aggregate_temporal_period", {"period": "month", "reducer": MEAN}),
        ],
    )
    def test_the_values_are_those_of_times(self, process_id, arguments):
        expected = call(process_id, data=CUBE, **arguments)
        assert np.array_equal(call(process_id, data=TEXT_CUBE, **arguments), expected, equal_nan=True)

    def test_they_stay_texts(self):
        assert call("filter_temporal", data=TEXT_CUBE, extent=["2023-04-01", None]).t.values.tolist() == TEXTS[2:]
        starts = [["2023-03-01", "2023-04-01"]]
        assert call("aggregate_temporal", data=TEXT_CUBE, intervals=starts, reducer=MEAN).t.values.tolist() == [
            "2023-03-01"
        ]

    def test_labels_of_periods_are_no_times(self):
        months = call("aggregate_temporal_period", data=CUBE, period="month", reducer=MEAN)
        with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The labels of t must be dates, .*'2023-03'"):
            call("filter_temporal", data=months, extent=["2023-03-01", None])

    def test_they_are_merged_with_times(self):
        merged = call("merge_cubes", cube1=CUBE.isel(t=[0, 2]), cube2=TEXT_CUBE.isel(t=[1, 2]), overlap_resolver=SUM)
        assert np.array_equal(merged.t, CUBE.t)
        assert np.array_equal(merged, CUBE * xr.DataArray([1, 1, 2], dims="t"))

    def test_periods_and_times_are_merged_as_texts(self):
        months = call("aggregate_temporal_period", data=CUBE, period="month", reducer=MEAN)
        merged = call("merge_cubes", cube1=months, cube2=CUBE)
        assert merged.t.values.tolist() == ["2023-03", *TEXTS[:2], "2023-04", TEXTS[2]]

    def test_a_time_is_found_however_it_is_written(self):
        arguments = {"dimension": "t", "source": ["2023-03-31T07:50:33.000+02:00"], "target": ["2023-04-01"]}
        assert call("rename_labels", data=CUBE, **arguments).t.values[1] == np.datetime64("2023-04-01")

    def test_times_may_be_renamed_to_texts(self):
        renamed = call("rename_labels", data=CUBE, dimension="t", source=TEXTS[:1], target=["before"])
        assert renamed.t.values.tolist() == ["before", *TEXTS[1:]]


class TestLabels:
    def test_enumerated_and_named_labels_without_coordinates(self):
        bare = CUBE.drop_vars("bands")
        merged = call("merge_cubes", cube1=bare, cube2=bare.isel(bands=[0]), overlap_resolver=SUM)
        assert np.array_equal(merged, CUBE * xr.DataArray([2, 1], dims="bands"))

    def test_texts_and_numbers_side_by_side(self):
        first, second = (call("add_dimension", data=CUBE, name="of", label=label) for label in ("A", 2))
        merged = call("merge_cubes", cube1=first, cube2=second)
        assert call("dimension_labels", data=merged, dimension="of") == ["A", 2]
        assert np.array_equal(merged.isel(of=1), CUBE)

    def test_heights_are_sorted(self):
        high, low = (call("add_dimension", data=CUBE, name="z", label=z, type="spatial") for z in (5, 3))
        assert call("merge_cubes", cube1=high, cube2=low).z.values.tolist() == [3, 5]

    def test_an_existing_target_keeps_its_place(self):
        cube = CUBE.isel(bands=[0]).transpose("bands", "y", "x", "t")
        sort = callback("sort", data=parameter("data"))
        result = call("apply_dimension", data=cube, process=sort, dimension="t", target_dimension="bands")
        assert result.dims == ("bands", "y", "x")
        assert np.array_equal(result, np.sort(CUBE.isel(bands=0).values, axis=0))

    def test_a_filter_of_time_needs_a_temporal_dimension(self):
        with pytest.raises(OpenEOError, match=r"^DimensionNotAvailable: The dimension 'bands' must be temporal"):
            call("filter_temporal", data=CUBE, extent=["2023-03-31", None], dimension="bands")


DEGREES = {"x": "lon", "y": "lat"}
BOX = collection(box(*cells(slice(2, 6), slice(3, 9))))


class TestLongitudeAndLatitude:
    @pytest.mark.parametrize(
        ("process_id", "arguments"),
        [
            ("apply_kernel", {"kernel": [[1, 2, 4]]}),
            ("filter_bbox", {"extent": {"west": 0, "east": 9, "south": 0, "north": 80}}),
            ("filter_spatial", {"geometries": BOX}),
            ("mask_polygon", {"mask": BOX}),
            ("mask", {"mask": MAP.isel(t=0, bands=0) > 0}),
            ("aggregate_spatial", {"geometries": BOX, "reducer": MEAN}),
            ("resample_spatial", {"resolution": 20, "method": "average"}),
            ("resample_cube_spatial", {"target": MAP.isel(x=slice(4))}),
            ("merge_cubes", {"cube2": MAP, "overlap_resolver": SUM}),
        ],
    )
    def test_are_x_and_y_under_other_names(self, process_id, arguments):
        name = "cube1" if process_id == "merge_cubes" else "data"
        expected = call(process_id, **arguments, **{name: MAP})
        result = call(process_id, **arguments, **{name: MAP.rename(DEGREES)})
        assert result.equals(expected.rename({old: new for old, new in DEGREES.items() if old in expected.dims}))
        assert crs_of(result) == UTM

    def test_one_of_them_alone(self):
        half = call("rename_dimension", data=MAP, source="x", target="lon")
        assert call("apply_kernel", data=half, kernel=[[2]]).equals((MAP * 2).rename(x="lon"))

    def test_the_names_of_a_target_do_not_matter(self):
        result = call("resample_cube_spatial", target=MAP.rename(DEGREES), data=MAP)
        assert result.dims == MAP.dims


@pytest.mark.parametrize(("process_id", "arguments"), [("apply", {}), ("reduce_dimension", {"dimension": "t"})])
def test_a_projection_stays_where_it_was(process_id, arguments):
    cube = on_map(CUBE).drop_vars("spatial_ref").assign_attrs(crs="EPSG:32631")
    process = {"process": callback("absolute", x=parameter("x"))} if process_id == "apply" else {"reducer": MEAN}
    result = call(process_id, data=cube, **arguments, **process)
    assert result.attrs["crs"] == "EPSG:32631"
    assert "spatial_ref" not in result.coords


def test_booleans_are_convolved_in_full_precision():
    ones = xr.DataArray(np.ones((3, 3), bool), {"y": [0.0, 1, 2], "x": [0.0, 1, 2]}, ("y", "x"))
    assert abs(call("apply_kernel", data=ones, kernel=[[0.1]]).values - 0.1).max() < 1e-15


def test_a_replacement_keeps_its_digits():
    numbers = make_cube(dtype=np.int16)
    assert (call("mask", data=numbers, mask=numbers.astype(bool) | True, replacement=0.1) == 0.1).all()
