import pytest

from local_runner.demo.show import show
from local_runner.errors import OpenEOError


def test_the_demo_is_within_theory(tmp_path):
    shown = show(tmp_path / "demo", lines=120, samples=480)
    assert shown.within
    assert shown.table.row_count >= 3
    assert len(shown.pictures) == 4
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in shown.pictures)


def test_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(OpenEOError, match=r"^ResultExists: The folder of the demo must be new"):
        show(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
