import pytest

from local_runner.suggestions import did_you_mean


@pytest.mark.parametrize(
    ("name", "text"),
    [("mutiply", "Did you mean 'multiply'?"), ("pp", "Did you mean 'p'?"), ("ndvi", ""), (3, ""), ("m" * 65, "")],
)
def test_what_was_probably_meant(name, text):
    assert did_you_mean(name, ("divide", "multiply", "p")) == text
