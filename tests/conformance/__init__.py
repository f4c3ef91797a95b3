"""Runs the official openEO test cases (JSON5) against `local_runner.evaluate`."""
