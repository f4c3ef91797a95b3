"""The openEO process specifications by their text, without the limits of any back-end."""

from local_runner.profiles import Profile

PROFILE = Profile("specification")
