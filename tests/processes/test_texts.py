import pytest

from tests.processes import call


@pytest.mark.parametrize(
    ("data", "separator", "expected"),
    [
        (["Hello", "World"], " ", "Hello World"),
        ([1, 2, 0], "", "120"),
        ([None, True, False, 1, -1.5, "ß"], "\n", "null\ntrue\nfalse\n1\n-1.5\nß"),
        ([2, 0], 1, "210"),
        ([], "", ""),
    ],
)
def test_examples_of_the_specification(data, separator, expected):
    assert call("text_concat", data=data, separator=separator) == expected


def test_separator_is_empty_by_default():
    assert call("text_concat", data=["coherence_", 20230331]) == "coherence_20230331"
