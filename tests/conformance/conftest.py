"""The summary line of the official cases at the end of a run."""

import pytest

from tests.conformance.adapter import summary


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter):
    result = yield
    reports = [r for kind in ("passed", "failed", "skipped") for r in terminalreporter.getreports(kind)]
    outcomes = [value for report in reports for name, value in report.user_properties if name == "outcome"]
    if outcomes:
        terminalreporter.write_line(summary(outcomes))
    return result
