"""The table of the documentation against the profile."""

from pathlib import Path

import pytest

from local_runner.profiles.geopyspark import PROFILE

TABLE = Path(__file__).parents[2] / "docs" / "backend-limits.md"
NOTHING_TO_DO = {"G41", "G42", "G52", "G53"}


def numbers_in_table():
    rows = (line.split("|") for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| G"))
    return {cells[1].strip(): cells[3].strip() for cells in rows}


def test_table_has_all_limits_in_order():
    assert list(numbers_in_table()) == [f"G{i:02}" for i in range(1, 58)]


@pytest.mark.parametrize("action", ["refuse", "warn"])
def test_table_says_what_each_rule_does(action):
    table = numbers_in_table()
    assert [rule.number for rule in PROFILE.rules if rule.action == action and action not in table[rule.number]] == []


def test_every_limit_is_a_rule_or_built_in_or_nothing_to_do():
    table = numbers_in_table()
    kept = {rule.number for rule in PROFILE.rules} | PROFILE.built_in
    assert {number for number, action in table.items() if action == "none"} == NOTHING_TO_DO == set(table) - kept


def test_table_uses_known_words():
    words = {"refuse", "emulate", "warn", "none"}
    assert {word for cell in numbers_in_table().values() for word in cell.split(", ")} == words


def test_messages_begin_with_the_number():
    assert PROFILE.label("G08") == "[geopyspark G08] "
    assert PROFILE.label("G99") == PROFILE.label("") == ""
