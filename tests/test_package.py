import local_runner


def test_public_names_are_listed_before_they_are_imported():
    assert set(local_runner.__all__) <= set(dir(local_runner))
