import pytest

from local_runner import evaluate
from local_runner.demo.geometry import show_geometry
from local_runner.demo.show import show
from local_runner.errors import OpenEOError


def test_the_demo_is_within_theory(tmp_path):
    shown = show(tmp_path / "demo", lines=120, samples=480, burst=(60, 400))
    assert shown.within
    assert shown.tables[0].row_count >= 3
    assert len(shown.pictures) == 6
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in shown.pictures)


def test_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(OpenEOError, match=r"^ResultExists: The folder of the demo must be new"):
        show(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_demo_of_products_draws_each_burst_and_band(tmp_path):
    """The map has a colour per swath, and the heights those of the mountains."""
    first, second = show_geometry(tmp_path / "geometry", 60, 400, swaths=("IW2",))
    assert first.name == "footprints.png"
    assert second.name == "geometry.png"
    load = {
        "process_id": "load_stac",
        "arguments": {"url": str(tmp_path / "geometry" / "catalogue" / "t117_249435_iw2")},
    }
    cube = evaluate({"load": {**load, "result": True}})
    height = cube.sel(bands="height").isel(t=0).compute()
    assert 200 < float(height.min()) < float(height.max()) < 3200
