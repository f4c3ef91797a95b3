import json
import shutil

import pytest
import rasterio
import rasterio.shutil

from local_runner.demo.catalogue import write_catalogue
from local_runner.demo.simulator import simulate
from local_runner.jobs.run import run

PAIRS = [["2024-08-09", "2024-08-21"], ["2024-08-21", "2024-09-02"]]
LAYOUTS = {
    "64 rows": {"tiled": "YES", "blockxsize": 128, "blockysize": 64},
    "256 rows": {"tiled": "YES", "blockxsize": 256, "blockysize": 256},
    "1000 rows": {"tiled": "NO", "blockysize": 1000},
    "single rows": {"tiled": "NO", "blockysize": 1},
    "the whole": {"tiled": "NO", "blockysize": 1100},
}


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return write_catalogue(simulate(1100, 1300), tmp_path_factory.mktemp("original") / "in")


def stored_as(original, folder, layout):
    """The same values in files of another layout; sizes and checksums of the metadata no longer hold."""
    shutil.copytree(original.parent, folder)
    for path in folder.rglob("*.tif"):
        with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
            rasterio.shutil.copy(str(original.parent / path.relative_to(folder)), str(path), driver="GTiff", **layout)
    for path in folder.rglob("*.json"):
        document = json.loads(path.read_text())
        for asset in document.get("assets", {}).values():
            asset.pop("file:size", None), asset.pop("file:checksum", None)
        path.write_text(json.dumps(document))
    return folder / original.name


def rasters_of(folder):
    files = json.loads((folder / "record.json").read_text())["files"]
    return {name: file["sha256"] for name, file in files.items() if name.endswith(".tif")}


@pytest.fixture(scope="module")
def expected(original, tmp_path_factory):
    out = tmp_path_factory.mktemp("expected") / "out"
    return rasters_of(
        run("slc_coherence", {"pairs": PAIRS}, inputs={"data": original}, out=out, quicklooks=False).folder
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_results_do_not_depend_on_how_the_input_is_cut(original, expected, tmp_path, layout):
    stored = stored_as(original, tmp_path / "in", LAYOUTS[layout])
    result = run("slc_coherence", {"pairs": PAIRS}, inputs={"data": stored}, out=tmp_path / "out", quicklooks=False)
    assert len(expected) == 4
    assert rasters_of(result.folder) == expected
