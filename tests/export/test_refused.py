"""What an export refuses, and that nothing is left behind; the folder that it writes; the command."""

import shutil

import pytest
from click.testing import CliRunner

from local_runner import cli, export
from local_runner.errors import DataError, OpenEOError
from tests.export import DAYS, result, sources

LAYOUT = ("hdf5",)


def refused(results, folder, match, kind=OpenEOError, **options):
    with pytest.raises(kind, match=match):
        export.mintpy(results, out=folder / "out", **options)
    assert not [path for path in folder.iterdir() if path.name.startswith(("out", ".out"))]


@pytest.mark.parametrize(
    ("without", "text"),
    [
        (
            "phase_unwrapped",
            r"component, instead got none of the name phase_unwrapped\. Run slc_interferogram with -p unwrap=",
        ),
        ("component", r"component, instead got none of the name component\. Run slc_interferogram with -p unwrap=true"),
        ("height", r"incidence_angle, instead got none of the name height\. Keep them by -p geometry=\["),
        (
            "incidence_angle",
            r"incidence_angle, instead got none of the name incidence_angle\. Keep them by -p geometry=\[",
        ),
        ("latitude", r"incidence_angle, instead got none of the name latitude\. Keep them by"),
    ],
)
def test_a_band_that_is_missing(tmp_path, without, text):
    lacking = result(tmp_path / "a", DAYS[:2], without=[without])
    match = rf"^NoDataAvailable: slc_interferogram_20240809_20240821 must have the assets .*, {text}"
    refused([lacking], tmp_path, match, DataError)


@pytest.mark.parametrize("pair", [DAYS[:2], DAYS[1::-1]])
def test_a_pair_twice_in_whatever_order(tmp_path, results, pair):
    again = result(tmp_path / "a", pair)
    match = (
        r"^DatesNotUnique: Each pair of dates must be there once, .*, instead got \['20240809_20240821'\]\. Leave out"
    )
    refused([*results, again], tmp_path, match)


def test_another_grid(tmp_path, results):
    other = result(tmp_path / "a", (DAYS[1], DAYS[2]), rows=20)
    match = r"^GridsDiffer: All bands must have one grid, 30 rows x 40 columns as 20240809_20240821, .* 20 rows x 40 columns\."
    refused([results[1], result(tmp_path / "b", DAYS[:2]), other], tmp_path, match)


def test_another_stack_primary(tmp_path, results):
    def moved(folder):
        found = sources(folder)
        for (item,) in found.values():
            item["properties"]["openeo_sar:primary"] = DAYS[1]
        return found

    other = result(tmp_path / "a", DAYS[:2], data=moved)
    refused(
        [results[1], other], tmp_path, r"^GridsDiffer: All bands must have one grid, .*, and one stack primary, instead"
    )


def test_radar_geometry_and_a_map_do_not_mix(tmp_path, results):
    other = result(tmp_path / "a", (DAYS[1], DAYS[2]), crs=32631)
    refused([results[1], other], tmp_path, r"^GridsDiffer: All bands must have one grid")


def test_no_result(tmp_path):
    (tmp_path / "empty").mkdir()
    refused([tmp_path / "empty"], tmp_path, r"^FileNotFound: .*empty", DataError)


def test_a_result_without_its_record(tmp_path):
    unfinished = result(tmp_path / "a", DAYS[:2])
    (unfinished / "record.json").unlink()
    refused([unfinished], tmp_path, r"^ResultIncomplete: The result must have its record", DataError)


def test_no_interferograms(tmp_path, results):
    folder = tmp_path / "a"
    folder.mkdir()
    shutil.copytree(results[1], folder, dirs_exist_ok=True)
    for path in folder.glob("*/*.json"):
        path.write_text(path.read_text().replace('"id": "slc_interferogram_20240809_20240902"', '"id": "anything"'))
    refused([folder], tmp_path, r"^NoDataAvailable: A result that is exported must hold interferograms", DataError)


def test_a_raster_that_lies_elsewhere_is_not_opened(tmp_path, results):
    moved = tmp_path / "inside" / "a"
    shutil.copytree(results[1], moved)
    (path,) = moved.glob("*/*.json")
    path.write_text(path.read_text().replace("./coherence.tif", str(results[0] / "latitude.tif")))
    refused([moved], tmp_path, r"^AccessRefused: ")


def test_layouts_that_there_are_not(tmp_path, results):
    match = r"^ProcessParameterInvalid: layouts must be of \('hdf5', 'roipac'\), instead got \[{}\]\."
    refused(results, tmp_path, match.format("'gamma'"), layouts=["gamma"])
    refused(results, tmp_path, match.format(""), layouts=[])


def test_a_damaged_raster_leaves_nothing_behind(tmp_path):
    damaged = result(tmp_path / "a", DAYS[:2])
    (path,) = damaged.glob("*/coherence.tif")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    refused([damaged], tmp_path, r"^DataCorrupt: .*coherence\.tif", DataError)


def test_an_input_is_never_overwritten(results):
    with pytest.raises(OpenEOError, match=r"^OutputFolderInvalid: The output folder must not hold the input catalogue"):
        export.mintpy(results, out=results[0], overwrite=True)


def test_the_same_results_are_written_once_others_by_overwrite_alone(tmp_path, results):
    out, told = tmp_path / "out", []
    export.mintpy(results, out=out, layouts=LAYOUT, progress=lambda *args: told.append(args))
    assert told == [("export", 1, 3), ("export", 2, 3), ("export", 3, 3)]
    before = (out / "record.json").stat().st_mtime_ns
    export.mintpy(results, out=out, layouts=LAYOUT, overwrite=False)
    assert (out / "record.json").stat().st_mtime_ns == before
    with pytest.raises(OpenEOError, match=r"^ResultExists: The output folder must be new or empty"):
        export.mintpy(results[1:], out=out, layouts=LAYOUT)
    export.mintpy(results[1:], out=out, layouts=LAYOUT, overwrite=True)
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert names == {"inputs/ifgramStack.h5", "inputs/geometryRadar.h5", "record.json", "smallbaselineApp.cfg"}


def test_what_is_not_known_is_named_in_the_example_of_the_configuration(tmp_path):
    def bare(folder):
        found = sources(folder)
        for (item,) in found.values():
            item["href"] = ""
            item["properties"] = {"datetime": item["properties"]["datetime"]}
        return found

    out = export.mintpy([result(tmp_path / "a", DAYS[:2], data=bare)], out=tmp_path / "out", layouts=LAYOUT)
    text = (out / "smallbaselineApp.cfg").read_text()
    for name in ("WAVELENGTH", "PLATFORM", "HEIGHT", "RLOOKS", "STARTING_RANGE"):
        assert f"# {name} = # not known here; some steps of MintPy need it\n" in text
    assert "HEADING" not in text
    assert "roipac" not in text


def test_the_command(tmp_path, results):
    out = tmp_path / "out"
    done = CliRunner().invoke(cli.cli, ["export", "mintpy", *map(str, results), "--out", str(out)])
    assert done.exit_code == 0
    assert f"folder: {out}\n" in done.stdout
    assert "--start modify_network" in done.stdout
    assert "mintpy.load.unwFile = ./roipac/*.unw\n" in (out / "smallbaselineApp.cfg").read_text()
    failed = CliRunner().invoke(cli.cli, ["export", "mintpy", str(tmp_path / "none"), "--out", str(out)])
    assert failed.exit_code == 5
