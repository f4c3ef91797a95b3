import pytest

from local_runner.errors import OpenEOError
from tests.processes import call


@pytest.mark.parametrize(
    ("date", "value", "unit", "expected"),
    [
        ("2020-02-01T17:22:45Z", 6, "month", "2020-08-01T17:22:45Z"),
        ("2021-03-31T00:00:00+02:00", -7, "day", "2021-03-24T00:00:00+02:00"),
        ("2020-02-29T17:22:45Z", 1, "year", "2021-02-28T17:22:45Z"),
        ("2020-01-31", 1, "month", "2020-02-29"),
        ("2016-12-31T23:59:59Z", 1, "second", "2017-01-01T00:00:00Z"),
        ("2018-12-31T17:22:45Z", 1150, "millisecond", "2018-12-31T17:22:46.150Z"),
        ("2018-01-01", 25, "hour", "2018-01-02"),
        ("2018-01-01", -1, "hour", "2017-12-31"),
    ],
)
def test_examples_of_the_specification(date, value, unit, expected):
    assert call("date_shift", date=date, value=value, unit=unit) == expected


def test_a_day_and_the_day_after_hold_one_acquisition():
    assert call("date_shift", date="2023-03-31", value=1, unit="day") == "2023-04-01"


@pytest.mark.parametrize(("date", "value"), [("no date", 1), ("2023-01-01", 10**9)])
def test_not_a_date(date, value):
    with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: The argument 'date' of date_shift must be"):
        call("date_shift", date=date, value=value, unit="day")
