import numpy as np
import pytest
from pyproj import CRS, Transformer

from local_runner.cube import spacing
from local_runner.errors import OpenEOError
from tests.processes import UTM, call, make_cube, on_map, unreadable


class TestTemporal:
    cube = make_cube(t=3)

    def dates(self, *extent, **options):
        return [str(t)[:10] for t in call("filter_temporal", data=self.cube, extent=list(extent), **options).t.values]

    @pytest.mark.parametrize(
        ("extent", "expected"),
        [
            (("2023-03-31", "2023-04-01"), ["2023-03-31"]),
            (("2023-03-31T05:50:33Z", "2023-04-12T05:50:34Z"), ["2023-03-31"]),
            (("2023-03-31T05:50:34Z", None), ["2023-04-12"]),
            ((None, "2023-03-31"), ["2023-03-19"]),
            (("2023-03-31T07:50:33+02:00", "2023-03-31T07:50:34+02:00"), ["2023-03-31"]),
        ],
    )
    def test_the_start_is_in_and_the_end_is_out(self, extent, expected):
        assert self.dates(*extent) == expected

    @pytest.mark.parametrize("extent", [("2023-03-31", "2023-03-31"), ("2023-03-31", "2023-03-30")])
    def test_an_empty_interval(self, extent):
        with pytest.raises(OpenEOError, match=r"^TemporalExtentEmpty: .*for one day give the day after"):
            self.dates(*extent)

    def test_no_date_inside_names_those_there_are(self):
        with pytest.raises(OpenEOError, match=r"^NoDataAvailable: .*2023-03-19T05:50:33Z.*Choose among these dates"):
            self.dates("2022-01-01", "2022-01-02", profile="geopyspark")

    def test_no_date_inside_is_an_empty_cube_by_the_specification(self):
        assert self.dates("2022-01-01", "2022-01-02") == []

    @pytest.mark.parametrize("extent", [(None, None), ("2023-03-31",), ("noon", None)])
    def test_what_is_no_interval(self, extent):
        with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: "):
            self.dates(*extent)

    def test_another_dimension(self):
        with pytest.raises(OpenEOError, match=r"^DimensionNotAvailable: "):
            self.dates("2023-03-31", None, dimension="when")

    def test_a_cube_without_dates(self):
        with pytest.raises(OpenEOError, match=r"^DimensionNotAvailable: The cube must have a temporal dimension"):
            call("filter_temporal", data=make_cube(), extent=["2023-03-31", None])

    def test_labels_that_are_no_dates(self):
        with pytest.raises(
            OpenEOError, match=r"^ProcessParameterInvalid: The labels of t must be dates, instead got \[0, 1\]"
        ):
            call("filter_temporal", data=make_cube(t=2).assign_coords(t=[0, 1]), extent=["2023-03-31", None])


class TestBands:
    def test_the_list_gives_the_order(self):
        cube = make_cube(t=2, bands=("a", "b", "c"))
        result = call("filter_bands", data=cube, bands=["c", "a"])
        assert result.bands.values.tolist() == ["c", "a"]
        assert np.array_equal(result, cube.sel(bands=["c", "a"]))

    def test_a_band_that_is_not_there(self):
        with pytest.raises(
            OpenEOError, match=r"^BandNotAvailable: A band must be one of \('a', 'b'\), instead got \['z'\]"
        ):
            call("filter_bands", data=make_cube(bands=("a", "b")), bands=["a", "z"], profile="geopyspark")

    def test_a_band_of_the_ground_is_kept_where_images_are_coregistered(self):
        keep = r""".* instead got \['height'\]\. Keep it by -p 'geometry=\["height"\]' where the images are coregistered\. """
        with pytest.raises(OpenEOError, match=f"^BandNotAvailable: {keep}"):
            call("filter_bands", data=make_cube(bands=("a", "b")), bands=["a", "height"], profile="geopyspark")

    def test_a_band_that_is_not_there_is_left_out_by_the_specification(self):
        cube = make_cube(bands=("a", "b"))
        assert call("filter_bands", data=cube, bands=["z", "b"]).bands.values.tolist() == ["b"]
        assert call("filter_bands", data=cube, bands=["z"]).shape == (0, 5, 7)

    def test_a_cube_without_bands(self):
        with pytest.raises(OpenEOError, match=r"^DimensionMissing: "):
            call("filter_bands", data=make_cube(), bands=["a"])

    def test_nothing_asked_for(self):
        with pytest.raises(OpenEOError, match=r"^BandFilterParameterMissing: "):
            call("filter_bands", data=make_cube(bands=("a",)))

    def test_there_are_no_wavelengths(self):
        with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: Bands must be chosen by name"):
            call("filter_bands", data=make_cube(bands=("a",)), wavelengths=[[0.4, 0.5]])


def box(west, south, east, north, **crs):
    return {"west": west, "south": south, "east": east, "north": north} | crs


class TestBoxOnAMap:
    cube = on_map(make_cube(y=20, x=30))

    def test_pixels_with_their_centre_inside(self):
        extent = box(500_024.9, 5_799_935, 500_045, 5_799_966, crs=32631)
        result = call("filter_bbox", data=self.cube, extent=extent)
        assert result.x.values.tolist() == [500_025, 500_035, 500_045]
        assert result.y.values.tolist() == [5_799_965, 5_799_955, 5_799_945, 5_799_935]
        assert result.equals(self.cube.sel(x=result.x, y=result.y))
        assert result.rio.crs == UTM

    def test_degrees_by_default(self):
        to_degrees = Transformer.from_crs(UTM, 4326, always_xy=True)
        (west, east), (south, north) = to_degrees.transform([500_100, 500_150], [5_799_850, 5_799_900])
        result = call("filter_bbox", data=self.cube, extent=box(west, south, east, north))
        assert result.x.values.tolist() == [500_105, 500_115, 500_125, 500_135, 500_145]
        assert result.y.values.tolist() == [5_799_895, 5_799_885, 5_799_875, 5_799_865, 5_799_855]

    def test_nothing_inside(self):
        with pytest.raises(OpenEOError, match=r"^NoDataAvailable: The box must cover at least one pixel"):
            call("filter_bbox", data=self.cube, extent=box(0, 0, 1, 1), profile="geopyspark")

    def test_nothing_inside_is_an_empty_cube_by_the_specification(self):
        result = call("filter_bbox", data=self.cube, extent=box(0, 0, 1, 1))
        assert result.dims == ("y", "x")
        assert result.shape == (0, 0)
        assert spacing(result) == (10, -10)

    @pytest.mark.parametrize("wrong", [box(0, 2, 1, 1), box(2, 0, 1, 1, crs=32631)])
    def test_edges_in_the_wrong_order(self, wrong):
        with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: A box must have south <= north"):
            call("filter_bbox", data=self.cube, extent=wrong)

    def test_one_pixel_keeps_its_size(self):
        extent = box(500_024, 5_799_964, 500_026, 5_799_966, crs=32631)
        result = call("filter_bbox", data=self.cube, extent=extent)
        assert result.shape == (1, 1)
        assert spacing(result) == (10, -10)
        finer = call("resample_spatial", data=result, resolution=5)
        assert finer.x.values.tolist() == [500_022.5, 500_027.5]
        assert finer.y.values.tolist() == [5_799_967.5, 5_799_962.5]

    def test_nothing_is_read(self):
        cube = unreadable(self.cube)
        assert (
            call("filter_bbox", data=cube, extent=box(500_000, 5_799_900, 500_100, 5_800_000, crs="EPSG:32631")).size
            == 100
        )

    @pytest.mark.parametrize("extent", [{"west": 1, "south": 2, "east": 3}, box("1", 2, 3, 4)])
    def test_a_box_has_four_numbers(self, extent):
        with pytest.raises(
            OpenEOError, match=r"^ProcessParameterInvalid: A box must have numbers for west, south, east"
        ):
            call("filter_bbox", data=self.cube, extent=extent)

    @pytest.mark.parametrize(
        ("west", "east", "expected"), [(178, -178, [179, -179]), (-180, 180, [179, -179, -177]), (-178, 178, [-177])]
    )
    def test_degrees_over_the_antimeridian(self, west, east, expected):
        cube = make_cube(y=2, x=3).assign_coords(x=[179.0, -179.0, -177.0]).rio.write_crs(CRS.from_epsg(4326))
        assert call("filter_bbox", data=cube, extent=box(west, -1, east, 9)).x.values.tolist() == expected


class TestBoxInRadarGeometry:
    @staticmethod
    def cube(first_longitude=4.0, names=("latitude", "longitude")):
        """Latitude grows by 0.01 per line, longitude by 0.02 per sample and by 0.01 per line."""
        rows, columns = np.indices((12, 10))
        longitude = (first_longitude + 0.02 * columns + 0.01 * rows + 180) % 360 - 180
        cube = make_cube(bands=("coherence", *names), y=12, x=10).load()
        cube[1], cube[2] = 52 + 0.01 * rows, longitude
        return cube.chunk()

    @pytest.mark.parametrize("names", [("latitude", "longitude"), ("grid_lat", "grid_lon"), ("lat", "lon")])
    def test_the_covering_lines_and_samples_with_their_indices(self, names):
        cube = self.cube(names=names)
        result = call("filter_bbox", data=cube, extent=box(4.055, 52.025, 4.105, 52.045))
        assert result.y.values.tolist() == [3, 4]
        assert result.x.values.tolist() == [1, 2, 3]
        assert result.equals(cube.isel(y=[3, 4], x=[1, 2, 3]))

    @pytest.mark.parametrize(
        ("west", "east", "samples"),
        [(179.95, -179.95, range(3, 8)), (-179.995, -179.9, range(6, 10)), (-180, 180, range(10))],
    )
    def test_over_the_antimeridian(self, west, east, samples):
        result = call("filter_bbox", data=self.cube(179.9), extent=box(west, 51.995, east, 52.005))
        assert result.x.values.tolist() == list(samples)
        assert result.sizes["y"] == 1

    def test_positions_with_gaps(self):
        cube = self.cube().load()
        cube[1:, 3, :] = np.nan
        result = call("filter_bbox", data=cube.chunk(), extent=box(4.0, 52.015, 4.3, 52.045))
        assert result.y.values.tolist() == [2, 3, 4]

    def test_without_position_bands(self):
        with pytest.raises(
            OpenEOError, match=r"^ProcessParameterInvalid: A place on a cube in radar geometry needs one of"
        ):
            call("filter_bbox", data=make_cube(bands=("a",)), extent=box(4, 52, 5, 53))

    def test_in_metres(self):
        with pytest.raises(OpenEOError, match=r"^ProcessParameterInvalid: .* must be in EPSG:4326"):
            call("filter_bbox", data=self.cube(), extent=box(4, 52, 5, 53, crs=32631))
