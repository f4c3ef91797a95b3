"""What a UDF sees in each parent process, and how its results are put together."""

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from local_runner import evaluate
from local_runner.errors import OpenEOError, UdfError
from local_runner.profiles import ProfileWarning
from tests.processes import DATES, UTM, graph, make_cube, node, on_map, parameter, unreadable

HEAD = "import numpy as np\nimport xarray as xr\nfrom typing import Any\n"
ENTRY = "def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray:\n"
METADATA = "def apply_metadata(metadata: Any, context: dict[str, Any]) -> Any:\n"
SPY = "context['seen'].append(cube.copy()); return cube"
PIXELS = {name: {"dimension": name, "value": 16, "unit": "px"} for name in "xy"}
PROFILES = ("specification", "geopyspark")


def udf_text(*lines, metadata=None):
    declared = "" if metadata is None else f"{METADATA}    {metadata}\n"
    return HEAD + ENTRY + "".join(f"    {line}\n" for line in lines) + declared


def run(cube, text, parent="apply_neighborhood", *, profile="geopyspark", context=None, trusted=True, **arguments):
    """The cube through a UDF (a text, or the body of one) in a callback of `parent`."""
    if "def apply_datacube" not in text:
        text = udf_text(text)
    if parent == "apply_neighborhood":
        arguments = {"size": list(PIXELS.values())} | arguments
    data = parameter("x" if parent == "apply" else "data")
    call = graph(udf=node("run_udf", data=data, udf=text, runtime="Python", context=parameter("udf_context")))
    role = "reducer" if parent == "reduce_dimension" else "process"
    whole = graph(parent=node(parent, data=parameter("cube"), **{role: call}, **arguments))
    parameters = {"cube": cube, "udf_context": context or {}}
    return evaluate(whole["process_graph"], parameters, profile=profile, trusted=trusted)


def seen_by(cube, *args, **kwargs):
    """The chunks that the UDF sees: of no data first, then of each tile."""
    seen = []
    run(cube, SPY, *args, context={"seen": seen}, **kwargs).compute(scheduler="synchronous")
    return seen


def overlap(pixels):
    return [entry | {"value": pixels} for entry in PIXELS.values()]


ALL_DATES = {"parent": "apply_neighborhood"}
EACH_DATE = {"parent": "apply_neighborhood", "size": [*PIXELS.values(), {"dimension": "t", "value": "P1D"}]}
FOUR = [
    {"parent": "apply_dimension", "dimension": "t"},
    {"parent": "reduce_dimension", "dimension": "t"},
    ALL_DATES,
]
THREE = [
    {"parent": "apply"},
    {"parent": "apply_dimension", "dimension": "bands"},
    {"parent": "reduce_dimension", "dimension": "bands"},
    EACH_DATE,
]


class TestWhatTheUdfSees:
    @pytest.fixture
    def cube(self):
        return make_cube(t=2, bands=("i_VV", "q_VV"), y=6, x=9).transpose("y", "t", "x", "bands")

    def chunk(self, cube, arguments):
        body = {"reduce_dimension": f"return cube.isel({arguments.get('dimension', 't')}=[0])"}.get(
            arguments["parent"], "return cube"
        )
        seen = []
        result = run(cube, udf_text("context['seen'].append(cube.copy())", body), **arguments, context={"seen": seen})
        result.compute(scheduler="synchronous")
        return seen[1:]

    @pytest.mark.parametrize("arguments", FOUR)
    def test_all_dates(self, cube, arguments):
        (chunk,) = self.chunk(cube, arguments)
        assert chunk.dims == ("t", "bands", "y", "x")
        assert np.array_equal(chunk.t, np.array(DATES[:2], "datetime64[ns]"))
        assert chunk.attrs == {}

    @pytest.mark.parametrize("arguments", THREE)
    def test_each_date_with_its_time_in_the_attributes(self, cube, arguments):
        chunks = self.chunk(cube, arguments)
        assert [c.dims for c in chunks] == [("bands", "y", "x")] * 2
        assert sorted(c.attrs["t"] for c in chunks) == [f"{date}Z" for date in DATES[:2]]
        assert all("t" not in c.coords for c in chunks)

    @pytest.mark.parametrize("arguments", FOUR + THREE)
    def test_band_labels_float32_and_values(self, cube, arguments):
        for chunk in self.chunk(cube.astype(float), arguments):
            assert chunk.bands.values.tolist() == ["i_VV", "q_VV"]
            assert chunk.dtype == np.float32
            date = {"t": chunk.attrs["t"][:-1]} if "t" in chunk.attrs else {}
            inside = chunk.isel(y=slice(6), x=slice(9))
            assert np.array_equal(inside, cube.sel(date).transpose(*chunk.dims).values.astype(np.float32))

    @pytest.mark.parametrize("arguments", FOUR + THREE)
    def test_chunks_are_full_and_nan_outside_of_the_image(self, cube, arguments):
        edge = 16 if arguments["parent"] == "apply_neighborhood" else 256
        for chunk in self.chunk(cube, arguments):
            assert chunk.shape[-2:] == (edge, edge)
            assert np.isnan(chunk.values[..., 6:, :]).all()
            assert np.isnan(chunk.values[..., 9:]).all()
            assert np.isfinite(chunk.values[..., :6, :9]).all()

    def test_a_cube_without_t(self, cube):
        _, chunk = seen_by(cube.isel(t=0, drop=True))
        assert chunk.dims == ("bands", "y", "x")
        assert chunk.attrs == {}

    def test_a_cube_without_bands(self, cube):
        _, chunk = seen_by(cube.isel(bands=0, drop=True))
        assert chunk.sizes == {"t": 2, "bands": 1, "y": 16, "x": 16}
        assert "bands" not in chunk.coords

    def test_dates_are_in_order(self, cube):
        _, chunk = seen_by(cube.isel(t=[1, 0]))
        assert np.array_equal(chunk.t, np.sort(chunk.t))
        assert np.array_equal(chunk.values[..., :6, :9], cube.transpose("t", "bands", "y", "x"))

    def test_overlap_holds_the_neighbours_and_nan_beyond_the_border(self):
        cube = make_cube(bands=("a",), y=20, x=40)
        padded = np.pad(cube.values[0], ((3, 15), (3, 11)), constant_values=np.nan)
        chunks = seen_by(cube, overlap=overlap(3))[1:]
        places = [(y, x) for y in (0, 16) for x in (0, 16, 32)]
        windows = [padded[y : y + 22, x : x + 22] for y, x in places]
        assert len(chunks) == len(windows)
        for chunk in chunks:
            assert any(np.array_equal(chunk[0], window, equal_nan=True) for window in windows)

    @pytest.mark.parametrize(("profile", "dtype"), [("geopyspark", np.float32), ("specification", np.float64)])
    def test_coordinates_are_those_of_the_padded_chunk(self, profile, dtype):
        cube = on_map(make_cube(bands=("a",), y=20, x=20))
        chunk = next(c for c in seen_by(cube, overlap=overlap(3), profile=profile)[1:] if np.isnan(c[0, 0, 3:]).all())
        x0 = 500_005 if np.isnan(chunk[0, 5, 0]) else 500_165
        assert chunk.x.dtype == dtype
        assert np.array_equal(chunk.x, (x0 - 30 + 10 * np.arange(22)).astype(dtype))
        assert np.array_equal(chunk.y, (5_799_995 + 30 - 10 * np.arange(22)).astype(dtype))

    def test_the_input_may_not_be_written_to(self):
        with pytest.raises(UdfError, match=r"^UdfFailed: The UDF failed at its line 5: ValueError: .*read-only"):
            run(make_cube(bands=("a",)), "cube.values[0] = 0; return cube")

    def test_no_data_comes_first(self):
        probe, _ = seen_by(make_cube(t=2, bands=("a",)), overlap=overlap(2))
        assert probe.shape == (2, 1, 20, 20)
        assert np.isnan(probe).all()


class TestAssembling:
    BOX = udf_text(
        "from scipy import ndimage",
        "values = np.nan_to_num(cube.values)",
        "size = [1] * (cube.ndim - 2) + [5, 7]",
        "return cube.copy(data=ndimage.uniform_filter(values, size, mode='constant'))",
    )

    @pytest.mark.parametrize("size", [(5, 3), (16, 16), (17, 33), (35, 50)])
    @pytest.mark.parametrize("time", [{}, {"size": EACH_DATE["size"]}])
    @pytest.mark.parametrize("pixels", [3, 12])
    def test_tiles_with_overlap_equal_the_whole(self, size, time, pixels):
        cube = make_cube(t=2, bands=("a", "b"), y=size[0], x=size[1], chunks=(1, 1, 11, 13))
        result = run(cube, self.BOX, overlap=overlap(pixels), **time)
        expected = ndimage.uniform_filter(cube.values, (1, 1, 5, 7), mode="constant")
        assert np.allclose(result, expected, rtol=0, atol=1e-4)
        assert result.dtype == np.float32

    @pytest.mark.parametrize("arguments", [{"parent": "apply"}, *FOUR[::2], *THREE[1::2]])
    def test_order_labels_crs_and_items_are_kept(self, arguments):
        cube = on_map(make_cube(t=2, bands=("a", "b"), y=9, x=20)).assign_attrs(stac={"2023-03-31": [{"id": "i"}]})
        result = run(cube.transpose("x", "bands", "t", "y"), "return cube", **arguments)
        assert result.dims == ("t", "bands", "y", "x")
        assert np.array_equal(result, cube)
        assert all(result[d].equals(cube[d]) for d in cube.dims)
        assert result.rio.crs == UTM
        assert result.attrs["stac"] == cube.attrs["stac"]

    def test_nothing_is_read_before_it_is_computed(self):
        cube = unreadable(make_cube(t=2, bands=("a", "b"), y=40, x=40))
        assert run(cube, "return cube", overlap=overlap(4)).shape == cube.shape

    @pytest.mark.parametrize("name", ["t", "bands"])
    @pytest.mark.parametrize("keep", ["[0]", "0, drop=True"])
    @pytest.mark.parametrize("profile", PROFILES)
    def test_reduce_drops_the_dimension(self, name, keep, profile):
        cube = make_cube(t=2, bands=("a", "b"))
        result = run(cube, f"return cube.isel({name}={keep})", "reduce_dimension", dimension=name, profile=profile)
        assert result.equals(cube.isel({name: 0}, drop=True))

    def test_reduce_must_return_one_value(self):
        with pytest.raises(
            UdfError, match=r"^UdfResultInvalid: The UDF must return one value along the reduced dimension 't'"
        ):
            run(make_cube(t=2, bands=("a",)), "return cube", "reduce_dimension", dimension="t")

    def test_a_cube_without_bands_stays_without(self):
        cube = make_cube(t=2)
        assert run(cube, "return cube * 2").dims == ("t", "y", "x")


class TestWrongResults:
    cube = make_cube(t=2, bands=("a", "b"))

    def fails(self, body, message, **arguments):
        with pytest.raises(
            UdfError,
            match=rf"^UdfResultInvalid: .*The UDF {message}.*\[chunk of the trial call, all NaN\].*\(node parent/udf\)$",
        ):
            run(unreadable(self.cube), body, **arguments)

    @pytest.mark.parametrize("cut", ["x=slice(1, None)", "y=slice(0, 4)"])
    def test_other_rows_or_columns(self, cut):
        self.fails(f"return cube.isel({cut})", "must return the 16 rows and 16 columns that it got")

    def test_strange_dimension(self):
        self.fails("return cube.rename(bands='band')", r"must return the dims \('t', 'bands', 'y', 'x'\)")

    def test_missing_space(self):
        self.fails("return cube.mean('x')", r"must return the dims \('t', 'bands', 'y', 'x'\)")

    def test_missing_bands(self):
        self.fails("return cube.isel(bands=0)", "must keep the dimension 'bands'")

    def test_order_is_taken_as_it_is_for_each_date(self):
        self.fails(
            "return cube.transpose('y', 'x', 'bands')",
            r"must return the dims in the order \('bands', 'y', 'x'\)",
            **EACH_DATE,
        )

    def test_order_is_restored_for_all_dates(self):
        assert np.array_equal(run(self.cube, "return cube.transpose('x', 'bands', 'y', 't')"), self.cube)

    def test_chunks_must_agree(self):
        body = "return cube if np.isnan(cube).all() else cube.isel(bands=[0])"
        with pytest.raises(
            UdfError, match=r"^UdfResultInvalid: The UDF must return .* \[chunk rows 0:5, columns 0:7\]"
        ):
            run(self.cube, body).compute()

    @pytest.mark.parametrize("dtype", ["complex", "object"])
    def test_wrong_dtype(self, dtype):
        with pytest.raises(UdfError, match=r"^UdfResultInvalid: The UDF must return a DataArray of real numbers"):
            run(unreadable(self.cube), f"return cube.astype({dtype})")

    def test_float64_is_cast(self):
        assert run(self.cube, "return cube.astype(float)").compute().dtype == np.float32


class TestErrors:
    def test_found_by_no_data_before_a_pixel_is_read(self):
        with pytest.raises(
            UdfError,
            match=r"at its line 5: KeyError: 'gone' \[chunk of the trial call, all NaN\]. \(node parent/udf\)$",
        ):
            run(unreadable(make_cube(bands=("a",))), "return cube * context['gone']")

    def test_of_a_chunk_names_node_chunk_and_line(self):
        text = udf_text("if (cube > 1e6).any():", "    raise ValueError('too bright')", "return cube")
        cube = make_cube(bands=("a",), y=40, x=40).load()
        cube[0, 20, 37] = 1e7
        with pytest.raises(
            UdfError,
            match=r"at its line 6: ValueError: too bright \[chunk rows 16:32, columns 32:40\]. \(node parent/udf\)$",
        ):
            run(cube.chunk(), text).compute()

    @pytest.mark.parametrize(
        ("code", "wrong"), [("InvalidRuntime", {"runtime": "R"}), ("InvalidVersion", {"version": "2.7"})]
    )
    def test_runtime_must_be_python_3(self, code, wrong):
        arguments = {"data": parameter("x"), "udf": udf_text("return cube"), "runtime": "Python"} | wrong
        whole = graph(parent=node("apply", data=parameter("cube"), process=graph(udf=node("run_udf", **arguments))))
        with pytest.raises(OpenEOError, match=rf"^{code}: .*\(node parent/udf\)$"):
            evaluate(whole["process_graph"], {"cube": make_cube(bands=("a",))})

    @pytest.mark.parametrize("profile", PROFILES)
    def test_a_callback_with_a_udf_is_one_node(self, profile):
        udf = node("run_udf", data=parameter("x"), udf=udf_text("return cube"), runtime="Python")
        mixed = graph(udf=udf, twice=node("multiply", x={"from_node": "udf"}, y=2))
        whole = graph(parent=node("apply", data=parameter("cube"), process=mixed))
        with pytest.raises(
            OpenEOError, match=r"^FeatureUnsupported: .*A callback with run_udf must be exactly that one node"
        ):
            evaluate(whole["process_graph"], {"cube": make_cube()}, profile=profile)

    def test_a_udf_runs_along_t_or_bands(self):
        with pytest.raises(
            OpenEOError, match=r"^FeatureUnsupported: A UDF can run along t or bands only, instead got 'x'"
        ):
            run(make_cube(), "return cube", "apply_dimension", dimension="x", profile="specification")

    def test_a_fifth_dimension_is_refused(self):
        cube = make_cube(bands=("a",)).expand_dims("chip")
        with pytest.raises(
            OpenEOError, match=r"^FeatureUnsupported: A UDF gets the dimensions .*instead got \['chip'\]"
        ):
            run(cube, "return cube")


class TestLabels:
    cube = make_cube(t=2, bands=("a", "b"))
    THREE_BANDS = "return xr.concat([cube, cube.isel(bands=[0])], 'bands').assign_coords(bands=['a', 'b', 'c'])"
    DECLARED = udf_text(THREE_BANDS, metadata="return metadata.rename_labels('bands', ['k', 'l', 'm'])")

    def test_declared_bands_are_taken(self):
        assert run(self.cube, self.DECLARED).bands.values.tolist() == ["k", "l", "m"]

    def test_the_specification_warns_of_declared_bands(self):
        with pytest.warns(ProfileWarning, match=r"^The UDF changes the band labels"):
            result = run(self.cube, self.DECLARED, profile="specification")
        assert result.bands.values.tolist() == ["k", "l", "m"]

    def test_undeclared_bands_are_lost_on_the_back_end(self):
        with pytest.warns(ProfileWarning, match=r"^\[geopyspark G11\] The UDF changes the bands to"):
            result = run(self.cube, self.THREE_BANDS)
        assert result.bands.values.tolist() == [0, 1, 2]

    def test_the_specification_refuses_undeclared_bands(self):
        with pytest.raises(
            OpenEOError, match=r"^DataCubePropertiesImmutable: .*the bands to \['a', 'b', 'c'\].*\(node parent/udf\)$"
        ):
            run(self.cube, self.THREE_BANDS, profile="specification")

    def test_number_of_bands_must_be_the_declared_one(self):
        text = udf_text("return cube", metadata="return metadata.rename_labels('bands', ['k'])")
        with pytest.raises(
            UdfError, match=r"^UdfResultInvalid: The UDF must return the 1 bands that its apply_metadata declares"
        ):
            run(self.cube, text)

    @pytest.mark.parametrize("profile", PROFILES)
    def test_apply_dimension_enumerates_another_number_of_bands(self, profile):
        result = run(self.cube, self.THREE_BANDS, "apply_dimension", dimension="bands", profile=profile)
        assert result.bands.values.tolist() == [0, 1, 2]

    @pytest.mark.parametrize("profile", PROFILES)
    def test_apply_dimension_takes_new_dates(self, profile):
        body = "return cube.isel(t=[0]).assign_coords(t=np.array(['2023-03-25'], 'datetime64[ns]'))"
        result = run(self.cube, body, "apply_dimension", dimension="t", profile=profile)
        assert result.t.values.tolist() == np.array(["2023-03-25"], "datetime64[ns]").tolist()

    @pytest.mark.parametrize("profile", PROFILES)
    def test_apply_dimension_enumerates_dates_without_label(self, profile):
        body = "return cube.isel(t=[0]).drop_vars('t')"
        result = run(self.cube, body, "apply_dimension", dimension="t", profile=profile)
        assert result.t.values.tolist() == [0]

    def test_dates_declared_by_a_neighbourhood_are_taken(self):
        text = udf_text(
            "bands = cube.isel(t=[0]).assign_coords(t=np.array(['2023-03-19'], 'datetime64[ns]'))",
            "return bands.assign_coords(bands=['k', 'l'])",
            metadata="return metadata.rename_labels('bands', ['k', 'l'])",
        )
        result = run(self.cube, text)
        assert result.t.values.tolist() == np.array(["2023-03-19"], "datetime64[ns]").tolist()
        assert result.bands.values.tolist() == ["k", "l"]

    def test_the_specification_refuses_undeclared_dates(self):
        with pytest.raises(OpenEOError, match=r"^DataCubePropertiesImmutable: .*the dates to 1"):
            run(self.cube, "return cube.isel(t=[0])", profile="specification")

    def test_a_result_without_t_is_dated_2020_on_the_back_end(self):
        with pytest.warns(ProfileWarning, match=r"^\[geopyspark G09\] .*2020-01-01"):
            result = run(self.cube, "return cube.mean('t')")
        assert result.t.values.tolist() == np.array(["2020-01-01"], "datetime64[ns]").tolist()
        assert np.allclose(result[0], self.cube.mean("t"))

    def test_a_result_without_t_is_refused_by_the_specification(self):
        with pytest.raises(UdfError, match=r"^UdfResultInvalid: The UDF must keep the dimension 't'"):
            run(self.cube, "return cube.mean('t')", profile="specification")


def test_run_udf_on_a_whole_cube_sees_it_at_once():
    cube, seen = make_cube(t=2, bands=("a", "b"), y=9, x=20, chunks=(1, 1, 4, 6)), []
    arguments = {"udf": udf_text(SPY), "runtime": "Python", "context": parameter("udf_context")}
    whole = graph(udf=node("run_udf", data=parameter("cube"), **arguments))
    result = evaluate(whole["process_graph"], {"cube": cube, "udf_context": {"seen": seen}}).compute(
        scheduler="synchronous"
    )
    xr.testing.assert_equal(seen[1], cube)
    xr.testing.assert_equal(result, cube)


def test_what_a_udf_raises_of_its_input_is_bad_input_and_not_its_failure():
    body = "raise ValueError('bands must hold i_VH, instead got []. Load it.')"
    with pytest.raises(
        OpenEOError, match=r"^UdfInputInvalid: bands must hold i_VH, .* \[line 5 of the UDF\]\."
    ) as caught:
        run(make_cube(t=2, bands=("i_VV",), y=6, x=9), body)
    assert (caught.value.exit_code, caught.value.node) == (2, "parent/udf")
