"""The published cases, one test each; `conftest.py` prints the summary."""

import pytest

from tests.conformance.adapter import FAILED, NOT_RUNNABLE, PUBLISHED, read_cases, run

CASES = read_cases(PUBLISHED) if PUBLISHED.is_dir() else []


@pytest.mark.skipif(not CASES, reason=f"the official test cases are not at {PUBLISHED}")
@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_official_case(case, record_property):
    outcome, reason = run(case)
    record_property("outcome", (case.process_id, outcome))
    if outcome == NOT_RUNNABLE:
        pytest.skip(reason)
    assert outcome != FAILED, reason
