import numpy as np
import pytest
import xarray as xr

from local_runner import evaluate
from local_runner.cube import dimension_type
from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.processes import aggregation
from tests.processes import call, callback, graph, make_cube, node, on_map, output, parameter, unreadable

DATA = parameter("data")
MEAN, COUNT = callback("mean", data=DATA), callback("count", data=DATA, condition=True)
CUBE = on_map(make_cube(t=3, bands=("a", "b"), y=2, x=3))


def at(*times, dtype=np.float64):
    """A cube (t, x) with the places 0, 1, 2 of these times as values."""
    values = np.repeat(np.arange(len(times), dtype=dtype)[:, None], 2, axis=1)
    return xr.DataArray(values, {"t": np.array(times, "datetime64[ns]"), "x": [0.0, 1.0]}, ("t", "x")).chunk()


def over(intervals, reducer=MEAN, cube=CUBE, **options):
    return call("aggregate_temporal", data=cube, intervals=intervals, reducer=reducer, **options)


class TestIntervals:
    def test_the_start_is_in_and_the_end_is_out(self):
        result = over([["2023-03-19T05:50:33Z", "2023-04-12T05:50:34Z"], ["2023-03-31", "2023-05-01"]])
        assert np.allclose(result.isel(t=0), CUBE.isel(t=[0, 1]).mean("t"))
        assert np.allclose(result.isel(t=1), CUBE.isel(t=[1, 2]).mean("t"))

    def test_labels_are_the_starts_in_the_order_of_the_intervals(self):
        result = over([["2023-04-01", "2023-05-01"], ["2023-03-01", "2023-04-01"]])
        assert call("dimension_labels", data=result, dimension="t") == ["2023-04-01T00:00:00Z", "2023-03-01T00:00:00Z"]

    @pytest.mark.parametrize("given", [["W1", "W2"], [1, 2], ["W1", 2], ["2023", "2024"]])
    def test_labels_may_be_given(self, given):
        result = over([["2023-03-01", "2023-04-01"], ["2023-03-01", "2023-05-01"]], labels=given)
        assert call("dimension_labels", data=result, dimension="t") == given
        assert dimension_type(result, "t") == "temporal"

    def test_an_open_end(self):
        intervals = [[None, "2023-03-31"], ["2023-03-31", None]]
        result = over(intervals, COUNT, labels=["before", "after"])
        assert result[:, 0, 0, 0].values.tolist() == [1, 2]

    def test_an_interval_without_dates_is_no_data(self):
        result = over([["2022-01-01", "2022-02-01"], ["2023-03-01", "2023-04-01"]])
        assert result.isnull().all(["bands", "y", "x"]).values.tolist() == [True, False]

    def test_a_reducer_that_makes_something_of_nothing(self):
        assert bool((over([["2022-01-01", "2022-02-01"]], COUNT) == 0).all())

    def test_other_dimensions_crs_and_items_are_kept(self):
        cube = CUBE.transpose("x", "bands", "t", "y").assign_attrs(stac={"2023-03-31": [{"id": "i"}]})
        result = over([["2023-03-01", "2023-05-01"]], cube=cube)
        assert result.dims == cube.dims
        assert result.rio.crs == cube.rio.crs
        assert result.attrs == cube.attrs

    def test_the_context_and_the_labels_reach_the_reducer(self):
        element = callback("array_element", data=DATA, label=parameter("context"))
        result = over([["2023-03-01", "2023-05-01"]], element, context="2023-03-31T05:50:33Z")
        assert np.array_equal(result.isel(t=0), CUBE.isel(t=1))

    def test_dates_need_no_order(self):
        shuffled = CUBE.isel(t=[2, 0, 1])
        intervals = [["2023-03-01", "2023-04-01"], ["2023-04-01", "2023-05-01"]]
        assert np.allclose(over(intervals, cube=shuffled), over(intervals))

    def test_nothing_is_read(self):
        assert over([["2023-03-01", "2023-05-01"]], cube=unreadable(CUBE)).sizes["t"] == 1


class TestTimesOfDay:
    cube = at("2023-01-01T00:00", "2023-01-01T06:00", "2023-01-02T12:00", "2023-01-02T18:00", "2023-01-03T23:59:59")

    @pytest.mark.parametrize(
        ("interval", "expected"),
        [
            (["06:00:00", "18:00:00"], [1, 2]),
            (["18:00:00", "06:00:00"], [0, 3, 4]),
            (["18:00:00", "24:00:00"], [3, 4]),
            (["18:00:00", "00:00:00"], [3, 4]),
            (["00:00:00", "24:00:00"], [0, 1, 2, 3, 4]),
            (["12:00:00", None], [2, 3, 4]),
            ([None, "12:00:00"], [0, 1]),
        ],
    )
    def test_every_day_and_over_midnight(self, interval, expected):
        result = over([interval], cube=self.cube, labels=["it"])
        assert result.values.tolist() == [[np.mean(expected)] * 2]

    def test_the_start_is_the_label(self):
        assert over([["06:00:00", "18:00:00"]], cube=self.cube).t.values.tolist() == ["06:00:00"]

    @pytest.mark.parametrize(
        ("interval", "text"),
        [
            (["06:00:00", "06:00:00"], "TemporalExtentEmpty: The end of an interval must not be its start"),
            (["06:00:00", "2023-01-01"], "ProcessParameterInvalid: Both ends of an interval must be dates, or both"),
            (["06:00:00", "24:00:01"], "ProcessParameterInvalid: Both ends of an interval must be dates, or both"),
            (["06:60:00", "07:00:00"], "ProcessParameterInvalid: Both ends of an interval must be dates, or both"),
        ],
    )
    def test_what_is_no_interval(self, interval, text):
        with pytest.raises(OpenEOError, match=f"^{text}"):
            over([interval], cube=self.cube)


MARCH = ["2023-03-01", "2023-04-01"]


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("TemporalExtentEmpty", {"intervals": [MARCH, ["2023-03-01", "2023-03-01"]]}),
        ("DistinctDimensionLabelsRequired", {"intervals": [MARCH, MARCH]}),
        (
            "DistinctDimensionLabelsRequired",
            {"intervals": [["2023-03-01", "2023-04-01"], ["2023-03-01T00:00:00Z", None]]},
        ),
        ("DistinctDimensionLabelsRequired", {"intervals": [[None, "2023-04-01"]]}),
        ("DistinctDimensionLabelsRequired", {"intervals": [MARCH, MARCH], "labels": ["a", "a"]}),
        ("ProcessParameterInvalid", {"intervals": [MARCH], "labels": ["a", "b"]}),
        ("ProcessParameterInvalid", {"intervals": []}),
        ("ProcessParameterInvalid", {"intervals": [[None, None]]}),
        ("ProcessParameterInvalid", {"intervals": [["2023-03-01"]]}),
        ("DimensionNotAvailable", {"intervals": [MARCH], "dimension": "time"}),
        ("DimensionNotAvailable", {"intervals": [MARCH], "dimension": "bands"}),
        ("DimensionNotAvailable", {"intervals": [MARCH], "cube": CUBE.isel(t=0, drop=True)}),
        ("TooManyDimensions", {"intervals": [MARCH], "cube": CUBE.expand_dims(time=CUBE.t.values[:1])}),
        ("ProcessParameterInvalid", {"intervals": [MARCH], "cube": CUBE.assign_coords(t=[0, 1, 2])}),
        ("ProcessParameterInvalid", {"intervals": [MARCH], "reducer": callback("array_create", data=[1, 2])}),
    ],
)
def test_errors(code, options):
    with pytest.raises(OpenEOError, match=f"^{code}: "):
        over(**options)


@pytest.mark.parametrize("process_id", ["aggregate_temporal", "aggregate_temporal_period"])
def test_a_udf_has_no_chunks_here(process_id):
    udf = callback("run_udf", data=DATA, udf="\n", runtime="Python")
    extra = {"intervals": [MARCH]} if process_id == "aggregate_temporal" else {"period": "month"}
    with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: A UDF must run in one of \('apply', "):
        call(process_id, data=CUBE, reducer=udf, **extra)


def periods(period, *times, reducer=MEAN):
    result = call("aggregate_temporal_period", data=at(*times), period=period, reducer=reducer)
    return result.t.values.tolist(), result.isel(x=0).values.tolist()


class TestPeriods:
    @pytest.mark.parametrize(
        ("period", "first", "last", "expected"),
        [
            ("hour", "2020-02-28T23:59:59", "2020-02-29T01:00", ["2020-02-28-23", "2020-02-29-00", "2020-02-29-01"]),
            ("day", "2020-12-30", "2021-01-01T12:00", ["2020-365", "2020-366", "2021-001"]),
            ("week", "2020-12-27", "2021-01-04", ["2020-52", "2020-53", "2021-01"]),
            ("dekad", "2021-02-10", "2021-03-01", ["2021-04", "2021-05", "2021-06", "2021-07"]),
            ("dekad", "2020-12-31", "2021-01-01", ["2020-36", "2021-01"]),
            ("month", "2020-11-30T23:00", "2021-01-01", ["2020-11", "2020-12", "2021-01"]),
            ("season", "2019-11-30", "2020-06-01", ["2019-son", "2020-djf", "2020-mam", "2020-jja"]),
            ("season", "2019-12-01", "2020-02-29", ["2020-djf"]),
            ("tropical-season", "2019-10-31", "2020-05-01", ["2019-mjjaso", "2020-ndjfma", "2020-mjjaso"]),
            ("year", "1969-12-31", "1971-01-01", ["1969", "1970", "1971"]),
            ("decade", "2009-12-31", "2020-01-01", ["2000", "2010", "2020"]),
            ("decade-ad", "2010-12-31", "2021-01-01", ["2001", "2011", "2021"]),
        ],
    )
    def test_labels_from_the_first_to_the_last_without_gaps(self, period, first, last, expected):
        assert periods(period, last, first)[0] == expected

    def test_a_year_has_its_days(self):
        labels, values = periods("day", "2021-01-01", "2021-12-31")
        assert labels == [f"2021-{day:03d}" for day in range(1, 366)]
        assert [values[0], values[-1]] == [0, 1]
        assert np.isnan(values[1:-1]).all()

    def test_one_date_is_one_period(self):
        assert periods("day", "2020-01-05") == (["2020-005"], [0])

    def test_each_period_gets_its_dates(self):
        times = ("2021-01-31", "2021-03-01", "2021-01-01", "2021-03-31")
        assert periods("month", *times)[1][::2] == [1, 2]
        assert periods("month", *times, reducer=COUNT)[1] == [2, 0, 2]

    def test_no_date_is_no_period(self):
        assert periods("month") == ([], [])

    def test_the_result_takes_further_processes(self):
        is_april = callback("eq", x=parameter("value"), y="2023-04")
        nodes = graph(
            months=node("aggregate_temporal_period", data=DATA, period="month", reducer=MEAN),
            one=node("filter_labels", data=output("months"), dimension="t", condition=is_april),
            dated=node("rename_labels", data=output("one"), dimension="t", source=["2023-04"], target=["2023-04-01"]),
            named=node("rename_labels", data=output("months"), dimension="t", source=["2023-04"], target=["April"]),
            result=node("filter_temporal", data=output("dated"), extent=["2023-04-01", None]),
        )  # fmt: skip
        result = evaluate(nodes["process_graph"], {"data": CUBE})
        assert np.array_equal(result, CUBE.isel(t=[2]))

    def test_too_many_periods(self, monkeypatch):
        monkeypatch.setattr(aggregation, "MAX_INTERVALS", 3)
        with pytest.raises(
            LimitExceededError, match=r"^LimitExceeded: An aggregation must give at most 3 labels, instead"
        ):
            periods("day", "2021-01-01", "2021-01-04")

    def test_nothing_is_read(self):
        result = call("aggregate_temporal_period", data=unreadable(CUBE), period="year", reducer=MEAN)
        assert result.sizes["t"] == 1
