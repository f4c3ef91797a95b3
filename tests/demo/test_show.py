import pytest

from local_runner import evaluate
from local_runner.demo.show import show
from local_runner.errors import OpenEOError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What a run of the demo showed, and the heights of its catalogue of products, which only this user may read."""
    folder = tmp_path_factory.mktemp("show") / "demo"
    shown = show(folder, lines=120, samples=480, burst=(60, 400))
    url = str(folder / "geometry" / "catalogue" / "t117_249435_iw2")
    cube = evaluate({"load": {"process_id": "load_stac", "arguments": {"url": url}, "result": True}})
    return shown, cube.sel(bands="height").isel(t=0).compute()


def test_the_demo_is_within_theory(made):
    shown, _ = made
    assert shown.within
    assert shown.tables[0].row_count >= 3
    assert len(shown.pictures) == 6
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in shown.pictures)


def test_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(OpenEOError, match=r"^ResultExists: The folder of the demo must be new"):
        show(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_demo_of_products_draws_each_burst_and_band(made):
    """The map has a colour per swath, and the heights those of the mountains."""
    shown, height = made
    assert [path.name for path in shown.pictures[-2:]] == ["footprints.png", "geometry.png"]
    assert 200 < float(height.min()) < float(height.max()) < 3200
