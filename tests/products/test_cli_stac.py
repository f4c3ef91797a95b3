"""`openeo-sar stac` and `openeo-sar describe CATALOGUE` on the command line."""

import json
import logging
import shlex

import pytest
from click.testing import CliRunner

from local_runner.cli import cli
from local_runner.products import catalogue
from local_runner.products._options import options_of


def call(*args):
    return CliRunner().invoke(cli, [str(arg) for arg in args])


@pytest.fixture
def made(stack, tmp_path):
    return catalogue(stack, out=tmp_path / "cat", primary="2023-03-31")


def test_prints_what_was_made(stack, tmp_path):
    result = call("stac", *stack, "--out", tmp_path / "cat")
    assert result.exit_code == 0, result.stderr
    bands = "6 bands: i_VV, q_VV, grid_lat, grid_lon, height, reference_phase"
    assert result.stdout.splitlines() == [
        f"t001_000001_iw1: 3 dates (2023-03-19 to 2023-04-12), 600 x 40, {bands}",
        f"catalogue: {tmp_path / 'cat' / 'collection.json'}",
        f"next: openeo-sar describe {tmp_path / 'cat'}",
        f"next: openeo-sar run slc_interferogram --input data={tmp_path / 'cat'} -p pairs=neighbours:1 --out interferogram",
    ]


def test_options_reach_the_driver(stack, toys, tmp_path, monkeypatch):
    seen, given = [], toys.stacks
    monkeypatch.setattr(toys, "stacks", lambda paths, options: seen.append(options) or given(paths, options))
    (tmp_path / "orbits" / "inside").mkdir(parents=True)
    orbits = [tmp_path / "orbits" / "inside" / "b.EOF", tmp_path / "a.EOF"]
    [path.write_text("") for path in orbits]
    words = "--primary 20230331 --dem dem.tif --dem-datum EGM2008 --burst b1 --burst b2 --swath iw1 --polarization vv --unpack"
    words += " --dem-gaps sea"
    more = ["--orbit", tmp_path / "orbits", "--orbit", tmp_path / "a.EOF", "--date", "20230101", "--for", stack[0]]
    result = call("stac", *stack, "--out", tmp_path / "cat", *words.split(), *more, "--date-pattern", r"(\d{8})\.tif")
    assert result.exit_code == 0, result.stderr
    (options,) = seen
    assert (options.primary, options.date, options.dem, options.dem_datum, options.dem_gaps) == (
        "2023-03-31", "2023-01-01", "dem.tif", "EGM2008", "sea",
    )  # fmt: skip
    assert (options.bursts, options.swaths, options.polarizations) == (("b1", "b2"), ("IW1",), ("VV",))
    assert (options.orbits, options.for_slc, options.unpack) == (tuple(orbits), stack[0], True)
    assert options.date_pattern == r"(\d{8})\.tif"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--primary", "31.3.2023"], 2, "--primary must be a date as YYYY-MM-DD or YYYYMMDD, instead got '31.3.2023'"),
        (["--primary", "20230231"], 2, "--primary must be a date as YYYY-MM-DD or YYYYMMDD, instead got '20230231'"),
        (["--date", "yesterday"], 2, "--date must be a date"),
        (["--dem-datum", "EGM84"], 2, "--dem-datum must be one of ('ellipsoid', 'EGM96', 'EGM2008')"),
        (["--dem-gaps", "land"], 2, "--dem-gaps must be one of ('error', 'sea'), instead got 'land'"),
        (["--dem-gaps", "sea"], 2, "--dem must name the DEM that --dem-datum and --dem-gaps tell about"),
        (["--orbit", "no.EOF"], 5, "The path of --orbit must exist"),
        (["--for", "no.SAFE"], 5, "The path of --for must exist"),
        (["--date-pattern", "(\\d{8}"], 2, "--date-pattern must be a regular expression"),
        (["--date-pattern", "\\d{8}"], 2, "--date-pattern must have one group"),
    ],
)
def test_bad_options(words, code, text, stack, tmp_path):
    result = call("stac", *stack, "--out", tmp_path / "cat", *words)
    assert result.exit_code == code
    assert text in result.stderr
    assert not (tmp_path / "cat").exists()


def test_folder_without_orbits(stack, tmp_path):
    (tmp_path / "empty").mkdir()
    result = call("stac", *stack, "--out", tmp_path / "cat", "--orbit", tmp_path / "empty")
    assert result.exit_code == 5
    assert "A folder of orbit files must hold files that end with .EOF" in result.stderr


def test_path_that_is_no_product(tmp_path):
    (tmp_path / "empty").mkdir()
    result = call("stac", tmp_path / "empty", "--out", tmp_path / "cat")
    assert result.exit_code == 5
    assert result.stderr.splitlines()[-1].startswith(
        "error: ProductUnknown: The folder must hold a product; it is empty"
    )
    assert not (tmp_path / "cat").exists()


def test_a_catalogue_is_no_product(made, tmp_path):
    result = call("stac", made.parent, "--materialise", "--out", tmp_path / "other")
    assert result.exit_code == 5
    assert f"`openeo-sar stac {made.parent} --materialise`, without --out" in result.stderr
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "words",
    [[], ["--band", "i_VV", "--out", "x"], ["--for-backend", "--out", "x"], ["--materialise", "--primary", "20230331"]],
)
def test_words_that_do_not_go_together(words, made):
    result = call("stac", made.parent, *words)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr


def test_existing_catalogue(made, stack):
    assert call("stac", *stack, "--out", made.parent).exit_code == 2
    assert call("stac", *stack[:2], "--out", made.parent, "--overwrite").exit_code == 0


def test_made_and_materialised_at_once(stack, tmp_path):
    out = tmp_path / "cat"
    result = call("stac", *stack, "--out", out, "--materialise", "--for-backend", "--band", "height")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == f"materialised: {out / 'materialised'}"
    item = json.loads(next((out / "materialised").glob("*/*.json")).read_text())
    assert item["properties"]["proj:code"] == "EPSG:3857"


def test_materialised_later(made):
    result = call("stac", made.parent, "--materialise", "--band", "height")
    assert result.exit_code == 0, result.stderr
    assert (made.parent / "materialised" / "height.tif").is_file()


def test_interrupted(stack, toys, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(toys, "stacks", interrupt)
    assert call("stac", *stack, "--out", tmp_path / "cat").exit_code == 130
    assert not (tmp_path / "cat").exists()


def test_description_of_a_stack(made):
    text = call("describe", made.parent).stdout
    for expected in (
        "Toys of t001_000001_iw1",
        "primary        2023-03-31",
        "radar geometry, 600 lines x 40 samples",
        "footprint      centre 52.0300, 4.0200",
        "2023-03-19  t001_000001_iw1_20230319  -12   +0.00",
        "2023-03-31  t001_000001_iw1_20230331  +0    primary",
        "2023-04-12  t001_000001_iw1_20230412  +12   -12.50",
        "height           m       height above the WGS84 ellipsoid",
    ):
        assert expected in text


def test_description_of_several(toys, tmp_path):
    paths = [toys.product(tmp_path / "data", "2023-03-19", f"t001_00000{n}_iw1") for n in (1, 2)]
    catalogue(paths, out=tmp_path / "cat")
    text = call("describe", tmp_path / "cat").stdout
    assert text.startswith("cat: 2 collections\n")
    assert text.count("reference_phase") == 1
    assert f"openeo-sar describe {tmp_path / 'cat' / 't001_000001_iw1'}" in text


def test_description_of_an_item(made):
    path = next(made.parent.glob("*0319/*.json"))
    assert call("describe", path).stdout.startswith("t001_000001_iw1_20230319\n")


def test_description_tells_missing_files(made, stack):
    (stack[0] / "product.json").unlink()
    text = call("describe", made.parent).stdout
    assert f"Missing: 1 file\n{stack[0] / 'product.json'}\nPut them back" in text
    assert "Next" not in text


def test_description_of_a_narrow_terminal_keeps_ids(made, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    text = "".join(line.strip() for line in call("describe", made.parent).stdout.splitlines())
    assert "…" not in text


def test_description_of_the_folder_of_an_item(made):
    assert call("describe", next(made.parent.glob("*0319"))).stdout.startswith("t001_000001_iw1_20230319\n")


def test_a_product_is_described_by_its_catalogue(stack):
    result = call("describe", stack[0])
    assert result.exit_code == 2
    assert f"openeo-sar stac {stack[0]} --out catalogue" in result.stderr


def test_next_commands_are_quoted(stack, tmp_path):
    lines = call("stac", *stack, "--out", tmp_path / "my cat").stdout.splitlines()
    assert f"next: openeo-sar describe '{tmp_path / 'my cat'}'" in lines


def test_unknown_band_is_refused_before_the_catalogue_is_made(stack, tmp_path):
    result = call("stac", *stack, "--out", tmp_path / "cat", "--materialise", "--band", "nonsense")
    assert result.exit_code == 2
    assert "Each of the bands must be one of ('grid_lat'," in result.stderr
    assert not (tmp_path / "cat").exists()


def test_options_without_effect_are_told(stack, tmp_path):
    result = call("stac", *stack, "--out", tmp_path / "cat", "--primary", "20230331", "--date", "20230101", "--unpack")
    told = [line for line in result.stderr.splitlines() if "no effect" in line]
    needs = "has no effect: none of these products needs it"
    assert told == [f"warning: --date {needs}", f"warning: --unpack {needs}"]


@pytest.mark.parametrize("name", ["a.EOF", "a.EOF.zip"])
def test_a_folder_of_orbits(name, tmp_path):
    (tmp_path / "orbits").mkdir()
    (tmp_path / "orbits" / name).write_text("")
    assert options_of(tmp_path, {"orbits": [tmp_path / "orbits"]}).orbits == (tmp_path / "orbits" / name,)


def test_case_of_the_datum_does_not_matter(tmp_path):
    assert options_of(tmp_path, {"dem": "d.tif", "dem_datum": "egm2008"}).dem_datum == "EGM2008"


def test_commands_of_the_description_run(made):
    """What is told to type next is a command of this program."""
    text = call("describe", made.parent).stdout
    lines = [line.strip() for line in text.splitlines() if line.startswith("openeo-sar ")]
    assert len(lines) == 2
    for line in lines:
        assert call(*shlex.split(line)[1:3], "--help").exit_code == 0


def test_more_items_than_a_cube_may_have(toys, tmp_path, monkeypatch):
    """The limit of `load_stac` is no limit of a catalogue, whose collections are opened one by one."""
    monkeypatch.setattr("local_runner.stac.walk.MAX_ITEMS", 2)
    paths = [toys.product(tmp_path / "data", "2023-03-19", f"t001_00000{n}_iw1") for n in range(3)]
    result = call("stac", *paths, "--out", tmp_path / "cat")
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == 3 + 3


def test_what_a_driver_says_is_a_warning(stack, toys, tmp_path, monkeypatch):
    given, log = toys.stacks, logging.getLogger("local_runner.products.toy")
    monkeypatch.setattr(toys, "stacks", lambda *args: log.warning("no pixels") or given(*args))
    assert "warning: no pixels\n" in call("stac", *stack, "--out", tmp_path / "cat").stderr
