"""What MintPy reads of an export: values, signs, dates, baselines and metadata, from its own files and from flat binaries."""

import numpy as np
import pytest

from local_runner import export
from tests.export import DAYS, LOOKS, ORIGIN, WAVELENGTH, H, W, geometry, growth, planes_of

NAMES = ["20240809_20240821", "20240809_20240902", "20240821_20240902"]
PAIRS = [(DAYS[0], DAYS[1]), (DAYS[0], DAYS[2]), (DAYS[2], DAYS[1])]  # as the results have them
SIGNS = (1, 1, -1)
STORED = {"unwrapPhase": "phase_unwrapped", "coherence": "coherence", "wrapPhase": "phase_filtered"}


@pytest.fixture(scope="module")
def radar(results, tmp_path_factory):
    return export.mintpy(results, out=tmp_path_factory.mktemp("exported") / "radar")


@pytest.fixture(scope="module")
def geocoded(on_map, tmp_path_factory):
    return export.mintpy([on_map], out=tmp_path_factory.mktemp("exported") / "map")


@pytest.fixture(params=["radar", "geocoded"])
def exported(request):
    return request.getfixturevalue(request.param)


def band(number, name):
    """A band of a pair in the order of time, float32, 0 where there is no value."""
    plane = planes_of(*PAIRS[number])[f"{name}_{PAIRS[number][0]}_{PAIRS[number][1]}".replace("-", "")]
    sign = SIGNS[number] if name.startswith("phase") else 1
    return np.nan_to_num(sign * plane, nan=0).astype(np.float32)


def stack(exported):
    return str(exported / "inputs" / "ifgramStack.h5")


def geometry_file(exported):
    (path,) = (exported / "inputs").glob("geometry*.h5")
    return str(path)


def test_dates_baselines_and_datasets_of_the_stack(mintpy, exported):
    found = mintpy.objects.ifgramStack(stack(exported))
    found.open(print_msg=False)
    assert found.date12List == NAMES
    assert found.dateList == [day.replace("-", "") for day in DAYS]
    assert found.datasetNames == ["unwrapPhase", "coherence", "connectComponent", "wrapPhase"]
    np.testing.assert_array_equal(found.pbaseIfgram, np.float32([80, -30, -110]))
    np.testing.assert_array_equal(found.tbaseIfgram, [12, 24, 12])
    assert found.dropIfgram.all()


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize(("dataset", "name"), STORED.items())
def test_values_of_the_stack(mintpy, exported, number, dataset, name):
    values, attributes = mintpy.readfile.read(stack(exported), datasetName=f"{dataset}-{NAMES[number]}")
    np.testing.assert_array_equal(values, band(number, name))
    assert attributes["FILE_TYPE"] == "ifgramStack"
    assert attributes["UNIT"] == ("1" if dataset == "coherence" else "radian")


def test_components_are_whole_numbers(mintpy, exported):
    values, _ = mintpy.readfile.read(stack(exported), datasetName=f"connectComponent-{NAMES[2]}")
    assert values.dtype == np.int16
    np.testing.assert_array_equal(values, band(2, "component"))


@pytest.mark.parametrize("number", range(3))
def test_flat_binaries(mintpy, exported, number):
    path = exported / "roipac" / NAMES[number]
    phase, attributes = mintpy.readfile.read(f"{path}.unw")
    np.testing.assert_array_equal(phase, band(number, "phase_unwrapped"))
    np.testing.assert_array_equal(mintpy.readfile.read(f"{path}.cor")[0], band(number, "coherence"))
    inside, _ = mintpy.readfile.read(f"{path}_snap_connect.byt")
    np.testing.assert_array_equal(inside, band(number, "component") > 0)
    assert attributes["DATE12"] == "-".join(part[2:] for part in NAMES[number].split("_"))
    assert [float(attributes[f"P_BASELINE_{end}_HDR"]) for end in ("TOP", "BOTTOM")] == [(80, -30, -110)[number]] * 2


def test_amplitude_is_that_of_the_interferogram(exported):
    both = np.fromfile(exported / "roipac" / f"{NAMES[0]}.unw", "<f4").reshape(H, 2, W)
    expected = np.hypot(band(0, "i"), band(0, "q"))
    np.testing.assert_allclose(both[:, 0], expected, rtol=1e-6)


def test_a_range_that_grows_by_1_cm_is_a_displacement_of_minus_1_cm(mintpy, exported):
    invert = mintpy.inversion.run_ifgram_inversion_patch
    series = invert(stack(exported), ref_phase=np.zeros(3), weight_func="no")[0]
    valid = band(0, "coherence") > 0
    for number, day in enumerate(DAYS):
        np.testing.assert_allclose(series[number][valid], -growth(DAYS[0], day)[valid], rtol=0, atol=1e-7)
    assert series[1][valid].mean() == pytest.approx(-0.015, abs=1e-3)


def test_the_loader_of_mintpy_makes_the_same_stack_of_the_flat_binaries(mintpy, geocoded, tmp_path):
    files = {"unwrapPhase": "{}.unw", "coherence": "{}.cor"}
    pairs = {
        tuple(name.split("_")): mintpy.loader.ifgramDict(
            datasetDict={dataset: str(geocoded / "roipac" / file.format(name)) for dataset, file in files.items()}
        )
        for name in NAMES
    }
    loaded = str(tmp_path / "loaded" / "ifgramStack.h5")
    mintpy.loader.ifgramStackDict(pairsDict=pairs).write2hdf5(loaded)
    for dataset in files:
        ours, theirs = (mintpy.readfile.read(path, datasetName=dataset) for path in (stack(geocoded), loaded))
        np.testing.assert_array_equal(ours[0], theirs[0])
        own_of_a_file = {"PROCESSOR", "FILE_PATH", "OG_FILE_PATH", "MODIFICATION_TIME"}
        assert {k: v for k, v in ours[1].items() if k not in own_of_a_file} == {
            k: v for k, v in theirs[1].items() if k not in own_of_a_file
        }


def test_metadata_in_radar_geometry(mintpy, radar):
    found = mintpy.readfile.read_attribute(stack(radar))
    assert (found["WIDTH"], found["LENGTH"], found["RLOOKS"], found["ALOOKS"]) == (str(W), str(H), str(LOOKS), "1")
    assert float(found["WAVELENGTH"]) == pytest.approx(WAVELENGTH, rel=1e-12)
    assert (found["PLATFORM"], found["ORBIT_DIRECTION"], found["ANTENNA_SIDE"]) == ("Sen", "ASCENDING", "-1")
    spacing, first = ORIGIN["range_spacing_m"], ORIGIN["slant_range_first_m"]
    assert float(found["RANGE_PIXEL_SIZE"]) == pytest.approx(LOOKS * spacing)
    assert float(found["STARTING_RANGE"]) == pytest.approx(first + (LOOKS - 1) / 2 * spacing)
    assert float(found["CENTER_LINE_UTC"]) == 5 * 3600 + 50 * 60 + 33
    step = np.degrees(np.arctan2(-0.0004 * np.cos(np.radians(52)), 0.001))
    assert float(found["HEADING"]) == pytest.approx(step, abs=0.01)
    corners = [float(found[f"{name}_REF{n}"]) for name in ("LAT", "LON") for n in (1, 2, 3, 4)]
    positions = [geometry()[name][[0, 0, -1, -1], [0, -1, 0, -1]] for name in ("latitude", "longitude")]
    np.testing.assert_allclose(corners, np.concatenate(positions), rtol=0, atol=4e-6)


def test_sizes_on_the_ground_are_those_of_the_product(mintpy, radar):
    found = mintpy.readfile.read_attribute(stack(radar))
    radius, height = float(found["EARTH_RADIUS"]), float(found["HEIGHT"])
    assert float(found["AZIMUTH_PIXEL_SIZE"]) * radius / (radius + height) == pytest.approx(13.9, rel=1e-12)
    assert 690_000 < height < 720_000  # Sentinel-1
    middle = float(found["STARTING_RANGE"]) + float(found["RANGE_PIXEL_SIZE"]) * (W - 1) / 2
    angle = np.arccos(((radius + height) ** 2 - (radius + 29.5) ** 2 - middle**2) / 2 / (radius + 29.5) / middle)
    assert np.degrees(angle) == pytest.approx(float(found["CENTER_INCIDENCE_ANGLE"]), abs=1e-6)


def test_metadata_on_a_map(mintpy, geocoded):
    found = mintpy.readfile.read_attribute(stack(geocoded))
    grid = [float(found[name]) for name in ("X_FIRST", "Y_FIRST", "X_STEP", "Y_STEP")]
    assert grid == [500_000, 5_800_000, 20, -20]
    assert (found["X_UNIT"], found["Y_UNIT"], found["EPSG"], found["UTM_ZONE"]) == ("meters", "meters", "32631", "31N")
    assert float(found["HEADING"]) == pytest.approx(-13, abs=1e-4)
    assert found["RLOOKS"] == str(LOOKS)
    assert not {"STARTING_RANGE", "LAT_REF1"} & found.keys()


@pytest.mark.parametrize("where", ["inputs", "roipac"])
def test_geometry(mintpy, exported, where):
    def read(name):
        path = geometry_file(exported) if where == "inputs" else str(exported / "roipac" / f"{name}.hgt")
        return mintpy.readfile.read(path, datasetName=name)[0]

    expected = geometry()
    np.testing.assert_array_equal(read("height"), expected["height"].astype(np.float32))
    np.testing.assert_allclose(read("incidenceAngle"), 36 + 0.02 * np.indices((H, W))[1], rtol=1e-6)
    np.testing.assert_allclose(read("azimuthAngle"), 103, rtol=1e-6)  # anticlockwise from north: towards west by south
    if "radar" in exported.name:
        np.testing.assert_array_equal(read("latitude"), expected["latitude"].astype(np.float32))


def test_slant_range_of_columns_and_by_incidence_angle(mintpy, radar, geocoded):
    of_columns, by_angle = (
        mintpy.readfile.read(geometry_file(folder), datasetName="slantRangeDistance")[0] for folder in (radar, geocoded)
    )
    first, spacing = ORIGIN["slant_range_first_m"] + 1.5 * 2.33, LOOKS * 2.33
    np.testing.assert_allclose(of_columns, first + spacing * np.indices((H, W))[1], rtol=1e-7)
    middle = ORIGIN["slant_range_first_m"] + 2.33 * (LOOKS * W - 1) / 2
    assert by_angle[0, W // 2] == pytest.approx(middle, abs=150)  # 0.01 degrees further
    assert (np.diff(by_angle, axis=1) > 0).all()
