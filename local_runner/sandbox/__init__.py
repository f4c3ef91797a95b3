"""Runs UDF texts that nobody vouches for: in a child process without network, files, environment, and with limits.

`local_runner.sandbox.udf.udf_for` chooses between this and the runner's own process. A sandbox (`process.Sandbox`) is a
process that has imported what UDFs need and forks a child for each chunk (`child`); arrays go in and out through files in
memory that have no names, and nothing that comes back is believed before it has been checked (`replies`). Not here: a guard
within the language, which would be none.
"""
