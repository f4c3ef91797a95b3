import warnings

import pytest

from local_runner.errors import OpenEOError
from local_runner.profiles import Profile, ProfileWarning, Rule, Rules, Violation, load_profile, profile_names


def found(arguments):
    return Violation("x must be 0", arguments["x"], "Leave it out") if arguments.get("x") else None


def profile(action):
    return Profile("mine", rules=(Rule("G99", "add", action, found),))


def test_profiles_are_the_modules():
    assert profile_names() == ("geopyspark", "specification")


@pytest.mark.parametrize("name", profile_names())
def test_profile_has_the_name_of_its_module(name):
    assert load_profile(name).name == name


def test_unknown_profile():
    with pytest.raises(
        OpenEOError, match=r"^ProcessParameterInvalid: profile must be one of \('geopyspark', 'specific"
    ):
        load_profile("spark")


def test_specification_has_no_rules():
    assert load_profile("specification").rules == ()


def test_rule_that_refuses_raises():
    message = r"^FeatureUnsupported: \[mine G99\] x must be 0, instead got 1\. Leave it out\.$"
    with pytest.raises(OpenEOError, match=message):
        profile("refuse").enforce("add", {"x": 1})


def test_rule_that_warns_warns():
    with pytest.warns(ProfileWarning, match=r"^\[mine G99\] x must be 0, instead got 1\. Leave it out\.$"):
        profile("warn").enforce("add", {"x": 1})


@pytest.mark.parametrize(("process", "arguments"), [("add", {"x": 0}), ("add", {}), ("subtract", {"x": 1})])
@pytest.mark.parametrize("action", ["refuse", "warn"])
def test_rule_that_holds_or_is_for_another_process_is_silent(action, process, arguments):
    with warnings.catch_warnings(record=True) as caught:
        profile(action).enforce(process, arguments)
    assert caught == []


def test_warnings_are_left_out_where_asked():
    with warnings.catch_warnings(record=True) as caught:
        profile("warn").enforce("add", {"x": 1}, warn=False)
    assert caught == []
    with pytest.raises(OpenEOError, match=r"^FeatureUnsupported: "):
        profile("refuse").enforce("add", {"x": 1}, warn=False)


def test_rules_are_collected_in_order():
    rule = Rules()
    rule("G02", "add")(found)
    rule("G01", "add", action="warn")(found)
    assert [(r.number, r.action) for r in rule.all] == [("G02", "refuse"), ("G01", "warn")]
